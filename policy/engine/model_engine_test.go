package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// modelDatabase is a store whose content can go back to a backup.
type modelDatabase struct {
	policy.Store
	mu sync.Mutex
}

func (d *modelDatabase) now() policy.Store {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Store
}

func (d *modelDatabase) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	return d.now().Load(ctx, t)
}

func (d *modelDatabase) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	return d.now().Version(ctx, t)
}

func (d *modelDatabase) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	return d.now().Save(ctx, expected, r, e, orders)
}

// modelSystem is what the model is of: two engines on one database, of which B is mostly
// cut off from it.
type modelSystem struct {
	t        *testing.T
	database *modelDatabase
	a, b     *engine.Engine
	cutOff   atomic.Bool // B
	backup   policy.Record
	sessions []runSession // in the order of the model's
	saves    int
	cuts     int
}

func newModelSystem(t *testing.T) *modelSystem {
	s := &modelSystem{t: t, database: &modelDatabase{Store: policy.NewMemStore()}}
	s.a = s.engine(s.database)
	s.b = s.engine(&runStore{Store: s.database, before: func(context.Context, string) error {
		if s.cutOff.Load() {
			return errRun
		}
		return nil
	}})
	runEnroll(t, s.a, "t", s.settings())
	s.login(s.b) // which has a copy then
	s.sessions = nil
	for _, c := range modelClients {
		s.sessions = append(s.sessions, runSession{"t", "kim", session.Stamp{Client: c, Member: session.Version{Line: 1, Number: 1}}})
	}
	s.cutOff.Store(true)
	return s
}

func (s *modelSystem) engine(store policy.Store) *engine.Engine {
	return runEngine(s.t, store, func(p *policy.Profile, o *engine.Options) {
		o.Queue = 1
		p.SignOut.Narrow = session.ClientsOf(modelClients[0])
	})
}

// settings are other ones each time, but restrict alike until cuts grows, which takes
// away an address.
func (s *modelSystem) settings() policy.Settings {
	s.saves++
	settings := runDesignated(fmt.Sprintf("9.9.%d.0/24", s.cuts))
	settings.Designated[0].Label = fmt.Sprint(s.saves)
	return settings
}

func (s *modelSystem) login(e *engine.Engine) error {
	for _, c := range modelClients {
		d, stamp, err := e.Admit(s.t.Context(), engine.Login{Tenant: "t", Member: "kim", Client: c, Addr: runOffice, Authenticated: true})
		if d.Effect != policy.Allow {
			return fmt.Errorf("%v: %w", d, errors.Join(err))
		}
		s.sessions = append(s.sessions, runSession{"t", "kim", stamp})
	}
	return nil
}

// read has an engine read the store, as a login does that is refused.
func (s *modelSystem) read(e *engine.Engine) {
	_, _, _ = e.Admit(s.t.Context(), engine.Login{Tenant: "t", Member: "nobody", Client: session.Web, Addr: runOffice})
}

// do does an act; lost says that the store lies behind what A has seen, and somebody else
// does it.
func (s *modelSystem) do(act modelAct, lost bool) (err error) {
	ctx := s.t.Context()
	a := s.a
	if lost && act != modelNewLine {
		a = s.engine(s.database)
	}
	save := func() error {
		r, err := a.Settings(ctx, "t")
		if err == nil {
			_, err = a.Save(ctx, engine.Save{Act: engine.Act{Tenant: "t", From: r.Version}, Settings: s.settings()})
		}
		return err
	}
	switch act {
	case modelSave:
		return save()
	case modelCut:
		s.cuts++
		return save()
	case modelLoginA:
		return s.login(a)
	case modelLoginB:
		return s.login(s.b)
	case modelReadB:
		s.cutOff.Store(false)
		s.read(s.b)
		s.cutOff.Store(true)
	case modelRequestB:
		s.cutOff.Store(false)
		for _, x := range s.sessions {
			runCheck(s.t, s.b, x)
		}
		s.cutOff.Store(true)
	case modelBackup:
		s.backup, err = s.database.Load(ctx, "t")
	case modelRestore:
		restored := policy.NewMemStore()
		_, err = restored.Save(ctx, session.Version{}, s.backup, session.Event{}, nil)
		s.database.mu.Lock()
		s.database.Store = restored
		s.database.mu.Unlock()
	case modelNewLine:
		_, err = a.NewLine(ctx, engine.Act{Tenant: "t"})
	case modelRemove:
		_, err = a.Remove(ctx, engine.Act{Tenant: "t"})
	case modelEnroll:
		_, err = a.Enroll(ctx, engine.Enrollment{Tenant: "t", Settings: s.settings()})
	}
	return err
}

// judge compares what the engines answer with the model, and with the truth.
func (s *modelSystem) judge(m modelState) error {
	if len(s.sessions) != len(m.sessions) {
		return fmt.Errorf("%d sessions; want %d", len(s.sessions), len(m.sessions))
	}
	if !m.store.lost {
		s.read(s.a) // others may have done the last acts
	}
	for i, x := range m.sessions {
		if got, want := s.sessions[i].stamp.Policy.Number, x.stamp.Policy.Number; got != want {
			return fmt.Errorf("session %d has the number %d; want %d", i, got, want)
		}
		if !m.store.lost {
			if err := modelJudge(m.store, x, runCheck(s.t, s.a, s.sessions[i])); err != nil {
				return fmt.Errorf("session %d on A: %w", i, err)
			}
		}
		if !m.copy.lost {
			if err := modelJudge(m.copy, x, runCheck(s.t, s.b, s.sessions[i])); err != nil {
				return fmt.Errorf("session %d on B, which the store does not answer: %w", i, err)
			}
		}
	}
	return nil
}

func modelJudge(k modelKept, x modelSession, d policy.Decision) error {
	ended := d.Reason == policy.ReasonSessionCut
	switch {
	case k.kills(x) && d.Effect != policy.Deny:
		return fmt.Errorf("%v; but a cut ended it", d)
	case !k.kills(x) && ended:
		return fmt.Errorf("%v; but no cut ended it", d)
	case !k.kills(x) && k.covers(x) && d.Effect != policy.Allow:
		return fmt.Errorf("%v; want allow", d)
	}
	return nil
}

// The engine does as the model, in every order of acts.
func TestGuarantee14ModelOfEngine(t *testing.T) {
	t.Parallel()
	depth, orders := modelDepthOf(5), 0
	if underRace {
		depth--
	}
	states := make([]modelState, depth+1)
	synctest.Test(t, func(t *testing.T) {
		modelWalk(modelScheme{name: "versions"}, depth, func(path []modelAct, m modelState) {
			states[len(path)] = m
			orders++
			s := newModelSystem(t)
			for i, act := range path {
				if err := s.do(act, states[i].store.lost); err != nil {
					t.Fatalf("after %v: %v: %v", path[:i], act, err)
				}
			}
			if err := s.judge(m); err != nil {
				t.Fatalf("after %v: %v", slices.Clone(path), err)
			}
		})
	})
	t.Logf("%d orders of at most %d acts", orders, depth)
}
