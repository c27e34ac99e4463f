package sqlstore_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-migrate/migrate/v4"
	migratedb "github.com/golang-migrate/migrate/v4/database"
	pgxmigrate "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	sqlitemigrate "github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

func TestMigrate(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		s, err := sqlstore.New(open(t, p.driver, dsn), p.dialect)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "call Migrate") {
			t.Errorf("Check of an empty database: %v", err)
		}
		var all sync.WaitGroup
		for range 8 { // as many processes start at once
			all.Go(func() {
				s, err := sqlstore.New(open(t, p.driver, dsn), p.dialect)
				if err == nil {
					s.Check(t.Context()) // it finds none, and must not remember that
					err = s.Migrate(t.Context())
				}
				if err != nil {
					t.Errorf("Migrate beside others: %v", err)
				}
			})
		}
		all.Wait()
		if err := save(t.Context(), s, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate again: %v", err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		look(t, s, acme).whole(t, "after Migrate was called again")

		if _, err := open(t, p.driver, dsn).Exec("INSERT INTO sallyport_schema (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"Migrate": s.Migrate(t.Context()), "Check": s.Check(t.Context())} {
			if !errors.Is(err, sqlstore.ErrNewer) {
				t.Errorf("%s of tables of a later release: %v", name, err)
			}
		}
	})
}

// Who cannot make the tables is told where they come and what it takes, and only where it
// is that which is missing.
func TestMigrateSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why, before, name, value string
		advised                  bool
	}{
		{"a user that may make nothing in the schema", "", "role", "pg_read_all_data", true},
		{"a schema that is not there", "", "search_path", "nowhere", true},
		{"a user that may make tables and no functions", "GRANT CREATE ON SCHEMA public TO pg_read_all_data; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
			"role", "pg_read_all_data", false},
	} {
		dsn := database(t)
		if _, err := open(t, "pgx", dsn).Exec(test.before); err != nil {
			t.Fatal(err)
		}
		db := open(t, "pgx", with(t, dsn, test.name, test.value))
		err := must[*sqlstore.DB](t)(sqlstore.New(db, sqlstore.PostgreSQL)).Migrate(t.Context())
		if err == nil || strings.Contains(err.Error(), "GRANT CREATE") != test.advised {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}

// Check finds out whether a file can be written without writing: it waits for nobody.
func TestCheckBesideAWriter(t *testing.T) {
	t.Parallel()
	dsn := file(t) + "&_txlock=immediate"
	db := open(t, "sqlite", dsn)
	migrated(t, db, sqlstore.SQLite)
	tx, err := db.Begin() // which writes until the test has ended
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	quick := strings.Replace(dsn, "busy_timeout(5000)", "busy_timeout(1)", 1)
	if err := must[*sqlstore.DB](t)(sqlstore.New(open(t, "sqlite", quick), sqlstore.SQLite)).Check(t.Context()); err != nil {
		t.Errorf("Check beside a writer: %v", err)
	}
}

// goose makes the tables by the files, beside what it has made of the host's own, and Check
// takes them.
func TestSchemaIsAppliedByGoose(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		names := map[sqlstore.Dialect]goose.Dialect{sqlstore.PostgreSQL: goose.DialectPostgres, sqlstore.SQLite: goose.DialectSQLite3}
		own := fstest.MapFS{"0001_users.sql": {Data: []byte("-- +goose Up\nCREATE TABLE users (id text);")}}
		if _, err := must[*goose.Provider](t)(goose.NewProvider(names[p.dialect], db, own)).Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		g := must[*goose.Provider](t)(goose.NewProvider(names[p.dialect], db, p.dialect.Schema(), goose.WithTableName("sallyport_goose")))
		for _, want := range []int{1, 0} {
			if done, err := g.Up(t.Context()); err != nil || len(done) != want {
				t.Fatalf("goose applied %d files, %v; want %d", len(done), err, want)
			}
		}
		s := must[*sqlstore.DB](t)(sqlstore.New(db, p.dialect))
		if err := errors.Join(s.Check(t.Context()), s.Migrate(t.Context()), save(t.Context(), s, record(acme, 1))); err != nil {
			t.Error(err)
		}
		look(t, s, acme).whole(t, "on tables that goose has made")
	})
}

// golang-migrate does it too.
func TestSchemaIsAppliedByGolangMigrate(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		db := open(t, p.driver, p.dsn(t))
		var d migratedb.Driver
		var err error
		if p.dialect == sqlstore.PostgreSQL {
			d, err = pgxmigrate.WithInstance(db, &pgxmigrate.Config{MigrationsTable: "sallyport_migrate"})
		} else {
			d, err = sqlitemigrate.WithInstance(db, &sqlitemigrate.Config{MigrationsTable: "sallyport_migrate"})
		}
		if err != nil {
			t.Fatal(err)
		}
		m := must[*migrate.Migrate](t)(migrate.NewWithInstance("iofs", must[source.Driver](t)(iofs.New(p.dialect.Schema(), ".")), p.name, d))
		if err := m.Up(); err != nil {
			t.Fatal(err)
		}
		s := must[*sqlstore.DB](t)(sqlstore.New(db, p.dialect))
		if err := errors.Join(s.Check(t.Context()), save(t.Context(), s, record(acme, 1))); err != nil {
			t.Error(err)
		}
		look(t, s, acme).whole(t, "on tables that golang-migrate has made")
	})
}

// goose and golang-migrate number files by what stands before the first "_"; golang-migrate
// wants ".up.sql", goose its comments, and whole statements marked where they have a ";".
func TestSchemaIsReadByOtherTools(t *testing.T) {
	for _, d := range []sqlstore.Dialect{sqlstore.PostgreSQL, sqlstore.SQLite} {
		files := d.Schema()
		if err := fstest.TestFS(files, "0001_sallyport.up.sql"); err != nil {
			t.Error(err)
		}
		names, _ := fs.Glob(files, "*")
		for _, name := range names {
			text, _ := fs.ReadFile(files, name)
			if !strings.HasSuffix(name, ".up.sql") || !strings.HasPrefix(string(text), "-- +goose Up\n") || strings.Contains(string(text), "+goose Down") {
				t.Errorf("%v: %s is not for both", d, name)
			}
			if b, e := strings.Count(string(text), "+goose StatementBegin"), strings.Count(string(text), "+goose StatementEnd"); b == 0 || b != e {
				t.Errorf("%v: %s begins %d statements and ends %d", d, name, b, e)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	db := open(t, "sqlite", file(t))
	for _, row := range []struct {
		why string
		err error
	}{
		{"no database", errorOf(sqlstore.New(nil, sqlstore.SQLite))},
		{"no dialect", errorOf(sqlstore.New(db, 0))},
		{"no such dialect", errorOf(sqlstore.New(db, 77))},
	} {
		if row.err == nil {
			t.Errorf("New takes %s", row.why)
		}
	}
}

func errorOf(_ *sqlstore.DB, err error) error { return err }

// The zero values answer with an error, and do not panic.
func TestZeroValues(t *testing.T) {
	ctx := t.Context()
	var d sqlstore.DB
	var p sqlstore.Policies
	var s sqlstore.Sessions
	var m sqlstore.Members
	var v sqlstore.Verifications
	r := record(acme, 1)
	_, load := p.Load(ctx, acme)
	_, version := d.Policies().Version(ctx, acme)
	_, saved := p.Save(ctx, session.Version{}, r, session.Event{}, []session.Order{{ID: "x"}})
	_, odd := p.Save(ctx, session.Version{}, record("\xff", 1), session.Event{}, nil)
	_, take := p.Take(ctx, 1, time.Minute)
	_, events := p.Events(ctx, acme, session.EventQuery{})
	_, forget := p.Forget(ctx, acme, time.Now(), 1)
	_, find := s.Find(ctx, acme, session.ID{})
	_, purge := s.Purge(ctx, time.Now(), 1)
	_, endAll := s.EndAll(ctx, session.Order{Kind: session.SignOut}, time.Now())
	_, account := m.Load(ctx, acme, "kim")
	_, failures := m.Failures(ctx, acme, "kim")
	_, verification := v.Load(ctx, acme, "kim")
	for name, err := range map[string]error{
		"Load": load, "Version": version, "Save": saved, "Save of an odd tenant": odd, "Take": take, "Events": events, "Forget": forget, "Find": find, "Purge": purge,
		"EndAll": endAll, "Members.Load": account, "Failures": failures, "Verifications.Load": verification,
		"Create": s.Create(ctx, live(acme, "kim", session.Stamp{Client: session.Web})), "Touch": s.Touch(ctx, acme, session.ID{}, time.Now(), addr, korea),
		"Renew": s.Renew(ctx, acme, session.ID{}, session.ID{1}, time.Now()), "End": s.End(ctx, acme, session.ID{}, time.Now(), ""),
		"Watch": p.Watch(ctx, func(session.TenantID, session.Version) {}), "Migrate": d.Migrate(ctx), "Check": d.Check(ctx), "Done": m.Done(ctx, "x"),
	} {
		if err == nil {
			t.Errorf("%s of a zero store succeeds", name)
		}
	}
}
