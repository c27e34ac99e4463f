package nodes

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // the client logs each failure, of which the tests make many
	nodetest.Main(m)
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// TestNodeChild is a process of a service; see nodetest.Start.
func TestNodeChild(t *testing.T) { nodetest.Child(t, stores) }

// stores returns what a process works on: all of it in the database, or the sessions, and
// the telling of changes, in Redis.
func stores(t testing.TB, j nodetest.Job) nodetest.Stores {
	db := must[*sqlstore.DB](t)(sqlstore.New(nodetest.Open(t, "pgx", j.DSN), sqlstore.PostgreSQL))
	if j.Redis == "" {
		return nodetest.InDatabase(db)
	}
	c := client(t, j.Redis)
	r, err := redisstore.New(t.Context(), c, &redisstore.Options{Prefix: j.Prefix})
	for try := 0; err != nil && try < 1000; try++ { // Redis may be failing just when a process starts
		time.Sleep(10 * time.Millisecond)
		r, err = redisstore.New(t.Context(), c, &redisstore.Options{Prefix: j.Prefix})
	}
	if err != nil {
		t.Fatal(err)
	}
	var policies policy.Store = db.Policies()
	if j.Die == "between" {
		policies = dies{policies}
	}
	return nodetest.Stores{
		DB: db, Policies: r.Told(policies), Sessions: r.Sessions(), Revoke: r.Sessions().Revoke,
		Follow: r.FollowMembers, Tell: r.TellMember,
	}
}

// dies kills the process when the database has a save and Redis has heard nothing of it.
type dies struct{ policy.Store }

func (s dies) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	v, err := s.Store.Save(ctx, expected, r, e, orders)
	if err == nil {
		nodetest.Die()
	}
	return v, err
}

// client returns a client that gives up soon.
func client(t testing.TB, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, PoolSize: 20, DialerRetries: 1,
		DialTimeout: 500 * time.Millisecond, ReadTimeout: 500 * time.Millisecond, WriteTimeout: 500 * time.Millisecond,
		MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond})
	t.Cleanup(func() { c.Close() })
	return c
}

// shared returns the address of a Redis that others use too: that of SALLYPORT_REDIS, or
// the one of this machine. Where there is none a test is skipped, but in CI.
func shared(t testing.TB) string {
	t.Helper()
	addr := cmp.Or(os.Getenv("SALLYPORT_REDIS"), "127.0.0.1:6379")
	if err := found(); err != nil {
		absent(t, "no Redis at "+addr+": "+err.Error()+"; start one, or name one in SALLYPORT_REDIS")
	}
	return addr
}

var found = sync.OnceValue(func() error {
	c := redis.NewClient(&redis.Options{Addr: cmp.Or(os.Getenv("SALLYPORT_REDIS"), "127.0.0.1:6379")})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.Ping(ctx).Err()
})

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// server is a Redis of a test's own, which writes what it acknowledges to a file, and finds
// it there when it is killed and started again. It is safe for concurrent use.
//
// Nobody cuts the power, so nothing is synced: with everysec, which is the default, a server
// whose disk is busy acknowledges what it has not written yet.
type server struct {
	t    testing.TB
	addr string
	args []string

	mu  sync.Mutex
	cmd *exec.Cmd
}

func serve(t testing.TB) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		absent(t, "no redis-server to start: "+err.Error())
	}
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &server{t: t, addr: "127.0.0.1:" + port, args: []string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(),
		"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--repl-diskless-sync-delay", "0", "--logfile", "log"}}
	t.Cleanup(s.kill)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// start returns when the server answers.
func (s *server) start() error {
	cmd := exec.Command("redis-server", s.args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer c.Close()
	var err error
	for range 600 {
		if err = c.Ping(context.Background()).Err(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("redis-server does not answer: %w", err)
}

// kill ends it with SIGKILL.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.cmd.Process.Signal(syscall.SIGCONT)
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// pause has it stand still until it is to go on.
func (s *server) pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	s.cmd.Process.Signal(signal)
}

// place is where the sessions of a service are.
type place struct {
	name  string
	redis bool
}

// each runs a test on each place, beside others: it waits more than it works.
func each(t *testing.T, test func(t *testing.T, at place)) {
	lengthy(t)
	for _, at := range []place{{"sessions in PostgreSQL", false}, {"sessions in Redis", true}} {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			test(t, at)
		})
	}
}

// lengthy skips a test that -short has no time for, and otherwise runs it beside others.
func lengthy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is lengthy")
	}
	t.Parallel()
}

// house makes a new database with the tenant acme, and a new store of sessions, and returns
// the job of processes there with the stores of the test itself.
func (at place) house(t testing.TB, j nodetest.Job, members ...member.ID) (nodetest.Job, nodetest.Stores, *sql.DB) {
	t.Helper()
	j.DSN = nodetest.Database(t)
	db := nodetest.Open(t, "pgx", j.DSN)
	if at.redis && j.Redis == "" {
		j.Redis = shared(t)
	}
	if at.redis { // each request finds its session there
		j.Prefix, j.Sessions = "test-"+rand.Text(), true
		c := client(t, j.Redis)
		t.Cleanup(func() { remove(c, j.Prefix) })
		draw(t, c, j.Prefix)
	}
	s := stores(t, j)
	if err := s.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodetest.Populate(t, s.DB, acme, members...)
	return j, s, db
}

// draw draws a new line, as somebody does who sets the store up.
func draw(t testing.TB, c *redis.Client, prefix string) {
	t.Helper()
	db := must[*redisstore.DB](t)(redisstore.New(t.Context(), c, &redisstore.Options{Prefix: prefix}))
	if err := db.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func remove(c *redis.Client, prefix string) {
	ctx := context.Background()
	for keys := c.Scan(ctx, 0, "{"+prefix+"}:*", 1000).Iterator(); keys.Next(ctx); {
		c.Unlink(ctx, keys.Val())
	}
}

// spread starts processes of one job in a new house. They are up when it returns, so that
// they meet no fault while they open their stores.
func (at place) spread(t testing.TB, n int, j nodetest.Job, members ...member.ID) ([]*nodetest.Process, nodetest.Stores, *sql.DB) {
	t.Helper()
	j, s, db := at.house(t, j, members...)
	var list []*nodetest.Process
	for range n {
		list = append(list, nodetest.Start(t, j, nil))
	}
	for _, p := range list {
		p.Do(t, nodetest.Ask{Do: "version", Tenant: acme})
	}
	return list, s, db
}

const acme session.TenantID = "acme"

// infoField returns a line of what INFO tells.
func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
