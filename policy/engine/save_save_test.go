package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestSaveRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveList("8.8.8.0/24"))
		before := w.record()
		for _, row := range []struct {
			why   string
			save  engine.Save
			codes []string
		}{
			{"every problem at once", engine.Save{Plan: "standard", Settings: policy.Settings{Access: 7, Outside: 3, Designated: []policy.Entry{{}}}},
				[]string{"unknown-access", "unknown-outside", "no-range"}},
			{"a plan that there is not", engine.Save{Plan: "gold", Settings: saveAll()}, []string{"unknown-plan"}},
			{"no plan", engine.Save{Settings: saveAll()}, []string{"unknown-plan"}},
			{"a private address", engine.Save{Plan: "standard", Settings: saveList("10.0.0.0/8")}, []string{"special-purpose"}},
			{"the plan lacks blocking", engine.Save{Plan: "free", Settings: saveBlock(saveList("8.8.8.0/24"))}, []string{"not-in-plan"}},
		} {
			row.save.Act = w.act()
			_, err := w.eng.Save(w.ctx, row.save)
			var invalid *policy.InvalidError
			var codes []string
			if errors.As(err, &invalid) {
				for _, p := range invalid.Problems {
					codes = append(codes, p.Code)
				}
			}
			if !slices.Equal(codes, row.codes) {
				t.Errorf("%s: %v; want %v", row.why, err, row.codes)
			}
		}
		for _, d := range []time.Duration{1, 9 * time.Second, 24*time.Hour + 1, -time.Minute} {
			_, err := w.eng.Save(w.ctx, engine.Save{Act: w.act(), Plan: "standard", Settings: saveAll(), Provisional: d})
			const want = "policy: provisional: a save cannot be provisional for so long; 0, to save for good, or from 10s to 24h"
			var invalid *policy.InvalidError
			if !errors.As(err, &invalid) || invalid.Problems[0].Code != "bad-provisional" || invalid.Problems[0].Input != d.String() || err.Error() != want {
				t.Errorf("provisional for %v: %v; want %v", d, err, want)
			}
		}
		for _, id := range []string{"return-1.1", "\xff"} {
			a := w.act()
			a.ID = id
			_, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: "standard", Settings: saveAll()})
			var invalid *policy.InvalidError
			if !errors.As(err, &invalid) || invalid.Problems[0].Code != "bad-act-id" || invalid.Problems[0].Path != "id" {
				t.Errorf("the id %q: %v", id, err)
			}
		}
		for why, a := range map[string]engine.Act{
			"no tenant":                     {},
			"a tenant that is not enrolled": {Tenant: "nobody", From: before.Version},
		} {
			if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: "standard"}); !errors.Is(err, engine.ErrNotEnrolled) {
				t.Errorf("%s: %v", why, err)
			}
		}
		a := w.act()
		a.ID = "return-1.2"
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Plan: "standard"}); err == nil {
			t.Error("an id that is the engine's own was taken")
		}
		_, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant}, Plan: "standard"})
		saveConflict(t, err, before.Version)
		if after := w.record(); after.Version != before.Version || !after.Settings.Equal(before.Settings) {
			t.Errorf("something was saved: %v", after)
		}
		if n := len(w.orders(session.SignOut)); n != 0 {
			t.Errorf("%d orders", n)
		}
	})
}

func TestSaveTellsWhatItDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		a := saveBy(w.act(), "kim", saveOffice)
		a.ID, a.Why = "one", "the audit asks for it"
		given := saveList("8.8.8.0/24")
		w.store.set(func(call string, _ int, after bool) error { // what is judged is what is written
			given.Designated[0] = policy.Entry{Range: ipset.MustParseRange("1.1.1.1")}
			return nil
		})
		saved, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: given})
		if err != nil {
			t.Fatal(err)
		}
		w.store.set(nil)
		if saved.Version.Number != 2 || saved.Change.SignOut != session.AllClients || saved.Repeated || !saved.Until.IsZero() || saved.OnlyBypass != nil {
			t.Errorf("%+v", saved)
		}
		r := w.record()
		if r.By != "kim" || r.Save != "one" || !r.At.Equal(time.Now()) || !r.Settings.Equal(saveList("8.8.8.0/24")) || r.Version != saved.Version {
			t.Errorf("%+v", r)
		}
		events, err := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "settings-saved"})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		e := events[0]
		if e.ID != "one" || e.Actor != "kim" || e.Why != a.Why || e.Policy != saved.Version || len(e.Summary) != 2 || !strings.Contains(e.Summary[0], "designated") {
			t.Errorf("%+v", e)
		}
	})
}

// An event says a bounded number of things, and that there were more.
func TestSaveSummaryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		s := saveList()
		for i := range 5000 {
			s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.0/24", i/256, i%256))})
		}
		w.save(s)
		events, _ := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "settings-saved"})
		if n := len(events[0].Summary); n != 201 || events[0].Summary[200] != "and 4801 more" {
			t.Errorf("%d lines, the last %q", n, events[0].Summary[n-1])
		}
		x := policy.Exception{Member: "kim"}
		for _, e := range s.Designated {
			x.Ranges = append(x.Ranges, e.Range)
		}
		w.save(saveExcept(s, x))
		events, _ = w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "settings-saved"})
		if lines := events[0].Summary; len(lines) != 1 || len(lines[0]) > 510 || !strings.HasPrefix(lines[0], `added exception: "kim" at [8.0.0.0/24`) {
			t.Errorf("%.600q", lines)
		}
	})
}

func TestGuarantee21AThousandWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes while anybody works
		w := newSaveWorld(t, policy.Standard(), saveAll())
		for range 3 {
			from := w.at()
			start := make(chan struct{})
			var wins atomic.Int32
			var won atomic.Pointer[engine.Saved]
			errs := make([]error, 1000)
			var wait sync.WaitGroup
			for i := range errs {
				wait.Go(func() {
					<-start
					s := saveList("8.8.8.0/24")
					s.Designated[0].Label = fmt.Sprint(i)
					saved, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: from, Why: fmt.Sprint(i)}, Settings: s})
					if errs[i] = err; err == nil {
						wins.Add(1)
						won.Store(&saved)
					}
				})
			}
			close(start)
			wait.Wait()
			if wins.Load() != 1 {
				t.Fatalf("%d saves won", wins.Load())
			}
			for _, err := range errs {
				if err != nil {
					saveConflict(t, err, won.Load().Version)
				}
			}
			if t.Failed() {
				return
			}
		}
	})
}

// Each of a thousand writers tries until it has won: every entry is there at the end.
func TestGuarantee21NothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes while anybody works
		w := newSaveWorld(t, policy.Standard(), saveAll())
		engines := []*engine.Engine{w.eng, w.another(nil)}
		var wait sync.WaitGroup
		const writers, each = 25, 3
		for i := range writers {
			wait.Go(func() {
				eng := engines[i%2]
				for j := range each {
					for {
						r, err := eng.Settings(w.ctx, saveTenant)
						if err != nil {
							t.Error(err)
							return
						}
						s := r.Settings
						s.Access = policy.DesignatedAddresses
						s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.1", i, j))})
						_, err = eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: r.Version}, Settings: s})
						if err == nil {
							break
						}
						if !errors.Is(err, session.ErrConflict) {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wait.Wait()
		if n := len(w.record().Settings.Designated); n != writers*each {
			t.Errorf("%d entries of %d", n, writers*each)
		}
		if n := w.at().Number; n != writers*each+1 {
			t.Errorf("number %d", n)
		}
	})
}

// Acts of the system name no version. They are done once each, however many others save.
func TestGuarantee21ActsOfTheSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes while anybody works
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				plan := []policy.Plan{"lite", "standard"}[i%2]
				if _, err := w.eng.PlanChanged(w.ctx, engine.Act{Tenant: saveTenant}, plan); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := w.at().Number; n != 101 {
			t.Errorf("number %d", n)
		}
	})
}

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

// A save whose version is from the future writes nothing, whatever the store does between.
func TestGuarantee21FromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24"))
		old := w.at()
		other := w.another(nil)
		stolen := false
		w.store.set(func(call string, _ int, after bool) error {
			if call == "load" && after && !stolen { // while the first engine has what it read in hand
				stolen = true
				if _, err := other.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: old}, Settings: saveList("8.8.8.0/24", "1.1.1.1")}); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
		from := old
		from.Number++
		_, err := w.eng.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: from, ID: "x"}, Settings: saveAll()})
		if !errors.Is(err, session.ErrConflict) {
			t.Errorf("%v", err)
		}
		if r := w.record(); r.Version != from || len(r.Settings.Designated) != 2 {
			t.Errorf("the save of the other is lost: %v", r.Settings)
		}
	})
}

// Nor does a save write anything whose version a store that lags has not.
func TestGuarantee21BehindALaggingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		old := w.record()
		if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
			t.Fatal(err)
		}
		w.save(saveList("8.8.8.0/24"))
		lagging, err := engine.New(w.profile, saveLagging{w.store, old}, w.members, nil)
		if err != nil {
			t.Fatal(err)
		}
		is := w.record()
		if _, err := lagging.Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: is.Version, ID: "x"}, Settings: saveAll()}); err == nil {
			t.Error("saved")
		}
		if r := w.record(); r.Version != is.Version || !r.Settings.Equal(is.Settings) {
			t.Errorf("written: %+v", r)
		}
	})
}

// saveLagging loads an old record.
type saveLagging struct {
	*saveStore
	old policy.Record
}

func (s saveLagging) Load(context.Context, session.TenantID) (policy.Record, error) {
	return s.old, nil
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
					events, _ := w.mem.Events(w.ctx, saveTenant, session.EventQuery{Kind: "settings-saved"})
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
