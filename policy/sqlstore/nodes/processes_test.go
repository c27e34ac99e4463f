package nodes

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// A process stops in the middle of a save, as with the machine that it is on, and goes on
// much later. Meanwhile another cuts, and is not held up for long; what was cut stays so.
func TestGuarantee17StoppedInTheMiddleOfASave(t *testing.T) {
	lengthy(t)
	all, s, db := place{}.spread(t, 2, nodetest.Job{MaxStale: time.Minute}, "kim")
	slow, other := all[0], all[1]
	old := other.Login(t, acme, "kim")
	from := old.Stamp.Policy
	holds, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer holds.Rollback()
	if _, err := holds.Exec("SELECT 1 FROM sallyport_policies FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	late := make(chan nodetest.Reply, 1)
	go func() {
		late <- slow.Ask(nodetest.Ask{Do: "save", Tenant: acme, ID: "slow", Number: 1, From: from, Wait: time.Minute})
	}()
	for waits := false; !waits; {
		if err := db.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	slow.Stop()
	if err := holds.Rollback(); err != nil { // and the lock is the stopped one's
		t.Fatal(err)
	}
	began := time.Now()
	cut := other.Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: "other", Number: 2, From: from, Wait: time.Minute})
	t.Logf("the other saved after %v", time.Since(began).Round(time.Millisecond))
	slow.Go()
	if r := <-late; !r.Conflict {
		t.Errorf("the save that was stopped returned %v, %q; want a conflict", r.Version, r.Err)
	}
	r, err := s.Policies.Load(t.Context(), acme)
	if err != nil || r.Version != cut.Version || r.Cuts.Highest() != cut.Version.Number {
		t.Errorf("the record is at %v, its highest cut at %d, %v; want both at %v", r.Version, r.Cuts.Highest(), err, cut.Version)
	}
	if r := slow.Check(t, old); r.Decision != "deny" {
		t.Errorf("a session from before, on the process that was stopped: %s", r.Decision)
	}
}

// One process renews a session while another ends it. Whoever is first, it is dead under
// both ids, and a session that is renewed keeps its stamp.
func TestGuarantee18RenewedOnOneProcessEndedOnAnother(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		all, _, _ := at.spread(t, 3, nodetest.Job{MaxStale: time.Minute}, "kim")
		renewals := 0
		for range 50 {
			s := all[2].Login(t, acme, "kim")
			_, next := session.NewToken()
			var both sync.WaitGroup
			var renewed, ended nodetest.Reply
			both.Go(func() { renewed = all[0].Ask(nodetest.Ask{Do: "renew", Tenant: acme, Session: s, Next: next}) })
			both.Go(func() { ended = all[1].Ask(nodetest.Ask{Do: "end", Tenant: acme, Session: s}) })
			both.Wait()
			id := s.ID
			if renewed.Err == "" {
				renewals++
				id = next
				if gone := all[2].Ask(nodetest.Ask{Do: "find", Tenant: acme, Session: s}); gone.Err == "" {
					t.Error("a session is found under the id that it had before")
				}
			}
			is := s
			is.ID = id
			found := all[2].Do(t, nodetest.Ask{Do: "find", Tenant: acme, Session: is}).Session
			if found.Stamp != s.Stamp {
				t.Errorf("the stamp was %+v and is %+v", s.Stamp, found.Stamp)
			}
			if ended.Err == "" && found.Live(time.Now()) {
				t.Error("a session that was ended lives")
			}
		}
		t.Logf("of 50 sessions %d were renewed before they were ended", renewals)
	})
}

// A process is killed when it has taken an order: before it has told the host, and after
// it. Another tells it when the lease is over.
func TestGuarantee20KilledAroundTheTelling(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		for _, die := range []string{"before", "after"} {
			t.Run(die, func(t *testing.T) {
				t.Parallel()
				j, _, db := at.house(t, nodetest.Job{MaxStale: time.Minute}, "kim")
				if _, err := db.Exec("DELETE FROM sallyport_orders"); err != nil { // of making the members
					t.Fatal(err)
				}
				var mu sync.Mutex
				var told []string
				tell := func(o session.Order, _ time.Time) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, o.ID)
				}
				other := j
				j.Die = die
				dying := nodetest.Start(t, j, tell)
				old := dying.Login(t, acme, "kim")
				dying.Ask(nodetest.Ask{Do: "save", Tenant: acme, ID: "cut"}) // it may die before it has answered
				<-dying.Gone
				if want := map[string]int{"before": 0, "after": 1}[die]; len(told) != want {
					t.Fatalf("the host was told of %d orders; want %d", len(told), want)
				}
				if _, err := db.Exec("UPDATE sallyport_orders SET due = clock_timestamp()"); err != nil { // time passes
					t.Fatal(err)
				}
				lives := nodetest.Start(t, other, tell)
				for left := 1; left > 0; {
					if err := db.QueryRow("SELECT count(*) FROM sallyport_orders").Scan(&left); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Millisecond)
				}
				if r := lives.Do(t, nodetest.Ask{Do: "find", Tenant: acme, Session: old}); r.Session.Live(time.Now()) {
					t.Error("nobody has ended the session")
				}
				mu.Lock()
				defer mu.Unlock()
				for _, id := range told {
					if id != told[0] {
						t.Errorf("told of %q beside %q", id, told[0])
					}
				}
				t.Logf("killed %s the host was told: told %d times in all", die, len(told))
			})
		}
	})
}

// Three processes save on one version at the same time. One wins, the others learn of it,
// and the winner's act repeated on another process is the same one.
func TestGuarantee21OneOfThreeProcessesWins(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		all, s, _ := at.spread(t, 3, nodetest.Job{MaxStale: time.Minute})
		for round := range 20 {
			from := must[session.Version](t)(s.Policies.Version(t.Context(), acme))
			saved := make([]nodetest.Reply, 3)
			var racing sync.WaitGroup
			for i, p := range all {
				racing.Go(func() {
					saved[i] = p.Ask(nodetest.Ask{Do: "save", Tenant: acme, ID: fmt.Sprint(round, "-", i), Number: 3*round + i, From: from})
				})
			}
			racing.Wait()
			won := 0
			for i, r := range saved {
				switch {
				case r.Err == "":
					won++
					again := all[(i+1)%3].Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: fmt.Sprint(round, "-", i), Number: 3*round + i, From: from})
					if again.Version != r.Version {
						t.Errorf("the save that made %v, repeated on another process, made %v", r.Version, again.Version)
					}
				case !r.Conflict:
					t.Errorf("a save that lost: %s", r.Err)
				}
			}
			if is := must[session.Version](t)(s.Policies.Version(t.Context(), acme)); won != 1 || is.Number != from.Number+1 {
				t.Fatalf("%d saves on %v have won, and the record is at %v", won, from, is)
			}
		}
	})
}

// A tenant is removed on one process, and its record lost.
func TestGuarantee23RemovedOnOneProcessRefusedOnOthers(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		j := nodetest.Job{MaxStale: time.Second, Deaf: true}
		all, _, db := at.spread(t, 2, j, "kim")
		old := all[1].Login(t, acme, "kim")
		refused(t, all[1], old, all[0].Do(t, nodetest.Ask{Do: "remove", Tenant: acme, ID: "gone"}).Ended, j.MaxStale)
		for what, statement := range map[string]string{"removed": "SELECT", "lost": "DELETE FROM sallyport_policies"} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if r := all[1].Ask(nodetest.Ask{Do: "admit", Tenant: acme, Member: "kim"}); r.Decision != "deny" {
				t.Errorf("a login to a tenant whose record is %s: %s [%s]", what, r.Decision, r.Reason)
			}
		}
	})
}

// Two tenants have the same members. What one process does in one of them is nothing to
// the other, and no session of one is one of the other, on any process.
func TestGuarantee29TenantsAreApartOnEveryProcess(t *testing.T) {
	each(t, func(t *testing.T, at place) {
		j := nodetest.Job{MaxStale: time.Second, Sessions: true}
		all, s, _ := at.spread(t, 3, j, "kim")
		const globex session.TenantID = "globex"
		nodetest.Populate(t, s.DB, globex, "kim")
		ours, theirs := all[0].Login(t, acme, "kim"), all[0].Login(t, globex, "kim")
		for i, p := range all {
			mixed := ours
			mixed.Tenant = globex
			if r := p.Check(t, mixed); r.Decision != "deny" {
				t.Errorf("process %d takes a session of acme for one of globex: %s", i, r.Decision)
			}
			mixed.Stamp = theirs.Stamp // as if a client had put them together
			if r := p.Check(t, mixed); r.Decision != "deny" || r.Reason != "session-unknown" {
				t.Errorf("process %d takes an id of acme with a stamp of globex: %s [%s]", i, r.Decision, r.Reason)
			}
		}
		done := all[0].Do(t, nodetest.Ask{Do: "suspend", Tenant: acme, Member: "kim"})
		all[0].Do(t, nodetest.Ask{Do: "save", Tenant: acme, ID: "cut"})
		for i, p := range all[1:] {
			refused(t, p, ours, done.Ended, j.MaxStale)
			if r := p.Check(t, theirs); r.Decision != "allow" {
				t.Errorf("process %d: a session of globex, after acts in acme: %s [%s]", i+1, r.Decision, r.Reason)
			}
		}
	})
}
