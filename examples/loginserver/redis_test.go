package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

// redisServer is a Redis of a test's own, which the test may stop and empty.
type redisServer struct {
	*testing.T
	addr string
	args []string
	cmd  *exec.Cmd
}

func newRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no redis-server to start: %v", err)
	}
	silence()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{T: t, addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(r.addr)
	r.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args...)
	l.Close()
	r.start()
	t.Cleanup(r.stop)
	return r
}

// silence keeps the client from logging each failure, of which there are many here.
var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// start starts it with whatever it had when it was stopped.
func (r *redisServer) start() {
	r.Helper()
	r.cmd = exec.Command("redis-server", r.args...)
	if err := r.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	c := r.client()
	for range 600 {
		if c.Ping(r.Context()).Err() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.Fatal("redis-server does not answer")
}

func (r *redisServer) client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: r.addr, MaxRetries: -1})
	r.Cleanup(func() { c.Close() })
	return c
}

// stop kills it.
func (r *redisServer) stop() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

// onRedis are stores of a database whose sessions are in Redis.
func onRedis(t *testing.T, database, addr string) *site.Stores {
	t.Helper()
	stores, closer, err := openStores(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	_, closer, err = useRedis(t.Context(), addr, stores, database != "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return stores
}

// servers are demos on the same stores, which start at once and run until the test ends.
func servers(t *testing.T, n int, stores func() *site.Stores) []*world {
	t.Helper()
	countries, err := openCountries("")
	if err != nil {
		t.Fatal(err)
	}
	nodes := make([]*world, n)
	var all sync.WaitGroup
	for i := range nodes {
		own := stores()
		all.Go(func() {
			s, err := site.New(t.Context(), site.Options{Countries: countries, Stores: own, Setups: site.Demo(), Demo: true, Iterations: 1})
			if err != nil {
				t.Error(err)
				return
			}
			f := &front.Front{Site: s, Names: []string{"example.com"}}
			nodes[i] = &world{T: t, Site: s, stores: own, http: handler(f, nil, nil)}
		})
	}
	if all.Wait(); t.Failed() {
		t.FailNow()
	}
	for _, node := range nodes {
		t.Cleanup(node.background())
	}
	return nodes
}

// logout signs a session out.
func (s *world) logout(tenant, token string) int {
	r := httptest.NewRequest("POST", "/t/"+tenant+"/logout", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return s.do(home, r).Code
}

// get asks for what an administrator sees.
func (s *world) get(path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return s.do(home, r)
}

// Servers on one database and one Redis are one service; what Redis has not, nobody has.
func TestServersOnRedis(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r, database := newRedis(t, "--appendonly", "yes", "--appendfsync", "always"), d.make(t) // nothing is lost when it is killed
			nodes := servers(t, 3, func() *site.Stores { return onRedis(t, database, r.addr) })
			a, b, c := nodes[0], nodes[1], nodes[2]
			const in = "200 allow [all-addresses]"

			kim, lee := a.login(home, "works", "kim", "demo-kim"), b.login(home, "works", "lee", "demo-lee")
			c.want("a session of another server", c.me(home, "works", kim.Session), in)
			if code := c.logout("works", kim.Session); code != http.StatusNoContent {
				t.Errorf("logout: %d", code)
			}
			for _, node := range nodes {
				node.want("signed out at another", node.me(home, "works", kim.Session), "401 deny [session-ended]")
				node.want("the other member", node.me(home, "works", lee.Session), in)
			}
			if w := c.get("/healthz", ""); w.Code != 200 {
				t.Errorf("health: %d %s", w.Code, w.Body)
			}

			// The database has none of the sessions, and all of the visits.
			root := b.login(home, "works", "root", "demo-root")
			w := a.get("/t/works/admin/accesses?member=kim", root.Session)
			if w.Code != 200 || strings.Count(w.Body.String(), `"member":"kim"`) != 1 || !strings.Contains(w.Body.String(), `"why":"signed out"`) {
				t.Errorf("accesses: %d %s", w.Code, w.Body)
			}
			preview := newPost("/t/works/admin/preview")
			preview.Body = body(`{"access":"designated","designated":[{"range":"8.8.8.8"}]}`)
			preview.Header.Set("Authorization", "Bearer "+root.Session)
			if w := a.do(home, preview); w.Code != 200 || !strings.Contains(w.Body.String(), `"refused":{"visits":2`) {
				t.Errorf("preview: %d %s", w.Code, w.Body)
			}

			// An act on a member and a save hold at all, at once.
			a.act(directory.Suspend, "works", "lee", directory.Facts{})
			c.want("suspended at one", c.me(home, "works", lee.Session), "401 deny [session-ended]")
			line := b.login(home, "line", "kim", "demo-kim")
			a.save("line", func(s *policy.Settings) {
				s.Access, s.Designated = policy.DesignatedAddresses, a.settings("standard").Settings.Designated[1:]
			})
			c.want("cut by a save at one", c.me("8.8.8.8", "line", line.Session), "401 deny [session-ended]")

			// While Redis is away nobody comes in, and nobody has lost a session.
			kim = a.login(home, "works", "kim", "demo-kim")
			r.stop()
			for _, node := range nodes {
				node.want("Redis is away", node.me(home, "works", kim.Session), "503 deny [member-stale]")
				if w := node.login(home, "works", "kim", "demo-kim"); w.Status != 503 || w.Session != "" {
					t.Errorf("a login while Redis is away: %d %s", w.Status, w.Body)
				}
				if w := node.get("/t/works/admin/network", root.Session); w.Code != 503 {
					t.Errorf("an administrator while Redis is away: %d %s", w.Code, w.Body)
				}
				if w := node.get("/healthz", ""); w.Code != 503 {
					t.Errorf("health while Redis is away: %d", w.Code)
				}
			}
			r.start()
			for _, node := range nodes {
				for range 600 { // the client looks once a second
					if node.me(home, "works", kim.Session).text() == in {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				node.want("Redis is back", node.me(home, "works", kim.Session), in)
			}
			again := b.login(home, "works", "kim", "demo-kim")
			c.want("a login after it", c.me(home, "works", again.Session), in)

			// Empty is not new: no session is known, and none begins, also not at a server that
			// starts then, until somebody draws a line.
			if err := r.client().FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			for _, node := range append(nodes, servers(t, 1, func() *site.Stores { return onRedis(t, database, r.addr) })...) {
				node.want("Redis was emptied", node.me(home, "works", kim.Session), "503 deny [member-stale]")
				if w := node.login(home, "works", "kim", "demo-kim"); w.Status != 503 || w.Session != "" {
					t.Errorf("a login after Redis was emptied: %d %s", w.Status, w.Body)
				}
				if w := node.get("/healthz", ""); w.Code != 503 {
					t.Errorf("health after Redis was emptied: %d", w.Code)
				}
			}
			var said bytes.Buffer
			if err := run(t.Context(), options{addr: "127.0.0.1:0", db: database, redis: r.addr, newLine: true, demo: true}, &said); err != nil || !strings.Contains(said.String(), "All sessions have ended") {
				t.Fatalf("-new-line: %v, %q", err, &said)
			}
			for _, node := range nodes {
				node.want("before the line", node.me(home, "works", kim.Session), "401 deny [session-unknown]")
				after := node.login(home, "works", "kim", "demo-kim")
				nodes[0].want("after it", nodes[0].me(home, "works", after.Session), in)
			}

			// A server that forgets -redis gives back no session that was signed out.
			alone := servers(t, 1, func() *site.Stores { return opened(t, database) })[0]
			alone.want("without -redis", alone.me(home, "works", again.Session), "401 deny [session-unknown]")
		})
	}
}

// A server in memory whose sessions are in Redis begins anew with each start.
func TestMemoryOnRedis(t *testing.T) {
	r := newRedis(t)
	start := func() *world { return servers(t, 1, func() *site.Stores { return onRedis(t, "", r.addr) })[0] }
	first := start()
	kim := first.login(home, "works", "kim", "demo-kim")
	first.want("a session", first.me(home, "works", kim.Session), "200 allow [all-addresses]")
	second := start()
	second.want("of the start before", second.me(home, "works", kim.Session), "401 deny [session-unknown]")
	lee := second.login(home, "works", "lee", "demo-lee")
	second.want("a new one", second.me(home, "works", lee.Session), "200 allow [all-addresses]")
}

// The sessions of several servers, and their visits, are what package session says of a store.
func TestSessionsOnRedis(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
		database := "sqlite:" + filepath.Join(t.TempDir(), "new.db") // whose sessions nobody else has
		return []session.Store{onRedis(t, database, r.addr).Sessions, onRedis(t, database, r.addr).Sessions}
	})
}

// What -redis says must be a Redis that will do.
func TestNoSuchRedis(t *testing.T) {
	silence()
	for _, name := range []string{"127.0.0.1:1", "nowhere", "user:secret@127.0.0.1:6379", "secret@127.0.0.1:6379", "redis://127.0.0.1:1/0", "http://127.0.0.1:1", "redis://127.0.0.1:1/x", "redis://:secret%zz@127.0.0.1:1", "redis://:secret@127.0.0.1:port"} {
		if _, _, err := useRedis(t.Context(), name, site.InMemory(), false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "-redis") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := run(t.Context(), options{addr: "127.0.0.1:0", newLine: true, demo: true}, io.Discard); err == nil || !strings.Contains(err.Error(), "-redis") {
		t.Errorf("-new-line alone: %v", err)
	}
}
