package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// step is a change of what decides, at an instant.
type step struct {
	old, new stand
	policy   *policy.Policy // of new
	at       time.Time
}

// guard refuses a step that shuts administrators out, and one that would when it is taken
// back; version is the record's. It returns the places that only a bypass admits then.
func (e *Engine) guard(ctx context.Context, a Act, version session.Version, to step, back *step) ([]Finding, error) {
	provisional := back != nil // what was accepted for a while is not accepted for good
	narrows := !widens(to.old, to.new, to.at)
	if back != nil && widens(back.old, back.new, back.at) {
		back = nil
	}
	if !narrows && back == nil {
		return nil, nil
	}
	seats, err := e.seats(ctx, a)
	if err != nil {
		return nil, err
	}
	var refusal *LockoutError
	var bypasses []Finding
	if narrows {
		refusal, bypasses = to.try(seats)
	}
	if back != nil {
		if returns, _ := back.try(seats); returns != nil {
			if refusal == nil {
				refusal = new(LockoutError)
			}
			refusal.Return = returns
		}
	}
	if refusal == nil {
		return bypasses, nil
	}
	if refusal.refuses() {
		e.mend(refusal, to, seats)
	}
	refusal.Tenant, refusal.Version = a.Tenant, version
	refusal.Force = refusal.digest(to.new, provisional)
	if a.Force == refusal.Force {
		return bypasses, nil
	}
	return nil, refusal
}

// try decides a login from each seat as the step would, at its instant and after each end
// that the settings name. It returns why the step is to be refused, or nil, and the places
// that only a bypass admits, each from when on.
func (s step) try(seats []seat) (refusal *LockoutError, bypasses []Finding) {
	refusal = new(LockoutError)
	if s.new.inForce().Access == policy.DesignatedAddresses {
		refusal.NothingFrom, refusal.Nothing = emptyFrom(s.new.settings.Designated, s.at)
	}
	told := make(map[int]bool) // seats among bypasses
	for _, at := range append([]time.Time{s.at}, endsAfter(s.new.settings, s.at)...) {
		var from time.Time // zero: at once
		if !at.Equal(s.at) {
			from = at
		}
		var out []Finding
		acting := false
		for i, seat := range seats {
			d := s.policy.Evaluate(policy.Attempt{Addr: seat.Addr, Client: seat.Client, Plan: s.new.plan, Member: seat.member, At: at})
			f := Finding{seat.Member, seat.Client, seat.Addr, from, d, seat.acting}
			switch {
			case !comesIn(d, seat.Contact):
				out, acting = append(out, f), acting || seat.acting
			case bypass(d.Reason) && !told[i]:
				bypasses, told[i] = append(bypasses, f), true
			}
		}
		if acting || len(out) > 0 && len(out) == len(seats) {
			refusal.Findings = out
			break // what comes after is no better
		}
	}
	if !refusal.refuses() {
		return nil, bypasses
	}
	return refusal, bypasses
}

// comesIn reports whether somebody who is answered so can come in.
func comesIn(d policy.Decision, contact bool) bool {
	return d.Effect == policy.Allow || d.Effect == policy.ChangePassword || d.Effect == policy.Verify && contact
}

// bypass reports whether somebody was let in by something else than the address.
func bypass(r policy.Reason) bool {
	return r == policy.ReasonSuperAdmin || r == policy.ReasonMemberExcepted || r == policy.ReasonClientExempt
}

// emptyFrom returns from when on no entry is in force, and whether that ever is; the time
// is zero if it is so at an instant already.
func emptyFrom(entries []policy.Entry, at time.Time) (time.Time, bool) {
	var last time.Time
	for _, e := range entries {
		switch {
		case e.Range.IsZero():
		case e.Until.IsZero():
			return time.Time{}, false
		case !over(e.Until, at) && e.Until.After(last):
			last = e.Until.Round(0)
		}
	}
	return last, true
}

// endsAfter returns the ends in settings after an instant, in order: when they decide
// otherwise than before.
func endsAfter(s policy.Settings, at time.Time) []time.Time {
	var ends []time.Time
	add := func(until time.Time) {
		if !until.IsZero() && !over(until, at) {
			ends = append(ends, until.Round(0))
		}
	}
	for _, e := range s.Designated {
		add(e.Until)
	}
	for _, x := range s.Exceptions {
		add(x.Until)
	}
	slices.SortFunc(ends, time.Time.Compare)
	return slices.CompactFunc(ends, time.Time.Equal)
}

// seat is a place with the member who is there.
type seat struct {
	Place
	member *member.Member
	acting bool
}

// seats returns where administrators come from: the acting one with the client in use and
// by the web, the others from where they were last seen.
func (e *Engine) seats(ctx context.Context, a Act) ([]seat, error) {
	var seats []seat
	if a.By.Member != "" {
		m, err := e.official(ctx, a.Tenant, a.By.Member)
		if err != nil {
			return nil, err
		}
		m.Blocked &^= session.ClientsOf(a.By.Client) // for they are in
		seats = append(seats, seat{a.By, m, true})
		if web := a.By; web.Client != session.Web && e.profile.Clients.Has(session.Web) && !m.Blocked.Has(session.Web) {
			web.Client = session.Web
			seats = append(seats, seat{web, m, true})
		}
	}
	if e.o.Administrators == nil {
		return seats, nil
	}
	others, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) ([]Place, error) { return e.o.Administrators.Administrators(ctx, a.Tenant) })
	if err != nil {
		return nil, fmt.Errorf("engine: whether the administrators could still come in is not known: %w", err)
	}
	found := make(map[member.ID]*member.Member, len(others))
	for _, p := range others {
		if p.Member == a.By.Member {
			continue
		}
		m, ok := found[p.Member]
		if !ok {
			if m, err = e.official(ctx, a.Tenant, p.Member); err != nil && !errors.Is(err, session.ErrNotFound) {
				return nil, err
			}
			found[p.Member] = m
		}
		if m != nil { // nobody comes in as one who is not there
			seats = append(seats, seat{p, m, false})
		}
	}
	return seats, nil
}

// official asks Members for an administrator, as a login would find them but for what the
// change is not to blame for and they can mend: a lock, a password that is to be changed.
func (e *Engine) official(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	who, err := e.ask(ctx, e.person(name{t, id}))
	if err != nil {
		return nil, fmt.Errorf("engine: whether %s could still come in is not known: %w", quote(string(id)), err)
	}
	m := *who.member
	m.MustChangePassword = false
	if m.Status == member.Locked {
		m.Status = member.Active
	}
	return &m, nil
}

// mend proposes what a refused step lacks: the entry of an address that was seen, or the
// country of it, the acting administrator's first. What it proposes is taken by the
// profile and opens the step.
func (e *Engine) mend(l *LockoutError, to step, seats []seat) {
	for _, seat := range seats[:min(len(seats), 10)] {
		addr := ipset.Canonical(seat.Addr)
		r, err := ipset.RangeFrom(addr, addr)
		if err != nil {
			continue
		}
		switch s := to.new.settings.Clone(); to.new.inForce().Access {
		case policy.DesignatedAddresses:
			entry := policy.Entry{Range: r}
			if s.Designated = append(s.Designated, entry); e.mends(s, to, seats) {
				l.Mend = entry
				return
			}
		default:
			d := to.policy.Evaluate(policy.Attempt{Addr: seat.Addr, Client: seat.Client, Plan: to.new.plan, Member: seat.member, At: to.at})
			if s.Overseas.Exempt = s.Overseas.Exempt.With(d.Country); e.mends(s, to, seats) {
				l.MendCountry = d.Country
				return
			}
		}
	}
}

// mends reports whether a step to other settings could be saved and shuts nobody out.
func (e *Engine) mends(s policy.Settings, to step, seats []seat) bool {
	p, err := policy.Compile(s, &e.profile, e.o.Locator)
	if err != nil {
		return false
	}
	to.new.settings, to.policy = s, p
	refusal, _ := to.try(seats)
	return refusal == nil
}
