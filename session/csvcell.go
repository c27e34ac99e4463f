package session

import (
	"fmt"
	"strings"
	"unicode"
)

// maxCell is the most UTF-16 units that a cell has; Excel's limit is 32,767, and each of
// what is put in counts.
const maxCell = 32000

// cell returns s as no program takes it for a formula: see CSV.
func cell(s string) string {
	var b strings.Builder
	units := 0
	start := true // here a program may start a cell
	for i, r := range s {
		if start && formula(s[i:]) {
			b.WriteByte('\'')
			units++
		}
		start = r == ',' || r == ';' || r == '|'
		shown := visible(r)
		for _, r := range shown {
			units += utf16Len(r)
		}
		if units >= maxCell {
			b.WriteString("…")
			break
		}
		b.WriteString(shown)
	}
	return b.String()
}

func utf16Len(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}

// formula reports whether a cell that starts with s might be one, or begins with the
// apostrophe that says that it is none.
func formula(s string) bool {
	for i, r := range s {
		if i == 0 && r == '\'' {
			return true
		}
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '"' {
			continue
		}
		return strings.ContainsRune("=+-@"+
			"＝＋－＠"+ // full width, which Excel takes for the narrow ones in some languages
			"﹦﹢﹣﹫"+ // small forms
			"⁼⁺⁻₌₊₋−", r) // raised, lowered, and the minus of mathematics
	}
	return false
}

// visible returns r as it can be seen in one line.
func visible(r rune) string {
	switch {
	case r < ' ':
		return string('␀' + r)
	case r == 0x7f:
		return "␡"
	case r == '\u200c' || r == '\u200d': // within words of some languages, and in emoji
		return string(r)
	case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
		return fmt.Sprintf("<U+%04X>", r)
	}
	return string(r)
}
