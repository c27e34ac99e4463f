package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
)

func TestMain(m *testing.M) { nodetest.Main(m) }

func database(t testing.TB) string { return nodetest.Database(t) }

// lasting returns a DSN of a test as a host has it: what is acknowledged is on the disk.
func lasting(dsn string) string {
	return strings.NewReplacer("synchronous_commit=off", "synchronous_commit=on", "synchronous(off)", "synchronous(full)").Replace(dsn)
}

func open(t testing.TB, driver, dsn string) *sql.DB { return nodetest.Open(t, driver, dsn) }

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

// writing returns a new database whose transactions begin as ones that write, as DB.In wants
// them of SQLite.
func (p place) writing(t testing.TB) string {
	t.Helper()
	if p.dialect == sqlstore.SQLite {
		return p.dsn(t) + "&_txlock=immediate"
	}
	return p.dsn(t)
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

// each runs a test on every kind of database, beside others.
func each(t *testing.T, test func(t *testing.T, p place)) {
	t.Parallel()
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
		for _, table := range []string{"policies", "saves", "orders", "sessions", "visits", "members", "externals", "rosters", "events", "failures", "verifications"} {
			if _, err := db.Exec("DELETE FROM sallyport_" + table); err != nil {
				t.Fatal(err)
			}
		}
		return one, two
	}, dsn
}

// lengthy skips a test that -short has no time for.
func lengthy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is lengthy")
	}
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
