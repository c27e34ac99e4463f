package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestGuarantee21RepeatedByID(t *testing.T) {
	for _, row := range []struct {
		why    string
		act    func(w *saveWorld, a engine.Act) (engine.Saved, error)
		system bool
	}{
		{"a save", func(w *saveWorld, a engine.Act) (engine.Saved, error) {
			return w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: saveList("8.8.8.0/24")})
		}, false},
		{"a provisional save", func(w *saveWorld, a engine.Act) (engine.Saved, error) {
			return w.eng.Save(w.ctx, engine.Save{Act: a, Plan: w.plan, Settings: saveList("8.8.8.0/24"), Provisional: time.Minute})
		}, false},
		{"a trial", func(w *saveWorld, a engine.Act) (engine.Saved, error) {
			n, saved, err := w.eng.Try(w.ctx, a, w.plan, saveList("8.8.8.0/24"))
			if err == nil && n != 1 {
				w.Errorf("the draft is number %d", n)
			}
			return saved, err
		}, false},
		{"a restore", func(w *saveWorld, a engine.Act) (engine.Saved, error) {
			return w.eng.Restore(w.ctx, a, w.plan, session.Version{Line: w.at().Line, Number: 1})
		}, false},
		{"another plan", func(w *saveWorld, a engine.Act) (engine.Saved, error) { return w.eng.PlanChanged(w.ctx, a, "lite") }, true},
		{"another profile", func(w *saveWorld, a engine.Act) (engine.Saved, error) {
			return w.eng.ProfileChanged(w.ctx, a, policy.LineWorks())
		}, true},
		{"a new line", func(w *saveWorld, a engine.Act) (engine.Saved, error) { return w.eng.NewLine(w.ctx, a) }, true},
		{"removal", func(w *saveWorld, a engine.Act) (engine.Saved, error) { return w.eng.Remove(w.ctx, a) }, true},
	} {
		for _, versioned := range []bool{true, false} {
			if !versioned && !row.system {
				continue
			}
			for _, others := range []int{0, 3} {
				t.Run(fmt.Sprintf("%s/versioned=%v/others=%d", row.why, versioned, others), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newSaveWorld(t, policy.NaverWorks(), saveAll())
						a := engine.Act{Tenant: saveTenant, ID: "the one"}
						if versioned {
							a.From = w.at()
						}
						// The commit is acknowledged to nobody.
						w.store.set(func(call string, _ int, after bool) error {
							if call == "save" && after {
								return errSave
							}
							return nil
						})
						if _, err := row.act(w, a); !errors.Is(err, errSave) {
							t.Fatalf("%v; want the failure of the store", err)
						}
						w.store.set(nil)
						wrote := w.record()
						for range others {
							if wrote.Deleted {
								break
							}
							if wrote.Return != nil {
								time.Sleep(time.Hour)
							}
							r, err := w.eng.Settings(w.ctx, saveTenant)
							if err != nil {
								t.Fatal(err)
							}
							if _, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: r.Version}, Plan: w.plan, Settings: saveList("8.8.8.0/24")}); err != nil {
								t.Fatal(err)
							}
						}
						last := w.at()
						saved, err := row.act(w, a)
						if err != nil || !saved.Repeated {
							t.Fatalf("the repetition: %+v, %v", saved, err)
						}
						if versioned && saved.Version != wrote.Version || !versioned && saved.Version != last {
							t.Errorf("the repetition says %v; the act made %v, and now it is %v", saved.Version, wrote.Version, last)
						}
						if others == 0 && wrote.Return != nil && !saved.Until.Equal(wrote.Return.At) {
							t.Errorf("the repetition says it is open until %v", saved.Until)
						}
						if w.at() != last {
							t.Errorf("it was done again: %v after %v", w.at(), last)
						}
						// Another act on that version is none.
						a.ID = "another"
						if versioned {
							if _, err := row.act(w, a); !errors.Is(err, session.ErrConflict) && !errors.Is(err, engine.ErrNotEnrolled) {
								t.Errorf("another act: %v", err)
							}
							if w.at() != last {
								t.Errorf("%v after %v", w.at(), last)
							}
						}
					})
				})
			}
		}
	}
}

// Two clicks on one button: the second is told so, and does not decide by what it would have written.
func TestGuarantee21TheSameSaveTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24"))
		other := w.another(nil)
		a := w.act()
		a.ID = "one"
		var did engine.Saved
		w.store.meanwhile(func() {
			var err error
			if did, err = other.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24", "1.1.1.1")}); err != nil || did.Repeated {
				t.Errorf("%+v, %v", did, err)
			}
		}, nil)
		if saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveAll()}); err != nil || !saved.Repeated || saved.Version != did.Version {
			t.Fatalf("%+v, %v; want to be told that it is done", saved, err)
		}
		if d, _ := w.tryLogin(w.eng, "kim", session.Web, saveHome); d.Allowed() {
			t.Errorf("decided by settings that nobody has saved: %v", d)
		}
	})
}
