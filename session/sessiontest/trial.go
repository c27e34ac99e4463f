package sessiontest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// tb is what a proof needs of testing.TB, so that the proofs themselves can be tested.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// trial is a store on trial. Only the goroutine of the proof calls Fatalf and what may.
type trial struct {
	tb
	store session.Store
	ctx   context.Context
	begin time.Time
}

func newTrial(t tb, s session.Store) *trial {
	return &trial{t, s, context.Background(), time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
}

const tenant, stranger session.TenantID = "acme", "globex"

var (
	seoul  = netip.MustParseAddr("1.208.0.1")
	tokyo  = netip.MustParseAddr("2001:200::1")
	korea  = geo.MustParseCountry("KR")
	japan  = geo.MustParseCountry("JP")
	nobody netip.Addr
)

// at returns the instant so long after the trial began.
func (t *trial) at(d time.Duration) time.Time { return t.begin.Add(d) }

// session returns a session as many are: live, without limits. The store has none of it.
func (t *trial) session() session.Session {
	_, id := session.NewToken()
	return session.Session{
		ID: id, First: id, Tenant: tenant, Member: "kim",
		Stamp: session.Stamp{
			Policy: session.Version{Line: 7, Number: 5},
			Member: session.Version{Line: 9, Number: 3},
			Client: session.Web,
		},
		Addr: seoul, Country: korea, Device: "laptop", System: "Linux",
		Created: t.at(0), Seen: t.at(0),
	}
}

// full returns a session in which everything that can be set is.
func (t *trial) full() session.Session {
	s := t.session()
	s.Kind = session.AppPassword
	s.Stamp = session.Stamp{
		Policy: session.Version{Line: 1<<32 - 1, Number: session.MaxNumber},
		Member: session.Version{Line: 1, Number: session.MaxNumber - 1},
		Client: session.FirstCustom + 30, Country: japan, Verified: true,
	}
	s.Addr, s.Country = tokyo, japan
	s.Device, s.System = "기기-1 '\";--%_", "iOS 19"
	s.Via, s.Label = "google:1234", "메일 프로그램 😀"
	s.Created, s.Seen = t.at(1234567*time.Microsecond), t.at(7654321*time.Microsecond)
	s.Idle, s.Life = 90*time.Minute+time.Microsecond, 30*24*time.Hour
	return s
}

// create has the store keep sessions.
func (t *trial) create(sessions ...session.Session) {
	t.Helper()
	for _, s := range sessions {
		if err := t.store.Create(t.ctx, s); err != nil {
			t.Fatalf("Create of a new session: %v", err)
		}
	}
}

// created returns a session that the store keeps, made by changing one as many are.
func (t *trial) created(change func(*session.Session)) session.Session {
	t.Helper()
	s := t.session()
	if change != nil {
		change(&s)
	}
	t.create(s)
	return s
}

// end ends a session.
func (t *trial) end(s *session.Session, at time.Time, why string) {
	t.Helper()
	if err := t.store.End(t.ctx, s.Tenant, s.ID, at, why); err != nil {
		t.Fatalf("End: %v", err)
	}
	s.Ended, s.Why = at, why
}

// find returns what the store keeps of a session.
func (t *trial) find(s session.Session) session.Session {
	t.Helper()
	found, err := t.store.Find(t.ctx, s.Tenant, s.ID)
	if err != nil {
		t.Fatalf("Find of a session that is there: %v", err)
	}
	return found
}

// kept checks that the store keeps exactly s.
func (t *trial) kept(s session.Session, when string) {
	t.Helper()
	if found := t.find(s); !same(found, s) {
		t.Errorf("%s, Find returns\n\t%+v\nwant\n\t%+v", when, found, s)
	}
}

// missing checks that the store does not have a session.
func (t *trial) missing(tenant session.TenantID, id session.ID, when string) {
	t.Helper()
	if found, err := t.store.Find(t.ctx, tenant, id); !errors.Is(err, session.ErrNotFound) || !same(found, session.Session{}) {
		t.Errorf("%s, Find returns %+v, %v; want none and ErrNotFound", when, found, err)
	}
}

// is checks an error.
func (t *trial) is(err, want error, what string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: the error is %v; want %v", what, err, want)
	}
}

// ok checks that there is no error.
func (t *trial) ok(err error, what string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// list returns all sessions of a tenant in one page.
func (t *trial) list(tenant session.TenantID, q session.Query) []session.Session {
	t.Helper()
	page, err := t.store.List(t.ctx, tenant, q)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return page
}

// listed checks what a query finds.
func (t *trial) listed(tenant session.TenantID, q session.Query, want []session.Session, what string) {
	t.Helper()
	got := t.list(tenant, q)
	if len(got) != len(want) {
		t.Errorf("%s: List returns %d sessions; want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !same(got[i], want[i]) {
			t.Errorf("%s: List returns at place %d\n\t%+v\nwant\n\t%+v", what, i, got[i], want[i])
			return
		}
	}
}

// same compares sessions; instants to the microsecond, in whatever place.
func same(a, b session.Session) bool { return plain(a) == plain(b) }

func plain(s session.Session) session.Session {
	for _, t := range []*time.Time{&s.Created, &s.Seen, &s.Ended} {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	return s
}

// race runs functions at once, and returns when all have. Which comes first is left to
// chance: the scheduler alone would run them in the same order again and again.
func race(fs ...func()) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for _, i := range rand.Perm(len(fs)) {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			for range rand.IntN(3) {
				runtime.Gosched()
			}
			fs[i]()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// rounds is how often a race is run.
func rounds() int {
	if testing.Short() {
		return 25
	}
	return 200
}
