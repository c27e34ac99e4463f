package e2e

import (
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keys presses keys, one after the other.
func (b *tab) keys(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// enterKey presses Enter and waits for the page that follows.
func (b *tab) enterKey() {
	b.Helper()
	b.follow(chromedp.KeyEvent(kb.Enter))
}

// enterByKeyboard logs root in, where the fields of a login have the focus.
func (b *tab) enterByKeyboard() {
	b.Helper()
	b.keys("root", kb.Tab, "demo-root")
	b.enterKey()
}

// focus is the id of what has the focus.
func (b *tab) focus() (id string) {
	b.Helper()
	b.do(chromedp.Evaluate(`document.activeElement.id`, &id))
	return id
}

// tabTo presses Tab until what a selector finds has the focus, which must be seen.
func (b *tab) tabTo(selector string) {
	b.Helper()
	for range 150 {
		var at struct {
			There, Seen bool
			HTML        string
		}
		b.do(chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(e => ({
			There: e.matches(`+quoted(selector)+`),
			Seen: e === document.body || getComputedStyle(e).outlineStyle !== "none",
			HTML: e.outerHTML.slice(0, 200)}))(document.activeElement)`, &at))
		if !at.Seen {
			b.Errorf("the focus is not seen on the way to %s: %s", selector, at.HTML)
		}
		if at.There {
			return
		}
	}
	b.Fatalf("Tab does not reach %s", selector)
}
