// Package world is a tenant with two members and an engine, for the tests of the examples.
package world

import (
	"context"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Tenant is the tenant, of which only Office is designated.
const (
	Tenant = session.TenantID("acme")
	Office = "8.8.8.8"
	Street = "9.9.9.9"
)

// World is a user table and an engine that asks it.
type World struct {
	Engine *engine.Engine

	mu      sync.Mutex
	members map[member.ID]member.Member
	wrong   map[member.ID]int
}

// New enrolls the tenant, with the members kim and lee.
func New(t testing.TB) *World {
	w := &World{members: map[member.ID]member.Member{}, wrong: map[member.ID]int{}}
	for _, id := range []member.ID{"kim", "lee"} {
		w.members[id] = member.Member{Tenant: Tenant, ID: id, Status: member.Active, Version: session.NewLine()}
	}
	var err error
	if w.Engine, err = engine.New(policy.Standard(), policy.NewMemStore(), w, &engine.Options{Failures: w}); err != nil {
		t.Fatal(err)
	}
	settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange(Office)}}}
	if _, err := w.Engine.Enroll(context.Background(), engine.Enrollment{Tenant: Tenant, Settings: settings}); err != nil {
		t.Fatal(err)
	}
	return w
}

// Member implements engine.Members.
func (w *World) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.members[id]
	if !ok || m.Tenant != t {
		return nil, session.ErrNotFound
	}
	return &m, nil
}

// Password takes "right" for the password of every member.
func (w *World) Password(ctx context.Context, id member.ID, password string) (session.Version, bool) {
	m, err := w.Member(ctx, Tenant, id)
	if err != nil {
		return session.Version{}, false
	}
	return m.Version, password == "right"
}

// Count implements engine.Failures. It locks nobody.
func (w *World) Count(_ context.Context, _ session.TenantID, id member.ID, ok bool) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		w.wrong[id]++
	}
	return false, nil
}

// Wrong is how many wrong passwords of a member were counted.
func (w *World) Wrong(id member.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong[id]
}

// SignOut ends all sessions of a member; with suspend, nobody logs in as them either.
func (w *World) SignOut(t testing.TB, id member.ID, suspend bool) {
	w.mu.Lock()
	m := w.members[id]
	next, err := m.Version.Next()
	if err != nil {
		t.Fatal(err)
	}
	m.Version = next
	m.Cuts = m.Cuts.Cut(session.AllClients, next.Number)
	if suspend {
		m.Status = member.Suspended
	}
	w.members[id] = m
	w.mu.Unlock()
	w.Engine.MemberChanged(Tenant, id)
}

// Proxy returns a Resolver to which peer is the one declared proxy, and writes X-Forwarded-For.
func Proxy(t testing.TB, peer string) *httpgate.Resolver {
	r, err := httpgate.NewResolver(httpgate.Options{Proxies: ipset.MustParse(peer), Header: httpgate.XForwardedFor})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
