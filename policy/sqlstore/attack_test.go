package sqlstore_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// A standby may be behind, and a session that has ended alive there. It is no store.
func TestStandbyIsNoStore(t *testing.T) {
	lengthy(t)
	t.Parallel()
	c := nodetest.Clustered(t)
	s := migrated(t, open(t, "pgx", c.DSN()), sqlstore.PostgreSQL)
	populated(t, s, acme, "kim")
	one := live(acme, "kim", session.Stamp{Client: session.Web})
	if err := s.Sessions().Create(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	b := must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", c.Standby(t).DSN()), sqlstore.PostgreSQL))
	_, load := b.Policies().Load(t.Context(), acme)
	_, version := b.Policies().Version(t.Context(), acme)
	_, none := b.Policies().Version(t.Context(), "nobody")
	_, account := b.Members().Load(t.Context(), acme, "kim")
	_, find := b.Sessions().Find(t.Context(), acme, one.ID)
	for what, err := range map[string]error{
		"Migrate": b.Migrate(t.Context()), "Check": b.Check(t.Context()), "Load": load, "Version": version, "Version of a tenant that is not there": none,
		"Members.Load": account, "Find": find, "Create": b.Sessions().Create(t.Context(), live(acme, "kim", one.Stamp)), "Save": save(t.Context(), b, record("new", 1)),
	} {
		if err == nil || errors.Is(err, session.ErrNotFound) || !strings.Contains(err.Error(), "standby") && !strings.Contains(err.Error(), "read-only") && !strings.Contains(err.Error(), "recovery") {
			t.Errorf("%s of a standby: %v", what, err)
		}
	}
}

// Who may only read finds out at the start, and not by the first login.
func TestReadOnlyIsFoundOut(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		migrated(t, open(t, p.driver, dsn), p.dialect)
		said, only := "readonly", []string{dsn + "&mode=ro", dsn + "&_pragma=query_only(1)"}
		if p.dialect == sqlstore.PostgreSQL {
			said, only = "read-only", []string{with(t, dsn, "default_transaction_read_only", "on")}
		}
		for _, only := range only {
			s := must[*sqlstore.DB](t)(sqlstore.New(open(t, p.driver, only), p.dialect))
			for what, err := range map[string]error{"Migrate": s.Migrate(t.Context()), "Check": s.Check(t.Context())} {
				if err == nil || !strings.Contains(err.Error(), said) {
					t.Errorf("%s where nothing can be written: %v", what, err)
				}
			}
		}
	})
}

// A pool of one connection is enough for everything at once, a Watch too.
func TestPoolOfOneConnection(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		db := open(t, p.driver, dsn)
		db.SetMaxOpenConns(1)
		s := migrated(t, db, p.dialect)
		populated(t, s, acme, "kim", "lee")
		told := watching(t, s)
		dir := must[*directory.Directory](t)(directory.New(s.Members(), s.Members(), &directory.Options{Sessions: s.Sessions()}))
		n := newNode(t, s, dir, &engine.Options{Revoker: nodetest.Revoker(nil)})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					one := n.admit(t, acme, "kim")
					if err := s.Sessions().Create(t.Context(), one); err != nil {
						t.Error(err)
					}
					for range s.Sessions().Visits(t.Context(), acme, "kim", time.Time{}) {
						if _, err := s.Sessions().Find(t.Context(), acme, one.ID); err != nil { // from within the walk
							t.Error(err)
						}
						break
					}
				}
			})
		}
		if err := errors.Join(dir.Suspend(t.Context(), "boss", acme, "lee", ""), dir.Lift(t.Context(), "boss", acme, "lee", "")); err != nil {
			t.Error(err)
		}
		all.Wait()
		for i := uint64(1); told("watched").Number == 0; i++ {
			if err := save(t.Context(), s, record("watched", i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// Names that would be SQL are names.
func TestNamesAreNoSQL(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		ctx := t.Context()
		if err := save(ctx, s, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{
			`'; DROP TABLE sallyport_policies; --`, `' OR '1'='1`, `" OR ""="`, `\'; SELECT 1; --`, `$1`, `{lock}`, `{now}`, `%`, `_`, `?`, `:a`, `@x`, "a\nb", `E'\000'`, `''`,
			`","x`, `{"tenant":"acme"}`, "\u2028", "\ufeff", "😀",
		} {
			of, who := session.TenantID(name), session.MemberID(name)
			one := live(of, who, session.Stamp{Client: session.Web})
			one.Device, one.Via, one.Label, one.System = name, name, name, name
			r := record(of, 1)
			r.Save, r.By = name, who
			e := session.Event{ID: name, Tenant: of, Actor: who, Member: who, Kind: name, Why: name, At: r.At}
			o := session.Order{ID: name, Tenant: of, Kind: session.SignOut, Member: who, Device: name, Clients: session.AllClients}
			_, saved := s.Policies().Save(ctx, session.Version{}, r, e, []session.Order{o})
			_, made := act(ctx, s, directory.Create, of, who, directory.Facts{LoginID: "x"})
			if err := errors.Join(saved, made, s.Sessions().Create(ctx, one), s.Members().Note(ctx, e)); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			list := must[[]session.Session](t)(s.Sessions().List(ctx, of, session.Query{Member: who, Device: name}))
			events := must[[]session.Event](t)(s.Members().Events(ctx, of, session.EventQuery{Actor: who, Member: who, Kind: name}))
			found := must[[]directory.Account](t)(s.Members().List(ctx, of, directory.Query{Text: name}))
			waiting := must[[]session.Order](t)(s.Policies().Waiting(ctx, of, 10))
			if len(list) != 1 || list[0].Label != name || len(events) != 1 || events[0].Why != name || len(found) != 1 || found[0].ID != who || len(waiting) != 1 || waiting[0].Device != name {
				t.Errorf("%q: %d sessions, %d events, %d accounts, %d orders; want one of each, with that name", name, len(list), len(events), len(found), len(waiting))
			}
			if n, err := s.Sessions().EndAll(ctx, waiting[0], time.Now()); n != 1 || err != nil {
				t.Errorf("%q: its order ended %d sessions, %v", name, n, err)
			}
		}
		look(t, s, acme).whole(t, "beside names that would be SQL")
	})
}

// What is larger than any host keeps is kept, or refused, and shuts nobody out later.
func TestHugeRecordsAndNumbers(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		ctx := t.Context()
		r := record(acme, 1)
		r.MemberCuts = make(map[member.ID]session.Cuts)
		for i := range 1000 { // policy.MaxMemberCuts
			r.MemberCuts[member.ID(incompressible(20)+string(rune('a'+i%26)))] = session.Cuts{}.Cut(session.AllClients, 1)
		}
		if err := save(ctx, s, r); err != nil {
			t.Fatal(err)
		}
		next := r.Clone()
		next.Version.Number, next.Save = 2, "next"
		next.Cuts = next.Cuts.Cut(session.AllClients, 2)
		if err := save(ctx, s, next); err != nil {
			t.Fatalf("the save after a record of %d members' cuts: %v", len(r.MemberCuts), err)
		}
		last := record("last", session.MaxNumber)
		last.Save = "last"
		_, err := s.Policies().Save(ctx, session.Version{}, last, session.Event{ID: "e", Tenant: "last", At: last.At}, nil)
		if v, version := s.Policies().Version(ctx, "last"); err == nil != (version == nil) || err == nil && v != last.Version {
			t.Errorf("a record at the greatest number: %v, and then %v, %v", err, v, version)
		}
		for _, number := range []uint64{1 << 63, 1<<64 - 1} {
			over := record("over", number)
			if _, err := s.Policies().Save(ctx, session.Version{}, over, session.Event{ID: "e", Tenant: "over", At: over.At}, nil); err == nil {
				t.Errorf("a record at number %d was kept", number)
			}
			one := live(acme, "kim", session.Stamp{Client: session.Web, Policy: session.Version{Line: 1<<32 - 1, Number: number}})
			err := s.Sessions().Create(ctx, one)
			found, find := s.Sessions().Find(ctx, acme, one.ID)
			if err == nil && (find != nil || found.Stamp != one.Stamp) || err != nil && !errors.Is(find, session.ErrNotFound) {
				t.Errorf("a session stamped %d: %v; found %v, %v", number, err, found.Stamp, find)
			}
			o := session.Order{Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, Policy: session.Version{Line: 1<<32 - 1, Number: number}}
			if _, err := s.Sessions().EndAll(ctx, o, time.Now()); err != nil {
				t.Errorf("an order of number %d: %v", number, err)
			}
		}
		var conflict *policy.ConflictError
		if _, err := s.Policies().Save(ctx, session.Version{Line: 7, Number: 1<<64 - 1}, record(acme, 3), session.Event{}, nil); !errors.As(err, &conflict) {
			t.Errorf("a save that expects a number above all: %v", err)
		}
	})
}

// A login with its session takes three statements, one more where failed logins are
// counted, and a check whose copies are there none.
func TestStatementsOfALogin(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		sent := &counted{}
		s := migrated(t, p.hooked(t, p.dsn(t), sent), p.dialect)
		populated(t, s, acme, "kim")
		dir := must[*directory.Directory](t)(directory.New(s.Members(), s.Members(), nil))
		for _, row := range []struct {
			why  string
			m    engine.Members
			f    engine.Failures
			most int64
		}{
			{"of a member of the host's own table, which takes one more", staff{}, nil, 2},
			{"of a member of the directory", dir, nil, 3},
			{"of a member of the directory, who is counted", dir, dir, 4},
		} {
			n := newNode(t, s, row.m, &engine.Options{Failures: row.f})
			n.admit(t, acme, "kim") // the first reads the record
			was := sent.n.Load()
			one := n.admit(t, acme, "kim")
			if err := s.Sessions().Create(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			if took := sent.n.Load() - was; took > row.most {
				t.Errorf("a login %s takes %d statements; want at most %d", row.why, took, row.most)
			}
			n.check(t, one)
			was = sent.n.Load()
			for range 100 {
				if d := n.check(t, one); d.Effect != policy.Allow {
					t.Fatal(d)
				}
			}
			if took := sent.n.Load() - was; took != 0 {
				t.Errorf("100 checks %s take %d statements; want none", row.why, took)
			}
		}
	})
}
