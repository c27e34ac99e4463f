package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// databases are names for -db of new databases; the test of each ends with it.
var databases = []struct {
	name string
	make func(*testing.T) string
}{
	{"sqlite", func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a base?#%.db") }},
	{"postgres", newPostgres},
}

// newPostgres makes a database in the cluster that SALLYPORT_POSTGRES names, or in that of
// this machine.
func newPostgres(t *testing.T) string {
	t.Helper()
	servers := []string{"postgres://postgres@/postgres?host=/var/run/postgresql", "postgres://root@/postgres?host=/var/run/postgresql"}
	if dsn := os.Getenv("SALLYPORT_POSTGRES"); dsn != "" {
		servers = []string{dsn}
	}
	name := "loginserver_" + strings.ToLower(rand.Text())
	var failed error
	for _, server := range servers {
		db, err := sql.Open("pgx", server)
		if err == nil {
			_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0")
		}
		if failed = err; err != nil {
			db.Close()
			continue
		}
		t.Cleanup(func() {
			defer db.Close()
			if _, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		})
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		return u.String()
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(failed)
	}
	t.Skipf("no PostgreSQL: %v; start one, or name one in SALLYPORT_POSTGRES", failed)
	return ""
}

// A name that no database can hold is one that nobody has, and no outage.
func TestNamesThatCannotBeStored(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			s := newSiteOn(t, opened(t, d.make(t)))
			for _, id := range []string{"kim\x00", "\x00", "\xff", "kim\xc3"} {
				s.want(fmt.Sprintf("%q", id), s.login(home, "line", id, "demo-kim"), wrong)
			}
		})
	}
}

func opened(t *testing.T, name string) *site.Stores {
	t.Helper()
	stores, closer, err := openStores(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return stores
}

func TestValues(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testValues(t, site.NewMemValues()) })
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) { testValues(t, opened(t, d.make(t)).Values) })
	}
}

func testValues(t *testing.T, v site.Values) {
	ctx := t.Context()
	put := func(why string, x site.Value, want error) {
		t.Helper()
		if err := v.Put(ctx, x); !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", why, err, want)
		}
	}
	get := func(kind, name string) site.Value {
		t.Helper()
		x, err := v.Get(ctx, kind, name)
		if err != nil {
			t.Errorf("%s %s: %v", kind, name, err)
		}
		return x
	}
	if _, err := v.Get(ctx, "k", "a"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("nothing: %v", err)
	}
	put("a new one", site.Value{Kind: "k", Name: "a", Owner: "o", Body: []byte(`{"n":1}`)}, nil)
	put("another kind", site.Value{Kind: "l", Name: "a", Owner: "o", Body: []byte("l")}, nil)
	put("as if it were new", site.Value{Kind: "k", Name: "a"}, session.ErrConflict)
	put("in the place of what is not there", site.Value{Kind: "k", Name: "b", Revision: "x"}, session.ErrConflict)
	first := get("k", "a")
	if first.Owner != "o" || string(first.Body) != `{"n":1}` || !first.Until.IsZero() || first.Revision == "" {
		t.Errorf("%+v", first)
	}
	until := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	put("the next", site.Value{Kind: "k", Name: "a", Owner: "o", Body: []byte("2"), Until: until, Revision: first.Revision}, nil)
	put("by an old revision", site.Value{Kind: "k", Name: "a", Revision: first.Revision}, session.ErrConflict)
	if next := get("k", "a"); string(next.Body) != "2" || !next.Until.Equal(until) || next.Revision == first.Revision {
		t.Errorf("%+v", next)
	}
	put("a younger one", site.Value{Kind: "k", Name: "c", Owner: "o", Body: []byte("3")}, nil)
	put("of another owner", site.Value{Kind: "k", Name: "d", Owner: "p", Body: []byte("4")}, nil)
	put("one that is past", site.Value{Kind: "k", Name: "e", Owner: "o", Body: []byte("5"), Until: time.Now().Add(-time.Second)}, nil)
	for owner, want := range map[string]string{"o": "ca", "p": "d", "": "dca", "q": ""} {
		list, err := v.List(ctx, "k", owner)
		names := ""
		for _, x := range list {
			names += x.Name
		}
		if names != want || err != nil {
			t.Errorf("of %q: %s, %v; want %s", owner, names, err, want)
		}
	}
	if _, err := v.Get(ctx, "k", "e"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("past: %v", err)
	}
	put("in the place of what is past", site.Value{Kind: "k", Name: "e", Until: time.Now().Add(-time.Second)}, nil)
	if n, err := v.Purge(ctx, time.Now(), 10); n != 1 || err != nil {
		t.Errorf("purge: %d, %v", n, err)
	}
	taken := make(chan bool, 20)
	var all sync.WaitGroup
	for range cap(taken) {
		all.Go(func() {
			if ok, err := v.Take(ctx, "k", "c"); ok || err != nil {
				taken <- err == nil
			}
		})
	}
	all.Wait()
	if close(taken); len(taken) != 1 || !<-taken {
		t.Errorf("taken %d times", len(taken))
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := v.Put(ended, site.Value{Kind: "k", Name: "f"}); err == nil {
		t.Error("put after the end of the context")
	}
}

// Servers on one database are one service: a login that began at one goes on at another, and
// what is done at one holds at all.
func TestTwoServers(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			name := d.make(t)
			countries, err := openCountries("")
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			nodes := make([]*world, 3)
			for i := range nodes { // which start at once
				stores := opened(t, name)
				all.Go(func() {
					s, err := site.New(t.Context(), site.Options{Countries: countries, Stores: stores, Setups: site.Demo(), Demo: true, Iterations: 1})
					if err != nil {
						t.Error(err)
						return
					}
					f := &front.Front{Site: s, Names: []string{"example.com"}}
					nodes[i] = &world{T: t, Site: s, stores: stores, http: handler(f, nil, nil)}
				})
			}
			if all.Wait(); t.Failed() {
				return
			}
			a, b := nodes[0], nodes[1]
			defer a.background()()
			defer b.background()()

			a.want("at one", a.login(usa, "works", "kim", "demo-kim"), "200 allow [all-addresses]")
			b.save("works", func(s *policy.Settings) { s.Overseas.Block = true })
			began := a.login(usa, "works", "kim", "demo-kim")
			a.want("a save at the other", began, "202 verify [overseas-login]")
			in := b.post(usa, "/t/works/verify", "attempt", began.Attempt, "code", b.code())
			b.want("a code at the other", in, "200 allow [identity-verified]")
			a.want("and not at both", a.post(usa, "/t/works/verify", "attempt", began.Attempt, "code", a.code()), wrong)
			nodes[2].want("the session", nodes[2].me(usa, "works", in.Session), "200 allow [identity-verified]")

			a.act(directory.Suspend, "works", "kim", directory.Facts{})
			b.want("suspended at one", b.me(usa, "works", in.Session), "401 deny [session-ended]")
			b.act(directory.RequestPasswordChange, "line", "lee", directory.Facts{})
			change := a.login(home, "line", "lee", "demo-lee")
			b.want("a new password at the other", b.post(home, "/t/line/password", "attempt", change.Attempt, "old", "demo-lee", "new", newPassword), "200 allow [all-addresses]")
			a.want("is that of all", a.login(home, "line", "lee", newPassword), "200 allow [all-addresses]")

			a.save("kintone", func(s *policy.Settings) {
				s.Access, s.Designated = policy.DesignatedAddresses, a.settings("standard").Settings.Designated[1:]
			})
			var link string
			for range 1200 { // a minute, where orders take a second
				for _, m := range b.mails("root") {
					if m.Kind == site.MailResetLink {
						link = m.Link
					}
				}
				if link != "" {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if w := b.do(other, newPost(link)); w.Code != 200 {
				t.Errorf("the link at another server: %d %s", w.Code, w.Body)
			}
			a.want("lifted for all", a.login(other, "kintone", "kim", "demo-kim"), "200 allow [all-addresses]")

			if _, err := site.New(t.Context(), site.Options{Stores: opened(t, name), Setups: []site.Setup{site.First()}, Iterations: 1}); err == nil {
				t.Error("a real server takes the members of a demo")
			}
		})
	}
}

// A real server tells one password, once, and believes no client that shows no key.
func TestRealServer(t *testing.T) {
	name := databases[0].make(t)
	real := func() (*world, string) {
		stores := opened(t, name)
		s, err := site.New(t.Context(), site.Options{Stores: stores, Setups: []site.Setup{site.First()}, Iterations: 1})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		if err := welcomeReal(t.Context(), &said, s, nil, false); err != nil {
			t.Fatal(err)
		}
		return &world{T: t, Site: s, stores: stores, http: handler(&front.Front{Site: s, Names: []string{"example.com"}}, nil, nil)}, said.String()
	}
	s, said := real()
	_, rest, _ := strings.Cut(said, "\n  root  ")
	password, _, _ := strings.Cut(rest, "\n")
	s.want("root", s.login(home, "main", "root", password), "200 allow [super-admin]")
	if _, again := real(); strings.Contains(again, password) || strings.Contains(again, "once") {
		t.Errorf("told again: %s", again)
	}
	keyOf := func(client string) string {
		_, rest, found := strings.Cut(said, "\n  "+client+" ")
		key, _, _ := strings.Cut(rest, "\n")
		if key = strings.TrimSpace(key); !found || key == "" {
			t.Errorf("no key for %s in\n%s", client, said)
		}
		return key
	}
	key := keyOf("mobile")
	for _, tt := range []struct{ why, client, key, want string }{
		{"no key", "mobile", "", "403 deny [unknown-client]"},
		{"a wrong one", "mobile", key + "x", "403 deny [unknown-client]"},
		{"that of another client", "api", key, "403 deny [unknown-client]"},
		{"its own", "mobile", key, "200 allow [super-admin]"},
		{"web needs none", "web", "", "200 allow [super-admin]"},
		{"mail has keys too", "imap", "", "403 deny [unknown-client]"},
		{"a desktop has one", "desktop", keyOf("desktop"), "200 allow [super-admin]"},
	} {
		r := newPost("/t/main/login")
		r.Body = body(fmt.Sprintf(`{"member":"root","password":%q,"client":%q}`, password, tt.client))
		r.Header.Set("X-Client-Key", tt.key)
		s.want(tt.why, s.read(s.do(home, r)), tt.want)
	}
	// The pages are for browsers: there, too, nobody is anything else, with any key.
	for _, tt := range []struct {
		client, key string
		want        int
	}{{"", "", 303}, {"web", "", 303}, {"mobile", "", 403}, {"mobile", key, 403}, {"api", keyOf("api"), 403}, {"MOBILE", "", 403}} {
		r := newPost("/t/main/login")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Client-Key", tt.key)
		r.Body = body(url.Values{"member": {"root"}, "password": {password}, "client": {tt.client}, "key": {tt.key}}.Encode())
		w := s.do(home, r)
		if w.Code != tt.want || (len(w.Result().Cookies()) > 0) != (tt.want == 303) {
			t.Errorf("the page, client %q: %d, cookies %v; want %d", tt.client, w.Code, w.Result().Cookies(), tt.want)
		}
		for _, c := range w.Result().Cookies() {
			if me := s.me(home, "main", c.Value); !strings.Contains(me.Body, `"client":"web"`) {
				t.Errorf("the page lets in another client: %s", me.Body)
			}
		}
	}
	// Nor do the pages open for the session of another client.
	for client, want := range map[string]int{"web": http.StatusOK, "mobile": http.StatusSeeOther} {
		r := newPost("/t/main/login")
		r.Body = body(fmt.Sprintf(`{"member":"root","password":%q,"client":%q}`, password, client))
		r.Header.Set("X-Client-Key", key)
		w := s.do(home, r)
		var in struct{ Session string }
		if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || in.Session == "" {
			t.Fatalf("%s: %d %s", client, w.Code, w.Body)
		}
		for _, path := range []string{"/t/main/me", "/t/main/admin/network"} {
			if w := s.browse(home, path, []*http.Cookie{{Name: front.CookieName, Value: in.Session}}); w.Code != want {
				t.Errorf("%s for a session of %s: %d; want %d", path, client, w.Code, want)
			}
		}
	}
	r := newPost("/demo/mail")
	r.Method = "GET"
	if w := s.do(home, r); w.Code != 404 {
		t.Errorf("mail is shown: %d", w.Code)
	}
}

func TestNoSuchDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{
		"x": "sqlite:FILE", "sqlite:": "sqlite:FILE", "sqlite::memory:": "name a file", "mysql://x": "postgres://", "postgres://nobody@127.0.0.1:1/x": "127.0.0.1:1",
		"sqlite:" + filepath.Join(dir, "none", "x.db"): "there is no directory",
		"sqlite:" + filepath.Join(text, "x.db"):        "there is no directory",
		"sqlite:" + dir:                                "is a directory; name a file",
		"sqlite:" + text:                               "text",
	} {
		if _, _, err := openStores(t.Context(), name); err == nil || !strings.Contains(err.Error(), "-db") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q in it", name, err, says)
		}
	}
}
