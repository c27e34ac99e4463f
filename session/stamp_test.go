package session_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

var korea, japan = geo.MustParseCountry("KR"), geo.MustParseCountry("JP")

// stampTexts are the texts of stamps as hosts have stored them. Never change one: add.
var stampTexts = []struct {
	text  string
	stamp session.Stamp
	why   string
}{
	{"1.1z141z3.4.9a2.1.web.vKR", session.Stamp{
		Policy: session.Version{Line: math.MaxUint32, Number: 4}, Member: session.Version{Line: 12026, Number: 1},
		Client: session.Web, Country: korea, Verified: true}, "all that there is"},
	{"1.0.0.0.0.web", session.Stamp{Client: session.Web}, "a session from before stamps"},
	{"1.0.0.0.0.custom30", session.Stamp{Client: session.FirstCustom + 30}, "the last client"},
	{"1.1.2.3.4.caldav", session.Stamp{
		Policy: session.Version{Line: 1, Number: 2}, Member: session.Version{Line: 3, Number: 4}, Client: session.CalDAV}, "each number in its place"},
	{"1.z.10.zz.100.api", session.Stamp{
		Policy: session.Version{Line: 35, Number: 36}, Member: session.Version{Line: 36*36 - 1, Number: 36 * 36}, Client: session.API}, "base 36"},
	{"1.2ndgn1.0.0.0.mobile.v", session.Stamp{
		Policy: session.Version{Line: 160191613}, Client: session.Mobile, Verified: true}, "verified, where is not known"},
	{"1.0.0.0.0.drive.JP", session.Stamp{Client: session.Drive, Country: japan}, "a country, but not verified"},
	{"1.1z141z3.1y2p0ij32e8e7.1z141z3.1y2p0ij32e8e7.custom10.vKR", session.Stamp{
		Policy: session.Version{Line: math.MaxUint32, Number: session.MaxNumber},
		Member: session.Version{Line: math.MaxUint32, Number: session.MaxNumber},
		Client: session.FirstCustom + 10, Country: korea, Verified: true}, "the longest"},
}

func TestStampTextsNeverChange(t *testing.T) {
	for _, tt := range stampTexts {
		b, err := tt.stamp.MarshalText()
		if err != nil || string(b) != tt.text {
			t.Errorf("%s: wrote %q, %v; want %q", tt.why, b, err, tt.text)
		}
		var s session.Stamp
		if err := s.UnmarshalText([]byte(tt.text)); err != nil || s != tt.stamp {
			t.Errorf("%s: %q reads as %+v, %v; want %+v", tt.why, tt.text, s, err, tt.stamp)
		}
		if strings.Trim(tt.text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.") != "" || len(tt.text) > 58 {
			t.Errorf("%s: %q is not short and safe in a URL", tt.why, tt.text)
		}
	}
}

func TestStampJSON(t *testing.T) {
	b, err := json.Marshal(stampTexts[0].stamp)
	if err != nil || string(b) != `"`+stampTexts[0].text+`"` {
		t.Errorf("%s, %v; want the text as a string", b, err)
	}
	var s session.Stamp
	if err := json.Unmarshal(b, &s); err != nil || s != stampTexts[0].stamp {
		t.Errorf("reads as %+v, %v", s, err)
	}
	s = session.Stamp{}
	if err := json.Unmarshal([]byte("null"), &s); err != nil || s != (session.Stamp{}) {
		t.Errorf("null reads as %+v, %v; it must leave the zero Stamp, which is dead", s, err)
	}
}

func TestStampRefuses(t *testing.T) {
	for _, tt := range []struct{ text, says, why string }{
		{"", "empty", "a store returns it for a session that has no stamp"},
		{"1", "1 fields", "nothing but a format"},
		{"1.0.0.0.0", "5 fields", "no client"},
		{"1.0.0.0.0.web.v.KR", "8 fields", "too many"},
		{"0.0.0.0.0.web", `format "0" is not known`, "no such format"},
		{"2.0.0.0.0.web", `format "2" is not known`, "a format of the future"},
		{"01.0.0.0.0.web", `format "01"`, "not the spelling of the format"},
		{"0.0.0.0.web", `format "0"`, "no format"},
		{"web", `format "web"`, "not a stamp"},
		{"1.0.0.0.0.", `"" is not a client`, "no client"},
		{"1.0.0.0.0.unknown", `"unknown" is not a client`, "the unknown client is dead"},
		{"1.0.0.0.0.client(10)", `"client(10)" is not a client`, "the print of an unknown client"},
		{"1.0.0.0.0.Web", `"Web" is not a client`, "case"},
		{"1.0.0.0.0.1", `"1" is not a client`, "numbers are not clients"},
		{"1.0.00.0.0.web", "want 1.0.0.0.0.web", "leading zeros: a number has one spelling"},
		{"1.00.0.0.0.web", "want 1.0.0.0.0.web", "leading zeros in a line"},
		{"1.A.0.0.0.web", "want 1.a.0.0.0.web", "case: a number has one spelling"},
		{"1.0.0.0.Z.web", "want 1.0.0.0.z.web", "case: a number has one spelling"},
		{"1.0.0.0.0.web.", "want 1.0.0.0.0.web", "an empty field is not written"},
		{"1..0.0.0.web", `".0" is not`, "an empty number is not zero"},
		{"1.0..0.0.web", `"0." is not`, "an empty number is not zero"},
		{"1.0.0..0.web", `".0" is not`, "an empty number is not zero"},
		{"1.-1.0.0.0.web", `"-1.0" is not`, "negative"},
		{"1.0.-1.0.0.web", `"0.-1" is not`, "negative"},
		{"1.0.+1.0.0.web", `"0.+1" is not`, "sign"},
		{"1.0.1_0.0.0.web", `"0.1_0" is not`, "a spelling of Go, not of stamps"},
		{"1.1z141z4.0.0.0.web", `"1z141z4.0" is not`, "a line of 33 bits"},
		{"1.0.0.1z141z4.0.web", `"1z141z4.0" is not`, "a line of 33 bits, of the member"},
		{"1.0.1y2p0ij32e8e8.0.0.web", `"0.1y2p0ij32e8e8" is not`, "1<<63: negative in a signed column"},
		{"1.0.0.0.1y2p0ij32e8e8.web", `"0.1y2p0ij32e8e8" is not`, "1<<63, of the member"},
		{"1.0.3w5e11264sgsg.0.0.web", `"0.3w5e11264sgsg" is not`, "1<<64 must not wrap to 0"},
		{"1.0.0.0.0.web.vkr", `"kr"`, "case of a country"},
		{"1.0.0.0.0.web.VKR", `"VKR"`, "case of the v"},
		{"1.0.0.0.0.web.vvKR", `"vKR"`, "verified twice"},
		{"1.0.0.0.0.web.KRv", `"KRv"`, "order"},
		{"1.0.0.0.0.web.vKOR", `"KOR"`, "not two letters"},
		{"1.0.0.0.0.web.vAA", `"AA"`, "a country that ISO does not assign"},
		{" 1.0.0.0.0.web", `format " 1"`, "blanks"},
		{"1.0.0.0.0.web ", `"web "`, "blanks"},
		{"1.0.0.0.0.web\n", `"web\n"`, "line ends"},
		{"1.0.0.0.0.web\x00", `"web\x00"`, "bytes behind the end"},
		{"1." + strings.Repeat("0", 120) + ".0.0.0.web", "132 bytes is too long", "bounded"},
		{strings.Repeat(".", 128), `format ""`, "bounded, and not a stamp"},
	} {
		kept := stampTexts[0].stamp
		err := kept.UnmarshalText([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v; must be refused with %q: %s", tt.text, err, tt.says, tt.why)
		}
		if kept != stampTexts[0].stamp {
			t.Errorf("%q: left %+v; a failure must leave it as it was", tt.text, kept)
		}
	}
}

func TestStampThatCannotBeReadIsNotWritten(t *testing.T) {
	for _, tt := range []struct {
		stamp session.Stamp
		why   string
	}{
		{session.Stamp{}, "the zero Stamp has no client"},
		{session.Stamp{Client: 10, Verified: true}, "nobody defined client 10"},
		{session.Stamp{Client: 63}, "nobody defined client 63"},
		{session.Stamp{Client: session.Web, Policy: session.Version{Number: session.MaxNumber + 1}}, "no record has this number"},
		{session.Stamp{Client: session.Web, Member: session.Version{Number: math.MaxUint64}}, "no record has this number"},
	} {
		if b, err := tt.stamp.MarshalText(); err == nil || b != nil {
			t.Errorf("%+v: wrote %q, %v: %s", tt.stamp, b, err, tt.why)
		}
	}
}

// A node of an older release meets stamps of a newer one while a cluster is upgraded.
func TestGuarantee12FormatOfTheFutureIsRefused(t *testing.T) {
	for _, text := range []string{"2.0.0.0.0.web", "2", "2.x", "10.0.0.0.0.web", "1.0.0.0.0.kiosk", "1.0.0.0.0.web.w"} {
		var s session.Stamp
		if err := s.UnmarshalText([]byte(text)); err == nil || s != (session.Stamp{}) {
			t.Errorf("%q reads as %+v, %v", text, s, err)
		}
	}
}
