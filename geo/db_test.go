package geo_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
)

func mustOpen(t testing.TB, path string) *geo.DB {
	t.Helper()
	db, err := geo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestDBCountry(t *testing.T) {
	type rows []struct{ addr, want, why string }
	country := rows{
		{"1.207.255.255", "", "one before a block"},
		{"1.208.0.0", "KR", "its first"},
		{"1.223.255.255", "KR", "its last"},
		{"1.224.0.0", "", "one after it"},
		{"::ffff:1.208.0.0", "KR", "mapped"},
		{"::ffff:1.208.0.0%eth0", "KR", "mapped, with a zone"},
		{"2606:4700::1%eth0", "US", "a zone"},
		{"133.5.5.4", "JP", "beside a block in a block"},
		{"133.5.5.5", "TW", "a block of one address in a block"},
		{"133.5.5.6", "JP", "beside it"},
		{"223.255.255.255", "AU", "the last address before multicast"},
		{"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "", "one before an IPv6 block"},
		{"2001:200::", "JP", "its first"},
		{"2001:3ff:ffff:ffff:ffff:ffff:ffff:ffff", "JP", "its last"},
		{"2001:400::", "", "one after it"},
		{"2a00:1450:4001::", "", "one before a single address"},
		{"2a00:1450:4001::1", "DE", "a single address"},
		{"2a00:1450:4001::2", "", "one after it"},
		{"::8.8.8.8", "", "IPv4-compatible: an alias in the file"},
		{"2002:808:808::1", "", "6to4: an alias in the file"},
		{"2001:0:808:808::1", "", "Teredo: an alias in the file"},
		{"64:ff9b::8.8.8.8", "", "NAT64"},
		{"0.0.0.0", "", ""}, {"::", "", ""}, {"255.255.255.255", "", ""},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
	}
	for _, file := range []struct {
		name string
		rows rows
	}{
		{"country.mmdb", country}, {"country-24.mmdb", country}, {"country-32.mmdb", country},
		{"flat.mmdb", rows{
			{"1.208.0.0", "KR", "country_code, beside a country that is a name"},
			{"2606:4700::", "US", "the same for IPv6"},
			{"133.0.0.0", "", "not in this file"},
		}},
		{"ipv4.mmdb", rows{
			{"1.208.0.0", "KR", "a file for IPv4 alone"},
			{"::ffff:1.208.0.0", "KR", "mapped"},
			{"2606:4700::", "", "it has no IPv6"},
			{"::1.208.0.0", "", "IPv4-compatible is IPv6"},
		}},
		{"odd.mmdb", rows{
			{"1.0.0.1", "", "registered_country tells nothing of the user"},
			{"1.0.1.1", "", "represented_country neither"},
			{"1.0.2.1", "", "an empty record"},
			{"1.0.3.1", "", "a country without a code"},
			{"1.0.4.1", "", "a code that ISO reserves"},
			{"1.0.5.1", "", "lower case"},
			{"1.0.6.1", "", "an empty code"},
			{"1.0.7.1", "", "a code that is a number"},
			{"1.0.8.1", "", "a calling code"},
			{"1.0.9.1", "XK", "Kosovo; whose base it is does not matter"},
			{"1.0.10.1", "DE", "country.iso_code comes before country_code"},
		}},
		{"wide.mmdb", rows{
			{"0.0.0.0", "FR", "a leaf over all of IPv4"},
			{"255.255.255.255", "FR", "its end"},
			{"::ffff:8.8.8.8", "FR", "mapped is IPv4, not the leaf over ::ffff:0:0/96"},
			{"::8.8.8.8", "", "the leaf does not count for IPv4-compatible"},
			{"::1:0:0", "FR", "one after ::/96"},
			{"64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "FR", "one before NAT64"},
			{"64:ff9b::", "", "NAT64 under a wide leaf"},
			{"64:ff9b::ffff:ffff", "", "its end"},
			{"64:ff9b::1:0:0", "FR", "one after it"},
			{"64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "FR", "one before local NAT64"},
			{"64:ff9b:1::", "", "local NAT64"},
			{"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "", "its end"},
			{"64:ff9b:2::", "FR", "one after it"},
			{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "FR", "the end of the leaf"},
			{"2000::", "DE", "a leaf over two blocks"},
			{"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "DE", "one before Teredo"},
			{"2001::", "", "Teredo"},
			{"2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "", "its end"},
			{"2001:1::", "DE", "one after it"},
			{"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "DE", "one before 6to4"},
			{"2002::", "", "6to4 with a record of its own"},
			{"2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "the end of 6to4"},
			{"2003::", "DE", "one after it"},
			{"2a00::", "FR", "the same record as IPv4 has, and no alias"},
		}},
	} {
		db := mustOpen(t, "testdata/"+file.name)
		for _, row := range file.rows {
			if got := db.Country(netip.MustParseAddr(row.addr)).String(); got != row.want {
				t.Errorf("%s: %s (%s) is %q, want %q", file.name, row.addr, row.why, got, row.want)
			}
		}
		if c := db.Country(netip.Addr{}); c != (geo.Country{}) {
			t.Errorf("%s: the zero Addr is in %v", file.name, c)
		}
	}
}

func TestDBDescribesItself(t *testing.T) {
	db := mustOpen(t, "testdata/country.mmdb")
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); db.BuildTime() != want || db.Type() != "Made-up-Country" {
		t.Errorf("%v, %q", db.BuildTime(), db.Type())
	}
	if got := db.String(); got != `"Made-up-Country" of 2026-01-01T00:00:00Z, 9 ranges` {
		t.Error(got)
	}
	n := 0
	var before ipset.Range
	for r, c := range db.All() {
		if n++; c == (geo.Country{}) || r.Compare(before) <= 0 {
			t.Errorf("%v, then %v is in %q", before, r, c)
		}
		if before.To().Next() == r.From() && db.Country(before.From()) == c {
			t.Errorf("%v and %v are not merged", before, r)
		}
		if db.Country(r.From()) != c || db.Country(r.To()) != c {
			t.Errorf("%v: %v, but Country says otherwise", r, c)
		}
		before = r
	}
	if n != db.Len() || db.Bytes() < 100 || db.Bytes() > 10_000 {
		t.Errorf("%d ranges, Len %d, Bytes %d", n, db.Len(), db.Bytes())
	}
}

// The Set of some countries holds the addresses that Country says are in them.
func TestDBSet(t *testing.T) {
	for _, file := range []string{"country.mmdb", "wide.mmdb", "odd.mmdb"} {
		db := mustOpen(t, "testdata/"+file)
		for _, c := range []geo.Countries{{}, geo.CountriesOf(jp), geo.CountriesOf(jp, us, geo.MustParseCountry("TW")), geo.AllCountries()} {
			set := db.Set(c)
			for r := range db.All() {
				for _, a := range []netip.Addr{r.From().Prev(), r.From(), r.To(), r.To().Next()} {
					if set.Contains(a) != c.Has(db.Country(a)) {
						t.Errorf("%s: the set of %v is wrong about %v in %v", file, c, a, db.Country(a))
					}
				}
			}
		}
	}
	wide := mustOpen(t, "testdata/wide.mmdb").Set(geo.AllCountries())
	if want := ipset.MustParse("0.0.0.0/0"); !wide.Intersect(want).Equal(want) || wide.Contains(netip.MustParseAddr("2002::1")) {
		t.Errorf("wide: %v", slices.Collect(wide.All()))
	}
}

// Nothing that is nil or zero knows a country, and none of it panics.
func TestNoDB(t *testing.T) {
	var none *geo.DB
	var dead *geo.Live
	for _, db := range []*geo.DB{none, {}, dead.DB(), new(geo.Live).DB()} {
		if c := db.Country(netip.MustParseAddr("8.8.8.8")); c != (geo.Country{}) {
			t.Errorf("it knows %v", c)
		}
		for r, c := range db.All() {
			t.Errorf("%v is in %v", r, c)
		}
		if set := db.Set(geo.AllCountries()); set.Len() != 0 {
			t.Errorf("Set: %v", set)
		}
		if db.Len() != 0 || !db.BuildTime().IsZero() || db.Type() != "" || db.Bytes() > 200 || strings.Contains(db.String(), "%!") {
			t.Errorf("%v: Len %d, built %v, type %q, %d bytes", db, db.Len(), db.BuildTime(), db.Type(), db.Bytes())
		}
	}
	for _, l := range []*geo.Live{nil, {}} {
		if c := l.Country(netip.MustParseAddr("8.8.8.8")); c != (geo.Country{}) {
			t.Errorf("it knows %v", c)
		}
		if changed, err := l.Reload(); changed || err == nil {
			t.Errorf("Reload: %v, %v", changed, err)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	db := mustOpen(t, "testdata/country.mmdb")
	live, err := geo.OpenLive("testdata/country.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	home := geo.CountriesOf(kr, us)
	for _, s := range []string{"8.8.8.8", "9.9.9.9", "::ffff:8.8.8.8", "2606:4700::1", "2606:4700::1%eth0", "fe80::1"} {
		a := netip.MustParseAddr(s)
		c := db.Country(a)
		for name, f := range map[string]func(){
			"DB.Country":    func() { c = db.Country(a) },
			"Live.Country":  func() { c = live.Country(a) },
			"Countries.Has": func() { home.Has(c) },
			"String":        func() { _ = c.String() },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s of %s: %v allocations", name, s, n)
			}
		}
	}
}
