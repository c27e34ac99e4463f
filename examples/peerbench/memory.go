package main

import (
	"math"
	"net/netip"
	"runtime"
	"time"

	"go4.org/netipx"
)

// heapOf returns the bytes that one value holds: the live heap after a garbage
// collection, before and after n of them were built. What building leaves behind
// does not count, nor does what was there before.
func heapOf[T any](n int, build func() T) float64 {
	values := make([]T, n)
	before := liveHeap()
	for i := range values {
		values[i] = build()
	}
	after := liveHeap()
	runtime.KeepAlive(values)
	return (float64(after) - float64(before)) / float64(n)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const aggregated = "bart.Lite, aggregated"

func (b *bench) memory() (*result, error) {
	r := &result{
		unit:  "bytes",
		names: []string{ourSet, bartLite, aggregated, netipxSet},
		claims: []claim{
			{against: bartLite, goal: mustGoal("at most 1")},
			{against: bartLite, goal: mustGoal("geometric mean at most 0.6")},
		},
		notes: []string{
			"Live heap that a value holds, averaged over many values where they are small.",
			"A Set merges what touches; so does Lite.Aggregate, of which the design does not speak.",
		},
	}
	err := b.lists(func(l *list) error {
		if b.tooLong(l) {
			return nil
		}
		n := min(max(100_000/len(l.prefixes), 1), 1000)
		if b.tiny {
			n = 2
		}
		r.addOnce(l.name,
			heapOf(n, func() any { return setOf(l.prefixes) }),
			heapOf(n, func() any { return liteOf(l.prefixes) }),
			heapOf(n, func() any { lite := liteOf(l.prefixes); lite.Aggregate(); return lite }),
			heapOf(n, func() any { return mustIPSet(l.prefixes) }))
		return nil
	})
	return r, err
}

// tooLong leaves out of a quick run what takes long to build.
func (b *bench) tooLong(l *list) bool { return b.quick && len(l.prefixes) > 100_000 }

// mustIPSet is ipSetOf for prefixes of which no set has failed before.
func mustIPSet(prefixes []netip.Prefix) *netipx.IPSet {
	set, err := ipSetOf(prefixes)
	if err != nil {
		panic(err)
	}
	return set
}

const (
	ourOf   = "ipset.Of"
	builder = "netipx.IPSetBuilder"
)

func (b *bench) building() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourOf, builder, bartLite},
		claims: []claim{
			{against: builder, goal: mustGoal("at most 1.5")},
		},
		notes: []string{"From a slice of netip.Prefix, in random order where it is of routes; ours turns each into an ipset.Range first."},
	}
	err := b.lists(func(l *list) error {
		if b.tooLong(l) {
			return nil
		}
		contenders := []contender{
			{name: ourOf, run: repeat(func() int { return setOf(l.prefixes).Len() })},
			{name: builder, run: repeat(func() int { return len(mustIPSet(l.prefixes).Ranges()) })},
			{name: bartLite, run: repeat(func() int { return liteOf(l.prefixes).Size() })},
		}
		for i := range contenders {
			contenders[i].questions, contenders[i].collect = math.MaxInt32/2+1, true
		}
		r.add(l.name, namesOf(contenders), measure(b.effort(5*time.Millisecond, 9), contenders))
		return nil
	})
	return r, err
}

// repeat makes a loop of an action that has no question.
func repeat(act func() int) func(from, to int) int {
	return func(from, to int) (sum int) {
		for range to - from {
			sum += act()
		}
		return sum
	}
}
