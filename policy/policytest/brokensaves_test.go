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

var brokenSaves = rows{
	{"keeps settings that the last save has not", "save/replaces", func(b *broken) {
		b.loads(func(r *policy.Record) {
			if len(r.Settings.Designated) > 0 {
				b.kept[r.Tenant] = *r
			} else if old, ok := b.kept[r.Tenant]; ok {
				r.Settings = old.Settings
			}
		})
	}},
	{"wants each number", "save/replaces", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if r.Version.Line == expected.Line && r.Version.Number != expected.Number+1 {
				return session.Version{}, errors.New("a number is missing")
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"duplicates an order", "save/orders", func(b *broken) {
		b.saves(func(_ *policy.Record, _ *session.Event, orders *[]session.Order) {
			for _, o := range *orders {
				o.ID += "-again"
				*orders = append(slices.Clip(*orders), o)
			}
		})
	}},
	{"loses the orders", "save/orders", func(b *broken) {
		b.saves(func(_ *policy.Record, _ *session.Event, orders *[]session.Order) { *orders = nil })
	}},
	{"loses all orders but one", "save/orders", func(b *broken) {
		b.saves(func(_ *policy.Record, _ *session.Event, orders *[]session.Order) {
			*orders = (*orders)[:min(1, len(*orders))]
		})
	}},
	{"makes one order of several", "save/orders", func(b *broken) {
		b.saves(func(_ *policy.Record, _ *session.Event, orders *[]session.Order) {
			*orders = slices.Clone(*orders)
			for i := range *orders {
				(*orders)[i].Member = (*orders)[0].Member
			}
		})
	}},
	{"loses the event", "save/event", func(b *broken) {
		b.saves(func(_ *policy.Record, e *session.Event, _ *[]session.Order) { *e = session.Event{} })
	}},
	{"cuts the event at 64 KiB", "save/event", func(b *broken) {
		b.saves(func(_ *policy.Record, e *session.Event, _ *[]session.Order) {
			e.After = e.After[:min(len(e.After), 1<<16-1)]
		})
	}},
	{"drops empty lines", "save/event", func(b *broken) {
		b.saves(func(_ *policy.Record, e *session.Event, _ *[]session.Order) {
			e.Summary = slices.DeleteFunc(slices.Clone(e.Summary), func(s string) bool { return s == "" })
		})
	}},
	{"tells the event of a save that was refused", "save/event", func(b *broken) {
		var refused []session.Event
		b.onConflict(func(_ context.Context, expected session.Version, r policy.Record, e session.Event, _ []session.Order) (session.Version, error) {
			refused = append(refused, e)
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: b.now(r.Tenant)}
		})
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			list, err := b.MemStore.Events(ctx, t, q)
			return append(list, refused...), err
		}
	}},
	{"writes the orders before the record", "save/seen-at-once", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			b.astray(orders)
			time.Sleep(time.Millisecond)
			return b.MemStore.Save(ctx, expected, r, e, nil)
		}
	}},
	{"writes the record before the orders", "save/seen-at-once", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, nil)
			time.Sleep(time.Millisecond)
			b.astray(orders)
			return v, err
		}
	}},
	{"overwrites when it enrols", "save/enrols", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if expected == (session.Version{}) {
				expected = b.now(r.Tenant)
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"enrols at number 1 only", "save/enrols", func(b *broken) {
		b.saves(func(r *policy.Record, _ *session.Event, _ *[]session.Order) {
			if b.now(r.Tenant) == (session.Version{}) {
				r.Version.Number = 1
			}
		})
	}},
	{"says that what is there is missing", "save/enrols", func(b *broken) {
		b.onConflict(func(_ context.Context, expected session.Version, r policy.Record, _ session.Event, _ []session.Order) (session.Version, error) {
			return session.Version{}, session.ErrExists
		})
	}},
	{"returns the number after the one expected", "save/returns", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if _, err := b.MemStore.Save(ctx, expected, r, e, orders); err != nil {
				return session.Version{}, err
			}
			return session.Version{Line: r.Version.Line, Number: expected.Number + 1}, nil
		}
	}},
	{"ignores the version", "save/conflict", func(b *broken) {
		b.onConflict(func(ctx context.Context, _ session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			return b.MemStore.Save(ctx, b.now(r.Tenant), r, e, orders)
		})
	}},
	{"ignores the line", "save/conflict", func(b *broken) {
		b.onConflict(func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if now := b.now(r.Tenant); now.Number == expected.Number {
				expected = now
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		})
	}},
	{"takes a version that is higher than its own", "save/conflict", func(b *broken) {
		b.onConflict(func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if now := b.now(r.Tenant); now.Line == expected.Line && now.Number < expected.Number {
				expected = now
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		})
	}},
	{"reports a conflict as success", "save/conflict", func(b *broken) {
		b.onConflict(func(_ context.Context, _ session.Version, r policy.Record, _ session.Event, _ []session.Order) (session.Version, error) {
			return r.Version, nil
		})
	}},
	{"does not say which version has won", "save/conflict", func(b *broken) {
		b.onConflict(func(context.Context, session.Version, policy.Record, session.Event, []session.Order) (session.Version, error) {
			return session.Version{}, session.ErrConflict
		})
	}},
	{"says that the expected version has won", "save/conflict", func(b *broken) {
		b.onConflict(func(_ context.Context, expected session.Version, r policy.Record, _ session.Event, _ []session.Order) (session.Version, error) {
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: expected}
		})
	}},
	{"writes the orders of who has lost", "save/conflict", func(b *broken) {
		b.onConflict(func(_ context.Context, expected session.Version, r policy.Record, _ session.Event, orders []session.Order) (session.Version, error) {
			b.astray(orders)
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: b.now(r.Tenant)}
		})
	}},
	{"tells the event of who has lost", "save/conflict", func(b *broken) {
		lost := 0
		b.onConflict(func(_ context.Context, expected session.Version, r policy.Record, _ session.Event, _ []session.Order) (session.Version, error) {
			lost++
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: b.now(r.Tenant)}
		})
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			list, err := b.MemStore.Events(ctx, t, q)
			return append(list, make([]session.Event, lost)...), err
		}
	}},
	{"is stuck after a conflict", "save/conflict", func(b *broken) {
		stuck := false
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if stuck && err == nil {
				return session.Version{}, errors.New("current transaction is aborted")
			}
			stuck = stuck || err != nil
			return v, err
		}
	}},
	{"leaks tenants while others save", "save/many-tenants", func(b *broken) {
		var last session.TenantID
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			b.mu.Lock()
			last = r.Tenant
			b.mu.Unlock()
			time.Sleep(time.Microsecond)
			return v, err
		}
		b.load = func(ctx context.Context, _ session.TenantID) (policy.Record, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.MemStore.Load(ctx, last)
		}
	}},
	{"is busy while others save", "save/many-tenants", func(b *broken) {
		var busy sync.Mutex
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if !busy.TryLock() {
				return session.Version{}, errors.New("database is locked")
			}
			defer busy.Unlock()
			time.Sleep(time.Microsecond)
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"reads the version, compares it, and writes then", "save/one-wins", func(b *broken) { b.save = unlocked(b) }},
	{"reads whether there is a record, and writes then", "save/one-enrols", func(b *broken) { b.save = unlocked(b) }},
	{"finds conflicts that are none", "save/one-wins", func(b *broken) {
		b.save = func(_ context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if now := b.now(r.Tenant); now != (session.Version{}) {
				return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: now}
			}
			return b.MemStore.Save(anyTime, expected, r, e, orders)
		}
	}},
	{"returns an error of its own where somebody else was faster", "save/one-wins", func(b *broken) {
		b.onConflict(func(context.Context, session.Version, policy.Record, session.Event, []session.Order) (session.Version, error) {
			return session.Version{}, errors.New("could not serialize access due to concurrent update")
		})
	}},
	{"loses what another has saved meanwhile", "save/none-lost", func(b *broken) { b.save = unlocked(b) }},
	{"loses the orders of a save that was in a hurry", "save/none-lost", func(b *broken) {
		b.saves(func(r *policy.Record, _ *session.Event, orders *[]session.Order) {
			if r.Version.Number%50 == 0 {
				*orders = nil
			}
		})
	}},
	{"moves cuts back", "follow/refused", func(b *broken) {
		b.overwrites(func(_ policy.Record, err error) bool { return strings.Contains(err.Error(), "moves back") })
	}},
	{"moves cuts of members back", "follow/refused", func(b *broken) {
		b.overwrites(func(_ policy.Record, err error) bool { return strings.Contains(err.Error(), "the cut of") })
	}},
	{"takes a number that does not grow", "follow/refused", func(b *broken) {
		b.overwrites(func(_ policy.Record, err error) bool { return strings.Contains(err.Error(), "does not follow") })
	}},
	{"takes a corrupt record", "follow/refused", func(b *broken) {
		b.overwrites(func(r policy.Record, err error) bool { return r.Err() != nil && !errors.Is(err, session.ErrConflict) })
	}},
	{"calls what does not follow a conflict", "follow/refused", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err != nil && b.now(r.Tenant) == expected {
				err = &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: expected}
			}
			return v, err
		}
	}},
	{"writes the orders of what it refuses", "follow/refused", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err != nil {
				b.astray(orders)
			}
			return v, err
		}
	}},
	{"remembers the id of what it refused", "follow/refused", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if v, ok := b.used[r.Save]; ok {
				return v, nil
			}
			b.used[r.Save] = r.Version
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"takes no new line", "follow/taken", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if expected != (session.Version{}) && r.Version.Line != expected.Line {
				return session.Version{}, errors.New("the line is another")
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"keeps cuts of a former line", "follow/taken", func(b *broken) {
		b.saves(func(r *policy.Record, _ *session.Event, _ *[]session.Order) {
			if old, err := b.MemStore.Load(anyTime, r.Tenant); err == nil && r.Cuts.IsZero() && r.Version.Line != old.Version.Line {
				r.Cuts = session.Cuts{}.Cut(session.AllClients, r.Version.Number)
			}
		})
	}},
	{"takes a corrupt record where there is none", "follow/corrupt", func(b *broken) {
		b.overwrites(func(r policy.Record, err error) bool { return r.Err() != nil })
	}},
	{"writes the orders of a first record that is corrupt", "follow/corrupt", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if r.Err() != nil {
				b.astray(orders)
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
}

// unlocked compares the version first and writes later, over whatever is there then.
func unlocked(b *broken) saving {
	return func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		if now := b.now(r.Tenant); now != expected {
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: now}
		}
		time.Sleep(time.Microsecond)
		for {
			v, err := b.MemStore.Save(ctx, b.now(r.Tenant), r, e, orders)
			if r.Version.Number++; err == nil || ctx.Err() != nil {
				return v, err
			}
		}
	}
}
