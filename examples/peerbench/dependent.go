package main

import (
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/phuslu/iploc"
	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Look-ups are measured in two manners. Independent ones are asked one behind the
// other: a processor begins the next while the last one waits for memory or is
// still being counted, which suits those with few branches. Of dependent ones each
// waits for the answer to the last, since its address is found by it; so it is
// where a look-up stands alone between other work.
const (
	independent = "independent"
	dependent   = "dependent"
)

// zero is zero, which the compiler does not know.
var zero int

func waitSet(s *ipset.Set, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(s.Contains(q[i+hits&zero]))
	}
	return hits
}

func waitFast(t *bart.Fast[struct{}], q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(t.Contains(q[i+hits&zero]))
	}
	return hits
}

func waitLite(t *bart.Lite, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(t.Contains(q[i+hits&zero]))
	}
	return hits
}

func waitIPSet(s *netipx.IPSet, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(s.Contains(q[i+hits&zero]))
	}
	return hits
}

func waitNothing(q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(q[i+hits&zero].IsValid())
	}
	return hits
}

func waitCountry(db *geo.DB, q []netip.Addr) (known int) {
	for i := range q {
		known += one(db.Country(q[i+known&zero]) != geo.Country{})
	}
	return known
}

func waitCountryTable(t *bart.Table[geo.Country], q []netip.Addr) (known int) {
	for i := range q {
		c, _ := t.Lookup(q[i+known&zero])
		known += one(c != geo.Country{})
	}
	return known
}

func waitIploc(q []netip.Addr) (known int) {
	for i := range q {
		known += one(iploc.IPCountry(q[i+known&zero]) != "")
	}
	return known
}

func waitMMDB(r *maxminddb.Reader, q []netip.Addr) (known int) {
	for i := range q {
		var code string
		if r.Lookup(q[i+known&zero]).DecodePath(&code, "country", "iso_code") == nil {
			known += one(code != "")
		}
	}
	return known
}

func waitPolicy(p *policy.Policy, m *member.Member, q []netip.Addr) (allowed int) {
	for i := range q {
		d := p.Evaluate(policy.Attempt{Addr: q[i+allowed&zero], Client: session.Web, Member: m})
		allowed += one(d.Effect == policy.Allow)
	}
	return allowed
}
