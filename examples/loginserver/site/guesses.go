package site

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// guesses are wrong passwords by where they come from. The engine counts toward a lock only
// where a lock shuts out nobody but those who could come in there; elsewhere a stranger
// could guess on, at the password of an exception or a super admin, without end. So a
// source that has guessed wrong too often is not listened to for a while, whatever it
// types, and nobody else is kept out.
type guesses struct {
	mu   sync.Mutex
	kept map[source]guessed
}

// source is a network that guesses at a member, who need not exist.
type source struct {
	tenant  session.TenantID
	member  member.ID
	network netip.Prefix
}

type guessed struct {
	wrong int
	last  time.Time
}

const (
	guessPause = 15 * time.Minute
	maxSources = 10_000 // then those that have not guessed for long make room
)

func newGuesses() *guesses { return &guesses{kept: make(map[source]guessed)} }

// takes counts a password and reports whether it proves the member: whether it is right,
// and did not follow too many wrong ones of the same source.
func (gs *guesses) takes(from source, right bool) bool {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	now := time.Now()
	g := gs.kept[from]
	if !now.Before(g.last.Add(guessPause)) {
		g.wrong = 0
	}
	switch {
	case g.wrong >= 2*Failures: // which a lock, where there is one, comes before
		return false
	case right:
		delete(gs.kept, from)
		return true
	}
	if len(gs.kept) >= maxSources {
		gs.forget(now)
	}
	gs.kept[from] = guessed{g.wrong + 1, now}
	return false
}

func (gs *guesses) forget(now time.Time) {
	for from, g := range gs.kept {
		if !now.Before(g.last.Add(guessPause)) {
			delete(gs.kept, from)
		}
	}
	for from := range gs.kept { // and, in a flood, any others, many at a time
		if len(gs.kept) < maxSources*3/4 {
			break
		}
		delete(gs.kept, from)
	}
}

// network returns what one visitor has of addresses: one of IPv4, or the /64 of
// an IPv6 one.
func network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}
