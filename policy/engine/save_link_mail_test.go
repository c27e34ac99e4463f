package engine_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Which acts mail a link: those after which the list is in force, by the settings of then.
func TestLinkIsOrderedInTheSameWrite(t *testing.T) {
	for _, row := range []struct {
		why   string
		start policy.Settings
		act   func(w *saveWorld) error
		want  bool
	}{
		{"a list", saveAll(), func(w *saveWorld) error { w.save(saveList("8.8.8.0/24")); return nil }, true},
		{"a list that is widened", saveList("8.8.8.0/24"), func(w *saveWorld) error { w.save(saveList("8.8.0.0/16")); return nil }, true},
		{"to all", saveList("8.8.8.0/24"), func(w *saveWorld) error { w.save(saveAll()); return nil }, false},
		{"blocking", saveAll(), func(w *saveWorld) error { w.save(saveBlock(saveAll(), "KR")); return nil }, false},
		{"a provisional list", saveAll(), func(w *saveWorld) error { w.provisional(saveList("8.8.8.0/24"), time.Minute); return nil }, true},
		{"confirmed", saveAll(), func(w *saveWorld) error {
			w.provisional(saveList("8.8.8.0/24"), time.Minute)
			_, err := w.eng.Confirm(w.ctx, confirmBy(w))
			return err
		}, true},
		{"taken back to a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			w.provisional(saveAll(), time.Minute)
			time.Sleep(time.Minute)
			w.login(w.eng, "kim", session.Web, saveOffice)
			return nil
		}, true},
		{"restored", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			w.save(saveAll())
			_, err := w.eng.Restore(w.ctx, w.act(), w.plan, session.Version{Line: w.at().Line, Number: 1})
			return err
		}, true},
		{"made again with a list", saveAll(), func(w *saveWorld) error {
			if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
				return err
			}
			_, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant, Settings: saveList("8.8.8.0/24")})
			return err
		}, true},
		{"taken back to a list at once", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, err := w.eng.TakeBack(w.ctx, takeBackBy(w.provisional(saveAll(), time.Minute).Version))
			return err
		}, true},
		{"a trial beside a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveAll())
			return err
		}, true},
		{"a trial beside a list, dropped", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			n, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveAll())
			if err == nil {
				_, err = w.eng.Drop(w.ctx, w.act(), n)
			}
			return err
		}, true},
		{"a new line beside a list", saveList("8.8.8.0/24"), func(w *saveWorld) error {
			_, err := w.eng.NewLine(w.ctx, w.act())
			return err
		}, true},
		{"a trial", saveAll(), func(w *saveWorld) error {
			_, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.0/24"))
			return err
		}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, linkProfile(), row.start)
				if err := row.act(w); err != nil {
					t.Fatal(err)
				}
				now := slices.ContainsFunc(w.orders(session.ResetLink), func(o session.Order) bool { return o.Policy == w.at() })
				if now != row.want {
					t.Errorf("ordered: %v", w.orders(session.ResetLink))
				}
				if !row.want {
					return
				}
				if _, err := w.eng.Redeem(w.ctx, saveTenant, linkMailed(t, w).Token); err != nil {
					t.Error(err)
				}
				if w.record().Settings.Access != policy.AllAddresses {
					t.Error("not lifted")
				}
			})
		})
	}
}

// Only what would work is mailed, and nothing where the plan has no list.
func TestLinkIsMailedWhileItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, linkProfile(), saveAll())
		w.save(saveList("8.8.8.0/24"))
		w.save(saveList("8.8.8.0/24", "1.1.1.1"))
		l := linkMailed(t, w)
		if n := len(w.mailer.kinds()); n != 1 || len(w.orders(session.ResetLink)) != 0 {
			t.Errorf("%d letters", n)
		}
		if _, err := w.eng.Offered(w.ctx, saveTenant, l.Token); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := policy.NaverWorks()
		p.ResetLink = time.Hour
		w := newSaveWorld(t, p, saveAll())
		for _, row := range []struct {
			plan policy.Plan
			want int
		}{{"standard", 1}, {"free", 1}, {"lite", 2}} {
			if row.plan == "standard" {
				w.save(saveList("8.8.8.0/24"))
			} else if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, row.plan); err != nil {
				t.Fatal(err)
			}
			if n := len(w.orders(session.ResetLink)); n != row.want {
				t.Errorf("%s: %d links", row.plan, n)
			}
		}
	})
}
