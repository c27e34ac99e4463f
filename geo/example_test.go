package geo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/sallyport-go/sallyport/geo"
)

func Example() {
	db, err := geo.Open("testdata/country.mmdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	home := geo.CountriesOf(geo.MustParseCountry("KR"), geo.MustParseCountry("JP"))
	for _, s := range []string{"1.208.9.9", "::ffff:133.1.2.3", "8.8.8.8", "9.9.9.9"} {
		c := db.Country(netip.MustParseAddr(s))
		fmt.Printf("%s: %q, at home: %v\n", s, c, home.Has(c))
	}
	// Output:
	// 1.208.9.9: "KR", at home: true
	// ::ffff:133.1.2.3: "JP", at home: true
	// 8.8.8.8: "US", at home: false
	// 9.9.9.9: "", at home: false
}

func ExampleParseCountry() {
	c, err := geo.ParseCountry("KR")
	fmt.Println(c, c.Name(), err)
	for _, s := range []string{"kr", "UK", "Korea"} {
		_, err := geo.ParseCountry(s)
		fmt.Println(err)
	}
	// Output:
	// KR South Korea <nil>
	// "kr": not a country code of ISO 3166-1; write it in upper case, "KR"
	// "UK": not a country code of ISO 3166-1; write "GB"
	// "Korea": not a country code of ISO 3166-1; write an assigned code of two upper-case letters, such as "KR"
}

func ExampleCountries() {
	asia := geo.CountriesOf(geo.MustParseCountry("KR"), geo.MustParseCountry("JP"), geo.MustParseCountry("TW"))
	some := asia.Without(geo.MustParseCountry("JP"))
	text, _ := json.Marshal(some)
	fmt.Println(asia, asia.Len(), string(text), some.Minus(asia).IsZero())
	for c := range asia.All() {
		fmt.Println(c, c.Name())
	}
	// Output:
	// JP,KR,TW 3 ["KR","TW"] true
	// JP Japan
	// KR South Korea
	// TW Taiwan
}

func ExampleCountries_UnmarshalJSON() {
	var exempt geo.Countries
	err := json.Unmarshal([]byte(`["KR", "jp", "KR", null]`), &exempt)
	fmt.Println(err)
	fmt.Println(exempt.Len())
	// Output:
	// country 1: "jp": not a country code of ISO 3166-1; write it in upper case, "JP"
	// country 2: "KR": a country that the list has already; name it once
	// country 3: "null": not a country code of ISO 3166-1; write a string such as "KR"
	// 0
}

func ExampleOpen() {
	db, err := geo.Open("testdata/flat.mmdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db)
	fmt.Println(db.Country(netip.MustParseAddr("8.8.8.8")).Name())

	_, err = geo.Open("testdata/asn.mmdb")
	fmt.Println(err)
	// Output:
	// "Made-up-Flat" of 2026-01-31T00:00:00Z, 3 ranges
	// Canada
	// country file "testdata/asn.mmdb": no country in a file of type "Made-up-ASN": no record has country.iso_code or country_code; use a country or city database
}

func ExampleOpenBytes() {
	b, err := os.ReadFile("testdata/country.mmdb") // or go:embed
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := geo.OpenBytes(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Country(netip.MustParseAddr("2606:4700::1111")))
	// Output: US
}

// Set makes an allowlist of countries into one of addresses.
func ExampleDB_Set() {
	db, err := geo.Open("testdata/country.mmdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	set := db.Set(geo.CountriesOf(geo.MustParseCountry("JP"), geo.MustParseCountry("KR")))
	fmt.Println(set)
	fmt.Println(set.Contains(netip.MustParseAddr("8.8.8.8")))
	// Output:
	// 1.208.0.0/12, 133.0.0.0-133.5.5.4, 133.5.5.6-133.255.255.255, 2001:200::/23
	// false
}

func ExampleOpenLive() {
	// copyFile puts a new file in place the way a program should.
	copyFile := func(from, to string) {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to+".new", b, 0o600)
		}
		if err == nil {
			err = os.Rename(to+".new", to)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	dir, err := os.MkdirTemp("", "geo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path, addr := dir+"/country.mmdb", netip.MustParseAddr("8.8.8.8")

	copyFile("testdata/country.mmdb", path)
	live, err := geo.OpenLive(path)
	fmt.Println(live.Country(addr), err)

	copyFile("testdata/later.mmdb", path)
	changed, err := live.Reload()
	fmt.Println(live.Country(addr), changed, err)

	copyFile("testdata/country.mmdb", path) // an old copy
	changed, err = live.Reload()
	fmt.Println(live.Country(addr), changed, errors.Is(err, geo.ErrOlder))
	// Output:
	// US <nil>
	// CA true <nil>
	// CA false true
}

// office is a Locator that knows where the company's own lines end, and asks a
// country file about everything else.
type office struct{ geo.Locator }

func (o office) Country(a netip.Addr) geo.Country {
	if netip.MustParsePrefix("9.9.9.0/24").Contains(a) {
		return geo.MustParseCountry("KR")
	}
	return o.Locator.Country(a)
}

func ExampleLocator() {
	db, err := geo.Open("testdata/country.mmdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	var where geo.Locator = office{db}
	fmt.Println(where.Country(netip.MustParseAddr("9.9.9.9")), where.Country(netip.MustParseAddr("8.8.8.8")))
	// Output: KR US
}
