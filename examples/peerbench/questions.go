package main

import (
	"math/rand/v2"
	"net/netip"

	"go4.org/netipx"
)

// cycle is how many addresses a look-up is asked about before one comes again.
// It is what a server sees: neither the branch predictor nor a cache knows it.
const cycle = 1 << 16

// list is prefixes of one family.
type list struct {
	name      string
	family    int
	prefixes  []netip.Prefix
	elsewhere []netip.Prefix // where else people are: the routing table
	random    *rand.Rand
	routes    bool // they are of the routing table

	// of ask
	questions []netip.Addr // cycle of them, hits and misses in random order
	peer      *netipx.IPSet
}

// ask draws the questions: half of them hits, in a prefix of the list, and half
// misses. Of the misses one half is drawn in elsewhere, the other in all of the
// family. netipx tells which are hits; where a list leaves no room for misses
// there are fewer.
func (l *list) ask() error {
	var err error
	if l.peer, err = ipSetOf(l.prefixes); err != nil {
		return err
	}
	d, misses, tries := l.random, 0, 0
	l.questions = make([]netip.Addr, 0, cycle)
	for len(l.questions) < cycle {
		var a netip.Addr
		if misses < cycle/2 && tries < 8*cycle {
			if tries++; tries%2 == 0 && len(l.elsewhere) > 0 {
				a = within(l.elsewhere[d.IntN(len(l.elsewhere))], d)
			} else {
				a = anywhere(l.family, d)
			}
			if l.peer.Contains(a) {
				continue
			}
			misses++
		} else {
			a = within(l.prefixes[d.IntN(len(l.prefixes))], d)
		}
		l.questions = append(l.questions, a)
	}
	d.Shuffle(cycle, func(i, j int) { l.questions[i], l.questions[j] = l.questions[j], l.questions[i] })
	return nil
}

func ipSetOf(prefixes []netip.Prefix) (*netipx.IPSet, error) {
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		b.AddPrefix(p)
	}
	return b.IPSet()
}

// within draws an address of p.
func within(p netip.Prefix, d *rand.Rand) netip.Addr {
	random := anywhere(familyOf(p.Addr()), d)
	bits, kept := random.AsSlice(), p.Addr().AsSlice()
	for i := range bits {
		free := min(max(8*(i+1)-p.Bits(), 0), 8) // low bits of this byte beyond the prefix
		mask := byte(1<<free - 1)
		bits[i] = bits[i]&mask | kept[i]&^mask
	}
	a, _ := netip.AddrFromSlice(bits)
	return a
}

// anywhere draws a unicast address: of IPv4, or of 2000::/3.
func anywhere(family int, d *rand.Rand) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	if family == 4 {
		b[0] = 1 + b[0]%223
		return netip.AddrFrom4([4]byte(b[:]))
	}
	b[0] = 0x20 | b[0]&0x1f
	return netip.AddrFrom16(b)
}
