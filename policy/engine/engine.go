package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Engine decides for many tenants by settings that a [policy.Store] keeps, and saves them.
// Make one with New; the zero Engine is not usable. It is safe for concurrent use. Many
// engines, of one process or of many, may share a store.
type Engine struct {
	profile policy.Profile
	store   policy.Store
	members Members
	o       Options

	seed    maphash.Seed
	tenants *cache[session.TenantID, tenant]
	people  *cache[name, person]
	seen    *seen
	clock   clock
	calls   chan struct{}
	lost    atomic.Int64 // calls that have outlived their callers, and have no place in calls any more

	told    chan session.TenantID // changes that a Watcher told of
	kick    chan struct{}         // there are new orders
	queue   chan Observation
	dropped atomic.Uint64

	mu      sync.Mutex
	returns map[session.TenantID]time.Time // provisional saves, for Run to bring back
}

// Members finds a member of a tenant. The host's user table will do: the engine keeps
// copies for MaxStale. The error is session.ErrNotFound if there is none; any other means
// that there is no answer. A Member that was handed out is not altered any more. It carries
// its tenant, and a Version that grows with each change: what it cuts stands in the same
// row, at the number that it has from then on. A replica that lags is no answer.
type Members interface {
	Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error)
}

// Failures counts failed logins, and locks. Package member/directory has one.
type Failures interface {
	// Count notes the outcome of a password check, and reports whether the member is
	// locked: since before, or by this failure. A right password of a member who is not
	// locked forgets the failures. Of any number of concurrent calls with wrong passwords,
	// exactly as many as the limit come before the lock, and a right one after it is told
	// that the member is locked. A lock ends no session. The member may be one who cannot
	// log in anyway, by a status or a blocked client: it is counted and locked all the same.
	//
	// If the error is member.ErrGuessed, so many wrong passwords came after the lock that
	// the right one is not to be told any more: the login is answered as with a wrong one.
	// Any other error says that nothing was counted, and the password is told nothing of.
	Count(ctx context.Context, t session.TenantID, id member.ID, right bool) (locked bool, err error)
}

// UnknownFailures is a Failures that does not tell by its time who is a member. A wrong
// password of a member is written down, which takes longer than to find that there is no such
// member; Admit then asks it to write something for those too. Package member/directory has one.
type UnknownFailures interface {
	Failures

	// CountUnknown does for a wrong password of a member who is not there what Count does
	// for one who is. Nothing rests on what it counts. id is whatever was typed, so what is
	// kept must be bounded. An error is answered as one of Count is.
	CountUnknown(ctx context.Context, t session.TenantID, id member.ID) error
}

// Sessions tells whether single sessions were ended. A [session.Store] behind
// [SessionsOf] is one.
type Sessions interface {
	// Ended reports whether a session was ended, by an act or by its limits. The error is
	// session.ErrNotFound if there is no such session of the tenant, as by the former ID of
	// one that was renewed; any other means that there is no answer, and the request is
	// refused.
	Ended(ctx context.Context, t session.TenantID, id session.ID, at time.Time) (bool, error)
}

// Mailer mails the administrators of a tenant. It is called by Run, again after an error,
// and may be called twice for one letter.
type Mailer interface {
	Mail(ctx context.Context, l Letter) error
}

// Administrators names the administrators of a tenant with the place where each was seen
// last, so that not all of them are shut out by accident: a change that shuts out some, and
// not the one who makes it, is not refused, and a Preview of their visits tells of it. Leave
// out those who could not log in anyway.
type Administrators interface {
	Administrators(ctx context.Context, t session.TenantID) ([]Place, error)
}

// Options are what a host can do for the engine. Nil and zero fields mean what they say;
// none of them lets anybody in.
type Options struct {
	// Locator tells countries. Nil: no address has one, and overseas blocking cannot be
	// switched on.
	Locator geo.Locator

	// MaxStale is the age up to which a copy of settings or of a member decides while the
	// store does not answer, and within which a change of another process is seen. 0: a
	// minute. At most 5 minutes.
	MaxStale time.Duration

	// LoadTimeout bounds one reading of store or Members. 0: 2 seconds.
	LoadTimeout time.Duration

	// MaxTenants and MaxMembers bound the copies that are kept; one of a tenant takes 1 to
	// 2 KiB and its exceptions and ranges, one of a member 300 bytes. What was not asked
	// for goes first. 0: 100,000 and 200,000.
	MaxTenants, MaxMembers int

	Failures       Failures        // nil: failed logins are not counted. See UnknownFailures too
	Sessions       Sessions        // nil: the host itself finds the session, and whether it has ended, before it calls Check
	Revoker        session.Revoker // nil: sessions die at their next check, and nothing is dropped before
	Administrators Administrators  // nil: only the place of the acting administrator is guarded
	Observer       Observer        // nil: nobody is told
	Mailer         Mailer          // needed if the profile has a ResetLink
	ResetKeys      [][]byte        // of 32 bytes or more, shared by all processes; needed if the profile has a ResetLink. The first signs, all are taken
	Queue          int             // observations that wait for the Observer; 0: 1,024. What comes while it is full is dropped and counted
}

const (
	maxCalls = 256  // of the host that are under way at once
	maxLost  = 4096 // that nobody waits for any more, beside them; after that, some more that keep their places
	fewLost  = 16   // lost ones of which nobody is told; then at twice as many each time
)

// New makes an engine for tenants under a profile. It starts nothing: see [Engine.Run].
// The engine copies what it needs of p and o.
func New(p *policy.Profile, s policy.Store, m Members, o *Options) (*Engine, error) {
	if p == nil || s == nil || m == nil {
		return nil, errors.New("engine: profile, store and members are needed")
	}
	e := &Engine{profile: *p, store: s, members: m, seed: maphash.MakeSeed(), returns: make(map[session.TenantID]time.Time)}
	e.profile.Plans, e.profile.Unavailable = maps.Clone(p.Plans), slices.Clone(p.Unavailable)
	if o != nil {
		e.o = *o
	}
	if e.o.Locator != nil {
		e.o.Locator = &careful{e.o.Locator, func(err error) { e.alarm("", "", err) }}
	}
	var zero policy.Settings
	if _, err := policy.Compile(zero, p, nil); err != nil {
		return nil, fmt.Errorf("engine: the profile cannot be used: %w", err)
	}
	for _, d := range []struct {
		name             string
		value            *time.Duration
		normal, at, most time.Duration
	}{
		{"MaxStale", &e.o.MaxStale, time.Minute, time.Second, 5 * time.Minute},
		{"LoadTimeout", &e.o.LoadTimeout, 2 * time.Second, time.Millisecond, time.Minute},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.normal
		case *d.value < d.at || *d.value > d.most:
			return nil, fmt.Errorf("engine: %s is %v; from %v to %v", d.name, *d.value, d.at, d.most)
		}
	}
	for _, n := range []struct {
		value  *int
		normal int
	}{{&e.o.MaxTenants, 100_000}, {&e.o.MaxMembers, 200_000}, {&e.o.Queue, 1024}} {
		if *n.value <= 0 {
			*n.value = n.normal
		}
	}
	if p.ResetLink != 0 {
		if err := checkLinks(p.ResetLink, &e.o); err != nil {
			return nil, err
		}
	}
	e.tenants = newCache[session.TenantID](e.o.MaxTenants, (*tenant).forget)
	e.people = newCache[name](e.o.MaxMembers, func(*person) {})
	e.seen = newSeen(max(1<<20, 4*(e.o.MaxTenants+e.o.MaxMembers)))
	e.calls = make(chan struct{}, maxCalls)
	e.told = make(chan session.TenantID, 1024)
	e.kick = make(chan struct{}, 1)
	e.queue = make(chan Observation, e.o.Queue)
	return e, nil
}

// Found says what the store can do beyond what every store must.
type Found struct {
	Watches   bool `json:"watches"`   // it tells of changes, so that they are seen at once and not within MaxStale
	Remembers bool `json:"remembers"` // it keeps earlier versions, so that History and Restore work
	Logs      bool `json:"logs"`      // its events can be searched
}

// Found returns what was found in the store that New was given.
func (e *Engine) Found() Found {
	_, watches := e.store.(policy.Watcher)
	_, remembers := e.store.(policy.Historian)
	_, logs := e.store.(session.Log)
	return Found{watches, remembers, logs}
}

// Place is where somebody is: the member, the program and the address.
type Place struct {
	Member member.ID
	Client session.Client
	Addr   netip.Addr

	// Contact says that a contact is recorded by which the member can verify their
	// identity. If it is false, an answer of verify does not count as coming in.
	Contact bool
}

// name names a member of a tenant.
type name struct {
	tenant session.TenantID
	member member.ID
}

func (e *Engine) tenantHash(t session.TenantID) uint64 { return maphash.String(e.seed, string(t)) }

func (e *Engine) nameHash(n name) uint64 {
	// The two hashes are mixed unlike each other, so that the places cannot be exchanged.
	h := maphash.String(e.seed, string(n.tenant))
	return h*0x9e3779b97f4a7c15 + maphash.String(e.seed, string(n.member))
}
