package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Run takes a provisional save back within a second of its time, whatever the host does
// with orders, on every machine that has seen it, once; a store that fails is asked again.
func TestRunTakesBack(t *testing.T) {
	for _, test := range []struct {
		why    string
		other  bool          // another engine runs, and not the one that saved
		down   time.Duration // of the store, from the end of the trial on
		revoke func(ctx context.Context, o session.Order) error
	}{
		{"all is well", false, 0, nil},
		{"another machine runs", true, 0, nil},
		{"the store is down for a while", false, 10 * time.Minute, nil},
		{"the host hangs", false, 0, func(ctx context.Context, _ session.Order) error { <-ctx.Done(); return ctx.Err() }},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			mem := policy.NewMemStore()
			var down atomic.Bool
			store := &runWatched{&runStore{Store: mem, before: func(context.Context, string) error {
				if down.Load() {
					return errRun
				}
				return nil
			}}, mem.Watch}
			e := runEngine(t, store, runRevoking(&runRevoker{refuse: test.revoke}))
			v := runEnroll(t, e, "t", policy.Settings{})
			running := e
			if test.other {
				running = runEngine(t, store)
				runLogin(t, running, "t", "kim")
			}
			defer runUntil(t, running)()
			synctest.Wait()
			saved, err := e.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: "t", From: v}, Settings: runDesignated(), Provisional: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			s := runLogin(t, e, "t", "kim")
			time.Sleep(time.Minute - 1)
			synctest.Wait()
			if r, err := mem.Load(t.Context(), "t"); err != nil || r.Version != saved.Version {
				t.Fatalf("before its time the record is at %v, %v; want %v", r.Version, err, saved.Version)
			}
			down.Store(test.down > 0)
			time.Sleep(test.down)
			down.Store(false)
			time.Sleep(time.Second + 1)
			synctest.Wait()
			r, err := mem.Load(t.Context(), "t")
			if err != nil || r.Version.Number != saved.Version.Number+1 || r.Return != nil || r.Settings.Access != policy.AllAddresses {
				t.Errorf("after its time the record is %+v, %v", r, err)
			}
			runAlive(t, e, s, "begun while the save was provisional, which ends no session by its return")
			time.Sleep(10 * time.Minute)
			if again, err := mem.Version(t.Context(), "t"); again != r.Version {
				t.Errorf("later the record is at %v, %v; want %v still", again, err, r.Version)
			}
		})
	}
}

// A session that is not of the copy is not ended by the copy: where the store does not
// answer, it is refused and no more. Whoever ended it would end a fresh login, since the
// host forgets a session that was cut.
func TestGuarantee15NoAnswerEndsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := policy.NewMemStore()
		var down atomic.Bool
		before := func(context.Context, string) error {
			if down.Load() {
				return errRun
			}
			return nil
		}
		lines := &runLines{}
		lines.line.Store(1)
		a, err := engine.New(policy.Standard(), mem, lines, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := engine.New(policy.Standard(), &runStore{Store: mem, before: before}, &runCutOff{lines, before}, nil)
		if err != nil {
			t.Fatal(err)
		}
		runEnroll(t, a, "t", policy.Settings{})
		runAlive(t, b, runLogin(t, b, "t", "kim"), "before")
		down.Store(true)
		refused := func(s runSession, why string) {
			t.Helper()
			if d := runCheck(t, b, s); d.Effect != policy.Deny || d.Reason == policy.ReasonSessionCut {
				t.Errorf("%s, where the store does not answer: %v; want a deny that ends no session", why, d)
			}
		}
		runSave(t, a, "t", runDesignated())
		later := runLogin(t, a, "t", "kim")
		refused(later, "a session of a later version")
		lines.line.Store(2)
		remade := runLogin(t, a, "t", "kim")
		refused(remade, "a session of a member who was made again")
		if _, err := a.NewLine(t.Context(), engine.Act{Tenant: "t"}); err != nil {
			t.Fatal(err)
		}
		fresh := runLogin(t, a, "t", "kim")
		refused(fresh, "a session of a new line")
		down.Store(false)
		runAlive(t, b, fresh, "when the store answers again")
		runCut(t, b, later, "when the store answers again")
		runCut(t, b, remade, "when the store answers again")
	})
}

// runLines has members who are made again on another line.
type runLines struct{ line atomic.Uint32 }

func (m *runLines) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: m.line.Load(), Number: 1}}, nil
}

type runCutOff struct {
	engine.Members
	before runHook
}

func (m *runCutOff) Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	if err := m.before(ctx, "member"); err != nil {
		return nil, err
	}
	return m.Members.Member(ctx, t, id)
}

// A store that loses a record for a moment, or goes back to the one before, does not lose
// the link that lifts the restriction.
func TestRunLinkIsMailedAllTheSame(t *testing.T) {
	for _, test := range []struct {
		why    string
		answer func(mem *policy.MemStore, ctx context.Context, t session.TenantID) (session.Version, error)
	}{
		{"it has no record", func(*policy.MemStore, context.Context, session.TenantID) (session.Version, error) {
			return session.Version{}, session.ErrNotFound
		}},
		{"it has an older record", func(mem *policy.MemStore, ctx context.Context, t session.TenantID) (session.Version, error) {
			v, err := mem.Version(ctx, t)
			v.Number--
			return v, err
		}},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			store := &runForgetful{MemStore: policy.NewMemStore(), answer: test.answer}
			mails := &runMails{}
			p := policy.Standard()
			p.ResetLink = time.Hour
			e, err := engine.New(p, struct{ policy.Store }{store}, runMembers{}, &engine.Options{Mailer: mails, ResetKeys: [][]byte{make([]byte, 32)}})
			if err != nil {
				t.Fatal(err)
			}
			runEnroll(t, e, "t", policy.Settings{})
			runSave(t, e, "t", runDesignated())
			store.forgets.Store(true)
			stop := runUntil(t, e)
			time.Sleep(10 * time.Second)
			store.forgets.Store(false)
			time.Sleep(time.Minute)
			stop()
			if n := mails.links.Load(); n != 1 {
				t.Errorf("%d links were mailed; want 1", n)
			}
		})
	}
}

// The token of a link is in the letter, and nowhere that a Mailer's failure gets to.
func TestGuarantee28MailerTellsNoToken(t *testing.T) {
	for _, test := range []struct {
		why  string
		mail func(l engine.Letter) error
	}{
		{"an error", func(l engine.Letter) error { return fmt.Errorf("POST /mail?link=%s: 500", l.Token) }},
		{"an error that prints the letter", func(l engine.Letter) error { return fmt.Errorf("%v %+v %#v %q", l, l, l, l) }},
		{"a panic", func(l engine.Letter) error { panic("cannot mail " + l.Token) }},
	} {
		runBubble(t, test.why, func(t *testing.T) {
			seen, token := &runObserver{}, ""
			p := policy.Standard()
			p.ResetLink = time.Hour
			e, err := engine.New(p, policy.NewMemStore(), runMembers{}, &engine.Options{ResetKeys: [][]byte{make([]byte, 32)}, Observer: seen,
				Mailer: runMailer(func(l engine.Letter) error { token = l.Token; return test.mail(l) })})
			if err != nil {
				t.Fatal(err)
			}
			runEnroll(t, e, "t", policy.Settings{})
			runSave(t, e, "t", runDesignated())
			runFor(t, e, 10*time.Second)
			left := runWaiting(t, e, "t")
			if len(token) < 20 || len(left) != 1 || left[0].Err == "" {
				t.Fatalf("token %q, waiting %+v; want a token, and an order that failed", token, left)
			}
			if said := fmt.Sprint(left, seen.told); strings.Contains(said, token) {
				t.Errorf("the token is in %s", said)
			}
		})
	}
}

type runMailer func(engine.Letter) error

func (m runMailer) Mail(_ context.Context, l engine.Letter) error { return m(l) }

type runForgetful struct {
	*policy.MemStore
	forgets atomic.Bool
	answer  func(mem *policy.MemStore, ctx context.Context, t session.TenantID) (session.Version, error)
}

func (s *runForgetful) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	if s.forgets.Load() {
		return s.answer(s.MemStore, ctx, t)
	}
	return s.MemStore.Version(ctx, t)
}

type runMails struct{ links atomic.Int32 }

func (m *runMails) Mail(_ context.Context, l engine.Letter) error {
	if l.Token != "" {
		m.links.Add(1)
	}
	return nil
}
