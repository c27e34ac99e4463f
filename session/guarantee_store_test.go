package session_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// twoNodes is a store seen from two nodes of a service: what one has acknowledged must
// hold at the other.
func twoNodes() (a, b session.Store) {
	s := session.NewMemStore()
	return s, struct{ session.Store }{s}
}

// check is what a host does at each request: the session, then the cuts of both records.
func check(t *testing.T, s session.Store, of session.TenantID, token string, at time.Time, records ...func(session.Session) bool) bool {
	t.Helper()
	n, err := s.Find(t.Context(), of, session.IDOf(token))
	if err != nil {
		if !errors.Is(err, session.ErrNotFound) {
			t.Fatal(err)
		}
		return false
	}
	for _, alive := range records {
		if !alive(n) {
			return false
		}
	}
	return n.Live(at)
}

// A session that was ended is refused at the next check, on every path: a request, a
// renewal, another node; and whatever the clock of the node that ended it says.
func TestGuarantee14AnEndedSessionIsRefusedOnEveryPath(t *testing.T) {
	orders := func(change func(*session.Order)) func(session.Store, session.Session, time.Time) error {
		return func(s session.Store, n session.Session, at time.Time) error {
			o := session.Order{Kind: session.SignOut, Tenant: n.Tenant, Clients: session.AllClients}
			change(&o)
			ended, err := s.EndAll(t.Context(), o, at)
			if err == nil && ended != 1 {
				err = fmt.Errorf("%d sessions were ended", ended)
			}
			return err
		}
	}
	for why, end := range map[string]func(session.Store, session.Session, time.Time) error{
		"by itself": func(s session.Store, n session.Session, at time.Time) error {
			return s.End(t.Context(), n.Tenant, n.ID, at, "signed out")
		},
		"its member":   orders(func(o *session.Order) { o.Member = "kim" }),
		"its device":   orders(func(o *session.Order) { o.Device = "laptop" }),
		"its client":   orders(func(o *session.Order) { o.Clients = session.ClientsOf(session.Web) }),
		"its login":    orders(func(o *session.Order) { o.Via = "google:1" }),
		"its tenant":   orders(func(*session.Order) {}),
		"by a version": orders(func(o *session.Order) { o.Policy = session.Version{Line: 7, Number: 6} }),
	} {
		for _, clock := range []time.Duration{-time.Hour, 0, time.Hour} { // of the node that ends it
			here, there := twoNodes()
			token, id := session.NewToken()
			n := newSession("acme", "kim")
			n.ID, n.First, n.Via = id, id, "google:1"
			create(t, here, n)
			now := noon.Add(time.Minute)
			if !check(t, here, "acme", token, now) || !check(t, there, "acme", token, now) {
				t.Fatalf("%s: a live session is refused", why)
			}
			if err := end(here, n, now.Add(clock)); err != nil {
				t.Fatalf("%s: %v", why, err)
			}
			for node, s := range []session.Store{here, there} {
				for _, at := range []time.Time{now.Add(-time.Second), now, now.Add(2 * time.Hour)} {
					if check(t, s, "acme", token, at) {
						t.Errorf("%s, ended by a clock %v ahead: a request at %v to node %d passes", why, clock, at, node)
					}
					_, next := session.NewToken()
					if err := s.Renew(t.Context(), "acme", id, next, at); !errors.Is(err, session.ErrEnded) {
						t.Errorf("%s, ended by a clock %v ahead: a renewal at %v at node %d: %v", why, clock, at, node, err)
					}
					if err := s.Touch(t.Context(), "acme", id, at, netip.Addr{}, geo.Country{}); !errors.Is(err, session.ErrEnded) {
						t.Errorf("%s, ended by a clock %v ahead: a touch at %v at node %d: %v", why, clock, at, node, err)
					}
				}
			}
		}
	}
}

// While a session is renewed again and again, its end is never lost: whoever has been
// told that it ended finds it dead under every ID that it had.
func TestGuarantee14AnEndIsNotLostToRenewals(t *testing.T) {
	here, there := twoNodes()
	for range 200 {
		n := newSession("acme", "kim")
		create(t, here, n)
		ids := []session.ID{n.ID}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				_, next := session.NewToken()
				if there.Renew(t.Context(), "acme", ids[len(ids)-1], next, noon) != nil {
					return
				}
				ids = append(ids, next)
			}
		})
		ended, err := here.EndAll(t.Context(), session.Order{Kind: session.SignOut, Tenant: "acme", Member: "kim", Clients: session.AllClients}, noon)
		wg.Wait() // the renewals have been refused
		if ended != 1 || err != nil {
			t.Fatalf("EndAll: %d, %v", ended, err)
		}
		for _, id := range ids {
			if found, err := here.Find(t.Context(), "acme", id); err == nil && found.Live(noon) {
				t.Fatalf("after %d renewals, %+v lives", len(ids)-1, found)
			}
		}
	}
}

// Whoever ends one session names it by its First, and no renewal before, meanwhile or
// after takes it out of reach: neither of End nor of an order that is delivered late.
func TestGuarantee14OneSessionIsEndedWhateverItIsCalled(t *testing.T) {
	here, there := twoNodes()
	order := func(n session.Session) session.Order {
		return session.Order{Kind: session.SignOut, Tenant: "acme", Member: "kim", Session: n.First, Clients: session.AllClients}
	}
	for why, end := range map[string]func(session.Session) error{
		"End": func(n session.Session) error { return here.End(t.Context(), "acme", n.First, noon, "lost") },
		"an order": func(n session.Session) error {
			if ended, err := here.EndAll(t.Context(), order(n), noon); ended != 1 || err != nil {
				return fmt.Errorf("it ended %d, %w", ended, err)
			}
			return nil
		},
	} {
		for range 100 {
			n, other := newSession("acme", "kim"), newSession("acme", "kim")
			create(t, here, n, other)
			last := n.ID
			renew := func() error {
				_, next := session.NewToken()
				err := there.Renew(t.Context(), "acme", last, next, noon)
				if err == nil {
					last = next
				}
				return err
			}
			if err := renew(); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				for renew() == nil {
				}
			})
			if err := end(n); err != nil {
				t.Errorf("%s of a session that is renewed meanwhile: %v", why, err)
			}
			wg.Wait() // until the renewals are refused
			found, err := here.Find(t.Context(), "acme", last)
			if err != nil || found.Live(noon) || found.First != n.First {
				t.Fatalf("%s left %+v, %v", why, found, err)
			}
			if found, err := here.Find(t.Context(), "acme", other.ID); err != nil || !found.Live(noon) {
				t.Fatalf("%s of another session left %+v, %v", why, found, err)
			}
		}
	}
}

func TestGuarantee15ALateOrderEndsNoNewSession(t *testing.T) {
	s := session.NewMemStore()
	for _, o := range []session.Order{
		{Policy: session.Version{Line: 7, Number: 5}},
		{Membership: session.Version{Line: 9, Number: 3}, Member: "kim"},
		{Policy: session.Version{Line: 7, Number: 5}, Device: "laptop"},
		{Membership: session.Version{Line: 9, Number: 3}, Member: "kim", Device: "laptop"},
	} {
		o.Kind, o.Tenant, o.Clients = session.SignOut, "acme", session.AllClients
		before, at, after := newSession("acme", "kim"), newSession("acme", "kim"), newSession("acme", "kim")
		before.Stamp.Policy.Number--
		before.Stamp.Member.Number--
		after.Stamp.Policy.Number++
		after.Stamp.Member.Number++
		create(t, s, before, at, after)
		for want := 1; want >= 0; want-- { // delivered twice
			if n, err := s.EndAll(t.Context(), o, noon.Add(time.Hour)); n != want || err != nil {
				t.Errorf("%+v ended %d sessions, %v; want %d", o, n, err, want)
			}
		}
		for _, n := range []session.Session{before, at, after} {
			if found, err := s.Find(t.Context(), "acme", n.ID); err != nil || found.Live(noon) == (n == before) {
				t.Errorf("%+v left %+v, %v", o, found, err)
			}
			if err := s.End(t.Context(), "acme", n.ID, noon, "x"); err != nil {
				t.Error(err)
			}
		}
	}
}

// A session lives only if nothing of any scope has ended it: all combinations.
func TestGuarantee16EveryScopeCounts(t *testing.T) {
	policy, membership := session.Version{Line: 7, Number: 6}, session.Version{Line: 9, Number: 4}
	web := session.ClientsOf(session.Web)
	for bits := range 1 << 5 {
		ended := func(i int) bool { return bits&(1<<i) != 0 }
		s := session.NewMemStore()
		token, id := session.NewToken()
		n := newSession("acme", "kim")
		n.ID, n.First = id, id
		if ended(4) {
			n.Idle = time.Minute
		}
		create(t, s, n)
		var tenantCuts, bySettings, byMember session.Cuts
		if ended(0) {
			tenantCuts = tenantCuts.Cut(web, policy.Number)
		}
		if ended(1) {
			bySettings = bySettings.Cut(web, policy.Number)
		}
		if ended(2) {
			byMember = byMember.Cut(web, membership.Number)
		}
		if ended(3) {
			if err := s.End(t.Context(), "acme", id, noon, "signed out"); err != nil {
				t.Fatal(err)
			}
		}
		got := check(t, s, "acme", token, noon.Add(time.Hour),
			func(n session.Session) bool { return tenantCuts.Alive(n.Stamp.Client, n.Stamp.Policy, policy) },
			func(n session.Session) bool { return bySettings.Alive(n.Stamp.Client, n.Stamp.Policy, policy) },
			func(n session.Session) bool { return byMember.Alive(n.Stamp.Client, n.Stamp.Member, membership) })
		if want := bits == 0; got != want {
			t.Errorf("ended by %05b (limits, itself, member, member by settings, tenant): live %v", bits, got)
		}
	}
}

func TestGuarantee18RenewingKeepsTheStamp(t *testing.T) {
	s := session.NewMemStore()
	for _, tt := range stampTexts {
		n := newSession("acme", "kim")
		n.Stamp = tt.stamp
		create(t, s, n)
		for i := range 5 {
			_, next := session.NewToken()
			at := noon.Add(time.Duration(i) * time.Hour)
			if err := s.Touch(t.Context(), "acme", n.ID, at, netip.MustParseAddr("8.8.8.8"), japan); err != nil {
				t.Fatal(err)
			}
			if err := s.Renew(t.Context(), "acme", n.ID, next, at); err != nil {
				t.Fatal(err)
			}
			n.ID = next
			if found, err := s.Find(t.Context(), "acme", next); err != nil || found.Stamp != tt.stamp {
				t.Errorf("%s: after %d renewals the stamp is %+v, %v; want %+v", tt.why, i+1, found.Stamp, err, tt.stamp)
			}
		}
	}
}

// Renewing and touching never create a session, nor undo its end.
func TestGuarantee18NothingIsRevived(t *testing.T) {
	s := session.NewMemStore()
	never, ended, expired, purged := newSession("acme", "kim"), newSession("acme", "kim"), newSession("acme", "kim"), newSession("acme", "kim")
	expired.Life, purged.Life = time.Minute, time.Second
	create(t, s, ended, expired, purged)
	if n, err := s.Purge(t.Context(), noon.Add(time.Minute), 10); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := s.End(t.Context(), "acme", ended.ID, noon, "x"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why  string
		id   session.ID
		want error
	}{
		{"never there", never.ID, session.ErrNotFound},
		{"purged", purged.ID, session.ErrNotFound},
		{"ended", ended.ID, session.ErrEnded},
		{"expired", expired.ID, session.ErrEnded},
		{"the zero ID", session.ID{}, session.ErrNotFound},
	} {
		_, next := session.NewToken()
		touch := s.Touch(t.Context(), "acme", row.id, noon.Add(time.Hour), netip.Addr{}, geo.Country{})
		renew := s.Renew(t.Context(), "acme", row.id, next, noon.Add(time.Hour))
		if !errors.Is(touch, row.want) || !errors.Is(renew, row.want) {
			t.Errorf("%s: Touch %v, Renew %v; want %v", row.why, touch, renew, row.want)
		}
		for _, id := range []session.ID{row.id, next} {
			if found, err := s.Find(t.Context(), "acme", id); err == nil && found.Live(noon.Add(time.Hour)) {
				t.Errorf("%s: %+v lives", row.why, found)
			}
		}
	}
}

// Two tenants may have members, devices and logins of the same name.
func TestGuarantee29SessionsOfTenantsAreApart(t *testing.T) {
	s := session.NewMemStore()
	ours, theirs := newSession("acme", "kim"), newSession("globex", "kim")
	create(t, s, ours, theirs)
	_, next := session.NewToken()
	order := session.Order{Kind: session.SignOut, Tenant: "acme", Member: "kim", Device: "laptop", Session: theirs.ID, Clients: session.AllClients}
	view := session.View{Store: s, At: noon, Alive: always}
	for what, try := range map[string]func() (int, error){
		"Touch": func() (int, error) {
			return 0, s.Touch(t.Context(), "acme", theirs.ID, noon, netip.Addr{}, geo.Country{})
		},
		"Renew": func() (int, error) { return 0, s.Renew(t.Context(), "acme", theirs.ID, next, noon) },
		"End":   func() (int, error) { return 0, s.End(t.Context(), "acme", theirs.ID, noon, "x") },
		"EndAll": func() (int, error) {
			n, err := s.EndAll(t.Context(), order, noon)
			return n, errors.Join(err, session.ErrNotFound)
		},
		"Visits": func() (int, error) {
			all, err := collect(view.Visits(t.Context(), "acme", session.VisitQuery{Member: "kim"}))
			return len(all) - 1, errors.Join(err, session.ErrNotFound)
		},
		"Devices": func() (int, error) {
			all, err := view.Devices(t.Context(), "acme", "")
			return len(all) - 1, errors.Join(err, session.ErrNotFound)
		},
	} {
		if n, err := try(); n != 0 || !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	if found, err := s.Find(t.Context(), "globex", theirs.ID); err != nil || found != theirs {
		t.Errorf("another tenant's session is %+v, %v", found, err)
	}
	taken := newSession("globex", "kim")
	taken.ID, taken.First = ours.ID, ours.ID
	if err := s.Create(t.Context(), taken); !errors.Is(err, session.ErrExists) {
		t.Errorf("an ID of another tenant: %v", err)
	}
}
