package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

const (
	sessionLife = 12 * time.Hour
	sessionIdle = time.Hour
	maxSessions = 20 // of one member: then the one that began first makes room
	touchEach   = time.Minute
)

// open begins the session of a login that was let in.
func (s *server) open(ctx context.Context, t *tenant, l engine.Login, d policy.Decision, stamp session.Stamp) (token string, err error) {
	token, id := session.NewToken()
	now := time.Now()
	country := d.Country
	if country == (geo.Country{}) {
		country = s.countries.Country(l.Addr)
	}
	if err := s.directory.Begin(ctx, l.Since, session.Session{
		ID: id, Tenant: t.ID, Member: l.Member, Stamp: stamp, Addr: l.Addr, Country: country,
		Created: now, Seen: now, Idle: sessionIdle, Life: sessionLife,
	}); err != nil {
		return "", err
	}
	live, err := s.sessions.List(ctx, t.ID, session.Query{Member: l.Member, LiveAt: now})
	for _, old := range live[min(maxSessions, len(live)):] {
		err = errors.Join(err, s.sessions.End(ctx, t.ID, old.ID, now, "made room"))
	}
	return token, err
}

// tidy forgets what is not shown any more.
func (s *server) tidy(ctx context.Context) {
	now := time.Now()
	for n, err := 1, error(nil); n > 0 && err == nil; {
		n, err = s.sessions.Purge(ctx, now.Add(-session.History), session.MaxPage)
	}
	for n, err := 1, error(nil); n > 0 && err == nil; {
		n, err = s.verifications.Purge(ctx, now, session.MaxPage)
	}
	for _, t := range s.tenants {
		if err := s.directory.Tidy(ctx, t.ID); err != nil {
			s.log.Warn("tidy", "tenant", t.ID, "error", err)
		}
	}
}

// visit is a request of a session.
type visit struct {
	Decision policy.Decision
	Session  session.Session // if allowed
	Address  netip.Addr
}

// check decides a request: whether there is such a session, whether it is alive, and the
// list again, with the address of now. A refusal by the list ends nothing; from the next
// address the session may be used again.
func (s *server) check(ctx context.Context, t *tenant, addr netip.Addr, token string) visit {
	now := time.Now()
	refused := visit{Address: addr}
	found, err := s.sessions.Find(ctx, t.ID, session.IDOf(token))
	switch {
	case errors.Is(err, session.ErrNotFound):
		refused.Decision.Reason = policy.ReasonSessionUnknown
		return refused
	case err != nil:
		refused.Decision.Reason = policy.ReasonMemberStale
		return refused
	case !found.Live(now):
		refused.Decision.Reason = policy.ReasonSessionEnded
		return refused
	}
	d, err := t.engine.Check(ctx, engine.Request{
		Tenant: t.ID, Member: found.Member, Plan: t.Plan, Session: found.ID, Stamp: found.Stamp, Addr: addr,
	})
	if err != nil {
		s.log.Warn("request", "tenant", t.ID, "error", err)
	}
	if !d.Allowed() {
		refused.Decision = d
		return refused
	}
	if now.Sub(found.Seen) >= touchEach {
		if err := s.sessions.Touch(ctx, t.ID, found.ID, now, addr, s.countries.Country(addr)); err != nil {
			refused.Decision.Reason = policy.ReasonSessionEnded // meanwhile
			return refused
		}
	}
	return visit{d, found, addr}
}

// logout ends a session, if there is one.
func (s *server) logout(ctx context.Context, t *tenant, token string) {
	err := s.sessions.End(ctx, t.ID, session.IDOf(token), time.Now(), "signed out")
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		s.log.Warn("logout", "tenant", t.ID, "error", err)
	}
}

// watcher writes what engines tell to the log.
type watcher struct{ log *slog.Logger }

func (w watcher) Observe(o engine.Observation) {
	level := slog.LevelInfo
	switch {
	case o.Kind == engine.Alarmed:
		level = slog.LevelError
	case o.Kind == engine.Requested && o.Decision.Allowed():
		level = slog.LevelDebug
	}
	w.log.Log(context.Background(), level, o.Kind.String(), "what", o)
}
