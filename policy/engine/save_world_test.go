package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// What the tests of saving share.

var (
	saveOffice = netip.MustParseAddr("8.8.8.8")  // in KR
	saveHome   = netip.MustParseAddr("9.9.9.9")  // in US
	saveLost   = netip.MustParseAddr("77.7.7.7") // nobody knows where
	saveKey    = []byte("a key of thirty-two bytes, exact")
	errSave    = errors.New("the store has failed")
)

const saveTenant session.TenantID = "acme"

type saveGeo struct{}

func (saveGeo) Country(a netip.Addr) geo.Country {
	switch {
	case strings.HasPrefix(a.String(), "8."):
		return geo.MustParseCountry("KR")
	case strings.HasPrefix(a.String(), "9."):
		return geo.MustParseCountry("US")
	case strings.HasPrefix(a.String(), "2001:4860:"):
		return geo.MustParseCountry("JP")
	}
	return geo.Country{}
}

func saveAll() policy.Settings { return policy.Settings{} }

// saveList designates ranges; "8.8.8.8 until" would be an Entry of its own.
func saveList(ranges ...string) policy.Settings {
	s := policy.Settings{Access: policy.DesignatedAddresses}
	for _, r := range ranges {
		s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(r)})
	}
	return s
}

func saveUntil(s policy.Settings, r string, until time.Time) policy.Settings {
	s = s.Clone()
	s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(r), Until: until})
	return s
}

func saveExcept(s policy.Settings, x ...policy.Exception) policy.Settings {
	s = s.Clone()
	s.Exceptions = append(s.Exceptions, x...)
	return s
}

func saveBlock(s policy.Settings, exempt ...string) policy.Settings {
	s.Overseas.Block = true
	s.Overseas.Exempt = geo.Countries{}
	for _, c := range exempt {
		s.Overseas.Exempt = s.Overseas.Exempt.With(geo.MustParseCountry(c))
	}
	return s
}

// saveStore calls hook before and after each call of the store in it: n counts the calls,
// after says when. What hook returns is the answer.
type saveStore struct {
	policy.Store
	mu   sync.Mutex
	n    int
	hook func(call string, n int, after bool) error
}

func (s *saveStore) set(hook func(call string, n int, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n, s.hook = 0, hook
}

// meanwhile has something happen once: just before the next save is written, and, unless
// that is nil, just before who saves is told.
func (s *saveStore) meanwhile(before, after func()) {
	which := 0 // of all calls
	s.set(func(call string, n int, done bool) error {
		switch {
		case call != "save":
		case !done && which == 0:
			which = n
			before()
		case done && n == which && after != nil:
			after()
		}
		return nil
	})
}

func saveHooked[T any](s *saveStore, call string, f func() (T, error)) (T, error) {
	s.mu.Lock()
	s.n++
	n, hook := s.n, s.hook
	s.mu.Unlock()
	var zero T
	if hook == nil {
		return f()
	}
	if err := hook(call, n, false); err != nil {
		return zero, err
	}
	v, err := f()
	if failed := hook(call, n, true); failed != nil {
		return zero, failed
	}
	return v, err
}

func (s *saveStore) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	return saveHooked(s, "load", func() (policy.Record, error) { return s.Store.Load(ctx, t) })
}

func (s *saveStore) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	return saveHooked(s, "version", func() (session.Version, error) { return s.Store.Version(ctx, t) })
}

// Save writes even where the caller has given up meanwhile.
func (s *saveStore) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, o []session.Order) (session.Version, error) {
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	return saveHooked(s, "save", func() (session.Version, error) { return s.Store.Save(ctx, expected, r, e, o) })
}

func (s *saveStore) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
	return s.Store.(policy.Historian).History(ctx, t, before, n)
}

func (s *saveStore) Earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	return s.Store.(policy.Historian).Earlier(ctx, t, v)
}

// saveMembers has every member that is not named: "boss" is a super admin, "no…" is nobody.
type saveMembers struct {
	mu    sync.Mutex
	named map[member.ID]member.Member
	err   error
	fails member.ID // of whom there is no answer
}

func (m *saveMembers) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if id != "" && id == m.fails {
		return nil, errSave
	}
	if strings.HasPrefix(string(id), "no") {
		return nil, session.ErrNotFound
	}
	who, ok := m.named[id]
	if !ok {
		who = member.Member{Tenant: t, ID: id, Status: member.Active, Super: id == "boss"}
	}
	return &who, nil
}

type saveAdmins struct {
	mu     sync.Mutex
	places []engine.Place
	err    error
}

func (a *saveAdmins) Administrators(context.Context, session.TenantID) ([]engine.Place, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.places, a.err
}

type saveMailer struct {
	mu      sync.Mutex
	letters []engine.Letter
	fail    func(engine.Letter) error
}

func (m *saveMailer) Mail(_ context.Context, l engine.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(l); err != nil {
			return err
		}
	}
	m.letters = append(m.letters, l)
	return nil
}

func (m *saveMailer) kinds() (kinds []session.OrderKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.letters {
		kinds = append(kinds, l.Kind)
	}
	return kinds
}

// saveWorld is an engine and what is around it.
type saveWorld struct {
	*testing.T
	ctx     context.Context
	profile *policy.Profile
	plan    policy.Plan
	mem     *policy.MemStore
	store   *saveStore
	members *saveMembers
	admins  *saveAdmins
	mailer  *saveMailer
	eng     *engine.Engine
}

// newSaveWorld has a tenant enrolled with settings.
func newSaveWorld(t *testing.T, p *policy.Profile, s policy.Settings) *saveWorld {
	mem := policy.NewMemStore()
	w := &saveWorld{T: t, ctx: t.Context(), profile: p, mem: mem, store: &saveStore{Store: mem},
		members: &saveMembers{named: map[member.ID]member.Member{}}, admins: &saveAdmins{}, mailer: &saveMailer{}}
	if p.Plans != nil {
		w.plan = "standard"
	}
	w.eng = w.another(nil)
	if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant, Plan: w.plan, Settings: s}); err != nil {
		t.Fatal(err)
	}
	return w
}

// another returns one more engine over the same store, as another machine has.
func (w *saveWorld) another(alter func(*engine.Options)) *engine.Engine {
	w.Helper()
	o := engine.Options{Locator: saveGeo{}, Administrators: w.admins, Mailer: w.mailer, ResetKeys: [][]byte{saveKey}}
	if alter != nil {
		alter(&o)
	}
	e, err := engine.New(w.profile, w.store, w.members, &o)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// run runs an engine until the test ends or stop is called.
func (w *saveWorld) run(e *engine.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (w *saveWorld) record() policy.Record {
	w.Helper()
	r, err := w.mem.Load(context.Background(), saveTenant)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *saveWorld) at() session.Version { w.Helper(); return w.record().Version }

// act is an act of the system on the record as it is.
func (w *saveWorld) act() engine.Act {
	w.Helper()
	return engine.Act{Tenant: saveTenant, From: w.at()}
}

func saveBy(a engine.Act, id member.ID, addr netip.Addr) engine.Act {
	a.By = engine.Place{Member: id, Client: session.Web, Addr: addr}
	return a
}

func (w *saveWorld) save(s policy.Settings) engine.Saved {
	w.Helper()
	saved, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Plan: w.plan, Settings: s})
	if err != nil {
		w.Fatal(err)
	}
	return saved
}

// visitor is a session that was admitted.
type saveSession struct {
	member member.ID
	client session.Client
	addr   netip.Addr
	stamp  session.Stamp
}

func (s saveSession) String() string {
	return fmt.Sprintf("%s with %v at %v", s.member, s.client, s.addr)
}

func (w *saveWorld) tryLogin(e *engine.Engine, id member.ID, c session.Client, addr netip.Addr) (policy.Decision, saveSession) {
	d, stamp, _ := e.Admit(w.ctx, engine.Login{Tenant: saveTenant, Member: id, Plan: w.plan, Client: c, Addr: addr, Authenticated: true})
	return d, saveSession{id, c, addr, stamp}
}

func (w *saveWorld) login(e *engine.Engine, id member.ID, c session.Client, addr netip.Addr) saveSession {
	w.Helper()
	d, s := w.tryLogin(e, id, c, addr)
	if !d.Allowed() {
		w.Fatalf("%v is not let in: %v", s, d)
	}
	return s
}

func (w *saveWorld) check(e *engine.Engine, s saveSession) policy.Decision {
	d, _ := e.Check(w.ctx, engine.Request{Tenant: saveTenant, Member: s.member, Plan: w.plan, Stamp: s.stamp, Addr: s.addr})
	return d
}

// cut reports whether a session has been ended by a cut.
func (w *saveWorld) cut(e *engine.Engine, s saveSession) bool {
	return w.check(e, s).Reason == policy.ReasonSessionCut
}

// orders returns what the store has of a kind.
func (w *saveWorld) orders(kind session.OrderKind) (orders []session.Order) {
	w.Helper()
	all, err := w.mem.Waiting(context.Background(), saveTenant, 1<<20)
	if err != nil {
		w.Fatal(err)
	}
	for _, o := range all {
		if o.Kind == kind {
			orders = append(orders, o)
		}
	}
	return orders
}

// events returns what the store tells of a kind, newest first.
func (w *saveWorld) events(kind string) []session.Event {
	w.Helper()
	events, err := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: kind})
	if err != nil {
		w.Fatal(err)
	}
	return events
}

// saveMeant reports whether one of orders means a session.
func saveMeant(orders []session.Order, s saveSession) bool {
	for _, o := range orders {
		if o.Ends(session.Session{Tenant: saveTenant, Member: s.member, Stamp: s.stamp}) {
			return true
		}
	}
	return false
}

func saveConflict(t *testing.T, err error, found session.Version) {
	t.Helper()
	var c *policy.ConflictError
	if !errors.As(err, &c) || !errors.Is(err, session.ErrConflict) || c.Found != found {
		t.Errorf("%v; want a conflict with %v", err, found)
	}
}
