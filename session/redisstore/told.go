package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const (
	look    = time.Second            // how often a Watch looks for what it was not told
	behind  = 5 * time.Minute        // how far back a Watch begins: the engine's MaxStale at most
	page    = 500                    // changes that are read at a time
	telling = 500 * time.Millisecond // that telling may take of a save
	again   = time.Minute            // before it is told once more that nothing is heard
)

var (
	tellScript = script("tell")
	toldScript = script("told")
)

// Told returns a store that tells of its saves, those of other processes too: the store s,
// as a [policy.Watcher], and as a [policy.Historian] and a [session.Log] if s is one.
//
// When s has acknowledged a Save, the sign-outs among its orders become cuts of the
// sessions, and the version is told; both may take half a second together, and what fails
// is told to Options.Failed and does not fail the Save. Every process that saves must do
// it through Told. A Watch begins five minutes back, so that what was missed while there was
// none is told.
//
// The store is a [session.Uncommitted] as s is. Of a save in a transaction of the host, who
// may take it back, nothing is told: other machines see its settings within the engine's
// MaxStale, and its orders reach the Revoker within a second of the commit, by the Run of an
// engine on the store outside the transaction.
func (db *DB) Told(s policy.Store) policy.Store {
	t := told{s, db}
	h, _ := s.(policy.Historian)
	l, _ := s.(session.Log)
	switch {
	case h != nil && l != nil:
		return struct {
			told
			policy.Historian
			session.Log
		}{t, h, l}
	case h != nil:
		return struct {
			told
			policy.Historian
		}{t, h}
	case l != nil:
		return struct {
			told
			session.Log
		}{t, l}
	}
	return t
}

type told struct {
	policy.Store
	db *DB
}

var _ interface {
	policy.Watcher
	session.Uncommitted
} = told{}

// Uncommitted reports what the store behind it does; see [session.Uncommitted].
func (s told) Uncommitted() bool {
	u, ok := s.Store.(session.Uncommitted)
	return ok && u.Uncommitted()
}

// Save saves, and then tells.
func (s told) Save(ctx context.Context, expected session.Version, r policy.Record, e session.Event, orders []session.Order) (session.Version, error) {
	v, err := s.Store.Save(ctx, expected, r, e, orders)
	if err != nil || s.Uncommitted() {
		return v, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	for _, o := range orders {
		if o.Policy == v && !o.Due.After(e.At) { // of what was written now or before, and not for later
			err = errors.Join(err, s.db.Sessions().cut(ctx, o, e.At))
		}
	}
	err = errors.Join(err, s.db.tell(ctx, change{tenant: r.Tenant}, v))
	if err != nil {
		s.db.fail(fmt.Errorf("redisstore: a save of tenant %.100q was not told: %w", string(r.Tenant), err))
	}
	return v, nil
}

// Watch tells of saves; see [policy.Watcher].
func (s told) Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error {
	return s.db.watch(ctx, func(c change, v session.Version) {
		if c.member == "" {
			changed(c.tenant, v)
		}
	})
}

// TellMember tells other processes that a member has changed, once that is stored. What is
// not told they find within the engine's MaxStale.
func (db *DB) TellMember(ctx context.Context, t session.TenantID, m session.MemberID, v session.Version) error {
	if m == "" {
		return errors.New("redisstore: a change of no member")
	}
	return db.tell(ctx, change{t, m}, v)
}

// FollowMembers calls changed for each member of whom TellMember told, in this process or
// another, and returns when ctx has ended. It begins again where the server fails, five
// minutes back, and tells Options.Failed why, once a minute while that lasts.
//
//	go db.FollowMembers(ctx, eng.MemberChanged)
func (db *DB) FollowMembers(ctx context.Context, changed func(session.TenantID, session.MemberID)) error {
	var said time.Time
	for ctx.Err() == nil {
		began := time.Now()
		err := db.watch(ctx, func(c change, _ session.Version) {
			if c.member != "" {
				changed(c.tenant, c.member)
			}
		})
		if now := time.Now(); ctx.Err() == nil && (now.Sub(began) >= again || now.Sub(said) >= again) {
			said = now
			db.fail(fmt.Errorf("redisstore: changes of members are not heard: %w", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
	return ctx.Err()
}

// change is what is told of: a tenant's record, or a member's.
type change struct {
	tenant session.TenantID
	member session.MemberID
}

func (db *DB) channel() string { return strings.TrimSuffix(db.mark, "mark") + "told" }

func (db *DB) tell(ctx context.Context, c change, v session.Version) error {
	_, err := db.run(ctx, tellScript, db.channel(),
		"tenant", string(c.tenant), "member", string(c.member), "line", strconv.FormatUint(uint64(v.Line), 10), "number", strconv.FormatUint(v.Number, 10))
	return err
}

// watch calls changed for what is told, until ctx ends or the server fails. Nothing piles
// up if changed blocks: what it has not heard is on the server, the last 10,000 of it.
func (db *DB) watch(ctx context.Context, changed func(change, session.Version)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db == nil || db.client == nil {
		return errZero
	}
	hint := db.client.Subscribe(ctx, db.channel()) // which connects again by itself
	defer hint.Close()
	woken := hint.Channel(redis.WithChannelSize(1), redis.WithChannelSendTimeout(time.Millisecond))
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for after, line := "", ""; ; {
		var found []toldEntry
		var err error
		if found, after, line, err = db.heard(ctx, after, line); err != nil {
			if ended := ctx.Err(); ended != nil {
				err = ended
			}
			return err
		}
		last := make(map[change]session.Version)
		for _, e := range found {
			last[e.change] = e.version
		}
		for _, e := range found {
			if v, ok := last[e.change]; ok && ctx.Err() == nil {
				delete(last, e.change)
				changed(e.change, v)
			}
		}
		if len(found) == page {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		case <-ticker.C:
		}
	}
}

type toldEntry struct {
	change
	version session.Version
}

// heard returns what was told after an entry, and where to go on.
func (db *DB) heard(ctx context.Context, after, line string) (found []toldEntry, next, nextLine string, err error) {
	reply, err := db.run(ctx, toldScript, after, line, page, int(behind/time.Second))
	if err != nil {
		return nil, "", "", err
	}
	if len(reply) != 3 {
		return nil, "", "", errAnswer
	}
	next = text(reply[0])
	entries, _ := reply[2].([]any)
	for _, e := range entries {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			return nil, "", "", errAnswer
		}
		next = text(pair[0])
		var t toldEntry
		v := texts(pair[1])
		for i := 0; i+1 < len(v); i += 2 {
			switch v[i] {
			case "tenant":
				t.tenant = session.TenantID(v[i+1])
			case "member":
				t.member = session.MemberID(v[i+1])
			case "line":
				n, _ := strconv.ParseUint(v[i+1], 10, 32)
				t.version.Line = uint32(n)
			case "number":
				t.version.Number, _ = strconv.ParseUint(v[i+1], 10, 64)
			}
		}
		found = append(found, t)
	}
	return found, next, text(reply[1]), nil
}
