package session

import (
	"context"
	"errors"
	"iter"
	"time"
)

// VisitStore keeps visits for a Store that keeps none; see WithVisits. MemStore is one, and
// so is the Sessions of package sqlstore. It is safe for concurrent use, as the Store is.
type VisitStore interface {
	Visitor

	// AddVisit stores a visit of a session that is kept elsewhere; Session is its First.
	AddVisit(ctx context.Context, v Visit) error

	// ForgetVisits removes the visits that are older than History at an instant. A clock
	// that is ahead must not wipe the history, so it counts no further than the clock of
	// the store.
	ForgetVisits(ctx context.Context, at time.Time) error
}

// WithVisits returns the store s as a [Visitor] whose visits are kept in v: for sessions in
// memory or in Redis, of which the accesses of 90 days are in a database on disk.
//
//	sessions := db.Sessions()                                // of redisstore: the Revoker too
//	store := session.WithVisits(sessions, tables.Sessions()) // of sqlstore
//
// A login is two writes then, first its session and then its visit. Create fails if either
// does: no login is let in that the history does not have. A session whose visit was not
// stored is ended, for its token was given to nobody; if the process dies between the two,
// or s does not answer any more, it is left to its limits. Purge forgets visits too. All
// other calls go to s alone, and a session does not live by what v has.
func WithVisits(s Store, v VisitStore) Store { return visiting{s, v} }

type visiting struct {
	Store
	visits VisitStore
}

var _ interface {
	Visitor
	Uncommitted
} = visiting{}

// Uncommitted reports whether the sessions are part of a transaction of the host.
func (w visiting) Uncommitted() bool {
	u, ok := w.Store.(Uncommitted)
	return ok && u.Uncommitted()
}

// takeBack is how long Create may take to end a session whose visit was not stored,
// whatever its caller's deadline.
const takeBack = time.Second

func (w visiting) Create(ctx context.Context, s Session) error {
	if err := w.Store.Create(ctx, s); err != nil {
		return err
	}
	err := w.visits.AddVisit(ctx, s.visit())
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBack)
	defer cancel()
	return errors.Join(err, w.Store.End(ctx, s.Tenant, s.ID, s.Created, "its visit was not stored"))
}

// visit returns the visit with which s begins.
func (s Session) visit() Visit {
	return Visit{
		Tenant: s.Tenant, Member: s.Member, Session: s.ID, Client: s.Stamp.Client, Addr: s.Addr, Country: s.Country,
		Device: s.Device, System: s.System, Verified: s.Stamp.Verified, At: s.Created,
	}
}

func (w visiting) Purge(ctx context.Context, before time.Time, n int) (int, error) {
	purged, err := w.Store.Purge(ctx, before, n)
	if err == nil {
		err = w.visits.ForgetVisits(ctx, before)
	}
	return purged, err
}

func (w visiting) Visits(ctx context.Context, t TenantID, member MemberID, since time.Time) iter.Seq2[Visit, error] {
	return w.visits.Visits(ctx, t, member, since)
}

// AddVisit implements [VisitStore].
func (s *MemStore) AddVisit(ctx context.Context, v Visit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := lock(v.Tenant, s.newTenant)
	defer s.unlock(t)
	// The entry is in no index, so that nobody finds a session by it.
	t.visited(t.entry(Session{
		ID: v.Session, Member: v.Member, Device: v.Device, System: v.System, Addr: v.Addr, Country: v.Country,
		Stamp: Stamp{Client: v.Client, Verified: v.Verified}, Created: v.At,
	}))
	t.forget(historyBefore(v.At), 16)
	return nil
}

// ForgetVisits implements [VisitStore].
func (s *MemStore) ForgetVisits(ctx context.Context, at time.Time) error {
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.forget(&s.shards[i], historyBefore(at))
	}
	return nil
}

var _ VisitStore = (*MemStore)(nil)
