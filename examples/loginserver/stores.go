package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL
	_ "modernc.org/sqlite"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
)

// openStores opens what -db names: sqlite:FILE or postgres://…; "" is memory. Any number of
// servers may share a database.
func openStores(ctx context.Context, name string) (*site.Stores, io.Closer, error) {
	driver, dialect := "pgx", sqlstore.PostgreSQL
	lock, serial := "SELECT pg_advisory_xact_lock(hashtext('loginserver_values'))", "BIGSERIAL"
	dsn := name
	file, isFile := strings.CutPrefix(name, "sqlite:")
	switch {
	case name == "":
		return site.InMemory(), io.NopCloser(nil), nil
	case isFile && file != "":
		if err := fileFits(file); err != nil {
			return nil, nil, err
		}
		driver, dialect, lock, serial = "sqlite", sqlstore.SQLite, "", "INTEGER"
		// Whoever writes waits for the others, and is told nothing that the disk may lose.
		dsn = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(),
			RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(full)"}).String()
	case strings.HasPrefix(name, "postgres://"), strings.HasPrefix(name, "postgresql://"):
	default:
		return nil, nil, fmt.Errorf("-db: write sqlite:FILE or postgres://user:password@host/database")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("-db: %w", err)
	}
	stores, err := sqlstore.New(db, dialect)
	if err == nil {
		err = stores.Migrate(ctx)
	}
	var values *site.SQLValues
	if err == nil {
		values, err = site.OpenValues(ctx, db, lock, serial)
	}
	if err != nil {
		db.Close()
		if isFile {
			return nil, nil, fmt.Errorf("-db: file %q: %w", file, err)
		}
		return nil, nil, fmt.Errorf("-db: %w", err)
	}
	return &site.Stores{Policies: stores.Policies(), Members: stores.Members(), Sessions: stores.Sessions(),
		Verifications: stores.Verifications(), Values: values}, db, nil
}

// fileFits says what SQLite does not: why no database can be in a file.
func fileFits(file string) error {
	if file == ":memory:" { // of which each connection has one of its own
		return errors.New("-db: a demo in memory is without -db; name a file, as in sqlite:sallyport.db")
	}
	if i, err := os.Stat(file); err == nil && i.IsDir() {
		return fmt.Errorf("-db: %q is a directory; name a file in it, as in sqlite:%s", file, filepath.Join(file, "sallyport.db"))
	}
	switch i, err := os.Stat(filepath.Dir(file)); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("-db: %w", err)
	case err != nil || !i.IsDir():
		return fmt.Errorf("-db: file %q: there is no directory %q; make it first", file, filepath.Dir(file))
	}
	return nil
}
