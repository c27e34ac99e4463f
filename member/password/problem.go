package password

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a [Policy] or its document.
type Problem struct {
	Path  string // where: "min_length", "require[1]"; "document" for the whole of a text
	Code  string // what, for programs and translations; see ProblemCodes
	Input string // the text that was given, cut; printed only quoted
	Says  string // what, for people
}

// Error says where, what, and how to mend it.
func (p Problem) Error() string {
	s := p.Path + ": " + p.Says
	if mend := p.Mend(); mend != "" {
		s += "; " + mend
	}
	return s
}

// Mend returns the sentence that says how to mend problems of this code.
func (p Problem) Mend() string {
	for code, mend := range ProblemCodes() {
		if code == p.Code {
			return mend
		}
	}
	return ""
}

// MarshalJSON writes p for a program that shows it: path, code, input where there is one,
// and as message what Error returns.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Path    string `json:"path"`
		Code    string `json:"code"`
		Input   string `json:"input,omitempty"`
		Message string `json:"message"`
	}{p.Path, p.Code, p.Input, p.Error()})
}

// InvalidError holds everything that is wrong with a policy: at least one Problem.
type InvalidError struct{ Problems []Problem }

// Error tells every problem on a line of its own.
func (e *InvalidError) Error() string {
	if len(e.Problems) == 1 {
		return "password: " + e.Problems[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "password: %d problems with the policy", len(e.Problems))
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

// problemCodes is the table of what can be wrong beside the bounds of numbers. A code is
// never given another meaning and never taken away.
var problemCodes = [...]struct{ code, mend string }{
	{"too-large", "a document has at most 64 KiB"},
	{"not-utf8", "save the document in UTF-8"},
	{"syntax", "write one JSON object as in RFC 8259"},
	{"newer-format", "upgrade this program, or write format 1"},
	{"unknown-format", "write 1, or leave it out"},
	{"unknown-key", "remove it or correct its name"},
	{"wrong-case", "write the key in lower case"},
	{"repeated-key", "keep one of the two"},
	{"null", "leave the key out or give it a value"},
	{"wrong-type", "see the comment of Decode for the form of a document"},
	{"unknown-kind", "use letter, upper, lower, digit and symbol"},
	{"repeated-kind", "keep one of the two"},
	{"too-many-problems", "mend these first"},
}

// ProblemCodes yields every code that a Problem can have, and the sentence that says how
// to mend it: what a translation needs.
func ProblemCodes() iter.Seq2[string, string] {
	return func(yield func(code, mend string) bool) {
		for _, c := range problemCodes {
			if !yield(c.code, c.mend) {
				return
			}
		}
		for _, n := range numbers {
			if !yield(n.code, fmt.Sprintf("write %d to %d %s, or leave it out", n.least, n.most, n.unit)) {
				return
			}
		}
	}
}

// maxProblems bounds what one document can make us say.
const maxProblems = 100

// problems collects.
type problems []Problem

func (ps *problems) add(path, code, input, says string) {
	switch {
	case len(*ps) < maxProblems-1:
		*ps = append(*ps, Problem{path, code, cut(input), says})
	case len(*ps) == maxProblems-1:
		*ps = append(*ps, Problem{"document", "too-many-problems", "", "there are more problems than are told"})
	}
}

func (ps *problems) bounds(n number, v int) {
	ps.add(n.path, n.code, strconv.Itoa(v), fmt.Sprintf("%d %s", v, n.unit))
}

func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &InvalidError{ps}
}

// cut shortens text from outside to 64 bytes, at the end of a character.
func cut(s string) string {
	if len(s) <= 64 {
		return s
	}
	n := 64
	for n > 60 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// quote makes text from outside safe to print.
func quote(s string) string { return strconv.Quote(cut(s)) }
