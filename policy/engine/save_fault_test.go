package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// The store fails before, at and after the commit, at each of its calls. Either nothing
// was written or all of it was, and what decides afterwards is what was written.
func TestGuarantee19OneWrite(t *testing.T) {
	type fault struct {
		name  string
		after bool
	}
	for _, f := range []fault{{"before", false}, {"after", true}} {
		for n := 1; ; n++ {
			reached := false
			t.Run(fmt.Sprintf("%s call %d", f.name, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newSaveWorld(t, policy.Standard(), saveExcept(saveList("8.8.8.0/24", "9.9.9.0/24"), policy.Exception{Member: "kim"}))
					kim, lee := w.login(w.eng, "kim", session.Web, saveOffice), w.login(w.eng, "lee", session.Web, saveOffice)
					old := w.record()
					w.store.set(func(_ string, i int, after bool) error {
						if i == n && after == f.after {
							reached = true
							return errSave
						}
						return nil
					})
					a := w.act()
					a.ID = "one"
					save := func() (engine.Saved, error) {
						return w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24", "9.9.9.0/24")})
					}
					_, err := save()
					w.store.set(nil)
					is, orders := w.record(), w.orders(session.SignOut)
					events := w.events("settings-saved")
					switch wrote := is.Version != old.Version; {
					case err == nil && !wrote:
						t.Error("acknowledged and not written")
					case wrote && (len(is.Settings.Exceptions) != 0 || is.MemberCuts["kim"].IsZero() || len(orders) != 1 || len(events) != 1),
						!wrote && (len(is.Settings.Exceptions) != 1 || is.MemberCuts != nil || len(orders) != 0 || len(events) != 0):
						t.Errorf("half of it was written: %+v, %d orders, %d events", is, len(orders), len(events))
					case w.cut(w.eng, kim) != wrote || w.cut(w.eng, lee):
						t.Errorf("written: %v; kim: %v, lee: %v", wrote, w.check(w.eng, kim), w.check(w.eng, lee))
					}
					if _, err := save(); err != nil {
						t.Errorf("repeated: %v", err)
					}
					if n := w.at().Number; n != 2 || len(w.orders(session.SignOut)) != 1 || !w.cut(w.eng, kim) {
						t.Errorf("number %d after the repetition", n)
					}
				})
			})
			if !reached {
				if n < 4 {
					t.Errorf("a save makes %d calls", n-1)
				}
				break
			}
		}
	}
}

func TestGuarantee19CancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		kim := w.login(w.eng, "kim", session.Web, saveOffice)
		cancelled, cancel := context.WithCancel(w.ctx)
		cancel()
		old := w.at()
		if _, err := w.eng.Save(cancelled, engine.Save{Act: w.act(), Settings: saveList("8.8.8.0/24")}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if w.at() != old {
			t.Fatal("it was written")
		}
		// The caller gives up while the store hangs, which writes in the end.
		w.store.set(func(call string, _ int, after bool) error {
			if call == "save" && !after {
				time.Sleep(time.Minute)
			}
			return nil
		})
		short, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		a := w.act()
		a.ID = "one"
		began := time.Now()
		if _, err := w.eng.Save(short, engine.Save{Act: a, Settings: saveList("8.8.8.0/24")}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if d := w.check(w.eng, kim); !d.Allowed() {
			t.Errorf("nothing is written yet: %v", d)
		}
		time.Sleep(2 * time.Minute)
		w.store.set(nil)
		if saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24")}); err != nil || !saved.Repeated || w.at().Number != 2 {
			t.Errorf("%+v, %v", saved, err)
		}
		if !w.cut(w.eng, kim) {
			t.Error("the session lives")
		}
	})
}

// What only hangs in reading is given up within LoadTimeout.
func TestGuarantee24ASaveDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		a := w.act()
		w.store.set(func(call string, _ int, after bool) error {
			if call == "load" && !after {
				time.Sleep(time.Hour)
			}
			return nil
		})
		began := time.Now()
		_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24")})
		if err == nil || time.Since(began) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(2 * time.Hour) // until the store returns
	})
}

func TestSavePanickingStoreIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		a := w.act()
		w.store.set(func(call string, _ int, after bool) error {
			if call == "save" {
				panic("out of order")
			}
			return nil
		})
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveAll()}); err == nil {
			t.Error("saved")
		}
		w.store.set(nil)
		w.save(saveAll())
	})
}
