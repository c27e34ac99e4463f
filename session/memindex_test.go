package session_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestSortedAgreesWithASlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, row := range []struct {
		why  string
		next func(i int) int
	}{
		{"rising", func(i int) int { return i }},
		{"falling", func(i int) int { return -i }},
		{"at random", func(int) int { return r.IntN(1 << 20) }},
		{"falling within groups, which is how members' sessions come", func(i int) int { return i%40<<20 - i }},
		{"to and fro", func(i int) int { return []int{i, -i}[i%2] }},
		{"always in front of the same", func(i int) int { return []int{i, 1<<30 - i}[i/1000%2] }},
	} {
		var s session.SortedInts
		var want []int
		for i := range 6000 {
			x := row.next(i)
			at, there := slices.BinarySearch(want, x)
			if !there {
				s.Put(x)
				want = slices.Insert(want, at, x)
			}
			if i%3 == 2 && r.IntN(2) == 0 {
				x := want[r.IntN(len(want))]
				s.Remove(x)
				s.Remove(x) // again: it is not there
				at, _ := slices.BinarySearch(want, x)
				want = slices.Delete(want, at, at+1)
			}
			if i%500 != 0 && i != 5999 {
				continue
			}
			for _, from := range []int{math.MinInt, want[0], want[len(want)/2], want[len(want)/2] + 1, want[len(want)-1], math.MaxInt} {
				at, _ := slices.BinarySearch(want, from)
				if got := s.From(from); !slices.Equal(got, want[at:]) {
					t.Fatalf("%s: after %d, %d elements from %d; want %d", row.why, i, len(got), from, len(want)-at)
				}
				if first, last, ok := s.Ends(from); ok != (at < len(want)) || ok && (first != want[at] || last != want[len(want)-1]) {
					t.Fatalf("%s: after %d, from %d: %d, %d, %v", row.why, i, from, first, last, ok)
				}
			}
			blocks := s.Blocks()
			if slices.Contains(blocks, 0) || slices.Max(blocks) > session.BlockLen || len(blocks) > 2+len(want)*8/session.BlockLen {
				t.Fatalf("%s: %d elements in blocks of %v", row.why, len(want), blocks)
			}
		}
		for _, x := range want {
			s.Remove(x)
		}
		if len(s.Blocks()) != 0 {
			t.Errorf("%s: %v is left of nothing", row.why, s.Blocks())
		}
	}
}

func TestSortedFillsItsBlocks(t *testing.T) {
	var up, down session.SortedInts
	for i := range 100 * session.BlockLen {
		up.Put(i)
		down.Put(-i)
	}
	if len(up.Blocks()) != 100 || len(down.Blocks()) != 100 {
		t.Errorf("what comes in order takes %d and %d blocks; want 100", len(up.Blocks()), len(down.Blocks()))
	}
}
