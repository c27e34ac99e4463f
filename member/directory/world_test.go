package directory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// noon is the instant of acts that nobody dates otherwise.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// reason returns why err is a refusal, "" if it is none.
func reason(err error) directory.Reason {
	var why *directory.RefusedError
	if errors.As(err, &why) {
		return why.Reason
	}
	return ""
}

// step is an act and its facts.
type step struct {
	act   directory.Act
	facts directory.Facts
}

func role(name string) directory.Facts {
	return directory.Facts{Role: directory.Role{Name: name}}
}

// made returns the account of a member of acme after some acts, each a minute after the
// one before, the last of them at noon.
func made(t testing.TB, id member.ID, steps ...step) directory.Account {
	t.Helper()
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: id}}
	steps = append([]step{{directory.Create, directory.Facts{
		LoginID: string(id), Generated: true, Profile: directory.Profile{Name: "Name of " + string(id)},
	}}}, steps...)
	for i, s := range steps {
		if s.facts.At.IsZero() {
			s.facts.At = noon.Add(time.Duration(i+1-len(steps)) * time.Minute)
		}
		s.facts.Line = session.NewLine()
		c, err := s.act.Do(a, s.facts)
		if err != nil {
			t.Fatalf("making %s: %v", id, err)
		}
		a = c.Account
	}
	return a
}

// Ways to a state.
var (
	toPending   = []step{}
	toActive    = []step{{act: directory.ChangePassword}}
	toLeave     = []step{{act: directory.ChangePassword}, {act: directory.BeginLeave}}
	toSuspended = []step{{act: directory.ChangePassword}, {act: directory.Suspend}}
	toDeleted   = []step{{act: directory.ChangePassword}, {act: directory.Delete}}
	toPurged    = []step{{act: directory.Delete, facts: directory.Facts{At: noon.Add(-10 * 24 * time.Hour)}}, {act: directory.Purge}}
)

func join(parts ...[]step) (all []step) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// dead returns the clients whose sessions that were admitted by was are dead by is.
func dead(was, is directory.Account) (c session.Clients) {
	for client := range session.AllClients.All() {
		if !is.Cuts.Alive(client, was.Version, is.Version) {
			c |= session.ClientsOf(client)
		}
	}
	return c
}

// fixture is a directory over a store in memory, with a tenant acme that has a super admin
// "boss", and what is needed to look behind it.
type fixture struct {
	*directory.Directory
	mem *directory.MemStore
}

func newFixture(t testing.TB, o *directory.Options) fixture {
	t.Helper()
	mem := directory.NewMemStore()
	d, err := directory.New(mem, mem, o)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{d, mem}
	f.adopt(t, "boss", directory.SuperAdmin)
	return f
}

// adopt makes an active member of acme with roles.
func (f fixture) adopt(t testing.TB, id member.ID, roles ...string) {
	t.Helper()
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: id}}
	for _, r := range roles {
		a.Roles = append(a.Roles, directory.Role{Name: r})
	}
	if err := f.Adopt(t.Context(), a, ""); err != nil {
		t.Fatal(err)
	}
}

// lock locks a member of acme by failed logins.
func (f fixture) lock(t testing.TB, id member.ID) {
	t.Helper()
	for range directory.DefaultFailures {
		if _, err := f.Count(t.Context(), "acme", id, false); err != nil {
			t.Fatal(err)
		}
	}
}

func (f fixture) account(t testing.TB, id member.ID) directory.Account {
	t.Helper()
	a, err := f.mem.Load(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// last returns the newest event of acme.
func (f fixture) last(t testing.TB) session.Event {
	t.Helper()
	events, err := f.mem.Events(t.Context(), "acme", session.EventQuery{})
	if err != nil || len(events) == 0 {
		t.Fatalf("no events: %v", err)
	}
	return events[0]
}
