package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
// back; version is the record's. It returns the places that only a bypass admits then, and
// those that the step shuts out though it is not refused.
func (e *Engine) guard(ctx context.Context, a Act, version session.Version, to step, back *step) (bypasses, out []Finding, err error) {
	provisional := back != nil // what was accepted for a while is not accepted for good
	narrows := !widens(to.old, to.new, to.at)
	if back != nil && widens(back.old, back.new, back.at) {
		back = nil
	}
	if !narrows && back == nil {
		return nil, nil, nil
	}
	seats, err := e.seats(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	var refusal *LockoutError
	if narrows {
		refusal, bypasses = to.try(seats)
		out = e.shutOut(to, seats)
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
		return bypasses, out, nil
	}
	if refusal.refuses() {
		e.mend(refusal, to, seats)
	}
	refusal.Tenant, refusal.Version = a.Tenant, version
	refusal.Force = refusal.digest(to.new, provisional)
	if a.Force == refusal.Force {
		return bypasses, out, nil
	}
	return nil, nil, refusal
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
	for _, at := range s.instants() {
		var out []Finding
		acting := false
		for i, seat := range seats {
			f := s.find(seat, at)
			switch {
			case !comesIn(f.Decision, seat.Contact):
				out, acting = append(out, f), acting || seat.acting
			case bypass(f.Decision.Reason) && !told[i]:
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

// shutOut returns the places that a step shuts out, each from the first instant at which
// nobody comes in from there and would have without the step.
func (e *Engine) shutOut(s step, seats []seat) (out []Finding) {
	// What cannot be understood any more let in, for all that is known.
	before := sync.OnceValues(func() (*policy.Policy, error) {
		return policy.CompileStored(s.old.settings, s.old.profile, e.o.Locator)
	})
	told := make(map[int]bool)
	for _, at := range s.instants() {
		for i, seat := range seats {
			if told[i] {
				continue
			}
			f := s.find(seat, at)
			if comesIn(f.Decision, seat.Contact) {
				continue
			}
			if p, err := before(); err == nil && !comesIn(p.Evaluate(seat.attempt(s.old.plan, at)), seat.Contact) {
				continue
			}
			out, told[i] = append(out, f), true
		}
	}
	return out
}

// instants returns when a step decides otherwise than before: its own instant, and each end
// that the settings name after it.
func (s step) instants() []time.Time {
	return append([]time.Time{s.at}, endsAfter(s.new.settings, s.at)...)
}

// find decides a login from a seat at one of the instants.
func (s step) find(seat seat, at time.Time) Finding {
	var from time.Time // zero: at once
	if !at.Equal(s.at) {
		from = at
	}
	return Finding{seat.Member, seat.Client, seat.Addr, from, s.policy.Evaluate(seat.attempt(s.new.plan, at)), seat.acting}
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

func (s seat) attempt(plan policy.Plan, at time.Time) policy.Attempt {
	return policy.Attempt{Addr: s.Addr, Client: s.Client, Plan: plan, Member: s.member, At: at}
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
// profile and opens the step. Whom the step shuts out even with that is told too.
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
			s.Designated = append(s.Designated, entry)
			if mended, ok := e.mended(s, to, seats); ok {
				l.Mend, l.StillOut = entry, e.shutOut(mended, seats)
				return
			}
		default:
			country := to.find(seat, to.at).Decision.Country
			s.Overseas.Exempt = s.Overseas.Exempt.With(country)
			if mended, ok := e.mended(s, to, seats); ok {
				l.MendCountry, l.StillOut = country, e.shutOut(mended, seats)
				return
			}
		}
	}
}

// mended returns the step to other settings, and whether they can be saved and it is not
// refused.
func (e *Engine) mended(s policy.Settings, to step, seats []seat) (step, bool) {
	p, err := policy.Compile(s, &e.profile, e.o.Locator)
	if err != nil {
		return step{}, false
	}
	to.new.settings, to.policy = s, p
	refusal, _ := to.try(seats)
	return to, refusal == nil
}
