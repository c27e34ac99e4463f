package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// raceWorld is one record that many change at once, by two engines.
type raceWorld struct {
	*saveWorld
	engines [2]*engine.Engine

	mu    sync.Mutex
	made  map[session.Version]string // versions that were acknowledged, and by which act
	lost  int
	acts  map[string]int
	alive []saveSession
}

// act does one act on the version that was seen, as a random number says.
func (w *raceWorld) do(rng *rand.Rand, e *engine.Engine, r policy.Record) (string, engine.Saved, error) {
	a := engine.Act{Tenant: saveTenant, From: r.Version, By: guardPlace(member.ID(fmt.Sprint("admin", rng.IntN(1e6))), session.Web, saveOffice)}
	settings := []policy.Settings{saveAll(), confirmOld, confirmNew, saveList("8.8.8.0/24"), saveBlock(saveAll(), "KR")}[rng.IntN(5)]
	switch rng.IntN(10) {
	case 0:
		s, err := e.Save(w.ctx, engine.Save{Act: a, Settings: settings, Provisional: 10 * time.Second})
		return "provisional", s, err
	case 1, 2:
		s, err := e.Confirm(w.ctx, a)
		return "confirm", s, err
	case 3:
		s, err := e.Redeem(w.ctx, saveTenant, engine.LinkToken(saveKey, saveTenant, r.Version, time.Now().Add(time.Minute)))
		return "redeem", s, err
	case 4:
		_, s, err := e.Try(w.ctx, a, "", settings)
		return "try", s, err
	case 5:
		s, err := e.Promote(w.ctx, a, "", r.Drafts)
		return "promote", s, err
	case 6:
		if rng.IntN(4) > 0 {
			break
		}
		s, err := e.NewLine(w.ctx, a)
		return "new line", s, err
	case 7:
		s, err := e.TakeBack(w.ctx, a)
		return "take back", s, err
	case 8:
		s, err := e.Restore(w.ctx, a, "", session.Version{Line: r.Version.Line, Number: max(1, r.Version.Number-2)})
		return "restore", s, err
	}
	s, err := e.Save(w.ctx, engine.Save{Act: a, Settings: settings})
	return "save", s, err
}

// acknowledged notes an act that was done, and sees that nothing that it ended lives on the
// machine that did it.
func (w *raceWorld) acknowledged(e *engine.Engine, act string, saved engine.Saved) {
	if saved.Repeated {
		return
	}
	w.mu.Lock()
	was, twice := w.made[saved.Version]
	w.made[saved.Version] = act
	w.acts[act]++
	alive := append([]saveSession(nil), w.alive...)
	w.mu.Unlock()
	if twice {
		w.Errorf("%v was made by %s and by %s", saved.Version, was, act)
	}
	for _, s := range alive {
		before := s.stamp.Policy.Line != saved.Version.Line && act == "new line" || s.stamp.Policy.Line == saved.Version.Line && s.stamp.Policy.Number < saved.Version.Number
		if before && saved.Change.SignOut.Has(s.client) && w.check(e, s).Allowed() {
			w.Errorf("%s made %v and signed out %v, and %v lives", act, saved.Version, saved.Change.SignOut, s.stamp)
		}
	}
}

// visit logs in by one engine and makes a request by each: only a cut may refuse it.
func (w *raceWorld) visit(rng *rand.Rand) {
	client := []session.Client{session.Web, session.Mobile}[rng.IntN(2)]
	d, s := w.tryLogin(w.engines[rng.IntN(2)], "kim", client, saveOffice)
	if !d.Allowed() {
		w.Errorf("a login from where every one of the settings lets in: %v", d)
		return
	}
	for _, e := range w.engines {
		if d := w.check(e, s); !d.Allowed() && (d.Reason != policy.ReasonSessionCut || w.at() == s.stamp.Policy) {
			w.Errorf("a request right after its login by %v: %v", s.stamp, d)
		}
	}
	w.mu.Lock()
	w.alive = append(w.alive[max(0, len(w.alive)-20):], s)
	w.mu.Unlock()
}

// TestGuarantee21EveryActAtOnce has every kind of act, and logins, race for one record on two
// machines whose store answers late, in its own order: each version is made by one act, what
// an acknowledged act has ended is ended where it was acknowledged, and no login is given a
// stamp that is refused but by a later cut.
func TestGuarantee21EveryActAtOnce(t *testing.T) {
	t.Parallel()
	all := map[string]int{}
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			w := &raceWorld{saveWorld: newSaveWorld(t, linkProfile(), confirmOld), made: map[session.Version]string{}, acts: map[string]int{}}
			w.engines = [2]*engine.Engine{w.eng, w.another(nil)}
			stop := w.run(w.engines[1])
			jitter := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			w.store.set(func(string, int, bool) error {
				mu.Lock()
				d := time.Duration(jitter.IntN(4)) * time.Millisecond
				mu.Unlock()
				time.Sleep(d)
				return nil
			})
			var wait sync.WaitGroup
			for worker := range 6 {
				wait.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(worker+2)))
					for range 60 {
						e := w.engines[rng.IntN(2)]
						if worker < 2 {
							w.visit(rng)
						} else if r, err := e.Settings(w.ctx, saveTenant); err != nil {
							t.Errorf("settings: %v", err)
						} else {
							time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
							w.tried(e, rng, r)
						}
						time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
					}
				})
			}
			wait.Wait()
			stop()
			w.store.set(nil)
			for act, n := range w.acts {
				all[act] += n
			}
			all["lost"] += w.lost
			w.kept()
		})
	}
	for _, act := range []string{"save", "provisional", "confirm", "take back", "redeem", "try", "promote", "new line", "restore", "lost"} {
		if all[act] == 0 {
			t.Errorf("no %s was among them: %v", act, all)
		}
	}
	t.Log(all)
}

func (w *raceWorld) tried(e *engine.Engine, rng *rand.Rand, r policy.Record) {
	act, saved, err := w.do(rng, e, r)
	var refused *engine.LockoutError
	switch {
	case err == nil:
		w.acknowledged(e, act, saved)
	case errors.Is(err, session.ErrConflict), errors.Is(err, engine.ErrLink):
		w.mu.Lock()
		w.lost++
		w.mu.Unlock()
	case errors.Is(err, engine.ErrProvisional), errors.Is(err, engine.ErrNotProvisional), errors.Is(err, engine.ErrNoDraft), errors.Is(err, engine.ErrNoHistory), errors.As(err, &refused):
	default:
		w.Errorf("%s: %v", act, err)
	}
}

// kept sees that every act that was acknowledged is in the history, once, and that nothing
// else is but the returns of provisional saves.
func (w *raceWorld) kept() {
	past, err := w.mem.History(w.ctx, saveTenant, session.Version{}, 1000)
	if err != nil {
		w.Fatal(err)
	}
	n := 0
	for _, p := range past {
		if _, ok := w.made[p.Record.Version]; ok {
			n++
		} else if p.Event.Kind != "save-returned" && p.Event.Kind != "tenant-enrolled" {
			w.Errorf("%v is %s, which nobody was told of", p.Record.Version, p.Event.Kind)
		}
	}
	if n != len(w.made) && len(past) < 100 { // as many as the store keeps
		w.Errorf("%d of %d acts are in the history", n, len(w.made))
	}
}
