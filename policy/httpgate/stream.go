package httpgate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/policy"
)

// RefusedError says that what was let in at first is refused now.
type RefusedError struct {
	Decision policy.Decision
	Err      error // why there was nothing to decide by; nil: there was
}

// Error tells the decision.
func (e *RefusedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("httpgate: refused, %v: %v", e.Decision, e.Err)
	}
	return fmt.Sprintf("httpgate: refused, %v", e.Decision)
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// How often a stream is checked, and how long a check may take before it refuses.
const (
	normalEvery  = 15 * time.Second
	leastEvery   = time.Second
	mostEvery    = time.Minute
	checkTimeout = 5 * time.Second
)

// farewell is how long a stream that was refused may still write.
const farewell = 2 * time.Second

// Watch checks again and again something that lasts, at once and then after every (or up to
// a fifth earlier, so that streams do not check all at once). The context that it returns
// ends when it is refused, and context.Cause is a *RefusedError then; it ends when ctx ends,
// or when stop is called, which the caller must do. What has no answer within 5 seconds,
// fails or panics refuses. So a stream ends within every, these 5 seconds, and what check
// itself takes to learn of a change (the engine's MaxStale).
//
// every is 15 seconds if it is 0 or less, at least a second and at most a minute. check is
// called by a timer, never twice at once; one that heeds its context ends with the stream.
func Watch(ctx context.Context, every time.Duration, check func(context.Context) (policy.Decision, error)) (watched context.Context, stop context.CancelFunc) {
	watched, cancel := context.WithCancelCause(ctx)
	if every <= 0 {
		every = normalEvery
	}
	every = min(max(every, leastEvery), mostEvery)
	refuse := func(d policy.Decision, err error) { cancel(&RefusedError{d, err}) }
	var timer *time.Timer
	timer = time.AfterFunc(mostEvery, func() {
		if watched.Err() != nil {
			return
		}
		limit := time.AfterFunc(checkTimeout, func() {
			refuse(policy.Decision{Reason: policy.ReasonMemberStale}, errors.New("the check did not answer in time"))
		})
		d, err := ask(watched, check)
		limit.Stop()
		if !d.Allowed() {
			refuse(d, err)
			return
		}
		timer.Reset(every - rand.N(every/5))
	})
	timer.Reset(0)
	return watched, func() {
		cancel(nil)
		timer.Stop()
	}
}

// Stream serves a response that lasts: events, a WebSocket, a long poll. It calls serve with
// a context that ends when the session that the Guard has let in, at the address it came
// from, is refused, which it checks as Watch does, every g.Every. serve returns then, and
// what it still reads or writes fails after 2 seconds at most. Stream returns the
// *RefusedError if there is one, and else what serve returned.
//
// A hijacked connection is the caller's to close:
//
//	defer context.AfterFunc(ctx, func() { conn.Close() })()
//
// A WebSocket is opened by a GET, which pages of other sites may send with the cookie, and
// [net/http.CrossOriginProtection] lets through: see to it that its Origin is checked.
//
// A request that no Guard has let through is refused, and serve is not called.
func (g *Guard) Stream(w http.ResponseWriter, r *http.Request, serve func(context.Context) error) error {
	a, ok := FromContext(r.Context())
	if !ok {
		return &RefusedError{Err: errors.New("Stream is for requests that came through Guard.Handler")}
	}
	shown := r.Clone(r.Context()) // serve may alter r
	shown.Body = http.NoBody
	ctx, stop := Watch(r.Context(), g.Every, func(ctx context.Context) (policy.Decision, error) {
		now, d, err := g.decide(shown.WithContext(ctx), a.Seen)
		if d.Allowed() && (now.Tenant != a.Request.Tenant || now.Member != a.Request.Member || now.Session != a.Request.Session) {
			d = policy.Decision{Reason: policy.ReasonSessionUnknown} // it is another's now
		}
		return d, err
	})
	defer stop()

	// The deadlines must not be set once the handler has returned: the connection serves
	// the next request then.
	var mu sync.Mutex
	over := false
	defer context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if refusal(ctx) == nil || over {
			return
		}
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(farewell))  // not every writer can;
		_ = c.SetWriteDeadline(time.Now().Add(farewell)) // ctx ends in any case
	})()
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	}()

	err := serve(ctx)
	if refused := refusal(ctx); refused != nil {
		return refused
	}
	return err
}

// refusal returns why ctx ended, if it was refused.
func refusal(ctx context.Context) error {
	var refused *RefusedError
	if errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return nil
}
