package policytest_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/policytest"
	"github.com/sallyport-go/sallyport/session"
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
		cancel()
		time.Sleep(2 * time.Hour) // so that whatever a broken one has begun ends
		r.mu.Lock()
		defer r.mu.Unlock()
		failed = r.failed
	})
	return failed
}

// Every broken Store fails at the clause that it breaks, and none of the checks fails
// where nothing is broken.
func TestBrokenStores(t *testing.T) {
	run := func(t *testing.T, spoil func(*broken), only string) map[string][]string {
		failures := make(map[string][]string)
		policytest.Clauses(func(name, _, _ string, check func(testing.TB, policy.Store)) {
			if only != "" && name != only {
				return
			}
			failed := record(t, func(tb testing.TB) {
				b := newBroken()
				spoil(b)
				check(tb, b)
			})
			if failed != nil {
				failures[name] = failed
			}
		})
		return failures
	}
	if failures := run(t, func(*broken) {}, ""); len(failures) > 0 {
		t.Fatalf("the sound one fails: %.2000q", failures)
	}
	caught := make(map[string]bool)
	for _, row := range brokenStores {
		caught[row.clause] = true
		if failures := run(t, row.spoil, row.clause); len(failures) == 0 {
			t.Errorf("a Store that %s passes %s", row.why, row.clause)
		}
	}
	policytest.Clauses(func(name, _, _ string, _ func(testing.TB, policy.Store)) {
		if !caught[name] {
			t.Errorf("no broken Store shows that %s finds anything", name)
		}
	})
}

// TestRunOnABrokenStore is run by the test below, in a process of its own.
func TestRunOnABrokenStore(t *testing.T) {
	spoil := map[string]func(*broken){
		"save": func(b *broken) { b.save = forgetful(b) },
		"take": func(b *broken) {
			b.take = func(ctx context.Context, n int) ([]session.Order, error) { return b.MemStore.Take(ctx, n, 0) }
		},
	}[os.Getenv("POLICYTEST_BROKEN")]
	if spoil == nil {
		return // this is not that process
	}
	policytest.Run(t, func(t *testing.T) policy.Store {
		b := newBroken()
		spoil(b)
		return b
	})
}

// Run itself fails, of the outbox too, and says which clause is broken.
func TestRunQuotesTheBrokenClause(t *testing.T) {
	for _, row := range []struct{ broken, says string }{
		{"save", "broken clause of policy.Store: What Load and Version return is the last acknowledged save of any process."},
		{"take", "broken clause of session.Outbox: and defers each by lease, so that others do not take it meanwhile."},
	} {
		c := exec.Command(os.Args[0], "-test.run=^TestRunOnABrokenStore$/^(load|outbox)$", "-test.short")
		c.Env = append(os.Environ(), "POLICYTEST_BROKEN="+row.broken)
		out, err := c.CombinedOutput()
		if err == nil || !strings.Contains(string(out), row.says) {
			t.Errorf("Run of a Store whose %s is broken: %v, and does not say %q: %.3000s", row.broken, err, row.says, out)
		}
	}
}

// What a failure quotes is a comment, word by word, and there is nothing in the comments
// that no check quotes, but what is told here.
func TestClausesAreTheComments(t *testing.T) {
	rest := comments(t, "../store.go", "Store", "Historian", "Past", "Watcher") + comments(t, "../../session/event.go", "Log")
	all := rest
	for _, about := range []string{
		"Store keeps the records of tenants. A host implements it on the database that it has; NewMemStore is one in memory, and policytest.Run proves any other.",
		"An error that is none of those named means that the store does not answer.",
		"Load returns the record of a tenant, which the caller may keep and not alter.",
		"It is asked at every login.",
		"Historian is a Store that keeps what was saved before, for as long as it says. No guarantee needs one.",
		"Watcher is a Store that tells of saves as they happen, those of other processes too. It is a hint: a save that is not told is found within the engine's MaxStale.",
		"If telling breaks down it returns why; the caller watches again.",
		"Log is a store whose events can be searched.",
	} {
		if !strings.Contains(all, about) {
			t.Errorf("no comment says: %s", about)
		}
		rest = strings.ReplaceAll(rest, about, "")
	}
	names := make(map[string]bool)
	policytest.Clauses(func(name, of, text string, _ func(testing.TB, policy.Store)) {
		if !strings.Contains(all, text) {
			t.Errorf("%s quotes what no comment says: %s", name, text)
		}
		if names[name] {
			t.Errorf("two clauses are named %s", name)
		}
		names[name] = true
		rest = strings.ReplaceAll(rest, text, "")
	})
	if rest = strings.Join(strings.Fields(rest), " "); rest != "" {
		t.Errorf("no check quotes: %s", rest)
	}
}

// comments returns the comments on types of a file and on their methods, on one line.
func comments(t *testing.T, path string, types ...string) (text string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range types {
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE || decl.Specs[0].(*ast.TypeSpec).Name.Name != name {
				continue
			}
			text += decl.Doc.Text() + " "
			if of, ok := decl.Specs[0].(*ast.TypeSpec).Type.(*ast.InterfaceType); ok {
				for _, m := range of.Methods.List {
					text += m.Doc.Text() + " "
				}
			}
		}
	}
	return strings.Join(strings.Fields(text), " ") + " "
}
