package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// staff is a host's user table with everybody in it.
type staff struct{}

func (staff) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 1, Number: 1}}, nil
}

// node is a process: an engine on stores of its own.
type node struct {
	*engine.Engine
	stores *sqlstore.DB
}

func newNode(t testing.TB, s *sqlstore.DB, m engine.Members, o *engine.Options) node {
	t.Helper()
	e, err := engine.New(policy.Standard(), s.Policies(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return node{e, s}
}

func (n node) admit(t testing.TB, of session.TenantID, m member.ID) session.Session {
	t.Helper()
	d, stamp, err := n.Admit(t.Context(), engine.Login{Tenant: of, Member: m, Client: session.Web, Addr: addr, Authenticated: true})
	if d.Effect != policy.Allow {
		t.Fatalf("Admit: %v, %v", d, err)
	}
	return live(of, m, stamp)
}

func (n node) check(t testing.TB, s session.Session) policy.Decision {
	t.Helper()
	d, _ := n.Check(t.Context(), engine.Request{Tenant: s.Tenant, Member: s.Member, Session: s.ID, Stamp: s.Stamp, Addr: addr})
	return d
}

// run runs a node beside the test.
func (n node) run(t testing.TB) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func enrol(t testing.TB, n node, of session.TenantID) {
	t.Helper()
	if _, err := n.Enroll(t.Context(), engine.Enrollment{Tenant: of}); err != nil {
		t.Fatal(err)
	}
}

// Node A cuts while both let members in; B is told, or, where the driver hides that it can
// be, finds out. What was admitted by a version below the cut is dead on both.
func TestGuarantee14CutOnOneNodeEndsSessionsOnTheOther(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		for name, other := range map[string]*sqlstore.DB{
			"told":   migrated(t, open(t, p.driver, dsn), p.dialect),
			"untold": migrated(t, p.hooked(t, dsn, &counted{}), p.dialect),
		} {
			t.Run(name, func(t *testing.T) {
				of := session.TenantID(name)
				a := newNode(t, migrated(t, open(t, p.driver, dsn), p.dialect), staff{}, nil)
				b := newNode(t, other, staff{}, &engine.Options{MaxStale: 3 * time.Second})
				b.run(t)
				enrol(t, a, of)
				for cut := range 3 { // the first may come before the Watch of b has begun
					old := b.admit(t, of, "kim")
					for _, n := range []node{a, b} {
						if d := n.check(t, old); d.Effect != policy.Allow {
							t.Fatalf("before the cut: %v", d)
						}
					}
					began := time.Now()
					if _, err := a.NewLine(t.Context(), engine.Act{ID: fmt.Sprint(name, cut), Tenant: of}); err != nil {
						t.Fatal(err)
					}
					if d := a.check(t, old); d.Effect != policy.Deny {
						t.Errorf("the node that has cut: %v", d)
					}
					for b.check(t, old).Effect != policy.Deny { // the test's deadline is the bound
						time.Sleep(time.Millisecond)
					}
					t.Logf("%s: refused on the other node after %v", name, time.Since(began).Round(time.Millisecond))
				}
			})
		}
	})
}

// Logins on two nodes beside cuts: what a node admits after a cut was acknowledged is
// never below it, whatever node cut.
func TestGuarantee14NoLoginBelowAnAcknowledgedCut(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		x, y := p.nodes(t)
		a, b := newNode(t, x, staff{}, nil), newNode(t, y, staff{}, nil)
		if err := save(t.Context(), x, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		var acknowledged atomic.Uint64
		acknowledged.Store(1)
		stop := make(chan struct{})
		var logins sync.WaitGroup
		var admitted atomic.Int64
		for _, n := range []node{a, b} {
			for range 2 {
				logins.Go(func() {
					for {
						least := acknowledged.Load()
						if s := n.admit(t, acme, "kim"); s.Stamp.Policy.Number < least {
							t.Errorf("admitted at number %d, when a cut at %d was acknowledged", s.Stamp.Policy.Number, least)
							return
						}
						admitted.Add(1)
						select {
						case <-stop:
							return
						default:
						}
					}
				})
			}
		}
		for n := uint64(2); n <= 50; n++ {
			if err := save(t.Context(), x, record(acme, n)); err != nil {
				t.Fatal(err)
			}
			acknowledged.Store(n)
		}
		close(stop)
		logins.Wait()
		t.Logf("49 cuts, %d logins on two nodes", admitted.Load())
	})
}

// Orders are taken by two processes, one of which dies with what it has taken. Each is
// done, by whomever, and a late one ends no session that began after the change.
func TestGuarantee20OrdersAreDeliveredAfterADeath(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		a, b := p.nodes(t)
		stamp := session.Stamp{Policy: session.Version{Line: 7, Number: 1}, Member: session.Version{Line: 1, Number: 1}, Client: session.Web}
		old := live(acme, "kim", stamp)
		stamp.Policy.Number = 100
		fresh := live(acme, "kim", stamp)
		if err := errors.Join(a.Sessions().Create(t.Context(), old), a.Sessions().Create(t.Context(), fresh)); err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n <= 20; n++ {
			if err := save(t.Context(), a, record(acme, n)); err != nil {
				t.Fatal(err)
			}
		}
		if dead, err := a.Policies().Take(t.Context(), 7, time.Millisecond); err != nil || len(dead) != 7 {
			t.Fatalf("Take: %d orders, %v", len(dead), err)
		} // and it does nothing with them
		ended, done := 0, make(map[string]bool)
		for len(done) < 20 {
			for _, o := range must[[]session.Order](t)(b.Policies().Take(t.Context(), 5, time.Hour)) {
				ended += must[int](t)(b.Sessions().EndAll(t.Context(), o, time.Now()))
				if err := b.Policies().Done(t.Context(), o.ID); err != nil {
					t.Fatal(err)
				}
				done[o.ID] = true
			}
		}
		if left := must[[]session.Order](t)(a.Policies().Waiting(t.Context(), acme, 100)); len(left) != 0 || ended != 1 {
			t.Errorf("%d orders are left, and %d sessions were ended; want the old one", len(left), ended)
		}
		for s, lives := range map[session.Session]bool{old: false, fresh: true} {
			if found := must[session.Session](t)(a.Sessions().Find(t.Context(), acme, s.ID)); found.Live(time.Now()) != lives {
				t.Errorf("a session of %v lives: %v", s.Stamp.Policy, !lives)
			}
		}
	})
}

// Orders of policies and of members are never mixed up.
func TestOutboxesAreApart(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		if err := save(t.Context(), s, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		for _, x := range []directory.Act{directory.Create, directory.SetPassword} {
			if _, err := act(t.Context(), s, x, acme, "kim", directory.Facts{}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			for name, box := range map[string]session.Outbox{"policies": s.Policies(), "members": s.Members()} {
				list := must[[]session.Order](t)(box.Waiting(t.Context(), acme, 10))
				if len(list) != 1 || (list[0].Policy == session.Version{}) != (name == "members") {
					t.Fatalf("the orders of %s: %+v", name, list)
				}
				if took := must[[]session.Order](t)(box.Take(t.Context(), 10, 0)); len(took) != 1 || took[0].ID != list[0].ID {
					t.Errorf("taken of %s: %+v", name, took)
				}
			}
			orders := must[[]session.Order](t)(s.Policies().Waiting(t.Context(), acme, 10))
			if err := s.Members().Done(t.Context(), orders[0].ID); err != nil { // which is none of its
				t.Fatal(err)
			}
		}
	})
}

func TestGuarantee21TwoProcessesSaveOnOneVersion(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		a, b := p.nodes(t)
		if err := save(t.Context(), a, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		for n := uint64(2); n < 30; n++ {
			var all sync.WaitGroup
			var won, repeated atomic.Int64
			for i, s := range []*sqlstore.DB{a, b, a, b} {
				all.Go(func() {
					r := record(acme, n)
					if i >= 2 { // the first two are the same save, retried on another node
						r.Save += fmt.Sprint("-of-", i)
					}
					switch err := save(t.Context(), s, r); {
					case err == nil && i < 2:
						repeated.Add(1)
					case err == nil:
						won.Add(1)
					case !errors.Is(err, session.ErrConflict):
						t.Errorf("save: %v", err)
					default:
						var c *policy.ConflictError
						if !errors.As(err, &c) || c.Found.Number != n {
							t.Errorf("the conflict is %v; want it to tell version %d", err, n)
						}
					}
				})
			}
			all.Wait()
			if !(won.Load() == 1 && repeated.Load() == 0 || won.Load() == 0 && repeated.Load() == 2) {
				t.Fatalf("number %d was won by %d others, and by the one that was retried %d times", n, won.Load(), repeated.Load())
			}
		}
		is := look(t, a, acme)
		is.whole(t, "after saves of two processes")
	})
}

// The store does not answer; then a decision rests on no copy older than the bound. It
// answers again, and the first good read mends it.
func TestGuarantee22StaleCopiesDecideNothing(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	x, through := nodetest.ProxiedDatabase(t, dsn)
	s := must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", through), sqlstore.PostgreSQL))
	n := newNode(t, s, staff{}, &engine.Options{MaxStale: time.Second, LoadTimeout: 100 * time.Millisecond})
	patient := newNode(t, s, staff{}, nil)
	enrol(t, patient, acme)
	one := patient.admit(t, acme, "kim")
	for n.check(t, one).Effect != policy.Allow { // the machine may be too busy for its patience
		time.Sleep(time.Millisecond)
	}
	x.Fail(nodetest.Cuts, 0)
	x.Drop()
	d := n.check(t, one)
	for ; d.Effect != policy.Deny; d = n.check(t, one) { // allowed by the copy for a while, and not for ever
		time.Sleep(time.Millisecond)
	}
	if d.Reason != policy.ReasonPolicyStale && d.Reason != policy.ReasonMemberStale {
		t.Errorf("denied for %v", d.Reason)
	}
	if d, _, err := n.Admit(t.Context(), engine.Login{Tenant: acme, Member: "kim", Client: session.Web, Addr: addr, Authenticated: true}); d.Effect != policy.Deny || err == nil {
		t.Errorf("a login while the store does not answer and the copy is stale: %v, %v", d, err)
	}
	x.Heal()
	for n.check(t, one).Effect != policy.Allow { // the pool may hold broken connections yet
		time.Sleep(time.Millisecond)
	}
}

func TestGuarantee23MissingIsNotEmpty(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		n := newNode(t, s, staff{}, nil)
		enrol(t, n, acme)
		one := n.admit(t, acme, "kim")
		if _, err := n.Remove(t.Context(), engine.Act{ID: "gone", Tenant: acme}); err != nil {
			t.Fatal(err)
		}
		if r := must[policy.Record](t)(s.Policies().Load(t.Context(), acme)); !r.Deleted {
			t.Error("a tenant that was removed has left no mark")
		}
		if d := n.check(t, one); d.Effect != policy.Deny {
			t.Errorf("a session of a tenant that was removed: %v", d)
		}
		if _, err := db.Exec("DELETE FROM sallyport_policies"); err != nil {
			t.Fatal(err)
		}
		other := newNode(t, s, staff{}, nil)
		d, _, err := other.Admit(t.Context(), engine.Login{Tenant: acme, Member: "kim", Client: session.Web, Addr: addr, Authenticated: true})
		if d.Effect != policy.Deny || d.Reason != policy.ReasonNoPolicy {
			t.Errorf("a tenant whose record is lost: %v, %v", d, err)
		}
	})
}

// The other tenant has the same members, saves and sessions' devices.
func TestGuarantee29TenantsAreApart(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		for _, of := range []session.TenantID{"acme", "ACME", "acme "} {
			for n := uint64(1); n <= 3; n++ {
				if err := save(t.Context(), s, record(of, n)); err != nil { // the ids of saves are the same
					t.Fatal(err)
				}
			}
			if _, err := act(t.Context(), s, directory.Create, of, "kim", directory.Facts{LoginID: "kim"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, of := range []session.TenantID{"acme", "ACME", "acme "} {
			look(t, s, of).whole(t, fmt.Sprintf("tenant %q beside others", of))
			if list := must[[]directory.Account](t)(s.Members().List(t.Context(), of, directory.Query{})); len(list) != 1 || list[0].Tenant != of {
				t.Errorf("tenant %q lists %d accounts", of, len(list))
			}
		}
	})
}
