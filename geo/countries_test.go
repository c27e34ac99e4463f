package geo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-go/sallyport/geo"
)

// Countries answers as a map of countries does.
func TestCountries(t *testing.T) {
	all := slices.Collect(geo.AllCountries().All())
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		in, other := map[geo.Country]bool{}, map[geo.Country]bool{}
		var s, o geo.Countries
		for range random.IntN(60) {
			c := all[random.IntN(len(all))]
			switch random.IntN(3) {
			case 0:
				delete(in, c)
				s = s.Without(c)
			case 1:
				other[c] = true
				o = o.With(c)
			default:
				in[c] = true
				s = s.With(c)
			}
		}
		var want []geo.Country
		for _, c := range all {
			if s.Has(c) != in[c] || s.Minus(o).Has(c) != (in[c] && !other[c]) || s.Union(o).Has(c) != (in[c] || other[c]) {
				t.Fatalf("%v, %v: wrong about %v", s, o, c)
			}
			if in[c] {
				want = append(want, c)
			}
		}
		got := slices.Collect(s.All())
		if !slices.Equal(got, want) || s.Len() != len(want) || s.IsZero() != (len(want) == 0) {
			t.Fatalf("%v, want %v", got, want)
		}
		random.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		if again := geo.CountriesOf(want...); again != s || !again.Equal(s) {
			t.Fatalf("%v is not %v", again, s)
		}
		text, err := json.Marshal(s)
		var back geo.Countries
		if err != nil || json.Unmarshal(text, &back) != nil || back != s {
			t.Fatalf("%v: %s reads back as %v (%v)", s, text, back, err)
		}
		for range s.All() {
			break // the loop may stop early
		}
	}
}

func TestCountriesNeverHoldTheUnknown(t *testing.T) {
	var unknown geo.Country
	for _, row := range []struct {
		s   geo.Countries
		why string
	}{
		{geo.Countries{}, "zero"},
		{geo.CountriesOf(), "of none"},
		{geo.CountriesOf(unknown), "made of it"},
		{geo.CountriesOf(kr).With(unknown), "with it"},
		{geo.CountriesOf(kr).Without(unknown), "without it"},
		{geo.AllCountries(), "all"},
		{geo.AllCountries().Union(geo.CountriesOf(unknown)), "a union"},
		{geo.AllCountries().Minus(geo.CountriesOf(kr)), "all but one"},
	} {
		if row.s.Has(unknown) {
			t.Errorf("%s: it holds the unknown country", row.why)
		}
	}
	if geo.CountriesOf(unknown) != (geo.Countries{}) || geo.CountriesOf(kr).Without(unknown) != geo.CountriesOf(kr) {
		t.Error("the unknown country makes a difference")
	}
}

func TestCountriesJSON(t *testing.T) {
	many := strings.Repeat(`"KR",`, 1_000_000)
	for _, row := range []struct {
		in   string
		want string // as text, or the places of what is wrong
		why  string
	}{
		{`[]`, "", "empty"},
		{` [ "KR" , "JP" ] `, "JP,KR", "any order, any blanks"},
		{`["\u004bR"]`, "KR", "escaped is the same string"},
		{`null`, "error", "not a list"},
		{`{}`, "error", "not a list"},
		{`"KR"`, "error", "not a list"},
		{`["KR"`, "error", "cut off"},
		{``, "error", "nothing"},
		{`[null]`, "error 0", "not a string"},
		{`["KR", 82]`, "error 1", "not a string"},
		{`[["KR"]]`, "error 0", "not a string"},
		{`[""]`, "error 0", "the unknown country"},
		{`["kr"]`, "error 0", "lower case"},
		{`["KR", "JP", "KR"]`, "error 2", "a repeat"},
		{`["UK", "KR", "EU", "KR", true]`, "error 0 2 3 4", "every problem at once"},
		{`[` + many + `"KR"]`, "error", "longer than the world"},
	} {
		s := geo.CountriesOf(us)
		err := s.UnmarshalJSON([]byte(row.in))
		if cmp.Diff(row.want, outcome(s, err)) != "" {
			t.Errorf("%.40s (%s): %s, want %s: %v", row.in, row.why, outcome(s, err), row.want, err)
		}
		if err == nil {
			continue
		}
		if s != geo.CountriesOf(us) {
			t.Errorf("%.40s (%s): a bad list left %v", row.in, row.why, s)
		}
		for line := range strings.Lines(err.Error()) {
			if len(line) > 250 || !isPlain(strings.TrimSpace(line)) {
				t.Errorf("%.40s (%s): not fit for a log: %.300s", row.in, row.why, line)
			}
		}
	}
}

// outcome is s as text, or "error" and the places of what is wrong.
func outcome(s geo.Countries, err error) string {
	if err == nil {
		return s.String()
	}
	text := "error"
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			var at *geo.ListError
			var code *geo.ParseError
			if errors.As(err, &at) && errors.As(err, &code) && (code.Err == geo.ErrCountry || code.Err == geo.ErrRepeated) {
				text += fmt.Sprint(" ", at.Index)
			}
		}
	}
	return text
}

// A field of settings is left out where it is empty, and null is refused there
// too.
func TestCountriesInSettings(t *testing.T) {
	type settings struct {
		Exempt geo.Countries `json:"exempt,omitzero"`
	}
	for _, row := range []struct {
		in  settings
		out string
	}{
		{settings{}, `{}`},
		{settings{geo.CountriesOf(kr, jp)}, `{"exempt":["JP","KR"]}`},
	} {
		out, err := json.Marshal(row.in)
		if err != nil || string(out) != row.out {
			t.Errorf("%s, %v, want %s", out, err, row.out)
		}
		var back settings
		if err := json.Unmarshal(out, &back); err != nil || cmp.Diff(back, row.in) != "" {
			t.Errorf("%s reads back as %v, %v", out, back, err)
		}
	}
	var s settings
	if err := json.Unmarshal([]byte(`{"exempt":null}`), &s); err == nil {
		t.Error("null is taken")
	}
	if out, _ := json.Marshal(geo.Countries{}); string(out) != "[]" {
		t.Errorf("the empty set is %s", out)
	}
}
