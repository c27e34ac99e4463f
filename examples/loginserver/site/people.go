package site

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// Members returns a page of the members, those whom failed logins lock as Locked. Permission:
// basics.
func (a *Actor) Members(ctx context.Context, q directory.Query) ([]directory.Entry, error) {
	return a.Tenant.site.directory.List(ctx, a.ID, a.Tenant.ID, q)
}

// MembersCSV writes all members that q chooses, whatever its After and Max, as CSV that opens
// in a spreadsheet. Permission: basics.
func (a *Actor) MembersCSV(ctx context.Context, w io.Writer, q directory.Query) error {
	c := session.NewCSV(w, session.CSVOptions{Download: true, BOM: true})
	_ = c.Write("id", "status", "name", "mail", "roles") // Flush tells
	q.After, q.Max = "", session.MaxPage
	for {
		page, err := a.Members(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page {
			var roles []string
			for _, r := range e.Roles {
				roles = append(roles, r.Name)
			}
			_ = c.Write(string(e.ID), e.Status.String(), e.Profile.Name, e.Profile.Mail, strings.Join(roles, ", "))
		}
		if len(page) < q.Limit() {
			return c.Flush()
		}
		q.After = page[len(page)-1].ID
	}
}

// MemberIDs returns the first ids, for a person to choose from. Permission: basics.
func (a *Actor) MemberIDs(ctx context.Context) ([]member.ID, error) {
	page, err := a.Tenant.site.directory.List(ctx, a.ID, a.Tenant.ID, directory.Query{})
	var ids []member.ID
	for _, e := range page {
		ids = append(ids, e.ID)
	}
	return ids, err
}

// Member returns what an administrator sees of a member, with the visits of some clients; 0:
// of all. Permission: members, security or audit.
func (a *Actor) Member(ctx context.Context, id member.ID, c session.Clients) (directory.Overview, error) {
	return a.Tenant.site.directory.Overview(ctx, a.ID, a.Tenant.ID, id, c)
}

// MemberVisitsCSV writes the visits of a member as CSV that opens in a spreadsheet.
func (a *Actor) MemberVisitsCSV(ctx context.Context, w io.Writer, id member.ID, c session.Clients) error {
	return a.Tenant.site.directory.VisitsCSV(ctx, w, a.ID, a.Tenant.ID, id, c, true)
}

// Do does an act to a member: every act of package directory but SetPassword, with the
// permission that its table says. f says why and with what; its Actor and At are filled in.
func (a *Actor) Do(ctx context.Context, act directory.Act, id member.ID, f directory.Facts) error {
	f.Actor = a.ID
	return a.Tenant.site.directory.Do(ctx, act, a.Tenant.ID, id, f)
}

// SignOut is the act of ending one session of a member. Permission: security.
func (a *Actor) SignOut(ctx context.Context, id member.ID, s session.ID, why string) error {
	return a.Do(ctx, directory.EndSession, id, directory.Facts{Session: s, Why: why})
}

// SignOutAll ends every session of a member and returns how many it ended; the member may
// log in again. Permission: security.
func (a *Actor) SignOutAll(ctx context.Context, id member.ID, why string) (int, error) {
	if err := a.may(ctx, directory.EndSession, directory.Security); err != nil {
		return 0, err
	}
	if _, err := a.Member(ctx, id, 0); err != nil { // whether there is such a member, whom the actor may touch
		return 0, err
	}
	n := 0
	view := session.View{Store: a.Tenant.site.stores.Sessions}
	for s, err := range view.Sessions(ctx, a.Tenant.ID, session.Query{Member: id, LiveAt: time.Now()}) {
		if err == nil {
			err = a.SignOut(ctx, id, s.ID, why)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// SetPassword sets a member's password by force, and ends all sessions; with change, the
// member must choose another one at the next login, so that the administrator's is no
// password for long. Permission: security. The error may be a *PasswordError.
func (a *Actor) SetPassword(ctx context.Context, id member.ID, password, why string, change bool) error {
	if err := a.Tenant.fresh(ctx, id, "", password); err != nil {
		return err
	}
	s := a.Tenant.site
	err := s.directory.SetPassword(ctx, a.ID, a.Tenant.ID, id, why, func(ctx context.Context) error {
		return s.passwords.set(ctx, a.Tenant.ID, id, password)
	})
	if err != nil || !change {
		return err
	}
	err = a.Do(ctx, directory.RequestPasswordChange, id, directory.Facts{Why: why})
	var refused *directory.RefusedError
	if errors.As(err, &refused) && refused.Reason == directory.NothingToChange { // it was requested before
		return nil
	}
	return err
}

// watches are the permissions of which one shows the accesses of a tenant.
const watches = directory.Members | directory.Security | directory.Audit

// Accesses yields the accesses of all members in the last 90 days that q names, newest
// first, each live or ended. Permission: members, security or audit. It stops at the first
// error, which it yields last.
func (a *Actor) Accesses(ctx context.Context, q session.VisitQuery) iter.Seq2[session.Access, error] {
	if err := a.may(ctx, "read-accesses", watches); err != nil {
		return func(yield func(session.Access, error) bool) { yield(session.Access{}, err) }
	}
	if oldest := time.Now().Add(-session.History); q.Since.Before(oldest) {
		q.Since = oldest
	}
	return a.view().Visits(ctx, a.Tenant.ID, q)
}

// AccessesCSV writes what Accesses yields as CSV that opens in a spreadsheet.
func (a *Actor) AccessesCSV(ctx context.Context, w io.Writer, q session.VisitQuery) error {
	if err := a.may(ctx, "read-accesses", watches); err != nil {
		return err
	}
	return session.WriteVisits(w, a.Accesses(ctx, q), session.CSVOptions{Download: true, BOM: true})
}

// Devices returns the devices of a member, or of all for "", the last used first.
// Permission: members, security or audit. This server's clients tell no devices, so the list
// is empty until a host's do.
func (a *Actor) Devices(ctx context.Context, id member.ID) ([]session.Device, error) {
	if err := a.may(ctx, "read-devices", watches); err != nil {
		return nil, err
	}
	return a.view().Devices(ctx, a.Tenant.ID, id)
}

func (a *Actor) view() session.View {
	return session.View{Store: a.Tenant.site.stores.Sessions, At: time.Now(), Alive: func(s session.Session) bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		m, err := a.Tenant.site.directory.Member(ctx, s.Tenant, s.Member)
		return err == nil && m.Cuts.Alive(s.Stamp.Client, s.Stamp.Member, m.Version) && a.Tenant.site.alive(s)
	}}
}
