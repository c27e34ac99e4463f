package sqlstore_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
)

// However the driver talks with PostgreSQL, and whatever a database of the host is set to,
// the stores answer as those on SQLite do.
func TestAnswersAreTheSameAnywhere(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Second).Add(123456 * time.Microsecond)
	want := answers(t, places[1], open(t, "sqlite", file(t)), at)
	for _, row := range []struct {
		name, why string
		created   string            // how the database is created
		set       map[string]string // by the driver, or for the connection
	}{
		{"as-it-is", "what the others are compared with is SQLite's", utf8, nil},
		{"cache_describe", "the arguments have the types that the server says", utf8, map[string]string{mode: "cache_describe"}},
		{"describe_exec", "the server is asked for the types each time", utf8, map[string]string{mode: "describe_exec"}},
		{"exec", "the types are those of Go and all is text; the mode for poolers", utf8, map[string]string{mode: "exec"}},
		{"simple_protocol", "the arguments are written into the statement", utf8, map[string]string{mode: "simple_protocol"}},
		{"zone", "instants come as text of another zone", utf8, map[string]string{mode: "exec", "TimeZone": "Asia/Tokyo"}},
		{"serializable", "statements on their own are serialised", utf8, map[string]string{"default_transaction_isolation": "serializable"}},
		{"repeatable", "statements on their own may fail for what others did", utf8, map[string]string{"default_transaction_isolation": "repeatable read"}},
		{"icu", "z comes before å, and A beside a, where nothing says otherwise", utf8 + " LOCALE_PROVIDER icu ICU_LOCALE 'sv'", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dsn := nodetest.DatabaseOf(t, row.created)
			for name, value := range row.set {
				dsn = with(t, dsn, name, value)
			}
			is := answers(t, places[0], open(t, "pgx", dsn), at)
			same(t, row.why, want, is)
		})
	}
}

const (
	mode = "default_query_exec_mode" // of pgx
	utf8 = "ENCODING UTF8"
)

// A program whose role owns a schema and nothing else has its tables there.
func TestRoleWithASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	admin := open(t, "pgx", dsn)
	role := must[string](t)(owner(t, admin))
	dsn = with(t, with(t, dsn, "role", role), "search_path", role)
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	is := answers(t, places[0], open(t, "pgx", dsn), at)
	same(t, "a role of few rights", answers(t, places[1], open(t, "sqlite", file(t)), at), is)
	var elsewhere int
	if err := admin.QueryRow("SELECT count(*) FROM pg_class WHERE relname LIKE 'sallyport%' AND relnamespace::regnamespace::text <> $1", role).Scan(&elsewhere); err != nil || elsewhere != 0 {
		t.Errorf("%d tables and indexes are in other schemas, %v", elsewhere, err)
	}
}

// A database of another encoding is refused before it has tables.
func TestOtherEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		db := open(t, "pgx", nodetest.DatabaseOf(t, "ENCODING "+encoding+" LOCALE 'C'"))
		s := must[*sqlstore.DB](t)(sqlstore.New(db, sqlstore.PostgreSQL))
		for what, err := range map[string]error{"Migrate": s.Migrate(t.Context()), "Check": s.Check(t.Context())} {
			if err == nil || !strings.Contains(err.Error(), encoding) || !strings.Contains(err.Error(), "with encoding UTF8") {
				t.Errorf("%s of a database in %s: %v", what, encoding, err)
			}
		}
	}
}

// owner makes a role and a schema of that name, which it owns.
func owner(t testing.TB, admin *sql.DB) (string, error) {
	var role string
	if err := admin.QueryRow("SELECT current_database()").Scan(&role); err != nil {
		return "", err
	}
	for _, statement := range []string{"CREATE ROLE " + role, "CREATE SCHEMA " + role + " AUTHORIZATION " + role, "REVOKE ALL ON SCHEMA public FROM PUBLIC"} {
		if _, err := admin.Exec(statement); err != nil {
			return "", err
		}
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role); err != nil {
			t.Error(err)
		}
	})
	return role, nil
}

// same reports the first answers that differ from those of SQLite.
func same(t testing.TB, why string, want, is []string) {
	t.Helper()
	if len(is) != len(want) {
		t.Errorf("%s: %d answers, and SQLite gives %d", why, len(is), len(want))
	}
	wrong := 0
	for i := range min(len(is), len(want)) {
		if is[i] != want[i] && wrong < 10 {
			t.Errorf("%s, answer %d:\n%s\nand SQLite's:\n%s", why, i, is[i], want[i])
			wrong++
		}
	}
}
