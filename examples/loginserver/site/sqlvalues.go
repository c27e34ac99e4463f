package site

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/session"
)

// SQLValues is a Values in a database, in one table. Make one with OpenValues.
type SQLValues struct{ db *sql.DB }

// OpenValues makes the table if it is not there. lock is what comes first on PostgreSQL, where
// two processes that make a table at once get in each other's way; "" elsewhere. serial is the
// type of a number that counts up.
func OpenValues(ctx context.Context, db *sql.DB, lock, serial string) (*SQLValues, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for _, statement := range []string{
		lock,
		`CREATE TABLE IF NOT EXISTS loginserver_values (
			id ` + serial + ` PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
			body TEXT NOT NULL, until BIGINT NOT NULL, revision TEXT NOT NULL, UNIQUE (kind, name))`,
		`CREATE INDEX IF NOT EXISTS loginserver_values_owner ON loginserver_values (kind, owner, id)`,
		`CREATE INDEX IF NOT EXISTS loginserver_values_until ON loginserver_values (until)`,
	} {
		if statement == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return &SQLValues{db}, tx.Commit()
}

// never is the until of what stays.
const never int64 = 1<<63 - 1

func untilOf(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMicro()
}

func timeOf(until int64) time.Time {
	if until == never {
		return time.Time{}
	}
	return time.UnixMicro(until)
}

// Get implements Values.
func (v *SQLValues) Get(ctx context.Context, kind, name string) (Value, error) {
	found := Value{Kind: kind, Name: name}
	if !utf8.ValidString(name) || strings.Contains(name, "\x00") { // which PostgreSQL cannot hold, nor be asked for
		return found, errors.Join(session.ErrNotFound, ctx.Err())
	}
	var until int64
	err := v.db.QueryRowContext(ctx, "SELECT owner, body, until, revision FROM loginserver_values WHERE kind = $1 AND name = $2 AND until > $3",
		kind, name, time.Now().UnixMicro()).Scan(&found.Owner, &found.Body, &until, &found.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		err = session.ErrNotFound
	}
	found.Until = timeOf(until)
	return found, err
}

// Put implements Values.
func (v *SQLValues) Put(ctx context.Context, x Value) error {
	now, until, body := time.Now().UnixMicro(), untilOf(x.Until), string(x.Body)
	var done sql.Result
	var err error
	if x.Revision == "" { // one that is past its end is not there
		done, err = v.db.ExecContext(ctx, `INSERT INTO loginserver_values (kind, name, owner, body, until, revision) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (kind, name) DO UPDATE SET owner = excluded.owner, body = excluded.body, until = excluded.until, revision = excluded.revision
			WHERE loginserver_values.until <= $7`, x.Kind, x.Name, x.Owner, body, until, rand.Text(), now)
	} else {
		done, err = v.db.ExecContext(ctx, `UPDATE loginserver_values SET owner = $3, body = $4, until = $5, revision = $6
			WHERE kind = $1 AND name = $2 AND revision = $7 AND until > $8`, x.Kind, x.Name, x.Owner, body, until, rand.Text(), x.Revision, now)
	}
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		err = session.ErrConflict
	}
	return err
}

// Take implements Values.
func (v *SQLValues) Take(ctx context.Context, kind, name string) (bool, error) {
	done, err := v.db.ExecContext(ctx, "DELETE FROM loginserver_values WHERE kind = $1 AND name = $2 AND until > $3", kind, name, time.Now().UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

// List implements Values.
func (v *SQLValues) List(ctx context.Context, kind, owner string) ([]Value, error) {
	query, args := "kind = $1", []any{kind}
	if owner != "" {
		query, args = "kind = $1 AND owner = $2", []any{kind, owner}
	}
	rows, err := v.db.QueryContext(ctx, fmt.Sprintf(`SELECT name, owner, body, until, revision FROM loginserver_values
		WHERE %s AND until > %d ORDER BY id DESC LIMIT %d`, query, time.Now().UnixMicro(), MaxList), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Value
	for rows.Next() {
		x := Value{Kind: kind}
		var until int64
		if err := rows.Scan(&x.Name, &x.Owner, &x.Body, &until, &x.Revision); err != nil {
			return nil, err
		}
		x.Until = timeOf(until)
		list = append(list, x)
	}
	return list, rows.Err()
}

// Purge implements Values.
func (v *SQLValues) Purge(ctx context.Context, at time.Time, n int) (int, error) {
	done, err := v.db.ExecContext(ctx, "DELETE FROM loginserver_values WHERE id IN (SELECT id FROM loginserver_values WHERE until <= $1 ORDER BY until LIMIT $2)", at.UnixMicro(), n)
	if err != nil {
		return 0, err
	}
	gone, err := done.RowsAffected()
	return int(gone), err
}
