package geo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Country is a country or territory that has a code of two letters in
// ISO 3166-1, or Kosovo (XK). The zero Country is the unknown country. A
// Country is a value: it can be compared with == and used as a map key.
//
// The code of a Country never changes and none is ever taken away, so that
// what was stored by one release is read by all later ones.
type Country struct {
	code uint16 // 1 + 26*(first letter - 'A') + (second letter - 'A'), or 0
}

// What can be wrong with a country, or with a list of them.
var (
	ErrCountry  = errors.New("not a country code of ISO 3166-1")
	ErrRepeated = errors.New("a country that the list has already")
)

// ParseError tells what is wrong with one country code. Input is the code as
// it was given; it is cut and quoted when printed. Err is ErrCountry or
// ErrRepeated. Hint says how to mend it.
type ParseError struct {
	Input string
	Err   error
	Hint  string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s: %v; %s", quote(e.Input), e.Err, e.Hint)
}

func (e *ParseError) Unwrap() error { return e.Err }

// quote quotes what came from outside and cuts what is too long to be read.
func quote(s string) string { return quoteCut(s, 64) }

func quoteCut(s string, most int) string {
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// ParseCountry reads a code of exactly two upper-case letters that ISO 3166-1
// assigns to a country, or XK. It is strict, because a code that is nearly
// right is a country that nobody comes from: no lower case, no blanks, no
// names, none of the codes that ISO only reserves (EU, UK). The error is always
// a *ParseError.
func ParseCountry(s string) (Country, error) {
	if c, ok := countryOf(s); ok {
		return c, nil
	}
	return Country{}, &ParseError{Input: s, Err: ErrCountry, Hint: hint(s)}
}

// MustParseCountry is ParseCountry for codes in a program's source. It panics
// where ParseCountry returns an error.
func MustParseCountry(s string) Country {
	c, err := ParseCountry(s)
	if err != nil {
		panic("geo: " + err.Error())
	}
	return c
}

// countryOf is ParseCountry without the error.
func countryOf(s string) (c Country, ok bool) {
	_, ok = slices.BinarySearchFunc(table[:], s, func(row, s string) int { return cmp.Compare(row[:2], s) })
	if ok {
		c.code = 1 + 26*uint16(s[0]-'A') + uint16(s[1]-'A')
	}
	return c, ok
}

// hint says what was meant by s, if that can be told.
func hint(s string) string {
	meant := strings.ToUpper(strings.TrimSpace(s[:min(len(s), 8)]))
	switch meant {
	case "UK":
		meant = "GB"
	case "EL":
		meant = "GR"
	}
	if _, ok := countryOf(meant); ok {
		if strings.ToUpper(s) == meant {
			return "write it in upper case, " + strconv.Quote(meant)
		}
		return "write " + strconv.Quote(meant)
	}
	return `write an assigned code of two upper-case letters, such as "KR"`
}

// row returns the code of c, a space and its name, or "" if c is unknown.
func (c Country) row() string {
	if c.code == 0 {
		return ""
	}
	code := [2]byte{byte((c.code-1)/26) + 'A', byte((c.code-1)%26) + 'A'}
	i, _ := slices.BinarySearchFunc(table[:], code, func(row string, code [2]byte) int {
		return cmp.Or(cmp.Compare(row[0], code[0]), cmp.Compare(row[1], code[1]))
	})
	return table[i]
}

// String returns the code ("KR"), or "" if c is unknown. It does not allocate.
func (c Country) String() string {
	row := c.row()
	return row[:min(len(row), 2)]
}

// Name returns the usual English name ("South Korea"), or "" if c is unknown.
// It is for people to read and may be spelled otherwise in a later release:
// store the code.
func (c Country) Name() string {
	row := c.row()
	return row[min(len(row), 3):]
}

// Compare orders countries by code, the unknown one first.
func (c Country) Compare(d Country) int { return cmp.Compare(c.code, d.code) }

// Equal reports whether c and d are the same country. It is c == d, for those
// who ask for a method.
func (c Country) Equal(d Country) bool { return c == d }

// MarshalText returns what String returns: the unknown country is the empty
// text, so that a record of a login from nowhere known can be stored.
func (c Country) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads b as ParseCountry does, and the empty text as the unknown
// country. If it fails, c is unchanged. Countries takes no empty text.
func (c *Country) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = Country{}
		return nil
	}
	parsed, err := ParseCountry(string(b))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
