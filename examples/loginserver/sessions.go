package main

import (
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const (
	sessionLife = 12 * time.Hour
	maxSessions = 20 // of one member
)

// visit is a request of a session.
type visit struct {
	Decision policy.Decision
	Member   member.ID     // if allowed
	Stamp    session.Stamp // if allowed
	Address  netip.Addr
}

// check decides a request: first whether the session is alive, then the list
// again, with the address of now. A refusal ends nothing; from the next address
// the session may be used again.
func (s *server) check(t *tenant, addr netip.Addr, text string) visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	tok := s.sessions.find(t.ID, text)
	if tok == nil {
		return visit{Decision: policy.Decision{Reason: policy.ReasonSessionUnknown}, Address: addr}
	}
	m, stamp := t.accounts[tok.member].member, tok.value
	var d policy.Decision
	if tok.ended(s.now()) {
		d.Reason = policy.ReasonSessionEnded
	} else if reason, dead := cut(stamp.Client, stamp.Policy, t.version, t.cuts); dead {
		d.Reason = reason
	} else if reason, dead := cut(stamp.Client, stamp.Member, m.Version, m.Cuts); dead {
		d.Reason = reason
	} else {
		d, _ = t.decide(&m, addr, stamp, true)
	}
	if !d.Allowed() {
		return visit{Decision: d, Address: addr}
	}
	return visit{d, tok.member, stamp, addr}
}

// cut reports whether a record has ended a session of client that was stamped
// with one of its versions, and says how.
func cut(client session.Client, stamped, now session.Version, cuts session.Cuts) (policy.Reason, bool) {
	switch {
	case cuts.Alive(client, stamped, now):
		return 0, false
	case stamped.Line == now.Line && stamped.Number > now.Number:
		return policy.ReasonVersionRegression, true
	}
	return policy.ReasonSessionCut, true
}

// logout ends a session, if there is one.
func (s *server) logout(t *tenant, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tok := s.sessions.find(t.ID, text); tok != nil {
		tok.end(s.now())
	}
}
