package main

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// step is a login that waits: for a code, or for a new password. Its member has proved the
// password. It belongs to the client, the country and the versions of the decision that
// asked for it.
type step struct {
	tenant session.TenantID
	member member.ID
	effect policy.Effect // what is asked for
	stamp  session.Stamp
	token  string // of the verification
	ends   time.Time
}

const (
	stepLife = 10 * time.Minute
	maxSteps = 5 // of one member: then the one that ends first makes room
)

// steps are found by what their member shows, of which the hash is kept.
type steps struct {
	mu   sync.Mutex
	kept map[session.ID]step
}

func newSteps() *steps { return &steps{kept: make(map[session.ID]step)} }

// begin returns what the member shows to go on.
func (ss *steps) begin(st step) string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var first session.ID
	n := 0
	for id, s := range ss.kept {
		if s.tenant == st.tenant && s.member == st.member {
			if n++; n == 1 || s.ends.Before(ss.kept[first].ends) {
				first = id
			}
		}
	}
	if n >= maxSteps {
		delete(ss.kept, first)
	}
	text := rand.Text()
	st.ends = time.Now().Add(stepLife)
	ss.kept[session.IDOf(text)] = st
	return text
}

// find returns the step of a tenant that waits for what effect asks.
func (ss *steps) find(t session.TenantID, text string, effect policy.Effect) (step, bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	st, ok := ss.kept[session.IDOf(text)]
	return st, ok && st.tenant == t && st.effect == effect && time.Now().Before(st.ends)
}

// end takes a step away and reports whether it was there: of many at once, one takes it.
func (ss *steps) end(text string) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	id := session.IDOf(text)
	_, ok := ss.kept[id]
	delete(ss.kept, id)
	return ok
}
