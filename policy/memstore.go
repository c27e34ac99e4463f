package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// What a MemStore keeps of each tenant, beside the record and the ids of all saves.
const (
	memRecords = 100                  // records of saves, the newest
	memEvents  = 1000                 // events, the newest
	memLog     = 180 * 24 * time.Hour // how far back Events tells
)

// MemStore is a [Store] in memory, for tests and for services of one process that enrol
// their tenants at each start. It is also a [Historian] of the last 100 saves of each
// tenant, a [session.Log] of those events among the last 1,000 that are not older than
// 180 days, and a [Watcher]. The ids of saves are kept for as long as the MemStore is.
//
// The zero MemStore is empty and ready to use. It is safe for concurrent use and must not
// be copied. Records, events and orders are copied on their way in and out.
type MemStore struct {
	orders session.MemOutbox
	shards [256]memShard // a tenant is in the one that its hash says, so that tenants do not wait for each other

	watching sync.RWMutex
	watchers map[*memWatcher]bool
}

var _ interface {
	Store
	Historian
	Watcher
	session.Log
} = (*MemStore)(nil)

// NewMemStore returns an empty one.
func NewMemStore() *MemStore { return new(MemStore) }

type memShard struct {
	mu      sync.RWMutex
	tenants map[session.TenantID]*memTenant
}

// memTenant is what is kept of a tenant. Who only wants the record reads it past mu; what
// it points to is never altered.
type memTenant struct {
	record atomic.Pointer[Record] // nil until the first save is written

	mu    sync.Mutex
	saves map[string]memSave // by Record.Save
	past  []*memPast         // oldest first, at most memEvents
}

type memSave struct{ expected, wrote session.Version }

type memPast struct {
	version session.Version
	record  *Record // nil: not kept any more
	event   session.Event
	at      time.Time
}

func (m *MemStore) shard(t session.TenantID) *memShard {
	h := uint32(2166136261) // FNV-1a
	for i := range len(t) {
		h = (h ^ uint32(t[i])) * 16777619
	}
	return &m.shards[h%uint32(len(m.shards))]
}

// find returns what is kept of t, or nil.
func (m *MemStore) find(t session.TenantID) *memTenant {
	s := m.shard(t)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[t]
}

// findOrMake returns what is kept of t, which may have no record yet.
func (m *MemStore) findOrMake(t session.TenantID) *memTenant {
	s := m.shard(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants == nil {
		s.tenants = make(map[session.TenantID]*memTenant)
	}
	if s.tenants[t] == nil {
		s.tenants[t] = new(memTenant)
	}
	return s.tenants[t]
}

// last returns the record of t as it was last saved.
func (m *MemStore) last(ctx context.Context, t session.TenantID) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if kept := m.find(t); kept != nil {
		if r := kept.record.Load(); r != nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("policy: tenant %s has no record: %w", quote(string(t)), session.ErrNotFound)
}

// Load returns a copy of the record of a tenant; see [Store].
func (m *MemStore) Load(ctx context.Context, t session.TenantID) (Record, error) {
	r, err := m.last(ctx, t)
	if err != nil {
		return Record{}, err
	}
	return r.Clone(), nil
}

// Version returns the version of the record of a tenant; see [Store]. It does not
// allocate if there is one.
func (m *MemStore) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	r, err := m.last(ctx, t)
	if err != nil {
		return session.Version{}, err
	}
	return r.Version, nil
}

// Save replaces a record, in one write with the event and the orders; see [Store].
func (m *MemStore) Save(ctx context.Context, expected session.Version, r Record, e session.Event, orders []session.Order) (session.Version, error) {
	if err := ctx.Err(); err != nil {
		return session.Version{}, err
	}
	kept := m.find(r.Tenant)
	if kept == nil { // made only where it will be written, so that failures leave nothing
		if expected != (session.Version{}) {
			return session.Version{}, &ConflictError{Tenant: r.Tenant, Expected: expected}
		}
		if err := r.Err(); err != nil {
			return session.Version{}, err
		}
		kept = m.findOrMake(r.Tenant)
	}

	kept.mu.Lock()
	defer kept.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return session.Version{}, err
	}
	var found session.Version
	err := r.Err()
	if old := kept.record.Load(); old != nil {
		found, err = old.Version, r.Follows(*old)
	}
	if before, ok := kept.saves[r.Save]; ok && before.expected == expected {
		return before.wrote, nil
	} else if ok || found != expected {
		return session.Version{}, &ConflictError{Tenant: r.Tenant, Expected: expected, Found: found}
	}
	if err != nil {
		return session.Version{}, err
	}
	r = r.Clone()
	m.orders.PutWith(func() { kept.write(expected, &r, e) }, orders...)
	m.tell(r.Tenant, r.Version)
	return r.Version, nil
}

// write keeps a save. t.mu is held.
func (t *memTenant) write(expected session.Version, r *Record, e session.Event) {
	t.record.Store(r)
	if r.Save != "" {
		if t.saves == nil {
			t.saves = make(map[string]memSave)
		}
		t.saves[r.Save] = memSave{expected, r.Version}
	}
	e.Summary = slices.Clone(e.Summary)
	t.past = append(t.past, &memPast{r.Version, r, e, time.Now()})
	if len(t.past) > memRecords {
		t.past[len(t.past)-1-memRecords].record = nil
	}
	if len(t.past) > memEvents {
		t.past = slices.Delete(t.past, 0, 1)
	}
}

// Take returns orders that are due; see [session.Outbox].
func (m *MemStore) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	return m.orders.Take(ctx, n, lease)
}

// Done removes an order; see [session.Outbox].
func (m *MemStore) Done(ctx context.Context, id string) error { return m.orders.Done(ctx, id) }

// Failed counts a failed delivery; see [session.Outbox].
func (m *MemStore) Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
	return m.orders.Failed(ctx, id, wait, park, why)
}

// Waiting returns the orders of a tenant; see [session.Outbox].
func (m *MemStore) Waiting(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
	return m.orders.Waiting(ctx, t, n)
}
