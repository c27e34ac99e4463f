package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy/httpgate"
)

func TestBodies(t *testing.T) {
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	good := `{"member":"kim","password":"demo-kim"}`
	for _, tt := range []struct {
		kind, body string
		want       int
		why        string
	}{
		{jsonType, good, 200, "as it should be"},
		{"application/json; charset=utf-8", good, 200, "with a parameter"},
		{formType, "member=kim&password=demo-kim&client=web", 200, "a program may send a form"},
		{jsonType, `{}`, 401, "no member is a wrong one"},
		{jsonType, `{"member":null,"password":"demo-kim"}`, 401, "null is none"},
		{formType, "", 401, "an empty form"},
		{jsonType, ``, 400, "nothing"},
		{jsonType, `null`, 400, "no object"},
		{jsonType, `[]`, 400, "a list"},
		{jsonType, `"kim"`, 400, "a string"},
		{jsonType, good[:20], 400, "cut off"},
		{jsonType, good + good, 400, "two objects"},
		{jsonType, good + "x", 400, "something after it"},
		{jsonType, `{"member":"kim","password":123}`, 400, "a number"},
		{jsonType, `{"member":["kim"],"password":"demo-kim"}`, 400, "a list of members"},
		{jsonType, `{"member":"kim","password":"demo-kim","super":"true"}`, 400, "an unknown field"},
		{jsonType, `{"member":"kim","Password":"demo-kim"}`, 400, "a field in another case"},
		{jsonType, `{"member":"kim","password":"demo-kim","verified":true}`, 400, "what only the server knows"},
		{jsonType, strings.Repeat("[", maxBody), 400, "deep"},
		{formType, "member=kim&member=root&password=demo-kim", 400, "a field twice"},
		{formType, "member=kim&password=demo-kim&address=%3A%3A1", 400, "an unknown field"},
		{formType, "member=%zz", 400, "not a form"},
		{formType, "member=kim;password=demo-kim", 400, "another separator"},
		{jsonType, `{"member":"` + strings.Repeat("k", maxBody) + `"}`, 413, "too large"},
		{formType, "member=" + strings.Repeat("k", maxBody), 413, "too large"},
		{jsonType, `{"member":"kim","password":"` + strings.Repeat("k", maxPassLength+1) + `"}`, 400, "a password that is none"},
		{"text/plain", good, 415, "what any site can send"},
		{"multipart/form-data; boundary=x", "--x--", 415, "another kind of form"},
		{"", good, 415, "no type"},
		{"application/json;;", good, 415, "a broken type"},
	} {
		s := newSite(t)
		r := httptest.NewRequest("POST", "/t/line/login?member=kim&password=demo-kim", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.kind)
		got := s.read(s.do(home, r))
		if got.Status != tt.want || (got.Error != "") == (got.Effect != "") || len(got.Body) > 300 {
			t.Errorf("%s: %d %.300s; want %d", tt.why, got.Status, got.Body, tt.want)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	for _, path := range []string{"/t/line/login", "/t/line/verify", "/t/line/password", "/t/line/logout"} {
		for _, header := range []http.Header{
			{"Sec-Fetch-Site": {"cross-site"}},
			{"Sec-Fetch-Site": {"same-site"}},
			{"Origin": {"https://evil.example"}},
			{"Origin": {"null"}},
			{"Origin": {"http://example.com:1"}},
		} {
			s := newSite(t)
			in := s.login(home, "line", "kim", "demo-kim").Session
			r := httptest.NewRequest("POST", path, strings.NewReader("member=kim&password=demo-kim"))
			r.Header = header
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Cookie", cookieName+"="+in)
			if w := s.do(home, r); w.Code != http.StatusForbidden || len(w.Result().Cookies()) != 0 || strings.Contains(w.Body.String(), "session") {
				t.Errorf("%s with %v: %d %s", path, header, w.Code, w.Body)
			}
			s.want("what was there", s.me(home, "line", in), "200 allow [all-addresses]")
		}
	}
}

// What there is not is told a person by a page, in the person's language, and a program by JSON.
func TestMissing(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		method, path, origin string
		status               int
		allow, reason        string
		words                [3]string // in English, Korean and Japanese
	}{
		{"GET", "/nothing", "", 404, "", "not-found", [3]string{"There is no such page.", "페이지를 찾을 수 없습니다.", "ページが見つかりません。"}},
		{"POST", "/t/works/nothing", "", 404, "", "not-found", [3]string{"There is no such page.", "페이지를 찾을 수 없습니다.", "ページが見つかりません。"}},
		{"DELETE", "/t/works/login", "", 405, "GET, HEAD, POST", "method-not-allowed", [3]string{"This page cannot be asked in that way.", "처리할 수 없는 요청입니다.", "処理できないリクエストです。"}},
		{"GET", "/t/works/logout", "", 405, "POST", "method-not-allowed", [3]string{"This page cannot be asked in that way.", "처리할 수 없는 요청입니다.", "処理できないリクエストです。"}},
		{"POST", "/t/works/admin/network/history", "", 405, "GET, HEAD", "method-not-allowed", [3]string{"This page cannot be asked in that way.", "처리할 수 없는 요청입니다.", "処理できないリクエストです。"}},
		{"POST", "/t/works/login", "https://evil.example", 403, "", "cross-site", [3]string{"came from another site", "다른 사이트에서 보낸", "ほかのサイトからの"}},
	} {
		ask := func(accept, language string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Header.Set("Accept", accept)
			r.Header.Set("Accept-Language", language)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := s.do(home, r)
			if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
				t.Errorf("%s %s: %d, Allow %q; want %d, %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
			}
			return w
		}
		for i, language := range []string{"en", "ko", "ja"} {
			w := ask("text/html", language)
			if w.Header().Get("Content-Language") != language || !strings.Contains(w.Body.String(), tt.words[i]) || !strings.Contains(w.Body.String(), `<link rel="stylesheet"`) {
				t.Errorf("%s %s in %s: %s\n%s", tt.method, tt.path, language, w.Header().Get("Content-Language"), w.Body)
			}
		}
		var got struct{ Error, Reason string }
		if w := ask("*/*", "ko"); json.Unmarshal(w.Body.Bytes(), &got) != nil || got.Error == "" || got.Reason != tt.reason || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s for a program: %s", tt.method, tt.path, w.Body)
		}
	}
}

// Strangers cannot fill the log: a line that each request could write is written once a minute.
func TestStrangersAreLoggedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		resolver, err := httpgate.NewResolver(httpgate.Options{Proxies: ipset.MustParse("127.0.0.1"), Header: httpgate.XForwardedFor})
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t)
		f := &front.Front{Site: s.Site, Resolver: resolver, Names: []string{"localhost"}, Log: slog.New(slog.NewTextHandler(&lines, nil))}
		s.http = handler(f, nil, nil)
		ask := func(host string) {
			r := httptest.NewRequest("GET", "/t/works/me", nil)
			r.Host = host
			s.do(home, r) // a proxy, which names nobody
		}
		for _, after := range []time.Duration{0, 59 * time.Second, time.Second} {
			time.Sleep(after)
			for range 3 {
				ask("evil.example")
				ask("localhost")
			}
		}
		for _, message := range []string{"a request for another name", "no client address"} {
			if n := strings.Count(lines.String(), message); n != 2 {
				t.Errorf("%d lines of %s; want one at once, and one after a minute", n, message)
			}
		}
		if !strings.Contains(lines.String(), "requests=1 ") || !strings.Contains(lines.String(), "requests=6 ") {
			t.Errorf("of 1 request and of the 6 after it: %s", &lines)
		}
	})
}

// A page of another site that has its name resolve to this machine reads nothing.
func TestHost(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		host string
		want int
		why  string
	}{
		{"localhost:8080", 200, "what -addr says"},
		{"LOCALHOST", 200, "names have no case"},
		{"127.0.0.1:8080", 200, "home"},
		{"[::1]:8080", 200, "the office"},
		{"[::1]", 200, "a port that browsers leave out"},
		{"192.0.2.7:8080", 200, "no site can have an address resolve to another"},
		{"evil.example:8080", 421, "another name"},
		{"localhost.evil.example", 421, "a name that begins like ours"},
		{"127.0.0.1.evil.example", 421, "a name that begins like an address"},
		{"evil.localhost:8080", 421, "a name below ours"},
		{"localhost:8080:1", 421, "two ports"},
		{"", 421, "no name"},
	} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/", nil)
			r.Host = tt.host
			want := tt.want
			if want == 200 && method == "POST" {
				want = 405
			}
			if w := s.do(office, r); w.Code != want || w.Header().Get("X-Content-Type-Options") == "" {
				t.Errorf("%s: %s of %q: %d, want %d", tt.why, method, tt.host, w.Code, want)
			}
		}
	}
	for accept, want := range map[string][2]string{ // a program and a browser are each answered in their own way
		"":              {"application/json", `"reason":"wrong-host"`},
		"text/html,*/*": {"text/html; charset=utf-8", "이 서버의 이름이 아닙니다"},
	} {
		r := httptest.NewRequest("GET", "/t/works/me", nil)
		r.Host = "evil.example"
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", "ko")
		if w := s.do(office, r); w.Code != 421 || w.Header().Get("Content-Type") != want[0] || !strings.Contains(w.Body.String(), want[1]) {
			t.Errorf("for %q: %d %s %s", accept, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

// No spelling of a path reaches a tenant that is not the one it names.
func TestPaths(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{
		"/t/WORKS/login", "/t/works%00/login", "/t/works%2Flogin", "/t//login", "/t/./login", "/t/works/login/", "/t/works/login%2e",
		"/t/works%2F..%2Fline/login", "/t/..%2Fline/login", "/t/works;line/login", "/t/%20works/login", "/t/works/../line/login", "//t/works/login",
		"/t/{tenant}/login", "/t/\u0077orks\u200b/login",
	} {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader("member=kim&password=demo-kim"))
		r.URL = u
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := s.do(office, r)
		if w.Code < 300 || w.Code == 401 || w.Code == 403 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if s.begun() != 0 {
		t.Error("a session was begun")
	}
}

func TestMail(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"kim", "lee", "kim"} {
		s.login(home, "standard", id, "demo-"+id)
	}
	var found []site.Mail
	r := httptest.NewRequest("GET", "/demo/mail?to=kim", nil)
	if err := json.Unmarshal(s.do(home, r).Body.Bytes(), &found); err != nil || len(found) != 2 {
		t.Fatalf("%v, %v", found, err)
	}
	if found[0] != s.mails("")[0] || found[1] != s.mails("")[2] {
		t.Errorf("not newest first: %v", found)
	}
	body := s.browse(home, "/demo/mail", nil).Body.String()
	if strings.Count(body, "To kim of standard") != 2 || !strings.Contains(body, "To lee") {
		t.Errorf("%s", body)
	}
	if body := s.do(home, httptest.NewRequest("GET", "/demo/mail?to=nobody", nil)).Body.String(); body != "[]\n" {
		t.Errorf("%s", body)
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		method, path, accept string
		status               int
		kind                 string
	}{
		{"GET", "/", "text/html", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", "text/html", 200, "text/html; charset=utf-8"},
		{"GET", "/static/style.css", "text/css", 200, "text/css; charset=utf-8"},
		{"GET", "/t/works/login", "text/html", 200, "text/html; charset=utf-8"},
		{"GET", "/t/works/me", "text/html", 303, "text/html; charset=utf-8"}, // to the login
		{"GET", "/t/works/me", "*/*", 401, "application/json"},
		{"GET", "/demo/mail", "text/html", 200, "text/html; charset=utf-8"},
		{"GET", "/demo/mail", "", 200, "application/json"},
		{"GET", "/nothing", "text/html", 404, "text/html; charset=utf-8"},
		{"GET", "/static/nothing", "text/html", 404, "text/html; charset=utf-8"},
		{"GET", "/static/", "text/html", 404, "text/html; charset=utf-8"},
		{"GET", "/t/nobody/login", "text/html", 404, "text/html; charset=utf-8"},
		{"DELETE", "/t/works/login", "text/html", 405, "text/html; charset=utf-8"},
		{"GET", "/t/works/logout", "text/html", 405, "text/html; charset=utf-8"},
		{"DELETE", "/t/works/login", "*/*", 405, "application/json"},
		{"POST", "/t/works/login", "*/*", 415, "application/json"},
		{"GET", "/nothing", "*/*", 404, "application/json"},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Header.Set("Accept", tt.accept)
		w := s.do(home, r)
		h := w.Header()
		if w.Code != tt.status || h.Get("Content-Type") != tt.kind {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, h.Get("Content-Type"))
		}
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: CSP %q without %s", tt.path, csp, part)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || (h.Get("Cache-Control") != "no-store") != (tt.path == "/static/style.css") || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", tt.path, h)
		}
		if (h.Get("Www-Authenticate") != "") != (w.Code == 401) && tt.kind == "application/json" {
			t.Errorf("%s: %d with WWW-Authenticate %q", tt.path, w.Code, h.Get("Www-Authenticate"))
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(strings.ReplaceAll(w.Body.String(), `<script src="/static/`, ""), "<script") || strings.Contains(w.Body.String(), "style=") {
			t.Errorf("%s: something inline", tt.path)
		}
	}
}

// Behind a declared proxy the address is what the proxy says, and cookies are for TLS where it
// says so; whoever else says such things is not believed.
func TestProxies(t *testing.T) {
	s := newSite(t)
	resolver, err := resolverFor([]string{"127.0.0.1", "10.0.0.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	s.http = handler(&front.Front{Site: s.Site, Resolver: resolver, Names: []string{"example.com"}}, nil, nil)
	for _, tt := range []struct {
		why, peer, forwarded, want string
		secure                     bool
	}{
		{"a proxy tells of the office", "127.0.0.1", "1.1.1.1, ::1, 10.0.0.9", "200 allow [address-designated]", true},
		{"and of home", "127.0.0.1", "::1, 9.9.9.9", "403 deny [address-not-designated]", false},
		{"nobody's proxy", "9.9.9.9", "::1", "403 deny [address-not-designated]", false},
		{"the office, which says it is elsewhere", "::1", "9.9.9.9", "200 allow [address-designated]", false},
		{"a proxy that tells nothing readable", "127.0.0.1", "::1, x", "403 deny [no-client-address]", false},
	} {
		r := newPost("/t/works/login")
		r.Body = body(`{"member":"kim","password":"demo-kim"}`)
		r.Header.Set("X-Forwarded-For", tt.forwarded)
		s.want(tt.why, s.read(s.do(tt.peer, r)), tt.want)

		r = httptest.NewRequest("POST", "/t/works/login", strings.NewReader("member=kim&password=demo-kim"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("X-Forwarded-For", tt.forwarded)
		r.Header.Set("X-Forwarded-Proto", "https")
		for _, c := range s.do(tt.peer, r).Result().Cookies() {
			if c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/t/works/" {
				t.Errorf("%s: %v", tt.why, c)
			}
		}
	}
	for _, wrong := range []string{"x", "0.0.0.0/0", ""} {
		if _, err := resolverFor([]string{wrong}); err == nil || !strings.Contains(err.Error(), "-trust-proxy") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Who is refused is told whom to ask, and a session that needs a code is asked for it as
// programs know it.
func TestRefusalsSayWhatToDo(t *testing.T) {
	s := newSite(t)
	says(t, "the page of a login", s.browse(home, "/t/works/login", nil, "member", "kim", "password", "demo-kim").Body.String(), map[string]bool{"<dd>it@works.example</dd>": true})
	r := httptest.NewRequest("GET", "/t/works/admin/network", nil)
	r.Header.Set("Authorization", "Bearer "+s.in(office, "works", "it"))
	if w := s.do(home, r); w.Code != 403 || !strings.Contains(w.Body.String(), `"contact":"it@works.example"`) {
		t.Errorf("an administrator outside: %d %s", w.Code, w.Body)
	}
	in := s.verify(usa, s.login(usa, "standard", "kim", "demo-kim").Attempt, s.code()).Session
	for from, want := range map[string]string{other: `Bearer error="insufficient_user_authentication", acr_values="identity-verified"`, usa: ""} {
		r := httptest.NewRequest("GET", "/t/standard/me", nil)
		r.Header.Set("Authorization", "Bearer "+in)
		if got := s.do(from, r).Header().Get("WWW-Authenticate"); got != want {
			t.Errorf("from %s: %q, want %q", from, got, want)
		}
	}
}
