package ipset

import "net/netip"

// Wide is a 128-bit number: its high half, then its low one.
type Wide = [2]uint64

func uint128s(numbers []Wide) []uint128 {
	list := make([]uint128, len(numbers))
	for i, n := range numbers {
		list[i] = uint128{n[0], n[1]}
	}
	return list
}

// Number and PlainNumber are what a look-up makes of an address, and what it
// must make of it.
func Number(a netip.Addr) Wide      { n := number(a); return Wide{n.hi, n.lo} }
func PlainNumber(a netip.Addr) Wide { n := plainNumber(a); return Wide{n.hi, n.lo} }

// Layer is a layer of sorted numbers.
type Layer[N uint32 | uint64] struct{ x *layer[N] }

func LayerOf[N uint32 | uint64](numbers []N) Layer[N] { return Layer[N]{layerOf(numbers)} }

func (l Layer[N]) Count(n N) int         { return l.x.count(n) }
func (l Layer[N]) Len() int              { return l.x.len() }
func (l Layer[N]) All() []N              { return l.x.all() }
func (l Layer[N]) Equal(m Layer[N]) bool { return l.x.equal(m.x) }
func (l Layer[N]) Bytes() int            { return l.x.bytes() }

// Shape tells how a layer is built.
type Shape struct {
	Steps int // of a look-up
	Slots int
	Room  int // for numbers of all levels
}

func (l Layer[N]) Shape() Shape {
	if l.x == nil {
		return Shape{}
	}
	return Shape{Steps: 1 + int(l.x.entry), Slots: len(l.x.slots), Room: len(l.x.numbers)}
}

// Halves are sorted 128-bit numbers.
type Halves struct{ x *halves }

func HalvesOf(numbers []Wide) Halves { return Halves{halvesOf(uint128s(numbers))} }

func (h Halves) Count(n Wide) int    { return h.x.count(uint128{n[0], n[1]}) }
func (h Halves) Len() int            { return h.x.len() }
func (h Halves) At(i int) Wide       { n := h.x.at(i); return Wide{n.hi, n.lo} }
func (h Halves) Equal(g Halves) bool { return h.x.equal(g.x) }
func (h Halves) Bytes() int          { return h.x.bytes() }

// Layers returns the layer of the high halves, then those of low ones.
func (h Halves) Layers() []Layer[uint64] {
	if h.x == nil {
		return nil
	}
	list := []Layer[uint64]{{&h.x.high}}
	if h.x.lows == nil {
		return list
	}
	for _, l := range h.x.lows.long {
		list = append(list, Layer[uint64]{l})
	}
	return list
}

// SetAt returns the set whose segments begin at boundaries that are sorted.
func SetAt(v4, v6 []Wide) *Set {
	b := boundaries{v6: uint128s(v6)}
	for _, n := range v4 {
		b.v4 = append(b.v4, uint32(n[1]))
	}
	return &Set{b.index()}
}

// Index returns what s looks addresses up in.
func (s *Set) Index() (Layer[uint32], Halves) { return Layer[uint32]{s.x.v4}, Halves{s.x.v6} }
