package nodes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// sentinel is the Redis of a fault run: one server at a time, in the place of which a
// replica comes, and the networks that lead to it.
type sentinel struct {
	t        testing.TB
	networks []*nodetest.Proxy
	own      *redis.Client // by a network of its own

	mu  sync.Mutex
	now *server
}

const storeOfRun = "sallyport"

func (s *sentinel) server() *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// direct calls f with a client of the server as it is, whatever the networks are.
func (s *sentinel) direct(r *nodetest.Run, f func(context.Context, *redis.Client) error) {
	c := redis.NewClient(&redis.Options{Addr: s.server().addr})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f(ctx, c); err != nil {
		r.Errorf("a fault of Redis: %v", err)
	}
}

// killed kills the server and starts it again, with all that it has acknowledged.
func (s *sentinel) killed(r *nodetest.Run) {
	r.Count("Redis killed")
	now := s.server()
	now.kill()
	nodetest.AWhile()
	if err := now.start(); err != nil {
		r.Errorf("%v", err)
	}
}

func (s *sentinel) paused(r *nodetest.Run) {
	r.Count("Redis paused")
	s.server().pause(true)
	nodetest.AWhile()
	s.server().pause(false)
}

func (s *sentinel) flushed(r *nodetest.Run) {
	r.Count("Redis flushed")
	r.Losing(func() {
		s.direct(r, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() })
		nodetest.AWhile()
	})
}

// evicting has the server remove a few keys, whatever they are, for want of memory.
func (s *sentinel) evicting(r *nodetest.Run) {
	r.Count("Redis evicting")
	r.Losing(func() {
		s.direct(r, func(ctx context.Context, c *redis.Client) error {
			text, err := c.Info(ctx, "memory").Result()
			used, _ := strconv.Atoi(infoField(text, "used_memory"))
			keys := c.DBSize(ctx).Val()
			err = errors.Join(err, c.ConfigSet(ctx, "maxmemory-policy", "allkeys-random").Err(),
				c.ConfigSet(ctx, "maxmemory", fmt.Sprint(used-rand.IntN(200_000))).Err())
			nodetest.AWhile()
			err = errors.Join(err, c.ConfigSet(ctx, "maxmemory", "0").Err(), c.ConfigSet(ctx, "maxmemory-policy", "noeviction").Err())
			if c.DBSize(ctx).Val() < keys {
				r.Count("Redis evicting: with keys gone")
			}
			return err
		})
	})
}

// failedOver has a replica take over, which has heard nothing for a while of what the
// server has acknowledged.
func (s *sentinel) failedOver(r *nodetest.Run) {
	r.Count("Redis failed over to a replica that lags")
	replica := serve(s.t)
	c := redis.NewClient(&redis.Options{Addr: replica.addr})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	host, port, _ := net.SplitHostPort(s.server().addr)
	if err := c.ReplicaOf(ctx, host, port).Err(); err != nil {
		r.Errorf("a replica: %v", err)
	}
	for text := ""; infoField(text, "master_link_status") != "up"; time.Sleep(5 * time.Millisecond) {
		var err error
		if text, err = c.Info(ctx, "replication").Result(); err != nil {
			r.Errorf("a replica does not come up: %v", err)
			return
		}
	}
	r.Losing(func() {
		if err := c.ReplicaOf(ctx, "no", "one").Err(); err != nil { // so far it got
			r.Errorf("a replica: %v", err)
		}
		nodetest.AWhile()
		s.mu.Lock()
		old := s.now
		s.now = replica
		s.mu.Unlock()
		old.kill()
		for _, x := range s.networks {
			x.Move(replica.addr)
		}
	})
}

// look draws a new line where data was lost, as the person does who is called then.
func (s *sentinel) look(r *nodetest.Run) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	db, err := redisstore.New(ctx, s.own, &redisstore.Options{Prefix: storeOfRun})
	if err != nil {
		return // it does not answer, or is evicting
	}
	if _, err := db.Sessions().Find(ctx, "acme", session.ID{1}); !errors.Is(err, redisstore.ErrLost) {
		return
	}
	time.Sleep(rand.N(500 * time.Millisecond)) // until somebody has come
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r.Ends(func() bool {
		if err := db.NewLine(ctx); err != nil {
			r.Count("new lines that failed")
			return false
		}
		r.Count("new lines")
		return true
	})
}

// shut has the database of a cluster refuse every connection for a while.
func shut(c *nodetest.Cluster) func(*nodetest.Run) {
	return func(r *nodetest.Run) {
		r.Count("database shut for a while")
		db, err := sql.Open("pgx", c.Admin())
		if err != nil {
			r.Errorf("%v", err)
			return
		}
		defer db.Close()
		for _, open := range []bool{false, true} {
			if _, err := db.Exec(fmt.Sprintf("ALTER DATABASE postgres WITH ALLOW_CONNECTIONS %v", open)); err != nil {
				r.Errorf("%v", err)
			}
			if !open {
				db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
				nodetest.AWhile()
			}
		}
	}
}

// Three processes on one PostgreSQL and one Redis, with faults throughout: no session that
// should be dead is let in beyond the bound, nothing that was acknowledged is lost, and
// nobody is shut out for good. SALLYPORT_RUN=10m for ten minutes of it.
func TestGuarantee14And19NothingDeadLivesWithRedis(t *testing.T) {
	lengthy(t)
	first := serve(t)
	s := &sentinel{t: t, now: first}
	own := nodetest.Proxied(t, "tcp", first.addr)
	s.networks, s.own = []*nodetest.Proxy{own}, client(t, own.Addr)
	draw(t, s.own, storeOfRun)

	c := nodetest.Clustered(t)
	mine := stores(t, nodetest.Job{DSN: c.DSN(), Redis: own.Addr, Prefix: storeOfRun})
	if err := mine.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &nodetest.Run{Stores: mine.DB, Operator: s.look, Faults: []func(*nodetest.Run){
		nodetest.ThrowOut(c.DSN()), shut(c), c.Killed, s.killed, s.paused, s.flushed, s.evicting, s.failedOver,
	}}
	for i := range r.Jobs {
		database, through := nodetest.ProxiedDatabase(t, c.DSN())
		redis := nodetest.Proxied(t, "tcp", first.addr)
		s.networks = append(s.networks, redis)
		r.Networks[i] = []*nodetest.Proxy{database, redis}
		r.Jobs[i] = nodetest.Job{DSN: through, Redis: redis.Addr, Prefix: storeOfRun, Sessions: true}
	}
	r.Do(t)
}
