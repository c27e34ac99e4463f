package engine_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// runPlaces tells the country of the addresses that the tests use.
type runPlaces struct{}

func (runPlaces) Country(a netip.Addr) geo.Country {
	switch a {
	case runOffice:
		return geo.MustParseCountry("KR")
	case runHome:
		return geo.MustParseCountry("JP")
	}
	return geo.Country{}
}

func runLocated(_ *policy.Profile, o *engine.Options) { o.Locator = runPlaces{} }

func runVisits(visits []session.Visit, err error) iter.Seq2[session.Visit, error] {
	return func(yield func(session.Visit, error) bool) {
		for _, v := range visits {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			yield(session.Visit{}, err)
		}
	}
}

// runReplay is Preview as one would write it down first.
func runReplay(t *testing.T, p *policy.Profile, is, would policy.Settings, plan policy.Plan, visits []session.Visit) *engine.Preview {
	t.Helper()
	want := &engine.Preview{Change: policy.Diff(is, would, p, time.Now())}
	decide := func(s policy.Settings, v session.Visit) policy.Decision {
		compiled, err := policy.CompileStored(s, p, runPlaces{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := runMembers{}.Member(t.Context(), v.Tenant, v.Member)
		if err != nil {
			return policy.Decision{Reason: policy.ReasonUnknownMember}
		}
		return compiled.Evaluate(policy.Attempt{Addr: v.Addr, Client: v.Client, Plan: plan, Member: m})
	}
	count := func(tally *engine.Tally, v session.Visit, d policy.Decision) {
		if tally.Visits == 0 {
			*tally = engine.Tally{ByMember: map[member.ID]int{}, ByClient: map[session.Client]int{}, ByCountry: map[geo.Country]int{}, ByReason: map[policy.Reason]int{}}
		}
		tally.Visits++
		tally.ByMember[v.Member]++
		tally.ByClient[v.Client]++
		tally.ByCountry[v.Country]++
		tally.ByReason[d.Reason]++
	}
	for _, v := range visits {
		want.Visits++
		today, then := decide(is, v), decide(would, v)
		if today.Reason == policy.ReasonUnknownMember {
			want.Unknown++
			continue
		}
		let := func(e policy.Effect) bool { return e == policy.Allow }
		if today.Effect != policy.Deny && then.Effect == policy.Deny {
			count(&want.Refused, v, then)
		}
		if let(today.Effect) && then.Effect == policy.Verify {
			count(&want.Asked, v, then)
		}
		if !let(today.Effect) && let(then.Effect) {
			count(&want.Freed, v, then)
		}
		if want.Change.SignOut.Has(v.Client) || slices.Contains(want.Change.SignOutMembers, v.Member) && p.SignOut.Exception.Has(v.Client) {
			count(&want.SignedOut, v, then)
		}
	}
	return want
}

// Preview agrees with a naive replay, whatever is in force and whatever is tried.
func TestRunPreviewAgreesWithReplay(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(n int) int { return r.IntN(n) }
	addrs := []netip.Addr{runOffice, runHome, netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2606:4700::1"), netip.MustParseAddr("10.0.0.1"), {}}
	members := []member.ID{"kim", "lee", "park", "boss", "nobody"}
	clients := []session.Client{session.Web, session.Mobile, session.IMAP, session.API, session.UnknownClient, session.FirstCustom}
	settings := func() policy.Settings {
		s := policy.Settings{Access: policy.Access(pick(2)), Outside: policy.Effect(pick(2)), Designated: runDesignated([]string{"9.9.9.0/24", "2606:4700::/32"}[:pick(3)]...).Designated}
		for _, id := range members[:pick(4)] {
			x := policy.Exception{Member: id}
			if pick(2) == 0 {
				x.Ranges = []ipset.Range{ipset.MustParseRange("1.1.1.0/24"), ipset.MustParseRange("9.9.0.0/16")}[:1+pick(2)]
			}
			s.Exceptions = append(s.Exceptions, x)
		}
		if s.Overseas.Block = pick(2) == 0; pick(2) == 0 {
			s.Overseas.Exempt = geo.CountriesOf(geo.MustParseCountry([]string{"KR", "JP"}[pick(2)]))
		}
		return s
	}
	profiles := []*policy.Profile{policy.Standard(), policy.NaverWorks()}
	e := map[string]*engine.Engine{}
	for _, p := range profiles {
		made, err := engine.New(p, policy.NewMemStore(), runMembers{}, &engine.Options{Locator: runPlaces{}})
		if err != nil {
			t.Fatal(err)
		}
		e[p.Name] = made
	}
	seen := make([]int, 4)
	for i := range 400 {
		p := profiles[i%2]
		plan := map[bool]policy.Plan{true: "standard"}[p.Plans != nil]
		is, would := settings(), settings()
		var visits []session.Visit
		for range pick(30) {
			a := addrs[pick(len(addrs))]
			visits = append(visits, session.Visit{Tenant: runTenant(i), Member: members[pick(len(members))], Client: clients[pick(len(clients))], Addr: a, Country: runPlaces{}.Country(a), Verified: pick(2) == 0})
		}
		if _, err := e[p.Name].Enroll(t.Context(), engine.Enrollment{Tenant: runTenant(i), Plan: plan, Settings: is}); err != nil {
			t.Fatal(err)
		}
		got, err := e[p.Name].Preview(t.Context(), runTenant(i), plan, would, runVisits(visits, nil))
		if err != nil {
			t.Fatal(err)
		}
		if want := runReplay(t, p, is, would, plan, visits); !reflect.DeepEqual(got, want) {
			t.Fatalf("under %s, from %+v to %+v:\n got %+v\nwant %+v", p.Name, is, would, got, want)
		}
		for i, tally := range []engine.Tally{got.Refused, got.Asked, got.Freed, got.SignedOut} {
			seen[i] += tally.Visits
		}
	}
	if slices.Min(seen) < 20 {
		t.Errorf("refused, asked, freed and signed out were %v visits in all, which shows little", seen)
	}
}

// Preview changes nothing, and knows what the save would do: the same save, made then,
// decides and signs out as was told.
func TestRunPreviewComesTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := runEngine(t, policy.NewMemStore(), runLocated)
		v := runEnroll(t, e, "t", policy.Settings{})
		s := runLogin(t, e, "t", "kim")
		visits := []session.Visit{
			{Tenant: "t", Member: "kim", Client: session.Web, Addr: runHome},
			{Tenant: "t", Member: "lee", Client: session.Mobile, Addr: runOffice},
		}
		p, err := e.Preview(t.Context(), "t", "", runDesignated(), runVisits(visits, nil))
		if err != nil || p.Refused.ByMember["kim"] != 1 || p.Refused.ByReason[policy.ReasonAddressNotDesignated] != 1 || p.Refused.Visits != 1 || p.SignedOut.Visits != 2 {
			t.Fatalf("%+v, %v", p, err)
		}
		if r, err := e.Settings(t.Context(), "t"); err != nil || r.Version != v {
			t.Errorf("the record is at %v, %v after a preview; want %v", r.Version, err, v)
		}
		runAlive(t, e, s, "after a preview")
		saved := runSave(t, e, "t", runDesignated())
		if !reflect.DeepEqual(saved.Change, p.Change) {
			t.Errorf("the save did %+v; told was %+v", saved.Change, p.Change)
		}
		runCut(t, e, s, "after the save")
	})
}

// What a tenant does not have in force, for want of a plan or while a provisional save is
// open, is judged as it decides today.
func TestRunPreviewOfWhatIsNotInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := policy.NewMemStore()
		e, err := engine.New(policy.NaverWorks(), store, runMembers{}, &engine.Options{Locator: runPlaces{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Enroll(t.Context(), engine.Enrollment{Tenant: "t", Plan: "free"}); err != nil {
			t.Fatal(err)
		}
		visits := runVisits([]session.Visit{{Tenant: "t", Member: "kim", Client: session.Web, Addr: runHome}}, nil)
		for _, test := range []struct {
			why     string
			plan    policy.Plan
			s       policy.Settings
			refused int
			asked   int
			out     session.Clients
		}{
			{"a list that the plan lacks", "free", runDesignated(), 0, 0, 0},
			{"a list with another plan", "standard", runDesignated(), 1, 0, policy.NaverWorks().SignOut.Designate},
			{"an overseas block with another plan", "standard", policy.Settings{Overseas: policy.Overseas{Block: true}}, 0, 1, session.AllClients},
			{"a plan that there is not", "gold", policy.Settings{}, 1, 0, 0},
		} {
			p, err := e.Preview(t.Context(), "t", test.plan, test.s, visits)
			if err != nil || p.Refused.Visits != test.refused || p.Asked.Visits != test.asked || p.Change.SignOut != test.out {
				t.Errorf("%s: %+v, %v; want %d refused, %d asked, %v signed out", test.why, p, err, test.refused, test.asked, test.out)
			}
		}
	})
}

func TestRunPreviewRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the history is broken")
		down := runHook(func(_ context.Context, _ string) error { return errRun })
		store := policy.NewMemStore()
		ok := runEngine(t, store)
		runEnroll(t, ok, "t", policy.Settings{})
		unread, err := engine.New(policy.Standard(), store, runMembers{down}, nil)
		if err != nil {
			t.Fatal(err)
		}
		unstored := runEngine(t, &runStore{Store: store, before: down})
		mine := session.Visit{Tenant: "t", Member: "kim", Client: session.Web, Addr: runHome}
		other := mine
		other.Tenant = "u"
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for _, test := range []struct {
			why    string
			ctx    context.Context
			e      *engine.Engine
			tenant session.TenantID
			s      policy.Settings
			visits []session.Visit
			err    error // of the visits
			want   error // nil: any
		}{
			{"a visit of another tenant", t.Context(), ok, "t", policy.Settings{}, []session.Visit{mine, other}, nil, nil},
			{"visits that break off", t.Context(), ok, "t", policy.Settings{}, []session.Visit{mine}, broken, broken},
			{"a tenant without a record", t.Context(), ok, "u", policy.Settings{}, nil, nil, engine.ErrNotEnrolled},
			{"no tenant", t.Context(), ok, "", policy.Settings{}, nil, nil, engine.ErrNotEnrolled},
			{"settings that do not compile", t.Context(), ok, "t", policy.Settings{Access: 9}, nil, nil, nil},
			{"a member that cannot be read", t.Context(), unread, "t", policy.Settings{}, []session.Visit{mine}, nil, errRun},
			{"a store that is down", t.Context(), unstored, "t", policy.Settings{}, nil, nil, errRun},
			{"a context that has ended", cancelled, ok, "t", policy.Settings{}, nil, nil, context.Canceled},
		} {
			p, err := test.e.Preview(test.ctx, test.tenant, "", test.s, runVisits(test.visits, test.err))
			if p != nil || err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%s: %+v, %v; want %v", test.why, p, err, test.want)
			}
		}
		// A context that ends meanwhile, with members that are known.
		ctx, stop := context.WithCancel(t.Context())
		endless := func(yield func(session.Visit, error) bool) {
			for i := 0; yield(mine, nil); i++ {
				if i == 100 {
					stop()
				}
			}
		}
		if _, err := ok.Preview(ctx, "t", "", policy.Settings{}, endless); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that ends meanwhile: %v", err)
		}
		if p, err := ok.Preview(t.Context(), "t", "", runDesignated(), nil); err != nil || p.Visits != 0 || p.Change.SignOut == 0 {
			t.Errorf("no visits: %+v, %v", p, err)
		}
	})
}

func TestRunWhatIf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := runEngine(t, policy.NewMemStore(), runLocated)
		runEnroll(t, e, "t", runDesignated())
		open := policy.Settings{Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"))}}
		for _, test := range []struct {
			why      string
			l        engine.Login
			settings *policy.Settings
			want     string
		}{
			{"from the office", engine.Login{Member: "kim", Client: session.Web, Addr: runOffice}, nil, "allow [address-designated]"},
			{"from elsewhere", engine.Login{Member: "kim", Client: session.Web, Addr: runHome}, nil, "deny [address-not-designated]"},
			{"a super admin", engine.Login{Member: "boss", Client: session.Web, Addr: runHome}, nil, "allow [super-admin]"},
			{"somebody who is not there", engine.Login{Member: "nobody", Client: session.Web, Addr: runOffice}, nil, "deny [unknown-member]"},
			{"an ordinary member", engine.Login{Client: session.Web, Addr: runOffice}, nil, "allow [address-designated]"},
			{"a client that there is not", engine.Login{Member: "kim", Addr: runOffice}, nil, "deny [unknown-client]"},
			{"settings that are not saved", engine.Login{Member: "kim", Client: session.Web, Addr: runOffice}, &open, "allow [country-exempt] KR"},
			{"settings that are not saved, from abroad", engine.Login{Member: "kim", Client: session.Web, Addr: runHome}, &open, "verify [overseas-login] JP"},
			{"and verified", engine.Login{Member: "kim", Client: session.Web, Addr: runHome, Verified: true}, &open, "allow [identity-verified] JP"},
		} {
			test.l.Tenant = "t"
			x, err := e.WhatIf(t.Context(), test.l, test.settings)
			if err != nil || x.Decision.String() != test.want {
				t.Errorf("%s: %v, %v; want %s", test.why, x.Decision, err, test.want)
			}
			if test.settings == nil {
				test.l.Authenticated = true
				if d, _, err := e.Admit(t.Context(), test.l); d != x.Decision && test.l.Member != "nobody" && test.l.Member != "" {
					t.Errorf("%s: told %v, and then decided %v, %v", test.why, x.Decision, d, err)
				}
			}
		}
		if _, err := e.WhatIf(t.Context(), engine.Login{Tenant: "u"}, nil); !errors.Is(err, engine.ErrNotEnrolled) {
			t.Errorf("a tenant without a record: %v", err)
		}
		if x, err := e.WhatIf(t.Context(), engine.Login{Tenant: "u", Client: session.Web, Addr: runOffice}, &open); err != nil || x.Decision.Effect != policy.Allow {
			t.Errorf("settings for a tenant that is not enrolled yet: %v, %v", x.Decision, err)
		}
	})
}
