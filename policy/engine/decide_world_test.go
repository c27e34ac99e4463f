package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

var (
	decideKR = geo.MustParseCountry("KR")
	decideUS = geo.MustParseCountry("US")

	decideOffice = netip.MustParseAddr("1.208.0.9")           // designated, in Korea
	decideHome   = netip.MustParseAddr("1.208.77.1")          // in Korea
	decideAbroad = netip.MustParseAddr("::ffff:9.9.9.9")      // in the United States
	decideSea    = netip.MustParseAddr("2001:4860:4860::888") // in no country
)

// decideWhere tells the countries of these addresses.
type decideWhere struct{}

func (decideWhere) Country(a netip.Addr) geo.Country {
	switch a {
	case decideOffice, decideHome:
		return decideKR
	case decideAbroad.Unmap():
		return decideUS
	}
	return geo.Country{}
}

var errDecideDown = errors.New("the store is down")

// decideHost is a store and members, which do what a test has them do.
type decideHost struct {
	policy.MemStore

	mu      sync.Mutex
	members map[decideName]*member.Member
	fault   func(ctx context.Context, call string, n int) error // nil: none
	n       int                                                 // calls so far

	versions, loads, asked atomic.Int64 // calls that were answered or not
	load                   func(policy.Record) (policy.Record, error)
	version                func(session.Version) session.Version
	member                 func(*member.Member) (*member.Member, error)
}

type decideName struct {
	tenant session.TenantID
	member member.ID
}

func newDecideHost() *decideHost { return &decideHost{members: make(map[decideName]*member.Member)} }

func (h *decideHost) called(ctx context.Context, call string) error {
	h.mu.Lock()
	h.n++
	n, fault := h.n, h.fault
	h.mu.Unlock()
	if fault != nil {
		return fault(ctx, call, n)
	}
	return ctx.Err()
}

// faulty has each call go through f from now on.
func (h *decideHost) faulty(f func(ctx context.Context, call string, n int) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault, h.n = f, 0
}

// down has calls fail whose names are among those given; none: all.
func (h *decideHost) down(calls ...string) {
	h.faulty(func(_ context.Context, call string, _ int) error {
		for _, c := range calls {
			if c == call {
				return errDecideDown
			}
		}
		if len(calls) == 0 {
			return errDecideDown
		}
		return nil
	})
}

func (h *decideHost) up() { h.faulty(nil) }

func (h *decideHost) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	h.versions.Add(1)
	if err := h.called(ctx, "Version"); err != nil {
		return session.Version{}, err
	}
	v, err := h.MemStore.Version(ctx, t)
	if h.version != nil && err == nil {
		v = h.version(v)
	}
	return v, err
}

func (h *decideHost) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	h.loads.Add(1)
	if err := h.called(ctx, "Load"); err != nil {
		return policy.Record{}, err
	}
	r, err := h.MemStore.Load(ctx, t)
	if h.load != nil && err == nil {
		return h.load(r)
	}
	return r, err
}

func (h *decideHost) Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	h.asked.Add(1)
	if err := h.called(ctx, "Member"); err != nil {
		return nil, err
	}
	h.mu.Lock()
	m := h.members[decideName{t, id}]
	h.mu.Unlock()
	if h.member != nil {
		return h.member(m)
	}
	if m == nil {
		return nil, fmt.Errorf("members: %w", session.ErrNotFound)
	}
	return m, nil
}

// calls returns how often the store and Members were called.
func (h *decideHost) calls() (versions, loads, asked int64) {
	return h.versions.Load(), h.loads.Load(), h.asked.Load()
}

// put writes a record straight through the store. Zero fields of its version are filled
// in: the next number of the line that is there, or the first of a new one.
func (h *decideHost) put(t testing.TB, r policy.Record) policy.Record {
	t.Helper()
	ctx := context.Background()
	old, err := h.MemStore.Load(ctx, r.Tenant)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		t.Fatal(err)
	}
	if r.Version == (session.Version{}) {
		if r.Version = session.NewLine(); err == nil {
			r.Version = session.Version{Line: old.Version.Line, Number: old.Version.Number + 1}
		}
	}
	if r.Plan == "" {
		r.Plan = old.Plan
	}
	r.Cuts = old.Cuts.Max(r.Cuts)
	if len(old.MemberCuts) > 0 && r.MemberCuts == nil {
		r.MemberCuts = maps.Clone(old.MemberCuts)
	}
	if r.Version.Line != old.Version.Line {
		r.Cuts, r.MemberCuts = session.Cuts{}, nil
	}
	if _, err := h.Save(ctx, old.Version, r, session.Event{Tenant: r.Tenant}, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// cut saves a record like the one that is there, which ends sessions of clients.
func (h *decideHost) cut(t testing.TB, id session.TenantID, clients session.Clients) policy.Record {
	t.Helper()
	r, err := h.MemStore.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	r.Version.Number++
	r.Cuts = r.Cuts.Cut(clients, r.Version.Number)
	return h.put(t, r)
}

// set stores a member.
func (h *decideHost) set(m member.Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[decideName{m.Tenant, m.ID}] = &m
}

// change stores a member altered, at its next version.
func (h *decideHost) change(t session.TenantID, id member.ID, f func(*member.Member)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := *h.members[decideName{t, id}]
	m.Version.Number++
	f(&m)
	h.members[decideName{t, id}] = &m
}

func decideMember(t session.TenantID, id member.ID) member.Member {
	return member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 5, Number: 1}}
}

// decideSmall returns a host with the tenant acme, which lets everybody in, and lee.
func decideSmall(t testing.TB) *decideHost {
	h := newDecideHost()
	h.put(t, policy.Record{Tenant: "acme"})
	h.set(decideMember("acme", "lee"))
	return h
}

func decideEngine(t testing.TB, h *decideHost, o *engine.Options) *engine.Engine {
	t.Helper()
	if o == nil {
		o = &engine.Options{}
	}
	if o.Locator == nil {
		o.Locator = decideWhere{}
	}
	e, err := engine.New(policy.Standard(), h, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var (
	decideLee = engine.Login{Tenant: "acme", Member: "lee", Client: session.Web, Addr: decideOffice, Authenticated: true}
)

// decideAdmit logs in, and fails the test if that is not allowed.
func decideAdmit(t testing.TB, e *engine.Engine, l engine.Login) engine.Request {
	t.Helper()
	d, stamp, err := e.Admit(context.Background(), l)
	if err != nil || d.Effect != policy.Allow {
		t.Fatalf("%s of %s: %v, %v", l.Member, l.Tenant, d, err)
	}
	return engine.Request{Tenant: l.Tenant, Member: l.Member, Plan: l.Plan, Stamp: stamp, Addr: l.Addr}
}

// decideWant checks a request.
func decideWant(t testing.TB, e *engine.Engine, r engine.Request, want, why string) {
	t.Helper()
	d, err := e.Check(context.Background(), r)
	if d.String() != want {
		t.Errorf("%s: got %v (%v); want %s", why, d, err, want)
	}
	if err != nil && d.Effect != policy.Deny {
		t.Errorf("%s: %v beside %v", why, err, d)
	}
}

// decideWantLogin logs in and checks the answer, and that only an allow begins a session.
func decideWantLogin(t testing.TB, e *engine.Engine, l engine.Login, want, why string) {
	t.Helper()
	d, stamp, err := e.Admit(context.Background(), l)
	if d.String() != want {
		t.Errorf("%s: got %v (%v); want %s", why, d, err, want)
	}
	if d.Effect == policy.Deny && stamp != (session.Stamp{}) || err != nil && d.Effect != policy.Deny {
		t.Errorf("%s: %v with the stamp %v, %v", why, d, stamp, err)
	}
}

// decideAlarms are the errors of alarms.
type decideAlarms struct {
	mu   sync.Mutex
	errs []error
}

func (a *decideAlarms) Observe(o engine.Observation) {
	if o.Kind == engine.Alarmed {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.errs = append(a.errs, o.Err)
	}
}

func (a *decideAlarms) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.errs)
}

func decideSettings(access policy.Access, outside policy.Effect, block bool) policy.Settings {
	return policy.Settings{
		Access:     access,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("1.208.0.0/24")}, {Range: ipset.MustParseRange("3.3.0.0/16")}},
		Outside:    outside,
		Overseas:   policy.Overseas{Block: block, Exempt: geo.CountriesOf(decideKR)},
	}
}
