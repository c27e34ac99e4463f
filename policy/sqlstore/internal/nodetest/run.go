package nodetest

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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

// AWhile waits for as long as a fault lasts.
func AWhile() { time.Sleep(50*time.Millisecond + mrand.N(450*time.Millisecond)) }

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

func (r *Run) login() {
	a := Ask{Do: "admit", Tenant: pick(runTenants), Member: pick(runMembers), Wait: 3 * time.Second}
	got := r.ask(a)
	if got.Err != "" || got.Decision != "allow" {
		r.Count("logins refused or failed")
		return
	}
	r.Count("logins")
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := (login{got.Session, got.Began, got.Ended}); len(r.sessions) < runKept {
		r.sessions = append(r.sessions, s)
	} else {
		r.sessions[mrand.IntN(runKept)] = s
	}
	for _, cut := range r.cuts[a.Tenant] {
		if got.Session.Stamp.Policy.Number < cut.version.Number && got.Began.Sub(cut.at) > RunBound {
			r.t.Errorf("a login %v after a cut at %v was stamped %v", got.Began.Sub(cut.at), cut.version, got.Session.Stamp.Policy)
		}
	}
}

// dead returns what has ended a session longer than the bound before an instant, and when.
func (r *Run) dead(s login, at time.Time) (by string, since time.Time, is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := at.Add(-RunBound)
	for _, cut := range r.cuts[s.Tenant] {
		if s.Stamp.Policy.Number < cut.version.Number && old.After(cut.at) {
			return fmt.Sprint("a cut at ", cut.version), cut.at, true
		}
	}
	for _, act := range r.acts[watchedMember{s.Tenant, s.Member}] {
		if s.Stamp.Member.Number < act.version.Number && old.After(act.at) {
			return fmt.Sprint("an act at ", act.version), act.at, true
		}
	}
	if end, ok := r.ends[s.ID]; ok && old.After(end) {
		return "its own end", end, true
	}
	for _, l := range r.lost {
		if s.at.Before(l.began) && old.After(l.at) {
			return "the operator", l.at, true
		}
	}
	return "", time.Time{}, false
}

// some returns a session, half of the time a young one.
func (r *Run) some() (s login, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) == 0 {
		return s, false
	}
	return pick(r.sessions[max(0, len(r.sessions)-[]int{100, runKept}[mrand.IntN(2)]):]), true
}

func (r *Run) check() {
	if s, ok := r.some(); ok {
		r.checked(mrand.IntN(3), s)
	}
}

func (r *Run) checked(i int, s login) {
	got := r.nodes[i].Load().Ask(Ask{Do: "check", Tenant: s.Tenant, Member: s.Member, Session: s.Session, Wait: 3 * time.Second})
	by, since, dead := r.dead(s, got.Began)
	r.mu.Lock()
	lost := r.losing > 0 || s.asked.Before(r.whole)
	r.mu.Unlock()
	switch {
	case got.Decision == "allow" && dead:
		r.t.Errorf("process %d let a session in %v after it was ended by %s: stamped %v and %v", i, got.Began.Sub(since), by, s.Stamp.Policy, s.Stamp.Member)
		r.Count("DEAD SESSIONS LET IN")
	case got.Decision == "allow":
		r.Count("checks that allowed")
	case got.Reason == "session-unknown" && !lost:
		r.t.Errorf("process %d does not know a session that was acknowledged %v before", i, got.Began.Sub(s.at))
	case dead && (got.Reason == "session-cut" || got.Reason == "session-ended" || got.Reason == "session-unknown"):
		r.Count("checks of dead sessions, refused")
	case got.Reason == "session-cut" || got.Reason == "session-ended":
		r.Count("checks of sessions just ended, refused") // or by an act whose outcome nobody was told
	case got.Decision == "deny":
		r.Count("checks refused: " + got.Reason)
	default:
		r.Count("checks that failed")
	}
}

// save cuts a tenant, by the same act again and again until its outcome is known.
func (r *Run) save(of session.TenantID, n int) {
	a := Ask{Do: "save", Tenant: of, ID: rand.Text(), Number: n, Wait: 3 * time.Second}
	for a.From == (session.Version{}) {
		a.From = r.ask(Ask{Do: "version", Tenant: of, Wait: time.Second}).Version
	}
	for try := 0; ; try++ {
		got := r.ask(a)
		if got.Conflict {
			r.t.Errorf("save %d of %s, which nobody competes with, after %d tries: %s", n, of, try, got.Err)
			return
		}
		if got.Err != "" {
			r.Count("saves that failed and were repeated")
			continue
		}
		r.Count("saves")
		r.mu.Lock()
		r.cuts[of] = append(r.cuts[of], ending{a.ID, got.Version, got.Ended})
		r.mu.Unlock()
		return
	}
}

func (r *Run) act(of session.TenantID) {
	who := pick(runMembers)
	for _, do := range []string{"suspend", "lift"} {
		for range 50 { // until it is done, or was done before by a try whose outcome was not known
			got := r.ask(Ask{Do: do, Tenant: of, Member: who, Wait: 3 * time.Second})
			if got.Err != "" {
				r.Count("acts that failed")
				continue
			}
			r.Count("acts")
			if do == "suspend" {
				r.mu.Lock()
				k := watchedMember{of, who}
				r.acts[k] = append(r.acts[k], ending{"", got.Version, got.Ended})
				r.mu.Unlock()
			}
			break
		}
	}
}

// end ends one session.
func (r *Run) end() {
	s, ok := r.some()
	if !ok {
		return
	}
	got := r.ask(Ask{Do: "end", Tenant: s.Tenant, Session: s.Session, Wait: 3 * time.Second})
	if got.Err != "" {
		r.Count("ends of single sessions that failed")
		return
	}
	r.Count("ends of single sessions")
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.ends[s.ID]; !ok {
		r.ends[s.ID] = got.Ended
	}
}

// fault has something fail for a while.
func (r *Run) fault() {
	i := mrand.IntN(3)
	switch n := mrand.IntN(8 + len(r.Faults)); {
	case n < 4:
		mode := pick(slices.Collect(maps.Keys(Modes)))
		r.Count("network " + Modes[mode])
		x := pick(r.Networks[i])
		x.Fail(mode, mrand.IntN(50))
		AWhile()
		x.Heal()
	case n < 6:
		r.Count("processes killed")
		r.nodes[i].Load().Kill()
		AWhile()
		r.start(i)
	case n < 8:
		r.Count("processes stopped for a while")
		p := r.nodes[i].Load()
		p.Stop()
		AWhile()
		p.Go()
	default:
		r.Faults[n-8](r)
	}
}

// ThrowOut is a fault: the database throws out every client.
func ThrowOut(dsn string) func(*Run) {
	return func(r *Run) {
		r.Count("connections thrown out by the database")
		if db, err := sql.Open("pgx", dsn); err == nil {
			db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
			db.Close()
		}
	}
}

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

// kept looks for what was acknowledged: every save with its order, which the host was told
// or is to be told yet, and every act.
func (r *Run) kept() {
	s, ctx := r.Stores, r.t.Context()
	for _, of := range runTenants {
		waiting := make(map[orderOf]bool)
		list, err := eventually(func() ([]session.Order, error) { return s.Policies().Waiting(ctx, of, 1<<20) })
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range list {
			waiting[orderOf{of, o.Policy}] = true
		}
		for _, cut := range r.cuts[of] {
			k := orderOf{of, cut.version}
			if past, err := s.Policies().Earlier(ctx, of, cut.version); err != nil || past.Record.Save != cut.id {
				r.t.Errorf("the save that made %v of %s is lost: %v", cut.version, of, err)
			}
			r.mu.Lock()
			told := r.told[k]
			r.mu.Unlock()
			switch {
			case told:
				r.Count("orders of saves that the host was told")
			case waiting[k]:
				r.Count("orders of saves that are still to be told")
			default:
				r.t.Errorf("the order of the save that made %v of %s is lost", cut.version, of)
			}
		}
	}
	for k, list := range r.acts {
		a, err := s.Members().Load(ctx, k.tenant, k.member)
		if last := list[len(list)-1].version; err != nil || a.Cuts.Highest() < last.Number {
			r.t.Errorf("the act that made %v of %s is lost: the highest cut is %d, %v", last, k.member, a.Cuts.Highest(), err)
		}
	}
}

// recovered asks every process, when the bound has passed, about every session that should
// be dead, and whether members come in again.
func (r *Run) recovered() {
	for i := range r.nodes {
		p := r.nodes[i].Load()
		for _, of := range runTenants {
			for again := true; again; { // broken connections may be left
				got := p.Ask(Ask{Do: "admit", Tenant: of, Member: "boss"})
				if again = got.Err != "" || got.Decision != "allow"; again {
					if r.Operator != nil {
						r.Operator(r)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
	}
	time.Sleep(RunBound + 10*time.Millisecond)
	for i := range r.nodes {
		for _, s := range r.sessions[max(0, len(r.sessions)-2000):] {
			r.checked(i, s)
		}
	}
}

// eventually calls f until it succeeds, a few times.
func eventually[T any](f func() (v T, err error)) (T, error) {
	var errs []error
	for range 10 {
		v, err := f()
		if err == nil {
			return v, nil
		}
		errs = append(errs, err)
		time.Sleep(100 * time.Millisecond)
	}
	var zero T
	return zero, errors.Join(errs...)
}
