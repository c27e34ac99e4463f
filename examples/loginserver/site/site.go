// Package site is the login server without HTTP: one method for each thing that a person or
// a program can do. Whether they may is decided here, so that neither the JSON interface nor
// the pages can forget it.
//
// Start with Tenant.Login, where Sallyport is asked (door.go). A request of a session is
// Tenant.Visit, and what an administrator does is a method of Actor, whom Tenant.Actor
// makes of a session that was checked.
package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Options say what a Site is made of. The zero Options is a server without tenants in
// memory.
type Options struct {
	Countries *geo.DB      // nil: no address has a country
	Log       *slog.Logger // nil: nothing is logged
	Stores    *Stores      // nil: InMemory
	Setups    []Setup      // tenants that are made if they are not there

	// Demo believes whatever client is named, takes addresses that are not public, and
	// shows mail to everybody. False: as a real server. Stores of the one are refused by
	// the other.
	Demo bool

	// Send mails a letter to an address; an ErrMailbox if that will never take it. Nil:
	// nobody who is asked for a code gets one, unless this is a demo.
	Send func(ctx context.Context, address string, m Mail) error

	// URL is what the links in letters begin with, as https://login.example.com. "": they
	// are paths on this server.
	URL string

	// Iterations of the password hash. 0: Iterations.
	Iterations int

	// Observers are told what engines tell, beside the log.
	Observers []engine.Observer
}

// Site answers for all tenants. Make one with New; it is safe for concurrent use.
type Site struct {
	Demo      bool
	Countries *geo.DB
	Begun     []Newcomer // members of the setups whose password this process has stored

	log       *slog.Logger
	stores    *Stores
	tenants   []*Tenant
	engines   []*engine.Engine
	directory *directory.Directory
	verifier  *verify.Verifier
	passwords *passwords
	guesses   *guesses
	mail      func(ctx context.Context, address string, m Mail) error
	url       string
	records   records
}

// Failures lock a member, and make a source wait that guesses where they do not count.
const Failures = 10

// New makes a Site over what its stores hold, and makes the tenants of the setups first.
// Many processes may do so at once, on one database.
func New(ctx context.Context, o Options) (*Site, error) {
	s := &Site{Demo: o.Demo, Countries: o.Countries, log: o.Log, stores: o.Stores, guesses: newGuesses(), mail: o.Send, url: strings.TrimSuffix(o.URL, "/")}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.stores == nil {
		s.stores = InMemory()
	}
	if err := s.mode(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.passwords, err = newPasswords(ctx, s.stores.Values, o.Iterations); err != nil {
		return nil, err
	}
	if s.directory, err = directory.New(s.stores.Members, s.stores.Members, &directory.Options{
		Sessions: s.stores.Sessions,
		Revoker:  changed{s},
		Alive:    s.alive,
		Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
			return directory.Terms{Download: true, Failures: Failures}, nil
		},
	}); err != nil {
		return nil, err
	}
	for _, u := range o.Setups {
		if err := s.register(ctx, u); err != nil {
			return nil, err
		}
	}
	if err := s.load(ctx, o); err != nil {
		return nil, err
	}
	for _, u := range o.Setups {
		if err := s.furnish(ctx, u); err != nil {
			return nil, err
		}
	}
	var own verify.Domains // mailboxes of this service, to which no code is sent
	for _, t := range s.tenants {
		own = append(own, string(t.ID)+".example")
	}
	s.verifier, err = verify.New(s.stores.Verifications, own, nil)
	return s, err
}

// mode keeps the members of a demo, whose passwords everybody knows, out of a real server,
// and what a real server keeps from being shown by a demo.
func (s *Site) mode(ctx context.Context) error {
	is := map[bool]string{true: "demo", false: "real"}[s.Demo]
	err := s.stores.Values.Put(ctx, Value{Kind: "mode", Name: "mode", Body: []byte(is)})
	if errors.Is(err, session.ErrConflict) {
		var v Value
		if v, err = s.stores.Values.Get(ctx, "mode", "mode"); err == nil && string(v.Body) != is {
			err = fmt.Errorf("what is stored is of a %s server, and this is a %s one: choose another database", v.Body, is)
		}
	}
	return err
}

// profiles are the products that a tenant can be of.
func profiles() []*policy.Profile {
	return []*policy.Profile{policy.NaverWorks(), policy.LineWorks(), policy.Kintone(), policy.Standard()}
}

// load makes an engine for each product that has tenants. A service has one product, and so
// one engine; a demo shows several.
func (s *Site) load(ctx context.Context, o Options) error {
	kept, err := s.kept(ctx)
	if err != nil {
		return err
	}
	resetKey, err := s.secret(ctx, "reset-key")
	if err != nil {
		return err
	}
	share := newShare(s.stores.Policies)
	for _, p := range profiles() {
		p.SpecialPurpose = o.Demo // loopback is not public
		var e *engine.Engine
		for _, k := range kept {
			if k.Profile != p.Name {
				continue
			}
			if e == nil {
				if e, err = engine.New(p, share.of(p.Name), s.directory, &engine.Options{
					Locator:        locator(s.Countries),
					Failures:       s.directory,
					Sessions:       engine.SessionsOf(s.stores.Sessions),
					Revoker:        s.stores.Revoker,
					Administrators: administrators{s},
					Observer:       watcher{s.log, o.Observers},
					Mailer:         mailer{s},
					ResetKeys:      [][]byte{[]byte(resetKey)},
				}); err != nil {
					return fmt.Errorf("%s: %w", p.Name, err)
				}
				s.engines = append(s.engines, e)
			}
			share.belongs(k.ID, p.Name)
			s.tenants = append(s.tenants, &Tenant{ID: k.ID, About: k.About, Contact: k.Contact, Plan: k.Plan, Profile: p, site: s, engine: e})
		}
	}
	if len(s.tenants) < len(kept) {
		return errors.New("site: there is a tenant of a profile that this program does not know")
	}
	order := func(t *Tenant) int {
		return slices.IndexFunc(o.Setups, func(u Setup) bool { return u.ID == t.ID })
	}
	slices.SortStableFunc(s.tenants, func(a, b *Tenant) int {
		if d := order(a) - order(b); d != 0 {
			return d
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return nil
}

// locator keeps a nil DB from becoming a Locator that is not nil.
func locator(db *geo.DB) geo.Locator {
	if db == nil {
		return nil
	}
	return db
}

// Run does what need not happen at once, until ctx ends.
func (s *Site) Run(ctx context.Context) {
	var wait sync.WaitGroup
	for _, e := range s.engines {
		wait.Go(func() { _ = e.Run(ctx) })
	}
	wait.Go(func() { _ = s.directory.Run(ctx) })
	if f, ok := s.stores.Members.(follower); ok { // what other processes do to members
		wait.Go(func() {
			_ = f.Follow(ctx, func(t session.TenantID, id member.ID) {
				for _, e := range s.engines {
					e.MemberChanged(t, id)
				}
			})
		})
	}
	wait.Go(func() {
		for t := time.Tick(time.Hour); ; {
			select {
			case <-t:
				s.tidy(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	wait.Wait()
}

// follower is a store of members that tells of changes.
type follower interface {
	Follow(ctx context.Context, changed func(session.TenantID, member.ID)) error
}

// tidy forgets what is not shown any more.
func (s *Site) tidy(ctx context.Context) {
	now := time.Now()
	for _, purge := range []func() (int, error){
		func() (int, error) {
			return s.stores.Sessions.Purge(ctx, now.Add(-cmp.Or(s.stores.Kept, session.History)), session.MaxPage)
		},
		func() (int, error) { return s.stores.Verifications.Purge(ctx, now, session.MaxPage) },
		func() (int, error) { return s.stores.Values.Purge(ctx, now, session.MaxPage) },
	} {
		for n, err := 1, error(nil); n > 0 && err == nil; {
			if n, err = purge(); err != nil {
				s.log.Warn("tidy", "error", err)
			}
		}
	}
	for _, t := range s.tenants {
		if err := s.directory.Tidy(ctx, t.ID); err != nil {
			s.log.Warn("tidy", "tenant", t.ID, "error", err)
		}
	}
}

// Ready reports, as an error, that what is stored does not answer.
func (s *Site) Ready(ctx context.Context) error {
	for _, t := range s.tenants {
		if _, err := s.stores.Policies.Version(ctx, t.ID); err != nil {
			return err
		}
	}
	if _, err := s.stores.Sessions.Find(ctx, "", session.ID{}); !errors.Is(err, session.ErrNotFound) {
		return fmt.Errorf("sessions: %w", err)
	}
	return nil
}

// Forgets reports whether everything is gone at the end of the process.
func (s *Site) Forgets() bool { return s.stores.Forgets }

// Tenants returns all tenants; do not alter the list.
func (s *Site) Tenants() []*Tenant { return s.tenants }

// Tenant returns the tenant of that id, or nil.
func (s *Site) Tenant(id session.TenantID) *Tenant {
	for _, t := range s.tenants {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// watcher writes what engines tell to the log, and tells others.
type watcher struct {
	log    *slog.Logger
	others []engine.Observer
}

func (w watcher) Observe(o engine.Observation) {
	level := slog.LevelInfo
	switch {
	case o.Kind == engine.Alarmed:
		level = slog.LevelError
	case o.Kind == engine.Requested && o.Decision.Allowed():
		level = slog.LevelDebug
	}
	told := o
	told.Event = nil // what it has beside o is told after it
	args := []any{"what", told}
	if e := o.Event; e != nil {
		args = append(args, "id", e.ID, "did", e.Kind)
		if e.Why != "" {
			args = append(args, "why", e.Why)
		}
	}
	w.log.Log(context.Background(), level, o.Kind.String(), args...)
	for _, other := range w.others {
		other.Observe(o)
	}
}
