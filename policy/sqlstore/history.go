package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// History returns the saves of a tenant that are kept; see [policy.Historian].
func (p *Policies) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]policy.Past, error) {
	query := `SELECT line, number, record, event FROM sallyport_saves
		WHERE tenant = $1 AND event IS NOT NULL ORDER BY seq DESC LIMIT $2`
	args := []any{string(t), int64(n)}
	if before != (session.Version{}) {
		v := columns(before)
		query = `SELECT line, number, record, event FROM sallyport_saves
			WHERE tenant = $1 AND event IS NOT NULL AND seq <
				(SELECT max(seq) FROM sallyport_saves WHERE tenant = $1 AND line = $3 AND number = $4)
			ORDER BY seq DESC LIMIT $2`
		args = append(args, v.Line, v.Number)
	}
	var list []policy.Past
	err := p.db.read(ctx, func(q querier) (err error) {
		if list = nil; n <= 0 || named(string(t)) != nil {
			return ctx.Err()
		}
		list, err = p.past(ctx, q, t, query, args...)
		return err
	})
	return list, err
}

// Earlier returns the save that made a version; see [policy.Historian].
func (p *Policies) Earlier(ctx context.Context, t session.TenantID, v session.Version) (policy.Past, error) {
	var list []policy.Past
	err := p.db.read(ctx, func(q querier) (err error) {
		if list = nil; named(string(t)) == nil {
			c := columns(v)
			list, err = p.past(ctx, q, t, `SELECT line, number, record, event FROM sallyport_saves
				WHERE tenant = $1 AND line = $2 AND number = $3 AND event IS NOT NULL ORDER BY seq DESC LIMIT 1`,
				string(t), c.Line, c.Number)
		}
		if err == nil && len(list) == 0 {
			err = missing(ctx.Err(), fmt.Sprintf("version %v of tenant", v), string(t))
		}
		return err
	})
	if err != nil {
		return policy.Past{}, err
	}
	return list[0], nil
}

func (p *Policies) past(ctx context.Context, q querier, t session.TenantID, query string, args ...any) (list []policy.Past, err error) {
	err = p.db.rows(ctx, q, func(scan func(...any) error) error {
		var v version
		var record, event []byte
		if err := scan(&v.Line, &v.Number, &record, &event); err != nil {
			return err
		}
		r, err := v.record(t, record)
		if err != nil {
			return err
		}
		e, err := readEvent(t, event)
		list = append(list, policy.Past{Record: r, Event: e})
		return err
	}, query, args...)
	return list, err
}

// Events returns events of a tenant; see [session.Log].
func (p *Policies) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	return p.db.events(ctx, "sallyport_saves", t, q)
}

// Forget forgets what saves of a tenant from before an instant wrote and told, at most n
// of them, and returns how many. Their ids stay, so that a repetition is known as one.
// Repeat until it is 0. The record that is in force stays in any case, but its save is
// forgotten too.
func (p *Policies) Forget(ctx context.Context, t session.TenantID, before time.Time, n int) (int, error) {
	return p.db.batch(ctx, n, named(string(t)) != nil, `WITH ready AS MATERIALIZED (
			SELECT seq FROM sallyport_saves WHERE tenant = $1 AND event IS NOT NULL AND at < $2 ORDER BY at, seq LIMIT $3 {lock}
		) UPDATE sallyport_saves SET event = NULL, record = NULL WHERE seq {in ready}`,
		string(t), p.db.at(before), int64(n))
}

// batch runs a statement that is bounded to n rows and returns how many it changed.
func (d *DB) batch(ctx context.Context, n int, none bool, query string, args ...any) (done int, err error) {
	err = d.write(ctx, func(q querier) (err error) {
		if n <= 0 || none {
			return ctx.Err()
		}
		done, err = d.exec(ctx, q, query, args...)
		return err
	})
	return done, err
}

// event is an event as it is stored.
type event struct {
	session.Event
	actor, member, kind string
	doc                 string
}

// eventText is the text of an event. Field names never change their meaning.
type eventText struct {
	ID         string           `json:"id"`
	Tenant     session.TenantID `json:"tenant"`
	At         time.Time        `json:"at"`
	Actor      session.MemberID `json:"actor,omitempty"`
	Kind       string           `json:"kind"`
	Member     session.MemberID `json:"member,omitempty"`
	Why        string           `json:"why,omitempty"`
	Refused    string           `json:"refused,omitempty"`
	Before     string           `json:"before,omitempty"`
	After      string           `json:"after,omitempty"`
	Summary    []string         `json:"summary,omitempty"`
	Policy     session.Version  `json:"policy,omitzero"`
	Membership session.Version  `json:"membership,omitzero"`
}

// eventOf encodes an event. Names must be such that can be stored; text for people is
// made so.
func eventOf(e session.Event) (event, error) {
	if err := named(e.ID, string(e.Tenant), string(e.Actor), string(e.Member), e.Kind); err != nil {
		return event{}, err
	}
	e.At = e.At.UTC()
	text := eventText(e)
	for _, s := range []*string{&text.Why, &text.Refused, &text.Before, &text.After} {
		*s = plain(*s)
	}
	text.Summary = make([]string, len(e.Summary))
	for i, line := range e.Summary {
		text.Summary[i] = plain(line)
	}
	doc, err := json.Marshal(text)
	return event{e, string(e.Actor), string(e.Member), e.Kind, string(doc)}, answer(err)
}

func readEvent(t session.TenantID, doc []byte) (session.Event, error) {
	var text eventText
	if err := json.Unmarshal(doc, &text); err != nil {
		return session.Event{}, answer(fmt.Errorf("sqlstore: an event of %s: %w", quote(string(t)), err))
	}
	return session.Event(text), nil
}

// events returns what a query chooses of the events in a table, the newest first.
func (d *DB) events(ctx context.Context, table string, t session.TenantID, of session.EventQuery) ([]session.Event, error) {
	if of.Max <= 0 || of.Max > session.MaxPage {
		of.Max = session.MaxPage
	}
	var w where
	w.and("tenant = ", string(t))
	w.text("event IS NOT NULL")
	for _, f := range []struct{ column, is string }{{"actor", string(of.Actor)}, {"member", string(of.Member)}, {"kind", of.Kind}} {
		if f.is != "" {
			w.and(f.column+" = ", f.is)
		}
	}
	if !of.From.IsZero() {
		w.and("at >= ", d.at(ceil(of.From)))
	}
	if !of.To.IsZero() {
		w.and("at < ", d.at(ceil(of.To)))
	}
	query := "SELECT event FROM " + table + w.String() + " ORDER BY at DESC, seq DESC LIMIT " + w.arg(int64(of.Max)) +
		" OFFSET " + w.arg(int64(max(of.Skip, 0)))
	var list []session.Event
	err := d.read(ctx, func(q querier) error {
		if list = nil; named(string(t), string(of.Actor), string(of.Member), of.Kind) != nil {
			return ctx.Err()
		}
		return d.rows(ctx, q, func(scan func(...any) error) error {
			var doc []byte
			if err := scan(&doc); err != nil {
				return err
			}
			e, err := readEvent(t, doc)
			list = append(list, e)
			return err
		}, query, w.args...)
	})
	return list, err
}

// ceil rounds an instant up to the microsecond: what is kept is at or after it if, and
// only if, it is at or after that.
func ceil(t time.Time) time.Time {
	if down := t.Truncate(time.Microsecond); !down.Equal(t) {
		return down.Add(time.Microsecond)
	}
	return t
}
