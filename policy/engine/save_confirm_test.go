package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Each of the two lets in from where the other does not, so that going from one to the
// other cuts everybody under Standard, both ways.
var (
	confirmOld = saveList("8.8.8.0/24", "9.9.9.9")  // office, home
	confirmNew = saveList("8.8.8.0/24", "77.7.7.7") // office, lost
)

func (w *saveWorld) provisional(s policy.Settings, d time.Duration) engine.Saved {
	w.Helper()
	saved, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Plan: w.plan, Settings: s, Provisional: d})
	if err != nil {
		w.Fatal(err)
	}
	if !saved.Until.Equal(time.Now().Add(d)) {
		w.Errorf("open until %v", saved.Until)
	}
	return saved
}

func confirmBy(w *saveWorld) engine.Act {
	return saveBy(w.act(), "kim", saveOffice)
}

// confirmFaults are how a store is away, partly or wholly.
func confirmFaults() map[string]func(call string, n int, after bool) error {
	return map[string]func(call string, n int, after bool) error{
		"the store answers": nil,
		"it cannot be written": func(call string, _ int, _ bool) error {
			if call == "save" {
				return errSave
			}
			return nil
		},
		"it is down": func(string, int, bool) error { return errSave },
	}
}

// From the instant on every machine decides by the return and stamps its number, written
// or not.
func TestProvisionalReturnsAtTheInstant(t *testing.T) {
	for name, fault := range confirmFaults() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				engines := []*engine.Engine{w.eng, w.another(nil), w.another(nil)}
				before := w.login(engines[1], "kim", session.Web, saveOffice)
				saved := w.provisional(confirmNew, 30*time.Second)
				v := saved.Version
				var during []saveSession
				for i, e := range engines {
					if d, _ := w.tryLogin(e, "lee", session.Web, saveHome); d.Allowed() {
						t.Errorf("engine %d: the new settings are not in force", i)
					}
					s := w.login(e, "lee", session.Web, saveLost)
					if s.stamp.Policy != v {
						t.Errorf("engine %d stamps %v", i, s.stamp.Policy)
					}
					during = append(during, s)
				}
				w.store.set(fault)
				time.Sleep(30*time.Second - 1)
				for i, e := range engines {
					if d := w.check(e, during[i]); !d.Allowed() {
						t.Errorf("engine %d: just before: %v", i, d)
					}
					if w.store.hook == nil {
						if d, _ := w.tryLogin(e, "lee", session.Web, saveHome); d.Allowed() {
							t.Errorf("engine %d: just before, from home: %v", i, d)
						}
					}
				}
				time.Sleep(time.Nanosecond)
				var after []saveSession
				for i, e := range engines {
					for _, s := range append(during, before) {
						if !w.cut(e, s) {
							t.Errorf("engine %d: %v lives: %v", i, s.stamp.Policy, w.check(e, s))
						}
					}
					if d, _ := w.tryLogin(e, "lee", session.Web, saveLost); d.Allowed() {
						t.Errorf("engine %d: the old settings are not in force", i)
					}
					s := w.login(e, "lee", session.Web, saveHome)
					if s.stamp.Policy.Line != v.Line || s.stamp.Policy.Number != v.Number+1 {
						t.Errorf("engine %d stamps %v after %v", i, s.stamp.Policy, v)
					}
					after = append(after, s)
				}
				for i, e := range engines {
					for _, s := range after {
						if d := w.check(e, s); !d.Allowed() {
							t.Errorf("engine %d: a session of the return: %v", i, d)
						}
					}
				}
				w.store.set(nil)
				time.Sleep(2 * time.Minute)
				for i, e := range append(engines, w.another(nil)) { // one that has just been started
					for _, s := range after {
						if d := w.check(e, s); !d.Allowed() {
							t.Errorf("engine %d: a session of the return, later: %v", i, d)
						}
					}
					for _, s := range during {
						if !w.cut(e, s) {
							t.Errorf("engine %d: a session of the trial, later: %v", i, w.check(e, s))
						}
					}
				}
				// A save writes the return first, if nobody has.
				r, err := w.eng.Settings(w.ctx, saveTenant)
				if err != nil || !r.Settings.Equal(confirmOld) {
					t.Fatalf("%+v, %v", r, err)
				}
				if _, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: r.Version}, Settings: confirmNew}); err != nil {
					t.Fatal(err)
				}
				if n := w.at().Number; n != v.Number+2 {
					t.Errorf("number %d after %d", n, v.Number)
				}
			})
		})
	}
}

// Run takes it back without anybody coming, with the orders that match what died.
func TestRunTakesProvisionalSavesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lee := policy.Exception{Member: "lee"}
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		w.provisional(saveExcept(saveList("8.8.8.0/24"), lee), time.Minute)
		sessions := []saveSession{w.login(w.eng, "lee", session.Web, saveHome), w.login(w.eng, "lee", session.Mobile, saveHome), w.login(w.eng, "kim", session.Web, saveOffice)}
		stop := w.run(w.eng)
		defer stop()
		time.Sleep(time.Minute + 2*time.Second)
		r := w.record()
		if r.Version.Number != 3 || r.Return != nil || len(r.Settings.Exceptions) != 0 || r.By != "" || !r.At.Equal(saveEpoch.Add(time.Minute)) {
			t.Fatalf("%+v", r)
		}
		events, _ := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "save-returned"})
		if len(events) != 1 || events[0].Policy != r.Version || !strings.Contains(strings.Join(events[0].Summary, "\n"), "taken back") {
			t.Errorf("%+v", events)
		}
		for i, want := range []bool{true, false, false} {
			if w.cut(w.eng, sessions[i]) != want {
				t.Errorf("%v: %v", sessions[i], w.check(w.eng, sessions[i]))
			}
		}
		past, err := w.mem.Earlier(w.ctx, saveTenant, r.Version)
		if err != nil || !past.Record.Settings.Equal(saveList("8.8.8.0/24")) {
			t.Errorf("%+v, %v", past, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the orders, with nobody to take them
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		w.provisional(saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "lee"}), time.Minute)
		sessions := []saveSession{w.login(w.eng, "lee", session.Web, saveHome), w.login(w.eng, "lee", session.Mobile, saveHome), w.login(w.eng, "kim", session.Web, saveOffice)}
		time.Sleep(time.Minute)
		again := w.login(w.eng, "lee", session.Web, saveOffice) // writes the return
		orders := w.orders(session.SignOut)
		for i, want := range []bool{true, false, false} {
			if saveMeant(orders, sessions[i]) != want || w.cut(w.eng, sessions[i]) != want {
				t.Errorf("%v: ordered %v, %v", sessions[i], saveMeant(orders, sessions[i]), w.check(w.eng, sessions[i]))
			}
		}
		if saveMeant(orders, again) {
			t.Error("who has logged in again is meant")
		}
	})
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

// A due return that others write meanwhile is no conflict for one who saves on it.
func TestSaveOnAReturnThatOthersWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		other := w.another(nil)
		w.provisional(confirmNew, time.Minute)
		time.Sleep(time.Minute)
		r, err := w.eng.Settings(w.ctx, saveTenant)
		if err != nil || r.Version.Number != 3 || !r.Settings.Equal(confirmOld) || r.Return != nil {
			t.Fatalf("%+v, %v", r, err)
		}
		first := true
		w.store.set(func(call string, _ int, after bool) error {
			if call == "save" && !after && first {
				first = false
				w.login(other, "kim", session.Web, saveOffice) // writes it
			}
			return nil
		})
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: r.Version}, Settings: saveAll()}); err != nil {
			t.Error(err)
		}
		if r := w.record(); r.Version.Number != 4 || r.Settings.Access != policy.AllAddresses {
			t.Errorf("%+v", r)
		}
	})
}

// A login is not held up by a store that hangs when a return is due.
func TestGuarantee24DueReturnDoesNotHang(t *testing.T) {
	for _, hangs := range []string{"load", "save"} {
		synctest.Test(t, func(t *testing.T) {
			w := newSaveWorld(t, policy.Standard(), confirmOld)
			w.provisional(confirmNew, 30*time.Second)
			time.Sleep(30 * time.Second)
			w.store.set(func(call string, _ int, after bool) error {
				if call == hangs && !after {
					time.Sleep(time.Hour)
				}
				return nil
			})
			began := time.Now()
			if d, _ := w.tryLogin(w.eng, "lee", session.Web, saveHome); !d.Allowed() || time.Since(began) > 10*time.Second {
				t.Errorf("%v after %v", d, time.Since(began))
			}
			time.Sleep(2 * time.Hour)
		})
	}
}

// Where the store has gone back, a return that is due admits nobody.
func TestDueReturnOfARecordThatHasGoneBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		w.provisional(confirmNew, 30*time.Second)
		old := w.record()
		other := w.another(nil)
		w.login(other, "kim", session.Web, saveOffice)
		time.Sleep(30 * time.Second)
		w.login(w.eng, "lee", session.Web, saveHome) // writes it
		w.store.set(func(call string, n int, after bool) error {
			if call == "version" && !after && n == 1 {
				lineRestored(w, old)
			}
			return nil
		})
		if d, _ := w.tryLogin(w.eng, "lee", session.Web, saveHome); d.Reason != policy.ReasonVersionRegression {
			t.Errorf("%v", d)
		}
	})
}

func TestNewLineAndRemoveWhileProvisional(t *testing.T) {
	for _, name := range []string{"new line", "remove"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				w.provisional(confirmNew, time.Minute)
				kim := w.login(w.eng, "kim", session.Web, saveOffice)
				if name == "remove" {
					if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Minute)
					if d := w.check(w.eng, kim); d.Reason != policy.ReasonNoPolicy {
						t.Errorf("%v", d)
					}
					return
				}
				if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
					t.Fatal(err)
				}
				r := w.record()
				if r.Return != nil || !r.Settings.Equal(confirmOld) || r.Version.Number != 1 {
					t.Errorf("%+v", r)
				}
				if !w.cut(w.eng, kim) {
					t.Errorf("%v", w.check(w.eng, kim))
				}
				again := w.login(w.eng, "lee", session.Web, saveHome)
				time.Sleep(2 * time.Minute)
				if d := w.check(w.eng, again); !d.Allowed() || w.at() != r.Version {
					t.Errorf("%v, %v", d, w.at())
				}
			})
		})
	}
}
