package directory

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Overview is what an administrator sees of a member.
type Overview struct {
	Tenant session.TenantID
	ID     member.ID
	Status member.Status // Locked while failed logins lock it
	Locked time.Time     // since when; zero: it is not

	LoginID  string
	Profile  Profile
	Roles    []Role
	External []External
	Contacts []Contact

	AppsBlocked     bool
	Blocked         session.Clients // all that are refused
	PasswordChanged time.Time       // zero: never, or unknown
	ChangeRequested time.Time       // a change that is still to come; zero: none
	DeletedAt       time.Time       // zero: not deleted
	RestoreUntil    time.Time       // before which it can be restored

	Last    session.Access   // the last access by any client; zero: none in 90 days
	Visits  []session.Access // the last 90 days, newest first, of the clients asked for; at most session.MaxPage
	More    bool             // there are more visits than that: see Directory.Visits
	Devices []session.Device // the last one used first
}

// Overview returns what an administrator with the permission members, security or audit
// sees of a member whose permissions it has, with the visits of some clients; 0: of all.
// Visits and devices come from Options.Sessions: there are none without it, and no visits
// if it is no session.Visitor.
func (d *Directory) Overview(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, c session.Clients) (o Overview, err error) {
	defer recovered(&err)
	a, err := d.looked(ctx, actor, t, id)
	if err != nil {
		return Overview{}, err
	}
	at := now()
	f, err := d.counter.Failures(ctx, t, id)
	if err != nil {
		return Overview{}, err
	}
	o = Overview{
		Tenant: t, ID: id, Status: a.Status, LoginID: a.LoginID, Profile: a.Profile, Roles: a.Roles, External: a.External,
		Contacts: a.Contacts, AppsBlocked: a.AppsBlocked, Blocked: a.Blocked, PasswordChanged: a.PasswordChanged,
		ChangeRequested: a.ChangeRequested, DeletedAt: a.DeletedAt,
	}
	if open(a) && f.Lock(at, opens(a)) {
		o.Status, o.Locked = member.Locked, f.Locked
	}
	if !a.DeletedAt.IsZero() && !a.Purged {
		o.RestoreUntil = a.DeletedAt.Add(RestoreWithin)
	}
	if d.o.Sessions == nil {
		return o, nil
	}
	for v, err := range d.history(ctx, a, 0, at) {
		if err != nil {
			return Overview{}, err
		}
		if o.Last.At.IsZero() {
			o.Last = v
		}
		if c != 0 && !c.Has(v.Client) {
			continue
		}
		if o.More = len(o.Visits) == session.MaxPage; o.More {
			break
		}
		o.Visits = append(o.Visits, v)
	}
	o.Devices, err = d.view(a, at).Devices(ctx, t, id)
	return o, err
}

// Visits yields the visits of a member in the last 90 days by some clients, newest first,
// to whom Overview is shown too; c 0: by all. It stops at the first error, which it yields
// last.
func (d *Directory) Visits(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, c session.Clients) iter.Seq2[session.Access, error] {
	return func(yield func(session.Access, error) bool) {
		a, err := d.looked(ctx, actor, t, id)
		if err != nil {
			yield(session.Access{}, err)
			return
		}
		d.history(ctx, a, c, now())(yield)
	}
}

// VisitsCSV writes what Visits yields as CSV that is safe in spreadsheets, with a byte order
// mark if bom is set. If the plan has no downloads it is refused.
func (d *Directory) VisitsCSV(ctx context.Context, w io.Writer, actor member.ID, t session.TenantID, id member.ID, c session.Clients, bom bool) (err error) {
	defer recovered(&err)
	a, err := d.looked(ctx, actor, t, id)
	if err != nil {
		return err
	}
	csv, err := d.download(ctx, Look, actor, t, id, bom)
	if err != nil {
		return err
	}
	return session.WriteVisits(w, d.history(ctx, a, c, now()), csv)
}

// looked returns the member that an actor may look at. A refusal is recorded.
func (d *Directory) looked(ctx context.Context, actor member.ID, t session.TenantID, id member.ID) (a Account, err error) {
	defer recovered(&err)
	a, err = d.permitted(ctx, Look, t, id, actor)
	if err == nil {
		return a, nil
	}
	return Account{}, d.refuse(ctx, Look, t, id, Facts{Actor: actor, At: now()}, err)
}

// view is the sessions of a member as they are at an instant.
func (d *Directory) view(a Account, at time.Time) session.View {
	return session.View{Store: d.o.Sessions, At: at, Alive: func(s session.Session) bool {
		return open(a) && !a.Blocked.Has(s.Stamp.Client) && a.Cuts.Alive(s.Stamp.Client, s.Stamp.Member, a.Version) &&
			(d.o.Alive == nil || d.o.Alive(s))
	}}
}

// history yields the visits of a member. A store that keeps none has none to tell of.
func (d *Directory) history(ctx context.Context, a Account, c session.Clients, at time.Time) iter.Seq2[session.Access, error] {
	if _, ok := d.o.Sessions.(session.Visitor); !ok {
		return func(func(session.Access, error) bool) {}
	}
	q := session.VisitQuery{Member: a.ID, Clients: c, Since: at.Add(-session.History)}
	return func(yield func(session.Access, error) bool) {
		for v, err := range d.view(a, at).Visits(ctx, a.Tenant, q) {
			if err == nil && (v.Tenant != a.Tenant || v.Member != a.ID) {
				v, err = session.Access{}, errors.New("directory: the store of sessions answered with visits of another member")
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
