package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
)

// hook is told of every statement, before it and after it. An error before it is what the
// statement returns; it is then not sent.
type hook interface {
	before(statement string) error
	after(statement string)
}

// hooked opens a database whose statements go through a hook.
func (p place) hooked(t testing.TB, dsn string, h hook) *sql.DB {
	t.Helper()
	var inner driver.Driver = stdlib.GetDefaultDriver()
	if p.dialect == sqlstore.SQLite {
		inner = &sqlite.Driver{}
	}
	db := sql.OpenDB(&hookedConnector{inner, dsn, h})
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { db.Close() })
	return db
}

type hookedConnector struct {
	inner driver.Driver
	dsn   string
	hook  hook
}

func (c *hookedConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.inner.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &hookedConn{conn, c.hook}, nil
}

func (c *hookedConnector) Driver() driver.Driver { return c.inner }

// hookedConn is a connection of a driver with all that the two drivers can do.
type hookedConn struct {
	driver.Conn
	hook hook
}

func (c *hookedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.hook.before(query); err != nil {
		return nil, err
	}
	defer c.hook.after(query)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *hookedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.hook.before(query); err != nil {
		return nil, err
	}
	defer c.hook.after(query)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *hookedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *hookedConn) CheckNamedValue(v *driver.NamedValue) error {
	if k, ok := c.Conn.(driver.NamedValueChecker); ok {
		return k.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *hookedConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}
