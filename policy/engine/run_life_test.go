package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// A tenant's life, in which the store and the members fail once, at the n-th call, for
// every n and in every manner. After the failure, when all is well again, and at the end, the
// invariants of run_life_check_test.go hold.

// runManner is how a call fails. It makes the call with do, or does not. What it returns
// is the answer, unless it is nil.
type runManner struct {
	why string
	do  func(f *runFault, ctx context.Context, call string, do func()) error
}

var runManners = []runManner{
	{"fails", func(*runFault, context.Context, string, func()) error { return errRun }},
	{"is done and its answer is lost", func(_ *runFault, _ context.Context, _ string, do func()) error { do(); return errRun }},
	{"hangs until it is cancelled", func(_ *runFault, ctx context.Context, _ string, _ func()) error { <-ctx.Done(); return ctx.Err() }},
	{"is done and hangs until it is cancelled", func(_ *runFault, ctx context.Context, _ string, do func()) error {
		do()
		<-ctx.Done()
		return ctx.Err()
	}},
	{"never returns", func(f *runFault, _ context.Context, _ string, _ func()) error { <-f.released; return errRun }},
	{"is done and never returns", func(f *runFault, _ context.Context, _ string, do func()) error { do(); <-f.released; return errRun }},
	{"is done much later", func(f *runFault, _ context.Context, _ string, do func()) error {
		time.Sleep(20 * time.Second)
		do()
		return nil
	}},
	{"panics", func(*runFault, context.Context, string, func()) error { panic("killed") }},
	{"is done and panics", func(_ *runFault, _ context.Context, _ string, do func()) error { do(); panic("killed") }},
	{"answers with the record before", func(_ *runFault, _ context.Context, call string, _ func()) error { return errRunOlder }},
	{"answers that there is nothing", func(_ *runFault, _ context.Context, call string, _ func()) error { return session.ErrNotFound }},
	{"answers that somebody else has saved", func(_ *runFault, _ context.Context, call string, _ func()) error { return session.ErrConflict }},
	{"is the last that the process makes", func(f *runFault, _ context.Context, _ string, _ func()) error { f.kill(); return errRun }},
	{"is done, and the last that the process makes", func(f *runFault, _ context.Context, _ string, do func()) error { do(); f.kill(); return errRun }},
}

var errRunOlder = errors.New("to be answered with the record before")

// runFault fails one call.
type runFault struct {
	manner   runManner
	released chan struct{}

	mu    sync.Mutex
	n     int // the call that fails, from 1
	calls int
	call  string // that failed
	dead  bool   // the process: nothing is done for it any more
}

func (f *runFault) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// bury has another process in the place of the dead one, which is well.
func (f *runFault) bury() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = false
}

// failed returns which call failed, "" if none has yet, and whether the process died of it.
func (f *runFault) failed() (call string, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.call, f.dead
}

func (f *runFault) around(ctx context.Context, call string, do func()) error {
	f.mu.Lock()
	f.calls++
	fails, dead := f.calls == f.n, f.dead
	if fails {
		f.call = call
	}
	f.mu.Unlock()
	switch {
	case dead:
		return errRun
	case fails:
		return f.manner.do(f, ctx, call, do)
	}
	do()
	return nil
}

// runLiar is a runStore that can answer with the record before.
type runLiar struct{ *runStore }

func (s runLiar) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	r, err := s.runStore.Load(ctx, t)
	if !errors.Is(err, errRunOlder) {
		return r, err
	}
	past, err := s.Store.(policy.Historian).History(ctx, t, session.Version{}, 2)
	if err != nil || len(past) < 2 {
		return policy.Record{}, session.ErrNotFound
	}
	return past[1].Record, nil
}

func (s runLiar) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	v, err := s.runStore.Version(ctx, t)
	if errors.Is(err, errRunOlder) {
		r, err := s.Load(ctx, t)
		return r.Version, err
	}
	return v, err
}

// runLife is a tenant's life.
type runLife struct {
	t       *testing.T
	mem     *policy.MemStore
	fault   *runFault
	revoker *runRevoker
	tokens  []string // of reset links, mailed
	mu      sync.Mutex

	e        *engine.Engine
	first    session.Version // of the first life
	draft    uint64
	at       session.Version // acknowledged last
	removed  bool            // the tenant
	sessions []runLived
	old      session.Version // before the step that is under way
}

type runLived struct {
	runSession
	dead bool // it was acknowledged that a cut ends it
}

func newRunLife(t *testing.T, manner runManner, n int) *runLife {
	l := &runLife{t: t, mem: policy.NewMemStore(), fault: &runFault{manner: manner, released: make(chan struct{}), n: n}, revoker: &runRevoker{}}
	l.start()
	return l
}

// start starts the process.
func (l *runLife) start() {
	l.e = l.engine(runLiar{&runStore{Store: l.mem, around: l.fault.around}}, runMembers{before: func(ctx context.Context, call string) error {
		return l.fault.around(ctx, call, func() {})
	}})
}

// other is another process, whose store is well.
func (l *runLife) other() *engine.Engine { return l.engine(l.mem, runMembers{}) }

func (l *runLife) engine(s policy.Store, m engine.Members) *engine.Engine {
	p := policy.Standard()
	p.ResetLink = time.Hour
	e, err := engine.New(p, s, m, &engine.Options{Revoker: l.revoker, Mailer: l, ResetKeys: [][]byte{make([]byte, 32)}, Queue: 1, Administrators: l})
	if err != nil {
		l.t.Fatal(err)
	}
	return e
}

// Mail keeps the token.
func (l *runLife) Mail(_ context.Context, letter engine.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if letter.Token != "" {
		l.tokens = append(l.tokens, letter.Token)
	}
	return nil
}

// Administrators names the one who does everything here.
func (l *runLife) Administrators(context.Context, session.TenantID) ([]engine.Place, error) {
	return []engine.Place{runAdmin}, nil
}

var runAdmin = engine.Place{Member: "kim", Client: session.Web, Addr: runOffice}

// act names a step's act, so that it can be made again.
func (l *runLife) act(id string) engine.Act {
	return engine.Act{Tenant: "t", From: l.old, ID: id, By: runAdmin}
}

// saved takes note of what was acknowledged.
func (l *runLife) saved(saved engine.Saved, err error) error {
	if err != nil {
		return err
	}
	l.at = saved.Version
	if saved.Repeated { // which does not say what was done; the store does
		return nil
	}
	for i, s := range l.sessions {
		if saved.Change.SignOut.Has(s.stamp.Client) {
			l.sessions[i].dead = true
		}
	}
	return nil
}

// runStep is a step of the life. It is done again after an error.
type runStep struct {
	why  string
	do   func(l *runLife, ctx context.Context) error
	done error // says, when it is done again, that it was done before; nil: no error does
}

var runScript = []runStep{
	{"enrol", func(l *runLife, ctx context.Context) error {
		saved, err := l.e.Enroll(ctx, engine.Enrollment{Tenant: "t", By: runAdmin})
		if errors.Is(err, engine.ErrEnrolled) {
			saved.Version, err = l.mem.Version(ctx, "t")
		}
		l.first = saved.Version
		return l.saved(saved, err)
	}, nil},
	{"log in", (*runLife).login, nil},
	{"designate, which cuts", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Save(ctx, engine.Save{Act: l.act("designate"), Settings: runDesignated("9.9.9.0/24")}))
	}, nil},
	{"log in again", (*runLife).login, nil},
	{"save provisionally", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Save(ctx, engine.Save{Act: l.act("provisional"), Settings: runDesignated("9.9.8.0/24"), Provisional: time.Hour}))
	}, nil},
	{"log in while it is open", (*runLife).login, nil},
	{"confirm", func(l *runLife, ctx context.Context) error { return l.saved(l.e.Confirm(ctx, l.act("confirm"))) }, nil},
	{"save provisionally again", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Save(ctx, engine.Save{Act: l.act("again"), Settings: runDesignated("9.9.7.0/24"), Provisional: time.Hour}))
	}, nil},
	{"take it back, which cuts", func(l *runLife, ctx context.Context) error { return l.saved(l.e.TakeBack(ctx, l.act("back"))) }, nil},
	{"narrow, which cuts", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Save(ctx, engine.Save{Act: l.act("narrow"), Settings: runDesignated()}))
	}, nil},
	{"log in after that", (*runLife).login, nil},
	{"have the link mailed", (*runLife).deliver, nil},
	{"redeem", func(l *runLife, ctx context.Context) error {
		if len(l.tokens) == 0 {
			return errors.New("no link was mailed")
		}
		return l.saved(l.e.Redeem(ctx, "t", l.tokens[len(l.tokens)-1]))
	}, engine.ErrLink},
	{"try a draft", func(l *runLife, ctx context.Context) error {
		number, saved, err := l.e.Try(ctx, l.act("try"), "", runDesignated())
		l.draft = number
		return l.saved(saved, err)
	}, nil},
	{"log in while it is on trial", (*runLife).login, nil},
	{"promote, which cuts", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Promote(ctx, l.act("promote"), "", l.draft))
	}, nil},
	{"log in after that", (*runLife).login, nil},
	{"restore", func(l *runLife, ctx context.Context) error {
		return l.saved(l.e.Restore(ctx, l.act("restore"), "", l.first))
	}, nil},
	{"log in after that", (*runLife).login, nil},
	{"draw a new line, which cuts", func(l *runLife, ctx context.Context) error { return l.saved(l.e.NewLine(ctx, l.act("line"))) }, nil},
	{"log in after that", (*runLife).login, nil},
	{"remove", func(l *runLife, ctx context.Context) error {
		l.removed = true
		return l.saved(l.e.Remove(ctx, l.act("remove")))
	}, nil},
	{"enrol again", func(l *runLife, ctx context.Context) error {
		saved, err := l.e.Enroll(ctx, engine.Enrollment{Tenant: "t", By: runAdmin, Settings: runDesignated()})
		if r, _ := l.record(); errors.Is(err, engine.ErrEnrolled) && !r.Deleted {
			saved.Version, err = r.Version, nil
		}
		l.removed = err != nil
		return l.saved(saved, err)
	}, nil},
	{"log in after that", (*runLife).login, nil},
	{"have all orders done", (*runLife).deliver, nil},
}

// login logs in with two clients, and makes a request with each.
func (l *runLife) login(ctx context.Context) error {
	for _, c := range []session.Client{session.Web, session.IMAP} {
		d, stamp, err := l.e.Admit(ctx, engine.Login{Tenant: "t", Member: "kim", Client: c, Addr: runOffice, Authenticated: true})
		if d.Effect != policy.Allow {
			return fmt.Errorf("login: %v, %w", d, errors.Join(errRefused, err))
		}
		s := runSession{"t", "kim", stamp}
		l.sessions = append(l.sessions, runLived{runSession: s})
		if d, err := l.e.Check(ctx, engine.Request{Tenant: "t", Member: "kim", Stamp: stamp, Addr: runOffice}); d.Effect != policy.Allow {
			return fmt.Errorf("request: %v, %w", d, errors.Join(errRefused, err))
		}
	}
	return nil
}

var errRefused = errors.New("refused")

// deliver runs the process until all orders are done.
func (l *runLife) deliver(ctx context.Context) error {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.e.Run(run) }()
	var left []session.Order
	for range 200 {
		synctest.Wait()
		var err error
		if left, err = l.mem.Waiting(ctx, "t", 100); err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	cancel()
	<-done
	if len(left) > 0 {
		return fmt.Errorf("%d orders are left", len(left))
	}
	return nil
}

// live goes through the script. It reports whether the fault came.
func (l *runLife) live() bool {
	l.t.Helper()
	const closely = 3 // tries from the failure on after each of which all is looked at, and then at the end
	after := 0
	for i, step := range runScript {
		l.old = l.at
		for try := 1; ; try++ {
			ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Minute)
			if step.why != "have all orders done" && step.why != "have the link mailed" {
				cancel()
				ctx, cancel = context.WithTimeout(l.t.Context(), 10*time.Second)
			}
			err := step.do(l, ctx)
			cancel()
			if try > 1 && step.done != nil && errors.Is(err, step.done) {
				l.at, err = l.mem.Version(l.t.Context(), "t")
			}
			failed, dead := l.fault.failed()
			where := fmt.Sprintf("step %q, try %d, where call %d (%s) %s", step.why, try, l.fault.n, failed, l.fault.manner.why)
			if err != nil && (try > 2 || failed == "") {
				l.t.Errorf("%s: %v", where, err)
				return true
			}
			if dead {
				l.fault.bury()
				l.start()
			}
			if failed != "" {
				after++
			}
			last := i == len(runScript)-1
			if err != nil || failed != "" && (after <= closely || last) || l.fault.n == 0 {
				if wrong := l.check(err != nil); wrong != nil {
					l.t.Errorf("%s, which returned %v: %v", where, err, wrong)
					return true
				}
			}
			if err == nil {
				break
			}
		}
	}
	failed, _ := l.fault.failed()
	return failed != ""
}

// Guarantees 14, 15, 17, 19, 20, 22 and 23, where something fails once in a life.
func TestGuarantee19StoreFailsAtEveryCall(t *testing.T) {
	t.Parallel()
	for i, manner := range runManners {
		t.Run(manner.why, func(t *testing.T) {
			t.Parallel()
			n, step := 0, 1
			if underRace { // which is slow: every third call, another third for each manner
				n, step = -(i % 3), 3
			}
			for failed := true; failed && !t.Failed(); {
				n += step
				synctest.Test(t, func(t *testing.T) {
					l := newRunLife(t, manner, n)
					defer func() {
						close(l.fault.released)
						time.Sleep(time.Minute) // what comes late comes now
					}()
					failed = l.live()
				})
			}
			t.Logf("up to call %d", n-step)
		})
	}
}

// Without a fault the whole life goes well, and holds the invariants after each step.
func TestRunLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRunLife(t, runManner{why: "never fails"}, 0)
		l.live()
		t.Logf("%d calls, %d sessions", l.fault.calls, len(l.sessions))
	})
}
