package policytest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func saveReplaces(t testing.TB, s policy.Store) {
	r := full(acme, "first")
	save(t, s, session.Version{}, r)
	holds(t, s, "full", r, 0)
	second := next(r)
	second.Settings, second.Return, second.Draft, second.Plan = policy.Settings{}, nil, nil, ""
	save(t, s, r.Version, second)
	holds(t, s, "of which the second save says less", second, 0)
	third := next(second)
	third.Version.Number += 5 // not only the next number
	save(t, s, second.Version, third)
	holds(t, s, "some numbers later", third, 0)
	fourth := next(third)
	fourth.Version = session.Version{Line: line - 1, Number: 1}
	fourth.Cuts, fourth.MemberCuts = session.Cuts{}, nil
	save(t, s, third.Version, fourth)
	holds(t, s, "on a new line", fourth, 0)
}

func saveOrders(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	var want []string
	for n := range 4 { // none, one, two, three
		was := r.Version
		r = next(r)
		var orders []session.Order
		for range n {
			o := order(r)
			o.Member = member.ID(o.ID)
			orders = append(orders, o)
			want = append(want, o.ID)
		}
		save(t, s, was, r, orders...)
		list := waiting(t, s, acme)
		var got []string
		for _, o := range list {
			got = append(got, o.ID)
			if o.Member != member.ID(o.ID) || o.Tenant != acme || o.Kind != session.SignOut || !o.Clients.Has(session.Web) {
				t.Errorf("an order waits as %+v", o)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("after a save with %d orders %q wait; want %q", n, got, want)
		}
	}
	took, err := s.Take(t.Context(), 100, hour)
	if err != nil || len(took) != len(want) {
		t.Errorf("Take returned %d orders, error %v; want all %d", len(took), err, len(want))
	}
}

// saveEvent can be shown only of stores that tell events in some way.
func saveEvent(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	n := next(r)
	e := event(n)
	e.Member, e.Why, e.Refused = "lee", `it's "why" \ ; 名前 🙂`, "not refused, but kept"
	e.Before, e.After = `{"access":"all"}`, "text\nof lines: "+strings.Repeat("long ", 20_000)
	e.Summary = []string{"access: designated addresses, was all", "", `added "Head office"`}
	e.Membership = session.Version{Line: 1<<32 - 1, Number: session.MaxNumber - 1}
	if _, err := s.Save(t.Context(), r.Version, n, e, nil); err != nil {
		t.Fatalf("saving: %v", err)
	}
	stale := next(r)
	lost := event(stale)
	if _, err := s.Save(t.Context(), r.Version, stale, lost, nil); !errors.Is(err, session.ErrConflict) {
		t.Fatalf("saving on an old version: %v", err)
	}
	last := next(n)
	last.Save = ""
	bare := session.Event{ID: "bare", Tenant: acme, Kind: "k", At: last.At}
	if _, err := s.Save(t.Context(), n.Version, last, bare, nil); err != nil {
		t.Fatalf("saving: %v", err)
	}
	compare := func(how string, list []session.Event, err error) {
		if err != nil || len(list) != 3 {
			t.Fatalf("%s returned %d events, error %v; want those of three saves", how, len(list), err)
		}
		if !sameEvent(list[0], bare) || !sameEvent(list[1], e) {
			t.Errorf("%s returned %.500v; want %.500v", how, list[:2], []session.Event{bare, e})
		}
	}
	l, isLog := s.(session.Log)
	if isLog {
		list, err := l.Events(t.Context(), acme, session.EventQuery{})
		compare("Events", list, err)
	}
	h, isHistorian := s.(policy.Historian)
	if isHistorian {
		past, err := h.History(t.Context(), acme, session.Version{}, 10)
		var list []session.Event
		for _, p := range past {
			list = append(list, p.Event)
		}
		compare("History", list, err)
	}
	if !isLog && !isHistorian {
		t.Logf("%T is neither a %s nor a %s: that it stores events is not shown", s, eventLog, historian)
	}
}

func saveEnrols(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	holds(t, s, "enrolled", r, 0)
	again := record(acme, session.Version{Line: line + 1, Number: 1})
	_, err := s.Save(t.Context(), session.Version{}, again, event(again), []session.Order{order(again)})
	conflicts(t, "enrolling again", err, acme, session.Version{}, r.Version)
	holds(t, s, "enrolled twice", r, 0)

	late := record("late", session.Version{Line: 1, Number: 900}) // brought from elsewhere
	save(t, s, session.Version{}, late)
	holds(t, s, "enrolled at a number that is not the first", late, 0)
}

func saveReturns(t testing.TB, s policy.Store) {
	was := session.Version{}
	for _, v := range []session.Version{at(1), at(2), at(9), {Line: 1, Number: 3}, {Line: 1<<32 - 1, Number: session.MaxNumber - 1}} {
		r := record(acme, v)
		got, err := s.Save(t.Context(), was, r, event(r), nil)
		if err != nil || got != v {
			t.Fatalf("saving a record at %v returned %v, %v", v, got, err)
		}
		was = v
	}
}

func saveConflict(t testing.TB, s policy.Store) {
	first := enrol(t, s, acme)
	second := advance(t, s, first)
	last := advance(t, s, second)
	before := 0
	if l, ok := s.(session.Log); ok {
		list, _ := l.Events(t.Context(), acme, session.EventQuery{})
		before = len(list)
	}
	for _, row := range []struct {
		why      string
		expected session.Version
	}{
		{"expecting that there is none", session.Version{}},
		{"expecting an old number", first.Version},
		{"expecting the number before", second.Version},
		{"expecting a number to come", session.Version{Line: line, Number: last.Version.Number + 1}},
		{"expecting the number on another line", session.Version{Line: line + 1, Number: last.Version.Number}},
		{"expecting the number on no line", session.Version{Number: last.Version.Number}},
		{"expecting no number on the line", session.Version{Line: line}},
	} {
		for _, id := range []string{"an id", ""} {
			r := next(last)
			if r.By = "loser"; id == "" {
				r.Save = ""
			}
			_, err := s.Save(t.Context(), row.expected, r, event(r), []session.Order{order(r)})
			conflicts(t, row.why+" with "+id, err, acme, row.expected, last.Version)
			holds(t, s, row.why, last, 2)
		}
	}
	if l, ok := s.(session.Log); ok {
		list, err := l.Events(t.Context(), acme, session.EventQuery{})
		if err != nil || len(list) != before {
			t.Errorf("after conflicts there are %d events, error %v; there were %d", len(list), err, before)
		}
	}
	advance(t, s, last) // the record is not stuck
}
