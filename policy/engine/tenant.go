package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// tenant is the place of a tenant in the cache.
type tenant struct {
	id session.TenantID
	place[snapshot]
	taking sync.Mutex // so that what is kept and what is noted of its return are of one record
}

// snapshot is a record as decisions need it. It does not change.
type snapshot struct {
	version session.Version
	plan    policy.Plan
	policy  *policy.Policy // nil: the tenant was removed
	cuts    session.Cuts
	members map[member.ID]session.Cuts
	draft   *policy.Policy
	ends    bool      // something in it depends on the time
	back    *snapshot // what holds from backAt on; nil: this one stays
	backAt  time.Time
	read    moment // when the store was asked
}

var (
	errRegression  = errors.New("engine: the store has an older version than was seen before; if a backup was restored, draw a new line with NewLine")
	errWrongTenant = errors.New("engine: what was found belongs to another tenant")
	errCorrupt     = errors.New("engine: the record is corrupt")
	errOutdated    = errors.New("engine: the store has another version than the copy, and does not give it")
)

// answered reports whether an error is an answer of the store, rather than none.
func answered(err error) bool {
	for _, answer := range []error{session.ErrNotFound, errRegression, errCorrupt, errWrongTenant, errOutdated} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

func (s snapshot) at() (session.Version, moment) { return s.version, s.read }

// now returns the snapshot that holds at an instant, for a session of that stamp: one that
// was admitted by the return has seen the instant pass on another machine.
func (s *snapshot) now(at time.Time, stamped session.Version) *snapshot {
	if s.back != nil && (!at.Before(s.backAt) || stamped == s.back.version) {
		return s.back
	}
	return s
}

// reread returns s as it is after the store said at a moment that it is still the one.
func (s snapshot) reread(m moment) *snapshot {
	s.read = m
	if s.back != nil {
		s.back = s.back.reread(m)
	}
	return &s
}

func (e *Engine) tenant(id session.TenantID) *tenant {
	hash := e.tenantHash(id)
	if t := e.tenants.get(hash, id); t != nil {
		return t
	}
	return e.tenants.getOrPut(hash, id, func(t *tenant) *use {
		t.id, t.due, t.key = id, e.aging(hash), hash
		return &t.use
	})
}

// forget empties an evicted tenant, so that whoever still holds it asks the cache again.
func (t *tenant) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.copy.Store(nil)
	t.last = nil
}

// renew makes the copy one that was read at began, when the store still had that version.
// If another has taken its place meanwhile, it returns that; if a later version was seen,
// as that of a save whose own reading failed, nil: what the store told is too old, or lost.
func (t *tenant) renew(seen *seen, s *snapshot, began moment) *snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !seen.note(t.key, s.version) {
		return nil
	}
	again := s.reread(began)
	was := t.copy.Load()
	switch {
	case was == nil: // it was evicted
		return again
	case was.version != s.version, was.read.mono > began.mono:
		return was
	}
	t.copy.Store(again)
	return again
}

// snapshot compiles a record that was read when began.
func (e *Engine) snapshot(r policy.Record, began moment) (*snapshot, error) {
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	s := &snapshot{version: r.Version, plan: r.Plan, cuts: r.Cuts, members: r.MemberCuts, read: began}
	if r.Deleted {
		return s, nil
	}
	var err error
	if s.policy, err = policy.CompileStored(r.Settings, &e.profile, e.o.Locator); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	s.ends = r.Return != nil || r.Draft != nil || len(endsAfter(r.Settings, time.Time{})) > 0
	if r.Draft != nil {
		s.draft, _ = policy.CompileStored(r.Draft.Settings, &e.profile, e.o.Locator) // one that cannot be understood is not tried
	}
	if r.Return != nil {
		back := r.Now(r.Return.At)
		if s.back, err = e.snapshot(back, began); err != nil {
			return nil, err
		}
		s.backAt = r.Return.At
	}
	return s, nil
}

// reader returns what reads t: it asks the store for the version, and for the record if
// the copy is of another one.
func (e *Engine) reader(t *tenant) reader[snapshot] {
	return func(ctx context.Context) (*snapshot, error) {
		s, err := e.read(ctx, t)
		if errors.Is(err, session.ErrNotFound) || err != nil && t.copy.Load() == nil {
			e.tenants.remove(t.key, t.id, t) // whoever asks for what is not there must not fill the cache
		}
		return s, err
	}
}

func (e *Engine) read(ctx context.Context, t *tenant) (*snapshot, error) {
	s := t.copy.Load()
	if s == nil {
		s, _, err := e.full(ctx, t, time.Now())
		return s, err
	}
	began := e.clock.look()
	v, err := e.store.Version(ctx, t.id)
	switch {
	case err != nil:
		return nil, err
	case v == s.version:
		if again := t.renew(e.seen, s, began); again != nil {
			return again, nil
		}
	}
	if s, _, err = e.full(ctx, t, time.Now()); err != nil {
		err = fmt.Errorf("%w: %w", errOutdated, err)
	}
	return s, err
}

// full reads the whole record. What was seen of a later version while it was being read
// makes it read once more; then the store has gone back.
func (e *Engine) full(ctx context.Context, t *tenant, began time.Time) (*snapshot, policy.Record, error) {
	for again := false; ; again = true {
		r, err := e.store.Load(ctx, t.id)
		if err != nil {
			return nil, r, err
		}
		s, err := e.take(t, r, began)
		if err == nil || again || !errors.Is(err, errRegression) {
			if err != nil {
				e.alarm(t.id, "", err)
			}
			return s, r, err
		}
		began = time.Now()
	}
}

// take makes a record that the store had at began the copy of t.
func (e *Engine) take(t *tenant, r policy.Record, began time.Time) (*snapshot, error) {
	if r.Tenant != t.id {
		return nil, errWrongTenant
	}
	s, err := e.snapshot(r, e.clock.moment(began))
	if err != nil {
		return nil, err
	}
	t.taking.Lock()
	defer t.taking.Unlock()
	was := t.copy.Load()
	kept, moved, err := t.keep(e.seen, s)
	switch {
	case err != nil:
		return nil, err
	case moved:
		return e.take(e.tenant(t.id), r, began)
	case kept == s:
		e.noteReturn(r)
		if err := apart(was, r, time.Now()); err != nil {
			e.alarm(t.id, "", err)
		}
	}
	return kept, nil
}

// apart returns an error if a record that was read by now was saved by a clock that is far
// from the one here; was is the copy of before. Ends and provisional saves are over when
// each machine's own clock says so, and the first takes a save back for all. That the clock
// here is ahead shows only where it read the version before, after the save as it says.
func apart(was *snapshot, r policy.Record, now time.Time) error {
	if r.At.IsZero() || strings.HasPrefix(r.Save, returned) { // which is of its instant, whenever it was written
		return nil
	}
	by := r.At.Sub(now)
	if was != nil && was.version.Line == r.Version.Line && was.version.Number < r.Version.Number {
		by = max(by, time.Unix(0, was.read.wall).Sub(r.At))
	}
	if by <= skew {
		return nil
	}
	return fmt.Errorf("engine: clocks are apart by %v or more: that of this machine and that of the one which saved version %v, unless the save took so long", by.Round(time.Second), r.Version)
}

// current returns the copy of t that the store has at this moment. Where the store does
// not answer, a copy that is not stale will do.
func (e *Engine) current(ctx context.Context, t *tenant) (*snapshot, error) {
	return t.latest(ctx, e, e.reader(t))
}
