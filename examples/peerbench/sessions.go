package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/sallyport-go/sallyport/session"
)

const (
	ourCut       = "(the cut alone)"
	ourStoredCut = "Cut, stored"
	scsDeletes   = "scs memstore"
)

// signOut measures how a tenant's sessions are ended: by one number that is
// stored with its record, or by walking through them.
func (b *bench) signOut() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourStoredCut, scsDeletes, ourCut},
		claims: []claim{{against: scsDeletes, goal: mustGoal("at least 10,000 times faster"), inputs: func(s string) bool { return s == "1,000,000 sessions" }}},
		notes: []string{
			"Stored: Cuts.Cut of all clients, its JSON, and one Commit of that into a memstore; the cut alone is beside it.",
			"memstore: All, which copies the tokens, and a Delete of each. That all are of the tenant is taken as known; scs would",
			"have to decode each session to see it. Neither has a database behind it.",
		},
	}
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if b.quick && n > 100_000 || b.tiny && n > 10_000 {
			r.notes = append(r.notes, "A million sessions are not measured in a quick run.")
			break
		}
		costs, err := b.signOutOf(n)
		if err != nil {
			return nil, err
		}
		r.add(thousands(float64(n))+" sessions", r.names, costs)
	}
	return r, nil
}

func (b *bench) signOutOf(n int) ([][]float64, error) {
	store := memstore.NewWithCleanupInterval(0) // no goroutine beside the clock
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = rand.Text()
	}
	data := make([]byte, 128) // about what scs keeps of a small session
	expiry := time.Now().Add(24 * time.Hour)
	var ended error
	deletes := func() int {
		all, err := store.All()
		for token := range all {
			if e := store.Delete(token); e != nil {
				err = e
			}
		}
		ended = err
		return len(all)
	}
	records, number := memstore.NewWithCleanupInterval(0), uint64(0)
	stored := repeat(func() int {
		number++
		text, err := json.Marshal(session.Cuts{}.Cut(session.AllClients, number))
		if err == nil {
			err = records.Commit("tenant", text, expiry)
		}
		return one(err == nil)
	})
	alone := repeat(func() int { return one(session.Cuts{}.Cut(session.AllClients, 7).Live(session.Web, 7)) })
	const cuts = 4096 // a turn of ours, which one cut would not fill
	costs := make([][]float64, 3)
	rounds := 5
	if b.quick || b.tiny {
		rounds = 3
	}
	for range rounds {
		for _, token := range tokens {
			if err := store.Commit(token, data, expiry); err != nil {
				return nil, err
			}
		}
		runtime.GC()
		costs[0] = append(costs[0], timed(contender{run: stored}, 0, cuts)/cuts)
		costs[1] = append(costs[1], timed(contender{run: func(int, int) int { return deletes() }}, 0, 1))
		costs[2] = append(costs[2], timed(contender{run: alone}, 0, cuts)/cuts)
		if left, err := store.All(); err != nil || len(left) > 0 || ended != nil {
			return nil, fmt.Errorf("%d of %d sessions are left in the memstore: %v %v", len(left), n, err, ended)
		}
	}
	return costs, nil
}
