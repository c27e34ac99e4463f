package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

const acme session.TenantID = "acme"

// record returns the record of a tenant at a number, which cuts all clients there.
func record(t session.TenantID, number uint64) policy.Record {
	return policy.Record{
		Tenant: t, Version: session.Version{Line: 7, Number: number}, Save: fmt.Sprintf("save-%d", number), By: "kim",
		Cuts: session.Cuts{}.Cut(session.AllClients, number), At: time.Now().Truncate(time.Microsecond),
	}
}

// before returns the version that the save of a record expects.
func before(r policy.Record) session.Version {
	if r.Version.Number == 1 {
		return session.Version{}
	}
	return session.Version{Line: r.Version.Line, Number: r.Version.Number - 1}
}

// save saves a record with an event and one order, whose ids are those of the save.
func save(ctx context.Context, s *sqlstore.DB, r policy.Record) error {
	id := string(r.Tenant) + "-" + r.Save
	e := session.Event{ID: id, Tenant: r.Tenant, At: r.At, Actor: r.By, Kind: "settings-saved", Policy: r.Version}
	o := session.Order{ID: id, Kind: session.SignOut, Tenant: r.Tenant, Clients: session.AllClients, Policy: r.Version, Actor: r.By, At: r.At}
	v, err := s.Policies().Save(ctx, before(r), r, e, []session.Order{o})
	if err == nil && v != r.Version {
		err = fmt.Errorf("a save of %v returned %v", r.Version, v)
	}
	return err
}

// state is what a database has of a tenant.
type state struct {
	number         uint64
	saves, events  int
	orders         int
	cut            bool // of everything below the number
	orderOfHighest uint64
}

// look returns what a database has of a tenant; the zero state if it has no record.
func look(t testing.TB, s *sqlstore.DB, of session.TenantID) state {
	t.Helper()
	ctx := t.Context()
	r, err := s.Policies().Load(ctx, of)
	if errors.Is(err, session.ErrNotFound) {
		r, err = policy.Record{}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	past := must[[]policy.Past](t)(s.Policies().History(ctx, of, session.Version{}, 1<<20))
	events := 0
	for q := (session.EventQuery{}); ; {
		page := must[[]session.Event](t)(s.Policies().Events(ctx, of, q))
		events += len(page)
		if q.Skip += len(page); len(page) < session.MaxPage {
			break
		}
	}
	orders := must[[]session.Order](t)(s.Policies().Waiting(ctx, of, 1<<20))
	is := state{number: r.Version.Number, saves: len(past), events: events, orders: len(orders), cut: r.Cuts.Highest() == r.Version.Number}
	for _, o := range orders {
		is.orderOfHighest = max(is.orderOfHighest, o.Policy.Number)
	}
	return is
}

// whole reports what is not as after a number of saves, no more and no less.
func (s state) whole(t testing.TB, when string) {
	t.Helper()
	n := int(s.number)
	if s.saves != n || s.events != n || s.orders != n || !s.cut || s.orderOfHighest != s.number {
		t.Errorf("%s: the record is at number %d, with %d saves, %d events, %d orders up to %d, its cut %v: not one write",
			when, s.number, s.saves, s.events, s.orders, s.orderOfHighest, s.cut)
	}
}

// live returns a live session of a member.
func live(t session.TenantID, m session.MemberID, stamp session.Stamp) session.Session {
	return nodetest.Live(t, m, stamp)
}

// act does an act to an account, as the directory does.
func act(ctx context.Context, s *sqlstore.DB, x directory.Act, t session.TenantID, id member.ID, f directory.Facts) (directory.Account, error) {
	return nodetest.Act(ctx, s, x, t, id, f)
}

// populated makes a tenant, with the super admin boss and some members.
func populated(t testing.TB, s *sqlstore.DB, of session.TenantID, members ...member.ID) {
	t.Helper()
	nodetest.Populate(t, s, of, members...)
}
