package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Policies is a [policy.Store], a [policy.Historian], a [policy.Watcher] and a
// [session.Log]. Saves are kept until Forget is called for them, their ids for ever. Make
// one with DB.Policies.
//
// A tenant whose name is not UTF-8, has a zero byte or more than 1,000 bytes has no record
// and cannot get one; nor can a record hold a zero byte in any text.
type Policies struct {
	outbox
	db *DB
}

var _ interface {
	policy.Store
	policy.Historian
	policy.Watcher
	session.Log
} = (*Policies)(nil)

// Load returns the record of a tenant; see [policy.Store].
func (p *Policies) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	var r policy.Record
	err := p.db.read(ctx, func(q querier) error {
		var v version
		var doc []byte
		found, err := p.db.find(ctx, q, "SELECT line, number, record FROM sallyport_policies WHERE tenant = $1{primary}",
			[]string{string(t)}, &v.Line, &v.Number, &doc)
		if err != nil || !found {
			return missing(err, "tenant", string(t))
		}
		r, err = v.record(t, doc)
		return err
	})
	return r, err
}

// Version returns the version of the record of a tenant; see [policy.Store].
func (p *Policies) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	var v version
	err := p.db.read(ctx, func(q querier) error {
		found, err := p.db.find(ctx, q, "SELECT line, number FROM sallyport_policies WHERE tenant = $1{primary}",
			[]string{string(t)}, &v.Line, &v.Number)
		if err != nil || !found {
			return missing(err, "tenant", string(t))
		}
		return nil
	})
	if err != nil {
		return session.Version{}, err
	}
	return v.of(), nil
}

// find reads the first row that a query has for some names. For a name that cannot be
// stored there is none, and the database is not asked.
func (d *DB) find(ctx context.Context, q querier, query string, names []string, columns ...any) (bool, error) {
	if named(names...) != nil {
		return false, ctx.Err()
	}
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = name
	}
	return d.row(ctx, q, query, args, columns...)
}

// missing returns err, or that there is no such thing.
func missing(err error, what, name string) error {
	if err != nil {
		return err
	}
	return answer(fmt.Errorf("sqlstore: %s %s: %w", what, quote(name), session.ErrNotFound))
}

// version is a session.Version as columns hold it.
type version struct{ Line, Number int64 }

func columns(v session.Version) version { return version{int64(v.Line), int64(v.Number)} }

func (v version) of() session.Version {
	return session.Version{Line: uint32(v.Line), Number: uint64(v.Number)}
}

// record reads a record, which must be the one of that tenant and version: columns and
// document were written together, and if they differ one of them was altered.
func (v version) record(t session.TenantID, doc []byte) (policy.Record, error) {
	var r policy.Record
	if err := json.Unmarshal(doc, &r); err != nil {
		return policy.Record{}, answer(fmt.Errorf("sqlstore: the record of %s: %w", quote(string(t)), err))
	}
	if r.Tenant != t || r.Version != v.of() {
		return policy.Record{}, answer(fmt.Errorf("sqlstore: in the row of %s at %v is the record of %s at %v; somebody else has altered it",
			quote(string(t)), v.of(), quote(string(r.Tenant)), r.Version))
	}
	return r, nil
}

// Save replaces the record of a tenant; see [policy.Store]. It asks the database seven times, the
// beginning and the end of the transaction included.
func (p *Policies) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	if named(string(r.Tenant)) != nil || r.Tenant == "" {
		return session.Version{}, p.unfit(ctx, expected, r)
	}
	s := save{expected: columns(expected), record: r}
	s.encode(e, orders) // what is wrong with it is told after a conflict
	var wrote session.Version
	err := p.db.atomic(ctx, func(q querier) (err error) {
		wrote, err = p.save(ctx, q, &s)
		return err
	})
	if err != nil {
		return session.Version{}, err
	}
	return wrote, nil
}

// unfit is the answer to a save of a tenant that there cannot be.
func (p *Policies) unfit(ctx context.Context, expected session.Version, r policy.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if expected != (session.Version{}) {
		return &policy.ConflictError{Tenant: r.Tenant, Expected: expected}
	}
	if err := r.Err(); err != nil {
		return err
	}
	return p.db.told(ctx, named(string(r.Tenant)))
}

// save is one save, encoded.
type save struct {
	expected version
	record   policy.Record
	doc      []byte
	event    event
	orders   []order
	err      error // why it cannot be stored
}

func (s *save) encode(e session.Event, orders []session.Order) {
	var err error
	if s.doc, err = json.Marshal(s.record); err != nil {
		s.err = answer(err)
		return
	}
	if s.err = named(s.record.Save, string(s.record.By)); s.err != nil {
		return
	}
	if s.err = whole(s.doc); s.err != nil {
		return
	}
	if s.event, s.err = eventOf(e); s.err != nil {
		return
	}
	s.orders, s.err = ordersOf(orders)
}

func (p *Policies) save(ctx context.Context, q querier, s *save) (session.Version, error) {
	r := &s.record
	conflict := func(found version) (session.Version, error) {
		return session.Version{}, answer(&policy.ConflictError{Tenant: r.Tenant, Expected: s.expected.of(), Found: found.of()})
	}
	var found version
	var old []byte // read only where it is needed, since it may be large
	there, err := p.db.row(ctx, q, `SELECT line, number, CASE WHEN line = $2 AND number = $3 THEN record END
		FROM sallyport_policies WHERE tenant = $1 {lock}`,
		[]any{string(r.Tenant), s.expected.Line, s.expected.Number}, &found.Line, &found.Number, &old)
	if err != nil {
		return session.Version{}, err
	}
	if r.Save != "" && there { // with the record locked, for the first may just be under way
		var was, wrote version
		known, err := p.db.find(ctx, q, `SELECT expected_line, expected_number, line, number FROM sallyport_saves WHERE tenant = $1 AND save = $2`,
			[]string{string(r.Tenant), r.Save}, &was.Line, &was.Number, &wrote.Line, &wrote.Number)
		switch {
		case err != nil:
			return session.Version{}, err
		case known && was == s.expected:
			return wrote.of(), nil
		case known:
			return conflict(found)
		}
	}
	if found != s.expected {
		return conflict(found)
	}
	if there {
		was, err := found.record(r.Tenant, old)
		if err != nil {
			return session.Version{}, err
		}
		if err := r.Follows(was); err != nil {
			return session.Version{}, answer(err)
		}
	} else if err := r.Err(); err != nil {
		return session.Version{}, answer(err)
	}
	if s.err != nil {
		return session.Version{}, s.err
	}
	if n, err := p.replace(ctx, q, s, there); err != nil {
		return session.Version{}, err
	} else if n == 0 { // somebody else enrols the tenant at this moment, and was first
		return p.save(ctx, q, s)
	}
	return r.Version, p.note(ctx, q, s)
}

// replace writes the record, in the place of one that is locked or of none, and returns
// how many it wrote.
func (p *Policies) replace(ctx context.Context, q querier, s *save, there bool) (int, error) {
	r, v := &s.record, columns(s.record.Version)
	query := `UPDATE sallyport_policies SET line = $2, number = $3, deleted = $4, saved_by = $5, at = $6, record = $7 WHERE tenant = $1`
	if !there {
		query = `INSERT INTO sallyport_policies (tenant, line, number, deleted, saved_by, at, record)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant) DO NOTHING`
	}
	return p.db.exec(ctx, q, query, string(r.Tenant), v.Line, v.Number, r.Deleted, string(r.By), p.db.at(r.At), string(s.doc))
}

// note writes what a save leaves behind beside the record.
func (p *Policies) note(ctx context.Context, q querier, s *save) error {
	r, v, e := &s.record, columns(s.record.Version), &s.event
	var id any
	if r.Save != "" {
		id = r.Save
	}
	_, err := p.db.exec(ctx, q, `INSERT INTO sallyport_saves
		(tenant, save, expected_line, expected_number, line, number, at, actor, member, kind, event, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		string(r.Tenant), id, s.expected.Line, s.expected.Number, v.Line, v.Number,
		p.db.at(e.At), e.actor, e.member, e.kind, e.doc, string(s.doc))
	if err != nil {
		return err
	}
	return p.put(ctx, q, s.orders)
}
