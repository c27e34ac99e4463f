package policy

import (
	"context"
	"fmt"

	"github.com/sallyport-go/sallyport/session"
)

// Store keeps the records of tenants. A host implements it on the database that it has;
// NewMemStore is one in memory, and policytest.Run proves any other. It is safe for
// concurrent use by many processes.
//
// What Load and Version return is the last acknowledged save of any process. A replica
// that lags is no Store: sessions would outlive their cuts by its lag.
//
// A missing tenant is never an empty one: Load and Version return session.ErrNotFound. A
// tenant that was removed has a record, which says so. Tenants are compared byte by byte.
// A context that is cancelled or past its deadline is returned as its error, promptly; a
// Save has then written all or nothing. An error that is none of those named means that
// the store does not answer.
//
// Load returns exactly what Save was given, but for the zones of instants. What a caller
// alters afterwards, of what it gave or got, does not show.
type Store interface {
	// Load returns the record of a tenant, which the caller may keep and not alter.
	Load(ctx context.Context, t session.TenantID) (Record, error)

	// Version returns the version of the record that Load would return, cheaply. It is
	// asked at every login.
	Version(ctx context.Context, t session.TenantID) (session.Version, error)

	// Save replaces the record of r.Tenant, which must be at version expected, by r, and
	// stores the event and the orders with it, in one write. If expected is zero, there
	// must be no record. It returns the version of the record that this save wrote.
	//
	// If the record is at another version, the error is a *ConflictError, which is a
	// session.ErrConflict, and nothing was written. But if a save of the same tenant with
	// the same r.Save and the same expected version was written before, however long ago,
	// this one is its repetition: it writes nothing and returns the version of the first
	// with no error. An r.Save that was used on another version is a conflict too. If
	// r.Save is "", a save is never a repetition.
	//
	// If r does not follow the record that is there (see Record.Follows), or is corrupt
	// where there is none (see Record.Err), that is the error and nothing was written.
	Save(ctx context.Context, expected session.Version, r Record, e session.Event, orders []session.Order) (session.Version, error)

	session.Outbox
}

// ConflictError says that a record is not at the version that a save expected. It is a
// session.ErrConflict.
type ConflictError struct {
	Tenant   session.TenantID
	Expected session.Version
	Found    session.Version // what somebody else has saved; zero: there is no record
}

// Error says what to do.
func (e *ConflictError) Error() string {
	switch e.Found {
	case session.Version{}:
		return fmt.Sprintf("policy: tenant %s has no record; enrol it first", quote(string(e.Tenant)))
	case e.Expected:
		return fmt.Sprintf("policy: the id of this save of the settings of %s was used before, on another version; draw another", quote(string(e.Tenant)))
	}
	return fmt.Sprintf("policy: the settings of %s are at version %v and not at %v, because somebody else has saved; load them and try again",
		quote(string(e.Tenant)), e.Found, e.Expected)
}

// Unwrap returns session.ErrConflict.
func (e *ConflictError) Unwrap() error { return session.ErrConflict }

// Historian is a Store that keeps what was saved before, for as long as it says. No
// guarantee needs one.
type Historian interface {
	// History returns the saves of a tenant, newest first, at most n. If before is not
	// zero, only those older than the save that made that version. A missing tenant has
	// none.
	History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]Past, error)

	// Earlier returns the save that made a version; session.ErrNotFound if it is not kept.
	Earlier(ctx context.Context, t session.TenantID, v session.Version) (Past, error)
}

// Past is a save: the record that it wrote and the event that it told.
type Past struct {
	Record Record
	Event  session.Event
}

// Watcher is a Store that tells of saves as they happen, those of other processes too.
// It is a hint: a save that is not told is found within the engine's MaxStale.
type Watcher interface {
	// Watch calls changed for each save until ctx ends, and then returns ctx's error. Saves
	// of a tenant that follow each other closely may be told as one, by the last version.
	// If telling breaks down it returns why; the caller watches again. A changed that
	// blocks holds up no Save.
	Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error
}
