package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func confirmBy(w *saveWorld) engine.Act {
	return saveBy(w.act(), "kim", saveOffice)
}

func TestProvisionalClosesTheDoorToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		if _, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.0/24")); err != nil {
			t.Fatal(err)
		}
		w.provisional(saveList("8.8.8.0/24"), time.Hour)
		v := w.at()
		for name, act := range map[string]func(engine.Act) error{
			"save": func(a engine.Act) error { _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan}); return err },
			"provisional": func(a engine.Act) error {
				_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Provisional: time.Minute})
				return err
			},
			"restore": func(a engine.Act) error {
				_, err := w.eng.Restore(w.ctx, a, w.plan, session.Version{Line: v.Line, Number: 1})
				return err
			},
			"promote":         func(a engine.Act) error { _, err := w.eng.Promote(w.ctx, a, w.plan, 1); return err },
			"try":             func(a engine.Act) error { _, _, err := w.eng.Try(w.ctx, a, w.plan, saveAll()); return err },
			"drop":            func(a engine.Act) error { _, err := w.eng.Drop(w.ctx, a, 1); return err },
			"another plan":    func(a engine.Act) error { _, err := w.eng.PlanChanged(w.ctx, a, "lite"); return err },
			"another profile": func(a engine.Act) error { _, err := w.eng.ProfileChanged(w.ctx, a, policy.LineWorks()); return err },
		} {
			if err := act(w.act()); !errors.Is(err, engine.ErrProvisional) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.at() != v {
			t.Errorf("something was saved: %v", w.at())
		}
		if _, err := w.eng.Confirm(w.ctx, confirmBy(w)); err != nil {
			t.Fatal(err)
		}
		if r := w.record(); r.Return != nil || r.Version.Number != v.Number+2 || r.Draft == nil || !r.Settings.Equal(saveList("8.8.8.0/24")) {
			t.Errorf("%+v", r)
		}
		time.Sleep(2 * time.Hour)
		if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveHome); d.Allowed() {
			t.Error("taken back, though confirmed")
		}
		if _, err := w.eng.Confirm(w.ctx, confirmBy(w)); !errors.Is(err, engine.ErrNotProvisional) {
			t.Errorf("confirmed again: %v", err)
		}
		w.save(saveAll())
	})
}

func TestConfirmFromInside(t *testing.T) {
	for _, row := range []struct {
		why string
		by  engine.Place
		new policy.Settings
		ok  bool
	}{
		{"inside", guardPlace("kim", session.Web, saveOffice), saveList("8.8.8.0/24"), true},
		{"outside", guardPlace("kim", session.Web, saveHome), saveList("8.8.8.0/24"), false},
		{"by a client that is free of the list", guardPlace("kim", session.Mobile, saveHome), saveList("8.8.8.0/24"), false},
		{"by one that is free of the list, from inside", guardPlace("kim", session.Mobile, saveOffice), saveList("8.8.8.0/24"), false},
		{"a super admin, from outside", guardPlace("boss", session.Web, saveHome), saveList("8.8.8.0/24"), false},
		{"a super admin, from inside", guardPlace("boss", session.Web, saveOffice), saveList("8.8.8.0/24"), true},
		{"an exception, from outside", guardPlace("lee", session.Web, saveHome), saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), false},
		{"to verify, without a contact", guardPlace("kim", session.Web, saveHome), saveBlock(saveAll(), "KR"), false},
		{"to verify, with one", engine.Place{Member: "kim", Client: session.Web, Addr: saveHome, Contact: true}, saveBlock(saveAll(), "KR"), true},
		{"from a country that is exempt", guardPlace("kim", session.Web, saveOffice), saveBlock(saveAll(), "KR"), true},
		{"no address", engine.Place{Member: "kim", Client: session.Web}, saveList("8.8.8.0/24"), false},
		{"nobody", engine.Place{}, saveList("8.8.8.0/24"), false},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.NaverWorks(), saveAll())
				w.provisional(row.new, time.Hour)
				a := w.act()
				a.By = row.by
				_, err := w.eng.Confirm(w.ctx, a)
				if row.ok {
					if err != nil {
						t.Error(err)
					}
					return
				}
				var refused *engine.NotAdmittedError
				if !errors.As(err, &refused) || refused.Member != row.by.Member || refused.Force == "" || w.at().Number != 2 {
					t.Fatalf("%v", err)
				}
				wrong := a
				wrong.By.Addr, wrong.Force = saveLost, refused.Force
				if _, err := w.eng.Confirm(w.ctx, wrong); err == nil {
					t.Error("its force opens another refusal")
				}
				a.Force = refused.Force
				if _, err := w.eng.Confirm(w.ctx, a); err != nil {
					t.Errorf("forced: %v", err)
				}
			})
		})
	}
}

// confirmSkewed is the store as a machine sees it whose clock is ahead: the instant of the
// return comes so much sooner. It can be cut off.
type confirmSkewed struct {
	*saveStore
	ahead time.Duration
}

func (s confirmSkewed) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	r, err := s.saveStore.Load(ctx, t)
	if r.Return != nil {
		back := *r.Return
		back.At = back.At.Add(-s.ahead)
		r.Return = &back
	}
	return r, err
}

func confirmAhead(w *saveWorld, ahead time.Duration) (*engine.Engine, *saveStore) {
	store := &saveStore{Store: w.mem}
	e, err := engine.New(w.profile, confirmSkewed{store, ahead}, w.members, &engine.Options{Locator: saveGeo{}, Mailer: w.mailer, ResetKeys: [][]byte{saveKey}})
	if err != nil {
		w.Fatal(err)
	}
	return e, store
}

// A machine that cannot reach the store may decide by the return though another has
// confirmed. Whoever it lets in is out when the two meet; who came in long before the
// return could be due stays.
func TestConfirmLateCutsWhatTheReturnLetIn(t *testing.T) {
	const trial, stale, skew = 10 * time.Minute, time.Minute, 10 * time.Second
	for _, row := range []struct {
		why  string
		left time.Duration // when it is confirmed
		in   bool          // the machine that is cut off lets in by the return
		cuts bool
	}{
		{"at the last moment", 1, true, true},
		{"the clock of the other is ahead", skew, true, true},
		{"the copy of the other will last until then", skew + stale, true, true},
		{"it will not", skew + stale + 1, false, false},
		{"at once", trial, false, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				other, store := confirmAhead(w, skew)
				saved := w.provisional(confirmNew, trial)
				time.Sleep(trial - row.left)
				kim := saveSession{"kim", session.Web, saveOffice, session.Stamp{Client: session.Web, Policy: saved.Version}}
				if row.left > skew { // else the other would take it back by reading it
					kim = w.login(other, "kim", session.Web, saveOffice)
				}
				store.set(func(string, int, bool) error { return errSave })
				confirmed, err := w.eng.Confirm(w.ctx, confirmBy(w))
				if err != nil {
					t.Fatal(err)
				}
				if n := confirmed.Version.Number; n != saved.Version.Number+2 {
					t.Errorf("number %d after %d", n, saved.Version.Number)
				}
				time.Sleep(min(stale, max(row.left-skew, 0))) // as long as the copy lasts, or until it is due there
				d, lee := w.tryLogin(other, "lee", session.Web, saveHome)
				if row.left > skew && d.Allowed() != row.in {
					t.Fatalf("cut off, from home: %v", d)
				}
				store.set(nil)
				time.Sleep(2 * stale)
				for _, e := range []*engine.Engine{w.eng, other} {
					if d.Allowed() && !w.cut(e, lee) {
						t.Errorf("who came in by the return: %v", w.check(e, lee))
					}
					if w.cut(e, kim) != row.cuts {
						t.Errorf("who came in by the trial: %v, want cut %v", w.check(e, kim), row.cuts)
					}
					if s := w.login(e, "kim", session.Web, saveOffice); !w.check(e, s).Allowed() {
						t.Error("cannot log in again")
					}
				}
				if (confirmed.Change.SignOut != 0) != row.cuts || saveMeant(w.orders(session.SignOut)[1:], kim) != row.cuts {
					t.Errorf("told: %v", confirmed.Change.SignOut)
				}
			})
		})
	}
}

// One machine confirms while another, whose clock is ahead, takes back. One of them wins,
// and no session lives that the other's settings have let in.
func TestConfirmAgainstReturn(t *testing.T) {
	won := map[bool]int{}
	for round := range 60 {
		synctest.Test(t, func(t *testing.T) {
			w := newSaveWorld(t, policy.Standard(), confirmOld)
			other, store := confirmAhead(w, 10*time.Second)
			during := []saveSession{}
			saved := w.provisional(confirmNew, time.Minute)
			during = append(during, w.login(w.eng, "kim", session.Web, saveLost), w.login(other, "kim", session.Web, saveLost))
			time.Sleep(50 * time.Second)
			// Calls of the two stores alternate in an order that differs with the round.
			for i, s := range []*saveStore{w.store, store} {
				s.set(func(_ string, n int, _ bool) error {
					time.Sleep(time.Duration((round>>(3*i)+n*(i+1))%5) * time.Millisecond)
					return nil
				})
			}
			var wait sync.WaitGroup
			var confirmed engine.Saved
			var err error
			var d policy.Decision
			var lee saveSession
			wait.Go(func() {
				confirmed, err = w.eng.Confirm(w.ctx, engine.Act{Tenant: saveTenant, From: saved.Version, By: guardPlace("kim", session.Web, saveOffice)})
			})
			wait.Go(func() { d, lee = w.tryLogin(other, "lee", session.Web, saveHome) })
			wait.Wait()
			w.store.set(nil)
			store.set(nil)
			r := w.record()
			won[err == nil]++
			time.Sleep(2 * time.Minute)
			third := w.another(nil)
			switch {
			case err == nil:
				if r.Version != confirmed.Version || r.Version.Number != saved.Version.Number+2 || !r.Settings.Equal(confirmNew) {
					t.Errorf("confirmed, and the record is %+v", r)
				}
				for _, e := range []*engine.Engine{w.eng, other, third} {
					if d.Allowed() && !w.cut(e, lee) {
						t.Errorf("confirmed: who came in by the return: %v", w.check(e, lee))
					}
				}
			case errors.Is(err, session.ErrConflict):
				if r.Version.Number != saved.Version.Number+1 || !r.Settings.Equal(confirmOld) || !d.Allowed() {
					t.Errorf("returned, %v, and the record is %+v", d, r)
				}
				for _, e := range []*engine.Engine{w.eng, other, third} {
					for _, s := range during {
						if !w.cut(e, s) {
							t.Errorf("returned: who came in by the trial: %v", w.check(e, s))
						}
					}
					if !w.check(e, lee).Allowed() {
						t.Errorf("returned: who came in by the return: %v", w.check(e, lee))
					}
				}
			default:
				t.Errorf("%v", err)
			}
		})
	}
	if won[true] == 0 || won[false] == 0 {
		t.Errorf("no race: %v", won)
	}
	t.Logf("confirmed %d times, taken back %d times", won[true], won[false])
}
