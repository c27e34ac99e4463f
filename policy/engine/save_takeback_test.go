package engine_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func (w *saveWorld) takeBack(v session.Version) engine.Saved {
	w.Helper()
	saved, err := w.eng.TakeBack(w.ctx, takeBackBy(v))
	if err != nil {
		w.Fatal(err)
	}
	return saved
}

func takeBackBy(v session.Version) engine.Act {
	return saveBy(engine.Act{Tenant: saveTenant, From: v, Why: "the wrong list"}, "kim", saveOffice)
}

// What takes a provisional save back is its return, written before its time: it has that
// number and ends those sessions, on a machine too that has not heard of it.
func TestTakeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		store := &saveStore{Store: w.mem}
		late, err := engine.New(w.profile, store, w.members, &engine.Options{Locator: saveGeo{}, Mailer: w.mailer, ResetKeys: [][]byte{saveKey}})
		if err != nil {
			t.Fatal(err)
		}
		other := w.another(nil)
		v := w.provisional(confirmNew, 30*time.Second).Version
		var during []saveSession
		for _, e := range []*engine.Engine{w.eng, other, late} {
			during = append(during, w.login(e, "lee", session.Web, saveLost))
		}
		time.Sleep(10 * time.Second)
		store.set(func(string, int, bool) error { return errSave }) // the late one is cut off
		saved := w.takeBack(v)

		r := w.record()
		back := session.Version{Line: v.Line, Number: v.Number + 1}
		if saved.Version != back || saved.Repeated || !saved.Until.IsZero() || !saved.Change.SignOut.Has(session.Web) {
			t.Errorf("%+v; want version %v, and everybody signed out", saved, back)
		}
		if r.Version != back || r.Return != nil || !r.Settings.Equal(confirmOld) || r.By != "kim" || !r.At.Equal(time.Now()) {
			t.Errorf("the record is %+v", r)
		}
		if events := w.events("save-taken-back"); len(events) != 1 || events[0].Actor != "kim" || events[0].Why != "the wrong list" || events[0].Policy != back {
			t.Errorf("the events are %+v", events)
		}
		orders := w.orders(session.SignOut)
		for i, s := range during {
			if !saveMeant(orders, s) {
				t.Errorf("no order means the session of engine %d", i)
			}
		}
		if !w.cut(w.eng, during[0]) {
			t.Errorf("where it was taken back: %v", w.check(w.eng, during[0]))
		}
		for i, e := range []*engine.Engine{w.eng, other} {
			if d, _ := w.tryLogin(e, "lee", session.Web, saveLost); d.Allowed() {
				t.Errorf("engine %d lets in by what was taken back", i)
			}
			if s := w.login(e, "lee", session.Web, saveHome); s.stamp.Policy != back || saveMeant(orders, s) {
				t.Errorf("engine %d stamps %v, which is ordered out: %v", i, s.stamp.Policy, saveMeant(orders, s))
			}
		}

		// Cut off, it lets in by its copy; what it lets in is out as soon as it reads.
		during = append(during, w.login(late, "lee", session.Web, saveLost))
		time.Sleep(20 * time.Second) // the instant of the return, by which it goes then
		if d, _ := w.tryLogin(late, "lee", session.Web, saveLost); d.Allowed() {
			t.Error("cut off, it goes by the trial after its end")
		}
		home := w.login(late, "lee", session.Web, saveHome)
		if home.stamp.Policy != back {
			t.Errorf("cut off, it stamps %v; want %v", home.stamp.Policy, back)
		}
		store.set(nil)
		time.Sleep(2 * time.Minute)
		for i, e := range []*engine.Engine{w.eng, other, late} {
			for _, s := range during {
				if !w.cut(e, s) {
					t.Errorf("engine %d: a session of the trial: %v", i, w.check(e, s))
				}
			}
			if d := w.check(e, home); !d.Allowed() {
				t.Errorf("engine %d: a session of the return: %v", i, d)
			}
		}
		if events := w.events("save-returned"); w.at() != back || len(events) != 0 {
			t.Errorf("it was taken back once more: %v, %+v", w.at(), events)
		}
		w.save(confirmNew) // nothing is open
	})
}

// However often and by whomever, the clock too, it is taken back once. What was confirmed is
// not taken back.
func TestTakeBackOnce(t *testing.T) {
	for _, row := range []struct {
		why    string
		before func(w *saveWorld, v session.Version)
		want   error  // nil: it was done before
		number uint64 // after v
		kind   string // of the one event
	}{
		{"twice", func(w *saveWorld, v session.Version) { w.takeBack(v) }, nil, 1, "save-taken-back"},
		{"after the instant", func(*saveWorld, session.Version) { time.Sleep(time.Minute) }, nil, 1, "save-returned"},
		{"after somebody came after the instant", func(w *saveWorld, _ session.Version) {
			time.Sleep(time.Minute)
			w.login(w.eng, "lee", session.Web, saveHome)
		}, nil, 1, "save-returned"},
		{"after a save that came after", func(w *saveWorld, v session.Version) {
			w.takeBack(v)
			w.save(saveAll())
		}, nil, 2, "save-taken-back"},
		{"after it was confirmed", func(w *saveWorld, _ session.Version) {
			if _, err := w.eng.Confirm(w.ctx, confirmBy(w)); err != nil {
				w.Fatal(err)
			}
		}, session.ErrConflict, 2, "save-confirmed"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				v := w.provisional(confirmNew, time.Minute).Version
				row.before(w, v)
				for _, by := range []session.MemberID{"kim", "boss"} {
					a := takeBackBy(v)
					a.By.Member = by
					saved, err := w.another(nil).TakeBack(w.ctx, a)
					if !errors.Is(err, row.want) || err == nil && (!saved.Repeated || saved.Version.Number != v.Number+1) {
						t.Errorf("by %s: %+v, %v; want %v", by, saved, err, row.want)
					}
				}
				if n := w.at().Number; n != v.Number+row.number {
					t.Errorf("the record is at %d after %d", n, v.Number)
				}
				for _, kind := range []string{"save-taken-back", "save-returned", "save-confirmed"} {
					if n := len(w.events(kind)); n != map[bool]int{true: 1, false: 0}[kind == row.kind] {
						t.Errorf("%d events of the kind %s", n, kind)
					}
				}
			})
		})
	}
}

func TestTakeBackRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), confirmOld)
		if _, err := w.eng.TakeBack(w.ctx, takeBackBy(w.at())); !errors.Is(err, engine.ErrNotProvisional) {
			t.Errorf("nothing is open: %v", err)
		}
		if _, err := w.eng.TakeBack(w.ctx, engine.Act{}); !errors.Is(err, engine.ErrNotEnrolled) {
			t.Errorf("no tenant: %v", err)
		}
		v := w.provisional(confirmNew, time.Hour).Version
		for _, from := range []session.Version{{}, {Line: v.Line, Number: 1}, {Line: v.Line, Number: 3}} {
			_, err := w.eng.TakeBack(w.ctx, takeBackBy(from))
			saveConflict(t, err, v)
		}
		// From where only the trial lets in, whoever takes it back shuts themselves out.
		a := takeBackBy(v)
		a.By.Addr = saveLost
		_, err := w.eng.TakeBack(w.ctx, a)
		var lockout *engine.LockoutError
		if !errors.As(err, &lockout) || len(lockout.Findings) == 0 || !lockout.Findings[0].Acting || w.at() != v {
			t.Fatalf("from outside: %v", err)
		}
		a.Force = lockout.Force
		if saved, err := w.eng.TakeBack(w.ctx, a); err != nil || saved.Version.Number != v.Number+1 {
			t.Errorf("forced: %+v, %v", saved, err)
		}
	})
}

// Of one who confirms and one who takes back, one wins; who takes back beside the clock has
// what they want.
func TestTakeBackAgainstOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			why    string
			other  func(w *saveWorld, v session.Version) error
			want   error
			number uint64
		}{
			{"somebody confirms", func(w *saveWorld, v session.Version) error {
				_, err := w.another(nil).Confirm(w.ctx, saveBy(engine.Act{Tenant: saveTenant, From: v}, "kim", saveOffice))
				return err
			}, session.ErrConflict, 2},
			{"a machine whose clock is ahead takes it back", func(w *saveWorld, _ session.Version) error {
				ahead, _ := confirmAhead(w, 2*time.Hour)
				w.login(ahead, "lee", session.Web, saveHome)
				return nil
			}, nil, 1},
		} {
			w := newSaveWorld(t, policy.Standard(), confirmOld)
			v := w.provisional(confirmNew, time.Hour).Version
			during := w.login(w.eng, "lee", session.Web, saveLost)
			w.store.meanwhile(func() {
				if err := row.other(w, v); err != nil {
					t.Errorf("%s: %v", row.why, err)
				}
			}, nil)
			saved, err := w.eng.TakeBack(w.ctx, takeBackBy(v))
			if !errors.Is(err, row.want) || w.at().Number != v.Number+row.number {
				t.Errorf("%s: %+v, %v, and the record is at %v", row.why, saved, err, w.at())
			}
			if w.cut(w.eng, during) != (row.want == nil) {
				t.Errorf("%s: a session of the trial: %v", row.why, w.check(w.eng, during))
			}
		}
	})
}

// What has ended by the time of the return is cut where it is taken back before, and what
// the return cuts is cut all the same.
func TestTakeBackCutsWhatIsInForceNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24"))
		until := time.Now().Add(5 * time.Minute)
		v := w.provisional(saveUntil(saveList("8.8.8.0/24"), "77.7.7.7", until), 10*time.Minute).Version
		r := w.record()
		if r.Return == nil || r.Return.Cuts.Highest() == v.Number+1 {
			t.Fatalf("%+v; want a return that cuts nobody, for what it takes away has ended then", r.Return)
		}
		lost := w.login(w.eng, "lee", session.Web, saveLost)
		w.takeBack(v)
		if !w.cut(w.eng, lost) {
			t.Errorf("it was in force: %v", w.check(w.eng, lost))
		}

		x := policy.Exception{Member: "lee"}
		v = w.provisional(saveExcept(saveList("8.8.8.0/24"), x), 10*time.Minute).Version
		lee, kim := w.login(w.eng, "lee", session.Web, saveHome), w.login(w.eng, "kim", session.Web, saveOffice)
		saved := w.takeBack(v)
		if !w.cut(w.eng, lee) || w.cut(w.eng, kim) || !slices.Equal(saved.Change.SignOutMembers, []session.MemberID{"lee"}) || saved.Change.SignOut != 0 {
			t.Errorf("%v, %v, signed out: %v, %v", w.check(w.eng, lee), w.check(w.eng, kim), saved.Change.SignOut, saved.Change.SignOutMembers)
		}

		until = time.Now().Add(5 * time.Minute) // then what comes back has less than the trial
		w.save(saveUntil(saveList("8.8.8.0/24"), "77.7.7.7", until))
		v = w.provisional(saveList("8.8.8.0/24", "77.7.7.7"), 10*time.Minute).Version
		if r := w.record(); r.Return == nil || r.Return.Cuts.Highest() != v.Number+1 {
			t.Fatalf("%+v; want a return that cuts", r.Return)
		}
		kim = w.login(w.eng, "kim", session.Web, saveOffice)
		w.takeBack(v)
		if !w.cut(w.eng, kim) {
			t.Errorf("the return would have ended it: %v", w.check(w.eng, kim))
		}
	})
}
