package policytest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// repeat makes a save again, as one does who does not know that it succeeded, and reports
// where it is not taken for the repetition that it is.
func repeat(t testing.TB, s policy.Store, when string, expected session.Version, r policy.Record) {
	t.Helper()
	v, err := s.Save(t.Context(), expected, r, event(r), []session.Order{order(r)})
	if err != nil || v != r.Version {
		t.Errorf("a save repeated %s returned %v, error %v; want %v and none, as the first time", when, v, err, r.Version)
	}
}

func repeatAtOnce(t testing.TB, s policy.Store) {
	first := enrol(t, s, acme)
	repeat(t, s, "at once, of the first record", session.Version{}, first)
	holds(t, s, "repeated", first, 0)
	r := advance(t, s, first)
	for range 3 {
		repeat(t, s, "at once", first.Version, r)
		holds(t, s, "repeated", r, 1)
	}

	// Who repeats may have made the record anew, with another instant or number in it. What
	// was written first counts.
	other := next(r)
	other.Version.Number, other.Save, other.By = 50, r.Save, "another"
	v, err := s.Save(t.Context(), first.Version, other, event(other), []session.Order{order(other)})
	if err != nil || v != r.Version {
		t.Errorf("a save repeated with another record returned %v, error %v; want %v, as the first time", v, err, r.Version)
	}
	holds(t, s, "repeated with another record", r, 1)
	counts(t, s, "after repetitions", 2)
}

// counts reports where a store that tells events does not tell as many.
func counts(t testing.TB, s policy.Store, when string, want int) {
	t.Helper()
	if l, ok := s.(session.Log); ok {
		list, err := l.Events(t.Context(), acme, session.EventQuery{})
		if err != nil || len(list) != want {
			t.Errorf("%s there are %d events, error %v; want %d", when, len(list), err, want)
		}
	}
	if h, ok := s.(policy.Historian); ok {
		list, err := h.History(t.Context(), acme, session.Version{}, want+1)
		if err != nil || len(list) != want {
			t.Errorf("%s there are %d saves in the history, error %v; want %d", when, len(list), err, want)
		}
	}
}

func repeatLongAfter(t testing.TB, s policy.Store) {
	first := enrol(t, s, acme)
	second := advance(t, s, first)
	r := second
	for range many(300) {
		r = advance(t, s, r)
	}
	orders := len(waiting(t, s, acme))
	repeat(t, s, "long after", first.Version, second)
	repeat(t, s, "long after, of the first record", session.Version{}, first)
	holds(t, s, "of which old saves were repeated", r, orders)

	removed := next(r)
	removed.Deleted = true
	save(t, s, r.Version, removed)
	again := record(acme, session.Version{Line: line + 1, Number: 1})
	save(t, s, removed.Version, again)
	repeat(t, s, "after the tenant was removed and made again", first.Version, second)
	repeat(t, s, "after the tenant was removed and made again", removed.Version, again)
	holds(t, s, "made again, of which old saves were repeated", again, orders)
}

// repeatTogether has many make the same save at once, as a client does that is told
// nothing and tries again.
func repeatTogether(t testing.TB, s policy.Store) {
	was := session.Version{}
	r := record(acme, at(1))
	for round := range 3 {
		var all sync.WaitGroup
		for range many(100) {
			o := order(r)
			all.Go(func() {
				if v, err := s.Save(t.Context(), was, r, event(r), []session.Order{o}); err != nil || v != r.Version {
					t.Errorf("one of many that make the same save on %v got %v, error %v; want %v and none", was, v, err, r.Version)
				}
			})
		}
		all.Wait()
		holds(t, s, "which many saved alike", r, round+1)
		counts(t, s, "after many saved alike", round+1)
		was, r = r.Version, next(r)
	}
}

func repeatOtherTenant(t testing.TB, s policy.Store) {
	for _, ids := range [][2]string{{"same", "same"}, {"case", "CASE"}, {"blank", "blank "}} {
		one := record(session.TenantID("one "+ids[0]), at(1))
		other := record(session.TenantID("other "+ids[0]), at(1))
		one.Save, other.Save = ids[0], ids[0]
		save(t, s, session.Version{}, one)
		save(t, s, session.Version{}, other, order(other))
		holds(t, s, "first saved with the id of another tenant's first save", other, 1)
		two, otherTwo := next(one), next(other)
		two.Save, otherTwo.Save = ids[1]+" 2", ids[0]+" 2"
		save(t, s, one.Version, two)
		save(t, s, other.Version, otherTwo, order(otherTwo))
		holds(t, s, "saved with the id of another tenant's save", otherTwo, 2)

		three := next(otherTwo)
		three.Save = ids[1] + "\t3"
		save(t, s, otherTwo.Version, three)
		four := next(three)
		four.Save = ids[0] + "\t3 "
		save(t, s, three.Version, four)
		holds(t, s, fmt.Sprintf("saved with the ids %q and %q", three.Save, four.Save), four, 2)
	}
}

func repeatOtherVersion(t testing.TB, s policy.Store) {
	first := enrol(t, s, acme)
	second := advance(t, s, first)
	last := advance(t, s, second)
	for _, row := range []struct {
		why      string
		expected session.Version
		save     string
	}{
		{"the last version, the id of the save that made it", last.Version, last.Save},
		{"the last version, an older id", last.Version, second.Save},
		{"the last version, the id of the first record", last.Version, first.Save},
		{"no version, an id of another save", session.Version{}, second.Save},
		{"an old version, an id of a later save", first.Version, last.Save},
		{"an old number on another line, the id of its save", session.Version{Line: line + 1, Number: first.Version.Number}, second.Save},
	} {
		r := next(last)
		r.Save = row.save
		_, err := s.Save(t.Context(), row.expected, r, event(r), []session.Order{order(r)})
		conflicts(t, row.why, err, acme, row.expected, last.Version)
		holds(t, s, row.why, last, 2)
	}
	counts(t, s, "after conflicts", 3)
	advance(t, s, last)
}

func repeatNoID(t testing.TB, s policy.Store) {
	r := record(acme, at(1))
	r.Save = ""
	save(t, s, session.Version{}, r)
	was := session.Version{}
	for range 3 {
		_, err := s.Save(t.Context(), was, r, event(r), []session.Order{order(r)})
		conflicts(t, "the same save without an id", err, acme, was, r.Version)
		holds(t, s, "saved without an id", r, 0)
		was, r = r.Version, next(r)
		r.Save = ""
		save(t, s, was, r)
	}
	holds(t, s, "saved without an id again and again", r, 0)
}
