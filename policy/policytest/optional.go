package policytest

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// only returns a check of stores that have a power that may be missing.
func only[P any](named string, check func(t testing.TB, s policy.Store, p P)) func(testing.TB, policy.Store) {
	return func(t testing.TB, s policy.Store) {
		p, ok := s.(P)
		if !ok {
			t.Logf("%T is no %s: not checked", s, named)
			return
		}
		check(t, s, p)
	}
}

func ifHistorian(f func(testing.TB, policy.Store, policy.Historian)) func(testing.TB, policy.Store) {
	return only(historian, f)
}
func ifWatcher(f func(testing.TB, policy.Store, policy.Watcher)) func(testing.TB, policy.Store) {
	return only(watcher, f)
}
func ifLog(f func(testing.TB, policy.Store, session.Log)) func(testing.TB, policy.Store) {
	return only(eventLog, f)
}
