package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// replicating makes r a replica of a server, and returns when it has what that has.
func replicating(t *testing.T, r *redis.Client, of string) {
	t.Helper()
	host, port, _ := strings.Cut(of, ":")
	if err := r.ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	for i := 0; r.Exists(t.Context(), "{sallyport}:mark").Val() == 0; i++ {
		if i == 600 {
			t.Fatal("the replica does not come up")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stale is what a server that is behind knows: a session that lives there, one that had
// ended before, and a sign-out that is kept as a cut. The session fresh it never heard of.
type stale struct {
	lives, ended, fresh session.Session
	cut                 session.Order
}

// before fills a store with what the server will know.
func before(t *testing.T, db *redisstore.DB) stale {
	t.Helper()
	s := db.Sessions()
	k := stale{lives: begun(t, s, "kim"), ended: begun(t, s, "kim"), fresh: login("lee")}
	k.cut = session.Order{ID: "o", Kind: session.SignOut, Tenant: acme, Member: "lee", Clients: session.AllClients, Membership: session.Version{Line: 9, Number: 3}, At: time.Now()}
	if err := errors.Join(s.End(t.Context(), acme, k.ended.ID, time.Now(), "x"), s.Revoke(t.Context(), k.cut)); err != nil {
		t.Fatal(err)
	}
	return k
}

// writes makes each call that writes, in each way in which it finds nothing to write, and
// once where there is something.
func (k stale) writes(ctx context.Context, db *redisstore.DB) map[string]error {
	s, now := db.Sessions(), time.Now()
	touch := func(n session.Session, at time.Time) error { return s.Touch(ctx, acme, n.ID, at, seoul, n.Country) }
	_, next := session.NewToken()
	taken := login("kim")
	taken.ID = k.ended.ID
	device := session.Order{ID: "d", Kind: session.SignOut, Tenant: acme, Member: "lee", Device: "laptop", Clients: session.AllClients}
	_, nobody := s.EndAll(ctx, device, now)
	one := session.Order{ID: "s", Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, Session: k.fresh.ID}
	_, unknown := s.EndAll(ctx, one, now)
	all := session.Order{ID: "a", Kind: session.SignOut, Tenant: acme, Clients: session.AllClients}
	_, somebody := s.EndAll(ctx, all, now)
	_, nothing := s.Purge(ctx, now.Add(-time.Hour), 10)
	_, something := s.Purge(ctx, now.Add(time.Hour), 10)
	return map[string]error{
		"Create": s.Create(ctx, login("kim")), "Create, id taken": s.Create(ctx, taken),
		"Touch": touch(k.lives, now), "Touch, late": touch(k.lives, k.lives.Seen.Add(-time.Minute)), "Touch, ended": touch(k.ended, now), "Touch, unknown": touch(k.fresh, now),
		"Renew": s.Renew(ctx, acme, k.lives.ID, next, now), "Renew, next id taken": s.Renew(ctx, acme, k.lives.ID, k.ended.ID, now),
		"Renew, ended": s.Renew(ctx, acme, k.ended.ID, next, now), "Renew, unknown": s.Renew(ctx, acme, k.fresh.ID, next, now),
		"End": s.End(ctx, acme, k.lives.ID, now, "x"), "End, ended": s.End(ctx, acme, k.ended.ID, now, "x"), "End, unknown": s.End(ctx, acme, k.fresh.ID, now, "x"),
		"EndAll": somebody, "EndAll, of nobody": nobody, "EndAll, unknown": unknown,
		"Revoke, no cut": s.Revoke(ctx, device), "Revoke, cut before": s.Revoke(ctx, k.cut), "Revoke, one": s.Revoke(ctx, one),
		"Purge": something, "Purge, nothing": nothing,
		"TellMember": db.TellMember(ctx, acme, "kim", session.Version{Line: 1, Number: 1}),
		"NewLine":    db.NewLine(ctx),
	}
}

// refused checks that an error is of the server, and says nothing of a session.
func refused(t *testing.T, what string, err error, why string) {
	t.Helper()
	if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrExists) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v; want an error that names the %s", what, err, why)
	}
}

// A primary was replaced and comes back as a replica, which has lost touch with the new one.
// What was ended on that is alive here, and what began there is unknown, but nobody is told
// so: an order that found nothing to end here would pass for done.
func TestReplicaIsNoStore(t *testing.T) {
	t.Parallel()
	primary, replica := serve(t, "--repl-diskless-sync-delay", "0"), serve(t)
	r := client(t, replica.addr)
	heard := make(chan error, 10)
	b := must[*redisstore.DB](t)(redisstore.New(t.Context(), r, &redisstore.Options{Failed: func(err error) { heard <- err }}))
	a := drawn(t, client(t, primary.addr), "sallyport")
	k := before(t, a)
	replicating(t, r, primary.addr)
	if err := r.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Sessions().End(t.Context(), acme, k.lives.ID, time.Now(), "signed out"), a.Sessions().Create(t.Context(), k.fresh)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for what, err := range k.writes(ctx, b) {
		refused(t, what, err, "replica")
	}
	live, find := alive(b.Sessions(), k.lives)
	_, unknown := alive(b.Sessions(), k.fresh)
	_, list := b.Sessions().List(ctx, acme, session.Query{})
	watch := b.Told(policy.NewMemStore()).(policy.Watcher).Watch(ctx, func(session.TenantID, session.Version) {})
	_, made := redisstore.New(ctx, r, nil)
	if live {
		t.Error("a session that was ended is live by what a replica says")
	}
	for what, err := range map[string]error{"Find": find, "Find, unknown": unknown, "List": list, "Watch": watch, "New": made} {
		refused(t, what, err, "replica")
	}
	following, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- b.FollowMembers(following, func(session.TenantID, session.MemberID) {}) }()
	select {
	case err := <-heard:
		refused(t, "FollowMembers", err, "replica")
	case <-ctx.Done():
		t.Error("FollowMembers hears nothing of a replica, and tells nobody")
	}
	stop()
	<-done
	r.ReplicaOf(t.Context(), "no", "one")
	if err := b.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := alive(b.Sessions(), begun(t, b.Sessions(), "kim")); !live {
		t.Errorf("when it is a primary again, a session does not live: %v", err)
	}
}

// A primary that was replaced and does not know it yet lacks its replicas. It can be asked,
// but takes no ends, of sessions that it never heard of either.
func TestPrimaryWithoutReplicasTakesNothing(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t).addr)
	db := drawn(t, c, "sallyport")
	k := before(t, db)
	if err := c.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for what, err := range k.writes(t.Context(), db) {
		refused(t, what, err, "NOREPLICAS")
	}
	if live, err := alive(db.Sessions(), k.lives); !live {
		t.Errorf("Find: live %v, %v", live, err)
	}
}
