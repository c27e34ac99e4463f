package policy_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docFaults are documents with what is wrong with them, as "path code".
var docFaults = []struct {
	doc  string
	want []string
	why  string
}{
	// keys
	{`{}`, []string{"access missing"}, "a forgotten access must not open the doors"},
	{`{"format": 1, "designated": [{"range": "8.8.8.8"}]}`, []string{"access missing"}, "a list without access is in force nowhere"},
	{`{"access": "all", "acess": "designated"}`, []string{"acess unknown-key"}, "a misspelt key is no comment"},
	{`{"access": "all", "designated": [{"range": "8.8.8.8", "lable": "x"}]}`, []string{"designated[0].lable unknown-key"}, "unknown in an entry"},
	{`{"access": "all", "exceptions": [{"member": "kim", "range": "8.8.8.8"}]}`, []string{"exceptions[0].range unknown-key"}, "an exception has ranges, and without them holds everywhere"},
	{`{"access": "all", "overseas": {"blocked": true}}`, []string{"overseas.blocked unknown-key"}, "unknown in overseas"},
	{`{"access": "all", "x": {"access": [1, {"a": null}], "b": {}}, "y": [[], {}]}`, []string{"x unknown-key", "y unknown-key"}, "what stands below an unknown key is passed over"},
	{`{"access": "all", "": 1}`, []string{`"" unknown-key`}, "an empty key"},
	{`{"access": "all", "designated[0]": 1}`, []string{`"designated[0]" unknown-key`}, "a key that looks like a path is quoted in the path"},
	{`{"access": "all", "a\nb\u202e": 1}`, []string{`"a\nb\u202e" unknown-key`}, "a key that would break the line"},
	{`{"access": "all", "access": "designated"}`, []string{"access repeated-key"}, "readers disagree on which of two counts"},
	{`{"access": "all", "designated": [], "designated": []}`, []string{"designated repeated-key"}, "a list that comes twice"},
	{`{"access": "all", "designated": [{"range": "8.8.8.8", "range": "8.8.8.8"}]}`, []string{"designated[0].range repeated-key"}, "also where both say the same"},
	{`{"access": "all", "exceptions": [{"member": "kim", "until": "2027-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}]}`, []string{"exceptions[0].until repeated-key"}, "repeated in an exception"},
	{`{"access": "all", "overseas": {"block": false, "block": true}}`, []string{"overseas.block repeated-key"}, "repeated in overseas"},
	{`{"access": "all", "acc\u0065ss": "designated"}`, []string{"access repeated-key"}, "an escape spells the same key"},
	{`{"access": "all", "x": 1, "x": 2, "x": 3}`, []string{"x unknown-key", "x repeated-key", "x repeated-key"}, "an unknown key that comes thrice"},
	{`{"Access": "all"}`, []string{"Access wrong-case"}, "encoding/json would take it"},
	{`{"access": "all", "Designated": [{"range": "10.0.0.1"}]}`, []string{"Designated wrong-case"}, "its value is not read"},
	{`{"access": "all", "designated": [{"RANGE": "8.8.8.8"}]}`, []string{"designated[0].RANGE wrong-case"}, "one fault and not two: the range is there"},
	{`{"access": "all", "exceptions": [{"Member": "kim"}, {"member": "kim", "Ranges": []}]}`, []string{"exceptions[0].Member wrong-case", "exceptions[1].Ranges wrong-case"}, "one fault for each"},
	{`{"access": "all", "overseas": {"BLOCK": true}}`, []string{"overseas.BLOCK wrong-case"}, "wrong case in overseas"},
	{`{"acceſſ": "all"}`, []string{`"acceſſ" wrong-case`}, "the long s folds to s, and encoding/json folds"},
	{`{"access": "all", "overseas": {"bloc\u212a": true}}`, []string{"overseas.\"bloc\u212a\" wrong-case"}, "the Kelvin sign folds to k"},
	{`{"access": "all", "Access": "designated"}`, []string{"Access wrong-case"}, "both spellings: encoding/json would take the last"},
	{`{"access": "all", "d": 1, "designated": [{"range": "10.0.0.1"}, {}, {"range": "10.0.0.1"}]}`, []string{"d unknown-key", "designated[1].range missing", "designated[0].range special-purpose", "designated[2].range special-purpose"}, "what cannot be read hides nothing that is named alike"},

	// the form of a document
	{``, []string{"document syntax"}, "empty"},
	{" \n\t", []string{"document syntax"}, "blank"},
	{`null`, []string{"document null"}, "nothing"},
	{`"access"`, []string{"document wrong-type"}, "a string"},
	{`[{"access": "all"}]`, []string{"document wrong-type"}, "a list"},
	{`{"access": "all"}{"access": "all"}`, []string{"document trailing-data"}, "two documents"},
	{`{"access": "all"}]`, []string{"document trailing-data"}, "a bracket too many"},
	{`{"access": "all"} // open`, []string{"document trailing-data"}, "a comment behind it"},
	{"{\"access\": \"all\"}\x00", []string{"document trailing-data"}, "NUL is no blank"},
	{"{\"access\": \"all\"}\u00a0", []string{"document trailing-data"}, "a no-break space is no blank"},
	{`{"access": "all",}`, []string{"document syntax"}, "a comma too many"},
	{`{"access": 'all'}`, []string{"document syntax"}, "single quotes"},
	{`{access: "all"}`, []string{"document syntax"}, "a key without quotes"},
	{`/* */ {"access": "all"}`, []string{"document syntax"}, "a comment before it"},
	{`{"access": "all", "designated": [{"range": "8.8.8.8"},]}`, []string{"document syntax"}, "a comma too many in a list; the entry that is not there has no fault of its own"},
	{`{"access": "all", "designated": [{"label": "x"}, {"lab`, []string{"document syntax", "designated[0].range missing"}, "cut off: what stands before it is judged, what may be lost is not"},
	{`{"access": "all", "format": +1}`, []string{"document syntax"}, "a number with a sign"},
	{"{\"access\": \"a\nll\"}", []string{"document syntax"}, "a line end in a string"},
	{`{"access": "\x61ll"}`, []string{"document syntax"}, "an escape that JSON does not have"},
	{"\ufeff{\"access\": \"all\"}", []string{"document syntax"}, "a byte order mark, as RFC 8259 has it"},
	{"\xff\xfe{\x00}\x00", []string{"document not-utf8", "document syntax"}, "UTF-16"},
	{"{\"access\": \"all\", \"designated\": [{\"range\": \"8.8.8.8\", \"label\": \"B\xfcro\"}]}", []string{"document not-utf8", "designated[0].label bad-label"}, "Latin-1: encoding/json would write U+FFFD in silence"},
	{"{\"access\": \"all\", \"exceptions\": [{\"member\": \"\xed\xa0\x80\"}]}", []string{"document not-utf8", "exceptions[0].member bad-member"}, "a surrogate in UTF-8"},
	{`{"access": "all", "designated": [{"range": "8.8.8.8", "label": "\ud83c"}]}`, []string{"designated[0].label bad-label"}, "half a pair in an escape"},
	{`{"access": "all", "exceptions": [{"member": "\udfe2\ud83c"}]}`, []string{"exceptions[0].member bad-member"}, "a pair the wrong way round must not become some member"},
	{`{"access": "all", "\ud800": 1}`, []string{"\"\ufffd\" unknown-key"}, "half a pair in a key"},

	// the format
	{`{"format": 2, "access": "all"}`, []string{"format newer-format"}, "a newer document may mean something else"},
	{`{"format": 2, "access": "some", "zones": []}`, []string{"format newer-format", "access unknown-access", "zones unknown-key"}, "and what else is wrong with it"},
	{`{"format": 0, "access": "all"}`, []string{"format unknown-format"}, "there never was a format 0"},
	{`{"format": -1, "access": "all"}`, []string{"format unknown-format"}, "negative"},
	{`{"format": 1.0, "access": "all"}`, []string{"format unknown-format"}, "1 is written as 1"},
	{`{"format": 1e0, "access": "all"}`, []string{"format unknown-format"}, "and not with an exponent"},
	{`{"format": "1", "access": "all"}`, []string{"format wrong-type"}, "a string"},
	{`{"format": true, "access": "all"}`, []string{"format wrong-type"}, "a bool"},
	{`{"format": null, "access": "all"}`, []string{"format null"}, "leave it out instead"},
	{`{"format": 1e999999999, "access": "all"}`, []string{"format unknown-format"}, "a huge number costs nothing"},
	{`{"format": ` + strings.Repeat("9", 100_000) + `, "access": "all"}`, []string{"format unknown-format"}, "a hundred thousand digits"},

	// words
	{`{"access": "All"}`, []string{"access unknown-access"}, "in lower case"},
	{`{"access": ""}`, []string{"access unknown-access"}, "empty"},
	{`{"access": "all "}`, []string{"access unknown-access"}, "a blank"},
	{`{"access": "designated", "outside": "allow"}`, []string{"outside unknown-outside"}, "to let in who is off the list is to have none"},
	{`{"access": "designated", "outside": "change-password"}`, []string{"outside unknown-outside"}, "an effect, but not for this"},
	{`{"access": "designated", "outside": "ask"}`, []string{"outside unknown-outside"}, "no effect"},
	{`{"access": "all", "overseas": {"exempt": ["kr", "KOR", "", "UK", "EU", "KR "]}}`, []string{"overseas.exempt[0] unknown-country", "overseas.exempt[1] unknown-country", "overseas.exempt[2] unknown-country", "overseas.exempt[3] unknown-country", "overseas.exempt[4] unknown-country", "overseas.exempt[5] unknown-country"}, "codes that ISO does not assign"},
	{`{"access": "all", "overseas": {"exempt": ["KR", "JP", "KR", "KR"]}}`, []string{"overseas.exempt[2] repeated-country", "overseas.exempt[3] repeated-country"}, "a country that comes again"},
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range docFaults {
		s, p, err := policy.Decode([]byte(tt.doc), policy.Standard(), docLocator{})
		docRefused(t, docShort(tt.doc)+": "+tt.why, s, p, err, tt.want...)
	}
}

// What is known of a document but not understood is never taken for the part
// of it that is.
func TestGuarantee12NewerDocumentsAreRefused(t *testing.T) {
	for _, tt := range []struct{ doc, why string }{
		{`{"format": 2, "access": "all"}`, "the next format"},
		{`{"format": 4294967297, "access": "all"}`, "1 after a wrap at 32 bits"},
		{`{"format": 18446744073709551617, "access": "all"}`, "1 after a wrap at 64 bits"},
		{`{"access": "all", "hours": "9-18"}`, "a field from the future, which may well restrict"},
		{`{"access": "all", "designated": [{"range": "8.8.8.8", "country": "KR"}]}`, "a field from the future in an entry"},
		{`{"access": "vpn"}`, "an access from the future"},
		{`{"access": "designated", "outside": "captcha"}`, "an effect from the future"},
		{`{"access": "all", "overseas": {"exempt": ["ZZ"]}}`, "a country from the future"},
	} {
		s, p, err := policy.Decode([]byte(tt.doc), policy.Standard(), docLocator{})
		if err == nil || p != nil || !s.Equal(policy.Settings{}) {
			t.Errorf("Decode takes %s as %+v: %s", tt.doc, s, tt.why)
		}
		kept := docDesignated("8.8.8.8")
		if err := json.Unmarshal([]byte(tt.doc), &kept); err == nil || !kept.Equal(docDesignated("8.8.8.8")) {
			t.Errorf("UnmarshalJSON takes %s as %+v: %s", tt.doc, kept, tt.why)
		}
		if d := p.Evaluate(policy.Attempt{Addr: netip.MustParseAddr("8.8.8.8"), Client: session.Web, Member: docMember("kim")}); d != (policy.Decision{}) {
			t.Errorf("%s decides %v: %s", tt.doc, d, tt.why)
		}
	}
}

func TestDecodeExample(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "//\t"+strings.ReplaceAll(docExample, "\n", "\n//\t")+"\n") {
		t.Error("the package comment shows another document than this test")
	}
	s, p, err := policy.Decode([]byte(docExample), policy.Standard(), docLocator{})
	if err != nil || p == nil {
		t.Fatal(err)
	}
	want := policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: docRange("8.8.8.0/24"), Label: "Head office"},
			{Range: docRange("2606:4700::/32"), Until: time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)},
		},
		Outside: policy.Verify,
		Exceptions: []policy.Exception{
			{Member: "kim", Note: "on the road"},
			{Member: "lee", Ranges: docRanges("1.208.0.0/12"), Until: time.Date(2027, 1, 8, 0, 0, 0, 0, time.UTC)},
		},
		Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(docJP, docKR)},
	}
	if !s.Equal(want) {
		t.Errorf("reads as %+v, want %+v", s, want)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(docExample)); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != compact.String() {
		t.Errorf("writes\n%s, %v\nwant\n%s", b, err, &compact)
	}
}

func TestDecodeZero(t *testing.T) {
	for _, doc := range []string{`{"access":"all"}`, `{"format":1,"access":"all","designated":[],"outside":"deny","exceptions":[],"overseas":{"block":false,"exempt":[]}}`, " \r\n{\t\"access\" : \"all\"}\n"} {
		s, p, err := policy.Decode([]byte(doc), policy.Standard(), nil)
		if err != nil || p == nil || !s.Equal(policy.Settings{}) {
			t.Errorf("%s: %+v, %v", doc, s, err)
		}
	}
	if b, err := json.Marshal(policy.Settings{}); err != nil || string(b) != `{"format":1,"access":"all"}` {
		t.Errorf("the zero Settings are written as %s, %v", b, err)
	}
	var none *policy.Profile
	s, p, err := policy.Decode([]byte(`{"access": "all", "x": 1}`), none, nil)
	docRefused(t, "no profile", s, p, err, "x unknown-key", "profile no-profile")
}
