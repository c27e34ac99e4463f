package geo

import (
	"fmt"
	"iter"
	"net/netip"
	"time"
	"unsafe"

	"github.com/sallyport-go/sallyport/ipset"
)

// DB is a country database: an immutable map from addresses to countries,
// compiled from an MMDB file. A nil *DB and the zero DB know no country. A DB
// is safe for concurrent use and holds no file open.
//
// The country of an address is the one in which its user is, as the file says
// in country.iso_code (the schema of MaxMind, used by DB-IP and others) or,
// where there is none, in country_code (the schema of IPinfo and others). What
// else a record says is not asked:
//
//   - registered_country is where the owner of a block is registered, which
//     tells nothing of the user of an address in it. A record with this alone
//     is of unknown country.
//   - represented_country is whose embassy or base it is. The user is in
//     country.
//   - A code that ISO does not assign (EU, AP, A1, a lower-case one) is the
//     unknown country.
//   - Addresses that carry an IPv4 address inside an IPv6 one (IPv4-compatible,
//     6to4, Teredo, NAT64) are of unknown country whatever the file says.
//
// No Countries holds the unknown country: a list of countries to let in keeps
// it out. A list of countries to keep out would let it in.
type DB struct {
	countries *ipset.Map[Country]
	ranges    int // of countries, which counts them anew at each Len
	kind      string
	built     time.Time
}

// Open reads the MMDB file at path into memory and compiles it. It never maps
// the file: writing to it afterwards, or deleting it, harms nothing.
//
// The error names path and says what is wrong. It is an error if the file is
// not a regular one, is empty, is larger than MaxFileSize, changes while it is
// read, is truncated or damaged, is not an MMDB file, or has no country in any
// record. MMDB files have no checksum, so damage that happens to be well formed
// is not found: when fetching one, compare the checksum its provider gives.
func Open(path string) (*DB, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return open(path, b)
}

func open(path string, b []byte) (*DB, error) {
	db, err := OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("country file %q: %w", path, err)
	}
	return db, nil
}

// OpenBytes is Open for the contents of a file. It does not keep b, which must
// not change meanwhile.
func OpenBytes(b []byte) (db *DB, err error) {
	if len(b) > MaxFileSize {
		return nil, errTooLarge
	}
	// What is known to be wrong in a file is found before it can panic. This is
	// for the rest: no file may stop the server that reads it.
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged("%s", quoteCut(fmt.Sprint(r), 100))
		}
	}()
	m, err := readMMDB(b)
	if err != nil {
		return nil, err
	}
	var walked error
	countries, err := ipset.MapOf(m.ranges(&walked))
	if walked != nil {
		return nil, walked
	}
	if err != nil {
		return nil, damaged("%v", err)
	}
	n := countries.Len()
	switch {
	case n == 0 && m.strange == "":
		return nil, m.noCountry("no record has country.iso_code or country_code")
	case n == 0:
		return nil, m.noCountry("its codes, such as " + quoteCut(m.strange, 16) + ", are none of ISO 3166-1")
	}
	return &DB{
		countries: countries,
		ranges:    n,
		kind:      m.reader.Metadata.DatabaseType,
		built:     m.reader.Metadata.BuildTime().UTC(),
	}, nil
}

// Country returns the country of a, or the unknown one if the file does not
// know it. A mapped address counts as the IPv4 address that it spells, and a
// zone is ignored. Country does not allocate.
func (db *DB) Country(a netip.Addr) Country {
	if db == nil {
		return Country{}
	}
	c, _ := db.countries.Lookup(a)
	return c
}

// Set returns the set of all addresses whose country is in c.
func (db *DB) Set(c Countries) *ipset.Set {
	var ranges []ipset.Range
	for r, country := range db.All() {
		if c.Has(country) {
			ranges = append(ranges, r)
		}
	}
	return ipset.Of(ranges...)
}

// All yields the disjoint ranges of known country in order, IPv4 first.
// Neighbours of the same country are one range.
func (db *DB) All() iter.Seq2[ipset.Range, Country] {
	if db == nil {
		db = &DB{}
	}
	return db.countries.All()
}

// Len returns the number of ranges that All yields.
func (db *DB) Len() int {
	if db == nil {
		return 0
	}
	return db.ranges
}

// Bytes returns the memory that db holds, in bytes.
func (db *DB) Bytes() int {
	if db == nil {
		return 0
	}
	return db.countries.Bytes() + len(db.kind) + int(unsafe.Sizeof(*db))
}

// BuildTime returns when the file was built, as it says itself, in UTC. It is
// the zero Time for a nil or zero DB.
func (db *DB) BuildTime() time.Time {
	if db == nil {
		return time.Time{}
	}
	return db.built
}

// Type returns the database type in the file's metadata, for instance
// "GeoLite2-Country". It comes from the file and can be any text.
func (db *DB) Type() string {
	if db == nil {
		return ""
	}
	return db.kind
}

// String describes db for a log: its type, quoted and cut, when it was built
// and how many ranges it has.
func (db *DB) String() string {
	if db == nil {
		return "no country file"
	}
	return fmt.Sprintf("%s of %s, %d ranges", quote(db.kind), db.built.Format(time.RFC3339), db.ranges)
}
