package directorytest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// besideClauses are those of events and orders.
func besideClauses() []clause[directory.Store] {
	return []clause[directory.Store]{
		saying("event", "Save writes c.Account, c.Event and c.Orders, in one write.", func(w *acting) error {
			a, err := w.do(directory.Create, "acme", "kim", rich)
			if err != nil {
				return err
			}
			c, err := w.change(directory.SetPassword, a, directory.Facts{Actor: "boss", Why: "forgotten — \"again\""})
			if err != nil {
				return err
			}
			if err := w.Save(w.ctx, c); err != nil {
				return err
			}
			events, err := w.Events(w.ctx, "acme", session.EventQuery{})
			if err != nil || len(events) != 2 {
				return fmt.Errorf("2 events were written and %d are told, %v", len(events), err)
			}
			return sameEvent(events[0], c.Event)
		}),
		saying("orders", "Save writes c.Account, c.Event and c.Orders, in one write.", func(w *acting) error {
			a, err := w.do(directory.Create, "acme", "kim", directory.Facts{})
			if err != nil {
				return err
			}
			c, err := w.change(directory.WipeApp, a, directory.Facts{Device: "phone-1", Actor: "boss"})
			if err != nil {
				return err
			}
			if err := w.Save(w.ctx, c); err != nil {
				return err
			}
			for _, from := range []string{"Take", "Waiting"} {
				var got []session.Order
				if from == "Take" {
					got, err = w.Take(w.ctx, 10, time.Minute)
				} else {
					got, err = w.Waiting(w.ctx, "acme", 10)
				}
				if err != nil || len(got) != len(c.Orders) {
					return fmt.Errorf("%d orders were given and %s has %d, %v", len(c.Orders), from, len(got), err)
				}
				for _, want := range c.Orders {
					i := slices.IndexFunc(got, func(o session.Order) bool { return o.ID == want.ID })
					if i < 0 {
						return fmt.Errorf("%s has no order %s", from, want.ID)
					}
					is := got[i]
					if !is.At.Equal(want.At) {
						return fmt.Errorf("%s has an order of %v; given was one of %v", from, is.At, want.At)
					}
					is.At, is.Due = want.At, want.Due
					if is != want {
						return fmt.Errorf("%s has %+v; given was %+v", from, is, want)
					}
				}
			}
			return nil
		}),
		saying("note", "Note writes an event that belongs to no change, such as a refusal.", func(w *acting) error {
			e := session.Event{ID: "n1", Tenant: "acme", At: began, Actor: "kim", Kind: "member-suspended", Member: "lee", Why: "x", Refused: "missing-permission", Summary: []string{"a", "b"}}
			if err := w.Note(w.ctx, e); err != nil {
				return err
			}
			events, err := w.Events(w.ctx, "acme", session.EventQuery{})
			if err != nil || len(events) != 1 {
				return fmt.Errorf("an event was noted and %d are told, %v", len(events), err)
			}
			return sameEvent(events[0], e)
		}),
		saying("searched", "Events returns the events of a tenant that q names, newest first, at most q.Max.", searched),
		saying("forgotten", "Forget removes events of a tenant from before an instant, at most n, and returns how many.", forgotten),
	}
}

func sameEvent(got, want session.Event) error {
	at := got.At.Equal(want.At)
	got.At = want.At
	if !at || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		return fmt.Errorf("told is    %+v\nwritten was %+v", got, want)
	}
	return nil
}

// history notes events of two tenants, and returns those of acme, newest first.
func history(w *acting) ([]session.Event, error) {
	var all []session.Event
	for i := range 40 {
		e := session.Event{
			ID: fmt.Sprintf("e%02d", i), Tenant: "acme", At: began.Add(time.Duration(i) * time.Hour),
			Actor: []member.ID{"kim", "lee", ""}[i%3], Member: []member.ID{"park", "choi"}[i%2], Kind: []string{"a", "b", "c", "d", "e"}[i%5],
		}
		if err := w.Note(w.ctx, e); err != nil {
			return nil, err
		}
		all = append(all, e)
		e.Tenant = "globex"
		if err := w.Note(w.ctx, e); err != nil {
			return nil, fmt.Errorf("an event of another tenant with the same id: %w", err)
		}
	}
	slices.Reverse(all)
	return all, nil
}

func searched(w *acting) error {
	all, err := history(w)
	if err != nil {
		return err
	}
	hour := func(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }
	for _, q := range []session.EventQuery{
		{}, {Actor: "kim"}, {Actor: "nobody"}, {Member: "choi"}, {Kind: "c"}, {Actor: "lee", Member: "park", Kind: "a"},
		{From: hour(10)}, {To: hour(10)}, {From: hour(10), To: hour(12)}, {From: hour(39).Add(time.Second)}, {From: hour(10).Add(time.Second)},
		{Max: 7}, {Max: 7, Skip: 7}, {Max: 7, Skip: 38}, {Skip: 40}, {Skip: 100}, {Kind: "c", Max: 3, Skip: 1}, {Max: -1}, {Max: session.MaxPage + 1},
	} {
		var want []string
		for _, e := range all {
			if (q.Actor == "" || e.Actor == q.Actor) && (q.Member == "" || e.Member == q.Member) && (q.Kind == "" || e.Kind == q.Kind) &&
				!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To)) {
				want = append(want, e.ID)
			}
		}
		want = want[min(q.Skip, len(want)):]
		if q.Max > 0 {
			want = want[:min(q.Max, len(want))]
		}
		events, err := w.Events(w.ctx, "acme", q)
		if err != nil {
			return err
		}
		var got []string
		for _, e := range events {
			if e.Tenant != "acme" {
				return errors.New("an event of another tenant is told")
			}
			got = append(got, e.ID)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("Events(%+v) = %v; want %v", q, got, want)
		}
	}
	return nil
}

func forgotten(w *acting) error {
	if _, err := history(w); err != nil {
		return err
	}
	before := began.Add(10 * time.Hour)
	if n, err := w.Forget(w.ctx, "acme", before, 4); err != nil || n != 4 {
		return fmt.Errorf("4 of 10 were to be forgotten, and %d were, %v", n, err)
	}
	if n, err := w.Forget(w.ctx, "acme", before, 100); err != nil || n != 6 {
		return fmt.Errorf("the other 6 were to be forgotten, and %d were, %v", n, err)
	}
	if n, err := w.Forget(w.ctx, "acme", before, 100); err != nil || n != 0 {
		return fmt.Errorf("none was left to be forgotten, and %d were, %v", n, err)
	}
	events, err := w.Events(w.ctx, "acme", session.EventQuery{})
	if err != nil || len(events) != 30 || !events[29].At.Equal(before) {
		return fmt.Errorf("30 events were to stay, from %v, and %d did, %v", before, len(events), err)
	}
	if events, err := w.Events(w.ctx, "globex", session.EventQuery{}); err != nil || len(events) != 40 {
		return fmt.Errorf("events of another tenant were forgotten: %d of 40 are left, %v", len(events), err)
	}
	return nil
}
