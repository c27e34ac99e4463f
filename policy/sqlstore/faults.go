package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errAgain says that somebody else wrote between two statements, so that they do not fit
// together.
var errAgain = errors.New("somebody else has written meanwhile; try again")

// busy reports whether what failed is to be done again: nothing of it was written.
func (d *DB) busy(err error) bool {
	if errors.Is(err, errAgain) {
		return true
	}
	if d.dialect == SQLite {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
	}
	switch state(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// taken reports whether a row was there already that must be there once.
func (d *DB) taken(err error) bool {
	if d.dialect == SQLite {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	}
	return state(err) == "23505" // unique_violation
}

// state returns the SQLSTATE of an error of PostgreSQL, or "".
func state(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// unsent reports whether a statement has failed before any of it was sent.
func unsent(err error) bool { return errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err) }

// broken reports whether the connection was lost, or was cut off by the server.
func broken(err error) bool {
	if s := state(err); s != "" {
		// connection exceptions; admin_shutdown, crash_shutdown, cannot_connect_now (it
		// starts), idle_in_transaction_session_timeout
		return strings.HasPrefix(s, "08") || s == "57P01" || s == "57P02" || s == "57P03" || s == "25P03"
	}
	var network net.Error
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) &&
		(errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
			errors.Is(err, net.ErrClosed) || errors.As(err, &network) || pgconn.SafeToRetry(err))
}
