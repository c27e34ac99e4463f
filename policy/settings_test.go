package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
)

func TestSettingsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 2000 {
		s := docRandom(rng)
		if _, err := policy.Compile(s, policy.Standard(), docLocator{}); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		read, p, err := policy.Decode(written, policy.Standard(), docLocator{})
		if err != nil || p == nil || !read.Equal(s) || !s.Equal(read) {
			t.Fatalf("%+v\nis written as %s\nand read as %+v, %v", s, written, read, err)
		}
		var plain policy.Settings
		if err := json.Unmarshal(written, &plain); err != nil || !plain.Equal(s) {
			t.Fatalf("%+v\nis written as %s\nand read as %+v, %v", s, written, plain, err)
		}
		if again, err := json.Marshal(read); err != nil || string(again) != string(written) {
			t.Fatalf("%s\nis written again as\n%s, %v", written, again, err)
		}
	}
}

// What has not been compiled is read as it was written, too: an empty list of
// ranges never becomes none, which would mean anywhere.
func TestSettingsRoundTripOdd(t *testing.T) {
	nowhere := []policy.Exception{{Member: "kim", Ranges: []ipset.Range{}}}
	for _, tt := range []struct {
		s    policy.Settings
		want string
		why  string
	}{
		{policy.Settings{Exceptions: nowhere}, `{"format":1,"access":"all","exceptions":[{"member":"kim","ranges":[]}]}`, "an exception that holds nowhere"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim"}}}, `{"format":1,"access":"all","exceptions":[{"member":"kim"}]}`, "one that holds anywhere"},
		{policy.Settings{Exceptions: []policy.Exception{{}, {}}}, `{"format":1,"access":"all","exceptions":[{"member":""},{"member":""}]}`, "nobody, twice"},
		{policy.Settings{Outside: policy.Allow}, `{"format":1,"access":"all","outside":"allow"}`, "an effect that Compile refuses"},
		{docDesignated("0.0.0.0/0", "::-ffff::", "::ffff:1.2.3.4-2000::"), `{"format":1,"access":"designated","designated":[{"range":"0.0.0.0/0"},{"range":"::-ffff::"},{"range":"::ffff:1.2.3.4-2000::"}]}`, "ranges that Compile refuses"},
		{policy.Settings{Designated: []policy.Entry{}, Exceptions: []policy.Exception{}}, `{"format":1,"access":"all"}`, "empty lists say what none say"},
		{policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: "<R&D>\u2028\x01\ufffd"}}}, `{"format":1,"access":"all","designated":[{"range":"8.8.8.8","label":"\u003cR\u0026D\u003e\u2028\u0001` + "\ufffd" + `"}]}`, "signs with a meaning elsewhere"},
		{policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Until: time.Date(2027, 1, 1, 9, 0, 0, 1, time.FixedZone("KST", 9*3600))}}}, `{"format":1,"access":"all","designated":[{"range":"8.8.8.8","until":"2027-01-01T00:00:00.000000001Z"}]}`, "an end is written in UTC, to the nanosecond"},
	} {
		written, err := json.Marshal(tt.s)
		if err != nil || string(written) != tt.want {
			t.Errorf("%s: written as\n%s, %v\nwant\n%s", tt.why, written, err, tt.want)
		}
		var read policy.Settings
		if err := json.Unmarshal(written, &read); err != nil || !read.Equal(tt.s) {
			t.Errorf("%s: read as %+v, %v", tt.why, read, err)
		}
	}
}

func TestSettingsMarshalRefuses(t *testing.T) {
	for _, tt := range []struct {
		s   policy.Settings
		why string
	}{
		{policy.Settings{Access: 2}, "an unknown access would be read as another"},
		{policy.Settings{Access: 200}, "an unknown access"},
		{policy.Settings{Outside: 9}, "an unknown effect"},
		{policy.Settings{Designated: make([]policy.Entry, 1)}, "a zero range"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim", Ranges: make([]ipset.Range, 1)}}}, "a zero range of an exception"},
		{policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: "B\xfcro"}}}, "a label that is not UTF-8 would be read as another"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim", Note: "\xff"}}}, "a note that is not UTF-8"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim\xff"}}}, "an id that is not UTF-8 would be read as another member's"},
		{policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}}, "the year 10000"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim", Until: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600*2))}}}, "the year 10000 in UTC"},
		{policy.Settings{Exceptions: []policy.Exception{{Member: "kim", Until: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}}}, "the year -1"},
	} {
		if b, err := json.Marshal(tt.s); err == nil {
			t.Errorf("%s: written as %s", tt.why, b)
		} else {
			docCheckPrinted(t, tt.why, err.Error())
		}
	}
}

// Settings are part of other documents: a host's tenant, a store's record.
func TestSettingsInsideOthers(t *testing.T) {
	type record struct {
		Tenant   string           `json:"tenant"`
		Settings policy.Settings  `json:"settings"`
		Draft    *policy.Settings `json:"draft,omitempty"`
		Version  int              `json:"version"`
	}
	draft := docDesignated("8.8.8.8")
	written, err := json.Marshal(record{"t", docDesignated("1.1.1.1"), &draft, 7})
	want := `{"tenant":"t","settings":{"format":1,"access":"designated","designated":[{"range":"1.1.1.1"}]},"draft":{"format":1,"access":"designated","designated":[{"range":"8.8.8.8"}]},"version":7}`
	if err != nil || string(written) != want {
		t.Errorf("written as\n%s, %v\nwant\n%s", written, err, want)
	}
	var read record
	if err := json.Unmarshal(written, &read); err != nil || read.Version != 7 || !read.Settings.Equal(docDesignated("1.1.1.1")) || !read.Draft.Equal(draft) {
		t.Errorf("read as %+v, %v", read, err)
	}
	for _, tt := range []struct{ doc, want, why string }{
		{`{"settings": {}}`, "access missing", "empty settings inside another document"},
		{`{"settings": null}`, "document null", "null must not leave what was there"},
		{`{"settings": {"access": "all", "designated": [{"range": "8.8.8.8/24"}]}}`, "designated[0].range bad-range", "a bad range"},
		{`{"settings": {"access": "designated", "access": "all"}}`, "access repeated-key", "a repeated key"},
		{`{"settings": {"access": "\ud800"}}`, "access unknown-access", "half a pair"},
	} {
		kept := record{Settings: docDesignated("1.1.1.1")}
		err := json.Unmarshal([]byte(tt.doc), &kept)
		if !kept.Settings.Equal(docDesignated("1.1.1.1")) {
			t.Errorf("%s: the settings became %+v beside an error", tt.why, kept.Settings)
		}
		docRefused(t, tt.why, policy.Settings{}, nil, err, tt.want)
	}
	none := record{Draft: &draft}
	if err := json.Unmarshal([]byte(`{"draft": null}`), &none); err != nil || none.Draft != nil {
		t.Errorf("a pointer to settings that are null is %v, %v", none.Draft, err)
	}
}

func TestSettingsEqual(t *testing.T) {
	base := func() policy.Settings {
		s := docDesignated("8.8.8.0/24", "9.9.9.9")
		s.Designated[0].Until = docNow
		s.Exceptions = []policy.Exception{{Member: "kim", Ranges: docRanges("1.1.1.1", "1.0.0.1"), Note: "x"}, {Member: "lee"}}
		s.Overseas.Exempt = geo.CountriesOf(docKR)
		return s
	}
	if s := base(); !s.Equal(base()) || !s.Equal(s.Clone()) || !(policy.Settings{}).Equal(policy.Settings{Designated: []policy.Entry{}}) {
		t.Error("the same settings are not equal")
	}
	seoul := base()
	seoul.Designated[0].Until = docNow.In(time.FixedZone("KST", 9*3600))
	if !seoul.Equal(base()) {
		t.Error("one instant in two time zones is not equal")
	}
	for _, tt := range []struct {
		change func(s *policy.Settings)
		why    string
	}{
		{func(s *policy.Settings) { s.Access = policy.AllAddresses }, "access"},
		{func(s *policy.Settings) { s.Outside = policy.Verify }, "outside"},
		{func(s *policy.Settings) { s.Designated = s.Designated[:1] }, "an entry fewer"},
		{func(s *policy.Settings) { s.Designated = append(s.Designated, s.Designated[0]) }, "an entry twice"},
		{func(s *policy.Settings) { s.Designated[0], s.Designated[1] = s.Designated[1], s.Designated[0] }, "another order"},
		{func(s *policy.Settings) { s.Designated[0].Range = docRange("8.8.8.0/25") }, "another range"},
		{func(s *policy.Settings) { s.Designated[0].Label = "x" }, "another label"},
		{func(s *policy.Settings) { s.Designated[0].Until = docNow.Add(1) }, "a nanosecond later"},
		{func(s *policy.Settings) { s.Designated[0].Until = time.Time{} }, "no end"},
		{func(s *policy.Settings) { s.Exceptions = nil }, "no exceptions"},
		{func(s *policy.Settings) { s.Exceptions[0].Member = "Kim" }, "another member"},
		{func(s *policy.Settings) { s.Exceptions[0].Note = "" }, "no note"},
		{func(s *policy.Settings) { s.Exceptions[0].Until = docNow }, "an end"},
		{func(s *policy.Settings) { s.Exceptions[0].Ranges = docRanges("1.0.0.1", "1.1.1.1") }, "ranges in another order"},
		{func(s *policy.Settings) { s.Exceptions[0].Ranges[1] = docRange("1.0.0.2") }, "another range of an exception"},
		{func(s *policy.Settings) { s.Exceptions[0].Ranges = nil }, "anywhere"},
		{func(s *policy.Settings) { s.Exceptions[1].Ranges = []ipset.Range{} }, "nowhere is not anywhere"},
		{func(s *policy.Settings) { s.Overseas.Block = true }, "blocking"},
		{func(s *policy.Settings) { s.Overseas.Exempt = geo.CountriesOf(docKR, docJP) }, "a country more"},
	} {
		// The change goes to a clone: if it shared anything, s would follow.
		s := base()
		changed := s.Clone()
		tt.change(&changed)
		if s.Equal(changed) || changed.Equal(s) {
			t.Errorf("%s: still equal", tt.why)
		}
		if !s.Equal(base()) {
			t.Errorf("%s: a change of a clone changed the original", tt.why)
		}
	}
	if c := (policy.Settings{Exceptions: []policy.Exception{{Ranges: []ipset.Range{}}}}).Clone(); c.Exceptions[0].Ranges == nil {
		t.Error("a clone turns nowhere into anywhere")
	}
}

func TestSettingsText(t *testing.T) {
	until := time.Date(2027, 1, 1, 9, 0, 0, 5e8, time.FixedZone("KST", 9*3600))
	for _, tt := range []struct {
		v    fmt.Stringer
		want string
	}{
		{policy.Entry{Range: docRange("8.8.8.0/24")}, `8.8.8.0/24`},
		{policy.Entry{Range: docRange("8.8.8.0/24"), Label: "Head \"office\"\n", Until: until}, `8.8.8.0/24 "Head \"office\"\n" until 2027-01-01T00:00:00.5Z`},
		{policy.Entry{}, `invalid Range`},
		{policy.Exception{Member: "kim"}, `"kim"`},
		{policy.Exception{Member: "kim", Ranges: []ipset.Range{}}, `"kim" at []`},
		{policy.Exception{Member: "k\u202em", Ranges: docRanges("1.1.1.1", "1.0.0.0/24"), Note: "x", Until: until}, `"k\u202em" at [1.1.1.1 1.0.0.0/24] "x" until 2027-01-01T00:00:00.5Z`},
		{policy.AllAddresses, "all"},
		{policy.DesignatedAddresses, "designated"},
		{policy.Access(200), "access(200)"},
	} {
		if got := tt.v.String(); got != tt.want {
			t.Errorf("prints %s, want %s", got, tt.want)
		}
	}
	for _, text := range []string{"", "All", "all ", "designated\x00", "access(0)", "0", strings.Repeat("all", 1000)} {
		a := policy.DesignatedAddresses
		if err := a.UnmarshalText([]byte(text)); err == nil || a != policy.DesignatedAddresses {
			t.Errorf("%.20q is read as %v, %v", text, a, err)
		}
	}
}

// A part of the settings by itself, as in the refusal of a save, is written as in a document.
func TestPartsAsJSON(t *testing.T) {
	until := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		part any
		want string
	}{
		{policy.Entry{Range: ipset.MustParseRange("8.8.8.0/24")}, `{"range":"8.8.8.0/24"}`},
		{policy.Entry{Range: ipset.MustParseRange("8.8.8.8"), Label: "office", Until: until}, `{"range":"8.8.8.8","label":"office","until":"2026-12-24T00:00:00Z"}`},
		{policy.Exception{Member: "lee"}, `{"member":"lee"}`},
		{policy.Exception{Member: "lee", Ranges: []ipset.Range{}, Note: "x"}, `{"member":"lee","ranges":[],"note":"x"}`},
		{policy.Overseas{}, `{}`},
	} {
		if got, err := json.Marshal(tt.part); err != nil || string(got) != tt.want {
			t.Errorf("%+v: %s, %v; want %s", tt.part, got, err, tt.want)
		}
	}
}
