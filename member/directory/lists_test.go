package directory_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func TestListAndBlocked(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, &directory.Options{Terms: paid})
	f.adopt(t, "kim")
	f.adopt(t, "helper", directory.HRAdmin)
	profile := directory.Profile{
		Name: "=HYPERLINK(\"http://evil.example\")", Mail: "lee@example.com", Rank: "Manager", Phones: []string{"+82 2 123", "+82 10 456"},
		Workplace: "Seoul, \"HQ\"", Organisation: "Sales\r\n@SUM(A1)", Title: "-1",
	}
	if err := f.Create(ctx, "helper", "acme", "lee", directory.Facts{Profile: profile}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []member.ID{"lee", "kim"} {
		if err := f.BlockApps(ctx, "boss", "acme", id, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Delete(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	page, err := f.List(ctx, "helper", "acme", directory.Query{Max: 2})
	if err != nil || len(page) != 2 || page[0].ID != "boss" || page[1].ID != "helper" {
		t.Errorf("List: %+v, %v", page, err)
	}
	if _, err := f.List(ctx, "lee", "acme", directory.Query{}); reason(err) != directory.ActorCannotAct {
		t.Errorf("a member lists members: %v", err)
	}
	if _, err := f.Blocked(ctx, "helper", "acme"); reason(err) != directory.MissingPermission {
		t.Errorf("without the permission security: %v", err)
	}
	if e := f.last(t); e.Kind != "blocked-read" || e.Refused != "missing-permission" || e.Member != "" {
		t.Errorf("recorded: %+v", e)
	}
	list, err := f.Blocked(ctx, "boss", "acme")
	if err != nil || len(list) != 1 || list[0].ID != "lee" {
		t.Errorf("Blocked: %+v, %v", list, err)
	}
	var b bytes.Buffer
	if err := f.BlockedCSV(ctx, &b, "boss", "acme", true); err != nil {
		t.Fatal(err)
	}
	safe(t, b.String(), true, 2)
	if !strings.Contains(b.String(), "lee@example.com") {
		t.Errorf("the list: %s", b.String())
	}
}

// safe sees that a file can be opened in a spreadsheet.
func safe(t *testing.T, file string, bom bool, rows int) {
	t.Helper()
	text, marked := strings.CutPrefix(file, "\ufeff")
	if marked != bom {
		t.Errorf("a byte order mark: %v; want %v", marked, bom)
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != rows {
		t.Errorf("%d rows, %v; want %d:\n%s", len(records), err, rows, file)
	}
	for _, r := range records {
		for _, cell := range r {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.ContainsAny(cell, "\r\n") {
				t.Errorf("the cell %q is a formula to a spreadsheet", cell)
			}
		}
	}
}

func TestDownloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		downloads := func(f fixture, w io.Writer, actor member.ID, bom bool) []error {
			return []error{
				f.VisitsCSV(ctx, w, actor, "acme", "kim", 0, bom),
				f.EventsCSV(ctx, w, actor, "acme", session.EventQuery{}, bom),
				f.BlockedCSV(ctx, w, actor, "acme", bom),
			}
		}
		for why, terms := range map[string]func(context.Context, session.TenantID) (directory.Terms, error){"no terms": nil, "a free plan": free} {
			f := newFixture(t, &directory.Options{Terms: terms})
			f.adopt(t, "kim")
			var b bytes.Buffer
			for i, err := range downloads(f, &b, "boss", false) {
				if reason(err) != directory.PlanWithoutDownloads || !errors.Is(err, session.ErrNoDownload) || b.Len() > 0 {
					t.Errorf("%s: download %d: %v, %q", why, i, err, b.String())
				}
				if e := f.last(t); e.Refused != "plan-without-downloads" {
					t.Errorf("%s: download %d: recorded is %+v", why, i, e)
				}
			}
		}

		var sessions session.MemStore
		f := newFixture(t, &directory.Options{Terms: paid, Sessions: &sessions})
		f.adopt(t, "kim")
		begin(t, f, &sessions, session.Session{System: "=cmd|' /C calc'!A0"})
		if err := f.Suspend(ctx, "boss", "acme", "kim", "=1+1"); err != nil {
			t.Fatal(err)
		}
		for i, rows := range []int{2, 4, 1} { // adopted twice, suspended
			for _, bom := range []bool{false, true} {
				var b bytes.Buffer
				var err error
				switch i {
				case 0:
					err = f.VisitsCSV(ctx, &b, "boss", "acme", "kim", 0, bom)
				case 1:
					err = f.EventsCSV(ctx, &b, "boss", "acme", session.EventQuery{}, bom)
				case 2:
					err = f.BlockedCSV(ctx, &b, "boss", "acme", bom)
				}
				if err != nil {
					t.Errorf("download %d: %v", i, err)
				}
				safe(t, b.String(), bom, rows)
			}
		}
		var b bytes.Buffer
		for i, err := range downloads(f, &b, "kim", false) {
			if reason(err) != directory.ActorCannotAct || b.Len() > 0 {
				t.Errorf("download %d by a suspended member: %v", i, err)
			}
		}
		lost := errors.New("no terms today")
		broken := newFixture(t, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
			return directory.Terms{Download: true}, lost
		}})
		broken.adopt(t, "kim")
		for i, err := range downloads(broken, &b, "boss", false) {
			if !errors.Is(err, lost) || b.Len() > 0 {
				t.Errorf("download %d, with terms that fail: %v", i, err)
			}
		}
	})
}

func TestEventsAreSearchedAndKept(t *testing.T) {
	for _, row := range []struct {
		why   string
		terms func(context.Context, session.TenantID) (directory.Terms, error)
		keep  time.Duration
	}{
		{"180 days", nil, 180 * 24 * time.Hour},
		{"14 days on a free plan", free, 14 * 24 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			f := newFixture(t, &directory.Options{Terms: row.terms})
			for id, r := range map[member.ID]string{"audit": directory.Deputy, "hr": directory.HRAdmin} {
				f.adopt(t, id, r)
			}
			f.adopt(t, "kim")
			f.adopt(t, "lee")
			time.Sleep(2 * time.Hour)
			if err := f.Suspend(ctx, "boss", "acme", "kim", "one"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			between := time.Now()
			f.Suspend(ctx, "hr", "acme", "boss", "refused")
			if err := f.Suspend(ctx, "hr", "acme", "lee", "two"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(row.keep - 90*time.Minute) // what was adopted is too old, and the rest is not
			for _, q := range []struct {
				why  string
				q    session.EventQuery
				want []string
			}{
				{"all that is kept, refused ones too", session.EventQuery{}, []string{"one", "refused", "two"}},
				{"by actor", session.EventQuery{Actor: "hr"}, []string{"refused", "two"}},
				{"by member", session.EventQuery{Member: "kim"}, []string{"one"}},
				{"by kind", session.EventQuery{Kind: "member-suspended", Max: 1}, []string{"refused", "two"}[1:]},
				{"by time, before", session.EventQuery{To: between}, []string{"one"}},
				{"by time, after", session.EventQuery{From: between}, []string{"refused", "two"}},
			} {
				events, err := f.Events(ctx, "audit", "acme", q.q)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range events {
					got = append(got, e.Why)
				}
				slices.Sort(got)
				if q.q.Max == 0 && !slices.Equal(got, q.want) || len(got) != len(q.want) {
					t.Errorf("%s: %s: %q; want %q", row.why, q.why, got, q.want)
				}
			}
			if _, err := f.Events(ctx, "hr", "acme", session.EventQuery{}); reason(err) != directory.MissingPermission {
				t.Errorf("without the permission audit: %v", err)
			}
			if err := f.Tidy(ctx, "acme"); err != nil {
				t.Fatal(err)
			}
			left, err := f.mem.Events(ctx, "acme", session.EventQuery{})
			if err != nil || len(left) != 4 {
				t.Errorf("%s: after tidying %d events are left, %v; want 4", row.why, len(left), err)
			}
		})
	}
}

// TestWhatIsKeptEndsAtAnInstant: an event is shown for 180 days or 14, that instant included,
// and then neither shown nor kept; a visit for 90.
func TestWhatIsKeptEndsAtAnInstant(t *testing.T) {
	for _, row := range []struct {
		terms func(context.Context, session.TenantID) (directory.Terms, error)
		keep  time.Duration
	}{{nil, 180 * 24 * time.Hour}, {free, 14 * 24 * time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			time.Sleep(time.Hour)
			f := newFixture(t, &directory.Options{Terms: row.terms}) // the event is that boss was adopted
			begun := time.Now()
			shown := func(q session.EventQuery) int {
				t.Helper()
				events, err := f.Events(ctx, "boss", "acme", q)
				if err != nil {
					t.Fatal(err)
				}
				return len(events)
			}
			// From is then or later, To is before it.
			for _, q := range []struct {
				from, to time.Duration
				want     int
			}{{0, 1, 1}, {0, 0, 0}, {-time.Microsecond, 0, 0}, {time.Microsecond, time.Hour, 0}, {-time.Hour, time.Microsecond, 1}} {
				if n := shown(session.EventQuery{From: begun.Add(q.from), To: begun.Add(q.to)}); n != q.want {
					t.Errorf("from %v to %v of the event: %d are shown; want %d", q.from, q.to, n, q.want)
				}
			}
			for _, q := range []session.EventQuery{{Actor: "boss"}, {Member: "bos"}, {Member: "boss "}, {Kind: "member"}, {Kind: "Member-adopted"}, {Kind: "member-adopted", Member: "BOSS"}} {
				if n := shown(q); n != 0 {
					t.Errorf("%+v finds %d events", q, n)
				}
			}
			kept := func() int {
				t.Helper()
				if err := f.Tidy(ctx, "acme"); err != nil {
					t.Fatal(err)
				}
				left, err := f.mem.Events(ctx, "acme", session.EventQuery{})
				if err != nil {
					t.Fatal(err)
				}
				return len(left)
			}
			time.Sleep(row.keep)
			if n, left := shown(session.EventQuery{}), kept(); n != 1 || left != 1 {
				t.Errorf("after %v: %d shown, %d kept; want 1 and 1", row.keep, n, left)
			}
			time.Sleep(time.Microsecond)
			if n := shown(session.EventQuery{}); n != 0 {
				t.Errorf("a microsecond later: %d shown", n)
			}
			if n := shown(session.EventQuery{From: begun.Add(-time.Hour)}); n != 0 {
				t.Errorf("a microsecond later, from before it: %d shown", n)
			}
			if left := kept(); left != 0 {
				t.Errorf("a microsecond later: %d kept", left)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var sessions session.MemStore
		f := newFixture(t, &directory.Options{Sessions: &sessions})
		f.adopt(t, "kim")
		begin(t, f, &sessions, session.Session{})
		for _, row := range []struct {
			after time.Duration
			want  int
		}{{90 * 24 * time.Hour, 1}, {time.Microsecond, 0}} {
			time.Sleep(row.after)
			o, err := f.Overview(t.Context(), "boss", "acme", "kim", 0)
			if err != nil || len(o.Visits) != row.want || o.Last.At.IsZero() != (row.want == 0) {
				t.Errorf("%v later: %d visits, the last %+v, %v; want %d", row.after, len(o.Visits), o.Last, err, row.want)
			}
		}
	})
}
