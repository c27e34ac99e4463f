package geo_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

// benchFile is the public file of a whole world where it is there.
func benchFile(b *testing.B) []byte {
	const whole = "../../shared/data/country-cc0.mmdb"
	if _, err := os.Stat(whole); err != nil {
		b.Log("without public data, so of a small file")
		return read(b, "testdata/country.mmdb")
	}
	return read(b, whole)
}

// mixed returns addresses of one family in random order, as a server sees them:
// half of them in ranges of db, half of them anywhere.
func mixed(db *geo.DB, is4 bool) []netip.Addr {
	random := rand.New(rand.NewPCG(5, 6))
	var in []netip.Addr
	for r := range db.All() {
		if r.From().Is4() == is4 {
			in = append(in, r.From(), r.To())
		}
	}
	addrs := make([]netip.Addr, 1<<16)
	for i := range addrs {
		if i%2 == 0 {
			addrs[i] = in[random.IntN(len(in))]
			continue
		}
		var a [16]byte
		binary.BigEndian.PutUint64(a[:8], 1<<61|random.Uint64()>>3) // in 2000::/3
		binary.BigEndian.PutUint64(a[8:], random.Uint64())
		if addrs[i] = netip.AddrFrom16(a); is4 {
			addrs[i] = netip.AddrFrom4([4]byte(a[8:]))
		}
	}
	random.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	return addrs
}

func BenchmarkCountry(b *testing.B) {
	file := benchFile(b)
	db, err := geo.OpenBytes(file)
	if err != nil {
		b.Fatal(err)
	}
	reader, err := maxminddb.OpenBytes(file)
	if err != nil {
		b.Fatal(err)
	}
	live, _ := openLive(b, file)
	for name, is4 := range map[string]bool{"ipv4": true, "ipv6": false} {
		addrs := mixed(db, is4)
		for _, a := range addrs {
			var code string
			if err := reader.Lookup(a).DecodePath(&code, "country", "iso_code"); err != nil {
				b.Fatal(err)
			}
			want, _ := geo.ParseCountry(code)
			if got := db.Country(a); got != want && !embedding.Contains(a) {
				b.Fatalf("%v: %q, want %q", a, got, want)
			}
		}
		for who, locator := range map[string]geo.Locator{"DB": db, "Live": live} {
			b.Run(who+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				i, hits := 0, 0
				for b.Loop() {
					if locator.Country(addrs[i&(len(addrs)-1)]) != (geo.Country{}) {
						hits++
					}
					i++
				}
				if hits == 0 {
					b.Fatal("no address has a country")
				}
			})
		}
	}
}

func BenchmarkOpenBytes(b *testing.B) {
	file := benchFile(b)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		db, err := geo.OpenBytes(file)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(db.Bytes())/float64(len(file)), "held/file")
	}
}

// BenchmarkNetworks is what BenchmarkOpenBytes is measured by: the library
// going over the same file.
func BenchmarkNetworks(b *testing.B) {
	file := benchFile(b)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		reader, err := maxminddb.OpenBytes(file)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for result := range reader.Networks() {
			var code string
			if err := result.DecodePath(&code, "country", "iso_code"); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n == 0 {
			b.Fatal("no networks")
		}
	}
}

func BenchmarkHas(b *testing.B) {
	home, c, d := geo.CountriesOf(kr, jp), kr, us
	b.ReportAllocs()
	for b.Loop() {
		if !home.Has(c) || home.Has(d) {
			b.Fatal("wrong")
		}
	}
}
