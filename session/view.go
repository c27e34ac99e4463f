package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// View is what an administrator is shown of the sessions in a Store, as of an instant. It
// is a value; the zero View has no Store, so everything it is asked for is an error. It is
// safe for concurrent use if Alive is.
type View struct {
	Store Store

	// At is the instant as of which sessions are live. Zero: none is.
	At time.Time

	// Alive reports whether the records of the tenant and of the member let a session live:
	// whether no cut has ended it, see Cuts.Alive. Nil: none is live.
	Alive func(Session) bool
}

// Live reports whether s is live: not ended, by anybody, by its limits or by a cut.
func (v View) Live(s Session) bool {
	return !v.At.IsZero() && v.Alive != nil && s.Live(v.At) && v.Alive(s)
}

// Sessions yields all sessions of a tenant that q names, newest first, page by page. It
// stops at the first error, which it yields last.
func (v View) Sessions(ctx context.Context, t TenantID, q Query) iter.Seq2[Session, error] {
	return func(yield func(Session, error) bool) {
		if v.Store == nil {
			yield(Session{}, errNoStore)
			return
		}
		for {
			page, err := v.Store.List(ctx, t, q)
			if err != nil {
				yield(Session{}, err)
				return
			}
			for _, s := range page {
				if !yield(s, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
			next := page[len(page)-1].Cursor()
			if next == q.After {
				yield(Session{}, errors.New("session: the store returns the same page twice; prove it with package sessiontest"))
				return
			}
			q.After = next
		}
	}
}

var errNoStore = errors.New("session: the view has no store")

// VisitQuery chooses visits. Zero fields choose all.
type VisitQuery struct {
	Member  MemberID
	Clients Clients
	Since   time.Time // only those then or later
}

// Access is a visit and what has become of the session that it began.
type Access struct {
	Visit
	Live  bool
	Ended time.Time // since when it is not live; zero: it is live, or this is not known
	Why   string    // why it was ended; "": nobody did, or this is not known
}

// Visits yields the visits of a tenant that q names, newest first, each live or ended: it
// asks the Store for each session. It stops at the first error, which it yields last. If
// the Store is no Visitor, the error is an errors.ErrUnsupported.
func (v View) Visits(ctx context.Context, t TenantID, q VisitQuery) iter.Seq2[Access, error] {
	return func(yield func(Access, error) bool) {
		store, ok := v.Store.(Visitor)
		if !ok {
			yield(Access{}, fmt.Errorf("session: %T keeps no visits: %w", v.Store, errors.ErrUnsupported))
			return
		}
		for visit, err := range store.Visits(ctx, t, q.Member, q.Since) {
			a := Access{Visit: visit}
			if err == nil && q.Clients != 0 && !q.Clients.Has(visit.Client) {
				continue
			}
			if err == nil {
				err = v.follow(ctx, &a)
			}
			if err != nil {
				yield(Access{}, err)
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

// follow tells what has become of the session of a. What was purged had ended.
func (v View) follow(ctx context.Context, a *Access) error {
	if a.Session.IsZero() {
		return nil
	}
	found, err := v.Store.List(ctx, a.Tenant, Query{First: a.Session, Member: a.Member, Max: 1})
	if err != nil || len(found) == 0 {
		return err
	}
	s := found[0]
	if s.First != a.Session || s.Tenant != a.Tenant || s.Member != a.Member {
		return errors.New("session: the store answers for another session; prove it with package sessiontest")
	}
	if a.Live = v.Live(s); !a.Live {
		a.Why = s.Why
		if end := s.EndsAt(); !s.Ended.IsZero() || !end.After(v.At) {
			a.Ended = end
		}
	}
	return nil
}
