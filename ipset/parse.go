package ipset

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// What can be wrong with the text of a range. A *ParseError holds one of them.
var (
	ErrEmpty        = errors.New("empty")
	ErrTooLong      = errors.New("longer than any address or range")
	ErrAddress      = errors.New("not an IP address")
	ErrZone         = errors.New("an address with a zone")
	ErrPrefixLength = errors.New("not a prefix length")
	ErrMask         = errors.New("not a subnet mask")
	ErrHostBits     = errors.New("bits are set beyond the prefix length")
	ErrReversed     = errors.New("the last address is before the first")
	ErrFamilies     = errors.New("a range across IPv4 and IPv6")
)

// MaxText is the length in bytes that the text of a range may have, blanks
// included. The longest range takes 93.
const MaxText = 256

// ParseError tells what is wrong with the text of one range. Input is the text
// as it was given; it is cut and quoted when printed. Err is one of the
// sentinels of this package. Hint says how to mend it, and may be empty.
type ParseError struct {
	Input string
	Err   error
	Hint  string
}

func (e *ParseError) Error() string {
	s := fmt.Sprintf("%s: %v", quote(e.Input), e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func (e *ParseError) Unwrap() error { return e.Err }

// quote quotes what came from outside and cuts what is too long to be read.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// ParseRange reads one range: an address, a prefix (8.8.8.0/24), an IPv4
// address with a subnet mask (8.8.8.0/255.255.255.0), or two addresses joined
// by a dash (8.8.8.1-8.8.8.20). Spaces and tabs around it and around the dash
// are ignored.
//
// It is strict, because a list is only as good as what all its readers agree
// on: no leading zeros, no short forms, no zones, no ports, no names, no host
// bits beyond a prefix, digits of ASCII only. Text that spells IPv4 as IPv6
// (::ffff:8.8.8.8) becomes IPv4. The error is always a *ParseError.
func ParseRange(s string) (Range, error) {
	r, hint, err := parseRange(s)
	if err != nil {
		return Range{}, &ParseError{Input: s, Err: err, Hint: cmp.Or(signHint(s), hint)}
	}
	return r, nil
}

// MustParseRange is ParseRange for text in a program's source. It panics where
// ParseRange returns an error.
func MustParseRange(s string) Range {
	r, err := ParseRange(s)
	if err != nil {
		panic("ipset: " + err.Error())
	}
	return r
}

const blanks = " \t"

func parseRange(s string) (r Range, hint string, err error) {
	if len(s) > MaxText {
		return r, fmt.Sprintf("an entry has at most %d bytes", MaxText), ErrTooLong
	}
	if s = strings.Trim(s, blanks); s == "" {
		return r, "write an address, a prefix or a range", ErrEmpty
	}
	if addr, length, ok := strings.Cut(s, "/"); ok {
		return parsePrefix(addr, length)
	}
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	from, to = strings.Trim(from, blanks), strings.Trim(to, blanks)
	if from == "" || to == "" {
		return r, "write the address on both sides of the dash", ErrEmpty
	}
	a, hint, err := parseAddr(from)
	if err != nil {
		return r, hint, err
	}
	b, hint, err := parseAddr(to)
	if err != nil {
		return r, hint, err
	}
	if r, err = RangeFrom(a, b); err != nil {
		e := err.(*ParseError)
		return Range{}, e.Hint, e.Err
	}
	return r, "", nil
}

func parsePrefix(addr, length string) (r Range, hint string, err error) {
	if strings.LastIndex(length, "-") > 0 { // a sign stands at 0
		return r, "a range runs from one address to another, without prefix lengths", ErrAddress
	}
	a, hint, err := parseAddr(addr)
	if err != nil {
		return r, hint, err
	}
	var bits int
	if strings.Contains(length, ".") {
		bits, hint, err = parseMask(a, length)
	} else {
		bits, hint, err = parseLength(a, length)
	}
	if err != nil {
		return r, hint, err
	}
	if a.Is4In6() && bits < 96 {
		return r, "an IPv4 address written as IPv6 takes a length from 96 to 128; write it as IPv4", ErrHostBits
	}
	p := netip.PrefixFrom(a, bits)
	if r = RangeOf(p); r.IsZero() {
		whole := RangeOf(p.Masked())
		return r, fmt.Sprintf("write %v for the block or %v for the one address", whole, a.Unmap()), ErrHostBits
	}
	return r, "", nil
}

func parseLength(a netip.Addr, s string) (bits int, hint string, err error) {
	most := a.BitLen()
	ok := s != "" && len(s) <= 3 && (s == "0" || s[0] != '0')
	for i := 0; ok && i < len(s); i++ {
		ok = '0' <= s[i] && s[i] <= '9'
		bits = bits*10 + int(s[i]-'0')
	}
	if !ok || bits > most {
		return 0, fmt.Sprintf("write a number from 0 to %d, without sign, blank or leading zero", most), ErrPrefixLength
	}
	return bits, "", nil
}

func parseMask(a netip.Addr, s string) (bits int, hint string, err error) {
	if !a.Is4() {
		return 0, "a subnet mask goes with an IPv4 address; write a prefix length", ErrMask
	}
	m, err := netip.ParseAddr(s)
	if err != nil || !m.Is4() {
		return 0, "write four numbers (255.255.255.0) or a prefix length (/24)", ErrMask
	}
	for _, b := range m.As4() {
		for mask := byte(0x80); mask != 0 && b&mask != 0; mask >>= 1 {
			bits++
		}
	}
	if p, _ := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(bits); p.Addr() != m {
		return 0, "its ones must come first and without a gap (255.255.255.0)", ErrMask
	}
	return bits, "", nil
}

// parseAddr reads one address. net/netip is strict about everything but zones.
func parseAddr(s string) (a netip.Addr, hint string, err error) {
	a, err = netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, addrHint(s), ErrAddress
	case a.Zone() != "":
		return netip.Addr{}, "leave out the % and what follows it", ErrZone
	}
	return a, "", nil
}

// signHint guesses from one sign in the text of a whole entry what somebody
// wanted, or returns "".
func signHint(s string) string {
	if len(s) > MaxText {
		return ""
	}
	for _, h := range []struct{ sign, hint string }{
		{"://", "write the address alone, not a URL"},
		{"#", "a comment is not part of an address"},
		{"\n", "write one entry on each line"},
		{"*", "write a prefix (8.8.8.0/24) for a wildcard"},
		{"[", "leave out the brackets"},
		{"\\", "write / before a prefix length"},
		{"–", "write an ASCII hyphen (-) between two addresses"},
		{"—", "write an ASCII hyphen (-) between two addresses"},
		{"%", "leave out the % and what follows it"},
		{",", "write one entry for each address"},
	} {
		if strings.Contains(s, h.sign) {
			return h.hint
		}
	}
	return ""
}

// addrHint guesses what somebody wanted who wrote s for an address.
func addrHint(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "it has a character that is not plain ASCII; type it again"
		}
	}
	if strings.Contains(s, " ") {
		return "leave out the blanks inside it, or write one entry for each address"
	}
	if host, _, ok := strings.Cut(s, ":"); ok && strings.Count(s, ":") == 1 && strings.Contains(host, ".") {
		return "leave out the port"
	}
	if strings.Trim(s, "0123456789abcdefABCDEF:.-") == "" && strings.Contains(s, "-") {
		return "a range is two addresses joined by one hyphen (8.8.8.1-8.8.8.20)"
	}
	if strings.Trim(s, "0123456789.") == "" {
		return "write IPv4 as four numbers from 0 to 255 without leading zeros (8.8.8.8)"
	}
	if strings.Trim(s, "0123456789abcdefABCDEF:.") == "" {
		return "write IPv6 as in RFC 4291 (2606:4700::1)"
	}
	return "names are not looked up; write an address (8.8.8.8, 2606:4700::1), a prefix or a range"
}
