package engine_test

import (
	"context"
	"errors"
	"iter"
	"slices"
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

func TestGuarantee23Enroll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		enroll := func(n engine.Enrollment) (engine.Saved, error) { return w.eng.Enroll(w.ctx, n) }
		if saved, err := enroll(engine.Enrollment{Tenant: saveTenant, Plan: "lite"}); !errors.Is(err, engine.ErrEnrolled) || saved.Version != w.at() {
			t.Errorf("again: %+v, %v", saved, err)
		}
		if r := w.record(); r.Plan != "standard" || len(r.Settings.Designated) != 1 {
			t.Errorf("it was altered: %+v", r)
		}
		if _, err := enroll(engine.Enrollment{Plan: "lite"}); err == nil {
			t.Error("no tenant is enrolled")
		}
		for why, n := range map[string]engine.Enrollment{
			"no plan":             {Tenant: "new"},
			"bad settings":        {Tenant: "new", Plan: "lite", Settings: saveList("10.0.0.1")},
			"what the plan lacks": {Tenant: "new", Plan: "free", Settings: saveList("8.8.8.8")},
		} {
			var invalid *policy.InvalidError
			if _, err := enroll(n); !errors.As(err, &invalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
		var lockout *engine.LockoutError
		n := engine.Enrollment{Tenant: "new", Plan: "lite", Settings: saveList("8.8.8.8"), By: guardPlace("kim", session.Web, saveHome)}
		if _, err := enroll(n); !errors.As(err, &lockout) || lockout.Version != (session.Version{}) {
			t.Errorf("%v", err)
		}
		if d, _, _ := w.eng.Admit(w.ctx, engine.Login{Tenant: "new", Member: "kim", Plan: "lite", Client: session.Web, Addr: saveOffice, Authenticated: true}); d.Reason != policy.ReasonNoPolicy {
			t.Errorf("not enrolled: %v", d)
		}
		n.Force = lockout.Force
		n.Tenant = "another"
		if _, err := enroll(n); err == nil {
			t.Error("a force opens what another tenant was refused")
		}
		n.Tenant = "new"
		saved, err := enroll(n)
		if err != nil || saved.Version.Number != 1 || saved.Version.Line == 0 || saved.Change.SignOut != 0 {
			t.Errorf("%+v, %v", saved, err)
		}
		events, _ := w.mem.Events(w.ctx, "new", session.EventQuery{})
		if len(events) != 1 || events[0].Kind != "tenant-enrolled" || events[0].Actor != "kim" || len(events[0].Summary) != 3 ||
			!strings.HasPrefix(events[0].Summary[0], `shuts out "kim" (acting)`) {
			t.Errorf("%+v", events)
		}
		// A session from before stamps lives until the first cut.
		old := engine.Request{Tenant: "new", Member: "kim", Plan: "lite", Stamp: session.Stamp{Client: session.Web}, Addr: saveOffice}
		if d, _ := w.eng.Check(w.ctx, old); d.Reason == policy.ReasonSessionCut {
			t.Errorf("%v", d)
		}
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: "new", From: saved.Version}, Plan: "lite", Settings: saveList("8.8.4.4")}); err != nil {
			t.Fatal(err)
		}
		if d, _ := w.eng.Check(w.ctx, old); d.Reason != policy.ReasonSessionCut {
			t.Errorf("%v", d)
		}
	})
}

func TestEnrollOneWins(t *testing.T) {
	for _, before := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSaveWorld(t, policy.Standard(), saveAll())
			tenant := session.TenantID("new")
			if before {
				tenant = saveTenant
				if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
					t.Fatal(err)
				}
			}
			engines := []*engine.Engine{w.eng, w.another(nil)}
			var done atomic.Int32
			var wait sync.WaitGroup
			for i := range 100 {
				wait.Go(func() {
					switch _, err := engines[i%2].Enroll(w.ctx, engine.Enrollment{Tenant: tenant}); {
					case err == nil:
						done.Add(1)
					case !errors.Is(err, engine.ErrEnrolled):
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if done.Load() != 1 {
				t.Errorf("enrolled %d times", done.Load())
			}
		})
	}
}

func TestEnrollAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		all := func(tenants ...engine.Enrollment) iter.Seq[engine.Enrollment] { return slices.Values(tenants) }
		of := func(t session.TenantID, p policy.Plan) engine.Enrollment {
			return engine.Enrollment{Tenant: t, Plan: p}
		}
		n, err := w.eng.EnrollAll(w.ctx, all(of("a", "lite"), of(saveTenant, "lite"), of("b\n", "gold"), of("c", "lite")))
		if n != 1 || err == nil || !strings.Contains(err.Error(), `"b\n"`) {
			t.Errorf("%d, %v", n, err)
		}
		n, err = w.eng.EnrollAll(w.ctx, all(of("a", "lite"), of(saveTenant, "lite"), of("b", "lite"), of("c", "lite")))
		if n != 2 || err != nil {
			t.Errorf("repeated: %d, %v", n, err)
		}
		cancelled, cancel := context.WithCancel(w.ctx)
		cancel()
		if n, err := w.eng.EnrollAll(cancelled, all(of("d", "lite"))); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// A tenant that was removed is refused, and nothing of it lives when it is made again.
func TestGuarantee17RemovedAndMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		other := w.another(nil)
		for range 5 {
			w.save(saveAll())
		}
		old := []saveSession{w.login(w.eng, "kim", session.Web, saveOffice), w.login(other, "kim", session.API, saveOffice),
			{"kim", session.Web, saveOffice, session.Stamp{Client: session.Web}}}
		first := w.at()
		saved, err := w.eng.Remove(w.ctx, saveBy(engine.Act{Tenant: saveTenant}, "boss", saveOffice))
		if err != nil || saved.Change.SignOut != session.AllClients {
			t.Fatal(saved, err)
		}
		if r := w.record(); !r.Deleted || r.Version.Line != first.Line || r.Plan != "" || r.Settings.Designated != nil {
			t.Errorf("%+v", r)
		}
		time.Sleep(2 * time.Minute)
		for _, e := range []*engine.Engine{w.eng, other} {
			for _, s := range old {
				if d := w.check(e, s); d.Reason != policy.ReasonNoPolicy {
					t.Errorf("%v", d)
				}
			}
			if d, _ := w.tryLogin(e, "kim", session.Web, saveOffice); d.Reason != policy.ReasonNoPolicy {
				t.Errorf("%v", d)
			}
			if _, err := e.Settings(w.ctx, saveTenant); !errors.Is(err, engine.ErrNotEnrolled) {
				t.Errorf("%v", err)
			}
		}
		for name, act := range map[string]func() error{
			"save":     func() error { _, err := w.eng.Save(w.ctx, engine.Save{Act: w.act()}); return err },
			"remove":   func() error { _, err := w.eng.Remove(w.ctx, engine.Act{Tenant: saveTenant}); return err },
			"new line": func() error { _, err := w.eng.NewLine(w.ctx, engine.Act{Tenant: saveTenant}); return err },
			"restore":  func() error { _, err := w.eng.Restore(w.ctx, w.act(), w.plan, first); return err },
		} {
			if err := act(); !errors.Is(err, engine.ErrNotEnrolled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for range 3 { // as often as it happens
			again, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant})
			if err != nil || again.Version.Line == first.Line || again.Version.Number != 1 || again.Change.SignOut != session.AllClients {
				t.Fatal(again, err)
			}
			var fresh []saveSession
			for _, e := range []*engine.Engine{w.eng, other} {
				s := w.login(e, "kim", session.Web, saveOffice) // in the same instant, on any machine
				fresh = append(fresh, s)
				if d := w.check(w.eng, s); !d.Allowed() {
					t.Errorf("new: %v", d)
				}
				for _, s := range old {
					if !w.cut(e, s) {
						t.Errorf("old: %v", w.check(e, s))
					}
				}
			}
			orders := w.orders(session.SignOut)
			for _, s := range old {
				if !saveMeant(orders, s) {
					t.Errorf("%v is not ordered", s.stamp)
				}
			}
			old = append(old, fresh...)
			if _, err := w.eng.Remove(w.ctx, engine.Act{Tenant: saveTenant}); err != nil {
				t.Fatal(err)
			}
		}
		// Its history is the tenant's; what it was before the first removal can be restored.
		if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.eng.Restore(w.ctx, w.act(), w.plan, saved.Version); !errors.Is(err, engine.ErrNoHistory) {
			t.Errorf("a tombstone was restored: %v", err)
		}
		if _, err := w.eng.Restore(w.ctx, w.act(), w.plan, first); err != nil {
			t.Error(err)
		}
	})
}

// lineRestored puts an older copy of the record in the place of the store.
func lineRestored(w *saveWorld, r policy.Record) {
	w.Helper()
	w.mem = policy.NewMemStore()
	w.store.Store = w.mem
	if _, err := w.mem.Save(w.ctx, session.Version{}, r, session.Event{}, nil); err != nil {
		w.Fatal(err)
	}
}

// A backup is restored: until a new line is drawn, whoever has seen more refuses. Then
// every session of the lost time is dead, and logins work at once on all machines.
func TestGuarantee17NewLineAfterRestore(t *testing.T) {
	for _, row := range []struct {
		why     string
		backup  policy.Settings
		between func(w *saveWorld) // in the time that is lost
		restart bool               // the machine that draws the line has seen nothing
	}{
		{"saves are lost", saveAll(), func(w *saveWorld) { w.save(saveAll()); w.save(saveList("8.8.8.0/24")) }, false},
		{"saves are lost, and the machine is new", saveAll(), func(w *saveWorld) { w.save(saveAll()); w.save(saveList("8.8.8.0/24")) }, true},
		{"nothing is lost", saveAll(), func(*saveWorld) {}, false},
		{"a new line is lost", saveAll(), func(w *saveWorld) {
			if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
				w.Fatal(err)
			}
		}, false},
		{"a removal is lost", saveAll(), func(w *saveWorld) {
			if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
				w.Fatal(err)
			}
			if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant}); err != nil {
				w.Fatal(err)
			}
		}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), row.backup)
				other := w.another(nil)
				w.save(row.backup)
				backup := w.record()
				sessions := []saveSession{w.login(w.eng, "kim", session.Web, saveOffice), w.login(other, "kim", session.API, saveOffice)}
				row.between(w)
				sessions = append(sessions, w.login(w.eng, "kim", session.Web, saveOffice), w.login(other, "kim", session.API, saveOffice),
					saveSession{"kim", session.Web, saveOffice, session.Stamp{Client: session.Web}})
				lost := w.at()
				lineRestored(w, backup)
				if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveOffice); lost != backup.Version && d.Reason != policy.ReasonVersionRegression {
					t.Errorf("restored: %v", d)
				}
				if _, err := w.eng.Save(w.ctx, engine.Save{Act: w.act()}); lost != backup.Version && err == nil {
					t.Error("saved on a record that lies behind what was seen")
				}
				drawing := w.eng
				if row.restart {
					drawing = w.another(nil)
				}
				a := engine.Act{Tenant: saveTenant, ID: "after the restore"}
				saved, err := drawing.NewLine(w.ctx, a)
				if err != nil || saved.Version.Number != 1 || saved.Version.Line == backup.Version.Line || saved.Change.SignOut != session.AllClients {
					t.Fatal(saved, err)
				}
				if again, err := w.another(nil).NewLine(w.ctx, a); err != nil || !again.Repeated || again.Version != saved.Version {
					t.Errorf("repeated: %+v, %v", again, err)
				}
				if !w.record().Settings.Equal(row.backup) {
					t.Error("the settings of the backup are lost")
				}
				engines := []*engine.Engine{w.eng, other, w.another(nil)}
				for i, e := range engines {
					s := w.login(e, "kim", session.Web, saveOffice)
					for j, f := range engines {
						if d := w.check(f, s); !d.Allowed() {
							t.Errorf("let in by %d, %d says %v", i, j, d)
						}
					}
				}
				time.Sleep(2 * time.Minute)
				for i, e := range engines {
					for _, s := range sessions {
						if d := w.check(e, s); d.Reason != policy.ReasonSessionCut {
							t.Errorf("engine %d, a session of %v: %v", i, s.stamp.Policy, d)
						}
					}
				}
				if _, err := w.eng.Save(w.ctx, engine.Save{Act: w.act()}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Orders of a new line mean everything of the one before it.
func TestNewLineOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		old := []saveSession{w.login(w.eng, "kim", session.Web, saveOffice), {"kim", session.Web, saveOffice, session.Stamp{Client: session.Web}}}
		if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
			t.Fatal(err)
		}
		orders := w.orders(session.SignOut)
		for _, s := range old {
			if !saveMeant(orders, s) || !w.cut(w.eng, s) {
				t.Errorf("%v: %v", s.stamp, w.check(w.eng, s))
			}
		}
		if s := w.login(w.eng, "kim", session.Web, saveOffice); saveMeant(orders, s) || w.cut(w.eng, s) {
			t.Errorf("new: %v", w.check(w.eng, s))
		}
	})
}
