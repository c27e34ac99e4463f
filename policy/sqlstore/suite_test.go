package sqlstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/directory/directorytest"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/member/verify/verifytest"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		policytest.Run(t, func(t *testing.T) policy.Store {
			s, _ := empty(t)
			return s.Policies()
		})
	})
}

// Two processes share the sessions, and each call goes to the next of them.
func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
			a, b := empty(t)
			return []session.Store{a.Sessions(), b.Sessions()}
		})
	})
}

// Sessions that are kept elsewhere leave their visits here.
func TestVisitsOfSessionsElsewhere(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
			a, b := empty(t)
			sessions := session.NewMemStore()
			return []session.Store{session.WithVisits(sessions, a.Sessions()), session.WithVisits(sessions, b.Sessions())}
		})
	})
}

// A database that keeps the visits of others knows none of their sessions: who gives it the
// sessions again lets nobody in by what it has. Its own visits stay beside them.
func TestVisitsAreNoSessions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		s, _ := empty(t)
		stamp := session.Stamp{Client: session.Web}
		own, elsewhere := live(acme, "kim", stamp), live(acme, "kim", stamp)
		if err := s.Sessions().Create(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		if err := session.WithVisits(session.NewMemStore(), s.Sessions()).Create(t.Context(), elsewhere); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sessions().Find(t.Context(), acme, elsewhere.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("a session that is kept elsewhere: %v", err)
		}
		seen := make(map[session.ID]bool)
		for v, err := range s.Sessions().Visits(t.Context(), acme, "kim", time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			seen[v.Session] = true
		}
		if len(seen) != 2 || !seen[own.ID] || !seen[elsewhere.ID] {
			t.Errorf("visits of %v, want those of both", seen)
		}
	})
}

func TestVerifications(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		verifytest.Run(t, func(t *testing.T) verify.Store {
			s, _ := empty(t)
			return s.Verifications()
		})
	})
}

func TestMembers(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		directorytest.Run(t, func(t *testing.T) directory.Store {
			s, _ := empty(t)
			return s.Members()
		})
	})
}

func TestMembersCount(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		directorytest.RunCounter(t, func(t *testing.T) directory.Counter {
			s, _ := empty(t)
			return s.Members()
		})
	})
}
