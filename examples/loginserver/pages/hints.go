package pages

import (
	"regexp"
	"strings"
)

// hints are how package ipset says to mend the text of a range, each as the format that it is
// written by, and the key of its words; "": what is wrong says it already.
var hints = []struct{ format, key string }{
	{"an entry has at most %d bytes", "hint.long"},
	{"write an address, a prefix or a range", ""},
	{"write the address on both sides of the dash", "hint.both-sides"},
	{"a range runs from one address to another, without prefix lengths", "hint.range-of-prefixes"},
	{"an IPv4 address written as IPv6 takes a length from 96 to 128; write it as IPv4", "hint.mapped"},
	{"write %v for the block or %v for the one address", "hint.block"},
	{"write a number from 0 to %d, without sign, blank or leading zero", "hint.length"},
	{"a subnet mask goes with an IPv4 address; write a prefix length", "hint.mask-ipv6"},
	{"write four numbers (255.255.255.0) or a prefix length (/24)", "hint.mask"},
	{"its ones must come first and without a gap (255.255.255.0)", "hint.mask-gap"},
	{"leave out the % and what follows it", "hint.zone"},
	{"write the address alone, not a URL", "hint.url"},
	{"a comment is not part of an address", "hint.comment"},
	{"write one entry on each line", "hint.line"},
	{"write a prefix (8.8.8.0/24) for a wildcard", "hint.wildcard"},
	{"leave out the brackets", "hint.brackets"},
	{"write / before a prefix length", "hint.slash"},
	{"write an ASCII hyphen (-) between two addresses", "hint.hyphen"},
	{"write one entry for each address", "hint.comma"},
	{"it has a character that is not plain ASCII; type it again", "hint.ascii"},
	{"leave out the blanks inside it, or write one entry for each address", "hint.blanks"},
	{"leave out the port", "hint.port"},
	{"a range is two addresses joined by one hyphen (8.8.8.1-8.8.8.20)", "hint.range"},
	{"write IPv4 as four numbers from 0 to 255 without leading zeros (8.8.8.8)", "hint.ipv4"},
	{"write IPv6 as in RFC 4291 (2606:4700::1)", "hint.ipv6"},
	{"names are not looked up; write an address (8.8.8.8, 2606:4700::1), a prefix or a range", "hint.name"},
	{"a range needs a first and a last address", "hint.both-sides"},
	{"leave it out", "hint.zone"},
	{"write one range for each family", "hint.families"},
	{"write %v-%v", "hint.reversed"},
}

// hintTexts are what the texts of hints look like, made once: a list may have thousands of bad
// lines.
var hintTexts = func() (texts []*regexp.Regexp) {
	for _, h := range hints {
		text := strings.NewReplacer("%v", `(\S+)`, "%d", `(\S+)`).Replace(regexp.QuoteMeta(h.format))
		texts = append(texts, regexp.MustCompile("^"+text+"$"))
	}
	return texts
}()

// hint says in l how to mend the text of a range; "" where there are no words for it.
func (l lang) hint(text string) string {
	for i, h := range hints {
		found := hintTexts[i].FindStringSubmatch(text)
		if found == nil {
			continue
		}
		if h.key == "" {
			return ""
		}
		var args []any
		for _, part := range found[1:] {
			args = append(args, part)
		}
		return l.say(h.key, args...)
	}
	return ""
}
