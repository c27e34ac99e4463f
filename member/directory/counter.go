package directory

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Counter counts failed logins beside the accounts: a failure writes no account, draws no
// version and conflicts with nothing. It is safe for concurrent use by many processes.
// [NewMemStore] is one, and directorytest.RunCounter proves any other.
//
// An id may have up to 300 bytes, more than one of an Account: see Directory.CountUnknown.
type Counter interface {
	// Count replaces the failures f of a member by f.After(g), where there are none by
	// Failures{}.After(g), and returns them. It is atomic: of calls at the same time each
	// sees what the one before it wrote.
	Count(ctx context.Context, t session.TenantID, id member.ID, g Guess) (Failures, error)

	// Failures returns those of a member. Where there are none, they are zero.
	Failures(ctx context.Context, t session.TenantID, id member.ID) (Failures, error)

	// Clear forgets those of a member.
	Clear(ctx context.Context, t session.TenantID, id member.ID) error

	// Locked returns the members of a tenant whose failures have Locked, in the order of the
	// bytes of their ids, at most n: those with an id above after, of up to 256 bytes as
	// accounts have. If n is 0 or less, or above session.MaxPage, it is session.MaxPage.
	Locked(ctx context.Context, t session.TenantID, after member.ID, n int) ([]LockedMember, error)
}

// LockedMember is a member whose failures reached the limit. The lock may have opened by itself
// since, as a super admin's does: Failures.Lock tells, by what the account is.
type LockedMember struct {
	ID    member.ID
	Since time.Time // Failures.Locked
}

// Joined is a Counter of a database that has the accounts too, so that a login, which needs
// both, can read them at once. New asks it.
type Joined interface {
	Counter

	// Join returns a Reader that answers as s and c do, the two that New was given. It
	// returns nil unless both are of this database itself: a host's own type around one of
	// them, which may answer otherwise, must be asked and not passed by.
	Join(s Store, c Counter) Reader
}

// Reader reads an account and its failures at once.
type Reader interface {
	// Read returns what Store.Load and Counter.Failures return, read at the same time or one
	// after the other. If there is no account, the error is session.ErrNotFound, and the
	// failures are returned all the same.
	Read(ctx context.Context, t session.TenantID, id member.ID) (Account, Failures, error)
}

// Guess is one check of a password, and the rules by which it counts.
type Guess struct {
	Right bool
	At    time.Time
	Limit int           // as many failures lock; below 1 counts as 1
	Opens time.Duration // after which a lock opens by itself; 0: never
}

// Failures are the failed logins of a member. The zero Failures is none.
type Failures struct {
	Number int       // since the last success or lock that opened
	Locked time.Time // when the limit was reached; zero: it was not
	Behind int       // wrong passwords since then
}

// Lock reports whether f is a lock that is still shut at an instant. One that opens by
// itself does so after opens, by a clock that was set back too.
func (f Failures) Lock(at time.Time, opens time.Duration) bool {
	return !f.Locked.IsZero() && (opens <= 0 || at.Sub(f.Locked).Abs() < opens)
}

// After returns the failures after a check. A lock stays shut, whether the password is right
// or wrong, and wrong ones are counted on; otherwise a right one forgets the failures and a
// wrong one is counted.
func (f Failures) After(g Guess) Failures {
	if f.Lock(g.At, g.Opens) {
		if !g.Right {
			f.Behind++
		}
		return f
	}
	if !f.Locked.IsZero() || g.Right {
		f = Failures{}
	}
	if g.Right {
		return f
	}
	f.Number++
	if f.Number >= g.Limit {
		f.Locked = g.At
	}
	return f
}
