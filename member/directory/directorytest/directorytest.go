// Package directorytest proves stores of accounts and counters of failed logins: it
// checks that they do what the comments on directory.Store and directory.Counter say.
//
//	func TestStore(t *testing.T) {
//		directorytest.Run(t, func(t *testing.T) directory.Store { return newStore(t, emptyDatabase(t)) })
//	}
//
// Each clause gets a store of its own, which must be empty. A clause that is broken is
// quoted with what was found instead.
package directorytest

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/outboxtest"
)

// Run checks the stores that newStore makes, one for each clause, as stores of accounts and
// as outboxes, see package outboxtest.
func Run(t *testing.T, newStore func(*testing.T) directory.Store) {
	for _, c := range storeClauses() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.hold(newStore(t)); err != nil {
				t.Errorf("%v\nbroken: %s", err, c.says)
			}
		})
	}
	t.Run("outbox", func(t *testing.T) {
		outboxtest.Run(t, func(t *testing.T) (session.Outbox, func(...session.Order) error) {
			s := newStore(t)
			return s, func(orders ...session.Order) error { return put(t.Context(), s, orders) }
		})
	})
}

// put stores orders, each tenant's with a member who is made for it.
func put(ctx context.Context, s directory.Store, orders []session.Order) error {
	for _, o := range orders {
		id := member.ID("put-" + rand.Text())
		c, err := directory.Create.Do(directory.Account{Member: member.Member{Tenant: o.Tenant, ID: id}},
			directory.Facts{At: began, Line: session.NewLine()})
		if err != nil {
			return err
		}
		c.Event.ID, c.Orders = string(id), []session.Order{o}
		if err := s.Save(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// RunCounter checks the counters that newCounter makes, one for each clause.
func RunCounter(t *testing.T, newCounter func(*testing.T) directory.Counter) {
	for _, c := range counterClauses() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.hold(newCounter(t)); err != nil {
				t.Errorf("%v\nbroken: %s", err, c.says)
			}
		})
	}
}

// clause is a sentence of the contract, and what shows that it holds.
type clause[S any] struct {
	name  string
	says  string
	check func(context.Context, S) error
}

// hold returns why the clause does not hold. A store that panics or hangs breaks it.
func (c clause[S]) hold(s S) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return c.check(ctx, s)
}

// began is the instant of the first act. Stores need not have this clock.
var began = time.Date(2026, 3, 1, 9, 0, 0, 123456000, time.UTC)

// acting does acts on a store as the Directory does, and counts what it did.
type acting struct {
	directory.Store
	ctx context.Context
	n   int
}

// change is the change that an act makes of an account now.
func (w *acting) change(x directory.Act, a directory.Account, f directory.Facts) (directory.Change, error) {
	w.n++
	f.At = began.Add(time.Duration(w.n) * time.Minute)
	f.Line = session.NewLine()
	c, err := x.Do(a, f)
	if err != nil {
		return c, err
	}
	c.Event.ID = fmt.Sprintf("event-%s-%s-%d", a.Tenant, a.ID, w.n)
	for i := range c.Orders {
		c.Orders[i].ID = fmt.Sprintf("order-%s-%s-%d-%d", a.Tenant, a.ID, w.n, i)
	}
	if c.Guarded {
		r, err := w.Roster(w.ctx, a.Tenant)
		if err != nil {
			return c, fmt.Errorf("asking for the roster: %w", err)
		}
		c.Roster = r.Version
	}
	return c, nil
}

// do does an act to an account that is there, or makes one.
func (w *acting) do(x directory.Act, t session.TenantID, id member.ID, f directory.Facts) (directory.Account, error) {
	a := directory.Account{Member: member.Member{Tenant: t, ID: id}}
	if x != directory.Create {
		var err error
		if a, err = w.Load(w.ctx, t, id); err != nil {
			return a, fmt.Errorf("loading %s: %w", id, err)
		}
	}
	c, err := w.change(x, a, f)
	if err != nil {
		return a, err
	}
	if err := w.Save(w.ctx, c); err != nil {
		return a, fmt.Errorf("saving %s of %s: %w", x, id, err)
	}
	return c.Account, nil
}

// super makes a super admin who can log in.
func (w *acting) super(t session.TenantID, id member.ID) (directory.Account, error) {
	return w.all(t, id, step{directory.Create, directory.Facts{}}, step{directory.SetPassword, directory.Facts{}},
		step{directory.GiveRole, directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}})
}

type step struct {
	act   directory.Act
	facts directory.Facts
}

func (w *acting) all(t session.TenantID, id member.ID, steps ...step) (a directory.Account, err error) {
	for _, s := range steps {
		if a, err = w.do(s.act, t, id, s.facts); err != nil {
			return a, err
		}
	}
	return a, nil
}

// rich is what every field of an account can be made of.
var rich = directory.Facts{
	LoginID: "u1048576", Generated: true,
	Profile: directory.Profile{
		Name: "김서연 <kim>", Mail: "Kim@example.com", Rank: "Manager", Phones: []string{"+82 2 1234 5678", "+82 10 9876 5432"},
		Workplace: "Seoul", Organisation: "Sales", Title: "Lead",
	},
}

func text(a directory.Account) string {
	b, err := a.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}
