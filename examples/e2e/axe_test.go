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

// check asks axe-core about the page that is shown.
func (b *tab) check(what string) {
	b.Helper()
	var found []violation
	var there bool
	if b.do(chromedp.Evaluate(`typeof axe === "object"`, &there)); !there {
		b.do(chromedp.Evaluate(axe+"; true", nil))
	}
	b.do(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`, &found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true).WithReturnByValue(true)
	}))
	for _, v := range found {
		for _, n := range v.Nodes {
			b.Errorf("%s: %s: %s\n%.300s\n%s", what, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

// fits fails the test if the page that is shown is wider than its window.
func (b *tab) fits(what string) {
	b.Helper()
	var size struct{ Page, Window int }
	b.do(chromedp.Evaluate(`({Page: document.documentElement.scrollWidth, Window: innerWidth})`, &size))
	if size.Page > size.Window {
		b.Errorf("%s: %d pixels wide in a window of %d", what, size.Page, size.Window)
	}
}

// look asks axe-core about the page that is shown, and leaves a picture of it.
func (b *tab) look(name string) {
	b.Helper()
	b.check(name)
	b.shot(name)
}

// Every page, in the three languages: axe-core has nothing against it, no text is missing,
// and it is no wider than the window, be that of a desktop or of a phone. axe-core sees the
// English pages on a desktop, the Korean ones on a phone, and the Japanese ones in the dark.
func TestEveryPageIsAccessible(t *testing.T) {
	for _, lang := range []string{"en", "ko", "ja"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			b := open(t, office)
			b.comeFrom(office, lang)
			every(b, lang)
		})
	}
}

func every(b *tab, lang string) {
	b.dark(lang == "ja")
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
		b.phone()
		b.fits(name + " on a phone")
		if lang == "ko" {
			b.check(name)
		}
		b.shot(name + "-phone")
		b.wide()
		b.fits(name + " on a desktop")
		if lang != "ko" {
			b.check(name)
		}
		b.shot(name)
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

// dark has the browser prefer dark pages, or light ones.
func (b *tab) dark(dark bool) {
	b.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}
