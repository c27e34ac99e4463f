package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

var decideAll = flag.Bool("decide.all", false, "all combinations of a login, and not each 61st, and all members where the network refuses, and not a third of them each time")

// decideFailures answers as a test says.
type decideFailures struct {
	does  decideFailing
	calls atomic.Int64
}

func (f *decideFailures) Count(_ context.Context, _ session.TenantID, _ member.ID, right bool) (bool, error) {
	f.calls.Add(1)
	switch f.does {
	case decideFails:
		return false, errDecideDown
	case decideGuessed:
		return true, fmt.Errorf("guessing: %w", member.ErrGuessed)
	}
	return f.does == decideLocks, nil
}

// decideProducts are profiles with a plan.
var decideProducts = []struct {
	profile *policy.Profile
	plan    policy.Plan
}{
	{policy.Standard(), ""},
	{policy.NaverWorks(), "standard"},
	{policy.NaverWorks(), "free"},
	{policy.NaverWorks(), "unheard-of"},
	{policy.LineWorks(), "basic"},
	{policy.Kintone(), ""},
}

// decidePeople are members of each status, super, blocked and with a password to change.
func decidePeople(t session.TenantID) (all []member.Member) {
	for i := range 8 * 2 * 2 * 2 {
		m := member.Member{Tenant: t, ID: member.ID(fmt.Sprint("m", i)), Status: member.Status(i >> 3),
			Super: i&1 != 0, MustChangePassword: i&2 != 0, Version: session.Version{Line: 9, Number: uint64(1 + i)}}
		if i&4 != 0 {
			m.Blocked = session.ClientsOf(session.Web, session.POP3, session.API)
		}
		all = append(all, m)
	}
	return all
}

var decideEverybody = sync.OnceValue(func() []member.Member { return decidePeople("t0") })

var (
	decideClients = []session.Client{session.UnknownClient, session.Web, session.Mobile, session.IMAP, session.POP3, session.API, session.FirstCustom}
	decideAddrs   = []netip.Addr{{}, decideOffice, decideHome, decideAbroad, decideSea}
)

// decideTenants puts a tenant with people for each way to restrict, and returns their
// records.
func decideTenants(t testing.TB, h *decideHost) (records []policy.Record) {
	for i := range 2 * 2 * 2 * 2 {
		id := session.TenantID(fmt.Sprint("t", i))
		s := decideSettings(policy.Access(i&1), policy.Effect(i>>1&1), i>>2&1 == 1)
		for _, m := range decidePeople(id) {
			h.set(m)
			if i>>3 == 1 {
				s.Exceptions = append(s.Exceptions, policy.Exception{Member: m.ID})
			}
		}
		records = append(records, h.put(t, policy.Record{Tenant: id, Settings: s, Version: session.Version{Line: 77, Number: uint64(3 + i)}}))
	}
	return records
}

// decideLinks returns p without the links that Kintone's profile demands a Mailer for.
func decideLinks(p *policy.Profile) *policy.Profile {
	without := *p
	without.ResetLink = 0
	return &without
}

// TestAdmitAgreesWithTheOracle walks all combinations of what a login depends on: every one
// with -decide.all, which takes an hour, and else each 61st, so that any two or three values
// still meet, for 61 divides no number of them.
func TestAdmitAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	step := 61
	switch {
	case *decideAll:
		step = 1
	case underRace:
		step = 2003
	case testing.Short():
		step = 211
	}
	synctest.Test(t, func(t *testing.T) { // which holds the clock, so that copies stay young
		h := newDecideHost()
		records := decideTenants(t, h)
		var group sync.WaitGroup
		for _, product := range decideProducts {
			for failing := decideUncounted; failing <= decideFails; failing++ {
				for _, answers := range []bool{true, false} {
					group.Wait()
					h.up()
					o := &engine.Options{Locator: decideWhere{}}
					failures := &decideFailures{does: failing}
					if failing != decideUncounted {
						o.Failures = failures
					}
					e, err := engine.New(decideLinks(product.profile), h, h, o)
					if err != nil {
						t.Fatal(err)
					}
					if !answers { // but there are copies of all
						for _, r := range records {
							for _, m := range decidePeople(r.Tenant) {
								_, _, _ = e.Admit(t.Context(), engine.Login{Tenant: r.Tenant, Member: m.ID})
							}
						}
						h.down()
					}
					combos := len(records) * 65 * len(decideClients) * len(decideAddrs) * 2 * 2
					for worker := range runtime.GOMAXPROCS(0) {
						if failing != decideUncounted && worker > 0 {
							break // calls of Failures are counted one by one
						}
						workers := runtime.GOMAXPROCS(0)
						if failing != decideUncounted {
							workers = 1
						}
						group.Go(func() {
							for i := worker * step; i < combos; i += workers * step {
								decideOne(t, e, records, i, product.profile, product.plan, failing, failures, answers)
							}
						})
					}
				}
			}
		}
		group.Wait()
	})
}

func decideOne(t *testing.T, e *engine.Engine, records []policy.Record, i int, p *policy.Profile, plan policy.Plan, failing decideFailing, failures *decideFailures, answers bool) {
	next := func(n int) int { k := i % n; i /= n; return k }
	authenticated, verified := next(2) == 1, next(2) == 1
	addr, client := decideAddrs[next(len(decideAddrs))], decideClients[next(len(decideClients))]
	people := decideEverybody()
	who := next(len(people) + 1)
	r := records[next(len(records))]
	a := decideAttempt{settings: r.Settings, profile: p, plan: plan, client: client, addr: addr, verified: verified}
	id := member.ID("nobody")
	if who < len(people) {
		m := people[who]
		m.Tenant = r.Tenant
		a.member, id = &m, m.ID
	}
	want := a.oracle(authenticated, failing, a.member == nil && !answers, r.Version)
	l := engine.Login{Tenant: r.Tenant, Member: id, Plan: plan, Client: client, Addr: addr, Authenticated: authenticated, Verified: verified}
	before := failures.calls.Load()
	d, stamp, err := e.Admit(context.Background(), l)
	got := decideAnswer{d, stamp, err != nil, failures.calls.Load() != before}
	if got != want {
		t.Errorf("%s, access %v, outside %v, overseas %v, %d exceptions, failures %d, the store answers: %v\n%+v of %+v\ngot  %+v (%v)\nwant %+v",
			p.Name, r.Settings.Access, r.Settings.Outside, r.Settings.Overseas.Block, len(r.Settings.Exceptions), failing, answers, l, a.member, got, err, want)
	}
}

// Where the network refuses an ordinary member, whatever is not let in is told the same to
// the byte, and no failure is counted.
func TestGuarantee32NothingIsToldWhereTheNetworkRefuses(t *testing.T) {
	t.Parallel()
	one := 3 // of so many members, others each time
	switch {
	case *decideAll:
		one = 1
	case testing.Short() || underRace:
		one = 13
	}
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		records := decideTenants(t, h)
		id := records[0].Tenant
		strange := []member.ID{"nobody", "", "alien", "corrupt", "fails", "panics", "gone-back"}
		h.set(member.Member{Tenant: id, ID: "gone-back", Status: member.Active, Version: session.Version{Line: 3, Number: 3}})
		failures := &decideFailures{does: decideCounted}
		for _, product := range decideProducts {
			e, err := engine.New(decideLinks(product.profile), h, h, &engine.Options{Locator: decideWhere{}, Failures: failures})
			if err != nil {
				t.Fatal(err)
			}
			_, _, _ = e.Admit(t.Context(), engine.Login{Tenant: id, Member: "gone-back"})
			refused := 0
			for _, r := range records {
				for _, client := range decideClients {
					for _, addr := range decideAddrs {
						a := decideAttempt{settings: r.Settings, profile: product.profile, plan: product.plan, client: client, addr: addr,
							member: &member.Member{Status: member.Active}}
						if a.list().Effect != policy.Deny {
							continue
						}
						if refused++; underRace && refused%7 != 0 {
							continue
						}
						answers := map[decideAnswer]string{}
						before := failures.calls.Load()
						ask := func(id member.ID, authenticated, verified bool) {
							d, stamp, err := e.Admit(t.Context(), engine.Login{Tenant: r.Tenant, Member: id, Plan: product.plan, Client: client, Addr: addr,
								Authenticated: authenticated, Verified: verified})
							answer := decideAnswer{Decision: d, Stamp: stamp, Failed: err != nil}
							if d.Effect == policy.Deny && answers[answer] == "" {
								answers[answer] = fmt.Sprint(id, authenticated, verified)
							} else if d.Effect != policy.Deny && !authenticated {
								t.Errorf("%s from %v: %v without a password", id, addr, d)
							}
						}
						for i := range 4 {
							for k, m := range decideEverybody() {
								if (k+refused)%one == 0 {
									ask(m.ID, i&1 == 0, i&2 == 0)
								}
							}
							for _, id := range strange {
								h.member = decideStrange(id)
								ask(id, i&1 == 0, i&2 == 0)
								h.member = nil
							}
						}
						if len(answers) != 1 {
							t.Errorf("%s by %v from %v: answers tell members apart: %v", r.Tenant, client, addr, answers)
						}
						if n := failures.calls.Load() - before; n != 0 {
							t.Errorf("%s by %v from %v: %d failures were counted", r.Tenant, client, addr, n)
						}
					}
				}
			}
			if refused == 0 {
				t.Errorf("%s: nothing is refused anywhere", product.profile.Name)
			}
		}
	})
}

// decideStrange is what Members does when asked for an odd member.
func decideStrange(id member.ID) func(*member.Member) (*member.Member, error) {
	return func(m *member.Member) (*member.Member, error) {
		switch id {
		case "alien":
			return &member.Member{Tenant: "another", ID: id, Status: member.Active}, nil
		case "corrupt":
			return &member.Member{Tenant: "t0", ID: id, Status: member.Active, Cuts: session.Cuts{}.Cut(session.AllClients, 7)}, nil
		case "fails":
			return nil, errDecideDown
		case "panics":
			panic("members")
		case "gone-back":
			return &member.Member{Tenant: "t0", ID: id, Status: member.Active, Version: session.Version{Line: 3, Number: 2}}, nil
		}
		if m == nil {
			return nil, session.ErrNotFound
		}
		return m, nil
	}
}

// A step that was asked for is bound to the versions by which it was.
func TestAdmitSinceAnAct(t *testing.T) {
	h := decideSmall(t)
	e := decideEngine(t, h, nil)
	was := decideMember("acme", "lee").Version
	h.change("acme", "lee", func(*member.Member) {})
	l := decideLee
	l.Since = was
	decideWantLogin(t, e, l, "allow [all-addresses]", "no session was ended since")
	h.change("acme", "lee", func(m *member.Member) { m.Cuts = m.Cuts.Cut(session.AllClients, m.Version.Number) })
	decideWantLogin(t, e, l, "deny [bad-credentials]", "the password was set by force since")
	l.Since = session.Version{Line: was.Line, Number: 3}
	decideWantLogin(t, e, l, "allow [all-addresses]", "proved after it was")
	l.Since = session.Version{Line: 4, Number: 3}
	decideWantLogin(t, e, l, "deny [bad-credentials]", "the member was made again since")
}

func TestGuarantee12TheUnknownIsNotAdmitted(t *testing.T) {
	h := decideSmall(t)
	h.put(t, policy.Record{Tenant: "gone"})
	h.put(t, policy.Record{Tenant: "gone", Deleted: true})
	e := decideEngine(t, h, nil)
	change := func(f func(*engine.Login)) engine.Login { l := decideLee; f(&l); return l }
	for _, row := range []struct {
		why   string
		login engine.Login
		want  string
	}{
		{"nothing at all", engine.Login{}, "deny [no-policy]"},
		{"no tenant", change(func(l *engine.Login) { l.Tenant = "" }), "deny [no-policy]"},
		{"a tenant that nobody enrolled", change(func(l *engine.Login) { l.Tenant = "acm" }), "deny [no-policy]"},
		{"a tenant that was removed", change(func(l *engine.Login) { l.Tenant = "gone" }), "deny [no-policy]"},
		{"no member", change(func(l *engine.Login) { l.Member = "" }), "deny [bad-credentials]"},
		{"a member that does not exist", change(func(l *engine.Login) { l.Member = "le" }), "deny [bad-credentials]"},
		{"no client", change(func(l *engine.Login) { l.Client = 0 }), "deny [unknown-client]"},
		{"no address", change(func(l *engine.Login) { l.Addr = netip.Addr{} }), "deny [no-client-address]"},
		{"not authenticated", change(func(l *engine.Login) { l.Authenticated = false }), "deny [bad-credentials]"},
		{"as it should be", decideLee, "allow [all-addresses]"},
	} {
		decideWantLogin(t, e, row.login, row.want, row.why)
	}
	r := decideAdmit(t, e, decideLee)
	alter := func(f func(*engine.Request)) engine.Request { r := r; f(&r); return r }
	for _, row := range []struct {
		why     string
		request engine.Request
		want    string
	}{
		{"nothing at all", engine.Request{}, "deny [no-policy]"},
		{"no tenant", alter(func(r *engine.Request) { r.Tenant = "" }), "deny [no-policy]"},
		{"a tenant that nobody enrolled", alter(func(r *engine.Request) { r.Tenant = "acm" }), "deny [no-policy]"},
		{"a tenant that was removed", alter(func(r *engine.Request) { r.Tenant, r.Stamp = "gone", session.Stamp{Client: session.Web} }), "deny [unknown-member]"},
		{"no member", alter(func(r *engine.Request) { r.Member = "" }), "deny [unknown-member]"},
		{"a member that does not exist", alter(func(r *engine.Request) { r.Member = "le" }), "deny [unknown-member]"},
		{"no stamp", alter(func(r *engine.Request) { r.Stamp = session.Stamp{} }), "deny [session-cut]"},
		{"a stamp without a client", alter(func(r *engine.Request) { r.Stamp.Client = 0 }), "deny [session-cut]"},
		{"a stamp of a client that means nothing", alter(func(r *engine.Request) { r.Stamp.Client = 77 }), "deny [session-cut]"},
		{"a client that the product does not have", alter(func(r *engine.Request) { r.Stamp.Client = session.FirstCustom }), "deny [unknown-client]"},
		{"no address", alter(func(r *engine.Request) { r.Addr = netip.Addr{} }), "deny [no-client-address]"},
		{"from before stamps", alter(func(r *engine.Request) { r.Stamp = session.Stamp{Client: session.Web} }), "allow [all-addresses]"},
		{"as it should be", r, "allow [all-addresses]"},
	} {
		decideWant(t, e, row.request, row.want, row.why)
	}
	h.set(member.Member{Tenant: "gone", ID: "lee", Status: member.Active})
	decideWant(t, e, alter(func(r *engine.Request) { r.Tenant, r.Stamp = "gone", session.Stamp{Client: session.Web} }), "deny [no-policy]", "of a tenant that was removed")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for why, ctx := range map[string]context.Context{"cancelled": cancelled, "none": nil} {
		if d, stamp, err := e.Admit(ctx, decideLee); d.Effect != policy.Deny || err == nil || stamp != (session.Stamp{}) {
			t.Errorf("a login whose context is %s: %v, %v", why, d, err)
		}
		if d, err := e.Check(ctx, r); d.Effect != policy.Deny || err == nil {
			t.Errorf("a request whose context is %s: %v, %v", why, d, err)
		}
	}
	if d, err := e.Check(cancelled, r); !errors.Is(err, context.Canceled) || d.Reason != policy.ReasonPolicyStale {
		t.Errorf("%v, %v", d, err)
	}
}
