// Package outboxtest proves that an implementation of [session.Outbox] keeps what its
// comment says. The suites of whole stores run it, policytest and directorytest, so a
// host needs it only for an Outbox that stands alone:
//
//	func TestOutbox(t *testing.T) {
//		outboxtest.Run(t, func(t *testing.T) (session.Outbox, func(...session.Order) error) {
//			box := session.NewMemOutbox()
//			return box, func(orders ...session.Order) error { box.Put(orders...); return nil }
//		})
//	}
package outboxtest

import (
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

// Put stores orders as a write of the store does, those of several tenants too.
type Put = func(orders ...session.Order) error

// Run checks the Outbox that newOutbox returns, each clause in a test of its own; one
// that fails ends with the clause that is broken. newOutbox is called for each of them
// and returns an Outbox that holds no orders and that nobody else uses, and what puts
// orders into it. It may return one Outbox again and again if it empties it. It cleans up
// with t.Cleanup.
//
// Run waits for the clock of the store where a lease has to end, some milliseconds each
// time, and fails by no clock. It is slower without -short.
func Run(t *testing.T, newOutbox func(t *testing.T) (o session.Outbox, put func(...session.Order) error)) {
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("broken clause of session.Outbox: %s", c.text)
				}
			}()
			box, put := newOutbox(t)
			c.check(t, box, put)
		})
	}
}

// A clause is a part of the comment on session.Outbox, word by word, and what shows that
// an Outbox keeps it.
type clause struct {
	name, text string
	check      func(t testing.TB, box session.Outbox, put Put)
}

var clauses = []clause{
	{"contents", "What an order says is kept as it was given, instants to the microsecond at least.", contents},
	{"context", "A context that is cancelled or past its deadline is returned as its error.", cancelled},

	{"take/due", "Take returns up to n orders that are due and not parked,", takeDue},
	{"take/stored", "An order is due when it is stored, or at its Due if that is later.", takeStored},
	{"take/parked", "Take returns up to n orders that are due and not parked,", takeParked},
	{"take/any-tenant", "of any tenant,", takeAnyTenant},
	{"take/longest-first", "those first that have been due longest,", takeLongestFirst},
	{"take/defers", "and defers each by lease, so that others do not take it meanwhile.", takeDefers},
	{"take/concurrent", "It is safe for concurrent use by many processes.", takeConcurrently},
	{"take/while-putting", "It is safe for concurrent use by many processes.", takeWhilePutting},
	{"take/again", "One that nobody settles within lease is due again.", takeAgain},
	{"take/own-time", "Time is the store's own.", takeOwnTime},

	{"done/removes", "Done removes an order, a parked one too.", doneRemoves},
	{"done/none", "If there is none, it does nothing.", doneNone},

	{"failed/counts", "Failed counts a failed delivery", failedCounts},
	{"failed/defers", "and defers the order by wait, whatever is left of its lease,", failedDefers},
	{"failed/parks", "or parks it.", failedParks},
	{"failed/why", "why is kept as UTF-8, cut to 500 bytes.", failedWhy},
	{"failed/none", "If there is no such order, it does nothing.", failedNone},

	{"waiting/not-done", "Waiting returns the orders of a tenant that are not done,", waitingNotDone},
	{"waiting/tenant", "Waiting returns the orders of a tenant that are not done,", waitingTenant},
	{"waiting/oldest-first", "oldest first, at most n,", waitingOldestFirst},
	{"waiting/all", "parked ones too, and those that are taken.", waitingAll},
}
