package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func runObserving(o engine.Observer, queue int) func(*policy.Profile, *engine.Options) {
	return func(_ *policy.Profile, opts *engine.Options) { opts.Observer, opts.Queue = o, queue }
}

// The observer is told of logins, requests, changes, trials and alarms, in their order.
func TestRunObserverIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &runObserver{}
		store := policy.NewMemStore()
		e := runEngine(t, store, runObserving(seen, 0))
		stop := runUntil(t, e)
		runEnroll(t, e, "t", policy.Settings{})
		s := runLogin(t, e, "t", "kim")
		runAlive(t, e, s, "before the save")
		r, err := e.Settings(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.Try(t.Context(), engine.Act{Tenant: "t", From: r.Version}, "", runDesignated()); err != nil {
			t.Fatal(err)
		}
		if d, err := e.Check(t.Context(), engine.Request{Tenant: "t", Member: "kim", Stamp: s.stamp, Addr: runHome}); d.Effect != policy.Allow {
			t.Errorf("with a draft on trial: %v, %v", d, err)
		}
		saved := runSave(t, e, "t", runDesignated())
		d, _, _ := e.Admit(t.Context(), engine.Login{Tenant: "t", Member: "kim", Client: session.Mobile, Addr: runHome, Authenticated: true})
		synctest.Wait()
		var got []string
		for _, o := range seen.told {
			got = append(got, o.Kind.String())
			if o.Tenant != "t" || o.At.IsZero() {
				t.Errorf("%+v has no tenant or no time", o)
			}
		}
		want := "[change login request change trial request change login]"
		if fmt.Sprint(got) != want {
			t.Errorf("told %v; want %s", got, want)
		}
		last := seen.told[len(seen.told)-1]
		if last.Decision != d || last.Member != "kim" || last.Client != session.Mobile || last.Addr != runHome || !last.Authenticated {
			t.Errorf("told %+v of a login that was answered %v", last, d)
		}
		if c := seen.of(engine.Changed)[2]; c.Version != saved.Version || c.Event == nil || c.Event.Kind != "settings-saved" {
			t.Errorf("told %+v of the save", c)
		}
		if c := seen.of(engine.Tried)[0]; c.Decision.Effect != policy.Allow || c.Draft.Reason != policy.ReasonAddressNotDesignated || c.Addr != runHome {
			t.Errorf("told %+v of the trial", c)
		}
		// F40: who was let in by the bypass is seen by the reason.
		if d, _, err := e.Admit(t.Context(), engine.Login{Tenant: "t", Member: "boss", Client: session.Web, Addr: runHome, Authenticated: true}); d.Reason != policy.ReasonSuperAdmin {
			t.Errorf("the super admin from outside: %v, %v", d, err)
		}
		stop() // and what happened before its end is told
		last = seen.told[len(seen.told)-1]
		if last.Member != "boss" || last.Decision.Reason != policy.ReasonSuperAdmin || last.Decision.Effect != policy.Allow {
			t.Errorf("told %+v of the super admin", last)
		}
		if n := e.Dropped(); n != 0 {
			t.Errorf("%d dropped", n)
		}
	})
}

// Whatever the observer does, decisions are the same and take no time, and what it is not
// told is counted.
func TestRunObserverHarmsNoDecision(t *testing.T) {
	released := make(chan struct{})
	const logins, queue = 100, 10
	for _, test := range []struct {
		why     string
		observe func(engine.Observation)
		told    int // by the time of the last login
		dropped uint64
	}{
		{"it is quick", func(engine.Observation) {}, logins, 0},
		{"it panics", func(engine.Observation) { panic("observer") }, logins, 0},
		{"it hangs", func(engine.Observation) { <-released }, 1, logins - 1 - queue},
	} {
		t.Run(test.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released = make(chan struct{})
				seen := &runObserver{then: test.observe}
				store := policy.NewMemStore()
				runEnroll(t, runEngine(t, store), "t", runDesignated())
				e := runEngine(t, store, runObserving(seen, queue))
				stop := runUntil(t, e)
				began := time.Now()
				for range logins {
					runLogin(t, e, "t", "kim")
					synctest.Wait()
				}
				if d := time.Since(began); d != 0 {
					t.Errorf("%d logins took %v; want no time", logins, d)
				}
				if n := len(seen.of(engine.LoggedIn)); n != test.told {
					t.Errorf("told %d; want %d", n, test.told)
				}
				if n := e.Dropped(); n != test.dropped {
					t.Errorf("dropped %d; want %d", n, test.dropped)
				}
				close(released)
				stop()
				if n, want := uint64(len(seen.of(engine.LoggedIn)))+e.Dropped(), uint64(logins); n != want {
					t.Errorf("told and dropped are %d; want %d", n, want)
				}
			})
		})
	}
}

// Without Run the queue fills and nothing else happens. The next Run tells what is in it,
// even one that ends at once.
func TestRunObserverWithoutRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue = 30
		seen := &runObserver{then: func(engine.Observation) { time.Sleep(time.Second) }}
		e := runEngine(t, policy.NewMemStore(), runObserving(seen, queue))
		runEnroll(t, e, "t", policy.Settings{})
		for range queue + 9 {
			runLogin(t, e, "t", "kim")
		}
		if n := e.Dropped(); n != 10 {
			t.Errorf("dropped %d; want 10", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if n := len(seen.told); n != queue {
			t.Errorf("told %d; want %d", n, queue)
		}
	})
}

// The end of Run tells what happened before it, and does not wait for what comes without
// end. What the engine itself does until it has stopped counts as before.
func TestRunObserverAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := policy.NewMemStore()
		var e *engine.Engine
		seen := &runObserver{}
		seen.then = func(engine.Observation) { // something happens whenever it is told something
			_, _ = e.Check(context.Background(), engine.Request{Tenant: "none", Member: "kim"})
		}
		e = runEngine(t, store, runObserving(seen, 0))
		stop := runUntil(t, e)
		_, _ = e.Check(t.Context(), engine.Request{Tenant: "none", Member: "kim"})
		stop()
	})
}

// Nothing that is printed of an observation can be taken for something else, and nothing
// in it is secret or endless (guarantee 28).
func TestGuarantee28Observation(t *testing.T) {
	evil := "kim\nlevel=ERROR msg=\"all is lost\" \x1b[31m\u202e\xff" + strings.Repeat("x", 1<<20)
	short := "kim\nlevel=ERROR"
	addr := netip.MustParseAddr("fe80::1").WithZone(evil)
	event := &session.Event{ID: "1", Tenant: "t", Kind: "settings-saved", Before: "SECRET", After: "SECRET"}
	for _, test := range []struct {
		why    string
		o      engine.Observation
		has    []string
		hasNot []string
	}{
		{"the zero Observation", engine.Observation{}, []string{"kind=observation(0)", `tenant=""`}, []string{"member", "address", "error", "decision"}},
		{"a kind that there is not", engine.Observation{Kind: 77}, []string{"kind=observation(77)"}, nil},
		{"a login", engine.Observation{Kind: engine.LoggedIn, Tenant: "t", Member: "kim", Client: session.Web, Addr: runOffice, Authenticated: true,
			Decision: policy.Decision{Effect: policy.Allow, Reason: policy.ReasonSuperAdmin}},
			[]string{"kind=login", "tenant=t", "member=kim", "client=web", "address=8.8.8.8", "authenticated=true", "decision.effect=allow", "decision.reason=super-admin"}, []string{"draft", "error", "event"}},
		{"a failed login", engine.Observation{Kind: engine.LoggedIn, Tenant: "t"}, []string{"authenticated=false", "decision.effect=deny"}, nil},
		{"a trial", engine.Observation{Kind: engine.Tried, Decision: policy.Decision{Effect: policy.Allow, Reason: policy.ReasonAllAddresses}},
			[]string{"decision.effect=allow", "draft.effect=deny"}, nil},
		{"a change", engine.Observation{Kind: engine.Changed, Tenant: "t", Version: session.Version{Line: 36, Number: 2}, Event: event},
			[]string{"version=10.2", "event.kind=settings-saved"}, []string{"SECRET", "decision"}},
		{"an alarm", engine.Observation{Kind: engine.Alarmed, Err: errors.New(`member "kim" is lost`)}, []string{"kind=alarm", `is lost`}, nil},
		{"names from outside", engine.Observation{Kind: engine.LoggedIn, Tenant: session.TenantID(evil), Member: member.ID(evil), Addr: addr, Err: errors.New(evil)}, []string{"…"}, nil},
		{"a short name from outside", engine.Observation{Kind: engine.LoggedIn, Tenant: session.TenantID(short), Member: member.ID(short), Err: errors.New(short)}, nil, nil},
		{"a name that looks quoted", engine.Observation{Kind: engine.LoggedIn, Member: `"kim"`}, []string{`\\\"kim\\\"`}, nil},
		{"a name that is not UTF-8", engine.Observation{Kind: engine.LoggedIn, Member: "k\xffm"}, []string{`k\\xffm`}, nil},
	} {
		t.Run(test.why, func(t *testing.T) {
			var text, raw bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).Info("told", "o", test.o)
			for _, a := range test.o.LogValue().Group() { // a handler that quotes nothing
				fmt.Fprintf(&raw, "%s=%v ", a.Key, a.Value)
			}
			for _, out := range []string{strings.TrimSpace(text.String()), raw.String()} {
				if len(out) > 5000 {
					t.Errorf("%d bytes", len(out))
				}
				if i := strings.IndexFunc(out, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e || r == 0xfffd }); i >= 0 {
					t.Errorf("has %q: %s", out[i], out)
				}
			}
			for _, has := range test.has {
				if !strings.Contains(text.String(), has) {
					t.Errorf("%s has no %q", text.String(), has)
				}
			}
			for _, not := range test.hasNot {
				if strings.Contains(text.String(), not) {
					t.Errorf("%s has %q", text.String(), not)
				}
			}
		})
	}
}
