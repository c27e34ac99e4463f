package policytest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// broken is a MemStore of which some methods are replaced.
type broken struct {
	*policy.MemStore
	load    func(context.Context, session.TenantID) (policy.Record, error)
	version func(context.Context, session.TenantID) (session.Version, error)
	save    saving
	take    func(ctx context.Context, n int) ([]session.Order, error) // nil: as it should be
	history func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error)
	earlier func(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error)
	watch   func(ctx context.Context, changed func(session.TenantID, session.Version)) error
	events  func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error)

	mu    sync.Mutex
	stray []session.Order       // orders that wait beside those of MemStore
	kept  map[any]policy.Record // what a mistake needs to remember
	used  map[string]session.Version
}

type saving = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error)

func newBroken() *broken {
	s := policy.NewMemStore()
	return &broken{
		MemStore: s, load: s.Load, version: s.Version, save: s.Save,
		history: s.History, earlier: s.Earlier, watch: s.Watch, events: s.Events,
		kept: make(map[any]policy.Record), used: make(map[string]session.Version),
	}
}

func (b *broken) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	return b.load(ctx, t)
}
func (b *broken) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	return b.version(ctx, t)
}
func (b *broken) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	return b.save(ctx, expected, r, e, orders)
}
func (b *broken) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	if b.take != nil {
		return b.take(ctx, n)
	}
	return b.MemStore.Take(ctx, n, lease)
}
func (b *broken) Waiting(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
	list, err := b.MemStore.Waiting(ctx, t, n)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.stray {
		if o.Tenant == t {
			list = append(list, o)
		}
	}
	return list, err
}
func (b *broken) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
	return b.history(ctx, t, before, n)
}
func (b *broken) Earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	return b.earlier(ctx, t, v)
}
func (b *broken) Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error {
	return b.watch(ctx, changed)
}
func (b *broken) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	return b.events(ctx, t, q)
}

// now is the version of a tenant, zero if it is missing.
func (b *broken) now(t session.TenantID) session.Version {
	v, _ := b.MemStore.Version(context.Background(), t)
	return v
}

// astray makes orders wait that no save has written.
func (b *broken) astray(orders []session.Order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stray = append(b.stray, orders...)
}

// loads makes b return records, and their versions, as f alters them.
func (b *broken) loads(f func(*policy.Record)) {
	b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
		r, err := b.MemStore.Load(ctx, t)
		if err == nil {
			f(&r)
		}
		return r, err
	}
	b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
		r, err := b.Load(ctx, t)
		return r.Version, err
	}
}

// saves makes b alter what is to be saved.
func (b *broken) saves(f func(r *policy.Record, e *session.Event, orders *[]session.Order)) {
	b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		f(&r, &e, &orders)
		return b.MemStore.Save(ctx, expected, r, e, orders)
	}
}

// maps makes b take the tenants that f makes alike for one.
func (b *broken) maps(f func(session.TenantID) session.TenantID) {
	b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
		r, err := b.MemStore.Load(ctx, f(t))
		if r.Tenant == f(t) {
			r.Tenant = t
		}
		return r, err
	}
	b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
		return b.MemStore.Version(ctx, f(t))
	}
	b.saves(func(r *policy.Record, _ *session.Event, _ *[]session.Order) { r.Tenant = f(r.Tenant) })
}

// onConflict makes b return something else where MemStore finds a conflict.
func (b *broken) onConflict(f saving) {
	b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		v, err := b.MemStore.Save(ctx, expected, r, e, orders)
		if errors.Is(err, session.ErrConflict) {
			return f(ctx, expected, r, e, orders)
		}
		return v, err
	}
}

// overwrites makes b keep what MemStore refuses, if f says so.
func (b *broken) overwrites(f func(r policy.Record, err error) bool) {
	b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		v, err := b.MemStore.Save(ctx, expected, r, e, orders)
		if err == nil || !f(r, err) {
			return v, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.kept[r.Tenant] = r
		return r.Version, nil
	}
	b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if r, ok := b.kept[t]; ok {
			return r.Clone(), ctx.Err()
		}
		return b.MemStore.Load(ctx, t)
	}
	b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
		r, err := b.Load(ctx, t)
		return r.Version, err
	}
}

// forgetful acknowledges each third save of a tenant and writes nothing.
func forgetful(b *broken) saving {
	return func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		if expected.Number%3 == 2 && ctx.Err() == nil && b.now(r.Tenant) == expected {
			return r.Version, nil
		}
		return b.MemStore.Save(ctx, expected, r, e, orders)
	}
}

// late makes b return the record before the last, when a save was made less than d ago,
// or longer ago than d.
func late(b *broken, is func(since time.Duration) bool) (load func(context.Context, session.TenantID) (policy.Record, error)) {
	at := make(map[session.TenantID]time.Time)
	b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		old, missing := b.MemStore.Load(ctx, r.Tenant)
		v, err := b.MemStore.Save(ctx, expected, r, e, orders)
		if err == nil && missing == nil && old.Version == expected {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.kept[r.Tenant], at[r.Tenant] = old, time.Now()
		}
		return v, err
	}
	return func(ctx context.Context, t session.TenantID) (policy.Record, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if old, ok := b.kept[t]; ok && is(time.Since(at[t])) {
			return old.Clone(), ctx.Err()
		}
		return b.MemStore.Load(ctx, t)
	}
}

var anyTime = context.Background()

type rows = []struct {
	why    string
	clause string // that must fail
	spoil  func(*broken)
}

var brokenStores = slices.Concat(brokenLoads, brokenSaves, brokenRepetitions, brokenPowers)
