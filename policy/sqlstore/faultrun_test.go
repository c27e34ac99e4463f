package sqlstore_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// run is three processes on one PostgreSQL, with faults throughout, and what the test knows
// of them.
type run struct {
	t       testing.TB
	cluster *cluster
	proxies [3]*proxy
	jobs    [3]job
	nodes   [3]atomic.Pointer[process]
	stop    chan struct{}

	mu       sync.Mutex
	tried    map[string]int
	sessions []session.Session
	cuts     map[session.TenantID][]ending
	acts     map[watchedMember][]ending
	told     map[orderOf]bool
}

// ending is a cut or an act that was acknowledged: what is stamped below the version is dead.
type ending struct {
	id      string
	version session.Version
	at      time.Time
}

type watchedMember struct {
	tenant session.TenantID
	member member.ID
}

type orderOf struct {
	tenant  session.TenantID
	version session.Version
}

const (
	runBound = 2 * time.Second // of the processes: MaxStale
	runKept  = 20_000          // sessions that are checked again and again
)

var (
	runTenants = []session.TenantID{"acme", "globex"}
	runMembers = []member.ID{"m0", "m1", "m2", "m3", "m4", "m5"}
)

func pick[T any](list []T) T { return list[mrand.IntN(len(list))] }

func (r *run) count(what string) {
	r.mu.Lock()
	r.tried[what]++
	r.mu.Unlock()
}

// until calls f, with a pause of up to most between calls, until the run is over.
func (r *run) until(most time.Duration, f func()) {
	for {
		select {
		case <-r.stop:
			return
		case <-time.After(mrand.N(most)):
			f()
		}
	}
}

func (r *run) start(i int) {
	r.nodes[i].Store(start(r.t, r.jobs[i], func(o session.Order, _ time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tried["orders told"]++
		if o.Policy != (session.Version{}) {
			r.told[orderOf{o.Tenant, o.Policy}] = true
		}
	}))
}

func (r *run) login() {
	a := ask{Do: "admit", Tenant: pick(runTenants), Member: pick(runMembers), Wait: 3 * time.Second}
	got := r.nodes[mrand.IntN(3)].Load().ask(a)
	if got.Err != "" || got.Decision != "allow" {
		r.count("logins refused or failed")
		return
	}
	r.count("logins")
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := got.Session; len(r.sessions) < runKept {
		r.sessions = append(r.sessions, s)
	} else {
		r.sessions[mrand.IntN(runKept)] = s
	}
	for _, cut := range r.cuts[a.Tenant] {
		if got.Session.Stamp.Policy.Number < cut.version.Number && got.Began.Sub(cut.at) > runBound {
			r.t.Errorf("a login %v after a cut at %v was stamped %v", got.Began.Sub(cut.at), cut.version, got.Session.Stamp.Policy)
		}
	}
}

// dead returns what has ended a session longer than the bound before an instant.
func (r *run) dead(s session.Session, at time.Time) (by ending, is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := at.Add(-runBound)
	for _, cut := range r.cuts[s.Tenant] {
		if s.Stamp.Policy.Number < cut.version.Number && old.After(cut.at) {
			return cut, true
		}
	}
	for _, act := range r.acts[watchedMember{s.Tenant, s.Member}] {
		if s.Stamp.Member.Number < act.version.Number && old.After(act.at) {
			return act, true
		}
	}
	return ending{}, false
}

func (r *run) check() {
	r.mu.Lock()
	if len(r.sessions) == 0 {
		r.mu.Unlock()
		return
	}
	s := pick(r.sessions[max(0, len(r.sessions)-[]int{100, runKept}[mrand.IntN(2)]):]) // half of them young ones
	r.mu.Unlock()
	r.checked(mrand.IntN(3), s)
}

func (r *run) checked(i int, s session.Session) {
	got := r.nodes[i].Load().ask(ask{Do: "check", Tenant: s.Tenant, Member: s.Member, Session: s, Wait: 3 * time.Second})
	by, dead := r.dead(s, got.Began)
	switch {
	case got.Decision == "allow" && dead:
		r.t.Errorf("process %d let a session in %v after it was ended: stamped %v and %v, cut at %v", i, got.Began.Sub(by.at), s.Stamp.Policy, s.Stamp.Member, by.version)
		r.count("DEAD SESSIONS LET IN")
	case got.Decision == "allow":
		r.count("checks that allowed")
	case dead && got.Reason == "session-cut":
		r.count("checks of dead sessions, refused")
	case got.Reason == "session-cut":
		r.count("checks of sessions just cut, refused") // or by an act whose outcome nobody was told
	case got.Decision == "deny":
		r.count("checks refused: " + got.Reason)
	default:
		r.count("checks that failed")
	}
}

// save cuts a tenant, by the same act again and again until its outcome is known.
func (r *run) save(of session.TenantID, n int) {
	a := ask{Do: "save", Tenant: of, ID: rand.Text(), Number: n, Wait: 3 * time.Second}
	for a.From == (session.Version{}) {
		a.From = r.nodes[mrand.IntN(3)].Load().ask(ask{Do: "version", Tenant: of, Wait: time.Second}).Version
	}
	for try := 0; ; try++ {
		got := r.nodes[mrand.IntN(3)].Load().ask(a)
		if got.Conflict {
			r.t.Errorf("save %d of %s, which nobody competes with, after %d tries: %s", n, of, try, got.Err)
			return
		}
		if got.Err != "" {
			r.count("saves that failed and were repeated")
			continue
		}
		r.count("saves")
		r.mu.Lock()
		r.cuts[of] = append(r.cuts[of], ending{a.ID, got.Version, got.Ended})
		r.mu.Unlock()
		return
	}
}

func (r *run) act(of session.TenantID) {
	who := pick(runMembers)
	for _, do := range []string{"suspend", "lift"} {
		for range 50 { // until it is done, or was done before by a try whose outcome was not known
			got := r.nodes[mrand.IntN(3)].Load().ask(ask{Do: do, Tenant: of, Member: who, Wait: 3 * time.Second})
			if got.Err != "" {
				r.count("acts that failed")
				continue
			}
			r.count("acts")
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

// fault has something fail for a while.
func (r *run) fault() {
	i := mrand.IntN(3)
	wait := func() { time.Sleep(50*time.Millisecond + mrand.N(450*time.Millisecond)) }
	switch mrand.IntN(10) {
	case 0, 1, 2, 3:
		mode := pick(slices.Collect(maps.Keys(modes)))
		r.count("network " + modes[mode])
		r.proxies[i].fail(mode, mrand.IntN(50))
		wait()
		r.proxies[i].heal()
	case 4, 5:
		r.count("processes killed")
		r.nodes[i].Load().kill()
		wait()
		r.start(i)
	case 6, 7:
		r.count("processes stopped for a while")
		p := r.nodes[i].Load()
		p.cmd.Process.Signal(syscall.SIGSTOP)
		wait()
		p.cmd.Process.Signal(syscall.SIGCONT)
	case 8:
		r.count("connections thrown out by the server")
		c, err := sql.Open("pgx", r.cluster.dsn())
		if err == nil {
			c.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
			c.Close()
		}
	case 9:
		r.count("servers killed")
		if err := r.cluster.kill(); err != nil {
			r.t.Error(err)
		}
		wait()
		if err := r.cluster.start(); err != nil {
			r.t.Error(err)
		}
	}
}

// Three processes let members in, check sessions, save and act, while the network, the
// server and they themselves fail all the time. No session that should be dead is let in
// beyond the bound, and nothing that was acknowledged is lost. SALLYPORT_RUN=10m for ten
// minutes of it.
func TestGuarantee14And19NothingDeadLivesWhateverFails(t *testing.T) {
	lengthy(t)
	lasts := 4 * time.Second
	if text := os.Getenv("SALLYPORT_RUN"); text != "" {
		lasts = must[time.Duration](t)(time.ParseDuration(text))
	}
	r := &run{t: t, cluster: clustered(t), stop: make(chan struct{}), tried: map[string]int{},
		cuts: map[session.TenantID][]ending{}, acts: map[watchedMember][]ending{}, told: map[orderOf]bool{}}
	direct := migrated(t, open(t, "pgx", r.cluster.dsn()), sqlstore.PostgreSQL)
	for _, of := range runTenants {
		populated(t, direct, of, runMembers...)
	}
	for i := range r.nodes {
		r.jobs[i] = job{MaxStale: runBound, Deaf: i == 2}
		r.proxies[i], r.jobs[i].DSN = proxied(t, r.cluster.dsn())
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
	working.Go(func() { r.until(time.Second, r.fault) })
	time.Sleep(lasts)
	close(r.stop)
	working.Wait()
	for i := range r.proxies {
		r.proxies[i].heal()
	}
	r.kept(direct)
	r.recovered()
	var lines []string
	for what, n := range r.tried {
		lines = append(lines, fmt.Sprintf("%8d %s", n, what))
	}
	slices.Sort(lines)
	t.Logf("%v on three processes, the bound is %v:", time.Since(began).Round(time.Second), runBound)
	for _, line := range lines {
		t.Log(line)
	}
}

// kept looks for what was acknowledged: every save with its order, which the host was told
// or is to be told yet, and every act.
func (r *run) kept(s *sqlstore.DB) {
	for _, of := range runTenants {
		waiting := make(map[orderOf]bool)
		for _, o := range eventually(r.t, func() ([]session.Order, error) { return s.Policies().Waiting(r.t.Context(), of, 1<<20) }) {
			waiting[orderOf{of, o.Policy}] = true
		}
		for _, cut := range r.cuts[of] {
			k := orderOf{of, cut.version}
			if past, err := s.Policies().Earlier(r.t.Context(), of, cut.version); err != nil || past.Record.Save != cut.id {
				r.t.Errorf("the save that made %v of %s is lost: %v", cut.version, of, err)
			}
			switch {
			case r.told[k]:
				r.count("orders of saves that the host was told")
			case waiting[k]:
				r.count("orders of saves that are still to be told")
			default:
				r.t.Errorf("the order of the save that made %v of %s is lost", cut.version, of)
			}
		}
	}
	for k, list := range r.acts {
		a, err := s.Members().Load(r.t.Context(), k.tenant, k.member)
		if last := list[len(list)-1].version; err != nil || a.Cuts.Highest() < last.Number {
			r.t.Errorf("the act that made %v of %s is lost: the highest cut is %d, %v", last, k.member, a.Cuts.Highest(), err)
		}
	}
}

// recovered asks every process, when the bound has passed, about every session that should
// be dead, and whether members come in again.
func (r *run) recovered() {
	for i := range r.nodes {
		p := r.nodes[i].Load()
		for _, of := range runTenants {
			for p.ask(ask{Do: "admit", Tenant: of, Member: "boss"}).Decision != "allow" { // broken connections may be left
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	time.Sleep(runBound + 10*time.Millisecond)
	for i := range r.nodes {
		for _, s := range r.sessions[max(0, len(r.sessions)-2000):] {
			r.checked(i, s)
		}
	}
}

// eventually calls f until it succeeds, a few times.
func eventually[T any](t testing.TB, f func() (T, error)) T {
	t.Helper()
	for try := 0; ; try++ {
		v, err := f()
		if err == nil {
			return v
		}
		if try == 10 {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
