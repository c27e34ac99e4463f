package policytest

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

// Clauses yields what Run checks of a Store, but for its Outbox.
func Clauses(yield func(name, of, text string, check func(testing.TB, policy.Store))) {
	for _, c := range clauses {
		yield(c.name, c.of, c.text, c.check)
	}
}
