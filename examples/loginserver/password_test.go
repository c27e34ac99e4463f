package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const newPassword = "correct horse battery"

func TestChangePassword(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		change := func(from, attempt, old, new string) result {
			return s.post(from, "/t/line/password", "attempt", attempt, "old", old, "new", new)
		}
		before := s.login(home, "line", "lee", "demo-lee")
		second := s.login(home, "line", "lee", "demo-lee")
		version := s.kept("line", "lee").Version
		old, id := session.NewToken() // as it would be if the change had been asked for after a login
		if err := s.stores.Sessions.Create(t.Context(), session.Session{ID: id, Tenant: "line", Member: "lee", Addr: addrOf(home), Created: time.Now(), Seen: time.Now(),
			Stamp: session.Stamp{Policy: s.settings("line").Version, Member: version, Client: session.Web}}); err != nil {
			t.Fatal(err)
		}
		s.want("what an old password began", s.me(home, "line", old), "200 allow [all-addresses]")

		for _, tt := range []struct{ why, attempt, old, new, want string }{
			{"a wrong old password", before.Attempt, "wrong", newPassword, wrong},
			{"no attempt", "", "demo-lee", newPassword, wrong},
			{"another attempt", "x" + before.Attempt, "demo-lee", newPassword, wrong},
			{"a short new password", before.Attempt, "demo-lee", "elevenchars", "400  [password-refused]"},
			{"short in characters, not in bytes", before.Attempt, "demo-lee", strings.Repeat("가", minNewLength-1), "400  [password-refused]"},
			{"the old one again", before.Attempt, "demo-lee-lee-lee", "demo-lee-lee-lee", "400  [password-refused]"},
			{"one that everybody types", before.Attempt, "demo-lee", "correct horse battery staple", "400  [password-refused]"},
			{"little but the name", before.Attempt, "demo-lee", "lee-lee-lee-2027", "400  [password-refused]"},
			{"keys in a row", before.Attempt, "demo-lee", "qwertyuiopasdf", "400  [password-refused]"},
			{"too long", before.Attempt, "demo-lee", strings.Repeat("x", maxPassLength+1), "400  [password-refused]"},
		} {
			s.want(tt.why, change(home, tt.attempt, tt.old, tt.new), tt.want)
		}
		s.want("still", s.login(home, "line", "lee", "demo-lee"), "202 change-password [password-change-required]")
		if s.kept("line", "lee").Version != version {
			t.Error("the member has changed")
		}

		in := change(home, before.Attempt, "demo-lee", newPassword)
		s.want("all as it should be", in, "200 allow [all-addresses]")
		s.want("in", s.me(home, "line", in.Session), "200 allow [all-addresses]")
		s.want("what the old password began", s.me(home, "line", old), "401 deny [session-ended]")
		s.want("again", change(home, before.Attempt, newPassword, newPassword+"!"), wrong)
		s.want("an older attempt", change(home, second.Attempt, newPassword, newPassword+"!"), wrong)
		s.want("the old password", s.login(home, "line", "lee", "demo-lee"), wrong)
		s.want("the new password", s.login(home, "line", "lee", newPassword), "200 allow [all-addresses]")
	})
}

// The list is walked again where the new password comes from, and the step is
// bound as that of a code is.
func TestChangePasswordElsewhere(t *testing.T) {
	timed(t, func(t *testing.T) {
		const refused = "403 deny [address-not-designated]"
		s := newSite(t)
		s.act(directory.RequestPasswordChange, "works", "kim", directory.Facts{})
		r := s.login(office, "works", "kim", "demo-kim")
		s.want("in the office", r, "202 change-password [password-change-required]")
		body := func(old string) []string {
			return []string{"attempt", r.Attempt, "old", old, "new", newPassword}
		}
		right, bad := s.post(home, "/t/works/password", body("demo-kim")...), s.post(home, "/t/works/password", body("wrong")...)
		s.want("at home", right, refused)
		s.want("at home", bad, refused)
		if right.Body != bad.Body {
			t.Errorf("%s tells apart from %s", right.Body, bad.Body)
		}
		if !s.kept("works", "kim").MustChangePassword {
			t.Error("the password was changed from an address that is refused")
		}
		r = s.login(office, "works", "kim", "demo-kim")
		time.Sleep(stepLife)
		s.want("too late", s.post(office, "/t/works/password", body("demo-kim")...), wrong)
	})
}

// Wrong old passwords are guesses as those of a login are.
func TestChangePasswordGuesses(t *testing.T) {
	s := newSite(t)
	r := s.login(home, "line", "lee", "demo-lee")
	for range failures {
		s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "wrong", "new", newPassword)
	}
	s.want("locked", s.login(home, "line", "lee", "demo-lee"), "403 deny [member-locked]")
}

// A code and then a new password: the verification lasts until the session.
func TestVerifyThenChangePassword(t *testing.T) {
	s := newSite(t)
	s.act(directory.RequestPasswordChange, "standard", "kim", directory.Facts{})
	r := s.login(usa, "standard", "kim", "demo-kim")
	s.want("first the code", r, "202 verify [overseas-login]")
	r = s.verify(usa, r.Attempt, s.code())
	s.want("then the password", r, "202 change-password [password-change-required]")
	change := func(from string) result {
		return s.post(from, "/t/standard/password", "attempt", r.Attempt, "old", "demo-kim", "new", newPassword)
	}
	in := change(usa)
	s.want("then in", in, verified)
	if me := s.me(usa, "standard", in.Session); !strings.HasSuffix(me.Stamp, ".vUS") {
		t.Errorf("stamp %q", me.Stamp)
	}

	s = newSite(t)
	s.act(directory.RequestPasswordChange, "standard", "kim", directory.Facts{})
	r = s.login(usa, "standard", "kim", "demo-kim")
	r = s.verify(usa, r.Attempt, s.code())
	s.want("from another country", change(other), "202 verify [overseas-login]")
	if !s.kept("standard", "kim").MustChangePassword {
		t.Error("changed without a verification there")
	}
	s.want("where it was verified", change(usa), verified)
	s.want("the same attempt again", change(usa), wrong)

	s = newSite(t)
	s.act(directory.RequestPasswordChange, "standard", "kim", directory.Facts{})
	r = s.login(usa, "standard", "kim", "demo-kim")
	r = s.verify(usa, r.Attempt, s.code())
	s.save("standard", func(t *policy.Settings) { t.Overseas.Exempt = geo.Countries{} })
	s.want("after the settings have changed", change(usa), "202 verify [overseas-login]")
	if !s.kept("standard", "kim").MustChangePassword {
		t.Error("changed by a verification of before")
	}
}

// A form that is sent twice counts once, whenever the second comes: it is told so, and is no
// wrong password.
func TestPasswordFormSentTwice(t *testing.T) {
	between := func(s *site.Stores) *interrupted {
		v := &interrupted{Values: s.Values}
		s.Values = v
		return v
	}
	for _, tt := range []struct {
		why, kind string // the second comes when the first reads a value of this kind
	}{{"afterwards", ""}, {"before the step is taken", "step"}, {"while the password is read", "password"}} {
		stores := site.InMemory()
		v := between(stores)
		s := newSiteOn(t, stores)
		r := s.login(home, "line", "lee", "demo-lee")
		var first, second result
		change := func() result {
			return s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "demo-lee", "new", newPassword)
		}
		if tt.kind == "" {
			first, second = change(), change()
		} else {
			v.on(tt.kind, func() { second = change() })
			first = change()
		}
		if v.do != nil {
			t.Fatal("nothing came between")
		}
		if second.Status == 200 { // whichever has the step
			first, second = second, first
		}
		s.want(tt.why, first, "200 allow [all-addresses]")
		s.want(tt.why+", the second", second, wrong)
		if !strings.Contains(second.Body, `"used":true`) {
			t.Errorf("%s: %s", tt.why, second.Body)
		}
		s.want(tt.why+", in", s.me(home, "line", first.Session), "200 allow [all-addresses]")
		if f, err := stores.Members.Failures(t.Context(), "line", "lee"); err != nil || f.Number != 0 {
			t.Errorf("%s: %d failures, %v", tt.why, f.Number, err)
		}
	}

	// Many at once, and one whose sender does not wait for the answer.
	s := newSite(t)
	r := s.login(home, "line", "lee", "demo-lee")
	var in atomic.Int32
	var all sync.WaitGroup
	for range 3 * failures {
		all.Go(func() {
			ans, err := s.Tenant("line").ChangePassword(t.Context(), addrOf(home), r.Attempt, "demo-lee", newPassword)
			switch {
			case err == nil && ans.Effect == policy.Allow:
				in.Add(1)
			case err != nil || !ans.Used:
				t.Errorf("%+v, %v", ans, err)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d came in", in.Load())
	}
	s.want("not locked", s.login(home, "line", "lee", newPassword), "200 allow [all-addresses]")

	stores := site.InMemory()
	v := between(stores)
	s = newSiteOn(t, stores)
	r = s.login(home, "line", "lee", "demo-lee")
	gone, hangUp := context.WithCancel(t.Context())
	v.on("password", hangUp)
	if _, err := s.Tenant("line").ChangePassword(gone, addrOf(home), r.Attempt, "demo-lee", newPassword); err != nil || gone.Err() == nil {
		t.Error(err, gone.Err())
	}
	s.want("finished all the same", s.login(home, "line", "lee", newPassword), "200 allow [all-addresses]")

	// A wrong password is one, and does not use up the step.
	s = newSite(t)
	r = s.login(home, "line", "lee", "demo-lee")
	s.want("wrong", s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "x", "new", newPassword), wrong)
	if f, err := s.stores.Members.Failures(t.Context(), "line", "lee"); err != nil || f.Number != 1 {
		t.Errorf("%d failures, %v", f.Number, err)
	}
	s.want("right", s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "demo-lee", "new", newPassword), "200 allow [all-addresses]")
}

// On the pages, the second of two leads to where the first has: to the session, or to the
// login with a word of what was done. Where the network refuses, it is refused like all.
func TestFormsSentTwiceOnPages(t *testing.T) {
	s := newSite(t)
	r := s.login(home, "line", "lee", "demo-lee")
	change := func() *httptest.ResponseRecorder {
		return s.browse(home, "/t/line/password", nil, "attempt", r.Attempt, "old", "demo-lee", "new", newPassword)
	}
	first, second := change(), change()
	if to := second.Header().Get("Location"); first.Code != 303 || second.Code != 303 || to != "/t/line/login?sent=1" {
		t.Fatalf("%d, %d to %s", first.Code, second.Code, to)
	}
	says(t, "without the cookie", s.browse(home, "/t/line/login?sent=1", nil).Body.String(), map[string]bool{"counted once": true})
	if to := s.browse(home, "/t/line/login?sent=1", first.Result().Cookies()).Header().Get("Location"); to != "/t/line/me" {
		t.Errorf("with it: %q", to)
	}

	r = s.login(usa, "standard", "kim", "demo-kim")
	code := s.code()
	for _, want := range []string{"/t/standard/me", "/t/standard/login?sent=1"} {
		if w := s.browse(usa, "/t/standard/verify", nil, "attempt", r.Attempt, "code", code); w.Header().Get("Location") != want {
			t.Errorf("a code: %d to %q, want %s", w.Code, w.Header().Get("Location"), want)
		}
	}

	s.act(directory.RequestPasswordChange, "works", "kim", directory.Facts{})
	r = s.login(office, "works", "kim", "demo-kim")
	s.post(office, "/t/works/password", "attempt", r.Attempt, "old", "demo-kim", "new", newPassword)
	used := s.post(home, "/t/works/password", "attempt", r.Attempt, "old", "demo-kim", "new", newPassword)
	none := s.post(home, "/t/works/password", "attempt", "x", "old", "demo-kim", "new", newPassword)
	s.want("where the network refuses", used, "403 deny [address-not-designated]")
	if used.Body != none.Body {
		t.Errorf("%s tells apart from %s", used.Body, none.Body)
	}
}

// A change that takes too long changes nothing, and the step goes on: who sends the form again
// is in, and is not told that it was sent twice.
func TestPasswordFormThatTookTooLong(t *testing.T) {
	timed(t, func(t *testing.T) {
		stores := site.InMemory()
		v := &interrupted{Values: stores.Values}
		stores.Values = v
		s := newSiteOn(t, stores)
		r := s.login(home, "line", "lee", "demo-lee")
		change := func() result {
			return s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "demo-lee", "new", newPassword)
		}
		v.on("password", func() { time.Sleep(time.Minute) })
		if slow := change(); slow.Status == http.StatusOK || strings.Contains(slow.Body, `"used"`) {
			t.Errorf("what took a minute: %d %s", slow.Status, slow.Body)
		}
		s.want("again", change(), "200 allow [all-addresses]")
	})
}

// interrupted are Values during whose reading something else happens, once.
type interrupted struct {
	site.Values
	kind string
	do   func()
}

func (v *interrupted) on(kind string, do func()) { v.kind, v.do = kind, do }

func (v *interrupted) Get(ctx context.Context, kind, name string) (site.Value, error) {
	found, err := v.Values.Get(ctx, kind, name)
	if do := v.do; do != nil && kind == v.kind {
		v.do = nil
		do()
	}
	return found, err
}

// What is wrong with a new password is told all at once, in the language of the page, also to
// the administrator who sets one.
func TestPasswordFlaws(t *testing.T) {
	s := newSite(t)
	r := s.login(home, "line", "lee", "demo-lee")
	refused := s.post(home, "/t/line/password", "attempt", r.Attempt, "old", "demo-lee", "new", "lee-line-1")
	for _, want := range []string{`"code":"too-short","want":12`, `"code":"own-words"`, "use at least 12 characters; it is little more than a name"} {
		if !strings.Contains(refused.Body, want) {
			t.Errorf("no %s in %s", want, refused.Body)
		}
	}
	page := s.browse(home, "/t/line/password", []*http.Cookie{{Name: "lang", Value: "ja"}}, "attempt", r.Attempt, "old", "demo-lee", "new", "lee-line-1").Body.String()
	says(t, "in Japanese", page, map[string]bool{"12文字以上で入力してください。ご自身や企業の名前とほぼ同じです。": true})
	page = s.browser(office, "works", "root").post(http.StatusUnprocessableEntity, "/admin/members/kim/set-password", "password", "kim-works-2027")
	says(t, "set", page, map[string]bool{"It is little more than a name": true, "at least 12 characters.": false})
}
