package session

import "slices"

// sorted is a list that is always in the order of a comparison, which is the same in all
// calls and 0 for no two elements. Its elements lie in blocks, none of which is empty or
// longer than blockLen: putting one in or taking one out moves at most a block and the
// list of blocks, wherever it is.
type sorted[T any] struct{ blocks [][]T }

const blockLen = 512

// place returns where the first element is for which before is false: its block, which is
// the one behind the last if there is none, and its index in that. before is true of the
// elements up to a place and false from there on.
func (s *sorted[T]) place(before func(T) bool) (block, i int) {
	block = search(len(s.blocks), func(j int) bool { b := s.blocks[j]; return before(b[len(b)-1]) })
	if block < len(s.blocks) {
		i = search(len(s.blocks[block]), func(j int) bool { return before(s.blocks[block][j]) })
	}
	return block, i
}

// search returns the first of n numbers of which before is false.
func search(n int, before func(int) bool) int {
	low, high := 0, n
	for low < high {
		if middle := int(uint(low+high) >> 1); before(middle) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// put puts x in, which is not there.
func (s *sorted[T]) put(x T, compare func(a, b T) int) {
	if len(s.blocks) == 0 {
		s.blocks = [][]T{{x}}
		return
	}
	b, i := s.place(func(y T) bool { return compare(y, x) < 0 })
	last := len(s.blocks) - 1
	if b > last { // behind all
		b, i = last, len(s.blocks[last])
	}
	full := s.blocks[b]
	if len(full) < blockLen {
		s.blocks[b] = slices.Insert(full, i, x)
		return
	}
	// The block is divided. Those that come in order, which is most of them, leave full
	// blocks behind.
	at := blockLen / 2
	switch {
	case b == 0 && i == 0:
		at = 0
	case b == last && i == blockLen:
		at = blockLen
	}
	left, right := slices.Clone(full[:at]), slices.Clone(full[at:])
	if i <= at && at < blockLen {
		left = slices.Insert(left, i, x)
	} else {
		right = slices.Insert(right, i-at, x)
	}
	s.blocks[b] = left
	s.blocks = slices.Insert(s.blocks, b+1, right)
}

// remove takes x out, if it is there.
func (s *sorted[T]) remove(x T, compare func(a, b T) int) {
	b, i := s.place(func(y T) bool { return compare(y, x) < 0 })
	if b == len(s.blocks) || compare(s.blocks[b][i], x) != 0 {
		return
	}
	block := slices.Delete(s.blocks[b], i, i+1)
	switch {
	case len(block) == 0:
		s.blocks = slices.Delete(s.blocks, b, b+1)
		return
	case cap(block) > 4*len(block): // much was taken out of it
		block = slices.Clone(block)
	}
	s.blocks[b] = block
}

// from calls each with the elements from the first for which before is false, in order,
// until it returns false.
func (s *sorted[T]) from(before, each func(T) bool) {
	b, i := s.place(before)
	for ; b < len(s.blocks); b, i = b+1, 0 {
		for _, x := range s.blocks[b][i:] {
			if !each(x) {
				return
			}
		}
	}
}

// first returns the first element for which before is false.
func (s *sorted[T]) first(before func(T) bool) (x T, ok bool) {
	s.from(before, func(y T) bool { x, ok = y, true; return false })
	return x, ok
}

// last returns the last element.
func (s *sorted[T]) last() (x T, ok bool) {
	if len(s.blocks) == 0 {
		return x, false
	}
	b := s.blocks[len(s.blocks)-1]
	return b[len(b)-1], true
}
