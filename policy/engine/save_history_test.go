package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestHistoryAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24"))
		first := w.at()
		time.Sleep(time.Hour)
		a := saveBy(w.act(), "kim", saveOffice)
		a.Why = "the branch moved in"
		if _, err := w.eng.Save(w.ctx, engine.Save{Act: a, Settings: saveList("8.8.8.0/24", "9.9.9.9")}); err != nil {
			t.Fatal(err)
		}
		lee := w.login(w.eng, "lee", session.Web, saveHome)
		past, err := w.eng.History(w.ctx, saveTenant, session.Version{}, 10)
		if err != nil || len(past) != 2 || past[0].Record.By != "kim" || past[0].Event.Why != a.Why || !past[0].Record.At.Equal(saveEpoch.Add(time.Hour)) ||
			!slices.Equal(past[0].Event.Summary, []string{"added designated: 9.9.9.9"}) {
			t.Fatalf("%+v, %v", past, err)
		}
		if older, err := w.eng.History(w.ctx, saveTenant, w.at(), 10); err != nil || len(older) != 1 || older[0].Record.Version != first {
			t.Errorf("%+v, %v", older, err)
		}
		cuts := w.record().Cuts
		saved, err := w.eng.Restore(w.ctx, w.act(), w.plan, first)
		if err != nil || saved.Version.Number != 3 || saved.Change.SignOut != session.AllClients || !w.cut(w.eng, lee) {
			t.Errorf("%+v, %v", saved, err)
		}
		r := w.record()
		if !r.Settings.Equal(saveList("8.8.8.0/24")) || r.Cuts.Equal(cuts) || r.Version.Line != first.Line {
			t.Errorf("%+v", r)
		}
		if past, _ := w.eng.History(w.ctx, saveTenant, session.Version{}, 1); !strings.HasPrefix(past[0].Event.Summary[0], "restored from version "+first.String()+" of 2000-01-01T00:00:00Z") {
			t.Errorf("%q", past[0].Event.Summary)
		}
		never := first
		never.Number = 77
		if _, err := w.eng.Restore(w.ctx, w.act(), w.plan, never); !errors.Is(err, engine.ErrNoHistory) {
			t.Errorf("%v", err)
		}
	})
}

// lineForgetful keeps nothing of what was before.
type lineForgetful struct{ policy.Store }

// lineLiar tells of another tenant.
type lineLiar struct{ *policy.MemStore }

func (s lineLiar) History(ctx context.Context, t session.TenantID, v session.Version, n int) ([]policy.Past, error) {
	return s.MemStore.History(ctx, "other", v, n)
}

func (s lineLiar) Earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	past, err := s.MemStore.History(ctx, "other", session.Version{}, 1)
	past[0].Record.Version = v
	return past[0], err
}

func TestHistoryOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: "other"}); err != nil {
			t.Fatal(err)
		}
		forgets, err := engine.New(w.profile, lineForgetful{w.mem}, w.members, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forgets.History(w.ctx, saveTenant, session.Version{}, 1); !errors.Is(err, engine.ErrNoHistory) {
			t.Error(err)
		}
		if _, err := forgets.Restore(w.ctx, w.act(), "", w.at()); !errors.Is(err, engine.ErrNoHistory) {
			t.Error(err)
		}
		lies, err := engine.New(w.profile, lineLiar{w.mem}, w.members, nil)
		if err != nil {
			t.Fatal(err)
		}
		if past, err := lies.History(w.ctx, saveTenant, session.Version{}, 1); err == nil {
			t.Errorf("told of another tenant: %+v", past)
		}
		if _, err := lies.Restore(w.ctx, w.act(), "", w.at()); err == nil {
			t.Error("restored the settings of another tenant")
		}
	})
}

// What the store can do beyond what it must is found, and nothing else is.
func TestFound(t *testing.T) {
	for _, row := range []struct {
		store policy.Store
		want  engine.Found
	}{
		{policy.NewMemStore(), engine.Found{Watches: true, Remembers: true, Logs: true}},
		{lineForgetful{policy.NewMemStore()}, engine.Found{}},
		{struct {
			policy.Store
			policy.Watcher
		}{policy.NewMemStore(), policy.NewMemStore()}, engine.Found{Watches: true}},
		{struct {
			policy.Store
			policy.Historian
		}{policy.NewMemStore(), policy.NewMemStore()}, engine.Found{Remembers: true}},
		{struct {
			policy.Store
			session.Log
		}{policy.NewMemStore(), policy.NewMemStore()}, engine.Found{Logs: true}},
	} {
		e, err := engine.New(policy.Standard(), row.store, &saveMembers{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Found(); got != row.want {
			t.Errorf("in a %T: %+v; want %+v", row.store, got, row.want)
		}
	}
}
