package engine_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// TestGuarantee13NothingPanicsOnNothing calls everything with zero arguments, with no context
// and with one that is over.
func TestGuarantee13NothingPanicsOnNothing(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for why, ctx := range map[string]context.Context{"a context": t.Context(), "none": nil, "one that is over": over} {
		e := decideEngine(t, decideSmall(t), nil)
		none := func(call string, err error) {
			if err == nil {
				t.Errorf("%s, %s: no error", why, call)
			}
		}
		d, stamp, err := e.Admit(ctx, engine.Login{})
		if d != (policy.Decision{}) && d.Effect != policy.Deny || stamp != (session.Stamp{}) {
			t.Errorf("%s: %v, %v, %v", why, d, stamp, err)
		}
		if d, err = e.Check(ctx, engine.Request{}); d.Effect != policy.Deny {
			t.Errorf("%s: %v, %v", why, d, err)
		}
		for _, tenant := range []session.TenantID{"", "nobody", "acme"} {
			act := engine.Act{Tenant: tenant}
			_, err = e.Save(ctx, engine.Save{Act: act})
			none("Save", err)
			_, err = e.Confirm(ctx, act)
			none("Confirm", err)
			_, err = e.TakeBack(ctx, act)
			none("TakeBack", err)
			_, err = e.ProfileChanged(ctx, act, nil)
			none("ProfileChanged", err)
			_, err = e.PlanChanged(ctx, act, "no such plan")
			if tenant == "" || ctx != t.Context() {
				none("PlanChanged", err)
			}
			_, _, err = e.Try(ctx, act, "", policy.Settings{})
			none("Try", err)
			_, err = e.Promote(ctx, act, "", 0)
			none("Promote", err)
			_, err = e.Drop(ctx, act, 0)
			none("Drop", err)
			_, err = e.Restore(ctx, act, "", session.Version{})
			none("Restore", err)
			_, err = e.Redeem(ctx, tenant, "")
			none("Redeem", err)
			_, err = e.Offered(ctx, tenant, "")
			none("Offered", err)
			_, err = e.Preview(ctx, tenant, "", policy.Settings{Access: 9}, nil)
			none("Preview", err)
			_, _ = e.Preview(ctx, tenant, "", policy.Settings{}, nil)
			_, _ = e.WhatIf(ctx, engine.Login{Tenant: tenant}, nil)
			_, _ = e.WhatIf(ctx, engine.Login{Tenant: tenant, Member: "lee"}, &policy.Settings{})
			_, _ = e.History(ctx, tenant, session.Version{}, -1)
			_, _ = e.Settings(ctx, tenant)
			_, _ = e.Waiting(ctx, tenant, -1)
			e.MemberChanged(tenant, "")
			if ctx != t.Context() {
				_, err = e.Enroll(ctx, engine.Enrollment{Tenant: "new"})
				none("Enroll", err)
				_, err = e.NewLine(ctx, act)
				none("NewLine", err)
				_, err = e.Remove(ctx, act)
				none("Remove", err)
				none("Run", e.Run(ctx))
			}
		}
		_, err = e.Enroll(ctx, engine.Enrollment{})
		none("Enroll", err)
	}
}

// decideLost is a Locator that panics.
type decideLost struct{}

func (decideLost) Country(netip.Addr) geo.Country { panic("no country today") }

// Where the Locator panics, no address has a country, and somebody is told.
func TestALocatorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		h.put(t, policy.Record{Tenant: "acme", Settings: decideSettings(policy.AllAddresses, policy.Deny, true)})
		h.set(decideMember("acme", "lee"))
		in := decideAdmit(t, decideEngine(t, h, nil), decideLee)
		alarms := &decideAlarms{}
		e := decideEngine(t, h, &engine.Options{Locator: decideLost{}, Observer: alarms})
		stop := runUntil(t, e)
		decideWantLogin(t, e, decideLee, "verify [overseas-login]", "a login")
		decideWant(t, e, in, "verify [overseas-login]", "a request")
		if x, err := e.WhatIf(t.Context(), decideLee, nil); err != nil || x.Decision.Effect != policy.Verify {
			t.Errorf("%v, %v", x.Decision, err)
		}
		stop()
		if alarms.count() == 0 {
			t.Error("nobody was alarmed")
		}
	})
	// A coat hides no locator that has no data.
	for _, none := range []geo.Locator{(*geo.DB)(nil), new(geo.Live)} {
		e := decideEngine(t, decideSmall(t), &engine.Options{Locator: none})
		r, err := e.Settings(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: "acme", From: r.Version}, Settings: decideSettings(policy.AllAddresses, policy.Deny, true)})
		var invalid *policy.InvalidError
		if !errors.As(err, &invalid) || invalid.Problems[0].Code != "no-locator" {
			t.Errorf("%T: %v", none, err)
		}
	}
}

// A session is asked for by the ID of its record, and in its own tenant: one that was
// renewed is known by its new ID alone, and its end is seen under that.
func TestCheckAsksForTheSessionOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		h.put(t, policy.Record{Tenant: "other", Version: session.Version{Line: 3, Number: 1}})
		h.set(decideMember("other", "lee"))
		sessions := session.NewMemStore()
		e := decideEngine(t, h, &engine.Options{Sessions: engine.SessionsOf(sessions)})
		r := decideAdmit(t, e, decideLee)
		id, next := session.ID{1}, session.ID{2}
		if err := sessions.Create(t.Context(), session.Session{Tenant: "acme", Member: "lee", ID: id, Stamp: r.Stamp, Created: time.Now(), Seen: time.Now()}); err != nil {
			t.Fatal(err)
		}
		ask := func(by session.ID, want, why string) {
			t.Helper()
			r.Session = by
			decideWant(t, e, r, want, why)
		}
		ask(id, "allow [all-addresses]", "as it was created")
		ask(next, "deny [session-unknown]", "before it is renewed")
		ask(session.ID{}, "deny [session-unknown]", "the zero ID")
		elsewhere := r
		elsewhere.Tenant, elsewhere.Session = "other", id
		elsewhere.Stamp.Policy = session.Version{Line: 3, Number: 1}
		decideWant(t, e, elsewhere, "deny [session-unknown]", "another tenant's")
		if err := sessions.Renew(t.Context(), "acme", id, next, time.Now()); err != nil {
			t.Fatal(err)
		}
		ask(id, "deny [session-unknown]", "by the ID that it had")
		ask(next, "allow [all-addresses]", "by the ID that it has")
		if err := sessions.End(t.Context(), "acme", next, time.Now(), "ended"); err != nil {
			t.Fatal(err)
		}
		ask(id, "deny [session-unknown]", "ended, by the ID that it had")
		ask(next, "deny [session-ended]", "ended")
	})
}

// A store that gives what is left of another tenant has none of it become this one's.
func TestGuarantee29EnrollIsOfItsOwnTenant(t *testing.T) {
	h := newDecideHost()
	h.load = func(r policy.Record) (policy.Record, error) {
		r.Tenant, r.Deleted, r.Drafts = "zeta", true, 9
		return r, nil
	}
	h.put(t, policy.Record{Tenant: "acme"})
	_, err := decideEngine(t, h, nil).Enroll(t.Context(), engine.Enrollment{Tenant: "acme"})
	if r, _ := h.MemStore.Load(t.Context(), "acme"); err == nil || r.Drafts != 0 || r.Version.Number != 1 {
		t.Errorf("%v, and the record is %+v", err, r)
	}
}
