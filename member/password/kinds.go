package password

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Kinds is a set of kinds of characters. As JSON it is a list of names.
type Kinds uint8

// The kinds that a policy can require. Letters and digits are those of ASCII, as the
// pages of the products that require them say; letters of other scripts are taken in
// any password and are of no kind.
const (
	Letter Kinds = 1 << iota // "letter": A-Z and a-z
	Upper                    // "upper": A-Z
	Lower                    // "lower": a-z
	Digit                    // "digit": 0-9
	Symbol                   // "symbol": what is neither letter nor digit in Unicode, nor invisible; the space is one

	AllKinds = Letter | Upper | Lower | Digit | Symbol
)

var kindNames = [...]struct {
	kind Kinds
	name string
}{{Letter, "letter"}, {Upper, "upper"}, {Lower, "lower"}, {Digit, "digit"}, {Symbol, "symbol"}}

// kindsOf returns the kinds of which password has a character.
func kindsOf(password string) (k Kinds) {
	for _, r := range password {
		switch {
		case 'A' <= r && r <= 'Z':
			k |= Letter | Upper
		case 'a' <= r && r <= 'z':
			k |= Letter | Lower
		case '0' <= r && r <= '9':
			k |= Digit
		case !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Cf):
			k |= Symbol
		}
	}
	return k
}

// String returns the names, joined by commas: "letter,digit".
func (k Kinds) String() string {
	names := k.names()
	if rest := k &^ AllKinds; rest != 0 {
		names = append(names, fmt.Sprintf("kinds(%#x)", uint8(rest)))
	}
	return strings.Join(names, ",")
}

func (k Kinds) names() []string {
	names := []string{}
	for _, n := range kindNames {
		if k&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// MarshalJSON writes the list of names. A set with other bits is an error.
func (k Kinds) MarshalJSON() ([]byte, error) {
	if k&^AllKinds != 0 {
		return nil, fmt.Errorf("password: %v cannot be written; use Letter, Upper, Lower, Digit and Symbol", k)
	}
	return json.Marshal(k.names())
}

// UnmarshalJSON reads a list of names, each once. On an error k stays as it was.
func (k *Kinds) UnmarshalJSON(b []byte) error {
	var ps problems
	read := readKinds("require", b, &ps)
	if err := ps.err(); err != nil {
		return err
	}
	*k = read
	return nil
}

// kindOf returns the kind of that name; 0: there is none.
func kindOf(name string) Kinds {
	for _, n := range kindNames {
		if n.name == name {
			return n.kind
		}
	}
	return 0
}
