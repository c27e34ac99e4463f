package member

import (
	"errors"

	"github.com/sallyport-go/sallyport/session"
)

// ErrGuessed says that so many wrong passwords of a member were tried that the right one is
// not to be told from them any more, until the member is unlocked.
var ErrGuessed = errors.New("member: too many wrong passwords were tried; until the member is unlocked, no password is told right")

// ID names a member within a tenant.
type ID = session.MemberID

// Member is what a decision needs to know of a member.
//
// The zero Member is refused by every policy: its status is unknown. A
// field that the host forgets never lets a member in who would else be kept out, but for
// Blocked, Cuts and MustChangePassword, whose zero values are what most members have.
//
// The host owns it. Package policy reads it while it decides and keeps nothing of it. It
// may be read by several goroutines at once, so hand out a fresh Member for each change
// and do not alter one that was handed out. Copies share nothing that changes.
type Member struct {
	// Tenant is the tenant that the member belongs to. A Policy knows no tenants: that the
	// two belong together is for the host to see.
	Tenant session.TenantID

	// ID names the member. If it is empty, no exception can be for the member; everything
	// else is decided as for any other.
	ID ID

	// Status says whether the member may log in. Active and OnLeave may.
	Status Status

	// Super makes the member a super admin, whom the network rules let through where the
	// profile says so. A status that admits no login and a blocked client still refuse.
	Super bool

	// Blocked are the clients that are closed to this member, by an app access block or
	// because the member was allowed others only. Zero: none.
	Blocked session.Clients

	// MustChangePassword lets the member in to no more than a change of password. It
	// does not bind sessions that are alive already.
	MustChangePassword bool

	// Version is the version of this Member. Its number grows by one with each write, its
	// line is drawn anew when the member is made, made again under a used ID, or restored
	// from a backup. Zero: the host ends no sessions of single members.
	Version session.Version

	// Cuts are the numbers of Version that sessions of the member must carry. Zero: none
	// was ended. Cuts.Alive tells whether one is alive.
	Cuts session.Cuts
}
