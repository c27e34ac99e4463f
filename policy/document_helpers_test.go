package policy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docExample is the document of the package comment, which shows every field.
const docExample = `{"format": 1,
 "access": "designated",
 "designated": [{"range": "8.8.8.0/24", "label": "Head office"}, {"range": "2606:4700::/32", "until": "2027-01-31T15:00:00Z"}],
 "outside": "verify",
 "exceptions": [{"member": "kim", "note": "on the road"}, {"member": "lee", "ranges": ["1.208.0.0/12"], "until": "2027-01-08T00:00:00Z"}],
 "overseas": {"block": true, "exempt": ["JP", "KR"]}}`

// docLocator is a country database of two blocks.
type docLocator struct{}

func (docLocator) Country(a netip.Addr) geo.Country {
	switch {
	case docRange("1.0.0.0/8").Contains(a):
		return docKR
	case docRange("2606:4700::/32").Contains(a):
		return docUS
	}
	return geo.Country{}
}

var (
	docKR = geo.MustParseCountry("KR")
	docJP = geo.MustParseCountry("JP")
	docUS = geo.MustParseCountry("US")

	// docNow is an instant that the tests take for now.
	docNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

func docRange(s string) ipset.Range { return ipset.MustParseRange(s) }

func docRanges(texts ...string) []ipset.Range {
	ranges := make([]ipset.Range, len(texts))
	for i, s := range texts {
		ranges[i] = docRange(s)
	}
	return ranges
}

func docEntries(texts ...string) []policy.Entry {
	entries := make([]policy.Entry, len(texts))
	for i, s := range texts {
		entries[i].Range = docRange(s)
	}
	return entries
}

// docDesignated returns settings that designate some ranges.
func docDesignated(texts ...string) policy.Settings {
	return policy.Settings{Access: policy.DesignatedAddresses, Designated: docEntries(texts...)}
}

// docMember returns a member who may log in.
func docMember(id member.ID) *member.Member {
	return &member.Member{ID: id, Status: member.Active}
}

// docProfile returns Standard, altered.
func docProfile(alter func(p *policy.Profile)) *policy.Profile {
	p := policy.Standard()
	if alter != nil {
		alter(p)
	}
	return p
}

// docProblems returns the problems of an error, which must be an InvalidError
// that keeps what its comment promises.
func docProblems(t testing.TB, err error) []policy.Problem {
	t.Helper()
	var invalid *policy.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("error %v is a %T, want an *InvalidError", err, err)
	}
	if n := len(invalid.Problems); n == 0 || n > policy.MaxProblems {
		t.Errorf("%d problems in one error", n)
	}
	for _, p := range invalid.Problems {
		if p.Path == "" || p.Err == nil || p.Mend() == "" || len(p.Input) > 64 {
			t.Errorf("problem without a place, an error or a remedy, or with all of the input: %+v", p)
		}
	}
	return invalid.Problems
}

// docCodes returns problems as "path code".
func docCodes(problems []policy.Problem) []string {
	codes := make([]string, len(problems))
	for i, p := range problems {
		codes[i] = p.Path + " " + p.Code
	}
	return codes
}

// docRefused checks that an error has exactly the wanted problems, as "path
// code", and that nothing was returned beside it.
func docRefused(t testing.TB, why string, s policy.Settings, p *policy.Policy, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted as %+v, want %q", why, s, want)
		return
	}
	if !s.Equal(policy.Settings{}) || p != nil {
		t.Errorf("%s: returned %+v and %v beside an error", why, s, p)
	}
	if got := docCodes(docProblems(t, err)); !slices.Equal(got, want) {
		t.Errorf("%s: problems\n\t%s\nwant\n\t%s", why, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// docShort cuts a document for a message.
func docShort(doc string) string { return fmt.Sprintf("%.100q", doc) }

// docRandom makes random settings that compile under Standard with a locator.
func docRandom(rng *rand.Rand) policy.Settings {
	s := policy.Settings{
		Access:  policy.Access(rng.IntN(2)),
		Outside: []policy.Effect{policy.Deny, policy.Verify}[rng.IntN(2)],
	}
	for range rng.IntN(6) {
		s.Designated = append(s.Designated, policy.Entry{Range: docRandomRange(rng), Label: docRandomText(rng), Until: docRandomEnd(rng)})
	}
	for i := range rng.IntN(5) {
		x := policy.Exception{Member: member.ID(fmt.Sprint(i, docRandomText(rng))), Note: docRandomText(rng), Until: docRandomEnd(rng)}
		for range rng.IntN(4) {
			x.Ranges = append(x.Ranges, docRandomRange(rng))
		}
		s.Exceptions = append(s.Exceptions, x)
	}
	s.Overseas.Block = rng.IntN(2) == 0
	for c := range geo.AllCountries().All() {
		if rng.IntN(50) == 0 {
			s.Overseas.Exempt = s.Overseas.Exempt.With(c)
		}
	}
	return s
}

// docRandomRange returns a public address, prefix or range.
func docRandomRange(rng *rand.Rand) ipset.Range {
	a, b := netip.AddrFrom4([4]byte{8, 8, byte(rng.UintN(256)), byte(rng.UintN(256))}), netip.AddrFrom4([4]byte{8, 9, byte(rng.UintN(256)), byte(rng.UintN(256))})
	if rng.IntN(2) == 0 {
		six := [16]byte{0x26, 0x06, 0x47, 15: byte(rng.UintN(256))}
		a = netip.AddrFrom16(six)
		six[5] = byte(1 + rng.UintN(255))
		b = netip.AddrFrom16(six)
	}
	switch rng.IntN(3) {
	case 0:
		b = a
	case 1:
		p, _ := a.Prefix(a.BitLen() - rng.IntN(16))
		return ipset.RangeOf(p)
	}
	r, err := ipset.RangeFrom(a, b)
	if err != nil {
		panic(err)
	}
	return r
}

func docRandomText(rng *rand.Rand) string {
	signs := []rune(`aZ09 "\/<>&'{}[]:,#é한글日本🏢` + "\u00a0\u200d\u2028")
	text := make([]rune, rng.IntN(12))
	for i := range text {
		text[i] = signs[rng.IntN(len(signs))]
	}
	return string(text)
}

// docRandomEnd returns an instant in the years 1 to 9999 in some time zone, or
// no end.
func docRandomEnd(rng *rand.Rand) time.Time {
	if rng.IntN(2) == 0 {
		return time.Time{}
	}
	zone := time.FixedZone("somewhere", rng.IntN(28*3600)-14*3600)
	return time.Date(1+rng.IntN(9998), time.Month(1+rng.IntN(12)), 1+rng.IntN(28), 12, rng.IntN(60), rng.IntN(60), rng.IntN(2)*rng.IntN(1e9), zone)
}

// docGarbage makes settings of which hardly any compile.
func docGarbage(rng *rand.Rand) policy.Settings {
	odd := func() ipset.Range {
		return []ipset.Range{{}, docRange("0.0.0.0/0"), docRange("::/0"), docRange("10.0.0.0/8"), docRange("::1-2000::"), docRange("255.255.255.255"),
			docRange("::ffff:1.2.3.4-ffff::"), docRange("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), docRandomRange(rng)}[rng.IntN(9)]
	}
	text := func() string {
		return []string{"", "kim", "lee", "\xff\xfe", "a\x00\x1b\n\u202e", strings.Repeat("x", 1000), docRandomText(rng)}[rng.IntN(7)]
	}
	end := func() time.Time {
		return []time.Time{{}, time.Unix(1<<62, 0), time.Unix(-1<<62, 999), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Now(), docNow}[rng.IntN(7)]
	}
	s := policy.Settings{
		Access:   []policy.Access{0, 1, 1, 2, 200}[rng.IntN(5)],
		Outside:  []policy.Effect{0, 1, 2, 3, 9}[rng.IntN(5)],
		Overseas: policy.Overseas{Block: rng.IntN(2) == 0, Exempt: geo.CountriesOf(docKR, geo.Country{})},
	}
	for range rng.IntN(5) {
		s.Designated = append(s.Designated, policy.Entry{Range: odd(), Label: text(), Until: end()})
	}
	for range rng.IntN(5) {
		x := policy.Exception{Member: member.ID(text()), Note: text(), Until: end()}
		if rng.IntN(2) == 0 {
			x.Ranges = []ipset.Range{}
		}
		for range rng.IntN(3) {
			x.Ranges = append(x.Ranges, odd())
		}
		s.Exceptions = append(s.Exceptions, x)
	}
	return s
}

// docAttempts are attempts that settings of these tests decide differently.
func docAttempts(addrs ...string) []policy.Attempt {
	var attempts []policy.Attempt
	for _, a := range addrs {
		for _, id := range []member.ID{"kim", "lee", "nobody"} {
			for _, c := range []session.Client{session.Web, session.IMAP, session.Mobile} {
				attempts = append(attempts, policy.Attempt{Addr: netip.MustParseAddr(a), Client: c, Member: docMember(id), At: docNow})
			}
		}
	}
	return attempts
}

// docDecide returns the decisions on attempts.
func docDecide(p *policy.Policy, attempts []policy.Attempt) []policy.Decision {
	decisions := make([]policy.Decision, len(attempts))
	for i, a := range attempts {
		decisions[i] = p.Evaluate(a)
	}
	return decisions
}

// docCheckPrinted checks that a text can be printed to a terminal and to a log
// of lines: nothing in it moves a cursor, hides or turns what stands beside it,
// or begins a line that it does not own. A list of problems begins each of its
// lines with a tab.
func docCheckPrinted(t testing.TB, why, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		rest, indented := strings.CutPrefix(line, "\t")
		if i > 0 && !indented {
			t.Errorf("%s: a line that is not one of the list: %.200q", why, line)
		}
		if !utf8.ValidString(rest) || strings.ContainsFunc(rest, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: printed raw: %.500q", why, line)
		}
		if len(rest) > 700 {
			t.Errorf("%s: not cut: %d bytes: %.200q", why, len(rest), rest)
		}
	}
}
