package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"runtime"
	"time"
)

const (
	iterations    = 600_000 // of PBKDF2-HMAC-SHA256, as OWASP's cheat sheet on password storage advises (2025)
	minNewLength  = 12      // characters
	maxPassLength = 256     // bytes
	maxWait       = 5 * time.Second
)

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
}

func newPasswords(ctx context.Context, iterations int) (*passwords, error) {
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	p := &passwords{iterations: iterations, room: make(chan struct{}, 32*slots), slots: make(chan struct{}, slots)}
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

// right reports whether password is the one of s. The error is
// that there was no time for it, whatever the password.
func (p *passwords) right(ctx context.Context, s *secret, password string) (bool, error) {
	key, err := p.derive(ctx, password, s.salt)
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1, err
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
