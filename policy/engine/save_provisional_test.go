package engine_test

import (
	"context"
	"strings"
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
		old := saveList("8.8.8.0/24")
		w := newSaveWorld(t, policy.NaverWorks(), old)
		e := w.another(func(o *engine.Options) { // so that the orders stay
			o.Revoker = &runRevoker{refuse: func(context.Context, session.Order) error { return errSave }}
		})
		w.provisional(saveExcept(old, policy.Exception{Member: "lee"}), time.Minute)
		sessions := []saveSession{w.login(e, "lee", session.Web, saveHome), w.login(e, "lee", session.Mobile, saveHome), w.login(e, "kim", session.Web, saveOffice)}
		stop := w.run(e)
		defer stop()
		time.Sleep(time.Minute + 2*time.Second)
		r := w.record()
		if r.Version.Number != 3 || r.Return != nil || !r.Settings.Equal(old) || r.By != "" || !r.At.Equal(saveEpoch.Add(time.Minute)) {
			t.Fatalf("%+v", r)
		}
		events := w.events("save-returned")
		if len(events) != 1 || events[0].Policy != r.Version || !strings.Contains(strings.Join(events[0].Summary, "\n"), "taken back") {
			t.Errorf("%+v", events)
		}
		orders := w.orders(session.SignOut)
		for i, want := range []bool{true, false, false} {
			if saveMeant(orders, sessions[i]) != want || w.cut(e, sessions[i]) != want {
				t.Errorf("%v: ordered %v, %v", sessions[i], saveMeant(orders, sessions[i]), w.check(e, sessions[i]))
			}
		}
		if saveMeant(orders, w.login(e, "lee", session.Web, saveOffice)) {
			t.Error("who has logged in again is meant")
		}
		past, err := w.mem.Earlier(w.ctx, saveTenant, r.Version)
		if err != nil || !past.Record.Settings.Equal(old) {
			t.Errorf("%+v, %v", past, err)
		}
	})
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
		w.store.meanwhile(func() { w.login(other, "kim", session.Web, saveOffice) }, nil) // writes it
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
