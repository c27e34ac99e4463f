package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// What is not there, or not any more, and what comes when its place is another's.

// Whoever asks for tenants and members that are not there, or that cannot be read, takes no
// place in the cache from those who are.
func TestWhatIsNotThereFillsNoCache(t *testing.T) {
	const kept = 4
	stranger := func(i int) engine.Login {
		l := decideLee
		l.Member = member.ID(fmt.Sprint("stranger-", i))
		return l
	}
	for _, row := range []struct {
		why  string
		down bool
		ask  func(e *engine.Engine, i int) error // why it is refused, where an error says so
	}{
		{"requests of tenants", false, func(e *engine.Engine, i int) error { decideElsewhere(e, i); return nil }},
		{"requests of tenants that cannot be read", true, func(e *engine.Engine, i int) error { decideElsewhere(e, i); return nil }},
		{"acts of tenants", false, func(e *engine.Engine, i int) error {
			_, err := e.Settings(context.Background(), session.TenantID(fmt.Sprint("elsewhere-", i)))
			return err
		}},
		{"logins of members", false, func(e *engine.Engine, i int) error {
			_, _, err := e.Admit(context.Background(), stranger(i))
			return err
		}},
		{"logins of members who cannot be read", true, func(e *engine.Engine, i int) error {
			_, _, err := e.Admit(context.Background(), stranger(i))
			return err
		}},
	} {
		runBubble(t, row.why, func(t *testing.T) {
			h := decideSmall(t)
			e := decideEngine(t, h, &engine.Options{MaxTenants: kept, MaxMembers: kept})
			var sessions []engine.Request
			for i := range kept - 1 { // with a place left
				l := decideLee
				if i > 0 {
					l.Tenant = session.TenantID(fmt.Sprint("tenant-", i))
					h.put(t, policy.Record{Tenant: l.Tenant})
					h.set(decideMember(l.Tenant, "lee"))
				}
				sessions = append(sessions, decideAdmit(t, e, l))
			}
			if row.down {
				h.down()
			}
			for i := range 3 * kept {
				if err := row.ask(e, i); err != nil && !errors.Is(err, engine.ErrNotEnrolled) && !errors.Is(err, errDecideDown) {
					t.Error(err)
				}
			}
			h.up()
			_, loads, asked := h.calls()
			for _, r := range sessions {
				decideWant(t, e, r, "allow [all-addresses]", "who was there before")
			}
			if _, l, a := h.calls(); l != loads || a != asked {
				t.Errorf("%d of %d tenants and %d members were driven out", l-loads, len(sessions), a-asked)
			}
		})
	}
}

// What is found not to be there any more is gone at once, though there is a young copy.
func TestGuarantee23WhatIsGoneIsGoneAtOnce(t *testing.T) {
	for _, row := range []struct {
		why   string
		calls []string
		find  func(e *engine.Engine)
		want  string
	}{
		{"a record, found by a login", []string{"Version", "Load"}, func(e *engine.Engine) { _, _, _ = e.Admit(context.Background(), decideLee) }, "deny [no-policy]"},
		{"a record, found by an act", []string{"Version", "Load"}, func(e *engine.Engine) { _, _ = e.Settings(context.Background(), "acme") }, "deny [no-policy]"},
		{"a member", []string{"Member"}, func(e *engine.Engine) { _, _, _ = e.Admit(context.Background(), decideLee) }, "deny [unknown-member]"},
	} {
		runBubble(t, row.why, func(t *testing.T) {
			h := decideSmall(t)
			e := decideEngine(t, h, nil)
			r := decideAdmit(t, e, decideLee)
			h.faulty(func(_ context.Context, call string, _ int) error {
				for _, c := range row.calls {
					if c == call {
						return session.ErrNotFound
					}
				}
				return nil
			})
			decideWant(t, e, r, "allow [all-addresses]", "by the copy")
			row.find(e)
			decideWant(t, e, r, row.want, "when somebody has found out")
			h.up()
			decideWant(t, e, r, "allow [all-addresses]", "when it is there again")
		})
	}
}

// What comes when the cache has given its place to another is kept all the same, and not
// read twice.
func TestAReadingWhosePlaceWasGivenAwayIsKept(t *testing.T) {
	for slow, o := range map[string]*engine.Options{"Load": {MaxTenants: 1}, "Member": {MaxMembers: 1}} {
		synctest.Test(t, func(t *testing.T) {
			h := decideSmall(t)
			r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
			h.put(t, policy.Record{Tenant: "other"})
			h.set(decideMember("other", "lee"))
			e := decideEngine(t, h, o)
			first := true
			h.faulty(func(_ context.Context, call string, _ int) error {
				if call == slow && first {
					first = false
					time.Sleep(time.Second)
				}
				return nil
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				decideWant(t, e, r, "allow [all-addresses]", "whose reading takes a second")
			}()
			synctest.Wait()
			other := decideLee
			other.Tenant = "other"
			decideAdmit(t, e, other)
			<-done
			_, loads, asked := h.calls()
			decideWant(t, e, r, "allow [all-addresses]", "by what was read")
			if _, l, a := h.calls(); l != loads || a != asked {
				t.Errorf("%s: %d records and %d members were read once more", slow, l-loads, a-asked)
			}
		})
	}
}
