package main

import (
	"encoding/binary"
	"net/netip"
)

// countryFile writes an MMDB file with a country.iso_code in each record, format
// 2.0, records of 32 bits. It is for generated inputs: it knows nothing beyond
// them, and of two prefixes that overlap the later one wins or is cut off.
type countryFile struct {
	nodes   [][2]uint32 // 0: nothing; leaf|offset of a record; else the number of a node
	data    []byte
	offsets map[string]uint32
}

const leaf = 1 << 31

func newCountryFile() *countryFile {
	return &countryFile{nodes: make([][2]uint32, 1), offsets: map[string]uint32{}}
}

// put gives the addresses of p to a country. IPv4 stands in ::/96.
func (w *countryFile) put(p netip.Prefix, code string) {
	bits, length := p.Addr().As16(), p.Bits()
	if p.Addr().Is4() {
		bits[10], bits[11] = 0, 0 // As16 gives ::ffff:a.b.c.d
		length += 96
	}
	node := uint32(0)
	for i := range length {
		bit := bits[i/8] >> (7 - i%8) & 1
		next := &w.nodes[node][bit]
		switch {
		case i == length-1:
			*next = leaf | w.record(code)
		case *next == 0 || *next&leaf != 0:
			*next = uint32(len(w.nodes))
			node = *next
			w.nodes = append(w.nodes, [2]uint32{})
		default:
			node = *next
		}
	}
}

func (w *countryFile) record(code string) uint32 {
	offset, ok := w.offsets[code]
	if !ok {
		offset = uint32(len(w.data))
		w.offsets[code] = offset
		w.data = append(w.data, mmdbMap(1)...)
		w.data = append(w.data, mmdbText("country")...)
		w.data = append(w.data, mmdbMap(1)...)
		w.data = append(w.data, mmdbText("iso_code")...)
		w.data = append(w.data, mmdbText(code)...)
	}
	return offset
}

func (w *countryFile) bytes() []byte {
	const separator = 16
	n := uint32(len(w.nodes))
	var b []byte
	for _, node := range w.nodes {
		for _, child := range node {
			switch {
			case child == 0:
				child = n
			case child&leaf != 0:
				child = n + separator + child&^leaf
			}
			b = binary.BigEndian.AppendUint32(b, child)
		}
	}
	b = append(b, make([]byte, separator)...)
	b = append(b, w.data...)
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	b = append(b, mmdbMap(9)...)
	for _, field := range []struct {
		key   string
		value []byte
	}{
		{"binary_format_major_version", mmdbNumber(5, 2)},
		{"binary_format_minor_version", mmdbNumber(5, 0)},
		{"build_epoch", append([]byte{4, 2}, binary.BigEndian.AppendUint32(nil, 1_760_000_000)...)}, // uint64 in 4 bytes
		{"database_type", mmdbText("Generated-Country")},
		{"description", append(append(mmdbMap(1), mmdbText("en")...), mmdbText("made up")...)},
		{"ip_version", mmdbNumber(5, 6)},
		{"languages", []byte{0, 4}}, // an empty array
		{"node_count", append([]byte{6<<5 | 4}, binary.BigEndian.AppendUint32(nil, n)...)},
		{"record_size", mmdbNumber(5, 32)},
	} {
		b = append(append(b, mmdbText(field.key)...), field.value...)
	}
	return b
}

// The control byte: the type in three bits, the size in five.

func mmdbMap(n int) []byte { return []byte{7<<5 | byte(n)} }

func mmdbText(s string) []byte { return append([]byte{2<<5 | byte(len(s))}, s...) }

func mmdbNumber(kind, n byte) []byte { return []byte{kind<<5 | 1, n} }
