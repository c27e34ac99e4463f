package password

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Candidate is a password that somebody wants to use from now on, and what it is checked
// against. The zero Candidate is refused. Printed or logged, it does not show what is in
// it.
type Candidate struct {
	// New is the password as it will be hashed.
	New string

	// Words are names that strangers try first: of the service, of the tenant, the
	// member's id, name, and mail address. At most MaxWords; of each, the first 256 bytes
	// count.
	Words []string

	// Blocklist holds what must not be used by anybody. If it is nil, the password is not
	// checked and not taken: for none, pass ListOf().
	Blocklist Blocklist

	// Used reports whether password is one of the member's last ones, the current one
	// among them; the host compares hashes. It is called once at most, and is asked for
	// no more than Policy.Reuse of them. If it is nil, the password is not checked and not
	// taken: for a member who has had none, pass FirstPassword.
	Used func(ctx context.Context, password string, last int) (bool, error)
}

// MaxWords is the most words that a Candidate can have.
const MaxWords = 32

// Format prints that it is a Candidate and nothing of it, whatever the verb.
func (Candidate) Format(s fmt.State, _ rune) { io.WriteString(s, "password.Candidate{…}") }

// LogValue returns what Format prints.
func (c Candidate) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// FirstPassword is the Used of a member who has had no password yet.
func FirstPassword(context.Context, string, int) (bool, error) { return false, nil }

// Check returns nil if p takes the password. If it does not, the error is a *RefusedError
// with everything that is wrong. If that cannot be told, since a blocklist or a callback
// does not answer or is missing, the error is ErrUnchecked; if p is out of bounds, it is
// an *InvalidError; if ctx has ended, ctx's error. All of them refuse.
//
// The work is bounded by MaxLength and MaxWords, but for that of the callbacks, which are
// asked only about text of at most MaxLength characters.
func (p Policy) Check(ctx context.Context, c Candidate) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.Err(); err != nil {
		return err
	}
	switch {
	case c.Blocklist == nil:
		return &uncheckedError{what: "there is no blocklist; for none, pass ListOf()"}
	case c.Used == nil:
		return &uncheckedError{what: "there is no Used; for a first password, pass FirstPassword"}
	case len(c.Words) > MaxWords:
		return &uncheckedError{what: fmt.Sprintf("there are %d words; pass at most %d", len(c.Words), MaxWords)}
	}
	p = p.Effective()
	found := form(p, c.New)
	if found == nil {
		found = append(found, p.flaws(c)...)
		more, err := p.ask(ctx, c)
		if found = append(found, more...); err != nil && len(found) > 0 {
			return &RefusedError{found, err}
		}
		if err != nil {
			return err
		}
	}
	if len(found) > 0 {
		return &RefusedError{Flaws: found}
	}
	return nil
}

// form returns what makes a password not fit to be looked at closer, nor to be handed on.
func form(p Policy, password string) []Flaw {
	switch {
	case len(password) > MaxLength*utf8.UTFMax:
		return []Flaw{{"too-long", MaxLength}} // before anything walks over it
	case !utf8.ValidString(password) || strings.ContainsRune(password, utf8.RuneError):
		return []Flaw{{Code: "not-text"}} // two that were read wrongly may be one
	case utf8.RuneCountInString(password) > MaxLength:
		return []Flaw{{"too-long", MaxLength}}
	case strings.ContainsFunc(password, unicode.IsControl):
		return []Flaw{{Code: "control-character"}} // some hashes stop at NUL, and no form can type them
	case password == "":
		return []Flaw{{"too-short", p.MinLength}}
	}
	return nil
}

// flaws returns what is wrong with a password by itself.
func (p Policy) flaws(c Candidate) (found []Flaw) {
	if utf8.RuneCountInString(c.New) < p.MinLength {
		found = append(found, Flaw{"too-short", p.MinLength})
	}
	missing := p.Require &^ kindsOf(c.New)
	for _, n := range kindNames {
		if missing&n.kind != 0 {
			found = append(found, Flaw{Code: "no-" + n.name})
		}
	}
	if predictable(c.New) {
		found = append(found, Flaw{Code: "predictable"})
	}
	if ownWords(c.New, c.Words) {
		found = append(found, Flaw{Code: "own-words"})
	}
	return found
}

// ask returns what the host's callbacks say of a password. One that does not answer keeps
// the other from nothing.
func (p Policy) ask(ctx context.Context, c Candidate) (found []Flaw, err error) {
	listed, listErr := protect("the blocklist", func() (bool, error) { return c.Blocklist.Contains(ctx, c.New) })
	if listed {
		found = append(found, Flaw{Code: "blocklisted"})
	}
	used, usedErr := protect("the comparison with earlier passwords", func() (bool, error) { return c.Used(ctx, c.New, p.Reuse) })
	switch {
	case used && p.Reuse == 1:
		found = append(found, Flaw{Code: "used-now"})
	case used:
		found = append(found, Flaw{"used-before", p.Reuse})
	}
	if listErr != nil && usedErr != nil {
		return found, &uncheckedError{what: "neither the blocklist nor the earlier passwords answered", err: errors.Join(listErr, usedErr)}
	}
	return found, cmp.Or(listErr, usedErr)
}

// protect asks a callback. If it panics, it has not answered.
func protect(what string, ask func() (bool, error)) (yes bool, err error) {
	defer func() {
		if recover() != nil {
			yes, err = false, &uncheckedError{what: what + " panicked"}
		}
	}()
	if yes, err = ask(); err != nil {
		return false, &uncheckedError{what: what + " did not answer", err: err}
	}
	return yes, nil
}
