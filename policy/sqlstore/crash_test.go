package sqlstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// killer kills this process before or after a statement.
type killer struct {
	left int  // statements until then
	late bool // after it
}

func (k *killer) before(string) error {
	if k.left--; k.left == 0 && !k.late {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return nil
}

func (k *killer) after(string) {
	if k.left == 0 && k.late {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// TestCrashChild is the process that is killed: see crash.
func TestCrashChild(t *testing.T) {
	job := strings.Fields(os.Getenv("SALLYPORT_CRASH"))
	if len(job) == 0 {
		return // it is no child
	}
	left, _ := strconv.Atoi(job[3])
	var p place
	for _, one := range places {
		if one.name == job[1] {
			p = one
		}
	}
	s, err := sqlstore.New(p.hooked(t, job[2], &killer{left, job[4] == "after"}), p.dialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := crashes[job[0]].do(context.Background(), s); err != nil {
		t.Fatal(err)
	}
}

// crash runs one of crashes in a process that is killed at a statement, and reports
// whether it was.
func crash(t *testing.T, p place, dsn, what string, step int, when string) (killed bool) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), fmt.Sprintf("SALLYPORT_CRASH=%s %s %s %d %s", what, p.name, dsn, step, when))
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true
	}
	t.Fatalf("the child has failed: %v\n%s", err, out)
	return false
}

// crashes are writes, and how to see that one was done whole or not at all.
var crashes = map[string]struct {
	prepare func(context.Context, *sqlstore.DB) error
	do      func(context.Context, *sqlstore.DB) error
	done    func(*testing.T, *sqlstore.DB) bool // and reports what was done in part
	again   bool                                // it may be repeated as it is
}{
	"save": {
		prepare: func(ctx context.Context, s *sqlstore.DB) error { return save(ctx, s, record(acme, 1)) },
		do:      func(ctx context.Context, s *sqlstore.DB) error { return save(ctx, s, record(acme, 2)) },
		done: func(t *testing.T, s *sqlstore.DB) bool {
			is := look(t, s, acme)
			is.whole(t, "after a crash")
			return is.number == 2
		},
		again: true,
	},
	"enrol": {
		do: func(ctx context.Context, s *sqlstore.DB) error { return save(ctx, s, record(acme, 1)) },
		done: func(t *testing.T, s *sqlstore.DB) bool {
			is := look(t, s, acme)
			if is.number == 1 {
				is.whole(t, "after a crash")
			} else if is.saves+is.events+is.orders > 0 {
				t.Errorf("a tenant without a record has %+v", is)
			}
			return is.number == 1
		},
		again: true,
	},
	"act": {
		prepare: func(ctx context.Context, s *sqlstore.DB) error {
			_, made := act(ctx, s, directory.Create, acme, "kim", directory.Facts{})
			_, set := act(ctx, s, directory.SetPassword, acme, "kim", directory.Facts{})
			return errors.Join(made, set)
		},
		do: func(ctx context.Context, s *sqlstore.DB) error {
			_, err := act(ctx, s, directory.Suspend, acme, "kim", directory.Facts{})
			return err
		},
		done: func(t *testing.T, s *sqlstore.DB) bool {
			a := must[directory.Account](t)(s.Members().Load(t.Context(), acme, "kim"))
			events := must[[]session.Event](t)(s.Members().Events(t.Context(), acme, session.EventQuery{}))
			orders := must[[]session.Order](t)(s.Members().Waiting(t.Context(), acme, 10))
			if len(events) != int(a.Version.Number) || len(orders) != len(events)-1 {
				t.Errorf("after a crash the account is at %v, with %d events and %d orders: not one write", a.Version, len(events), len(orders))
			}
			return a.Suspended
		},
	},
	"create": {
		do: func(ctx context.Context, s *sqlstore.DB) error { return s.Sessions().Create(ctx, crashed()) },
		done: func(t *testing.T, s *sqlstore.DB) bool {
			_, err := s.Sessions().Find(t.Context(), acme, crashed().ID)
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Fatal(err)
			}
			visits := 0
			for range s.Sessions().Visits(t.Context(), acme, "", time.Time{}) {
				visits++
			}
			if (err == nil) != (visits == 1) {
				t.Errorf("after a crash the session is found: %v; it has left %d visits", err, visits)
			}
			return err == nil
		},
	},
	"renew": {
		prepare: func(ctx context.Context, s *sqlstore.DB) error { return s.Sessions().Create(ctx, crashed()) },
		do: func(ctx context.Context, s *sqlstore.DB) error {
			return s.Sessions().Renew(ctx, acme, crashed().ID, session.ID{2}, crashed().Seen)
		},
		done: func(t *testing.T, s *sqlstore.DB) bool {
			_, was := s.Sessions().Find(t.Context(), acme, crashed().ID)
			_, is := s.Sessions().Find(t.Context(), acme, session.ID{2})
			if (was == nil) == (is == nil) {
				t.Errorf("after a crash, the old id: %v; the new one: %v", was, is)
			}
			return is == nil
		},
	},
}

// crashed returns the same session in every process.
func crashed() session.Session {
	s := live(acme, "kim", session.Stamp{Client: session.Web})
	s.ID, s.Created = session.ID{1}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s.Seen = s.Created
	return s
}

// The process is killed at each statement of a write, before it is sent and after it was
// answered. Then the database has all of the write or nothing, and the write succeeds.
func TestGuarantee19KilledAtEachStep(t *testing.T) {
	lengthy(t)
	each(t, func(t *testing.T, p place) {
		empty, dsn := p.emptied(t)
		for name, c := range crashes {
			t.Run(name, func(t *testing.T) {
				lost, kept := 0, 0
				for step, killed := 1, true; killed; step++ {
					for _, when := range []string{"before", "after"} {
						s, _ := empty(t)
						if c.prepare != nil {
							if err := c.prepare(t.Context(), s); err != nil {
								t.Fatal(err)
							}
						}
						killed = crash(t, p, dsn, name, step, when)
						done := c.done(t, s)
						switch {
						case killed && done:
							kept++
						case killed:
							lost++
						case !done:
							t.Error("nobody was killed, and it is not done")
						}
						if !done || c.again {
							if err := c.do(t.Context(), s); err != nil {
								t.Errorf("killed %s step %d (done: %v), it cannot be done again: %v", when, step, done, err)
							}
							if !c.done(t, s) {
								t.Errorf("killed %s step %d, and done again, it is not done", when, step)
							}
						}
					}
				}
				if lost == 0 || kept == 0 {
					t.Errorf("%d kills came before the commit and %d after; want some of each", lost, kept)
				}
				t.Logf("killed %d times before the commit, %d times after", lost, kept)
			})
		}
	})
}

// TestKilledChild saves again and again until it is killed, and prints what was
// acknowledged.
func TestKilledChild(t *testing.T) {
	job := strings.Fields(os.Getenv("SALLYPORT_KILLED"))
	if len(job) == 0 {
		return
	}
	p := places[0]
	if job[0] == places[1].name {
		p = places[1]
	}
	s, err := sqlstore.New(open(t, p.driver, job[1]), p.dialect)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Policies().Version(context.Background(), acme)
	for n := v.Number + 1; err == nil || errors.Is(err, session.ErrNotFound); n++ {
		if err = save(context.Background(), s, record(acme, n)); err == nil {
			fmt.Println("saved", n)
		}
	}
	t.Fatal(err)
}

// A process that saves is killed at any moment, ten times over. What it was told is saved
// is there, and what is there is whole.
func TestGuarantee19KilledAtAnyMoment(t *testing.T) {
	lengthy(t)
	each(t, func(t *testing.T, p place) {
		dsn := p.dsn(t)
		s := migrated(t, open(t, p.driver, dsn), p.dialect)
		var acknowledged uint64
		for range 10 {
			child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
			child.Env = append(os.Environ(), "SALLYPORT_KILLED="+p.name+" "+dsn)
			out := must[io.ReadCloser](t)(child.StdoutPipe())
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			saves := 1 + rand.IntN(20)
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if n, ok := strings.CutPrefix(lines.Text(), "saved "); ok {
					acknowledged, _ = strconv.ParseUint(n, 10, 64)
				}
				if saves--; saves == 0 { // and from then on it saves while it is killed
					go child.Process.Signal(syscall.SIGKILL)
				}
			}
			child.Wait()
			// The server may still be writing what the dead process sent last; a save of
			// the version that is there waits for it, and repeats or loses.
			save(t.Context(), s, record(acme, look(t, s, acme).number+1))
			is := look(t, s, acme)
			is.whole(t, "after a kill")
			if is.number < acknowledged {
				t.Errorf("number %d was acknowledged, and the record is at %d", acknowledged, is.number)
			}
		}
		t.Logf("ten kills, %d saves", look(t, s, acme).number)
	})
}
