package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// How often a Watch looks for changes of which it was not told.
const (
	pollTold   = 5 * time.Second        // PostgreSQL: it is told, and looks for what was missed
	pollUntold = 500 * time.Millisecond // PostgreSQL through a pooler, or by a driver that wraps pgx and hides it
	pollFile   = 100 * time.Millisecond // SQLite: nobody tells of what other processes write
	spare      = 4                      // connections: a pool of fewer is not deprived of one to listen on
	longest    = 30 * time.Second       // until Follow begins again
)

// Watch tells of saves until ctx ends; see [policy.Watcher]. On PostgreSQL it keeps a
// connection for itself, on which it is told (LISTEN), and looks every few seconds for
// what it was not told. On SQLite, and where the pool has fewer than four connections, it
// looks some times a second, and keeps none; through any pooler, in session mode too, it
// looks twice a second.
func (p *Policies) Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error {
	w := watch{db: p.db, table: "sallyport_policies"}
	return w.run(ctx, func(k watched, v session.Version) { changed(k.tenant, v) })
}

// Watch tells of changes of accounts until ctx ends, as Policies.Watch does of saves: by
// it a process drops the copies of members that it keeps.
func (m *Members) Watch(ctx context.Context, changed func(session.TenantID, member.ID, session.Version)) error {
	w := watch{db: m.db, table: "sallyport_members", members: true}
	return w.run(ctx, func(k watched, v session.Version) { changed(k.tenant, k.member, v) })
}

// Follow is Watch for a process that runs for long: it begins again where the database
// fails, and returns when ctx has ended. What changed meanwhile is not told; an engine
// finds it within MaxStale.
//
//	go stores.Members().Follow(ctx, eng.MemberChanged)
func (m *Members) Follow(ctx context.Context, changed func(session.TenantID, member.ID)) error {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, longest) {
		began := time.Now()
		m.Watch(ctx, func(t session.TenantID, id member.ID, _ session.Version) { changed(t, id) })
		if time.Since(began) > longest {
			wait = time.Second
		}
		sleep(ctx, wait)
	}
	return ctx.Err()
}

// TellMember tells whoever calls Follow or Watch, in every process, that a member of the
// host's own table has changed, so that engines read it at once. Call it in the host's
// transaction, and it is told with the commit:
//
//	err = stores.In(tx).TellMember(ctx, tenant, id, m.Version)
//
// It is a hint: who does not listen, as with a pool of fewer than four connections or
// through any pooler, in session mode too, finds the change within MaxStale. Accounts of
// Members are told without it. SQLite tells nobody, and the error is an
// [errors.ErrUnsupported] there: call Engine.MemberChanged.
func (d *DB) TellMember(ctx context.Context, t session.TenantID, id member.ID, v session.Version) error {
	return d.write(ctx, func(q querier) error {
		if d.dialect != PostgreSQL {
			return answer(fmt.Errorf("sqlstore: %v tells nobody of a change, call MemberChanged of the engine: %w", d.dialect, errors.ErrUnsupported))
		}
		if t == "" || id == "" {
			return answer(errors.New("sqlstore: a change of no member"))
		}
		if err := named(string(t), string(id)); err != nil {
			return err
		}
		_, err := d.exec(ctx, q, `SELECT pg_notify('sallyport_members', json_build_array(n.nspname, $1::bigint, $2::bigint, $3::text, $4::text)::text)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'sallyport_members'::regclass`,
			int64(v.Line), int64(v.Number), string(t), string(id))
		return err
	})
}

// watched is whose record changed.
type watched struct {
	tenant session.TenantID
	member member.ID
}

// watch is one call of Watch. What is told and what is found are gathered and handed out
// by run alone, so that a changed that blocks keeps nobody from reading what the server
// sends, which would hold up its commits in the end.
type watch struct {
	db      *DB
	table   string
	members bool
	wake    chan struct{} // holds one signal

	mu   sync.Mutex
	news map[watched]session.Version
}

func (w *watch) run(ctx context.Context, changed func(watched, session.Version)) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case w.db == nil || w.db.pool == nil:
		return errZero
	case w.db.host != nil:
		return errors.New("sqlstore: Watch does not work in a transaction")
	}
	w.wake, w.news = make(chan struct{}, 1), make(map[watched]session.Version)
	gathering, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		err := w.gather(gathering)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		done <- err
	}()
	defer func() { stop() }()
	for {
		select {
		case err := <-done:
			return err
		case <-w.wake:
		}
		w.mu.Lock()
		news := w.news
		w.news = make(map[watched]session.Version)
		w.mu.Unlock()
		for k, v := range news {
			if ctx.Err() != nil {
				break
			}
			changed(k, v)
		}
	}
}

// note keeps a change until run hands it out. Of one that is told before it is found, the
// later one counts.
func (w *watch) note(k watched, v session.Version) {
	w.mu.Lock()
	if was, ok := w.news[k]; !ok || was.Line != v.Line || was.Number < v.Number {
		w.news[k] = v
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// gather notes changes until ctx ends or the database fails.
func (w *watch) gather(ctx context.Context) error {
	p := &poll{watch: w}
	if w.db.dialect == SQLite {
		return w.db.told(ctx, p.every(ctx, w.db.pool, pollFile, sleep))
	}
	if most := w.db.pool.Stats().MaxOpenConnections; most > 0 && most < spare {
		return w.db.told(ctx, p.every(ctx, w.db.pool, pollUntold, sleep))
	}
	conn, err := w.db.pool.Conn(ctx)
	if err != nil {
		return w.db.told(ctx, err)
	}
	defer conn.Close()
	told, err := w.listen(ctx, conn)
	if err != nil {
		return w.db.told(ctx, err)
	}
	if told == nil {
		return w.db.told(ctx, p.every(ctx, conn, pollUntold, sleep))
	}
	defer told.stop(conn)
	return w.db.told(ctx, p.every(ctx, conn, pollTold, func(ctx context.Context, wait time.Duration) error {
		return conn.Raw(func(any) error { return told.wait(ctx, wait) })
	}))
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// listener hears what triggers tell. Channels belong to a database: what other schemas
// tell in it is passed over.
type listener struct {
	*watch
	conn   *pgx.Conn
	schema string
}

// listen returns nil where nobody would be heard: by a driver that hides pgx, and through a
// pooler. There the next statement may meet another connection, and the LISTEN stay behind
// on one that others use, whose drivers would keep what they are told for ever. Of a pooler
// in session mode that is not so, but nothing tells it from the others.
func (w *watch) listen(ctx context.Context, conn *sql.Conn) (*listener, error) {
	l := &listener{watch: w}
	conn.Raw(func(c any) error {
		if c, ok := c.(*stdlib.Conn); ok {
			l.conn = c.Conn()
		}
		return nil
	})
	if l.conn == nil {
		return nil, nil
	}
	var pid int64
	_, err := w.db.row(ctx, conn, "SELECT pg_backend_pid(), n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::text::regclass",
		[]any{w.table}, &pid, &l.schema)
	if err != nil || pid != int64(l.conn.PgConn().PID()) { // it is the pooler that has introduced itself
		return nil, err
	}
	_, err = conn.ExecContext(ctx, "LISTEN "+w.table)
	return l, err
}

// stop gives the connection back as it was, or drops it.
func (l *listener) stop(conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_, err := conn.ExecContext(ctx, "UNLISTEN *")
	drop(conn, err)
}

// wait notes what is told for some time.
func (l *listener) wait(ctx context.Context, wait time.Duration) error {
	timed, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		n, err := l.conn.WaitForNotification(timed)
		if err != nil {
			if ctx.Err() == nil && timed.Err() != nil && !l.conn.IsClosed() {
				return nil
			}
			return err
		}
		l.hear(n.Channel, n.Payload)
	}
}

// hear notes one message. What it does not understand is for the polling to find.
func (l *listener) hear(channel, payload string) {
	var k watched
	var v version
	var schema string
	fields := []any{&schema, &v.Line, &v.Number, (*string)(&k.tenant)}
	if l.members {
		fields = append(fields, (*string)(&k.member))
	}
	if channel != l.table || json.Unmarshal([]byte(payload), &fields) != nil || len(fields) < 4 || schema != l.schema || k.tenant == "" {
		return
	}
	l.note(k, v.of())
}

// poll finds changes of which nobody was told. It notes each version of a record once.
//
// Transactions are not committed in the order of their numbers, and none must be passed
// over. On PostgreSQL a look begins, therefore, where the oldest transaction was that was
// under way at the look before: what lies below had ended then, and was seen. On SQLite
// changes are numbered by triggers, one after the other.
type poll struct {
	*watch
	begun bool
	from  string // the first number that may be new
	seen  map[watched]session.Version
}

func (p *poll) every(ctx context.Context, conn querier, wait time.Duration, pass func(context.Context, time.Duration) error) error {
	for {
		if err := p.look(ctx, conn); err != nil {
			return err
		}
		if err := pass(ctx, wait); err != nil {
			return err
		}
	}
}

func (p *poll) look(ctx context.Context, q querier) error {
	// Where the next look begins is read before this one looks.
	next, since, from := "SELECT CAST(coalesce(max(changed), 0) + 1 AS TEXT) FROM "+p.table, "changed >= CAST($1 AS INTEGER)", p.from
	if p.db.dialect == PostgreSQL {
		next = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
		// Numbers of transactions to come are those of a cluster that this was copied from.
		since = "changed >= $1::text::xid8 AND changed < pg_snapshot_xmax(pg_current_snapshot())"
	}
	if _, err := p.db.row(ctx, q, next, nil, &p.from); err != nil {
		return err
	}
	if !p.begun {
		p.begun = true
		return nil
	}
	id := "''"
	if p.members {
		id = "id"
	}
	seen := make(map[watched]session.Version)
	err := p.db.rows(ctx, q, func(scan func(...any) error) error {
		var k watched
		var v version
		if err := scan((*string)(&k.tenant), (*string)(&k.member), &v.Line, &v.Number); err != nil {
			return err
		}
		seen[k] = v.of()
		if p.seen[k] != v.of() {
			p.note(k, v.of())
		}
		return nil
	}, fmt.Sprintf("SELECT tenant, %s, line, number FROM %s WHERE %s", id, p.table, since), from)
	p.seen = seen
	return err
}
