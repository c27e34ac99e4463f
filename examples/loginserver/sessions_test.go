package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func TestRequests(t *testing.T) {
	const in = "200 allow [address-designated]"
	for _, tt := range []struct {
		why    string
		change func(s *world, text *string)
		from   string
		want   string
	}{
		{"as it began", func(*world, *string) {}, office, in},
		{"from an address that is refused", func(*world, *string) {}, home, "403 deny [address-not-designated]"},
		{"after a refusal, from the office again", func(s *world, text *string) { s.me(home, "works", *text) }, office, in},
		{"of another tenant", func(s *world, text *string) { *text = s.login(office, "line", "kim", "demo-kim").Session }, office, "401 deny [session-unknown]"},
		{"without a session", func(_ *world, text *string) { *text = "" }, office, "401 deny [session-unknown]"},
		{"of a session that nobody has", func(_ *world, text *string) { *text = strings.ToLower(*text) }, office, "401 deny [session-unknown]"},
		{"of a very long one", func(_ *world, text *string) { *text = strings.Repeat("A", 9000) }, office, "401 deny [session-unknown]"},
		{"used now and then within its life", func(s *world, text *string) {
			for range int(sessionLife/sessionIdle) * 2 {
				time.Sleep(sessionIdle/2 - 1)
				s.me(office, "works", *text)
			}
		}, office, in},
		{"after its life", func(s *world, text *string) {
			for range int(sessionLife/sessionIdle) * 2 {
				time.Sleep(sessionIdle / 2)
				s.me(office, "works", *text)
			}
		}, office, "401 deny [session-ended]"},
		{"before it was idle for too long", func(*world, *string) { time.Sleep(sessionIdle - 1) }, office, in},
		{"after it was", func(*world, *string) { time.Sleep(sessionIdle) }, office, "401 deny [session-ended]"},
		{"after the member was locked", func(s *world, _ *string) {
			for range failures {
				s.login(home, "works", "kim", "wrong")
				s.login(usa, "works", "kim", "wrong")
			}
			s.want("locked", s.login(office, "works", "kim", "demo-kim"), "403 deny [member-locked]")
		}, office, in},
		{"after the member was suspended", func(s *world, _ *string) {
			s.act(directory.Suspend, "works", "kim", directory.Facts{})
		}, office, "401 deny [session-ended]"},
		{"after the suspension was lifted", func(s *world, _ *string) {
			s.act(directory.Suspend, "works", "kim", directory.Facts{})
			s.act(directory.Lift, "works", "kim", directory.Facts{})
		}, office, "401 deny [session-ended]"},
		{"after the apps were blocked", func(s *world, _ *string) {
			s.act(directory.BlockApps, "works", "kim", directory.Facts{})
		}, office, in},
		{"after other clients were allowed", func(s *world, _ *string) {
			s.act(directory.AllowClients, "works", "kim", directory.Facts{Clients: session.Apps})
		}, office, "401 deny [session-ended]"},
		{"after a change of password was asked for", func(s *world, _ *string) {
			s.act(directory.RequestPasswordChange, "works", "kim", directory.Facts{})
		}, office, in},
		{"after the member was deleted", func(s *world, _ *string) {
			s.act(directory.Delete, "works", "kim", directory.Facts{})
		}, office, "401 deny [session-ended]"},
		{"after the tenant's list became shorter", func(s *world, _ *string) {
			s.save("works", func(t *policy.Settings) { t.Designated = t.Designated[:2] })
		}, office, "401 deny [session-cut]"},
		{"after it became longer", func(s *world, _ *string) {
			s.save("works", func(t *policy.Settings) {
				t.Designated = append(t.Designated, policy.Entry{Range: ipset.MustParseRange("9.9.9.9")})
			})
		}, office, in},
		{"after somebody else's exception was taken away", func(s *world, _ *string) {
			s.save("works", func(t *policy.Settings) { t.Exceptions = nil })
		}, office, in},
	} {
		timed(t, func(t *testing.T) {
			s := newSite(t)
			text := s.login(office, "works", "kim", "demo-kim").Session
			tt.change(s, &text)
			r := s.me(tt.from, "works", text)
			s.want(tt.why, r, tt.want)
			if (r.Member != "") != (r.Status == 200) {
				t.Errorf("%s: %s", tt.why, r.Body)
			}
		})
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

// renewing renews a session at the worst moment: when it was found.
type renewing struct {
	*session.MemStore
	renew bool
}

func (s *renewing) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	found, err := s.MemStore.Find(ctx, t, id)
	if err == nil && s.renew {
		_, next := session.NewToken()
		err = s.Renew(ctx, t, id, next, time.Now())
	}
	return found, err
}

// A session that is being renewed does not escape a logout.
func TestLogoutBesideARenewal(t *testing.T) {
	stores := site.InMemory()
	sessions := &renewing{MemStore: session.NewMemStore()}
	stores.Sessions = sessions
	s := newSiteOn(t, stores)
	for renewals := range 3 { // before
		token := s.login(office, "works", "kim", "demo-kim").Session
		first := session.IDOf(token)
		for range renewals {
			next, id := session.NewToken()
			if err := sessions.Renew(t.Context(), "works", session.IDOf(token), id, time.Now()); err != nil {
				t.Fatal(err)
			}
			token = next
		}
		sessions.renew = true
		if err := s.Tenant("works").Logout(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		sessions.renew = false
		found, err := sessions.List(t.Context(), "works", session.Query{First: first})
		if err != nil || len(found) != 1 || found[0].Why != "signed out" || found[0].ID == session.IDOf(token) {
			t.Errorf("%+v, %v; want it ended under the ID that it got meanwhile", found, err)
		}
	}
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
	if w := s.browse(home, "/t/works/me", cookies); w.Code != 403 || !strings.Contains(w.Body.String(), "address-not-designated") {
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
	if w := s.browse(office, "/t/works/me", cookies); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/t/works/login") {
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
