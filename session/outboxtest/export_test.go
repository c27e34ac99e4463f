package outboxtest

import (
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

// Clauses yields what Run checks.
func Clauses(yield func(name, text string, check func(testing.TB, session.Outbox, Put))) {
	for _, c := range clauses {
		yield(c.name, c.text, c.check)
	}
}
