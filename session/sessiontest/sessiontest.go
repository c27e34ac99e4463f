// Package sessiontest proves implementations of session.Store.
//
//	func TestStore(t *testing.T) {
//		sessiontest.Run(t, func(t *testing.T) session.Store { return mystore.New(t) })
//	}
package sessiontest

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// Run proves a store: each sentence of the comments of session.Store, session.Query and,
// if the store is one, session.Visitor. A failure prints the sentences that it breaks.
//
// newStore returns an empty store, which nothing else uses; it cleans up with t.Cleanup.
// It is called once for each test. Run it with -race; with -short it races less.
//
// The instants in the tests are within 90 days before and some hours after now.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
	t.Helper()
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) {
			s := newStore(t)
			if s == nil {
				t.Fatal("there is no store")
			}
			if _, ok := s.(session.Visitor); p.visits && !ok {
				t.Logf("%T keeps no visits (it is no session.Visitor), so this is not proved", s)
				return
			}
			defer func() {
				if t.Failed() {
					t.Log(p.contract())
				}
			}()
			p.run(newTrial(t, s))
		})
	}
}

// RunNodes proves a store that several processes share, as Run does: newStores returns at
// least two stores of the same, empty sessions, and each call goes to the next of them. So
// whatever one has acknowledged must hold for the others at once.
func RunNodes(t *testing.T, newStores func(t *testing.T) []session.Store) {
	t.Helper()
	Run(t, func(t *testing.T) session.Store {
		n := &nodes{stores: newStores(t)}
		if len(n.stores) < 2 {
			t.Fatalf("%d stores; want two or more", len(n.stores))
		}
		for _, s := range n.stores {
			if _, ok := s.(session.Visitor); !ok {
				return n
			}
		}
		return visitingNodes{n}
	})
}

// nodes is a store that passes each call to the next node.
type nodes struct {
	stores []session.Store
	calls  atomic.Uint64
}

func (n *nodes) next() session.Store { return n.stores[n.calls.Add(1)%uint64(len(n.stores))] }

func (n *nodes) Create(ctx context.Context, s session.Session) error { return n.next().Create(ctx, s) }

func (n *nodes) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	return n.next().Find(ctx, t, id)
}

func (n *nodes) Touch(ctx context.Context, t session.TenantID, id session.ID, at time.Time, addr netip.Addr, c geo.Country) error {
	return n.next().Touch(ctx, t, id, at, addr, c)
}

func (n *nodes) Renew(ctx context.Context, t session.TenantID, id, next session.ID, at time.Time) error {
	return n.next().Renew(ctx, t, id, next, at)
}

func (n *nodes) End(ctx context.Context, t session.TenantID, id session.ID, at time.Time, why string) error {
	return n.next().End(ctx, t, id, at, why)
}

func (n *nodes) EndAll(ctx context.Context, o session.Order, at time.Time) (int, error) {
	return n.next().EndAll(ctx, o, at)
}

func (n *nodes) List(ctx context.Context, t session.TenantID, q session.Query) ([]session.Session, error) {
	return n.next().List(ctx, t, q)
}

func (n *nodes) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	return n.next().Purge(ctx, before, max)
}

type visitingNodes struct{ *nodes }

func (n visitingNodes) Visits(ctx context.Context, t session.TenantID, m session.MemberID, since time.Time) iter.Seq2[session.Visit, error] {
	return n.next().(session.Visitor).Visits(ctx, t, m, since)
}

// A proof is one test. Its clauses stand in the comments of package session word by word,
// and together they are all of them.
type proof struct {
	name    string
	visits  bool // needs a session.Visitor
	clauses []string
	run     func(*trial)
}

func (p proof) contract() string {
	return fmt.Sprintf("package session says: %s", strings.Join(p.clauses, " … "))
}

// proofs are all of them, as a person would want to see them fail: the simple ones first.
var proofs = joined(creating, finding, touching, renewing, ending, endingAll, listing, purging, visiting, waiting, racing)

func joined(lists ...[]proof) (all []proof) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
