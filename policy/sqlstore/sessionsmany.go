package sqlstore

import (
	"context"
	"iter"
	"math"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

const (
	stride    = 5000 // sessions that EndAll and Purge lock at a time
	visitPage = 256  // visits that are read at a time
)

// EndAll ends the sessions that an order means; see [session.Store]. It ends 5,000 in each
// statement, so that nobody waits long for it. They are taken in the order in which they were created,
// which a renewal does not change. What was ended stays so if it fails on the way.
func (s *Sessions) EndAll(ctx context.Context, o session.Order, at time.Time) (int, error) {
	ended, last := 0, int64(0)
	for {
		var n int
		var reached int64
		err := s.db.write(ctx, func(q querier) error {
			if n, reached = 0, last; o.Kind != session.SignOut || named(string(o.Tenant), string(o.Member), o.Device, o.Via) != nil {
				return ctx.Err()
			}
			w := where{args: []any{s.db.orNull(at), plain(o.Reason())}}
			meant(&w, o)
			w.and("seq > ", last)
			return s.db.rows(ctx, q, func(scan func(...any) error) error {
				var seq int64
				err := scan(&seq)
				n, reached = n+1, max(reached, seq)
				return err
			}, "WITH ready AS MATERIALIZED (SELECT seq FROM sallyport_sessions"+w.String()+" ORDER BY seq LIMIT "+w.arg(int64(stride))+" {lock}) "+
				"UPDATE sallyport_sessions SET "+ending+" WHERE seq {in ready} RETURNING seq", w.args...)
		})
		if err != nil {
			return ended, err
		}
		ended, last = ended+n, reached
		if n < stride {
			return ended, nil
		}
	}
}

// meant adds the condition that a session has not ended and is one that the order means:
// it is session.Order.Ends.
func meant(w *where, o session.Order) {
	w.and("tenant = ", string(o.Tenant))
	w.text("ended IS NULL")
	if o.Member != "" {
		w.and("member = ", string(o.Member))
	}
	if !o.Session.IsZero() {
		named := w.arg(o.Session[:])
		w.text("(id = " + named + " OR first = " + named + ")")
	}
	if o.Device != "" {
		w.and("device = ", o.Device)
	}
	if o.Via != "" {
		w.and("via = ", o.Via)
	}
	if o.Clients&session.AllClients != session.AllClients {
		w.in("client", clients(o.Clients))
	}
	w.before("policy_", o.Policy)
	w.before("member_", o.Membership)
}

func clients(c session.Clients) []string {
	var names []string
	for one := range c.All() {
		names = append(names, one.String())
	}
	return names
}

// before adds that a session is older than the change that made a version.
func (w *where) before(prefix string, v session.Version) {
	if v == (session.Version{}) {
		return
	}
	most := int64(math.MaxInt64) // of a stamp; a number above it, of an order, is above all
	if v.Number <= session.MaxNumber {
		most = int64(v.Number) - 1
	}
	w.text("(" + prefix + "line = 0 AND " + prefix + "number = 0 OR " +
		prefix + "line = " + w.arg(int64(v.Line)) + " AND " + prefix + "number <= " + w.arg(most) + ")")
}

// List returns sessions of a tenant; see [session.Store].
func (s *Sessions) List(ctx context.Context, t session.TenantID, of session.Query) ([]session.Session, error) {
	if of.Max <= 0 || of.Max > session.MaxPage {
		of.Max = session.MaxPage
	}
	var w where
	w.and("tenant = ", string(t))
	if !of.First.IsZero() {
		w.and("first = ", of.First[:])
	}
	if of.Member != "" {
		w.and("member = ", string(of.Member))
	}
	if of.Device != "" {
		w.and("device = ", of.Device)
		w.text("device <> ''")
	}
	if of.Clients != 0 {
		w.in("client", clients(of.Clients))
	}
	if len(of.Kinds) > 0 {
		var kinds []string
		for _, k := range of.Kinds {
			kinds = append(kinds, k.String())
		}
		w.in("kind", kinds)
	}
	if !of.LiveAt.IsZero() {
		w.text("ended IS NULL")
		w.text(w.arg(s.db.at(of.LiveAt)) + " < {ends}")
	}
	if !of.Since.IsZero() {
		w.and("created >= ", s.db.at(of.Since))
	}
	if of.After != (session.Cursor{}) {
		w.text("(created, first) < (" + w.arg(s.db.at(of.After.Created)) + ", " + w.arg(of.After.First[:]) + ")")
	}
	query := "SELECT " + sessionColumns + " FROM sallyport_sessions" + w.String() + " ORDER BY created DESC, first DESC LIMIT " + w.arg(int64(of.Max))
	var page []session.Session
	err := s.db.read(ctx, func(q querier) (err error) {
		if page = nil; named(string(t), string(of.Member), of.Device) != nil {
			return ctx.Err()
		}
		page, err = s.list(ctx, q, query, w.args...)
		return err
	})
	return page, err
}

// Purge removes sessions that were dead before an instant; see [session.Store]. It removes
// visits, too, that are older than session.History at that instant, and at this moment;
// they do not count.
//
// Rows that others hold are passed over; the next call finds them.
func (s *Sessions) Purge(ctx context.Context, before time.Time, n int) (int, error) {
	purged := 0
	for purged < n {
		var dead, moved int
		err := s.db.atomic(ctx, func(q querier) (err error) {
			at, most := s.db.at(before), int64(min(n-purged, stride))
			dead, err = s.db.exec(ctx, q, `WITH ready AS MATERIALIZED (
					SELECT seq FROM sallyport_sessions WHERE dies < $1 ORDER BY dies LIMIT $2 {skip}
				) DELETE FROM sallyport_sessions WHERE seq {in ready} AND {ends} < $1`, at, most)
			if err != nil {
				return err
			}
			if moved = 0; dead == int(most) {
				return nil
			}
			// Those that have been used since are put where they belong by now. No other
			// is locked for it, which somebody else may be about to purge.
			moved, err = s.db.exec(ctx, q, `WITH ready AS MATERIALIZED (
					SELECT seq FROM sallyport_sessions WHERE dies < $1 AND {ends} >= $1 ORDER BY dies LIMIT $2 {skip}
				) UPDATE sallyport_sessions SET dies = {ends} WHERE seq {in ready} AND {ends} >= $1`, at, int64(stride))
			return err
		})
		if err != nil {
			return purged, err
		}
		if purged += dead; dead == 0 && moved == 0 {
			break
		}
	}
	if n <= 0 {
		return 0, s.db.read(ctx, func(querier) error { return ctx.Err() })
	}
	return purged, s.ForgetVisits(ctx, before)
}

// AddVisit stores a visit of a session that is kept elsewhere; see [session.VisitStore].
func (s *Sessions) AddVisit(ctx context.Context, v session.Visit) error {
	return s.db.write(ctx, func(q querier) error {
		if err := named(string(v.Tenant), string(v.Member), v.Device, v.System); err != nil {
			return err
		}
		_, err := s.db.exec(ctx, q, `INSERT INTO sallyport_visits (seq, first, tenant, member, client, addr, country, device, system, verified, at)
			VALUES ({apart}, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			v.Session[:], string(v.Tenant), string(v.Member), v.Client.String(), address(v.Addr), v.Country.String(),
			v.Device, v.System, v.Verified, s.db.at(v.At.Truncate(time.Microsecond)))
		return err
	})
}

// ForgetVisits removes visits that are too old; see [session.VisitStore].
func (s *Sessions) ForgetVisits(ctx context.Context, before time.Time) error {
	for {
		n, err := s.db.batch(ctx, stride, false, `WITH ready AS MATERIALIZED (
				SELECT seq FROM sallyport_visits WHERE at < $1 AND at < {begun} - CAST($2 AS bigint) {us} ORDER BY at LIMIT $3 {skip}
			) DELETE FROM sallyport_visits WHERE seq {in ready}`,
			s.db.at(before.Add(-session.History)), micros(session.History), int64(stride))
		if err != nil || n < stride {
			return err
		}
	}
}

// Visits yields visits of a tenant; see [session.Visitor].
func (s *Sessions) Visits(ctx context.Context, t session.TenantID, member session.MemberID, since time.Time) iter.Seq2[session.Visit, error] {
	return func(yield func(session.Visit, error) bool) {
		var last *visit
		for {
			page, err := s.visits(ctx, t, member, since, last)
			for _, v := range page {
				if err := ctx.Err(); err != nil {
					yield(session.Visit{}, err)
					return
				}
				if !yield(v.Visit, nil) {
					return
				}
				last = &v
			}
			if err == nil && len(page) < visitPage {
				err = ctx.Err()
				if err == nil {
					return
				}
			}
			if err != nil {
				yield(session.Visit{}, err)
				return
			}
		}
	}
}

type visit struct {
	session.Visit
	seq int64
}

// visits returns the page of visits behind one, or the first.
func (s *Sessions) visits(ctx context.Context, t session.TenantID, member session.MemberID, since time.Time, last *visit) (page []visit, err error) {
	var w where
	w.and("v.tenant = ", string(t))
	if member != "" {
		w.and("v.member = ", string(member))
	}
	if !since.IsZero() {
		w.and("v.at >= ", s.db.at(since))
	}
	if last != nil {
		w.text("(v.at, v.seq) < (" + w.arg(s.db.at(last.At)) + ", " + w.arg(last.seq) + ")")
	}
	query := `SELECT v.seq, coalesce(s.first, v.first), v.tenant, v.member, v.client, v.addr, v.country, v.device, v.system, v.verified, v.at
		FROM sallyport_visits v LEFT JOIN sallyport_sessions s ON s.seq = v.seq` + w.String() +
		" ORDER BY v.at DESC, v.seq DESC LIMIT " + w.arg(int64(visitPage))
	err = s.db.read(ctx, func(q querier) error {
		if page = nil; named(string(t), string(member)) != nil {
			return ctx.Err()
		}
		return s.db.rows(ctx, q, func(scan func(...any) error) error {
			v, err := readVisit(scan)
			page = append(page, v)
			return err
		}, query, w.args...)
	})
	return page, err
}

func readVisit(scan func(...any) error) (v visit, err error) {
	var id []byte
	var client, addr, country string
	var at instant
	if err := scan(&v.seq, &id, (*string)(&v.Tenant), (*string)(&v.Member), &client, &addr, &country, &v.Device, &v.System, &v.Verified, &at); err != nil {
		return v, err
	}
	copy(v.Session[:], id)
	v.At = at.Time
	if v.Client, err = session.ParseClient(client); err != nil {
		return v, answer(err)
	}
	if err := v.Country.UnmarshalText([]byte(country)); err != nil {
		return v, answer(err)
	}
	if addr != "" {
		v.Addr, err = netip.ParseAddr(addr)
		err = answer(err)
	}
	return v, err
}
