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
	b.look("before")
	b.press(`button[value="mine"]`)
	b.sees("It is on the list.", "Not saved yet")
	b.do(chromedp.Click("#access-designated"))
	b.press(`main button[value="review"].primary`)
	b.sees("Only designated IP addresses are allowed.", "Added: 8.8.8.8", "All members, you too, on: every program but Mobile app",
		"They stay logged in on: Mobile app", "You could not log in from some of your own places:", home+", South Korea", "Refused")
	b.look("warned")

	b.comeFrom(home, "en")
	b.login("line", "it")
	b.goTo("/t/line/admin/network")
	b.fill("#range", "8.8.8.0/24")
	b.fill("#label", "Head office")
	b.do(chromedp.Click("#access-designated"))
	b.press(`main button[value="review"].primary`)
	b.press(`button[value="save"]`)
	b.sees("This would shut administrators out", "Nothing was saved.", "You could not come in from "+home, "Designate "+home+" too and save")
	b.look("refused")
	b.press(`button[value="mend"]`)
	if b.path() != "/t/line/login" {
		t.Fatalf("the save ended no session: %s", b.path())
	}
	b.sees("The settings are saved. Sessions have ended, yours too")
	b.enter("it", "demo-it")
	b.goTo("/t/line/admin/history")
	b.sees("Saved", "Added: 8.8.8.0/24, Head office", "Added: "+home)
	b.look("history")
}

// A member abroad is asked for a code, comes in by it, and stays in while reading.
func TestMemberAbroadVerifies(t *testing.T) {
	root := in(t, home, "standard", "root", "web")
	root.put(`{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`)
	b := open(t, abroad)
	b.login("standard", "kim")
	b.sees("Verify your identity")
	b.look("code")
	b.fill("#code", "000000")
	b.press("main form button")
	b.sees("The code is wrong or no longer valid.")
	b.fill("#code", mails(t, "standard", "kim")[0]["code"].(string))
	b.press("main form button")
	b.sees("Hello, kim", "Identity verified", "Yes (Japan)", abroad)
	b.look("in")
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
	b.look("signed-out")
	if status, answer := app.call("GET", "/me", ""); status != http.StatusOK {
		t.Errorf("the app is signed out: %d %v", status, answer)
	}
	b.enter("kim", "demo-kim")
	b.sees("Hello, kim")

	b.comeFrom(abroad, "en")
	b.goTo("/t/works/me")
	b.sees("You cannot log in", "certain addresses only", abroad, "address-not-designated")
	b.look("refused")
}

// A save on trial that is taken back at once: whom it has signed out stays signed out and
// logs in again, and who came in by it alone is out.
func TestTrialIsTakenBack(t *testing.T) {
	in(t, office, "works", "root", "web").put(`{"access":"designated","designated":[{"range":"8.8.8.0/24","label":"Head office"},{"range":"` + home + `","label":"Home of kim"}]}`)
	atHome := in(t, home, "works", "kim", "web")
	app := in(t, home, "works", "kim", "mobile")
	kim := open(t, home)
	kim.login("works", "kim")
	kim.sees("Hello, kim")

	b := open(t, office)
	b.login("works", "it")
	b.goTo("/t/works/admin/network")
	b.press(`button[aria-label="Remove ` + home + `"]`)
	b.fill("#range", abroad)
	b.fill("#label", "The fair")
	b.press(`main button[value="review"].primary`)
	b.sees("Removed: "+home, "Added: "+abroad+", The fair", "All members, you too, on:")
	b.press(`button[value="trial"]`)
	b.sees("Saved on trial. Confirm it from inside, or it is taken back. Sessions have ended, yours too")
	b.look("saved")
	kim.leaves()
	kim.enter("kim", "demo-kim")
	kim.sees("You cannot log in")
	lee := open(t, abroad)
	lee.login("works", "lee")
	lee.sees("Hello, lee")

	b.enter("it", "demo-it")
	b.goTo("/t/works/admin/network")
	b.sees("These settings are on trial.", "Take them back now")
	b.look("trial")
	b.press(`form[action$="/take-back"] button`)
	b.sees("The trial was taken back.", "Sessions have ended, yours too") // for an address was taken off again
	b.look("taken-back")
	lee.leaves()
	lee.enter("lee", "demo-lee")
	lee.sees("You cannot log in")
	lee.look("out")
	kim.goTo("/t/works/login")
	kim.enter("kim", "demo-kim")
	kim.sees("Hello, kim")
	if status, answer := atHome.call("GET", "/me", ""); status != http.StatusUnauthorized || answer["reason"] != "session-cut" {
		t.Errorf("a session that the trial has ended: %d %v", status, answer)
	}
	if status, answer := app.call("GET", "/me", ""); status != http.StatusOK {
		t.Errorf("the app: %d %v", status, answer)
	}
	b.enter("it", "demo-it")
	b.goTo("/t/works/admin/history")
	b.sees("In force now", "Removed: "+abroad, "Added: "+home)
	b.look("history")
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
	admin.look("members")
	admin.press("tbody a")
	admin.fill("#suspend-reason", "lost the laptop")
	admin.look("member")
	admin.press(`form[action$="/suspend"] button`)
	admin.sees("Done: Suspend.", "Suspended")
	began := time.Now()
	b.leaves()
	t.Logf("the page ended after %v", time.Since(began).Round(time.Millisecond))
	b.sees("Your session has ended")
	b.look("ended")
	b.enter("lee", "demo-lee")
	b.sees("You cannot log in")
	admin.goTo("/t/kintone/admin/audit")
	admin.sees("Suspended", "lost the laptop", "Done")
	admin.look("audit")
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
	b.look("mail")
	b.press(`a[href="` + link + `"]`)
	b.sees("Lift the IP address restriction", "The link works once")
	b.look("link")
	b.press("main form button")
	b.sees("The restriction is lifted.")
	b.enter("it", "demo-it")
	b.sees("Hello, it")
	b.goTo(link)
	b.sees("This link is not valid any more.")
}

// The console by Tab, arrows, Space, Enter and letters alone, in each language: a save with
// a mistake in it, a member who is suspended, a choice of countries on trial.
func TestConsoleByKeyboard(t *testing.T) {
	begin := func(t *testing.T, tenant, lang string) *tab {
		b := open(t, office)
		b.comeFrom(office, lang)
		b.goTo("/t/" + tenant + "/login")
		b.enterByKeyboard()
		return b
	}
	t.Run("en", func(t *testing.T) {
		b := begin(t, "line", "en")
		b.tabTo(`a[href$="/admin/network"]`)
		b.enterKey()
		b.tabTo("#range")
		b.keys("1.1.1.0/99")
		b.enterKey()
		b.sees("The number behind the / is not possible.")
		b.look("mistake")
		if focused := b.focus(); focused != "range" {
			t.Errorf("the mistake has not the focus, but %q", focused)
		}
		b.do(chromedp.Evaluate(`document.activeElement.select()`, nil)) // as entering a field by Tab does
		b.keys("1.1.1.0/24", kb.Tab, "Branch")
		b.enterKey()
		b.sees("1.1.1.0/24", "Branch", "Not saved yet")
		b.tabTo(`button[value="review"]:not([aria-hidden])`)
		b.enterKey()
		b.sees("What changes", "Added: 1.1.1.0/24, Branch")
		b.tabTo(`button[value="save"]`)
		b.enterKey()
		b.sees("The settings are saved.", "1.1.1.0/24")
		b.look("saved")
	})
	t.Run("ko", func(t *testing.T) {
		b := begin(t, "line", "ko")
		b.tabTo(`a[href$="/admin/network"]`)
		b.enterKey()
		b.tabTo(`a[href$="/admin/members"]`)
		b.enterKey()
		b.tabTo("#text")
		b.keys("lee")
		b.enterKey()
		b.tabTo(`a[href$="/members/lee"]`)
		b.enterKey()
		b.tabTo("#suspend-reason")
		b.keys("잃어버린 노트북")
		b.enterKey()
		b.sees("처리했습니다: 일시정지")
		b.look("suspended")
		b.tabTo(`form[action$="/lift"] button`)
		b.enterKey()
		b.wait(`!document.querySelector(".tag.suspended")`)
	})
	t.Run("ja", func(t *testing.T) {
		in(t, office, "standard", "root", "web").put(`{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`)
		b := begin(t, "standard", "ja")
		b.tabTo(`a[href$="/admin/network"]`)
		b.enterKey()
		b.tabTo("summary:has(+ div #country-filter)")
		b.keys(" ")
		b.wait(`document.activeElement.parentElement.open`)
		b.tabTo("#country-filter")
		b.keys("カナダ")
		b.tabTo(`input[value="CA"]`)
		b.keys(" ")
		b.tabTo(`button[value="review"]:not([aria-hidden])`)
		b.enterKey()
		b.sees("カナダ")
		b.tabTo(`button[value="trial"]`)
		b.enterKey()
		b.sees("仮保存した設定を適用中です。")
		b.look("trial")
		b.tabTo(`form[action$="/take-back"] button`)
		b.enterKey()
		b.leaves() // a country that is exempt no more ends sessions
		b.enterByKeyboard()
		if b.path() != "/t/standard/me" {
			t.Errorf("at %s", b.path())
		}
	})
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
