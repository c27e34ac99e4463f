package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// A store that was never set up, or was emptied, refuses everything until somebody says
// that it is so.
func TestGuarantee23FlushedIsNotEmpty(t *testing.T) {
	s := serve(t)
	c := client(t, s.addr)
	db := open(t, c, "sallyport")
	lost(t, db, login("kim"), "before the first NewLine")
	for _, flush := range []func() error{
		func() error { return c.FlushAll(t.Context()).Err() },
		func() error { return c.Del(t.Context(), "{sallyport}:mark").Err() },
	} {
		if err := db.NewLine(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := begun(t, db.Sessions(), "kim")
		if err := flush(); err != nil {
			t.Fatal(err)
		}
		lost(t, db, n, "after a flush")
		lost(t, open(t, c, "sallyport"), n, "after a flush, in a process that saw nothing before")
		if err := db.NewLine(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := alive(db.Sessions(), n); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("on a new line a session of the old one: %v; want ErrNotFound", err)
		}
		if live, err := alive(db.Sessions(), begun(t, db.Sessions(), "kim")); !live {
			t.Errorf("a session of the new line does not live: %v", err)
		}
	}
}

// Each kind of key that the store has is taken away alone. Nothing that was ended lives,
// and nothing that could escape an end goes on unnoticed.
func TestGuarantee23ALostKeyIsFoundOut(t *testing.T) {
	c := client(t, serve(t).addr)
	for _, row := range []struct {
		key, why string
		unknown  bool // the session is not known: nothing else is affected
	}{
		{"x:*", "the list of a tenant: an order would pass over its sessions", false},
		{"s:*", "a session itself", false},
		{"i:*", "where the id of a renewed session leads: it is refused", true},
	} {
		db := drawn(t, c, "sallyport")
		n := begun(t, db.Sessions(), "kim")
		_, next := session.NewToken()
		if err := db.Sessions().Renew(t.Context(), acme, n.ID, next, time.Now()); err != nil {
			t.Fatal(err)
		}
		n.ID = next
		keys := must[[]string](t)(c.Keys(t.Context(), "{sallyport}:*:"+row.key).Result())
		if len(keys) == 0 {
			t.Fatalf("there is no key %s", row.key)
		}
		c.Del(t.Context(), keys...)
		o := session.Order{Kind: session.SignOut, Tenant: acme, Member: "kim", Device: "laptop", Clients: session.AllClients}
		ended, err := db.Sessions().EndAll(t.Context(), o, time.Now())
		if row.unknown {
			if _, found := alive(db.Sessions(), n); ended != 1 || err != nil || !errors.Is(found, session.ErrNotFound) {
				t.Errorf("without %s (%s): EndAll ended %d, %v; Find: %v", row.key, row.why, ended, err, found)
			}
			continue
		}
		if !errors.Is(err, redisstore.ErrLost) {
			t.Errorf("without %s (%s): EndAll: %v; want ErrLost", row.key, row.why, err)
		}
		lost(t, db, n, "without "+row.key)
	}
}

// New refuses a server that evicts keys. If it begins to do so later, what goes is refused.
func TestEviction(t *testing.T) {
	s := serve(t, "--maxmemory-policy", "allkeys-lru")
	c := client(t, s.addr)
	if _, err := redisstore.New(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("New on a server that evicts: %v", err)
	}
	for _, p := range []string{"volatile-lru", "noeviction"} {
		c.ConfigSet(t.Context(), "maxmemory-policy", p)
		if _, err := redisstore.New(t.Context(), c, nil); err != nil {
			t.Errorf("New on a server with %s: %v", p, err)
		}
	}
	db := drawn(t, c, "sallyport")
	var ended, open []session.Session
	for i := range 200 {
		n := begun(t, db.Sessions(), session.MemberID(fmt.Sprint("member", i%10)))
		if i%2 == 0 {
			if err := db.Sessions().End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
				t.Fatal(err)
			}
			ended = append(ended, n)
		} else {
			open = append(open, n)
		}
	}
	c.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random")
	c.ConfigSet(t.Context(), "maxmemory", "3mb")
	for i := range 3000 {
		c.Set(t.Context(), fmt.Sprint("cache of somebody", i), strings.Repeat("x", 1000), 0)
	}
	c.ConfigSet(t.Context(), "maxmemory", "0")
	lives, unknown, told := 0, 0, 0
	for _, n := range ended {
		live, err := alive(db.Sessions(), n)
		if live {
			t.Errorf("a session that was ended lives after eviction")
		}
		if errors.Is(err, redisstore.ErrLost) {
			told++
		}
	}
	for _, n := range open {
		switch live, err := alive(db.Sessions(), n); {
		case live:
			lives++
		case errors.Is(err, redisstore.ErrLost):
			told++
		case errors.Is(err, session.ErrNotFound):
			unknown++
		default:
			t.Errorf("after eviction, Find: %v", err)
		}
	}
	if told == 0 && unknown == 0 {
		t.Fatal("nothing was evicted")
	}
	t.Logf("of 100 open sessions %d live, %d are not known; %d of 200 calls said that data was lost", lives, unknown, told)
}

// A server that is full refuses, and does nothing by halves.
func TestServerIsFull(t *testing.T) {
	c := client(t, serve(t).addr)
	db := drawn(t, c, "sallyport")
	n := begun(t, db.Sessions(), "kim")
	dead := begun(t, db.Sessions(), "lee")
	if err := db.Sessions().Touch(t.Context(), acme, n.ID, n.Seen.Add(time.Minute), seoul, n.Country); err != nil {
		t.Fatal(err)
	}
	c.ConfigSet(t.Context(), "maxmemory", "1")
	if err := db.Sessions().Create(t.Context(), login("kim")); err == nil {
		t.Error("Create on a server that is full succeeds")
	}
	if err := db.Sessions().End(t.Context(), acme, n.ID, time.Now(), "x"); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("End on a server that is full: %v", err)
	}
	if n, err := db.Sessions().Purge(t.Context(), dead.EndsAt().Add(time.Second), 10); n != 1 || err != nil {
		t.Errorf("Purge, which makes room, removes %d sessions from a server that is full, %v; want 1", n, err)
	}
	c.ConfigSet(t.Context(), "maxmemory", "0")
	if list, err := db.Sessions().List(t.Context(), acme, session.Query{}); len(list) != 1 || err != nil {
		t.Errorf("after that there are %d sessions, %v; want 1", len(list), err)
	}
}

// A server is killed and comes back: with what was acknowledged, with nothing, and with an
// old copy.
func TestKilledAndRestarted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		args   []string
		before func(*redis.Client) // between the login and its end
		lost   bool
	}{
		{"each write is on the disk", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil, false},
		{"nothing is on the disk", nil, nil, true},
		{"a backup from before the end", nil, func(c *redis.Client) { c.Save(context.Background()) }, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := serve(t, row.args...)
			c := client(t, s.addr)
			db, other := drawn(t, c, "sallyport"), open(t, client(t, s.addr), "sallyport")
			n, stays := begun(t, db.Sessions(), "kim"), begun(t, db.Sessions(), "lee")
			if row.before != nil {
				row.before(c)
			}
			if err := db.Sessions().End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
				t.Fatal(err)
			}
			s.kill()
			for _, f := range []session.Session{n, stays} {
				if live, err := alive(db.Sessions(), f); live || err == nil || errors.Is(err, session.ErrNotFound) {
					t.Errorf("while the server is down, Find: live %v, %v; want another error", live, err)
				}
			}
			s.start()
			if live, _ := alive(db.Sessions(), n); live {
				t.Error("a session that was ended lives again")
			}
			if !row.lost {
				if live, err := alive(other.Sessions(), stays); !live {
					t.Errorf("a session that nobody ended does not live: %v", err)
				}
				return
			}
			lost(t, db, n, "after the restart")
			lost(t, other, n, "after the restart, in a process that had seen nothing")
		})
	}
}

// A backup from before a new line was drawn does not bring the old sessions back.
func TestBackupOfAnotherLine(t *testing.T) {
	s := serve(t)
	c := client(t, s.addr)
	db := drawn(t, c, "sallyport")
	n := begun(t, db.Sessions(), "kim")
	c.Save(t.Context())
	if err := db.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys, _ := c.Keys(t.Context(), "*").Result(); len(keys) != 1 {
		t.Errorf("after NewLine there are %q; want the mark alone", keys)
	}
	s.kill()
	s.start()
	lost(t, db, n, "with a backup of the line before")
	if err := db.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := alive(db.Sessions(), begun(t, db.Sessions(), "kim")); !live {
		t.Errorf("on the next line a new session does not live: %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.args[5], "dump.rdb")); err != nil {
		t.Errorf("there was no backup: %v", err)
	}
}

// The server fails, and a replica that is behind takes over. The end was acknowledged, and
// is not there. From when one process that saw it makes a call, as it does each second if it
// watches, nobody accepts the session.
func TestFailoverLosesAnEnd(t *testing.T) {
	t.Parallel()
	primary, replica := serve(t, "--repl-diskless-sync-delay", "0"), serve(t)
	p := newProxy(t, primary.addr)
	a, b := drawn(t, client(t, p.addr), "sallyport"), open(t, client(t, p.addr), "sallyport")
	n := begun(t, a.Sessions(), "kim")
	r := client(t, replica.addr)
	replicating(t, r, primary.addr)
	if live, err := alive(b.Sessions(), n); !live {
		t.Fatal(err)
	}
	r.ReplicaOf(t.Context(), "no", "one") // so far it got
	if err := a.Sessions().End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan error, 1)
	watch := func() {
		heard <- a.Told(policy.NewMemStore()).(policy.Watcher).Watch(ctx, func(session.TenantID, session.Version) {})
	}
	go watch()
	primary.kill()
	p.move(replica.addr)
	began := time.Now()
	for {
		live, err := alive(b.Sessions(), n)
		if errors.Is(err, redisstore.ErrLost) {
			t.Logf("node B refused the session %v after the failover", time.Since(began).Round(time.Millisecond))
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("a minute after the failover the session that was ended is live: %v, %v", live, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for i := 0; ; i++ { // the call to which the server did not answer may come first
		err := <-heard
		if errors.Is(err, redisstore.ErrLost) {
			break
		}
		if i == 100 {
			t.Fatalf("after the failover a Watch returns %v; want ErrLost", err)
		}
		go watch()
	}
	lost(t, a, n, "after the failover")
	lost(t, b, n, "after the failover, on the other node")
	if err := b.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	for node, db := range map[string]*redisstore.DB{"A": a, "B": b} {
		if _, err := alive(db.Sessions(), n); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("on a new line node %s finds the session: %v", node, err)
		}
		if live, err := alive(db.Sessions(), begun(t, db.Sessions(), "kim")); !live {
			t.Errorf("on a new line a session of node %s does not live: %v", node, err)
		}
	}
}

// After an old backup others have written as many ends as were lost, or more. The count is
// no less, and the history is not the same.
func TestBackupThatCaughtUp(t *testing.T) {
	for name, more := range map[string]int{"as many": 1, "more": 3} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := client(t, s.addr)
			a := drawn(t, c, "sallyport")
			n := begun(t, a.Sessions(), "kim")
			var others []session.Session
			for range more {
				others = append(others, begun(t, a.Sessions(), "lee"))
			}
			c.Save(t.Context())
			if err := a.Sessions().End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
				t.Fatal(err)
			}
			s.kill()
			s.start()
			b := open(t, client(t, s.addr), "sallyport") // begins only now, and has seen nothing
			for _, m := range others {
				if err := b.Sessions().End(t.Context(), acme, m.ID, time.Now(), "signed out"); err != nil {
					t.Fatal(err)
				}
			}
			lost(t, a, n, "in the process that saw the end that was lost")
			lost(t, b, n, "in the other process, after that")
		})
	}
}

// The clock of the server was ahead when the store was set up, and is right when its data is
// lost. Processes that have seen the old line refuse a new one that comes before it, and
// say so; the next comes after it, and nobody waits until the clock is where it was.
func TestClockWentBack(t *testing.T) {
	c := client(t, serve(t).addr)
	all := []*redisstore.DB{drawn(t, c, "sallyport"), open(t, c, "sallyport"), open(t, c, "sallyport")}
	ahead := func(d time.Duration) string { return fmt.Sprintf("%016d-ahead", time.Now().Add(d).UnixMicro()) }
	for i, line := range []string{ahead(time.Hour), ahead(2 * time.Hour)} { // as NewLine would have drawn it then
		if err := c.HSet(t.Context(), "{sallyport}:mark", "line", line).Err(); err != nil {
			t.Fatal(err)
		}
		for _, db := range all[i:] {
			if _, err := alive(db.Sessions(), login("kim")); !errors.Is(err, session.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	operator := drawn(t, c, "sallyport") // who has seen nothing
	for _, db := range all {
		lost(t, db, login("kim"), "on a line before the one that was seen")
	}
	if err := operator.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, db := range all {
		if live, err := alive(db.Sessions(), begun(t, db.Sessions(), "kim")); !live {
			t.Errorf("process %d, on the second new line, a new session: %v", i, err)
		}
	}
}
