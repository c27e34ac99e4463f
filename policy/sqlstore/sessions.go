package sqlstore

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// Sessions is a [session.Store] and a [session.VisitStore]. Instants are kept to the
// microsecond, rounded down, and come back in UTC. Make one with DB.Sessions.
//
// Creating, finding, touching, renewing and ending a session take one statement, and a
// touch writes no index. Names that are not UTF-8, have a zero byte or more than 1,000
// bytes are refused by Create; no session has them.
//
// Call Purge now and then, or what is dead is kept for ever.
//
// Where the sessions are in Redis, it keeps their visits: see [session.WithVisits].
type Sessions struct{ db *DB }

var _ interface {
	session.Store
	session.VisitStore
	session.Uncommitted
} = (*Sessions)(nil)

// Uncommitted reports whether the store is one of DB.In; see [session.Uncommitted].
func (s *Sessions) Uncommitted() bool { return s != nil && s.db != nil && s.db.host != nil }

const sessionColumns = `id, first, tenant, member, kind, client, policy_line, policy_number, member_line, member_number,
	verified, verified_country, addr, country, device, system, via, label, created, seen, idle, life, ended, why`

// Create stores a session and its visit; see [session.Store].
func (s *Sessions) Create(ctx context.Context, n session.Session) error {
	return s.db.write(ctx, func(q querier) error {
		if err := n.Err(); err != nil {
			return answer(err)
		}
		if err := named(string(n.Tenant), string(n.Member), n.Device, n.System, n.Via, n.Label); err != nil {
			return err
		}
		policy, member := columns(n.Stamp.Policy), columns(n.Stamp.Member)
		n.Created, n.Seen = n.Created.Truncate(time.Microsecond), n.Seen.Truncate(time.Microsecond)
		made, err := s.db.exec(ctx, q, `INSERT INTO sallyport_sessions (`+sessionColumns+`, dies)
			VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, NULL, '', $22)
			ON CONFLICT DO NOTHING`,
			n.ID[:], string(n.Tenant), string(n.Member), n.Kind.String(), n.Stamp.Client.String(),
			policy.Line, policy.Number, member.Line, member.Number, n.Stamp.Verified, n.Stamp.Country.String(),
			address(n.Addr), n.Country.String(), n.Device, n.System, n.Via, n.Label,
			s.db.at(n.Created), s.db.at(n.Seen), int64(n.Idle), int64(n.Life), s.db.orNull(n.EndsAt()))
		if err == nil && made == 0 {
			err = errExists
		}
		return err
	})
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Find returns a session; see [session.Store].
func (s *Sessions) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	var found []session.Session
	err := s.db.read(ctx, func(q querier) (err error) {
		if found = nil; named(string(t)) == nil {
			found, err = s.list(ctx, q, "SELECT "+sessionColumns+" FROM sallyport_sessions WHERE id = $1 AND tenant = $2{primary}", id[:], string(t))
		}
		if err == nil && len(found) == 0 {
			err = errNotFound
		}
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return found[0], nil
}

// list reads sessions.
func (s *Sessions) list(ctx context.Context, q querier, query string, args ...any) (list []session.Session, err error) {
	err = s.db.rows(ctx, q, func(scan func(...any) error) error {
		n, err := readSession(scan)
		list = append(list, n)
		return err
	}, query, args...)
	return list, err
}

func readSession(scan func(...any) error) (n session.Session, err error) {
	var id, first []byte
	var kind, client, verified, addr, country string
	var policy, member version
	var created, seen, ended instant
	if err := scan(&id, &first, (*string)(&n.Tenant), (*string)(&n.Member), &kind, &client, &policy.Line, &policy.Number, &member.Line, &member.Number,
		&n.Stamp.Verified, &verified, &addr, &country, &n.Device, &n.System, &n.Via, &n.Label, &created, &seen, &n.Idle, &n.Life, &ended, &n.Why); err != nil {
		return n, err
	}
	if len(id) != len(n.ID) || len(first) != len(n.First) {
		return n, answer(errors.New("sqlstore: a session has an id of another length"))
	}
	n.ID, n.First = session.ID(id), session.ID(first)
	n.Stamp.Policy, n.Stamp.Member = policy.of(), member.of()
	n.Created, n.Seen, n.Ended = created.Time, seen.Time, ended.Time
	var problems [5]error
	n.Kind, problems[0] = session.ParseKind(kind)
	n.Stamp.Client, problems[1] = session.ParseClient(client)
	problems[2] = n.Stamp.Country.UnmarshalText([]byte(verified))
	problems[3] = n.Country.UnmarshalText([]byte(country))
	if addr != "" {
		n.Addr, problems[4] = netip.ParseAddr(addr)
	}
	return n, answer(errors.Join(problems[:]...))
}

// alive is true of the rows that are live at the instant $3.
const alive = "ended IS NULL AND $3 < {ends}"

// Touch sets when and where a session was seen; see [session.Store].
func (s *Sessions) Touch(ctx context.Context, t session.TenantID, id session.ID, at time.Time, addr netip.Addr, c geo.Country) error {
	query := "UPDATE sallyport_sessions SET seen = $3, addr = $4, country = $5 WHERE id = $1 AND tenant = $2 AND seen <= $3 AND " + alive
	args := []any{id[:], string(t), s.db.at(at), address(addr), c.String()}
	if !addr.IsValid() {
		query, args = "UPDATE sallyport_sessions SET seen = $3 WHERE id = $1 AND tenant = $2 AND seen <= $3 AND "+alive, args[:3]
	}
	return s.change(ctx, t, id, at, func(_ querier, n session.Session) error {
		if at.Truncate(time.Microsecond).Before(n.Seen) {
			return answer(nil) // it comes late
		}
		return errAgain
	}, query, args...)
}

// change runs a statement that changes one session if it is live. If it changed none, the
// error tells why, or else is told of the live session that is there.
func (s *Sessions) change(ctx context.Context, t session.TenantID, id session.ID, at time.Time, otherwise func(querier, session.Session) error, query string, args ...any) error {
	return s.db.write(ctx, func(q querier) error {
		if named(string(t)) != nil {
			return errNotFound
		}
		n, err := s.db.exec(ctx, q, query, args...)
		if err != nil || n > 0 {
			return err
		}
		found, err := s.list(ctx, q, "SELECT "+sessionColumns+" FROM sallyport_sessions WHERE id = $1 AND tenant = $2", id[:], string(t))
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return errNotFound
		case !found[0].Live(at.Truncate(time.Microsecond)):
			return errEnded
		}
		return otherwise(q, found[0])
	})
}

// Renew gives a session another ID; see [session.Store].
func (s *Sessions) Renew(ctx context.Context, t session.TenantID, id, next session.ID, at time.Time) error {
	if next.IsZero() {
		return errors.New("sqlstore: the zero ID names no session; draw one with session.NewToken")
	}
	err := s.change(ctx, t, id, at, func(q querier, _ session.Session) error {
		var one int
		there, err := s.db.row(ctx, q, "SELECT 1 FROM sallyport_sessions WHERE id = $1 OR first = $1", []any{next[:]}, &one)
		switch {
		case err != nil:
			return err
		case there:
			return errExists
		}
		return errAgain
	}, `UPDATE sallyport_sessions SET id = $4, seen = CASE WHEN seen < $3 THEN $3 ELSE seen END
		WHERE id = $1 AND tenant = $2 AND `+alive+` AND NOT EXISTS (SELECT 1 FROM sallyport_sessions WHERE id = $4 OR first = $4)`,
		id[:], string(t), s.db.at(at), next[:])
	if s.db != nil && s.db.taken(err) { // by somebody at this moment
		return session.ErrExists
	}
	return err
}

// End ends a session; see [session.Store].
func (s *Sessions) End(ctx context.Context, t session.TenantID, id session.ID, at time.Time, why string) error {
	return s.db.write(ctx, func(q querier) error {
		if named(string(t)) != nil {
			return errNotFound
		}
		n, err := s.db.exec(ctx, q, "UPDATE sallyport_sessions SET "+ending+" WHERE (id = $3 OR first = $3) AND tenant = $4 AND ended IS NULL",
			s.db.orNull(at), plain(why), id[:], string(t))
		if err != nil || n > 0 {
			return err
		}
		var one int
		there, err := s.db.row(ctx, q, "SELECT 1 FROM sallyport_sessions WHERE (id = $1 OR first = $1) AND tenant = $2", []any{id[:], string(t)}, &one)
		if err == nil && !there {
			err = errNotFound
		}
		return err
	})
}

// ending ends a session at $1 for the reason $2. An end without an instant, by a caller who
// forgot it, must not spare the session.
const ending = `ended = coalesce($1, created), why = $2,
	dies = CASE WHEN dies < coalesce($1, created) THEN dies ELSE coalesce($1, created) END`
