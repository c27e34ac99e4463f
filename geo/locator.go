package geo

import "net/netip"

// Locator tells the country of an address, zero if it is not known. *DB and
// *Live are Locators; a host that has another source brings its own.
//
// Country is called once for a login or a request: it must not wait, must not
// panic and should not allocate, and it must be safe for concurrent use. It is
// asked about canonical, public addresses only: IPv4 is never in its mapped
// spelling, there is no zone, and private, tunnelled and other special-purpose
// addresses have no country without its being asked.
type Locator interface{ Country(a netip.Addr) Country }

var (
	_ Locator = (*DB)(nil)
	_ Locator = (*Live)(nil)
)
