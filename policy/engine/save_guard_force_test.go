package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Addresses are designated and none is in force: refused on every profile, whoever saves.
func TestGuarantee25NothingInForce(t *testing.T) {
	hour := saveEpoch.Add(time.Hour)
	ended := saveUntil(saveUntil(saveList(), "8.8.8.8", saveEpoch), "8.8.8.9", saveEpoch.Add(-1))
	for _, p := range []*policy.Profile{policy.NaverWorks(), policy.LineWorks(), policy.Kintone(), policy.Standard()} {
		for _, row := range []struct {
			why      string
			settings policy.Settings
			from     time.Time
		}{
			{"none at all", saveList(), time.Time{}},
			{"ended", ended, time.Time{}},
			{"one that ends", saveUntil(saveList(), "9.9.9.9", hour), hour},
			{"two that end", saveUntil(saveUntil(saveList(), "9.9.9.9", hour), "9.9.9.8", hour.Add(-time.Minute)), hour},
		} {
			for _, by := range []engine.Place{{}, guardPlace("boss", session.Web, saveHome)} {
				t.Run(fmt.Sprintf("%s/%s/%s", p.Name, row.why, by.Member), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newSaveWorld(t, p, saveAll())
						a := w.act()
						a.By = by
						_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: row.settings})
						l := guardRefusal(t, err)
						if !l.Nothing || !l.NothingFrom.Equal(row.from) || !strings.Contains(err.Error(), "no designated address would be in force") {
							t.Errorf("%+v", l)
						}
						if !row.from.IsZero() && !strings.Contains(err.Error(), "in force from 2000-01-01T01:00:00Z on") {
							t.Errorf("%v", err)
						}
						if by.Member != "" {
							s := row.settings.Clone()
							s.Designated = append(s.Designated, l.Mend)
							if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: s}); err != nil {
								t.Errorf("mended by %v: %v", l.Mend, err)
							}
							return
						}
						a.Force = l.Force
						if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: row.settings}); err != nil {
							t.Errorf("forced: %v", err)
						}
					})
				})
			}
		}
	}
}

// What an older release has stored without a range lets nobody in, so a plan that puts only
// that in force shuts out everybody.
func TestGuarantee25NothingInForceOfWhatWasStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "free"); err != nil {
			t.Fatal(err)
		}
		r := w.record()
		old := r.Version
		r.Version.Number++
		r.Settings, r.Save = policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Label: "lost"}}}, "stored"
		if _, err := w.mem.Save(w.ctx, old, r, session.Event{ID: "stored", Tenant: saveTenant}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "standard")
		if l := guardRefusal(t, err); !l.Nothing || w.at() != r.Version {
			t.Errorf("%+v", l)
		}
	})
}

// A force opens the refusal that it came with, and no other.
func TestGuarantee25Force(t *testing.T) {
	settings := saveList("8.8.8.0/24")
	by := guardPlace("kim", session.Web, saveHome)
	for _, row := range []struct {
		why   string
		opens bool
		alter func(w *saveWorld, s *engine.Save)
	}{
		{"the same", true, func(*saveWorld, *engine.Save) {}},
		{"some time later", true, func(*saveWorld, *engine.Save) { time.Sleep(time.Hour) }},
		{"on another machine", true, func(w *saveWorld, _ *engine.Save) { w.eng = w.another(nil) }},
		{"another version", false, func(w *saveWorld, s *engine.Save) { w.save(saveAll()); s.From = w.at() }},
		{"other settings", false, func(_ *saveWorld, s *engine.Save) { s.Settings = saveList("8.8.8.0/25") }},
		{"other settings, in a note", false, func(_ *saveWorld, s *engine.Save) { s.Settings.Designated[0].Label = "x" }},
		{"another place", false, func(_ *saveWorld, s *engine.Save) { s.By.Addr = saveLost }},
		{"another client", false, func(_ *saveWorld, s *engine.Save) { s.By.Client = session.Desktop }},
		{"another administrator", false, func(_ *saveWorld, s *engine.Save) { s.By.Member = "lee" }},
		{"others join in", false, func(w *saveWorld, _ *engine.Save) {
			w.admins.places = []engine.Place{guardPlace("lee", session.Web, saveLost)}
		}},
		{"others who can come in", true, func(w *saveWorld, _ *engine.Save) {
			w.admins.places = []engine.Place{guardPlace("lee", session.Web, saveOffice)}
		}},
		{"nothing in force joins in", false, func(_ *saveWorld, s *engine.Save) { s.Settings.Designated[0].Until = saveEpoch }},
		{"a return that shuts out joins in", false, func(w *saveWorld, s *engine.Save) { s.Provisional = time.Minute }},
		{"another tenant", false, func(w *saveWorld, s *engine.Save) {
			if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: "other", Settings: guardOther}); err != nil {
				w.Fatal(err)
			}
			r, _ := w.mem.Load(w.ctx, "other")
			s.Tenant, s.From = "other", r.Version
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, guardBound(), guardOther)
				s := engine.Save{Act: w.act(), Settings: settings.Clone()}
				s.By = by
				_, err := w.eng.Save(w.ctx, s)
				s.Force = guardRefusal(t, err).Force
				row.alter(w, &s)
				if _, err = w.eng.Save(w.ctx, s); (err == nil) != row.opens {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// guardOther lets in from the branch, so that going back to it shuts out who is at home.
var guardOther = saveList("8.8.4.0/24")

// A refusal for now and one for what it goes back to are one, and one force opens it.
func TestGuardRefusesBothWaysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, guardBound(), guardOther)
		s := engine.Save{Act: saveBy(w.act(), "kim", saveHome), Settings: saveList("8.8.8.0/24"), Provisional: time.Hour}
		_, err := w.eng.Save(w.ctx, s)
		l := guardRefusal(t, err)
		if len(l.Findings) != 1 || l.Return == nil || len(l.Return.Findings) != 1 || l.Mend.Range.String() != "9.9.9.9" {
			t.Errorf("%+v", l)
		}
		want := `engine: nothing was saved, because this change would shut administrators out
	"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]
and if it were taken back, that would
	"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]
add 9.9.9.9 to the designated addresses, and save it for good and not provisionally; or, if it is meant so, repeat it with this error's Force`
		if err.Error() != want {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		s.Force = l.Force
		if saved, err := w.eng.Save(w.ctx, s); err != nil || !saved.Until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("forced: %+v, %v", saved, err)
		}
	})
}
