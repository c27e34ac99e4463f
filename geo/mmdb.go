package geo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/ipset"
)

// mmdb reads the countries of an MMDB file: a binary tree of the bits of an
// address, whose leaves are empty or point to records, and behind it the
// records and the metadata. The format is
// https://maxmind.github.io/MaxMind-DB/, version 2.0.
//
// The library reads the metadata; type records reads the records. The tree is
// walked here, because the library follows the cross links of a corrupt tree
// for as long as they go on, takes for an alias of IPv4 whatever has the same
// record as a leaf over ::/96, and does not cut a leaf that reaches over a
// block of embedding.
type mmdb struct {
	reader    *maxminddb.Reader
	file      []byte
	records   records
	nodes     uint             // a pointer below it is to a node, at it to nothing, above it to a record
	nodeBytes uint             // of two pointers
	visits    uint             // how many nodes and leaves the walk may still see
	countries map[uint]Country // of the records seen, by pointer
	recent    [1024]struct {   // of those seen last, by the low bits of the pointer; 0 is none to a record
		pointer uint
		country Country
	}
	strange string // a code seen that is no country's
}

// separator is how many zero bytes stand between the tree and the records.
const separator = 16

// metadataMarker is what stands between the records and the metadata. The last
// one in a file counts.
const metadataMarker = "\xab\xcd\xefMaxMind.com"

// maxEpoch is the last second of the last year that time.Time can marshal.
const maxEpoch = 253402300799

func readMMDB(file []byte) (*mmdb, error) {
	reader, err := maxminddb.OpenBytes(file)
	switch {
	case err != nil && len(file) == 0:
		return nil, errors.New("empty")
	case err != nil && bytes.HasPrefix(file, []byte("\x1f\x8b")):
		return nil, errors.New("compressed; unpack the .mmdb file in it")
	case err != nil:
		return nil, damaged("%s", quoteCut(err.Error(), 100))
	}
	meta := &reader.Metadata
	switch {
	case meta.BinaryFormatMajorVersion != 2:
		return nil, fmt.Errorf("MMDB format %d; only format 2 is known", meta.BinaryFormatMajorVersion)
	case meta.IPVersion != 4 && meta.IPVersion != 6:
		return nil, damaged("its IP version is %d, not 4 or 6", meta.IPVersion)
	case meta.RecordSize != 24 && meta.RecordSize != 28 && meta.RecordSize != 32:
		return nil, damaged("its record size is %d, not 24, 28 or 32", meta.RecordSize)
	case uint64(meta.BuildEpoch) > maxEpoch:
		return nil, damaged("its build time %d is past the year 9999", meta.BuildEpoch)
	}
	m := &mmdb{
		reader:    reader,
		file:      file,
		nodes:     meta.NodeCount,
		nodeBytes: meta.RecordSize / 4,
		countries: map[uint]Country{},
	}
	if m.nodes == 0 || m.nodes > uint(len(file))/m.nodeBytes {
		return nil, damaged("it has a tree of %d nodes in %d bytes", m.nodes, len(file))
	}
	// Where the count of nodes is wrong, other bytes stand here as a rule.
	end := bytes.LastIndex(file, []byte(metadataMarker)) // the library found it
	tree := min(int(m.nodes*m.nodeBytes), end)
	gap := file[tree:end]
	if len(gap) < separator || [separator]byte(gap) != [separator]byte{} {
		return nil, damaged("its tree does not end after %d nodes", m.nodes)
	}
	m.records = records{data: gap[separator:], visits: visitsPerByte*uint64(len(file)) + 4096}
	// A tree has one leaf more than it has nodes. The rest is for leaves that
	// are cut, and for writers that share branches between networks.
	m.visits = 8*m.nodes + 4096
	return m, nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("not a sound MMDB file: "+format+"; get it anew", args...)
}

// noCountry is the error for a file that is sound but of another kind.
func (m *mmdb) noCountry(why string) error {
	return fmt.Errorf("no country in a file of type %s: %s; use a country or city database",
		quote(m.reader.Metadata.DatabaseType), why)
}

// ranges yields every range of known country once, in order, IPv4 first, and
// neighbours of one country as one. It stops at the first thing that is wrong
// and leaves it in err.
func (m *mmdb) ranges(err *error) iter.Seq2[ipset.Range, Country] {
	return func(yield func(ipset.Range, Country) bool) {
		w := walk{mmdb: m, yield: yield}
		whole := allIPv6
		if m.reader.Metadata.IPVersion == 4 {
			whole = allIPv4
		}
		if *err = w.below(whole, 0, true); *err == nil {
			*err = w.put(block{}, Country{})
		}
	}
}

var errStopped = errors.New("the caller wants no more")

// walk is a walk through the tree. What it has found waits until it is known
// where the country ends.
type walk struct {
	*mmdb
	yield       func(ipset.Range, Country) bool
	first, last block // of the same country, as all between them
	country     Country
}

// below walks over the tree below at, to which pointer points. Mixed is false
// if at is known to have no part that embeds IPv4.
func (w *walk) below(at block, pointer uint, mixed bool) error {
	if w.visits--; w.visits == 0 {
		return damaged("its tree has cross links")
	}
	if mixed {
		if at.embeds() {
			return nil
		}
		mixed = at.mixed()
	}
	left, right := pointer, pointer
	switch {
	case pointer == w.nodes:
		return nil
	case pointer < w.nodes:
		if at.bits == 128 {
			return damaged("its tree goes on below %v", at.addresses())
		}
		left, right = w.node(pointer)
	default:
		c, err := w.countryAt(at, pointer)
		if err != nil || c == (Country{}) {
			return err
		}
		if !mixed {
			return w.put(at, c)
		}
	}
	zero, one := at.halves()
	if err := w.below(zero, left, mixed); err != nil {
		return err
	}
	return w.below(one, right, mixed)
}

// put adds a block of a country to the blocks before it, and yields those if
// they are of another country or do not touch it.
func (w *walk) put(at block, c Country) error {
	if c == w.country && w.last.touches(at) {
		w.last = at
		return nil
	}
	if w.country != (Country{}) && !w.yield(span(w.first, w.last), w.country) {
		return errStopped
	}
	w.first, w.last, w.country = at, at, c
	return nil
}

// node returns the two pointers of node i.
func (m *mmdb) node(i uint) (left, right uint) {
	b := m.file[i*m.nodeBytes:][:m.nodeBytes]
	switch m.nodeBytes {
	case 6:
		return uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]), uint(b[3])<<16 | uint(b[4])<<8 | uint(b[5])
	case 7: // the byte in the middle has the high bits of both
		return uint(b[3]>>4)<<24 | uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]),
			uint(b[3]&15)<<24 | uint(b[4])<<16 | uint(b[5])<<8 | uint(b[6])
	default:
		return uint(binary.BigEndian.Uint32(b)), uint(binary.BigEndian.Uint32(b[4:]))
	}
}

// countryAt returns the country of the record to which pointer, the leaf of at,
// points.
func (m *mmdb) countryAt(at block, pointer uint) (Country, error) {
	recent := &m.recent[pointer%uint(len(m.recent))]
	if recent.pointer == pointer {
		return recent.country, nil
	}
	c, ok := m.countries[pointer]
	if !ok {
		var err error
		if c, err = m.readCountry(at, pointer); err != nil {
			return Country{}, err
		}
		m.countries[pointer] = c
	}
	recent.pointer, recent.country = pointer, c
	return c, nil
}

// readCountry is countryAt for a record that was not seen before.
func (m *mmdb) readCountry(at block, pointer uint) (Country, error) {
	if pointer < m.nodes+separator {
		return Country{}, damaged("the record of %v lies before the first one", at.addresses())
	}
	code, ok, err := m.records.code(pointer - m.nodes - separator)
	if err == errNoMap {
		return Country{}, m.noCountry(fmt.Sprintf("the record of %v is %v", at.addresses(), err))
	}
	if err != nil {
		return Country{}, damaged("the record of %v: %v", at.addresses(), err)
	}
	var c Country
	if ok {
		// A code can be as long as the file, and in every record.
		code := string(code[:min(len(code), 200)])
		if c, ok = countryOf(code); !ok {
			m.strange = code
		}
	}
	return c, nil
}
