package policytest_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// underWay is longer than any deadline that the clause gives a save.
const underWay = 5 * time.Millisecond

var brokenLoads = rows{
	{"forgets a save", "load/last", func(b *broken) { b.save = forgetful(b) }},
	{"answers late", "load/last", func(b *broken) {
		b.load = late(b, func(since time.Duration) bool { return since < time.Millisecond })
	}},
	{"answers late, but not to who saved", "load/while-saving", func(b *broken) {
		load := late(b, func(since time.Duration) bool { return since > 0 && since < 150*time.Microsecond })
		b.load = load
		b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
			r, err := load(ctx, t)
			return r.Version, err
		}
	}},
	{"tells the version late", "load/last", func(b *broken) {
		load := late(b, func(since time.Duration) bool { return since < time.Millisecond })
		b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
			r, err := load(ctx, t)
			return r.Version, err
		}
	}},
	{"forgets after acknowledging, and revives an older record", "load/last", func(b *broken) {
		load := late(b, func(since time.Duration) bool { return since > 3*time.Millisecond })
		b.load = load
		b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
			r, err := load(ctx, t)
			return r.Version, err
		}
	}},
	{"tells the version of another tenant", "version", func(b *broken) {
		b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
			if v := b.now("b"); t != "b" && v.Number > 1 {
				return v, nil
			}
			return b.MemStore.Version(ctx, t)
		}
	}},
	{"takes a missing tenant for an empty one", "load/missing", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			r, err := b.MemStore.Load(ctx, t)
			if errors.Is(err, session.ErrNotFound) {
				return policy.Record{Tenant: t}, nil
			}
			return r, err
		}
	}},
	{"tells the zero version of a missing tenant", "load/missing", func(b *broken) {
		b.version = func(ctx context.Context, t session.TenantID) (session.Version, error) {
			v, err := b.MemStore.Version(ctx, t)
			if errors.Is(err, session.ErrNotFound) {
				err = nil
			}
			return v, err
		}
	}},
	{"has an error of its own for what is missing", "load/missing", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			r, err := b.MemStore.Load(ctx, t)
			if errors.Is(err, session.ErrNotFound) {
				err = errors.New("no rows in result set")
			}
			return r, err
		}
	}},
	{"takes a tenant for a pattern", "load/missing", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID {
			if strings.Contains(string(t), "%") {
				return "acme"
			}
			return t
		})
	}},
	{"cuts a tenant at what its database cannot hold", "load/missing", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID {
			return session.TenantID(strings.TrimSuffix(strings.TrimSuffix(string(t), "\x00"), "\xff"))
		})
	}},
	{"makes a tenant that is missing, whatever was expected", "load/missing", func(b *broken) {
		b.onConflict(func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			return b.MemStore.Save(ctx, session.Version{}, r, e, orders)
		})
	}},
	{"forgets who was removed", "load/removed", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			r, err := b.MemStore.Load(ctx, t)
			if r.Deleted {
				return policy.Record{}, session.ErrNotFound
			}
			return r, err
		}
	}},
	{"lets who was removed be enrolled", "load/removed", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if old, err := b.MemStore.Load(ctx, r.Tenant); err == nil && old.Deleted && expected == (session.Version{}) {
				expected = old.Version
				r.Version.Line++
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"does not keep the mark of deletion", "load/removed", func(b *broken) { b.loads(func(r *policy.Record) { r.Deleted = false }) }},
	{"has removed tenants live on their old line", "load/removed", func(b *broken) {
		b.overwrites(func(r policy.Record, err error) bool { return strings.Contains(err.Error(), "was deleted") })
	}},
	{"compares tenants without case", "load/tenant", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID { return session.TenantID(strings.ToLower(string(t))) })
	}},
	{"compares tenants without blanks at their end", "load/tenant", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID { return session.TenantID(strings.TrimRight(string(t), " ")) })
	}},
	{"compares tenants without accents", "load/tenant", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID {
			return session.TenantID(strings.NewReplacer("á", "a", "a\u0301", "a").Replace(string(t)))
		})
	}},
	{"compares 255 bytes of tenants", "load/tenant", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID { return t[:min(len(t), 255)] })
	}},
	{"takes tenants for numbers", "load/tenant", func(b *broken) {
		b.maps(func(t session.TenantID) session.TenantID {
			if t == "01" || t == "1.0" || t == "1e0" {
				return "1"
			}
			return t
		})
	}},
	{"tells who saved in lower case", "load/exactly", func(b *broken) {
		b.loads(func(r *policy.Record) { r.By = member.ID(strings.ToLower(string(r.By))); r.Plan = "" })
	}},
	{"keeps instants to the microsecond", "load/exactly", func(b *broken) {
		b.loads(func(r *policy.Record) {
			for i, e := range r.Settings.Designated {
				r.Settings.Designated[i].Until = e.Until.Truncate(time.Microsecond)
			}
		})
	}},
	{"loses the zone of an instant, but not its digits", "load/exactly", func(b *broken) {
		b.loads(func(r *policy.Record) {
			_, offset := r.At.Zone()
			r.At = r.At.UTC().Add(time.Duration(offset) * time.Second)
		})
	}},
	{"forgets the return", "load/exactly", func(b *broken) { b.loads(func(r *policy.Record) { r.Return = nil }) }},
	{"forgets the cuts of a return", "load/exactly", func(b *broken) {
		b.loads(func(r *policy.Record) {
			if r.Return != nil {
				r.Return.MemberCuts = nil
			}
		})
	}},
	{"forgets the draft", "load/exactly", func(b *broken) { b.loads(func(r *policy.Record) { r.Draft = nil }) }},
	{"forgets the number of drafts", "load/exactly", func(b *broken) { b.loads(func(r *policy.Record) { r.Drafts = 0 }) }},
	{"forgets the cuts", "load/exactly", func(b *broken) { b.loads(func(r *policy.Record) { r.Cuts = session.Cuts{} }) }},
	{"forgets the cuts of members", "load/exactly", func(b *broken) { b.loads(func(r *policy.Record) { r.MemberCuts = nil }) }},
	{"merges members that are spelled alike", "load/exactly", func(b *broken) {
		b.loads(func(r *policy.Record) {
			maps.DeleteFunc(r.MemberCuts, func(id member.ID, _ session.Cuts) bool { return id == "KIM" })
		})
	}},
	{"merges an old draft into a record without one", "load/exactly", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			r, err := b.MemStore.Load(ctx, t)
			if h, herr := b.MemStore.History(ctx, t, r.Version, 1); herr == nil && len(h) == 1 && r.Draft == nil {
				r.Draft = h[0].Record.Draft
			}
			return r, err
		}
	}},
	{"strips marks from texts", "load/exactly", func(b *broken) {
		b.saves(func(r *policy.Record, _ *session.Event, _ *[]session.Order) {
			r.Settings = r.Settings.Clone()
			for i, e := range r.Settings.Designated {
				r.Settings.Designated[i].Label = strings.TrimPrefix(e.Label, "\ufeff")
			}
		})
	}},
	{"keeps 1,000 addresses", "load/large", func(b *broken) {
		b.loads(func(r *policy.Record) {
			r.Settings.Designated = r.Settings.Designated[:min(1000, len(r.Settings.Designated))]
		})
	}},
	{"keeps cuts of 999 members", "load/large", func(b *broken) {
		b.loads(func(r *policy.Record) {
			for id := range r.MemberCuts {
				if len(r.MemberCuts) > 999 {
					delete(r.MemberCuts, id)
				}
			}
		})
	}},
	{"refuses a record of a megabyte", "load/large", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if len(r.Settings.Designated) > 5000 {
				return session.Version{}, errors.New("data too long for column")
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"keeps numbers as floating point", "load/numbers", func(b *broken) {
		b.loads(func(r *policy.Record) { r.Version.Number = uint64(float64(r.Version.Number)) })
	}},
	{"keeps lines in 31 bits", "load/numbers", func(b *broken) { b.loads(func(r *policy.Record) { r.Version.Line &= 1<<31 - 1 }) }},
	{"compares numbers as floating point", "load/numbers", func(b *broken) {
		b.onConflict(func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if now := b.now(r.Tenant); now.Line == expected.Line && float64(now.Number) == float64(expected.Number) {
				expected = now
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		})
	}},
	{"keeps what it is given and not a copy", "load/copies", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err == nil {
				b.kept[r.Tenant] = r
			}
			return v, err
		}
		b.load = func(_ context.Context, t session.TenantID) (policy.Record, error) { return b.kept[t].Clone(), nil }
	}},
	{"hands out what it keeps and not a copy", "load/copies", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			if _, ok := b.kept[t]; !ok {
				b.kept[t], _ = b.MemStore.Load(ctx, t)
			}
			return b.kept[t], nil
		}
	}},
	{"hands out the history that it keeps and not a copy", "load/copies", func(b *broken) {
		var kept []policy.Past
		b.history = func(ctx context.Context, t session.TenantID, before session.Version, n int) (_ []policy.Past, err error) {
			if kept == nil {
				kept, err = b.MemStore.History(ctx, t, before, n)
			}
			return kept, err
		}
	}},
	{"hands out the events that it keeps and not a copy", "load/copies", func(b *broken) {
		var kept []session.Event
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) (_ []session.Event, err error) {
			if kept == nil {
				kept, err = b.MemStore.Events(ctx, t, q)
			}
			return kept, err
		}
	}},
	{"loads whatever the context says", "context/before", func(b *broken) {
		b.load = func(_ context.Context, t session.TenantID) (policy.Record, error) { return b.MemStore.Load(anyTime, t) }
	}},
	{"tells the version whatever the context says", "context/before", func(b *broken) {
		b.version = func(_ context.Context, t session.TenantID) (session.Version, error) {
			return b.MemStore.Version(anyTime, t)
		}
	}},
	{"saves whatever the context says", "context/before", func(b *broken) {
		b.save = func(_ context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			return b.MemStore.Save(anyTime, expected, r, e, orders)
		}
	}},
	{"saves and returns the context's error", "context/before", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(anyTime, expected, r, e, orders)
			return v, errors.Join(err, ctx.Err())
		}
	}},
	{"has an error of its own for what was cancelled", "context/before", func(b *broken) {
		b.load = func(ctx context.Context, t session.TenantID) (policy.Record, error) {
			r, err := b.MemStore.Load(ctx, t)
			if ctx.Err() != nil {
				err = errors.New("canceling statement due to user request")
			}
			return r, err
		}
	}},
	{"writes orders of saves that were cancelled", "context/before", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if ctx.Err() != nil {
				b.astray(orders)
			}
			return v, err
		}
	}},
	{"writes the record, and then, if it is not cancelled, the orders", "context/meanwhile", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, nil)
			if err != nil {
				return v, err
			}
			time.Sleep(underWay)
			if ctx.Err() != nil {
				return session.Version{}, ctx.Err()
			}
			b.astray(orders)
			return v, nil
		}
	}},
	{"calls a save done that was cancelled", "context/meanwhile", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			time.Sleep(underWay)
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if errors.Is(err, context.DeadlineExceeded) {
				return r.Version, nil
			}
			return v, err
		}
	}},
	{"has an error of its own for what is cancelled under way", "context/meanwhile", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			time.Sleep(underWay)
			if ctx.Err() != nil {
				return session.Version{}, errors.New("driver: bad connection")
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
}
