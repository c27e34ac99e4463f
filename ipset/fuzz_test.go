package ipset_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

func seedText(f *testing.F, add func(string)) {
	for _, tt := range accepted {
		add(tt.in)
	}
	for _, tt := range refused {
		if len(tt.in) <= 2*ipset.MaxText {
			add(tt.in)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	seedText(f, func(s string) { f.Add(s) })
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ipset.ParseRange(s)
		from, to, ok := slowParse(s)
		if ok != (err == nil) || ok && (r.From() != from || r.To() != to) {
			t.Fatalf("ParseRange(%q) = %v, %v; the slow parser has %v-%v, %v", s, r, err, from, to, ok)
		}
		set, listErr := ipset.Parse("8.8.8.8", s)
		if ok != (listErr == nil) || ok != (set != nil) {
			t.Fatalf("Parse with %q = %v, %v", s, set, listErr)
		}
		if !ok {
			var bad *ipset.ParseError
			if !errors.As(err, &bad) || bad.Err == nil || !r.IsZero() || len(err.Error()) > 600 {
				t.Fatalf("ParseRange(%q) = %v, %v", s, r, err)
			}
			return
		}
		checkText(t, r)
		if !set.Covers(r) || !set.Covers(ipset.MustParseRange("8.8.8.8")) {
			t.Fatalf("Parse with %q does not hold its entries: %v", s, set)
		}
	})
}

func FuzzUnmarshalText(f *testing.F) {
	seedText(f, func(s string) { f.Add([]byte(s)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		before := ipset.MustParseRange("9.9.9.9")
		r, given := before, slices.Clone(b)
		err := r.UnmarshalText(b)
		want, wantErr := ipset.ParseRange(string(b))
		if (err == nil) != (wantErr == nil) || err == nil && r != want || err != nil && r != before {
			t.Fatalf("UnmarshalText(%q) = %v, %v; ParseRange has %v, %v", b, r, err, want, wantErr)
		}
		if !slices.Equal(b, given) {
			t.Fatalf("it wrote to its input: %q, was %q", b, given)
		}
	})
}

func FuzzReadLines(f *testing.F) {
	seedText(f, func(s string) { f.Add([]byte(s + " # office\n8.8.8.8\n" + s)) })
	for _, list := range readLists {
		f.Add([]byte(list.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := ipset.ReadLines(strings.NewReader(string(b)))
		checkLines(t, string(b), lines, err)
	})
}

// rangesFrom makes ranges of what a fuzzer wrote, three bytes for each: where
// it begins, how far it reaches, and in which way.
func rangesFrom(b []byte) []ipset.Range {
	var list []ipset.Range
	for ; len(b) >= 3; b = b[3:] {
		from := anchors[int(b[0])%len(anchors)]
		for range b[1] % 32 {
			if a := from.Next(); b[0] >= 128 && a.IsValid() {
				from = a
			} else if a := from.Prev(); b[0] < 128 && a.IsValid() {
				from = a
			}
		}
		to := from
		switch {
		case b[2] < 64:
			for range b[2] {
				if a := to.Next(); a.IsValid() {
					to = a
				}
			}
		case b[2] < 192:
			if r := ipset.RangeOf(netip.PrefixFrom(from, int(b[2])-64).Masked()); !r.IsZero() {
				list = append(list, r)
				continue
			}
		default:
			to = anchors[int(b[2])%len(anchors)]
		}
		if to.Less(from) {
			from, to = to, from
		}
		if r, err := ipset.RangeFrom(from, to); err == nil {
			list = append(list, r)
		}
	}
	return list
}

func seedRanges(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\x04\x00\x00")) // the first and the last IPv4 address
	f.Add([]byte("\x05\x00\xff\x0c\x00\x00")) // from the first IPv6 address, and the last
	f.Add([]byte("\x0a\x05\x10\x8b\x05\x10")) // around the mapped addresses
	for seed := range uint64(30) {
		d := newDraw(seed)
		b := make([]byte, 3*(1+d.IntN(12)))
		for i := range b {
			b[i] = byte(d.Uint32())
		}
		f.Add(b)
	}
}

func FuzzSet(f *testing.F) {
	seedRanges(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		list := rangesFrom(b[:min(len(b), 3*32)])
		d := newDraw(uint64(len(b)))
		set := ipset.Of(list...)
		checkSet(t, d, set, list)
		if other := ipset.Of(shuffled(d, append(shuffled(d, list), list...))...); !other.Equal(set) {
			t.Errorf("shuffled and repeated: %v, want %v", other, set)
		}
		half := len(list) / 2
		checkSetOps(t, d, list[:half], list[half:])
		for _, r := range list {
			checkText(t, r)
		}
	})
}

// FuzzMapOf gives each range the value that the byte behind it says.
func FuzzMapOf(f *testing.F) {
	seedRanges(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 4*24)]
		var list []ipset.Range
		var values []byte
		for ; len(b) >= 4; b = b[4:] {
			if r := rangesFrom(b[:3]); len(r) == 1 {
				list, values = append(list, r[0]), append(values, b[3]%3)
			}
		}
		checkMapOf(t, newDraw(uint64(len(list))), list, values)
	})
}
