package sessiontest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// The proofs of what holds while others write: each is run many times, and what is left
// must be what one order of the calls would have left.

const concurrent = "A Store is safe for concurrent use, by many processes if it lasts longer than one."

var racing = []proof{
	{"race/touch-and-end", false, []string{
		concurrent, "A session that was ended stays, with when and why, until it is purged; nothing revives it.",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			race(func() { t.try(t.store.Touch(t.ctx, tenant, s.ID, t.at(time.Second), tokyo, japan), session.ErrEnded) },
				func() { t.ok(t.store.End(t.ctx, tenant, s.ID, t.at(time.Minute), "signed out"), "End") },
				func() { t.try(t.store.Touch(t.ctx, tenant, s.ID, t.at(2*time.Second), tokyo, japan), session.ErrEnded) })
			t.endedNow(tenant, s.ID, "signed out")
		}
	}},
	{"race/renew-and-end", false, []string{
		concurrent, "A session that was ended stays, with when and why, until it is purged; nothing revives it.",
		"whoever gives its First ends it, whatever renewals make of its ID at that moment.",
	}, func(t *trial) {
		for i := range rounds() {
			s := t.created(nil)
			if i%2 == 1 { // it is called otherwise than it began already
				_, s.ID = session.NewToken()
				t.ok(t.store.Renew(t.ctx, tenant, s.First, s.ID, t.at(0)), "Renew")
			}
			_, next := session.NewToken()
			var renewed, ended error
			race(func() { renewed = t.store.Renew(t.ctx, tenant, s.ID, next, t.at(time.Second)) },
				func() { ended = t.store.End(t.ctx, tenant, s.First, t.at(time.Minute), "signed out") })
			if t.ok(ended, "End by First, beside Renew"); renewed == nil {
				t.missing(tenant, s.ID, "after Renew")
				s.ID = next
			} else {
				t.is(renewed, session.ErrEnded, "Renew beside End")
				t.missing(tenant, next, "after a Renew that End forestalled")
			}
			t.endedNow(tenant, s.ID, "signed out")
		}
	}},
	{"race/renew-and-order", false, []string{
		concurrent, "A session that is renewed meanwhile does not escape, nor one that was renewed since the order was given and is named by its First.",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			_, next := session.NewToken()
			_, last := session.NewToken()
			o := session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients, Session: s.First}
			t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, t.at(time.Second)), "Renew")
			var renewed error
			race(func() { renewed = t.store.Renew(t.ctx, tenant, next, last, t.at(time.Second)) },
				func() {
					n, err := t.store.EndAll(t.ctx, o, t.at(time.Minute))
					if t.ok(err, "EndAll"); n != 1 {
						t.Errorf("an order that names a renewed session by its First ended %d", n)
					}
				})
			if t.try(renewed, session.ErrEnded); renewed == nil {
				next = last
			}
			t.endedNow(tenant, next, string(session.SignOut))
			if n, err := t.store.EndAll(t.ctx, o, t.at(time.Minute)); n != 0 || err != nil {
				t.Errorf("the order, repeated, ended %d sessions, %v", n, err)
			}
		}
	}},
	{"race/renew-twice", false, []string{
		concurrent, "Renew gives a session that is live at the instant another ID, in one step: the old one is not found afterwards.",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			var ids [3]session.ID
			var errs [3]error
			var fs []func()
			for i := range ids {
				_, ids[i] = session.NewToken()
				fs = append(fs, func() { errs[i] = t.store.Renew(t.ctx, tenant, s.ID, ids[i], t.at(time.Second)) })
			}
			race(fs...)
			won := 0
			for i, err := range errs {
				if err != nil {
					t.is(err, session.ErrNotFound, "Renew that another has forestalled")
					t.missing(tenant, ids[i], "after a Renew that another has forestalled")
					continue
				}
				won++
				renewed := s
				renewed.ID, renewed.Seen = ids[i], t.at(time.Second)
				t.kept(renewed, "after Renew")
			}
			if won != 1 {
				t.Fatalf("%d of 3 concurrent calls of Renew succeeded", won)
			}
			t.missing(tenant, s.ID, "after Renew")
		}
	}},
	{"race/renew-in-one-step", false, []string{
		"Renew gives a session that is live at the instant another ID, in one step: the old one is not found afterwards.",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			_, next := session.NewToken()
			var done atomic.Bool
			find := func(id session.ID) bool { _, err := t.store.Find(t.ctx, tenant, id); return err == nil }
			race(func() {
				t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, t.at(time.Second)), "Renew")
				done.Store(true)
			}, func() {
				for !done.Load() {
					if !find(s.ID) && !find(next) {
						t.Errorf("a session is found under neither ID while it is renewed")
						return
					}
					runtime.Gosched()
				}
			}, func() {
				for !done.Load() {
					if find(next) && find(s.ID) {
						t.Errorf("a session is found under both IDs while it is renewed")
						return
					}
					runtime.Gosched()
				}
			})
			t.missing(tenant, s.ID, "after Renew")
		}
	}},
	{"race/touch-and-renew", false, []string{
		concurrent, "the old one is not found afterwards. Everything else stays, First, stamp and limits too,",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			_, next := session.NewToken()
			race(func() {
				t.try(t.store.Touch(t.ctx, tenant, s.ID, t.at(time.Second), nobody, japan), session.ErrNotFound)
			}, func() { t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, t.at(time.Minute)), "Renew") })
			t.missing(tenant, s.ID, "after Renew")
			s.ID, s.Seen = next, t.at(time.Minute)
			t.kept(s, "after Touch and Renew")
		}
	}},
	{"race/create-twice", false, []string{
		concurrent, "If there is one that has that ID or began with it, live or ended, in any tenant, the error is ErrExists and nothing was changed.",
	}, func(t *trial) {
		for range rounds() {
			var sessions [3]session.Session
			var errs [3]error
			var fs []func()
			for i := range sessions {
				sessions[i] = t.session()
				sessions[i].ID, sessions[i].First = sessions[0].ID, sessions[0].ID
				sessions[i].Tenant = []session.TenantID{tenant, stranger, tenant}[i]
				sessions[i].Member = session.MemberID(fmt.Sprint("member", i))
				fs = append(fs, func() { errs[i] = t.store.Create(t.ctx, sessions[i]) })
			}
			race(fs...)
			won := 0
			for i, err := range errs {
				if err == nil {
					t.kept(sessions[i], "after Create")
					won++
				} else {
					t.is(err, session.ErrExists, "Create that another has forestalled")
				}
			}
			if won != 1 {
				t.Fatalf("%d of 3 concurrent calls of Create with one ID succeeded", won)
			}
		}
	}},
	{"race/end-twice", false, []string{
		concurrent, "One that somebody has ended keeps its first end and reason, and that is no error;",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(nil)
			reasons := []string{"signed out", "suspended", "device lost"}
			var fs []func()
			var seen [3]session.Session
			for i, why := range reasons {
				fs = append(fs, func() {
					t.ok(t.store.End(t.ctx, tenant, s.ID, t.at(time.Duration(i+1)*time.Minute), why), "End")
					seen[i], _ = t.store.Find(t.ctx, tenant, s.ID)
				})
			}
			race(fs...)
			found := t.find(s)
			i := slices.Index(reasons, found.Why)
			s.Why, s.Ended = found.Why, t.at(time.Duration(i+1)*time.Minute)
			if i < 0 || !same(found, s) {
				t.Fatalf("after three calls of End, Find returns %+v", found)
			}
			for _, early := range seen {
				if !same(early, found) {
					t.Fatalf("after End, Find returned\n\t%+v\nand then\n\t%+v", early, found)
				}
			}
		}
	}},
	{"race/end-all-and-the-rest", false, []string{
		concurrent, "A session that is created meanwhile is ended too if o means it, or is left to its cut.",
		"A session that is renewed meanwhile does not escape,",
	}, func(t *trial) {
		for i := range rounds() {
			device := fmt.Sprint("device", i)
			on := func(s *session.Session) { s.Device = device }
			old := []session.Session{t.created(on), t.created(on), t.created(on), t.created(on)}
			created := t.session()
			created.Device = device
			_, next := session.NewToken()
			n := 0
			race(func() {
				var err error
				n, err = t.store.EndAll(t.ctx, session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients, Device: device}, t.at(time.Minute))
				t.ok(err, "EndAll")
			}, func() { t.ok(t.store.Create(t.ctx, created), "Create") },
				func() {
					t.try(t.store.Renew(t.ctx, tenant, old[1].ID, next, t.at(time.Second)), session.ErrEnded)
				},
				func() {
					t.try(t.store.Touch(t.ctx, tenant, old[2].ID, t.at(time.Second), tokyo, japan), session.ErrEnded)
				})
			all := t.list(tenant, session.Query{Device: device})
			if len(all) != len(old)+1 {
				t.Fatalf("%d sessions are left of %d", len(all), len(old)+1)
			}
			ended := 0
			for _, s := range all {
				switch {
				case !s.Ended.IsZero():
					ended++
				case s.ID != created.ID:
					t.Errorf("EndAll left %+v", s)
				}
				t.kept(s, "after EndAll")
			}
			if n != ended {
				t.Errorf("EndAll says that it ended %d sessions; %d have ended", n, ended)
			}
		}
	}},
	{"race/purge-and-touch", false, []string{
		concurrent, "Purge removes, of every tenant, sessions that were dead before an instant,",
	}, func(t *trial) {
		for range rounds() {
			s := t.created(func(s *session.Session) { s.Idle = time.Minute })
			t.kept(s, "after Create")
			var touched error
			purged := 0
			race(func() {
				touched = t.store.Touch(t.ctx, tenant, s.ID, t.at(59*time.Second), nobody, japan)
			}, func() {
				var err error
				purged, err = t.store.Purge(t.ctx, t.at(61*time.Second), 10)
				t.ok(err, "Purge")
			})
			if want := map[bool]int{true: 0, false: 1}[touched == nil]; purged != want {
				t.Errorf("Purge removed %d sessions, and Touch beside it returned %v", purged, touched)
			}
			if touched != nil {
				t.is(touched, session.ErrNotFound, "Touch of a session that is being purged")
				t.missing(tenant, s.ID, "after Purge")
				continue
			}
			s.Seen = t.at(59 * time.Second)
			t.kept(s, "after a Touch that forestalled Purge")
		}
	}},
	{"race/purge-twice", false, []string{
		concurrent, "at most n of them, and returns how many.",
	}, func(t *trial) {
		for range rounds() / 5 {
			for range 20 {
				t.created(func(s *session.Session) { s.Life = time.Minute })
			}
			var purged atomic.Int64
			purge := func() {
				for {
					n, err := t.store.Purge(t.ctx, t.at(time.Hour), 3)
					if t.ok(err, "Purge"); n == 0 || err != nil {
						return
					}
					purged.Add(int64(n))
				}
			}
			race(purge, purge)
			if n := purged.Load(); n != 20 {
				t.Fatalf("two calls of Purge removed %d sessions of 20", n)
			}
			t.listed(tenant, session.Query{}, nil, "after Purge")
		}
	}},
	{"race/many-at-once", false, []string{concurrent}, func(t *trial) {
		var fs []func()
		each := 1 + rounds()/10
		for g := range 8 {
			fs = append(fs, func() {
				m := session.MemberID(fmt.Sprint("member", g))
				for i := range each {
					s := t.session()
					s.Member = m
					_, next := session.NewToken()
					at := t.at(time.Minute)
					t.ok(t.store.Create(t.ctx, s), "Create")
					t.ok(t.store.Touch(t.ctx, tenant, s.ID, at, tokyo, japan), "Touch")
					t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, at), "Renew")
					s.ID, s.Seen, s.Addr, s.Country = next, at, tokyo, japan
					found, err := t.store.Find(t.ctx, tenant, next)
					if err != nil || !same(found, s) {
						t.Errorf("among many others, Find returns\n\t%+v, %v\nwant\n\t%+v", found, err, s)
					}
					if i%2 == 0 {
						t.ok(t.store.End(t.ctx, tenant, next, at, "signed out"), "End")
					} else if n, err := t.store.EndAll(t.ctx, session.Order{Kind: session.SignOut, Tenant: tenant, Member: m, Clients: session.AllClients}, at); n != 1 || err != nil {
						t.Errorf("among many others, EndAll ended %d sessions, %v; want 1", n, err)
					}
					page, err := t.store.List(t.ctx, tenant, session.Query{Member: m})
					if len(page) != i+1 || err != nil {
						t.Errorf("among many others, List returns %d sessions, %v; want %d", len(page), err, i+1)
					}
				}
			})
		}
		race(fs...)
		all := t.list(tenant, session.Query{})
		if len(all) != 8*each {
			t.Errorf("%d sessions are left of %d", len(all), 8*each)
		}
		for _, s := range all {
			if t.kept(s, "in the end"); s.Ended.IsZero() {
				t.Errorf("in the end, %+v is live", s)
			}
		}
	}},
}

// try checks that an error is none or the one that is possible.
func (t *trial) try(err, possible error) {
	t.Helper()
	if err != nil && !errors.Is(err, possible) {
		t.Errorf("the error is %v; want none or %v", err, possible)
	}
}

// endedNow checks that a session has ended for a reason.
func (t *trial) endedNow(of session.TenantID, id session.ID, why string) {
	t.Helper()
	found, err := t.store.Find(t.ctx, of, id)
	if err != nil || found.Ended.IsZero() || found.Why != why || found.Live(t.at(0)) {
		t.Errorf("after End, Find returns %+v, %v; want it ended, %q", found, err, why)
	}
}
