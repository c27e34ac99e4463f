// Package policytest proves that an implementation of [policy.Store] keeps what its
// comment says. A host runs it on the database that it will use, as in
//
//	func TestStore(t *testing.T) {
//		policytest.Run(t, func(t *testing.T) policy.Store {
//			db := emptyDatabase(t) // which t.Cleanup drops
//			return acme.NewPolicyStore(db)
//		})
//	}
//
// A failure ends with the clause of the comment that is broken.
package policytest

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/outboxtest"
)

// Run checks the Store that newStore returns, each clause in a test of its own, those of
// its [session.Outbox] too, and of [policy.Historian], [policy.Watcher] and [session.Log]
// if it is one; if not, that is logged. newStore is called for each of them and returns
// a Store without tenants and orders that nobody else uses. It may return one Store again
// and again if it empties it. It cleans up with t.Cleanup.
//
// Run fails by no clock, but that a Watch has some ten seconds to tell of a save. With
// -short it writes less, and 100 goroutines save at once instead of 1,000: a pool of
// connections needs its bound.
func Run(t *testing.T, newStore func(t *testing.T) policy.Store) {
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("broken clause of %s: %s", c.of, c.text)
				}
			}()
			c.check(t, newStore(t))
		})
	}
	t.Run("outbox", func(t *testing.T) {
		outboxtest.Run(t, func(t *testing.T) (session.Outbox, func(...session.Order) error) {
			s := newStore(t)
			return s, putInto(t, s)
		})
	})
}

// A clause is a part of a comment, word by word, and what shows that a Store keeps it.
type clause struct {
	name, of, text string
	check          func(t testing.TB, s policy.Store)
}

const (
	store     = "policy.Store"
	historian = "policy.Historian"
	watcher   = "policy.Watcher"
	eventLog  = "session.Log"
)

// What several checks quote.
const (
	lastSave   = "What Load and Version return is the last acknowledged save of any process."
	exactly    = "Load returns exactly what Save was given, but for the zones of instants."
	ofContext  = "A context that is cancelled or past its deadline is returned as its error, promptly; a Save has then written all or nothing."
	oneWrite   = "and stores the event and the orders with it, in one write."
	conflict   = "If the record is at another version, the error is a *ConflictError, which is a session.ErrConflict, and nothing was written."
	repetition = "But if a save of the same tenant with the same r.Save and the same expected version was written before, however long ago, this one is its repetition: it writes nothing and returns the version of the first with no error."
	follows    = "If r does not follow the record that is there (see Record.Follows), or is corrupt where there is none (see Record.Err), that is the error and nothing was written."
)

var clauses = []clause{
	{"load/last", store, lastSave, loadLast},
	{"load/while-saving", store, "A replica that lags is no Store: sessions would outlive their cuts by its lag.", loadWhileSaving},
	{"load/missing", store, "A missing tenant is never an empty one: Load and Version return session.ErrNotFound.", loadMissing},
	{"load/removed", store, "A tenant that was removed has a record, which says so.", loadRemoved},
	{"load/tenant", store, "Tenants are compared byte by byte.", loadTenant},
	{"load/exactly", store, exactly, loadExactly},
	{"load/large", store, exactly, loadLarge},
	{"load/numbers", store, exactly, loadNumbers},
	{"load/copies", store, "What a caller alters afterwards, of what it gave or got, does not show.", loadCopies},
	{"version", store, "Version returns the version of the record that Load would return, cheaply.", version},

	{"context/before", store, ofContext, contextBefore},
	{"context/meanwhile", store, ofContext, contextMeanwhile},

	{"save/replaces", store, "Save replaces the record of r.Tenant, which must be at version expected, by r,", saveReplaces},
	{"save/orders", store, oneWrite, saveOrders},
	{"save/event", store, oneWrite, saveEvent},
	{"save/seen-at-once", store, oneWrite, saveSeenAtOnce},
	{"save/enrols", store, "If expected is zero, there must be no record.", saveEnrols},
	{"save/returns", store, "It returns the version of the record that this save wrote.", saveReturns},
	{"save/conflict", store, conflict, saveConflict},
	{"save/many-tenants", store, "It is safe for concurrent use by many processes.", saveManyTenants},
	{"save/one-wins", store, conflict, saveOneWins},
	{"save/none-lost", store, conflict, saveNoneLost},
	{"save/one-enrols", store, "If expected is zero, there must be no record.", saveOneEnrols},

	{"repeat/at-once", store, repetition, repeatAtOnce},
	{"repeat/long-after", store, repetition, repeatLongAfter},
	{"repeat/together", store, repetition, repeatTogether},
	{"repeat/other-tenant", store, repetition, repeatOtherTenant},
	{"repeat/other-version", store, "An r.Save that was used on another version is a conflict too.", repeatOtherVersion},
	{"repeat/no-id", store, `If r.Save is "", a save is never a repetition.`, repeatNoID},

	{"follow/refused", store, follows, followRefused},
	{"follow/taken", store, follows, followTaken},
	{"follow/corrupt", store, follows, followCorrupt},

	{"history/newest-first", historian, "History returns the saves of a tenant, newest first, at most n.", ifHistorian(historyNewestFirst)},
	{"history/before", historian, "If before is not zero, only those older than the save that made that version.", ifHistorian(historyBefore)},
	{"history/missing", historian, "A missing tenant has none.", ifHistorian(historyMissing)},
	{"history/past", historian, "Past is a save: the record that it wrote and the event that it told.", ifHistorian(historyPast)},
	{"history/context", historian, ofContext, ifHistorian(historyContext)},
	{"earlier", historian, "Earlier returns the save that made a version; session.ErrNotFound if it is not kept.", ifHistorian(earlier)},

	{"watch/tells", watcher, "Watch calls changed for each save", ifWatcher(watchTells)},
	{"watch/ends", watcher, "until ctx ends, and then returns ctx's error.", ifWatcher(watchEnds)},
	{"watch/closely", watcher, "Saves of a tenant that follow each other closely may be told as one, by the last version.", ifWatcher(watchClosely)},
	{"watch/blocks", watcher, "A changed that blocks holds up no Save.", ifWatcher(watchBlocks)},

	{"events", eventLog, "Events returns the events of a tenant that q names, newest first, at most q.Max.", ifLog(events)},
	{"events/context", eventLog, ofContext, ifLog(eventsContext)},
}
