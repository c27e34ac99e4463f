package sqlstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// stepped returns an empty database whose clock can step, and what steps it.
func (p place) stepped(t testing.TB) (dsn string, step func(time.Duration)) {
	t.Helper()
	dsn = p.dsn(t)
	db := open(t, p.driver, dsn)
	run := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if p.dialect == sqlstore.SQLite { // to which a clock that steps is all instants stepping the other way
		return dsn, func(d time.Duration) {
			t.Helper()
			run(fmt.Sprintf("UPDATE sallyport_orders SET due = due - %[1]d, timed = timed - %[1]d", d.Microseconds()))
		}
	}
	run("CREATE TABLE public.clock (ahead interval NOT NULL)")
	run("INSERT INTO public.clock VALUES ('0')")
	for name, kind := range map[string]string{"clock_timestamp": "VOLATILE", "statement_timestamp": "STABLE"} {
		run(fmt.Sprintf("CREATE FUNCTION public.%[1]s() RETURNS timestamptz LANGUAGE sql %[2]s AS 'SELECT pg_catalog.%[1]s() + ahead FROM public.clock'", name, kind))
	}
	return with(t, dsn, "search_path", "public,pg_catalog"), func(d time.Duration) {
		t.Helper()
		run(fmt.Sprintf("UPDATE public.clock SET ahead = ahead + %d * interval '1 microsecond'", d.Microseconds()))
	}
}

// The clock of the database steps, an hour back or ahead. An order that is due is told, one
// that waits waits no longer than it was to wait, and none is lost.
func TestGuarantee20ClockOfTheDatabaseSteps(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn, step := p.stepped(t)
		box := migrated(t, open(t, p.driver, dsn), p.dialect)
		const lease = 10 * time.Minute
		take := func(when string, want int) {
			t.Helper()
			list, err := box.Policies().Take(t.Context(), 10, lease)
			if err != nil || len(list) != want {
				t.Errorf("%s: %d orders, %v; want %d", when, len(list), err, want)
			}
		}
		failed := func() {
			t.Helper()
			for _, o := range must[[]session.Order](t)(box.Policies().Waiting(t.Context(), acme, 10)) {
				if err := box.Policies().Failed(t.Context(), o.ID, lease, false, "refused"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := save(t.Context(), box, record(acme, 1)); err != nil {
			t.Fatal(err)
		}
		take("as it was", 1)
		step(-time.Hour)
		take("taken, and an hour back", 0)
		step(lease + time.Second)
		take("taken, an hour back, and its lease has passed", 1)
		failed()
		step(-time.Hour)
		take("failed, and an hour back", 0)
		step(lease + time.Second)
		take("failed, an hour back, and its wait has passed", 1)
		step(time.Hour)
		take("taken, and an hour ahead", 1)
		step(-time.Hour)
		if err := save(t.Context(), box, record(acme, 2)); err != nil {
			t.Fatal(err)
		}
		take("a second one, and an hour back", 1)
		take("no more is due", 0)
		step(lease + time.Second)
		take("both, when the lease has passed", 2)
		step(time.Hour)
		if err := save(t.Context(), box, record(acme, 3)); err != nil {
			t.Fatal(err)
		}
		step(-time.Hour)
		take("a third one, stored by a clock that was an hour ahead", 1)
		look(t, box, acme).whole(t, "by a clock that stepped")
	})
}

// The clock of the database steps under two nodes. What is cut is dead on both, who comes
// in after it lives, no session is purged that lives, and no visit forgotten.
func TestGuarantee14ClockOfTheDatabaseSteps(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn, step := p.stepped(t)
		a := newNode(t, migrated(t, open(t, p.driver, dsn), p.dialect), staff{}, nil)
		b := newNode(t, migrated(t, open(t, p.driver, dsn), p.dialect), staff{}, &engine.Options{MaxStale: 3 * time.Second}) // it may not listen yet at the first cut
		b.run(t)
		enrol(t, a, acme)
		sessions := a.stores.Sessions()
		visits := 0
		for i, d := range []time.Duration{0, -time.Hour, 2 * time.Hour, -2 * time.Hour, 200 * 24 * time.Hour} {
			step(d)
			old := b.admit(t, acme, "kim")
			if err := sessions.Create(t.Context(), old); err != nil {
				t.Fatal(err)
			}
			visits++
			if _, err := a.NewLine(t.Context(), engine.Act{ID: fmt.Sprint("cut", i), Tenant: acme}); err != nil {
				t.Fatal(err)
			}
			for b.check(t, old).Effect != policy.Deny { // whatever the database's clock says
				time.Sleep(time.Millisecond)
			}
			for _, n := range []node{a, b} {
				if d := n.check(t, n.admit(t, acme, "kim")); d.Effect != policy.Allow {
					t.Errorf("step %d, a session from after the cut: %v", i, d)
				}
			}
			if n, err := sessions.Purge(t.Context(), time.Now(), 100); n != 0 || err != nil {
				t.Errorf("step %d: %d sessions purged that nobody has ended, %v", i, n, err)
			}
			found := 0
			for _, err := range sessions.Visits(t.Context(), acme, "", time.Time{}) {
				if err != nil {
					t.Fatal(err)
				}
				found++
			}
			if found != visits {
				t.Errorf("step %d: %d visits are left of %d", i, found, visits)
			}
		}
	})
}

// By its own clock the database decides when orders are due and which visits are too old to
// be kept, and nothing else: no session, cut, account or verification.
func TestWhatTheClockOfTheDatabaseDecides(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		migrated(t, open(t, p.driver, dsn), p.dialect)
		h := &heard{}
		everything(t, t.Context(), must[*sqlstore.DB](t)(sqlstore.New(p.hooked(t, dsn, h), p.dialect)), h)
		h.mu.Lock()
		defer h.mu.Unlock()
		found := 0
		for _, statement := range h.statements {
			asks := false
			for _, clock := range []string{"_timestamp()", "now()", "unixepoch", "current_", "julianday", "datetime("} {
				asks = asks || strings.Contains(strings.ToLower(statement), clock)
			}
			if !asks || strings.Contains(statement, "current_setting") || strings.Contains(statement, "pg_current_snapshot") {
				continue
			}
			if found++; !strings.Contains(statement, "sallyport_orders") && !strings.Contains(statement, "sallyport_visits") {
				t.Errorf("it asks the clock of the database:\n%s", squeeze(statement))
			}
		}
		if found == 0 {
			t.Error("no statement asks the clock of the database: nothing is shown")
		}
	})
}
