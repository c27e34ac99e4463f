package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

const (
	patience = 10 * time.Second // with conflicts in the database, where the caller sets no deadline
	grace    = time.Second      // for the answer to a commit after the caller's time is over
	tries    = 3                // of what a broken connection has left undone
	silence  = "5s"             // between two statements of a transaction, before PostgreSQL gives it up
)

// read runs f, which reads. It is run again where the database asks for that or the
// connection has broken.
func (d *DB) read(ctx context.Context, f func(q querier) error) error {
	if d == nil || d.pool == nil {
		return errZero
	}
	if d.host != nil {
		err := d.begun(ctx)
		if err == nil {
			err = f(d.host)
		}
		return d.told(ctx, err)
	}
	return d.again(ctx, func() error { return f(d.pool) }, func(err error) bool { return broken(err) })
}

// write runs f, which is one statement that writes.
func (d *DB) write(ctx context.Context, f func(q querier) error) error {
	if d == nil || d.pool == nil {
		return errZero
	}
	if d.host != nil {
		return d.savepoint(ctx, f)
	}
	return d.again(ctx, func() error {
		if err := d.enter(ctx); err != nil {
			return err
		}
		defer d.leave()
		return f(d.pool)
	}, unsent) // of anything else that breaks it is not known whether it was done
}

// atomic runs f in a transaction, of which all is written or nothing. It is run again
// where nothing was written for no fault of f.
func (d *DB) atomic(ctx context.Context, f func(q querier) error) error {
	if d == nil || d.pool == nil {
		return errZero
	}
	if d.host != nil {
		return d.savepoint(ctx, f)
	}
	var commit bool // it was tried, so that the outcome of an error is not known
	return d.again(ctx, func() error {
		commit = false
		if err := d.enter(ctx); err != nil {
			return err
		}
		defer d.leave()
		conn, err := d.pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		// A process that is stopped in the middle, as with its machine, would hold the row
		// that it has locked, and so whoever saves next, until it goes on.
		begin := "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = '" + silence + "'"
		if d.dialect == SQLite {
			begin = "BEGIN IMMEDIATE"
		}
		if _, err := conn.ExecContext(ctx, begin); err != nil {
			drop(conn, err)
			return err
		}
		if err := f(conn); err != nil {
			rollBack(conn)
			return err
		}
		// A commit that is under way is waited for beyond the caller's time: if it were
		// cut off, whoever looks next might not see yet what is about to be written.
		commit = true
		if err := finish(ctx, conn); err != nil {
			rollBack(conn)
			return err
		}
		return nil
	}, func(err error) bool { return broken(err) && !commit })
}

// finish commits, and gives the answer some time after ctx has ended.
func finish(ctx context.Context, conn *sql.Conn) error {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	_, err := conn.ExecContext(detached, "COMMIT")
	return err
}

// rollBack ends a transaction, or the connection if that fails.
func rollBack(conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_, err := conn.ExecContext(ctx, "ROLLBACK")
	drop(conn, err)
}

// drop takes a connection out of the pool after an error, which may have left it in a
// transaction.
func drop(conn *sql.Conn, err error) {
	if err != nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// savepoint runs f within the host's transaction. If it fails, it has written nothing.
func (d *DB) savepoint(ctx context.Context, f func(q querier) error) error {
	if err := d.begun(ctx); err != nil {
		return d.told(ctx, err)
	}
	if _, err := d.host.ExecContext(ctx, "SAVEPOINT sallyport"); err != nil {
		return d.told(ctx, err)
	}
	err := f(d.host)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err == nil {
		_, err = d.host.ExecContext(late, "RELEASE SAVEPOINT sallyport")
	}
	if err != nil {
		if _, gone := d.host.ExecContext(late, "ROLLBACK TO SAVEPOINT sallyport"); gone != nil {
			// The transaction is lost. SQLite, which ends it where it is interrupted, would
			// write what the host does next at once, so the host must find that it has ended.
			d.host.Rollback()
		}
	}
	return d.told(ctx, err)
}

// begun returns sql.ErrTxDone if SQLite has ended the host's transaction by itself, as it does
// for ON CONFLICT ROLLBACK, RAISE(ROLLBACK) and a statement that is interrupted, and the host
// has passed over that error. A SAVEPOINT would begin a transaction there, and its RELEASE
// commit it. A *sql.Tx does not tell, but a BEGIN that succeeds does.
func (d *DB) begun(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil // a transaction that failed takes nothing but its end
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := d.host.ExecContext(context.WithoutCancel(ctx), "BEGIN") // it waits for nothing, and is never cut off
	switch {
	case err == nil:
		d.host.Rollback()
		return sql.ErrTxDone
	case strings.Contains(err.Error(), "within a transaction"):
		return nil
	}
	return err
}

// enter waits for the turn to write, on SQLite, where one can at a time: its own way of
// waiting knows no contexts.
func (d *DB) enter(ctx context.Context) error {
	if d.writing == nil {
		return ctx.Err()
	}
	select {
	case d.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *DB) leave() {
	if d.writing != nil {
		<-d.writing
	}
}

// again calls f until it succeeds, fails for good, or time is over. What the database
// asks to be done again is done again within the deadline of ctx; what else may be, a few
// times.
func (d *DB) again(ctx context.Context, f func() error, may func(error) bool) error {
	began := time.Now()
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f()
		switch _, limited := ctx.Deadline(); {
		case err == nil, ctx.Err() != nil:
			return d.told(ctx, err)
		case d.busy(err):
			if !limited && time.Since(began) > patience {
				return d.told(ctx, err)
			}
		case !may(err) || try >= tries:
			return d.told(ctx, err)
		}
		most := time.Millisecond << min(try, 7)
		timer := time.NewTimer(time.Duration(rand.Int64N(int64(most))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return d.told(ctx, err)
		}
	}
}

// told returns an error as the caller is to see it: what the contracts name as it is, the
// end of ctx as that, and everything else as this package's.
func (d *DB) told(ctx context.Context, err error) error {
	var own *ownError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	case ctx.Err() != nil:
		return fmt.Errorf("sqlstore: %w (%v)", ctx.Err(), err)
	}
	return fmt.Errorf("sqlstore: %w", err)
}

// ownError is an answer, in contrast to what came in the way of one.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

// answer marks an error as an answer of the store, which is returned as it is and never
// tried again.
func answer(err error) error {
	if err == nil {
		return nil
	}
	return &ownError{err}
}

var (
	errNotFound = answer(session.ErrNotFound)
	errConflict = answer(session.ErrConflict)
	errExists   = answer(session.ErrExists)
	errEnded    = answer(session.ErrEnded)
)
