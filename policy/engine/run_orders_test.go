package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func runRevoking(r session.Revoker) func(*policy.Profile, *engine.Options) {
	return func(_ *policy.Profile, o *engine.Options) { o.Revoker = r }
}

func runWaiting(t testing.TB, e *engine.Engine, id session.TenantID) []session.Order {
	t.Helper()
	orders, err := e.Waiting(t.Context(), id, 100)
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

// An order comes at once, after the write, and names what a late one needs.
func TestGuarantee20OrdersComeAfterTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := policy.NewMemStore()
		revoker := &runRevoker{}
		var e *engine.Engine
		var s runSession
		revoker.refuse = func(ctx context.Context, o session.Order) error {
			if v, err := store.Version(ctx, "t"); err != nil || v != o.Policy {
				t.Errorf("told of %v while the store is at %v, %v", o.Policy, v, err)
			}
			runCut(t, e, s, "when the host is told")
			return nil
		}
		e = runEngine(t, store, runRevoking(revoker))
		defer runUntil(t, e)()
		runEnroll(t, e, "t", policy.Settings{})
		s = runLogin(t, e, "t", "kim")
		synctest.Wait()
		began := time.Now()
		saved := runSave(t, e, "t", runDesignated())
		synctest.Wait()
		if d := time.Since(began); d != 0 {
			t.Errorf("the host was told after %v; want at once", d)
		}
		orders := revoker.came()
		if len(orders) != 1 || orders[0].Kind != session.SignOut || orders[0].Tenant != "t" || orders[0].Policy != saved.Version || orders[0].Clients != session.AllClients {
			t.Fatalf("orders: %+v", orders)
		}
		if left := runWaiting(t, e, "t"); len(left) != 0 {
			t.Errorf("still waiting: %+v", left)
		}
		// However late it comes, it means who was there before, and nobody else.
		fresh := runLogin(t, e, "t", "kim")
		for _, test := range []struct {
			why  string
			s    session.Session
			want bool
		}{
			{"begun before the save", session.Session{Tenant: "t", Member: "kim", Stamp: s.stamp}, true},
			{"from before stamps", session.Session{Tenant: "t", Member: "kim", Stamp: session.Stamp{Client: session.Web}}, true},
			{"begun after the save", session.Session{Tenant: "t", Member: "kim", Stamp: fresh.stamp}, false},
			{"of another tenant", session.Session{Tenant: "u", Member: "kim", Stamp: s.stamp}, false},
		} {
			if got := orders[0].Ends(test.s); got != test.want {
				t.Errorf("the order means a session %s: %v; want %v", test.why, got, test.want)
			}
		}
	})
}

// The orders of a tenant that was removed and made again, and of a new line, mean its
// sessions of before and none of those that were begun since.
func TestGuarantee20OrdersAcrossLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoker := &runRevoker{refuse: func(context.Context, session.Order) error { return errors.New("later") }}
		e := runEngine(t, policy.NewMemStore(), runRevoking(revoker))
		runEnroll(t, e, "t", policy.Settings{})
		var lives [][]runSession
		live := func() { lives = append(lives, []runSession{runLogin(t, e, "t", "kim")}) }
		must := func(_ engine.Saved, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		live()
		must(e.Remove(t.Context(), engine.Act{Tenant: "t"}))
		runEnroll(t, e, "t", policy.Settings{})
		live()
		must(e.NewLine(t.Context(), engine.Act{Tenant: "t"}))
		live()
		runFor(t, e, time.Minute) // all of them late
		meant := func(s runSession) (n int) {
			for _, o := range revoker.came() {
				if o.Ends(session.Session{Tenant: "t", Member: "kim", Stamp: s.stamp}) {
					n++
				}
			}
			return n
		}
		for i, sessions := range lives {
			for _, s := range sessions {
				if n := meant(s); (n > 0) != (i < 2) {
					t.Errorf("%d orders mean a session of life %d", n, i)
				}
			}
		}
		runAlive(t, e, lives[2][0], "of the last life")
		runCut(t, e, lives[1][0], "of the life before")
		runCut(t, e, lives[0][0], "of the first life")
	})
}

// A host that never does as it is told costs promptness and nothing else.
func TestGuarantee14And20RevokerFailsForEver(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	for _, test := range []struct {
		why    string
		revoke func(ctx context.Context, o session.Order) error
		each   time.Duration // that one try takes
		parked string        // what the store keeps of it
	}{
		{"it refuses", func(context.Context, session.Order) error { return errors.New("no such queue") }, 0, "no such queue"},
		{"it panics", func(context.Context, session.Order) error { panic("nil map") }, 0, `panicked: "nil map"`},
		{"it waits until it is cancelled", func(ctx context.Context, _ session.Order) error { <-ctx.Done(); return ctx.Err() }, 30 * time.Second, "deadline"},
		{"it never returns", func(context.Context, session.Order) error { <-released; return nil }, 30 * time.Second, "deadline"},
	} {
		t.Run(test.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released = make(chan struct{})
				store := policy.NewMemStore()
				seen := &runObserver{}
				revoker := &runRevoker{refuse: func(ctx context.Context, o session.Order) error {
					if o.Tenant == "t" {
						return test.revoke(ctx, o)
					}
					return nil
				}}
				e := runEngine(t, store, runRevoking(revoker), func(_ *policy.Profile, o *engine.Options) { o.Observer = seen })
				stop := runUntil(t, e)
				runEnroll(t, e, "t", policy.Settings{})
				runEnroll(t, e, "u", policy.Settings{})
				s, other := runLogin(t, e, "t", "kim"), runLogin(t, e, "u", "kim")

				began := time.Now()
				runSave(t, e, "t", runDesignated())
				runCut(t, e, s, "at once")
				if d := time.Since(began); d != 0 {
					t.Errorf("the save took %v; want no time, whatever the host does", d)
				}
				// Others proceed.
				synctest.Wait()
				runSave(t, e, "u", runDesignated())
				runCut(t, e, other, "at once")
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if left := runWaiting(t, e, "u"); len(left) != 0 {
					t.Errorf("another tenant's order is held up: %+v", left)
				}
				time.Sleep(6 * time.Hour) // the last try is after two, or two and a half
				synctest.Wait()
				var at []time.Duration
				for i, o := range revoker.came() {
					if o.Tenant == "t" {
						at = append(at, revoker.at[i].Sub(began))
					}
				}
				if len(at) != 20 {
					t.Fatalf("tried %d times; want 20", len(at))
				}
				for i := 1; i < len(at); i++ {
					want := test.each + min(time.Second<<(i-1), 10*time.Minute)
					if d := at[i] - at[i-1]; d < want || d > want+time.Second {
						t.Errorf("try %d came %v after the one before; want %v, and at most a second more", i+1, d, want)
					}
				}
				left := runWaiting(t, e, "t")
				if len(left) != 1 || !left[0].Parked || left[0].Tries != 20 || !strings.Contains(left[0].Err, test.parked) {
					t.Errorf("waiting: %+v; want one order, parked after 20 tries, that says %q", left, test.parked)
				}
				alarms := seen.of(engine.Alarmed)
				if len(alarms) != 1 || alarms[0].Tenant != "t" || !strings.Contains(alarms[0].Err.Error(), "parked") {
					t.Errorf("alarms: %v; want one, that the order is parked", alarms)
				}
				runCut(t, e, s, "after all that")
				runAlive(t, e, runLogin(t, e, "t", "kim"), "begun after all that")
				close(released)
				stop()
			})
		})
	}
}

// However many orders the host never returns from, logins, saves and the end of Run do not
// wait for it.
func TestRunRevokerUsesUpNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		var stuck atomic.Int32
		revoker := &runRevoker{refuse: func(context.Context, session.Order) error { stuck.Add(1); <-released; return nil }}
		e := runEngine(t, policy.NewMemStore(), runRevoking(revoker))
		stop := runUntil(t, e)
		tenants := 1000
		if underRace {
			tenants = 200
		}
		for i := range tenants {
			runEnroll(t, e, runTenant(i), policy.Settings{})
			runSave(t, e, runTenant(i), runDesignated())
		}
		for range 24 {
			time.Sleep(time.Hour)
			synctest.Wait()
			began := time.Now()
			runAlive(t, e, runLogin(t, e, runTenant(0), "kim"), "while the host hangs")
			runSave(t, e, runTenant(1), runDesignated())
			if d := time.Since(began); d != 0 {
				t.Fatalf("login and save took %v while the host hangs", d)
			}
		}
		if n := stuck.Load(); n > 64 {
			t.Errorf("%d calls of the host hang; want a bound", n)
		}
		began := time.Now()
		stop()
		if d := time.Since(began); d != 0 {
			t.Errorf("Run ended %v after ctx", d)
		}
		close(released)
		synctest.Wait()
		revoker.refuse = nil
		runFor(t, e, 24*time.Hour) // another Run is as new
		if n := len(revoker.done); n < tenants {
			t.Errorf("%d orders are done when the host does again; want %d", n, tenants)
		}
	})
}

// A host that has a million sessions to drop does it in several calls, each of which goes
// on where the one before was when its time was over.
func TestRunRevokerGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, calls := 1_000_000, 0
		revoker := &runRevoker{refuse: func(ctx context.Context, o session.Order) error {
			for calls++; left > 0; left -= 10_000 {
				select {
				case <-time.After(time.Second): // for a batch
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}}
		e := runEngine(t, policy.NewMemStore(), runRevoking(revoker))
		runEnroll(t, e, "t", policy.Settings{})
		began := time.Now()
		runSave(t, e, "t", runDesignated())
		if d := time.Since(began); d != 0 {
			t.Errorf("the save took %v; want no time, however many sessions there are", d)
		}
		runFor(t, e, 5*time.Minute)
		if waiting := runWaiting(t, e, "t"); left > 0 || len(waiting) > 0 || calls != 4 {
			t.Errorf("%d sessions and %d orders are left after %d calls; want none after 4", left, len(waiting), calls)
		}
	})
}

// Two engines share the work, and while the host is in time each order comes once.
func TestGuarantee20TwoEnginesTakeEachOnce(t *testing.T) {
	t.Parallel()
	for _, each := range []time.Duration{0, time.Second, 14 * time.Second, 29 * time.Second} {
		runBubble(t, "the host takes "+each.String(), func(t *testing.T) {
			store := policy.NewMemStore()
			revoker := &runRevoker{refuse: func(context.Context, session.Order) error { time.Sleep(each); return nil }}
			a, b := runEngine(t, store, runRevoking(revoker)), runEngine(t, store, runRevoking(revoker))
			tenants := 150
			if underRace {
				tenants = 50
			}
			for i := range tenants {
				runEnroll(t, a, runTenant(i), policy.Settings{})
				runSave(t, a, runTenant(i), runDesignated())
			}
			defer runUntil(t, a)()
			defer runUntil(t, b)()
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			times := make(map[string]int)
			for _, o := range revoker.came() {
				times[o.ID]++
			}
			for id, n := range times {
				if n != 1 {
					t.Errorf("order %s came %d times", id, n)
				}
			}
			if len(times) != tenants {
				t.Errorf("%d orders came; want %d", len(times), tenants)
			}
		})
	}
}

// An outbox that cannot be read holds up orders and nothing else; it is asked again with
// back-off, and somebody is told.
func TestRunOutboxDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		store := &runStore{Store: policy.NewMemStore(), before: func(_ context.Context, call string) error {
			if down.Load() && call == "take" {
				return errors.New("no such table: orders")
			}
			return nil
		}}
		revoker, seen := &runRevoker{}, &runObserver{}
		e := runEngine(t, store, runRevoking(revoker), func(_ *policy.Profile, o *engine.Options) { o.Observer = seen })
		defer runUntil(t, e)()
		runEnroll(t, e, "t", policy.Settings{})
		s := runLogin(t, e, "t", "kim")
		runSave(t, e, "t", runDesignated())
		runCut(t, e, s, "at once")
		time.Sleep(time.Hour)
		if n := store.count("take"); n < 60 || n > 70 {
			t.Errorf("asked %d times in an hour; want each minute", n)
		}
		if alarms := seen.of(engine.Alarmed); len(alarms) == 0 || !strings.Contains(alarms[0].Err.Error(), "no such table") {
			t.Errorf("alarms: %v", alarms)
		}
		down.Store(false)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if n := len(revoker.came()); n != 1 {
			t.Errorf("%d orders came; want 1", n)
		}
	})
}

// runOdd is an outbox that has whatever orders a test wants.
type runOdd struct {
	policy.Store
	mu     sync.Mutex
	orders []session.Order
	failed map[string]bool
}

func (s *runOdd) Take(context.Context, int, time.Duration) ([]session.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	orders := s.orders
	s.orders = nil
	return orders, nil
}

func (s *runOdd) Failed(_ context.Context, id string, wait time.Duration, park bool, _ string) error {
	if wait < time.Second || wait > 10*time.Minute {
		return fmt.Errorf("order %s is to wait %v", id, wait)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[id] = park
	return nil
}

// Nothing that a store can hold makes Run panic, or wait for ever.
func TestRunOddOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &runOdd{Store: policy.NewMemStore(), orders: []session.Order{
			{ID: "zero"}, {ID: "kind", Kind: "dance"}, {ID: "negative", Kind: "dance", Tries: -5}, {ID: "most", Kind: "dance", Tries: math.MaxInt},
			{ID: "link", Kind: session.ResetLink, Tenant: "t"}, {ID: "wipe", Kind: session.WipeAll, Tenant: "t"},
			{ID: "fine", Kind: session.SignOut},
		}, failed: make(map[string]bool)}
		e := runEngine(t, store)
		runFor(t, e, time.Second)
		want := map[string]bool{"zero": false, "kind": false, "negative": false, "most": true, "link": false, "wipe": false}
		if fmt.Sprint(store.failed) != fmt.Sprint(want) {
			t.Errorf("failed, and parked: %v; want %v", store.failed, want)
		}
	})
}
