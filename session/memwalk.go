package session

import (
	"bytes"
	"context"
	"iter"
	"math"
	"slices"
	"time"
)

// stride is for how many sessions at a time a walk holds the tenant's lock, for which
// creating and renewing wait.
const stride = 4096

// batch calls each with the sessions of one index that lie behind a place, in order, until
// it returns false or a stride is done, and reports whether there may be more. It never
// stops between sessions that were created at once, so an instant is a place.
func (t *tenant) batch(index *sorted[*entry], behind func(*entry) bool, each func(*entry) bool) (more bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, last := 0, never
	index.from(behind, func(e *entry) bool {
		if n >= stride && e.created != last {
			more = true
			return false
		}
		n, last = n+1, e.created
		return each(e)
	})
	return more
}

// index returns the shortest list that holds all sessions of a member or a device, and
// what is true of those that are in it before them; and whether a session is beyond them.
func (t *tenant) index(member MemberID, device string) (index *sorted[*entry], before, beyond func(*entry) bool) {
	switch {
	case device != "":
		return &t.devices, func(e *entry) bool { return e.device < device }, func(e *entry) bool { return e.device != device }
	case member != "":
		return &t.members, func(e *entry) bool { return e.member < member }, func(e *entry) bool { return e.member != member }
	}
	no := func(*entry) bool { return false }
	return &t.sessions, no, no
}

// EndAll implements [Store]. It looks at the context at the start only: once begun, it
// ends them all.
func (s *MemStore) EndAll(ctx context.Context, o Order, at time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if o.Kind != SignOut {
		return 0, nil
	}
	ended := 0
	end := func(e *entry) { // its shard is locked
		if e.ended == never && o.Ends(e.session()) && e.end(at, o.Reason()) {
			ended++
		}
	}
	if !o.Session.IsZero() {
		s.named(o.Tenant, o.Session, end)
		return ended, nil
	}
	t := s.tenant(o.Tenant)
	if t == nil {
		return 0, nil
	}
	index, before, beyond := t.index(o.Member, o.Device)
	last := instant(math.MaxInt64)
	for more := true; more; {
		behind := func(e *entry) bool { return before(e) || !beyond(e) && e.created >= last }
		more = t.batch(index, behind, func(e *entry) bool {
			if beyond(e) {
				return false
			}
			last = e.created
			h := s.shard(e.id)
			h.mu.Lock()
			defer h.mu.Unlock()
			end(e)
			return true
		})
	}
	return ended, nil
}

// List implements [Store].
func (s *MemStore) List(ctx context.Context, name TenantID, q Query) ([]Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !q.First.IsZero() {
		return s.only(name, q), nil
	}
	t := s.tenant(name)
	if t == nil {
		return nil, nil
	}
	if q.Max <= 0 || q.Max > MaxPage {
		q.Max = MaxPage
	}
	var page []Session
	index, before, beyond := t.index(q.Member, q.Device)
	since, after, id := instantOf(q.Since), instantOf(q.After.Created), q.After.First
	placed := q.After != Cursor{}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		behind := func(e *entry) bool {
			if before(e) || !placed || beyond(e) {
				return before(e)
			}
			return !comes(e.created, e.began(), after, id)
		}
		more = t.batch(index, behind, func(e *entry) bool {
			if beyond(e) || e.created < since {
				return false
			}
			placed, after, id = true, e.created, e.began()
			h := s.shard(e.id)
			h.mu.RLock()
			defer h.mu.RUnlock()
			if found, ok := e.match(q); ok {
				page = append(page, found)
			}
			return len(page) < q.Max
		})
	}
	return page, nil
}

// comes reports whether a session comes after a place in a list.
func comes(created instant, first ID, after instant, place ID) bool {
	return created < after || created == after && bytes.Compare(first[:], place[:]) < 0
}

// match returns the session if q names it, but for its place in the list. The shard must
// be locked.
func (e *entry) match(q Query) (Session, bool) {
	if q.Member != "" && q.Member != e.member || q.Device != "" && q.Device != e.device ||
		q.Clients != 0 && !q.Clients.Has(e.stamp.Client) || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.kind) {
		return Session{}, false
	}
	found := e.session()
	return found, q.LiveAt.IsZero() || found.Live(q.LiveAt)
}

// Visits implements [Visitor].
func (s *MemStore) Visits(ctx context.Context, name TenantID, member MemberID, since time.Time) iter.Seq2[Visit, error] {
	return func(yield func(Visit, error) bool) {
		var last *visit
		for more := true; more; {
			var page []Visit
			if t := s.tenant(name); t != nil {
				page, last = t.visitsBehind(last, member, instantOf(since), 256)
			}
			more = len(page) == 256
			for _, v := range page { // with no lock held
				if err := ctx.Err(); err != nil {
					yield(Visit{}, err)
					return
				}
				if !yield(v, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Visit{}, err)
		}
	}
}

// visitsBehind returns up to n visits behind one, or from the newest if that is nil, and
// the last of them.
func (t *tenant) visitsBehind(last *visit, member MemberID, since instant, n int) ([]Visit, *visit) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	index, compare := &t.visits, newestVisit
	if member != "" {
		index, compare = &t.memberVisits, memberNewestVisit
	}
	behind := func(v *visit) bool {
		if last == nil {
			return v.member < member && member != ""
		}
		return compare(v, last) <= 0
	}
	var page []Visit
	index.from(behind, func(v *visit) bool {
		if v.at < since || member != "" && v.member != member {
			return false
		}
		page, last = append(page, v.visit(t.id)), v
		return len(page) < n
	})
	return page, last
}

// forget drops the visits before an instant of the tenants that h is the home of.
func (s *MemStore) forget(h *shard, before instant) {
	h.mu.RLock()
	tenants := make([]*tenant, 0, len(h.tenants))
	for _, t := range h.tenants {
		tenants = append(tenants, t)
	}
	h.mu.RUnlock()
	for _, t := range tenants {
		t.mu.RLock()
		v, ok := t.visits.last()
		t.mu.RUnlock()
		if ok && v.at < before {
			t.mu.Lock()
			t.forget(before, math.MaxInt)
			s.unlock(t)
		}
	}
}

// historyBefore returns where the history ends that is kept at an instant. A clock that is
// ahead must not wipe it, so the instant counts no further than this machine's own.
func historyBefore(at time.Time) instant {
	if now := time.Now(); at.After(now) {
		at = now
	}
	return instantOf(at.Add(-History))
}
