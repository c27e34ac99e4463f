package site

import (
	"context"
	"net/netip"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Steps tells the member of a session that was let in how the list was walked: the steps
// name them, their program and their address. What else an explanation has, entries and
// their labels, is for administrators: see Actor.WhatIf.
func (t *Tenant) Steps(ctx context.Context, s session.Session, addr netip.Addr) ([]policy.Step, error) {
	e, err := t.engine.WhatIf(ctx, engine.Login{
		Tenant: t.ID, Member: s.Member, Plan: t.Plan, Client: s.Stamp.Client, Addr: addr, Verified: s.Stamp.Verified,
	}, nil)
	return e.Steps, err
}
