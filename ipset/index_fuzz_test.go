package ipset_test

import (
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// numbersFrom makes numbers of what a fuzzer wrote, three bytes for each: a
// number of eight bits is shifted to some place, and counted from one before
// it, or down from the last, so that few bytes can crowd at any scale.
func numbersFrom(b []byte) []ipset.Wide {
	var list []ipset.Wide
	var last ipset.Wide
	for ; len(b) >= 3; b = b[3:] {
		n := uint64(b[1]) << (b[2] & 63)
		switch b[0] & 7 {
		case 0:
			last = ipset.Wide{0, n}
		case 1:
			last = ipset.Wide{n, 0}
		case 2:
			last = ipset.Wide{^n, ^uint64(0)}
		case 3, 4:
			last = ipset.Wide{last[0], last[1] + n}
		case 5:
			last = ipset.Wide{last[0], last[1] ^ n}
		default:
			last = ipset.Wide{last[0] + n, 0}
		}
		list = append(list, last)
		for range b[0] >> 5 { // up to seven neighbours
			last[1]++
			list = append(list, last)
		}
	}
	slices.SortFunc(list, compareWide)
	return slices.Compact(list)
}

// FuzzIndex builds layers of both sizes and the halves of the same numbers.
func FuzzIndex(f *testing.F) {
	f.Add([]byte{}, uint64(0), uint64(0))
	f.Add([]byte("\xe1\x01\x00\xe4\x01\x3f\x02\x00\x00"), uint64(1), ^uint64(0))
	f.Add([]byte("\xe1\x01\x3f\xe3\x01\x08\xe3\x01\x10\xe3\x01\x18\xe3\x01\x20"), uint64(1)<<63, uint64(9))
	for seed := range uint64(20) {
		d := newDraw(seed)
		b := make([]byte, 3*(1+d.IntN(60)))
		for i := range b {
			b[i] = byte(d.Uint32())
		}
		f.Add(b, d.Uint64(), d.Uint64())
	}
	f.Fuzz(func(t *testing.T, b []byte, hi, lo uint64) {
		numbers := numbersFrom(b[:min(len(b), 3*500)])
		d := newDraw(hi ^ lo)
		checkHalves(t, d, numbers, ipset.Wide{hi, lo})
		var wide []uint64
		var narrow []uint32
		for _, n := range numbers {
			wide = append(wide, n[0], n[1])
			narrow = append(narrow, uint32(n[0]>>32), uint32(n[0]), uint32(n[1]>>32), uint32(n[1]))
		}
		slices.Sort(wide)
		slices.Sort(narrow)
		checkLayer(t, d, slices.Compact(wide), hi, lo)
		checkLayer(t, d, slices.Compact(narrow), uint32(hi), uint32(lo))
	})
}
