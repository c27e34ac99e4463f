package site

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/password"
	"github.com/sallyport-go/sallyport/session"
)

// What a password is.
const (
	Iterations  = 600_000 // of PBKDF2-HMAC-SHA256, as OWASP's cheat sheet on password storage advises (2025)
	MinPassword = 12      // characters of a new one
	MaxPassword = 256     // bytes of any
)

// common are passwords that many use and that are long enough. A real server reads a list of
// those that were stolen somewhere: see password.ReadList.
var common = password.ListOf("password1234", "passwordpassword", "administrator", "iloveyou1234", "letmein12345", "correct horse battery staple")

// maxWait is how long a password waits for its turn to be hashed.
const maxWait = 5 * time.Second

// PasswordError says what is wrong with a password, whoever's it is.
type PasswordError struct{ Flaws []password.Flaw }

func (e *PasswordError) Error() string {
	var texts []string
	for _, f := range e.Flaws {
		texts = append(texts, f.Error())
	}
	return "this password is not taken: " + strings.Join(texts, "; ")
}

// secret is a password as it is stored.
type secret struct {
	Salt       []byte `json:"salt"`
	Key        []byte `json:"key"`
	Iterations int    `json:"iterations"`

	revision string // as it was read; "": there is none
}

// passwords hashes and checks. A check takes a tenth of a second on purpose, so slots keep a
// crowd of guesses from taking all processors, and the room holds no more than can have
// their turn before they have waited for too long.
type passwords struct {
	values     Values
	iterations int
	room       chan struct{} // those in slots, and those who wait
	slots      chan struct{}
	nobodys    secret // stands in for members that do not exist, so that time tells nothing
	hashed     atomic.Int64

	begun map[string]secret // by password, of a demo's members, who share them; for New alone
}

func newPasswords(ctx context.Context, v Values, iterations int) (*passwords, error) {
	if iterations <= 0 {
		iterations = Iterations
	}
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	p := &passwords{values: v, iterations: iterations, room: make(chan struct{}, 32*slots), slots: make(chan struct{}, slots), begun: make(map[string]secret)}
	var err error
	p.nobodys, err = p.hash(ctx, rand.Text())
	return p, err
}

func (p *passwords) hash(ctx context.Context, password string) (secret, error) {
	s := secret{Salt: make([]byte, 16), Iterations: p.iterations}
	rand.Read(s.Salt)
	var err error
	s.Key, err = p.derive(ctx, password, s)
	return s, err
}

func (p *passwords) put(ctx context.Context, t session.TenantID, id member.ID, s secret, instead string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return p.values.Put(ctx, Value{Kind: "password", Name: whose(t, id), Owner: string(t), Body: b, Revision: instead})
}

func whose(t session.TenantID, id member.ID) string { return string(t) + "/" + string(id) }

func (p *passwords) get(ctx context.Context, t session.TenantID, id member.ID) (s secret, err error) {
	v, err := p.values.Get(ctx, "password", whose(t, id))
	if errors.Is(err, session.ErrNotFound) {
		return secret{}, nil
	}
	if err != nil {
		return secret{}, err
	}
	if err := json.Unmarshal(v.Body, &s); err != nil || len(s.Key) != sha256.Size || s.Iterations < 1 || v.Revision == "" {
		return secret{}, fmt.Errorf("the stored password of %s is corrupt", v.Name)
	}
	s.revision = v.Revision
	return s, nil
}

// begin gives a member a password unless there is one, and reports whether it did.
func (p *passwords) begin(ctx context.Context, t session.TenantID, id member.ID, password string) (bool, error) {
	if s, err := p.get(ctx, t, id); err != nil || s.revision != "" {
		return false, err
	}
	s, ok := p.begun[password]
	if !ok {
		var err error
		if s, err = p.hash(ctx, password); err != nil {
			return false, err
		}
		p.begun[password] = s
	}
	err := p.put(ctx, t, id, s, "")
	if errors.Is(err, session.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// set gives a member a password, whatever was there.
func (p *passwords) set(ctx context.Context, t session.TenantID, id member.ID, password string) error {
	s, err := p.hash(ctx, password)
	for err == nil {
		var old secret
		if old, err = p.get(ctx, t, id); err != nil {
			return err
		}
		if err = p.put(ctx, t, id, s, old.revision); err == nil {
			return nil
		}
		if errors.Is(err, session.ErrConflict) {
			err = ctx.Err()
		}
	}
	return err
}

var errOvertaken = errors.New("the password was changed meanwhile")

// replace gives a member a password in the place of old, if that is still the one.
func (p *passwords) replace(ctx context.Context, t session.TenantID, id member.ID, old secret, password string) error {
	s, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	if old.revision == "" {
		return errOvertaken
	}
	if err = p.put(ctx, t, id, s, old.revision); errors.Is(err, session.ErrConflict) {
		return errOvertaken
	}
	return err
}

// right reports whether password is that of a member, who need not exist, and returns what
// it was compared with. The error is that there was no time for it, whatever the password.
func (p *passwords) right(ctx context.Context, t session.TenantID, id member.ID, password string) (bool, secret, error) {
	s, err := p.get(ctx, t, id)
	if err != nil {
		return false, s, err
	}
	against := s
	if s.revision == "" {
		against = p.nobodys
	}
	key, err := p.derive(ctx, password, against)
	return err == nil && subtle.ConstantTimeCompare(key, against.Key) == 1 && s.revision != "", s, err
}

// ErrBusy says that there was no time to decide a login, whatever it was: try again.
var ErrBusy = errors.New("too many logins at once; try again")

func (p *passwords) derive(ctx context.Context, password string, s secret) ([]byte, error) {
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, errors.Join(ErrBusy, ctx.Err())
	}
	p.hashed.Add(1)
	return pbkdf2.Key(sha256.New, password, s.Salt, s.Iterations, sha256.Size)
}

// Hashed returns how many passwords have been hashed since the start: the work by which a
// stranger could tell whether a member exists, if it differed.
func (s *Site) Hashed() int64 { return s.passwords.hashed.Load() }

// typed returns what is wrong with a password that somebody typed at the door, before it
// takes the time of hashing. It says nothing of any member.
func typed(text string) error {
	if len(text) > MaxPassword {
		return &PasswordError{[]password.Flaw{{Code: "too-long", Want: MaxPassword}}}
	}
	return nil
}

// fresh returns what is wrong with a new password of a member, as a *PasswordError, or that
// it could not be checked. old is the one that it takes the place of; "": whatever that is.
func (t *Tenant) fresh(ctx context.Context, id member.ID, old, new string) error {
	for _, text := range []string{old, new} {
		if err := typed(text); err != nil {
			return err
		}
	}
	err := password.Policy{MinLength: MinPassword}.Check(ctx, password.Candidate{
		New: new, Words: []string{string(t.ID), string(id)}, Blocklist: common,
		Used: func(context.Context, string, int) (bool, error) { return new == old, nil },
	})
	var refused *password.RefusedError
	if errors.As(err, &refused) {
		return &PasswordError{refused.Flaws}
	}
	return err
}
