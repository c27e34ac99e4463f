package site_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

var home = netip.MustParseAddr("127.0.0.1")

func newSite(t *testing.T) (*site.Site, *site.Stores) {
	t.Helper()
	stores := site.InMemory()
	s, err := site.New(t.Context(), site.Options{Setups: site.Demo(), Demo: true, Iterations: 1, Stores: stores})
	if err != nil {
		t.Fatal(err)
	}
	return s, stores
}

// Of many guesses at once no more count than of as many in a row.
func TestConcurrentGuesses(t *testing.T) {
	s, stores := newSite(t)
	s.Room(50)
	var all sync.WaitGroup
	for range 2*site.Failures - 1 {
		all.Go(func() {
			ans, err := s.Tenant("line").Login(t.Context(), home, session.Web, "kim", "wrong")
			if err != nil || ans.Reason != policy.ReasonBadCredentials {
				t.Errorf("%v, %v", ans, err)
			}
		})
	}
	all.Wait()
	ans, err := s.Tenant("line").Login(t.Context(), home, session.Web, "kim", "demo-kim")
	if err != nil || ans.Reason != policy.ReasonMemberLocked {
		t.Errorf("after them: %v, %v", ans, err)
	}
	if f, _ := stores.Members.Failures(t.Context(), "line", "kim"); f.Number != site.Failures {
		t.Errorf("%+v", f)
	}
}

// A step that has begun a session is not given back, though it changed no password because
// none is asked for any more: it would begin another.
func TestPasswordStepBeginsOneSession(t *testing.T) {
	s, _ := newSite(t)
	line := s.Tenant("line")
	attempt, err := line.PasswordStep(t.Context(), "kim", session.Stamp{Client: session.Web})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why, old string
		in       bool
	}{
		{"a wrong password, after which it is given back", "wrong", false},
		{"the right one", "demo-kim", true},
		{"and again", "demo-kim", false},
	} {
		ans, err := line.ChangePassword(t.Context(), home, attempt, tt.old, "a granite staircase, 4 otters")
		if err != nil || (ans.Session != "") != tt.in {
			t.Errorf("%s: %+v, %v", tt.why, ans, err)
		}
	}
}

// A server that is busy refuses at once whom it has no room for, and after a while those
// who wait.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSite(t)
		s.Room(1)
		release := s.Hold()
		login := func() time.Duration {
			began := time.Now()
			if ans, err := s.Tenant("line").Login(t.Context(), home, session.Web, "kim", "demo-kim"); !errors.Is(err, site.ErrBusy) || ans.Session != "" {
				t.Errorf("%v, %v", ans, err)
			}
			return time.Since(began)
		}
		var waits sync.WaitGroup
		waits.Go(func() {
			if d := login(); d != site.MaxWait {
				t.Errorf("waited for %v", d)
			}
		})
		synctest.Wait()
		if d := login(); d != 0 {
			t.Errorf("without room, waited for %v", d)
		}
		waits.Wait()
		release()
		if ans, err := s.Tenant("line").Login(t.Context(), home, session.Web, "kim", "demo-kim"); err != nil || ans.Effect != policy.Allow {
			t.Errorf("later: %v, %v", ans, err)
		}
	})
}

// A password that is changed while it is being checked is the old one.
func TestPasswordChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stores := newSite(t)
		release := s.Hold()
		got := make(chan site.Answer)
		go func() {
			ans, _ := s.Tenant("line").Login(t.Context(), home, session.Web, "kim", "demo-kim")
			got <- ans
		}()
		synctest.Wait()
		other, err := site.New(t.Context(), site.Options{Demo: true, Iterations: 1, Stores: stores}) // another process
		if err != nil {
			t.Fatal(err)
		}
		root := other.Tenant("line").Actor("root", session.Web, httpgate.Seen{Addr: home})
		if err := root.SetPassword(t.Context(), "kim", "correct horse battery", "leaked", false); err != nil {
			t.Error(err)
		}
		release()
		if ans := <-got; ans.Reason != policy.ReasonBadCredentials {
			t.Errorf("%v", ans)
		}
	})
}

// Who does not exist costs as many hashes as who does, whether the password is right or
// wrong, in a place that is let in or not: time tells nothing.
func TestGuarantee32HashesTellNothing(t *testing.T) {
	s, _ := newSite(t)
	for _, tenant := range []session.TenantID{"works", "standard"} {
		for _, id := range []member.ID{"root", "kim", "lee", "nobody", "", "KIM"} {
			for _, password := range []string{"demo-" + string(id), "wrong", ""} {
				before := s.Hashed()
				if _, err := s.Tenant(tenant).Login(t.Context(), home, session.Web, id, password); err != nil {
					t.Fatal(err)
				}
				if n := s.Hashed() - before; n != 1 {
					t.Errorf("%s of %s with %q: %d hashes", id, tenant, password, n)
				}
			}
		}
	}
}

// What a crowd of logins leaves behind is bounded.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stores := newSite(t)
		for i := range 60 {
			time.Sleep(time.Second)
			for _, id := range []member.ID{"kim", member.ID(fmt.Sprint("nobody", i))} {
				if _, err := s.Tenant("works").Login(t.Context(), home, session.Web, id, "demo-kim"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Tenant("standard").Login(t.Context(), home, session.Web, "lee", "demo-lee"); err != nil {
				t.Fatal(err)
			}
		}
		live, err := stores.Sessions.List(t.Context(), "works", session.Query{LiveAt: time.Now()})
		steps, errSteps := stores.Values.List(t.Context(), "step", "")
		if err != nil || errSteps != nil || len(live) != 20 || len(steps) != 5 {
			t.Errorf("%d live sessions, %d steps, %v, %v", len(live), len(steps), err, errSteps)
		}
		time.Sleep(session.History + site.SessionLife)
		s.Tidy(t.Context())
		all, err := stores.Sessions.List(t.Context(), "works", session.Query{})
		if err != nil || len(all) != 0 {
			t.Errorf("%d sessions are kept for ever, %v", len(all), err)
		}
		if n := site.Sources(2*site.MaxSources, home); n > site.MaxSources {
			t.Errorf("%d sources are kept", n)
		}
	})
}

// Who is asked for a code and gets none is shut out: no save takes a contact for a way in that
// nothing can be mailed to, or that the server would not mail a code to.
func TestGuarantee25ContactsThatNoCodeReaches(t *testing.T) {
	at := netip.MustParseAddr("8.8.8.8")
	settings := policy.Settings{
		Access: policy.DesignatedAddresses, Outside: policy.Verify,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("9.9.9.0/24")}},
	}
	send := func(context.Context, string, site.Mail) error { return nil }
	for _, row := range []struct {
		contact string
		send    func(context.Context, string, site.Mail) error
		refused bool
	}{
		{"it@example.net", send, false},
		{"it@example.net", nil, true},
		{"it@main.example", send, true}, // a mailbox of the tenant's own
		{"", send, true},
	} {
		s, err := site.New(t.Context(), site.Options{Iterations: 1, Send: row.send, Setups: []site.Setup{{
			ID: "main", Profile: policy.Standard().Name,
			Members: []site.Newcomer{{ID: "it", Password: "a long password", Roles: []string{directory.ITAdmin}, Contact: row.contact}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		it := s.Tenant("main").Actor("it", session.Web, httpgate.Seen{Addr: at})
		now, err := it.Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = it.Save(t.Context(), site.Change{From: now.Version}, settings)
		var lockout *engine.LockoutError
		if errors.As(err, &lockout) != row.refused || err != nil && !row.refused {
			t.Errorf("%q, mailed %t: %v; want refused %t", row.contact, row.send != nil, err, row.refused)
		}
	}
}
