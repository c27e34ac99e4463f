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

// Shape tells how a layer is divided.
type Shape struct {
	Slots int // of all nodes
	Nodes int // with the root
	Steps int // nodes that the longest look-up goes through
	Full  int // numbers in the fullest slot that is not divided
}

// Shape walks over all nodes.
func (l Layer[N]) Shape() Shape {
	if l.x == nil {
		return Shape{}
	}
	s := Shape{Slots: len(l.x.slots), Nodes: 1 + len(l.x.nodes)}
	l.walk(&l.x.root, 1, l.x.len(), &s)
	return s
}

// walk visits a node whose numbers end before a place, and returns where they
// begin.
func (l Layer[N]) walk(at *node[N], step, end int, s *Shape) int {
	s.Steps = max(s.Steps, step)
	for i := int(at.last); i >= 0; i-- {
		mark := l.x.slots[int(at.base)+i]
		begin := int(mark)
		if mark >= crowded {
			begin = l.walk(&l.x.nodes[mark-crowded], step+1, end, s)
		} else {
			s.Full = max(s.Full, end-begin)
		}
		end = begin
	}
	return end
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
	list := []Layer[uint64]{{h.x.high}}
	for _, l := range h.x.long {
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
