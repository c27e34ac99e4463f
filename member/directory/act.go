package directory

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Act names something that is done to a member. The zero Act and any other without a row
// in the table of this package is refused.
type Act string

// Facts are what an act needs to know besides the account: who, when and why, and for some
// acts what exactly. The zero Facts has no instant and is refused.
type Facts struct {
	Actor member.ID // who acts; "": the host, for the acts that are the host's
	At    time.Time
	Why   string // for the record; cut to 1,000 bytes

	LoginID   string          // ChangeLoginID, Create, MakeAgain
	Generated bool            // LoginID was generated: Create, MakeAgain
	Profile   Profile         // EditProfile, Create, MakeAgain
	External  string          // Link, Unlink
	Contacts  []Contact       // RecordContacts: all that there are then, each fit for a code; Recorded is the instant of the act, or stays
	Session   session.ID      // EndSession: its First, or its ID
	Device    string          // WipeApp, ResetDevice
	Clients   session.Clients // AllowClients: those that are open
	Role      Role            // GiveRole; TakeRole looks at the name only
	Line      session.Version // drawn by session.NewLine: Create, MakeAgain, DrawLine
	Since     session.Version // at any other version the Directory refuses the act as ChangedMeanwhile; zero: at none
}

// who says who may do an act.
type who uint8

const (
	administrator who = iota // an administrator with a permission
	itself                   // the member itself, whom the host has authenticated
	host                     // the host's own work, which asks nobody
)

// row is a line of the table of acts.
type row struct {
	kind  string      // of its event
	by    who         // who may do it
	need  Permissions // any of these permits it
	super bool        // and only to super admins
	from  states      // the states that the member may be in
	line  bool        // the account begins a new line
	still bool        // changes no account: it reads, or acts on what is beside it

	// do alters the account and says what ends.
	do func(*Account, Facts) (ends, *RefusedError)
}

// ends says which sessions an act ends, and what else is ordered. Clients alone are cut;
// what is narrower cannot be told by a cut, and is ended in the store of sessions.
type ends struct {
	clients session.Clients
	session session.ID
	device  string
	via     string
	wipe    session.OrderKind // "": nothing
}

func (e ends) narrow() bool { return !e.session.IsZero() || e.device != "" || e.via != "" }

// states is a set of the states of the machine.
type states uint8

const (
	absent states = 1 << iota
	pending
	active
	onLeave
	suspended
	deleted
	purged

	present = pending | active | onLeave | suspended
	kept    = present | deleted
)

var stateNames = [...]string{"never made", "pending", "active", "on leave", "suspended", "deleted", "deleted for good"}

// String returns the states as refusals tell them: "active or on leave".
func (s states) String() string {
	if s == 0 {
		return "in no state that is known"
	}
	var names []string
	for i, name := range stateNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return either(names)
}

func stateOf(a Account) states {
	switch {
	case a.ID == "":
		return absent
	case a.Purged:
		return purged
	}
	switch a.Status {
	case member.Pending:
		return pending
	case member.Active:
		return active
	case member.OnLeave:
		return onLeave
	case member.Suspended:
		return suspended
	case member.Deleted:
		return deleted
	}
	return 0
}

// Acts returns all acts, in the order of their names.
func Acts() iter.Seq[Act] { return slices.Values(slices.Sorted(maps.Keys(rows))) }

// Kind returns the kind of the events of x, as "member-suspended"; "" if x is no act.
func (x Act) Kind() string { return rows[x].kind }

// Need returns the permissions of which an administrator needs one; 0 if x is for no
// administrator.
func (x Act) Need() Permissions { return rows[x].need }

// Permit returns nil if actor may do x to target, else a *RefusedError. It asks for
// permissions alone; Do sees whether the act can be done.
//
// An administrator needs one of the permissions of the act and every permission of the
// target. Only a super admin acts on a super admin, and gives or takes roles. What is the
// member's own is refused to all others, and what is the host's to everybody.
func (x Act) Permit(actor, target Account) error {
	if why := x.permit(actor, target); why != nil {
		why.Act, why.Member = x, target.ID
		return why
	}
	return nil
}

func (x Act) permit(actor, target Account) *RefusedError {
	r, known := rows[x]
	switch {
	case !known:
		return refused(UnknownAct)
	case actor.ID == "" || actor.Tenant == "" || actor.Tenant != target.Tenant:
		return refused(UnknownActor)
	case r.by == itself && actor.ID == target.ID:
		return nil
	case r.by == itself:
		return because(MissingPermission, "only the member itself may do this")
	case r.by != administrator:
		return because(MissingPermission, "this is the service's own work, for which nobody has a permission")
	case !open(actor):
		return because(ActorCannotAct, "the actor is %v; only one who is %v acts", stateOf(actor), active|onLeave)
	case !actor.CanLogIn():
		return because(ActorCannotAct, "web, desktop, mobile and drive are closed to the actor; one of them must be open")
	case r.super && !actor.Super:
		return because(MissingPermission, "only a super admin may do this")
	case actor.Permits()&r.need == 0:
		return because(MissingPermission, "this needs the permission %s, which no role of the actor has", either(r.need.names()))
	case (!target.Super || actor.Super) && actor.Permits().Has(target.Permits()):
		return nil
	case !actor.Permits().Has(Basics): // whom no list shows the roles of others
		return refused(TargetOutranks)
	case target.Super:
		return because(TargetOutranks, "the member is a super admin; ask one to do this")
	}
	return because(TargetOutranks, "the member has permissions that the actor has not: %v; ask somebody who has them",
		target.Permits()&^actor.Permits())
}

// Do does x to an account: it returns the change to be stored, or a *RefusedError if the
// account is in no state for it. It is a pure function and asks for no permission. The
// account is not altered. For an account that is to be made, give one with tenant and id
// alone and Version zero.
//
// Ids of the event and of the orders, and the version of the roster, are for the caller.
func (x Act) Do(a Account, f Facts) (Change, error) {
	r, known := rows[x]
	refuse := func(why *RefusedError) (Change, error) {
		why.Act, why.Member = x, a.ID
		return Change{}, why
	}
	state := stateOf(a)
	made := a.Version == session.Version{}
	if made {
		state = absent
	}
	switch {
	case !known:
		return refuse(refused(UnknownAct))
	case a.Tenant == "" || a.ID == "":
		return refuse(refused(UnknownMember))
	case f.At.IsZero():
		return refuse(invalid("the act has no instant"))
	case state == absent && r.from&absent == 0:
		return refuse(refused(UnknownMember))
	case state != absent && r.from == absent:
		return refuse(exists(a, f.At))
	}
	if !made {
		if err := a.Err(); err != nil {
			return Change{}, err
		}
	}
	if r.from&state == 0 {
		return refuse(x.outOfState(a, f.At))
	}

	next := a.Clone()
	var what ends
	if r.do != nil {
		var why *RefusedError
		if what, why = r.do(&next, f); why != nil {
			return refuse(why)
		}
	}
	switch {
	case r.still:
	case r.line:
		if f.Line.Line == 0 || f.Line.Number != 1 || f.Line.Line == a.Version.Line {
			return refuse(invalid("the line is not drawn by session.NewLine"))
		}
		next.Version, next.Cuts = f.Line, session.Cuts{}.Cut(session.AllClients, 1)
	default:
		var err error
		if next.Version, err = a.Version.Next(); err != nil {
			return Change{}, err
		}
		if !what.narrow() {
			next.Cuts = next.Cuts.Cut(what.clients, next.Version.Number)
		}
	}
	next = next.derived()
	if err := next.Err(); err != nil {
		return refuse(invalid("%v", err))
	}

	c := Change{Expected: a.Version, Account: next, Guarded: guarded(a, next)}
	c.Event = session.Event{Tenant: a.Tenant, At: f.At, Actor: f.Actor, Kind: r.kind, Member: a.ID, Why: cut(f.Why), Membership: next.Version}
	if made {
		a = Account{}
	}
	tell(&c.Event, differences(a, next))
	order := session.Order{Tenant: next.Tenant, Member: next.ID, Membership: next.Version, Why: r.kind, Actor: f.Actor, At: f.At}
	if r.line && !made { // what carries the former line is meant, whatever its number
		order.Membership = session.Version{Line: a.Version.Line, Number: session.MaxNumber}
	}
	if what.clients != 0 {
		o := order
		o.Kind, o.Clients, o.Session, o.Device, o.Via = session.SignOut, what.clients, what.session, what.device, what.via
		c.Orders = append(c.Orders, o)
	}
	if what.wipe != "" {
		o := order
		o.Kind, o.Clients, o.Device = what.wipe, what.clients, what.device
		c.Orders = append(c.Orders, o)
	}
	if named := what.name(); named != "" {
		c.Event.Summary = append(c.Event.Summary, named)
	}
	return c, nil
}

// name tells what is ended.
func (e ends) name() string {
	switch {
	case !e.session.IsZero():
		return "session: " + e.session.String()
	case e.device != "":
		return "device: " + quote(e.device)
	case e.via != "":
		return "sessions by: " + quote(e.via)
	case e.clients != 0:
		return "sessions ended: " + e.clients.Words()
	}
	return ""
}

// last reports whether c takes or closes something to the only member of a roster.
func (c Change) last(r Roster) bool {
	return c.Guarded && !slices.ContainsFunc(r.Members, func(id member.ID) bool { return id != c.Account.ID })
}
