package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docCorpus is the corpus of addresses that this project shares with others.
// It is not in the module.
const docCorpus = "../../shared/corpus/addresses.tsv"

// docCorpusRows yields the rows of one kind: line number, input, what a
// correct library does, and why.
func docCorpusRows(t *testing.T, kind string, each func(line int, input, want, why string)) {
	text, err := os.ReadFile(docCorpus)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not here; TestGuarantee02EntriesAreStoredCanonical has rows of the same kinds", docCorpus)
	}
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || fields[0] != kind {
			continue
		}
		if len(fields) != 4 {
			t.Fatalf("line %d has %d fields", i+1, len(fields))
		}
		rows++
		each(i+1, docCorpusInput(t, i+1, fields[1]), fields[2], fields[3])
	}
	if rows < 10 {
		t.Errorf("only %d rows of kind %s", rows, kind)
	}
}

// docCorpusInput reads a JSON string, or an object that says how to repeat one.
func docCorpusInput(t *testing.T, line int, field string) (s string) {
	if json.Unmarshal([]byte(field), &s) == nil {
		return s
	}
	var long struct {
		Repeat [2]any
		Tail   string
	}
	if err := json.Unmarshal([]byte(field), &long); err != nil {
		t.Fatalf("line %d: %v", line, err)
	}
	return strings.Repeat(long.Repeat[0].(string), int(long.Repeat[1].(float64))) + long.Tail
}

// docOneEntry returns a document that designates one range.
func docOneEntry(t testing.TB, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"access": "designated", "designated": [{"range": ` + string(quoted) + `}]}`)
}

func TestCorpusEntries(t *testing.T) {
	docCorpusRows(t, "entry", func(line int, input, want, why string) {
		s, p, err := policy.Decode(docOneEntry(t, input), policy.Standard(), nil)
		canonical, accept := strings.CutPrefix(want, "accept ")
		switch {
		case !accept && want != "refuse":
			t.Fatalf("line %d: neither refuse nor accept: %q", line, want)
		case accept && err != nil:
			t.Errorf("line %d: %.80q is refused, want %s (%s): %v", line, input, canonical, why, err)
		case accept && s.Designated[0].Range.String() != canonical:
			t.Errorf("line %d: %.80q reads as %v, want %s: %s", line, input, s.Designated[0].Range, canonical, why)
		case !accept && (err == nil || p != nil || len(s.Designated) > 0):
			t.Errorf("line %d: %.80q is taken as %v: %s", line, input, s.Designated, why)
		case !accept && !strings.HasPrefix(docProblems(t, err)[0].Path, "designated[0].range"):
			t.Errorf("line %d: %.80q is refused at another place: %v", line, input, err)
		}
	})
}

func TestCorpusAddresses(t *testing.T) {
	p, err := policy.Compile(docDesignated("8.8.8.0/24", "2606:4700::/32"), policy.Standard(), nil)
	if err != nil {
		t.Fatal(err)
	}
	decisions := map[string]policy.Decision{
		"in":   {Effect: policy.Allow, Reason: policy.ReasonAddressDesignated},
		"out":  {Effect: policy.Deny, Reason: policy.ReasonAddressNotDesignated},
		"none": {Effect: policy.Deny, Reason: policy.ReasonNoClientAddress},
	}
	docCorpusRows(t, "addr", func(line int, input, want, why string) {
		var a netip.Addr
		if input != "" {
			a = netip.MustParseAddr(input)
		}
		decision, ok := decisions[want]
		if !ok {
			t.Fatalf("line %d: neither in, out nor none: %q", line, want)
		}
		if d := p.Evaluate(policy.Attempt{Addr: a, Client: session.Web, Member: docMember("kim")}); d != decision {
			t.Errorf("line %d: %q: %v, want %v: %s", line, input, d, decision, why)
		}
	})
}

// docTexts are entries of the kinds of which the corpus has more.
var docTexts = []struct{ input, want, why string }{
	// want is the canonical text, or the code of the problem in brackets
	{"01.1.1.1", "[bad-range]", "a leading zero is octal to some"},
	{"1.1.1.1.", "[bad-range]", "a dot at the end"},
	{"0x1.1.1.1", "[bad-range]", "hexadecimal"},
	{"16843009", "[bad-range]", "one decimal number"},
	{"1.1", "[bad-range]", "a short form"},
	{"1.1.1.256", "[bad-range]", "an octet over 255"},
	{"1.1.1.1\u2003", "[bad-range]", "a blank that is not ASCII"},
	{"1.1.1.１", "[bad-range]", "a full-width digit"},
	{"\ufeff1.1.1.1", "[bad-range]", "a byte order mark"},
	{"1.1.1.1\r", "[bad-range]", "a line end"},
	{"1.1.1.1%1", "[bad-range]", "a zone"},
	{"https://1.1.1.1", "[bad-range]", "a URL"},
	{"one.one.one.one", "[bad-range]", "a name, which is never looked up"},
	{"1.1.*.*", "[bad-range]", "wildcards"},
	{" \t ", "[bad-range]", "blanks alone"},
	{"1.1.1.1:443", "[bad-range]", "a port"},
	{"[2620:fe::fe]:443", "[bad-range]", "brackets and a port"},
	{"2620:fe::fe%25en0", "[bad-range]", "a zone as in a URL"},
	{"2620::fe::fe", "[bad-range]", "two gaps"},
	{"1.1.1.0/33", "[bad-range]", "a length over 32"},
	{"2620:fe::/129", "[bad-range]", "a length over 128"},
	{"1.1.1.0/024", "[bad-range]", "a leading zero in the length"},
	{"1.1.1.0/24 ,", "[bad-range]", "something behind it"},
	{"1.1.1.1/24", "[bad-range]", "host bits"},
	{"1.1.1.0/255.0.255.0", "[bad-range]", "a mask with a gap"},
	{"2620:fe::/ffff:ffff::", "[bad-range]", "a mask for IPv6"},
	{"1.1.1.9-1.1.1.1", "[bad-range]", "backwards"},
	{"1.1.1.1-2620:fe::fe", "[bad-range]", "across families"},
	{"1.1.1.1—1.1.1.9", "[bad-range]", "an em dash"},
	{"1.1.1.1-1.1.1.5-1.1.1.9", "[bad-range]", "two dashes"},
	{"::ffff:1.1.1.0/24", "[bad-range]", "a mapped prefix with the length of IPv4"},
	{strings.Repeat("1.1.1.1,", 10_000), "[bad-range]", "longer than any range"},
	{"0.0.0.0-255.255.255.255", "[whole-family]", "all of IPv4 as a range"},
	{"1.0.0.0-223.255.255.255", "[whole-family]", "all of IPv4 that is public"},
	{"::ffff:0.0.0.0/96", "[whole-family]", "all of IPv4 in disguise"},
	{"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[whole-family]", "all of IPv6 as a range"},
	{"2000::/3", "[whole-family]", "all of IPv6 that is public"},
	{"192.168.1.1", "[special-purpose]", "private"},
	{"100.127.255.255", "[special-purpose]", "the last of carrier-grade NAT"},
	{"0.0.0.0", "[special-purpose]", "unspecified"},
	{"::ffff:7f00:1", "[special-purpose]", "loopback in disguise"},
	{"172.15.0.0-172.16.0.0", "[special-purpose]", "public but for the last address"},
	{"fd00::1", "[special-purpose]", "unique local"},
	{"2001:db8::1", "[special-purpose]", "documentation"},
	{"64:ff9b::1.1.1.1", "[special-purpose]", "NAT64"},
	{"2002:101:101::/48", "[special-purpose]", "6to4"},
	{"::ffff:0:1.1.1.1", "[not-public]", "translated, which is not mapped"},
	{"1fff:ffff::1", "[not-public]", "just below 2000::/3"},
	{"4000::", "[not-public]", "just above 2000::/3"},
	{"3fff:ffff::-4000::", "[not-public]", "out of 2000::/3 at one side"},
	{"1.1.1.1", "1.1.1.1", "an address"},
	{"\t1.1.1.1 ", "1.1.1.1", "blanks around it"},
	{"1.1.1.0/24", "1.1.1.0/24", "a prefix"},
	{"1.1.1.1/32", "1.1.1.1", "a prefix of one"},
	{"1.1.0.0/255.255.0.0", "1.1.0.0/16", "a mask"},
	{"1.1.1.0-1.1.1.127", "1.1.1.0/25", "a range that is a prefix"},
	{"1.1.1.1 -\t1.1.1.2", "1.1.1.1-1.1.1.2", "a range that is none"},
	{"::FFFF:101:101", "1.1.1.1", "mapped"},
	{"::ffff:1.1.1.0-::ffff:1.1.1.255", "1.1.1.0/24", "a mapped range"},
	{"2620:00FE:0:0::00FE", "2620:fe::fe", "upper case and long form"},
	{"2620:fe::/48", "2620:fe::/48", "a prefix of IPv6"},
	{"2620:fe::8.8.8.8", "2620:fe::808:808", "dotted digits at the end of a plain IPv6 address"},
	{"172.31.255.255-172.32.0.0", "[special-purpose]", "private but for the last address"},
	{"223.255.255.255", "223.255.255.255", "the last before multicast"},
}

func TestGuarantee02EntriesAreStoredCanonical(t *testing.T) {
	for _, tt := range docTexts {
		s, p, err := policy.Decode(docOneEntry(t, tt.input), policy.Standard(), nil)
		if code, refuse := strings.CutPrefix(tt.want, "["); refuse {
			docRefused(t, fmt.Sprintf("%.80q: %s", tt.input, tt.why), s, p, err, "designated[0].range "+strings.TrimSuffix(code, "]"))
			continue
		}
		if err != nil {
			t.Errorf("%q is refused, want %s (%s): %v", tt.input, tt.want, tt.why, err)
			continue
		}
		if got := s.Designated[0].Range.String(); got != tt.want {
			t.Errorf("%q is stored as %s, want %s: %s", tt.input, got, tt.want, tt.why)
		}
		again, _, err := policy.Decode(docOneEntry(t, tt.want), policy.Standard(), nil)
		if err != nil || !again.Equal(s) {
			t.Errorf("%s reads back as %+v, %v", tt.want, again, err)
		}
	}
}
