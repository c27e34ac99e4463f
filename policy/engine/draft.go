package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// ErrNoDraft says that the draft that was named is not there: it was promoted, dropped or
// replaced by another.
var ErrNoDraft = errors.New("engine: there is no such draft; somebody has promoted, dropped or replaced it")

// Try puts settings on trial beside those in force: from now on each decision is made by
// both, and where their effects differ the observer is told; members notice nothing. It
// returns the number of the draft, which replaces one that there is. Nothing else changes,
// and nobody is signed out. The number is 0 if the act is a repetition, and the draft of
// then is not kept any more.
func (e *Engine) Try(ctx context.Context, a Act, plan policy.Plan, draft policy.Settings) (number uint64, saved Saved, err error) {
	draft = draft.Clone()
	if _, err := policy.Compile(draft, &e.profile, e.o.Locator); err != nil {
		return 0, Saved{}, err
	}
	saved, err = e.act(ctx, a, 0, func(r policy.Record, now time.Time) (*change, error) {
		if err := lacks(stand{r.Settings, &e.profile, r.Plan}, stand{draft, &e.profile, plan}); err != nil {
			return nil, err
		}
		c := &change{kind: "draft-tried", next: r}
		c.next.Drafts++
		number = c.next.Drafts
		c.next.Draft = &policy.Draft{Number: number, Settings: draft, By: a.By.Member, At: now.Round(0)}
		c.notes = []string{fmt.Sprintf("draft %d is on trial", number)}
		c.orders = e.linkFor(c.next, a.By.Member, now) // the one of the version before works no more
		return c, nil
	})
	if err != nil {
		return 0, Saved{}, err
	}
	if saved.Repeated {
		number = e.triedBy(ctx, a.Tenant, saved.Version)
	}
	return number, saved, nil
}

// triedBy returns the number of the draft that a repeated act has made, or 0.
func (e *Engine) triedBy(ctx context.Context, t session.TenantID, v session.Version) uint64 {
	r, err := e.record(ctx, e.tenant(t))
	if err != nil || r.Version != v {
		past, _ := e.earlier(ctx, t, v)
		r = past.Record
	}
	if r.Version != v || r.Draft == nil {
		return 0
	}
	return r.Draft.Number
}

// Promote puts a draft in force: a save like any other, of the draft of that number.
func (e *Engine) Promote(ctx context.Context, a Act, plan policy.Plan, number uint64) (Saved, error) {
	return e.act(ctx, a, 0, func(r policy.Record, now time.Time) (*change, error) {
		if r.Draft == nil || r.Draft.Number != number {
			return nil, ErrNoDraft
		}
		s := Save{Act: a, Plan: plan, Settings: r.Draft.Settings}
		r.Draft = nil
		c, err := e.replace(ctx, s, "draft-promoted", r, now)
		if err == nil {
			c.notes = []string{fmt.Sprintf("draft %d is in force", number)}
		}
		return c, err
	})
}

// Drop ends the trial of a draft.
func (e *Engine) Drop(ctx context.Context, a Act, number uint64) (Saved, error) {
	return e.act(ctx, a, 0, func(r policy.Record, at time.Time) (*change, error) {
		if r.Draft == nil || r.Draft.Number != number {
			return nil, ErrNoDraft
		}
		c := &change{kind: "draft-dropped", next: r, notes: []string{fmt.Sprintf("draft %d was dropped", number)}}
		c.next.Draft = nil
		c.orders = e.linkFor(c.next, a.By.Member, at)
		return c, nil
	})
}

// compare tells the observer where a draft would have answered otherwise. That it would
// have let in for another reason is no difference.
func (e *Engine) compare(s *snapshot, t session.TenantID, a policy.Attempt, d, tried policy.Decision) {
	if d.Effect == tried.Effect || e.o.Observer == nil {
		return
	}
	e.observe(Observation{Kind: Tried, At: a.At, Tenant: t, Member: a.Member.ID, Client: a.Client, Addr: a.Addr, Decision: d, Draft: tried, Version: s.version})
}
