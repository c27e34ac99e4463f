package geo

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// Countries is a set of countries. The zero Countries is empty. It is a value:
// it can be compared with ==, and its methods return a new one. The unknown
// country is never in it.
//
// As JSON it is the sorted list of codes, ["JP","KR"].
type Countries struct {
	bits [(maxCode + 64) / 64]uint64 // bit Country.code; bit 0 is never set
}

const maxCode = 26 * 26

// CountriesOf returns the set of the countries c. Unknown ones add nothing.
func CountriesOf(c ...Country) Countries {
	var s Countries
	for _, c := range c {
		s = s.With(c)
	}
	return s
}

// AllCountries returns the set of all countries that this release knows, for
// instance for a list to choose from. It grows as ISO assigns codes.
func AllCountries() Countries {
	var s Countries
	for _, row := range table {
		s = s.With(MustParseCountry(row[:2]))
	}
	return s
}

// Has reports whether c is in s. If c is unknown, the answer is false. Has does
// not allocate.
func (s Countries) Has(c Country) bool {
	return s.bits[c.code/64]>>(c.code%64)&1 != 0
}

// With returns s and c. If c is unknown, it returns s.
func (s Countries) With(c Country) Countries {
	if c.code != 0 {
		s.bits[c.code/64] |= 1 << (c.code % 64)
	}
	return s
}

// Without returns s without c.
func (s Countries) Without(c Country) Countries {
	s.bits[c.code/64] &^= 1 << (c.code % 64)
	return s
}

// Union returns the countries in s or t.
func (s Countries) Union(t Countries) Countries {
	for i := range s.bits {
		s.bits[i] |= t.bits[i]
	}
	return s
}

// Minus returns the countries in s and not in t.
func (s Countries) Minus(t Countries) Countries {
	for i := range s.bits {
		s.bits[i] &^= t.bits[i]
	}
	return s
}

// Len returns the number of countries in s.
func (s Countries) Len() int {
	n := 0
	for _, word := range s.bits {
		n += bits.OnesCount64(word)
	}
	return n
}

// IsZero reports whether s is empty.
func (s Countries) IsZero() bool { return s == Countries{} }

// Equal reports whether s and t hold the same countries. It is s == t, for
// those who ask for a method.
func (s Countries) Equal(t Countries) bool { return s == t }

// All yields the countries in s, sorted by code.
func (s Countries) All() iter.Seq[Country] {
	return func(yield func(Country) bool) {
		for i, word := range s.bits {
			for ; word != 0; word &= word - 1 {
				if !yield(Country{uint16(i*64 + bits.TrailingZeros64(word))}) {
					return
				}
			}
		}
	}
}

// codes returns the codes of s, sorted. It is never nil.
func (s Countries) codes() []string {
	codes := make([]string, 0, s.Len())
	for c := range s.All() {
		codes = append(codes, c.String())
	}
	return codes
}

// String returns the codes of s, sorted, with commas between them.
func (s Countries) String() string { return strings.Join(s.codes(), ",") }

// MarshalJSON returns the sorted list of codes; the empty set is [].
func (s Countries) MarshalJSON() ([]byte, error) { return json.Marshal(s.codes()) }

// ListError tells what is wrong with one country of a list. Index is its place,
// counted from 0. Err is a *ParseError.
type ListError struct {
	Index int
	Err   error
}

func (e *ListError) Error() string { return fmt.Sprintf("country %d: %v", e.Index, e.Err) }

func (e *ListError) Unwrap() error { return e.Err }

// UnmarshalJSON reads a list of codes, in any order. It is strict: null, what
// is not a string, what ParseCountry refuses and a country that comes twice are
// errors, for a list that was mended in silence is not what somebody chose. Of
// a list, every problem is reported: the error joins a *ListError for each. If
// it fails, s is unchanged.
func (s *Countries) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil || list == nil {
		return fmt.Errorf(`countries: %s is not a list; write one such as ["JP","KR"], or [] for none`, quote(string(b)))
	}
	if len(list) > len(table) {
		return fmt.Errorf("countries: a list of %d, but there are only %d; name each once", len(list), len(table))
	}
	var read Countries
	var errs []error
	for i, raw := range list {
		c, err := parseElement(raw)
		if err == nil && read.Has(c) {
			err = &ParseError{Input: c.String(), Err: ErrRepeated, Hint: "name it once"}
		}
		if err != nil {
			errs = append(errs, &ListError{i, err})
		}
		read = read.With(c)
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	*s = read
	return nil
}

func parseElement(raw json.RawMessage) (Country, error) {
	var code *string
	if err := json.Unmarshal(raw, &code); err != nil || code == nil {
		return Country{}, &ParseError{Input: string(raw), Err: ErrCountry, Hint: `write a string such as "KR"`}
	}
	return ParseCountry(*code)
}
