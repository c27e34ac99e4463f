package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// decideStamped is a session of lee that carries numbers above what the store has.
func decideStamped(r engine.Request, policyBy, memberBy uint64) engine.Request {
	r.Stamp.Policy.Number += policyBy
	r.Stamp.Member.Number += memberBy
	return r
}

// decideSlow has each call take a while.
func decideSlow(d time.Duration) func(context.Context, string, int) error {
	return func(context.Context, string, int) error { time.Sleep(d); return nil }
}

// TestGuarantee24OneReadingHoweverManyAsk has a thousand ask at once for what is not there yet.
func TestGuarantee24OneReadingHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
		versions, loads, asked := h.calls()
		e := decideEngine(t, h, nil)
		h.faulty(decideSlow(time.Second))
		began := time.Now()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { decideWant(t, e, r, "allow [all-addresses]", "one of a thousand") })
		}
		all.Wait()
		nowVersions, nowLoads, nowAsked := h.calls()
		if nowVersions != versions || nowLoads != loads+1 || nowAsked != asked+1 {
			t.Errorf("%d versions, %d records, %d members were read; want one record and one member", nowVersions-versions, nowLoads-loads, nowAsked-asked)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		// Logins that come while one is read wait for the next, which serves them all: one
		// login, the others, and so three times for members.
		for range 1000 {
			all.Go(func() { decideWantLogin(t, e, decideLee, "allow [all-addresses]", "one of a thousand") })
		}
		all.Wait()
		endVersions, endLoads, endAsked := h.calls()
		if endVersions > nowVersions+2 || endLoads != nowLoads || endAsked > nowAsked+3 {
			t.Errorf("a thousand logins read %d versions, %d records and %d members; want at most 2, 0 and 3", endVersions-nowVersions, endLoads-nowLoads, endAsked-nowAsked)
		}
	})
}

// TestGuarantee24WhoGivesUpHarmsNoOther has whoever began a reading give up before it ends,
// and before there is room for its call.
func TestGuarantee24WhoGivesUpHarmsNoOther(t *testing.T) {
	ask := func(t *testing.T, e *engine.Engine, login bool, r engine.Request) {
		var all sync.WaitGroup
		brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		all.Go(func() {
			var d policy.Decision
			var err error
			if login {
				d, _, err = e.Admit(brief, decideLee)
			} else {
				d, err = e.Check(brief, r)
			}
			if d.String() != "deny [policy-stale]" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who gave up: %v, %v", d, err)
			}
		})
		synctest.Wait()
		for range 5 {
			all.Go(func() {
				if login {
					decideWantLogin(t, e, decideLee, "allow [all-addresses]", "who waits")
				} else {
					decideWant(t, e, r, "allow [all-addresses]", "who waits")
				}
			})
		}
		all.Wait()
	}
	for _, login := range []bool{true, false} {
		runBubble(t, fmt.Sprint("while it is read, login ", login), func(t *testing.T) {
			h := decideSmall(t)
			r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
			loads := h.loads.Load()
			h.faulty(decideSlow(time.Second))
			ask(t, decideEngine(t, h, nil), login, r)
			if n := h.loads.Load() - loads; !login && n != 1 || n > 2 {
				t.Errorf("the record was read %d times", n)
			}
		})
		runBubble(t, fmt.Sprint("before there is room, login ", login), func(t *testing.T) {
			h := decideSmall(t)
			r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
			e := decideEngine(t, h, nil)
			free := make(chan struct{})
			h.faulty(func(ctx context.Context, call string, n int) error {
				if n <= 256 { // as many as may be under way
					<-free
					return errDecideDown
				}
				return nil
			})
			var all sync.WaitGroup
			for i := range 256 {
				all.Go(func() { decideElsewhere(e, i) })
			}
			synctest.Wait()
			all.Go(func() { time.Sleep(100 * time.Millisecond); close(free) })
			ask(t, e, login, r)
			all.Wait()
		})
	}
}

// decideElsewhere makes a request to a tenant that is not there.
func decideElsewhere(e *engine.Engine, i int) {
	_, _ = e.Check(context.Background(), engine.Request{Tenant: session.TenantID(fmt.Sprint("elsewhere-", i)), Member: "lee"})
}

// TestGuarantee24AHangingStoreHoldsNobody has a store that never answers, whatever its
// context says, until the test is over.
func TestGuarantee24AHangingStoreHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		e := decideEngine(t, h, nil)
		r := decideAdmit(t, e, decideLee)
		free := make(chan struct{})
		defer close(free)
		var under, most atomic.Int64
		h.faulty(func(context.Context, string, int) error {
			n := under.Add(1)
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			<-free
			return nil
		})
		timed := func(limit, want time.Duration, decision, why string, ask func(context.Context) (policy.Decision, error)) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			if d, err := ask(ctx); d.String() != decision || (err == nil) != d.Allowed() {
				t.Errorf("%s: %v, %v; want %s", why, d, err, decision)
			}
			if took := time.Since(began); took != want {
				t.Errorf("%s: it took %v; want %v", why, took, want)
			}
		}
		check := func(ctx context.Context) (policy.Decision, error) { return e.Check(ctx, r) }
		admit := func(ctx context.Context) (policy.Decision, error) {
			d, _, err := e.Admit(ctx, decideLee)
			return d, err
		}
		timed(time.Hour, 0, "allow [all-addresses]", "a request by its copy", check)
		timed(100*time.Millisecond, 100*time.Millisecond, "deny [policy-stale]", "a login with a deadline", admit)
		time.Sleep(time.Minute)
		timed(100*time.Millisecond, 100*time.Millisecond, "deny [policy-stale]", "a request with a deadline", check)
		time.Sleep(time.Minute)
		timed(time.Hour, 2*time.Second, "deny [policy-stale]", "a request without one", check)
		timed(time.Hour, 0, "deny [policy-stale]", "a login while so many calls have not returned", admit)
		time.Sleep(time.Minute)
		timed(time.Hour, 2*time.Second, "deny [policy-stale]", "a login without one", admit)
		time.Sleep(time.Minute)
		under.Store(0)

		var all sync.WaitGroup
		for i := range 3000 {
			all.Go(func() { decideElsewhere(e, i) })
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("3,000 tenants: it took %v", took)
		}
		if n := most.Load(); n != 256 {
			t.Errorf("%d calls were under way at once; want at most 256, and all of them used", n)
		}
	})
}

// A stamp of another process is above the copy here once: the store is asked at once, and
// once, however many such requests come.
func TestAStampAboveTheCopyReadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		here, there := decideEngine(t, h, nil), decideEngine(t, h, nil)
		old := decideAdmit(t, here, decideLee)
		for range 50 {
			h.cut(t, "acme", session.AllClients)
			h.change("acme", "lee", func(m *member.Member) { m.Cuts = m.Cuts.Cut(session.AllClients, m.Version.Number) })
			fresh := decideAdmit(t, there, decideLee)
			versions, loads, asked := h.calls()
			began := time.Now()
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { decideWant(t, here, fresh, "allow [all-addresses]", "admitted elsewhere") })
			}
			all.Wait()
			if took := time.Since(began); took != 0 {
				t.Fatalf("it took %v", took)
			}
			nowVersions, nowLoads, nowAsked := h.calls()
			if nowVersions-versions != 1 || nowLoads-loads != 1 || nowAsked-asked != 1 {
				t.Fatalf("%d versions, %d records and %d members were read; want 1 each", nowVersions-versions, nowLoads-loads, nowAsked-asked)
			}
			decideWant(t, here, old, "deny [session-cut]", "of before")
			old = fresh
			time.Sleep(time.Second)
		}
	})
}

// What another process saves while a reading is under way, and has acknowledged, is not in
// what that reading finds. A request whose stamp is above it, and any login, waits for one
// that begins after: whether the copy was only due to be read anew, or too old.
func TestGuarantee15AReadingUnderWayIsNotEnough(t *testing.T) {
	for _, age := range []time.Duration{50 * time.Second, time.Minute + 1} {
		runBubble(t, age.String(), func(t *testing.T) {
			h := decideSmall(t)
			here, there := decideEngine(t, h, nil), decideEngine(t, h, nil)
			old := decideAdmit(t, here, decideLee)
			time.Sleep(age)
			var all sync.WaitGroup
			before := old.Stamp.Policy
			h.version = func(session.Version) session.Version { // what was there when it was asked for
				time.Sleep(100 * time.Millisecond)
				return before
			}
			all.Go(func() { decideWant(t, here, old, "allow [all-addresses]", "by what was there then") })
			synctest.Wait()
			h.version = nil
			saved := h.cut(t, "acme", session.AllClients)
			fresh := decideAdmit(t, there, decideLee)
			all.Go(func() { decideWant(t, here, fresh, "allow [all-addresses]", "admitted while a reading was under way") })
			all.Go(func() {
				if r := decideAdmit(t, here, decideLee); r.Stamp.Policy != saved.Version {
					t.Errorf("a login while a reading was under way is stamped by %v; want %v", r.Stamp.Policy, saved.Version)
				}
			})
			all.Wait()
			decideWant(t, here, old, "deny [session-cut]", "of before")
		})
	}
}

// TestStampsAboveTheStoreAreBoundedInRate has requests come with stamps that the store does
// not have: all are refused, and the store is asked at most once in 20 milliseconds, also
// where callers give up at once.
func TestStampsAboveTheStoreAreBoundedInRate(t *testing.T) {
	t.Parallel()
	crowd := 50
	if underRace {
		crowd = 10
	}
	for _, tt := range []struct {
		why                string
		policyBy, memberBy uint64
		patience           time.Duration
		count              func(*decideHost) int64
	}{
		{"above the record", 1, 0, time.Hour, func(h *decideHost) int64 { return h.versions.Load() }},
		{"above the member", 0, 1, time.Hour, func(h *decideHost) int64 { return h.asked.Load() }},
		{"above the record, and they give up", 1, 0, time.Millisecond, func(h *decideHost) int64 { return h.versions.Load() }},
		{"above the member, and they give up", 0, 1, time.Millisecond, func(h *decideHost) int64 { return h.asked.Load() }},
	} {
		runBubble(t, tt.why, func(t *testing.T) {
			h := decideSmall(t)
			alarms := &decideAlarms{}
			e := decideEngine(t, h, &engine.Options{Observer: alarms})
			stop := runUntil(t, e)
			r := decideAdmit(t, e, decideLee)
			h.faulty(decideSlow(3 * time.Millisecond))
			before := tt.count(h)
			began := time.Now()
			var all sync.WaitGroup
			var refused, gaveUp atomic.Int64
			for i := range crowd {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond / 3)
					for time.Since(began) < time.Second {
						ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
						d, err := e.Check(ctx, decideStamped(r, tt.policyBy, tt.memberBy))
						cancel()
						switch {
						case d.Reason == policy.ReasonVersionRegression && err != nil:
							refused.Add(1)
						case errors.Is(err, context.DeadlineExceeded):
							gaveUp.Add(1)
						default:
							t.Errorf("%v, %v", d, err)
						}
					}
				})
			}
			all.Wait()
			took := time.Since(began)
			n, most := tt.count(h)-before, int64(took/(20*time.Millisecond))+1
			if n > most || n < most/2 {
				t.Errorf("in %v the store was asked %d times; want at most %d, and not much less", took, n, most)
			}
			if patient := tt.patience == time.Hour; patient != (gaveUp.Load() == 0) || patient && refused.Load() < int64(crowd)*10 {
				t.Errorf("%d were refused and %d gave up", refused.Load(), gaveUp.Load())
			}
			if took > time.Second+50*time.Millisecond {
				t.Errorf("the last waited until %v", took)
			}
			time.Sleep(time.Second) // the last reading ends
			h.up()
			decideWant(t, e, r, "allow [all-addresses]", "a session that is not above it")
			stop()
			if refused.Load() > 0 && alarms.count() == 0 {
				t.Error("nobody was alarmed")
			}
		})
	}
}

// Where the store does not answer, a stamp above the copy is refused as that, and nobody is
// alarmed: nothing has gone back.
func TestAStampAboveTheCopyWhileTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		alarms := &decideAlarms{}
		e := decideEngine(t, h, &engine.Options{Observer: alarms})
		stop := runUntil(t, e)
		r := decideAdmit(t, e, decideLee)
		h.down()
		for range 3 { // soon after each other, too
			decideWant(t, e, decideStamped(r, 1, 0), "deny [policy-stale]", "above the record")
			decideWant(t, e, decideStamped(r, 0, 1), "deny [member-stale]", "above the member")
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { decideWant(t, e, decideStamped(r, 1, 0), "deny [policy-stale]", "one of many") })
			}
			all.Wait()
		}
		decideWant(t, e, r, "allow [all-addresses]", "by the copy")
		h.up()
		stop()
		if n := alarms.count(); n != 0 {
			t.Errorf("%d alarms", n)
		}
	})
}

// Sessions of a line that the store has no more are cut without asking it each time.
func TestStampsOfAnotherLineCostTheStoreLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		e := decideEngine(t, h, nil)
		old := decideAdmit(t, e, decideLee)
		h.put(t, policy.Record{Tenant: "acme", Version: session.NewLine()})
		h.change("acme", "lee", func(m *member.Member) { m.Version.Line = 6 })
		fresh := decideAdmit(t, e, decideLee)
		decideWant(t, e, old, "deny [session-cut]", "of the line before")
		versions, loads, asked := h.calls()
		foreign := fresh
		foreign.Stamp.Policy.Line = 99
		for range 100 {
			decideWant(t, e, old, "deny [session-cut]", "of the line before")
			decideWant(t, e, foreign, "deny [session-cut]", "of a line that nobody knows")
			decideWant(t, e, fresh, "allow [all-addresses]", "of the line of now")
		}
		nowVersions, nowLoads, nowAsked := h.calls()
		if nowVersions-versions > 1 || nowLoads != loads || nowAsked-asked > 1 {
			t.Errorf("%d versions, %d records and %d members were read for 300 requests", nowVersions-versions, nowLoads-loads, nowAsked-asked)
		}
	})
}
