package policytest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func loadLast(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	holds(t, s, "after the first save", r, 0)
	for n := range 10 {
		r = advance(t, s, r)
		when := fmt.Sprintf("after %d more", n+1)
		holds(t, s, when, r, n+1)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				got, err := s.Load(t.Context(), acme)
				if err != nil || got.Version != r.Version {
					t.Errorf("%s: another goroutine loads %v, error %v; want %v", when, got.Version, err, r.Version)
				}
			})
		}
		all.Wait()
	}
	time.Sleep(5 * time.Millisecond)
	holds(t, s, "some time after the last", r, 10)
}

func loadWhileSaving(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	var acknowledged atomic.Uint64
	acknowledged.Store(1)
	stop := make(chan struct{})
	var reading sync.WaitGroup
	defer reading.Wait()
	defer close(stop)
	for range 4 {
		reading.Go(func() {
			for seen := uint64(0); ; {
				least := max(seen, acknowledged.Load())
				v, err := s.Version(t.Context(), acme)
				if err != nil || v.Number < least {
					t.Errorf("Version = %v, error %v, when number %d was acknowledged or seen", v, err, least)
					return
				}
				r, err := s.Load(t.Context(), acme)
				if err != nil || r.Version.Number < v.Number {
					t.Errorf("Load returns the record at %v, error %v, when Version had told %v", r.Version, err, v)
					return
				}
				seen = r.Version.Number
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
				}
			}
		})
	}
	for range many(100) {
		r = advance(t, s, r)
		acknowledged.Store(r.Version.Number)
		time.Sleep(100 * time.Microsecond) // so that somebody reads in between
	}
}

func loadMissing(t testing.TB, s policy.Store) {
	missing(t, s, "in an empty store", acme)
	enrol(t, s, acme)
	enrol(t, s, "zen")
	for _, nobody := range []session.TenantID{"", "acm", "acme2", "ACME", "acme ", "%", "*", "a%", "acme' OR '1'='1"} {
		missing(t, s, "beside other tenants", nobody)
	}
	for _, nobody := range []session.TenantID{"acme\x00", "acme\xff", "\xff"} { // which some databases cannot ask for
		if r, err := s.Load(t.Context(), nobody); err == nil {
			t.Errorf("Load(%q) returned the record of %q", nobody, r.Tenant)
		}
		if v, err := s.Version(t.Context(), nobody); err == nil {
			t.Errorf("Version(%q) = %v", nobody, v)
		}
	}

	r := record("nobody", at(2))
	_, err := s.Save(t.Context(), at(1), r, event(r), []session.Order{order(r)})
	conflicts(t, "saving a tenant that is missing, as if it were there", err, "nobody", at(1), session.Version{})
	missing(t, s, "after a save that expected it to be there", "nobody")
	if list := waiting(t, s, "nobody"); len(list) != 0 {
		t.Errorf("%d orders wait of a tenant that is missing", len(list))
	}
}

func loadRemoved(t testing.TB, s policy.Store) {
	r := advance(t, s, enrol(t, s, acme))
	removed := next(r)
	removed.Settings, removed.Deleted = policy.Settings{}, true
	save(t, s, r.Version, removed)
	holds(t, s, "removed", removed, 1)

	first := record(acme, at(1))
	_, err := s.Save(t.Context(), session.Version{}, first, event(first), []session.Order{order(first)})
	conflicts(t, "enrolling one that was removed, as if it had never been", err, acme, session.Version{}, removed.Version)
	again := next(removed)
	again.Deleted = false
	if _, err := s.Save(t.Context(), removed.Version, again, event(again), nil); err == nil || errors.Is(err, session.ErrConflict) {
		t.Errorf("making one again on its old line: error %v; want that it does not follow", err)
	}
	holds(t, s, "still removed", removed, 1)

	again.Version = session.Version{Line: line + 1, Number: 1}
	save(t, s, removed.Version, again)
	holds(t, s, "made again on a new line", again, 1)
}

// tenants are such that a careless comparison takes one for another.
var tenants = []session.TenantID{
	"a", "A", "a ", " a", "a\t", "а", "á", "a\u0301", "ａ", "ª", "aa", "%", "a%", "_", "a_", "1", "01", "1.0", "1e0",
	"ß", "ss", "i", "I", "ı", "İ", "ﬁ", "fi", "null", "NULL", `"`, "'", "'; --", `a\`, "🙂", "a/b", "a:b", "{a}", "\u202e",
	session.TenantID(strings.Repeat("x", 255)), session.TenantID(strings.Repeat("x", 256)), session.TenantID(strings.Repeat("x", 255) + "y"),
}

func loadTenant(t testing.TB, s policy.Store) {
	id := func(i int) string { return fmt.Sprintf("save %d", i) }
	for i, of := range tenants {
		missing(t, s, fmt.Sprintf("where %d others are enrolled", i), of)
		r := record(of, at(uint64(1+i)))
		r.Save, r.By = id(i), member.ID(of)
		save(t, s, session.Version{}, r, order(r))
	}
	for i, of := range tenants {
		r := load(t, s, of)
		if r.Tenant != of || r.Version != at(uint64(1+i)) || r.Save != id(i) || r.By != member.ID(of) {
			t.Errorf("Load(%.40q) returned the record of %.40q at %v", of, r.Tenant, r.Version)
		}
		if list := waiting(t, s, of); len(list) != 1 || list[0].Tenant != of {
			t.Errorf("Waiting(%.40q) returned %d orders; want its own", of, len(list))
		}
	}
}

func settings(odd string) policy.Settings {
	east := time.FixedZone("", 5*3600+45*60)
	return policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
			{Range: ipset.MustParseRange("1.2.3.4"), Label: odd, Until: time.Date(2027, 2, 28, 23, 59, 59, 999999999, east)},
			{Range: ipset.MustParseRange("9.9.9.9-9.9.9.20"), Until: time.Date(2027, 1, 31, 15, 0, 0, 1, time.UTC)},
			{Range: ipset.MustParseRange("2606:4700::/32")},
		},
		Outside: policy.Verify,
		Exceptions: []policy.Exception{
			{Member: "kim", Note: odd},
			{Member: member.ID(strings.Repeat("m", 256)), Ranges: []ipset.Range{ipset.MustParseRange("1.208.0.0/12")}, Until: time.Date(2027, 1, 8, 9, 0, 0, 0, east)},
			{Member: member.ID(odd), Ranges: []ipset.Range{}},
		},
		Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("JP"), geo.MustParseCountry("KR"))},
	}
}

// full returns a record in which every field says something.
func full(t session.TenantID, odd string) policy.Record {
	web, far := session.ClientsOf(session.Web), time.FixedZone("", -9*3600-30*60-17)
	r := record(t, at(7))
	r.Plan, r.Settings = policy.Plan("plan "+odd), settings(odd)
	r.Cuts = session.Cuts{}.Cut(session.AllClients, 2).Cut(session.Mail, 5).Cut(web, 7)
	r.MemberCuts = map[member.ID]session.Cuts{
		"kim": session.Cuts{}.Cut(web, 6), "KIM": session.Cuts{}.Cut(web, 5), "kim ": session.Cuts{}.Cut(session.Apps, 4),
		member.ID(odd): session.Cuts{}.Cut(session.AllClients, 7), member.ID(strings.Repeat("m", 256)): session.Cuts{}.Cut(session.Apps, 1),
	}
	back := r.Clone()
	back.MemberCuts["lee"] = session.Cuts{}.Cut(session.Interactive, 8)
	r.Return = &policy.Return{
		At: time.Date(2026, 7, 8, 9, 10, 11, 123456789, far), Settings: policy.Settings{Designated: back.Settings.Designated[:1]},
		Cuts: r.Cuts.Cut(session.Apps, 8), MemberCuts: back.MemberCuts,
	}
	r.Draft = &policy.Draft{Number: 1<<53 + 1, Settings: settings("draft " + odd), By: member.ID(odd), At: time.Date(2026, 7, 1, 2, 3, 4, 5, far)}
	r.Drafts = 1<<53 + 3
	r.Save, r.By, r.At = strings.Repeat("s", 255)+"\"", member.ID(odd), time.Date(2026, 7, 7, 7, 7, 7, 7, far)
	return r
}

func loadExactly(t testing.TB, s policy.Store) {
	for i, odd := range []string{
		"", " ", "plain", `"quoted" 'twice' \ \\ \n \u0041 %s $1 ? {} <b>&amp;`, "tab\tand\nline\r\n", "名前 한국어 🙂 e\u0301 \u2028",
		"\u202eright to left", "null", strings.Repeat("ö", 128), "\ufeffmarked", "\U0010ffff",
	} {
		of := session.TenantID(fmt.Sprintf("exactly-%d", i))
		r := full(of, odd)
		save(t, s, session.Version{}, r)
		holds(t, s, fmt.Sprintf("full, %q", odd), r, 0)

		bare := policy.Record{Tenant: of, Version: session.Version{Line: 1<<32 - 1, Number: 1}}
		save(t, s, r.Version, bare)
		holds(t, s, "with nothing but a version", bare, 0)
	}
}

// loadLarge saves as much as a tenant may have.
func loadLarge(t testing.TB, s policy.Store) {
	r := record(acme, at(2))
	r.Settings.Access = policy.DesignatedAddresses
	for i := range policy.DefaultMaxEntries {
		r.Settings.Designated = append(r.Settings.Designated, policy.Entry{
			Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.0/25", i>>8, i&255)), Label: fmt.Sprintf("office %d in a street with a name", i),
		})
	}
	r.MemberCuts = make(map[member.ID]session.Cuts)
	for i := range policy.MaxMemberCuts {
		r.MemberCuts[member.ID(fmt.Sprintf("%0256d", i))] = session.Cuts{}.Cut(session.Apps, uint64(1+i%2))
	}
	save(t, s, session.Version{}, r)
	holds(t, s, "large", r, 0)
	holds(t, s, "large, saved again", advance(t, s, r), 1)
}

// loadNumbers saves numbers that do not fit where somebody might keep them.
func loadNumbers(t testing.TB, s policy.Store) {
	var was session.Version
	last := record(acme, at(1))
	for _, v := range []session.Version{
		{Line: 1, Number: 1}, {Line: 1, Number: 1<<31 - 1}, {Line: 1, Number: 1 << 31}, {Line: 1, Number: 1<<32 + 1},
		{Line: 1 << 31, Number: 1 << 53}, {Line: 1 << 31, Number: 1<<53 + 1}, {Line: 1 << 31, Number: 1<<53 + 2},
		{Line: 1<<32 - 1, Number: 1<<62 + 1}, {Line: 1<<32 - 1, Number: session.MaxNumber - 2}, {Line: 1<<32 - 1, Number: session.MaxNumber - 1},
	} {
		last = record(acme, v)
		last.Cuts = session.Cuts{}.Cut(session.AllClients, v.Number-1).Cut(session.Mail, v.Number)
		last.MemberCuts = map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(session.Apps, v.Number)}
		save(t, s, was, last)
		holds(t, s, fmt.Sprintf("at number %d", v.Number), last, 0)
		was = v
	}
	near := was
	near.Number--
	r := record(acme, session.Version{Line: 1, Number: 2})
	_, err := s.Save(t.Context(), near, r, event(r), nil)
	conflicts(t, "expecting a number one below", err, acme, near, was)
	near = was
	near.Line--
	_, err = s.Save(t.Context(), near, r, event(r), nil)
	conflicts(t, "expecting a line one below", err, acme, near, was)
	holds(t, s, "after conflicts", last, 0)
}

// loadCopies alters whatever can be altered of what it gave and got.
func loadCopies(t testing.TB, s policy.Store) {
	spoil := func(r policy.Record) {
		for _, of := range []policy.Settings{r.Settings, r.Return.Settings, r.Draft.Settings} {
			for i := range of.Designated {
				of.Designated[i] = policy.Entry{Label: "spoilt"}
			}
			for i := range of.Exceptions {
				clear(of.Exceptions[i].Ranges)
				of.Exceptions[i].Member = "spoilt"
			}
		}
		clear(r.MemberCuts)
		clear(r.Return.MemberCuts)
		r.Return.At, r.Return.Cuts = time.Time{}, session.Cuts{}
		r.Draft.Number = 0
	}
	want := full(acme, "odd")
	given, told := want.Clone(), event(want)
	wantEvent := told.Summary[0]
	orders := []session.Order{order(want)}
	wantOrder := orders[0]
	if _, err := s.Save(t.Context(), session.Version{}, given, told, orders); err != nil {
		t.Fatalf("saving: %v", err)
	}
	spoil(given)
	told.Summary[0] = "spoilt"
	orders[0] = session.Order{}
	holds(t, s, "after what was given to Save was altered", want, 1)
	for range 2 {
		spoil(load(t, s, acme))
		holds(t, s, "after what Load returned was altered", want, 1)
		list := waiting(t, s, acme)
		if list[0].ID != wantOrder.ID {
			t.Errorf("the order %q waits; want %q", list[0].ID, wantOrder.ID)
		}
		list[0] = session.Order{}
	}
	if h, ok := s.(policy.Historian); ok {
		for range 2 {
			list, err := h.History(t.Context(), acme, session.Version{}, 1)
			if err != nil || len(list) != 1 {
				t.Fatalf("History returned %d saves, error %v; want one", len(list), err)
			}
			if d := difference(list[0].Record, want); d != "" || list[0].Event.Summary[0] != wantEvent {
				t.Errorf("History tells what was altered: %s, %q", d, list[0].Event.Summary)
			}
			spoil(list[0].Record)
			list[0].Event.Summary[0] = "spoilt"
			past, err := h.Earlier(t.Context(), acme, want.Version)
			if err != nil {
				t.Fatalf("Earlier: %v", err)
			}
			if d := difference(past.Record, want); d != "" || past.Event.Summary[0] != wantEvent {
				t.Errorf("Earlier tells what was altered: %s, %q", d, past.Event.Summary)
			}
			spoil(past.Record)
			past.Event.Summary[0] = "spoilt"
		}
		holds(t, s, "after what History and Earlier returned was altered", want, 1)
	}
	if l, ok := s.(session.Log); ok {
		for range 2 {
			list, err := l.Events(t.Context(), acme, session.EventQuery{})
			if err != nil || len(list) != 1 {
				t.Fatalf("Events returned %d events, error %v; want one", len(list), err)
			}
			if list[0].Summary[0] != wantEvent {
				t.Errorf("Events tells what was altered: %q", list[0].Summary)
			}
			list[0].Summary[0] = "spoilt"
		}
	}
}

func version(t testing.TB, s policy.Store) {
	var last []policy.Record
	for i, of := range []session.TenantID{"a", "b", "c"} {
		r := enrol(t, s, of)
		for range i {
			r = advance(t, s, r)
		}
		last = append(last, r)
	}
	for _, r := range last {
		if v, err := s.Version(t.Context(), r.Tenant); err != nil || v != r.Version {
			t.Errorf("Version(%q) = %v, %v; want %v", r.Tenant, v, err, r.Version)
		}
		holds(t, s, "whose version was asked", r, int(r.Version.Number)-1)
	}
}
