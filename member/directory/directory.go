package directory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Directory is the accounts of all tenants as a host uses them: its administrators' pages
// call the acts, its engine asks for members and has failures counted. It keeps nothing
// itself. Make one with New; it is safe for concurrent use.
//
// Every act names the actor, whom the host has authenticated and whose session it has
// checked. The actor is looked up at each act: one who was suspended acts no more. What
// the rules refuse is a *RefusedError and is recorded. An act that somebody else's act got
// in the way of is tried again.
type Directory struct {
	store   Store
	counter Counter
	joined  Reader // of both at once; nil: each is asked
	o       Options
	telling chan struct{} // a place for each call of the host that is under way
	seed    maphash.Seed  // of CountUnknown
}

// Options are what New takes besides the stores. The zero Options is that of a host that
// keeps sessions itself and has no plans.
type Options struct {
	// Sessions is where the host's sessions are. nil: the host finds and ends them itself,
	// by the orders that Revoker gets; an overview has no visits then.
	//
	// An act that joins a transaction of the host, see [session.Uncommitted], ends sessions
	// that join it too in the same transaction, and fails if it cannot: roll back then.
	// Sessions that are elsewhere, Revoker and Wiper learn of it after the commit, from the
	// Run of another Directory, so there must be one.
	Sessions session.Store

	// Revoker drops sessions at once. nil: they end at their next check.
	Revoker session.Revoker

	// Wiper is the host's device service. nil: there is none, and wiping is refused.
	Wiper session.Wiper

	// Alive reports whether the tenant's record lets a session live, for what administrators
	// are shown; nothing is decided by it. nil: sessions that the tenant's record has ended
	// are shown as live until Sessions was told.
	Alive func(session.Session) bool

	// Terms returns what plan and login policy of a tenant say. nil: the zero Terms. If it
	// fails, whatever needs it is refused.
	Terms func(context.Context, session.TenantID) (Terms, error)

	// Prompt is how long an act may spend on delivering its orders at once, within what
	// its context allows. What fails or is late is Run's. 0: 2 seconds; negative: no time, all
	// is Run's. In a transaction of the host only a negative one counts.
	Prompt time.Duration
}

// Terms are what the plan and the login policy of a tenant say.
type Terms struct {
	Download    bool          // lists may be downloaded; a free plan has none
	Keep        time.Duration // of events; 0: EventsKept. A free plan has FreeEventsKept
	Failures    int           // failed logins that lock; 0 or less: DefaultFailures
	PasswordAge time.Duration // after which the password must be changed; 0: never
}

// How long events of administrators are kept, and how many failed logins lock.
const (
	EventsKept      = 180 * 24 * time.Hour
	FreeEventsKept  = 14 * 24 * time.Hour
	DefaultFailures = 5
)

// SuperLock is how long the lock of a super admin lasts.
const SuperLock = 15 * time.Minute

const defaultPrompt = 2 * time.Second

// New returns a Directory over a store and a counter, which may be the same. o may be nil.
func New(s Store, c Counter, o *Options) (*Directory, error) {
	if s == nil || c == nil {
		return nil, errors.New("directory: New needs a store of accounts and a counter of failed logins")
	}
	d := &Directory{store: s, counter: c, telling: make(chan struct{}, mostTold), seed: maphash.MakeSeed()}
	if o != nil {
		d.o = *o
	}
	if d.o.Prompt == 0 {
		d.o.Prompt = defaultPrompt
	}
	if j, ok := c.(Joined); ok {
		d.joined = j.Join(s, c)
	}
	return d, nil
}

// now is an instant as every store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// recovered makes a panic of the host's code an error of the call.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("directory: the host's code panicked: %s", quote(fmt.Sprint(p)))
	}
}

// load returns an account as it is stored, or an error: a corrupt one, and one of another
// tenant or member, answers for nobody.
func (d *Directory) load(ctx context.Context, t session.TenantID, id member.ID) (Account, error) {
	a, err := d.store.Load(ctx, t, id)
	return sound(t, id, a, err)
}

// counted returns an account as load does, and its failures. If there is no account, the
// error is session.ErrNotFound, and the failures were read nevertheless.
func (d *Directory) counted(ctx context.Context, t session.TenantID, id member.ID) (a Account, f Failures, err error) {
	if d.joined != nil {
		a, f, err = d.joined.Read(ctx, t, id)
		a, err = sound(t, id, a, err)
		return a, f, err
	}
	a, err = d.load(ctx, t, id)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return a, f, err
	}
	f, failed := d.counter.Failures(ctx, t, id)
	if failed != nil {
		err = failed
	}
	return a, f, err
}

// sound returns what a store answered, if it is an account and that of the member.
func sound(t session.TenantID, id member.ID, a Account, err error) (Account, error) {
	if err != nil {
		return Account{}, err
	}
	if a.Tenant != t || a.ID != id {
		return Account{}, fmt.Errorf("directory: the store answered for %s of %s with %s of %s",
			quote(string(id)), quote(string(t)), quote(string(a.ID)), quote(string(a.Tenant)))
	}
	return a, a.Err()
}

func (d *Directory) terms(ctx context.Context, t session.TenantID) (Terms, error) {
	var terms Terms
	if d.o.Terms != nil {
		var err error
		if terms, err = d.o.Terms(ctx, t); err != nil {
			return Terms{}, fmt.Errorf("directory: the terms of %s: %w", quote(string(t)), err)
		}
	}
	if terms.Keep <= 0 {
		terms.Keep = EventsKept
	}
	if terms.Failures <= 0 {
		terms.Failures = DefaultFailures
	}
	return terms, nil
}

// actor returns the account of who acts, or a *RefusedError if there is none.
func (d *Directory) actor(ctx context.Context, t session.TenantID, id member.ID) (Account, error) {
	if t == "" || id == "" {
		return Account{}, refused(UnknownActor)
	}
	a, err := d.load(ctx, t, id)
	if errors.Is(err, session.ErrNotFound) {
		return Account{}, refused(UnknownActor)
	}
	return a, err
}
