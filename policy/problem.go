package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
)

// Problem is one thing that is wrong with settings.
type Problem struct {
	Path  string // where: designated[3].range; "document" for the whole of a text
	Code  string // what, for programs and translations; see ProblemCodes
	Input string // the text that was given, cut; printed only quoted
	Err   error  // what, for people
}

// Error says where, what, and how to mend it.
func (p Problem) Error() string {
	if p.Err == nil {
		return p.Path + ": " + p.Code
	}
	s := p.Path + ": " + p.Err.Error()
	var badRange *ipset.ParseError
	var badCountry *geo.ParseError
	if errors.As(p.Err, &badRange) && badRange.Hint != "" || errors.As(p.Err, &badCountry) {
		return s // which knows better
	}
	if mend := p.Mend(); mend != "" {
		s += "; " + mend
	}
	return s
}

// MarshalJSON writes p for a program that shows it: path, code, input where
// there is one, and as message what Error returns.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Path    string `json:"path"`
		Code    string `json:"code"`
		Input   string `json:"input,omitempty"`
		Message string `json:"message"`
	}{p.Path, p.Code, p.Input, p.Error()})
}

// Unwrap returns Err.
func (p Problem) Unwrap() error { return p.Err }

// Mend returns the sentence that says how to mend problems of this code.
func (p Problem) Mend() string {
	for _, c := range problemCodes {
		if c.code == p.Code {
			return c.mend
		}
	}
	return ""
}

// InvalidError holds everything that is wrong with settings: at least one
// Problem, those of the text before those of the meaning, and not more than
// MaxProblems.
type InvalidError struct{ Problems []Problem }

// MaxProblems bounds the problems of one InvalidError. Where there are more,
// the last one says so.
const MaxProblems = 1000

// Error tells every problem on a line of its own.
func (e *InvalidError) Error() string {
	switch len(e.Problems) {
	case 0:
		return "policy: invalid settings"
	case 1:
		return "policy: " + e.Problems[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "policy: %d problems", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n\t")
		b.WriteString(p.Error())
	}
	return b.String()
}

// Unwrap returns the problems, each a Problem.
func (e *InvalidError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// problemCodes is the one table of what can be wrong with settings. A code is
// never given another meaning and never taken away.
var problemCodes = [...]struct{ code, mend string }{
	// of the text
	{"too-large", "a document has at most 4 MiB"},
	{"not-utf8", "save the document in UTF-8"},
	{"syntax", "write JSON as in RFC 8259"},
	{"trailing-data", "remove what follows the document"},
	{"newer-format", "upgrade this program, or write format 1"},
	{"unknown-format", "write 1, or leave it out"},
	{"unknown-key", "remove it or correct its name"},
	{"wrong-case", "write the key in lower case"},
	{"repeated-key", "keep one of the two"},
	{"null", "leave the key out or give it a value"},
	{"wrong-type", "see the package comment for the form of a document"},
	{"missing", "add it"},
	{"bad-range", "write an address (8.8.8.8), a prefix (8.8.8.0/24) or a range (8.8.8.1-8.8.8.20)"},
	{"bad-time", "write a time as in RFC 3339 (2027-01-31T15:00:00Z)"},
	{"unknown-country", "write the two capital letters of ISO 3166-1 (KR)"},
	{"repeated-country", "keep one of the two"},

	// of the meaning
	{"unknown-access", `write "all" or "designated"`},
	{"unknown-outside", `write "deny" or "verify"`},
	{"no-range", "give it an address, a prefix or a range"},
	{"whole-family", "to let every address in, switch the restriction off (access: all)"},
	{"whole-family-excepted", "to except the member everywhere, leave out the ranges"},
	{"special-purpose", "only public addresses can be designated"},
	{"not-public", "only public addresses can be designated; in IPv6 those lie in 2000::/3"},
	{"ipv4-only", "write an IPv4 address or prefix"},
	{"no-from-to", "write an address or prefixes"},
	{"too-many", "merge neighbouring entries into prefixes, or remove some"},
	{"bad-label", "write at most 500 bytes of plain text"},
	{"bad-end", "write a time in the years 1 to 9999"},
	{"bad-member", "write the member's id: at most 256 bytes of plain text"},
	{"repeated-member", "make one exception of the two"},
	{"empty-ranges", "leave out the ranges to except the member everywhere, or name some"},
	{"no-exceptions", "remove the exceptions"},
	{"no-overseas-blocking", "switch overseas blocking off"},
	{"no-locator", "open a country database and pass it on, or switch overseas blocking off"},

	// of what the tenant has bought
	{"unknown-plan", "name a plan of the profile"},
	{"not-in-plan", "switch it off, or have the plan changed first"},

	// of the act that the engine was to do
	{"bad-provisional", "0, to save for good, or from 10s to 24h"},
	{"bad-act-id", "draw one, as with rand.Text"},

	// of the host's own program
	{"no-profile", "pass policy.Standard() or another profile"},
	{"no-clients", "set Profile.Clients to the clients that the product has"},
	{"unknown-clients", "make sets of clients with session.ClientsOf, not by converting a Client"},
	{"too-many-problems", "mend these first"},
}

// ProblemCodes yields every code that a Problem can have, and the sentence
// that says how to mend it: what a translation needs.
func ProblemCodes() iter.Seq2[string, string] {
	return func(yield func(code, mend string) bool) {
		for _, c := range problemCodes {
			if !yield(c.code, c.mend) {
				return
			}
		}
	}
}

// problems collects.
type problems []Problem

func (ps *problems) add(path, code, input string, err error) {
	switch {
	case len(*ps) < MaxProblems-1:
		*ps = append(*ps, Problem{path, code, cut(input), err})
	case len(*ps) == MaxProblems-1:
		*ps = append(*ps, Problem{"document", "too-many-problems", "", errors.New("there are more problems than are told")})
	}
}

// full reports whether nothing more would be told.
func (ps problems) full() bool { return len(ps) == MaxProblems }

func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &InvalidError{ps}
}
