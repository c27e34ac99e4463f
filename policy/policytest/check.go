package policytest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/outboxtest"
)

const (
	acme session.TenantID = "acme"
	line uint32           = 12026
	hour                  = time.Hour
)

func at(number uint64) session.Version { return session.Version{Line: line, Number: number} }

// record returns a small record, with the id of a save of its own.
func record(t session.TenantID, v session.Version) policy.Record {
	return policy.Record{Tenant: t, Version: v, Save: rand.Text(), By: "kim", At: time.Now().Truncate(time.Microsecond)}
}

// next returns the record that a save of r makes, with the id of a save of its own.
func next(r policy.Record) policy.Record {
	r = r.Clone()
	r.Version.Number++
	r.Save, r.At = rand.Text(), time.Now().Truncate(time.Microsecond)
	return r
}

// event returns an event of the save of r.
func event(r policy.Record) session.Event {
	return session.Event{
		ID: rand.Text(), Tenant: r.Tenant, At: r.At, Actor: r.By, Kind: "settings-saved",
		Summary: []string{fmt.Sprintf("number %d", r.Version.Number)}, Policy: r.Version,
	}
}

// order returns an order of the save of r.
func order(r policy.Record) session.Order {
	return session.Order{
		ID: rand.Text(), Kind: session.SignOut, Tenant: r.Tenant, Clients: session.AllClients,
		Policy: r.Version, Actor: r.By, At: r.At,
	}
}

// save saves r with an event and the orders. It must succeed.
func save(t testing.TB, s policy.Store, expected session.Version, r policy.Record, orders ...session.Order) {
	t.Helper()
	v, err := s.Save(t.Context(), expected, r, event(r), orders)
	if err != nil {
		t.Fatalf("saving %q at %v as %v: %v", r.Tenant, expected, r.Version, err)
	}
	if v != r.Version {
		t.Errorf("saving %q as %v returned %v", r.Tenant, r.Version, v)
	}
}

// enrol saves the first record of a tenant and returns it.
func enrol(t testing.TB, s policy.Store, of session.TenantID) policy.Record {
	t.Helper()
	r := record(of, at(1))
	save(t, s, session.Version{}, r)
	return r
}

// advance saves r as its next number, with an order, and returns what it saved.
func advance(t testing.TB, s policy.Store, r policy.Record) policy.Record {
	t.Helper()
	n := next(r)
	save(t, s, r.Version, n, order(n))
	return n
}

// load returns the record of a tenant, which must be there, and whose version must be the
// one that Version tells.
func load(t testing.TB, s policy.Store, of session.TenantID) policy.Record {
	t.Helper()
	r, err := s.Load(t.Context(), of)
	if err != nil {
		t.Fatalf("Load(%q): %v", of, err)
	}
	v, err := s.Version(t.Context(), of)
	if err != nil {
		t.Fatalf("Version(%q): %v", of, err)
	}
	if v != r.Version {
		t.Errorf("Version(%q) = %v; Load returns the record at %v", of, v, r.Version)
	}
	return r
}

// holds reports a record that is not the one wanted, and orders that are not as many.
func holds(t testing.TB, s policy.Store, when string, r policy.Record, orders int) {
	t.Helper()
	if d := difference(load(t, s, r.Tenant), r); d != "" {
		t.Errorf("%s: the record of %q has another %s", when, r.Tenant, d)
	}
	if list := waiting(t, s, r.Tenant); len(list) != orders {
		t.Errorf("%s: %d orders of %q wait; want %d", when, len(list), r.Tenant, orders)
	}
}

func waiting(t testing.TB, s policy.Store, of session.TenantID) []session.Order {
	t.Helper()
	list, err := s.Waiting(t.Context(), of, 1<<20)
	if err != nil {
		t.Fatalf("Waiting(%q): %v", of, err)
	}
	return list
}

// missing reports a tenant that has a record.
func missing(t testing.TB, s policy.Store, when string, of session.TenantID) {
	t.Helper()
	if r, err := s.Load(t.Context(), of); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("%s: Load(%.40q) returned a record at %v, error %v; want session.ErrNotFound", when, of, r.Version, err)
	}
	if v, err := s.Version(t.Context(), of); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("%s: Version(%.40q) = %v, error %v; want session.ErrNotFound", when, of, v, err)
	}
}

// conflicts reports an error that is not the conflict wanted.
func conflicts(t testing.TB, when string, err error, of session.TenantID, expected, found session.Version) {
	t.Helper()
	var c *policy.ConflictError
	switch {
	case !errors.Is(err, session.ErrConflict):
		t.Errorf("%s: the error is %v; want session.ErrConflict", when, err)
	case !errors.As(err, &c):
		t.Errorf("%s: the error is %v, of type %T; want a *policy.ConflictError", when, err, err)
	case c.Tenant != of || c.Expected != expected || c.Found != found:
		t.Errorf("%s: the conflict is of %q, expected %v, found %v; want %q, %v, %v",
			when, c.Tenant, c.Expected, c.Found, of, expected, found)
	}
}

// difference names the first field in which a and b differ, "" if they are the same but
// for the zones of instants.
func difference(a, b policy.Record) string {
	cuts := func(a, b map[member.ID]session.Cuts) bool { return maps.EqualFunc(a, b, session.Cuts.Equal) }
	was := func(field string, a, b any) string { return fmt.Sprintf("%s: %.300v, not %.300v", field, a, b) }
	switch {
	case a.Tenant != b.Tenant:
		return was("tenant", a.Tenant, b.Tenant)
	case a.Version != b.Version:
		return was("version", a.Version, b.Version)
	case a.Plan != b.Plan:
		return was("plan", a.Plan, b.Plan)
	case !a.Settings.Equal(b.Settings):
		return was("settings", a.Settings, b.Settings)
	case !a.Cuts.Equal(b.Cuts):
		return was("cuts", a.Cuts, b.Cuts)
	case !cuts(a.MemberCuts, b.MemberCuts):
		return was("cuts of members", a.MemberCuts, b.MemberCuts)
	case (a.Return == nil) != (b.Return == nil), a.Return != nil &&
		(!a.Return.At.Equal(b.Return.At) || !a.Return.Settings.Equal(b.Return.Settings) ||
			!a.Return.Cuts.Equal(b.Return.Cuts) || !cuts(a.Return.MemberCuts, b.Return.MemberCuts)):
		return was("return", a.Return, b.Return)
	case (a.Draft == nil) != (b.Draft == nil), a.Draft != nil &&
		(a.Draft.Number != b.Draft.Number || !a.Draft.Settings.Equal(b.Draft.Settings) ||
			a.Draft.By != b.Draft.By || !a.Draft.At.Equal(b.Draft.At)), a.Drafts != b.Drafts:
		return was("draft", a.Draft, b.Draft)
	case a.Save != b.Save || a.By != b.By || !a.At.Equal(b.At):
		return was("save", []any{a.Save, a.By, a.At}, []any{b.Save, b.By, b.At})
	case a.Deleted != b.Deleted:
		return was("mark of deletion", a.Deleted, b.Deleted)
	}
	return ""
}

// sameEvent reports whether a and b say the same.
func sameEvent(a, b session.Event) bool {
	return a.ID == b.ID && a.Tenant == b.Tenant && a.At.Equal(b.At) && a.Actor == b.Actor && a.Kind == b.Kind &&
		a.Member == b.Member && a.Why == b.Why && a.Refused == b.Refused && a.Before == b.Before && a.After == b.After &&
		slices.Equal(a.Summary, b.Summary) && a.Policy == b.Policy && a.Membership == b.Membership
}

// putInto returns what stores orders in s: each tenant's in a save of its record.
func putInto(t testing.TB, s policy.Store) outboxtest.Put {
	return func(orders ...session.Order) error {
		for i, o := range orders {
			if slices.ContainsFunc(orders[:i], func(p session.Order) bool { return p.Tenant == o.Tenant }) {
				continue
			}
			of := slices.DeleteFunc(slices.Clone(orders), func(p session.Order) bool { return p.Tenant != o.Tenant })
			was, err := s.Version(t.Context(), o.Tenant)
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				return err
			}
			r := record(o.Tenant, session.Version{Line: line, Number: was.Number + 1})
			if _, err := s.Save(t.Context(), was, r, event(r), of); err != nil {
				return err
			}
		}
		return nil
	}
}

// ended returns contexts that have ended, each in its way.
func ended(t testing.TB) []context.Context {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	past, cancel := context.WithTimeout(t.Context(), -time.Second)
	cancel()
	return []context.Context{gone, past}
}

// many is n, or fewer in a short test.
func many(n int) int {
	if testing.Short() {
		return max(n/10, 5)
	}
	return n
}
