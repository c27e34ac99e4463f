package nodetest

import (
	"fmt"
	mrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// Run is three processes with faults throughout, and what the test knows of them. They let
// members in, check sessions, save and act, while the networks, the servers and they
// themselves fail all the time. No session that should be dead is let in beyond the bound,
// and nothing that was acknowledged is lost.
type Run struct {
	Jobs     [3]Job
	Networks [3][]*Proxy  // of each process
	Stores   *sqlstore.DB // of the test itself, which nothing comes in the way of
	Faults   []func(*Run) // of the servers, one at a time: each has something fail for a while

	// Operator looks after the servers, again and again, as long as the run lasts and once
	// after it. nil: nobody does.
	Operator func(*Run)

	t     testing.TB
	nodes [3]atomic.Pointer[Process]
	stop  chan struct{}

	mu       sync.Mutex
	tried    map[string]int
	sessions []login
	cuts     map[session.TenantID][]ending
	acts     map[watchedMember][]ending
	ends     map[session.ID]time.Time // of single sessions, when the end was acknowledged
	lost     []loss
	losing   int       // losses of sessions that are under way
	whole    time.Time // since then no server has lost sessions
	told     map[orderOf]bool
}

// login is a session, and when it was asked for and acknowledged.
type login struct {
	session.Session
	asked, at time.Time
}

// ending is a cut or an act that was acknowledged: what is stamped below the version is dead.
type ending struct {
	id      string
	version session.Version
	at      time.Time
}

// loss is an end of all sessions that were there when it began.
type loss struct{ began, at time.Time }

type watchedMember struct {
	tenant session.TenantID
	member member.ID
}

type orderOf struct {
	tenant  session.TenantID
	version session.Version
}

const (
	RunBound = 2 * time.Second // of the processes of a Run: their MaxStale
	runKept  = 20_000          // sessions that are checked again and again
)

var (
	runTenants = []session.TenantID{"acme", "globex"}
	runMembers = []member.ID{"m0", "m1", "m2", "m3", "m4", "m5"}
)

func pick[T any](list []T) T { return list[mrand.IntN(len(list))] }

// Count counts what was tried.
func (r *Run) Count(what string) {
	r.mu.Lock()
	r.tried[what]++
	r.mu.Unlock()
}

// Errorf says what went wrong in a fault or in what the operator does.
func (r *Run) Errorf(format string, args ...any) { r.t.Errorf(format, args...) }

// Losing has a server lose sessions, which then need not be known any more.
func (r *Run) Losing(f func()) {
	r.mu.Lock()
	r.losing++
	r.mu.Unlock()
	f()
	r.mu.Lock()
	r.losing--
	r.whole = time.Now()
	r.mu.Unlock()
}

// Ends has the operator end every session that is there; f reports whether it is done.
func (r *Run) Ends(f func() bool) {
	began := time.Now()
	r.Losing(func() {
		if f() {
			r.mu.Lock()
			r.lost = append(r.lost, loss{began, time.Now()})
			r.mu.Unlock()
		}
	})
}

// until calls f, with a pause of up to most between calls, until the run is over.
func (r *Run) until(most time.Duration, f func()) {
	for {
		select {
		case <-r.stop:
			return
		case <-time.After(mrand.N(most)):
			f()
		}
	}
}

func (r *Run) start(i int) {
	r.nodes[i].Store(Start(r.t, r.Jobs[i], func(o session.Order, _ time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tried["orders told"]++
		if o.Policy != (session.Version{}) {
			r.told[orderOf{o.Tenant, o.Policy}] = true
		}
	}))
}

func (r *Run) ask(a Ask) Reply { return r.nodes[mrand.IntN(3)].Load().Ask(a) }

// Do runs the processes for four seconds, or as long as SALLYPORT_RUN says, and prints
// what was tried.
func (r *Run) Do(t testing.TB) {
	t.Helper()
	lasts := 4 * time.Second
	if text := os.Getenv("SALLYPORT_RUN"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	r.t, r.stop, r.tried = t, make(chan struct{}), map[string]int{}
	r.cuts, r.acts = map[session.TenantID][]ending{}, map[watchedMember][]ending{}
	r.ends, r.told = map[session.ID]time.Time{}, map[orderOf]bool{}
	for _, of := range runTenants {
		Populate(t, r.Stores, of, runMembers...)
	}
	for i := range r.nodes {
		r.Jobs[i].MaxStale, r.Jobs[i].Deaf = RunBound, i == 2
		r.start(i)
	}
	var working sync.WaitGroup
	began := time.Now()
	for range 4 {
		working.Go(func() { r.until(20*time.Millisecond, r.login) })
		working.Go(func() { r.until(10*time.Millisecond, r.check) })
	}
	for _, of := range runTenants {
		n := 0
		working.Go(func() { r.until(400*time.Millisecond, func() { n++; r.save(of, n) }) })
		working.Go(func() { r.until(400*time.Millisecond, func() { r.act(of) }) })
	}
	if r.Jobs[0].Sessions {
		working.Go(func() { r.until(100*time.Millisecond, r.end) })
	}
	if r.Operator != nil {
		working.Go(func() { r.until(200*time.Millisecond, func() { r.Operator(r) }) })
	}
	working.Go(func() { r.until(time.Second, r.fault) })
	time.Sleep(lasts)
	for !r.shown("logins", "checks that allowed", "saves", "acts", "orders told") { // on a slow machine
		time.Sleep(100 * time.Millisecond)
	}
	close(r.stop)
	working.Wait()
	for _, networks := range r.Networks {
		for _, x := range networks {
			x.Heal()
		}
	}
	r.kept()
	if r.Operator != nil {
		r.Operator(r)
	}
	r.recovered()
	var lines []string
	for what, n := range r.tried {
		lines = append(lines, fmt.Sprintf("%8d %s", n, what))
	}
	slices.Sort(lines)
	t.Logf("%v on three processes, the bound is %v:", time.Since(began).Round(time.Second), RunBound)
	for _, line := range lines {
		t.Log(line)
	}
	if !r.shown("checks of dead sessions, refused") {
		t.Error("no session that was dead was asked about: nothing is shown")
	}
}

// shown reports whether each of these was tried.
func (r *Run) shown(list ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, what := range list {
		if r.tried[what] == 0 {
			return false
		}
	}
	return true
}
