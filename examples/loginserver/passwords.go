package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

const (
	iterations    = 600_000 // of PBKDF2-HMAC-SHA256, as OWASP's cheat sheet on password storage advises (2025)
	minNewLength  = 12      // characters
	maxPassLength = 256     // bytes
	maxWait       = 5 * time.Second
)

// whose names a password.
type whose struct {
	tenant session.TenantID
	member member.ID
}

// secret is a password as it is stored. It does not change: a new password is
// another secret.
type secret struct{ salt, key []byte }

// passwords hashes and checks. A check takes a tenth of a second on purpose, so
// slots keep a crowd of guesses from taking all processors, and the room holds
// no more than can have their turn before they have waited for too long.
type passwords struct {
	iterations int
	room       chan struct{} // those in slots, and those who wait
	slots      chan struct{}
	nobodys    *secret // stands in for members that do not exist, so that time tells nothing

	mu   sync.Mutex
	kept map[whose]*secret
}

func newPasswords(ctx context.Context, iterations int) (*passwords, error) {
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	p := &passwords{iterations: iterations, room: make(chan struct{}, 32*slots), slots: make(chan struct{}, slots), kept: make(map[whose]*secret)}
	var err error
	p.nobodys, err = p.hash(ctx, rand.Text())
	return p, err
}

func (p *passwords) hash(ctx context.Context, password string) (*secret, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	key, err := p.derive(ctx, password, salt)
	return &secret{salt, key}, err
}

// set gives a member a password.
func (p *passwords) set(ctx context.Context, t session.TenantID, id member.ID, password string) error {
	s, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[whose{t, id}] = s
	return nil
}

var errOvertaken = errors.New("the password was changed meanwhile")

// replace gives a member a password in the place of old, if that is still the one.
func (p *passwords) replace(ctx context.Context, t session.TenantID, id member.ID, old *secret, password string) error {
	s, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old == nil || p.kept[whose{t, id}] != old {
		return errOvertaken
	}
	p.kept[whose{t, id}] = s
	return nil
}

// right reports whether password is that of a member, who need not exist, and returns what
// it was compared with. The error is that there was no time for it, whatever the password.
func (p *passwords) right(ctx context.Context, t session.TenantID, id member.ID, password string) (bool, *secret, error) {
	p.mu.Lock()
	s := p.kept[whose{t, id}]
	p.mu.Unlock()
	against := s
	if s == nil {
		against = p.nobodys
	}
	key, err := p.derive(ctx, password, against.salt)
	return err == nil && subtle.ConstantTimeCompare(key, against.key) == 1 && s != nil, s, err
}

var errBusy = errors.New("too many passwords wait to be hashed")

func (p *passwords) derive(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return pbkdf2.Key(sha256.New, password, salt, p.iterations, sha256.Size)
}
