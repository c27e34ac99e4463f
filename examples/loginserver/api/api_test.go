package api_test

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/loginserver/api"
	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// client asks a demo from an address.
type client struct {
	*testing.T
	http.Handler
	token string
	from  string // "": 127.0.0.1:4711
}

// nothing is a room without pages.
var nothing = front.Room{ServeMux: http.NewServeMux()}

func newClient(t *testing.T) *client {
	t.Helper()
	s, err := site.New(t.Context(), site.Options{Setups: site.Demo(), Demo: true, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := &front.Front{Site: s, Names: []string{"example.com"}}
	return &client{T: t, Handler: f.Handler(nothing, (&api.API{Front: f}).Room())}
}

func (c *client) do(method, path, body string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	c.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = cmp.Or(c.from, "127.0.0.1:4711")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	var found map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &found)
	return w, found
}

func (c *client) login(tenant, id string) {
	c.Helper()
	_, ans := c.do("POST", "/t/"+tenant+"/login", `{"member":"`+id+`","password":"demo-`+id+`"}`)
	token, ok := ans["session"].(string)
	if !ok {
		c.Fatalf("%s of %s does not get in: %v", id, tenant, ans)
	}
	c.token = token
}

// What programs rely on of a save.
func TestNetwork(t *testing.T) {
	c := newClient(t)
	c.login("works", "it")
	const path = "/t/works/admin/network"
	w, _ := c.do("GET", path, "")
	tag := w.Header().Get("ETag")
	if w.Code != 200 || tag == "" || strings.TrimSpace(w.Body.String()) != `{"format":1,"access":"all"}` {
		t.Fatalf("%d %s %s", w.Code, tag, w.Body)
	}
	const here, elsewhere = `{"access":"designated","designated":[{"range":"127.0.0.1"}]}`, `{"access":"designated","designated":[{"range":"9.9.9.0/24"}]}`
	for _, tt := range []struct {
		why, body string
		headers   []string
		want      int
		reason    string
	}{
		{"not JSON", `x`, []string{"If-Match", tag}, 422, "invalid-settings"},
		{"two problems at once", `{"access":"designated","designated":[{"range":"8.8.8.8/33"},{"range":"no"}]}`, []string{"If-Match", tag}, 422, "invalid-settings"},
		{"it would shut out who saves", elsewhere, []string{"If-Match", tag}, 409, "lockout"},
		{"of another version", here, []string{"If-Match", `"1.1"`}, 412, "version-moved"},
		{"of no version", here, []string{"If-Match", "x"}, 400, ""},
		{"a proxy that nobody declared", here, []string{"If-Match", tag, "X-Forwarded-For", "9.9.9.9"}, 409, "undeclared-proxy"},
		{"larger than any", strings.Repeat(" ", 5<<20), []string{"If-Match", tag}, 413, ""},
	} {
		w, ans := c.do("PUT", path, tt.body, tt.headers...)
		if reason, _ := ans["reason"].(string); w.Code != tt.want || reason != tt.reason {
			t.Errorf("%s: %d %.300s; want %d %s", tt.why, w.Code, w.Body, tt.want, tt.reason)
		}
		if problems, _ := ans["problems"].([]any); tt.why == "two problems at once" && len(problems) != 2 {
			t.Errorf("%s: %v", tt.why, problems)
		}
	}
	_, ans := c.do("PUT", path, elsewhere, "If-Match", tag)
	retry, _ := ans["retry"].(string)
	if !strings.HasPrefix(retry, path+"?force=") {
		t.Fatalf("%v", ans)
	}
	if w, _ := c.do("PUT", retry, elsewhere, "If-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("forced: %d %s", w.Code, w.Body)
	}
	if w, ans := c.do("GET", "/t/works/me", ""); w.Code != 401 || ans["reason"] != "session-cut" {
		t.Errorf("the session of it: %d %s", w.Code, w.Body)
	}
}

// Each action of the path is done, by those who may.
func TestActions(t *testing.T) {
	c := newClient(t)
	c.login("line", "root")
	for _, action := range []string{"suspend", "lift", "block", "unblock", "signout", "request-password", "set-password", "delete", "restore"} {
		w, ans := c.do("POST", "/t/line/admin/members/kim/"+action, `{"reason":"a test"}`)
		if w.Code != 200 || ans["member"] != "kim" || ans["action"] != action {
			t.Errorf("%s: %d %s", action, w.Code, w.Body)
		}
		if password, _ := ans["password"].(string); (password != "") != (action == "set-password") {
			t.Errorf("%s tells %q", action, password)
		}
	}
	for range site.Failures {
		c.do("POST", "/t/line/login", `{"member":"it","password":"wrong"}`)
	}
	if w, ans := c.do("POST", "/t/line/admin/members/it/unlock", `{"reason":"a test"}`); w.Code != 200 || ans["action"] != "unlock" {
		t.Errorf("unlock: %d %s", w.Code, w.Body)
	}
	if w, _ := c.do("POST", "/t/line/login", `{"member":"it","password":"demo-it"}`); w.Code != 200 {
		t.Errorf("unlocked: %d %s", w.Code, w.Body)
	}
	w, _ := c.do("GET", "/t/line/admin/audit", "")
	for _, kind := range []string{"member-suspended", "member-deleted", "password-set", "member-unlocked", `"why":"a test"`} {
		if !strings.Contains(w.Body.String(), kind) {
			t.Errorf("no %s in the audit log: %s", kind, w.Body)
		}
	}
	c.login("line", "lee")
	for _, path := range []string{"network", "members", "accesses", "audit", "devices", "network/history", "members/kim"} {
		if w, ans := c.do("GET", "/t/line/admin/"+path, ""); w.Code != 403 || ans["reason"] != "missing-permission" {
			t.Errorf("lee reads %s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"preview", "whatif", "members/kim/suspend", "members/kim/signout", "members/kim/set-password", "network/confirm"} {
		body := map[string]string{"preview": `{"access":"all"}`, "whatif": `{"addr":"8.8.8.8"}`}[path]
		if body == "" {
			body = `{"reason":"x"}`
		}
		if w, ans := c.do("POST", "/t/line/admin/"+path, body); w.Code != 403 || ans["reason"] != "missing-permission" {
			t.Errorf("lee posts %s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestLists(t *testing.T) {
	c := newClient(t)
	c.login("works", "root")
	for _, path := range []string{"accesses", "audit", "members"} {
		w, _ := c.do("GET", "/t/works/admin/"+path, "", "Accept", "text/csv")
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(w.Body.String(), "\ufeff") || strings.Count(w.Body.String(), "\r\n") < 2 {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	w, ans := c.do("POST", "/t/works/admin/whatif", `{"addr":"8.8.8.8","client":"web","member":"kim","settings":{"access":"designated","designated":[{"range":"127.0.0.1"}]}}`)
	if w.Code != 200 || ans["reason"] != "address-not-designated" {
		t.Errorf("what if: %d %s", w.Code, w.Body)
	}
	w, ans = c.do("POST", "/t/works/admin/preview", `{"access":"designated","designated":[{"range":"9.9.9.9"}]}`)
	if w.Code != 200 || ans["visits"] != 1.0 {
		t.Errorf("preview: %d %s", w.Code, w.Body)
	}
}

// slow is a body that never ends.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// What an attacker tries of paths and bodies comes to nothing, and tells nothing.
func TestProbes(t *testing.T) {
	c := newClient(t)
	c.login("works", "root")
	for _, path := range []string{"/t/WORKS/me", "/t/works%2f/me", "/t/works/admin/network/", "/t/%2e%2e/me", "/t/works/admin%2fnetwork", "/t/none/admin/network", "/T/works/me"} {
		if w, _ := c.do("GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/t//works/me", "/t/works/../line/me", "//evil.example/t/works/me"} {
		w, _ := c.do("GET", path, "")
		if at := w.Header().Get("Location"); w.Code == 200 || strings.HasPrefix(at, "//") || strings.Contains(at, "://") {
			t.Errorf("%s: %d to %s", path, w.Code, at)
		}
	}
	// A session that somebody plants is not the one that a login begins, and whatever a request
	// says of its client, a session stays of the one that began it.
	w, ans := c.do("POST", "/t/works/login", `{"member":"kim","password":"demo-kim"}`, "Cookie", front.CookieName+"="+c.token, "Authorization", "")
	if token, _ := ans["session"].(string); w.Code != 200 || token == "" || token == c.token {
		t.Errorf("a login with a planted session: %d %s", w.Code, w.Body)
	}
	if w, ans := c.do("GET", "/t/works/me?client=mobile", `{"client":"mobile"}`, "X-Client", "mobile", "User-Agent", "mobile"); ans["client"] != "web" {
		t.Errorf("a client that is claimed: %d %s", w.Code, w.Body)
	}
	// What comes in a header or a field is in no header of the answer.
	w, _ = c.do("POST", "/t/works/login", `{"member":"kim\r\nSet-Cookie: x=y","password":"demo-kim"}`, "X-Request-Id", "mine")
	if w.Header().Get("Set-Cookie") != "" || w.Header().Get("X-Request-Id") == "mine" {
		t.Errorf("headers: %v", w.Header())
	}
	w, _ = c.do("GET", "/reset/x%0d%0aSet-Cookie:%20x=y", "")
	if w.Code != 410 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("headers of a path: %d %v", w.Code, w.Header())
	}
	r := httptest.NewRequest("POST", "/t/works/login", slow{})
	r.Header.Set("Content-Type", "application/json")
	w = httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("a body that breaks off: %d", w.Code)
	}
	if w, _ := c.do("POST", "/t/works/logout", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
		t.Errorf("from another site: %d", w.Code)
	}
	if w, _ := c.do("GET", "/t/works/me", ""); w.Code != 200 || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("the session lives: %d", w.Code)
	}
}
