package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// A thousand save on one version, round by round: one wins each, and what it has saved stays.
func TestGuarantee21AThousandWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes while anybody works
		w := newSaveWorld(t, policy.Standard(), saveAll())
		engines := []*engine.Engine{w.eng, w.another(nil)}
		settings := saveList()
		for round := range 3 {
			from := w.at()
			start := make(chan struct{})
			var wins atomic.Int32
			var won atomic.Int32
			var at session.Version // that the winner is told
			errs := make([]error, 1000)
			entry := func(i int) policy.Entry {
				return policy.Entry{Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.%d", round, i/256, i%256))}
			}
			var wait sync.WaitGroup
			for i := range errs {
				wait.Go(func() {
					s := settings.Clone()
					s.Designated = append(s.Designated, entry(i))
					<-start
					saved, err := engines[i%2].Save(w.ctx, engine.Save{Act: engine.Act{Tenant: saveTenant, From: from}, Settings: s})
					if errs[i] = err; err == nil && wins.Add(1) == 1 {
						won.Store(int32(i))
						at = saved.Version
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
					saveConflict(t, err, at)
				}
			}
			settings.Designated = append(settings.Designated, entry(int(won.Load())))
			if r := w.record(); r.Version != at || !r.Settings.Equal(settings) || len(w.events("settings-saved")) != round+1 {
				t.Errorf("the record is %+v; want that of %v, after %d saves", r, at, round+1)
			}
			if t.Failed() {
				return
			}
		}
	})
}

// Each of 25 writers tries until it has won, three times: every entry is there at the end.
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
