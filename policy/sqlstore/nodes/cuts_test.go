package nodes

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// refused asks a process until it refuses a session, and returns after how long since an
// instant it was asked. A session that is let in later than the bound is an error.
func refused(t testing.TB, p *nodetest.Process, s session.Session, since time.Time, bound time.Duration) time.Duration {
	t.Helper()
	for {
		r := p.Check(t, s)
		if r.Decision == "deny" {
			return r.Began.Sub(since)
		}
		if late := r.Began.Sub(since); late > bound {
			t.Fatalf("a session that should be dead is let in %v after it was ended; the bound is %v", late, bound)
		}
		time.Sleep(time.Millisecond)
	}
}

// hearing is the two ways in which a process finds what another has changed. Who is told
// would not find out by MaxStale within the bound.
var hearing = []struct {
	name  string
	job   nodetest.Job
	bound time.Duration
}{
	{"told", nodetest.Job{MaxStale: 5 * time.Minute}, time.Minute},
	{"untold", nodetest.Job{MaxStale: time.Second, Deaf: true}, time.Second},
}

// begun waits until processes hear of what the first of them does: they begin to listen
// some time after they were started.
func begun(t testing.TB, all []*nodetest.Process, do func()) {
	t.Helper()
	for _, p := range all[1:] {
		for heard := false; !heard; {
			old := all[0].Login(t, acme, "kim")
			if r := p.Check(t, old); r.Decision != "allow" {
				t.Fatalf("before the act: %s [%s]", r.Decision, r.Reason)
			}
			do()
			for began := time.Now(); !heard && time.Since(began) < time.Second; time.Sleep(time.Millisecond) {
				heard = p.Check(t, old).Decision == "deny"
			}
		}
	}
}

// show prints how long something took.
func show(t testing.TB, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Logf("%s: %d times, median %v, at most %v", what, len(took), took[len(took)/2].Round(time.Microsecond), took[len(took)-1].Round(time.Microsecond))
}

// A member is suspended on one of three processes. The others refuse their sessions within
// the bound, and at once where the database tells them.
func TestGuarantee14SuspendedOnOneProcessRefusedOnOthers(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		for _, how := range hearing {
			t.Run(how.name, func(t *testing.T) {
				t.Parallel()
				all, _, _ := at.spread(t, 3, how.job, "kim")
				begun(t, all, func() {
					all[0].Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"})
					all[0].Do(t, nodetest.Ask{Do: "lift", Tenant: acme, Member: "kim"})
				})
				var took []time.Duration
				for round := range 4 {
					old := all[round%3].Login(t, acme, "kim")
					for _, p := range all {
						if r := p.Check(t, old); r.Decision != "allow" {
							t.Fatalf("before the act: %s [%s]", r.Decision, r.Reason)
						}
					}
					suspended := all[0].Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"})
					for _, p := range all[1:] {
						took = append(took, refused(t, p, old, suspended.Ended, how.bound))
					}
					all[0].Do(t, nodetest.Ask{Do: "lift", Tenant: acme, Member: "kim"})
					fresh := all[1].Login(t, acme, "kim")
					for _, p := range all {
						if r := p.Check(t, old); r.Decision != "deny" && r.Began.Sub(suspended.Ended) > how.bound {
							t.Errorf("a session from before the act, after its lifting: %s", r.Decision)
						}
						if r := p.Check(t, fresh); r.Decision != "allow" {
							t.Errorf("a session from after the lifting: %s [%s]", r.Decision, r.Reason)
						}
					}
				}
				show(t, "refused on another process after", took)
			})
		}
	})
}

// A tenant is cut on one of three processes while all of them are let in to, 200 times a
// second. No login that begins after the cut is below it, and no session from before it
// lives beyond the bound.
func TestGuarantee14TenantCutAmongLogins(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		for _, how := range hearing {
			t.Run(how.name, func(t *testing.T) {
				all, _, _ := at.spread(t, 3, how.job, "kim", "lee", "park")
				n := 0 // saves
				save := func() nodetest.Reply {
					n++
					return all[0].Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: fmt.Sprint("cut", n), Number: n})
				}
				begun(t, all, func() { save() })
				var mu sync.Mutex
				var logins []nodetest.Reply
				refusals := 0 // for want of an answer in time
				stop := make(chan struct{})
				var pumping, asking sync.WaitGroup
				began := time.Now()
				pumping.Go(func() {
					ticks := time.NewTicker(5 * time.Millisecond)
					defer ticks.Stop()
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						case <-ticks.C:
						}
						asking.Go(func() {
							r := all[i%3].Ask(nodetest.Ask{Do: "admit", Tenant: acme, Member: []member.ID{"kim", "lee", "park"}[i%7%3]})
							mu.Lock()
							defer mu.Unlock()
							switch {
							case r.Late():
								refusals++
							case r.Err != "" || r.Decision != "allow":
								t.Errorf("a login: %s [%s] %s", r.Decision, r.Reason, r.Err)
							default:
								logins = append(logins, r)
							}
						})
					}
				})
				halt := sync.OnceFunc(func() { close(stop); pumping.Wait(); asking.Wait() })
				defer halt()
				var took []time.Duration
				var cuts []nodetest.Reply
				for round := range 4 {
					for come := 0; come < 40*(round+1); time.Sleep(time.Millisecond) { // so many come between two cuts
						mu.Lock()
						come = len(logins)
						mu.Unlock()
					}
					old := all[round%3].Login(t, acme, "kim")
					for _, p := range all {
						if r := p.Check(t, old); r.Decision != "allow" {
							t.Fatalf("before the cut: %s [%s]", r.Decision, r.Reason)
						}
					}
					cut := save()
					if !cut.Cut {
						t.Fatal("the save ended no session")
					}
					cuts = append(cuts, cut)
					for _, p := range all[1:] {
						took = append(took, refused(t, p, old, cut.Ended, how.bound))
					}
				}
				halt()
				rate := float64(len(logins)) / time.Since(began).Seconds()
				last := cuts[len(cuts)-1]
				for _, login := range logins {
					for _, cut := range cuts {
						if login.Began.After(cut.Ended) && login.Session.Stamp.Policy.Number < cut.Version.Number {
							t.Fatalf("a login that began after the cut at %v was acknowledged is admitted by %v", cut.Version, login.Session.Stamp.Policy)
						}
					}
				}
				dead, alive := 0, 0
				for i, login := range logins {
					if login.Session.Stamp.Policy.Number < last.Version.Number {
						refused(t, all[i%3], login.Session, last.Ended, how.bound)
						dead++
						continue
					}
					alive++
					if r := all[i%3].Check(t, login.Session); r.Decision != "allow" {
						t.Fatalf("a session stamped %v, with a cut at %v: %s [%s]", login.Session.Stamp.Policy, last.Version, r.Decision, r.Reason)
					}
				}
				if dead == 0 {
					t.Error("no session was cut among the logins")
				}
				t.Logf("%d logins, %.0f a second, and %d refused for want of an answer in time; after the last cut %d sessions are dead and %d alive", len(logins), rate, refusals, dead, alive)
				show(t, "refused on another process after", took)
			})
		}
	})
}

// Who is let in on a process right after another has cut is let in by a third, which has
// heard of nothing yet.
func TestGuarantee15LoginAfterACutLivesOnEveryProcess(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		all, _, _ := at.spread(t, 3, nodetest.Job{MaxStale: time.Minute, Deaf: true}, "kim")
		all[2].Check(t, all[2].Login(t, acme, "kim"))
		for n := range 20 {
			all[0].Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: fmt.Sprint(n), Number: n})
			all[0].Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"})
			all[0].Do(t, nodetest.Ask{Do: "lift", Tenant: acme, Member: "kim"})
			if r := all[2].Check(t, all[1].Login(t, acme, "kim")); r.Decision != "allow" {
				t.Errorf("cut %d: the session that began after it: %s [%s]", n, r.Decision, r.Reason)
			}
		}
	})
}

// Whatever a cut is of, a session that it applies to ends on all processes.
func TestGuarantee16EveryCutEndsOnEveryProcess(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		j := nodetest.Job{MaxStale: time.Second, Deaf: true, Sessions: true}
		all, _, _ := at.spread(t, 2, j, "kim", "lee", "park")
		a, b := all[0], all[1]
		of := func(m member.ID) session.Session {
			s := b.Login(t, acme, m)
			if r := b.Check(t, s); r.Decision != "allow" {
				t.Fatalf("%s: %s [%s]", m, r.Decision, r.Reason)
			}
			return s
		}
		suspended, ended, spared := of("kim"), of("lee"), of("park")
		refused(t, b, suspended, a.Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"}).Ended, j.MaxStale)
		if d := refused(t, b, ended, a.Do(t, nodetest.Ask{Do: "end", Tenant: acme, Session: ended}).Ended, 0); d < 0 {
			t.Errorf("it was refused %v before it was ended", -d)
		}
		if r := b.Check(t, spared); r.Decision != "allow" {
			t.Errorf("a session that nothing was done to: %s [%s]", r.Decision, r.Reason)
		}
		refused(t, b, spared, a.Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: "cut"}).Ended, j.MaxStale)
	})
}
