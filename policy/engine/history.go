package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// ErrNoHistory says that the store keeps no earlier versions, or not this one.
var ErrNoHistory = errors.New("engine: the store does not keep that version")

// Settings returns a tenant's record as it decides now, to edit and to save: its version is
// Act.From. The error is ErrNotEnrolled if there is none.
func (e *Engine) Settings(ctx context.Context, t session.TenantID) (policy.Record, error) {
	if t == "" {
		return policy.Record{}, ErrNotEnrolled
	}
	r, err := e.record(ctx, e.tenant(t))
	if err != nil {
		return policy.Record{}, err
	}
	return r.Now(e.clock.at(time.Now())).Clone(), nil
}

// History returns the saves of a tenant, newest first, at most n: who, when and, in the
// event's Summary, what changed in words. If before is not zero, only those before the save
// that made that version.
func (e *Engine) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
	h, ok := e.store.(policy.Historian)
	if !ok {
		return nil, ErrNoHistory
	}
	saves, err := call(ctx, e, 0, func(ctx context.Context) ([]policy.Past, error) { return h.History(ctx, t, before, n) })
	if err == nil && slices.ContainsFunc(saves, func(p policy.Past) bool { return p.Record.Tenant != t }) {
		return nil, errWrongTenant
	}
	return saves, err
}

// earlier returns the save that made a version of a tenant.
func (e *Engine) earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	h, ok := e.store.(policy.Historian)
	if !ok {
		return policy.Past{}, ErrNoHistory
	}
	return call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (policy.Past, error) { return h.Earlier(ctx, t, v) })
}

// Restore brings back the settings of an earlier version: a save like any other, checked,
// guarded and cut as if somebody had written them now. The cuts stay.
func (e *Engine) Restore(ctx context.Context, a Act, plan policy.Plan, earlier session.Version) (Saved, error) {
	past, err := e.earlier(ctx, a.Tenant, earlier)
	switch {
	case errors.Is(err, session.ErrNotFound), err == nil && past.Record.Deleted: // which has no settings
		err = ErrNoHistory
	case err == nil && (past.Record.Tenant != a.Tenant || past.Record.Version != earlier):
		err = errWrongTenant
	}
	if err != nil {
		return Saved{}, err
	}
	s := Save{Act: a, Plan: plan, Settings: past.Record.Settings.Clone()}
	return e.act(ctx, a, 0, func(r policy.Record, now time.Time) (*change, error) {
		c, err := e.replace(ctx, s, "settings-restored", r, now)
		if err == nil {
			c.notes = []string{fmt.Sprintf("restored from version %v of %s", earlier, past.Record.At.UTC().Format(time.RFC3339))}
		}
		return c, err
	})
}
