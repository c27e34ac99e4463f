package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// How long a save may be provisional.
const (
	minProvisional = 10 * time.Second
	maxProvisional = 24 * time.Hour
)

// skew is how far the clocks of two machines may be apart for a confirmation to be sure
// that none has seen the return yet.
const skew = 10 * time.Second

var (
	// ErrNotProvisional says that there is nothing to confirm or to take back: it was done.
	ErrNotProvisional = errors.New("engine: no provisional save is open")
)

// NotAdmittedError refuses to confirm a provisional save from a place that it does not
// admit without a bypass. Confirm from another place, or with Force.
type NotAdmittedError struct {
	Finding
	Force string `json:"force"`
}

// Error says from where the confirmation came.
func (e *NotAdmittedError) Error() string {
	return fmt.Sprintf("engine: the provisional save was not confirmed, because it admits no ordinary member here, and so this does not show that it works:\n\t%v\nconfirm it from a place that it admits; or, if it is meant so, repeat this with the error's Force", e.Finding)
}

// wayBack returns the step that takes a provisional one back at an instant.
func (e *Engine) wayBack(to step, at time.Time) (*step, error) {
	old := stand{to.old.settings, to.old.profile, to.new.plan} // the plan stays
	p, err := policy.CompileStored(old.settings, old.profile, e.o.Locator)
	return &step{to.new, old, p, at}, err
}

// provide makes a save provisional: it writes beside the new settings what they return to,
// compared and cut beforehand, as the number after.
func (e *Engine) provide(c *change, r policy.Record, back *step) {
	number := r.Version.Number + 1 // which c will have
	clients := e.profile.SignOut.Exception
	cuts, members := cutAt(number, r.Cuts, r.MemberCuts, c.diff, clients)
	cuts, members = cutAt(number+1, cuts, members, judge(back.old, back.new, back.at), clients)
	c.next.Return = &policy.Return{At: back.at, Settings: r.Settings, Cuts: cuts, MemberCuts: members}
}

// Confirm keeps a provisional save. It must come from a place that the new settings admit
// without a bypass, since anything else would not show that they work: the error is a
// *NotAdmittedError otherwise. Act.From is the version that the provisional save made. Of
// several who confirm at once one does; for the others, as for whoever comes after it was
// taken back, the error is a *policy.ConflictError, and the record says which it was.
//
// In the last MaxStale (and ten seconds) of the trial, when another machine may have taken
// the save back already, those are signed out once more whom the save signed out: who
// confirms too, and always where the trial is no longer than that.
func (e *Engine) Confirm(ctx context.Context, a Act) (Saved, error) {
	return e.act(ctx, a, whileOpen, func(r policy.Record, now time.Time) (*change, error) {
		if r.Return == nil {
			return nil, ErrNotProvisional
		}
		is := stand{r.Settings, &e.profile, r.Plan}
		if err := e.admitted(a, r, is, now); err != nil {
			return nil, err
		}
		// The number between is the return's, which a machine may have stamped by: one that
		// cannot reach the store and rests on its copy for MaxStale.
		c := &change{kind: "save-confirmed", next: r, skip: 1, notes: []string{"the provisional save was confirmed"}}
		c.next.Return = nil
		if left := r.Return.At.Sub(now); left <= e.o.MaxStale+skew {
			d := judge(stand{r.Return.Settings, &e.profile, r.Plan}, is, now)
			c.diff.SignOut, c.diff.SignOutMembers = d.SignOut, d.SignOutMembers
		}
		c.orders = e.linkFor(c.next, a.By.Member, now)
		return c, nil
	})
}

// admitted refuses to confirm from a place that the settings do not admit by its address.
func (e *Engine) admitted(a Act, r policy.Record, is stand, now time.Time) error {
	p, err := policy.CompileStored(r.Settings, &e.profile, e.o.Locator)
	if err != nil {
		return err
	}
	m := &member.Member{Tenant: r.Tenant, Status: member.Active} // an ordinary one, whom no exception names
	d := p.Evaluate(policy.Attempt{Addr: a.By.Addr, Client: a.By.Client, Plan: r.Plan, Member: m, At: now})
	if comesIn(d, a.By.Contact) && !bypass(d.Reason) {
		return nil
	}
	refusal := &NotAdmittedError{Finding: Finding{Member: a.By.Member, Client: a.By.Client, Addr: a.By.Addr, Decision: d, Acting: true}}
	l := LockoutError{Tenant: r.Tenant, Version: r.Version, Findings: []Finding{refusal.Finding}}
	if refusal.Force = l.digest(is, false); a.Force == refusal.Force {
		return nil
	}
	return refusal
}

// TakeBack takes a provisional save back at once: a save of the settings from before, as the
// number that its return has, guarded and cut as any other. Act.From is the version that
// the provisional save made, and Act.ID means nothing: it is taken back once, whoever does
// it, or the clock. Of any number who do it, at once or later, one is told what it did, and
// the others by Saved.Repeated that it is done; the history names who did. The error is
// ErrNotProvisional if it was none, and a *policy.ConflictError if it was confirmed.
func (e *Engine) TakeBack(ctx context.Context, a Act) (Saved, error) {
	if a.Tenant == "" {
		return Saved{}, ErrNotEnrolled
	}
	a.ID = returned + a.From.String() // so that the store takes one, of this and what bringBack writes
	return e.once(ctx, a, whileOpen, func(r policy.Record, now time.Time) (*change, error) {
		if r.Return == nil {
			return nil, ErrNotProvisional
		}
		back, err := e.wayBack(step{old: stand{r.Return.Settings, &e.profile, r.Plan}, new: stand{r.Settings, &e.profile, r.Plan}}, now)
		if err != nil {
			return nil, err
		}
		c, err := e.change(ctx, a, "save-taken-back", r, *back, nil)
		if err != nil {
			return nil, err
		}
		c.notes = []string{"the provisional save was taken back before its time"}
		c.next.Return = nil
		// What the return cuts is cut, for a machine whose clock is ahead may go by it already.
		c.next.Cuts, c.next.MemberCuts = r.Return.Cuts, r.Return.MemberCuts
		return c, nil
	})
}

// bringBack writes the return of a provisional save that is due.
func (e *Engine) bringBack(ctx context.Context, t *tenant, r policy.Record) (policy.Record, error) {
	back := r.Now(r.Return.At)
	back.Save = returned + r.Version.String()
	old, new := stand{r.Settings, &e.profile, r.Plan}, stand{back.Settings, &e.profile, r.Plan}
	c := &change{kind: "save-returned", next: back, diff: judge(old, new, back.At), notes: []string{"nobody confirmed the provisional save, so it was taken back"}}
	tell(back, &c.diff)
	orders := signOuts(back, r.Version, c.kind)
	for _, o := range e.linkFor(back, "", back.At) {
		o.Policy = back.Version
		orders = append(orders, o)
	}
	event := e.event(Act{Tenant: r.Tenant, ID: back.Save}, c, back.At)
	v, is, err := e.write(ctx, t, r.Version, back, event, orders)
	if err == nil {
		e.unnoteReturn(t.id)
		if !e.another(ctx, is, back) { // TakeBack may have been quicker
			e.observe(Observation{Kind: Changed, At: back.At, Tenant: r.Tenant, Version: v, Event: &event})
		}
	}
	return back, err
}

// due returns what decides where a provisional save may be over. The return is written
// first, so that a confirmation can no more be between; but it holds, written or not.
func (e *Engine) due(ctx context.Context, t *tenant, s *snapshot) (*snapshot, error) {
	if s.back == nil || e.clock.at(time.Now()).Before(s.backAt) {
		return s, nil
	}
	within, cancel := context.WithTimeout(ctx, e.o.LoadTimeout)
	defer cancel()
	r, err := e.record(within, t)
	if err == nil && r.Return != nil && r.Version == s.version {
		_, err = e.bringBack(within, t, r)
	}
	switch {
	case errors.Is(err, ErrNotEnrolled):
		return nil, session.ErrNotFound
	case answered(err):
		return nil, err
	case err != nil && !errors.Is(err, session.ErrConflict):
		return s.back, nil
	}
	if s, err = e.current(ctx, t); err != nil {
		return nil, err
	}
	return s.now(e.clock.at(time.Now()), session.Version{}), nil
}

// noteReturn remembers a provisional save for Run to take back, or that it is none.
func (e *Engine) noteReturn(r policy.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Return == nil {
		delete(e.returns, r.Tenant)
	} else {
		e.returns[r.Tenant] = r.Return.At
	}
}

func (e *Engine) unnoteReturn(t session.TenantID) { e.noteReturn(policy.Record{Tenant: t}) }

// dueReturns returns the tenants whose provisional save is over.
func (e *Engine) dueReturns(now time.Time) []session.TenantID {
	e.mu.Lock()
	defer e.mu.Unlock()
	var due []session.TenantID
	for t, at := range e.returns {
		if !now.Before(at) {
			due = append(due, t)
		}
	}
	slices.Sort(due)
	return due
}
