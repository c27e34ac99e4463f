package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalWide are settings that are as wide as can be, by each line that allows.
var evalWide = []policy.Settings{
	evalOpen,
	evalWith(evalListed, func(s *policy.Settings) {
		s.Designated = append(s.Designated,
			policy.Entry{Range: ipset.MustParseRange("0.0.0.0/0")}, policy.Entry{Range: ipset.MustParseRange("::/0")})
	}),
	evalWith(evalListedVerify, func(s *policy.Settings) {
		s.Exceptions = append(s.Exceptions, policy.Exception{Member: "lee"}, policy.Exception{Member: ""})
	}),
	evalOverseas,
}

// evalCombine calls f with attempts of every kind that differ in what is not
// under test: a super admin or not, each client, request, verified, password,
// each plan. f may change them.
func evalCombine(p *policy.Profile, f func(a policy.Attempt)) {
	for _, plan := range evalPlans(p) {
		for _, client := range evalOddClients {
			for bits := range 16 {
				m := evalMember("lee")
				m.Super = bits&1 != 0
				m.MustChangePassword = bits&2 != 0
				f(policy.Attempt{Addr: evalOffice[0], Client: client, Plan: plan, Member: m, At: evalAt,
					Request: bits&4 != 0, Verified: bits&8 != 0})
			}
		}
	}
}

// evalRefused fails unless every profile under every wide settings denies all
// attempts that change lets pass, for this reason.
func evalRefused(t *testing.T, want policy.Reason, change func(p *policy.Profile, a *policy.Attempt) bool) {
	t.Helper()
	n := 0
	for _, profile := range evalProfiles {
		p := profile()
		for _, s := range evalWide {
			compiled := evalStored(t, s, p, evalEverywhere{})
			evalCombine(p, func(a policy.Attempt) {
				if !change(p, &a) {
					return
				}
				n++
				if d := compiled.Evaluate(a); d != (policy.Decision{Effect: policy.Deny, Reason: want}) {
					t.Fatalf("%s: got %v; want deny [%v]\n%+v of %+v", p.Name, d, want, a, a.Member)
				}
			})
		}
	}
	if n == 0 {
		t.Error("nothing was tried")
	}
}

// No usable address: refused in every mode and profile, for every client and
// member, for the super admin, too.
func TestGuarantee08NoUsableAddressIsRefused(t *testing.T) {
	for _, addr := range []netip.Addr{
		{},
		netip.MustParseAddr("0.0.0.0"),
		netip.MustParseAddr("::"),
		netip.MustParseAddr("::%eth0"),
		netip.MustParseAddr("0:0:0:0:0:0:0:0"),
		netip.MustParseAddr("::ffff:0.0.0.0"),
		netip.MustParseAddr("::ffff:0:0"),
		netip.MustParseAddr("::ffff:0.0.0.0").WithZone("eth0"),
		netip.AddrFrom4([4]byte{}),
		netip.AddrFrom16([16]byte{}),
	} {
		evalRefused(t, policy.ReasonNoClientAddress, func(_ *policy.Profile, a *policy.Attempt) bool {
			a.Addr = addr
			return true
		})
	}
}

func TestGuarantee12UnknownClientsAreRefused(t *testing.T) {
	everywhere := session.AllClients
	for _, profile := range evalProfiles {
		everywhere &= profile().Clients
	}
	for n := range 256 {
		client := session.Client(n)
		if everywhere.Has(client) {
			continue
		}
		evalRefused(t, policy.ReasonUnknownClient, func(p *policy.Profile, a *policy.Attempt) bool {
			a.Client = client
			return !slices.Contains(slices.Collect(p.Clients.All()), client)
		})
	}
	// A profile with bits that are no client knows no more clients.
	p := policy.Standard()
	p.Clients, p.ListExempt, p.OverseasExempt = ^session.Clients(0), ^session.Clients(0), ^session.Clients(0)
	for n := range 256 {
		if client := session.Client(n); !client.Known() {
			d := evalStored(t, evalOpen, p, nil).Evaluate(policy.Attempt{Addr: evalOffice[0], Client: client, Member: evalMember("lee")})
			if d != (policy.Decision{Reason: policy.ReasonUnknownClient}) {
				t.Errorf("%v: got %v", client, d)
			}
		}
	}
}

func TestGuarantee12UnknownMembersAreRefused(t *testing.T) {
	evalRefused(t, policy.ReasonUnknownMember, func(_ *policy.Profile, a *policy.Attempt) bool {
		a.Member = nil
		return true
	})
	evalRefused(t, policy.ReasonMemberUnknownStatus, func(p *policy.Profile, a *policy.Attempt) bool {
		*a.Member = member.Member{} // a host that found nobody
		return p.Clients.Has(a.Client)
	})
	for n := range 256 {
		if s := member.Status(n); !s.Known() {
			evalRefused(t, policy.ReasonMemberUnknownStatus, func(p *policy.Profile, a *policy.Attempt) bool {
				a.Member.Status = s
				return p.Clients.Has(a.Client)
			})
		}
	}
}

// A plan that is not named is one that the host forgot or mistyped.
func TestGuarantee12UnknownPlansAreRefused(t *testing.T) {
	plans := []policy.Plan{"", " ", "Standard", "STANDARD", "standard ", " standard", "standard\x00", "standar", "standardd",
		"enterprise", "ＳＴＡＮＤＡＲＤ", "ſtandard", "network\n", policy.Plan(strings.Repeat("a", 1<<16))}
	rng := rand.New(rand.NewPCG(12, 1))
	for range 50 {
		b := []byte("standard")
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		plans = append(plans, policy.Plan(b))
	}
	for _, plan := range plans {
		evalRefused(t, policy.ReasonUnknownPlan, func(p *policy.Profile, a *policy.Attempt) bool {
			if a.Plan != "" {
				return false // the plan is what is changed here: once for all plans
			}
			a.Plan = plan
			return p.Plans != nil && p.Clients.Has(a.Client) && !(a.Member.Super && p.SuperAdminBypass)
		})
	}
	// A profile that sells by plan and names none knows no plan.
	p := policy.NaverWorks()
	p.Plans = map[policy.Plan]policy.Features{}
	d := evalStored(t, evalOpen, p, nil).Evaluate(policy.Attempt{Addr: evalOffice[0], Client: session.Web, Member: evalMember("lee"), Plan: "standard"})
	if d != (policy.Decision{Reason: policy.ReasonUnknownPlan}) {
		t.Errorf("no plans: got %v", d)
	}
	// The super admin comes in, where there is a bypass: the one exception.
	boss := evalMember("boss")
	boss.Super = true
	d = evalStored(t, evalListed, policy.NaverWorks(), nil).Evaluate(policy.Attempt{Addr: evalAbroad[0], Client: session.Web, Member: boss, Plan: "unheard-of"})
	if d != (policy.Decision{Effect: policy.Allow, Reason: policy.ReasonSuperAdmin}) {
		t.Errorf("the super admin: got %v", d)
	}
}

// What is zero refuses: no policy, an empty one, an empty attempt, an empty
// decision.
func TestGuarantee12ZeroValuesRefuse(t *testing.T) {
	if d := (policy.Decision{}); d.Allowed() || d.Effect != policy.Deny || d.String() != "deny [no-policy]" {
		t.Errorf("the zero Decision is %v", d)
	}
	for _, p := range []*policy.Policy{nil, {}, new(policy.Policy)} {
		evalCombine(policy.NaverWorks(), func(a policy.Attempt) {
			if d := p.Evaluate(a); d != (policy.Decision{}) {
				t.Fatalf("no policy: got %v of %+v", d, a)
			}
		})
		if d := p.Evaluate(policy.Attempt{}); d != (policy.Decision{}) {
			t.Errorf("no policy, zero Attempt: %v", d)
		}
		if p.Problems() != nil || p.Unavailable("standard") != nil {
			t.Errorf("no policy: problems %v, unavailable %v", p.Problems(), p.Unavailable("standard"))
		}
	}
	for _, profile := range evalProfiles {
		for _, s := range evalWide {
			p := evalStored(t, s, profile(), evalEverywhere{})
			if d := p.Evaluate(policy.Attempt{}); d != (policy.Decision{Reason: policy.ReasonUnknownMember}) {
				t.Errorf("the zero Attempt: %v", d)
			}
			if d := p.Evaluate(policy.Attempt{Member: evalMember("lee")}); d != (policy.Decision{Reason: policy.ReasonNoClientAddress}) {
				t.Errorf("an attempt of a member and nothing else: %v", d)
			}
		}
	}
	// A failed compilation leaves a nil Policy, and who forgets to look at the
	// error lets nobody in.
	p, err := policy.Compile(policy.Settings{Access: 9}, policy.Standard(), nil)
	if d := p.Evaluate(policy.Attempt{Addr: evalOffice[0], Client: session.Web, Member: evalMember("lee")}); err == nil || d != (policy.Decision{}) {
		t.Errorf("settings that do not compile: %v, %v", d, err)
	}
}

func TestNobodyIsNoException(t *testing.T) {
	s := policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: ""}}}
	p, err := policy.CompileStored(s, policy.Standard(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Evaluate(policy.Attempt{
		Addr: netip.MustParseAddr("9.9.9.9"), Client: session.Web, Member: &member.Member{Status: member.Active},
	})
	if d.Effect != policy.Deny {
		t.Errorf("a member without an id is let in by an exception without one: %v", d)
	}
}
