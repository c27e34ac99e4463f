package policy_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
)

// docTwentyFaults has a fault of each of twenty kinds, of text and of meaning,
// each in a place of its own.
const docTwentyFaults = `{
 "format": 2,
 "Access": "designated",
 "designated": [
  {"range": "8.8.8.8/24", "label": "host bits"},
  {"range": "10.0.0.0/8", "label": "an intranet"},
  {"range": "8.8.8.0/24", "lable": "a misspelt key"},
  {"label": "no range"},
  {"range": "8.8.4.0/24", "until": "tomorrow"},
  {"range": "8.8.4.0/24", "label": "two\nlines"},
  {"range": "0.0.0.0/0"},
  {"range": 8},
  {"range": null}
 ],
 "outside": "allow",
 "exceptions": [
  {"member": "kim", "member": "lee"},
  {"member": ""},
  {"member": "lee", "ranges": []},
  {"member": "lee", "ranges": ["8.8.8.8"]},
  {"member": "park", "ranges": ["::/0"]},
  {"member": "choi", "until": "0000-06-01T00:00:00Z"}
 ],
 "overseas": {"block": true, "exempt": ["KR", "UK", "KR"]}
}`

func TestGuarantee03EveryProblemIsReported(t *testing.T) {
	s, p, err := policy.Decode([]byte(docTwentyFaults), policy.Standard(), docLocator{})
	docRefused(t, "twenty faults", s, p, err,
		// of the text, in its order
		"format newer-format",
		"Access wrong-case",
		"designated[0].range bad-range",
		"designated[2].lable unknown-key",
		"designated[3].range missing",
		"designated[4].until bad-time",
		"designated[7].range wrong-type",
		"designated[8].range null",
		"exceptions[0].member repeated-key",
		"overseas.exempt[1] unknown-country",
		"overseas.exempt[2] repeated-country",
		// of the meaning
		"outside unknown-outside",
		"designated[1].range special-purpose",
		"designated[5].label bad-label",
		"designated[6].range whole-family",
		"exceptions[1].member bad-member",
		"exceptions[2].ranges empty-ranges",
		"exceptions[3].member repeated-member",
		"exceptions[4].ranges[0] whole-family-excepted",
		"exceptions[5].until bad-end",
	)
	problems := docProblems(t, err)
	if len(problems) != 20 {
		t.Errorf("%d problems, want 20", len(problems))
	}
	codes := map[string]bool{}
	for _, p := range problems {
		codes[p.Code] = true
	}
	if len(codes) != 20 {
		t.Errorf("the twenty faults are of %d kinds", len(codes))
	}

	// Nothing of it is kept where it is read into something, either.
	kept := docDesignated("8.8.8.8")
	if err := kept.UnmarshalJSON([]byte(docTwentyFaults)); err == nil || !kept.Equal(docDesignated("8.8.8.8")) {
		t.Errorf("UnmarshalJSON leaves %+v, %v", kept, err)
	}
}

// Mended one by one, the faults are told one fewer each time: none hides
// another.
func TestGuarantee03NoProblemHidesAnother(t *testing.T) {
	doc := docTwentyFaults
	for n, mend := range [][2]string{
		{`"format": 2`, `"format": 1`},
		{`"Access"`, `"access"`},
		{`8.8.8.8/24`, `8.8.8.0/24`},
		{`10.0.0.0/8`, `11.0.0.0/8`},
		{`"lable"`, `"label"`},
		{`{"label": "no range"}`, `{"range": "9.9.9.9", "label": "a range"}`},
		{`tomorrow`, `2027-01-01T00:00:00Z`},
		{`two\nlines`, `one line`},
		{`0.0.0.0/0`, `9.9.9.0/24`},
		{`"range": 8}`, `"range": "8.8.8.8"}`},
		{`null`, `"8.8.8.8"`},
		{`"allow"`, `"verify"`},
		{`"kim", "member": "lee"`, `"kim"`},
		{`"member": ""`, `"member": "jung"`},
		{`"ranges": []`, `"note": "anywhere"`},
		{`{"member": "lee", "ranges": ["8.8.8.8"]}`, `{"member": "han", "ranges": ["8.8.8.8"]}`},
		{`::/0`, `2606:4700::/32`},
		{`0000-`, `2027-`},
		{`"UK"`, `"GB"`},
		{`"GB", "KR"`, `"GB"`},
	} {
		_, _, err := policy.Decode([]byte(doc), policy.Standard(), docLocator{})
		if got := len(docProblems(t, err)); got != 20-n {
			t.Errorf("%d problems with %d mended:\n%v", got, n, err)
		}
		if strings.Count(doc, mend[0]) != 1 {
			t.Fatalf("%s stands there %d times", mend[0], strings.Count(doc, mend[0]))
		}
		doc = strings.Replace(doc, mend[0], mend[1], 1)
	}
	if s, p, err := policy.Decode([]byte(doc), policy.Standard(), docLocator{}); err != nil || p == nil || len(s.Designated) != 9 {
		t.Errorf("all mended: %+v, %v", s, err)
	}
}

// docMessages are what is printed of each problem: where, what, and how to
// mend it.
const docMessages = `policy: 20 problems
	format: format 2 is newer than this program, which reads 1; upgrade this program, or write format 1
	Access: the key is access, not "Access"; write the key in lower case
	designated[0].range: "8.8.8.8/24": bits are set beyond the prefix length; write 8.8.8.0/24 for the block or 8.8.8.8 for the one address
	designated[2].lable: there is no key "lable" here, only label, range, until; remove it or correct its name
	designated[3].range: there is no range; add it
	designated[4].until: "tomorrow" is no time; write a time as in RFC 3339 (2027-01-31T15:00:00Z)
	designated[7].range: a number where a string belongs; see the package comment for the form of a document
	designated[8].range: null where a string belongs; leave the key out or give it a value
	exceptions[0].member: the key "member" stands there twice; keep one of the two
	overseas.exempt[1]: "UK": not a country code of ISO 3166-1; write "GB"
	overseas.exempt[2]: KR stands in the list already; keep one of the two
	outside: allow is not for addresses off the list; write "deny" or "verify"
	designated[1].range: 10.0.0.0/8 touches 10.0.0.0/8 (Private-Use); only public addresses can be designated
	designated[5].label: "two\nlines" is too long or not plain text; write at most 500 bytes of plain text
	designated[6].range: 0.0.0.0/0 holds every IPv4 address; to let every address in, switch the restriction off (access: all)
	exceptions[1].member: "" is no member's id; write the member's id: at most 256 bytes of plain text
	exceptions[2].ranges: an exception that holds nowhere; leave out the ranges to except the member everywhere, or name some
	exceptions[3].member: "lee" is an exception in exceptions[2] already; make one exception of the two
	exceptions[4].ranges[0]: ::/0 holds every IPv6 address; to except the member everywhere, leave out the ranges
	exceptions[5].until: an end in the year 0; write a time in the years 1 to 9999`

func TestInvalidErrorText(t *testing.T) {
	_, _, err := policy.Decode([]byte(docTwentyFaults), policy.Standard(), docLocator{})
	if got := err.Error(); got != docMessages {
		t.Errorf("prints\n%s\nwant\n%s", got, docMessages)
	}
	_, _, err = policy.Decode([]byte(`{"access": "all", "x": 1}`), policy.Standard(), nil)
	if got, want := err.Error(), `policy: x: there is no key "x" here, only access, designated, exceptions, format, outside, overseas; remove it or correct its name`; got != want {
		t.Errorf("one problem prints as\n%s\nwant\n%s", got, want)
	}
}

func TestInvalidErrorUnwraps(t *testing.T) {
	_, _, err := policy.Decode([]byte(docTwentyFaults), policy.Standard(), docLocator{})
	var problem policy.Problem
	if !errors.As(err, &problem) || problem.Path != "format" || problem.Code != "newer-format" || problem.Input != "2" {
		t.Errorf("As finds the problem %+v", problem)
	}
	var parse *ipset.ParseError
	if !errors.As(err, &parse) || parse.Input != "8.8.8.8/24" || parse.Err != ipset.ErrHostBits {
		t.Errorf("As finds the parse error %+v", parse)
	}
	if !errors.Is(err, ipset.ErrHostBits) || errors.Is(err, ipset.ErrMask) {
		t.Error("Is does not find what is wrong with a range, and only that")
	}
	var invalid *policy.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Unwrap()) != len(invalid.Problems) {
		t.Fatal("Unwrap does not return every problem")
	}
	for i, p := range invalid.Problems {
		if !errors.Is(invalid.Unwrap()[i], p.Err) || errors.Unwrap(p) != p.Err {
			t.Errorf("problem %d, %v, does not unwrap", i, p)
		}
	}
	var zero policy.InvalidError
	if zero.Error() == "" || len(zero.Unwrap()) != 0 || (policy.Problem{Path: "access", Err: errors.New("x")}).Error() != "access: x" {
		t.Error("errors that a host makes itself do not print")
	}
}

// The codes are stable: translations and programs hang on them.
func TestProblemCodesAreKept(t *testing.T) {
	codes := maps.Collect(policy.ProblemCodes())
	want := strings.Fields(`bad-act-id bad-provisional bad-end bad-label bad-member bad-range bad-time empty-ranges ipv4-only missing newer-format no-clients no-exceptions not-in-plan unknown-plan
		no-from-to no-locator no-overseas-blocking no-profile no-range not-public not-utf8 null repeated-country repeated-key repeated-member special-purpose syntax
		too-large too-many too-many-problems trailing-data unknown-access unknown-clients unknown-country unknown-format unknown-key unknown-outside whole-family
		whole-family-excepted wrong-case wrong-type`)
	for _, code := range want {
		if codes[code] == "" {
			t.Errorf("the code %s is gone; programs know it", code)
		}
	}
	n := 0
	for code, mend := range policy.ProblemCodes() {
		if n++; mend == "" || mend != (policy.Problem{Code: code}).Mend() || !slices.Contains(want, code) {
			t.Errorf("code %s: %q; if it is new, name it here", code, mend)
		}
	}
	if n != len(codes) {
		t.Error("a code comes twice")
	}
	for range policy.ProblemCodes() {
		break // stops when told
	}
	if (policy.Problem{Code: "no such code"}).Mend() != "" {
		t.Error("an unknown code has a remedy")
	}
}

func TestProblemJSON(t *testing.T) {
	_, _, err := policy.Decode([]byte(`{"access": "all", "designated": [{"range": "8.8.8.8/24"}]}`), policy.Standard(), nil)
	var invalid *policy.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	got, err := json.Marshal(invalid.Problems)
	want := `[{"path":"designated[0].range","code":"bad-range","input":"8.8.8.8/24",` +
		`"message":"designated[0].range: \"8.8.8.8/24\": bits are set beyond the prefix length; write 8.8.8.0/24 for the block or 8.8.8.8 for the one address"}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
