package main

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// tokens are what was handed out to members: sessions, or logins that wait for
// one more step. Whoever shows the text of a token has it. Only the hash of
// the text is kept, so that nobody who reads the memory, or the database of a
// real server, can use it; and to find it by its hash takes a time that tells
// nothing of the text. A member has a bounded number of them, and nobody else
// has any, so they are bounded.
type tokens[T any] struct {
	life time.Duration
	most int // of one member: then the one that ends first makes room
	kept map[[sha256.Size]byte]*token[T]
}

type token[T any] struct {
	tenant session.TenantID
	member member.ID
	ends   time.Time
	value  T
}

func newTokens[T any](life time.Duration, most int) tokens[T] {
	return tokens[T]{life, most, make(map[[sha256.Size]byte]*token[T])}
}

// issue returns the text of a new token, and the token.
func (ts *tokens[T]) issue(t session.TenantID, m member.ID, value T, now time.Time) (string, *token[T]) {
	var first [sha256.Size]byte
	n := 0
	for sum, tok := range ts.kept {
		if tok.tenant == t && tok.member == m {
			if n++; n == 1 || tok.ends.Before(ts.kept[first].ends) {
				first = sum
			}
		}
	}
	if n >= ts.most {
		delete(ts.kept, first)
	}
	text := rand.Text()
	tok := &token[T]{t, m, now.Add(ts.life), value}
	ts.kept[sha256.Sum256([]byte(text))] = tok
	return text, tok
}

// find returns the token with that text, which may have ended, or nil if the
// tenant has none.
func (ts *tokens[T]) find(t session.TenantID, text string) *token[T] {
	if tok := ts.kept[sha256.Sum256([]byte(text))]; tok != nil && tok.tenant == t {
		return tok
	}
	return nil
}

// end ends a token that has not ended yet.
func (tok *token[T]) end(now time.Time) {
	if now.Before(tok.ends) {
		tok.ends = now
	}
}

func (tok *token[T]) ended(now time.Time) bool { return !now.Before(tok.ends) }
