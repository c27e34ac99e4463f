package redisstore_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

// Two processes share the sessions, and each call goes to the next of them. The visits are
// kept beside the sessions.
func TestSessions(t *testing.T) {
	addr := shared(t)
	a, b := client(t, addr), client(t, addr)
	p := prefix(t, a)
	sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
		visits := session.NewMemStore()
		return []session.Store{session.WithVisits(drawn(t, a, p).Sessions(), visits), session.WithVisits(open(t, b, p).Sessions(), visits)}
	})
}

// A server of a cluster refuses scripts that touch keys of another slot, or of another
// server: three servers have a third of the slots each. No visits are kept here.
func TestSessionsOnACluster(t *testing.T) {
	t.Parallel()
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
