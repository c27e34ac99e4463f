package session

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

// MemStore is a [Store] and [Visitor] in memory, for hosts of one process and for tests.
// The zero MemStore is empty and ready to use. It is safe for concurrent use and must not
// be copied. Sessions go in and out by value. Instants are kept to the microsecond,
// rounded down, and come back in UTC.
//
// A session takes about 500 bytes, its visit included, until it is purged; the visit then
// takes about 150 bytes until it is 90 days older than the newest of its tenant or than
// what Purge is told. So memory grows with the logins of 90 days and with the sessions
// that are live or were not purged: a host calls Purge now and then, or it grows without
// end. Sessions without a limit, and not ended, are never purged.
//
// Ending the sessions of a member or a device takes a time that grows with their number
// and hardly with that of others. Finding, touching and ending a session never wait for a
// walk over others.
type MemStore struct {
	shards [64]shard
	hand   atomic.Uint32 // the shard where Purge goes on
}

// A shard has the sessions whose ID, and the tenants whose hash, ends in its number. Locks
// are taken in this order: one tenant, then shards by their number.
type shard struct {
	mu       sync.RWMutex
	sessions map[ID]*entry
	firsts   map[ID]*entry // by the ID that they began with, those that were renewed
	tenants  map[TenantID]*tenant
	most     int      // sessions there were since the map was made
	_        [64]byte // keeps neighbours out of its cache line
}

// NewMemStore returns an empty one.
func NewMemStore() *MemStore { return new(MemStore) }

func (s *MemStore) number(id ID) int { return int(id[len(id)-1]) % len(s.shards) }

func (s *MemStore) shard(id ID) *shard { return &s.shards[s.number(id)] }

func (s *MemStore) home(t TenantID) *shard {
	hash := uint32(2166136261) // FNV-1a
	for i := range len(t) {
		hash = (hash ^ uint32(t[i])) * 16777619
	}
	return &s.shards[hash%uint32(len(s.shards))]
}

// find returns the session of a tenant. The shard must be locked.
func (h *shard) find(t TenantID, id ID) (*entry, error) {
	e := h.sessions[id]
	if e == nil || e.tenant.id != t {
		return nil, ErrNotFound
	}
	return e, nil
}

// tenant returns the tenant of that name, or nil.
func (s *MemStore) tenant(t TenantID) *tenant {
	h := s.home(t)
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.tenants[t]
}

// lock returns the tenant of that name, locked, which find has found or made; nil if it
// returns nil. Call unlock with it.
func lock(name TenantID, find func(TenantID) *tenant) *tenant {
	for {
		t := find(name)
		if t == nil {
			return nil
		}
		t.mu.Lock()
		if !t.gone {
			return t
		}
		t.mu.Unlock()
	}
}

// newTenant returns the tenant of that name, and makes it if there is none.
func (s *MemStore) newTenant(name TenantID) *tenant {
	h := s.home(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tenants[name]
	if t == nil {
		if h.tenants == nil {
			h.tenants = make(map[TenantID]*tenant)
		}
		t = &tenant{id: TenantID(strings.Clone(string(name)))}
		h.tenants[t.id] = t
	}
	return t
}

// unlock unlocks a tenant, and drops it if nothing is left of it.
func (s *MemStore) unlock(t *tenant) {
	defer t.mu.Unlock()
	if t.gone || len(t.sessions.blocks) > 0 || len(t.visits.blocks) > 0 {
		return
	}
	t.gone = true
	h := s.home(t.id)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tenants, t.id)
}

// Create implements [Store].
func (s *MemStore) Create(ctx context.Context, n Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := n.Err(); err != nil {
		return err
	}
	t := lock(n.Tenant, s.newTenant)
	defer s.unlock(t)
	h := s.shard(n.ID)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.used(n.ID) {
		return ErrExists
	}
	e := t.entry(n)
	h.put(e)
	t.put(e)
	t.visited(e)
	t.forget(historyBefore(n.Created), 16) // more than come in
	return nil
}

func (h *shard) put(e *entry) {
	if h.sessions == nil {
		h.sessions = make(map[ID]*entry)
	}
	h.sessions[e.id] = e
	h.most = max(h.most, len(h.sessions))
}

// Find implements [Store]. It does not allocate.
func (s *MemStore) Find(ctx context.Context, t TenantID, id ID) (Session, error) {
	if err := ctx.Err(); err != nil {
		return Session{}, err
	}
	h := s.shard(id)
	h.mu.RLock()
	defer h.mu.RUnlock()
	e, err := h.find(t, id)
	if err != nil {
		return Session{}, err
	}
	return e.session(), nil
}

// Touch implements [Store].
func (s *MemStore) Touch(ctx context.Context, t TenantID, id ID, at time.Time, addr netip.Addr, c geo.Country) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h := s.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := h.find(t, id)
	switch {
	case err != nil:
		return err
	case !e.session().Live(at):
		return ErrEnded
	case instantOf(at) < e.seen: // it comes late
		return nil
	}
	e.seen = instantOf(at)
	if addr.IsValid() {
		e.addr, e.country = addr, c
	}
	return nil
}

// Purge implements [Store]. It drops visits, too, that are older than 90 days before the
// instant; they do not count.
func (s *MemStore) Purge(ctx context.Context, before time.Time, n int) (int, error) {
	purged, first := 0, int(s.hand.Load())
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return purged, err
		}
		if purged >= n {
			break
		}
		number := (first + i) % len(s.shards)
		s.hand.Store(uint32(number)) // it may have more, so the next call begins here
		h := &s.shards[number]
		s.forget(h, historyBefore(before))
		for _, e := range h.dead(before, n-purged) {
			if s.purge(e, before) {
				purged++
			}
		}
		h.shrink()
	}
	return purged, nil
}

// dead returns up to n sessions of h that were dead before an instant.
func (h *shard) dead(before time.Time, n int) []*entry {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var dead []*entry
	for _, e := range h.sessions {
		if len(dead) >= n {
			break
		}
		if e.session().deadBefore(before) {
			dead = append(dead, e)
		}
	}
	return dead
}

func (s Session) deadBefore(at time.Time) bool {
	end := s.EndsAt()
	return !end.IsZero() && end.Before(at)
}

// purge removes e, if it is still there and was dead before the instant: since it was
// found, it may have been touched, renewed or removed.
func (s *MemStore) purge(e *entry, before time.Time) bool {
	t := e.tenant
	t.mu.Lock()
	defer s.unlock(t)
	defer s.hold(e.id, e.began(), e.id)()
	h := s.shard(e.id)
	if h.sessions[e.id] != e || !e.session().deadBefore(before) {
		return false
	}
	delete(h.sessions, e.id)
	if e.first != nil {
		delete(s.shard(*e.first).firsts, *e.first)
	}
	t.remove(e)
	if e.visit != nil {
		e.visit.session = nil
	}
	return true
}

// shrink gives back the room of a map that has become mostly empty.
func (h *shard) shrink() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.most < 64 || len(h.sessions) > h.most/4 {
		return
	}
	sessions := make(map[ID]*entry, len(h.sessions))
	for id, e := range h.sessions {
		sessions[id] = e
	}
	h.sessions, h.most = sessions, len(sessions)
}
