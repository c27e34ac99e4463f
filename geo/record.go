package geo

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// records reads the code of the country out of the records of an MMDB file, and
// passes over all else in them.
//
// It is here because the library bounds the work of reading one record, and
// nothing bounds that of all: a thousand records can point to one huge value,
// or overlap, each beginning inside a string of another. Here a visit looks at
// one value, or passes over it, in constant time, however long it is; and the
// visits of one file are counted.
type records struct {
	data   []byte // the data section; pointers in it are offsets
	visits uint64 // how many values may still be looked at
}

// visitsPerByte is how many values may be looked at for each byte of a file.
// MaxMind's test files need 0.2. The most is needed where records do nothing
// but point to a country that they share: they have 5 bytes and 6 of the tree,
// so that country may have some 80 values. Its name in eight languages takes 17.
const visitsPerByte = 8

var (
	errNoMap  = errors.New("not a map of fields")
	errVisits = fmt.Errorf("the records have more than %d values for each byte of the file", visitsPerByte)
	errEnd    = errors.New("it goes on past the end of the data")
)

// The kinds of values, numbered as the format does. Those above 7 are written
// as 0, with a byte that says how far above.
const (
	kindPointer = 1
	kindString  = 2
	kindBytes   = 4
	kindMap     = 7
	kindArray   = 11
	kindBool    = 14
)

const noLimit = ^uint(0)

// sizes is what the size of a value of each kind may be. A kind without an
// entry is none that stands in a record.
var sizes = [16]struct{ least, most uint }{
	kindPointer: {0, noLimit},
	kindString:  {0, noLimit},
	3:           {8, 8}, // double
	kindBytes:   {0, noLimit},
	5:           {0, 2}, // uint16
	6:           {0, 4}, // uint32
	kindMap:     {0, noLimit},
	8:           {0, 4},  // int32
	9:           {0, 8},  // uint64
	10:          {0, 16}, // uint128
	kindArray:   {0, noLimit},
	kindBool:    {0, 1},
	15:          {4, 4}, // float
}

// value is a value of the data section.
type value struct {
	kind uint
	size uint // how many entries or elements a map or array has, or bytes another
	at   uint // where these begin; of a pointer, to what it points
	end  uint // of the value, or of what stands before the first entry or element
}

// code returns the code of the country in the record that begins at at. Where
// ok is false the record has none. The code is a part of the data.
func (r *records) code(at uint) (code []byte, ok bool, err error) {
	record, _, err := r.follow(at)
	if err != nil {
		return nil, false, err
	}
	if record.kind != kindMap {
		return nil, false, errNoMap
	}
	country, err := r.find(record, "country")
	if err != nil {
		return nil, false, err
	}
	if country.kind == kindMap { // in other files it may be the name of one
		if country, err = r.find(country, "iso_code"); err != nil {
			return nil, false, err
		}
		if country.kind == kindString {
			return r.data[country.at:country.end], true, nil
		}
	}
	flat, err := r.find(record, "country_code")
	if err != nil || flat.kind != kindString {
		return nil, false, err
	}
	return r.data[flat.at:flat.end], true, nil
}

// find returns the value of the field name in the map m, or the zero value if
// it has none. It goes to the end of m, so that damage behind the field and a
// second field of the name are found: readers differ in which of two they take.
func (r *records) find(m value, name string) (found value, err error) {
	at := m.at
	for range m.size {
		key, next, err := r.follow(at)
		if err != nil {
			return value{}, err
		}
		if key.kind != kindString {
			return value{}, errors.New("a field has a name that is no text")
		}
		if string(r.data[key.at:key.end]) == name {
			if found != (value{}) {
				return value{}, fmt.Errorf("it has two fields %s", name)
			}
			if found, _, err = r.follow(next); err != nil {
				return value{}, err
			}
		}
		if at, err = r.skip(next); err != nil {
			return value{}, err
		}
	}
	return found, nil
}

// skip returns where the value that begins at at ends, with all entries and
// elements in it. It follows no pointers.
func (r *records) skip(at uint) (end uint, err error) {
	for more := uint(1); more > 0; more-- {
		v, err := r.value(at)
		if err != nil {
			return 0, err
		}
		switch v.kind {
		case kindMap:
			more += 2 * v.size
		case kindArray:
			more += v.size
		}
		at = v.end
		if more-1 > uint(len(r.data))-at { // each has a byte at the least
			return 0, errEnd
		}
	}
	return at, nil
}

// follow returns the value that begins at at or, if that is a pointer, the one
// to which it points. Where the one at at is no map and no array, it ends at
// end.
func (r *records) follow(at uint) (v value, end uint, err error) {
	v, err = r.value(at)
	if err != nil || v.kind != kindPointer {
		return v, v.end, err
	}
	end = v.end
	if v, err = r.value(v.at); err == nil && v.kind == kindPointer {
		err = errors.New("a pointer points to a pointer")
	}
	return v, end, err
}

// value visits the value that begins at at.
func (r *records) value(at uint) (v value, err error) {
	if r.visits == 0 {
		return value{}, errVisits
	}
	r.visits--
	control, at, err := r.number(at, 1)
	if err != nil {
		return value{}, err
	}
	v.kind, v.size = control>>5, control&31
	if v.kind == kindPointer {
		return r.pointer(v.size, at)
	}
	if v.kind == 0 {
		var above uint
		if above, at, err = r.number(at, 1); err != nil {
			return value{}, err
		}
		if v.kind = 7 + above; above == 0 || v.kind >= uint(len(sizes)) {
			v.kind = 0
		}
	}
	if n := v.size; n > 28 {
		if v.size, at, err = r.number(at, n-28); err != nil {
			return value{}, err
		}
		v.size += [...]uint{29, 29 + 1<<8, 29 + 1<<8 + 1<<16}[n-29]
	}
	if limit := sizes[v.kind]; v.size < limit.least || v.size > limit.most || limit.most == 0 {
		return value{}, fmt.Errorf("it has a value of kind %d and size %d", v.kind, v.size)
	}
	v.at, v.end = at, at
	switch v.kind {
	case kindMap, kindArray, kindBool:
	default:
		if v.size > uint(len(r.data))-at {
			return value{}, errEnd
		}
		v.end += v.size
	}
	return v, nil
}

// pointer reads a pointer whose control byte, with these bits, is before at.
func (r *records) pointer(bits, at uint) (v value, err error) {
	n := bits>>3 + 1
	to, at, err := r.number(at, n)
	if n < 4 {
		to |= bits & 7 << (8 * n)
		to += [...]uint{0, 1 << 11, 1<<11 + 1<<19}[n-1]
	}
	return value{kind: kindPointer, at: to, end: at}, err
}

// number returns the n bytes at at, up to four, as a number, and their end.
func (r *records) number(at, n uint) (u, end uint, err error) {
	if at > uint(len(r.data)) || n > uint(len(r.data))-at {
		return 0, 0, errEnd
	}
	var b [4]byte
	copy(b[4-n:], r.data[at:at+n])
	return uint(binary.BigEndian.Uint32(b[:])), at + n, nil
}
