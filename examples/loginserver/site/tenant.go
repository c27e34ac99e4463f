package site

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Tenant is a customer of this server. Its methods are what happens at its door; what its
// administrators do is Actor's.
type Tenant struct {
	ID      session.TenantID
	About   string // for people, in English
	Contact string // whom who is refused may ask, in the tenant's own words; "": nobody is named
	Plan    policy.Plan
	Profile *policy.Profile // not to be altered

	site   *Site
	engine *engine.Engine
}

// Setup is a tenant to begin with. What is there already stays as it is, so a Setup may be
// repeated, by many processes at once.
type Setup struct {
	ID       session.TenantID
	Profile  string // the name of a product's profile
	Plan     policy.Plan
	About    string
	Contact  string
	Settings policy.Settings
	Members  []Newcomer
}

// Newcomer is a member of a Setup.
type Newcomer struct {
	ID         member.ID
	Password   string
	Roles      []string
	Contact    string // a mail address for codes; "": none
	MustChange bool   // the password, at the next login
}

// kept is how a tenant is stored.
type kept struct {
	ID      session.TenantID `json:"id"`
	Profile string           `json:"profile"`
	Plan    policy.Plan      `json:"plan,omitempty"`
	About   string           `json:"about,omitempty"`
	Contact string           `json:"contact,omitempty"`
}

// ids keep tenants and members apart in names of values, in paths and in links.
var ids = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// register stores that there is a tenant.
func (s *Site) register(ctx context.Context, u Setup) error {
	if !ids.MatchString(string(u.ID)) {
		return fmt.Errorf("tenant %.50q: an id has 1 to 40 of a-z, 0-9 and -", u.ID)
	}
	if !slices.ContainsFunc(profiles(), func(p *policy.Profile) bool { return p.Name == u.Profile }) {
		return fmt.Errorf("tenant %s: there is no profile %.50q", u.ID, u.Profile)
	}
	b, err := json.Marshal(kept{u.ID, u.Profile, u.Plan, u.About, u.Contact})
	if err != nil {
		return err
	}
	err = s.stores.Values.Put(ctx, Value{Kind: "tenant", Name: string(u.ID), Body: b})
	if errors.Is(err, session.ErrConflict) {
		return nil
	}
	return err
}

func (s *Site) kept(ctx context.Context) ([]kept, error) {
	list, err := s.stores.Values.List(ctx, "tenant", "")
	if err != nil {
		return nil, err
	}
	var all []kept
	for _, v := range slices.Backward(list) {
		var k kept
		if err := json.Unmarshal(v.Body, &k); err != nil {
			return nil, fmt.Errorf("tenant %s: %w", v.Name, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// furnish gives a tenant its settings and members.
func (s *Site) furnish(ctx context.Context, u Setup) error {
	t := s.Tenant(u.ID)
	if _, err := t.engine.Enroll(ctx, engine.Enrollment{Tenant: t.ID, Plan: t.Plan, Settings: u.Settings}); err != nil && !errors.Is(err, engine.ErrEnrolled) {
		return fmt.Errorf("tenant %s: %w", u.ID, err)
	}
	for _, n := range u.Members {
		a := directory.Account{
			Member:  member.Member{Tenant: t.ID, ID: n.ID, MustChangePassword: n.MustChange},
			Profile: directory.Profile{Name: string(n.ID), Mail: string(n.ID) + "@" + string(t.ID) + ".example"},
		}
		if n.Contact != "" {
			a.Contacts = []directory.Contact{{Address: n.Contact, Recorded: time.Now().Add(-time.Minute)}}
		}
		for _, r := range n.Roles {
			a.Roles = append(a.Roles, directory.Role{Name: r})
		}
		// The password comes first: a member whose adoption is there and whose password is
		// not could never log in.
		stored, err := s.passwords.begin(ctx, t.ID, n.ID, n.Password)
		if err != nil {
			return fmt.Errorf("member %s of %s: %w", n.ID, t.ID, err)
		}
		if stored {
			s.Begun = append(s.Begun, n)
		}
		if err := s.directory.Adopt(ctx, a, "to begin with"); err != nil && !errors.Is(err, session.ErrExists) {
			return fmt.Errorf("member %s of %s: %w", n.ID, t.ID, err)
		}
	}
	return nil
}

// secret returns random text of that name, which is drawn once for all processes.
func (s *Site) secret(ctx context.Context, name string) (string, error) {
	v, err := s.stores.Values.Get(ctx, "secret", name)
	if errors.Is(err, session.ErrNotFound) {
		err = s.stores.Values.Put(ctx, Value{Kind: "secret", Name: name, Body: []byte(rand.Text() + rand.Text())})
		if err == nil || errors.Is(err, session.ErrConflict) {
			v, err = s.stores.Values.Get(ctx, "secret", name)
		}
	}
	return string(v.Body), err
}

// Client returns the client of a login by the name that the request says. A server must
// know its clients and never be told: only a demo believes the name. Elsewhere a client
// other than web must show its key, see ClientKeys; what cannot be proved is the unknown
// client, which is refused. "" is web.
func (t *Tenant) Client(ctx context.Context, name, key string) session.Client {
	if name == "" {
		return session.Web
	}
	c, err := session.ParseClient(name)
	if err != nil || c == session.Web || t.site.Demo {
		return c
	}
	v, err := t.site.stores.Values.Get(ctx, "client-key", session.IDOf(key).String())
	if err != nil || string(v.Body) != c.String() {
		return session.UnknownClient
	}
	return c
}

// ClientKeys draws a key for each client that has none, and returns the new ones. They are
// shown once: only hashes are kept.
func (s *Site) ClientKeys(ctx context.Context, clients session.Clients) (map[session.Client]string, error) {
	fresh := make(map[session.Client]string)
	for c := range clients.All() {
		key := rand.Text()
		// The name of the client is taken first, so that of many processes one makes a key.
		err := s.stores.Values.Put(ctx, Value{Kind: "client", Name: c.String(), Body: []byte(session.IDOf(key).String())})
		if errors.Is(err, session.ErrConflict) {
			continue
		}
		if err == nil {
			err = s.stores.Values.Put(ctx, Value{Kind: "client-key", Name: session.IDOf(key).String(), Body: []byte(c.String())})
		}
		if err != nil {
			return fresh, err
		}
		fresh[c] = key
	}
	return fresh, nil
}
