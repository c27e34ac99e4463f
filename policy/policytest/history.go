package policytest

import (
	"errors"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// life saves ten records, on two lines, and returns them, newest first.
func life(t testing.TB, s policy.Store, of session.TenantID) (list []policy.Record) {
	was, v := session.Version{}, session.Version{Line: line + 1, Number: 90}
	for n := range 10 {
		if n == 5 {
			v = session.Version{Line: line, Number: 1} // a lower line, lower numbers
		}
		r := record(of, v)
		save(t, s, was, r)
		list = append(list, r)
		was, v = v, session.Version{Line: v.Line, Number: v.Number + 1}
	}
	slices.Reverse(list)
	return list
}

// tells reports a history that is not the one wanted.
func tells(t testing.TB, h policy.Historian, of session.TenantID, before session.Version, n int, want []policy.Record) {
	t.Helper()
	list, err := h.History(t.Context(), of, before, n)
	var got, wanted []session.Version
	for _, p := range list {
		got = append(got, p.Record.Version)
	}
	for _, r := range want {
		wanted = append(wanted, r.Version)
	}
	if err != nil || !slices.Equal(got, wanted) {
		t.Errorf("History(%q, %v, %d) returned %v, error %v; want %v", of, before, n, got, err, wanted)
	}
}

func historyNewestFirst(t testing.TB, s policy.Store, h policy.Historian) {
	list := life(t, s, acme)
	other := enrol(t, s, "other")
	for _, n := range []int{1, 3, 9, 10, 11, 1 << 20} {
		tells(t, h, acme, session.Version{}, n, list[:min(n, len(list))])
	}
	tells(t, h, acme, session.Version{}, 0, nil)
	tells(t, h, acme, session.Version{}, -1, nil)
	tells(t, h, "other", session.Version{}, 10, []policy.Record{other})
}

func historyBefore(t testing.TB, s policy.Store, h policy.Historian) {
	list := life(t, s, acme)
	life(t, s, "other") // at the same versions
	for i, r := range list {
		tells(t, h, acme, r.Version, 1<<20, list[i+1:])
		tells(t, h, acme, r.Version, 2, list[i+1:min(i+3, len(list))])
	}
}

func historyMissing(t testing.TB, s policy.Store, h policy.Historian) {
	tells(t, h, acme, session.Version{}, 10, nil)
	enrol(t, s, "other")
	tells(t, h, acme, session.Version{}, 10, nil)
	tells(t, h, acme, at(1), 10, nil)
	tells(t, h, "", session.Version{}, 10, nil)
	tells(t, h, "OTHER", session.Version{}, 10, nil)
}

func historyPast(t testing.TB, s policy.Store, h policy.Historian) {
	first := full(acme, "first")
	second := next(first)
	second.Settings, second.Return, second.Draft = policy.Settings{}, nil, nil
	firstEvent, secondEvent := event(first), event(second)
	secondEvent.Why = "because"
	for _, err := range []error{
		errOf(s.Save(t.Context(), session.Version{}, first, firstEvent, nil)),
		errOf(s.Save(t.Context(), first.Version, second, secondEvent, nil)),
	} {
		if err != nil {
			t.Fatalf("saving: %v", err)
		}
	}
	list, err := h.History(t.Context(), acme, session.Version{}, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("History returned %d saves, error %v; want two", len(list), err)
	}
	for i, want := range []policy.Past{{Record: second, Event: secondEvent}, {Record: first, Event: firstEvent}} {
		if d := difference(list[i].Record, want.Record); d != "" {
			t.Errorf("History tells another %s", d)
		}
		if !sameEvent(list[i].Event, want.Event) {
			t.Errorf("History tells the event %+v; want %+v", list[i].Event, want.Event)
		}
	}
}

func errOf(_ session.Version, err error) error { return err }

func historyContext(t testing.TB, s policy.Store, h policy.Historian) {
	r := enrol(t, s, acme)
	for _, ctx := range ended(t) {
		if list, err := h.History(ctx, acme, session.Version{}, 10); !errors.Is(err, ctx.Err()) {
			t.Errorf("History with a context that says %v returned %d saves, error %v", ctx.Err(), len(list), err)
		}
		if _, err := h.Earlier(ctx, acme, r.Version); !errors.Is(err, ctx.Err()) {
			t.Errorf("Earlier with a context that says %v returned the error %v", ctx.Err(), err)
		}
	}
}

func earlier(t testing.TB, s policy.Store, h policy.Historian) {
	list := life(t, s, acme)
	life(t, s, "other") // at the same versions
	for _, want := range list {
		past, err := h.Earlier(t.Context(), acme, want.Version)
		if err != nil {
			t.Errorf("Earlier(%v): %v", want.Version, err)
		} else if d := difference(past.Record, want); d != "" || past.Event.Policy != want.Version {
			t.Errorf("Earlier(%v) tells another %s, and the event of %v", want.Version, d, past.Event.Policy)
		}
	}
	for _, row := range []struct {
		of session.TenantID
		v  session.Version
	}{
		{acme, session.Version{}}, {acme, at(6)}, {acme, session.Version{Line: line + 2, Number: 1}}, {acme, session.Version{Line: line + 1, Number: 1}},
		{"nobody", at(1)}, {"", at(1)}, {"ACME", at(1)},
	} {
		if past, err := h.Earlier(t.Context(), row.of, row.v); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Earlier(%q, %v) returned %v, error %v; want session.ErrNotFound", row.of, row.v, past.Record.Version, err)
		}
	}
}
