package policytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func contextBefore(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	n, other := next(r), record("other", at(1))
	for _, ctx := range ended(t) {
		for what, call := range map[string]func() error{
			"Load":             func() error { _, err := s.Load(ctx, acme); return err },
			"Load, missing":    func() error { _, err := s.Load(ctx, "other"); return err },
			"Version":          func() error { _, err := s.Version(ctx, acme); return err },
			"Version, missing": func() error { _, err := s.Version(ctx, "other"); return err },
			"Save": func() error {
				_, err := s.Save(ctx, r.Version, n, event(n), []session.Order{order(n)})
				return err
			},
			"Save, the first": func() error {
				_, err := s.Save(ctx, session.Version{}, other, event(other), []session.Order{order(other)})
				return err
			},
		} {
			if err := call(); !errors.Is(err, ctx.Err()) {
				t.Errorf("%s with a context that says %v returned the error %v", what, ctx.Err(), err)
			}
		}
	}
	holds(t, s, "after saves that were cancelled before they began", r, 0)
	missing(t, s, "after saves that were cancelled before they began", "other")
	if list := waiting(t, s, "other"); len(list) != 0 {
		t.Errorf("a save that was cancelled before it began left %d orders", len(list))
	}
	save(t, s, r.Version, n, order(n)) // its id was not used up
	holds(t, s, "saved after all", n, 1)
}

// contextMeanwhile cancels saves while they are under way.
func contextMeanwhile(t testing.TB, s policy.Store) {
	r, orders := enrol(t, s, acme), 0
	for range many(100) {
		n := next(r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
		_, err := s.Save(ctx, r.Version, n, event(n), []session.Order{order(n)})
		ends := ctx.Err()
		cancel()
		if err != nil && (ends == nil || !errors.Is(err, ends)) {
			t.Fatalf("Save returned the error %v; its context says %v", err, ends)
		}
		is := load(t, s, acme)
		switch {
		case is.Version == n.Version:
			r, orders = n, orders+1
		case err == nil:
			t.Fatalf("Save returned no error, and %v is not there; its context says %v", n.Version, ends)
		}
		holds(t, s, fmt.Sprintf("after a save that returned %v", err), r, orders)
	}
}
