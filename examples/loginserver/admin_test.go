package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// admin sends a request of a session, as curl does, and returns status and body.
func (s *world) admin(from, method, path, token, body string) (int, string) {
	s.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := s.do(from, r)
	return w.Code, w.Body.String()
}

func (s *world) in(from, tenant, id string) string {
	s.Helper()
	r := s.login(from, tenant, id, "demo-"+id)
	if r.Session == "" {
		s.Fatalf("%s does not get in: %s", id, r.text())
	}
	return r.Session
}

// What an administrator does to a member, and what the member finds.
func TestActs(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		root, it := s.in(office, "works", "root"), s.in(office, "works", "it")
		web, app := s.in(office, "works", "kim"), s.post(office, "/t/works/login", "member", "kim", "password", "demo-kim", "client", "mobile").Session
		act := func(who, id, act, form string, want int) {
			t.Helper()
			if got, body := s.admin(office, "POST", "/t/works/admin/members/"+id+"/"+act, who, form); got != want {
				t.Errorf("%s %s: %d %s; want %d", act, id, got, body, want)
			}
		}
		const in, ended = "200 allow [address-designated]", "401 deny [session-ended]"
		s.want("kim before", s.me(office, "works", web), in)

		act(it, "kim", "block", "reason=lost+phone", 200)
		s.want("an app that is blocked", s.me(office, "works", app), ended)
		s.want("the browser works", s.me(office, "works", web), in)
		act(it, "kim", "unblock", "", 200)
		s.want("and again", s.post(office, "/t/works/login", "member", "kim", "password", "demo-kim", "client", "mobile"), "200 allow [client-exempt]")

		act(it, "kim", "suspend", "reason=left", 200)
		s.want("suspended", s.me(office, "works", web), ended)
		s.want("at the door", s.login(office, "works", "kim", "demo-kim"), "403 deny [member-suspended]")
		s.want("outside nothing is told of it", s.login(home, "works", "kim", "demo-kim"), "403 deny [address-not-designated]")
		act(it, "kim", "lift", "", 200)
		web = s.in(office, "works", "kim")

		act(it, "kim", "set-password", url.Values{"password": {newPassword}}.Encode(), 200)
		s.want("forced out", s.me(office, "works", web), ended)
		s.want("the old password", s.login(office, "works", "kim", "demo-kim"), wrong)
		s.want("the new one", s.login(office, "works", "kim", newPassword), in)

		time.Sleep(time.Second)
		first, second := s.in(office, "works", "lee"), s.in(office, "works", "lee")
		act(it, "lee", "signout", "session="+session.IDOf(first).String(), 200)
		s.want("one session", s.me(office, "works", first), ended)
		s.want("the other", s.me(office, "works", second), in)

		kim := s.login(office, "works", "kim", newPassword).Session
		act(kim, "lee", "suspend", "", 403)
		act(it, "root", "suspend", "", 403)
		act(root, "root", "suspend", "", 409) // the last one
		act(root, "nobody", "suspend", "", 404)
		act(root, "lee", "fly", "", 404)
		act("", "lee", "suspend", "", 401)
		s.want("nothing happened to lee", s.me(office, "works", second), in)
		if got, _ := s.admin(home, "POST", "/t/works/admin/members/lee/suspend", it, ""); got != 403 {
			t.Errorf("from where it may not come in: %d", got)
		}

		_, body := s.admin(office, "GET", "/t/works/admin/members/lee", root, "")
		var o struct{ Visits []struct{ Live bool } }
		if err := json.Unmarshal([]byte(body), &o); err != nil || len(o.Visits) != 2 || o.Visits[0].Live == o.Visits[1].Live {
			t.Errorf("the visits of lee: %v %s", err, body)
		}
		if code, body := s.admin(office, "GET", "/t/works/admin/members/root", kim, ""); code != 403 {
			t.Errorf("kim looks at root: %d %s", code, body)
		}
		_, body = s.admin(office, "GET", "/t/works/admin/audit", root, "")
		for _, want := range []string{`"member-suspended"`, `"why":"left"`, `"refused":"last-super-admin"`, `"refused":"missing-permission"`} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in the events\n%s", want, body)
			}
		}
		if code, _ := s.admin(office, "GET", "/t/works/admin/audit", kim, ""); code != 403 {
			t.Errorf("kim reads the events: %d", code)
		}
	})
}

// A save by an administrator: what it refuses, what it ends, how it is undone.
func TestSaves(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		it, kim := s.in(office, "works", "it"), s.in(office, "works", "kim")
		const path = "/t/works/admin/network"
		put := func(who, query, doc string, want int) (string, string) {
			t.Helper()
			r := httptest.NewRequest("PUT", path+query, strings.NewReader(doc))
			r.Header.Set("Authorization", "Bearer "+who)
			w := s.do(office, r)
			if w.Code != want {
				t.Errorf("PUT %s: %d %s; want %d", doc, w.Code, w.Body, want)
			}
			var p struct{ Force string }
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			return w.Body.String(), p.Force
		}
		end := func(what, who string) { // what is open, as the save was answered
			t.Helper()
			r := newPost(path + "/" + what)
			r.Header.Set("Authorization", "Bearer "+who)
			r.Header.Set("If-Match", `"`+s.settings("works").Version.String()+`"`)
			if w := s.do(office, r); w.Code != 200 {
				t.Fatalf("%s: %d %s", what, w.Code, w.Body)
			}
		}
		code, before := s.admin(office, "GET", path, it, "")
		if code != 200 || !strings.Contains(before, "Head office") {
			t.Fatalf("%d %s", code, before)
		}
		put(kim, "", before, 403)
		if body, _ := put(it, "", `{"access": "designated", "designated": [{"range": "8.8.8.8/33"}]}`, 422); !strings.Contains(body, "designated[0].range") {
			t.Errorf("%s", body)
		}
		body, force := put(it, "", `{"access": "designated", "designated": [{"range": "9.9.9.0/24"}]}`, 409)
		if !strings.Contains(body, "::1") || force == "" {
			t.Errorf("it would shut themselves out, and is told: %s", body)
		}
		s.want("nothing was saved", s.me(office, "works", kim), "200 allow [address-designated]")

		office6 := `{"access": "designated", "designated": [{"range": "::1"}]}`
		put(it, "?provisional=1m&why=trial", office6, 200)
		s.want("a shorter list", s.me(office, "works", kim), "401 deny [session-cut]")
		it = s.in(office, "works", "it")
		put(it, "", before, 409)
		time.Sleep(time.Minute)
		s.want("taken back", s.login(usa, "works", "kim", "demo-kim"), "200 allow [address-designated]")

		put(it, "?provisional=1m", office6, 200)
		it = s.in(office, "works", "it")
		end("take-back", it)
		s.want("taken back at once", s.login(usa, "works", "kim", "demo-kim"), "200 allow [address-designated]")

		it = s.in(office, "works", "it")
		put(it, "?provisional=1m", office6, 200)
		it = s.in(office, "works", "it")
		end("confirm", it)
		time.Sleep(time.Hour - time.Minute)
		s.want("confirmed", s.login(usa, "works", "kim", "demo-kim"), "403 deny [address-not-designated]")

		root := s.in(home, "works", "root")
		r := httptest.NewRequest("PUT", path+"?force="+url.QueryEscape(force), strings.NewReader(before))
		r.Header.Set("Authorization", "Bearer "+root)
		r.Header.Set("If-Match", `"1.1"`)
		if w := s.do(home, r); w.Code != http.StatusPreconditionFailed {
			t.Errorf("of another version: %d %s", w.Code, w.Body)
		}
		_, history := s.admin(home, "GET", path+"/history", root, "")
		for _, want := range []string{`"why":"trial"`, `"save-returned"`, `"save-taken-back"`, `"save-confirmed"`, `removed designated: 8.8.8.0/24`} {
			if !strings.Contains(history, want) {
				t.Errorf("no %s in\n%s", want, history)
			}
		}

		page := s.browser(home, "works", "root")
		const onTrial = `<span class="tag">Saved on trial</span>`
		if html := page.get("/admin/history"); strings.Count(html, onTrial) != 3 || strings.Contains(html, ">Saved<") || strings.Count(html, "On trial until 20") != 3 {
			t.Errorf("the three saves were on trial:\n%s", html)
		} else {
			says(t, "what became of them", html, map[string]bool{"Nobody confirmed it, so it was taken back.": true, "It was taken back before its time.": true,
				"It was confirmed.": true, "not confirmed yet": false})
		}
		s.admin(home, "PUT", path+"?provisional=1m", root, `{"access": "designated", "designated": [{"range": "127.0.0.1"}]}`)
		page = s.browser(home, "works", "root")
		says(t, "one that is open", page.get("/admin/history"), map[string]bool{onTrial: true, "It is not confirmed yet.": true})
	})
}

// Kintone mails a link that lifts the restriction: opening it shows, posting it acts, once.
func TestResetLink(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		it := s.in(home, "kintone", "it")
		r := httptest.NewRequest("PUT", "/t/kintone/admin/network", strings.NewReader(`{"access": "designated", "designated": [{"range": "127.0.0.1", "label": "home"}]}`))
		r.Header.Set("Authorization", "Bearer "+it)
		if w := s.do(home, r); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		stop := s.background()
		defer stop()
		time.Sleep(5 * time.Second)
		mails := s.mails("it")
		if len(mails) == 0 || !strings.Contains(mails[0].Text, "/reset/") {
			t.Fatalf("%v", mails)
		}
		_, token, _ := strings.Cut(mails[0].Text, "/reset/")
		look := func() int { return s.browse(office, "/reset/"+token, nil).Code }
		for range 2 {
			if code := look(); code != 200 {
				t.Errorf("looking: %d", code)
			}
		}
		s.want("looking does nothing", s.login(office, "kintone", "kim", "demo-kim"), "403 deny [address-not-designated]")
		if w := s.browse(office, "/reset/"+token, nil, "yes", "1"); w.Code != http.StatusSeeOther {
			t.Errorf("posting: %d %s", w.Code, w.Body)
		}
		s.want("lifted", s.login(office, "kintone", "kim", "demo-kim"), "200 allow [all-addresses]")
		if w := s.browse(office, "/reset/"+token, nil, "yes", "1"); w.Code != http.StatusGone || look() != http.StatusGone {
			t.Errorf("twice: %d", w.Code)
		}
		time.Sleep(5 * time.Second)
		if told := s.mails("root"); !strings.Contains(told[0].Text, "has used the link") {
			t.Errorf("root is told: %v", told)
		}
	})
}
