package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// Members is a [directory.Store], with its [session.Log] and [session.Outbox], and a
// [directory.Counter], and a [directory.Joined]: a login reads both at once. Make one with
// DB.Members.
//
// Loading an account takes one statement, saving a change seven or eight, in one
// transaction; where external logins change, one more, and one for each. List reads the
// tenant's accounts in the order of their ids, by an index of those that have the status, a
// role or their apps blocked, and finds a login id or an external login by one of its own; a
// search for text looks at all of the tenant.
type Members struct {
	outbox
	db *DB
}

var _ interface {
	directory.Store
	directory.Joined
} = (*Members)(nil)

// Load returns an account; see [directory.Store].
func (m *Members) Load(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
	var a directory.Account
	err := m.db.read(ctx, func(q querier) error {
		var v version
		var doc []byte
		found, err := m.db.find(ctx, q, "SELECT line, number, account FROM sallyport_members WHERE tenant = $1 AND id = $2{primary}",
			[]string{string(t), string(id)}, &v.Line, &v.Number, &doc)
		if err != nil || !found {
			return missing(err, "member", string(id))
		}
		a, err = v.account(t, id, doc)
		return err
	})
	if err != nil {
		return directory.Account{}, err
	}
	return a, nil
}

// account reads an account, which must be the one of its row.
func (v version) account(t session.TenantID, id member.ID, doc []byte) (directory.Account, error) {
	var a directory.Account
	if err := json.Unmarshal(doc, &a); err != nil {
		return directory.Account{}, answer(fmt.Errorf("sqlstore: the account of %s: %w", quote(string(id)), err))
	}
	if a.Tenant != t || a.ID != id || a.Version != v.of() {
		return directory.Account{}, answer(fmt.Errorf("sqlstore: in the row of %s at %v is the account of %s at %v; somebody else has altered it",
			quote(string(id)), v.of(), quote(string(a.ID)), a.Version))
	}
	return a, nil
}

// Save writes a change; see [directory.Store].
func (m *Members) Save(ctx context.Context, c directory.Change) error {
	return m.db.atomic(ctx, func(q querier) error {
		a := &c.Account
		if a.Tenant == "" || named(string(a.Tenant), string(a.ID)) != nil {
			return m.unfit(c)
		}
		old, there, err := m.locked(ctx, q, a.Tenant, a.ID)
		if err != nil {
			return err
		}
		var one int
		known, err := m.db.find(ctx, q, "SELECT 1 FROM sallyport_events WHERE tenant = $1 AND id = $2 AND change", []string{string(a.Tenant), c.Event.ID}, &one)
		if err != nil || known {
			return err
		}
		if err := m.follows(ctx, q, c, old, there); err != nil {
			return err
		}
		if err := m.external(ctx, q, old, c.Account); err != nil {
			return err
		}
		return m.write(ctx, q, c, there)
	})
}

// unfit is the answer to a change of an account that there cannot be.
func (m *Members) unfit(c directory.Change) error {
	if c.Expected != (session.Version{}) {
		return errConflict
	}
	if err := c.Follows(directory.Account{}); err != nil {
		return answer(err)
	}
	return named(string(c.Account.Tenant), string(c.Account.ID))
}

// locked returns the account that is there, which nobody else changes until the end.
func (m *Members) locked(ctx context.Context, q querier, t session.TenantID, id member.ID) (a directory.Account, there bool, err error) {
	var v version
	var doc []byte
	there, err = m.db.row(ctx, q, "SELECT line, number, account FROM sallyport_members WHERE tenant = $1 AND id = $2 {lock}",
		[]any{string(t), string(id)}, &v.Line, &v.Number, &doc)
	if err == nil && there {
		a, err = v.account(t, id, doc)
	}
	return a, there, err
}

// follows returns why a change cannot be written now, or nil.
func (m *Members) follows(ctx context.Context, q querier, c directory.Change, old directory.Account, there bool) error {
	id := quote(string(c.Account.ID))
	switch {
	case old.Version != c.Expected && c.Expected == session.Version{}:
		return answer(fmt.Errorf("sqlstore: the id %s was used: %w", id, session.ErrExists))
	case old.Version != c.Expected:
		return answer(fmt.Errorf("sqlstore: %s is at version %v and not at %v: %w", id, old.Version, c.Expected, session.ErrConflict))
	}
	if c.Guarded {
		var is int64
		if _, err := m.db.row(ctx, q, "SELECT version FROM sallyport_rosters WHERE tenant = $1 {lock}", []any{string(c.Account.Tenant)}, &is); err != nil {
			return err
		}
		if uint64(is) != c.Roster {
			return answer(fmt.Errorf("sqlstore: the roster is at version %d and not at %d: %w", is, c.Roster, session.ErrConflict))
		}
	}
	return answer(c.Follows(old))
}

// write writes a change that follows what is there.
func (m *Members) write(ctx context.Context, q querier, c directory.Change, there bool) error {
	a, v := &c.Account, columns(c.Account.Version)
	doc, err := json.Marshal(c.Account)
	if err != nil {
		return answer(err)
	}
	e, err := eventOf(c.Event)
	if err != nil {
		return err
	}
	orders, err := ordersOf(c.Orders)
	if err != nil {
		return err
	}
	for _, err := range []error{named(a.LoginID), whole(doc)} {
		if err != nil {
			return err
		}
	}
	if c.Guarded {
		// If somebody else makes the first row at this moment, none is written here.
		n, err := m.db.exec(ctx, q, `INSERT INTO sallyport_rosters (tenant, version) VALUES ($1, 1)
			ON CONFLICT (tenant) DO UPDATE SET version = sallyport_rosters.version + 1 WHERE sallyport_rosters.version = $2`,
			string(a.Tenant), int64(c.Roster))
		if err == nil && n == 0 {
			err = errConflict
		}
		if err != nil {
			return err
		}
	}
	// Within the transaction, so that a login id that is taken leaves it fit to go on.
	if a.LoginID != "" {
		var one int
		used, err := m.db.row(ctx, q, "SELECT 1 FROM sallyport_members WHERE tenant = $1 AND login_id = $2 AND id <> $3",
			[]any{string(a.Tenant), a.LoginID, string(a.ID)}, &one)
		if err == nil && used {
			err = loginTaken(a.LoginID)
		}
		if err != nil {
			return err
		}
	}
	query := `UPDATE sallyport_members SET line = $3, number = $4, status = $5, counts = $6, apps_blocked = $7, deleted = $8, purged = $9,
		login_id = $10, roles = $11, words = $12, account = $13 WHERE tenant = $1 AND id = $2`
	if !there {
		query = `INSERT INTO sallyport_members (tenant, id, line, number, status, counts, apps_blocked, deleted, purged, login_id, roles, words, account)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (tenant, id) DO NOTHING`
	}
	var login any
	if a.LoginID != "" {
		login = a.LoginID
	}
	n, err := m.db.exec(ctx, q, query, string(a.Tenant), string(a.ID), v.Line, v.Number, a.Status.String(), a.Counts(), a.AppsBlocked,
		m.db.orNull(a.DeletedAt), a.Purged, login, roles(a), words(a), string(doc))
	switch {
	case err != nil && m.db.taken(err): // by somebody at this moment
		return loginTaken(a.LoginID)
	case err != nil:
		return err
	case n == 0:
		return m.repeated(ctx, q, c)
	}
	if err := m.tell(ctx, q, e, true); err != nil {
		return err
	}
	return m.put(ctx, q, orders)
}

// external writes whose the external logins of a are, which were those of old.
func (m *Members) external(ctx context.Context, q querier, old, a directory.Account) error {
	same := func(x, y directory.External) bool { return x.ID == y.ID }
	if slices.EqualFunc(old.External, a.External, same) {
		return nil
	}
	t, id := string(a.Tenant), string(a.ID)
	if _, err := m.db.exec(ctx, q, "DELETE FROM sallyport_externals WHERE tenant = $1 AND member = $2", t, id); err != nil {
		return err
	}
	for _, e := range a.External {
		if err := named(e.ID); err != nil {
			return err
		}
		n, err := m.db.exec(ctx, q, "INSERT INTO sallyport_externals (tenant, external, member) VALUES ($1, $2, $3) ON CONFLICT (tenant, external) DO NOTHING", t, e.ID, id)
		if err == nil && n == 0 {
			err = answer(fmt.Errorf("sqlstore: the external login %s is linked already: %w", quote(e.ID), session.ErrExists))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func loginTaken(login string) error {
	return answer(fmt.Errorf("sqlstore: the login id %s is in use: %w", quote(login), session.ErrExists))
}

// repeated is the answer to a first save of an account that somebody else has made at this
// moment, which may have been the same save.
func (m *Members) repeated(ctx context.Context, q querier, c directory.Change) error {
	var one int
	known, err := m.db.find(ctx, q, "SELECT 1 FROM sallyport_events WHERE tenant = $1 AND id = $2 AND change",
		[]string{string(c.Account.Tenant), c.Event.ID}, &one)
	if err == nil && !known {
		err = answer(fmt.Errorf("sqlstore: the id %s was used: %w", quote(string(c.Account.ID)), session.ErrExists))
	}
	return err
}

// tell writes an event. If it came with a change and its id is there, somebody saves the
// same change of another account at this moment, and it is tried again to find that.
func (m *Members) tell(ctx context.Context, q querier, e event, change bool) error {
	_, err := m.db.exec(ctx, q, `INSERT INTO sallyport_events (tenant, id, change, at, actor, member, kind, event)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, string(e.Tenant), e.ID, change, m.db.at(e.At), e.actor, e.member, e.kind, e.doc)
	if err != nil && m.db.taken(err) {
		return errAgain
	}
	return err
}

// roles returns the names of the roles of a, each between line ends.
func roles(a *directory.Account) string {
	var b strings.Builder
	for _, r := range a.Roles {
		b.WriteString("\n" + r.Name)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// words returns what is searched of a.
func words(a *directory.Account) string {
	return lower(string(a.ID) + "\n" + a.LoginID + "\n" + a.Profile.Name + "\n" + a.Profile.Mail)
}

// Roster returns who of the super admins count; see [directory.Store].
func (m *Members) Roster(ctx context.Context, t session.TenantID) (directory.Roster, error) {
	var r directory.Roster
	err := m.db.read(ctx, func(q querier) error {
		if r = (directory.Roster{}); named(string(t)) != nil {
			return ctx.Err()
		}
		var version int64 // first, so that it is not later than the members
		if _, err := m.db.row(ctx, q, "SELECT version FROM sallyport_rosters WHERE tenant = $1{primary}", []any{string(t)}, &version); err != nil {
			return err
		}
		r.Version = uint64(version)
		return m.db.rows(ctx, q, func(scan func(...any) error) error {
			var id member.ID
			err := scan((*string)(&id))
			r.Members = append(r.Members, id)
			return err
		}, "SELECT id FROM sallyport_members WHERE tenant = $1 AND counts ORDER BY id", string(t))
	})
	if err != nil {
		return directory.Roster{}, err
	}
	return r, nil
}

// List returns a page of accounts; see [directory.Store]. The database chooses those that
// may be meant, and directory.Query.Chooses those that are.
func (m *Members) List(ctx context.Context, t session.TenantID, of directory.Query) ([]directory.Account, error) {
	var list []directory.Account
	for asked := of; ; {
		page, more, err := m.page(ctx, t, of)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			if of.After = a.ID; asked.Chooses(a) && len(list) < of.Limit() {
				list = append(list, a)
			}
		}
		if !more || len(list) == of.Limit() {
			return list, nil
		}
	}
}

func (m *Members) page(ctx context.Context, t session.TenantID, of directory.Query) (page []directory.Account, more bool, err error) {
	var w where
	w.and("tenant = ", string(t))
	w.text("NOT purged")
	w.and("id > ", string(of.After))
	if of.Status != 0 {
		w.and("status = ", of.Status.String())
	}
	if of.Role != "" {
		w.text("roles <> ''")
		w.text("{instr}(roles, " + w.arg("\n"+of.Role+"\n") + ") > 0")
	}
	if of.LoginID != "" {
		w.and("login_id = ", of.LoginID)
	}
	if of.External != "" {
		w.text("id = (SELECT member FROM sallyport_externals WHERE tenant = " + w.arg(string(t)) + " AND external = " + w.arg(of.External) + ")")
	}
	if of.AppsBlocked {
		w.text("apps_blocked")
	}
	if !of.DeletedBefore.IsZero() {
		w.text("deleted IS NOT NULL")
		w.and("deleted < ", m.db.at(ceil(of.DeletedBefore)))
	}
	if of.Text != "" {
		w.text("{instr}(words, " + w.arg(lower(of.Text)) + ") > 0")
	}
	query := "SELECT id, line, number, account FROM sallyport_members" + w.String() + " ORDER BY id LIMIT " + w.arg(int64(of.Limit()))
	err = m.db.read(ctx, func(q querier) error {
		if page = nil; named(string(t), string(of.After), of.Role, of.LoginID, of.External, plain(of.Text)) != nil || of.Text != plain(of.Text) {
			return ctx.Err()
		}
		return m.db.rows(ctx, q, func(scan func(...any) error) error {
			var id member.ID
			var v version
			var doc []byte
			if err := scan((*string)(&id), &v.Line, &v.Number, &doc); err != nil {
				return err
			}
			a, err := v.account(t, id, doc)
			page = append(page, a)
			return err
		}, query, w.args...)
	})
	return page, len(page) == of.Limit(), err
}

// Events returns a page of events; see [session.Log].
func (m *Members) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	return m.db.events(ctx, "sallyport_events", t, q)
}

// Note writes an event; see [directory.Store].
func (m *Members) Note(ctx context.Context, e session.Event) error {
	return m.db.write(ctx, func(q querier) error {
		event, err := eventOf(e)
		if err != nil {
			return err
		}
		return m.tell(ctx, q, event, false)
	})
}

// Forget removes old events; see [directory.Store].
func (m *Members) Forget(ctx context.Context, t session.TenantID, before time.Time, n int) (int, error) {
	return m.db.batch(ctx, n, named(string(t)) != nil, `WITH ready AS MATERIALIZED (
			SELECT seq FROM sallyport_events WHERE tenant = $1 AND at < $2 ORDER BY at, seq LIMIT $3 {lock}
		) DELETE FROM sallyport_events WHERE seq {in ready}`,
		string(t), m.db.at(before), int64(n))
}
