package main

import (
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const (
	maxWrong   = 10               // passwords in a row
	wrongPause = 15 * time.Minute // until passwords are taken again, and until a super admin's lock opens
)

// account is a member as this server keeps it.
type account struct {
	member          member.Member
	password        *secret
	lockedAt        time.Time
	inside, outside guesses     // of the password; outside is where the network refuses ordinary members
	codes           []time.Time // when the last wrong codes were typed
}

type guesses struct {
	wrong  int
	paused time.Time // until then
}

// write changes the member. Each write takes the next version.
func (a *account) write(change func(*member.Member)) {
	m := a.member
	next, err := m.Version.Next()
	if err != nil {
		panic(err) // after 2⁶³ writes
	}
	m.Version = next
	change(&m)
	a.member = m
}

// endSessions ends every session that the member has, in the same write.
func endSessions(m *member.Member) {
	m.Cuts = m.Cuts.Cut(session.AllClients, m.Version.Number)
}

// takes counts a password and reports whether it proves the member: whether it
// is right, and was not preceded by too many wrong ones.
//
// Too many lock the member if the right one would have been let in. But outside
// they must not, or any stranger could lock any member; and a lock alone would
// not end the guessing, since the right password is still told apart by being
// refused as [member-locked]. In these cases no password is taken for a while,
// outside or inside, and the answer is that to a wrong one.
func (a *account) takes(right bool, v view, now time.Time) bool {
	outside := v.ordinary.Effect == policy.Deny
	g := &a.inside
	if outside {
		g = &a.outside
	}
	switch {
	case now.Before(g.paused):
		return false
	case right:
		if v.own.Effect != policy.Deny {
			g.wrong = 0
		}
		return true
	}
	if g.wrong++; g.wrong < maxWrong {
		return false
	}
	g.wrong = 0
	if outside || v.own.Effect == policy.Deny {
		g.paused = now.Add(wrongPause)
		return false
	}
	a.lockedAt = now
	a.write(func(m *member.Member) { m.Status = member.Locked })
	return false
}

// open opens the lock of a super admin, whom nobody may be there to unlock.
func (a *account) open(now time.Time) {
	if a.member.Super && a.member.Status == member.Locked && !now.Before(a.lockedAt.Add(wrongPause)) {
		a.write(func(m *member.Member) { m.Status = member.Active })
	}
}
