package policy

import (
	"container/heap"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
)

// addresses is a set of addresses of which some are in it only until an
// instant. Entries that never end are one ipset.Set. The others are one
// ipset.Map from an address to the latest end of all the entries that hold it,
// so that a look-up costs the same however many ends there are.
type addresses struct {
	always ipset.Set
	ending *ending // nil: no entry ends
}

type ending struct {
	at       *ipset.Map[int] // places in instants
	instants []time.Time     // the different ends, in order
}

func addressesOf(entries []Entry) (a addresses) {
	var always []ipset.Range
	var ends []Entry
	for _, e := range entries {
		switch {
		case e.Range.IsZero():
		case e.Until.IsZero():
			always = append(always, e.Range)
		default:
			ends = append(ends, e)
		}
	}
	a.always = *ipset.Of(always...)
	if len(ends) == 0 {
		return a
	}
	instants := make([]time.Time, len(ends))
	for i, e := range ends {
		instants[i] = e.Until.Round(0) // without the monotonic reading
	}
	slices.SortFunc(instants, time.Time.Compare)
	instants = slices.Clone(slices.CompactFunc(instants, time.Time.Equal))
	spans := make([]span, len(ends))
	for i, e := range ends {
		end, _ := slices.BinarySearchFunc(instants, e.Until.Round(0), time.Time.Compare)
		spans[i] = span{e.Range, end}
	}
	at, _ := ipset.MapOf(latest(spans)) // which do not overlap
	a.ending = &ending{at, instants}
	return a
}

func (a *addresses) end() bool { return a.ending != nil }

// hold reports whether addr is in a at an instant.
func (a *addresses) hold(addr netip.Addr, at time.Time) bool {
	return a.always.Contains(addr) || a.ending.hold(addr, at)
}

func (e *ending) hold(addr netip.Addr, at time.Time) bool {
	return e != nil && e.holdUntil(addr, at)
}

func (e *ending) holdUntil(addr netip.Addr, at time.Time) bool {
	i, ok := e.at.Lookup(addr)
	return ok && at.Before(e.instants[i])
}

// span is a range and the place of its end among the instants.
type span struct {
	ipset.Range
	end int
}

// latest yields disjoint ranges that together hold what spans hold, each with
// the latest end of the spans that hold it. It walks the addresses upwards and
// keeps the spans that have begun in a heap, latest end first; one that lies
// behind is dropped when it comes to the top. That takes O(n log n).
func latest(spans []span) iter.Seq2[ipset.Range, int] {
	slices.SortFunc(spans, func(a, b span) int { return a.Compare(b.Range) })
	return func(yield func(ipset.Range, int) bool) {
		var open byEnd
		var at netip.Addr // where the walk is: nothing before it is left
		for len(spans) > 0 || len(open) > 0 {
			if len(open) == 0 {
				at = spans[0].From()
			}
			for len(spans) > 0 && spans[0].From() == at {
				heap.Push(&open, spans[0])
				spans = spans[1:]
			}
			top := open[0]
			if top.To().Less(at) || !at.IsValid() {
				heap.Pop(&open)
				continue
			}
			to := top.To()
			if len(spans) > 0 && spans[0].From().BitLen() == at.BitLen() && !to.Less(spans[0].From()) {
				to = spans[0].From().Prev() // up to where the next one begins
			}
			// A piece inside ::ffff:0:0/96 comes from IPv6 ranges that run over
			// it. It holds no address, and must not become IPv4.
			if r, err := ipset.RangeFrom(at, to); err == nil && r.From() == at && !yield(r, top.end) {
				return
			}
			at = to.Next()
		}
	}
}

// byEnd is a heap of spans, latest end first.
type byEnd []span

func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].end > h[j].end }
func (h byEnd) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byEnd) Push(x any)        { *h = append(*h, x.(span)) }
func (h *byEnd) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	*h = (*h)[:last]
	return s
}
