package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// Sessions is a [session.Store] and a [session.Revoker]. Instants are kept to the
// microsecond, rounded down, and come back in UTC. Make one with DB.Sessions.
//
// A session that a cut of Revoke ends is found as ended at the instant of its order, with
// the order's kind as the reason, until EndAll reaches it, which writes the order's Reason.
//
// It keeps no visits: 90 days of them belong in a database on disk, and
// [session.WithVisits] has them there. Call Purge now and then, or what is dead is kept for
// ever.
type Sessions struct{ db *DB }

var _ interface {
	session.Store
	session.Revoker
} = (*Sessions)(nil)

// Sessions returns the sessions of the store.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

var (
	createScript = script("create")
	findScript   = script("find")
	touchScript  = script("touch")
	renewScript  = script("renew")
	endScript    = script("end")
)

// outcome returns the error that a script answers first.
func outcome(reply []any, err error) error {
	if err != nil {
		return err
	}
	if len(reply) == 0 {
		return errAnswer
	}
	switch text(reply[0]) {
	case "ok":
		return nil
	case "none":
		return session.ErrNotFound
	case "ended":
		return session.ErrEnded
	case "exists":
		return session.ErrExists
	}
	return errAnswer
}

// Create stores a session; see [session.Store].
func (s *Sessions) Create(ctx context.Context, n session.Session) error {
	if err := n.Err(); err != nil {
		return err
	}
	args, err := encode(n)
	if err != nil {
		return err
	}
	args = append([]any{string(n.Tenant), n.ID[:], microseconds(n.EndsAt())}, args...)
	return outcome(s.db.run(ctx, createScript, args...))
}

// Find returns a session; see [session.Store].
func (s *Sessions) Find(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	reply, err := s.db.run(ctx, findScript, string(t), id[:])
	if err := outcome(reply, err); err != nil {
		return session.Session{}, err
	}
	if len(reply) != 2 {
		return session.Session{}, errAnswer
	}
	found, err := decode(reply[1])
	if err == nil && (found.ID != id || found.Tenant != t) {
		return session.Session{}, fmt.Errorf("redisstore: session %v is stored under another id or tenant", id)
	}
	return found, err
}

// Touch sets when and where a session was seen; see [session.Store].
func (s *Sessions) Touch(ctx context.Context, t session.TenantID, id session.ID, at time.Time, addr netip.Addr, c geo.Country) error {
	where := ""
	if addr.IsValid() {
		where = addr.String()
	}
	return outcome(s.db.run(ctx, touchScript, string(t), id[:], instant(at), where, c.String()))
}

// Renew gives a session another ID; see [session.Store].
func (s *Sessions) Renew(ctx context.Context, t session.TenantID, id, next session.ID, at time.Time) error {
	if next.IsZero() {
		return errors.New("redisstore: the zero ID names no session; draw one with session.NewToken")
	}
	return outcome(s.db.run(ctx, renewScript, string(t), id[:], next[:], instant(at)))
}

// End ends a session; see [session.Store].
func (s *Sessions) End(ctx context.Context, t session.TenantID, id session.ID, at time.Time, why string) error {
	return outcome(s.db.run(ctx, endScript, string(t), id[:], microseconds(at), why))
}

// instant returns an instant as scripts count with it, the zero one too.
func instant(t time.Time) string {
	if t.IsZero() {
		t = time.UnixMicro(-exact)
	}
	return microseconds(t)
}
