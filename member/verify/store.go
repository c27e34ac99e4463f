package verify

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Store keeps one [Record] for each member who was asked to verify. A host implements it
// on the database that it has; NewMemStore is one in memory, and verifytest.Run proves any
// other. It is safe for concurrent use, by many processes if it lasts longer than one.
//
// Save compares and replaces in one step; that a code is spent once, and tried five times,
// rests on it. A context that has ended is returned as its error, and a Save has then
// written all or nothing. An error that is none of those named means that the store does
// not answer, and nobody is verified.
type Store interface {
	// Load returns the record of a member as it was last saved, which the caller may keep
	// and not alter; session.ErrNotFound if there is none.
	Load(ctx context.Context, t session.TenantID, m member.ID) (Record, error)

	// Save replaces the record of r.Tenant and r.Member, which must be at the revision
	// expected, by r. If expected is "", there must be no record. Otherwise the error is
	// session.ErrConflict, and nothing was written.
	Save(ctx context.Context, expected string, r Record) error

	// Purge removes records, of every tenant, whose Until is not after an instant, at most
	// n of them, and returns how many. Repeat until it is 0, about once an hour. A record
	// that is saved meanwhile with a later Until stays.
	Purge(ctx context.Context, at time.Time, n int) (int, error)
}

// MemStore is a Store in memory, for one process and for tests.
type MemStore struct {
	mu      sync.Mutex
	records map[owner]Record
}

var _ Store = (*MemStore)(nil)

// owner is whose a record is. It is a struct, for joined texts of two could be equal.
type owner struct {
	tenant session.TenantID
	member member.ID
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore { return &MemStore{records: make(map[owner]Record)} }

// Load implements Store.
func (s *MemStore) Load(ctx context.Context, t session.TenantID, m member.ID) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[owner{t, m}]
	if !ok {
		return Record{}, session.ErrNotFound
	}
	return r.Clone(), nil
}

// Save implements Store.
func (s *MemStore) Save(ctx context.Context, expected string, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	whose := owner{r.Tenant, r.Member}
	if s.records[whose].Revision != expected { // "" where there is none
		return session.ErrConflict
	}
	s.records[whose] = r.Clone()
	return nil
}

// Purge implements Store.
func (s *MemStore) Purge(ctx context.Context, at time.Time, n int) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for whose, r := range s.records {
		if removed >= n {
			break
		}
		if !r.Until.After(at) {
			delete(s.records, whose)
			removed++
		}
	}
	return removed, nil
}
