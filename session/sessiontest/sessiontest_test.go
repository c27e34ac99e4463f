package sessiontest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestTwoNodes(t *testing.T) {
	sessiontest.RunNodes(t, func(*testing.T) []session.Store {
		s := session.NewMemStore()
		return []session.Store{s, s}
	})
}

func TestWithoutVisits(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store {
		return struct{ session.Store }{session.NewMemStore()}
	})
}

func TestWithVisitsElsewhere(t *testing.T) {
	sessiontest.RunNodes(t, func(*testing.T) []session.Store {
		sessions, visits := struct{ session.Store }{session.NewMemStore()}, session.NewMemStore()
		return []session.Store{session.WithVisits(sessions, visits), session.WithVisits(sessions, visits)}
	})
}

// recorder is a testing.TB that only notes that a proof failed.
type recorder struct {
	mu     sync.Mutex
	failed []string
}

type stopped struct{}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stopped{})
}

// failure returns what a proof says of a store, "" if it takes it.
func failure(p sessiontest.Proof, s session.Store) string {
	r := new(recorder)
	func() {
		defer func() {
			if x := recover(); x != nil && x != (any)(stopped{}) {
				panic(x)
			}
		}()
		p.Run(r, s)
	}()
	if len(r.failed) == 0 {
		return ""
	}
	return r.failed[0]
}

// Each fault must fail the proofs of what it breaks, and for each proof there must be a
// fault that it finds.
func TestBrokenStoresFail(t *testing.T) {
	finds := make(map[string]bool)
	faults := make(map[string]bool)
	proofs := make(map[string]sessiontest.Proof)
	for _, p := range sessiontest.Proofs() {
		proofs[p.Name()] = p
	}
	for _, b := range broken {
		if faults[b.fault] {
			t.Errorf("%q is there twice", b.fault)
		}
		faults[b.fault] = true
		for _, name := range b.fails {
			finds[name] = true
		}
		t.Run(b.fault, func(t *testing.T) {
			for _, name := range b.fails {
				if p, ok := proofs[name]; !ok {
					t.Errorf("there is no proof %s", name)
				} else if failure(p, newSlow(b.fault)) == "" {
					t.Errorf("the store passes %s", name)
				}
			}
		})
	}
	for name := range proofs {
		if !finds[name] {
			t.Errorf("%s finds no fault", name)
		}
	}
}

// The store in which the faults are made has none by itself.
func TestSlow(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return newSlow("") })
}

// A store that does nothing at all, or whose every call fails, must fail every proof: none
// may pass because it looked at nothing.
func TestNoProofPassesVacuously(t *testing.T) {
	for _, p := range sessiontest.Proofs() {
		for _, s := range []session.Store{silent{}, failing{}, forgetful{}} {
			if failure(p, s) == "" {
				t.Errorf("%T passes %s", s, p.Name())
			}
		}
	}
}

func TestFailuresPrintTheContract(t *testing.T) {
	for _, p := range sessiontest.Proofs() {
		for _, c := range p.Clauses() {
			if !strings.Contains(p.Contract(), c) {
				t.Errorf("%s prints %q, without %q", p.Name(), p.Contract(), c)
			}
		}
	}
}

// What is not about behaviour that can be proved.
var notProved = []string{
	"Store keeps sessions.",
	"It is for hosts that have none; the decision needs only a stamp.",
	"NewMemStore is one, and sessiontest.Run proves any other.",
	"Session.Cursor: Cursor returns the place of s in a list.",
}

// Every clause is quoted from the comments of package session, and every sentence there is
// in a clause.
func TestClausesAreTheContract(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../store.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var comments []string
	for _, g := range file.Comments {
		comments = append(comments, strings.Join(strings.Fields(g.Text()), " "))
	}
	var clauses []string
	for _, p := range sessiontest.Proofs() {
		if len(p.Clauses()) == 0 {
			t.Errorf("%s has no clause", p.Name())
		}
		for _, c := range p.Clauses() {
			clauses = append(clauses, c)
			if !slices.ContainsFunc(comments, func(text string) bool { return strings.Contains(text, c) }) {
				t.Errorf("%s: store.go does not say %q", p.Name(), c)
			}
		}
	}
	covered := func(sentence string) bool {
		for _, c := range clauses {
			if strings.Contains(c, sentence) {
				return true
			}
			sentence = strings.ReplaceAll(sentence, c, "")
		}
		return !regexp.MustCompile(`\w`).MatchString(sentence)
	}
	sentences := 0
	ast.Inspect(file, func(n ast.Node) bool {
		var doc *ast.CommentGroup
		switch n := n.(type) {
		case *ast.GenDecl:
			doc = n.Doc
		case *ast.Field:
			if doc = n.Doc; doc == nil {
				doc = n.Comment
			}
		}
		for _, s := range regexp.MustCompile(`[^.]+(\.[^.\s][^.]*)*\.?`).FindAllString(strings.Join(strings.Fields(doc.Text()), " "), -1) {
			s = strings.TrimSpace(s)
			if sentences++; !slices.Contains(notProved, s) && !covered(s) {
				t.Errorf("no proof quotes %q", s)
			}
		}
		return true
	})
	if sentences < 40 {
		t.Errorf("only %d sentences were found", sentences)
	}
}
