package main

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/policy"
)

const (
	compileMost = 1_000_000
	doubled     = "Compile of half"
	ourCompile  = "Compile"
)

// compile measures Compile from about 1,000 entries, doubling up to a million.
// Each size is its own peer at half of it, in the same round.
func (b *bench) compile() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourCompile, doubled},
		claims: []claim{{against: doubled, goal: mustGoal("under 2.5")}},
		notes: []string{
			"Compile of n entries against n/2 of them: linear is 2. Public routes of both families, in random order;",
			"MaxEntries of the profile is raised, which it is for no real product.",
		},
	}
	most := compileMost
	switch {
	case b.tiny:
		most = 4000
	case b.quick:
		most = 62_500
	}
	prefixes := b.designatableRoutes(most)
	profile := policy.Standard()
	profile.MaxEntries = most
	var contenders []contender
	var sizes []int
	for n := most; n >= 1900 || len(sizes) < 2; n /= 2 {
		sizes = append([]int{n}, sizes...)
	}
	sizes = append([]int{sizes[0] / 2}, sizes...)
	settings := settingsOf(prefixes)
	for _, n := range sizes {
		s := settings
		s.Designated = s.Designated[:n]
		if _, err := policy.Compile(s, profile, nil); err != nil {
			return nil, fmt.Errorf("%d entries: %.500w", n, err)
		}
		contenders = append(contenders, contender{name: fmt.Sprint(n), questions: math.MaxInt32/2 + 1, collect: true, run: repeat(func() int {
			p, err := policy.Compile(s, profile, nil)
			return one(err == nil && p != nil)
		})})
	}
	costs := measure(b.effort(20*time.Millisecond, 7), contenders)
	for i := 1; i < len(sizes); i++ {
		name := fmt.Sprintf("%s of %s", thousands(float64(sizes[i])), thousands(float64(sizes[i-1])))
		r.add(name, r.names, [][]float64{costs[i], costs[i-1]})
	}
	return r, nil
}

// designatableRoutes returns n public routes of both families in random order,
// and where there are not so many, others that are made up.
func (b *bench) designatableRoutes(n int) []netip.Prefix {
	found := append(b.publicRoutes(4, n), b.publicRoutes(6, n)...)
	d := b.in.seed(n)
	for len(found) < n {
		a := anywhere(4, d)
		if p, err := a.Prefix(20 + d.IntN(9)); err == nil && designatable(p) {
			found = append(found, p)
		}
	}
	d.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return found[:n]
}

const atRestEntries = 20

// atRest measures what a tenant costs that nobody asks about.
func (b *bench) atRest() (*result, error) {
	r := &result{
		unit:   "bytes",
		names:  []string{"Policy"},
		claims: []claim{{against: "-", goal: mustGoal("at most 1,000 bytes"), column: true}},
		notes:  []string{"Live heap of a policy with 20 designated routes, averaged over many; its settings are not held."},
	}
	n := 2000
	if b.tiny {
		n = 10
	}
	both := append(b.publicRoutes(4, atRestEntries/2), b.publicRoutes(6, atRestEntries/2)...)
	for _, profile := range []*policy.Profile{policy.Standard(), policy.NaverWorks(), policy.LineWorks(), policy.Kintone()} {
		for _, entries := range []struct {
			name     string
			prefixes []netip.Prefix
		}{
			{"IPv4", b.publicRoutes(4, atRestEntries)},
			{"IPv6", b.publicRoutes(6, atRestEntries)},
			{"both", both},
		} {
			if profile.IPv4Only && entries.name != "IPv4" {
				continue
			}
			s := settingsOf(entries.prefixes)
			var err error
			held := heapOf(n, func() (p *policy.Policy) {
				p, err = policy.Compile(s, profile, nil)
				return p
			})
			if err != nil {
				return nil, err
			}
			r.addOnce(fmt.Sprintf("%s, %s", profile.Name, entries.name), held)
		}
	}
	return r, nil
}
