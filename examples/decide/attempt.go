package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// attempt is a line of the input. A key that is left out is zero, which means
// unknown, or no, and lets nobody in who would else be kept out.
type attempt struct {
	Address  address        `json:"address"`
	Client   session.Client `json:"client"`
	Plan     policy.Plan    `json:"plan"`
	Member   *account       `json:"member"`
	Verified bool           `json:"verified"`
	Request  bool           `json:"request"`
	Time     instant        `json:"time"`
}

// account is what a line says of a member.
type account struct {
	ID                 member.ID       `json:"id"`
	Status             member.Status   `json:"status"`
	Super              bool            `json:"super"`
	Blocked            session.Clients `json:"blocked"`
	MustChangePassword bool            `json:"must_change_password"`
}

// parseAttempt reads a line. It is as strict as policy.Decode is with settings:
// a misspelt key that was passed over in silence could be the one that says
// that the member is suspended.
func parseAttempt(line []byte) (policy.Attempt, error) {
	if !utf8.Valid(line) {
		return policy.Attempt{}, errors.New("not UTF-8")
	}
	var a attempt
	if err := json.Unmarshal(line, &a); err != nil {
		return policy.Attempt{}, explainJSON(err)
	}
	if err := checkKeys(line); err != nil {
		return policy.Attempt{}, err
	}
	if a.Member != nil && a.Member.ID == "" {
		return policy.Attempt{}, errors.New("member.id: there is none; add it, or leave out the member who is not known")
	}
	return policy.Attempt{
		Addr:     netip.Addr(a.Address),
		Client:   a.Client,
		Plan:     a.Plan,
		Member:   a.Member.member(),
		Verified: a.Verified,
		Request:  a.Request,
		At:       time.Time(a.Time),
	}, nil
}

func (a *account) member() *member.Member {
	if a == nil {
		return nil
	}
	return &member.Member{
		ID:                 a.ID,
		Status:             a.Status,
		Super:              a.Super,
		Blocked:            a.Blocked,
		MustChangePassword: a.MustChangePassword,
	}
}

// address is a netip.Addr that is not read from an empty text: who has no
// address to tell leaves the key out.
type address netip.Addr

func (a *address) UnmarshalText(b []byte) error {
	parsed, err := netip.ParseAddr(string(b))
	if err != nil {
		return fmt.Errorf("address: %s is no IP address; write one as in 8.8.8.8 or 2606:4700::1", quote(b))
	}
	*a = address(parsed)
	return nil
}

// instant is a time.Time that is never read as zero, which would mean: now.
type instant time.Time

func (t *instant) UnmarshalText(b []byte) error {
	var parsed time.Time
	if err := parsed.UnmarshalText(b); err != nil || parsed.IsZero() {
		return fmt.Errorf("time: %s is no time; write one as in 2026-11-21T09:00:00Z", quote(b))
	}
	*t = instant(parsed)
	return nil
}

// explainJSON says without the names of Go types what encoding/json found.
func explainJSON(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d: %w", e.Offset, e)
	}
	e, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err // of one of the types above, or of the library's
	}
	where, want := e.Field, "a string"
	if where == "" {
		where = "the line"
	}
	switch e.Type {
	case reflect.TypeFor[attempt](), reflect.TypeFor[account]():
		want = "an object"
	case reflect.TypeFor[bool]():
		want = "true or false"
	}
	got, ok := map[string]string{"string": "a string", "bool": "true or false", "array": "a list", "object": "an object"}[e.Value]
	if !ok {
		got = "a number"
	}
	return fmt.Errorf("%s: %s where %s belongs", where, got, want)
}

// quote quotes what came from outside and cuts what is too long to be read.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}
