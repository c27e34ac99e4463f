package redisstore_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

const acme session.TenantID = "acme"

var (
	seoul       = netip.MustParseAddr("1.208.0.1")
	seoulOffice = netip.MustParseAddr("8.8.8.8")
)

// login returns a new session of a member.
func login(m session.MemberID) session.Session {
	_, id := session.NewToken()
	now := time.Now().UTC().Truncate(time.Microsecond)
	return session.Session{
		ID: id, Tenant: acme, Member: m,
		Stamp: session.Stamp{Policy: session.Version{Line: 7, Number: 5}, Member: session.Version{Line: 9, Number: 3}, Client: session.Web},
		Addr:  seoul, Device: "laptop", System: "Linux", Created: now, Seen: now, Idle: time.Hour, Life: 24 * time.Hour,
	}
}

// begun returns a session that the store has taken.
func begun(t testing.TB, s *redisstore.Sessions, m session.MemberID) session.Session {
	t.Helper()
	n := login(m)
	if err := s.Create(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	return n
}

// alive reports whether a store says that a session is live.
func alive(s session.Store, n session.Session) (bool, error) {
	found, err := s.Find(context.Background(), n.Tenant, n.ID)
	return err == nil && found.Live(time.Now()), err
}

// lost checks that every call of a store refuses, and says so.
func lost(t testing.TB, db *redisstore.DB, n session.Session, when string) {
	t.Helper()
	ctx, s, now := context.Background(), db.Sessions(), time.Now()
	_, next := session.NewToken()
	_, find := s.Find(ctx, n.Tenant, n.ID)
	_, list := s.List(ctx, n.Tenant, session.Query{})
	o := session.Order{Kind: session.SignOut, Tenant: n.Tenant, Clients: session.AllClients}
	_, endAll := s.EndAll(ctx, o, now)
	_, purge := s.Purge(ctx, now, 1)
	for call, err := range map[string]error{
		"Create": s.Create(ctx, login("new")), "Find": find, "Touch": s.Touch(ctx, n.Tenant, n.ID, now, seoul, n.Country),
		"Renew": s.Renew(ctx, n.Tenant, n.ID, next, now), "End": s.End(ctx, n.Tenant, n.ID, now, "x"), "EndAll": endAll,
		"List": list, "Purge": purge, "Revoke": s.Revoke(ctx, o),
	} {
		if !errors.Is(err, redisstore.ErrLost) || errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s, %s: %v; want ErrLost", when, call, err)
		}
	}
}
