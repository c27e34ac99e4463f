package geo_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
)

func FuzzParseCountry(f *testing.F) {
	for _, s := range []string{"KR", "kr", "UK", "", "XK", "ZZ", " KR", "\xffK", "Korea"} {
		f.Add(s)
	}
	all := geo.AllCountries()
	f.Fuzz(func(t *testing.T, s string) {
		c, err := geo.ParseCountry(s)
		known := slices.ContainsFunc(slices.Collect(all.All()), func(c geo.Country) bool { return c.String() == s })
		if (err == nil) != known || known && c.String() != s || !known && c != (geo.Country{}) {
			t.Fatalf("%q: %v, %v", s, c, err)
		}
		if err != nil && (len(err.Error()) > 500 || !isPlain(err.Error())) {
			t.Fatalf("%q: not fit for a log: %q", s, err)
		}
	})
}

func FuzzCountriesJSON(f *testing.F) {
	for _, s := range []string{`["KR","JP"]`, `[]`, `null`, `["KR","KR"]`, `["kr",1,null]`, `["\u004bR"]`, `{}`, `[["KR"]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s geo.Countries
		err := json.Unmarshal(b, &s)
		// What is right is read by the plainest means.
		var list []any
		right := json.Unmarshal(b, &list) == nil && list != nil
		var want geo.Countries
		for _, v := range list {
			code, isText := v.(string)
			c, err := geo.ParseCountry(code)
			right = right && isText && err == nil && !want.Has(c)
			want = want.With(c)
		}
		if (err == nil) != right || right && s != want || !right && !s.IsZero() {
			t.Fatalf("%s: %v, %v", b, s, err)
		}
		again, err := json.Marshal(s)
		var back geo.Countries
		if err != nil || json.Unmarshal(again, &back) != nil || back != s {
			t.Fatalf("%s: %s reads back as %v (%v)", b, again, back, err)
		}
	})
}

func FuzzOpenBytes(f *testing.F) {
	// Small files, since the fuzzer spends up to a minute on making a large one
	// smaller; -fuzzminimizetime=20x keeps it from that.
	f.Add(read(f, "testdata/wide.mmdb"))
	f.Add(raw{nodes: ladder(20), data: inKorea}.build())
	f.Add(raw{nodes: [][2]uint32{{1 + 16, 1}}, data: inKorea}.build())
	f.Add(raw{nodes: [][2]uint32{{1 + 16, 1}}, data: "\xe1\x47country\xe1\x48iso_code\x42KR", ip: 4}.build())
	var addrs []netip.Addr
	for _, s := range []string{"0.0.0.0", "8.8.8.8", "128.0.0.0", "255.255.255.255", "::1:0:0", "2003::", "2a00::", "ffff::"} {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		agrees(t, b, addrs)
		db, err := geo.OpenBytes(b)
		if (db == nil) != (err != nil) {
			t.Fatalf("%v, %v", db, err)
		}
		n := 0
		for r, c := range db.All() {
			if n++; r.IsZero() || c == (geo.Country{}) || db.Country(r.From()) != c && !r.From().Is4In6() {
				t.Fatalf("%v is in %q", r, c)
			}
		}
		if n != db.Len() {
			t.Fatalf("%d ranges, Len is %d", n, db.Len())
		}
	})
}
