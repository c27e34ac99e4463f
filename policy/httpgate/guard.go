package httpgate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Checker decides requests of sessions. *engine.Engine is one.
type Checker interface {
	Check(context.Context, engine.Request) (policy.Decision, error)
}

// Guard checks each request of a session before a handler sees it. The zero Guard refuses
// every request. It is safe for concurrent use as long as its fields are not altered, and
// what it calls must be so too. What panics or fails in a field refuses the request.
type Guard struct {
	// Engine decides. Nil: every request is refused.
	Engine Checker

	// Session finds the session that a request shows, in the host's own records or in a
	// signed token, never in what the client could have written; Addr is filled in by the
	// Guard. The error is session.ErrNotFound if the request shows no session that is known,
	// session.ErrEnded if it shows one that has ended, and any other if there is no answer;
	// a Tenant beside it is for Help alone. It must leave the body alone, for a stream asks
	// again. Nil: every request is refused.
	Session func(*http.Request) (engine.Request, error)

	// Resolver finds the address. Nil: that of the other end of the connection.
	Resolver *Resolver

	// Help adds to a refusal what the tenant wants to be said. The tenant is "" where Session
	// did not tell it. Nil: nothing is added.
	Help func(*http.Request, session.TenantID, policy.Decision) Help

	// Respond answers a refused request, instead of the function Respond, which it may call.
	Respond func(http.ResponseWriter, *http.Request, Refusal)

	// Every is how often Stream checks again. 0: 15 seconds. At most a minute.
	Every time.Duration

	// Log is told of every refusal, with the request's id. Nil: nothing is logged.
	Log *slog.Logger
}

// Admitted is what a Guard knows of a request that it let through.
type Admitted struct {
	Request  engine.Request // tenant, member, session, stamp and address
	Decision policy.Decision
	Seen     Seen
}

type admittedKey struct{}

// FromContext returns what the Guard knows of the request that a context belongs to. It
// reports false if no Guard has let one through.
func FromContext(ctx context.Context) (Admitted, bool) {
	a, ok := ctx.Value(admittedKey{}).(*Admitted)
	if !ok {
		return Admitted{}, false
	}
	return *a, true
}

// Handler lets through to next what is allowed, with an Admitted in the context, and answers
// everything else. What needs no session, a login page say, is mounted beside it; what
// answers a preflight of CORS, which shows none, stands before it. The ResponseWriter is
// handed on as it is, with all that it can do.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, seenErr := g.Resolver.Resolve(r)
		a := Admitted{Seen: seen}
		var err error
		a.Request, a.Decision, err = g.decide(r, seen)
		if !a.Decision.Allowed() {
			g.refuse(w, r, a, errors.Join(seenErr, err))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), admittedKey{}, &a)))
	})
}

// Refuse answers a request as Handler does what it refuses. It is for handlers that ask the
// engine themselves, as a login does. Nothing is let in by it, whatever d says.
func (g *Guard) Refuse(w http.ResponseWriter, r *http.Request, t session.TenantID, d policy.Decision, s Seen) {
	g.refuse(w, r, Admitted{Request: engine.Request{Tenant: t}, Decision: d, Seen: s}, nil)
}

// decide finds the session of a request and has it checked. What does not answer is
// member-stale, which says to try again and ends nothing.
func (g *Guard) decide(r *http.Request, seen Seen) (engine.Request, policy.Decision, error) {
	if g.Engine == nil || g.Session == nil {
		return engine.Request{}, policy.Decision{}, errors.New("httpgate: Guard.Engine and Guard.Session are needed")
	}
	var req engine.Request
	err := calm("Session", func() (err error) {
		req, err = g.Session(r)
		return err
	})
	switch {
	case errors.Is(err, session.ErrNotFound):
		return req, policy.Decision{Reason: policy.ReasonSessionUnknown}, nil
	case errors.Is(err, session.ErrEnded):
		return req, policy.Decision{Reason: policy.ReasonSessionEnded}, nil
	case err != nil:
		return req, policy.Decision{Reason: policy.ReasonMemberStale}, err
	}
	req.Addr = seen.Addr
	d, err := ask(r.Context(), func(ctx context.Context) (policy.Decision, error) { return g.Engine.Check(ctx, req) })
	if d.Allowed() && !req.Addr.IsValid() {
		d = policy.Decision{Reason: policy.ReasonNoClientAddress}
	}
	return req, d, err
}

// ask calls what decides. An error never comes beside anything but deny.
func ask(ctx context.Context, check func(context.Context) (policy.Decision, error)) (d policy.Decision, err error) {
	answered := false
	err = calm("Check", func() (err error) {
		d, err = check(ctx)
		answered = true
		return err
	})
	if !answered || err != nil && d.Effect != policy.Deny {
		d = policy.Decision{Reason: policy.ReasonMemberStale}
	}
	return d, err
}

// calm makes an error of a panic.
func calm(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("httpgate: %s panicked: %s", what, quote(fmt.Sprint(p)))
		}
	}()
	return f()
}

const requestID = "X-Request-Id"

// refuse answers. The id is that which something before the Guard has given the answer, or
// one that is drawn; a client's is never taken.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, a Admitted, err error) {
	f := Refusal{Tenant: a.Request.Tenant, Decision: a.Decision, Addr: a.Seen.Addr, ID: w.Header().Get(requestID)}
	if f.ID == "" {
		f.ID = rand.Text()
	}
	if g.Help != nil {
		helpErr := calm("Help", func() error {
			f.Help = g.Help(r, f.Tenant, f.Decision)
			return nil
		})
		err = errors.Join(err, helpErr)
	}
	if g.Log != nil {
		g.log(r.Context(), f.ID, a, err)
	}
	respond := g.Respond
	if respond == nil {
		respond = Respond
	}
	respond(w, r, f)
}

func (g *Guard) log(ctx context.Context, id string, a Admitted, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("request_id", id), slog.Any("decision", a.Decision), slog.Any("seen", a.Seen)}
	if a.Request.Tenant != "" {
		attrs = append(attrs, slog.String("tenant", string(a.Request.Tenant)), slog.String("member", string(a.Request.Member)))
	}
	if err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	g.Log.LogAttrs(ctx, level, "request refused", attrs...)
}
