package site

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// What tests look at and hold up.
const (
	MaxWait    = maxWait
	MaxSources = maxSources
)

// Hold keeps every password from being hashed until release is called.
func (s *Site) Hold() (release func()) {
	n := cap(s.passwords.slots)
	for range n {
		s.passwords.slots <- struct{}{}
	}
	return func() {
		for range n {
			<-s.passwords.slots
		}
	}
}

// Room makes room for n passwords that are hashed or wait for it.
func (s *Site) Room(n int) { s.passwords.room = make(chan struct{}, n) }

// Tidy is what Run does once an hour.
func (s *Site) Tidy(ctx context.Context) { s.tidy(ctx) }

// Sources returns how many of n sources that have guessed once are kept.
func Sources(n int, addr netip.Addr) int {
	gs := newGuesses()
	for i := range n {
		gs.takes(source{"works", member.ID(strconv.Itoa(i)), network(addr)}, false)
	}
	return len(gs.kept)
}

// PasswordStep begins the step of a new password for a member of whom none may be asked.
func (t *Tenant) PasswordStep(ctx context.Context, id member.ID, stamp session.Stamp) (token string, err error) {
	token = newStepToken()
	return token, t.site.begin(ctx, step{Tenant: t.ID, Member: id, Effect: policy.ChangePassword, Stamp: stamp}, token)
}
