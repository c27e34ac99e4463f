package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// ErrNewer says that the database was made or altered by a later release of this package.
var ErrNewer = errors.New("the tables are of a later release; upgrade this program")

// Migrate makes the tables, or brings those of an earlier release up to this one, in one
// transaction. Where they are up to date it does nothing, so call it at each start, in
// every process. Tables of a later release are refused with ErrNewer: programs of this
// release might undo what they do not know.
//
// On PostgreSQL the tables come into the first schema of the search_path, where the user
// must be allowed to make them, as the owner of the database is. On SQLite the file is
// switched to WAL. Hosts that migrate with goose or golang-migrate apply Dialect.Schema with
// it and call Check.
func (d *DB) Migrate(ctx context.Context) error {
	if d == nil || d.pool == nil {
		return errZero
	}
	if d.host != nil {
		return errors.New("sqlstore: Migrate makes a transaction of its own")
	}
	steps, err := d.steps()
	if err != nil {
		return err
	}
	if d.dialect == SQLite {
		err := d.again(ctx, func() error {
			var mode string
			return d.pool.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
		}, broken)
		if err != nil {
			return err
		}
	}
	if _, err := d.version(ctx, d.pool); d.dialect == PostgreSQL && err != nil {
		return d.told(ctx, err) // a standby, of which no transaction can be had that writes
	}
	return d.atomic(ctx, func(q querier) error {
		if d.dialect == PostgreSQL {
			if _, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('sallyport_schema'))"); err != nil {
				return err
			}
		}
		is, err := d.version(ctx, q)
		if err != nil {
			return err
		}
		if is > len(steps) {
			return d.newer(is, len(steps))
		}
		if is > 0 && d.dialect == SQLite { // where BEGIN IMMEDIATE succeeds on a file that can only be read
			if _, err := d.exec(ctx, q, "UPDATE sallyport_schema SET version = version WHERE FALSE"); err != nil {
				return err
			}
		}
		placed := true // or the first step cannot make the first table
		if is == 0 && d.dialect == PostgreSQL {
			if _, err := d.row(ctx, q, "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE)", nil, &placed); err != nil {
				return err
			}
		}
		for _, step := range steps[is:] {
			if _, err := q.ExecContext(ctx, step); err != nil {
				if !placed {
					err = fmt.Errorf("%w; the tables come into the first schema of the search_path: make it, and GRANT CREATE on it to this user, or let the user own the database", err)
				}
				return fmt.Errorf("migrating: %w", err)
			}
		}
		return nil
	})
}

// Check returns why the database does not have the tables of this release, or nil.
func (d *DB) Check(ctx context.Context) error {
	if d == nil || d.pool == nil {
		return errZero
	}
	steps, err := d.steps()
	if err != nil {
		return err
	}
	if err := d.read(ctx, func(q querier) error { return d.writable(ctx) }); err != nil {
		return err
	}
	return d.read(ctx, func(q querier) error {
		is, err := d.version(ctx, q)
		switch {
		case err != nil:
			return err
		case is > len(steps):
			return d.newer(is, len(steps))
		case is < len(steps):
			return answer(fmt.Errorf("sqlstore: the tables are at version %d and this program needs %d; call Migrate", is, len(steps)))
		}
		return nil
	})
}

// writable returns why a SQLite file can only be read. It writes nothing to find that out,
// which would wait for whoever writes. A driver that wraps that of SQLite may not say.
func (d *DB) writable(ctx context.Context) error {
	if d.dialect != SQLite || d.host != nil {
		return nil
	}
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var query, file bool
	if _, err := d.row(ctx, conn, "PRAGMA query_only", nil, &query); err != nil { // which opens the file
		return err
	}
	err = conn.Raw(func(c any) (err error) {
		if c, ok := c.(interface{ IsReadOnly(string) (bool, error) }); ok {
			file, err = c.IsReadOnly("main")
		}
		return err
	})
	if err == nil && (query || file) {
		return answer(errors.New("sqlstore: the database is readonly: let this process write to the file and its directory, and open it without mode=ro, immutable and query_only"))
	}
	return err
}

func (d *DB) newer(is, known int) error {
	return answer(fmt.Errorf("sqlstore: version %d, and this program knows %d: %w", is, known, ErrNewer))
}

// version returns the version of the tables, 0 if there are none. It refuses a database
// that cannot hold them.
func (d *DB) version(ctx context.Context, q querier) (int, error) {
	exists := "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'sallyport_schema')"
	if d.dialect == PostgreSQL {
		// And not to_regclass, which may remember that there was none a moment ago.
		exists = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'sallyport_schema' AND relkind = 'r' AND pg_table_is_visible(oid))"
		var encoding, readOnly string
		var standby bool
		if _, err := d.row(ctx, q, "SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_setting('default_transaction_read_only')",
			nil, &encoding, &standby, &readOnly); err != nil {
			return 0, err
		}
		switch {
		case standby:
			return 0, answer(errors.New("sqlstore: the server is a standby, which may be behind; connect to the primary, as with target_session_attrs=primary"))
		case readOnly == "on":
			return 0, answer(errors.New("sqlstore: transactions are read-only by default here; connect with default_transaction_read_only=off"))
		case encoding != "UTF8":
			return 0, answer(fmt.Errorf("sqlstore: the encoding of the database is %s; create it with encoding UTF8", quote(encoding)))
		}
	}
	var there bool
	if _, err := d.row(ctx, q, exists, nil, &there); err != nil || !there {
		return 0, err
	}
	var version sql.NullInt64
	_, err := d.row(ctx, q, "SELECT max(version) FROM sallyport_schema", nil, &version)
	return int(version.Int64), err
}

// steps returns the files of the schema: the one at i leads from version i to i+1.
func (d *DB) steps() ([]string, error) {
	files, err := fs.Glob(d.dialect.Schema(), "*.up.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(files))
	for i, name := range files { // in the order of their names
		number, _, _ := strings.Cut(name, "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("sqlstore: the schema has %s where number %d should be", name, i+1)
		}
		text, err := fs.ReadFile(d.dialect.Schema(), name)
		if err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, nil
}
