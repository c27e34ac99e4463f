package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// DB is the stores of Sallyport in one database of the host. It is safe for concurrent
// use by any number of goroutines and processes. The host opens and closes the *sql.DB.
//
// Make one with New. The zero DB answers everything with an error.
type DB struct {
	pool    *sql.DB
	dialect Dialect
	words   *strings.Replacer
	writing chan struct{} // SQLite: whoever is in it writes; nil otherwise
	host    *sql.Tx       // of the host, which all of it joins; nil: each call is its own
}

// New returns the stores in a database, whose tables Migrate makes.
func New(db *sql.DB, d Dialect) (*DB, error) {
	if db == nil || d != PostgreSQL && d != SQLite {
		return nil, fmt.Errorf("sqlstore: New needs a database and its dialect, PostgreSQL or SQLite, not %v", d)
	}
	s := &DB{pool: db, dialect: d, words: d.words()}
	if d == SQLite {
		s.writing = make(chan struct{}, 1)
	}
	return s, nil
}

// In returns the stores as they are within a transaction of the host, of the same
// database: what is written there is there if the host commits, with what the host wrote.
//
// A call that fails leaves nothing behind and the transaction as it was, but one that the
// database has given up (a failed serialisation, a deadlock, a broken connection; on SQLite
// a statement that was cut off or that rolls back, the host's own too: what follows answers
// sql.ErrTxDone), which only the host can try again, as a whole. Changes are told when the
// host commits: a Directory on these stores ends the Sessions of the same In with the act,
// and leaves whatever else it orders to the Run of another. On PostgreSQL begin it with
// sql.LevelReadCommitted, or be ready to try again. A record that was saved is locked until
// the end, so that other saves of that tenant wait: be short. On SQLite the transaction must
// have begun as one that writes (_txlock=immediate), or a write may be refused as busy. Watch
// and Migrate do not work in a transaction.
//
// An act of an engine joins it too: make an engine for it over In(tx).Policies(), which
// costs nothing, and do not Run that. Roll back after an error that is no refusal: where its
// context ends, the engine returns before the store does, and to commit then could commit a
// part of a save. After the commit call Settings of the engine that decides, so that this
// process has seen it; if that fails, the save is written all the same. The others are told,
// but not those behind Told of package redisstore: they see it within MaxStale.
func (d *DB) In(tx *sql.Tx) *DB {
	in := *d
	in.host = tx
	return &in
}

// Policies returns the store of policies: give it to engine.New.
func (d *DB) Policies() *Policies { return &Policies{outbox{d, "policies"}, d} }

// Members returns the store of accounts, and the counter of failed logins: give it to
// directory.New, as both.
func (d *DB) Members() *Members { return &Members{outbox{d, "members"}, d} }

// Sessions returns the store of sessions and visits.
func (d *DB) Sessions() *Sessions { return &Sessions{d} }

// Verifications returns the store of identity verifications: give it to verify.New.
func (d *DB) Verifications() *Verifications { return &Verifications{d} }

var errZero = errors.New("sqlstore: there is no database; make the stores with New")

// querier is a connection, a transaction or a pool of connections.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// sql returns a query in the words of the dialect.
func (d *DB) sql(query string) string {
	if !strings.Contains(query, "{") {
		return query
	}
	return d.words.Replace(query)
}

// exec runs a statement and returns how many rows it changed.
func (d *DB) exec(ctx context.Context, q querier, query string, args ...any) (int, error) {
	r, err := q.ExecContext(ctx, d.sql(query), args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// rows calls each for every row of a query, with what reads the columns of that row.
func (d *DB) rows(ctx context.Context, q querier, each func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, d.sql(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row reads the columns of the first row and reports whether there is one.
func (d *DB) row(ctx context.Context, q querier, query string, args []any, columns ...any) (found bool, err error) {
	err = d.rows(ctx, q, func(scan func(...any) error) error {
		found = true
		return scan(columns...)
	}, query, args...)
	return found && err == nil, err
}
