package session

import (
	"cmp"
	"context"
	"time"
)

// Order asks the host to do something after a change that is stored already. It is
// stored in the change's own write and delivered at least once, in any order. All orders
// may be repeated and come late without harm, for they name versions: what began after
// the change is not meant.
type Order struct {
	ID     string // unique within a store; a repeated delivery has the same
	Kind   OrderKind
	Tenant TenantID

	// What SignOut ends: sessions of these clients, of this member or of all, of this
	// session or device alone if one is named, admitted before Policy or before
	// Membership. See Ends.
	Member     MemberID // "": every member
	Clients    Clients
	Session    ID      // the First of a session, or its ID; zero: not only one
	Device     string  // "": not only one
	Via        string  // the external identity; "": not only one
	Policy     Version // of the tenant's record that gave the order, or the last of its former line; zero: a member's did
	Membership Version // of the member's record that gave the order, or the last of its former line; zero: the tenant's did

	// Why is the reason that the sessions it ends have then, see Reason: what was done, as
	// the Kind of its Event, "member-suspended". "": the order's own kind.
	Why string

	Actor MemberID // who gave it; "": the system
	At    time.Time

	// What the store keeps of its delivery.
	Tries  int       // failed so far
	Due    time.Time // not before
	Parked bool      // given up; a person must look
	Err    string    // why it last failed
}

// OrderKind says what an order is about. The zero OrderKind is none.
type OrderKind string

const (
	SignOut   OrderKind = "sign-out"   // drop connections and forget sessions
	WipeApp   OrderKind = "wipe-app"   // have the app's data on Device removed; see Wiper
	WipeAll   OrderKind = "wipe-all"   // have Device reset; see Wiper
	ResetLink OrderKind = "reset-link" // mail the administrators a link that lifts the restriction
	Notice    OrderKind = "notice"     // tell the administrators that the link was used
)

// Ends reports whether a sign-out order means a session. A late order ends no session
// that began after the change: its stamp carries the version of the order or a later one.
// An order that names a session by its First means it whatever it is called by now; one
// that names an ID means none that was renewed meanwhile and began with another.
func (o Order) Ends(s Session) bool {
	return o.Kind == SignOut && o.Tenant == s.Tenant && o.Clients.Has(s.Stamp.Client) &&
		(o.Member == "" || o.Member == s.Member) &&
		(o.Session.IsZero() || o.Session == s.First || o.Session == s.ID) &&
		(o.Device == "" || o.Device == s.Device) &&
		(o.Via == "" || o.Via == s.Via) &&
		before(s.Stamp.Policy, o.Policy) && before(s.Stamp.Member, o.Membership)
}

// Reason returns Why, or the kind of the order if that is empty: the Session.Why of what it
// ends.
func (o Order) Reason() string { return cmp.Or(o.Why, string(o.Kind)) }

// before reports whether a session that carries stamped is older than the change that
// made v. Numbers are compared within a line only: what lives on another line began
// before this record was made, and is dead at its next check, or after it was made again.
// A session from before stamps is older than any change.
func before(stamped, v Version) bool {
	return v == Version{} || stamped == Version{} || stamped.Line == v.Line && stamped.Number < v.Number
}

// Revoker drops sessions of the host at once: open connections, caches, push channels.
// The cut that is stored already keeps them from being used again, so an error costs
// promptness and no safety; the order comes again. Revoke may be called twice for one
// order, and concurrently for several.
type Revoker interface {
	Revoke(context.Context, Order) error
}

// Wiper removes data from devices, for hosts that have device management. Kind is WipeApp
// or WipeAll.
type Wiper interface {
	Wipe(context.Context, Order) error
}

// Outbox is the part of a store that keeps orders until they are done. It is safe for
// concurrent use by many processes. Time is the store's own. What an order says is kept
// as it was given, instants to the microsecond at least. A context that is cancelled or
// past its deadline is returned as its error. Package outboxtest proves any Outbox.
type Outbox interface {
	// Take returns up to n orders that are due and not parked, of any tenant, those first
	// that have been due longest, and defers each by lease, so that others do not take it
	// meanwhile. One that nobody settles within lease is due again. An order is due when
	// it is stored, or at its Due if that is later.
	Take(ctx context.Context, n int, lease time.Duration) ([]Order, error)

	// Done removes an order, a parked one too. If there is none, it does nothing.
	Done(ctx context.Context, id string) error

	// Failed counts a failed delivery and defers the order by wait, whatever is left of
	// its lease, or parks it. why is kept as UTF-8, cut to 500 bytes. If there is no such
	// order, it does nothing.
	Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error

	// Waiting returns the orders of a tenant that are not done, oldest first, at most n,
	// parked ones too, and those that are taken.
	Waiting(ctx context.Context, t TenantID, n int) ([]Order, error)
}

// Uncommitted is an extra power of a store that can join a transaction of the host, found
// by assertion.
type Uncommitted interface {
	// Uncommitted reports whether what the store acknowledges is written only when the host
	// commits. Nobody is told of it and nothing is done for it before, since it may never be,
	// but in the same transaction. A store that wraps another passes this on.
	Uncommitted() bool
}
