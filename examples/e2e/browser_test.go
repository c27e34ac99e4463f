package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Places that the made-up country file of the demo knows.
const (
	office = "8.8.8.8"    // the United States
	home   = "211.32.0.9" // South Korea
	abroad = "133.5.0.7"  // Japan
)

// patience bounds a whole test. It is for what hangs, not for what is slow.
const patience = 3 * time.Minute

var (
	base    string          // URL of the server
	browser context.Context // of Chromium
	missing string          // why there is no browser
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path, err := exec.LookPath("chromium")
	if err != nil {
		missing = "chromium is not installed"
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	stop, err := serve(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the login server:", err)
		return 1
	}
	defer stop()
	allocator, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("force-prefers-reduced-motion", true), // a page that is still appearing has other colours
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(time.Minute))
	defer cancel()
	browser, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Run(browser); err != nil {
		fmt.Fprintln(os.Stderr, "chromium:", err)
		return 1
	}
	return m.Run()
}

var at = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// serve builds the login server and starts it, behind a proxy that this test is: it says by
// X-Forwarded-For where the browser comes from.
func serve(dir string) (stop func(), err error) {
	program := filepath.Join(dir, "loginserver")
	build := exec.Command("go", "build", "-o", program, "./loginserver")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	server := exec.Command(program, "-addr", "127.0.0.1:0", "-trust-proxy", "127.0.0.1")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	server.Stderr = log
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		server.Process.Kill()
		server.Wait()
		log.Close()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if base = at.FindString(lines.Text()); base != "" {
			go io.Copy(io.Discard, out)
			return stop, nil
		}
	}
	stop()
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("it tells no address: %s", said)
}

// tab is a window of a person with cookies of their own, at an address.
type tab struct {
	*testing.T
	ctx   context.Context
	shots int
}

// needBrowser skips a test where there is none, but never in CI.
func needBrowser(t *testing.T) {
	t.Helper()
	if missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
}

// open gives a test a window.
func open(t *testing.T, from string) *tab {
	t.Helper()
	needBrowser(t)
	id, dispose, err := window()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dispose)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	b.wide()
	b.comeFrom(from, "en")
	return b
}

// window makes a window with cookies of its own. Chromium opens tabs only in windows, which a
// browser context begins without.
func window() (id target.ID, dispose func(), err error) {
	ctx := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	own, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		return "", nil, err
	}
	id, err = target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
	return id, func() { _ = target.DisposeBrowserContext(own).Do(ctx) }, err
}

func (b *tab) do(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		var where string
		_ = chromedp.Run(b.ctx, chromedp.Location(&where))
		b.shot("failed")
		b.Fatalf("%v, at %s:\n%s", err, where, b.text())
	}
}

// comeFrom moves the person to another address, and has the browser ask for a language.
func (b *tab) comeFrom(addr, lang string) {
	b.Helper()
	b.do(network.Enable(), network.SetExtraHTTPHeaders(network.Headers{"X-Forwarded-For": addr, "Accept-Language": lang}))
}

func (b *tab) wide()  { b.Helper(); b.do(emulation.SetDeviceMetricsOverride(1100, 900, 1, false)) }
func (b *tab) phone() { b.Helper(); b.do(emulation.SetDeviceMetricsOverride(360, 740, 2, true)) }

// goTo opens a path and waits until it is there.
func (b *tab) goTo(path string) {
	b.Helper()
	b.do(chromedp.Navigate(base+path), chromedp.WaitReady("main"))
}

// press clicks what a selector finds and waits for the page that follows.
func (b *tab) press(selector string) {
	b.Helper()
	b.follow(chromedp.Click(selector, chromedp.ByQuery))
}

// follow does something that leads to another page, and waits until that is there.
func (b *tab) follow(a chromedp.Action) {
	b.Helper()
	b.do(chromedp.Evaluate(`window.before = true`, nil), a)
	b.wait(`!window.before && document.readyState === "complete" && !!document.querySelector("main")`)
}

// wait asks again and again until an expression is true. It asks from here, since scripts of
// the page may be switched off, and lives through a page that goes away meanwhile.
func (b *tab) wait(expression string) {
	b.Helper()
	for began := time.Now(); time.Since(began) < patience/3; time.Sleep(30 * time.Millisecond) {
		var is bool
		if err := chromedp.Run(b.ctx, chromedp.Evaluate(expression, &is)); err == nil && is {
			return
		}
	}
	b.shot("failed")
	b.Fatalf("waited in vain for %s at %s:\n%s", expression, b.path(), b.text())
}

// leaves waits until the page goes to the login by itself.
func (b *tab) leaves() {
	b.Helper()
	b.wait(`location.pathname.endsWith("/login") && document.readyState === "complete" && !!document.querySelector("main")`)
}

func (b *tab) fill(selector, text string) {
	b.Helper()
	set := fmt.Sprintf(`(e => {
		e.value = %s
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, {bubbles: true}))
	})(document.querySelector(%s))`, quoted(text), quoted(selector))
	b.do(chromedp.WaitReady(selector, chromedp.ByQuery), chromedp.Evaluate(set, nil))
}

// quoted is text as a script says it.
func quoted(text string) string {
	q, _ := json.Marshal(text)
	return string(q)
}

// text is what stands on the page.
func (b *tab) text() (text string) {
	b.Helper()
	_ = chromedp.Run(b.ctx, chromedp.Evaluate(`document.body ? document.body.innerText : ""`, &text))
	return text
}

func (b *tab) path() (path string) {
	b.Helper()
	b.do(chromedp.Evaluate(`location.pathname`, &path))
	return path
}

// sees fails the test unless all of this stands on the page.
func (b *tab) sees(texts ...string) {
	b.Helper()
	page := b.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.shot("failed")
			b.Fatalf("%q does not stand at %s:\n%s", text, b.path(), page)
		}
	}
}

func (b *tab) login(tenant, member string) {
	b.Helper()
	b.goTo("/t/" + tenant + "/login")
	b.enter(member, "demo-"+member)
}

func (b *tab) enter(member, password string) {
	b.Helper()
	b.fill("#member", member)
	b.fill("#password", password)
	b.press("main form button")
}

var shooting sync.Mutex

// shot leaves a picture of the whole page.
func (b *tab) shot(name string) {
	b.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.shots++
	var picture []byte
	err := chromedp.Run(b.ctx, chromedp.Evaluate(`scrollTo(0, 0)`, nil), chromedp.FullScreenshot(&picture, 100))
	shooting.Lock()
	defer shooting.Unlock()
	file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(b.Name(), "/", "-"), b.shots, name))
	if err == nil {
		err = os.WriteFile(file, picture, 0o666)
	}
	if err != nil {
		b.Errorf("screenshot: %v", err)
	}
}

// program is a member's other client: it speaks JSON.
type program struct {
	*testing.T
	from, tenant, session string
}

func (p *program) call(method, path, body string) (status int, answer map[string]any) {
	p.Helper()
	r, err := http.NewRequest(method, base+"/t/"+p.tenant+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", p.from)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if p.session != "" {
		r.Header.Set("Authorization", "Bearer "+p.session)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, answer
}

// in logs a program in.
func in(t *testing.T, from, tenant, member, client string) *program {
	t.Helper()
	needBrowser(t) // without it there is no server either
	p := &program{T: t, from: from, tenant: tenant}
	status, answer := p.call("POST", "/login", fmt.Sprintf(`{"member":%q,"password":"demo-%s","client":%q}`, member, member, client))
	p.session, _ = answer["session"].(string)
	if status != http.StatusOK || p.session == "" {
		t.Fatalf("%s at %s: %d %v", member, from, status, answer)
	}
	return p
}

// put saves settings as an administrator's program does, whatever they are now.
func (p *program) put(settings string) {
	p.Helper()
	if status, answer := p.call("PUT", "/admin/network", settings); status != http.StatusOK {
		p.Fatalf("PUT %s: %d %v", settings, status, answer)
	}
}

// mails are the letters to a member of a tenant, newest first.
func mails(t *testing.T, tenant, member string) []map[string]any {
	t.Helper()
	r, err := http.NewRequest("GET", base+"/demo/mail?to="+member, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all, own []map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m["tenant"] == tenant {
			own = append(own, m)
		}
	}
	return own
}
