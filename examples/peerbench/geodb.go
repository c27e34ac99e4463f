package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"
	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

const (
	ourDB    = "geo.DB"
	iplocLib = "phuslu/iploc"
	mmdbPath = "maxminddb DecodePath"
)

// embedding is where an IPv4 address stands inside an IPv6 one. geo knows no
// country there, whatever a file says, so nobody is asked about it.
var embedding = []netip.Prefix{
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

func embedded(a netip.Addr) bool {
	return slices.ContainsFunc(embedding, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (b *bench) country() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourDB, iplocLib, mmdbPath, bartTable, emptyLoop},
		notes: []string{
			"The country of an address. Half of them in networks of the file, half anywhere, 65,536 different ones.",
			"iploc brings its own data, of another size, so only its speed is compared and not its answers.",
		},
	}
	for _, of := range []struct{ against, words string }{{iplocLib, "at most 0.35"}, {mmdbPath, "at most 0.2"}, {bartTable, "at most 0.6"}} {
		for _, manner := range []string{independent, dependent} {
			r.claims = append(r.claims, claim{against: of.against, goal: mustGoal(of.words), manner: manner, inputs: func(input string) bool {
				return strings.HasSuffix(input, ", "+manner)
			}})
		}
	}
	db, err := geo.OpenBytes(b.in.country)
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(bytes.Clone(b.in.country))
	if err != nil {
		return nil, err
	}
	table, networks, err := countryTable(reader)
	if err != nil {
		return nil, err
	}
	for _, family := range families {
		q, err := b.countryQuestions(family, networks[family])
		if err != nil {
			return nil, err
		}
		if err := agreeOnCountries(q, db, reader, table); err != nil {
			return nil, err
		}
		for _, manner := range []struct {
			name       string
			contenders []contender
		}{
			{independent, []contender{
				{name: ourDB, run: func(from, to int) int { return askCountry(db, q[from:to]) }},
				{name: iplocLib, run: func(from, to int) int { return askIploc(q[from:to]) }},
				{name: mmdbPath, run: func(from, to int) int { return askMMDB(reader, q[from:to]) }},
				{name: bartTable, run: func(from, to int) int { return askCountryTable(table, q[from:to]) }},
				{name: emptyLoop, run: func(from, to int) int { return askNothing(q[from:to]) }},
			}},
			{dependent, []contender{
				{name: ourDB, run: func(from, to int) int { return waitCountry(db, q[from:to]) }},
				{name: iplocLib, run: func(from, to int) int { return waitIploc(q[from:to]) }},
				{name: mmdbPath, run: func(from, to int) int { return waitMMDB(reader, q[from:to]) }},
				{name: bartTable, run: func(from, to int) int { return waitCountryTable(table, q[from:to]) }},
				{name: emptyLoop, run: func(from, to int) int { return waitNothing(q[from:to]) }},
			}},
		} {
			for i := range manner.contenders {
				manner.contenders[i].questions = len(q)
			}
			costs := measure(b.effort(4*time.Millisecond, 60), manner.contenders)
			r.add(fmt.Sprintf("IPv%d, %s", family, manner.name), namesOf(manner.contenders), costs)
		}
	}
	return r, nil
}

// countryTable puts a file into a bart.Table, and returns its networks too.
func countryTable(reader *maxminddb.Reader) (*bart.Table[geo.Country], map[int][]netip.Prefix, error) {
	table, networks := new(bart.Table[geo.Country]), map[int][]netip.Prefix{}
	for result := range reader.Networks() {
		var code string
		if err := result.DecodePath(&code, "country", "iso_code"); err != nil {
			return nil, nil, err
		}
		p := result.Prefix()
		if country, err := geo.ParseCountry(code); err == nil && !embedded(p.Addr()) {
			table.Insert(p, country)
			networks[familyOf(p.Addr())] = append(networks[familyOf(p.Addr())], p)
		}
	}
	return table, networks, nil
}

func (b *bench) countryQuestions(family int, networks []netip.Prefix) ([]netip.Addr, error) {
	if len(networks) == 0 {
		return nil, fmt.Errorf("the country file has no networks of IPv%d", family)
	}
	d := b.in.seed(family)
	q := make([]netip.Addr, 0, cycle)
	for len(q) < cycle {
		a := anywhere(family, d)
		if len(q)%2 == 0 {
			a = within(networks[d.IntN(len(networks))], d)
		}
		if !embedded(a) {
			q = append(q, a)
		}
	}
	d.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
	return q, nil
}

func agreeOnCountries(q []netip.Addr, db *geo.DB, reader *maxminddb.Reader, table *bart.Table[geo.Country]) error {
	for _, a := range q {
		got := db.Country(a)
		var code string
		if err := reader.Lookup(a).DecodePath(&code, "country", "iso_code"); err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
		if want, _ := geo.ParseCountry(code); got != want {
			return fmt.Errorf("%v: %s answers %q and %s %q", a, ourDB, got, mmdbPath, code)
		}
		if other, _ := table.Lookup(a); got != other {
			return fmt.Errorf("%v: %s answers %q and %s %q", a, ourDB, got, bartTable, other)
		}
	}
	return nil
}
