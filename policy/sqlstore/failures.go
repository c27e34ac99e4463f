package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// Join returns m if accounts and failures are those of one database, and nobody stands
// before either; see [directory.Joined].
func (m *Members) Join(s directory.Store, c directory.Counter) directory.Reader {
	a, accounts := s.(*Members)
	b, failures := c.(*Members)
	if accounts && failures && a != nil && b != nil && a.db != nil && b.db != nil && a.db.pool == b.db.pool && a.db.host == b.db.host {
		return a
	}
	return nil
}

// Read returns an account and its failures, in one statement; see [directory.Reader].
func (m *Members) Read(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, directory.Failures, error) {
	var a directory.Account
	var f directory.Failures
	err := m.db.read(ctx, func(q querier) error {
		a, f = directory.Account{}, directory.Failures{}
		var line, number, failed, behind sql.NullInt64
		var locked instant
		var doc []byte
		found, err := m.db.find(ctx, q, `SELECT m.line, m.number, m.account, f.number, f.locked, f.behind FROM (SELECT 1) AS one
			LEFT JOIN sallyport_members m ON m.tenant = $1 AND m.id = $2
			LEFT JOIN sallyport_failures f ON f.tenant = $1 AND f.member = $2 WHERE TRUE{primary}`,
			[]string{string(t), string(id)}, &line, &number, &doc, &failed, &locked, &behind)
		if err != nil || !found {
			return missing(err, "member", string(id))
		}
		f = (&failures{failed.Int64, behind.Int64, locked}).of()
		if !line.Valid {
			return missing(nil, "member", string(id))
		}
		a, err = version{line.Int64, number.Int64}.account(t, id, doc)
		return err
	})
	if err != nil {
		a = directory.Account{}
	}
	return a, f, err
}

// Count counts a check of a password; see [directory.Counter]. A right one of a member who
// has no failures, which is most of them, is one statement that writes nothing.
func (m *Members) Count(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
	g.At = g.At.Truncate(time.Microsecond)
	if g.Right {
		if f, err := m.Failures(ctx, t, id); err != nil || f == (directory.Failures{}) {
			return f, err
		}
	}
	var f directory.Failures
	err := m.db.atomic(ctx, func(q querier) error {
		if err := named(string(t), string(id)); err != nil {
			return err
		}
		// The row that is there or is made here is locked until the end.
		var row failures
		if _, err := m.db.row(ctx, q, `INSERT INTO sallyport_failures (tenant, member, number, locked, behind) VALUES ($1, $2, 0, NULL, 0)
			ON CONFLICT (tenant, member) DO UPDATE SET number = sallyport_failures.number RETURNING number, locked, behind`,
			[]any{string(t), string(id)}, row.columns()...); err != nil {
			return err
		}
		if f = row.of().After(g); f == (directory.Failures{}) {
			_, err := m.db.exec(ctx, q, "DELETE FROM sallyport_failures WHERE tenant = $1 AND member = $2", string(t), string(id))
			return err
		}
		_, err := m.db.exec(ctx, q, "UPDATE sallyport_failures SET number = $3, locked = $4, behind = $5 WHERE tenant = $1 AND member = $2",
			string(t), string(id), int64(f.Number), m.db.orNull(f.Locked), int64(f.Behind))
		return err
	})
	if err != nil {
		return directory.Failures{}, err
	}
	return f, nil
}

type failures struct {
	number, behind int64
	locked         instant
}

func (f *failures) columns() []any { return []any{&f.number, &f.locked, &f.behind} }

func (f *failures) of() directory.Failures {
	return directory.Failures{Number: int(f.number), Locked: f.locked.Time, Behind: int(f.behind)}
}

// Failures returns those of a member; see [directory.Counter].
func (m *Members) Failures(ctx context.Context, t session.TenantID, id member.ID) (directory.Failures, error) {
	var row failures
	err := m.db.read(ctx, func(q querier) error {
		row = failures{}
		_, err := m.db.find(ctx, q, "SELECT number, locked, behind FROM sallyport_failures WHERE tenant = $1 AND member = $2{primary}",
			[]string{string(t), string(id)}, row.columns()...)
		return err
	})
	if err != nil {
		return directory.Failures{}, err
	}
	return row.of(), nil
}

// Clear forgets those of a member; see [directory.Counter].
func (m *Members) Clear(ctx context.Context, t session.TenantID, id member.ID) error {
	return m.db.write(ctx, func(q querier) error {
		if named(string(t), string(id)) != nil {
			return ctx.Err()
		}
		_, err := m.db.exec(ctx, q, "DELETE FROM sallyport_failures WHERE tenant = $1 AND member = $2", string(t), string(id))
		return err
	})
}

// Locked returns a page of who is locked; see [directory.Counter].
func (m *Members) Locked(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
	var page []directory.LockedMember
	err := m.db.read(ctx, func(q querier) error {
		if page = nil; named(string(t), string(after)) != nil {
			return ctx.Err()
		}
		return m.db.rows(ctx, q, func(scan func(...any) error) error {
			var id member.ID
			var since instant
			err := scan((*string)(&id), &since)
			page = append(page, directory.LockedMember{ID: id, Since: since.Time})
			return err
		}, "SELECT member, locked FROM sallyport_failures WHERE tenant = $1 AND member > $2 AND locked IS NOT NULL AND length(member) <= 256 ORDER BY member LIMIT $3",
			string(t), string(after), int64(directory.Query{Max: n}.Limit()))
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
