package password

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is expected of people belongs on a blocklist as much as what is common, says NIST,
// and is too much to be listed: it is computed here. As with a list, the whole password
// is judged and never a part of it, so this is no rule of composition.

// rows are the keys of a keyboard in the orders that fingers follow.
var rows = [...]string{
	"1234567890qwertyuiopasdfghjklzxcvbnm1234567890",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p1qaz2wsx",
}

// predictable reports whether the whole of password repeats a few characters, counts, or
// runs along the keyboard.
func predictable(password string) bool {
	r := []rune(strings.ToLower(password))
	if len(r) < 3 {
		return false // which is too short for anything
	}
	for period := 1; period <= 4 && 2*period <= len(r); period++ {
		if steps(r, period, func(from, to rune) bool { return from == to }) {
			return true
		}
	}
	up := func(from, to rune) bool { return to == from+1 || from == '9' && to == '0' || from == 'z' && to == 'a' }
	if steps(r, 1, up) || steps(r, 1, func(from, to rune) bool { return up(to, from) }) {
		return true
	}
	s := string(r)
	slices.Reverse(r)
	back := string(r)
	return slices.ContainsFunc(rows[:], func(row string) bool { return strings.Contains(row, s) || strings.Contains(row, back) })
}

// steps reports whether each character of r follows, by rule, the one that stands n before.
func steps(r []rune, n int, rule func(from, to rune) bool) bool {
	for i := n; i < len(r); i++ {
		if !rule(r[i-n], r[i]) {
			return false
		}
	}
	return true
}

// enough is how many letters a password must have beside the words that belong to the
// member or the tenant, if it has such words in it.
const enough = 4

// ownWords reports whether password is made of words, or parts of them, and little else
// than digits and symbols: "acme2027!" for acme, "kim.lee@Acme" for kim.lee and acme.
func ownWords(password string, words []string) bool {
	rest, found := fold(password), false
	for _, w := range parts(words) {
		if strings.Contains(rest, w) {
			found = true
			rest = strings.ReplaceAll(rest, w, " ") // a blank, lest its neighbours form a word
		}
	}
	letters := 0
	for _, r := range rest {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return found && letters < enough
}

// parts returns words and what they are made of, folded, the longest first. Those that are
// so short that they stand in any text by chance are left out.
func parts(words []string) (all []string) {
	for _, w := range words {
		w = strings.ToValidUTF8(w[:min(len(w), 256)], "")
		for _, part := range append(strings.FieldsFunc(w, func(r rune) bool { return !inWord(r) }), w) {
			part = fold(part)
			least := 3
			switch {
			case strings.Trim(part, "0123456789") == "":
				least = 4
			case len(part) > utf8.RuneCountInString(part):
				least = 2 // a name in Chinese or Korean
			}
			if utf8.RuneCountInString(part) >= least {
				all = append(all, part)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(all)
}

// fold returns the letters and digits of s, in lower case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if !inWord(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }
