package pages

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/sallyport-go/sallyport/session"
)

var verb = regexp.MustCompile(`%\[\d\][sd]`)

// Every text is there in every language, and takes the same arguments in each.
func TestWordsAreWhole(t *testing.T) {
	if len(words) < 300 {
		t.Fatalf("%d texts", len(words))
	}
	for key, texts := range words {
		if len(texts) != len(languages) {
			t.Errorf("%s: %d texts", key, len(texts))
			continue
		}
		want := verb.FindAllString(texts[0], -1)
		slices.Sort(want)
		for i, text := range texts {
			got := verb.FindAllString(text, -1)
			slices.Sort(got)
			if text == "" || text != strings.TrimSpace(text) || !slices.Equal(got, want) {
				t.Errorf("%s, %v: %q", key, languages[i], text)
			}
			if strings.Count(text, "%") != len(got) {
				t.Errorf("%s, %v: a verb without its number in %q", key, languages[i], text)
			}
		}
	}
}

// Whatever key stands in a template or in the code exists, and every text is used.
func TestKeysExist(t *testing.T) {
	used := make(map[string]bool)
	var walk func(parse.Node)
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, m := range n.Nodes {
					walk(m)
				}
			}
		case *parse.ActionNode:
			walk(n.Pipe)
		case *parse.IfNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.RangeNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.WithNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.TemplateNode:
			walk(n.Pipe)
		case *parse.PipeNode:
			if n != nil {
				for _, c := range n.Cmds {
					walk(c)
				}
			}
		case *parse.CommandNode:
			if f, ok := n.Args[0].(*parse.IdentifierNode); ok && f.Ident == "t" && len(n.Args) > 1 {
				if key, ok := n.Args[1].(*parse.StringNode); ok {
					used[key.Text] = true
				}
			}
			for _, a := range n.Args {
				walk(a)
			}
		}
	}
	for _, tmpl := range templates[0].Templates() {
		if tmpl.Tree != nil {
			walk(tmpl.Tree.Root)
		}
	}
	if len(used) < 100 {
		t.Errorf("the templates use %d texts", len(used))
	}
	for key := range used {
		if !has(key) {
			t.Errorf("a template uses %s, which does not exist", key)
		}
	}
	code := literals(t, ".")
	for key := range words {
		if !used[key] && !slices.ContainsFunc(code, func(text string) bool {
			return text == key || strings.HasSuffix(text, ".") && strings.HasPrefix(key, text) || strings.HasPrefix(text, ".") && strings.HasSuffix(key, text)
		}) {
			t.Errorf("nothing uses %s", key)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ accept, cookie, want, why string }{
		{"", "", "en", "nothing is asked for"},
		{"ko-KR,ko;q=0.9,en;q=0.8", "", "ko", "a browser in Korea"},
		{"de,ja;q=0.5", "", "ja", "the best of what there is"},
		{"ko", "ja", "ja", "what was chosen goes first"},
		{"ko", "xx", "ko", "a choice that there is not"},
		{strings.Repeat("x", 1<<16), "", "en", "a very long wish"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.Header.Set("Cookie", languageCookie+"="+c.cookie)
		}
		if got := langOf(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

// Countries stand in the order of each language.
func TestCountriesAreSorted(t *testing.T) {
	for l, want := range [][]string{{"Åland Islands", "Albania", "Zimbabwe"}, {"가나", "대한민국", "홍콩(중국 특별행정구)"}, {"アイスランド", "ガーナ", "ロシア"}} {
		names := []choice{{Name: want[2]}, {Name: want[0]}, {Name: want[1]}}
		sortNames(lang(l), names)
		for i := range names {
			if names[i].Name != want[i] {
				t.Errorf("%v: %v", languages[l], names)
			}
		}
	}
}

// A list of clients is short, and tells nothing of the host's own.
func TestListsOfClients(t *testing.T) {
	all := session.AllClients
	for _, c := range []struct {
		clients session.Clients
		want    string
	}{
		{all, "every program"},
		{all & (1<<session.FirstCustom - 1), "every program"},
		{all &^ session.ClientsOf(session.Mobile, session.API), "every program but Mobile app, API"},
		{session.Apps | all&^(1<<session.FirstCustom-1), "Desktop app, Mobile app, Drive explorer"},
		{0, ""},
	} {
		if got := lang(0).clients(c.clients); got != c.want {
			t.Errorf("%v: %q; want %q", c.clients, got, c.want)
		}
	}
}
