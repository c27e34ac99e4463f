package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Store keeps the accounts of tenants, with the events and the orders of their changes. A
// host implements it on the database that it has; [NewMemStore] is one in memory, and
// directorytest.Run proves any other. It is safe for concurrent use by many processes.
//
// What Load and Roster return is the last acknowledged change of any process. A replica
// that lags is no Store: members who were suspended would get in by its lag. Accounts of
// one tenant are never found under another. A context that is cancelled or past its
// deadline is returned as its error, promptly; a Save has then written all or nothing. An
// error that is none of those named means that the store does not answer. Instants are
// kept to the microsecond at least.
type Store interface {
	// Load returns an account, which the caller may keep and alter; what is left of one
	// that was deleted for good too. There is none: session.ErrNotFound.
	Load(ctx context.Context, t session.TenantID, id member.ID) (Account, error)

	// Save writes c.Account, c.Event and c.Orders, in one write.
	//
	// The account must be at version c.Expected; if that is zero, the id must never have
	// been used. If c.Guarded is set, the roster must be at version c.Roster. Otherwise
	// the error is session.ErrConflict, or session.ErrExists for an id that was used, and
	// nothing was written. If another account of the tenant has the LoginID or one of the
	// External, that is session.ErrExists too; "" is no login id, and accounts that are
	// purged have neither.
	//
	// If c does not follow what is there, see Change.Follows, that is the error and
	// nothing was written. But if c.Event.ID was saved in the tenant before, this is a
	// repetition, as long as that event is kept: it writes nothing and there is no error.
	Save(ctx context.Context, c Change) error

	// Roster returns who of a tenant's super admins count, see Account.Counts, with the
	// version of that: it grows with each Save that is Guarded. Version and members are of
	// one instant, or the version is of an earlier one. Where there is nobody it is zero.
	Roster(ctx context.Context, t session.TenantID) (Roster, error)

	// List returns the accounts of a tenant that q chooses, in the order of the bytes of
	// their ids, at most q.Max. What is purged is not listed.
	List(ctx context.Context, t session.TenantID, q Query) ([]Account, error)

	// Note writes an event that belongs to no change, such as a refusal.
	Note(ctx context.Context, e session.Event) error

	// Forget removes events of a tenant from before an instant, at most n, and returns how
	// many. Repeat until it is 0.
	Forget(ctx context.Context, t session.TenantID, before time.Time, n int) (int, error)

	session.Log    // of the events
	session.Outbox // of the orders
}

// Roster is who of a tenant's super admins could still act if one were taken away.
type Roster struct {
	Version uint64
	Members []member.ID // in the order of their bytes
}

// Query chooses accounts. Zero fields choose all.
type Query struct {
	Text          string        // in the id, the login id, the name or the mail address; ASCII letters in any case
	Status        member.Status // of the account, by which a Store finds nobody who is Locked; Directory.List does
	Role          string
	LoginID       string // exactly: how a login finds its member
	External      string // the id of an external login that is linked, exactly: likewise
	AppsBlocked   bool
	DeletedBefore time.Time // only those deleted before it

	After member.ID // only ids above it: the last of the page before
	Max   int       // at most; 0 or less, or above session.MaxPage: session.MaxPage
}

// Limit returns how many accounts a page of q may hold.
func (q Query) Limit() int {
	if q.Max <= 0 || q.Max > session.MaxPage {
		return session.MaxPage
	}
	return q.Max
}

// Chooses reports whether q chooses a. Stores that cannot ask a database ask it.
func (q Query) Chooses(a Account) bool {
	return !a.Purged && a.ID > q.After &&
		(q.Status == 0 || a.Status == q.Status) &&
		(q.Role == "" || a.Holds(q.Role)) &&
		(q.LoginID == "" || a.LoginID == q.LoginID) &&
		(q.External == "" || slices.ContainsFunc(a.External, func(e External) bool { return e.ID == q.External })) &&
		(!q.AppsBlocked || a.AppsBlocked) &&
		(q.DeletedBefore.IsZero() || !a.DeletedAt.IsZero() && a.DeletedAt.Before(q.DeletedBefore)) &&
		(q.Text == "" || contains(string(a.ID), q.Text) || contains(a.LoginID, q.Text) ||
			contains(a.Profile.Name, q.Text) || contains(a.Profile.Mail, q.Text))
}

func contains(s, part string) bool { return strings.Contains(lower(s), lower(part)) }

// lower changes ASCII letters alone, as every database can.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
