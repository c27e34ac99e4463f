package nodetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"os/user"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// Server returns the address of a PostgreSQL that tests may make databases on: that of
// SALLYPORT_POSTGRES, or the one of this machine, as its superuser postgres or as the user
// who runs the tests. Where there is none a test is skipped, but in CI.
func Server(t testing.TB) string {
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
		return postgres{dsn, Ping(dsn)}
	}
	names := []string{"postgres"}
	if me, err := user.Current(); err == nil {
		names = append(names, me.Username)
	}
	var problems []error
	for _, name := range names {
		dsn := "postgres://" + url.PathEscape(name) + "@/postgres?host=/var/run/postgresql"
		err := Ping(dsn)
		if err == nil {
			return postgres{dsn, nil}
		}
		problems = append(problems, err)
	}
	return postgres{"", errors.Join(problems...)}
})

// Ping returns why a database does not answer.
func Ping(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// Database makes an empty database for a test, which is dropped when the test has ended,
// and returns its address.
func Database(t testing.TB) string {
	t.Helper()
	return DatabaseOf(t, "ENCODING UTF8")
}

// DatabaseOf makes one as CREATE DATABASE is to make it.
func DatabaseOf(t testing.TB, as string) string {
	t.Helper()
	admin := Server(t)
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
	if err := run("CREATE DATABASE " + name + " TEMPLATE template0 " + as); err != nil {
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
	return With(t, at.String(), "synchronous_commit", "off") // nobody cuts the power in a test
}

// With returns the address of a database with a setting of the server or of the driver.
func With(t testing.TB, dsn, name, value string) string {
	t.Helper()
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	q.Set(name, value)
	at.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // a + is no space to pgx
	return at.String()
}

// Open opens a database with a few connections.
func Open(t testing.TB, driver, dsn string) *sql.DB {
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
