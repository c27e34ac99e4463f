package outboxtest_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/outboxtest"
)

// recorder is a testing.TB that keeps what fails instead of failing.
type recorder struct {
	testing.TB
	ctx    context.Context
	mu     sync.Mutex
	failed []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// record runs a check in a bubble, whose clock does not keep it waiting, and returns what
// fails.
func record(t *testing.T, check func(testing.TB)) (failed []string) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := &recorder{TB: t, ctx: ctx}
		done := make(chan struct{})
		go func() {
			defer close(done)
			check(r)
		}()
		<-done
		failed = r.failed
	})
	return failed
}

// Every broken Outbox fails at the clause that it breaks, and none of the checks fails
// where nothing is broken.
func TestBrokenOutboxes(t *testing.T) {
	run := func(t *testing.T, spoil func(*broken), only string) map[string][]string {
		failures := make(map[string][]string)
		outboxtest.Clauses(func(name, _ string, check func(testing.TB, session.Outbox, outboxtest.Put)) {
			if only != "" && name != only {
				return
			}
			failed := record(t, func(tb testing.TB) {
				b := newBroken()
				spoil(b)
				check(tb, b, func(orders ...session.Order) error { b.put(orders...); return nil })
			})
			if failed != nil {
				failures[name] = failed
			}
		})
		return failures
	}
	if failures := run(t, func(*broken) {}, ""); len(failures) > 0 {
		t.Fatalf("the sound one fails: %q", failures)
	}
	caught := make(map[string]bool)
	for _, row := range brokenOutboxes {
		if failures := run(t, row.spoil, row.clause); len(failures) == 0 {
			t.Errorf("an Outbox that %s passes %s", row.why, row.clause)
		}
		caught[row.clause] = true
	}
	outboxtest.Clauses(func(name, _ string, _ func(testing.TB, session.Outbox, outboxtest.Put)) {
		if !caught[name] {
			t.Errorf("no broken Outbox shows that %s finds anything", name)
		}
	})
}
