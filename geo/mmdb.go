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
	strange   string           // a code seen that is no country's
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

// ranges yields every range of known country once, in order, IPv4 first. It
// stops at the first thing that is wrong and leaves it in err.
func (m *mmdb) ranges(err *error) iter.Seq2[ipset.Range, Country] {
	return func(yield func(ipset.Range, Country) bool) {
		if m.reader.Metadata.IPVersion == 4 {
			*err = m.walk(allIPv4, 0, yield)
		} else {
			*err = m.walk(allIPv6, 0, yield)
		}
	}
}

var errStopped = errors.New("the caller wants no more")

func (m *mmdb) walk(at block, pointer uint, yield func(ipset.Range, Country) bool) error {
	if m.visits--; m.visits == 0 {
		return damaged("its tree has cross links")
	}
	if at.embeds() {
		return nil
	}
	left, right := pointer, pointer
	switch {
	case pointer == m.nodes:
		return nil
	case pointer < m.nodes:
		if at.bits == 128 {
			return damaged("its tree goes on below %v", at.addresses())
		}
		left, right = m.node(pointer)
	default:
		c, err := m.country(at, pointer)
		if err != nil || c == (Country{}) {
			return err
		}
		if !at.mixed() {
			if !yield(at.addresses(), c) {
				return errStopped
			}
			return nil
		}
	}
	zero, one := at.halves()
	if err := m.walk(zero, left, yield); err != nil {
		return err
	}
	return m.walk(one, right, yield)
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

// country returns the country of the record to which pointer, the leaf of at,
// points.
func (m *mmdb) country(at block, pointer uint) (Country, error) {
	if c, ok := m.countries[pointer]; ok {
		return c, nil
	}
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
	m.countries[pointer] = c
	return c, nil
}
