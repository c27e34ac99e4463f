package directorytest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/directory/directorytest"
	"github.com/sallyport-go/sallyport/session"
)

// brokenCounter is a counter of which some methods are replaced.
type brokenCounter struct {
	directory.Counter
	count  func(context.Context, session.TenantID, member.ID, directory.Guess) (directory.Failures, error)
	clear  func(context.Context, session.TenantID, member.ID) error
	locked func(context.Context, session.TenantID, member.ID, int) ([]directory.LockedMember, error)
}

func (b *brokenCounter) Count(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
	return b.count(ctx, t, id, g)
}
func (b *brokenCounter) Clear(ctx context.Context, t session.TenantID, id member.ID) error {
	return b.clear(ctx, t, id)
}
func (b *brokenCounter) Locked(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
	return b.locked(ctx, t, after, n)
}

func TestBrokenCountersFail(t *testing.T) {
	for _, row := range []struct {
		why    string
		breaks string
		with   func(*brokenCounter)
	}{
		{"counts nothing", "counted", func(b *brokenCounter) {
			b.count = func(context.Context, session.TenantID, member.ID, directory.Guess) (directory.Failures, error) {
				return directory.Failures{}, nil
			}
		}},
		{"forgets a lock by the right password", "counted", func(b *brokenCounter) {
			whole := b.count
			b.count = func(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
				if g.Right {
					b.clear(ctx, t, id)
				}
				return whole(ctx, t, id, g)
			}
		}},
		{"counts all members together", "each its own", func(b *brokenCounter) {
			whole := b.count
			b.count = func(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
				whole(ctx, t, "lee", g)
				return whole(ctx, t, id, g)
			}
		}},
		{"cuts ids", "of nobody", func(b *brokenCounter) {
			whole := b.count
			b.count = func(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
				return whole(ctx, t, id[:min(len(id), 256)], g)
			}
		}},
		{"refuses ids that no account can have", "of nobody", func(b *brokenCounter) {
			whole := b.count
			b.count = func(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
				if len(id) > 256 {
					return directory.Failures{}, errors.New("too long")
				}
				return whole(ctx, t, id, g)
			}
		}},
		{"clears the member of every tenant", "cleared", func(b *brokenCounter) {
			whole := b.clear
			b.clear = func(ctx context.Context, t session.TenantID, id member.ID) error {
				return errors.Join(whole(ctx, t, id), whole(ctx, "globex", id))
			}
		}},
		{"clears nothing", "cleared", func(b *brokenCounter) {
			b.clear = func(context.Context, session.TenantID, member.ID) error { return nil }
		}},
		{"reads, then writes", "at once", func(b *brokenCounter) {
			var mu sync.Mutex
			counts := map[member.ID]directory.Failures{}
			calls, second := 0, make(chan struct{})
			b.count = func(_ context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
				mu.Lock()
				calls++
				call, f := calls, counts[id]
				mu.Unlock()
				switch call {
				case 1:
					<-second
				case 2:
					close(second)
				}
				f = f.After(g)
				mu.Lock()
				defer mu.Unlock()
				counts[id] = f
				return f, nil
			}
		}},
		{"lists nobody", "locked", func(b *brokenCounter) {
			b.locked = func(context.Context, session.TenantID, member.ID, int) ([]directory.LockedMember, error) {
				return nil, nil
			}
		}},
		{"lists one more on each page", "locked", func(b *brokenCounter) {
			whole := b.locked
			b.locked = func(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
				return whole(ctx, t, after, n+1)
			}
		}},
		{"begins each page with the last of the one before", "locked", func(b *brokenCounter) {
			whole := b.locked
			b.locked = func(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
				return whole(ctx, t, after[:max(len(after)-1, 0)], n)
			}
		}},
		{"lists when the last wrong password came", "locked", func(b *brokenCounter) {
			whole := b.locked
			b.locked = func(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
				page, err := whole(ctx, t, after, n)
				for i := range page {
					page[i].Since = page[i].Since.Add(time.Second)
				}
				return page, err
			}
		}},
		{"lists another tenant's", "locked", func(b *brokenCounter) {
			whole := b.locked
			b.locked = func(ctx context.Context, _ session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
				return whole(ctx, "acme", after, n)
			}
		}},
		{"does not look at the context", "cancelled", func(b *brokenCounter) {
			b.clear = func(context.Context, session.TenantID, member.ID) error { return nil }
		}},
	} {
		if !directorytest.CounterBreaks(row.breaks, func() directory.Counter {
			m := directory.NewMemStore()
			b := &brokenCounter{m, m.Count, m.Clear, m.Locked}
			row.with(b)
			return b
		}) {
			t.Errorf("a counter that %s: the clause %q does not see it", row.why, row.breaks)
		}
	}
}
