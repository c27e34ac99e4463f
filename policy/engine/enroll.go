package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Enrollment is a tenant that begins to be decided for.
type Enrollment struct {
	Tenant   session.TenantID
	Plan     policy.Plan
	Settings policy.Settings // zero: everyone comes in from everywhere
	By       Place           // who enrolls; a zero By.Member is the system, which is not guarded
	Force    string          // as Act.Force
}

// Enroll makes the record of a tenant. One without a record is refused in every login, for
// what is missing may have been lost. Sessions from before live until their first cut; but
// a tenant that was removed begins anew, and none of its sessions lives.
//
// The error is ErrEnrolled if there is a record already, which stays as it is, and as that
// of Save otherwise.
func (e *Engine) Enroll(ctx context.Context, n Enrollment) (Saved, error) {
	if n.Tenant == "" {
		return Saved{}, errors.New("engine: the tenant to enroll has no id")
	}
	p, err := policy.Compile(n.Settings, &e.profile, e.o.Locator)
	if err != nil {
		return Saved{}, err
	}
	old, new := stand{policy.Settings{}, &e.profile, n.Plan}, stand{n.Settings.Clone(), &e.profile, n.Plan}
	if err := lacks(old, new); err != nil {
		return Saved{}, err
	}
	r, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (policy.Record, error) { return e.store.Load(ctx, n.Tenant) })
	switch {
	case err == nil && r.Tenant != n.Tenant:
		return Saved{}, errWrongTenant
	case err == nil && !r.Deleted:
		return Saved{Version: r.Version}, ErrEnrolled
	case err != nil && !errors.Is(err, session.ErrNotFound):
		return Saved{}, fmt.Errorf("engine: whether the tenant is enrolled cannot be read: %w", err)
	}
	former := r.Version // zero, unless there was one before
	now := e.clock.at(time.Now())
	a := Act{Tenant: n.Tenant, ID: rand.Text(), By: n.By, Force: n.Force}
	bypasses, out, err := e.guard(ctx, a, former, step{old, new, p, now}, nil)
	if err != nil {
		return Saved{}, err
	}
	c := &change{kind: "tenant-enrolled", bypasses: bypasses, out: out}
	c.next = policy.Record{Tenant: n.Tenant, Version: session.NewLine(), Plan: n.Plan, Settings: new.settings, Drafts: r.Drafts}
	c.diff.Summary = judge(old, new, now).Summary
	if former != (session.Version{}) {
		c.diff.SignOut = session.AllClients // from before stamps too, which no line tells apart
	}
	c.orders = e.linkFor(c.next, n.By.Member, now)
	saved, err := e.commit(ctx, e.tenant(n.Tenant), a, former, c, now)
	if errors.Is(err, session.ErrConflict) {
		return Saved{}, ErrEnrolled // by somebody else, meanwhile
	}
	return saved, err
}

// EnrollAll enrolls tenants of a service that begins to use Sallyport, and returns how many
// it did. Those that are enrolled already are passed over, so it may be repeated after an
// error, which names the tenant at which it stopped.
func (e *Engine) EnrollAll(ctx context.Context, all iter.Seq[Enrollment]) (int, error) {
	done := 0
	for n := range all {
		switch _, err := e.Enroll(ctx, n); {
		case err == nil:
			done++
		case !errors.Is(err, ErrEnrolled):
			return done, fmt.Errorf("tenant %s: %w", quote(string(n.Tenant)), err)
		}
	}
	return done, nil
}
