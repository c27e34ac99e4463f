package session

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

// Store keeps sessions. It is for hosts that have none; the decision needs only a stamp.
// NewMemStore is one, and sessiontest.Run proves any other.
//
// Every method names the tenant, and a session of another tenant is not found. A session
// that was ended stays, with when and why, until it is purged; nothing revives it. A
// cancelled context is returned as its error, and nothing was written then, or all of it.
// A Store is safe for concurrent use, by many processes if it lasts longer than one.
// Instants are given by the caller and kept to the microsecond at least, without
// monotonic reading.
type Store interface {
	// Create stores a session that has not ended, with its ID as First. If there is one
	// that has that ID or began with it, live or ended, in any tenant, the error is
	// ErrExists and nothing was changed. What Session.Err refuses is refused.
	Create(ctx context.Context, s Session) error

	// Find returns a session by its ID of now, ended ones too; ErrNotFound if there is
	// none. It returns the last acknowledged write: a replica that lags would let ended
	// sessions in.
	Find(ctx context.Context, t TenantID, id ID) (Session, error)

	// Touch sets Seen, and Addr and Country if addr is valid, of a session that is live at
	// the instant. Seen never moves back; a touch that comes late may leave Addr and Country
	// too. One that has ended, by anybody or by its limits, is ErrEnded; none is
	// ErrNotFound; neither is made live.
	Touch(ctx context.Context, t TenantID, id ID, at time.Time, addr netip.Addr, c geo.Country) error

	// Renew gives a session that is live at the instant another ID, in one step: the old
	// one is not found afterwards. Everything else stays, First, stamp and limits too, but
	// for Seen, which becomes at unless that is before it. Errors are those of Touch, and
	// ErrExists if next is in use, as its own is, or a session began with it, as this one
	// may have. The zero ID is refused.
	Renew(ctx context.Context, t TenantID, id, next ID, at time.Time) error

	// End ends one session, which has that ID or began with it: whoever gives its First
	// ends it, whatever renewals make of its ID at that moment. One that somebody has ended
	// keeps its first end and reason, and that is no error; none is ErrNotFound. One that
	// is past its limits is ended too, since by another clock it may not be.
	End(ctx context.Context, t TenantID, id ID, at time.Time, why string) error

	// EndAll ends every session that o means, see Order.Ends, and returns how many it
	// ended: as End does, with the order's Reason as the reason. It may be repeated, and
	// resumed after an error. A session that is created meanwhile is ended too if o means
	// it, or is left to its cut. A session that is renewed meanwhile does not escape, nor
	// one that was renewed since the order was given and is named by its First.
	EndAll(ctx context.Context, o Order, at time.Time) (int, error)

	// List returns the sessions of a tenant that q names, newest first, at most q.Max.
	List(ctx context.Context, t TenantID, q Query) ([]Session, error)

	// Purge removes, of every tenant, sessions that were dead before an instant, at most
	// n of them, and returns how many. Repeat until it is 0. Those dead from the instant
	// itself stay.
	Purge(ctx context.Context, before time.Time, n int) (int, error)
}

// Query chooses sessions. Zero fields choose all.
type Query struct {
	First   ID // only the session that began with it
	Member  MemberID
	Device  string
	Clients Clients
	Kinds   []Kind
	LiveAt  time.Time // only those live at the instant
	Since   time.Time // only those created then or later

	// After continues a list behind the last session of its page: only sessions that come
	// after it, newest first. Zero: from the newest.
	After Cursor
	Max   int // at most; 0 or less, or above MaxPage: MaxPage
}

// MaxPage is the most that one page of a list holds.
const MaxPage = 1000

// Cursor is a place in a list: newest first, and the greater First first where two were
// created at once. Renewing moves no session.
type Cursor struct {
	Created time.Time
	First   ID
}

// Cursor returns the place of s in a list.
func (s Session) Cursor() Cursor { return Cursor{s.Created, s.First} }

// History is how long visits are kept: 90 days.
const History = 90 * 24 * time.Hour

// Visit is one access of a member: a login that was let in. It stays when the session is
// renewed or ended, for the history that administrators see and for previews.
type Visit struct {
	Tenant   TenantID
	Member   MemberID
	Session  ID // the First of the session which it began; zero: unknown, or purged
	Client   Client
	Addr     netip.Addr
	Country  geo.Country
	Device   string
	System   string
	Verified bool // identity verification was completed for it
	At       time.Time
}

// Visitor is a Store that also keeps visits of the last 90 days. Create stores the visit
// of its session in the same write. Create and Purge may drop those that are older.
type Visitor interface {
	// Visits yields the visits of a tenant since an instant, newest first; of one member
	// only, if member is not "". It stops at the first error, which it yields last. Who
	// ranges over it may call the store meanwhile.
	Visits(ctx context.Context, t TenantID, member MemberID, since time.Time) iter.Seq2[Visit, error]
}
