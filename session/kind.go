package session

import (
	"fmt"
	"log/slog"
	"strconv"
)

// Kind is what holds a session open. All kinds are stamped, checked at each use and ended
// alike. The zero Kind is Login; any number without a name below is refused by every
// store. Store the name; the numbers are for this program.
type Kind uint8

const (
	Login            Kind = iota // a login of a person
	AppPassword                  // a password made for one program
	APIToken                     // a token made for a program to call the API
	RefreshToken                 // what an OAuth client renews its access with
	RememberedDevice             // spares verification; it begins no session by itself
)

var kindNames = [...]string{
	Login:            "login",
	AppPassword:      "app-password",
	APIToken:         "api-token",
	RefreshToken:     "refresh-token",
	RememberedDevice: "remembered-device",
}

const kindHint = "want login, app-password, api-token, refresh-token or remembered-device"

// ParseKind returns the kind of that name, spelled exactly as [Kind.String] prints it. On
// an error the kind is one that is not known: the zero Kind would pass for a login.
func ParseKind(s string) (Kind, error) {
	for i, name := range kindNames {
		if name == s {
			return Kind(i), nil
		}
	}
	return Kind(len(kindNames)), fmt.Errorf("%s is not a kind of session; %s", quote(s), kindHint)
}

// Known reports whether k has a name.
func (k Kind) Known() bool { return int(k) < len(kindNames) }

// String returns the name of k: "login", and "kind(77)" for a number that means nothing.
func (k Kind) String() string {
	if k.Known() {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// LogValue returns what [Kind.String] returns, so that a kind without a text can be
// logged where it is refused.
func (k Kind) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns the name of k. If k is not known, it returns an error: what is
// stored must be readable again.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.Known() {
		return nil, fmt.Errorf("%v cannot be written; %s", k, kindHint)
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText reads what [ParseKind] accepts. On an error k stays as it was.
func (k *Kind) UnmarshalText(b []byte) error {
	parsed, err := ParseKind(string(b))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}
