package geo_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

// raw is an MMDB file with anything in it.
type raw struct {
	nodes  [][2]uint32 // pointers; len(nodes) is nothing, and above that by 16 is the first record
	data   string
	count  uint64 // of nodes, if it is not len(nodes)
	gap    string
	kind   string
	format byte // 2 if zero
	ip     byte // 6 if zero
	size   byte // 24 if zero
	epoch  string
}

func (r raw) build() []byte {
	var b bytes.Buffer
	for _, n := range r.nodes {
		b.Write([]byte{byte(n[0] >> 16), byte(n[0] >> 8), byte(n[0]), byte(n[1] >> 16), byte(n[1] >> 8), byte(n[1])})
	}
	if r.nodes == nil {
		b.Write([]byte{0, 0, 1, 0, 0, 1})
		r.count = 1
	}
	if r.count == 0 {
		r.count = uint64(len(r.nodes))
	}
	if r.gap == "" {
		r.gap = strings.Repeat("\x00", 16)
	}
	or := func(n, other byte) string {
		if n == 0 {
			n = other
		}
		return "\xa1" + string([]byte{n}) // a uint16
	}
	text := func(s string) string {
		switch n := len(s); {
		case n < 29:
			return string([]byte{0x40 | byte(n)}) + s
		case n < 29+256:
			return "\x5d" + string([]byte{byte(n - 29)}) + s
		default:
			return "\x5e" + string([]byte{byte((n - 285) >> 8), byte(n - 285)}) + s
		}
	}
	if r.epoch == "" {
		r.epoch = "\x04\x02\x69\x55\xb9\x00" // a uint64
	}
	b.WriteString(r.gap + r.data + "\xab\xcd\xefMaxMind.com\xe7")
	b.WriteString(text("binary_format_major_version") + or(r.format, 2))
	b.WriteString(text("binary_format_minor_version") + "\xa0")
	b.WriteString(text("database_type") + text(r.kind))
	b.WriteString(text("ip_version") + or(r.ip, 6))
	b.WriteString(text("record_size") + or(r.size, 24))
	b.WriteString(text("build_epoch") + r.epoch)
	b.WriteString(text("node_count") + "\x08\x02")
	return binary.BigEndian.AppendUint64(b.Bytes(), r.count)
}

const inKorea = "\xe1\x4ccountry_code\x42KR"

// ladder is a tree of n nodes of which each one points to the next one twice.
func ladder(n uint32) (nodes [][2]uint32) {
	for i := range n - 1 {
		nodes = append(nodes, [2]uint32{i + 1, i + 1})
	}
	return append(nodes, [2]uint32{n + 16, n + 16})
}

// Files that are wrong with intent.
func TestGuarantee27Crafted(t *testing.T) {
	pastYear9999 := "past the year 9999"
	if strconv.IntSize == 32 {
		pastYear9999 = "build_epoch" // the library refuses them first
	}
	korea := [][2]uint32{{1 + 16, 1}}
	db, err := geo.OpenBytes(raw{nodes: korea, data: inKorea}.build())
	if err != nil || db.Country(netip.MustParseAddr("8.8.8.8")) != kr {
		t.Fatalf("what the others are made of: %v, %v", db, err)
	}
	for _, row := range []struct {
		raw   raw
		words string
		why   string
	}{
		{raw{nodes: ladder(100), data: inKorea}, "cross links", "2^100 networks in 100 nodes"},
		{raw{nodes: ladder(120), data: inKorea, ip: 4}, "goes on below", "a tree for IPv4 that is too deep"},
		{raw{nodes: [][2]uint32{{0, 0}}, data: inKorea}, "goes on below 0.0.0.0", "a node that points to itself"},
		{raw{nodes: [][2]uint32{{1, 17}, {2, 0}}, data: inKorea}, "goes on below 5555:", "a node that points up"},
		{raw{nodes: korea, data: inKorea, format: 3}, "MMDB format 3", "a later format"},
		{raw{nodes: korea, data: inKorea, ip: 5}, "IP version is 5", "no such version"},
		{raw{nodes: korea, data: inKorea, size: 20}, "record size: 20", "no such size"},
		{raw{nodes: korea, data: inKorea, size: 1}, "record size: 1", "not even whole bytes"},
		{raw{nodes: korea, data: inKorea, size: 32}, "tree does not end", "another record size than it has"},
		{raw{nodes: korea, data: inKorea, count: 2}, "tree does not end", "more nodes than it has"},
		{raw{nodes: korea, data: inKorea, count: 1 << 30}, "not a sound MMDB file", "more nodes than bytes"},
		{raw{nodes: korea, data: inKorea, ip: 4, size: 20}, "record size is 20", "the same in IPv4"},
		{raw{nodes: korea, data: inKorea, count: math.MaxUint64/6 - 1}, "not a sound MMDB file", "nodes whose bytes overflow"},
		{raw{nodes: korea, data: inKorea, ip: 4, count: math.MaxUint64/6 - 1}, "not a sound MMDB file", "the same in IPv4"},
		{raw{nodes: korea, data: inKorea, gap: strings.Repeat("\x00", 15) + "\x01"}, "tree does not end", "no gap behind the tree"},
		{raw{nodes: [][2]uint32{}, data: inKorea}, "a tree of 0 nodes", "no tree"},
		{raw{nodes: korea, data: inKorea, epoch: "\x08\x02" + strings.Repeat("\xff", 8)}, pastYear9999, "the last second there is"},
		{raw{nodes: korea, data: inKorea, epoch: "\x08\x02\x00\x00\x00\x3a\xff\xf4\x41\x80"}, pastYear9999, "one second past"},
		{raw{nodes: [][2]uint32{{2, 1}}, data: inKorea}, "the record of ::/1 lies before", "a pointer to the gap"},
		{raw{nodes: [][2]uint32{{0xffffff, 1}}, data: inKorea}, "the record of", "a pointer past the end"},
		{raw{nodes: korea, data: "\x42KR"}, "not a map of fields", "a record that is a string"},
		{raw{nodes: korea, data: "\xe1\x4ccountry_code\x20\x00"}, "no record has", "a code that points to its own record"},
		{raw{nodes: korea, data: "\xe1\x47country" + strings.Repeat("\xe1\x41a", 2000)}, "the record of", "a country 2,000 maps deep"},
		{raw{nodes: korea, data: "\xe1\x47country\xff\xff\xff\xff" + strings.Repeat("\xe0", 1000)}, "the record of", "a country of 16 million fields"},
	} {
		refused(t, row.raw.build(), row.why, row.words)
	}
	if strconv.IntSize == 32 {
		return // where the library reads no build time past 2106
	}
	last := raw{nodes: korea, data: inKorea, epoch: "\x08\x02\x00\x00\x00\x3a\xff\xf4\x41\x7f"}.build()
	if db, err := geo.OpenBytes(last); err != nil || db.BuildTime() != time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) {
		t.Errorf("the last second that is taken: %v, %v", db, err)
	}
}
