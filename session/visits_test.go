package session_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// visitLog is a VisitStore whose next AddVisit does what add does.
type visitLog struct {
	session.MemStore
	add func(ctx context.Context) error
}

func (l *visitLog) AddVisit(ctx context.Context, v session.Visit) error {
	if err := l.add(ctx); err != nil {
		return err
	}
	return l.MemStore.AddVisit(ctx, v)
}

// No login is let in that the history does not have, and no history is of a login that was
// not let in.
func TestWithVisitsFails(t *testing.T) {
	down := errors.New("down")
	for _, tt := range []struct {
		why    string
		add    func(stop func()) func(context.Context) error
		broken bool // the sessions do not answer any more when it is taken back
		want   error
		alive  bool
		visits int
	}{
		{"both", func(func()) func(context.Context) error { return func(context.Context) error { return nil } }, false, nil, true, 1},
		{"the visit fails", func(func()) func(context.Context) error { return func(context.Context) error { return down } }, false, down, false, 0},
		{"the caller gives up in between", func(stop func()) func(context.Context) error {
			return func(ctx context.Context) error { stop(); return ctx.Err() }
		}, false, context.Canceled, false, 0},
		{"and the sessions too", func(func()) func(context.Context) error { return func(context.Context) error { return down } }, true, down, true, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			sessions, visits := session.NewMemStore(), &visitLog{add: tt.add(stop)}
			var inner session.Store = sessions
			if tt.broken {
				inner = endless{sessions}
			}
			s := session.WithVisits(inner, visits)
			n := loggedIn("kim")
			if err := s.Create(ctx, n); !errors.Is(err, tt.want) || tt.broken && !errors.Is(err, errEndless) {
				t.Errorf("Create: %v; want %v", err, tt.want)
			}
			found, err := sessions.Find(t.Context(), n.Tenant, n.ID)
			if err != nil || found.Live(n.Created) != tt.alive {
				t.Errorf("found %+v, %v; want it alive: %v", found, err, tt.alive)
			}
			if got := count(t, s.(session.Visitor).Visits(t.Context(), n.Tenant, "", time.Time{})); got != tt.visits {
				t.Errorf("%d visits, want %d", got, tt.visits)
			}
		})
	}
}

// A wrapper hides nothing that decides what may be done before a commit.
func TestWithVisitsPassesOnUncommitted(t *testing.T) {
	for _, s := range []session.Store{session.NewMemStore(), uncommitted{session.NewMemStore()}} {
		_, want := s.(session.Uncommitted)
		u, ok := session.WithVisits(s, session.NewMemStore()).(session.Uncommitted)
		if !ok || u.Uncommitted() != want {
			t.Errorf("%T with visits is uncommitted: %v; want %v", s, !want, want)
		}
	}
}

type uncommitted struct{ session.Store }

func (uncommitted) Uncommitted() bool { return true }

var errEndless = errors.New("no end is written")

// endless ends no session.
type endless struct{ *session.MemStore }

func (endless) End(context.Context, session.TenantID, session.ID, time.Time, string) error {
	return errEndless
}

func count(t *testing.T, visits iter.Seq2[session.Visit, error]) (n int) {
	t.Helper()
	for _, err := range visits {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func loggedIn(m session.MemberID) session.Session {
	_, id := session.NewToken()
	now := time.Now().UTC().Truncate(time.Microsecond)
	return session.Session{ID: id, Tenant: "acme", Member: m, Stamp: session.Stamp{Client: session.Web}, Created: now, Seen: now, Life: time.Hour}
}

// Old visits are forgotten whatever becomes of the sessions, and none that are not old,
// whatever a clock says.
func TestForgetVisits(t *testing.T) {
	visits := session.NewMemStore()
	s := session.WithVisits(session.NewMemStore(), visits)
	for _, age := range []time.Duration{session.History + time.Hour, session.History - time.Hour, 0} {
		n := loggedIn("kim")
		n.Created, n.Seen, n.Life = n.Created.Add(-age), n.Seen.Add(-age), 0
		// Each of another tenant, for a Create forgets what is old itself.
		n.Tenant = session.TenantID(age.String())
		if err := s.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (n int) {
		for _, age := range []time.Duration{session.History + time.Hour, session.History - time.Hour, 0} {
			n += count(t, visits.Visits(t.Context(), session.TenantID(age.String()), "", time.Time{}))
		}
		return n
	}
	if n := left(); n != 3 {
		t.Fatalf("%d visits at first, want 3", n)
	}
	if _, err := s.Purge(t.Context(), time.Now().Add(365*24*time.Hour), 1); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 2 {
		t.Errorf("%d visits are left, want the 2 of the last 90 days", n)
	}
}
