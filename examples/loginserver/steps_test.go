package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
)

const (
	verified = "200 allow [identity-verified]"
	wrong    = "401 deny [bad-credentials]"
)

func (s *world) verify(from, attempt, code string) result {
	s.Helper()
	return s.post(from, "/t/standard/verify", "attempt", attempt, "code", code)
}

// wrongCode returns six digits that are not the code that was mailed last.
func (s *world) wrongCode() string {
	s.Helper()
	if s.code() == "000000" {
		return "000001"
	}
	return "000000"
}

func TestVerify(t *testing.T) {
	s := newSite(t)
	r := s.login(usa, "standard", "kim", "demo-kim")
	in := s.verify(usa, r.Attempt, s.code())
	s.want("the right code", in, verified)
	me := s.me(usa, "standard", in.Session)
	s.want("the next request", me, verified)
	if !strings.HasSuffix(me.Stamp, ".web.vUS") {
		t.Errorf("stamp %q", me.Stamp)
	}
	s.want("from another country", s.me(other, "standard", in.Session), "401 verify [overseas-login]")
	s.want("from an exempt one", s.me(korea, "standard", in.Session), "200 allow [country-exempt]")
	s.want("from the country again", s.me("8.8.8.200", "standard", in.Session), verified)
	s.want("the code again", s.verify(usa, r.Attempt, s.code()), wrong)
}

// The code never is in the answer, nor in what is kept of it.
func TestCodeIsMailedOnly(t *testing.T) {
	s := newSite(t)
	r := s.login(home, "standard", "kim", "demo-kim")
	if strings.Contains(r.Body, s.code()) || len(s.mails("")) != 1 || s.mails("")[0].To != "kim" || s.mails("")[0].Tenant != "standard" {
		t.Errorf("%s, %v", r.Body, s.mails(""))
	}
	for _, st := range s.open("step") {
		if kept := fmt.Sprintf("%+v %s", st, st.Body); strings.Contains(kept, s.code()) || strings.Contains(kept, r.Attempt) {
			t.Errorf("kept: %s", kept)
		}
	}
}

func TestGuarantee30VerificationIsSpentOnce(t *testing.T) {
	timed(t, func(t *testing.T) {
		for _, tt := range []struct {
			why  string
			do   func(s *world, r result) result
			want string
		}{
			{"of the right code", func(s *world, r result) result { return s.verify(usa, r.Attempt, s.code()) }, verified},
			{"blanks around it", func(s *world, r result) result { return s.verify(usa, r.Attempt, " "+s.code()+" ") }, verified},
			{"of a wrong code", func(s *world, r result) result { return s.verify(usa, r.Attempt, s.wrongCode()) }, wrong},
			{"of no code", func(s *world, r result) result { return s.verify(usa, r.Attempt, "") }, wrong},
			{"of another attempt", func(s *world, r result) result { return s.verify(usa, "x"+r.Attempt, s.code()) }, wrong},
			{"of no attempt", func(s *world, r result) result { return s.verify(usa, "", s.code()) }, wrong},
			{"twice", func(s *world, r result) result {
				s.verify(usa, r.Attempt, s.code())
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"after four wrong ones", func(s *world, r result) result {
				for range 5 - 1 {
					s.verify(usa, r.Attempt, s.wrongCode())
				}
				return s.verify(usa, r.Attempt, s.code())
			}, verified},
			{"after five wrong ones", func(s *world, r result) result {
				for range 5 {
					s.verify(usa, r.Attempt, s.wrongCode())
				}
				return s.verify(usa, r.Attempt, s.code())
			}, "429  [too-many-tries]"},
			{"within ten minutes", func(s *world, r result) result {
				time.Sleep(stepLife - 1)
				return s.verify(usa, r.Attempt, s.code())
			}, verified},
			{"after ten minutes", func(s *world, r result) result {
				time.Sleep(stepLife)
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"in another tenant", func(s *world, r result) result {
				return s.post(usa, "/t/works/verify", "attempt", r.Attempt, "code", s.code())
			}, wrong},
			{"in another tenant, where the network refuses", func(s *world, r result) result {
				return s.post(home, "/t/works/verify", "attempt", r.Attempt, "code", s.code())
			}, "403 deny [address-not-designated]"},
			{"from another country: a code for that one is asked for", func(s *world, r result) result {
				return s.verify(other, r.Attempt, s.code())
			}, "202 verify [overseas-login]"},
			{"from an exempt country", func(s *world, r result) result {
				return s.verify(japan, r.Attempt, s.code())
			}, "200 allow [country-exempt]"},
			{"with the code of another attempt", func(s *world, r result) result {
				code := s.code()
				for again := ""; again == "" || s.code() == code; {
					again = s.login(usa, "standard", "kim", "demo-kim").Attempt
					r.Attempt = again
				}
				return s.verify(usa, r.Attempt, code)
			}, wrong},
			{"with the attempt and code of another member", func(s *world, r result) result {
				r = s.login(usa, "standard", "lee", "demo-lee")
				if in := s.verify(usa, r.Attempt, s.code()); s.me(usa, "standard", in.Session).Member != "lee" {
					t.Error("lee's code let somebody else in")
				}
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"after the settings have changed", func(s *world, r result) result {
				s.save("standard", func(t *policy.Settings) { t.Outside = policy.Verify })
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"after the member's sessions were ended", func(s *world, r result) result {
				if err := s.actor("standard", "root").SetPassword(s.Context(), "kim", newPassword, "leaked", false); err != nil {
					s.Fatal(err)
				}
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"after the member was suspended", func(s *world, r result) result {
				s.act(directory.Suspend, "standard", "kim", directory.Facts{})
				return s.verify(usa, r.Attempt, s.code())
			}, wrong},
			{"as the attempt of a new password", func(s *world, r result) result {
				return s.post(usa, "/t/standard/password", "attempt", r.Attempt, "old", "demo-kim", "new", newPassword)
			}, wrong},
			{"as a session", func(s *world, r result) result { return s.me(usa, "standard", r.Attempt) }, "401 deny [session-unknown]"},
		} {
			s := newSite(t)
			s.want(tt.why, tt.do(s, s.login(usa, "standard", "kim", "demo-kim")), tt.want)
		}
	})
}

// Asking for a new code does not give new tries.
func TestFiveTriesAnHour(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		open := ""
		for range 5 {
			open = s.login(usa, "standard", "kim", "demo-kim").Attempt
			s.want("wrong", s.verify(usa, open, s.wrongCode()), wrong)
			time.Sleep(time.Minute)
		}
		const full = "429  [too-many-tries]"
		s.want("no code, after five wrong ones", s.login(usa, "standard", "kim", "demo-kim"), full)
		s.want("nor a try for the one before, were it right", s.verify(usa, open, s.code()), full)
		s.want("a wrong password learns nothing of it", s.login(usa, "standard", "kim", "wrong"), wrong)
		s.want("nor does who has no step", s.verify(usa, "x"+open, s.code()), wrong)
		s.want("nor one of no member", s.login(usa, "standard", "nobody", "demo-kim"), wrong)
		r := newPost("/t/standard/login")
		r.Body = body(`{"member":"kim","password":"demo-kim"}`)
		if w := s.do(usa, r); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3300" {
			t.Errorf("%d, to wait %s", w.Code, w.Header().Get("Retry-After"))
		}
		page := s.browse(usa, "/t/standard/login", nil, "member", "kim", "password", "demo-kim")
		says(t, "the page", page.Body.String(), map[string]bool{"Too many wrong codes": true, "Log in again after 2000-01-01 01:01": true, `name="code"`: false, `name="password"`: false})
		if page.Code != http.StatusTooManyRequests || page.Header().Get("Retry-After") == "" {
			t.Errorf("the page: %d", page.Code)
		}
		says(t, "in Korean", s.browse(usa, "/t/standard/verify", []*http.Cookie{{Name: "lang", Value: "ko"}}, "attempt", open, "code", "123456").Body.String(), map[string]bool{"너무 많이 잘못": true})
		lee := s.login(usa, "standard", "lee", "demo-lee")
		s.want("another member", s.verify(usa, lee.Attempt, s.code()), verified)

		time.Sleep(time.Hour - 5*time.Minute)
		open = s.login(usa, "standard", "kim", "demo-kim").Attempt
		s.want("an hour after the first", s.verify(usa, open, s.wrongCode()), wrong)
		s.want("one try for the one that is long ago", s.verify(usa, open, s.code()), full)
	})
}

// A member is sent ten codes an hour, and told so.
func TestTenCodesAnHour(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		for range 10 {
			s.want("asked", s.login(usa, "standard", "kim", "demo-kim"), "202 verify [overseas-login]")
		}
		s.want("once more", s.login(usa, "standard", "kim", "demo-kim"), "429  [too-many-codes]")
		s.want("where no code is asked for", s.login(korea, "standard", "kim", "demo-kim"), "200 allow [country-exempt]")
		time.Sleep(time.Hour)
		s.want("an hour later", s.login(usa, "standard", "kim", "demo-kim"), "202 verify [overseas-login]")
	})
}

func TestConcurrentCodes(t *testing.T) {
	s := newSite(t)
	attempt, code := s.login(usa, "standard", "kim", "demo-kim").Attempt, s.code()
	allowed := make(chan site.Answer, 50)
	var all sync.WaitGroup
	for range cap(allowed) {
		all.Go(func() {
			if ans, err := s.Tenant("standard").Verify(context.Background(), addrOf(usa), attempt, code); err == nil && ans.Effect != policy.Deny {
				allowed <- ans
			}
		})
	}
	all.Wait()
	if n := len(allowed); n != 1 {
		t.Errorf("one code let in %d times", n)
	}
}

func TestStepsOnPages(t *testing.T) {
	s := newSite(t)
	attemptOf := func(body string) string {
		_, rest, _ := strings.Cut(body, `name="attempt" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	w := s.browse(home, "/t/standard/login", nil, "member", "kim", "password", "demo-kim", "client", "web")
	attempt := attemptOf(w.Body.String())
	w = s.browse(home, "/t/standard/verify", nil, "attempt", attempt, "code", s.wrongCode())
	if w.Code != http.StatusUnauthorized || attemptOf(w.Body.String()) != attempt || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("a wrong code: %d\n%s", w.Code, w.Body)
	}
	w = s.browse(home, "/t/standard/verify", nil, "attempt", attempt, "code", s.code())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/t/standard/me" || len(w.Result().Cookies()) != 1 {
		t.Errorf("the right code: %d %v", w.Code, w.Header())
	}

	w = s.browse(home, "/t/line/login", nil, "member", "lee", "password", "demo-lee", "client", "web")
	attempt = attemptOf(w.Body.String())
	w = s.browse(home, "/t/line/password", nil, "attempt", attempt, "old", "demo-lee", "new", "short")
	if w.Code != http.StatusBadRequest || attemptOf(w.Body.String()) != attempt {
		t.Errorf("a short password: %d\n%s", w.Code, w.Body)
	}
	w = s.browse(home, "/t/line/password", nil, "attempt", attempt, "old", "demo-lee", "new", newPassword)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/t/line/me" {
		t.Errorf("a new password: %d %v", w.Code, w.Header())
	}
	w = s.browse(home, "/t/standard/verify", nil, "attempt", `"><script>`, "code", "1")
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("a field comes back as markup")
	}
}

// A country that is unknown counts as one place, since nothing tells more.
func TestUnknownCountry(t *testing.T) {
	s := newSite(t)
	r := s.login(home, "standard", "kim", "demo-kim")
	in := s.verify(home, r.Attempt, s.code())
	s.want("at home", in, verified)
	s.want("the next request", s.me(home, "standard", in.Session), verified)
	s.want("from a known country", s.me(usa, "standard", in.Session), "401 verify [overseas-login]")
	if stamp := s.me(home, "standard", in.Session).Stamp; !strings.HasSuffix(stamp, ".v"+geo.Country{}.String()) {
		t.Errorf("stamp %q", stamp)
	}
}
