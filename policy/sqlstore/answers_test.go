package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// script keeps what calls return.
type script struct {
	testing.TB
	lines []string
}

// of keeps what a call returned, without what no two calls have in common.
func (s *script) of(what string, err error, is ...any) {
	s.Helper()
	said := "no error"
	for _, known := range []error{session.ErrNotFound, session.ErrConflict, session.ErrExists, session.ErrEnded, err} {
		if err != nil && errors.Is(err, known) {
			said = known.Error()
			break
		}
	}
	s.lines = append(s.lines, fmt.Sprintf("%s: %+v, %s", what, is, said))
}

// answers calls everything that asks the database, with names, bytes, instants and NULLs of
// which a driver or a collation could make something else, and returns what it is answered.
func answers(t testing.TB, p place, pool *sql.DB, at time.Time) []string {
	t.Helper()
	s, db := &script{TB: t}, migrated(t, pool, p.dialect)
	s.policies(t.Context(), db, at)
	s.sessions(t.Context(), db, at)
	s.members(t.Context(), db, at)
	s.verifications(t.Context(), db, at)
	s.told(db, pool)
	return s.lines
}

const odd session.TenantID = `Ø'rsted \ "10%_" $1 {"a":1} 日本 '`

// ids stand in the order of their bytes, and in no language's.
var ids = []member.ID{"'", "Ab", "Z", "\\x41", "_", "a", "aB", "ab", "z", "ä", "å", "é"}

func (s *script) policies(ctx context.Context, db *sqlstore.DB, at time.Time) {
	p := db.Policies()
	for n := uint64(1); n <= 3; n++ {
		r := record(odd, n)
		r.At, r.MemberCuts = at.Add(time.Duration(n)*time.Minute), map[member.ID]session.Cuts{member.ID(odd): session.Cuts{}.Cut(session.Apps, 1)}
		if n == 2 {
			r.Save = "" // NULL
		}
		e := session.Event{ID: fmt.Sprint("e", n), Tenant: odd, At: r.At, Actor: member.ID(odd), Kind: "saved", Member: ids[n], Summary: []string{string(odd)}}
		o := session.Order{ID: fmt.Sprint(odd, n), Kind: session.SignOut, Tenant: odd, Clients: session.Apps, Policy: r.Version, Actor: e.Actor, At: r.At, Why: `\'`}
		if n == 3 {
			o.Due = at.Add(1000 * time.Hour)
		}
		for _, what := range []string{"save", "save again"} {
			v, err := p.Save(ctx, before(r), r, e, []session.Order{o})
			s.of(what, err, v)
		}
	}
	r, err := p.Load(ctx, odd)
	s.of("load", err, r)
	_, err = p.Load(ctx, acme)
	s.of("load another", err)
	v, err := p.Version(ctx, odd)
	s.of("version", err, v)
	for _, before := range []session.Version{{}, {Line: 7, Number: 3}} {
		past, err := p.History(ctx, odd, before, 10)
		s.of("history", err, past)
	}
	past, err := p.Earlier(ctx, odd, session.Version{Line: 7, Number: 2})
	s.of("earlier", err, past)
	for _, q := range []session.EventQuery{{}, {Actor: member.ID(odd), Skip: 1}, {Member: ids[2]}, {Kind: "saved", From: at.Add(time.Minute), To: at.Add(2*time.Minute + 1)}} {
		events, err := p.Events(ctx, odd, q)
		s.of("events", err, events)
	}
	for range 2 {
		taken, err := p.Take(ctx, 10, time.Hour)
		s.orders("take", err, taken)
	}
	s.of("failed", p.Failed(ctx, fmt.Sprint(odd, 1), -time.Second, false, string(odd)))
	taken, err := p.Take(ctx, 1, time.Hour)
	s.orders("take", err, taken)
	s.of("parked", p.Failed(ctx, fmt.Sprint(odd, 1), time.Hour, true, ""))
	s.of("done", p.Done(ctx, fmt.Sprint(odd, 2)))
	waiting, err := p.Waiting(ctx, odd, 10)
	s.orders("waiting", err, waiting)
	n, err := p.Forget(ctx, odd, at.Add(2*time.Minute+1), 10)
	s.of("forget", err, n)
	past2, err := p.History(ctx, odd, session.Version{}, 10)
	s.of("history", err, past2)
}

func (s *script) orders(what string, err error, list []session.Order) {
	for i := range list {
		list[i].Due = time.Time{}
	}
	s.of(what, err, list)
}

func (s *script) sessions(ctx context.Context, db *sqlstore.DB, at time.Time) {
	ss := db.Sessions()
	id := func(n int) session.ID { return session.ID{0: byte(n), 1: '\\', 2: 'x', 3: '\'', 4: 0, 5: 0xff, 31: 7} }
	stamp := session.Stamp{Policy: session.Version{Line: 1<<32 - 1, Number: 1 << 60}, Member: session.Version{Line: 7, Number: 1}, Client: session.Web, Verified: true, Country: korea}
	for n := range 8 {
		one := session.Session{ID: id(n), Tenant: odd, Member: ids[n%3], Stamp: stamp, Created: at.Add(time.Duration(n/2) * time.Microsecond), Seen: at.Add(time.Second)}
		if n%2 == 1 {
			one.Stamp.Client, one.Addr, one.Country, one.Device, one.System = session.Mobile, netip.MustParseAddr("2001:db8::1"), korea, string(odd), string(odd)
			one.Via, one.Label, one.Idle, one.Life = string(odd), string(odd), time.Minute+1, 24*time.Hour
			one.Stamp.Verified = false
		}
		s.of("create", ss.Create(ctx, one))
	}
	s.of("create again", ss.Create(ctx, session.Session{ID: id(1), Tenant: odd, Member: ids[0], Stamp: stamp, Created: at, Seen: at}))
	s.of("touch", ss.Touch(ctx, odd, id(1), at.Add(5*time.Second), addr, korea))
	s.of("touch", ss.Touch(ctx, odd, id(2), at.Add(5*time.Second), netip.Addr{}, korea))
	s.of("touch late", ss.Touch(ctx, odd, id(2), at.Add(2*time.Second), addr, korea))
	s.of("touch too late", ss.Touch(ctx, odd, id(3), at.Add(time.Hour), addr, korea))
	s.of("renew", ss.Renew(ctx, odd, id(4), id(9), at.Add(6*time.Second)))
	s.of("renew", ss.Renew(ctx, odd, id(5), id(9), at.Add(6*time.Second)))
	s.of("end", ss.End(ctx, odd, id(6), at.Add(7*time.Second), string(odd)))
	s.of("end none", ss.End(ctx, odd, session.ID{1}, at, ""))
	for n := range 10 {
		found, err := ss.Find(ctx, odd, id(n))
		s.of("find", err, found)
	}
	all := session.Query{}
	for _, q := range []session.Query{all, {First: id(4)}, {Member: ids[1]}, {Device: string(odd)}, {Clients: session.Apps, Kinds: []session.Kind{session.Login}}, {LiveAt: at.Add(time.Hour)}, {Since: at.Add(1500)}} {
		list, err := ss.List(ctx, odd, q)
		s.of("list", err, list)
	}
	for q := (session.Query{Max: 3}); ; {
		page, err := ss.List(ctx, odd, q)
		s.of("page", err, page)
		if len(page) < q.Max {
			break
		}
		last := page[len(page)-1]
		q.After = session.Cursor{Created: last.Created, First: last.First}
	}
	for _, o := range []session.Order{
		{Session: id(4)}, {Device: string(odd), Member: ids[1]}, {Via: string(odd), Clients: session.Apps}, {Policy: session.Version{Line: 1<<32 - 1, Number: session.MaxNumber}},
	} {
		o.Kind, o.Tenant, o.Why = session.SignOut, odd, string(odd)
		if o.Clients == 0 {
			o.Clients = session.AllClients
		}
		n, err := ss.EndAll(ctx, o, at.Add(8*time.Second))
		s.of("end all", err, n)
	}
	list, err := ss.List(ctx, odd, all)
	s.of("list", err, list)
	s.of("visit", ss.AddVisit(ctx, session.Visit{Session: session.ID{200}, Tenant: odd, Member: ids[3], Client: session.IMAP, Addr: addr, At: at.Add(time.Minute + 999)}))
	for _, who := range []session.MemberID{"", ids[0]} {
		for v, err := range ss.Visits(ctx, odd, who, at.Add(time.Microsecond)) {
			s.of("visit", err, v)
		}
	}
	n, err := ss.Purge(ctx, at.Add(8*time.Second), 100)
	s.of("purge", err, n)
	n, err = ss.Purge(ctx, at.Add(24*time.Hour), 100)
	s.of("purge", err, n)
}

func (s *script) members(ctx context.Context, db *sqlstore.DB, at time.Time) {
	m := db.Members()
	for _, x := range []struct {
		act   directory.Act
		of    []member.ID
		facts directory.Facts
	}{
		{directory.Create, ids[:2], directory.Facts{LoginID: string(odd)}}, // which the second finds taken
		{directory.Create, ids[1:], directory.Facts{Profile: directory.Profile{Name: string(odd)}}},
		{directory.SetPassword, ids, directory.Facts{}},
		{directory.GiveRole, ids[:1], directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}},
		{directory.GiveRole, ids[4:9], directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}},
		{directory.Link, ids[5:7], directory.Facts{External: string(odd)}},
		{directory.BlockApps, ids[7:], directory.Facts{}},
		{directory.Suspend, ids[9:11], directory.Facts{}},
		{directory.Delete, ids[11:], directory.Facts{}},
	} {
		for _, id := range x.of {
			a, err := act(ctx, db, x.act, odd, id, x.facts)
			s.of(fmt.Sprint(x.act, " ", id), err, a.Status, a.Version.Number, a.LoginID, len(a.Roles))
		}
	}
	for _, q := range []directory.Query{
		{Max: 5}, {Text: `10%_`}, {Text: "AB"}, {Status: member.Suspended, Max: 1}, {Role: directory.SuperAdmin, Max: 2}, {LoginID: string(odd)}, {External: string(odd)},
		{AppsBlocked: true, Max: 2}, {DeletedBefore: at.Add(1000 * time.Hour)}, {DeletedBefore: at},
	} {
		for {
			page, err := m.List(ctx, odd, q)
			var found []member.ID
			for _, a := range page {
				found = append(found, a.ID)
			}
			s.of(fmt.Sprintf("members %+v", q), err, found)
			if q.Max == 0 || len(page) < q.Max {
				break
			}
			q.After = page[len(page)-1].ID
		}
	}
	r, err := m.Roster(ctx, odd)
	s.of("roster", err, r.Version, len(r.Members))
	for i, g := range []directory.Guess{{Limit: 2}, {Limit: 2}, {Limit: 2, Right: true}, {Limit: 2, Right: true, Opens: time.Minute}} {
		g.At = at.Add(time.Duration(i*i) * time.Minute)
		f, err := m.Count(ctx, odd, ids[3], g)
		s.of("count", err, f)
		a, f, err := m.Read(ctx, odd, ids[3])
		s.of("read", err, a.ID, f)
		locked, err := m.Locked(ctx, odd, "", 10)
		s.of("locked", err, locked)
	}
	s.of("clear", m.Clear(ctx, odd, ids[3]))
	s.of("note", m.Note(ctx, session.Event{ID: "n", Tenant: odd, At: at, Kind: "refused", Actor: ids[2], Why: string(odd)}))
	events, err := m.Events(ctx, odd, session.EventQuery{Kind: "refused", To: at.Add(1)})
	s.of("events", err, events)
	n, err := m.Forget(ctx, odd, at.Add(1), 10)
	s.of("forget", err, n)
}

func (s *script) verifications(ctx context.Context, db *sqlstore.DB, at time.Time) {
	v := db.Verifications()
	r := verify.Record{Tenant: odd, Member: ids[3], Revision: string(odd), Until: at.Add(time.Minute + 999), Codes: []time.Time{at}}
	s.of("verification", v.Save(ctx, "", r))
	s.of("verification, again", v.Save(ctx, "", r))
	was := r.Revision
	r.Revision = "2"
	s.of("verification, the next", v.Save(ctx, was, r))
	s.of("verification, from one that was", v.Save(ctx, was, r))
	is, err := v.Load(ctx, odd, ids[3])
	s.of("verification", err, is)
	for _, until := range []time.Time{at.Add(time.Minute - 1), at.Add(time.Minute + time.Microsecond)} {
		n, err := v.Purge(ctx, until, 10)
		s.of("verifications purged", err, n)
	}
}

// told has a Watch hear of a save that the host's transaction makes.
func (s *script) told(db *sqlstore.DB, pool *sql.DB) {
	told := watching(s, db)
	for n := uint64(1); told("told") == (session.Version{}); n++ { // it may not listen yet at the first
		tx, err := pool.Begin()
		if err != nil {
			s.Fatal(err)
		}
		if err := errors.Join(save(s.Context(), db.In(tx), record("told", n)), tx.Commit()); err != nil {
			s.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := db.TellMember(s.Context(), odd, ids[3], session.Version{Line: 7, Number: 1 << 60}); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.Error(err)
	}
}
