package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// runDying is a process as it dies: from one call on, before or after the store has done
// it, nothing that it calls is done or answered any more.
type runDying struct {
	call   string // the call at which it dies
	after  bool   // the store has done it
	manner func(ctx context.Context) error

	armed, dead atomic.Bool
}

func (d *runDying) hooks() (before, after runHook) {
	step := func(is bool) runHook {
		return func(ctx context.Context, call string) error {
			if d.armed.Load() && call == d.call && d.after == is {
				d.dead.Store(true)
			}
			if d.dead.Load() {
				return d.manner(ctx)
			}
			return nil
		}
	}
	return step(false), step(true)
}

// Wherever a process dies between a save and the end of its orders, another one over the
// same store carries on: nothing is lost, and nothing half done.
func TestGuarantee19And20KillPoints(t *testing.T) {
	manners := []struct {
		why string
		do  func(ctx context.Context) error
	}{
		{"answers nothing any more", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"fails for good", func(context.Context) error { return errRun }},
		{"panics", func(context.Context) error { panic("killed") }},
	}
	for _, point := range []struct {
		why     string
		call    string
		after   bool
		written bool // the save
		told    int  // times that the host was told before the end
	}{
		{"F6: before the commit", "save", false, false, 0},
		{"F7: after the commit, before the answer", "save", true, true, 0},
		{"F8: before the orders are taken", "take", false, true, 0},
		{"F8: when the orders are taken, before the host is told", "take", true, true, 0},
		{"F9: the host was told, before the store hears of it", "done", false, true, 1},
		{"F9: the store has heard of it", "done", true, true, 1},
	} {
		for _, manner := range manners {
			runBubble(t, point.why+", the store "+manner.why, func(t *testing.T) {
				mem := policy.NewMemStore()
				runEnroll(t, runEngine(t, mem), "t", policy.Settings{})
				process := &runDying{call: point.call, after: point.after, manner: manner.do}
				revoker := &runRevoker{}
				store := &runStore{Store: mem}
				store.before, store.after = process.hooks()
				dying := runEngine(t, store, runRevoking(revoker))
				old := runLogin(t, dying, "t", "kim")
				r, err := dying.Settings(t.Context(), "t")
				if err != nil {
					t.Fatal(err)
				}
				save := engine.Save{Act: engine.Act{Tenant: "t", From: r.Version, ID: "the-save"}, Settings: runDesignated()}
				process.armed.Store(true)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, err = dying.Save(ctx, save)
				if (err == nil) != (point.call != "save") {
					t.Fatalf("the save: %v", err)
				}
				stop := runUntil(t, dying)
				time.Sleep(10 * time.Second)
				stop()
				if n := len(revoker.came()); n != point.told {
					t.Fatalf("the host was told %d times by the process that died; want %d", n, point.told)
				}

				// Another process.
				next := runEngine(t, mem, runRevoking(revoker))
				if point.written {
					runCut(t, next, old, "begun before the save")
				} else {
					runAlive(t, next, old, "begun before the save that was not made")
					if left := runWaiting(t, next, "t"); len(left) != 0 {
						t.Errorf("orders of a save that was not made: %+v", left)
					}
				}
				saved, err := next.Save(t.Context(), save) // the client tries again
				if err != nil || saved.Repeated != point.written || saved.Version.Number != 2 {
					t.Errorf("the save again: %+v, %v; want the number 2, repeated: %v", saved, err, point.written)
				}
				runCut(t, next, old, "begun before the save")
				fresh := runLogin(t, next, "t", "kim")
				runAlive(t, next, fresh, "begun after the save")
				events, err := mem.Events(t.Context(), "t", session.EventQuery{})
				if err != nil || len(events) != 2 || events[0].ID != "the-save" || events[0].Policy != saved.Version {
					t.Errorf("events: %+v, %v; want that of enrolling and one of the save", events, err)
				}
				runFor(t, next, 2*time.Minute) // the lease of the dead must end
				ids := make(map[string]int)
				for _, o := range revoker.came() {
					ids[o.ID]++
					if o.Ends(session.Session{Tenant: "t", Member: "kim", Stamp: fresh.stamp}) {
						t.Error("an order means a session that was begun after the save")
					}
				}
				if len(ids) != 1 {
					t.Errorf("the host was told of %d orders; want 1", len(ids))
				}
				if left := runWaiting(t, next, "t"); len(left) != 0 {
					t.Errorf("left waiting: %+v", left)
				}
				runAlive(t, next, fresh, "begun after the save, when the order has come late")
			})
		}
	}
}

// A save whose answer was lost leaves open whether it was made. Until it is known, the
// engine that asked for it rests on no copy of before.
func TestGuarantee14LostAnswer(t *testing.T) {
	for _, test := range []struct {
		why    string
		answer error
	}{
		{"the connection is lost", errRun},
		{"somebody else has saved, it says", session.ErrConflict},
		{"the context is cancelled", context.Canceled},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			var down atomic.Bool
			store := &runStore{Store: policy.NewMemStore(), before: func(context.Context, string) error {
				if down.Load() {
					return errRun
				}
				return nil
			}, after: func(_ context.Context, call string) error {
				if call == "save" {
					down.Store(true)
					return test.answer
				}
				return nil
			}}
			other := runEngine(t, store.Store)
			runEnroll(t, other, "t", policy.Settings{})
			e := runEngine(t, store)
			s := runLogin(t, e, "t", "kim")
			r, err := e.Settings(t.Context(), "t")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: "t", From: r.Version}, Settings: runDesignated()}); !errors.Is(err, test.answer) {
				t.Fatalf("the save: %v; want %v", err, test.answer)
			}
			if d := runCheck(t, e, s); d.Reason != policy.ReasonPolicyStale {
				t.Errorf("while the store is down: %v; want deny [policy-stale]", d)
			}
			down.Store(false)
			synctest.Wait()
			runCut(t, e, s, "when it answers")
		})
	}
}
