package session

import "cmp"

// SortedInts is the list by which MemStore keeps sessions in order, of numbers.
type SortedInts struct{ s sorted[int] }

const BlockLen = blockLen

func (s *SortedInts) Put(x int)    { s.s.put(x, cmp.Compare[int]) }
func (s *SortedInts) Remove(x int) { s.s.remove(x, cmp.Compare[int]) }

// From returns all that are not below x.
func (s *SortedInts) From(x int) (all []int) {
	s.s.from(func(y int) bool { return y < x }, func(y int) bool { all = append(all, y); return true })
	return all
}

func (s *SortedInts) Ends(x int) (first, last int, ok bool) {
	first, found := s.s.first(func(y int) bool { return y < x })
	last, ok = s.s.last()
	return first, last, ok && found
}

// Blocks returns how long each block is.
func (s *SortedInts) Blocks() (lens []int) {
	for _, b := range s.s.blocks {
		lens = append(lens, len(b))
	}
	return lens
}

// TenantCount returns how many tenants s holds something of.
func (s *MemStore) TenantCount() (n int) {
	for i := range s.shards {
		n += len(s.shards[i].tenants)
	}
	return n
}
