package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// A change of the host's own table is told with its commit, and never found by polling. In a
// schema whose name needs quotes too: there nothing was told, of accounts and settings either.
func TestTellMember(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	if _, err := open(t, "pgx", dsn).Exec(`CREATE SCHEMA "Ours"`); err != nil {
		t.Fatal(err)
	}
	dsn = with(t, dsn, "search_path", `"Ours"`)
	db := open(t, "pgx", dsn)
	a, b := migrated(t, db, sqlstore.PostgreSQL), migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	var mu sync.Mutex
	told := make(map[member.ID]bool)
	go b.Members().Follow(t.Context(), func(of session.TenantID, id member.ID) {
		mu.Lock()
		defer mu.Unlock()
		told[id] = of == acme
	})
	for done := false; !done; { // until it has begun to listen
		for _, id := range []member.ID{"taken back", "kim"} {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.In(tx).TellMember(t.Context(), acme, id, session.NewLine()); err != nil {
				t.Fatal(err)
			}
			end := tx.Commit
			if id == "taken back" {
				end = tx.Rollback
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		done = told["kim"]
		mu.Unlock()
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 {
		t.Errorf("told of %v; want kim alone", told)
	}
}

func TestTellMemberRefuses(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s := p.new(t)
		for _, test := range []struct {
			why    string
			tenant session.TenantID
			id     member.ID
		}{
			{"no tenant", "", "kim"},
			{"no member", acme, ""},
			{"a name that no text of PostgreSQL can hold", acme, "k\x00m"},
			{"a name that is too long to be told", acme, member.ID(strings.Repeat("k", 8000))},
		} {
			if err := s.TellMember(t.Context(), test.tenant, test.id, session.NewLine()); err == nil {
				t.Errorf("%s: no error", test.why)
			}
		}
		err := s.TellMember(t.Context(), acme, "kim", session.Version{})
		if unsupported := errors.Is(err, errors.ErrUnsupported); unsupported != (p.dialect == sqlstore.SQLite) || err != nil && !unsupported {
			t.Errorf("a member of a host that versions none: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.TellMember(ctx, acme, "kim", session.NewLine()); err == nil {
			t.Error("told after the end of the context")
		}
	})
}
