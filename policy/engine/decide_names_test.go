package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestGuarantee29NothingOfAnotherTenantAnswers(t *testing.T) {
	h := decideSmall(t)
	h.put(t, policy.Record{Tenant: "emca"})
	h.set(decideMember("emca", "lee"))
	alarms := &decideAlarms{}
	e := decideEngine(t, h, &engine.Options{Observer: alarms})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- e.Run(ctx) }()
	stamp := session.Stamp{Client: session.Web}
	request := engine.Request{Tenant: "acme", Member: "lee", Stamp: stamp, Addr: decideOffice}

	h.load = func(policy.Record) (policy.Record, error) { return h.MemStore.Load(context.Background(), "emca") }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "the store hands out another's record")
	decideWant(t, e, request, "deny [wrong-tenant]", "the store hands out another's record")
	h.load = nil
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("emca", "lee"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out another tenant's member")
	decideWant(t, e, request, "deny [wrong-tenant]", "Members hands out another tenant's member")
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("acme", "kim"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out another member")
	decideWant(t, e, request, "deny [wrong-tenant]", "Members hands out another member")
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("", "lee"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out a member of no tenant")
	h.member = nil
	decideWantLogin(t, e, decideLee, "allow [all-addresses]", "nothing of it stays")
	decideWant(t, e, request, "allow [all-addresses]", "nothing of it stays")
	stop()
	<-ran
	if alarms.count() < 7 {
		t.Errorf("%d alarms of 7: %v", alarms.count(), alarms.errs)
	}

	// A session of one is none of the other, though their numbers are the same.
	a := decideAdmit(t, e, decideLee)
	l := decideLee
	l.Tenant = "emca"
	b := decideAdmit(t, e, l)
	a.Tenant, b.Tenant = b.Tenant, a.Tenant
	decideWant(t, e, a, "deny [session-cut]", "a stamp of acme in emca")
	decideWant(t, e, b, "deny [session-cut]", "a stamp of emca in acme")
}

// A member whose hash is that of another is not taken for them.
func TestGuarantee29HashesAreNotNames(t *testing.T) {
	for _, other := range []member.Member{decideMember("another", "lee"), decideMember("acme", "kim")} {
		h := decideSmall(t)
		r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
		e := decideEngine(t, h, nil)
		_, _ = e.Check(t.Context(), engine.Request{Tenant: "acme", Member: "nobody"}) // reads the record
		other.Status = member.Suspended
		e.Collide(&other, "acme", "lee")
		for range 2 {
			decideWant(t, e, r, "allow [all-addresses]", fmt.Sprintf("lee of acme, and not %s of %s", other.ID, other.Tenant))
		}
	}
}

// Names that could be one key if they were joined, with other answers each.
func TestGuarantee29NamesAreNotMixedUp(t *testing.T) {
	parts := []string{"a", "ab", "b", "", "\x00", "a\x00", "\x00b", "/", "a/", "/b", "a/b", ":", "a:b", "é", "e\u0301", "A", " a", "a ", "\u200ba", strings.Repeat("a", 300)}
	h := newDecideHost()
	e := decideEngine(t, h, nil)
	for round := range 2 {
		i := 0
		for _, x := range parts {
			for _, y := range parts {
				i++
				tenant, id := session.TenantID(x), member.ID(y)
				if x == "" || y == "" {
					continue
				}
				stranger := (i+round)%3 == 0 // others than in the round before
				if round == 0 && y == parts[0] {
					h.put(t, policy.Record{Tenant: tenant})
				}
				m := decideMember(tenant, id)
				m.Version.Number += uint64(round)
				if stranger {
					m.Status = member.Suspended
				}
				h.set(m)
			}
		}
		i = 0
		for _, x := range parts {
			for _, y := range parts {
				i++
				want := "allow [all-addresses]"
				switch {
				case x == "":
					want = "deny [no-policy]"
				case y == "":
					want = "deny [bad-credentials]"
				case (i+round)%3 == 0:
					want = "deny [member-suspended]"
				}
				l := engine.Login{Tenant: session.TenantID(x), Member: member.ID(y), Client: session.Web, Addr: decideOffice, Authenticated: true}
				decideWantLogin(t, e, l, want, fmt.Sprintf("%q of %q", y, x))
				if want != "deny [bad-credentials]" {
					r := engine.Request{Tenant: l.Tenant, Member: l.Member, Stamp: session.Stamp{Client: session.Web}, Addr: decideOffice}
					decideWant(t, e, r, want, fmt.Sprintf("a request of %q of %q", y, x))
				}
			}
		}
	}
}
