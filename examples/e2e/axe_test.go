package e2e

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe string

type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML           string
		FailureSummary string
	}
}

// check asks axe-core about the page that is shown, and whether it fits its window.
func (b *tab) check(what string) {
	b.Helper()
	var found []violation
	var width, window int
	b.do(chromedp.Evaluate(axe+"; true", nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`, &found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
			return p.WithAwaitPromise(true).WithReturnByValue(true)
		}),
		chromedp.Evaluate(`document.documentElement.scrollWidth`, &width), chromedp.Evaluate(`innerWidth`, &window))
	for _, v := range found {
		for _, n := range v.Nodes {
			b.Errorf("%s: %s: %s\n%.300s\n%s", what, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
	if width > window {
		b.Errorf("%s: %d pixels wide in a window of %d", what, width, window)
	}
}

// Every page, in the three languages, at the width of a desktop and of a phone, in light and
// dark: axe-core has nothing against it, no text is missing, and nothing is wider than the
// window.
func TestEveryPageIsAccessible(t *testing.T) {
	for _, lang := range []string{"en", "ko", "ja"} {
		t.Run(lang, func(t *testing.T) {
			b := open(t, office)
			b.comeFrom(office, lang)
			every(b, lang)
		})
	}
}

func every(b *tab, lang string) {
	look := func(name string) {
		b.Helper()
		var asked string
		b.do(chromedp.Evaluate(`document.documentElement.lang`, &asked))
		if asked != lang {
			b.Errorf("%s: the page is in %q", name, asked)
		}
		for _, bad := range []string{"[site.", "[network.", "%!", "<nil>", "invalid IP"} {
			if strings.Contains(b.text(), bad) {
				b.Errorf("%s: %q stands on the page:\n%s", name, bad, b.text())
			}
		}
		if lang == "en" { // the others have the same pages with other words, and little room matters most
			b.wide()
			b.check(name + " on a desktop")
			b.shot(name)
		}
		b.phone()
		b.dark(lang != "en")
		b.check(name + " on a phone")
		b.shot(name + "-phone")
		b.dark(false)
		b.wide()
	}
	b.goTo("/")
	look("index")
	b.goTo("/t/line/login")
	look("login")
	b.enter("kim", "wrong")
	look("login-wrong")
	b.enter("root", "demo-root")
	look("me")
	b.goTo("/demo/mail")
	look("mail")
	b.goTo("/reset/line.nothing")
	look("reset-gone")
	b.goTo("/t/standard/login")
	b.enter("root", "demo-root")
	for _, page := range []string{"network", "whatif?addr=8.8.8.8&client=web&member=lee", "whatif?addr=8.8.8", "members", "members?text=nobody", "members/it", "accesses", "devices", "audit", "history", "members/nobody"} {
		b.goTo("/t/standard/admin/" + page)
		name, _, _ := strings.Cut(strings.ReplaceAll(page, "/", "-"), "&")
		look("console-" + strings.NewReplacer("?", "-", "=", "-").Replace(name))
	}
	unfold := chromedp.Evaluate(`for (const d of document.querySelectorAll("details")) d.open = true`, nil)
	b.goTo("/t/standard/admin/network")
	b.do(unfold)
	look("network-open")
	b.fill("#range", "8.8.8.8/99")
	b.press(`button[value="add"]`)
	look("network-wrong")
	b.fill("#range", "")
	b.do(unfold)
	b.fill("#paste", "1.1.1.1/8\nwhat\n::1")
	b.press(`button[value="paste"]`)
	look("network-paste")
	b.fill("#paste", "")
	b.fill("#range", fmt.Sprintf("203.0.%d.0/24", len(lang)))
	b.press(`main button[value="review"].primary`)
	look("network-review")
}

// dark has the browser prefer dark pages.
func (b *tab) dark(dark bool) {
	b.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}
