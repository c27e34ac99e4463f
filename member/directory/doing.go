package directory

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Do does an act of an administrator, or of the member itself, by the facts; At and Line of
// them are the Directory's. Each act has a method of its own too.
func (d *Directory) Do(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts) (err error) {
	defer recovered(&err)
	orders, err := d.one(ctx, x, t, id, f, nil)
	if err == nil {
		d.promptly(ctx, orders)
	}
	return err
}

// Result is what became of one of many members.
type Result struct {
	Member member.ID
	Err    error // nil: done
}

// Each does an act to many members, one after the other, and returns a result for each, in
// their order. One that is refused or fails stops no other; when ctx ends, the rest have
// its error.
//
//	results := dir.Each(ctx, directory.RequestPasswordChange, tenant, ids, directory.Facts{Actor: me, Why: "leak"})
func (d *Directory) Each(ctx context.Context, x Act, t session.TenantID, ids []member.ID, f Facts) []Result {
	results := make([]Result, len(ids))
	var orders []session.Order
	for i, id := range ids {
		results[i].Member = id
		if err := ctx.Err(); err != nil {
			results[i].Err = err
			continue
		}
		func() {
			defer recovered(&results[i].Err)
			var given []session.Order
			given, results[i].Err = d.one(ctx, x, t, id, f, nil)
			orders = append(orders, given...)
		}()
	}
	d.promptly(ctx, orders)
	return results
}

// one does any act but those that only look and those that are the host's.
func (d *Directory) one(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts, first func(context.Context) error) ([]session.Order, error) {
	r, known := rows[x]
	f.At = now()
	switch {
	case x == Unlock:
		return nil, d.unlock(ctx, t, id, f)
	case !known, r.by == host, r.still:
		return nil, d.refuse(ctx, x, t, id, f, refused(UnknownAct))
	}
	return d.change(ctx, x, t, id, f, first)
}

// Suspend shuts a member out until an administrator lifts it, and ends all sessions.
func (d *Directory) Suspend(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, Suspend, t, id, Facts{Actor: actor, Why: why})
}

// Lift ends a suspension.
func (d *Directory) Lift(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, Lift, t, id, Facts{Actor: actor, Why: why})
}

// BlockApps refuses a member mobile, desktop and drive, and ends their sessions.
func (d *Directory) BlockApps(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, BlockApps, t, id, Facts{Actor: actor, Why: why})
}

// UnblockApps opens them again.
func (d *Directory) UnblockApps(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, UnblockApps, t, id, Facts{Actor: actor, Why: why})
}

// SetPassword sets a member's password by force and ends all sessions. The host stores its
// hash in set, which is called once if the act is permitted, before the sessions end. If
// set fails, nothing else is done. If SetPassword fails for another reason than a refusal,
// set may have been called: set it again.
func (d *Directory) SetPassword(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string, set func(context.Context) error) (err error) {
	defer recovered(&err)
	if set == nil {
		return errors.New("directory: SetPassword needs a function that stores the password")
	}
	orders, err := d.one(ctx, SetPassword, t, id, Facts{Actor: actor, Why: why}, set)
	if err == nil {
		d.promptly(ctx, orders)
	}
	return err
}

// RequestPasswordChange has a member change the password at the next login.
func (d *Directory) RequestPasswordChange(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, RequestPasswordChange, t, id, Facts{Actor: actor, Why: why})
}

// ChangeLoginID replaces a login id that was generated, once, and ends all sessions.
func (d *Directory) ChangeLoginID(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, login, why string) error {
	return d.Do(ctx, ChangeLoginID, t, id, Facts{Actor: actor, Why: why, LoginID: login})
}

// Unlink takes an external login from a member and ends the sessions that came in by it.
func (d *Directory) Unlink(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, external, why string) error {
	return d.Do(ctx, Unlink, t, id, Facts{Actor: actor, Why: why, External: external})
}

// EndSession ends one session of a member, which is named by its First, as a Visit has it,
// whatever renewals have made of its ID by then. Its ID of now does too.
func (d *Directory) EndSession(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, s session.ID, why string) error {
	return d.Do(ctx, EndSession, t, id, Facts{Actor: actor, Why: why, Session: s})
}

// WipeApp has the app's data on a device of a member removed, and ends its sessions.
func (d *Directory) WipeApp(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, device, why string) error {
	return d.Do(ctx, WipeApp, t, id, Facts{Actor: actor, Why: why, Device: device})
}

// ResetDevice has a device of a member reset, and ends its sessions.
func (d *Directory) ResetDevice(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, device, why string) error {
	return d.Do(ctx, ResetDevice, t, id, Facts{Actor: actor, Why: why, Device: device})
}

// Delete takes a member out of the tenant and ends all sessions. Within 7 days it can be
// restored.
func (d *Directory) Delete(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, Delete, t, id, Facts{Actor: actor, Why: why})
}

// Restore makes a deleted member what it was before.
func (d *Directory) Restore(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, Restore, t, id, Facts{Actor: actor, Why: why})
}

// AllowClients lets a member in by these clients alone, and ends the sessions of all
// others. session.AllClients opens all again.
func (d *Directory) AllowClients(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, c session.Clients, why string) error {
	return d.Do(ctx, AllowClients, t, id, Facts{Actor: actor, Why: why, Clients: c})
}

// GiveRole gives a role to a member, or a custom role other permissions. Where that takes
// a permission, all sessions end.
func (d *Directory) GiveRole(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, r Role, why string) error {
	return d.Do(ctx, GiveRole, t, id, Facts{Actor: actor, Why: why, Role: r})
}

// TakeRole takes a role from a member and ends all sessions.
func (d *Directory) TakeRole(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, role, why string) error {
	return d.Do(ctx, TakeRole, t, id, Facts{Actor: actor, Why: why, Role: Role{Name: role}})
}

// Create makes a member, who is pending until it has a password. An id that was ever used
// in the tenant is refused. The facts may have LoginID, Generated and Profile.
func (d *Directory) Create(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, f Facts) error {
	f.Actor = actor
	return d.Do(ctx, Create, t, id, f)
}

// MakeAgain makes a member under the id of one who was deleted 7 days ago or longer, for
// hosts whose ids are people's. Nothing of the old one is kept and no session of it lives.
func (d *Directory) MakeAgain(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, f Facts) error {
	f.Actor = actor
	return d.Do(ctx, MakeAgain, t, id, f)
}

// ChangedPassword changes a member's own password: the host stores the new hash in set, all
// sessions end, and the member logs in with the new one. since is the version that the member
// had when the old password was checked: at any other it is refused as changed-meanwhile, or
// a password that was set by force in that moment would be overtaken by who knew the old
// one. set stores the hash only if the one that was checked is still there, and is called
// once. The member is at since.Next then. A zero since is not looked at.
func (d *Directory) ChangedPassword(ctx context.Context, t session.TenantID, id member.ID, since session.Version, set func(context.Context) error) (err error) {
	defer recovered(&err)
	if set == nil {
		return errors.New("directory: ChangedPassword needs a function that stores the password")
	}
	orders, err := d.one(ctx, ChangePassword, t, id, Facts{Actor: id, Since: since}, set)
	if err == nil {
		d.promptly(ctx, orders)
	}
	return err
}

// Adopt stores an account that the host has had elsewhere, such as the first super admin of
// a tenant or those of its user table. It asks no permission. An account without a version
// gets one; its sessions from before live until the first cut. Ids that were used are
// refused. Status, Super and Blocked may be left out, for they follow from the other fields;
// where they are given and say something else (a suspended member without Suspended, a super
// admin without the role) the account is refused, so that nobody comes out of an adoption
// with more than before.
func (d *Directory) Adopt(ctx context.Context, a Account, why string) (err error) {
	defer recovered(&err)
	f := Facts{At: now(), Why: why}
	given := a
	a = a.Clone().derived()
	switch {
	case given.Status != member.UnknownStatus && given.Status != a.Status:
		return d.refuse(ctx, Adopt, a.Tenant, a.ID, f, invalid("the status is %v, but Pending, Leave, Suspended and DeletedAt make it %v; set those", given.Status, a.Status))
	case given.Super && !a.Super:
		return d.refuse(ctx, Adopt, a.Tenant, a.ID, f, invalid("Super is set, but there is no role %s; give it in Roles", SuperAdmin))
	case given.Blocked&^a.Blocked != 0:
		return d.refuse(ctx, Adopt, a.Tenant, a.ID, f, invalid("Blocked has %s, but AppsBlocked and Closed do not; set those", (given.Blocked&^a.Blocked).Words()))
	}
	if a.Version == (session.Version{}) {
		a.Version = session.NewLine()
	}
	if a.Created.IsZero() {
		a.Created = f.At
	}
	c := Change{Account: a, Event: session.Event{
		Tenant: a.Tenant, At: f.At, Kind: Adopt.Kind(), Member: a.ID, Why: cut(why), Membership: a.Version,
	}}
	tell(&c.Event, differences(Account{}, a))
	if err := a.Err(); err != nil {
		return d.refuse(ctx, Adopt, a.Tenant, a.ID, f, invalid("%v", err))
	}
	if err = d.save(ctx, &c); errors.Is(err, session.ErrExists) {
		return d.refuse(ctx, Adopt, a.Tenant, a.ID, f, d.exists(ctx, c, f.At))
	}
	return err
}

// DrawLine begins a new line for a member, after its account was restored from a backup:
// every session from before is dead. It asks no permission.
func (d *Directory) DrawLine(ctx context.Context, t session.TenantID, id member.ID, why string) (err error) {
	defer recovered(&err)
	orders, err := d.change(ctx, DrawLine, t, id, Facts{Why: why}, nil)
	if err == nil {
		d.promptly(ctx, orders)
	}
	return err
}
