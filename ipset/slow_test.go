package ipset_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// slowParse reads a range as ParseRange must, one rule after the other. It
// shares nothing with it, not even net/netip's parser.
func slowParse(s string) (from, to netip.Addr, ok bool) {
	if len(s) > 256 {
		return
	}
	s = trimBlanks(s)
	switch {
	case strings.Contains(s, "/"):
		return slowPrefix(s)
	case strings.Contains(s, "-"):
		ends := strings.Split(s, "-")
		if len(ends) != 2 {
			return
		}
		from, to = slowAddr(trimBlanks(ends[0])), slowAddr(trimBlanks(ends[1]))
	default:
		from = slowAddr(s)
		to = from
	}
	if !from.IsValid() || !to.IsValid() {
		return
	}
	from, to = slowUnmap(from, to)
	return from, to, from.BitLen() == to.BitLen() && from.Compare(to) <= 0
}

// slowUnmap returns IPv4 if both ends can be.
func slowUnmap(from, to netip.Addr) (netip.Addr, netip.Addr) {
	if plain(from).Is4() && plain(to).Is4() {
		return plain(from), plain(to)
	}
	return from, to
}

func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

var (
	slowLength = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)
	slowMask   = regexp.MustCompile(`^1*0*$`)
	slowOctet  = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)
	slowGroup  = regexp.MustCompile(`^[0-9a-fA-F]{1,4}$`)
)

// slowPrefix writes the address in binary digits: those beyond the length must
// be 0 in the first address, and are 1 in the last.
func slowPrefix(s string) (from, to netip.Addr, ok bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 2 {
		return
	}
	a := slowAddr(parts[0])
	if !a.IsValid() {
		return
	}
	var bits int
	if mask := slowAddr(parts[1]); mask.Is4() {
		ones := binary(mask)
		if !a.Is4() || !slowMask.MatchString(ones) {
			return
		}
		bits = strings.Count(ones, "1")
	} else {
		if !slowLength.MatchString(parts[1]) {
			return
		}
		bits, _ = strconv.Atoi(parts[1])
	}
	digits := binary(a)
	if bits > len(digits) || strings.Contains(digits[bits:], "1") {
		return
	}
	if mapped(a) && bits < 96 {
		return
	}
	last := digits[:bits] + strings.Repeat("1", len(digits)-bits)
	from, to = slowUnmap(fromBinary(digits), fromBinary(last))
	return from, to, true
}

func binary(a netip.Addr) string {
	var s strings.Builder
	for _, b := range a.AsSlice() {
		fmt.Fprintf(&s, "%08b", b)
	}
	return s.String()
}

func fromBinary(digits string) netip.Addr {
	b := make([]byte, len(digits)/8)
	for i := range b {
		n, _ := strconv.ParseUint(digits[8*i:8*i+8], 2, 8)
		b[i] = byte(n)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// slowAddr returns the zero Addr if s is no address. A mapped address stays
// IPv6.
func slowAddr(s string) netip.Addr {
	if !strings.Contains(s, ":") {
		return slowAddr4(s)
	}
	// An IPv4 address at the end stands for the last two groups.
	if i := strings.LastIndex(s, ":"); strings.Contains(s[i:], ".") {
		tail := slowAddr4(s[i+1:])
		if !tail.IsValid() {
			return netip.Addr{}
		}
		b := tail.As4()
		s = s[:i+1] + fmt.Sprintf("%x:%x", int(b[0])<<8|int(b[1]), int(b[2])<<8|int(b[3]))
	}
	halves := strings.Split(s, "::")
	groups, ok := slowGroups(halves[0])
	switch len(halves) {
	case 1:
		ok = ok && len(groups) == 8
	case 2: // :: stands for one group of zeros or more
		right, fine := slowGroups(halves[1])
		ok = ok && fine && len(groups)+len(right) <= 7
		for ok && len(groups)+len(right) < 8 {
			groups = append(groups, 0)
		}
		groups = append(groups, right...)
	default:
		ok = false
	}
	if !ok {
		return netip.Addr{}
	}
	var b [16]byte
	for i, g := range groups {
		b[2*i], b[2*i+1] = byte(g>>8), byte(g)
	}
	return netip.AddrFrom16(b)
}

func slowGroups(s string) (groups []uint64, ok bool) {
	if s == "" {
		return nil, true
	}
	for g := range strings.SplitSeq(s, ":") {
		if !slowGroup.MatchString(g) {
			return nil, false
		}
		n, _ := strconv.ParseUint(g, 16, 16)
		groups = append(groups, n)
	}
	return groups, true
}

func slowAddr4(s string) netip.Addr {
	octets := strings.Split(s, ".")
	if len(octets) != 4 {
		return netip.Addr{}
	}
	var b [4]byte
	for i, o := range octets {
		n, _ := strconv.Atoi(o)
		if !slowOctet.MatchString(o) || n > 255 {
			return netip.Addr{}
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b)
}

// The oracle is itself held to what the rules say in so many words.
func TestSlowParse(t *testing.T) {
	for _, tt := range []struct{ in, from, to, why string }{
		{"8.8.8.8", "8.8.8.8", "8.8.8.8", "an address"},
		{"8.8.8.0/24", "8.8.8.0", "8.8.8.255", "a prefix"},
		{"8.8.8.0/255.255.255.0", "8.8.8.0", "8.8.8.255", "a mask"},
		{"\t8.8.8.1 - 8.8.8.20 ", "8.8.8.1", "8.8.8.20", "a range with blanks"},
		{"2606:4700::/32", "2606:4700::", "2606:4700:ffff:ffff:ffff:ffff:ffff:ffff", "a prefix of IPv6"},
		{"::ffff:8.8.8.0/120", "8.8.8.0", "8.8.8.255", "a mapped prefix"},
		{"::fffe:0:0/95", "::fffe:0:0", "::ffff:ffff:ffff", "wider than the mapped addresses"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0", ":: for one group"},
		{"1:2:3:4:5:6:7:8::", "", "", ":: for no group"},
		{"1::2::3", "", "", "two ::"},
		{":::", "", "", "three colons"},
		{"1:2:3:4:5:6:7", "", "", "seven groups"},
		{"8.8.8.08", "", "", "a leading zero"},
		{"8.8.8.8/24", "", "", "host bits"},
		{"8.8.8.0/024", "", "", "a leading zero in the length"},
		{"8.8.8.0/33", "", "", "a length over 32"},
		{"8.8.8.0/255.255.0.255", "", "", "a mask with a gap"},
		{"8.8.8.9-8.8.8.1", "", "", "reversed"},
		{"8.8.8.8-2606:4700::1", "", "", "two families"},
		{"fe80::1%eth0", "", "", "a zone"},
	} {
		from, to, ok := slowParse(tt.in)
		if ok != (tt.from != "") {
			t.Errorf("slowParse(%q) = %v: %s", tt.in, ok, tt.why)
		} else if ok && (from != addr(tt.from) || to != addr(tt.to)) {
			t.Errorf("slowParse(%q) = %v, %v: %s", tt.in, from, to, tt.why)
		}
	}
}
