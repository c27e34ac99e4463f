package main

import (
	"net"
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/phuslu/iploc"
	"github.com/yl2chen/cidranger"
	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
)

// One loop for each type, written by hand. Through an interface or a type
// parameter the calls would be indirect, which costs about as much as the
// fastest of these look-ups. All sum up the answers without a branch on them,
// so that a wrong guess of the processor about the answer is not measured.

// one is 1 for true; the compiler makes no branch of it.
func one(b bool) int {
	n := 0
	if b {
		n = 1
	}
	return n
}

func askSet(s *ipset.Set, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(s.Contains(q[i]))
	}
	return hits
}

func askFast(t *bart.Fast[struct{}], q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(t.Contains(q[i]))
	}
	return hits
}

func askLite(t *bart.Lite, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(t.Contains(q[i]))
	}
	return hits
}

func askTable(t *bart.Table[struct{}], q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(t.Contains(q[i]))
	}
	return hits
}

func askIPSet(s *netipx.IPSet, q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(s.Contains(q[i]))
	}
	return hits
}

func askRanger(r cidranger.Ranger, q []net.IP) (hits int) {
	for i := range q {
		in, _ := r.Contains(q[i])
		hits += one(in)
	}
	return hits
}

// askNothing is the cost of a loop itself.
func askNothing(q []netip.Addr) (hits int) {
	for i := range q {
		hits += one(q[i].IsValid())
	}
	return hits
}

func askCountry(db *geo.DB, q []netip.Addr) (known int) {
	for i := range q {
		known += one(db.Country(q[i]) != geo.Country{})
	}
	return known
}

func askCountryTable(t *bart.Table[geo.Country], q []netip.Addr) (known int) {
	for i := range q {
		c, _ := t.Lookup(q[i])
		known += one(c != geo.Country{})
	}
	return known
}

func askIploc(q []netip.Addr) (known int) {
	for i := range q {
		known += one(iploc.IPCountry(q[i]) != "")
	}
	return known
}

func askMMDB(r *maxminddb.Reader, q []netip.Addr) (known int) {
	for i := range q {
		var code string
		if r.Lookup(q[i]).DecodePath(&code, "country", "iso_code") == nil {
			known += one(code != "")
		}
	}
	return known
}
