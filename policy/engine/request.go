package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Request is one request of a live session. All but Addr and Plan comes from the host's
// record of the session, where the client cannot change it.
type Request struct {
	Tenant  session.TenantID
	Member  member.ID
	Plan    policy.Plan
	Session session.ID // asked only of Options.Sessions
	Stamp   session.Stamp
	Addr    netip.Addr
}

// Check decides a request. A deny refuses this request, and another one from elsewhere may
// be let in; only session-unknown, session-ended and session-cut end the session, and the
// host may forget it then. Verify asks for an identity verification, after which the host
// begins a new session with Admit.
//
// It rests on copies that are younger than MaxStale, and allocates nothing then. The error
// says for a log why there was nothing to rest on; it comes beside Deny only.
func (e *Engine) Check(ctx context.Context, r Request) (d policy.Decision, err error) {
	// The copies that decide, if they are there, not due to be read anew, and not older
	// than the stamp. All of it stands in one function, for calls are what it costs.
	var s *snapshot
	var who *someone
	now := e.clock.now()
	if p := e.people.glimpse(e.nameHash(name{r.Tenant, r.Member})); p != nil && p.member == r.Member && p.name.tenant == r.Tenant {
		if t := p.tenant.Load(); t != nil {
			p.use.touch()
			t.use.touch()
			s, who = t.copy.Load(), p.copy.Load()
			if s == nil || who == nil || s.read.age(now) > t.due || who.read.age(now) > p.due ||
				!s.covers(r.Stamp.Policy) || !who.covers(r.Stamp.Member) {
				s = nil
			}
		}
	}
	if s == nil || spent(ctx) != nil {
		s, who, d, err = e.prepare(ctx, &r, now)
		now = e.clock.now()
	}
	if s != nil { // first whether the session is alive, then the list with the address of now
		var at time.Time // zero, where nothing ends: Evaluate does not look at it either
		if s.ends || e.o.Sessions != nil {
			at = e.clock.told(now)
			s = s.now(at, r.Stamp.Policy)
		}
		switch m := who.member; {
		case s.policy == nil:
			d.Reason = policy.ReasonNoPolicy
		case !s.cuts.Alive(r.Stamp.Client, r.Stamp.Policy, s.version), // of the tenant
			len(s.members) > 0 && !s.members[r.Member].Live(r.Stamp.Client, r.Stamp.Policy.Number), // of the member, by settings
			!m.Cuts.Alive(r.Stamp.Client, r.Stamp.Member, m.Version):                               // of the member
			d.Reason = policy.ReasonSessionCut
		case e.o.Sessions != nil: // of this session
			d, err = e.single(ctx, s, who, &r, at)
		default:
			d = s.policy.Evaluate(policy.Attempt{Addr: r.Addr, Client: r.Stamp.Client, Plan: r.Plan, Member: m, Request: true, At: at})
			if d.Effect == policy.Verify || s.draft != nil {
				d = e.walk(s, m, &r, at)
			}
		}
	}
	if e.o.Observer != nil {
		e.requested(&r, now, d, err)
	}
	return d, err
}

// requested stands by itself so that Check is small where nobody observes.
//
//go:noinline
func (e *Engine) requested(r *Request, now moment, d policy.Decision, err error) {
	e.observe(Observation{Kind: Requested, At: e.clock.told(now), Tenant: r.Tenant, Member: r.Member, Client: r.Stamp.Client, Addr: r.Addr, Decision: d, Err: err})
}

// covers reports whether a record at version now can have given a stamp.
func covers(now, stamped session.Version) bool {
	return stamped.Line == now.Line && stamped.Number <= now.Number || stamped == session.Version{}
}

func (s *snapshot) covers(stamped session.Version) bool {
	return covers(s.version, stamped) || s.back != nil && covers(s.back.version, stamped)
}

func (s *someone) covers(stamped session.Version) bool { return covers(s.member.Version, stamped) }

// prepare finds what a request is decided by where the copies are not all there, are due
// to be read anew, or are older than its stamp. If it finds none, the decision says why.
func (e *Engine) prepare(ctx context.Context, r *Request, now moment) (*snapshot, *someone, policy.Decision, error) {
	if err := spent(ctx); err != nil {
		return nil, nil, policy.Decision{Reason: policy.ReasonPolicyStale}, err
	}
	if r.Tenant == "" {
		return nil, nil, policy.Decision{Reason: policy.ReasonNoPolicy}, nil
	}
	t := e.tenant(r.Tenant)
	s, err := stamped(ctx, e, &t.place, now, r.Stamp.Policy, e.reader(t), (*snapshot).covers)
	if err != nil {
		return nil, nil, e.refuse(r, err, policy.ReasonNoPolicy, policy.ReasonPolicyStale), err
	}
	if r.Member == "" {
		return nil, nil, policy.Decision{Reason: policy.ReasonUnknownMember}, nil
	}
	p := e.person(name{r.Tenant, r.Member})
	p.tenant.Store(t)
	who, err := stamped(ctx, e, &p.place, now, r.Stamp.Member, e.asker(p), (*someone).covers)
	if err != nil {
		return nil, nil, e.refuse(r, err, policy.ReasonUnknownMember, policy.ReasonMemberStale), err
	}
	if d, err := e.late(s, who); err != nil {
		return nil, nil, d, err
	}
	return s, who, policy.Decision{}, nil
}

// stamped returns a copy of p that is fresh and covers a stamp, or is on another line. Of
// that nobody is alarmed: after a restart the line of before NewLine or Remove is as unknown
// here as one that was forged, so each old cookie would, and all of them are session-cut.
func stamped[T copied](ctx context.Context, e *Engine, p *place[T], now moment, v session.Version, read reader[T], covers func(*T, session.Version) bool) (*T, error) {
	s, err := p.fresh(ctx, e, now, read)
	if err != nil || covers(s, v) {
		return s, err
	}
	is, _ := (*s).at()
	if p.strange(e.seen, is, v.Line) {
		return s, nil
	}
	if s, err = p.again(ctx, e, func(s *T) bool { return covers(s, v) }, read); err != nil || covers(s, v) {
		return s, err
	}
	if is, _ = (*s).at(); is.Line == v.Line {
		return nil, errAbove
	}
	p.estrange(is, v.Line)
	return s, nil
}

// errAbove says that the store has gone back, though this process has not seen it go.
var errAbove = fmt.Errorf("engine: a session carries a stamp above what the store has: %w", errRegression)

// refuse is the decision where a record could not be read.
func (e *Engine) refuse(r *Request, err error, missing, stale policy.Reason) policy.Decision {
	if errors.Is(err, errAbove) {
		e.alarm(r.Tenant, r.Member, err)
	}
	return without(err, missing, stale)
}

// without is the decision where a record could not be read.
func without(err error, missing, stale policy.Reason) policy.Decision {
	switch {
	case errors.Is(err, session.ErrNotFound):
		return policy.Decision{Reason: missing}
	case errors.Is(err, errRegression):
		return policy.Decision{Reason: policy.ReasonVersionRegression}
	case errors.Is(err, errWrongTenant):
		return policy.Decision{Reason: policy.ReasonWrongTenant}
	}
	return policy.Decision{Reason: stale}
}

// late refuses to decide by copies that were too old when they came, or have become so.
func (e *Engine) late(s *snapshot, who *someone) (policy.Decision, error) {
	now := e.clock.look()
	switch {
	case e.stale(s.read, now):
		return policy.Decision{Reason: policy.ReasonPolicyStale}, errLate
	case e.stale(who.read, now):
		return policy.Decision{Reason: policy.ReasonMemberStale}, errLate
	}
	return policy.Decision{}, nil
}

// walk asks the list. A verification counts only in the country in which it was made; where
// neither country is known they are the same, or nobody could come in whose country is not.
func (e *Engine) walk(s *snapshot, m *member.Member, r *Request, at time.Time) policy.Decision {
	a := policy.Attempt{Addr: r.Addr, Client: r.Stamp.Client, Plan: r.Plan, Member: m, Request: true, At: at}
	by := func(p *policy.Policy) policy.Decision {
		a.Verified = false
		d := p.Evaluate(a)
		if d.Effect == policy.Verify && r.Stamp.Verified && d.Country == r.Stamp.Country {
			a.Verified = true
			d = p.Evaluate(a)
		}
		return d
	}
	d := by(s.policy)
	if s.draft != nil {
		e.compare(s, r.Tenant, a, d, by(s.draft))
	}
	return d
}

// SessionsOf returns Options.Sessions for sessions that are kept in a [session.Store].
func SessionsOf(s session.Store) Sessions { return sessionsOf{s} }

type sessionsOf struct{ session.Store }

func (s sessionsOf) Ended(ctx context.Context, t session.TenantID, id session.ID, at time.Time) (bool, error) {
	found, err := s.Find(ctx, t, id)
	return err == nil && !found.Live(at), err
}

// single asks whether the session itself has ended, and then the list. What does not
// answer refuses.
func (e *Engine) single(ctx context.Context, s *snapshot, who *someone, r *Request, at time.Time) (policy.Decision, error) {
	t, id := r.Tenant, r.Session
	ended, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (bool, error) { return e.o.Sessions.Ended(ctx, t, id, at) })
	switch {
	case errors.Is(err, session.ErrNotFound):
		return policy.Decision{Reason: policy.ReasonSessionUnknown}, nil
	case err != nil:
		return policy.Decision{Reason: policy.ReasonMemberStale}, err // and not one that ends the session
	case ended:
		return policy.Decision{Reason: policy.ReasonSessionEnded}, nil
	}
	if d, err := e.late(s, who); err != nil {
		return d, err
	}
	return e.walk(s, who.member, r, at), nil
}
