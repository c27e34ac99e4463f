package redisstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// orders are sign-outs of all shapes.
func randomOrder(r *rand.Rand) session.Order {
	o := session.Order{Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, At: time.Now().Add(-time.Minute)}
	v := session.Version{Line: uint32(7 + r.IntN(2)), Number: uint64(4 + r.IntN(4))}
	if r.IntN(8) == 0 {
		v.Number = session.MaxNumber - uint64(r.IntN(2))
	}
	switch r.IntN(4) {
	case 0:
		o.Member = session.MemberID(fmt.Sprint("member", r.IntN(3)))
		o.Membership = v
	case 1:
		o.Member = session.MemberID(fmt.Sprint("member", r.IntN(3)))
		o.Policy = v
	default:
		o.Policy = v
	}
	if r.IntN(2) == 0 {
		o.Clients = session.ClientsOf(session.Web, session.Client(1+r.IntN(9)))
	}
	return o
}

func randomSession(r *rand.Rand) session.Session {
	n := login(session.MemberID(fmt.Sprint("member", r.IntN(3))))
	version := func() session.Version {
		switch r.IntN(8) {
		case 0:
			return session.Version{}
		case 1:
			return session.Version{Line: 7, Number: session.MaxNumber - uint64(r.IntN(3))}
		}
		return session.Version{Line: uint32(7 + r.IntN(2)), Number: uint64(3 + r.IntN(5))}
	}
	n.Stamp.Policy, n.Stamp.Member = version(), version()
	n.Stamp.Client = session.Client(1 + r.IntN(9))
	if r.IntN(5) == 0 {
		n.Tenant = "globex"
	}
	return n
}

// A cut ends exactly what its order means, of sessions that are there and of those that
// come afterwards, whatever came before it and in whatever order it came: the same orders
// walked over a list of all sessions say what is right.
func TestGuarantee17CutsEndWhatTheirOrdersMean(t *testing.T) {
	c := client(t, shared(t))
	p := prefix(t, c)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	rounds, checked, dead := 30, 0, 0
	if testing.Short() {
		rounds = 8
	}
	for range rounds {
		db := drawn(t, c, p)
		other := open(t, c, p).Sessions()
		s := db.Sessions()
		var all []session.Session
		var given []session.Order
		for range 40 {
			switch r.IntN(3) {
			case 0:
				o := randomOrder(r)
				if err := s.Revoke(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				given = append(given, o)
			default:
				n := randomSession(r)
				if err := s.Create(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				all = append(all, n)
			}
		}
		if len(given) > 0 { // one comes again, late
			if err := s.Revoke(t.Context(), given[r.IntN(len(given))]); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range all {
			want := true
			for _, o := range given {
				n.First = n.ID
				want = want && !o.Ends(n)
			}
			found, err := other.Find(t.Context(), n.Tenant, n.ID)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			if !want {
				dead++
			}
			if live := found.Live(time.Now()); live != want || !live && found.Why != string(session.SignOut) {
				t.Fatalf("a session of %s, %v, is live %v (%q); want %v, after\n%+v", n.Member, n.Stamp, live, found.Why, want, given)
			}
			err = other.Touch(t.Context(), n.Tenant, n.ID, time.Now(), seoul, n.Country)
			if (err == nil) != want {
				t.Fatalf("Touch of a session that is live %v: %v", want, err)
			}
		}
		list, err := other.List(t.Context(), acme, session.Query{LiveAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			for _, o := range given {
				if o.Ends(n) {
					t.Fatalf("the list has a session as live that %+v ends", o)
				}
			}
		}
	}
	t.Logf("%d sessions, %d of them ended", checked, dead)
	if dead == 0 || dead == checked {
		t.Errorf("%d of %d sessions were ended: nothing was tried", dead, checked)
	}
}

// What a cut cannot say ends those that are there, and nothing that comes later.
func TestRevokeOfOneDevice(t *testing.T) {
	c := client(t, shared(t))
	s := drawn(t, c, prefix(t, c)).Sessions()
	for why, o := range map[string]session.Order{
		"a device":      {Device: "laptop", Membership: session.Version{Line: 9, Number: 9}},
		"no version":    {Member: "kim"},
		"both versions": {Policy: session.Version{Line: 7, Number: 9}, Membership: session.Version{Line: 9, Number: 9}},
	} {
		o.Kind, o.Tenant, o.Clients = session.SignOut, acme, session.AllClients
		before := begun(t, s, "kim")
		if err := s.Revoke(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if live, err := alive(s, before); live || err != nil {
			t.Errorf("%s: the session is live %v, %v", why, live, err)
		}
		if live, err := alive(s, begun(t, s, "kim")); !live {
			t.Errorf("%s: a session that began later does not live, %v", why, err)
		}
	}
	n := begun(t, s, "kim")
	if err := s.Revoke(t.Context(), session.Order{Kind: session.WipeApp, Tenant: acme, Clients: session.AllClients}); err != nil {
		t.Fatal(err)
	}
	if live, _ := alive(s, n); !live {
		t.Error("an order that is no sign-out ended a session")
	}
}

// A late order does not lower a cut, and what a cut has ended keeps that end.
func TestGuarantee17CutsNeverMoveBack(t *testing.T) {
	c := client(t, shared(t))
	s := drawn(t, c, prefix(t, c)).Sessions()
	o := session.Order{Kind: session.SignOut, Tenant: acme, Clients: session.ClientsOf(session.Web), At: time.Now().Add(-time.Hour).Truncate(time.Microsecond)}
	for _, number := range []uint64{6, 4, 6, 1} {
		o.Policy = session.Version{Line: 7, Number: number}
		if err := s.Revoke(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		n := begun(t, s, "kim") // at number 5
		if live, err := alive(s, n); live || err != nil {
			t.Errorf("after an order of number %d a session below the cut is live %v, %v", number, live, err)
		}
		if err := s.End(t.Context(), acme, n.ID, time.Now(), "signed out"); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Find(t.Context(), acme, n.ID); err != nil || found.Why != "sign-out" || !found.Ended.Equal(o.At) {
			t.Errorf("after End of a session that a cut had ended: %v, %q, %v; want the cut's", found.Ended, found.Why, err)
		}
	}
}
