package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
)

// server returns the address of a PostgreSQL that tests may make databases on: that of
// SALLYPORT_POSTGRES, or the one of this machine, as its superuser postgres or as the user
// who runs the tests. Where there is none a test is skipped, but in CI.
func server(t testing.TB) string {
	t.Helper()
	s := found()
	if s.err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no PostgreSQL: %v", s.err)
		}
		t.Skipf("no PostgreSQL: %v; start one, or name one in SALLYPORT_POSTGRES", s.err)
	}
	return s.dsn
}

type postgres struct {
	dsn string
	err error
}

var found = sync.OnceValue(func() postgres {
	if dsn := os.Getenv("SALLYPORT_POSTGRES"); dsn != "" {
		return postgres{dsn, ping(dsn)}
	}
	names := []string{"postgres"}
	if me, err := user.Current(); err == nil {
		names = append(names, me.Username)
	}
	var problems []error
	for _, name := range names {
		dsn := "postgres://" + url.PathEscape(name) + "@/postgres?host=/var/run/postgresql"
		err := ping(dsn)
		if err == nil {
			return postgres{dsn, nil}
		}
		problems = append(problems, err)
	}
	return postgres{"", errors.Join(problems...)}
})

func ping(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// database makes an empty database for a test, which is dropped when the test has ended,
// and returns its address.
func database(t testing.TB) string {
	t.Helper()
	admin := server(t)
	name := "sallyport_" + strings.ToLower(rand.Text())
	run := func(statement string) error {
		db, err := sql.Open("pgx", admin)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.Exec(statement)
		return err
	}
	if err := run("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING UTF8"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	at, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("SALLYPORT_POSTGRES must be a URL: %v", err)
	}
	at.Path = "/" + name
	q := at.Query()
	q.Set("synchronous_commit", "off") // nobody cuts the power in a test
	at.RawQuery = q.Encode()
	return at.String()
}

// lasting returns a DSN of a test as a host has it: what is acknowledged is on the disk.
func lasting(dsn string) string {
	return strings.NewReplacer("synchronous_commit=off", "synchronous_commit=on", "synchronous(off)", "synchronous(full)").Replace(dsn)
}

// open opens a database with a few connections.
func open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { db.Close() })
	return db
}

// file returns the address of an SQLite database that is not there yet.
func file(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "sallyport.db") + "?_pragma=busy_timeout(5000)&_pragma=synchronous(off)"
}

// migrated returns the stores in a database.
func migrated(t testing.TB, db *sql.DB, d sqlstore.Dialect) *sqlstore.DB {
	t.Helper()
	s, err := sqlstore.New(db, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// place is a kind of database that tests run on.
type place struct {
	name    string
	driver  string
	dialect sqlstore.Dialect
	dsn     func(testing.TB) string // of one that is new and empty
}

var places = []place{
	{"postgresql", "pgx", sqlstore.PostgreSQL, database},
	{"sqlite", "sqlite", sqlstore.SQLite, file},
}

// new returns the stores in a new database.
func (p place) new(t testing.TB) *sqlstore.DB {
	t.Helper()
	return migrated(t, open(t, p.driver, p.dsn(t)), p.dialect)
}

// nodes returns the stores in a new database as two processes have them.
func (p place) nodes(t testing.TB) (a, b *sqlstore.DB) {
	t.Helper()
	dsn := p.dsn(t)
	return migrated(t, open(t, p.driver, dsn), p.dialect), migrated(t, open(t, p.driver, dsn), p.dialect)
}

// each runs a test on every kind of database, on all of them at once.
func each(t *testing.T, test func(t *testing.T, p place)) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// emptied returns what makes stores for the clauses of a suite, as two processes have
// them: one database for all clauses, which is emptied for each, and its address.
func (p place) emptied(t *testing.T) (empty func(*testing.T) (a, b *sqlstore.DB), dsn string) {
	t.Helper()
	dsn = p.dsn(t)
	db := open(t, p.driver, dsn)
	one, two := migrated(t, db, p.dialect), migrated(t, open(t, p.driver, dsn), p.dialect)
	return func(t *testing.T) (a, b *sqlstore.DB) {
		t.Helper()
		for _, table := range []string{"policies", "saves", "orders", "sessions", "visits", "members", "rosters", "events", "failures", "verifications"} {
			if _, err := db.Exec("DELETE FROM sallyport_" + table); err != nil {
				t.Fatal(err)
			}
		}
		return one, two
	}, dsn
}

// lengthy skips a test that -short has no time for, and otherwise runs it beside others:
// it waits more than it works.
func lengthy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is lengthy")
	}
	t.Parallel()
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
