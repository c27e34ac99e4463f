package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// usersTable is what a host adds to its users: the version of each row, and its cuts.
const usersTable = `CREATE TABLE users (
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	status TEXT NOT NULL,              -- a name of member.Status
	line   BIGINT NOT NULL,            -- of session.NewLine, drawn with the row
	number BIGINT NOT NULL,
	cuts   TEXT NOT NULL DEFAULT '[]', -- or JSONB
	PRIMARY KEY (tenant, id)
)`

// users is an engine.Members over that table. It reads from a database or a transaction.
type users struct {
	from interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
}

func (u users) Member(ctx context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	m := &member.Member{Tenant: t, ID: id}
	var status string
	var cuts []byte
	err := u.from.QueryRowContext(ctx, "SELECT status, line, number, cuts FROM users WHERE tenant = $1 AND id = $2", string(t), string(id)).
		Scan(&status, &m.Version.Line, &m.Version.Number, &cuts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, session.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return m, errors.Join(m.Status.UnmarshalText([]byte(status)), json.Unmarshal(cuts, &m.Cuts))
}

// setStatus changes a member: the next version, and a cut at it if sessions end, are written
// with the rest.
func setStatus(ctx context.Context, db *sql.DB, t session.TenantID, id member.ID, s member.Status, ends session.Clients) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	m, err := users{tx}.Member(ctx, t, id)
	if err != nil {
		return err
	}
	was := m.Version
	if m.Version, err = was.Next(); err != nil {
		return err
	}
	cuts, err := json.Marshal(m.Cuts.Cut(ends, m.Version.Number))
	if err != nil {
		return err
	}
	r, err := tx.ExecContext(ctx, "UPDATE users SET status = $1, number = $2, cuts = $3 WHERE tenant = $4 AND id = $5 AND line = $6 AND number = $7",
		s.String(), int64(m.Version.Number), string(cuts), string(t), string(id), int64(was.Line), int64(was.Number))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, session.ErrConflict) // somebody else was first: try again
	}
	// On PostgreSQL: stores.In(tx).TellMember(ctx, t, id, m.Version), for the other machines.
	return tx.Commit()
}

// A host has a table of users of its own.
func Example_users() {
	ctx := context.Background()
	db, stores, remove, err := opened(ctx)
	defer remove()
	if err == nil {
		_, err = db.ExecContext(ctx, usersTable)
	}
	if err == nil {
		v := session.NewLine()
		_, err = db.ExecContext(ctx, "INSERT INTO users (tenant, id, status, line, number) VALUES ('acme', 'kim', 'active', $1, $2)", int64(v.Line), int64(v.Number))
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	eng, err := engine.New(policy.Standard(), stores.Policies(), users{db}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"}); err != nil {
		fmt.Println(err)
		return
	}
	login := engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8"), Authenticated: true}
	d, stamp, err := eng.Admit(ctx, login)
	fmt.Println("login:  ", d, err)

	if err := setStatus(ctx, db, "acme", "kim", member.Suspended, session.AllClients); err != nil {
		fmt.Println(err)
		return
	}
	eng.MemberChanged("acme", "kim")
	d, err = eng.Check(ctx, engine.Request{Tenant: "acme", Member: "kim", Stamp: stamp, Addr: login.Addr})
	fmt.Println("request:", d, err)
	d, _, err = eng.Admit(ctx, login)
	fmt.Println("login:  ", d, err)
	// Output:
	// login:   allow [all-addresses] <nil>
	// request: deny [session-cut] <nil>
	// login:   deny [member-suspended] <nil>
}
