package site

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// How long sessions last.
const (
	SessionLife = 12 * time.Hour
	SessionIdle = time.Hour

	maxSessions = 20 // of one member: then the one that began first makes room
	touchEach   = time.Minute
)

// open begins the session of a login that was let in.
func (t *Tenant) open(ctx context.Context, l engine.Login, d policy.Decision, stamp session.Stamp) (token string, err error) {
	token, id := session.NewToken()
	now := time.Now()
	country := d.Country
	if country == (geo.Country{}) {
		country = t.site.Countries.Country(l.Addr)
	}
	sessions := t.site.stores.Sessions
	if err := t.site.directory.Begin(ctx, l.Since, session.Session{
		ID: id, Tenant: t.ID, Member: l.Member, Stamp: stamp, Addr: l.Addr, Country: country,
		Created: now, Seen: now, Idle: SessionIdle, Life: SessionLife,
	}); err != nil {
		return "", err
	}
	live, err := sessions.List(ctx, t.ID, session.Query{Member: l.Member, LiveAt: now})
	for _, old := range live[min(maxSessions, len(live)):] {
		err = errors.Join(err, sessions.End(ctx, t.ID, old.First, now, "made room"))
	}
	return token, err
}

// Session returns the session that a token shows. The error is session.ErrNotFound,
// session.ErrEnded, or that there is no answer.
func (t *Tenant) Session(ctx context.Context, token string) (session.Session, error) {
	found, err := t.site.stores.Sessions.Find(ctx, t.ID, session.IDOf(token))
	if err == nil && !found.Live(time.Now()) {
		err = session.ErrEnded
	}
	return found, err
}

// Request is what the engine is asked about a request of a session from an address.
func (t *Tenant) Request(s session.Session, addr netip.Addr) engine.Request {
	return engine.Request{Tenant: t.ID, Member: s.Member, Plan: t.Plan, Session: s.ID, Stamp: s.Stamp, Addr: addr}
}

// Check decides a request of a session: whether it is alive, and the list again, with the
// address of now. It is an httpgate.Checker.
func (s *Site) Check(ctx context.Context, r engine.Request) (policy.Decision, error) {
	t := s.Tenant(r.Tenant)
	if t == nil {
		return policy.Decision{Reason: policy.ReasonNoPolicy}, nil
	}
	return t.engine.Check(ctx, r)
}

// Used notes that a session was used, once a minute. session.ErrEnded: it was ended
// meanwhile, and the request must be refused.
func (t *Tenant) Used(ctx context.Context, s session.Session, addr netip.Addr) error {
	now := time.Now()
	if now.Sub(s.Seen) < touchEach {
		return nil
	}
	return t.site.stores.Sessions.Touch(ctx, t.ID, s.ID, now, addr, t.site.Countries.Country(addr))
}

// Visit is a request of a session, as it was decided.
type Visit struct {
	Decision policy.Decision
	Session  session.Session // if allowed
	Seen     httpgate.Seen
}

// Visit decides a request that shows a token. A refusal by the list ends nothing; from the
// next address the session may be used again.
func (t *Tenant) Visit(ctx context.Context, seen httpgate.Seen, token string) Visit {
	v := Visit{Seen: seen}
	found, err := t.Session(ctx, token)
	if err == nil {
		v.Decision, err = t.site.Check(ctx, t.Request(found, seen.Addr))
		if err != nil {
			t.site.log.Warn("request", "tenant", t.ID, "error", err)
			return v
		}
		if !v.Decision.Allowed() {
			return v
		}
		err = t.Used(ctx, found, seen.Addr)
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		v.Decision = policy.Decision{Reason: policy.ReasonSessionUnknown}
	case errors.Is(err, session.ErrEnded):
		v.Decision = policy.Decision{Reason: policy.ReasonSessionEnded}
	case err != nil:
		t.site.log.Warn("request", "tenant", t.ID, "error", err)
		v.Decision = policy.Decision{Reason: policy.ReasonMemberStale}
	default:
		v.Session = found
	}
	return v
}

// Logout ends the session that a token shows. Where there is none, nothing happens. It is
// ended by its First: a renewal that is under way gives it another ID, and by the old one
// it would not be found any more, and live on.
func (t *Tenant) Logout(ctx context.Context, token string) error {
	sessions := t.site.stores.Sessions
	found, err := sessions.Find(ctx, t.ID, session.IDOf(token))
	if err == nil {
		err = sessions.End(ctx, t.ID, found.First, time.Now(), "signed out")
	}
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// changed tells the engines of acts on members, which would find them within a minute, and
// the Revoker of the stores.
type changed struct{ *Site }

func (c changed) Revoke(ctx context.Context, o session.Order) error {
	for _, e := range c.engines {
		e.MemberChanged(o.Tenant, o.Member)
	}
	if r := c.stores.Revoker; r != nil {
		return r.Revoke(ctx, o)
	}
	return nil
}

// records are the tenants' records as they were a moment ago, for what administrators are
// shown of sessions. Nothing is decided by them.
type records struct {
	mu   sync.Mutex
	kept map[session.TenantID]record
}

type record struct {
	policy.Record
	at time.Time
}

// alive reports whether the tenant's record lets a session live.
func (s *Site) alive(x session.Session) bool {
	t := s.Tenant(x.Tenant)
	if t == nil {
		return false
	}
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	r, ok := s.records.kept[t.ID]
	if !ok || time.Since(r.at) > time.Second/10 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		now, err := t.engine.Settings(ctx, t.ID)
		if err != nil {
			return false
		}
		if s.records.kept == nil {
			s.records.kept = make(map[session.TenantID]record)
		}
		r = record{now, time.Now()}
		s.records.kept[t.ID] = r
	}
	cuts := r.Cuts.Max(r.MemberCuts[member.ID(x.Member)])
	return cuts.Alive(x.Stamp.Client, x.Stamp.Policy, r.Version)
}
