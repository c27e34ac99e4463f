package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/password"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// root is that of the repository, whose packages tell codes.
const root = "../../../"

// Whatever code a package tells has words, in every language, wherever a page may show it.
// Codes that a package lists are asked for; others are found in its source, so that a new one
// is missed here and not by a reader.
func TestCodesHaveWords(t *testing.T) {
	want := make(map[string]string) // key: where it is from
	need := func(from, prefix string, codes ...string) {
		t.Helper()
		if len(codes) == 0 {
			t.Errorf("no %s is found", from)
		}
		for _, code := range codes {
			want[prefix+code] = from
		}
	}
	for r := range policy.Reasons() {
		need("reasons", "reason.", r.String())
	}
	for _, e := range []policy.Effect{policy.Deny, policy.Verify, policy.ChangePassword, policy.Allow} {
		need("effects", "effect.", e.String())
	}
	for c := session.Web; c <= session.API; c++ {
		need("clients", "client.", c.String())
	}
	for s := member.Pending; s <= member.Deleted; s++ {
		need("statuses", "status.", s.String())
	}
	need("roles", "role.", directory.SuperAdmin, directory.Deputy, directory.ITAdmin, directory.HRAdmin)
	for _, p := range []*policy.Profile{policy.Standard(), policy.NaverWorks(), policy.LineWorks(), policy.Kintone()} {
		for _, feature := range p.Unavailable {
			need("features", "network.feature.", feature)
		}
	}
	for _, line := range []string{"0", "1", "2", "3", "4", "5", "6", "6a", "6b", "6c", "6d", "7a", "7b", "7c", "7d", "7e", "8"} {
		need("steps", "step.", line+".yes", line+".no")
	}

	for _, u := range site.Demo() {
		need("tenants of the demo", "about.", string(u.ID))
	}

	problems := make(map[string]bool)
	for code := range policy.ProblemCodes() {
		problems[code] = true
		need("problems of settings", "problem.", code)
	}
	for code := range password.FlawCodes() {
		need("flaws of passwords", "flaw.", code)
	}
	need("refusals", "refusal.", constants(t, root+"member/directory", "Reason")...)

	// The kinds of events, which are also why sessions end.
	var kinds []string
	for a := range directory.Acts() {
		kinds = append(kinds, a.Kind())
	}
	hyphened := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	for _, text := range literals(t, root+"policy/engine") {
		if hyphened.MatchString(text) && !problems[text] {
			kinds = append(kinds, text)
		}
	}
	if !slices.Contains(kinds, "settings-saved") || !slices.Contains(kinds, "member-suspended") {
		t.Errorf("the kinds of events are not found: %q", kinds)
	}
	need("kinds of events", "kind.", kinds...)
	for key, from := range want {
		if !has(key) {
			t.Errorf("%s: there is no text %s", from, key)
		}
	}
	ends := []string{"", string(session.SignOut), "signed out", "made room"} // package site says the last two
	for l := range languages {
		for _, why := range append(ends, kinds...) {
			x := session.Access{Why: why}
			x.Ended = x.Ended.Add(1)
			if text := lang(l).why(x); text == "" || text == why || strings.HasPrefix(text, "[") {
				t.Errorf("%v: a session that ended for %q: %q", languages[l], why, text)
			}
		}
	}
}

// What package ipset finds wrong with a text, and how to mend it, has words.
func TestHintsHaveWords(t *testing.T) {
	var names []string
	for _, spec := range values(t, root+"ipset") {
		for _, name := range spec.Names {
			if strings.HasPrefix(name.Name, "Err") && name.Name != "ErrOverlap" { // of a Map, which no page makes
				names = append(names, name.Name)
			}
		}
	}
	if len(names) != len(sentinels) || len(names) < 10 {
		t.Errorf("%d errors are known of %q", len(sentinels), names)
	}
	for _, s := range sentinels {
		if !has("problem." + s.key) {
			t.Errorf("there is no text problem.%s", s.key)
		}
	}

	known := func(text string) bool {
		return slices.ContainsFunc(hints, func(h struct{ format, key string }) bool { return h.format == text })
	}
	code := literals(t, root+"ipset")
	for _, h := range hints {
		if h.key != "" && !has(h.key) {
			t.Errorf("there is no text %s", h.key)
		}
		if !slices.Contains(code, h.format) {
			t.Errorf("package ipset does not say %q", h.format)
		}
	}
	said := 0
	for text := range hintsOf(t) {
		if said++; !known(text) {
			t.Errorf("there are no words for the hint %q", text)
		}
	}
	if said != len(hints) {
		t.Errorf("%d hints are found of %d", said, len(hints))
	}

	for text, want := range map[string][3]string{
		"8.8.8.8:80":      {"This is no IP address. Leave out the port.", "올바른 IP 주소가 아닙니다. 포트를 빼고 입력하세요.", "正しいIPアドレスではありません。ポートを除いて入力してください。"},
		"8.8.8.8/24":      {"The address is not the first of its block. Write 8.8.8.0/24 for the block, or 8.8.8.8 for the one address."},
		"8.8.8.9-8.8.8.1": {"The last address comes before the first. Write 8.8.8.1-8.8.8.9."},
		"8.8.8.0/33":      {"The number behind the / is not possible. Write a number from 0 to 32, without sign, blank or leading zero."},
		"":                {"Enter an address or a range."},
	} {
		_, err := ipset.ParseRange(text)
		for l := range languages {
			if got := lang(l).wrong(err); want[l] != "" && got != want[l] {
				t.Errorf("%q: %q, want %q", text, got, want[l])
			}
		}
	}
}

// What package policy says of a line that it has walked has words, with what it names in them.
func TestStepsHaveWords(t *testing.T) {
	said := make(map[string]bool)
	for _, file := range parsedFiles(t, root+"policy") {
		if file.Scope.Lookup("lines") == nil { // of the specification
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); strings.Contains(text, " ") {
					said[text] = true
				}
			}
			return true
		})
	}
	const more = ", which %v cannot ask for" // behind another text
	if len(said) < 40 || !said[more] {
		t.Errorf("%d texts are found: %q", len(said), slices.Sorted(maps.Keys(said)))
	}
	for _, b := range becauses {
		if b.key != "" && !has(b.key) {
			t.Errorf("there is no text %s", b.key)
		}
		if before, ok := strings.CutSuffix(b.format, more); !said[b.format] && !(ok && said[before]) {
			t.Errorf("package policy does not say %q", b.format)
		}
	}
	for text := range said {
		if !slices.ContainsFunc(becauses, func(b struct{ line, format, key string }) bool {
			return b.format == text || text == more && strings.HasSuffix(b.format, more)
		}) {
			t.Errorf("there are no words for %q", text)
		}
	}

	for _, tt := range []struct {
		why  string
		step policy.Step
		want [3]string
	}{
		{"a client and an address", policy.Step{Line: "1", Because: "2606:4700::1 can be judged, and web is a client of NAVER WORKS"}, [3]string{
			"Address: 2606:4700::1. Program of NAVER WORKS: Web browser", "IP 주소: 2606:4700::1, NAVER WORKS의 앱: 웹 브라우저", "IPアドレス: 2606:4700::1、NAVER WORKSのアプリ: Webブラウザー"}},
		{"a status", policy.Step{Line: "2", Because: "the member is on-leave"}, [3]string{"Status: On leave", "상태: 휴직", "状態: 休職中"}},
		{"an instant", policy.Step{Line: "6c", Because: `"kim" was an exception until 2027-03-04T05:06:07.5Z`}, [3]string{
			`"kim" was an exception until 2027-03-04 05:06`, `"kim": 2027-03-04 05:06까지 예외였음`, `"kim": 2027-03-04 05:06まで例外だった`}},
		{"a country", policy.Step{Line: "7c", Because: "KR is not exempt"}, [3]string{"Country: South Korea", "국가: 대한민국", "国: 韓国"}},
		{"nothing beyond the step", policy.Step{Line: "7d", Because: "the identity is verified"}, [3]string{}},
		{"what no words are for", policy.Step{Line: "7d", Because: "it is Sunday"}, [3]string{"it is Sunday", "it is Sunday", "it is Sunday"}},
	} {
		for l := range languages {
			if got := lang(l).because(tt.step); got != tt.want[l] {
				t.Errorf("%s: %q, want %q", tt.why, got, tt.want[l])
			}
		}
	}
}

// A pasted list may have thousands of bad lines: nothing is compiled for each of them.
func TestHintsAreCheap(t *testing.T) {
	_, err := ipset.ParseRange("somewhere")
	if n := testing.AllocsPerRun(10, func() { lang(0).wrong(err) }); n > 50 {
		t.Errorf("%v allocations for one bad line", n)
	}
}

// hintsOf are the hints in the source of package ipset: the text before the error that is
// returned with it, and those that the functions of that name choose from.
func hintsOf(t *testing.T) map[string]bool {
	all := make(map[string]bool)
	text := func(e ast.Expr) {
		if call, ok := e.(*ast.CallExpr); ok && len(call.Args) > 0 { // fmt.Sprintf
			e = call.Args[0]
		}
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, _ := strconv.Unquote(lit.Value); s != "" {
				all[s] = true
			}
		}
	}
	for _, file := range parsedFiles(t, root+"ipset") {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			hinting := strings.HasSuffix(f.Name.Name, "Hint")
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ReturnStmt:
					for i, x := range n.Results {
						if id, ok := x.(*ast.Ident); ok && i > 0 && strings.HasPrefix(id.Name, "Err") || hinting && i == len(n.Results)-1 {
							text(n.Results[max(0, i-1)])
						}
					}
				case *ast.CompositeLit: // a sign and its hint
					if hinting && n.Type == nil && len(n.Elts) == 2 {
						text(n.Elts[1])
					}
				case *ast.CallExpr:
					if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "fail" && len(n.Args) == 2 {
						text(n.Args[1])
					}
				}
				return true
			})
		}
	}
	return all
}

// parsedFiles is the source of a package without its tests.
func parsedFiles(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", dir, names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// literals are the strings in the source of a package.
func literals(t *testing.T, dir string) (texts []string) {
	t.Helper()
	for _, file := range parsedFiles(t, dir) {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// values are the variables and constants that a package declares.
func values(t *testing.T, dir string) (specs []*ast.ValueSpec) {
	t.Helper()
	for _, file := range parsedFiles(t, dir) {
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, s := range g.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						specs = append(specs, v)
					}
				}
			}
		}
	}
	return specs
}

// constants are the values of the constants of a type.
func constants(t *testing.T, dir, name string) (texts []string) {
	t.Helper()
	for _, spec := range values(t, dir) {
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != name {
			continue
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				text, _ := strconv.Unquote(lit.Value)
				texts = append(texts, text)
			}
		}
	}
	return texts
}
