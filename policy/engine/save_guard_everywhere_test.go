package engine_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Whatever can narrow is guarded.
func TestGuarantee25Everywhere(t *testing.T) {
	narrow := saveList("8.8.8.0/24")
	for _, row := range []struct {
		why string
		act func(w *saveWorld, a engine.Act) error
		old policy.Settings
	}{
		{"save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: narrow})
			return err
		}, saveAll()},
		{"provisional save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: narrow, Provisional: time.Minute})
			return err
		}, saveAll()},
		{"the return of a provisional save", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: saveAll(), Provisional: time.Minute})
			return err
		}, narrow},
		{"restore", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Restore(w.ctx, a, w.plan, session.Version{Line: a.From.Line, Number: 1})
			return err
		}, narrow},
		{"promote", func(w *saveWorld, a engine.Act) error {
			n, saved, err := w.eng.Try(w.ctx, engine.Act{Tenant: a.Tenant, From: a.From}, w.plan, narrow)
			if err != nil {
				return err
			}
			a.From = saved.Version
			_, err = w.eng.Promote(w.ctx, a, w.plan, n)
			return err
		}, saveAll()},
		{"another plan", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.PlanChanged(w.ctx, a, "lite")
			return err
		}, narrow},
		{"another profile", func(w *saveWorld, a engine.Act) error {
			was := policy.NaverWorks()
			was.ListExempt |= session.ClientsOf(session.Web)
			_, err := w.eng.ProfileChanged(w.ctx, a, was)
			return err
		}, narrow},
		{"enrolment", func(w *saveWorld, a engine.Act) error {
			_, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: "other", Plan: w.plan, Settings: narrow, By: a.By, Force: a.Force})
			return err
		}, saveAll()},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.NaverWorks(), row.old)
				switch row.why {
				case "restore":
					w.save(saveAll())
				case "another plan":
					if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, "free"); err != nil {
						t.Fatal(err)
					}
				}
				before := w.record()
				a := saveBy(w.act(), "kim", saveHome)
				l := guardRefusal(t, row.act(w, a))
				said := l.Findings
				if l.Return != nil {
					said = l.Return.Findings
				}
				if guardTexts(said) != `"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]` {
					t.Errorf("%v", l)
				}
				if r := w.record(); !r.Settings.Equal(before.Settings) || r.Plan != before.Plan {
					t.Errorf("it was done: %+v", r)
				}
				a.From, a.Force = w.at(), l.Force
				if row.why == "promote" {
					_, err := w.eng.Promote(w.ctx, a, w.plan, 1)
					if err != nil {
						t.Errorf("forced: %v", err)
					}
					return
				}
				time.Sleep(time.Minute) // to read what it says
				if err := row.act(w, a); err != nil {
					t.Errorf("forced: %v", err)
				}
			})
		})
	}
}

// What does not answer is not taken for an answer.
func TestGuarantee25FailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24", "9.9.9.9"))
		narrow, wide := saveList("8.8.8.0/24"), saveList("8.8.8.0/24", "9.9.9.9", "1.1.1.1")
		save := func(a engine.Act, s policy.Settings) error {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: s})
			return err
		}
		kim := func() engine.Act { return saveBy(w.act(), "kim", saveOffice) }
		if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveOffice); !d.Allowed() { // so that there is a copy
			t.Fatal(d)
		}
		w.members.err = errSave
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Members: %v", err)
		}
		w.members.err = nil
		w.admins.err = errSave
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Administrators: %v", err)
		}
		if err := save(w.act(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without Administrators, of the system: %v", err)
		}
		if err := save(kim(), wide); err != nil {
			t.Errorf("what widens asks nobody: %v", err)
		}
		w.admins.err = nil
		w.admins.places, w.members.fails = []engine.Place{guardPlace("lee", session.Web, saveHome)}, "lee"
		if err := save(kim(), narrow); !errors.Is(err, errSave) {
			t.Errorf("without an answer about another administrator: %v", err)
		}
		w.admins.places = nil
		if err := save(saveBy(w.act(), "nobody", saveOffice), narrow); err == nil {
			t.Error("saved by somebody who is not there")
		}
		w.members.named["kim"] = member.Member{Tenant: "other", ID: "kim", Status: member.Active}
		if err := save(kim(), narrow); err == nil {
			t.Error("saved by a member of another tenant")
		}
		w.members.named["kim"] = member.Member{Tenant: saveTenant, ID: "lee", Status: member.Active}
		if err := save(kim(), narrow); err == nil {
			t.Error("saved by another member")
		}
	})
}

// 28: what came from outside is quoted and cut.
func TestGuarantee28LockoutErrorIsSafe(t *testing.T) {
	hostile := "x\n\x1b[31m\u202e%d%s" + strings.Repeat("A", 4000)
	zone := netip.MustParseAddr("fe80::1%a\nb" + hostile)
	e := &engine.LockoutError{Tenant: session.TenantID(hostile), Findings: make([]engine.Finding, 1000)}
	for i := range e.Findings {
		e.Findings[i] = engine.Finding{Member: member.ID(hostile), Client: 77, Addr: zone}
	}
	e.Return = &engine.LockoutError{Findings: e.Findings}
	n := &engine.NotAdmittedError{Finding: e.Findings[0]}
	for _, err := range []error{e, n} {
		text := err.Error()
		if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, "MISSING") || len(text) > 10000 || strings.Count(text, "\n") > 30 {
			t.Errorf("%d bytes: %.500q", len(text), text)
		}
	}
	if text := (&engine.LockoutError{}).Error(); text == "" {
		t.Error("the zero error says nothing")
	}
}
