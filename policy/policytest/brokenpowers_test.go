package policytest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

var brokenPowers = rows{
	{"tells history oldest first", "history/newest-first", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			slices.Reverse(list)
			return list, err
		}
	}},
	{"tells history by number", "history/newest-first", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			slices.SortFunc(list, func(x, y policy.Past) int { return int(y.Record.Version.Number) - int(x.Record.Version.Number) })
			return list, err
		}
	}},
	{"tells all of history", "history/newest-first", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, _ int) ([]policy.Past, error) {
			return b.MemStore.History(ctx, t, before, 1000)
		}
	}},
	{"tells history of others", "history/newest-first", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			more, _ := b.MemStore.History(ctx, "acme", before, n-len(list))
			return append(list, more...), err
		}
	}},
	{"begins history with the save named", "history/before", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			if p, e := b.MemStore.Earlier(ctx, t, before); e == nil {
				list = append([]policy.Past{p}, list...)
			}
			return list, err
		}
	}},
	{"takes lower numbers for older saves", "history/before", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, session.Version{}, 1000)
			list = slices.DeleteFunc(list, func(p policy.Past) bool {
				return before != session.Version{} && p.Record.Version.Number >= before.Number
			})
			return list[:min(max(n, 0), len(list))], err
		}
	}},
	{"begins history anew for each page", "history/before", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, _ session.Version, n int) ([]policy.Past, error) {
			return b.MemStore.History(ctx, t, session.Version{}, n)
		}
	}},
	{"does not find the history of a missing tenant", "history/missing", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			if len(list) == 0 && err == nil && n > 0 {
				err = session.ErrNotFound
			}
			return list, err
		}
	}},
	{"tells history without events", "history/past", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			for i := range list {
				list[i].Event = session.Event{}
			}
			return list, err
		}
	}},
	{"tells history with the settings of now", "history/past", func(b *broken) {
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			list, err := b.MemStore.History(ctx, t, before, n)
			for i := range list {
				list[i].Record.Settings = list[0].Record.Settings
			}
			return list, err
		}
	}},
	{"tells history whatever the context says", "history/context", func(b *broken) {
		b.history = func(_ context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
			return b.MemStore.History(anyTime, t, before, n)
		}
	}},
	{"finds earlier saves whatever the context says", "history/context", func(b *broken) {
		b.earlier = func(_ context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
			return b.MemStore.Earlier(anyTime, t, v)
		}
	}},
	{"takes the record of now for an earlier one", "earlier", func(b *broken) {
		b.earlier = func(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
			p, err := b.MemStore.Earlier(ctx, t, v)
			if err == nil {
				p.Record, err = b.MemStore.Load(ctx, t)
			}
			return p, err
		}
	}},
	{"finds nothing without an error", "earlier", func(b *broken) {
		b.earlier = func(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
			p, err := b.MemStore.Earlier(ctx, t, v)
			if errors.Is(err, session.ErrNotFound) {
				err = nil
			}
			return p, err
		}
	}},
	{"finds earlier saves by number", "earlier", func(b *broken) {
		b.earlier = func(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
			p, err := b.MemStore.Earlier(ctx, t, v)
			if err != nil {
				p, err = b.MemStore.Earlier(ctx, t, session.Version{Line: v.Line - 1, Number: v.Number})
			}
			return p, err
		}
	}},
	{"tells of no save", "watch/tells", func(b *broken) {
		b.watch = func(ctx context.Context, _ func(session.TenantID, session.Version)) error {
			<-ctx.Done()
			return ctx.Err()
		}
	}},
	{"tells of the first save only", "watch/tells", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			var once sync.Once
			return b.MemStore.Watch(ctx, func(t session.TenantID, v session.Version) { once.Do(func() { changed(t, v) }) })
		}
	}},
	{"tells of the version before", "watch/tells", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			return b.MemStore.Watch(ctx, func(t session.TenantID, v session.Version) { v.Number--; changed(t, v) })
		}
	}},
	{"tells one that watches and not the other", "watch/tells", func(b *broken) {
		var one sync.Mutex
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			if !one.TryLock() {
				<-ctx.Done()
				return ctx.Err()
			}
			return b.MemStore.Watch(ctx, changed)
		}
	}},
	{"tells tenants without blanks", "watch/tells", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			return b.MemStore.Watch(ctx, func(t session.TenantID, v session.Version) {
				changed(session.TenantID(strings.TrimSpace(string(t))), v)
			})
		}
	}},
	{"ends a watch without an error", "watch/ends", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			b.MemStore.Watch(ctx, changed)
			return nil
		}
	}},
	{"returns and goes on telling", "watch/ends", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			on, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			go func() {
				defer cancel()
				b.MemStore.Watch(on, changed)
			}()
			<-ctx.Done()
			return ctx.Err()
		}
	}},
	{"tells of the first of several saves", "watch/closely", func(b *broken) {
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			var last time.Time
			return b.MemStore.Watch(ctx, func(t session.TenantID, v session.Version) {
				if time.Since(last) > 4*time.Millisecond {
					changed(t, v)
				}
				last = time.Now()
			})
		}
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			time.Sleep(time.Millisecond)
			return v, err
		}
	}},
	{"waits for who watches", "watch/blocks", func(b *broken) {
		var watching []func(session.TenantID, session.Version)
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			b.mu.Lock()
			watching = append(watching, changed)
			b.mu.Unlock()
			<-ctx.Done()
			return ctx.Err()
		}
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			b.mu.Lock()
			all := slices.Clone(watching)
			b.mu.Unlock()
			for _, changed := range all {
				changed(r.Tenant, v)
			}
			return v, err
		}
	}},
	{"waits for who watches when its queue is full", "watch/blocks", func(b *broken) {
		var queues []chan session.TenantID
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			queue := make(chan session.TenantID, 100)
			b.mu.Lock()
			queues = append(queues, queue)
			b.mu.Unlock()
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case t := <-queue:
					changed(t, b.now(t))
				}
			}
		}
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			b.mu.Lock()
			all := slices.Clone(queues)
			b.mu.Unlock()
			for _, queue := range all {
				select {
				case queue <- r.Tenant:
				case <-ctx.Done():
				}
			}
			return v, err
		}
	}},
	{"tells nobody while one blocks", "watch/blocks", func(b *broken) {
		var telling sync.Mutex
		b.watch = func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
			return b.MemStore.Watch(ctx, func(t session.TenantID, v session.Version) {
				for !telling.TryLock() {
					if time.Sleep(time.Millisecond); ctx.Err() != nil {
						return
					}
				}
				defer telling.Unlock()
				changed(t, v)
			})
		}
	}},
	{"tells events oldest first", "events", func(b *broken) {
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			list, err := b.MemStore.Events(ctx, t, q)
			slices.Reverse(list)
			return list, err
		}
	}},
	{"tells events of every actor", "events", func(b *broken) { b.events = asking(b, func(q *session.EventQuery) { q.Actor = "" }) }},
	{"tells events to every member", "events", func(b *broken) { b.events = asking(b, func(q *session.EventQuery) { q.Member = "" }) }},
	{"tells events of every kind", "events", func(b *broken) { b.events = asking(b, func(q *session.EventQuery) { q.Kind = "" }) }},
	{"tells events from every instant on", "events", func(b *broken) {
		b.events = asking(b, func(q *session.EventQuery) { q.From = time.Time{} })
	}},
	{"tells events at the end of a span", "events", func(b *broken) {
		b.events = asking(b, func(q *session.EventQuery) {
			if !q.To.IsZero() {
				q.To = q.To.Add(1)
			}
		})
	}},
	{"passes over no events", "events", func(b *broken) { b.events = asking(b, func(q *session.EventQuery) { q.Skip = 0 }) }},
	{"tells all events", "events", func(b *broken) { b.events = asking(b, func(q *session.EventQuery) { q.Max = 0 }) }},
	{"tells no events where no number is given", "events", func(b *broken) {
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			if q.Max <= 0 {
				return nil, ctx.Err()
			}
			return b.MemStore.Events(ctx, t, q)
		}
	}},
	{"tells events whatever the context says", "events/context", func(b *broken) {
		b.events = func(_ context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			return b.MemStore.Events(anyTime, t, q)
		}
	}},
}

// asking searches for other events than was asked.
func asking(b *broken, f func(*session.EventQuery)) func(context.Context, session.TenantID, session.EventQuery) ([]session.Event, error) {
	return func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
		f(&q)
		return b.MemStore.Events(ctx, t, q)
	}
}
