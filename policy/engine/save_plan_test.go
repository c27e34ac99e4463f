package engine_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestSavePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveBlock(saveList("8.8.8.0/24"), "KR"))
		save := func(plan policy.Plan, s policy.Settings) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Plan: plan, Settings: s})
			return err
		}
		if err := save("free", saveBlock(saveList("8.8.8.0/24", "1.1.1.1"), "KR")); err != nil {
			t.Errorf("what was on may stay: %v", err)
		}
		if err := save("free", saveList("8.8.8.0/24")); err != nil {
			t.Errorf("switching off: %v", err)
		}
		var invalid *policy.InvalidError
		if err := save("free", saveBlock(saveList("8.8.8.0/24"))); !errors.As(err, &invalid) || invalid.Problems[0].Path != "overseas.block" {
			t.Errorf("switching blocking on: %v", err)
		}
		if err := save("free", saveAll()); err != nil {
			t.Errorf("switching off: %v", err)
		}
		if err := save("free", saveList("8.8.8.0/24")); !errors.As(err, &invalid) || invalid.Problems[0].Path != "access" || invalid.Problems[0].Code != "not-in-plan" {
			t.Errorf("switching the list on: %v", err)
		} else if !strings.Contains(err.Error(), `the plan "free"`) || !strings.Contains(err.Error(), "plan changed first") {
			t.Errorf("%v", err)
		}
		if err := save("lite", saveList("8.8.8.0/24")); err != nil {
			t.Errorf("with a plan that has it: %v", err)
		}
	})
}

func TestPlanChangedJudgesAsSwitchedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		w.plan = "free"
		if saved, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "free"); err != nil || saved.Change.SignOut != 0 {
			t.Fatal(saved, err)
		}
		var all []saveSession
		for c := range w.profile.Clients.All() {
			all = append(all, w.login(w.eng, "kim", c, saveOffice))
		}
		if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "gold"); err == nil {
			t.Error("a plan that there is not was taken")
		}
		// Guarded: the administrator is at home, where the list does not let in.
		a := engine.Act{Tenant: saveTenant, By: engine.Place{Member: "lee", Client: session.Web, Addr: saveHome}}
		var lockout *engine.LockoutError
		if _, err := w.eng.PlanChanged(w.ctx, a, "lite"); !errors.As(err, &lockout) {
			t.Fatalf("%v; want a refusal", err)
		}
		a.Force = lockout.Force
		saved, err := w.eng.PlanChanged(w.ctx, a, "lite")
		if err != nil || saved.Change.SignOut != w.profile.SignOut.Designate {
			t.Fatalf("%+v, %v", saved, err)
		}
		w.plan = "lite"
		orders := w.orders(session.SignOut)
		for _, s := range all {
			if want := s.client != session.Mobile; w.cut(w.eng, s) != want || saveMeant(orders, s) != want {
				t.Errorf("%v: %v, ordered %v", s, w.check(w.eng, s), saveMeant(orders, s))
			}
		}
	})
}

func TestProfileChangedJudgesAsSwitchedOn(t *testing.T) {
	was := policy.NaverWorks
	for _, row := range []struct {
		why      string
		settings policy.Settings
		was      func() *policy.Profile
		is       func() *policy.Profile
		want     func(*policy.Profile) session.Clients
	}{
		{"nothing changed", saveList("8.8.8.0/24"), was, was, func(*policy.Profile) session.Clients { return 0 }},
		{"mobile is not free any more", saveList("8.8.8.0/24"), was, func() *policy.Profile {
			p := was()
			p.ListExempt = session.ClientsOf(session.API)
			return p
		}, func(p *policy.Profile) session.Clients { return p.SignOut.Designate }},
		{"more is free", saveList("8.8.8.0/24"), was, func() *policy.Profile {
			p := was()
			p.ListExempt |= session.ClientsOf(session.Drive)
			return p
		}, func(*policy.Profile) session.Clients { return 0 }},
		{"super admins are bound", saveList("8.8.8.0/24"), was, func() *policy.Profile {
			p := was()
			p.SuperAdminBypass = false
			return p
		}, func(p *policy.Profile) session.Clients { return p.SignOut.Designate }},
		{"super admins are bound, by blocking", saveBlock(saveAll(), "KR"), was, func() *policy.Profile {
			p := was()
			p.SuperAdminBypass = false
			return p
		}, func(p *policy.Profile) session.Clients { return p.SignOut.Overseas }},
		{"mail is not free of blocking any more", saveBlock(saveAll(), "KR"), was, func() *policy.Profile {
			p := was()
			p.OverseasExempt = 0
			return p
		}, func(p *policy.Profile) session.Clients { return p.SignOut.Overseas }},
		{"nothing is in force", saveAll(), was, func() *policy.Profile {
			p := was()
			p.OverseasExempt, p.ListExempt, p.SuperAdminBypass = 0, 0, false
			return p
		}, func(*policy.Profile) session.Clients { return 0 }},
		{"the plan has the list now", saveList("8.8.8.0/24"), func() *policy.Profile {
			p := was()
			p.Plans["standard"] = 0
			return p
		}, was, func(p *policy.Profile) session.Clients { return p.SignOut.Designate }},
		{"what is stored decides as it was accepted", saveExcept(saveList("8.8.8.0/24"), policy.Exception{Member: "kim"}), was, func() *policy.Profile {
			p := was()
			p.Exceptions, p.Overseas = false, false
			return p
		}, func(*policy.Profile) session.Clients { return 0 }},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, was(), row.settings)
				w.profile = row.is()
				eng := w.another(nil)
				if _, err := eng.ProfileChanged(w.ctx, w.act(), nil); err == nil {
					t.Error("no profile of before was taken")
				}
				a := engine.Act{Tenant: saveTenant, ID: "upgrade 7"}
				saved, err := eng.ProfileChanged(w.ctx, a, row.was())
				if err != nil || saved.Change.SignOut != row.want(w.profile) {
					t.Errorf("%+v, %v; want %v", saved, err, row.want(w.profile))
				}
				last := w.save(row.settings)
				if again, err := eng.ProfileChanged(w.ctx, a, row.was()); err != nil || !again.Repeated || w.at() != last.Version {
					t.Errorf("repeated: %+v, %v", again, err)
				}
			})
		})
	}
}
