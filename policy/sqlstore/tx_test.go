package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// A host writes its own table and Sallyport's in one transaction.
func TestInJoinsTheHostsTransaction(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.writing(t))
		s := migrated(t, db, p.dialect)
		if _, err := db.Exec("CREATE TABLE hosts (name text)"); err != nil {
			t.Fatal(err)
		}
		if err := save(t.Context(), s, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		hosts := func() (n int) {
			if err := db.QueryRow("SELECT count(*) FROM hosts").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		begin := func() (*sql.Tx, *sqlstore.DB) {
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("INSERT INTO hosts VALUES ('x')"); err != nil {
				t.Fatal(err)
			}
			return tx, s.In(tx)
		}
		one := live(acme, "kim", session.Stamp{Client: session.Web})
		write := func(in *sqlstore.DB) {
			t.Helper()
			_, made := act(t.Context(), in, directory.Create, acme, "kim", directory.Facts{})
			if err := errors.Join(save(t.Context(), in, record(acme, 2)), made, in.Sessions().Create(t.Context(), one)); err != nil {
				t.Fatal(err)
			}
		}

		tx, in := begin()
		write(in)
		if v := must[session.Version](t)(in.Policies().Version(t.Context(), acme)); v.Number != 2 {
			t.Errorf("within the transaction the record is at %v", v)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		look(t, s, acme).whole(t, "rolled back")
		if is := look(t, s, acme); is.number != 1 || hosts() != 0 {
			t.Errorf("rolled back: the record is at number %d, and the host has %d rows", is.number, hosts())
		}
		if _, err := s.Sessions().Find(t.Context(), acme, one.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("rolled back: a session is found: %v", err)
		}

		// What fails within leaves nothing behind and the transaction usable.
		tx, in = begin()
		back := record(acme, 2)
		back.Cuts = session.Cuts{}
		stale := record(acme, 3)
		if err := save(t.Context(), in, stale); !errors.Is(err, session.ErrConflict) {
			t.Errorf("a save on another version within a transaction: %v", err)
		}
		if err := save(t.Context(), in, back); err == nil {
			t.Error("cuts moved back within a transaction")
		}
		odd := live("\xff", "kim", session.Stamp{Client: session.Web})
		if err := in.Sessions().Create(t.Context(), odd); err == nil {
			t.Error("a tenant that is not UTF-8 was taken within a transaction")
		}
		write(in)
		if err := in.Sessions().Create(t.Context(), one); !errors.Is(err, session.ErrExists) {
			t.Errorf("a session that is there was created within a transaction: %v", err)
		}
		if err := in.Sessions().Renew(t.Context(), acme, one.ID, one.ID, one.Seen); !errors.Is(err, session.ErrExists) {
			t.Errorf("a session was renewed to its own id within a transaction: %v", err)
		}
		if _, err := act(t.Context(), in, directory.Create, acme, "kim", directory.Facts{}); !errors.Is(err, session.ErrExists) {
			t.Errorf("a member was made twice within a transaction: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := in.Sessions().End(ended, acme, one.ID, one.Seen, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended, within a transaction: %v", err)
		}
		if err := in.Migrate(t.Context()); err == nil {
			t.Error("Migrate works within a transaction")
		}
		if err := in.Policies().Watch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "transaction") {
			t.Errorf("Watch within a transaction: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		look(t, s, acme).whole(t, "committed")
		if is := look(t, s, acme); is.number != 2 || hosts() != 1 {
			t.Errorf("committed: the record is at number %d, and the host has %d rows", is.number, hosts())
		}
		if found := must[session.Session](t)(s.Sessions().Find(t.Context(), acme, one.ID)); !found.Live(time.Now()) {
			t.Error("committed: the session is not live")
		}
	})
}

// What PostgreSQL could not keep is refused by both, with why, and is never there.
func TestOddNames(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		ctx := t.Context()
		longest := strings.Repeat("€", 333) + "x" // 1,000 bytes
		for _, row := range []struct {
			why, name string
			fits      bool
		}{
			{"not UTF-8", "acme\xff", false},
			{"a zero byte", "acme\x00", false},
			{"too long", longest + "x", false},
			{"as long as it may be", longest, true},
			{"long, and not to be compressed", incompressible(1000), true},
		} {
			name := row.name
			one := live(session.TenantID(name), session.MemberID(name), session.Stamp{Client: session.Web})
			one.Device, one.Via = name, name
			create := s.Sessions().Create(ctx, one)
			r := record(session.TenantID(name), 1)
			r.Save, r.By = name, session.MemberID(name)
			o := session.Order{ID: name, Kind: session.SignOut, Tenant: r.Tenant, Device: name, Member: r.By, Via: name}
			e := session.Event{ID: name, Tenant: r.Tenant, Actor: r.By, Member: r.By, Kind: name, At: r.At}
			_, save := s.Policies().Save(ctx, session.Version{}, r, e, []session.Order{o})
			for what, err := range map[string]error{"Create": create, "Save": save, "Note": s.Members().Note(ctx, e)} {
				if (err == nil) != row.fits {
					t.Errorf("%s with names that are %s: %v", what, row.why, err)
				}
			}
			_, version := s.Policies().Version(ctx, r.Tenant)
			_, find := s.Sessions().Find(ctx, one.Tenant, one.ID)
			for what, err := range map[string]error{"Version": version, "Find": find} {
				if row.fits && err != nil || !row.fits && !errors.Is(err, session.ErrNotFound) {
					t.Errorf("%s with names that are %s: %v", what, row.why, err)
				}
			}
			sessions := must[[]session.Session](t)(s.Sessions().List(ctx, one.Tenant, session.Query{Member: one.Member, Device: one.Device}))
			events := must[[]session.Event](t)(s.Policies().Events(ctx, one.Tenant, session.EventQuery{Actor: r.By, Kind: name}))
			orders := must[[]session.Order](t)(s.Policies().Waiting(ctx, r.Tenant, 10))
			if want := map[bool]int{true: 1}[row.fits]; len(sessions) != want || len(events) != want || len(orders) != want {
				t.Errorf("names that are %s: %d sessions, %d events, %d orders; want %d of each", row.why, len(sessions), len(events), len(orders), want)
			}
		}

		// Text for people never keeps anybody from ending a session, or an act from being told.
		one := live(acme, "kim", session.Stamp{Client: session.Web})
		if err := s.Sessions().Create(ctx, one); err != nil {
			t.Fatal(err)
		}
		if err := s.Sessions().End(ctx, acme, one.ID, one.Seen, "no\xff\x00why"); err != nil {
			t.Errorf("End for an odd reason: %v", err)
		}
		r := record(acme, 1)
		if _, err := s.Policies().Save(ctx, session.Version{}, r, session.Event{ID: "e", Tenant: acme, At: r.At, Why: "no\xff\x00why", Summary: []string{"\x00"}}, nil); err != nil {
			t.Errorf("Save for an odd reason: %v", err)
		}
		r = record(acme, 2)
		r.Plan = "a\x00b"
		if _, err := s.Policies().Save(ctx, before(r), r, session.Event{ID: "e", Tenant: acme, At: r.At}, nil); err == nil || !strings.Contains(err.Error(), "zero byte") {
			t.Errorf("a record with a zero byte: %v", err)
		}
		r.Plan = `a\u0000b` // which says it and has none
		if _, err := s.Policies().Save(ctx, before(r), r, session.Event{ID: "e2", Tenant: acme, At: r.At}, nil); err != nil {
			t.Errorf("a record that writes of a zero byte: %v", err)
		}
	})
}

func incompressible(n int) string {
	var b strings.Builder
	for b.Len() < n {
		token, _ := session.NewToken()
		b.WriteString(token)
	}
	return b.String()[:n]
}

// What a host takes back was never told: no session ended for it, no device wiped.
func TestInTellsNobodyBeforeTheCommit(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.writing(t))
		s := migrated(t, db, p.dialect)
		populated(t, s, acme, "kim")
		sessions := session.NewMemStore() // elsewhere, as in Redis
		one := live(acme, "kim", session.Stamp{Client: session.Web})
		one.Device = "phone"
		if err := sessions.Create(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		told := make(orders, 10)
		o := &directory.Options{Sessions: sessions, Revoker: told, Wiper: told}
		wipe := func(end func(*sql.Tx) error) {
			t.Helper()
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			in := s.In(tx).Members()
			dir := must[*directory.Directory](t)(directory.New(in, in, o))
			if err := errors.Join(dir.ResetDevice(t.Context(), "boss", acme, "kim", "phone", "it was lost"), end(tx)); err != nil {
				t.Fatal(err)
			}
		}
		lives := func() bool {
			found, err := sessions.Find(t.Context(), acme, one.ID)
			return err == nil && found.Live(time.Now())
		}
		wipe((*sql.Tx).Rollback)
		if len(told) > 0 || !lives() {
			t.Errorf("of an act that was taken back %d orders were told, and the session lives: %v", len(told), lives())
		}
		wipe((*sql.Tx).Commit)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		dir := must[*directory.Directory](t)(directory.New(s.Members(), s.Members(), o))
		go dir.Run(ctx)
		<-told
		<-told
		if lives() {
			t.Error("an act that was committed ended no session")
		}
	})
}

// What an act in a host's transaction ends is ended when the host commits, though no Run was
// told yet, and lives on if it takes the act back. Of these acts no version tells.
func TestInEndsSessionsWithTheAct(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.writing(t))
		s := migrated(t, db, p.dialect)
		populated(t, s, acme, "kim")
		if _, err := act(t.Context(), s, directory.Link, acme, "kim", directory.Facts{Actor: "kim", External: "google:1"}); err != nil {
			t.Fatal(err)
		}
		told := make(orders, 10)
		for _, row := range []struct {
			act directory.Act
			f   directory.Facts
		}{
			{directory.EndSession, directory.Facts{}},
			{directory.WipeApp, directory.Facts{Device: "phone"}},
			{directory.ResetDevice, directory.Facts{Device: "phone"}},
			{directory.Unlink, directory.Facts{External: "google:1"}},
			{directory.Suspend, directory.Facts{}},
		} {
			one := live(acme, "kim", session.Stamp{Client: session.Mobile})
			one.Device, one.Via = "phone", "google:1"
			other := live(acme, "boss", session.Stamp{Client: session.Mobile})
			if err := errors.Join(s.Sessions().Create(t.Context(), one), s.Sessions().Create(t.Context(), other)); err != nil {
				t.Fatal(err)
			}
			row.f.Actor = "boss"
			if row.act == directory.EndSession {
				row.f.Session = one.ID
			}
			for _, end := range []struct {
				why  string
				do   func(*sql.Tx) error
				ends bool
			}{{"taken back", (*sql.Tx).Rollback, false}, {"committed", (*sql.Tx).Commit, true}} {
				waited := len(must[[]session.Order](t)(s.Members().Waiting(t.Context(), acme, 100)))
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				in := s.In(tx)
				dir := must[*directory.Directory](t)(directory.New(in.Members(), in.Members(),
					&directory.Options{Sessions: in.Sessions(), Revoker: told, Wiper: told, Prompt: 1})) // which is over at once
				if err := errors.Join(dir.Do(t.Context(), row.act, acme, "kim", row.f), end.do(tx)); err != nil {
					t.Fatalf("%v, %s: %v", row.act, end.why, err)
				}
				found := must[session.Session](t)(s.Sessions().Find(t.Context(), acme, one.ID))
				if found.Live(time.Now()) == end.ends {
					t.Errorf("%v was %s, and the session has ended: %v", row.act, end.why, !end.ends)
				}
				if !must[session.Session](t)(s.Sessions().Find(t.Context(), acme, other.ID)).Live(time.Now()) {
					t.Errorf("%v was %s, and a session of another has ended", row.act, end.why)
				}
				if left := len(must[[]session.Order](t)(s.Members().Waiting(t.Context(), acme, 100))); (left > waited) != end.ends || len(told) > 0 {
					t.Errorf("%v was %s: %d orders wait after %d, and %d were told", row.act, end.why, left, waited, len(told))
				}
			}
		}
	})
}

// orders is a host that is told of orders.
type orders chan session.Order

func (o orders) Revoke(_ context.Context, order session.Order) error { o <- order; return nil }
func (o orders) Wipe(_ context.Context, order session.Order) error   { o <- order; return nil }

// Every statement fails once within a host's transaction, which the host then commits:
// all of the save is there or nothing.
func TestInLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		f := &failing{err: errors.New("disk full")}
		db := p.hooked(t, p.writing(t), f)
		s := migrated(t, db, p.dialect)
		number, fails := uint64(0), 0
		for at := int64(1); ; at++ {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			f.n.Store(0)
			f.at.Store(at)
			failed := save(t.Context(), s.In(tx), record(acme, number+1))
			reached := f.n.Load() >= at
			f.at.Store(0)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			is := look(t, s, acme)
			is.whole(t, "committed by the host")
			if (failed == nil) != (is.number == number+1) {
				t.Errorf("statement %d failed, the save returned %v, and the record is at %d after %d", at, failed, is.number, number)
			}
			if number = is.number; failed != nil {
				fails++
			}
			if !reached {
				break
			}
		}
		if fails < 5 {
			t.Errorf("%d saves failed; want one for each statement", fails)
		}
	})
}

// SQLite ends a transaction by itself where a statement of it is interrupted, as by a
// deadline, or the disk fails; the trigger does the same. What the host goes on to do must
// not be written as if it had begun none.
func TestInEndsWithTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite", file(t)+"&_txlock=immediate")
	s := migrated(t, db, sqlstore.SQLite)
	one := live(acme, "kim", session.Stamp{Client: session.Web})
	if err := s.Sessions().Create(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE hosts (name text);
		CREATE TRIGGER fails BEFORE UPDATE ON sallyport_sessions BEGIN SELECT RAISE(ROLLBACK, 'the disk fails'); END`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, before := tx.Exec("INSERT INTO hosts VALUES ('before')")
	ended := s.In(tx).Sessions().End(t.Context(), acme, one.ID, time.Now(), "signed out")
	if before != nil || ended == nil || !strings.Contains(ended.Error(), "the disk fails") {
		t.Fatalf("%v; End: %v", before, ended)
	}
	_, after := tx.Exec("INSERT INTO hosts VALUES ('after')")
	saved, commit := save(t.Context(), s.In(tx), record(acme, 1)), tx.Commit()
	for what, err := range map[string]error{"a statement of the host": after, "a save": saved, "the commit": commit} {
		if !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("%s, in a transaction that is lost: %v; want %v", what, err, sql.ErrTxDone)
		}
	}
	var rows int
	if err := db.QueryRow("SELECT count(*) FROM hosts").Scan(&rows); rows != 0 || err != nil {
		t.Errorf("of a transaction that is lost %d rows are written, %v", rows, err)
	}
	if v, err := s.Policies().Version(t.Context(), acme); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("of a transaction that is lost a save is written: %v, %v", v, err)
	}
}

// A statement of the host's own ends the transaction, and the host goes on. What it then asks
// of the stores is refused: else it would be written before any commit.
func TestInRefusesATransactionThatTheHostLost(t *testing.T) {
	t.Parallel()
	for _, how := range []struct{ why, table string }{
		{"a conflict that rolls back", "CREATE TABLE hosts (name text UNIQUE ON CONFLICT ROLLBACK)"},
		{"a trigger that rolls back", `CREATE TABLE hosts (name text);
			CREATE TRIGGER fails BEFORE INSERT ON hosts WHEN EXISTS (SELECT 1 FROM hosts) BEGIN SELECT RAISE(ROLLBACK, 'no'); END`},
	} {
		db := open(t, "sqlite", file(t)+"&_txlock=immediate")
		s := migrated(t, db, sqlstore.SQLite)
		if _, err := db.Exec(how.table); err != nil {
			t.Fatal(err)
		}
		one := live(acme, "kim", session.Stamp{Client: session.Web})
		for what, call := range map[string]func(in *sqlstore.DB) error{
			"a save":                func(in *sqlstore.DB) error { return save(t.Context(), in, record(acme, 1)) },
			"one statement":         func(in *sqlstore.DB) error { return in.Sessions().Create(t.Context(), one) },
			"a read, and then more": func(in *sqlstore.DB) error { _, err := in.Policies().Version(t.Context(), acme); return err },
		} {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, first := tx.Exec("INSERT INTO hosts VALUES ('x')")
			_, second := tx.Exec("INSERT INTO hosts VALUES ('x')")
			if first != nil || second == nil {
				t.Fatalf("%s: %v, %v", how.why, first, second)
			}
			called := call(s.In(tx))
			_, after := tx.Exec("INSERT INTO hosts VALUES ('after')")
			for of, err := range map[string]error{what: called, "a statement of the host after " + what: after, "the commit after " + what: tx.Commit()} {
				if !errors.Is(err, sql.ErrTxDone) {
					t.Errorf("%s: %s: %v; want %v", how.why, of, err, sql.ErrTxDone)
				}
			}
			var rows int
			if err := db.QueryRow("SELECT (SELECT count(*) FROM hosts) + (SELECT count(*) FROM sallyport_policies) + (SELECT count(*) FROM sallyport_sessions)").Scan(&rows); rows != 0 || err != nil {
				t.Errorf("%s: after %s %d rows are written, %v", how.why, what, rows, err)
			}
		}
	}
}

// canceller ends a context when the commit is sent.
type canceller struct{ cancel context.CancelFunc }

func (c *canceller) before(statement string) error {
	if statement == "COMMIT" && c.cancel != nil {
		c.cancel()
	}
	return nil
}
func (c *canceller) after(string) {}

// A commit that is under way when the context ends is waited for, so that its outcome is known.
func TestCommitIsWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		c := &canceller{}
		s := migrated(t, p.hooked(t, p.dsn(t), c), p.dialect)
		for n := uint64(1); n <= 20; n++ {
			ctx, cancel := context.WithCancel(t.Context())
			c.cancel = cancel
			if err := save(ctx, s, record(acme, n)); err != nil {
				t.Errorf("save %d, whose context ended with the commit: %v", n, err)
			}
			if is := look(t, s, acme); is.number != n {
				t.Fatalf("the record is at %d; want %d", is.number, n)
			}
		}
	})
}

// A host saves in a transaction that began long ago, and commits it when orders that were
// stored later are done. None is passed over, and none was due before it was stored.
func TestOrdersOfASlowTransaction(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx", database(t)) // on SQLite one writes at a time
	s := migrated(t, db, sqlstore.PostgreSQL)
	slow, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback()
	if err := save(t.Context(), s.In(slow), record("slow", 1)); err != nil {
		t.Fatal(err)
	}
	var after bool // the beginning of the transaction, which is what now() says
	if err := slow.QueryRow("SELECT bool_and(due > now()) FROM sallyport_orders").Scan(&after); err != nil || !after {
		t.Errorf("an order is due after its transaction began: %v, %v", after, err)
	}
	if err := save(t.Context(), s, record("quick", 1)); err != nil {
		t.Fatal(err)
	}
	take := func(of session.TenantID) {
		t.Helper()
		list := must[[]session.Order](t)(s.Policies().Take(t.Context(), 10, time.Hour))
		if len(list) != 1 || list[0].Tenant != of {
			t.Fatalf("taken: %+v; want the one of %s", list, of)
		}
		if err := s.Policies().Done(t.Context(), list[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	take("quick")
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	take("slow")
}

// EndAll takes more sessions than it locks at a time, and passes over none.
func TestEndAllInStrides(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		s := migrated(t, db, p.dialect)
		sessions := 10_500 // two strides and a half
		if testing.Short() {
			sessions = 5_500
		}
		fill(t, db, p.dialect, 1, sessions)
		if _, err := db.Exec("UPDATE sallyport_sessions SET ended = NULL"); err != nil {
			t.Fatal(err)
		}
		o := session.Order{Kind: session.SignOut, Tenant: "tenant-0", Clients: session.AllClients}
		for _, want := range []int{sessions, 0} {
			if n, err := s.Sessions().EndAll(t.Context(), o, time.Now()); n != want || err != nil {
				t.Errorf("EndAll ended %d sessions, %v; want %d", n, err, want)
			}
		}
		if left := must[[]session.Session](t)(s.Sessions().List(t.Context(), "tenant-0", session.Query{LiveAt: time.Now()})); len(left) != 0 {
			t.Errorf("%d sessions are left live", len(left))
		}
	})
}

// Instants that are asked for are finer than those that are kept.
func TestEventsBetweenMicroseconds(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		at := time.Now().Truncate(time.Microsecond)
		if err := s.Members().Note(t.Context(), session.Event{ID: "e", Tenant: acme, At: at, Kind: "k"}); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			q    session.EventQuery
			want int
		}{
			{session.EventQuery{From: at}, 1}, {session.EventQuery{From: at.Add(1)}, 0}, {session.EventQuery{From: at.Add(-1)}, 1},
			{session.EventQuery{To: at}, 0}, {session.EventQuery{To: at.Add(1)}, 1},
		} {
			if got := must[[]session.Event](t)(s.Members().Events(t.Context(), acme, row.q)); len(got) != row.want {
				t.Errorf("%+v finds %d events; want %d", row.q, len(got), row.want)
			}
		}
	})
}
