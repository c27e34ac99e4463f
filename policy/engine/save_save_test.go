package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestSaveRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		before := w.record()
		for _, row := range []struct {
			why   string
			save  engine.Save
			codes []string
		}{
			{"every problem at once", engine.Save{Plan: "standard", Settings: policy.Settings{Access: 7, Outside: 3, Designated: []policy.Entry{{}}}},
				[]string{"unknown-access", "unknown-outside", "no-range"}},
			{"a plan that there is not", engine.Save{Plan: "gold", Settings: saveAll()}, []string{"unknown-plan"}},
			{"no plan", engine.Save{Settings: saveAll()}, []string{"unknown-plan"}},
			{"a private address", engine.Save{Plan: "standard", Settings: saveList("10.0.0.0/8")}, []string{"special-purpose"}},
			{"the plan lacks blocking", engine.Save{Plan: "free", Settings: saveBlock(saveList("8.8.8.0/24"))}, []string{"not-in-plan"}},
		} {
			row.save.Act = w.act()
			_, err := w.eng.Save(w.ctx, row.save)
			var invalid *policy.InvalidError
			var codes []string
			if errors.As(err, &invalid) {
				for _, p := range invalid.Problems {
					codes = append(codes, p.Code)
				}
			}
			if !slices.Equal(codes, row.codes) {
				t.Errorf("%s: %v; want %v", row.why, err, row.codes)
			}
		}
		for _, d := range []time.Duration{1, 9 * time.Second, 24*time.Hour + 1, -time.Minute} {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Plan: "standard", Settings: saveAll(), Provisional: d})
			const want = "policy: provisional: a save cannot be provisional for so long; 0, to save for good, or from 10s to 24h"
			var invalid *policy.InvalidError
			if !errors.As(err, &invalid) || invalid.Problems[0].Code != "bad-provisional" || invalid.Problems[0].Input != d.String() || err.Error() != want {
				t.Errorf("provisional for %v: %v; want %v", d, err, want)
			}
		}
		for _, id := range []string{"return-1.1", "\xff"} {
			a := w.act()
			a.ID = id
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: "standard", Settings: saveAll()})
			var invalid *policy.InvalidError
			if !errors.As(err, &invalid) || invalid.Problems[0].Code != "bad-act-id" || invalid.Problems[0].Path != "id" {
				t.Errorf("the id %q: %v", id, err)
			}
		}
		for why, a := range map[string]engine.Act{
			"no tenant":                     {},
			"a tenant that is not enrolled": {Tenant: "nobody", From: before.Version},
		} {
			if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: "standard"}); !errors.Is(err, engine.ErrNotEnrolled) {
				t.Errorf("%s: %v", why, err)
			}
		}
		_, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant}, Plan: "standard"})
		saveConflict(t, err, before.Version)
		if after := w.record(); after.Version != before.Version || !after.Settings.Equal(before.Settings) {
			t.Errorf("something was saved: %v", after)
		}
		if n := len(w.orders(session.SignOut)); n != 0 {
			t.Errorf("%d orders", n)
		}
	})
}

func TestSaveTellsWhatItDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		a := saveBy(w.act(), "kim", saveOffice)
		a.ID, a.Why = "one", "the audit asks for it"
		given := saveList("8.8.8.0/24")
		w.store.set(func(call string, _ int, after bool) error { // what is judged is what is written
			given.Designated[0] = policy.Entry{Range: ipset.MustParseRange("1.1.1.1")}
			return nil
		})
		saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: given})
		if err != nil {
			t.Fatal(err)
		}
		w.store.set(nil)
		if saved.Version.Number != 2 || saved.Change.SignOut != session.AllClients || saved.Repeated || !saved.Until.IsZero() || saved.OnlyBypass != nil {
			t.Errorf("%+v", saved)
		}
		r := w.record()
		if r.By != "kim" || r.Save != "one" || !r.At.Equal(time.Now()) || !r.Settings.Equal(saveList("8.8.8.0/24")) || r.Version != saved.Version {
			t.Errorf("%+v", r)
		}
		events := w.events("settings-saved")
		if len(events) != 1 {
			t.Fatal(events)
		}
		e := events[0]
		if e.ID != "one" || e.Actor != "kim" || e.Why != a.Why || e.Policy != saved.Version || len(e.Summary) != 3 || e.Summary[0] != "sessions ended: every client" || !strings.Contains(e.Summary[1], "designated") {
			t.Errorf("%+v", e)
		}
	})
}

// An event says a bounded number of things, and that there were more.
// The event of a save says whom it signs out, too, whatever clients the host has.
func TestSaveEventsTellWhoIsSignedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := saveList("8.8.8.0/24", "9.9.9.0/24")
		list.Exceptions = []policy.Exception{{Member: "lee"}}
		w := newSaveWorld(t, policy.NaverWorks(), policy.Settings{})
		said := func(s policy.Settings) string {
			w.save(s)
			past, err := w.eng.History(w.ctx, saveTenant, session.Version{}, 1)
			if err != nil || len(past) != 1 {
				t.Fatal(past, err)
			}
			return past[0].Event.Summary[0]
		}
		for _, row := range []struct {
			settings policy.Settings
			want     string
		}{
			{list, "sessions ended: all but mobile"},
			{saveList("8.8.8.0/24", "9.9.9.0/24"), "sessions ended of members, by their exceptions: 1"},
			{saveList("8.8.8.0/24"), "sessions ended: all but mobile and api"},
			{saveList("8.8.8.0/24", "1.1.1.1"), "added designated: 1.1.1.1"},
		} {
			if got := said(row.settings); got != row.want {
				t.Errorf("it begins with %q; want %q", got, row.want)
			}
		}
	})
}

func TestSaveSummaryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		s := saveList()
		for i := range 5000 {
			s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.0/24", i/256, i%256))})
		}
		w.save(s)
		events := w.events("settings-saved")
		if n := len(events[0].Summary); n != 201 || events[0].Summary[200] != "and 4802 more" {
			t.Errorf("%d lines, the last %q", n, events[0].Summary[n-1])
		}
		x := policy.Exception{Member: "kim"}
		for _, e := range s.Designated {
			x.Ranges = append(x.Ranges, e.Range)
		}
		w.save(saveExcept(s, x))
		events = w.events("settings-saved")
		if lines := events[0].Summary; len(lines) != 1 || len(lines[0]) > 510 || !strings.HasPrefix(lines[0], `added exception: "kim" at [8.0.0.0/24`) {
			t.Errorf("%.600q", lines)
		}
	})
}
