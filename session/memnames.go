package session

import (
	"context"
	"errors"
	"slices"
	"time"
)

// The names of a session in a MemStore: the ID that it has, under which its client finds
// it, and the one that it began with.

// used reports whether a session has that ID or began with it. The shard must be locked.
func (h *shard) used(id ID) bool { return h.sessions[id] != nil || h.firsts[id] != nil }

// hold locks the shards of three IDs, in the order of their numbers, and returns what
// unlocks them.
func (s *MemStore) hold(a, b, c ID) (release func()) {
	numbers := [...]int{s.number(a), s.number(b), s.number(c)}
	slices.Sort(numbers[:])
	held := slices.Compact(numbers[:])
	for _, n := range held {
		s.shards[n].mu.Lock()
	}
	return func() {
		for _, n := range held {
			s.shards[n].mu.Unlock()
		}
	}
}

// Renew implements [Store].
func (s *MemStore) Renew(ctx context.Context, t TenantID, id, next ID, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if next.IsZero() {
		return errors.New("session: the zero ID names no session; draw one with NewToken")
	}
	home := lock(t, s.tenant)
	if home == nil {
		return ErrNotFound
	}
	defer s.unlock(home)
	h := s.shard(id)
	h.mu.RLock()
	e, err := h.find(t, id)
	h.mu.RUnlock()
	if err != nil {
		return err
	}
	first := e.began()
	defer s.hold(id, next, first)()
	switch {
	case !e.session().Live(at):
		return ErrEnded
	case s.shard(next).used(next):
		return ErrExists
	}
	if e.first == nil {
		e.first = &first
		of := s.shard(first)
		if of.firsts == nil {
			of.firsts = make(map[ID]*entry)
		}
		of.firsts[first] = e
	}
	delete(h.sessions, id)
	e.id, e.seen = next, max(e.seen, instantOf(at))
	s.shard(next).put(e)
	return nil
}

// named calls do with the session of a tenant that has that ID or began with it, its shard
// locked.
func (s *MemStore) named(t TenantID, id ID, do func(*entry)) error {
	h := s.shard(id)
	for {
		h.mu.Lock()
		e, err := h.find(t, id)
		if err == nil {
			do(e)
			h.mu.Unlock()
			return nil
		}
		if e = h.firsts[id]; e == nil || e.tenant.id != t {
			h.mu.Unlock()
			return ErrNotFound
		}
		now := e.id
		h.mu.Unlock()
		release := s.hold(id, now, now)
		if h.firsts[id] == e && e.id == now {
			do(e)
			release()
			return nil
		}
		release() // it was renewed meanwhile, or purged
	}
}

// End implements [Store].
func (s *MemStore) End(ctx context.Context, t TenantID, id ID, at time.Time, why string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.named(t, id, func(e *entry) { e.end(at, why) })
}

// only returns the session that began with q.First, if q names it.
func (s *MemStore) only(t TenantID, q Query) (page []Session) {
	s.named(t, q.First, func(e *entry) {
		placed := q.After == Cursor{} || comes(e.created, q.First, instantOf(q.After.Created), q.After.First)
		if found, ok := e.match(q); ok && found.First == q.First && placed && e.created >= instantOf(q.Since) {
			page = append(page, found)
		}
	})
	return page
}
