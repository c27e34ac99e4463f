package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// An administrator designates the office, and is warned before she saves that her home would
// be shut out; at home the save itself is refused, with what mends it as a button.
func TestOfficeIsDesignated(t *testing.T) {
	in(t, home, "line", "it", "web")
	b := open(t, office)
	b.login("line", "it")
	b.press("main a.primary")
	b.sees("Network security", "Your address now", office, "It is not on the list.")
	b.shot("before")
	b.press(`button[value="mine"]`)
	b.sees("It is on the list.", "Not saved yet")
	b.do(chromedp.Click("#access-designated"))
	b.press(`main button[value="review"].primary`)
	b.sees("Only designated IP addresses are allowed.", "Added: 8.8.8.8", "All members, you too, on: every program but Mobile app",
		"They stay logged in on: Mobile app", "You could not log in from some of your own places:", home+", South Korea", "Refused")
	b.shot("warned")

	b.comeFrom(home, "en")
	b.login("line", "it")
	b.goTo("/t/line/admin/network")
	b.fill("#range", "8.8.8.0/24")
	b.fill("#label", "Head office")
	b.do(chromedp.Click("#access-designated"))
	b.press(`main button[value="review"].primary`)
	b.press(`button[value="save"]`)
	b.sees("This would shut administrators out", "Nothing was saved.", "You could not come in from "+home, "Designate "+home+" too and save")
	b.shot("refused")
	b.press(`button[value="mend"]`)
	if b.path() != "/t/line/login" {
		t.Fatalf("the save ended no session: %s", b.path())
	}
	b.sees("The settings are saved. They ended sessions, yours too")
	b.enter("it", "demo-it")
	b.goTo("/t/line/admin/history")
	b.sees("Saved", "Added: 8.8.8.0/24, Head office", "Added: "+home)
	b.shot("history")
}

// A member abroad is asked for a code, comes in by it, and stays in while reading.
func TestMemberAbroadVerifies(t *testing.T) {
	root := in(t, home, "standard", "root", "web")
	root.put(`{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`)
	b := open(t, abroad)
	b.login("standard", "kim")
	b.sees("Verify your identity")
	b.shot("code")
	b.fill("#code", "000000")
	b.press("main form button")
	b.sees("The code is wrong or no longer valid.")
	b.fill("#code", mails(t, "standard", "kim")[0]["code"].(string))
	b.press("main form button")
	b.sees("Hello, kim", "Identity verified", "Yes (Japan)", abroad)
	b.shot("in")
	for range 3 {
		b.goTo("/t/standard/me")
		b.sees("Hello, kim")
	}
}

// A save signs out the web session and leaves the mobile one.
func TestSaveSignsOutTheWebOnly(t *testing.T) {
	b := open(t, office)
	b.login("works", "kim")
	b.sees("Hello, kim")
	app := in(t, office, "works", "kim", "mobile")
	root := in(t, office, "works", "root", "web")
	root.put(`{"access":"designated","designated":[{"range":"8.8.8.0/24","label":"Head office"}]}`)
	b.leaves()
	b.sees("Your session has ended. Log in to go on.")
	b.shot("signed-out")
	if status, answer := app.call("GET", "/me", ""); status != http.StatusOK {
		t.Errorf("the app is signed out: %d %v", status, answer)
	}
	b.enter("kim", "demo-kim")
	b.sees("Hello, kim")

	b.comeFrom(abroad, "en")
	b.goTo("/t/works/me")
	b.sees("You cannot log in", "certain addresses only", abroad, "address-not-designated")
	b.shot("refused")
}

// What a suspended member has on the screen goes away by itself.
func TestSuspendedMembersPageEnds(t *testing.T) {
	b := open(t, office)
	b.login("kintone", "lee")
	b.sees("Hello, lee")
	admin := open(t, office)
	admin.login("kintone", "root")
	admin.goTo("/t/kintone/admin/members")
	admin.fill("#text", "lee")
	admin.press("main form button")
	admin.shot("members")
	admin.press("tbody a")
	admin.fill("#suspend-reason", "lost the laptop")
	admin.shot("member")
	admin.press(`form[action$="/suspend"] button`)
	admin.sees("Done: Suspend.", "Suspended")
	began := time.Now()
	b.leaves()
	t.Logf("the page ended after %v", time.Since(began).Round(time.Millisecond))
	b.sees("Your session has ended")
	b.shot("ended")
	b.enter("lee", "demo-lee")
	b.sees("You cannot log in")
	admin.goTo("/t/kintone/admin/audit")
	admin.sees("Suspended", "lost the laptop", "Done")
	admin.shot("audit")
	admin.goTo("/t/kintone/admin/members/lee")
	admin.press(`form[action$="/lift"] button`)
	admin.sees("Done: Lift the suspension.")
}

// Kintone lets nobody pass its list, so an administrator who is shut out uses the link that
// was mailed.
func TestResetLink(t *testing.T) {
	b := open(t, office)
	b.login("kintone", "it")
	b.goTo("/t/kintone/admin/network")
	b.fill("#range", "8.8.8.0/24")
	b.do(chromedp.Click("#access-designated"))
	b.press(`main button[value="review"].primary`)
	b.press(`button[value="save"]`)
	if b.path() == "/t/kintone/admin/network/save" { // another administrator was seen elsewhere
		b.sees("This would shut administrators out")
		b.do(chromedp.Click("#force"))
		b.press(`button[value="force"]`)
	}
	b.comeFrom(abroad, "en")
	b.login("kintone", "it")
	b.sees("You cannot log in")
	link := ""
	for link == "" && b.ctx.Err() == nil {
		if all := mails(t, "kintone", "it"); len(all) > 0 {
			link, _ = all[0]["link"].(string)
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.goTo("/demo/mail?to=it")
	b.sees("this link lifts it")
	b.shot("mail")
	b.press(`a[href="` + link + `"]`)
	b.sees("Lift the IP address restriction", "The link works once")
	b.shot("link")
	b.press("main form button")
	b.sees("The restriction is lifted.")
	b.enter("it", "demo-it")
	b.sees("Hello, it")
	b.goTo(link)
	b.sees("This link is not valid any more.")
}

// keys presses keys, one after the other.
func (b *tab) keys(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until what a selector finds has the focus, which must be seen.
func (b *tab) tabTo(selector string) {
	b.Helper()
	for range 150 {
		b.keys(kb.Tab)
		var there, seen bool
		var focus string
		b.do(chromedp.Evaluate(`document.activeElement.matches(`+"`"+selector+"`"+`)`, &there),
			chromedp.Evaluate(`document.activeElement.outerHTML.slice(0, 200)`, &focus),
			chromedp.Evaluate(`document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none"`, &seen))
		if !seen {
			b.Errorf("the focus is not seen on the way to %s: %s", selector, focus)
		}
		if there {
			return
		}
	}
	b.Fatalf("Tab does not reach %s", selector)
}

// A whole save by Tab, arrows, Space and Enter alone.
func TestConsoleByKeyboard(t *testing.T) {
	b := open(t, office)
	b.goTo("/t/line/login")
	b.keys("root", kb.Tab, "demo-root")
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.tabTo(`a[href$="/admin/network"]`)
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.tabTo("#range")
	b.keys("1.1.1.0/99")
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.sees("The number behind the / is not possible.")
	b.shot("mistake")
	var focused string
	b.do(chromedp.Evaluate(`document.activeElement.id`, &focused))
	if focused != "range" {
		t.Errorf("the mistake has not the focus, but %q", focused)
	}
	b.do(chromedp.Evaluate(`document.activeElement.select()`, nil)) // as entering a field by Tab does
	b.keys("1.1.1.0/24", kb.Tab, "Branch")
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.sees("1.1.1.0/24", "Branch", "Not saved yet")
	b.tabTo(`button[value="review"]:not([aria-hidden])`)
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.sees("What changes", "Added: 1.1.1.0/24, Branch")
	b.tabTo(`button[value="save"]`)
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.sees("The settings are saved.", "1.1.1.0/24")
	b.shot("saved")
}

// Everything works without script: the pages are forms. What a suspended member has open
// ends with the next click.
func TestWithoutScript(t *testing.T) {
	b := open(t, office)
	b.do(emulation.SetScriptExecutionDisabled(true))
	b.login("line", "root")
	b.goTo("/t/line/admin/network")
	b.fill("#paste", "9.9.9.0/24 # Resolver\n9.9.9.1/24\n10.0.0.0/33 # what?\n149.112.112.0/24")
	b.press(`button[value="paste"]`)
	b.sees("Entries added: 2", "9.9.9.0/24", "149.112.112.0/24", "Line 1", "The address is not the first of its block.", "Line 2")
	b.shot("pasted")
	b.fill("#paste", "")
	b.press(`button[aria-label="Remove 149.112.112.0/24"]`)
	b.press(`main button[value="review"].primary`)
	b.sees("Added: 9.9.9.0/24, Resolver")
	b.press(`button[value="trial"]`)
	b.sees("These settings are on trial.", "Saved on trial.")
	b.shot("trial")
	b.press(`form[action$="/confirm"] button`)
	b.sees("The settings are confirmed and stay.")
	b.goTo("/t/line/admin/whatif?addr=9.9.9.9&client=web&member=kim")
	b.sees("9.9.9.0/24", "Resolver", "Step by step")
	b.shot("whatif")

	kim := open(t, office)
	kim.do(emulation.SetScriptExecutionDisabled(true))
	kim.login("works", "kim")
	kim.sees("Hello, kim")
	b.login("works", "root")
	b.goTo("/t/works/admin/members/kim")
	b.press(`form[action$="/signout"] button`)
	b.sees("Done: Log out everywhere.")
	kim.goTo("/t/works/me")
	kim.sees("Your session has ended.")
}
