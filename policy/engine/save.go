package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Save replaces a tenant's settings.
type Save struct {
	Act
	Plan     policy.Plan // what the tenant has bought: what it lacks cannot be switched on
	Settings policy.Settings

	// Provisional takes the save back after so long unless it is confirmed; see Confirm.
	// From 10 seconds to 24 hours; anything else is a *policy.InvalidError. Who is to stay
	// signed in after Confirm needs one longer than MaxStale. 0: the save stays.
	Provisional time.Duration
}

// Save checks settings, ends the sessions that they end, and writes all of it at once.
//
// The error is a *policy.InvalidError with everything that is wrong with the settings, a
// *LockoutError if administrators would be shut out, a *policy.ConflictError if somebody
// else has saved, ErrProvisional or ErrNotEnrolled; nothing was saved then. Any other
// error leaves open whether it was: repeat the save with the same Act.ID.
//
// Read settings that come as text by [policy.Decode], which tells at once what is wrong with
// the text and with what it means. Read by json.Unmarshal, they have told all that is wrong
// with the text before Save can say what is wrong with the meaning.
func (e *Engine) Save(ctx context.Context, s Save) (Saved, error) {
	if s.Provisional != 0 && (s.Provisional < minProvisional || s.Provisional > maxProvisional) {
		return Saved{}, invalid("provisional", "bad-provisional", s.Provisional.String(), "a save cannot be provisional for so long")
	}
	s.Settings = s.Settings.Clone()
	return e.act(ctx, s.Act, 0, func(r policy.Record, now time.Time) (*change, error) {
		return e.replace(ctx, s, "settings-saved", r, now)
	})
}

// replace is every save of other settings.
func (e *Engine) replace(ctx context.Context, s Save, kind string, r policy.Record, now time.Time) (*change, error) {
	p, err := policy.Compile(s.Settings, &e.profile, e.o.Locator)
	if err != nil {
		return nil, err
	}
	to := step{stand{r.Settings, &e.profile, r.Plan}, stand{s.Settings, &e.profile, s.Plan}, p, now}
	if err := lacks(to.old, to.new); err != nil {
		return nil, err
	}
	if s.Provisional == 0 {
		return e.change(ctx, s.Act, kind, r, to, nil)
	}
	back, err := e.wayBack(to, now.Add(s.Provisional).Round(0))
	if err != nil {
		return nil, err
	}
	c, err := e.change(ctx, s.Act, kind, r, to, back)
	if err == nil {
		e.provide(c, r, back)
	}
	return c, err
}

// change judges and guards a step, and prepares what every save has. back is the step that
// takes it back; nil: there is none.
func (e *Engine) change(ctx context.Context, a Act, kind string, r policy.Record, to step, back *step) (*change, error) {
	bypasses, out, err := e.guard(ctx, a, r.Version, to, back)
	if err != nil {
		return nil, err
	}
	c := &change{kind: kind, next: r, diff: judge(to.old, to.new, to.at), bypasses: bypasses, out: out}
	c.next.Settings, c.next.Plan = to.new.settings, to.new.plan
	c.orders = e.linkFor(c.next, a.By.Member, to.at)
	return c, nil
}

// PlanChanged tells that a tenant has bought another plan. What that begins to put in
// force is judged, guarded and cut as if it had just been switched on. Call it before the
// plan is used in logins; until it is, logins may name either. While a provisional save is
// open it is ErrProvisional: call it again.
func (e *Engine) PlanChanged(ctx context.Context, a Act, plan policy.Plan) (Saved, error) {
	return e.act(ctx, a, unversioned, func(r policy.Record, now time.Time) (*change, error) {
		old, new := stand{r.Settings, &e.profile, r.Plan}, stand{r.Settings, &e.profile, plan}
		if _, known := new.features(); !known {
			return nil, lacks(old, new)
		}
		return e.rejudge(ctx, a, "plan-changed", r, old, new, fmt.Sprintf("plan: %q, was %q", plan, r.Plan), now)
	})
}

// ProfileChanged tells that the product's rules were was before they became the profile
// that this engine has. What that begins to put in force for a tenant is judged, guarded
// and cut as if it had just been switched on. Call it for each tenant after an upgrade
// that alters the profile, with an Act.ID that names the upgrade, so that it may be
// repeated.
func (e *Engine) ProfileChanged(ctx context.Context, a Act, was *policy.Profile) (Saved, error) {
	if was == nil {
		return Saved{}, errors.New("engine: the profile of before is needed")
	}
	return e.act(ctx, a, unversioned, func(r policy.Record, now time.Time) (*change, error) {
		return e.rejudge(ctx, a, "profile-changed", r, stand{r.Settings, was, r.Plan}, stand{r.Settings, &e.profile, r.Plan},
			fmt.Sprintf("profile: %q, was %q", e.profile.Name, was.Name), now)
	})
}

// rejudge is a save of the same settings, which decide as they were accepted.
func (e *Engine) rejudge(ctx context.Context, a Act, kind string, r policy.Record, old, new stand, note string, now time.Time) (*change, error) {
	p, err := policy.CompileStored(new.settings, new.profile, e.o.Locator)
	if err != nil {
		return nil, err
	}
	c, err := e.change(ctx, a, kind, r, step{old, new, p, now}, nil)
	if err != nil {
		return nil, err
	}
	c.notes = []string{note}
	return c, nil
}

// NewLine draws a new line for a tenant's record: every session of before is dead. Call it
// for each tenant after a backup of the store was restored, since sessions of the time
// that was lost would be alive again where counting goes on. What was seen before does not
// hold it up.
func (e *Engine) NewLine(ctx context.Context, a Act) (Saved, error) {
	return e.act(ctx, a, unversioned|whileOpen|gonebehind, func(r policy.Record, now time.Time) (*change, error) {
		c := &change{kind: "new-line", next: r, notes: []string{"a new line was drawn, which ends every session"}}
		if r.Return != nil { // which nobody can confirm any more
			c.next.Settings, c.next.Return = r.Return.Settings, nil
			c.notes = append(c.notes, "the provisional save was taken back")
		}
		c.next.Version = session.NewLine()
		c.next.Cuts, c.next.MemberCuts = session.Cuts{}, nil
		c.diff.SignOut = session.AllClients // from before stamps too, which no line tells apart
		c.orders = e.linkFor(c.next, a.By.Member, now)
		return c, nil
	})
}

// Remove removes a tenant. What is left says that there was one, so that nothing of it
// lives in a tenant that is enrolled again by the same id. Its settings are gone; what the
// store keeps of its history is the store's.
func (e *Engine) Remove(ctx context.Context, a Act) (Saved, error) {
	return e.act(ctx, a, unversioned|whileOpen|gonebehind, func(r policy.Record, _ time.Time) (*change, error) {
		c := &change{kind: "tenant-removed", notes: []string{"the tenant was removed"}}
		c.next = policy.Record{Tenant: r.Tenant, Version: r.Version, Cuts: r.Cuts, MemberCuts: r.MemberCuts, Drafts: r.Drafts, Deleted: true}
		c.diff.SignOut = session.AllClients
		return c, nil
	})
}
