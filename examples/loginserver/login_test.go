package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// outcomes are logins with the right password, for each thing that can answer.
var outcomes = []struct{ from, tenant, member, client, want, why string }{
	{office, "works", "kim", "", "200 allow [address-designated]", "the office is on the list"},
	{usa, "works", "kim", "web", "200 allow [address-designated]", "so is the head office"},
	{home, "works", "kim", "", "403 deny [address-not-designated]", "home is not"},
	{home, "works", "kim", "desktop", "403 deny [address-not-designated]", "for no other client either"},
	{home, "works", "kim", "mobile", "200 allow [client-exempt]", "NAVER WORKS frees mobile"},
	{home, "works", "lee", "", "200 allow [member-excepted]", "an exception anywhere"},
	{home, "works", "it", "", "403 deny [address-not-designated]", "an exception elsewhere"},
	{korea, "works", "it", "", "200 allow [member-excepted]", "an exception here"},
	{home, "works", "root", "", "200 allow [super-admin]", "never shut out"},
	{home, "line", "kim", "", "200 allow [all-addresses]", "no restriction"},
	{home, "line", "lee", "", "202 change-password [password-change-required]", "the password has to be changed"},
	{home, "line", "lee", "imap", "403 deny [password-change-required]", "which a mail program cannot ask for"},
	{home, "kintone", "kim", "", "200 allow [address-designated]", "home is on this list"},
	{office, "kintone", "kim", "", "403 deny [address-not-designated]", "an IPv6 office cannot be"},
	{office, "kintone", "root", "", "403 deny [address-not-designated]", "Kintone lets no super admin pass"},
	{office, "kintone", "kim", "mobile", "403 deny [address-not-designated]", "and frees no client"},
	{home, "standard", "kim", "", "202 verify [overseas-login]", "loopback has no country"},
	{home, "standard", "kim", "imap", "200 allow [client-exempt]", "a mail program cannot ask for a code"},
	{home, "standard", "root", "", "200 allow [super-admin]", "never asked"},
	{korea, "standard", "kim", "", "200 allow [country-exempt]", "an exempt country"},
	{usa, "standard", "kim", "", "202 verify [overseas-login]", "another country"},
	{office, "works", "kim", "fax", "403 deny [unknown-client]", "there is no such client"},
	{office, "works", "root", "unknown", "403 deny [unknown-client]", "for a super admin neither"},
	{"::ffff:8.8.8.8", "works", "kim", "", "200 allow [address-designated]", "a mapped address is the IPv4 one"},
}

func TestOutcomes(t *testing.T) {
	for _, tt := range outcomes {
		s := newSite(t)
		r := s.post(tt.from, "/t/"+tt.tenant+"/login", "member", tt.member, "password", "demo-"+tt.member, "client", tt.client)
		s.want(tt.why, r, tt.want)
		if (r.Session != "") != (r.Status == 200) || (r.Attempt != "") != (r.Status == 202) || (r.Address != "") != (r.Status == 403) {
			t.Errorf("%s: %s", tt.why, r.Body)
		}
		if r.Session != "" {
			s.want(tt.why+", at the next request", s.me(tt.from, tt.tenant, r.Session), tt.want)
		}
	}
}

func TestOutcomesOnPages(t *testing.T) {
	for _, tt := range outcomes {
		s := newSite(t)
		w := s.browse(tt.from, "/t/"+tt.tenant+"/login", nil, "member", tt.member, "password", "demo-"+tt.member, "client", tt.client)
		status := map[bool]int{true: http.StatusSeeOther}[strings.HasPrefix(tt.want, "200")]
		shown := ""
		switch tt.want[:3] {
		case "202":
			status, shown = http.StatusAccepted, `name="attempt"`
		case "403":
			status, shown = http.StatusForbidden, strings.Trim(strings.Fields(tt.want)[2], "[]")
		}
		if w.Code != status || !strings.Contains(w.Body.String(), shown) {
			t.Errorf("%s: %d; want %d with %s\n%s", tt.why, w.Code, status, shown, w.Body)
		}
		if got := len(w.Result().Cookies()); (got == 1) != (status == http.StatusSeeOther) {
			t.Errorf("%s: %d cookies", tt.why, got)
		}
		if status == http.StatusSeeOther {
			w := s.browse(tt.from, w.Header().Get("Location"), w.Result().Cookies())
			if w.Code != 200 || !strings.Contains(w.Body.String(), "Hello, "+tt.member) {
				t.Errorf("%s: then %d\n%s", tt.why, w.Code, w.Body)
			}
		}
	}
}

// No address of the peer, no login, whatever the headers say.
func TestNoAddress(t *testing.T) {
	s := newSite(t)
	r := httptest.NewRequest("POST", "/t/works/login", strings.NewReader("member=kim&password=demo-kim"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"} {
		r.Header.Set(name, "8.8.8.8")
	}
	r.RemoteAddr = "@"
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	s.want("no address", s.read(w), "403 deny [no-client-address]")

	r.Body = io.NopCloser(strings.NewReader("member=kim&password=demo-kim"))
	refused := s.read(s.do("::ffff:"+home, r))
	s.want("headers", refused, "403 deny [address-not-designated]")
	if refused.Address != home {
		t.Errorf("the address is told as %s", refused.Address)
	}
}

// Where the network refuses an ordinary member, an answer is the same to the
// byte whatever the password and whoever the member; where it does not, an
// unknown member is a wrong password.
func TestGuarantee32RefusalsTellNothing(t *testing.T) {
	for _, tt := range []struct{ from, tenant, client, want string }{
		{home, "works", "web", "403 deny [address-not-designated]"},
		{office, "kintone", "web", "403 deny [address-not-designated]"},
		{office, "works", "fax", "403 deny [unknown-client]"},
		{office, "works", "web", "401 deny [bad-credentials]"},
		{home, "works", "mobile", "401 deny [bad-credentials]"},
		{home, "line", "web", "401 deny [bad-credentials]"},
		{home, "standard", "web", "401 deny [bad-credentials]"},
	} {
		s := newSite(t)
		// One is pending, the others will be suspended, locked and deleted.
		s.join("works", site.Newcomer{ID: "b", Password: "demo-b"}, site.Newcomer{ID: "c", Password: "demo-c"}, site.Newcomer{ID: "d", Password: "demo-d"})
		s.act(directory.Create, "works", "a", directory.Facts{})
		s.act(directory.Suspend, "works", "b", directory.Facts{})
		for range failures {
			s.login(office, "works", "c", "wrong")
		}
		s.act(directory.Delete, "works", "d", directory.Facts{})
		refused := strings.HasPrefix(tt.want, "403")
		var first, firstPage string
		for _, id := range []string{"kim", "nobody", "", "root", "lee", "it", "a", "b", "c", "d", "\x00", "\u202ekim", "KIM", strings.Repeat("k", 200)} {
			for _, password := range []string{"wrong", "", "demo-" + id} {
				_, err := s.stores.Members.Load(t.Context(), session.TenantID(tt.tenant), member.ID(id))
				if right := err == nil && password == "demo-"+id; right && !refused {
					continue // who is let in, or learns an own reason
				} else if right && tt.from == home && (id == "root" || id == "lee") {
					continue // the super admin and the exception are let in from everywhere
				}
				r := s.post(tt.from, "/t/"+tt.tenant+"/login", "member", id, "password", password, "client", tt.client)
				w := s.browse(tt.from, "/t/"+tt.tenant+"/login", nil, "member", id, "password", password, "client", tt.client)
				if first == "" {
					first, firstPage = r.Body, w.Body.String()
				}
				s.want(fmt.Sprintf("%s %.20q", tt.tenant, id), r, tt.want)
				if r.Body != first || w.Body.String() != firstPage || w.Code != r.Status {
					t.Errorf("%s from %s by %s: %.20q with %.20q is told\n%s\nnot\n%s", tt.tenant, tt.from, tt.client, id, password, r.Body, first)
				}
			}
		}
	}
}

// Elsewhere the right password, and only it, learns the member's own reason.
func TestOwnReason(t *testing.T) {
	s := newSite(t)
	s.act(directory.Suspend, "line", "kim", directory.Facts{})
	s.want("right", s.login(home, "line", "kim", "demo-kim"), "403 deny [member-suspended]")
	s.want("wrong", s.login(home, "line", "kim", "wrong"), "401 deny [bad-credentials]")

	s.act(directory.Suspend, "works", "lee", directory.Facts{})
	s.want("outside", s.login(home, "works", "lee", "demo-lee"), "403 deny [address-not-designated]")
}

func TestLock(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		for range failures - 1 {
			s.login(home, "line", "kim", "wrong")
		}
		in := s.login(home, "line", "kim", "demo-kim")
		s.want("one less than the limit", in, "200 allow [all-addresses]")
		for range failures {
			s.want("wrong", s.login(home, "line", "kim", "wrong"), "401 deny [bad-credentials]")
		}
		s.want("locked", s.login(home, "line", "kim", "demo-kim"), "403 deny [member-locked]")
		s.want("a stranger's guesses do not throw out the member", s.me(home, "line", in.Session), "200 allow [all-addresses]")
		s.want("in another tenant the same name is somebody else", s.login(home, "kintone", "kim", "demo-kim"), "200 allow [address-designated]")

		for range 2 * failures {
			s.want("wrong", s.login(home, "line", "kim", "wrong"), "401 deny [bad-credentials]")
		}
		s.want("a lock is not there to guess behind", s.login(home, "line", "kim", "demo-kim"), "401 deny [bad-credentials]")
		time.Sleep(guessPause)
		s.want("later", s.login(home, "line", "kim", "demo-kim"), "401 deny [bad-credentials]")
		s.act(directory.Unlock, "line", "kim", directory.Facts{})
		s.want("unlocked", s.login(home, "line", "kim", "demo-kim"), "200 allow [all-addresses]")
	})
}

func TestSuperAdminsLockOpens(t *testing.T) {
	timed(t, func(t *testing.T) {
		for _, tenant := range []string{"line", "kintone"} {
			s := newSite(t)
			for range failures {
				s.login(home, tenant, "root", "wrong")
			}
			s.want("locked", s.login(home, tenant, "root", "demo-root"), "403 deny [member-locked]")
			time.Sleep(directory.SuperLock - 1)
			s.want("still", s.login(home, tenant, "root", "demo-root"), "403 deny [member-locked]")
			for range 3 * failures {
				s.login(other, tenant, "root", "wrong") // which must not make it longer
			}
			time.Sleep(time.Nanosecond)
			if r := s.login(home, tenant, "root", "demo-root"); r.Status != 200 {
				t.Errorf("after %v: %s", directory.SuperLock, r.text())
			}
		}
	})
}

// From where the network refuses ordinary members, strangers lock nobody: those
// who are let in there are kept out of no place but the one of the guesses.
func TestGuarantee32FailuresOutsideLockNobody(t *testing.T) {
	const refused = "403 deny [address-not-designated]"
	for _, id := range []string{"kim", "lee", "root"} {
		timed(t, func(t *testing.T) {
			s := newSite(t)
			before := s.kept("works", member.ID(id)).Version
			for range 3 * failures {
				s.want("wrong", s.login(home, "works", id, "wrong"), refused)
			}
			if f, err := s.stores.Members.Failures(t.Context(), "works", member.ID(id)); err != nil || f != (directory.Failures{}) {
				t.Errorf("%s has %+v, %v", id, f, err)
			}
			if after := s.kept("works", member.ID(id)); after.Status != member.Active || after.Version != before {
				t.Errorf("%s is %v", id, after.Status)
			}
			s.want(id+" where the guesses came from", s.login(home, "works", id, "demo-"+id), refused)
			for _, inside := range []string{office, usa} {
				if r := s.login(inside, "works", id, "demo-"+id); r.Status != 200 {
					t.Errorf("%s inside, at %s: %s", id, inside, r.text())
				}
			}
			for _, outside := range []string{other, korea, "127.0.0.2", "2001:4860::1"} {
				if r := s.login(outside, "works", id, "demo-"+id); (r.Status == 200) != (id != "kim") {
					t.Errorf("%s outside, at %s: %s", id, outside, r.text())
				}
			}
			time.Sleep(guessPause)
			if r := s.login(home, "works", id, "demo-"+id); (r.Status == 200) != (id != "kim") {
				t.Errorf("%s where the guesses came from, later: %s", id, r.text())
			}
		})
	}
}

// A pause ends, also if the guesses go on.
func TestPauseIsNotExtended(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		for range 2 * failures {
			s.login(home, "works", "lee", "wrong")
		}
		time.Sleep(guessPause - 1)
		for range failures {
			s.login(home, "works", "lee", "wrong")
		}
		time.Sleep(time.Nanosecond)
		s.want("lee", s.login(home, "works", "lee", "demo-lee"), "200 allow [member-excepted]")
	})
}

// A network is one source, whichever of its addresses the guesses come from,
// and the guesses of a source do not add up with those of another.
func TestSources(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		for i := range 2 * failures {
			s.login(fmt.Sprintf("2001:4860:0:1::%d", i), "works", "lee", "wrong")
			s.login(fmt.Sprintf("9.9.9.%d", i), "works", "lee", "wrong")
		}
		s.want("the same /64", s.login("2001:4860:0:1:ffff::", "works", "lee", "demo-lee"), "403 deny [address-not-designated]")
		s.want("the next /64", s.login("2001:4860:0:2::", "works", "lee", "demo-lee"), "200 allow [member-excepted]")
		s.want("one of many IPv4 addresses", s.login("9.9.9.0", "works", "lee", "demo-lee"), "200 allow [member-excepted]")
	})
}

// Guesses with a client that is refused anyway do not go on without end.
func TestGuessesWithBlockedClient(t *testing.T) {
	s := newSite(t)
	s.act(directory.BlockApps, "works", "kim", directory.Facts{})
	guess := func(password string) result {
		return s.post(office, "/t/works/login", "member", "kim", "password", password, "client", "desktop")
	}
	for range 2 * failures {
		guess("wrong")
	}
	if r := guess("demo-kim"); strings.Contains(r.Body, "client-blocked") {
		t.Errorf("one can guess with a blocked client without end: %s", r.Body)
	}
	s.want("they count as all others do", s.login(usa, "works", "kim", "demo-kim"), "401 deny [bad-credentials]")
}

// Of many guesses at once no more count than of as many in a row.
// A server that is busy refuses at once whom it has no room for, and after a
// while those who wait.
