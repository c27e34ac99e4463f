package httpgate_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// changing is a check whose answer can be changed.
type changing struct {
	calls  atomic.Int64
	answer atomic.Pointer[func(context.Context) (policy.Decision, error)]
}

func (c *changing) set(f func(context.Context) (policy.Decision, error)) { c.answer.Store(&f) }

func (c *changing) check(ctx context.Context) (policy.Decision, error) {
	c.calls.Add(1)
	if f := c.answer.Load(); f != nil {
		return (*f)(ctx)
	}
	return allow, nil
}

func TestWatch(t *testing.T) {
	suspended := policy.Decision{Reason: policy.ReasonMemberSuspended}
	for _, tt := range []struct {
		every, within time.Duration
		answer        func(context.Context) (policy.Decision, error)
		reason        policy.Reason
		why           string
	}{
		{0, 15 * time.Second, func(context.Context) (policy.Decision, error) { return suspended, nil }, policy.ReasonMemberSuspended, "as often as said by default"},
		{-1, 15 * time.Second, func(context.Context) (policy.Decision, error) { return suspended, nil }, policy.ReasonMemberSuspended, "a negative one is the default"},
		{2 * time.Second, 2 * time.Second, func(context.Context) (policy.Decision, error) { return suspended, nil }, policy.ReasonMemberSuspended, "as often as asked"},
		{time.Nanosecond, time.Second, func(context.Context) (policy.Decision, error) { return suspended, nil }, policy.ReasonMemberSuspended, "not more often than a second"},
		{time.Hour, time.Minute, func(context.Context) (policy.Decision, error) { return suspended, nil }, policy.ReasonMemberSuspended, "not more seldom than a minute"},
		{0, 15 * time.Second, func(context.Context) (policy.Decision, error) {
			return policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}, nil
		}, policy.ReasonOverseasLogin, "a stream cannot verify"},
		{0, 15 * time.Second, func(context.Context) (policy.Decision, error) { return allow, errDown }, policy.ReasonMemberStale, "an error beside allow"},
		{0, 15 * time.Second, func(context.Context) (policy.Decision, error) { panic("x\ny") }, policy.ReasonMemberStale, "a panic"},
		{0, 15 * time.Second, func(context.Context) (policy.Decision, error) { return policy.Decision{}, nil }, policy.ReasonNoPolicy, "nothing"},
		{0, 20 * time.Second, func(ctx context.Context) (policy.Decision, error) { <-ctx.Done(); return allow, nil }, policy.ReasonMemberStale, "no answer in time"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var c changing
			ctx, stop := httpgate.Watch(context.Background(), tt.every, c.check)
			defer stop()
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if ctx.Err() != nil {
				t.Fatalf("ended though allowed: %v", context.Cause(ctx))
			}
			// Not more often than every, less a fifth.
			every := min(tt.within, time.Minute)
			if tt.every <= 0 {
				every = 15 * time.Second
			}
			if n := c.calls.Load(); n > int64(3*time.Minute/(every*4/5))+2 {
				t.Errorf("%d checks: %s", n, tt.why)
			}
			changed := time.Now()
			c.set(tt.answer)
			<-ctx.Done()
			if took := time.Since(changed); took > tt.within {
				t.Errorf("took %v; want %v: %s", took, tt.within, tt.why)
			}
			var refused *httpgate.RefusedError
			if !errors.As(context.Cause(ctx), &refused) || refused.Decision.Reason != tt.reason || strings.Contains(refused.Error(), "\n") {
				t.Errorf("%v; want %v: %s", context.Cause(ctx), tt.reason, tt.why)
			}
			calls := c.calls.Load()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if c.calls.Load() != calls {
				t.Errorf("goes on after the end: %s", tt.why)
			}
		})
	}
}

func TestWatchChecksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := httpgate.Watch(context.Background(), time.Minute, func(context.Context) (policy.Decision, error) {
			return policy.Decision{Reason: policy.ReasonSessionCut}, nil
		})
		defer stop()
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("what is refused already goes on")
		}
	})
}

// Nothing is left of a watch that was stopped or whose context has ended: synctest fails
// where a goroutine stays.
func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changing
		ctx, stop := httpgate.Watch(context.Background(), time.Second, c.check)
		time.Sleep(10 * time.Second)
		stop()
		stop()
		synctest.Wait()
		calls := c.calls.Load()
		time.Sleep(time.Hour)
		if ctx.Err() == nil || context.Cause(ctx) != context.Canceled || c.calls.Load() != calls {
			t.Errorf("%v, %d checks after %d", context.Cause(ctx), c.calls.Load(), calls)
		}

		parent, end := context.WithCancelCause(context.Background())
		ctx, stop = httpgate.Watch(parent, time.Second, c.check)
		defer stop()
		time.Sleep(time.Second)
		gone := errors.New("the client is gone")
		end(gone)
		synctest.Wait()
		calls = c.calls.Load()
		time.Sleep(time.Hour)
		if context.Cause(ctx) != gone || c.calls.Load() != calls {
			t.Errorf("%v, %d checks after %d", context.Cause(ctx), c.calls.Load(), calls)
		}
	})
}

// Streams that begin together are not checked together.
func TestWatchJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		at := make(chan time.Duration, 10_000)
		for range 100 {
			_, stop := httpgate.Watch(context.Background(), time.Minute, func(context.Context) (policy.Decision, error) {
				at <- time.Since(begun)
				return allow, nil
			})
			defer stop()
		}
		time.Sleep(time.Minute + time.Second)
		seconds := map[time.Duration]int{}
		for range len(at) {
			seconds[(<-at).Truncate(time.Second)]++
		}
		if len(seconds) < 8 {
			t.Errorf("checks of 100 streams at %v", seconds)
		}
	})
}

// deadlines is a ResponseWriter that notes what it is told.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

func TestStream(t *testing.T) {
	suspended := policy.Decision{Reason: policy.ReasonMemberSuspended}
	for _, tt := range []struct {
		session func(calls int) (engine.Request, error)
		engine  func(calls int) (policy.Decision, error)
		reason  policy.Reason
		why     string
	}{
		{nil, func(n int) (policy.Decision, error) {
			if n < 20 {
				return allow, nil
			}
			return suspended, nil
		}, policy.ReasonMemberSuspended, "the engine refuses"},
		{func(n int) (engine.Request, error) {
			if n < 20 {
				return kim, nil
			}
			return kim, session.ErrEnded
		}, nil, policy.ReasonSessionEnded, "the host has ended the session"},
		{func(n int) (engine.Request, error) {
			if n < 20 {
				return kim, nil
			}
			return engine.Request{}, errDown
		}, nil, policy.ReasonMemberStale, "the host does not know"},
		{func(n int) (engine.Request, error) {
			other := kim
			if n >= 20 {
				other.Member = "lee"
			}
			return other, nil
		}, nil, policy.ReasonSessionUnknown, "the cookie is another member's now"},
		{func(n int) (engine.Request, error) {
			other := kim
			if n >= 20 {
				other.Tenant = "line"
			}
			return other, nil
		}, nil, policy.ReasonSessionUnknown, "or another tenant's"},
		{func(n int) (engine.Request, error) {
			other := kim
			if n >= 20 {
				other.Session = session.IDOf("y")
			}
			return other, nil
		}, nil, policy.ReasonSessionUnknown, "or another session's"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sessions, checks int
			g := &httpgate.Guard{
				Session: func(r *http.Request) (engine.Request, error) {
					sessions++
					if r.Header.Get("Cookie") != "s=x" {
						t.Error("asked about a request that the handler has altered")
					}
					if tt.session == nil {
						return kim, nil
					}
					return tt.session(sessions)
				},
				Engine: checker(func(_ context.Context, r engine.Request) (policy.Decision, error) {
					checks++
					if r.Addr.String() != "8.8.8.8" {
						t.Errorf("asked about %v", r.Addr)
					}
					if tt.engine == nil {
						return allow, nil
					}
					return tt.engine(checks)
				}),
				Every: 5 * time.Second,
			}
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			var err error
			var ended time.Time
			g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err = g.Stream(w, r, func(ctx context.Context) error {
					r.Header.Del("Cookie")
					r.RemoteAddr = "1.1.1.1:1"
					<-ctx.Done()
					ended = time.Now()
					time.Sleep(time.Second) // to say good-bye
					return errors.New("what serve returned")
				})
			})).ServeHTTP(w, from("8.8.8.8:1", "Cookie", "s=x"))
			var refused *httpgate.RefusedError
			if !errors.As(err, &refused) || refused.Decision.Reason != tt.reason {
				t.Errorf("%v; want %v: %s", err, tt.reason, tt.why)
			}
			if want := ended.Add(2 * time.Second); !w.read.Equal(want) || !w.write.Equal(want) {
				t.Errorf("deadlines %v and %v; want %v: %s", w.read, w.write, want, tt.why)
			}
		})
	}
}

func TestStreamThatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int64
		g := &httpgate.Guard{Session: shows(kim, nil), Engine: checker(func(context.Context, engine.Request) (policy.Decision, error) {
			checks.Add(1)
			return allow, nil
		})}
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		done := errors.New("done")
		for _, want := range []error{nil, done} {
			g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := g.Stream(w, r, func(context.Context) error { time.Sleep(time.Minute); return want }); err != want {
					t.Errorf("%v; want %v", err, want)
				}
			})).ServeHTTP(w, from("8.8.8.8:1"))
		}
		// The client goes away.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := g.Stream(w, r, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return done
			})
			if err != done {
				t.Errorf("%v", err)
			}
		})).ServeHTTP(w, from("8.8.8.8:1").WithContext(ctx))
		before := checks.Load()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !w.read.IsZero() || !w.write.IsZero() || checks.Load() != before {
			t.Errorf("what is done goes on: deadlines %v and %v, %d checks", w.read, w.write, checks.Load()-before)
		}
		// A request that no Guard has seen.
		err := g.Stream(w, from("8.8.8.8:1"), func(context.Context) error { t.Error("served"); return nil })
		var refused *httpgate.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
	})
}

// pipes is a listener of connections within the process, which synctest can wait for.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// F39: a member who is suspended while a stream is open. The engine learns of it within
// MaxStale and the stream ends within its own bound, though the client reads nothing and
// the handler hangs in Write.
func TestGuarantee22SuspendedWhileStreaming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		active := member.Member{Tenant: "works", ID: "kim", Status: member.Active, Version: session.Version{Line: 1, Number: 1}}
		people := &members{m: map[member.ID]member.Member{"kim": active}}
		eng, err := engine.New(policy.Standard(), policy.NewMemStore(), people, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "works"}); err != nil {
			t.Fatal(err)
		}
		request := engine.Request{Tenant: "works", Member: "kim", Stamp: session.Stamp{Client: session.Web, Member: active.Version}}
		g := &httpgate.Guard{Engine: eng, Session: shows(request, nil)}
		streamed := make(chan error, 1)
		server := &http.Server{Handler: g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			streamed <- g.Stream(w, r, func(ctx context.Context) error {
				for ctx.Err() == nil {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return err
					}
				}
				return nil
			})
		}))}
		l := make(pipes, 1)
		go func() { _ = server.Serve(l) }()
		theirs, ours := net.Pipe()
		l <- &socket{ours, tcp("8.8.8.8:443")}
		if _, err := theirs.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		select {
		case err := <-streamed:
			t.Fatalf("ended while all was well: %v", err)
		default:
		}
		now := active
		now.Status = member.Suspended
		now.Version.Number++
		now.Cuts = now.Cuts.Cut(session.AllClients, now.Version.Number)
		people.mu.Lock()
		people.m["kim"] = now
		people.mu.Unlock()
		changed := time.Now()
		err = <-streamed
		var refused *httpgate.RefusedError
		if !errors.As(err, &refused) || refused.Decision.Reason != policy.ReasonSessionCut {
			t.Errorf("%v", err)
		}
		const bound = time.Minute + 15*time.Second + 2*time.Second // the engine's, ours, the farewell
		if took := time.Since(changed); took > bound {
			t.Errorf("took %v; want %v", took, bound)
		}
		theirs.Close()
		close(l)
		server.Close()
		synctest.Wait()
	})
}

func TestRefusedErrorIsOneLine(t *testing.T) {
	err := error(&httpgate.RefusedError{Decision: policy.Decision{Reason: policy.ReasonPolicyStale}, Err: errDown})
	if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "policy-stale") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
