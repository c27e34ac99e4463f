package verify

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Life is how long a code can be used.
const Life = 10 * time.Minute

// MaxContacts is the most contacts that Begin chooses among.
const MaxContacts = 100

const (
	hour     = time.Hour
	maxTries = 5  // wrong codes of a member in an hour, and so of one code
	maxCodes = 10 // codes that a member is sent in an hour: messages cost, and disturb
	maxOpen  = 5  // verifications of a member that are open at once
	digits   = 6
	maxToken = 128         // bytes that are read as a token
	skew     = time.Minute // by which the clocks of two machines may differ
	turns    = 64          // that a write waits for others to the same record
)

// What Begin and Complete return; test with errors.Is. Any other error means that
// something is missing or does not answer. Each of them refuses.
var (
	ErrNoContact    = errors.New("verify: no contact that a code can be sent to")
	ErrTooManyCodes = errors.New("verify: too many codes were asked for within an hour")
	ErrTooManyTries = errors.New("verify: too many wrong codes within an hour")
	ErrWrongCode    = errors.New("verify: wrong code")
	ErrExpired      = errors.New("verify: the code has expired")
	ErrSpent        = errors.New("verify: the code was used already")
	ErrUnknown      = errors.New("verify: no such verification") // never begun, deleted, or another member's
	ErrBinding      = errors.New("verify: begun by another client, in another country, or under other settings")
	ErrBusy         = errors.New("verify: too many at once for this member; try again")
)

// A WaitError says until when the member has to wait: it is ErrTooManyCodes or
// ErrTooManyTries, which it unwraps to.
type WaitError struct {
	Err   error
	Until time.Time // when the oldest of those that count is an hour ago, and one more is let through
}

// Error returns the text of Err.
func (e *WaitError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }

// Verifier begins and completes verifications. The zero Verifier and a nil one verify
// nobody. It is safe for concurrent use, and any number of them, in any number of
// processes, can share a store.
type Verifier struct {
	store Store
	own   Mailboxes
	now   func() time.Time
}

// Options are what a Verifier can do without.
type Options struct {
	Now func() time.Time // the clock; nil: time.Now
}

// New returns a Verifier that keeps its records in s and sends no code to own. Neither may
// be nil: for a service without mail, own is Domains(nil). o may be nil.
func New(s Store, own Mailboxes, o *Options) (*Verifier, error) {
	if s == nil || own == nil {
		return nil, errors.New("verify: New needs a store and the mailboxes of the service; for none, pass Domains(nil)")
	}
	v := &Verifier{s, own, time.Now}
	if o != nil && o.Now != nil {
		v.now = o.Now
	}
	return v, nil
}

// Message is what the host sends. Printed or logged, it does not show the code. It goes
// to the contact and to nobody else: the person who logs in is given the token only, and
// may be shown To.Masked.
type Message struct {
	To   Contact
	Code string    // six digits
	Ends time.Time // when the code is of no use any more
}

// Format prints a Message without its code, whatever the verb.
func (m Message) Format(s fmt.State, _ rune) {
	io.WriteString(s, "code for "+m.To.Masked()+" until "+m.Ends.UTC().Format(time.RFC3339))
}

// LogValue returns what Format prints.
func (m Message) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// Begin draws a code for the first of contacts that can be used, and the token that
// completes the verification with it. Token and code are returned once and kept nowhere.
// Call it only for one who has proved the password.
//
// Errors are ErrNoContact, ErrTooManyCodes, ErrTooManyTries where no code could be tried,
// both as a *WaitError, and ErrBusy; then nothing is to be sent.
func (v *Verifier) Begin(ctx context.Context, b Binding, contacts []Contact) (token string, m Message, err error) {
	if err := v.ready(ctx, b); err != nil {
		return "", Message{}, err
	}
	to, err := v.Choose(ctx, b.Tenant, contacts)
	if err != nil {
		return "", Message{}, err
	}
	token, m = rand.Text(), Message{To: to, Code: newCode()}
	attempt := Attempt{
		Token: hashOf(token), Code: b.sign(token, m.Code),
		Client: b.Client, Country: b.Country, Policy: b.Policy, MemberVersion: b.MemberVersion,
	}
	err = v.update(ctx, b, func(r *Record, now time.Time) (bool, error) {
		switch {
		case r.find(attempt.Token) >= 0:
			return false, nil // written the turn before, though the store said no
		case recent(r.Tries, now) >= maxTries:
			return false, &WaitError{ErrTooManyTries, room(r.Tries, maxTries, now)}
		case recent(r.Codes, now) >= maxCodes:
			return false, &WaitError{ErrTooManyCodes, room(r.Codes, maxCodes, now)}
		}
		r.settle(now)
		for r.open() >= maxOpen {
			r.Attempts = slices.Delete(r.Attempts, r.oldest(), r.oldest()+1)
		}
		attempt.Begun, m.Ends = now, now.Add(Life)
		r.Attempts, r.Codes = append(r.Attempts, attempt), append(r.Codes, now)
		return true, nil
	})
	if err != nil {
		return "", Message{}, err
	}
	return token, m, nil
}

// Complete spends the verification that token began if code is its code and b its binding,
// and returns nil; of all that try it, at any time and anywhere, one succeeds. Otherwise
// it returns ErrWrongCode, ErrExpired, ErrTooManyTries as a *WaitError, ErrSpent, ErrUnknown,
// ErrBinding or ErrBusy, or what keeps it from answering. Blanks and hyphens in code do not count, and
// what is not six digits besides is no try.
func (v *Verifier) Complete(ctx context.Context, token, code string, b Binding) error {
	if err := v.ready(ctx, b); err != nil {
		return err
	}
	code, ok := readCode(code)
	switch {
	case !ok:
		return ErrWrongCode
	case len(token) > maxToken:
		return ErrUnknown
	}
	id := hashOf(token)
	return v.update(ctx, b, func(r *Record, now time.Time) (bool, error) {
		i := r.find(id)
		if i < 0 {
			return false, ErrUnknown // and no try: whoever has no token has not proved the password
		}
		a := &r.Attempts[i]
		switch {
		case a.Spent:
			return false, ErrSpent
		case a.dead(now):
			return false, ErrExpired
		case a.Client != b.Client || a.Country != b.Country || a.Policy != b.Policy || a.MemberVersion != b.MemberVersion:
			return false, ErrBinding
		case a.Tries >= maxTries || recent(r.Tries, now) >= maxTries:
			return false, &WaitError{ErrTooManyTries, room(r.Tries, maxTries, now)}
		}
		// What is found here is told only if it is written before anything else is.
		right := b.sign(token, code)
		if hmac.Equal(a.Code[:], right[:]) {
			a.Spent, a.Code = true, Hash{}
			r.settle(now)
			return true, nil
		}
		a.Tries++
		r.settle(now)
		r.Tries = append(r.Tries, now)
		return true, ErrWrongCode
	})
}

func (v *Verifier) made() error {
	if v == nil || v.store == nil {
		return errors.New("verify: this Verifier was not made by New")
	}
	return nil
}

// ready returns why nothing can be begun or completed, or nil.
func (v *Verifier) ready(ctx context.Context, b Binding) error {
	if err := v.made(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.Err()
}

// update lets step alter the record of the member, and returns what step does once that
// is written. If somebody else writes first, it begins again with what they wrote. A step
// that writes nothing returns at once.
func (v *Verifier) update(ctx context.Context, b Binding, step func(*Record, time.Time) (write bool, err error)) error {
	for range turns {
		r, err := v.load(ctx, b)
		if err != nil {
			return err
		}
		now, expected := v.now(), r.Revision
		write, verdict := step(&r, now)
		if !write {
			if !r.ahead(now) {
				return verdict
			}
			r.settle(now)
		}
		r.Revision = rand.Text()
		if end := now.Add(hour); end.After(r.Until) {
			r.Until = end
		}
		_, err = protect("the store", func() (struct{}, error) { return struct{}{}, v.store.Save(ctx, expected, r) })
		switch {
		case err == nil || !write:
			return verdict // a refusal stays one, written or not
		case !errors.Is(err, session.ErrConflict):
			return err
		}
	}
	return cmp.Or(ctx.Err(), ErrBusy)
}

// load returns the record of the member, or an empty one.
func (v *Verifier) load(ctx context.Context, b Binding) (Record, error) {
	r, err := protect("the store", func() (Record, error) { return v.store.Load(ctx, b.Tenant, b.Member) })
	switch {
	case errors.Is(err, session.ErrNotFound):
		return Record{Tenant: b.Tenant, Member: b.Member}, nil
	case err != nil:
		return Record{}, err
	case r.Tenant != b.Tenant || r.Member != b.Member:
		return Record{}, errors.New("verify: the store returned the record of another member")
	}
	return r.Clone(), r.Err()
}

// find returns the place of the verification that a token began, or -1.
func (r *Record) find(token Hash) int {
	return slices.IndexFunc(r.Attempts, func(a Attempt) bool { return a.Token == token })
}

// open returns how many verifications of r are not spent.
func (r *Record) open() (n int) {
	for _, a := range r.Attempts {
		if !a.Spent {
			n++
		}
	}
	return n
}

// oldest returns the place of the first verification that is not spent. They stand in the
// order in which they were begun.
func (r *Record) oldest() int {
	return slices.IndexFunc(r.Attempts, func(a Attempt) bool { return !a.Spent })
}

func hashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// newCode draws six digits, each number as likely as any other.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("%0*d", digits, n)
}

// readCode returns the digits that were typed.
func readCode(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.NewReplacer(" ", "", "-", "", "\t", "", "\r", "", "\n", "").Replace(typed)
	return code, len(code) == digits && strings.Trim(code, "0123456789") == ""
}

// protect calls the host. If it panics, it has not answered.
func protect[T any](what string, call func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			var none T
			v, err = none, fmt.Errorf("verify: %s panicked: %.200q", what, fmt.Sprint(p))
		}
	}()
	if v, err = call(); err != nil {
		return v, fmt.Errorf("verify: %s: %w", what, err)
	}
	return v, nil
}
