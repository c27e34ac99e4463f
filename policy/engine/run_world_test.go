package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// What the tests of running share.

var (
	runOffice = netip.MustParseAddr("8.8.8.8")
	runHome   = netip.MustParseAddr("1.1.1.1")
	errRun    = errors.New("the store is down")
)

// runDesignated lets in from the office, and from the entries given.
func runDesignated(entries ...string) policy.Settings {
	s := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24")}}}
	for _, e := range entries {
		s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(e)})
	}
	return s
}

// runHook is asked around a call. Its error is what the caller gets.
type runHook func(ctx context.Context, call string) error

// runStore is a store with hooks: before a call, which is then not made if there is an
// error, and after it, whose answer is then lost; or around it.
type runStore struct {
	policy.Store
	before, after runHook
	around        func(ctx context.Context, call string, do func()) error // its error is the answer, unless nil

	mu    sync.Mutex
	calls map[string]int
}

func runHooked[T any](s *runStore, ctx context.Context, call string, f func() (T, error)) (T, error) {
	var zero T
	s.mu.Lock()
	if s.calls == nil {
		s.calls = make(map[string]int)
	}
	s.calls[call]++
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, call); err != nil {
			return zero, err
		}
	}
	var v T
	var err error
	if s.around == nil {
		v, err = f()
	} else if failed := s.around(ctx, call, func() { v, err = f() }); failed != nil {
		return zero, failed
	}
	if s.after != nil {
		if err := s.after(ctx, call); err != nil {
			return zero, err
		}
	}
	return v, err
}

func (s *runStore) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

func (s *runStore) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	return runHooked(s, ctx, "load", func() (policy.Record, error) { return s.Store.Load(ctx, t) })
}

func (s *runStore) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	return runHooked(s, ctx, "version", func() (session.Version, error) { return s.Store.Version(ctx, t) })
}

func (s *runStore) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	return runHooked(s, ctx, "save", func() (session.Version, error) { return s.Store.Save(ctx, expected, r, e, orders) })
}

func (s *runStore) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	return runHooked(s, ctx, "take", func() ([]session.Order, error) { return s.Store.Take(ctx, n, lease) })
}

func (s *runStore) Done(ctx context.Context, id string) error {
	_, err := runHooked(s, ctx, "done", func() (int, error) { return 0, s.Store.Done(ctx, id) })
	return err
}

func (s *runStore) Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
	_, err := runHooked(s, ctx, "failed", func() (int, error) { return 0, s.Store.Failed(ctx, id, wait, park, why) })
	return err
}

func (s *runStore) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
	return runHooked(s, ctx, "history", func() ([]policy.Past, error) { return s.Store.(policy.Historian).History(ctx, t, before, n) })
}

func (s *runStore) Earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	return runHooked(s, ctx, "earlier", func() (policy.Past, error) { return s.Store.(policy.Historian).Earlier(ctx, t, v) })
}

// runWatched is a runStore that tells of changes as watch does.
type runWatched struct {
	*runStore
	watch func(ctx context.Context, changed func(session.TenantID, session.Version)) error
}

func (s *runWatched) Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error {
	return s.watch(ctx, changed)
}

// runMembers has every member of every tenant whose id does not begin with "no". The id
// "boss" is a super admin.
type runMembers struct {
	before runHook
}

func (m runMembers) Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	if m.before != nil {
		if err := m.before(ctx, "member"); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(string(id), "no") {
		return nil, session.ErrNotFound
	}
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Super: id == "boss", Version: session.Version{Line: 1, Number: 1}}, nil
}

// runRevoker keeps the orders that it is given.
type runRevoker struct {
	refuse func(ctx context.Context, o session.Order) error

	mu     sync.Mutex
	orders []session.Order // all that came
	done   []session.Order // without an error
	at     []time.Time     // when they came
}

func (r *runRevoker) Revoke(ctx context.Context, o session.Order) error {
	r.mu.Lock()
	r.orders, r.at = append(r.orders, o), append(r.at, time.Now())
	r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(ctx, o); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.done = append(r.done, o)
	r.mu.Unlock()
	return nil
}

func (r *runRevoker) came() []session.Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.orders)
}

// runObserver keeps what it is told.
type runObserver struct {
	mu   sync.Mutex
	told []engine.Observation
	then func(engine.Observation)
}

func (o *runObserver) Observe(told engine.Observation) {
	o.mu.Lock()
	o.told = append(o.told, told)
	o.mu.Unlock()
	if o.then != nil {
		o.then(told)
	}
}

func (o *runObserver) of(kind engine.ObservationKind) (list []engine.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, told := range o.told {
		if told.Kind == kind {
			list = append(list, told)
		}
	}
	return list
}

// runEngine makes an engine under the Standard profile, with changes.
func runEngine(t testing.TB, store policy.Store, alter ...func(*policy.Profile, *engine.Options)) *engine.Engine {
	t.Helper()
	p, o := policy.Standard(), &engine.Options{}
	for _, f := range alter {
		f(p, o)
	}
	e, err := engine.New(p, store, runMembers{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// runUntil runs e until stop is called, which waits for its end.
func runUntil(t testing.TB, e *engine.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v; want %v", err, context.Canceled)
		}
	}
}

// runFor runs e for a while of the bubble's clock.
func runFor(t testing.TB, e *engine.Engine, d time.Duration) {
	t.Helper()
	stop := runUntil(t, e)
	time.Sleep(d)
	stop()
}

func runEnroll(t testing.TB, e *engine.Engine, id session.TenantID, s policy.Settings) session.Version {
	t.Helper()
	saved, err := e.Enroll(t.Context(), engine.Enrollment{Tenant: id, Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	return saved.Version
}

// runSession is a session of a member, and what is kept of it.
type runSession struct {
	tenant session.TenantID
	member member.ID
	stamp  session.Stamp
}

// runLogin logs in from the office.
func runLogin(t testing.TB, e *engine.Engine, tenant session.TenantID, id member.ID) runSession {
	t.Helper()
	d, stamp, err := e.Admit(t.Context(), engine.Login{Tenant: tenant, Member: id, Client: session.Web, Addr: runOffice, Authenticated: true})
	if d.Effect != policy.Allow {
		t.Fatalf("login of %s: %v, %v", id, d, err)
	}
	return runSession{tenant, id, stamp}
}

// runCheck makes a request from the office.
func runCheck(t testing.TB, e *engine.Engine, s runSession) policy.Decision {
	t.Helper()
	d, _ := e.Check(t.Context(), engine.Request{Tenant: s.tenant, Member: s.member, Stamp: s.stamp, Addr: runOffice})
	return d
}

func runAlive(t testing.TB, e *engine.Engine, s runSession, why string) {
	t.Helper()
	if d := runCheck(t, e, s); d.Effect != policy.Allow {
		t.Errorf("%s: %v; want allow", why, d)
	}
}

func runCut(t testing.TB, e *engine.Engine, s runSession, why string) {
	t.Helper()
	if d := runCheck(t, e, s); d.Effect != policy.Deny || d.Reason != policy.ReasonSessionCut {
		t.Errorf("%s: %v; want deny [session-cut]", why, d)
	}
}

// runSave saves settings for the system, from whatever version there is.
func runSave(t testing.TB, e *engine.Engine, id session.TenantID, s policy.Settings) engine.Saved {
	t.Helper()
	r, err := e.Settings(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := e.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: id, From: r.Version}, Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// runBubble runs a test in a bubble, which fails if a goroutine is left.
func runBubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func runTenant(i int) session.TenantID { return session.TenantID(fmt.Sprintf("tenant-%d", i)) }
