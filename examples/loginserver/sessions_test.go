package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

func newStamp(s *site, tenant session.TenantID, id member.ID) session.Stamp {
	return session.Stamp{Policy: s.tenant(tenant).version, Member: s.kept(tenant, id).member.Version, Client: session.Web}
}

func TestRequests(t *testing.T) {
	const in = "200 allow [address-designated]"
	for _, tt := range []struct {
		why    string
		change func(s *site, text *string)
		from   string
		want   string
	}{
		{"as it began", func(*site, *string) {}, office, in},
		{"from an address that is refused", func(*site, *string) {}, home, "401 deny [address-not-designated]"},
		{"after a refusal, from the office again", func(s *site, text *string) { s.me(home, "works", *text) }, office, in},
		{"of another tenant", func(s *site, text *string) { *text = s.login(office, "line", "kim", "demo-kim").Session }, office, "401 deny [session-unknown]"},
		{"without a session", func(_ *site, text *string) { *text = "" }, office, "401 deny [session-unknown]"},
		{"of a session that nobody has", func(_ *site, text *string) { *text = strings.ToLower(*text) }, office, "401 deny [session-unknown]"},
		{"of a very long one", func(_ *site, text *string) { *text = strings.Repeat("A", 9000) }, office, "401 deny [session-unknown]"},
		{"within its life", func(s *site, _ *string) { s.clock = s.clock.Add(sessionLife - 1) }, office, in},
		{"after it", func(s *site, _ *string) { s.clock = s.clock.Add(sessionLife) }, office, "401 deny [session-ended]"},
		{"after the member was locked", func(s *site, _ *string) {
			s.kept("works", "kim").write(func(m *member.Member) { m.Status = member.Locked })
		}, office, in},
		{"after the member was suspended", func(s *site, _ *string) {
			s.kept("works", "kim").write(func(m *member.Member) { m.Status = member.Suspended })
		}, office, "401 deny [member-suspended]"},
		{"after the client was blocked", func(s *site, _ *string) {
			s.kept("works", "kim").write(func(m *member.Member) { m.Blocked = session.ClientsOf(session.Web) })
		}, office, "401 deny [client-blocked]"},
		{"after a change of password was asked for", func(s *site, _ *string) {
			s.kept("works", "kim").write(func(m *member.Member) { m.MustChangePassword = true })
		}, office, in},
		{"after the member's sessions were ended", func(s *site, _ *string) {
			s.kept("works", "kim").write(endSessions)
		}, office, "401 deny [session-cut]"},
		{"after the member was made again", func(s *site, _ *string) {
			s.kept("works", "kim").member.Version.Line++
		}, office, "401 deny [session-cut]"},
		{"after the tenant's web sessions were ended", func(s *site, _ *string) {
			works := s.tenant("works")
			works.version.Number++
			works.cuts = works.cuts.Cut(session.ClientsOf(session.Web), works.version.Number)
		}, office, "401 deny [session-cut]"},
		{"after the tenant's mail sessions were ended", func(s *site, _ *string) {
			works := s.tenant("works")
			works.version.Number++
			works.cuts = works.cuts.Cut(session.Mail, works.version.Number)
		}, office, in},
		{"after the settings were restored to an older version", func(s *site, _ *string) {
			s.tenant("works").version.Number--
		}, office, "401 deny [version-regression]"},
	} {
		s := newSite(t)
		text := s.login(office, "works", "kim", "demo-kim").Session
		tt.change(s, &text)
		r := s.me(tt.from, "works", text)
		s.want(tt.why, r, tt.want)
		if (r.Member != "") != (r.Status == 200) {
			t.Errorf("%s: %s", tt.why, r.Body)
		}
	}
}

func TestLogout(t *testing.T) {
	s := newSite(t)
	first, second := s.login(office, "works", "kim", "demo-kim"), s.login(office, "works", "kim", "demo-kim")
	logout := func(tenant, text string) int {
		r := httptest.NewRequest("POST", "/t/"+tenant+"/logout", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		return s.do(home, r).Code
	}
	if code := logout("line", first.Session); code != http.StatusNoContent {
		t.Errorf("by another tenant: %d", code)
	}
	s.want("not ended by another tenant", s.me(office, "works", first.Session), "200 allow [address-designated]")
	for range 2 {
		if code := logout("works", first.Session); code != http.StatusNoContent {
			t.Errorf("%d", code)
		}
	}
	s.want("ended", s.me(office, "works", first.Session), "401 deny [session-ended]")
	s.want("the other session", s.me(office, "works", second.Session), "200 allow [address-designated]")
}

func TestCookie(t *testing.T) {
	s := newSite(t)
	w := s.browse(office, "/t/works/login", nil, "member", "kim", "password", "demo-kim", "client", "web")
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/t/works/" || c.Domain != "" || c.MaxAge != int(sessionLife.Seconds()) {
		t.Errorf("%+v", c)
	}
	if strings.Contains(w.Body.String(), c.Value) {
		t.Error("the session is on the page too")
	}
	if w := s.browse(office, "/t/works/me", cookies); w.Code != 200 {
		t.Errorf("with the cookie: %d", w.Code)
	}
	if w := s.browse(home, "/t/works/me", cookies); w.Code != 401 || !strings.Contains(w.Body.String(), "address-not-designated") {
		t.Errorf("from home: %d\n%s", w.Code, w.Body)
	}

	r := httptest.NewRequest("GET", "/t/works/me", nil)
	r.AddCookie(c)
	r.Header.Set("Authorization", "Basic a2ltOmRlbW8=")
	if w := s.do(office, r); w.Code != 401 {
		t.Errorf("with another kind of authorization: %d", w.Code)
	}

	w = s.browse(office, "/t/works/logout", cookies, "", "")
	if gone := w.Result().Cookies(); w.Code != http.StatusSeeOther || len(gone) != 1 || gone[0].MaxAge >= 0 || gone[0].Path != c.Path {
		t.Errorf("logout: %d %v", w.Code, gone)
	}
	if w := s.browse(office, "/t/works/me", cookies); w.Code != 401 {
		t.Errorf("after logout: %d", w.Code)
	}
}

func TestCookieOverTLS(t *testing.T) {
	s := newSite(t)
	srv := httptest.NewTLSServer(s.http)
	defer srv.Close()
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, _ := http.NewRequest("POST", srv.URL+"/t/line/login", strings.NewReader("member=kim&password=demo-kim"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if c := resp.Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("%d %v", resp.StatusCode, c)
	}
}
