package redisstore_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestSessions(t *testing.T) {
	c := client(t, shared(t))
	p := prefix(t, c)
	sessiontest.Run(t, func(t *testing.T) session.Store { return drawn(t, c, p).Sessions() })
}

// Two processes share the sessions, and each call goes to the next of them.
func TestSessionsOfTwoProcesses(t *testing.T) {
	addr := shared(t)
	a, b := client(t, addr), client(t, addr)
	p := prefix(t, a)
	sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
		return []session.Store{drawn(t, a, p).Sessions(), open(t, b, p).Sessions()}
	})
}

// The visits are kept beside the sessions.
func TestSessionsWithVisits(t *testing.T) {
	c := client(t, shared(t))
	p := prefix(t, c)
	sessiontest.Run(t, func(t *testing.T) session.Store {
		return session.WithVisits(drawn(t, c, p).Sessions(), session.NewMemStore())
	})
}

// A server of a cluster refuses scripts that touch keys of another slot, or of another
// server: three servers have a third of the slots each.
func TestSessionsOnACluster(t *testing.T) {
	c := cluster(t, 3)
	sessiontest.Run(t, func(t *testing.T) session.Store { return drawn(t, c, "sallyport").Sessions() })
}

func TestToldPolicies(t *testing.T) {
	c := client(t, shared(t))
	p := prefix(t, c)
	policytest.Run(t, func(t *testing.T) policy.Store {
		return drawn(t, c, p).Told(policy.NewMemStore())
	})
}
