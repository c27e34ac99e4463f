package policytest_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

var brokenRepetitions = rows{
	{"takes a repetition for a conflict", "repeat/at-once", func(b *broken) { b.save = strict(b, func(session.Version, policy.Record) bool { return true }) }},
	{"takes a repetition of the first record for a conflict", "repeat/at-once", func(b *broken) {
		b.save = strict(b, func(expected session.Version, _ policy.Record) bool { return expected == session.Version{} })
	}},
	{"knows a repetition by its record", "repeat/at-once", func(b *broken) {
		b.save = strict(b, func(_ session.Version, r policy.Record) bool { return r.By == "another" })
	}},
	{"returns what a repetition would have written", "repeat/at-once", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err == nil {
				v = r.Version
			}
			return v, err
		}
	}},
	{"writes orders again", "repeat/at-once", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			was := b.now(r.Tenant)
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err == nil && was != expected {
				b.astray(orders)
			}
			return v, err
		}
	}},
	{"tells the event again", "repeat/at-once", func(b *broken) {
		again := 0
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			was := b.now(r.Tenant)
			v, err := b.MemStore.Save(ctx, expected, r, e, orders)
			if err == nil && was != expected {
				again++
			}
			return v, err
		}
		b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
			list, err := b.MemStore.Events(ctx, t, q)
			return append(list, make([]session.Event, again)...), err
		}
	}},
	{"knows the id of the last save only", "repeat/long-after", func(b *broken) {
		b.save = strict(b, func(_ session.Version, r policy.Record) bool {
			last, err := b.MemStore.Load(anyTime, r.Tenant)
			return err == nil && last.Save != r.Save
		})
	}},
	{"knows the ids of the last twenty saves", "repeat/long-after", func(b *broken) {
		b.save = strict(b, func(_ session.Version, r policy.Record) bool {
			list, _ := b.MemStore.History(anyTime, r.Tenant, session.Version{}, 20)
			return !slices.ContainsFunc(list, func(p policy.Past) bool { return p.Record.Save == r.Save })
		})
	}},
	{"forgets the ids of a former line", "repeat/long-after", func(b *broken) {
		b.save = strict(b, func(_ session.Version, r policy.Record) bool { return b.now(r.Tenant).Line != r.Version.Line })
	}},
	{"has repetitions that come together conflict", "repeat/together", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			was := b.now(r.Tenant)
			time.Sleep(time.Microsecond)
			if now := b.now(r.Tenant); was == expected && now != expected {
				return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: now}
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"writes the orders of repetitions that come together", "repeat/together", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			was := b.now(r.Tenant)
			time.Sleep(time.Microsecond)
			if was == expected && b.now(r.Tenant) != expected {
				b.astray(orders)
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
	{"knows repetitions of another tenant", "repeat/other-tenant", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, _ session.Version) string { return r.Save })
	}},
	{"compares ids without case", "repeat/other-tenant", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, _ session.Version) string { return strings.ToLower(r.Save) })
	}},
	{"compares ids without blanks", "repeat/other-tenant", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, _ session.Version) string {
			return string(r.Tenant) + "\x00" + strings.TrimRight(r.Save, " ")
		})
	}},
	{"takes an id on another version for a repetition", "repeat/other-version", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, _ session.Version) string { return string(r.Tenant) + "\x00" + r.Save })
	}},
	{"takes an id on the same number of another line for a repetition", "repeat/other-version", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, expected session.Version) string {
			return string(r.Tenant) + "\x00" + r.Save + "\x00" + session.Version{Number: expected.Number}.String()
		})
	}},
	{"saves under an id that was used", "repeat/other-version", func(b *broken) {
		b.saves(func(r *policy.Record, _ *session.Event, _ *[]session.Order) {
			if b.used[r.Save] != (session.Version{}) && r.Version.Number > b.used[r.Save].Number {
				r.Save += " again"
			}
			b.used[r.Save] = r.Version
		})
		b.loads(func(r *policy.Record) { r.Save = strings.TrimSuffix(r.Save, " again") })
	}},
	{"takes no id for an id", "repeat/no-id", func(b *broken) {
		b.save = remembering(b, func(r policy.Record, expected session.Version) string {
			return string(r.Tenant) + "\x00" + r.Save + "\x00" + expected.String()
		})
	}},
	{"lets no id be used once only", "repeat/no-id", func(b *broken) {
		b.save = func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
			if now := b.now(r.Tenant); now.Number > 0 && r.Save == "" {
				return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: now}
			}
			return b.MemStore.Save(ctx, expected, r, e, orders)
		}
	}},
}

// strict takes repetitions that is says for conflicts.
func strict(b *broken, is func(expected session.Version, r policy.Record) bool) saving {
	return func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		if now := b.now(r.Tenant); now != expected && is(expected, r) {
			return session.Version{}, &policy.ConflictError{Tenant: r.Tenant, Expected: expected, Found: now}
		}
		return b.MemStore.Save(ctx, expected, r, e, orders)
	}
}

// remembering takes a save for a repetition if one with the same key was made.
func remembering(b *broken, key func(r policy.Record, expected session.Version) string) saving {
	return func(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
		if v, ok := b.used[key(r, expected)]; ok {
			return v, nil
		}
		v, err := b.MemStore.Save(ctx, expected, r, e, orders)
		if err == nil {
			b.used[key(r, expected)] = v
		}
		return v, err
	}
}
