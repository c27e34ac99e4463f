package directorytest

import "github.com/sallyport-go/sallyport/member/directory"

// StoreBreaks reports whether a store breaks the clause of that name; "" is any clause.
func StoreBreaks(name string, newStore func() directory.Store) bool {
	return breaks(storeClauses(), name, newStore)
}

// CounterBreaks is the same for counters.
func CounterBreaks(name string, newCounter func() directory.Counter) bool {
	return breaks(counterClauses(), name, newCounter)
}

func breaks[S any](clauses []clause[S], name string, newOne func() S) bool {
	known := name == ""
	for _, c := range clauses {
		if name == "" || name == c.name {
			known = true
			if c.hold(newOne()) != nil {
				return true
			}
		}
	}
	if !known {
		panic("no clause " + name)
	}
	return false
}
