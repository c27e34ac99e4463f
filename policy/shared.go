package policy

import (
	"iter"
	"unique"
)

// shared is a list of which there is one copy in the program, whoever holds it:
// the lists of a profile are the same in the policies of all its tenants. The
// zero shared is empty.
type shared[T comparable] struct{ first unique.Handle[link[T]] }

type link[T comparable] struct {
	value T
	next  shared[T]
}

func share[T comparable](list []T) (s shared[T]) {
	for i := len(list) - 1; i >= 0; i-- {
		s.first = unique.Make(link[T]{list[i], s})
	}
	return s
}

// all yields the values of s in order.
func (s shared[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for s != (shared[T]{}) {
			l := s.first.Value()
			if !yield(l.value) {
				return
			}
			s = l.next
		}
	}
}
