package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// A service of one machine keeps everything in one file.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sallyport")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	stores, err := sqlstore.New(db, sqlstore.SQLite)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := stores.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	eng, err := engine.New(policy.Standard(), stores.Policies(), staff{}, nil) // staff is the host's user table
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"}); err != nil {
		fmt.Println(err)
		return
	}

	d, stamp, err := eng.Admit(ctx, engine.Login{
		Tenant: "acme", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8"), Authenticated: true,
	})
	if err != nil || d.Effect != policy.Allow {
		fmt.Println(d, err)
		return
	}
	_, id := session.NewToken()
	now := time.Now()
	err = stores.Sessions().Create(ctx, session.Session{ID: id, Tenant: "acme", Member: "kim", Stamp: stamp, Created: now, Seen: now})
	fmt.Println(d.Effect, err)

	found, err := stores.Sessions().Find(ctx, "acme", id)
	fmt.Println(found.Member, found.Stamp.Client, err)
	// Output:
	// allow <nil>
	// kim web <nil>
}

// A host writes its own table and a session in one transaction.
func ExampleDB_In() {
	ctx := context.Background()
	db, stores, remove, err := opened(ctx)
	defer remove()
	if err != nil {
		fmt.Println(err)
		return
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Rollback()
	// … the host's own statements on tx …
	_, id := session.NewToken()
	now := time.Now()
	err = stores.In(tx).Sessions().Create(ctx, session.Session{
		ID: id, Tenant: "acme", Member: "kim", Stamp: session.Stamp{Client: session.Web}, Created: now, Seen: now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tx.Commit())
	// Output:
	// <nil>
}

// opened is the beginning of the other examples: a database in a file, with the tables.
// Whatever it returns, remove is to be called.
func opened(ctx context.Context) (db *sql.DB, stores *sqlstore.DB, remove func(), err error) {
	dir, err := os.MkdirTemp("", "sallyport")
	if err != nil {
		return nil, nil, func() {}, err
	}
	remove = func() { os.RemoveAll(dir) }
	db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, nil, remove, err
	}
	remove = func() { db.Close(); os.RemoveAll(dir) }
	if stores, err = sqlstore.New(db, sqlstore.SQLite); err == nil {
		err = stores.Migrate(ctx)
	}
	return db, stores, remove, err
}
