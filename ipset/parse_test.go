package ipset_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// accepted are entries with their canonical text. They also seed the fuzzers.
var accepted = []struct{ in, want, why string }{
	{"1.2.3.4", "1.2.3.4", "an address"},
	{"0.0.0.0", "0.0.0.0", "the first of all; whether it is of use is not asked here"},
	{"255.255.255.255", "255.255.255.255", "the last IPv4 address"},
	{"1.2.3.4/32", "1.2.3.4", "a prefix of one address"},
	{"1.2.3.0/24", "1.2.3.0/24", "a prefix"},
	{"1.2.3.4/30", "1.2.3.4/30", "a prefix that ends inside an octet"},
	{"128.0.0.0/1", "128.0.0.0/1", "a length of one digit"},
	{"0.0.0.0/0", "0.0.0.0/0", "all of IPv4; a profile refuses it, the parser does not"},
	{"1.2.0.0/255.255.0.0", "1.2.0.0/16", "a mask"},
	{"1.2.3.4/255.255.255.252", "1.2.3.4/30", "a mask that ends inside an octet"},
	{"1.2.3.4/255.255.255.255", "1.2.3.4", "the longest mask"},
	{"0.0.0.0/0.0.0.0", "0.0.0.0/0", "the shortest mask"},
	{"1.2.3.4-1.2.3.9", "1.2.3.4-1.2.3.9", "a range"},
	{"1.2.3.4-1.2.3.7", "1.2.3.4/30", "a range that is a prefix"},
	{"1.2.3.4-1.2.3.4", "1.2.3.4", "a range of one"},
	{"1.255.255.255-2.0.0.0", "1.255.255.255-2.0.0.0", "a range over all octets"},
	{"0.0.0.0-255.255.255.255", "0.0.0.0/0", "all of IPv4 as a range"},
	{"\t 1.2.3.4  ", "1.2.3.4", "blanks around"},
	{"  1.2.3.4\t-\t1.2.3.9 ", "1.2.3.4-1.2.3.9", "blanks around and inside"},
	{" 1.2.3.0/24 ", "1.2.3.0/24", "blanks around a prefix"},
	{"2a00:1450::1", "2a00:1450::1", "an IPv6 address"},
	{"2A00:1450:0:0:0:0:00A:000F", "2a00:1450::a:f", "upper case, long, zeros in front of a group"},
	{"2a00:1450:1:2:3:4:5::", "2a00:1450:1:2:3:4:5:0", ":: for one group"},
	{"2a00:1450::1.2.3.4", "2a00:1450::102:304", "the last groups as IPv4 under another prefix"},
	{"2a00:1450::/32", "2a00:1450::/32", "an IPv6 prefix"},
	{"2a00:1450::1/128", "2a00:1450::1", "an IPv6 prefix of one"},
	{"::/0", "::/0", "all of IPv6"},
	{"2a00:1450::-2a00:1450::ffff", "2a00:1450::/112", "an IPv6 range that is a prefix"},
	{"2a00:1450::1-2a00:1450::ffff", "2a00:1450::1-2a00:1450::ffff", "an IPv6 range"},
	{"::ffff:1.2.3.4", "1.2.3.4", "mapped"},
	{"::FFFF:102:304", "1.2.3.4", "mapped, in hexadecimal and upper case"},
	{"::ffff:1.2.3.4/128", "1.2.3.4", "a mapped prefix of one"},
	{"::ffff:1.2.3.0/120", "1.2.3.0/24", "a mapped prefix"},
	{"::ffff:0:0/96", "0.0.0.0/0", "all that is mapped is all of IPv4"},
	{"::ffff:1.2.3.4-::ffff:1.2.3.9", "1.2.3.4-1.2.3.9", "a mapped range"},
	{"1.2.3.4-::ffff:1.2.3.9", "1.2.3.4-1.2.3.9", "a range with one end mapped"},
	{"::ffff:0:1.2.3.4", "::ffff:0:102:304", "SIIT is not mapped"},
	{"::1.2.3.4", "::102:304", "compatible is not mapped"},
	{"::fffe:0:0/95", "::fffe:0:0/95", "wider than the mapped addresses"},
	{"::fffe:0:0-::ffff:1.2.3.4", "::fffe:0:0-::ffff:1.2.3.4", "an IPv6 range that ends among the mapped addresses"},
	{strings.Repeat(" ", 249) + "1.2.3.4", "1.2.3.4", "256 bytes, blanks included"},
}

func TestParseRangeAccepts(t *testing.T) {
	for _, tt := range accepted {
		r, err := ipset.ParseRange(tt.in)
		if err != nil || r.String() != tt.want {
			t.Errorf("ParseRange(%q) = %v, %v, want %s: %s", tt.in, r, err, tt.want, tt.why)
		}
	}
}

func TestParseRangeRefuses(t *testing.T) {
	for _, tt := range refused {
		r, err := ipset.ParseRange(tt.in)
		var bad *ipset.ParseError
		if !errors.As(err, &bad) {
			t.Errorf("ParseRange(%.80q) = %v, %v, want an error: %s", tt.in, r, err, tt.why)
			continue
		}
		if !r.IsZero() || bad.Err != tt.err || !errors.Is(err, tt.err) || bad.Input != tt.in {
			t.Errorf("ParseRange(%.80q) = %v and %v of %.80q, want %v: %s", tt.in, r, bad.Err, bad.Input, tt.err, tt.why)
		}
		if !strings.Contains(bad.Hint, tt.hint) || !strings.Contains(err.Error(), bad.Hint) {
			t.Errorf("ParseRange(%.80q): %v; want the hint %q: %s", tt.in, err, tt.hint, tt.why)
		}
	}
}

// A bad entry is refused in every company, and in all that takes text.
func TestRefusedByAll(t *testing.T) {
	for _, tt := range refused {
		if set, err := ipset.Parse("8.8.8.8", tt.in); set != nil || !errors.Is(err, tt.err) {
			t.Errorf("Parse(%.80q) = %v, %v: %s", tt.in, set, err, tt.why)
		}
		r := ipset.MustParseRange("9.9.9.9")
		if err := r.UnmarshalText([]byte(tt.in)); !errors.Is(err, tt.err) || r != ipset.MustParseRange("9.9.9.9") {
			t.Errorf("UnmarshalText(%.80q) = %v, %v; want it unchanged: %s", tt.in, r, err, tt.why)
		}
		mustPanic(t, "MustParseRange: "+tt.why, func() { ipset.MustParseRange(tt.in) })
		mustPanic(t, "MustParse: "+tt.why, func() { ipset.MustParse("8.8.8.8", tt.in) })
	}
}

func mustPanic(t *testing.T, why string, f func()) {
	t.Helper()
	defer func() {
		if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "ipset: ") || len(s) > 600 {
			t.Errorf("want a panic that names the package and the entry: %s", why)
		}
	}()
	f()
}

func TestGuarantee03ParseReportsEveryBadEntry(t *testing.T) {
	for _, tt := range []struct {
		entries []string
		want    []string // places and sentinels, in order
		why     string
	}{
		{[]string{"8.8.8.8", "2606:4700::/32"}, nil, "all are good"},
		{nil, nil, "no entries are no bad entries"},
		{[]string{"x"}, []string{`entry 0: "x": ` + ipset.ErrAddress.Error()}, "the only one"},
		{[]string{"8.8.8.8", "8.8.8.0/33"}, []string{`entry 1: "8.8.8.0/33": ` + ipset.ErrPrefixLength.Error()}, "the last one"},
		{[]string{"8.8.8.8/24", "8.8.8.8", "", "8.8.4.4", "fe80::1%eth0", "8.8.4.4"}, []string{
			`entry 0: "8.8.8.8/24": ` + ipset.ErrHostBits.Error(),
			`entry 2: "": ` + ipset.ErrEmpty.Error(),
			`entry 4: "fe80::1%eth0": ` + ipset.ErrZone.Error(),
		}, "the first, one between, one near the end"},
		{[]string{"x", "x"}, []string{`entry 0: "x": `, `entry 1: "x": `}, "the same twice, each at its place"},
	} {
		set, err := ipset.Parse(tt.entries...)
		if len(tt.want) == 0 {
			if err != nil || set == nil {
				t.Errorf("Parse(%q) = %v, %v: %s", tt.entries, set, err, tt.why)
			}
			continue
		}
		if set != nil {
			t.Errorf("Parse(%q) = %v; a list with a bad entry is no set: %s", tt.entries, set, tt.why)
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != len(tt.want) {
			t.Errorf("Parse(%q): %v, want %d errors: %s", tt.entries, err, len(tt.want), tt.why)
			continue
		}
		for i, e := range joined.Unwrap() {
			var bad *ipset.ParseError
			if !strings.HasPrefix(e.Error(), tt.want[i]) || !errors.As(e, &bad) {
				t.Errorf("Parse(%q): %v, want %s and a *ParseError: %s", tt.entries, e, tt.want[i], tt.why)
			}
		}
	}
}

func TestParseErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  ipset.ParseError
		want string
		why  string
	}{
		{ipset.ParseError{}, `"": <nil>`, "the zero value does not panic"},
		{ipset.ParseError{Input: "x", Err: ipset.ErrAddress}, `"x": not an IP address`, "no hint"},
		{ipset.ParseError{Input: "x", Err: ipset.ErrAddress, Hint: "try y"}, `"x": not an IP address; try y`, "a hint"},
		{ipset.ParseError{Input: "\x1b[31m\n\u202e", Err: ipset.ErrAddress}, `"\x1b[31m\n\u202e": not an IP address`, "what a terminal or a log would obey is quoted"},
		{ipset.ParseError{Input: strings.Repeat("x", 64), Err: ipset.ErrAddress}, `"` + strings.Repeat("x", 64) + `": not an IP address`, "64 bytes are shown"},
		{ipset.ParseError{Input: strings.Repeat("x", 65), Err: ipset.ErrAddress}, `"` + strings.Repeat("x", 64) + `"…: not an IP address`, "and no more"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%#v: %s, want %s: %s", tt.err, got, tt.want, tt.why)
		}
	}
}
