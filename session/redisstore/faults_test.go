package redisstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// impatient is a client behind a proxy that gives up soon.
func impatient(t testing.TB, addr string) *redis.Client {
	o := options(addr)
	o.ReadTimeout, o.WriteTimeout, o.DialTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	o.MinRetryBackoff, o.MaxRetryBackoff = time.Millisecond, 5*time.Millisecond
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// The answer is lost after the server has done it, and the client asks again: what was done
// once succeeds, and is there once.
func TestAnswerIsLost(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	c := impatient(t, p.addr)
	db := drawn(t, c, prefix(t, direct))
	s, ctx := db.Sessions(), t.Context()
	for _, f := range []fault{noAnswer, halfClose} {
		n := login("kim")
		p.set(f)
		if err := s.Create(ctx, n); err != nil {
			t.Errorf("Create whose answer was lost: %v", err)
		}
		if p.now(false) != none {
			t.Fatal("no answer was lost")
		}
		if err := s.Create(ctx, n); !errors.Is(err, session.ErrExists) {
			t.Errorf("Create of an id that is there, by another call: %v; want ErrExists", err)
		}
		_, next := session.NewToken()
		p.set(f)
		if err := s.Renew(ctx, acme, n.ID, next, time.Now()); err != nil {
			t.Errorf("Renew whose answer was lost: %v", err)
		}
		if err := s.Renew(ctx, acme, n.ID, next, time.Now()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Renew of an id that is gone, by another call: %v; want ErrNotFound", err)
		}
		p.set(f)
		if err := s.End(ctx, acme, next, time.Now(), "signed out"); err != nil {
			t.Errorf("End whose answer was lost: %v", err)
		}
		if found, err := s.Find(ctx, acme, next); err != nil || found.Why != "signed out" {
			t.Errorf("Find: %+v, %v", found, err)
		}
	}
	if list, err := s.List(ctx, acme, session.Query{}); len(list) != 2 || err != nil {
		t.Errorf("there are %d sessions, %v; want 2", len(list), err)
	}
}

// Without an answer nothing is said of the session, and nobody waits past their deadline.
func TestNoAnswerIsAnError(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	db := drawn(t, impatient(t, p.addr), prefix(t, direct))
	s := db.Sessions()
	n := begun(t, s, "kim")
	for _, f := range []fault{cut, silent} {
		p.set(f)
		for _, cancelled := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if cancelled {
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			_, find := s.Find(ctx, acme, n.ID)
			touch := s.Touch(ctx, acme, n.ID, time.Now(), seoul, n.Country)
			_, list := s.List(ctx, acme, session.Query{})
			for call, err := range map[string]error{"Find": find, "Touch": touch, "List": list, "End": s.End(ctx, acme, n.ID, time.Now(), "x")} {
				if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrEnded) || errors.Is(err, redisstore.ErrLost) {
					t.Errorf("fault %d, %s: %v; want an error that tells nothing of the session", f, call, err)
				}
				if ctx.Err() != nil && call != "Find" && !errors.Is(err, ctx.Err()) {
					t.Errorf("fault %d, %s: %v; want %v", f, call, err, ctx.Err())
				}
			}
			cancel()
		}
		p.set(none)
	}
	for i := 0; ; i++ {
		if _, err := s.Find(t.Context(), acme, n.ID); err == nil {
			break
		} else if i == 100 {
			t.Fatalf("after the faults, Find: %v", err)
		}
	}
}

// Faults come and go under many callers. What was acknowledged holds: no session whose end
// was acknowledged is ever found live after it, and none is unknown.
func TestFaultsThroughout(t *testing.T) {
	t.Parallel()
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	pre := prefix(t, direct)
	s := drawn(t, impatient(t, p.addr), pre).Sessions()
	judge := open(t, direct, pre).Sessions()
	ctx := t.Context()
	var callers sync.WaitGroup
	var over atomic.Bool
	var mu sync.Mutex
	tried, failed, created, ended := 0, 0, 0, 0
	for range 8 {
		callers.Go(func() {
			for !over.Load() {
				n := login("kim")
				var errs [3]error
				if errs[0] = s.Create(ctx, n); errs[0] == nil {
					if errs[1] = s.Touch(ctx, acme, n.ID, time.Now(), seoul, n.Country); errors.Is(errs[1], session.ErrNotFound) {
						t.Errorf("a session that was acknowledged is not there")
					}
					if errs[2] = s.End(ctx, acme, n.ID, time.Now(), "signed out"); errs[2] == nil {
						if live, err := alive(judge, n); live || errors.Is(err, session.ErrNotFound) {
							t.Errorf("after its end was acknowledged a session is live %v, %v", live, err)
						}
					}
				}
				mu.Lock()
				tried++
				for _, err := range errs {
					if err != nil {
						failed++
						break
					}
				}
				if errs[0] == nil {
					created++
					if errs[1] == nil && errs[2] == nil {
						ended++
					}
				} else if errors.Is(errs[0], session.ErrExists) {
					t.Errorf("a new session exists already")
				}
				mu.Unlock()
			}
		})
	}
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return ended >= 100 && failed >= 20
	}
	for set := 0; set < 40 || !enough(); set++ { // some two seconds
		p.set([]fault{none, cut, slow, silent, noAnswer, halfClose}[rand.IntN(6)])
		time.Sleep(time.Duration(10+rand.IntN(60)) * time.Millisecond)
	}
	p.set(none)
	over.Store(true)
	callers.Wait()
	t.Logf("%d logins: %d acknowledged, %d touched and ended, %d met a fault", tried, created, ended, failed)
	list, err := judge.List(t.Context(), acme, session.Query{})
	if err != nil || len(list) < min(created, session.MaxPage) {
		t.Errorf("there are %d sessions, %v; %d were acknowledged", len(list), err, created)
	}
}

// The server forgets its scripts again and again.
func TestScriptsAreFlushed(t *testing.T) {
	c := client(t, serve(t).addr)
	s := drawn(t, c, "sallyport").Sessions()
	for range 20 {
		c.ScriptFlush(t.Context())
		n := begun(t, s, "kim")
		c.ScriptFlush(t.Context())
		if live, err := alive(s, n); !live {
			t.Fatal(err)
		}
		c.ScriptFlush(t.Context())
		if err := s.End(t.Context(), acme, n.ID, time.Now(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			c.ScriptFlush(context.Background())
		}
	}()
	for range 100 {
		n := begun(t, s, "kim")
		if err := s.End(t.Context(), acme, n.ID, time.Now(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	<-done
}

// What cannot be used says so when it is made.
func TestNewRefuses(t *testing.T) {
	c := client(t, shared(t))
	for why, o := range map[string]redisstore.Options{"a brace": {Prefix: "a}b"}, "a space": {Prefix: "a b"}} {
		if _, err := redisstore.New(t.Context(), c, &o); err == nil {
			t.Errorf("New takes a prefix with %s", why)
		}
	}
	if _, err := redisstore.New(t.Context(), nil, nil); err == nil {
		t.Error("New takes no client")
	}
	if _, err := redisstore.New(t.Context(), redis.NewRing(&redis.RingOptions{}), nil); err == nil {
		t.Error("New takes a Ring")
	}
	nobody := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer nobody.Close()
	if _, err := redisstore.New(t.Context(), nobody, nil); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "was done") {
		t.Errorf("New on a server that is not there: %v; want its address, and nothing of what was done", err)
	}
	var zero *redisstore.DB
	if _, err := zero.Sessions().Find(t.Context(), acme, session.ID{1}); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Find of no DB: %v", err)
	}
}
