package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// The network fails at every point of a save. Whatever the save returned, all of it is
// there or nothing; once the network is back, the same save succeeds and is there once.
func TestGuarantee19NetworkFailsAtEachStep(t *testing.T) {
	lengthy(t)
	t.Parallel()
	dsn := database(t)
	direct := migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	for mode, name := range nodetest.Modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, through := nodetest.ProxiedDatabase(t, dsn)
			of := session.TenantID(name)
			if err := save(t.Context(), direct, record(of, 1)); err != nil {
				t.Fatal(err)
			}
			succeeded, failed, written := 0, 0, 0
			for chunks := 0; chunks <= 30; chunks++ {
				within := 100 * time.Millisecond
				if chunks == 30 { // one that nothing comes in the way of, however slow the machine is
					chunks, within = 1000, time.Minute
				}
				db := open(t, "pgx", through)
				s := must[*sqlstore.DB](t)(sqlstore.New(db, sqlstore.PostgreSQL))
				was := must[session.Version](t)(s.Policies().Version(t.Context(), of)) // it is connected
				r := record(of, was.Number+1)
				x.Fail(mode, chunks)
				ctx, cancel := context.WithTimeout(t.Context(), within)
				err := save(ctx, s, r)
				cancel()
				x.Heal()
				if err == nil {
					succeeded++
				} else {
					failed++
				}
				// What was on its way to the server when the network failed may be done yet:
				// the row is locked until then, and who repeats the save waits for it.
				done := look(t, direct, of)
				if repeated := save(t.Context(), s, r); repeated != nil {
					t.Errorf("after %d chunks the save returned %v; repeated: %v", chunks, err, repeated)
				}
				is := look(t, direct, of)
				is.whole(t, fmt.Sprintf("after %d chunks the save returned %v", chunks, err))
				if is.number != r.Version.Number || err == nil && done.number != r.Version.Number {
					t.Errorf("after %d chunks the save of %v returned %v, and the record is at %d", chunks, r.Version, err, is.number)
				}
				if err != nil && done.number == r.Version.Number {
					written++
				}
				db.Close()
			}
			if failed == 0 || succeeded == 0 {
				t.Errorf("%d saves failed and %d succeeded; want some of each", failed, succeeded)
			}
			t.Logf("%s: %d saves succeeded, %d failed, of which %d were written", name, succeeded, failed, written)
		})
	}
}

// A server that hangs holds nobody past the caller's deadline.
func TestGuarantee24ServerHangs(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	x, through := nodetest.ProxiedDatabase(t, dsn)
	s := must[*sqlstore.DB](t)(sqlstore.New(open(t, "pgx", through), sqlstore.PostgreSQL))
	one := live(acme, "kim", session.Stamp{Client: session.Web})
	if err := errors.Join(save(t.Context(), s, record(acme, 1)), s.Sessions().Create(t.Context(), one)); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"Version": func(ctx context.Context) error { _, err := s.Policies().Version(ctx, acme); return err },
		"Save":    func(ctx context.Context) error { return save(ctx, s, record(acme, 2)) },
		"Touch":   func(ctx context.Context) error { return s.Sessions().Touch(ctx, acme, one.ID, time.Now(), addr, korea) },
		"Take":    func(ctx context.Context) error { _, err := s.Members().Take(ctx, 1, time.Minute); return err },
	} {
		if _, err := s.Policies().Version(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		x.Fail(nodetest.Hangs, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with a server that hangs: %v", name, err)
		}
		cancel()
		x.Heal()
		if _, err := s.Policies().Version(t.Context(), acme); err != nil {
			t.Errorf("after %s, with the server back: %v", name, err)
		}
	}
}

// The server throws everybody out, as it does when it is restarted; nobody notices but by
// the time that it takes.
func TestServerThrowsOut(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := migrated(t, open(t, "pgx", dsn), sqlstore.PostgreSQL)
	other := open(t, "pgx", dsn)
	stop := make(chan struct{})
	var throwing sync.WaitGroup
	var saved atomic.Int64
	thrown := 0
	throwing.Go(func() {
		for last := int64(-1); ; {
			if now := saved.Load(); now != last { // each save meets one at most, however slow the machine is
				var n int
				if err := other.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&n); err != nil {
					t.Error(err)
					return
				}
				thrown, last = thrown+n, now
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	halt := sync.OnceFunc(func() { close(stop); throwing.Wait() })
	defer halt()
	failed := 0
	for n := uint64(1); n <= 100; n++ {
		r := record(acme, n)
		err := save(t.Context(), s, r)
		for again := 0; err != nil && again < 20; again++ { // as an engine's caller does, by the same id
			failed++
			err = save(t.Context(), s, r)
		}
		if err != nil {
			t.Fatalf("save %d: %v", n, err)
		}
		saved.Add(1)
	}
	halt()
	look(t, s, acme).whole(t, "with everybody thrown out again and again")
	t.Logf("100 saves, %d connections thrown out, %d saves that failed and were repeated", thrown, failed)
	if thrown == 0 {
		t.Error("nobody was thrown out")
	}
}

// with returns a DSN with a setting of the server.
func with(t testing.TB, dsn, name, value string) string { return nodetest.With(t, dsn, name, value) }

// A deadlock with the host ends one of the two; ours is tried again.
func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	host := open(t, "pgx", with(t, dsn, "deadlock_timeout", "1min"))
	s := migrated(t, open(t, "pgx", with(t, dsn, "deadlock_timeout", "300ms")), sqlstore.PostgreSQL) // the one that looks, and is ended
	for range 20 {                                                                                   // a host that is very slow is ended instead
		a, b := live(acme, "kim", session.Stamp{Client: session.Web}), live(acme, "kim", session.Stamp{Client: session.Web})
		if err := errors.Join(s.Sessions().Create(t.Context(), a), s.Sessions().Create(t.Context(), b)); err != nil {
			t.Fatal(err)
		}
		hosts, err := host.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer hosts.Rollback()
		lock := func(id session.ID) error {
			_, err := hosts.Exec("SELECT 1 FROM sallyport_sessions WHERE id = $1 FOR UPDATE", id[:])
			return err
		}
		if err := lock(b.ID); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			n, err := s.Sessions().EndAll(t.Context(), session.Order{Kind: session.SignOut, Tenant: acme, Clients: session.AllClients}, time.Now())
			if err == nil && n != 2 {
				err = fmt.Errorf("it ended %d sessions; want 2", n)
			}
			done <- err
		}()
		for waits := false; !waits; { // until EndAll has a and waits for b
			if err := host.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		lost := lock(a.ID)
		hosts.Commit()
		if err := <-done; err != nil {
			t.Errorf("EndAll in a deadlock: %v", err)
		}
		if lost == nil {
			return
		}
	}
	t.Error("EndAll was never the one that the deadlock ended: nothing is shown")
}

// The host's database serialises by default. What fails for that is tried again.
func TestSerialisationFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	failures := &counted{}
	db := places[0].hooked(t, with(t, database(t), "default_transaction_isolation", "serializable"), failures)
	s := migrated(t, db, sqlstore.PostgreSQL)
	one := live(acme, "kim", session.Stamp{Client: session.Web})
	if err := s.Sessions().Create(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	const calls = 200
	before := failures.n.Load()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range calls / 8 {
				if err := s.Sessions().Touch(t.Context(), acme, one.ID, time.Now(), addr, korea); err != nil {
					t.Errorf("Touch %d of %d: %v", n, i, err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d touches at once took %d statements", calls, failures.n.Load()-before)
	if failures.n.Load()-before <= calls {
		t.Error("no touch came in the way of another: nothing is shown")
	}
}

// conflicting fails every statement, as a database does in which others always come first.
type conflicting struct {
	counted
	on atomic.Bool
}

func (c *conflicting) before(s string) error {
	c.counted.before(s)
	if c.on.Load() {
		return &pgconn.PgError{Code: "40001", Message: "could not serialize access due to concurrent update"}
	}
	return nil
}

// Serialisation failures that do not end are tried again until the caller's deadline, and no
// longer.
func TestSerialisationFailuresForEver(t *testing.T) {
	t.Parallel()
	c := &conflicting{}
	s := migrated(t, places[0].hooked(t, database(t), c), sqlstore.PostgreSQL)
	one := live(acme, "kim", session.Stamp{Client: session.Web})
	if err := s.Sessions().Create(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	c.on.Store(true)
	for what, call := range map[string]func(context.Context) error{
		"Save": func(ctx context.Context) error { return save(ctx, s, record(acme, 1)) },
		"End":  func(ctx context.Context) error { return s.Sessions().End(ctx, acme, one.ID, time.Now(), "x") },
		"Find": func(ctx context.Context) error { _, err := s.Sessions().Find(ctx, acme, one.ID); return err },
	} {
		was := c.n.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := call(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || c.n.Load() == was {
			t.Errorf("%s: %v, after %d tries", what, err, c.n.Load()-was)
		}
	}
	c.on.Store(false)
	if found, err := s.Sessions().Find(t.Context(), acme, one.ID); err != nil || !found.Live(time.Now()) {
		t.Errorf("afterwards the session lives %v, %v", found.Live(time.Now()), err)
	}
	look(t, s, acme).whole(t, "after a save that was never written")
}

type counted struct{ n atomic.Int64 }

func (c *counted) before(string) error { c.n.Add(1); return nil }
func (c *counted) after(string)        {}

// failing fails the statement of a number.
type failing struct {
	at, n atomic.Int64
	err   error
}

func (f *failing) before(string) error {
	if f.n.Add(1) == f.at.Load() {
		return f.err
	}
	return nil
}
func (f *failing) after(string) {}

// Every statement fails once, with every error: the store's calls return it, or do it
// again, and have written all or nothing.
func TestEveryStatementFails(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		for _, broken := range []error{errors.New("disk full"), io.ErrUnexpectedEOF} {
			f := &failing{err: broken}
			dsn := p.dsn(t)
			s := migrated(t, p.hooked(t, dsn, f), p.dialect)
			number, fails := uint64(0), 0
			for at := int64(1); ; at++ {
				r := record(acme, number+1)
				f.n.Store(0)
				f.at.Store(at)
				err := save(t.Context(), s, r)
				reached := f.n.Load() >= at
				f.at.Store(0)
				if err != nil {
					fails++
					if errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) {
						t.Errorf("a statement that failed became %v", err)
					}
				}
				is := look(t, s, acme)
				is.whole(t, fmt.Sprintf("statement %d failed, and the save returned %v", at, err))
				if err == nil && is.number != r.Version.Number {
					t.Errorf("statement %d failed, the save returned no error, and the record is at %d", at, is.number)
				}
				number = is.number
				if !reached {
					break
				}
			}
			if fails == 0 {
				t.Errorf("no save failed by %v", broken)
			}
			if _, err := s.Policies().Load(t.Context(), acme); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			one := live(acme, "kim", session.Stamp{Client: session.Web})
			if err := s.Sessions().Create(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			populated(t, s, "members", "kim")
			for what, read := range map[string]func(context.Context) error{
				"Load":         func(ctx context.Context) error { _, err := s.Policies().Load(ctx, acme); return err },
				"Version":      func(ctx context.Context) error { _, err := s.Policies().Version(ctx, acme); return err },
				"Find":         func(ctx context.Context) error { _, err := s.Sessions().Find(ctx, acme, one.ID); return err },
				"Members.Load": func(ctx context.Context) error { _, err := s.Members().Load(ctx, "members", "kim"); return err },
				"Members.Read": func(ctx context.Context) error { _, _, err := s.Members().Read(ctx, "members", "kim"); return err },
				"Failures":     func(ctx context.Context) error { _, err := s.Members().Failures(ctx, "members", "kim"); return err },
				"Roster":       func(ctx context.Context) error { _, err := s.Members().Roster(ctx, "members"); return err },
			} {
				f.n.Store(0)
				f.at.Store(1)
				err := read(t.Context())
				f.at.Store(0)
				if again := errors.Is(broken, io.ErrUnexpectedEOF); again != (err == nil) || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrEnded) {
					t.Errorf("%s whose statement failed by %v: %v", what, broken, err)
				}
			}
		}
	})
}
