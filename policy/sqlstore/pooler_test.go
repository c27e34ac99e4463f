package sqlstore_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// A pooler introduces itself by a number that is no server process's. What is said there to
// one connection may reach another, so nothing listens, and a Watch finds what is saved.
func TestWatchDoesNotListenThroughAPooler(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		pooled  bool
		listens bool
	}{
		{"the server itself", false, true},
		{"a pooler", true, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			config := must[*pgx.ConnConfig](t)(pgx.ParseConfig(with(t, database(t), "sslmode", "disable"))) // what it says is to be read
			if row.pooled {
				dial := config.DialFunc
				config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := dial(ctx, network, address)
					return &pooled{Conn: conn}, err
				}
			}
			var listens listening
			config.Tracer = &listens
			db := stdlib.OpenDB(*config)
			defer db.Close()
			s := migrated(t, db, sqlstore.PostgreSQL)
			told := watching(t, s)
			for n := uint64(1); told(acme) == (session.Version{}); n++ { // until it has begun
				if err := save(t.Context(), s, record(acme, n)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if listens.Load() != row.listens {
				t.Errorf("%s: it listens %v", row.why, listens.Load())
			}
		})
	}
}

// listening is whether a LISTEN has gone by.
type listening struct{ atomic.Bool }

func (l *listening) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(q.SQL, "LISTEN") {
		l.Store(true)
	}
	return ctx
}

func (l *listening) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// pooled is a connection that gives another number of the process at its other end, in the
// first message of the kind K (BackendKeyData).
type pooled struct {
	net.Conn
	told bool
}

func (p *pooled) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if i := bytes.Index(b[:n], []byte{'K', 0, 0, 0}); !p.told && i >= 0 && i+8 < n {
		b[i+8] ^= 1
		p.told = true
	}
	return n, err
}
