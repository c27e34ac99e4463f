package sessiontest

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// The proofs of what happens when nobody waits any more.

var waiting = []proof{
	{"cancelled-contexts", false, []string{
		"A cancelled context is returned as its error, and nothing was written then, or all of it.",
	}, func(t *trial) {
		cancelled, cancel := context.WithCancel(t.ctx)
		cancel()
		past, cancel := context.WithDeadline(t.ctx, time.Now().Add(-time.Hour))
		defer cancel()
		for _, ctx := range []context.Context{cancelled, past} {
			want := ctx.Err()
			s := t.created(nil)
			o := session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients}
			_, next := session.NewToken()
			fresh := t.session()

			t.is(t.store.Create(ctx, fresh), want, "Create with a context that has ended")
			if found, err := t.store.Find(t.ctx, tenant, fresh.ID); err == nil && !same(found, fresh) {
				t.Errorf("Create with a context that has ended wrote a part: %+v", found)
			}
			_, err := t.store.Find(ctx, tenant, s.ID)
			t.is(err, want, "Find with a context that has ended")
			t.is(t.store.Touch(ctx, tenant, s.ID, t.at(time.Minute), tokyo, japan), want, "Touch with a context that has ended")
			touched := s
			touched.Seen, touched.Addr, touched.Country = t.at(time.Minute), tokyo, japan
			if found := t.find(s); !same(found, s) && !same(found, touched) {
				t.Errorf("Touch with a context that has ended wrote a part: %+v", found)
			}
			t.is(t.store.Renew(ctx, tenant, s.ID, next, t.at(time.Minute)), want, "Renew with a context that has ended")
			_, oldErr := t.store.Find(t.ctx, tenant, s.ID)
			_, nextErr := t.store.Find(t.ctx, tenant, next)
			if (oldErr == nil) == (nextErr == nil) {
				t.Errorf("Renew with a context that has ended wrote a part: the old ID is %v, the next %v", oldErr, nextErr)
			}
			_, err = t.store.List(ctx, tenant, session.Query{})
			t.is(err, want, "List with a context that has ended")
			t.is(t.store.End(ctx, tenant, s.ID, t.at(time.Minute), "x"), want, "End with a context that has ended")
			_, err = t.store.EndAll(ctx, o, t.at(time.Minute))
			t.is(err, want, "EndAll with a context that has ended")
			_, err = t.store.Purge(ctx, t.at(0), 1)
			t.is(err, want, "Purge with a context that has ended")
		}
	}},
	{"visits/cancelled-contexts", true, []string{
		"It stops at the first error, which it yields last.",
	}, func(t *trial) {
		for range 300 {
			t.created(nil)
		}
		for _, after := range []int{0, 1, 299} {
			ctx, cancel := context.WithCancel(t.ctx)
			if after == 0 {
				cancel()
			}
			good, failed := 0, 0
			for _, err := range t.store.(session.Visitor).Visits(ctx, tenant, "", t.at(0)) {
				switch {
				case failed > 0:
					t.Fatalf("Visits goes on after an error")
				case err != nil:
					t.is(err, context.Canceled, "Visits with a cancelled context")
					failed++
				default:
					good++
				}
				if good == after {
					cancel()
				}
			}
			cancel()
			// It may have read ahead, but must not end early without a word.
			if whole := failed == 0 && good == 300 && after > 0; !whole && failed != 1 || good < after || after == 0 && good > 0 {
				t.Errorf("Visits whose context was cancelled after %d of 300 visits yields %d visits and %d errors", after, good, failed)
			}
		}
	}},
}
