package site

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// Audit yields what administrators did and tried that q names, newest first: acts on
// members, and changes of the network settings where the store keeps them. q.Max counts for
// a page of what is read; stop ranging where you have enough. Permission: audit. It stops at
// the first error, which it yields last.
func (a *Actor) Audit(ctx context.Context, q session.EventQuery) iter.Seq2[session.Event, error] {
	s := a.Tenant.site
	if err := a.may(ctx, directory.ReadEvents, directory.Audit); err != nil {
		// The directory records that it was tried.
		if _, refused := s.directory.Events(ctx, a.ID, a.Tenant.ID, session.EventQuery{Max: 1}); refused != nil {
			err = refused
		}
		return func(yield func(session.Event, error) bool) { yield(session.Event{}, err) }
	}
	if oldest := time.Now().Add(-directory.EventsKept); q.From.Before(oldest) {
		q.From = oldest
	}
	people := session.Events(ctx, s.stores.Members, a.Tenant.ID, q)
	network, ok := s.stores.Policies.(session.Log)
	if !ok {
		return people
	}
	return newest(people, session.Events(ctx, network, a.Tenant.ID, q))
}

// newest merges two logs, newest first.
func newest(a, b iter.Seq2[session.Event, error]) iter.Seq2[session.Event, error] {
	return func(yield func(session.Event, error) bool) {
		nextB, stop := iter.Pull2(b)
		defer stop()
		y, errB, okB := nextB()
		for x, errA := range a {
			for okB && errB == nil && errA == nil && y.At.After(x.At) {
				if !yield(y, nil) {
					return
				}
				y, errB, okB = nextB()
			}
			if okB && errB != nil {
				break
			}
			if !yield(x, errA) || errA != nil {
				return
			}
		}
		for okB {
			if !yield(y, errB) || errB != nil {
				return
			}
			y, errB, okB = nextB()
		}
	}
}

// AuditCSV writes what Audit yields as CSV that opens in a spreadsheet.
func (a *Actor) AuditCSV(ctx context.Context, w io.Writer, q session.EventQuery) error {
	if err := a.may(ctx, directory.ReadEvents, directory.Audit); err != nil {
		return err
	}
	return session.WriteEvents(w, a.Audit(ctx, q), session.CSVOptions{Download: true, BOM: true})
}
