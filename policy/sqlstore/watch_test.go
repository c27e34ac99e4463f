package sqlstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// watching runs a Watch of s until the test ends and returns what it was told last of a
// tenant.
func watching(t testing.TB, s *sqlstore.DB) func(session.TenantID) session.Version {
	var mu sync.Mutex
	last := make(map[session.TenantID]session.Version)
	go s.Policies().Watch(t.Context(), func(of session.TenantID, v session.Version) {
		mu.Lock()
		defer mu.Unlock()
		last[of] = v
	})
	return func(of session.TenantID) session.Version {
		mu.Lock()
		defer mu.Unlock()
		return last[of]
	}
}

// A process is told of what others save, by a driver that hides how too, and of a save
// whose transaction began before others that ended before it.
func TestWatchTellsOfOtherProcesses(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		a := migrated(t, open(t, p.driver, dsn), p.dialect)
		told, found := watching(t, migrated(t, open(t, p.driver, dsn), p.dialect)), watching(t, migrated(t, p.hooked(t, dsn, &counted{}), p.dialect))
		n := uint64(1)
		for ; told(acme).Number < 3 || found(acme).Number < 3; n++ { // until both have begun
			if err := save(t.Context(), a, record(acme, n)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		until := func(what string, of session.TenantID, number uint64) {
			t.Helper()
			for told(of).Number != number || found(of).Number != number {
				time.Sleep(time.Millisecond)
			}
		}
		until("the last save", acme, n-1)
		if p.dialect == sqlstore.SQLite {
			return // where one can write at a time
		}
		late, err := open(t, p.driver, dsn).Begin()
		if err != nil {
			t.Fatal(err)
		}
		if err := save(t.Context(), a.In(late), record("late", 1)); err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n <= 3; n++ {
			if err := save(t.Context(), a, record("early", n)); err != nil {
				t.Fatal(err)
			}
			until("what was saved later and committed before", "early", n)
		}
		if told("late").Number != 0 || found("late").Number != 0 {
			t.Error("told of a save that is not committed")
		}
		if err := late.Commit(); err != nil {
			t.Fatal(err)
		}
		until("what was saved first and committed last", "late", 1)
	})
}

// A message that is lost is found by polling: here no trigger sends any.
func TestGuarantee22MissedMessagesAreFound(t *testing.T) {
	t.Parallel() // it waits
	dsn := database(t)
	db := open(t, "pgx", dsn)
	a := migrated(t, db, sqlstore.PostgreSQL)
	if _, err := db.Exec("ALTER TABLE sallyport_policies DISABLE TRIGGER sallyport_policy_told"); err != nil {
		t.Fatal(err)
	}
	told := watching(t, migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL))
	for n := uint64(1); told(acme).Number == 0; n++ {
		if err := save(t.Context(), a, record(acme, n)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// What another schema of the database tells is not this one's.
func TestWatchPassesOverOtherSchemas(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	if _, err := open(t, "pgx", dsn).Exec("CREATE SCHEMA other"); err != nil {
		t.Fatal(err)
	}
	s := migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	other := migrated(t, open(t, "pgx", with(t, dsn, "search_path", "other")), sqlstore.PostgreSQL)
	told := watching(t, s)
	for n := uint64(1); told(acme).Number < 2; n++ {
		if err := save(t.Context(), other, record(acme, 1000+n)); n == 1 && err == nil {
			t.Fatal("a tenant of another schema is there")
		}
		if err := save(t.Context(), other, record("theirs", n)); err != nil {
			t.Fatal(err)
		}
		if err := save(t.Context(), s, record(acme, n)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if v := told("theirs"); v.Number != 0 {
		t.Errorf("told of a tenant of another schema, at %v", v)
	}
}

func TestWatchMembers(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		a, b := p.nodes(t)
		if _, err := act(t.Context(), a, directory.Create, acme, "kim", directory.Facts{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan session.Version)
		done := make(chan error)
		go func() {
			done <- b.Members().Watch(ctx, func(of session.TenantID, id member.ID, v session.Version) {
				if of != acme || id != "kim" {
					t.Errorf("told of %q of %q", id, of)
				}
				select {
				case told <- v:
				case <-ctx.Done():
				}
			})
		}()
		var last session.Version
		for acts := 0; ; acts++ {
			x := []directory.Act{directory.Suspend, directory.Lift}[acts%2]
			account, err := act(t.Context(), a, x, acme, "kim", directory.Facts{})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case last = <-told:
			case <-time.After(50 * time.Millisecond): // it has not begun yet
				continue
			}
			if last != account.Version {
				for last = range told {
					if last == account.Version {
						break
					}
				}
			}
			break
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch returned %v", err)
		}
	})
}

// The connection of a Watch breaks: it returns why, and can be begun again.
func TestWatchBreaksDown(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	x, through := nodetest.ProxiedDatabase(t, dsn)
	s := must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", through), sqlstore.PostgreSQL))
	for range 3 {
		done := make(chan error)
		begun := make(chan struct{})
		var once sync.Once
		go func() {
			done <- s.Policies().Watch(t.Context(), func(session.TenantID, session.Version) { once.Do(func() { close(begun) }) })
		}()
		for is := false; !is; {
			v, _ := s.Policies().Version(t.Context(), acme)
			if err := save(t.Context(), s, record(acme, v.Number+1)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-begun:
				is = true
			case <-time.After(20 * time.Millisecond):
			}
		}
		x.Drop()
		if err := <-done; err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("a Watch whose connection broke returned %v", err)
		}
	}
}
