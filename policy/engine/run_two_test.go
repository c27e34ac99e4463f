package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

const runMaxStale = time.Minute // what an engine has that is told nothing else

// Two engines on one store, as two machines are. One saves, the other has copies.
func TestGuarantee14TwoEnginesWithTelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := policy.NewMemStore()
		a, b := runEngine(t, store), runEngine(t, store)
		defer runUntil(t, a)()
		defer runUntil(t, b)()
		runEnroll(t, a, "t", policy.Settings{})
		s := runLogin(t, b, "t", "kim")
		other := runLogin(t, b, "t", "lee")
		runAlive(t, b, s, "before the save")
		synctest.Wait()

		began := time.Now()
		runSave(t, a, "t", runDesignated())
		runCut(t, a, s, "on the engine that saved")
		synctest.Wait()
		runCut(t, b, s, "on the other one, once it was told")
		runCut(t, b, other, "on the other one, once it was told")
		if d := time.Since(began); d != 0 {
			t.Errorf("it took %v; want no time at all", d)
		}
		fresh := runLogin(t, b, "t", "kim")
		runAlive(t, a, fresh, "begun on the other engine after the save")
		runAlive(t, b, fresh, "begun after the save")
	})
}

func TestGuarantee14TwoEnginesWithoutTelling(t *testing.T) {
	for _, test := range []struct {
		why  string
		run  bool
		wait time.Duration // after the save
		asks time.Duration // how often the other engine is asked meanwhile; 0: never
	}{
		{"nobody asks for MaxStale", false, runMaxStale + 1, 0},
		{"somebody asks each second", false, runMaxStale + 1, time.Second},
		{"somebody asks each second, and Run runs", true, runMaxStale + 1, time.Second},
		{"long after", false, time.Hour, 0},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			store := policy.NewMemStore()
			a, b := runEngine(t, struct{ policy.Store }{store}), runEngine(t, struct{ policy.Store }{store})
			if f := b.Found(); f.Watches {
				t.Fatal("the store watches")
			}
			if test.run {
				defer runUntil(t, b)()
			}
			runEnroll(t, a, "t", policy.Settings{})
			s := runLogin(t, b, "t", "kim")
			runSave(t, a, "t", runDesignated())
			runCut(t, a, s, "on the engine that saved")
			runAlive(t, b, s, "on the other one, which has a copy: without telling this is what must end within MaxStale")
			for end := time.Now().Add(test.wait); time.Now().Before(end); {
				step := test.asks
				if left := time.Until(end); step == 0 || step > left {
					step = left
				}
				time.Sleep(step)
				if time.Now().Before(end) { // or it would read ahead for the request that counts
					runCheck(t, b, s)
				}
				synctest.Wait()
			}
			runCut(t, b, s, "on the other one, when MaxStale has passed")
			runAlive(t, b, runLogin(t, b, "t", "kim"), "begun after the save")
		})
	}
}

// A login on an engine that the store does not answer is stamped by its copy. However late
// it is, the cut that the engine has not seen ends it.
func TestGuarantee14LateLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := policy.NewMemStore()
		var down atomic.Bool
		cut := &runStore{Store: mem, before: func(context.Context, string) error {
			if down.Load() {
				return errRun
			}
			return nil
		}}
		a, b := runEngine(t, mem), runEngine(t, cut)
		runEnroll(t, a, "t", policy.Settings{})
		runLogin(t, b, "t", "kim") // b has a copy
		down.Store(true)
		runSave(t, a, "t", runDesignated())
		time.Sleep(runMaxStale - time.Second)
		late := runLogin(t, b, "t", "kim")
		runAlive(t, b, late, "on the engine that has not seen the cut, within MaxStale")
		runCut(t, a, late, "on the engine that saved")
		time.Sleep(time.Second + 1)
		if d := runCheck(t, b, late); d.Reason != policy.ReasonPolicyStale {
			t.Errorf("when MaxStale has passed and the store is down: %v; want [policy-stale]", d)
		}
		if d, _, err := b.Admit(t.Context(), engine.Login{Tenant: "t", Member: "kim", Client: session.Web, Addr: runOffice, Authenticated: true}); d.Reason != policy.ReasonPolicyStale || err == nil {
			t.Errorf("a login then: %v, %v; want [policy-stale] and an error", d, err)
		}
		down.Store(false)
		runCut(t, b, late, "when the store answers again")
		runAlive(t, b, runLogin(t, b, "t", "kim"), "begun then")
	})
}

// What the store tells is a hint: it may be lost, come twice, late and in any order.
func TestGuarantee14TellingIsAHint(t *testing.T) {
	type message struct {
		tenant  session.TenantID
		version session.Version
	}
	for _, test := range []struct {
		why    string
		tell   func(all []message, changed func(message))
		prompt bool // the cut holds at once
	}{
		{"all lost", func([]message, func(message)) {}, false},
		{"each three times", func(all []message, changed func(message)) {
			for _, m := range all {
				changed(m)
				changed(m)
				changed(m)
			}
		}, true},
		{"in reverse", func(all []message, changed func(message)) {
			for i := range all {
				changed(all[len(all)-1-i])
			}
		}, true},
		{"only one that the engine has", func(all []message, changed func(message)) { changed(all[0]) }, false},
		{"only one from between", func(all []message, changed func(message)) { changed(all[1]) }, true}, // it makes the engine ask
		{"only one from another line, of a tenant that there is not, and nonsense", func(_ []message, changed func(message)) {
			changed(message{"t", session.NewLine()})
			changed(message{"none", session.NewLine()})
			changed(message{})
		}, true},
		{"a flood", func(all []message, changed func(message)) {
			for range 10_000 {
				changed(all[len(all)-1])
			}
		}, true},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			mem := policy.NewMemStore()
			told := make(chan func(func(session.TenantID, session.Version)))
			cut := &runWatched{&runStore{Store: mem}, func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
				for {
					select {
					case f := <-told:
						f(changed)
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}}
			a, b := runEngine(t, mem), runEngine(t, cut)
			defer runUntil(t, b)()
			all := []message{{"t", runEnroll(t, a, "t", policy.Settings{})}}
			s := runLogin(t, b, "t", "kim")
			for _, settings := range []policy.Settings{runDesignated(), runDesignated("9.9.9.0/24"), runDesignated("9.9.8.0/24")} {
				all = append(all, message{"t", runSave(t, a, "t", settings).Version})
			}
			runAlive(t, b, s, "before it is told")
			loads := cut.count("load")
			told <- func(changed func(session.TenantID, session.Version)) {
				test.tell(all, func(m message) { changed(m.tenant, m.version) })
			}
			synctest.Wait()
			if test.prompt {
				runCut(t, b, s, "once it was told")
			}
			if n := cut.count("load") - loads; n > 1 {
				t.Errorf("%d records were loaded; want one at most", n)
			}
			time.Sleep(runMaxStale + 1)
			runCut(t, b, s, "when MaxStale has passed")
			runAlive(t, b, runLogin(t, b, "t", "kim"), "begun after the saves")
		})
	}
}

// A Watch that breaks down is begun again, with back-off and an alarm; what was missed is
// seen within MaxStale.
func TestRunWatchesAgain(t *testing.T) {
	for _, test := range []struct {
		why    string
		breaks func() error
	}{
		{"an error", func() error { return errors.New("connection lost\nlevel=INFO msg=fine") }},
		{"no error at all", func() error { return nil }},
		{"a panic", func() error { panic("watch") }},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			mem := policy.NewMemStore()
			var mu sync.Mutex
			var watched []time.Time
			healthy := false
			store := &runWatched{&runStore{Store: mem}, func(ctx context.Context, changed func(session.TenantID, session.Version)) error {
				mu.Lock()
				watched = append(watched, time.Now())
				fine := healthy
				mu.Unlock()
				if !fine {
					return test.breaks()
				}
				return mem.Watch(ctx, changed)
			}}
			seen := &runObserver{}
			e := runEngine(t, store, func(_ *policy.Profile, o *engine.Options) { o.Observer = seen })
			defer runUntil(t, e)()
			began := time.Now()
			time.Sleep(10*time.Minute - time.Second)
			synctest.Wait()
			mu.Lock()
			at := slices.Clone(watched)
			healthy = true
			mu.Unlock()
			want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 423, 483, 543}
			if len(at) != len(want) {
				t.Fatalf("watched %d times in 10 minutes; want %d", len(at), len(want))
			}
			for i := range at {
				if got := at[i].Sub(began); got != want[i]*time.Second {
					t.Errorf("watched at %v; want %v", got, want[i]*time.Second)
				}
			}
			if n := len(seen.of(engine.Alarmed)); n != len(want) {
				t.Errorf("%d alarms; want %d", n, len(want))
			}
			time.Sleep(2 * time.Minute)
			other := runEngine(t, mem)
			runEnroll(t, other, "t", policy.Settings{})
			s := runLogin(t, e, "t", "kim")
			runSave(t, other, "t", runDesignated())
			synctest.Wait()
			runCut(t, e, s, "once it watches again")
		})
	}
}

// Run ends with ctx and leaves nothing behind, with and without a store that watches; it
// may be run again, and twice at once.
func TestRunEnds(t *testing.T) {
	for _, test := range []struct {
		why   string
		store func(*policy.MemStore) policy.Store
	}{
		{"a store that watches", func(m *policy.MemStore) policy.Store { return m }},
		{"a store that does not", func(m *policy.MemStore) policy.Store { return struct{ policy.Store }{m} }},
		{"a store that is down", func(m *policy.MemStore) policy.Store {
			return &runStore{Store: m, before: func(context.Context, string) error { return errRun }}
		}},
		{"a store that hangs until it is cancelled", func(m *policy.MemStore) policy.Store {
			return &runStore{Store: m, before: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
		}},
		{"a store that panics", func(m *policy.MemStore) policy.Store {
			return &runStore{Store: m, before: func(context.Context, string) error { panic("store") }}
		}},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			e := runEngine(t, test.store(policy.NewMemStore()))
			for range 3 {
				began := time.Now()
				runFor(t, e, 10*time.Minute)
				if d := time.Since(began); d != 10*time.Minute {
					t.Errorf("Run returned %v after ctx ended; want at once", d-10*time.Minute)
				}
				synctest.Wait()
			}
			stop, again := runUntil(t, e), runUntil(t, e)
			time.Sleep(time.Minute)
			stop()
			again()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run with a context that has ended: %v", err)
			}
		})
	}
}
