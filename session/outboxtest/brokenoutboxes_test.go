package outboxtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// broken is an Outbox of which some methods are replaced.
type broken struct {
	*session.MemOutbox
	put     func(...session.Order)
	take    func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error)
	done    func(ctx context.Context, id string) error
	failed  func(ctx context.Context, id string, wait time.Duration, park bool, why string) error
	waiting func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error)
}

func newBroken() *broken {
	box := session.NewMemOutbox()
	return &broken{box, box.Put, box.Take, box.Done, box.Failed, box.Waiting}
}

func (b *broken) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	return b.take(ctx, n, lease)
}
func (b *broken) Done(ctx context.Context, id string) error { return b.done(ctx, id) }
func (b *broken) Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
	return b.failed(ctx, id, wait, park, why)
}
func (b *broken) Waiting(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
	return b.waiting(ctx, t, n)
}

// change returns a list of which each order went through f.
func change(list []session.Order, err error, f func(*session.Order)) ([]session.Order, error) {
	for i := range list {
		f(&list[i])
	}
	return list, err
}

var brokenOutboxes = []struct {
	why    string
	clause string // that must fail
	spoil  func(*broken)
}{
	{"loses orders", "contents", func(b *broken) { b.put = func(...session.Order) {} }},
	{"loses an order of several", "waiting/not-done", func(b *broken) {
		b.put = func(o ...session.Order) { b.Put(o[:(len(o)+1)/2]...) }
	}},
	{"stores an order twice", "take/due", func(b *broken) {
		b.put = func(orders ...session.Order) {
			b.Put(orders...)
			for _, o := range orders {
				o.ID += "-again"
				b.Put(o)
			}
		}
	}},
	{"keeps instants to the second", "contents", func(b *broken) {
		b.put = func(orders ...session.Order) {
			for _, o := range orders {
				o.At = o.At.Truncate(time.Second)
				b.Put(o)
			}
		}
	}},
	{"keeps numbers as floating point", "contents", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			return change(list, err, func(o *session.Order) { o.Membership.Number = uint64(float64(o.Membership.Number)) })
		}
	}},
	{"forgets the device", "contents", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			return change(list, err, func(o *session.Order) { o.Device = "" })
		}
	}},
	{"takes whatever the context says", "context", func(b *broken) {
		b.take = func(_ context.Context, n int, lease time.Duration) ([]session.Order, error) {
			return b.MemOutbox.Take(context.Background(), n, lease)
		}
	}},
	{"is done whatever the context says", "context", func(b *broken) {
		b.done = func(_ context.Context, id string) error { return b.MemOutbox.Done(context.Background(), id) }
	}},
	{"counts a failure and returns the context's error", "context", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			return errors.Join(b.MemOutbox.Failed(context.Background(), id, wait, park, why), ctx.Err())
		}
	}},
	{"lists whatever the context says", "context", func(b *broken) {
		b.waiting = func(_ context.Context, t session.TenantID, n int) ([]session.Order, error) {
			return b.MemOutbox.Waiting(context.Background(), t, n)
		}
	}},
	{"calls a passed deadline a cancelled context", "context", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			if err != nil {
				err = context.Canceled
			}
			return list, err
		}
	}},
	{"takes one more than asked", "take/due", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			return b.MemOutbox.Take(ctx, n+1, lease)
		}
	}},
	{"takes no more than ten", "take/due", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			return b.MemOutbox.Take(ctx, min(n, 1), lease)
		}
	}},
	{"takes nothing", "take/due", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) { return nil, ctx.Err() }
	}},
	{"takes what is not due", "take/stored", func(b *broken) {
		b.put = func(orders ...session.Order) {
			for _, o := range orders {
				o.Due = time.Time{}
				b.Put(o)
			}
		}
	}},
	{"parks what is stored for later", "take/stored", func(b *broken) {
		b.put = func(orders ...session.Order) {
			for _, o := range orders {
				b.Put(o)
				if !o.Due.IsZero() {
					b.MemOutbox.Failed(context.Background(), o.ID, 0, true, "")
				}
			}
		}
	}},
	{"takes the parked ones", "take/parked", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, _ bool, why string) error {
			return b.MemOutbox.Failed(ctx, id, wait, false, why)
		}
	}},
	{"is held up by what is parked", "take/parked", func(b *broken) {
		parked := false
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			parked = parked || park
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			if parked {
				return nil, ctx.Err()
			}
			return b.MemOutbox.Take(ctx, n, lease)
		}
	}},
	{"takes of one tenant at a time", "take/any-tenant", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			return slices.DeleteFunc(list, func(o session.Order) bool { return o.Tenant != list[0].Tenant }), err
		}
	}},
	{"takes by id", "take/longest-first", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, 1000, 0)
			slices.SortFunc(list, func(x, y session.Order) int { return strings.Compare(x.ID, y.ID) })
			list = list[:min(max(n, 0), len(list))]
			for _, o := range list {
				b.MemOutbox.Failed(context.Background(), o.ID, lease, false, "")
			}
			return list, err
		}
	}},
	{"takes the oldest first, though it failed a moment ago", "take/longest-first", func(b *broken) {
		b.put = func(orders ...session.Order) {
			for _, o := range orders {
				o.Due = time.Unix(1, 0)
				b.Put(o)
			}
		}
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			if wait == 0 {
				wait = -time.Hour
			}
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, 1000, 0)
			slices.SortFunc(list, func(x, y session.Order) int { return x.At.Compare(y.At) })
			for i, o := range list {
				if i < n {
					b.MemOutbox.Failed(ctx, o.ID, lease, false, "")
				}
			}
			return list[:min(max(n, 0), len(list))], err
		}
	}},
	{"takes without lease", "take/defers", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			return b.MemOutbox.Take(ctx, n, 0)
		}
	}},
	{"reads what is due and leases it afterwards", "take/concurrent", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, 0)
			time.Sleep(time.Microsecond)
			for _, o := range list {
				b.MemOutbox.Failed(ctx, o.ID, lease, false, "")
			}
			return list, err
		}
	}},
	{"takes only what comes after what it took before", "take/while-putting", func(b *broken) {
		last := ""
		var mu sync.Mutex
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			mu.Lock()
			defer mu.Unlock()
			list = slices.DeleteFunc(list, func(o session.Order) bool { return o.ID < last })
			for _, o := range list {
				last = max(last, o.ID)
			}
			return list, err
		}
	}},
	{"never takes twice", "take/again", func(b *broken) {
		took := make(map[string]bool)
		var mu sync.Mutex
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			mu.Lock()
			defer mu.Unlock()
			list = slices.DeleteFunc(list, func(o session.Order) bool { return took[o.ID] })
			for _, o := range list {
				took[o.ID] = true
			}
			return list, err
		}
	}},
	{"counts a take as a failure", "take/again", func(b *broken) {
		took := make(map[string]int)
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			return change(list, err, func(o *session.Order) { o.Tries += took[o.ID]; took[o.ID]++ })
		}
	}},
	{"takes when the giver's clock says so", "take/own-time", func(b *broken) {
		b.put = func(orders ...session.Order) {
			for _, o := range orders {
				if o.Due.IsZero() {
					o.Due = o.At
				}
				b.Put(o)
			}
		}
	}},
	{"does nothing when done", "done/removes", func(b *broken) { b.done = func(ctx context.Context, _ string) error { return ctx.Err() } }},
	{"parks what is done", "done/removes", func(b *broken) {
		b.done = func(ctx context.Context, id string) error { return b.MemOutbox.Failed(ctx, id, 0, true, "done") }
	}},
	{"does not remove what is parked", "done/removes", func(b *broken) {
		parked := make(map[string]bool)
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			parked[id] = park
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
		b.done = func(ctx context.Context, id string) error {
			if parked[id] {
				return nil
			}
			return b.MemOutbox.Done(ctx, id)
		}
	}},
	{"fails where there is nothing to remove", "done/none", func(b *broken) {
		gone := make(map[string]bool)
		b.done = func(ctx context.Context, id string) error {
			if gone[id] {
				return session.ErrNotFound
			}
			gone[id] = true
			return b.MemOutbox.Done(ctx, id)
		}
	}},
	{"takes an id for a pattern", "done/none", func(b *broken) {
		b.done = func(ctx context.Context, id string) error {
			if begin, ok := strings.CutSuffix(id, "%"); ok {
				b.MemOutbox.Done(ctx, begin+"0")
				b.MemOutbox.Done(ctx, begin+"1")
			}
			return b.MemOutbox.Done(ctx, id)
		}
	}},
	{"does not count", "failed/counts", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			return change(list, err, func(o *session.Order) { o.Tries = min(o.Tries, 1) })
		}
	}},
	{"hides the count from who takes", "failed/counts", func(b *broken) {
		b.take = func(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
			list, err := b.MemOutbox.Take(ctx, n, lease)
			return change(list, err, func(o *session.Order) { o.Tries = 0 })
		}
	}},
	{"tries again at once", "failed/defers", func(b *broken) {
		b.failed = func(ctx context.Context, id string, _ time.Duration, park bool, why string) error {
			return b.MemOutbox.Failed(ctx, id, 0, park, why)
		}
	}},
	{"keeps the lease of what failed", "failed/defers", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			return b.MemOutbox.Failed(ctx, id, max(wait, 24*time.Hour), park, why)
		}
	}},
	{"does nothing when a delivery failed", "failed/parks", func(b *broken) {
		b.failed = func(ctx context.Context, _ string, _ time.Duration, _ bool, _ string) error { return ctx.Err() }
	}},
	{"removes what is parked", "failed/parks", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			if park {
				return b.MemOutbox.Done(ctx, id)
			}
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
	}},
	{"keeps no reason", "failed/why", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			return b.MemOutbox.Failed(ctx, id, wait, park, "")
		}
	}},
	{"keeps 100 bytes of the reason", "failed/why", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			return b.MemOutbox.Failed(ctx, id, wait, park, why[:min(len(why), 100)])
		}
	}},
	{"keeps the whole reason", "failed/why", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			return change(list, err, func(o *session.Order) { o.Err += strings.Repeat("x", len(o.Err)/500) })
		}
	}},
	{"refuses a reason that its database refuses, so that the order comes at once and for ever", "failed/why", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			if strings.Contains(why, "\x00") {
				return errors.New(`invalid byte sequence for encoding "UTF8": 0x00`)
			}
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
	}},
	{"fails where there is nothing that failed", "failed/none", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			if list, _ := b.MemOutbox.Waiting(ctx, "acme", 100); !slices.ContainsFunc(list, func(o session.Order) bool { return o.ID == id }) {
				return session.ErrNotFound
			}
			return b.MemOutbox.Failed(ctx, id, wait, park, why)
		}
	}},
	{"fails another order where there is none", "failed/none", func(b *broken) {
		b.failed = func(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
			return b.MemOutbox.Failed(ctx, strings.ToLower(id), wait, park, why)
		}
	}},
	{"lists what is done", "waiting/not-done", func(b *broken) {
		b.done = func(ctx context.Context, id string) error { return b.MemOutbox.Failed(ctx, id, 0, true, "done") }
	}},
	{"lists those of tenants in another case", "waiting/tenant", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			if up := session.TenantID(strings.ToUpper(string(t))); up != t {
				more, _ := b.MemOutbox.Waiting(ctx, up, n)
				list = append(list, more...)
			}
			return list, err
		}
	}},
	{"takes a tenant without the blanks at its end", "waiting/tenant", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			return b.MemOutbox.Waiting(ctx, session.TenantID(strings.TrimRight(string(t), " ")), n)
		}
	}},
	{"lists newest first", "waiting/oldest-first", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			slices.Reverse(list)
			return list, err
		}
	}},
	{"lists by when they are due", "waiting/oldest-first", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			slices.SortFunc(list, func(x, y session.Order) int { return x.Due.Compare(y.Due) })
			return list, err
		}
	}},
	{"lists all, however many are asked for", "waiting/oldest-first", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			return b.MemOutbox.Waiting(ctx, t, 1000)
		}
	}},
	{"does not list what is parked", "waiting/all", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			return slices.DeleteFunc(list, func(o session.Order) bool { return o.Parked }), err
		}
	}},
	{"does not list what is taken", "waiting/all", func(b *broken) {
		b.waiting = func(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
			list, err := b.MemOutbox.Waiting(ctx, t, n)
			return slices.DeleteFunc(list, func(o session.Order) bool { return o.Tries == 0 && o.Due.After(time.Now()) }), err
		}
	}},
}
