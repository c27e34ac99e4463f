package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// browser is somebody who has logged in with a browser.
type browser struct {
	*world
	from, base string
	cookies    []*http.Cookie
}

func (s *world) browser(from, tenant, id string) *browser {
	s.Helper()
	w := s.browse(from, "/t/"+tenant+"/login", nil, "member", id, "password", "demo-"+id, "client", "web")
	if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) == 0 {
		s.Fatalf("%s does not get in: %d %s", id, w.Code, w.Body)
	}
	return &browser{s, from, "/t/" + tenant, w.Result().Cookies()}
}

// get returns a page of the tenant, and post what a form on one is answered.
func (b *browser) get(path string) string {
	b.Helper()
	w := b.browse(b.from, b.base+path, b.cookies)
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func (b *browser) post(want int, path string, pairs ...string) string {
	b.Helper()
	w := b.browse(b.from, b.base+path, b.cookies, pairs...)
	if w.Code != want {
		b.Fatalf("%s: %d %s; want %d", path, w.Code, w.Body, want)
	}
	return w.Body.String() + w.Header().Get("Location")
}

// says compares which of some texts a page has.
func says(t *testing.T, why, page string, texts map[string]bool) {
	t.Helper()
	for text, want := range texts {
		if strings.Contains(page, text) != want {
			t.Errorf("%s: %q is there: %v\n%s", why, text, !want, page)
		}
	}
}

// What a server says of itself is so: only a demo is one, and only memory forgets.
func TestServerSaysWhatItIs(t *testing.T) {
	open := func(name string) *site.Stores {
		stores, closer, err := openStores(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closer.Close() })
		return stores
	}
	for _, c := range []struct {
		demo, forgets bool
		why, db       string
	}{
		{true, true, "a demo in memory", ""},
		{true, false, "a demo that is stored", "sqlite:" + filepath.Join(t.TempDir(), "demo.db")},
		{false, false, "a server", "sqlite:" + filepath.Join(t.TempDir(), "real.db")},
	} {
		setups := site.Demo()[:1]
		if !c.demo {
			setups = []site.Setup{site.First()}
		}
		stores := open(c.db)
		s, err := site.New(t.Context(), site.Options{Stores: stores, Setups: setups, Demo: c.demo, Iterations: 1})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, Site: s, http: handler(&front.Front{Site: s, Names: []string{"example.com"}}, nil, nil)}
		if first := w.browse(home, "/", nil); !c.demo {
			if to := first.Header().Get("Location"); to != "/t/main/login" {
				t.Errorf("%s: to %q", c.why, to)
			}
			says(t, c.why, w.browse(home, "/t/main/login", nil).Body.String(), map[string]bool{"Log in to main": true, "demo": false, "All tenants": false})
		} else {
			says(t, c.why, first.Body.String(), map[string]bool{
				"Sallyport demo": true, "is made up": true, "root (super admin), it (IT admin)": true, "It is gone when the server stops.": c.forgets,
				"Sallyport decides who may log in": true, "Members log in from everywhere": true, "What to try": true,
			})
		}

		if c.demo {
			var said bytes.Buffer
			welcome(&said, s, []place{{}})
			says(t, c.why, said.String(), map[string]bool{"is made up": true, "gone when it stops": c.forgets})
		}
	}
}

// Where no one country would let the administrators in again, none is offered.
func TestLockoutOffersWhatMends(t *testing.T) {
	s := newSite(t)
	b := s.browser(home, "kintone", "root")
	from := s.settings("kintone").Version.String()
	page := b.post(http.StatusConflict, "/admin/network/save", "from", from, "id", "1", "do", "save",
		"doc", `{"access":"designated","designated":[{"range":"9.9.9.0/24"}]}`)
	says(t, "the list is mended", page, map[string]bool{`value="mend"`: true, "Designate 127.0.0.1 too": true, `value="mend-country"`: false})

	s.save("works", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	s.join("works", site.Newcomer{ID: "ann", Password: "demo-ann", Roles: []string{directory.ITAdmin}}) // and no contact to verify by
	b = s.browser(korea, "works", "ann")
	from = s.settings("works").Version.String()
	page = b.post(http.StatusConflict, "/admin/network/save", "from", from, "id", "2", "do", "save",
		"doc", `{"access":"all","overseas":{"block":true,"exempt":["JP"]}}`)
	says(t, "so are the countries", page, map[string]bool{`value="mend-country"`: true, "Exempt South Korea too": true})
}

// Who is locked is shown so wherever members are listed, and no other answer than the
// member's own page and the door give.
func TestListShowsLocks(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		for range failures {
			s.login(office, "works", "kim", "wrong")
		}
		s.want("locked", s.login(office, "works", "kim", "demo-kim"), "403 deny [member-locked]")
		token, b := s.in(office, "works", "root"), s.browser(office, "works", "root")
		statuses := func(query string) map[string]string {
			_, body := s.admin(office, "GET", "/t/works/admin/members"+query, token, "")
			var list []struct{ ID, Status string }
			if err := json.Unmarshal([]byte(body), &list); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			found := map[string]string{}
			for _, m := range list {
				found[m.ID] = m.Status
			}
			return found
		}
		if got := statuses("?status=locked"); len(got) != 1 || got["kim"] != "locked" {
			t.Errorf("who is locked: %v", got)
		}
		if code, body := s.admin(office, "GET", "/t/works/admin/members?status=shut", token, ""); code != 400 || !strings.Contains(body, "want pending, active") {
			t.Errorf("a status that there is not: %d %s", code, body)
		}
		if got := statuses(""); len(got) != 4 || got["kim"] != "locked" || got["lee"] != "active" {
			t.Errorf("while kim is locked: %v", got)
		}
		says(t, "the list", b.get("/admin/members"), map[string]bool{`<span class="tag locked">`: true})
		says(t, "those who are locked", b.get("/admin/members?status=locked"), map[string]bool{"/admin/members/kim": true, "/admin/members/lee": false})
		says(t, "its file", b.get("/admin/members.csv?status=locked"), map[string]bool{`"kim","locked"`: true, `"lee"`: false})
		says(t, "its link", b.get("/admin/members?status=locked"), map[string]bool{"members.csv?status=locked": true})
		says(t, "kim's own page", b.get("/admin/members/kim"), map[string]bool{"Locked after failed logins": true})
		says(t, "lee's own page", b.get("/admin/members/lee"), map[string]bool{"Locked after failed logins": false})
		s.act(directory.Unlock, "works", "kim", directory.Facts{})
		if got := statuses(""); got["kim"] != "active" {
			t.Errorf("unlocked: %v", got)
		}
		says(t, "the list", b.get("/admin/members"), map[string]bool{`<span class="tag locked">`: false})
		if code, body := s.admin(office, "GET", "/t/works/admin/members?max=201", token, ""); code != 400 {
			t.Errorf("more than are looked up at once: %d %s", code, body)
		}
	})
}

// What an administrator sees of a member, programs do too.
func TestOverviewAsJSON(t *testing.T) {
	s := newSite(t)
	token := s.in(office, "works", "root")
	see := func(query string) (o struct {
		Last     *struct{ Client, Address string }
		Contacts []struct{ Address, Recorded string }
		Visits   []struct{ Client string }
	}) {
		t.Helper()
		code, body := s.admin(office, "GET", "/t/works/admin/members/kim"+query, token, "")
		if err := json.Unmarshal([]byte(body), &o); err != nil || code != 200 {
			t.Fatalf("%d %v: %s", code, err, body)
		}
		return o
	}
	if o := see(""); o.Last != nil || len(o.Visits) != 0 || len(o.Contacts) != 1 || o.Contacts[0].Address != "kim@example.net" || o.Contacts[0].Recorded == "" {
		t.Errorf("before any login: %+v", o)
	}
	s.in(office, "works", "kim")
	if o := see("?client=mobile"); o.Last == nil || o.Last.Client != "web" || o.Last.Address != office || len(o.Visits) != 0 {
		t.Errorf("of the visits by mobile alone the last by any is told: %+v", o)
	}
}

// How long a save waits to be confirmed is bounded as the engine bounds it, and whoever
// asks for more is told by how much and not that nothing answers.
func TestTrialIsBounded(t *testing.T) {
	timed(t, func(t *testing.T) {
		for _, c := range []struct {
			after, why string
			want       int
		}{
			{"9.999s", "too short", 400},
			{"-5m", "in the past", 400},
			{"24h0m1s", "too long", 400},
			{"48h", "two days", 400},
			{"soon", "no duration", 400},
			{"10s", "the shortest", 200},
			{"24h", "the longest", 200},
		} {
			s := newSite(t)
			root := s.in(office, "works", "root")
			code, body := s.admin(office, "PUT", "/t/works/admin/network?provisional="+c.after, root, `{"access":"designated","designated":[{"range":"::1"}]}`)
			if code != c.want || code == 400 && c.after != "soon" && !strings.Contains(body, "10s to 24h") {
				t.Errorf("%s: %d %s; want %d", c.why, code, body, c.want)
			}
		}
	})
}

// The mend of a lockout is an entry of a document: added to it, the document is saved.
func TestMendIsPasted(t *testing.T) {
	s := newSite(t)
	root := s.in(home, "kintone", "root")
	put := func(doc string) (int, string) { return s.admin(home, "PUT", "/t/kintone/admin/network", root, doc) }
	code, body := put(`{"access":"designated","designated":[{"range":"9.9.9.0/24"}]}`)
	var p struct{ Mend json.RawMessage }
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != 409 || string(p.Mend) != `{"range":"127.0.0.1"}` {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	if code, body := put(`{"access":"designated","designated":[{"range":"9.9.9.0/24"},` + string(p.Mend) + `]}`); code != 200 {
		t.Errorf("with the mend: %d %s", code, body)
	}
}

// A password that an administrator has set goes on, or is good for one login that asks for
// another: as the administrator has chosen.
func TestSetPasswordAsksForAnother(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		b := s.browser(office, "works", "it")
		says(t, "the member's page", b.get("/admin/members/kim"), map[string]bool{`name="change" value="yes" checked`: true})
		set := func(why, want string, pairs ...string) {
			t.Helper()
			b.post(http.StatusSeeOther, "/admin/members/kim/set-password", append(pairs, "password", newPassword)...)
			s.want(why, s.login(office, "works", "kim", newPassword), want)
		}
		set("without the tick", "200 allow [address-designated]")
		set("with it", "202 change-password [password-change-required]", "change", "yes")
		set("and again, before it was changed", "202 change-password [password-change-required]", "change", "yes")

		token := s.in(office, "works", "it")
		for form, want := range map[string]int{"change=yes": 200, "change=no": 400, "change=": 200} {
			if code, body := s.admin(office, "POST", "/t/works/admin/members/lee/set-password", token, form+"&password="+newPassword); code != want {
				t.Errorf("%s: %d %s; want %d", form, code, body, want)
			}
		}
		s.admin(office, "POST", "/t/works/admin/members/lee/set-password", token, "change=yes&password="+newPassword)
		s.want("by the API", s.login(office, "works", "lee", newPassword), "202 change-password [password-change-required]")
	})
}

// Answers are for who sends requests: they name no package of this server and no field of
// its errors, and say what the matter is.
func TestAPISpeaksToItsUsers(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		root := s.in(home, "kintone", "root")
		const network = "/t/kintone/admin/network"
		call := func(method, path, match, body string) (int, string) {
			t.Helper()
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+root)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if strings.HasPrefix(match, "return-") {
				r.Header.Set("Idempotency-Key", match)
			} else if match != "" {
				r.Header.Set("If-Match", match)
			}
			w := s.do(home, r)
			var p struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			return w.Code, p.Error
		}
		suspend := "/t/kintone/admin/members/kim/suspend"
		if code, text := call("POST", suspend, "", ""); code != 200 {
			t.Fatal(text)
		}
		trial := `{"access":"designated","designated":[{"range":"127.0.0.1"}]}`
		before := s.settings("kintone").Version
		if code, text := call("PUT", network+"?provisional=5m", "", trial); code != 200 {
			t.Fatal(text)
		}
		open := s.settings("kintone").Version
		etag := func(v fmt.Stringer) string { return `"` + v.String() + `"` }
		for _, c := range []struct {
			method, path, match, body string
			want                      int
			says                      string
		}{
			{"PUT", network, "", trial, 409, "a provisional save is open"},
			{"PUT", network, etag(before), trial, 412, "they were saved since"},
			{"POST", network + "/confirm", etag(open), "", 200, ""},
			{"POST", network + "/confirm", etag(open), "", 412, "they were saved since"},
			{"POST", network + "/confirm", "*", "", 409, "no provisional save is open"},
			{"POST", network + "/confirm", "", "", 428, "name the provisional save that you mean"},
			{"POST", network + "/take-back", "", "", 428, "name the provisional save that you mean"},
			{"PUT", network, "", `{"access":"designated","designated":[{"range":"9.9.9.0/24"}]}`, 409, "send the same request to retry"},
			{"PUT", network, "return-1", trial, 400, "the Idempotency-Key cannot be used"},
			{"POST", suspend, "", "", 409, "the member is suspended, and suspend is for one who is pending, active or on leave"},
			{"POST", "/t/kintone/admin/members/lee/lift", "", "", 409, "the member is active, and lift is for one who is suspended"},
			{"POST", "/t/kintone/admin/members/root/suspend", "", "", 409, "make another one first"},
			{"POST", "/t/kintone/admin/members/nobody/suspend", "", "", 404, "there is no such member"},
			{"POST", "/t/kintone/admin/members/lee/fly", "", "", 404, "there is no such action"},
			{"POST", "/t/kintone/admin/members/lee/give-role", "", "role=" + directory.Deputy, 200, ""},
			{"POST", "/t/kintone/admin/members/lee/take-role", "", "role=" + directory.HRAdmin, 404, "the member has no role"},
			{"POST", network + "/restore", "", "version=1.1", 404, ""},
			{"POST", "/reset/kintone.x", "", "", 410, ""},
		} {
			code, text := call(c.method, c.path, c.match, c.body)
			if code != c.want || !strings.Contains(text, c.says) {
				t.Errorf("%s %s: %d %q; want %d %q", c.method, c.path, code, text, c.want, c.says)
			}
			for _, inner := range []string{"engine", "policy:", "directory", "Force", "somebody else"} {
				if strings.Contains(text, inner) {
					t.Errorf("%s %s: %q in %q", c.method, c.path, inner, text)
				}
			}
		}
	})
}

// The accesses are chosen by member, program and day, on the page and in the file, and tell
// why a session ended.
func TestAccessesAreChosen(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		kim := s.browser(office, "works", "kim")
		kim.post(http.StatusSeeOther, "/logout", "x", "y")
		for range maxSessions + 1 {
			s.in(office, "works", "it")
		}
		first := time.Now().UTC().Format(time.DateOnly)
		time.Sleep(24 * time.Hour)
		second := time.Now().UTC().Format(time.DateOnly)
		lee := s.in(office, "works", "lee")
		root := s.browser(office, "works", "root")
		root.post(http.StatusSeeOther, "/admin/members/lee/suspend", "reason", "lost the laptop")
		stop := s.background() // which ends what was cut
		time.Sleep(5 * time.Second)
		stop()
		s.want("lee", s.me(office, "works", lee), "401 deny [session-ended]")

		link := func(id string) string { return `/admin/members/` + id + `"` }
		says(t, "all", root.get("/admin/accesses"), map[string]bool{link("kim"): true, link("it"): true, link("lee"): true, ", logged out</p>": true, "made room for newer ones": true, "expired": true})
		says(t, "kim's", root.get("/admin/accesses?member=kim&since="+first), map[string]bool{
			link("kim"): true, link("it"): false, link("lee"): false, `accesses.csv?member=kim&amp;since=` + first: true})
		says(t, "of the second day", root.get("/admin/accesses?since="+second), map[string]bool{link("kim"): false, link("lee"): true})
		says(t, "by apps", root.get("/admin/accesses?client=mobile"), map[string]bool{link("kim"): false, "accesses.csv?client=mobile": false})
		says(t, "no day", root.post(422, "/admin/accesses?since=yesterday"), map[string]bool{"since-wrong": true})
		says(t, "the file", root.get("/admin/accesses.csv?since="+second+"&client=web"), map[string]bool{`"kim"`: false, `"lee"`: true})
		root.post(400, "/admin/accesses.csv?since=yesterday")
	})
}

// A step that says it all says it once, a browser finds the history as a page, an answer
// names a header that it varies by once, and a log line says each thing once.
func TestNothingIsToldTwice(t *testing.T) {
	s := newSite(t)
	root := s.browser(office, "works", "root")
	says(t, "steps", root.get("/me"), map[string]bool{"There are settings and a member": true, "there are settings and a member": false})
	says(t, "what if", root.get("/admin/whatif?addr=8.8.8.8"), map[string]bool{"there are settings and a member": false, "<small>Address: 8.8.8.8</small>": true})
	if to := root.post(http.StatusSeeOther, "/admin/network/history"); !strings.HasSuffix(to, "/t/works/admin/history") {
		t.Errorf("the history is at %s", to)
	}
	w := s.do(office, httptest.NewRequest("GET", "/t/works/admin/network", nil))
	if got := w.Header()["Vary"]; w.Code != 401 || len(got) != 1 || got[0] != "Accept, Accept-Language" {
		t.Errorf("%d, Vary: %q", w.Code, got)
	}

	timed(t, func(t *testing.T) {
		var lines bytes.Buffer
		logged, err := site.New(t.Context(), site.Options{Demo: true, Setups: site.Demo()[:1], Iterations: 1, Log: slog.New(slog.NewTextHandler(&lines, nil))})
		if err != nil {
			t.Fatal(err)
		}
		stop := (&world{T: t, Site: logged}).background()
		time.Sleep(time.Second)
		stop()
		if line := lines.String(); strings.Count(line, "\n") != 1 || strings.Count(line, "=works") != 1 || !strings.Contains(line, "did=tenant-enrolled") {
			t.Errorf("%s", line)
		}
	})
}

// Who saves is told of other administrators whom a save shuts out: before, beside what would
// mend it for the one who saves, and after.
func TestOthersAreShutOut(t *testing.T) {
	s := newSite(t)
	s.in(usa, "kintone", "it") // where it was last seen
	root, page := s.in(home, "kintone", "root"), s.browser(home, "kintone", "root")
	put := func(doc string) (int, string) { return s.admin(home, "PUT", "/t/kintone/admin/network", root, doc) }
	const doc = `{"access":"designated","designated":[{"range":"9.9.9.0/24"}]}`
	type found []struct{ Member, Address, Reason string }
	var p struct {
		Error    string
		StillOut found `json:"still_out"`
		ShutOut  found `json:"shut_out"`
	}
	code, body := put(doc)
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != 409 || len(p.StillOut) != 1 || p.StillOut[0].Member != "it" || p.StillOut[0].Address != usa || !strings.Contains(p.Error, "even with 127.0.0.1") {
		t.Errorf("before: %d %v %s", code, err, body)
	}
	from := s.settings("kintone").Version.String()
	says(t, "the page", page.post(http.StatusConflict, "/admin/network/save", "from", from, "id", "1", "do", "save", "doc", doc), map[string]bool{
		"these could still not come in:</p><ul><li>it could not come in from 8.8.8.8": true})
	code, body = put(`{"access":"designated","designated":[{"range":"9.9.9.0/24"},{"range":"127.0.0.1"}]}`)
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != 200 || len(p.ShutOut) != 1 || p.ShutOut[0].Member != "it" || p.ShutOut[0].Reason != "address-not-designated" {
		t.Errorf("after: %d %v %s", code, err, body)
	}

	// The page of the save tells who, and opens the settings with what mends it.
	s.save("kintone", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	save := func(b *browser, tenant session.TenantID, do, doc string) string {
		from := s.settings(tenant).Version.String()
		return b.post(http.StatusOK, "/admin/network/save", "from", from, "id", from, "do", do, "doc", doc)
	}
	const two = `{"access":"designated","designated":[{"range":"9.9.9.0/24"},{"range":"127.0.0.1"}]}`
	saved := save(page, "kintone", "save", two)
	says(t, "saved", saved, map[string]bool{"The settings are saved.": true, "it cannot come in from 8.8.8.8 (Web browser), where they were last seen. The address is not designated.\n": true, `name="range" value="8.8.8.8"`: true,
		"Designate the address": true, "make them exceptions": false, "on trial": false, "/admin/network\">Go on": true, "Log in again": false})
	says(t, "designated too", page.post(http.StatusOK, "/admin/network", "doc", two, "from", from, "range", usa, "label", "x", "do", "add"), map[string]bool{
		"<code>8.8.8.8</code>": true, "Not saved yet": true})
	s.save("kintone", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	s.in(office, "kintone", "it")
	says(t, "by IPv6, which this product has not", save(page, "kintone", "save", two), map[string]bool{"it cannot come in from ::1": true, "Designate ::1 too": false})
	s.save("kintone", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	s.in(usa, "kintone", "it")
	says(t, "on trial", save(page, "kintone", "trial", two), map[string]bool{"Saved on trial": true, "it cannot come in from 8.8.8.8": true, "let the time run out": true, "Designate 8.8.8.8 too": false, "in the history": false})

	// One that ends its own session tells it as well, and leads to the login.
	s.save("works", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	s.join("works", site.Newcomer{ID: "ann", Password: "demo-ann", Roles: []string{directory.ITAdmin}}) // and no contact
	s.in(usa, "works", "ann")
	s.in(japan, "works", "it")
	saved = save(s.browser(office, "works", "root"), "works", "save", `{"access":"designated","designated":[{"range":"::1"}]}`)
	says(t, "ended", saved, map[string]bool{"The settings are saved. Sessions have ended, yours too": true, "ann cannot come in from 8.8.8.8": true, "it cannot come in from 133.9.9.9": true,
		"make them exceptions": true, `name="range"`: false, "/t/works/login\">Log in again": true, "data-live": false})

	s.save("works", func(x *policy.Settings) { x.Access = policy.AllAddresses })
	saved = save(s.browser(office, "works", "root"), "works", "save", `{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`)
	says(t, "asked for a code", saved, map[string]bool{"ann cannot come in from 8.8.8.8": true, "it cannot come in": false, "Who is asked for a code needs a contact": true, "Designate the address": false})
}

// What is wrong with a save itself, and not with the settings, is told as well.
func TestSaveThatCannotBe(t *testing.T) {
	s := newSite(t)
	it := s.browser(office, "works", "it")
	from := s.settings("works").Version.String()
	page := it.post(http.StatusUnprocessableEntity, "/admin/network/save", "from", from, "id", "return-1", "do", "save", "doc", `{"access":"designated","designated":[{"range":"::1"}]}`)
	says(t, "an id that cannot be used", page, map[string]bool{"return-1 – The form cannot be sent again": true})
	page = it.post(http.StatusUnprocessableEntity, "/admin/network/save", "from", from, "id", "1", "do", "save", "doc", `{"access":"designated","designated":[{"range":"8.8.8.8"},{"range":"0.0.0.0/0"}]}`)
	says(t, "an entry", page, map[string]bool{`href="#entry-1"`: true, "0.0.0.0/0 – The list lets in every address": true})
}
