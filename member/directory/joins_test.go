package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// joinedStore and joinedSessions are stores in a transaction of the host.
type joinedStore struct{ *directory.MemStore }

func (joinedStore) Uncommitted() bool { return true }

type joinedSessions struct {
	*session.MemStore
	fails error
	timed *bool // whether EndAll had a deadline
}

func (joinedSessions) Uncommitted() bool { return true }

func (s joinedSessions) EndAll(ctx context.Context, o session.Order, at time.Time) (int, error) {
	if s.fails != nil {
		return 0, s.fails
	}
	_, *s.timed = ctx.Deadline()
	return s.MemStore.EndAll(ctx, o, at)
}

// TestActsInATransaction: sessions end with an act where both are in the host's transaction,
// or the act fails. All else waits for the commit, and so for a Run.
func TestActsInATransaction(t *testing.T) {
	down := errors.New("down")
	for _, row := range []struct {
		why             string
		store, sessions bool // whether it is in a transaction
		prompt          time.Duration
		fails           error
		ends            bool
	}{
		{why: "both in it", store: true, sessions: true, ends: true},
		{why: "both in it, and no time for others", store: true, sessions: true, prompt: 1, ends: true},
		{why: "both in it, and all is Run's", store: true, sessions: true, prompt: -1},
		{why: "both in it, and the sessions fail", store: true, sessions: true, fails: down},
		{why: "the sessions are elsewhere", store: true},
		{why: "the accounts are elsewhere", sessions: true},
	} {
		t.Run(row.why, func(t *testing.T) {
			var host hostCalls
			timed := false
			f := newFixture(t, nil)
			f.adopt(t, "kim")
			mem := session.NewMemStore()
			one := begin(t, f, mem, session.Session{Device: "phone"})
			o := &directory.Options{Sessions: mem, Revoker: &host, Wiper: &host, Prompt: row.prompt}
			if row.sessions {
				o.Sessions = joinedSessions{mem, row.fails, &timed}
			}
			var store directory.Store = f.mem
			if row.store {
				store = joinedStore{f.mem}
			}
			d, err := directory.New(store, f.mem, o)
			if err != nil {
				t.Fatal(err)
			}
			done := d.Each(t.Context(), directory.WipeApp, "acme", []member.ID{"kim"}, directory.Facts{Actor: "boss", Device: "phone"})
			if err := done[0].Err; !errors.Is(err, row.fails) {
				t.Errorf("the act: %v; want %v", err, row.fails)
			}
			if ended(t, mem, one) != row.ends || timed {
				t.Errorf("the session has ended: %v, want %v; within a deadline: %v", !row.ends, row.ends, timed)
			}
			if left := waiting(t, f); len(left) != 2 || left[0].Tries+left[1].Tries > 0 || len(host.kinds()) > 0 {
				t.Errorf("orders that wait: %+v; the host was told %v", left, host.kinds())
			}
			if err := d.Run(t.Context()); err == nil || len(host.kinds()) > 0 {
				t.Errorf("Run in a transaction: %v; the host was told %v", err, host.kinds())
			}
		})
	}
}
