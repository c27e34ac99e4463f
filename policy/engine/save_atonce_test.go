package engine_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Several who end one provisional save at the same instant.

// A return that is due by one machine's clock is written while somebody takes the save back
// on another, who cuts more: what is in force now and would have ended by the return. What is
// done next is done on that, and revives nobody.
func TestGuarantee17TakeBackWhileTheReturnIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		ahead, store := confirmAhead(w, 10*time.Minute)
		v := w.provisional(saveUntil(saveList("8.8.8.0/24"), "77.7.7.7", time.Now().Add(5*time.Minute)), 10*time.Minute).Version
		lost := w.login(w.eng, "lee", session.Web, saveLost)
		store.meanwhile(func() { w.takeBack(v) }, nil)
		saved, err := ahead.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "lite")
		if err != nil || saved.Version.Number != v.Number+2 {
			t.Fatalf("%+v, %v", saved, err)
		}
		if r := w.record(); r.Plan != "lite" || r.Cuts.Highest() != v.Number+1 {
			t.Errorf("the record is %+v; want the other plan, and the cut of the taking back", r)
		}
		for i, e := range []*engine.Engine{w.eng, ahead, w.another(nil)} {
			if !w.cut(e, lost) {
				t.Errorf("engine %d: a session that was taken back: %v", i, w.check(e, lost))
			}
		}
	})
}

// Of those who take a save back at once, one is told what it did, and the others that it is
// done; so are the observers.
func TestTakeBackByTwoAtOnce(t *testing.T) {
	for _, row := range []struct {
		why   string
		other func(e *engine.Engine, w *saveWorld, v session.Version) error // what is quicker
		saved bool                                                          // somebody saves on it before the first is told
		by    member.ID
		kind  string
	}{
		{"another administrator", func(e *engine.Engine, w *saveWorld, v session.Version) error {
			a := takeBackBy(v)
			a.By.Member = "boss"
			saved, err := e.TakeBack(w.ctx, a)
			if saved.Repeated || saved.Change.SignOut == 0 {
				w.Errorf("who was quicker is told %+v", saved)
			}
			return err
		}, false, "boss", "save-taken-back"},
		{"another administrator, and then somebody saves", func(e *engine.Engine, w *saveWorld, v session.Version) error {
			a := takeBackBy(v)
			a.By.Member = "boss"
			_, err := e.TakeBack(w.ctx, a)
			return err
		}, true, "boss", "save-taken-back"},
		{"the same administrator, by a second click", func(e *engine.Engine, w *saveWorld, v session.Version) error {
			time.Sleep(time.Millisecond)
			_, err := e.TakeBack(w.ctx, takeBackBy(v))
			return err
		}, false, "kim", "save-taken-back"},
		{"the clock", func(e *engine.Engine, w *saveWorld, _ session.Version) error {
			time.Sleep(time.Minute)
			w.login(e, "lee", session.Web, saveHome)
			return nil
		}, false, "", "save-returned"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				slow, quick := &runObserver{}, &runObserver{}
				kim := w.another(func(o *engine.Options) { o.Observer = slow })
				other := w.another(func(o *engine.Options) { o.Observer = quick })
				v := w.provisional(confirmNew, time.Minute).Version
				w.store.meanwhile(func() {
					if err := row.other(other, w, v); err != nil {
						t.Error(err)
					}
				}, func() {
					if row.saved {
						w.save(saveAll())
					}
				})
				began := time.Now()
				saved, err := kim.TakeBack(w.ctx, takeBackBy(v))
				if err != nil || !saved.Repeated || saved.Version.Number != v.Number+1 || saved.Change.SignOut != 0 {
					t.Errorf("who was slower is told %+v, %v", saved, err)
				}
				runFor(t, kim, time.Second)
				runFor(t, other, time.Second)
				if told := slow.of(engine.Changed); len(told) != 0 {
					t.Errorf("the observer of who was slower is told %v", told[0].Event)
				}
				told := quick.of(engine.Changed)
				if len(told) != 1 || told[0].Event.Kind != row.kind || told[0].Member != row.by {
					t.Errorf("the observer of who was quicker is told %v", told)
				}
				past, err := w.mem.Earlier(w.ctx, saveTenant, saved.Version)
				if err != nil || past.Record.By != row.by || past.Event.Actor != row.by || past.Event.Kind != row.kind || row.by == "kim" && !past.Record.At.Equal(began.Add(time.Millisecond)) {
					t.Errorf("the history has %+v, %v", past, err)
				}
			})
		})
	}
}

// Nor does the clock claim what somebody has done.
func TestTheReturnIsNotToldWhereItWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		seen := &runObserver{}
		store := &saveStore{Store: w.mem}
		ahead, err := engine.New(w.profile, confirmSkewed{store, time.Minute}, w.members, &engine.Options{Locator: saveGeo{}, Observer: seen})
		if err != nil {
			t.Fatal(err)
		}
		v := w.provisional(confirmNew, time.Minute).Version
		store.meanwhile(func() { w.takeBack(v) }, nil)
		w.login(ahead, "lee", session.Web, saveHome)
		runFor(t, ahead, time.Second)
		if told := seen.of(engine.Changed); len(w.events("save-taken-back")) != 1 || len(told) != 0 {
			t.Errorf("told %v", told)
		}
	})
}

// Of two who confirm one provisional save at once, one does; the other is told that somebody
// was quicker, and finds who.
func TestConfirmByTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		v := w.provisional(confirmNew, time.Hour).Version
		confirm := func(e *engine.Engine, id member.ID) (engine.Saved, error) {
			return e.Confirm(w.ctx, saveBy(engine.Act{Tenant: saveTenant, From: v}, id, saveOffice))
		}
		w.store.meanwhile(func() {
			if saved, err := confirm(w.another(nil), "boss"); err != nil || saved.Repeated {
				t.Errorf("who was quicker: %+v, %v", saved, err)
			}
		}, nil)
		_, err := confirm(w.eng, "kim")
		saveConflict(t, err, session.Version{Line: v.Line, Number: v.Number + 2})
		_, err = confirm(w.eng, "kim") // later
		saveConflict(t, err, session.Version{Line: v.Line, Number: v.Number + 2})
		events := w.events("save-confirmed")
		if r := w.record(); r.By != "boss" || r.Return != nil || !r.Settings.Equal(confirmNew) || len(events) != 1 || events[0].Actor != "boss" {
			t.Errorf("the record is %+v, the events are %+v", r, events)
		}
	})
}

// However many end it in whatever way, on two machines: one is told that it did, and the
// record says so.
func TestGuarantee21ManyEndOneTrial(t *testing.T) {
	for seed := range 8 {
		synctest.Test(t, func(t *testing.T) {
			w := newSaveWorld(t, policy.Standard(), confirmOld)
			engines := []*engine.Engine{w.eng, w.another(nil)}
			v := w.provisional(confirmNew, time.Hour).Version
			w.store.set(func(call string, n int, after bool) error {
				if call == "save" && !after { // until all have read the same, in any order
					time.Sleep(time.Duration(1+(n*7+seed*13)%29) * time.Millisecond)
				}
				return nil
			})
			type told struct {
				by    member.ID
				saved engine.Saved
				err   error
			}
			ends := make([]told, 100)
			var wait sync.WaitGroup
			for i := range ends {
				wait.Go(func() {
					a := takeBackBy(v)
					a.By.Member = member.ID(fmt.Sprint("admin", i))
					ends[i].by = a.By.Member
					if i%4 == seed%4 {
						ends[i].saved, ends[i].err = engines[i%2].Confirm(w.ctx, a)
					} else {
						ends[i].saved, ends[i].err = engines[i%2].TakeBack(w.ctx, a)
					}
				})
			}
			wait.Wait()
			r, did := w.record(), 0
			for _, end := range ends {
				switch {
				case end.err == nil && !end.saved.Repeated:
					if did++; r.By != end.by || r.Version != end.saved.Version {
						t.Errorf("%s is told of %v, and the record is %v by %s", end.by, end.saved.Version, r.Version, r.By)
					}
				case end.err == nil && (end.saved.Version != r.Version || r.Version.Number != v.Number+1),
					end.err != nil && !errors.Is(end.err, session.ErrConflict):
					t.Errorf("%s is told %+v, %v, and the record is %v", end.by, end.saved, end.err, r.Version)
				}
			}
			if did != 1 {
				t.Errorf("%d are told that they did it", did)
			}
		})
	}
}
