package geo_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
)

var (
	kr = geo.MustParseCountry("KR")
	jp = geo.MustParseCountry("JP")
	us = geo.MustParseCountry("US")
)

func TestParseCountry(t *testing.T) {
	for _, row := range []struct{ in, mend, why string }{
		{"AD", "", "the first code"},
		{"ZW", "", "the last code"},
		{"XK", "", "not of ISO, but country files have it"},
		{"GB", "", ""},
		{"", "such as", "empty"},
		{"kr", `in upper case, "KR"`, "lower case"},
		{"Kr", `in upper case, "KR"`, "mixed case"},
		{" KR", `write "KR"`, "a blank"},
		{"KR\n", `write "KR"`, "a line end"},
		{"UK", `write "GB"`, "reserved, and often meant"},
		{"uk", `write "GB"`, "the same in lower case"},
		{"EL", `write "GR"`, "of the European Union's own list"},
		{"EU", "such as", "reserved: not one country"},
		{"AP", "such as", "of old country files: Asia and Pacific"},
		{"A1", "such as", "of old country files: a proxy"},
		{"AA", "such as", "left to users"},
		{"ZZ", "such as", "left to users: unknown"},
		{"AN", "such as", "withdrawn before this table began"},
		{"KOR", "such as", "three letters"},
		{"K", "such as", "one letter"},
		{"ＫＲ", "such as", "wide letters"},
		{"K\x00", "such as", "a zero byte"},
		{"\xff\xff", "such as", "not UTF-8"},
		{"South Korea", "such as", "a name"},
		{strings.Repeat("KR", 1000), "such as", "long"},
	} {
		c, err := geo.ParseCountry(row.in)
		if row.mend == "" {
			if err != nil || c.String() != row.in {
				t.Errorf("%q (%s): %v, %v", row.in, row.why, c, err)
			}
			continue
		}
		var e *geo.ParseError
		if !errors.As(err, &e) || !errors.Is(err, geo.ErrCountry) || e.Input != row.in || c != (geo.Country{}) {
			t.Errorf("%q (%s): %v, %v", row.in, row.why, c, err)
			continue
		}
		if !strings.Contains(err.Error(), row.mend) || len(err.Error()) > 250 || !isPlain(err.Error()) {
			t.Errorf("%q (%s): the error does not say how to mend it, or is not fit for a log: %v", row.in, row.why, err)
		}
	}
}

// isPlain reports whether s can be printed in one line of a log.
func isPlain(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// Every pair of letters is a country that reads back as itself, or is refused.
func TestEveryCode(t *testing.T) {
	all, last := 0, geo.Country{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			c, err := geo.ParseCountry(code)
			if err != nil {
				continue
			}
			all++
			if c.String() != code || c.Name() == "" || strings.TrimSpace(c.Name()) != c.Name() {
				t.Errorf("%s: %q, %q", code, c, c.Name())
			}
			if c.Compare(last) <= 0 || last.Compare(c) >= 0 || c.Compare(c) != 0 {
				t.Errorf("%v and %v are not in order", last, c)
			}
			last = c
			text, err := c.MarshalText()
			var back geo.Country
			if err != nil || back.UnmarshalText(text) != nil || !back.Equal(c) {
				t.Errorf("%v: %q reads back as %v", c, text, back)
			}
			if !geo.AllCountries().Has(c) {
				t.Errorf("%v is not in AllCountries", c)
			}
		}
	}
	if all != 250 || geo.AllCountries().Len() != all {
		t.Errorf("%d countries, and %d in AllCountries; ISO has 249, and there is XK", all, geo.AllCountries().Len())
	}
}

func TestUnknownCountry(t *testing.T) {
	var c geo.Country
	if c.String() != "" || c.Name() != "" || c.Compare(kr) >= 0 {
		t.Errorf("the zero Country is %q, %q", c, c.Name())
	}
	if text, err := c.MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("it marshals as %q, %v", text, err)
	}
	c = kr
	if err := c.UnmarshalText(nil); err != nil || c != (geo.Country{}) {
		t.Errorf("the empty text is %v, %v", c, err)
	}
	c = kr
	if err := c.UnmarshalText([]byte("kr")); err == nil || c != kr {
		t.Errorf("a bad text left %v, %v", c, err)
	}
}

func TestMustParseCountry(t *testing.T) {
	defer func() {
		if r, ok := recover().(string); !ok || !strings.HasPrefix(r, `geo: "uk"`) {
			t.Errorf("panic(%v)", r)
		}
	}()
	geo.MustParseCountry("uk")
}
