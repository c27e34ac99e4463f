package sessiontest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// The proofs of the methods that are about many sessions.

// crowd creates n sessions of many sorts in two tenants, some of which have ended, several
// at each instant, and returns them in no order.
func (t *trial) crowd(n int) []session.Session {
	t.Helper()
	var all []session.Session
	clients := []session.Client{session.Web, session.Mobile, session.API, session.FirstCustom}
	for i := range n {
		s := t.session()
		s.Kind = session.Kind(i % 5)
		s.Member = session.MemberID([]string{"kim", "lee", "ki", "kim2", "KIM"}[i%5])
		s.Device = []string{"", "laptop", "phone"}[i/2%3]
		s.Via = []string{"", "google:1"}[i/3%2]
		s.Stamp.Client = clients[i/5%len(clients)]
		s.Stamp.Policy.Number = uint64(4 + i%3)
		s.Stamp.Member.Number = uint64(2 + i/7%3)
		switch i % 11 {
		case 3:
			s.Stamp = session.Stamp{Client: s.Stamp.Client} // from before stamps
		case 7:
			s.Stamp.Policy.Line++
		}
		if i%13 == 0 {
			s.Tenant = stranger
		}
		s.Created = t.at(time.Duration(i*7%n/4) * time.Millisecond)
		s.Seen = s.Created
		if i%3 == 0 {
			s.Idle, s.Life = time.Minute, time.Hour
		}
		t.create(s)
		if i%6 == 5 {
			t.end(&s, t.at(30*time.Second), fmt.Sprint("reason ", i))
		}
		all = append(all, s)
	}
	return all
}

func newest(a, b session.Session) int {
	if c := b.Created.Compare(a.Created); c != 0 {
		return c
	}
	return bytes.Compare(b.First[:], a.First[:])
}

var endingAll = []proof{
	{"end-all/what-is-meant", false, []string{
		"EndAll ends every session that o means, see Order.Ends, and returns how many it ended: as End does, with the order's Reason as the reason.",
	}, func(t *trial) {
		crowd := t.crowd(120)
		one, ended, another, third := crowd[1], crowd[5], &crowd[8], &crowd[14]
		for _, s := range []*session.Session{another, third} { // which are then called otherwise than they began
			_, s.ID = session.NewToken()
			t.ok(t.store.Renew(t.ctx, tenant, s.First, s.ID, s.Seen), "Renew")
		}
		for _, o := range []session.Order{
			{Kind: session.WipeApp, Clients: session.AllClients}, // no sign-out: ends nothing
			{Kind: session.SignOut},                              // names no clients
			{Kind: session.SignOut, Clients: session.AllClients, Member: "nobody"},
			{Kind: session.SignOut, Clients: session.AllClients, Device: "none"},
			{Kind: session.SignOut, Clients: session.AllClients, Via: "google:2"},
			{Kind: session.SignOut, Clients: session.AllClients, Session: t.session().ID},
			{Kind: session.SignOut, Clients: session.AllClients, Session: one.ID, Member: "another"},
			{Kind: session.SignOut, Clients: session.AllClients, Session: ended.ID},
			{Kind: session.SignOut, Clients: session.AllClients, Session: one.First},
			{Kind: session.SignOut, Clients: session.AllClients, Session: another.First, Member: "nobody"},
			{Kind: session.SignOut, Clients: session.AllClients, Session: another.First, Member: another.Member},
			{Kind: session.SignOut, Clients: session.AllClients, Session: third.ID},
			{Kind: session.SignOut, Clients: session.ClientsOf(session.API), Member: "lee", Device: "phone"},
			{Kind: session.SignOut, Clients: session.AllClients, Member: "ki", Via: "google:1"},
			{Kind: session.SignOut, Clients: session.AllClients, Member: "kim2", Membership: session.Version{Line: 9, Number: 3}},
			{Kind: session.SignOut, Clients: session.ClientsOf(session.Web), Policy: session.Version{Line: 7, Number: 5}},
			{Kind: session.SignOut, Clients: session.AllClients, Policy: session.Version{Line: 7, Number: 6}},
			{Kind: session.SignOut, Clients: session.AllClients, Policy: session.Version{Line: 8, Number: 6}},
			{Kind: session.SignOut, Clients: session.AllClients, Device: "laptop", Why: "member-suspended"},
			{Kind: session.SignOut, Clients: session.AllClients},
		} {
			o.ID, o.Tenant, o.At = "order", tenant, t.at(0)
			at, want := t.at(40*time.Second), 0
			for i, s := range crowd {
				if s.Ended.IsZero() && o.Ends(s) {
					crowd[i].Ended, crowd[i].Why = at, o.Reason()
					want++
				}
			}
			for again := range 2 {
				if n, err := t.store.EndAll(t.ctx, o, at.Add(time.Duration(again)*time.Minute)); n != want || err != nil {
					t.Errorf("EndAll by %+v (call %d) ended %d sessions, %v; want %d", o, again+1, n, err, want)
				}
				want = 0
			}
			for _, s := range crowd {
				if found := t.find(s); !same(found, s) {
					t.Fatalf("after EndAll by %+v, Find returns\n\t%+v\nwant\n\t%+v", o, found, s)
				}
			}
		}
		for _, s := range crowd {
			if s.Tenant == tenant && s.Ended.IsZero() {
				t.Fatalf("an order of everything left %+v", s)
			}
		}
	}},
	{"end-all/late-order", false, []string{
		"EndAll ends every session that o means, see Order.Ends,",
	}, func(t *trial) {
		before := t.created(nil)
		o := session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients, Policy: session.Version{Line: 7, Number: 6}}
		after := t.created(func(s *session.Session) { s.Stamp.Policy.Number = 6 })
		for want := 1; want >= 0; want-- {
			if n, err := t.store.EndAll(t.ctx, o, t.at(time.Hour)); n != want || err != nil {
				t.Errorf("an order that comes late ended %d sessions, %v; want %d", n, err, want)
			}
		}
		t.kept(after, "after an order from before it")
		if found := t.find(before); found.Live(t.at(time.Hour)) {
			t.Errorf("the order left %+v", found)
		}
	}},
	{"end-all/more-than-a-page", false, []string{
		"It may be repeated, and resumed after an error.",
		"List returns the sessions of a tenant that q names, newest first, at most q.Max.",
	}, func(t *trial) {
		const n = session.MaxPage + 30
		for i := range n {
			t.created(func(s *session.Session) { s.Created = t.at(time.Duration(i/50) * time.Millisecond); s.Seen = s.Created })
		}
		for _, max := range []int{0, -1, session.MaxPage, session.MaxPage + 1, 1 << 30} {
			if page := t.list(tenant, session.Query{Max: max}); len(page) != session.MaxPage {
				t.Errorf("List with Max %d returns %d sessions; want %d", max, len(page), session.MaxPage)
			}
		}
		ctx, cancel := context.WithCancel(t.ctx)
		o := session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients, Member: "kim"}
		race(cancel, func() { t.store.EndAll(ctx, o, t.at(time.Minute)) })
		for i := 0; ; i++ {
			ended, err := t.store.EndAll(t.ctx, o, t.at(time.Minute))
			if err != nil || i == 2 {
				t.Fatalf("EndAll, resumed: ended %d sessions, %v (call %d)", ended, err, i+1)
			}
			if ended == 0 {
				break
			}
		}
		if left := t.list(tenant, session.Query{LiveAt: t.at(0)}); len(left) != 0 {
			t.Errorf("EndAll left %d of %d sessions live", len(left), n)
		}
		if purged, err := t.store.Purge(t.ctx, t.at(time.Hour), 2*n); purged != n || err != nil {
			t.Errorf("Purge removed %d sessions, %v; want %d", purged, err, n)
		}
	}},
}

var listing = []proof{
	{"list/what-is-asked", false, []string{
		"List returns the sessions of a tenant that q names, newest first, at most q.Max.",
		"Query chooses sessions. Zero fields choose all.",
		"only those live at the instant", "only those created then or later", "only the session that began with it",
	}, func(t *trial) {
		crowd := t.crowd(120)
		slices.SortFunc(crowd, newest)
		renewed := &crowd[slices.IndexFunc(crowd, func(s session.Session) bool {
			return s.Tenant == tenant && s.Member == "kim" && s.Ended.IsZero() && s.Life == 0
		})]
		_, renewed.ID = session.NewToken()
		t.ok(t.store.Renew(t.ctx, tenant, renewed.First, renewed.ID, renewed.Seen), "Renew")
		for _, q := range []session.Query{
			{},
			{First: crowd[7].First}, {First: crowd[7].First, Member: "none"}, {First: renewed.First}, {First: renewed.ID}, {First: t.session().ID},
			{First: renewed.First, Member: "kim", LiveAt: t.at(time.Second), Since: renewed.Created}, {First: renewed.First, Since: t.at(time.Hour)},
			{First: renewed.First, After: session.Cursor{Created: t.at(time.Hour)}}, {First: renewed.First, After: renewed.Cursor()},
			{Member: "kim"}, {Member: "ki"}, {Member: "none"},
			{Device: "phone"}, {Device: "phon"}, {Member: "lee", Device: "laptop"},
			{Clients: session.ClientsOf(session.Web)}, {Clients: session.Apps}, {Clients: session.ClientsOf(session.FirstCustom, session.API), Member: "KIM"},
			{Kinds: []session.Kind{session.Login}}, {Kinds: []session.Kind{session.APIToken, session.RefreshToken}, Clients: session.ClientsOf(session.Mobile)},
			{LiveAt: t.at(31 * time.Second)}, {LiveAt: t.at(10 * time.Second)}, {LiveAt: t.at(time.Minute + 10*time.Millisecond)}, {LiveAt: t.at(24 * time.Hour), Member: "kim2"},
			{Since: t.at(15 * time.Millisecond)}, {Since: t.at(15*time.Millisecond + time.Microsecond), Device: "phone"}, {Since: t.at(24 * time.Hour)},
			{Member: "kim", Device: "phone", Clients: session.AllClients, Kinds: []session.Kind{session.Login}, LiveAt: t.at(0), Since: t.at(0)},
		} {
			for _, of := range []session.TenantID{tenant, stranger, "nobody"} {
				var want []session.Session
				for _, s := range crowd {
					if named(s, of, q) {
						want = append(want, s)
					}
				}
				t.listed(of, q, want, fmt.Sprintf("%s, %+v", of, q))
				if len(want) > 2 {
					q.Max = len(want) - 1
					t.listed(of, q, want[:q.Max], fmt.Sprintf("%s, %+v", of, q))
					q.Max = 0
				}
			}
		}
	}},
	{"list/pages", false, []string{
		"After continues a list behind the last session of its page: only sessions that come after it, newest first.",
		"Zero: from the newest.",
		"at most; 0 or less, or above MaxPage: MaxPage",
		"MaxPage is the most that one page of a list holds.",
		"Cursor is a place in a list: newest first, and the greater First first where two were created at once.",
		"Renewing moves no session.",
	}, func(t *trial) {
		crowd := t.crowd(60)
		slices.SortFunc(crowd, newest)
		for _, q := range []session.Query{{}, {Member: "kim"}, {Device: "phone"}, {Since: t.at(5 * time.Millisecond)}, {LiveAt: t.at(31 * time.Second)}} {
			var want []session.Session
			for _, s := range crowd {
				if named(s, tenant, q) {
					want = append(want, s)
				}
			}
			for _, max := range []int{1, 2, 7, len(want), 1000} {
				q, rest := q, want
				for q.Max = max; ; {
					n := min(max, len(rest))
					t.listed(tenant, q, rest[:n], fmt.Sprintf("page of %+v", q))
					if n == 0 {
						break
					}
					q.After, rest = rest[n-1].Cursor(), rest[n:]
				}
			}
		}
		// A place stays, whatever becomes of the session that it was taken from.
		s := crowd[20]
		between := session.Cursor{Created: s.Created.Add(-time.Microsecond)}
		var rest, older []session.Session
		for _, r := range crowd[21:] {
			if r.Tenant == tenant {
				rest = append(rest, r)
			}
			if r.Tenant == tenant && r.Created.Before(s.Created) {
				older = append(older, r)
			}
		}
		o := session.Order{Kind: session.SignOut, Tenant: s.Tenant, Session: s.First, Clients: session.AllClients}
		if _, err := t.store.EndAll(t.ctx, o, s.Created); err != nil {
			t.Fatalf("EndAll: %v", err)
		}
		for i := range rest {
			if !rest[i].Live(rest[i].Created) {
				continue
			}
			_, next := session.NewToken()
			t.ok(t.store.Renew(t.ctx, tenant, rest[i].ID, next, rest[i].Created), "Renew")
			rest[i].ID = next
			for j := range older {
				if older[j].First == rest[i].First {
					older[j].ID = next
				}
			}
		}
		t.listed(tenant, session.Query{After: s.Cursor()}, rest, "behind a session that has ended, after those behind it were renewed")
		t.listed(tenant, session.Query{After: between}, older, "behind a place where no session is")
	}},
	{"list/pages-while-sessions-come", false, []string{
		"only sessions that come after it, newest first.",
	}, func(t *trial) {
		var old []session.Session
		for i := range 40 {
			old = append(old, t.created(func(s *session.Session) { s.Created = t.at(time.Duration(i/3) * time.Second); s.Seen = s.Created }))
		}
		slices.SortFunc(old, newest)
		var got []session.Session
		for q := (session.Query{Max: 7}); ; {
			page := t.list(tenant, q)
			if len(page) == 0 {
				break
			}
			if got = append(got, page...); len(got) > len(old) {
				break
			}
			q.After = page[len(page)-1].Cursor()
			t.created(func(s *session.Session) { s.Created = t.at(time.Hour); s.Seen = s.Created })
		}
		if !slices.EqualFunc(got, old, same) {
			t.Errorf("the pages have %d sessions, or others than the %d that were there", len(got), len(old))
		}
	}},
}

// named is what List does, as one would write it down first.
func named(s session.Session, of session.TenantID, q session.Query) bool {
	return s.Tenant == of &&
		(q.First.IsZero() || s.First == q.First) &&
		(q.After == session.Cursor{} || newest(s, session.Session{Created: q.After.Created, First: q.After.First}) > 0) &&
		(q.Member == "" || s.Member == q.Member) &&
		(q.Device == "" || s.Device == q.Device) &&
		(q.Clients == 0 || q.Clients.Has(s.Stamp.Client)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, s.Kind)) &&
		(q.LiveAt.IsZero() || s.Live(q.LiveAt)) &&
		!s.Created.Before(q.Since)
}

var purging = []proof{
	{"purge/the-dead", false, []string{
		"Purge removes, of every tenant, sessions that were dead before an instant,",
		"Those dead from the instant itself stay.",
	}, func(t *trial) {
		dead := t.at(time.Minute)
		var left, gone []session.Session
		for i, before := range []time.Duration{0, time.Microsecond} { // dead at the instant, or just before it
			list := [...]*[]session.Session{&left, &gone}[i]
			for _, of := range []session.TenantID{tenant, stranger} {
				ended := t.created(func(s *session.Session) { s.Tenant = of })
				t.end(&ended, dead.Add(-before), "signed out")
				*list = append(*list, ended,
					t.created(func(s *session.Session) { s.Tenant, s.Idle = of, time.Minute-before }),
					t.created(func(s *session.Session) { s.Tenant, s.Life = of, time.Minute-before }))
			}
		}
		left = append(left, t.created(nil), t.created(func(s *session.Session) { s.Idle, s.Life = time.Hour, time.Hour }))
		used := t.created(func(s *session.Session) { s.Idle = 30 * time.Second })
		used.Seen = t.at(29 * time.Second)
		t.ok(t.store.Touch(t.ctx, tenant, used.ID, used.Seen, nobody, used.Country), "Touch")
		used.Idle = 30 * time.Second
		gone = append(gone, used) // it died at 59 seconds
		for want := len(gone); want >= 0; want -= len(gone) {
			if n, err := t.store.Purge(t.ctx, dead, 1000); n != want || err != nil {
				t.Errorf("Purge removed %d sessions, %v; want %d", n, err, want)
			}
		}
		for _, s := range gone {
			t.missing(s.Tenant, s.ID, "after Purge")
			t.is(t.store.Touch(t.ctx, s.Tenant, s.ID, t.at(0), nobody, s.Country), session.ErrNotFound, "Touch after Purge")
			t.is(t.store.End(t.ctx, s.Tenant, s.ID, t.at(0), "x"), session.ErrNotFound, "End after Purge")
		}
		for _, of := range []session.TenantID{tenant, stranger} {
			var want []session.Session
			for _, s := range left {
				if t.kept(s, "after Purge"); s.Tenant == of {
					want = append(want, s)
				}
			}
			slices.SortFunc(want, newest)
			t.listed(of, session.Query{}, want, "after Purge")
			t.listed(of, session.Query{Member: "kim"}, want, "of the member, after Purge")
			t.listed(of, session.Query{Device: "laptop"}, want, "of the device, after Purge")
		}
	}},
	{"purge/at-most-n", false, []string{
		"at most n of them, and returns how many. Repeat until it is 0.",
	}, func(t *trial) {
		for i := range 25 {
			t.created(func(s *session.Session) {
				s.Life = time.Minute
				s.Tenant = session.TenantID(fmt.Sprint("tenant", i%3))
			})
		}
		live := t.created(nil)
		for _, step := range []struct{ n, want int }{{0, 0}, {-1, 0}, {10, 10}, {1, 1}, {10, 10}, {10, 4}, {10, 0}} {
			if n, err := t.store.Purge(t.ctx, t.at(time.Hour), step.n); n != step.want || err != nil {
				t.Errorf("Purge of at most %d removed %d, %v; want %d", step.n, n, err, step.want)
			}
		}
		t.kept(live, "after Purge")
	}},
}
