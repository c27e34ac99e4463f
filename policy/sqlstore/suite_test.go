package sqlstore_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/directory/directorytest"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/member/verify/verifytest"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		policytest.Run(t, func(t *testing.T) policy.Store {
			s, _ := empty(t)
			return s.Policies()
		})
	})
}

// Two processes share the sessions, and each call goes to the next of them.
func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
			a, b := empty(t)
			return []session.Store{a.Sessions(), b.Sessions()}
		})
	})
}

// Sessions that are kept elsewhere leave their visits here.
func TestVisitsOfSessionsElsewhere(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		sessiontest.RunNodes(t, func(t *testing.T) []session.Store {
			a, b := empty(t)
			sessions := session.NewMemStore()
			return []session.Store{session.WithVisits(sessions, a.Sessions()), session.WithVisits(sessions, b.Sessions())}
		})
	})
}

// A database that keeps the visits of others knows none of their sessions: who gives it the
// sessions again lets nobody in by what it has. Its own visits stay beside them.
func TestVisitsAreNoSessions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		s, _ := empty(t)
		stamp := session.Stamp{Client: session.Web}
		own, elsewhere := live(acme, "kim", stamp), live(acme, "kim", stamp)
		if err := s.Sessions().Create(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		if err := session.WithVisits(session.NewMemStore(), s.Sessions()).Create(t.Context(), elsewhere); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sessions().Find(t.Context(), acme, elsewhere.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("a session that is kept elsewhere: %v", err)
		}
		seen := make(map[session.ID]bool)
		for v, err := range s.Sessions().Visits(t.Context(), acme, "kim", time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			seen[v.Session] = true
		}
		if len(seen) != 2 || !seen[own.ID] || !seen[elsewhere.ID] {
			t.Errorf("visits of %v, want those of both", seen)
		}
	})
}

func TestVerifications(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		verifytest.Run(t, func(t *testing.T) verify.Store {
			s, _ := empty(t)
			return s.Verifications()
		})
	})
}

func TestMembers(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		directorytest.Run(t, func(t *testing.T) directory.Store {
			s, _ := empty(t)
			return s.Members()
		})
	})
}

func TestMembersCount(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		empty, _ := p.emptied(t)
		directorytest.RunCounter(t, func(t *testing.T) directory.Counter {
			s, _ := empty(t)
			return s.Members()
		})
	})
}

// An account is read with its failed logins as it is read without, and they without it.
func TestMembersAreReadWithTheirFailures(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		ctx, m := t.Context(), s.Members()
		for _, of := range []session.TenantID{acme, "globex"} {
			populated(t, s, of, "none", "some", "locked", "right")
		}
		at := time.Now()
		for who, guesses := range map[member.ID]int{"nobody": 2, "some": 3, "locked": 7, "right": 4} {
			for range guesses {
				if _, err := m.Count(ctx, acme, who, directory.Guess{At: at, Limit: 5}); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := m.Join(m, s.Members())
		agree := func(of session.TenantID, who member.ID) {
			t.Helper()
			a, f, err := r.Read(ctx, of, who)
			account, load := m.Load(ctx, of, who)
			failures, failed := m.Failures(ctx, of, who)
			if failed != nil || f != failures || !reflect.DeepEqual(a, account) || errors.Is(err, session.ErrNotFound) != errors.Is(load, session.ErrNotFound) || (err == nil) != (load == nil) {
				t.Errorf("%s of %s, at once: %v, %+v, %v; apart: %v, %+v, %v", who, of, a.Version, f, err, account.Version, failures, load)
			}
		}
		for _, of := range []session.TenantID{acme, "globex", "initech"} {
			for _, who := range []member.ID{"nobody", "none", "some", "locked", "right", "boss", "", "\xff", member.ID(strings.Repeat("x", 2000))} {
				agree(of, who)
			}
		}
		d := must[*directory.Directory](t)(directory.New(m, m, nil))
		for who, want := range map[member.ID]bool{"none": false, "some": false, "locked": true, "right": false} {
			if locked, err := d.Count(ctx, acme, who, true); locked != want || err != nil {
				t.Errorf("a right password of %s: locked %v, %v", who, locked, err)
			}
			agree(acme, who)
			if f, err := m.Failures(ctx, acme, who); f.Number != 0 != want || err != nil {
				t.Errorf("after a right password of %s there are %d failures, %v", who, f.Number, err)
			}
		}

		type wrapped struct{ *sqlstore.Members } // who may answer otherwise
		other := p.new(t)
		for why, r := range map[string]directory.Reader{
			"something before the accounts": m.Join(wrapped{m}, m), "something before the failures": m.Join(m, wrapped{m}),
			"accounts of another database": m.Join(other.Members(), m), "failures of another database": m.Join(m, other.Members()),
			"nothing": m.Join(nil, nil), "the zero Members": m.Join(&sqlstore.Members{}, &sqlstore.Members{}),
		} {
			if r != nil {
				t.Errorf("it reads at once beside %s", why)
			}
		}
	})
}
