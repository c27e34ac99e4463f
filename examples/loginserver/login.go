package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// answer is what a login is told, as JSON or on a page.
type answer struct {
	Effect  policy.Effect `json:"effect"`
	Reason  policy.Reason `json:"reason"`
	Address netip.Addr    `json:"address,omitzero"`  // where one is refused, for support
	Attempt string        `json:"attempt,omitempty"` // of the step that is asked for
	Session string        `json:"session,omitempty"`
}

// step is a login that waits: for a code, or for a new password. It belongs to
// one tenant and one member by its token, and to the client, the country and
// the versions of its stamp.
type step struct {
	effect policy.Effect // what is asked for
	stamp  session.Stamp
	code   [sha256.Size]byte
}

const (
	stepLife = 10 * time.Minute
	maxSteps = 5 // of one member
	maxTries = 5 // wrong codes of one member in an hour, and so of one code
)

// login decides by member and password.
func (s *server) login(ctx context.Context, t *tenant, addr netip.Addr, client session.Client, id member.ID, password string) (answer, error) {
	a, stored := s.account(t, id)
	right, err := s.passwords.right(ctx, stored, password)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	a.open(now)
	v := t.view(&a.member, addr, session.Stamp{Client: client})
	proved := a.takes(right && a.password == stored, v, now) // another login may have changed it meanwhile
	return s.answer(t, a, v, proved, now), nil
}

// account returns an account and its password. For a member that does not
// exist it returns one that nobody has the password of and that no policy lets
// in, so that what follows is the same, and takes the same time.
func (s *server) account(t *tenant, id member.ID) (*account, *secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := t.accounts[id]
	if a == nil {
		a = &account{password: s.passwords.nobodys}
	}
	return a, a.password
}

// verify decides by the code of a step. The list is walked again from its
// beginning, with the address of now.
func (s *server) verify(t *tenant, addr netip.Addr, attempt, code string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	a, stamp := &account{}, session.Stamp{Client: session.Web}
	proved := false
	if tok := s.step(t, attempt, policy.Verify, now); tok != nil {
		a, stamp = t.accounts[tok.member], tok.value.stamp
		a.open(now)
		sum := codeSum(attempt, code)
		switch {
		case len(a.codes) == maxTries && now.Before(a.codes[0].Add(time.Hour)):
		case subtle.ConstantTimeCompare(sum[:], tok.value.code[:]) == 1:
			proved, stamp.Verified = true, true
			tok.end(now)
		default:
			a.codes = append(a.codes[max(0, len(a.codes)+1-maxTries):], now)
		}
	}
	return s.answer(t, a, t.view(&a.member, addr, stamp), proved, now)
}

// changePassword decides by the old password of a step. If nothing but the
// change stood in the way, the new password is stored, which ends the sessions
// that the old one began, and the member is in.
func (s *server) changePassword(ctx context.Context, t *tenant, addr netip.Addr, attempt, old, new string) (answer, error) {
	a, stored := s.account(t, s.memberOf(t, attempt))
	right, err := s.passwords.right(ctx, stored, old)
	if err != nil {
		return answer{}, err
	}
	changed, err := s.passwords.hash(ctx, new)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	a.open(now)
	stamp := session.Stamp{Client: session.Web}
	tok := s.step(t, attempt, policy.ChangePassword, now)
	if tok != nil {
		stamp = tok.value.stamp
	}
	v := t.view(&a.member, addr, stamp)
	proved := a.takes(right && tok != nil && a.password == stored, v, now)
	if proved {
		tok.end(now)
	}
	if proved && v.own.Effect == policy.ChangePassword {
		a.password = changed
		a.write(func(m *member.Member) {
			m.MustChangePassword = false
			endSessions(m)
		})
		v = t.view(&a.member, addr, stamp)
	}
	return s.answer(t, a, v, proved, now), nil
}

func (s *server) memberOf(t *tenant, attempt string) member.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tok := s.step(t, attempt, policy.ChangePassword, s.now()); tok != nil {
		return tok.member
	}
	return ""
}

// step returns the token of a step that waits for what effect asks, or nil.
// What has changed the settings, or ended the member's sessions, since it
// began has ended it too.
func (s *server) step(t *tenant, attempt string, effect policy.Effect, now time.Time) *token[step] {
	tok := s.steps.find(t.ID, attempt)
	if tok == nil || tok.ended(now) || tok.value.effect != effect || tok.value.stamp.Policy != t.version {
		return nil
	}
	m, stamp := &t.accounts[tok.member].member, tok.value.stamp
	if _, dead := cut(stamp.Client, stamp.Member, m.Version, m.Cuts); dead {
		return nil
	}
	return tok
}

// answer begins what the decision asks for, a session or a step.
func (s *server) answer(t *tenant, a *account, v view, proved bool, now time.Time) answer {
	d, id := v.shown(proved), a.member.ID
	s.log.Info("login", "tenant", t.ID, "member", id, "client", v.stamp.Client.String(), "address", v.addr,
		"proved", proved, "decision", v.own, "told", d.Reason)
	ans := answer{Effect: d.Effect, Reason: d.Reason}
	switch d.Effect {
	case policy.Allow:
		ans.Session, _ = s.sessions.issue(t.ID, id, v.stamp, now)
	case policy.Verify:
		var tok *token[step]
		ans.Attempt, tok = s.steps.issue(t.ID, id, step{effect: d.Effect, stamp: v.stamp}, now)
		code := newCode()
		tok.value.code = codeSum(ans.Attempt, code)
		s.mail(t.ID, id, "Your code is "+code+". It is good for ten minutes. Type it nowhere but where you have just logged in.", now)
	case policy.ChangePassword:
		ans.Attempt, _ = s.steps.issue(t.ID, id, step{effect: d.Effect, stamp: v.stamp}, now)
	default:
		if d.Reason != policy.ReasonBadCredentials {
			ans.Address = v.addr
		}
	}
	return ans
}

// newCode returns six digits.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // the reader never fails
	}
	return fmt.Sprintf("%06d", n)
}

// codeSum is what is kept of a code. A million codes are soon tried, so the
// text of the attempt, which is not kept, goes into the hash.
func codeSum(attempt, code string) [sha256.Size]byte {
	return sha256.Sum256([]byte(attempt + " " + code))
}
