package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// Verifications is a [verify.Store]. Each of its methods is one statement. Make one with
// DB.Verifications.
type Verifications struct{ db *DB }

var _ verify.Store = (*Verifications)(nil)

// Load returns the record of a member; see [verify.Store].
func (s *Verifications) Load(ctx context.Context, t session.TenantID, m member.ID) (verify.Record, error) {
	var r verify.Record
	err := s.db.read(ctx, func(q querier) error {
		var revision string
		var doc []byte
		found, err := s.db.find(ctx, q, "SELECT revision, record FROM sallyport_verifications WHERE tenant = $1 AND member = $2{primary}",
			[]string{string(t), string(m)}, &revision, &doc)
		if err != nil || !found {
			return missing(err, "verifications of", string(m))
		}
		if err := json.Unmarshal(doc, &r); err != nil {
			return answer(fmt.Errorf("sqlstore: the verifications of %s: %w", quote(string(m)), err))
		}
		if r.Tenant != t || r.Member != m || r.Revision != revision {
			return answer(fmt.Errorf("sqlstore: in the row of %s are the verifications of %s; somebody else has altered it", quote(string(m)), quote(string(r.Member))))
		}
		return nil
	})
	if err != nil {
		return verify.Record{}, err
	}
	return r, nil
}

// Save replaces the record of a member; see [verify.Store].
func (s *Verifications) Save(ctx context.Context, expected string, r verify.Record) error {
	doc, err := json.Marshal(r)
	return s.db.write(ctx, func(q querier) error {
		for _, err := range []error{r.Err(), err, named(string(r.Tenant), string(r.Member), r.Revision), whole(doc)} {
			if err != nil {
				return answer(err)
			}
		}
		query, args := `INSERT INTO sallyport_verifications (tenant, member, revision, until, record)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, member) DO NOTHING`,
			[]any{string(r.Tenant), string(r.Member), r.Revision, s.db.at(r.Until), string(doc)}
		if expected != "" {
			if named(expected) != nil {
				return errConflict
			}
			query = `UPDATE sallyport_verifications SET revision = $3, until = $4, record = $5
				WHERE tenant = $1 AND member = $2 AND revision = $6`
			args = append(args, expected)
		}
		n, err := s.db.exec(ctx, q, query, args...)
		if err == nil && n == 0 {
			err = errConflict
		}
		return err
	})
}

// Purge removes records that have ended; see [verify.Store].
func (s *Verifications) Purge(ctx context.Context, at time.Time, n int) (int, error) {
	return s.db.batch(ctx, n, false, `WITH ready AS MATERIALIZED (
			SELECT {row} AS seq FROM sallyport_verifications WHERE until <= $1 ORDER BY until LIMIT $2 {skip}
		) DELETE FROM sallyport_verifications WHERE {row} {in ready}`,
		s.db.at(at), int64(n))
}
