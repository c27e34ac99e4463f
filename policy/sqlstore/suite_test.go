package sqlstore_test

import (
	"testing"

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

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.Run(t, func(t *testing.T) session.Store {
			s, _ := empty(t)
			return s.Sessions()
		})
	})
}

// Two processes share the sessions, and each call goes to the next of them.
func TestSessionsOfTwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
			a, b := empty(t)
			return []session.Store{a.Sessions(), b.Sessions()}
		})
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
