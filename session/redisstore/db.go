package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// DB is a store in a Redis of the host, who makes and closes the client. Make one with New.
// It is safe for concurrent use; one in each process is enough.
type DB struct {
	client  redis.UniversalClient
	mark    string
	failed  func(error)
	history history
}

// Options are what a host can choose. Nil and zero fields mean what they say.
type Options struct {
	// Prefix names the store; all its keys begin with it in braces. Letters, digits and
	// . _ - only. "": sallyport.
	Prefix string

	// Failed is told why something was not told to other processes, or not heard from them,
	// at once; it is found within the engine's MaxStale. It must not block. nil: nobody.
	Failed func(error)
}

// ErrLost says that data was lost, or is older than what was seen before, or that the
// store was never set up. Everything is refused until somebody draws a new line with
// DB.NewLine, which ends all sessions. Test with errors.Is.
var ErrLost = errors.New("redisstore: data was lost, or was never there; see that the server and its database are the right ones, then end all sessions with NewLine")

var prefixes = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// New makes a store on a client of a server, of a failover group or of a cluster, and asks
// the server whether it will do. The store is usable once NewLine was called for it, at any
// time, by any process.
//
// A client with ContextTimeoutEnabled heeds deadlines; without it a call that is given up
// is left to the client's own timeouts.
func New(ctx context.Context, client redis.UniversalClient, o *Options) (*DB, error) {
	if o == nil {
		o = new(Options)
	}
	prefix := o.Prefix
	if prefix == "" {
		prefix = "sallyport"
	}
	switch _, ring := client.(*redis.Ring); {
	case client == nil:
		return nil, errors.New("redisstore: there is no client")
	case ring:
		return nil, errors.New("redisstore: a Ring loses keys when a server leaves it; use a Client, a failover client or a ClusterClient")
	case !prefixes.MatchString(prefix):
		return nil, fmt.Errorf("redisstore: prefix %.50q; want up to 100 letters, digits, '.', '_' and '-'", prefix)
	}
	db := &DB{client: client, mark: "{" + prefix + "}:mark", failed: o.Failed}
	return db, db.fits(ctx)
}

// fits returns why the server cannot be used.
func (db *DB) fits(ctx context.Context) error {
	node, err := db.node(ctx)
	var texts [3]string
	for i, section := range []string{"server", "memory", "replication"} {
		if err == nil {
			texts[i], err = node.Info(ctx, section).Result()
		}
	}
	if err != nil {
		return fmt.Errorf("redisstore: the server cannot be asked whether it will do: %w", cmp.Or(ctx.Err(), err))
	}
	version := infoField(texts[0], "redis_version")
	if major, _, _ := strings.Cut(version, "."); atoi(major) < 7 {
		return fmt.Errorf("redisstore: the server is version %.20q; 7 or later is needed", version)
	}
	if infoField(texts[2], "role") == "slave" {
		return errors.New("redisstore: the server is a replica, which may be behind; connect to the primary")
	}
	// No key of ours ever expires, so that volatile-… takes none of them.
	if p := infoField(texts[1], "maxmemory_policy"); p != "noeviction" && !strings.HasPrefix(p, "volatile-") {
		return fmt.Errorf("redisstore: the server removes keys when memory is short (maxmemory-policy %.30q), sessions and their ends too; set noeviction", p)
	}
	return nil
}

func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// node returns the client of the server that has the store's slot.
func (db *DB) node(ctx context.Context) (redis.UniversalClient, error) {
	if cluster, ok := db.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, db.mark)
	}
	return db.client, nil
}

//go:embed lua/newline.lua
var newLine string

var newLineScript = redis.NewScript(newLine)

// NewLine sets the store up, or draws a new line after data was lost: from then on there
// are no sessions, and no cuts. What is left of those before is out of reach at once, and is
// removed before NewLine returns; an error after that is no harm, and another call goes on.
//
// It is for a person, or for the deployment of a new store, and not for each start of a
// program: a database that was emptied by mistake would pass for a new one.
func (db *DB) NewLine(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seen := db.history.seen()
	tag := rand.Text()
	line, err := newLineScript.Run(ctx, db.client, []string{db.mark}, seen.line, tag).Text()
	if err != nil {
		return unknown(ctx, err)
	}
	db.history.note(sight{line: line, tag: tag})
	node, err := db.node(ctx)
	if err != nil {
		return unknown(ctx, err)
	}
	all := strings.TrimSuffix(db.mark, "mark")
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var keys []string
		if keys, cursor, err = node.Scan(ctx, cursor, all+"*", 1000).Result(); err != nil {
			return unknown(ctx, err)
		}
		old := keys[:0]
		for _, k := range keys {
			if k != db.mark && strings.TrimPrefix(k, all) < line { // and none of a line after this one
				old = append(old, k)
			}
		}
		if len(old) > 0 {
			if err := node.Unlink(ctx, old...).Err(); err != nil {
				return unknown(ctx, err)
			}
		}
	}
	return nil
}

// sight is what a process saw of the history of the data: the line, how many ends were
// written on it, and the tag of the last.
type sight struct {
	line string // begins with the microsecond at which it was drawn
	ends uint64
	tag  string
}

// history is the latest that this process has seen. Each call shows it to the server,
// which refuses if it has gone back.
type history struct {
	mu     sync.Mutex
	latest sight
}

func (h *history) seen() sight {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest
}

// note takes what an answer tells, unless a later one came first.
func (h *history) note(s sight) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.line > h.latest.line || s.line == h.latest.line && s.ends > h.latest.ends {
		h.latest = s
	}
}

func (db *DB) fail(err error) {
	if db != nil && db.failed != nil {
		db.failed(err)
	}
}

// unknown is the error of a call to which there was no answer.
func unknown(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("redisstore: whether it was done is not known: %w", ended)
	}
	return fmt.Errorf("redisstore: no answer, and whether it was done is not known: %w", err)
}

// microseconds returns an instant as the scripts take it. The zero instant is "".
func microseconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(min(max(t.UnixMicro(), -exact), exact), 10)
}

// exact is up to where scripts count exactly.
const exact = 1<<53 - 1
