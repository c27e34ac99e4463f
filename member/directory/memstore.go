package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// MemStore is a [Store] and a [Counter] in memory, for tests and for services of one
// process that may forget. The zero MemStore is empty and ready to use. It is safe for
// concurrent use and must not be copied. Accounts go in and out as copies.
type MemStore struct {
	mu      sync.Mutex
	tenants map[session.TenantID]*memTenant
	session.MemOutbox
}

type memTenant struct {
	accounts map[member.ID]Account
	logins   map[string]member.ID
	external map[string]member.ID
	supers   map[member.ID]bool // those who count
	roster   uint64
	events   []session.Event // in the order of writing
	known    map[string]bool // ids of events that came with changes
	failures map[member.ID]Failures
}

// NewMemStore returns an empty one.
func NewMemStore() *MemStore { return new(MemStore) }

// lock locks s and returns the tenant. If ctx has ended, nothing is locked. A tenant that
// nothing was written of is an empty one, which read forgets again and write keeps.
func (s *MemStore) lock(ctx context.Context, t session.TenantID, keep access) (*memTenant, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if m := s.tenants[t]; m != nil {
		return m, nil
	}
	m := &memTenant{
		accounts: make(map[member.ID]Account), logins: make(map[string]member.ID), external: make(map[string]member.ID), supers: make(map[member.ID]bool),
		known: make(map[string]bool), failures: make(map[member.ID]Failures),
	}
	if keep {
		if s.tenants == nil {
			s.tenants = make(map[session.TenantID]*memTenant)
		}
		s.tenants[t] = m
	}
	return m, nil
}

type access bool

const (
	read  access = false
	write access = true
)

// Load returns an account; see [Store].
func (s *MemStore) Load(ctx context.Context, t session.TenantID, id member.ID) (Account, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return Account{}, err
	}
	defer s.mu.Unlock()
	a, ok := m.accounts[id]
	if !ok {
		return Account{}, fmt.Errorf("directory: member %s: %w", quote(string(id)), session.ErrNotFound)
	}
	return a.Clone(), nil
}

// Save writes a change; see [Store].
func (s *MemStore) Save(ctx context.Context, c Change) error {
	a := c.Account.Clone()
	m, err := s.lock(ctx, a.Tenant, write)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if m.known[c.Event.ID] {
		return nil
	}
	old := m.accounts[a.ID]
	owner, used := m.logins[a.LoginID]
	switch {
	case old.Version != c.Expected && c.Expected == session.Version{}:
		return fmt.Errorf("directory: the id %s was used: %w", quote(string(a.ID)), session.ErrExists)
	case old.Version != c.Expected:
		return fmt.Errorf("directory: %s is at version %v and not at %v: %w", quote(string(a.ID)), old.Version, c.Expected, session.ErrConflict)
	case c.Guarded && m.roster != c.Roster:
		return fmt.Errorf("directory: the roster is at version %d and not at %d: %w", m.roster, c.Roster, session.ErrConflict)
	}
	if err := c.Follows(old); err != nil {
		return err
	}
	if used && owner != a.ID {
		return fmt.Errorf("directory: the login id %s is in use: %w", quote(a.LoginID), session.ErrExists)
	}
	for _, e := range a.External {
		if owner, used := m.external[e.ID]; used && owner != a.ID {
			return fmt.Errorf("directory: the external login %s is linked already: %w", quote(e.ID), session.ErrExists)
		}
	}
	s.PutWith(func() {
		m.accounts[a.ID] = a
		delete(m.logins, old.LoginID)
		if a.LoginID != "" {
			m.logins[a.LoginID] = a.ID
		}
		for _, e := range old.External {
			delete(m.external, e.ID)
		}
		for _, e := range a.External {
			m.external[e.ID] = a.ID
		}
		delete(m.supers, a.ID)
		if a.Counts() {
			m.supers[a.ID] = true
		}
		if c.Guarded {
			m.roster++
		}
		m.known[c.Event.ID] = true
		m.events = append(m.events, whole(c.Event))
	}, c.Orders...)
	return nil
}

// whole returns e so that it shares nothing with the caller's.
func whole(e session.Event) session.Event {
	e.At, e.Summary = e.At.Round(0), slices.Clone(e.Summary)
	return e
}

// Roster returns who of the super admins count; see [Store].
func (s *MemStore) Roster(ctx context.Context, t session.TenantID) (Roster, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return Roster{}, err
	}
	defer s.mu.Unlock()
	r := Roster{Version: m.roster}
	for id := range m.supers {
		r.Members = append(r.Members, id)
	}
	slices.Sort(r.Members)
	return r, nil
}

// List returns a page of accounts; see [Store].
func (s *MemStore) List(ctx context.Context, t session.TenantID, q Query) ([]Account, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var page []Account
	for _, a := range m.accounts {
		if q.Chooses(a) {
			page = append(page, a)
		}
	}
	slices.SortFunc(page, func(a, b Account) int { return strings.Compare(string(a.ID), string(b.ID)) })
	page = page[:min(len(page), q.Limit())]
	for i := range page {
		page[i] = page[i].Clone()
	}
	return page, nil
}

// Note writes an event; see [Store].
func (s *MemStore) Note(ctx context.Context, e session.Event) error {
	m, err := s.lock(ctx, e.Tenant, write)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	m.events = append(m.events, whole(e))
	return nil
}

// Forget removes old events; see [Store].
func (s *MemStore) Forget(ctx context.Context, t session.TenantID, before time.Time, n int) (int, error) {
	m, err := s.lock(ctx, t, write)
	if err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	gone := 0
	m.events = slices.DeleteFunc(m.events, func(e session.Event) bool {
		old := gone < n && e.At.Before(before)
		if old {
			gone++
			delete(m.known, e.ID)
		}
		return old
	})
	return gone, nil
}

// Events returns a page of events; see [session.Log].
func (s *MemStore) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []session.Event
	for _, e := range slices.Backward(m.events) {
		if (q.Actor == "" || e.Actor == q.Actor) && (q.Member == "" || e.Member == q.Member) && (q.Kind == "" || e.Kind == q.Kind) &&
			!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To)) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(e, f session.Event) int { return f.At.Compare(e.At) })
	found = found[min(max(q.Skip, 0), len(found)):]
	found = found[:min(len(found), Query{Max: q.Max}.Limit())]
	for i := range found {
		found[i] = whole(found[i])
	}
	return found, nil
}

// Count counts a check of a password; see [Counter].
func (s *MemStore) Count(ctx context.Context, t session.TenantID, id member.ID, g Guess) (Failures, error) {
	m, err := s.lock(ctx, t, write)
	if err != nil {
		return Failures{}, err
	}
	defer s.mu.Unlock()
	f := m.failures[id].After(g)
	if f == (Failures{}) {
		delete(m.failures, id)
	} else {
		m.failures[id] = f
	}
	return f, nil
}

// Failures returns those of a member; see [Counter].
func (s *MemStore) Failures(ctx context.Context, t session.TenantID, id member.ID) (Failures, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return Failures{}, err
	}
	defer s.mu.Unlock()
	return m.failures[id], nil
}

// Clear forgets those of a member; see [Counter].
func (s *MemStore) Clear(ctx context.Context, t session.TenantID, id member.ID) error {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	delete(m.failures, id)
	return nil
}

// Locked returns a page of who is locked; see [Counter].
func (s *MemStore) Locked(ctx context.Context, t session.TenantID, after member.ID, n int) ([]LockedMember, error) {
	m, err := s.lock(ctx, t, read)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var page []LockedMember
	for id, f := range m.failures {
		if !f.Locked.IsZero() && id > after && len(id) <= maxText {
			page = append(page, LockedMember{id, f.Locked})
		}
	}
	slices.SortFunc(page, func(a, b LockedMember) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return page[:min(len(page), Query{Max: n}.Limit())], nil
}
