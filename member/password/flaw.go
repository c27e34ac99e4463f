package password

import (
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"strings"
)

// Flaw is one thing that is wrong with a new password. It tells nothing of the password
// beside that.
type Flaw struct {
	Code string // what, for programs and translations; see FlawCodes
	Want int    // the number that the policy asks for, which stands for {n}; 0: there is none
}

// flaws is the one table of what can be wrong with a password. A code is never given
// another meaning and never taken away.
var flaws = [...]struct{ code, words string }{
	{"not-text", "it cannot be read as text; type it again"},
	{"control-character", "leave out line breaks, tabs and other control characters"},
	{"too-short", "use at least {n} characters"},
	{"too-long", "use at most {n} characters"},
	{"no-letter", "use at least one letter from A to Z"},
	{"no-upper", "use at least one capital letter from A to Z"},
	{"no-lower", "use at least one small letter from a to z"},
	{"no-digit", "use at least one digit"},
	{"no-symbol", "use at least one symbol, such as - or !"},
	{"predictable", "it repeats or counts, or runs along the keyboard; several words that have nothing to do with each other are better"},
	{"own-words", "it is little more than a name that belongs to you or your organisation; use other words"},
	{"blocklisted", "it is known to be used by many or to have been stolen; use another, not a variant of it"},
	{"used-before", "it is among your last {n} passwords; use a new one"},
	{"used-now", "it is your present password; use a new one"},
}

// FlawCodes yields every code that a Flaw can have, and its English words, in which {n}
// stands for Want: what a translation needs.
func FlawCodes() iter.Seq2[string, string] {
	return func(yield func(code, words string) bool) {
		for _, f := range flaws {
			if !yield(f.code, f.words) {
				return
			}
		}
	}
}

// Error returns words that can be shown to the person who typed the password.
func (f Flaw) Error() string {
	for code, words := range FlawCodes() {
		if code == f.Code {
			return strings.ReplaceAll(words, "{n}", strconv.Itoa(f.Want))
		}
	}
	return f.Code
}

// MarshalJSON writes f for a program that shows it: code, want where there is one, and as
// message what Error returns.
func (f Flaw) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Code    string `json:"code"`
		Want    int    `json:"want,omitempty"`
		Message string `json:"message"`
	}{f.Code, f.Want, f.Error()})
}

// RefusedError says what is wrong with a new password: at least one Flaw.
type RefusedError struct {
	Flaws []Flaw

	// Err is what kept other checks from being made, so that there may be more to tell; an
	// ErrUnchecked. Nil: these are all.
	Err error
}

// Error tells the code of every flaw, for a log.
func (e *RefusedError) Error() string {
	codes := make([]string, len(e.Flaws))
	for i, f := range e.Flaws {
		codes[i] = f.Code
	}
	s := "password refused: " + strings.Join(codes, ", ")
	if e.Err != nil {
		s += " (and " + e.Err.Error() + ")"
	}
	return s
}

// Unwrap returns the flaws, each a Flaw, and Err if there is one.
func (e *RefusedError) Unwrap() []error {
	errs := make([]error, 0, len(e.Flaws)+1)
	for _, f := range e.Flaws {
		errs = append(errs, f)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// ErrUnchecked says that a password could not be checked: something that the check needs
// was not given or did not answer. The password must not be taken; the same one may be
// tried again.
var ErrUnchecked = errors.New("password could not be checked")

// uncheckedError tells which check was not made. What the host's callback said is for
// errors.Is and errors.As, and is not printed: it may have the password in it.
type uncheckedError struct {
	what string
	err  error
}

func (e *uncheckedError) Error() string { return ErrUnchecked.Error() + ": " + e.what }

func (e *uncheckedError) Unwrap() []error {
	if e.err == nil {
		return []error{ErrUnchecked}
	}
	return []error{ErrUnchecked, e.err}
}
