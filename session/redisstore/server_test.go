package redisstore_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/session/redisstore"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // the client logs each failure, of which the tests make many
	if err := found(); err != nil && os.Getenv("CI") != "true" {
		flag.Parse()
		flag.Set("test.skip", "^Example")
		fmt.Println("examples are not run: no Redis:", err)
	}
	os.Exit(m.Run())
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

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

// options are those of a client in the tests.
func options(addr string) *redis.Options {
	return &redis.Options{Addr: addr, ContextTimeoutEnabled: true, DialerRetries: 1, PoolSize: 20}
}

func client(t testing.TB, addr string) *redis.Client {
	c := redis.NewClient(options(addr))
	t.Cleanup(func() { c.Close() })
	return c
}

// prefix returns a prefix that no other test has, on the shared server.
func prefix(t testing.TB, c redis.UniversalClient) string {
	p := "test-" + rand.Text()
	t.Cleanup(func() { remove(c, p) })
	return p
}

func remove(c redis.UniversalClient, prefix string) {
	ctx := context.Background()
	for keys := c.Scan(ctx, 0, "{"+prefix+"}:*", 1000).Iterator(); keys.Next(ctx); {
		c.Unlink(ctx, keys.Val())
	}
}

// open returns a store as one process has it.
func open(t testing.TB, c redis.UniversalClient, prefix string) *redisstore.DB {
	t.Helper()
	db, err := redisstore.New(t.Context(), c, &redisstore.Options{Prefix: prefix, Failed: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// drawn returns a store that is set up.
func drawn(t testing.TB, c redis.UniversalClient, prefix string) *redisstore.DB {
	t.Helper()
	db := open(t, c, prefix)
	if err := db.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// server is a Redis of a test's own, in a folder of its own.
type server struct {
	t    testing.TB
	addr string
	args []string
	cmd  *exec.Cmd
}

// serve starts a server. Nothing is saved unless args say so.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		absent(t, "no redis-server to start: "+err.Error())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	s := &server{t: t, addr: addr, args: append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--logfile", "log", "--enable-debug-command", "yes"}, args...)}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer c.Close()
	for range 600 {
		if c.Ping(context.Background()).Err() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.args[5], "log"))
	s.t.Fatalf("redis-server does not answer:\n%s", log)
}

// kill ends it with SIGKILL.
func (s *server) kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// cluster starts a cluster of n servers, which share the slots.
func cluster(t testing.TB, n int) *redis.ClusterClient {
	t.Helper()
	var addrs []string
	var nodes []*redis.Client
	for range n {
		s := serve(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
		addrs, nodes = append(addrs, s.addr), append(nodes, client(t, s.addr))
	}
	ctx := t.Context()
	for i, node := range nodes {
		if err := node.ClusterAddSlotsRange(ctx, 16384*i/n, 16384*(i+1)/n-1).Err(); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(addrs[0])
			if err := node.ClusterMeet(ctx, host, port).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; ; i++ {
		ready := 0
		for _, node := range nodes {
			info, _ := node.ClusterInfo(ctx).Result()
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(n)) {
				ready++
			}
		}
		if ready == n {
			break
		}
		if i == 600 {
			t.Fatal("the cluster does not come up")
		}
		time.Sleep(50 * time.Millisecond)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	return c
}

// monitor hands out every command that a server is given, also by scripts, until stopped.
func monitor(t testing.TB, addr string) (stop func() []string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "MONITOR\r\n")
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "+OK" {
		t.Fatalf("MONITOR: %q", lines.Text())
	}
	done := make(chan []string)
	go func() {
		var all []string
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"the last one"`) {
				break
			}
			all = append(all, lines.Text())
		}
		done <- all
	}()
	return func() []string {
		client(t, addr).Echo(context.Background(), "the last one")
		defer c.Close()
		return <-done
	}
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
