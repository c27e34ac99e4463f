package geo_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
)

// shared returns the path of public data that is not part of the project.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("../../shared/data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("without public data: %v", err)
	}
	return path
}

// embedding is where an IPv4 address stands inside an IPv6 one.
var embedding = ipset.MustParse("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")

// asked is what is read of a record for comparison.
type asked struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code" json:"iso_code"`
	} `maxminddb:"country" json:"country"`
}

func (a asked) country() geo.Country {
	c, _ := geo.ParseCountry(a.Country.ISOCode)
	return c
}

// The compiled file answers as its source says, at the first, the last and a
// middle address of every public network.
func TestSourceOfCountryTest(t *testing.T) {
	source, err := os.ReadFile(shared(t, "maxmind/source-data/GeoIP2-Country-Test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]asked
	if err := json.Unmarshal(source, &list); err != nil {
		t.Fatal(err)
	}
	networks := map[netip.Prefix]geo.Country{}
	for _, one := range list {
		for key, record := range one {
			p := netip.MustParsePrefix(key)
			if p.Bits() >= 96 && netip.MustParsePrefix("::/96").Contains(p.Addr()) {
				b := p.Addr().As16()
				p = netip.PrefixFrom(netip.AddrFrom4([4]byte(b[12:])), p.Bits()-96)
			}
			networks[p.Masked()] = record.country() // some keys have host bits
		}
	}
	db := mustOpen(t, shared(t, "maxmind/test-data/GeoIP2-Country-Test.mmdb"))
	tried := 0
	for p := range networks {
		for _, a := range []netip.Addr{p.Addr(), middle(p), netipx.PrefixLastIP(p)} {
			if !ipset.Public(a) {
				continue
			}
			tried++
			var want geo.Country // of the longest network that holds a
			for bits := a.BitLen(); bits >= 0; bits-- {
				if c, ok := networks[netip.PrefixFrom(a, bits).Masked()]; ok {
					want = c
					break
				}
			}
			if got := db.Country(a); got != want {
				t.Errorf("%v, %v: %q, want %q", p, a, got, want)
			}
		}
	}
	if len(networks) < 300 || tried < 900 {
		t.Errorf("%d networks, %d addresses: the source was not read", len(networks), tried)
	}
}

// middle returns the first address of the second half of p.
func middle(p netip.Prefix) netip.Addr {
	if p.IsSingleIP() {
		return p.Addr()
	}
	upper := netip.PrefixFrom(netipx.PrefixLastIP(p), p.Bits()+1)
	return upper.Masked().Addr()
}

// The compiled file answers as the library does, at the ends of every network,
// those without a country included.
func TestLibraryAgrees(t *testing.T) {
	for _, row := range []struct {
		file   string
		ranges int
	}{
		{"country-cc0.mmdb", 200_000},
		{"maxmind/test-data/GeoIP2-Country-Test.mmdb", 200},
		{"maxmind/test-data/GeoLite2-Country-Test.mmdb", 200},
		{"maxmind/test-data/GeoIP2-City-Test.mmdb", 200},
		{"maxmind/test-data/GeoLite2-City-Test.mmdb", 200},
		{"maxmind/test-data/GeoIP2-Enterprise-Test.mmdb", 20},
	} {
		path := shared(t, row.file)
		db := mustOpen(t, path)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := maxminddb.OpenBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for result := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
			var record asked
			if err := result.Decode(&record); err != nil {
				t.Fatal(err)
			}
			want := record.country()
			for _, a := range []netip.Addr{result.Prefix().Addr(), netipx.PrefixLastIP(result.Prefix())} {
				if got := db.Country(a); got != want && !embedding.Contains(a) {
					t.Fatalf("%s: %v in %v: %q, want %q", row.file, a, result.Prefix(), got, want)
				}
				n++
			}
		}
		if db.Len() < row.ranges || n < 2*db.Len() {
			t.Errorf("%s: %v, %d addresses compared", row.file, db, n)
		}
	}
}
