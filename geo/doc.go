// Package geo tells the country of an address.
//
// Start with Open, which reads a country file into memory, and ask it:
//
//	db, err := geo.Open("/var/lib/geo/country.mmdb")
//	if err != nil {
//		return err
//	}
//	if db.Country(addr) == geo.MustParseCountry("KR") { … }
//
// A DB never changes. Where the file is replaced while the program runs, use
// OpenLive, call Reload when a new file is there, and ask the Live instead:
// whatever is wrong with the new file, the old one stays in use.
//
//   - Country is one country, or the unknown one; ParseCountry reads its code.
//   - Countries is a set of them, with JSON for settings.
//   - DB is a compiled country file, Live one that can be replaced.
//   - Locator is what package policy asks. A DB and a Live are Locators; bring
//     your own for another source.
//
// # The unknown country
//
// Much of the address space has no country in any file, and of some the file
// says what cannot be used; type DB lists it. These addresses have the unknown
// country, which is the zero Country, and no Countries holds it. A rule that
// names the countries from which something is allowed is therefore shut by
// default.
//
// An answer is no proof. Files are wrong about some addresses, and anybody can
// rent one in another country. Ask for more proof of identity where the country
// is not an expected one, but do not ask for less than a password where it is.
//
// # Country files
//
// Any MMDB file with countries will do: those of MaxMind (GeoLite2-Country,
// GeoIP2-City), DB-IP, IPinfo Lite and others. Providers build a new one
// every day to every month. Fetch it beside the one in use, compare the
// checksum, and rename it into place:
//
//	live, err := geo.OpenLive(path)
//	…
//	for range time.Tick(time.Hour) {
//		if _, err := live.Reload(); err != nil {
//			log.Print(err) // the old one is in use
//		}
//	}
//
// A file is read into memory whole, compiled, and forgotten: a DB takes about
// as much memory as a country file on disk, and much less than a city file.
// Looking up an address takes some tens of nanoseconds and does not allocate.
package geo

//go:generate go -C fixtures run .
