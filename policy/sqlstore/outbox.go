package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// outbox is the orders of one store: those of policies and those of members are taken by
// different programs.
type outbox struct {
	db *DB
	of string
}

var _ session.Uncommitted = outbox{}

// Uncommitted reports whether the store is one of DB.In; see [session.Uncommitted].
func (b outbox) Uncommitted() bool { return b.db != nil && b.db.host != nil }

const (
	maxErr   = 500 // bytes of session.Order.Err
	putBatch = 500 // orders in one statement
)

// order is an order as it is stored.
type order struct {
	id, tenant string
	due        time.Time
	doc        string
}

// orderText is the text of an order. Field names never change their meaning.
type orderText struct {
	Kind       session.OrderKind `json:"kind"`
	Member     session.MemberID  `json:"member,omitempty"`
	Clients    session.Clients   `json:"clients"`
	Session    session.ID        `json:"session,omitzero"`
	Device     string            `json:"device,omitempty"`
	Via        string            `json:"via,omitempty"`
	Policy     session.Version   `json:"policy,omitzero"`
	Membership session.Version   `json:"membership,omitzero"`
	Why        string            `json:"why,omitempty"`
	Actor      session.MemberID  `json:"actor,omitempty"`
	At         time.Time         `json:"at"`
}

// ordersOf encodes orders. All they say is names: one that became another would end
// somebody else's sessions.
func ordersOf(list []session.Order) ([]order, error) {
	orders := make([]order, len(list))
	for i, o := range list {
		if o.ID == "" {
			o.ID = rand.Text()
		}
		if err := named(o.ID, string(o.Tenant), string(o.Kind), string(o.Member), o.Device, o.Via, o.Why, string(o.Actor)); err != nil {
			return nil, err
		}
		doc, err := json.Marshal(orderText{
			Kind: o.Kind, Member: o.Member, Clients: o.Clients, Session: o.Session, Device: o.Device, Via: o.Via,
			Policy: o.Policy, Membership: o.Membership, Why: o.Why, Actor: o.Actor, At: o.At.UTC(),
		})
		if err != nil {
			return nil, answer(fmt.Errorf("sqlstore: order %s: %w", quote(o.ID), err))
		}
		orders[i] = order{o.ID, string(o.Tenant), o.Due, string(doc)}
	}
	return orders, nil
}

// put stores orders. If there is one of an id, it stays.
func (b outbox) put(ctx context.Context, q querier, orders []order) error {
	for some := range slices.Chunk(orders, putBatch) {
		var w where
		var values []string
		for _, o := range some {
			due := w.arg(b.db.orNull(o.due))
			later := "CASE WHEN " + due + " > {now} THEN " + due + " ELSE {now} END"
			values = append(values, "("+strings.Join([]string{w.arg(b.of), w.arg(o.id), w.arg(o.tenant), later, "{now}", "{now}", w.arg(o.doc)}, ", ")+")")
		}
		_, err := b.db.exec(ctx, q, "INSERT INTO sallyport_orders (outbox, id, tenant, due, was_due, timed, content) VALUES "+
			strings.Join(values, ", ")+" ON CONFLICT (outbox, id) DO NOTHING", w.args...)
		if err != nil {
			return err
		}
	}
	return nil
}

const orderColumns = "seq, id, tenant, due, was_due, tries, parked, err, content"

// taken is an order with what puts it into an order.
type takenOrder struct {
	session.Order
	seq    int64
	wasDue time.Time
}

func (b outbox) list(ctx context.Context, q querier, query string, args ...any) (list []takenOrder, err error) {
	err = b.db.rows(ctx, q, func(scan func(...any) error) error {
		var o takenOrder
		var due, was instant
		var doc []byte
		if err := scan(&o.seq, &o.ID, (*string)(&o.Tenant), &due, &was, &o.Tries, &o.Parked, &o.Err, &doc); err != nil {
			return err
		}
		var t orderText
		if err := json.Unmarshal(doc, &t); err != nil {
			return answer(fmt.Errorf("sqlstore: order %s: %w", quote(o.ID), err))
		}
		o.Kind, o.Member, o.Clients, o.Session, o.Device, o.Via = t.Kind, t.Member, t.Clients, t.Session, t.Device, t.Via
		o.Policy, o.Membership, o.Why, o.Actor, o.At = t.Policy, t.Membership, t.Why, t.Actor, t.At
		o.Due, o.wasDue = due.Time, was.Time
		list = append(list, o)
		return nil
	}, query, args...)
	return list, err
}

func orders(list []takenOrder) []session.Order {
	var orders []session.Order
	for _, o := range list {
		orders = append(orders, o.Order)
	}
	return orders
}

// Take returns orders that are due; see [session.Outbox]. Rows that another is just taking
// are passed over and not waited for. Where none is due, those are made up for that the
// clock of the database, if it has gone back, would keep waiting until it is where it was.
func (b outbox) Take(ctx context.Context, n int, lease time.Duration) ([]session.Order, error) {
	var list []takenOrder
	take := func() error {
		return b.db.write(ctx, func(q querier) (err error) {
			if list = nil; n <= 0 {
				return ctx.Err()
			}
			list, err = b.list(ctx, q, `WITH ready AS MATERIALIZED (
				SELECT seq FROM sallyport_orders WHERE outbox = $1 AND NOT parked AND due <= {begun}
				ORDER BY due, seq LIMIT $2 {skip}
			)
			UPDATE sallyport_orders SET was_due = due, due = {now} + CAST($3 AS bigint) {us}, timed = {now}
			WHERE seq {in ready} RETURNING `+orderColumns, b.of, int64(n), micros(lease))
			return err
		})
	}
	err := take()
	if err == nil && len(list) == 0 && n > 0 {
		var moved bool
		if moved, err = b.rewound(ctx); err == nil && moved {
			err = take()
		}
	}
	slices.SortFunc(list, func(o, p takenOrder) int { return cmp.Or(o.wasDue.Compare(p.wasDue), cmp.Compare(o.seq, p.seq)) })
	return orders(list), err
}

// rewound looks for orders that were last written later than now: the clock of the database
// has gone back since. From now on they wait as long as they were to wait then. It reports
// whether there were any.
func (b outbox) rewound(ctx context.Context) (bool, error) {
	n, err := b.db.batch(ctx, putBatch, false, `WITH ready AS MATERIALIZED (
			SELECT seq FROM sallyport_orders WHERE outbox = $1 AND NOT parked AND timed > {begun} ORDER BY timed LIMIT $2 {skip}
		)
		UPDATE sallyport_orders SET due = {now} + (due - timed), timed = {now} WHERE seq {in ready}`, b.of, int64(putBatch))
	return n > 0, err
}

// Done removes an order; see [session.Outbox].
func (b outbox) Done(ctx context.Context, id string) error {
	return b.db.write(ctx, func(q querier) error {
		if named(id) != nil {
			return ctx.Err()
		}
		_, err := b.db.exec(ctx, q, "DELETE FROM sallyport_orders WHERE outbox = $1 AND id = $2", b.of, id)
		return err
	})
}

// Failed counts a failed delivery; see [session.Outbox].
func (b outbox) Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
	return b.db.write(ctx, func(q querier) error {
		if named(id) != nil {
			return ctx.Err()
		}
		_, err := b.db.exec(ctx, q, `UPDATE sallyport_orders SET tries = tries + 1, due = {now} + CAST($3 AS bigint) {us}, timed = {now}, parked = $4, err = $5
			WHERE outbox = $1 AND id = $2`, b.of, id, micros(wait), park, cut(why, maxErr))
		return err
	})
}

// Waiting returns the orders of a tenant; see [session.Outbox].
func (b outbox) Waiting(ctx context.Context, t session.TenantID, n int) ([]session.Order, error) {
	var list []takenOrder
	err := b.db.read(ctx, func(q querier) (err error) {
		if list = nil; n <= 0 || named(string(t)) != nil {
			return ctx.Err()
		}
		list, err = b.list(ctx, q, "SELECT "+orderColumns+" FROM sallyport_orders WHERE outbox = $1 AND tenant = $2 ORDER BY seq LIMIT $3",
			b.of, string(t), int64(n))
		return err
	})
	return orders(list), err
}
