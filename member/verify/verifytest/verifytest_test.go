package verifytest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/member/verify/verifytest"
	"github.com/sallyport-go/sallyport/session"
)

// A broken store is one in memory, with what it breaks.
type broken struct {
	*verify.MemStore
	load  func(ctx context.Context, t session.TenantID, m member.ID) (verify.Record, error)
	save  func(ctx context.Context, expected string, r verify.Record) error
	purge func(ctx context.Context, at time.Time, n int) (int, error)
}

func (b *broken) Load(ctx context.Context, t session.TenantID, m member.ID) (verify.Record, error) {
	if b.load != nil {
		return b.load(ctx, t, m)
	}
	return b.MemStore.Load(ctx, t, m)
}

func (b *broken) Save(ctx context.Context, expected string, r verify.Record) error {
	if b.save != nil {
		return b.save(ctx, expected, r)
	}
	return b.MemStore.Save(ctx, expected, r)
}

func (b *broken) Purge(ctx context.Context, at time.Time, n int) (int, error) {
	if b.purge != nil {
		return b.purge(ctx, at, n)
	}
	return b.MemStore.Purge(ctx, at, n)
}

// check compares and saves in two steps, as a store does that has no transaction.
func (b *broken) inTwoSteps(ctx context.Context, expected string, r verify.Record) error {
	old, err := b.MemStore.Load(ctx, r.Tenant, r.Member)
	if ctx.Err() != nil {
		return err
	}
	if old.Revision != expected {
		return session.ErrConflict
	}
	runtime.Gosched()
	time.Sleep(time.Millisecond) // for the others
	now, _ := b.MemStore.Load(ctx, r.Tenant, r.Member)
	return b.MemStore.Save(ctx, now.Revision, r)
}

func TestBrokenStoresAreFound(t *testing.T) {
	for _, row := range []struct {
		why, check string
		breaks     func(*broken)
	}{
		{"none is an empty record", "nobody", func(b *broken) {
			b.load = func(ctx context.Context, t session.TenantID, m member.ID) (verify.Record, error) {
				r, err := b.MemStore.Load(ctx, t, m)
				if err == session.ErrNotFound {
					err = nil
				}
				return r, err
			}
		}},
		{"seconds only", "kept", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				r = r.Clone()
				for i := range r.Tries {
					r.Tries[i] = r.Tries[i].Truncate(time.Second)
				}
				return b.MemStore.Save(ctx, expected, r)
			}
		}},
		{"a field is forgotten", "kept", func(b *broken) {
			b.load = func(ctx context.Context, t session.TenantID, m member.ID) (verify.Record, error) {
				r, err := b.MemStore.Load(ctx, t, m)
				for i := range r.Attempts {
					r.Attempts[i].Tries = 0
				}
				return r, err
			}
		}},
		{"a first record replaces what is there", "create once", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				if old, err := b.MemStore.Load(ctx, r.Tenant, r.Member); err == nil && expected == "" {
					expected = old.Revision
				}
				return b.MemStore.Save(ctx, expected, r)
			}
		}},
		{"the last writer wins", "replace what was expected", func(b *broken) {
			b.save = func(ctx context.Context, _ string, r verify.Record) error {
				old, _ := b.MemStore.Load(ctx, r.Tenant, r.Member)
				return b.MemStore.Save(ctx, old.Revision, r)
			}
		}},
		{"compared as a database pads", "replace what was expected", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				return b.MemStore.Save(ctx, strings.TrimSpace(expected), r)
			}
		}},
		{"joined keys", "members apart", func(b *broken) {
			whole := map[string]verify.Record{}
			b.load = func(_ context.Context, t session.TenantID, m member.ID) (verify.Record, error) {
				r, ok := whole[string(t)+string(m)]
				if !ok {
					return r, session.ErrNotFound
				}
				return r.Clone(), nil
			}
			b.save = func(_ context.Context, expected string, r verify.Record) error {
				key := string(r.Tenant) + string(r.Member)
				if whole[key].Revision != expected {
					return session.ErrConflict
				}
				whole[key] = r.Clone()
				return nil
			}
		}},
		{"a collation without case", "members apart", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				r.Tenant, r.Member = session.TenantID(strings.ToLower(string(r.Tenant))), member.ID(strings.ToLower(string(r.Member)))
				return b.MemStore.Save(ctx, expected, r)
			}
		}},
		{"what is kept is handed out", "copies", func(b *broken) {
			kept := map[member.ID]verify.Record{}
			b.load = func(_ context.Context, _ session.TenantID, m member.ID) (verify.Record, error) { return kept[m], nil }
			b.save = func(_ context.Context, _ string, r verify.Record) error {
				kept[r.Member] = r
				return nil
			}
		}},
		{"two steps", "one wins", func(b *broken) { b.save = b.inTwoSteps }},
		{"two steps, as it shows", "spent once", func(b *broken) { b.save = b.inTwoSteps }},
		{"the context is not looked at", "context", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				return b.MemStore.Save(context.WithoutCancel(ctx), expected, r)
			}
		}},
		{"written, and the context returned", "context", func(b *broken) {
			b.save = func(ctx context.Context, expected string, r verify.Record) error {
				if err := b.MemStore.Save(context.WithoutCancel(ctx), expected, r); err != nil {
					return err
				}
				return ctx.Err()
			}
		}},
		{"purged too early", "purge", func(b *broken) {
			b.purge = func(ctx context.Context, at time.Time, n int) (int, error) {
				return b.MemStore.Purge(ctx, at.Add(time.Microsecond), n)
			}
		}},
		{"purged too late", "purge", func(b *broken) {
			b.purge = func(ctx context.Context, at time.Time, n int) (int, error) {
				return b.MemStore.Purge(ctx, at.Add(-time.Microsecond), n)
			}
		}},
		{"purged without measure", "purge", func(b *broken) {
			b.purge = func(ctx context.Context, at time.Time, _ int) (int, error) {
				return b.MemStore.Purge(ctx, at, 1000)
			}
		}},
	} {
		b := &broken{MemStore: verify.NewMemStore()}
		row.breaks(b)
		if err, found := verifytest.Check(t.Context(), row.check, b); !found {
			t.Errorf("%s: there is no check %q", row.why, row.check)
		} else if err == nil {
			t.Errorf("%s: the check %q does not see it", row.why, row.check)
		}
		if err, _ := verifytest.Check(t.Context(), row.check, verify.NewMemStore()); err != nil {
			t.Errorf("the check %q finds in a store that works: %v", row.check, err)
		}
	}
}
