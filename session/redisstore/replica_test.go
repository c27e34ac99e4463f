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

// A primary was replaced and comes back as a replica, which has lost touch with the new one.
// What was ended on that is alive here, but nobody is told so.
func TestReplicaIsNoStore(t *testing.T) {
	t.Parallel()
	primary, replica := serve(t, "--repl-diskless-sync-delay", "0"), serve(t)
	r := client(t, replica.addr)
	a, b := drawn(t, client(t, primary.addr), "sallyport"), open(t, r, "sallyport")
	n := begun(t, a.Sessions(), "kim")
	replicating(t, r, primary.addr)
	if err := r.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.Sessions().End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
		t.Fatal(err)
	}
	live, find := alive(b.Sessions(), n)
	_, list := b.Sessions().List(t.Context(), acme, session.Query{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	watch := b.Told(policy.NewMemStore()).(policy.Watcher).Watch(ctx, func(session.TenantID, session.Version) {})
	_, made := redisstore.New(t.Context(), r, nil)
	if live {
		t.Error("a session that was ended is live by what a replica says")
	}
	for what, err := range map[string]error{"Find": find, "List": list, "Watch": watch, "New": made} {
		if err == nil || errors.Is(err, session.ErrNotFound) || !strings.Contains(err.Error(), "replica") {
			t.Errorf("%s of a replica: %v", what, err)
		}
	}
	r.ReplicaOf(t.Context(), "no", "one")
	if err := b.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := alive(b.Sessions(), begun(t, b.Sessions(), "kim")); !live {
		t.Errorf("when it is a primary again, a session does not live: %v", err)
	}
}
