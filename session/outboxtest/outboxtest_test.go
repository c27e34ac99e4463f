package outboxtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/outboxtest"
)

func TestMemOutbox(t *testing.T) {
	outboxtest.Run(t, func(t *testing.T) (session.Outbox, func(...session.Order) error) {
		box := session.NewMemOutbox()
		return box, func(orders ...session.Order) error { box.Put(orders...); return nil }
	})
}

// What a failure quotes is the comment, word by word, and there is nothing in the comment
// that no check quotes.
func TestClausesAreTheComment(t *testing.T) {
	comment := outboxComment(t)
	rest := comment
	for _, about := range []string{"Outbox is the part of a store that keeps orders until they are done.", "Package outboxtest proves any Outbox."} {
		rest = strings.ReplaceAll(rest, about, "")
	}
	names := make(map[string]bool)
	outboxtest.Clauses(func(name, text string, _ func(testing.TB, session.Outbox, outboxtest.Put)) {
		if !strings.Contains(comment, text) {
			t.Errorf("%s quotes what the comment on session.Outbox does not say: %s", name, text)
		}
		if names[name] {
			t.Errorf("two clauses are named %s", name)
		}
		names[name] = true
		rest = strings.ReplaceAll(rest, text, "")
	})
	if rest = strings.TrimSpace(rest); rest != "" {
		t.Errorf("no check quotes: %s", rest)
	}
}

// outboxComment returns the comments on session.Outbox and its methods on one line.
func outboxComment(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "../order.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE || decl.Specs[0].(*ast.TypeSpec).Name.Name != "Outbox" {
			continue
		}
		text = decl.Doc.Text()
		for _, m := range decl.Specs[0].(*ast.TypeSpec).Type.(*ast.InterfaceType).Methods.List {
			text += m.Doc.Text()
		}
	}
	return strings.Join(strings.Fields(text), " ")
}
