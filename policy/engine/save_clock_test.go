package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// takeBackShifted is the store as a machine sees it whose clock differs: what was saved was
// saved so much later.
type takeBackShifted struct {
	policy.Store
	by time.Duration
}

func (s takeBackShifted) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	r, err := s.Store.Load(ctx, t)
	r.At = r.At.Add(s.by)
	return r, err
}

// A machine whose clock is ahead takes provisional saves back before their time. A person is
// told as soon as it is found out that clocks are apart.
func TestClocksThatAreApart(t *testing.T) {
	for _, row := range []struct {
		why string
		by  time.Duration
		act func(w *saveWorld)
		n   int
	}{
		{"alike", 0, func(w *saveWorld) { w.save(saveAll()) }, 0},
		{"a little", -9 * time.Second, func(w *saveWorld) { w.save(saveAll()) }, 0},
		{"a little, the other way", 9 * time.Second, func(w *saveWorld) { w.save(saveAll()) }, 0},
		{"the one here is ahead", -time.Minute, func(w *saveWorld) { w.save(saveAll()) }, 1},
		{"the one here is behind", time.Minute, func(w *saveWorld) { w.save(saveAll()) }, 1},
		{"a provisional save that came back when nobody was there", 0, func(w *saveWorld) {
			w.provisional(confirmNew, time.Minute)
			time.Sleep(time.Hour)
		}, 0},
		{"a save of long ago", -time.Minute, func(w *saveWorld) {
			time.Sleep(time.Hour)
			w.save(saveAll())
			time.Sleep(2 * time.Minute)
		}, 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSaveWorld(t, policy.Standard(), confirmOld)
				seen := &runObserver{}
				other, err := engine.New(w.profile, takeBackShifted{w.mem, row.by}, w.members, &engine.Options{Observer: seen})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				w.login(other, "kim", session.Web, saveOffice)
				row.act(w)
				w.login(other, "kim", session.Web, saveOffice)
				w.login(other, "kim", session.Web, saveOffice)
				runFor(t, other, time.Second)
				if alarms := seen.of(engine.Alarmed); len(alarms) != row.n || row.n > 0 && !strings.Contains(alarms[0].Err.Error(), "clocks are apart by 1m0s") {
					t.Errorf("%d alarms: %v; want %d", len(alarms), alarms, row.n)
				}
			})
		})
	}
}
