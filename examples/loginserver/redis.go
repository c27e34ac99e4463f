package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// redisKept is how long Redis keeps sessions that have ended: long enough for an administrator
// to see what became of them, and not as long as the accesses, which are in the database.
const redisKept = 7 * 24 * time.Hour

// useRedis puts the sessions of stores, their ends and the telling of changes on the Redis that
// -redis names. The visits, and everything else, stay where they are. Every server of a service
// must do so, or none.
func useRedis(ctx context.Context, name string, stores *site.Stores, lasts bool, log *slog.Logger) (*redisstore.DB, io.Closer, error) {
	visits, ok := stores.Sessions.(session.VisitStore)
	if !ok {
		return nil, nil, fmt.Errorf("-redis: %T keeps no visits", stores.Sessions)
	}
	options := &redis.Options{Addr: name}
	if strings.Contains(name, "://") {
		var err error
		if options, err = redis.ParseURL(name); err != nil {
			var quoting *url.Error // the whole URL, with its password
			if errors.As(err, &quoting) {
				err = quoting.Err
			}
			return nil, nil, fmt.Errorf("-redis: %w; write HOST:PORT or redis://user:password@host:port/0", err)
		}
	} else if _, _, err := net.SplitHostPort(name); err != nil || strings.Contains(name, "@") { // which may quote a password
		return nil, nil, errors.New("-redis: write HOST:PORT, as in 127.0.0.1:6379, or redis://user:password@host:port/0")
	}
	options.ContextTimeoutEnabled = true
	options.DialTimeout = cmp.Or(options.DialTimeout, 2*time.Second)
	options.ReadTimeout = cmp.Or(options.ReadTimeout, 2*time.Second)
	options.DialerRetries = 1 // a command is tried again anyway
	client := redis.NewClient(options)
	db, err := redisOf(ctx, client, stores.Values, lasts, log)
	if err != nil {
		client.Close()
		return nil, nil, fmt.Errorf("-redis: %w", err)
	}
	sessions := db.Sessions()
	stores.Sessions, stores.Revoker, stores.Kept = session.WithVisits(sessions, visits), sessions, redisKept
	stores.Policies, stores.Members = db.Told(stores.Policies), toldMembers{stores.Members, db, log}
	return db, client, nil
}

// redisOf returns the store in Redis that belongs to what values keep. It is set up when that
// is new, and never again: a Redis that was emptied by mistake must not pass for a new one.
func redisOf(ctx context.Context, client *redis.Client, values site.Values, lasts bool, log *slog.Logger) (*redisstore.DB, error) {
	prefix := "loginserver" // of a server whose own memory does not last: it begins anew at each start
	if lasts {
		var err error
		if prefix, err = kept(ctx, values, "prefix", "loginserver-"+rand.Text()); err != nil {
			return nil, err
		}
	}
	db, err := redisstore.New(ctx, client, &redisstore.Options{Prefix: prefix, Failed: func(err error) { log.Warn("redis", "error", err) }})
	if err != nil {
		return nil, err
	}
	// Servers that start at once may each draw a line; the last one counts, and there is no
	// session yet. One that is killed in between leaves it to the next start.
	if _, err := values.Get(ctx, "redis", "line"); errors.Is(err, session.ErrNotFound) {
		if err := db.NewLine(ctx); err != nil {
			return nil, err
		}
		_, err = kept(ctx, values, "line", "drawn")
		return db, err
	} else if err != nil {
		return nil, err
	}
	if _, err := db.Sessions().Find(ctx, "", session.ID{}); errors.Is(err, redisstore.ErrLost) {
		log.Error("nobody can come in: Redis is not the one that had the sessions, or has lost some; once that is understood, end them all with -new-line", "error", err)
	}
	return db, nil
}

// kept returns the value of that name, which is first if there is none yet: of many servers at
// once, all get one.
func kept(ctx context.Context, values site.Values, name, first string) (string, error) {
	err := values.Put(ctx, site.Value{Kind: "redis", Name: name, Body: []byte(first)})
	if err == nil || !errors.Is(err, session.ErrConflict) {
		return first, err
	}
	v, err := values.Get(ctx, "redis", name)
	return string(v.Body), err
}

// toldMembers is a store of members that tells other servers of what is saved, by Redis. What
// is not told they find within a minute.
type toldMembers struct {
	memberStore
	db  *redisstore.DB
	log *slog.Logger
}

type memberStore interface {
	directory.Store
	directory.Counter
}

// Save saves, and then tells.
func (m toldMembers) Save(ctx context.Context, c directory.Change) error {
	if err := m.memberStore.Save(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second/2)
	defer cancel()
	if err := m.db.TellMember(ctx, c.Account.Tenant, c.Account.ID, c.Account.Version); err != nil {
		m.log.Warn("a change of a member was not told", "tenant", c.Account.Tenant, "error", err)
	}
	return nil
}

// Follow tells of what other servers save.
func (m toldMembers) Follow(ctx context.Context, changed func(session.TenantID, session.MemberID)) error {
	return m.db.FollowMembers(ctx, changed)
}
