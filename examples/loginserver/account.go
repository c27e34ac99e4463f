package main

import (
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const (
	maxWrong   = 10               // passwords
	wrongPause = 15 * time.Minute // until passwords are taken again, and until a super admin's lock opens
	maxSources = 1000             // of guesses at one member: then the one that guessed longest ago makes room
)

// account is a member as this server keeps it.
type account struct {
	member   member.Member
	password *secret
	wrong    int // passwords in a row that count toward the lock
	lockedAt time.Time
	guessed  map[source]guesses // with passwords that do not
	codes    []time.Time        // when the last wrong codes were typed
}

// source is where guesses come from. Those that could not have let anybody in
// (a blocked client, a locked member) do not count where others could.
type source struct {
	network netip.Prefix
	denied  bool
}

type guesses struct {
	wrong int
	last  time.Time
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
// Too many lock the member if the right one would have been let in. But outside,
// where the network refuses ordinary members, they must not, or any stranger
// could lock those who are let in there; and behind a lock or a block the right
// password can still be told apart by its reason. There, only the source that
// guesses is not listened to for a while, so that it shuts out nobody else. And
// where nobody is told anything, there is nothing to guess.
func (a *account) takes(right bool, v view, now time.Time) bool {
	outside, denied := v.ordinary.Effect == policy.Deny, v.own.Effect == policy.Deny
	switch {
	case outside && denied:
		return right
	case outside || denied:
		return a.takesFrom(source{network(v.addr), denied}, right, now)
	case right:
		a.wrong = 0
		return true
	}
	if a.wrong++; a.wrong == maxWrong {
		a.wrong, a.lockedAt = 0, now
		a.write(func(m *member.Member) { m.Status = member.Locked })
	}
	return false
}

// takesFrom is takes where the source is paused, and not the member locked.
func (a *account) takesFrom(from source, right bool, now time.Time) bool {
	g := a.guessed[from]
	if !now.Before(g.last.Add(wrongPause)) {
		g.wrong = 0
	}
	switch {
	case g.wrong == maxWrong:
		return false
	case right:
		delete(a.guessed, from)
		return true
	case a.guessed == nil:
		a.guessed = make(map[source]guesses)
	}
	a.guessed[from] = guesses{g.wrong + 1, now}
	if len(a.guessed) > maxSources {
		oldest := from
		for s, g := range a.guessed {
			if g.last.Before(a.guessed[oldest].last) {
				oldest = s
			}
		}
		delete(a.guessed, oldest)
	}
	return false
}

// open opens the lock of a super admin, whom nobody may be there to unlock.
func (a *account) open(now time.Time) {
	if a.member.Super && a.member.Status == member.Locked && !now.Before(a.lockedAt.Add(wrongPause)) {
		a.write(func(m *member.Member) { m.Status = member.Active })
	}
}
