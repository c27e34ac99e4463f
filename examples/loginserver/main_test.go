package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// running is a server on sockets.
type running struct {
	*world
	places []place
}

// start runs a demo on addr until the test ends, and returns it and what it says at start.
func start(t *testing.T, addr string) (running, string) {
	t.Helper()
	listeners, err := listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	countries, err := openCountries("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := site.New(t.Context(), site.Options{Countries: countries, Setups: site.Demo(), Demo: true, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	at := places(listeners)
	var said bytes.Buffer
	welcome(&said, s, at)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- serve(ctx, handler(&front.Front{Site: s, Names: []string{"localhost"}}, at, nil), listeners)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return running{&world{T: t, Site: s}, at}, said.String()
}

var command = regexp.MustCompile(`(?m)^  curl -d "([^"]*)" "([^"]*)"\n    (\d+ \S+ \[\S+\])$`)

// Each command that the server prints gives what it prints, each something
// else, and together everything that can happen.
func TestWelcome(t *testing.T) {
	s, said := start(t, "localhost:0")
	if n := strings.Count(said, "\n"); n > 40 || n < 15 {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(said) {
		if len(line) > 180 {
			t.Errorf("a long line: %s", line)
		}
	}
	for _, p := range s.places {
		if !strings.Contains(said, "  http://"+p.String()+" ") {
			t.Errorf("%v is not named", p)
		}
	}
	commands := command.FindAllStringSubmatch(said, -1)
	if len(commands) < 4 || len(commands) != strings.Count(said, "\n  curl -d") {
		t.Fatalf("%d commands are understood of\n%s", len(commands), said)
	}
	curl, noCurl := exec.LookPath("curl")
	seen := map[string]bool{}
	for _, c := range commands {
		body, url, want := c[1], c[2], c[3]
		if seen[want] {
			t.Errorf("%s is shown twice", want)
		}
		seen[want] = true
		resp, err := http.Post(url, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := answered(t, resp.StatusCode, resp.Body); got != want {
			t.Errorf("%s: %s; printed is %s", c[0], got, want)
		}
		if noCurl == nil {
			out, err := exec.Command(curl, "-sS", "--noproxy", "*", "-d", body, url).Output()
			if err != nil {
				t.Fatalf("%s: %v", c[0], err)
			}
			if got := answered(t, resp.StatusCode, bytes.NewReader(out)); got != want {
				t.Errorf("%s: curl says %s", c[0], got)
			}
		}
	}
	for _, effect := range []string{"200 allow", "202 change-password", "401 deny", "403 deny"} {
		if !strings.Contains(fmt.Sprint(seen), effect) {
			t.Errorf("%s is not shown", effect)
		}
	}
}

func answered(t *testing.T, status int, body io.Reader) string {
	t.Helper()
	var r result
	if err := json.NewDecoder(body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	r.Status = status
	return r.text()
}

// The two loopback addresses are two places, also for a browser with cookies.
func TestTwoPlaces(t *testing.T) {
	s, _ := start(t, "localhost:0")
	if len(s.places) < 2 {
		t.Skip("this machine has no IPv6")
	}
	home, office := s.places[0], s.places[1]
	if home.Port() != office.Port() {
		t.Errorf("two ports: %v", s.places)
	}
	in := postForm(t, office, "/t/standard/login", "kim")
	if in.Status != 200 {
		t.Fatalf("%s", in.text())
	}
	for p, want := range map[place]int{office: 200, home: 403} {
		r, _ := http.NewRequest("GET", "http://"+p.String()+"/t/standard/me", nil)
		r.Header.Set("Authorization", "Bearer "+in.Session)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", p.Name, resp.StatusCode, want)
		}
	}
}

func postForm(t *testing.T, p place, path, member string) (r result) {
	t.Helper()
	resp, err := http.PostForm("http://"+p.String()+path, url.Values{"member": {member}, "password": {"demo-" + member}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	r.Status = resp.StatusCode
	return r
}

// On a socket for both families, IPv4 peers come in the mapped spelling.
func TestWildcard(t *testing.T) {
	s, _ := start(t, ":0")
	if r := postForm(t, s.places[0], "/t/kintone/login", "kim"); r.Status != 200 || r.Reason != "all-addresses" {
		t.Errorf("%v: %s", s.places[0], r.text())
	}
}

func TestOnePlace(t *testing.T) {
	_, said := start(t, "127.0.0.1:0")
	if strings.Contains(said, "[::1]") {
		t.Errorf("without IPv6:\n%s", said)
	}
}

// A port that is taken on one of the two addresses is taken.
func TestPortTaken(t *testing.T) {
	for _, host := range loopback() {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := fmt.Sprint(addrPort(l).Port())
		got, err := listen("localhost:" + port)
		if err == nil || !strings.Contains(err.Error(), port) || !strings.Contains(err.Error(), "-addr localhost:0") {
			t.Errorf("%v, %v", got, err)
		}
	}
	for _, addr := range []string{"", "8080", "localhost", "localhost:x", "localhost:99999", "1.2.3.4.5:80"} {
		if got, err := listen(addr); err == nil {
			t.Errorf("%q: %v", addr, got)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ addr, want string }{
		{"127.0.0.1", "you at home"},
		{"::ffff:127.0.0.1", "you at home"},
		{"::1", "you at the office: the same machine, by IPv6"},
		{"192.0.2.1", "you"},
	} {
		if got := placeAt(netip.MustParseAddr(tt.addr), 80); got.Name != tt.want {
			t.Errorf("%s: %s", tt.addr, got.Name)
		}
	}
}

func TestCountryFiles(t *testing.T) {
	db, err := openCountries("")
	if err != nil || db.Country(addrOf(korea)).String() != "KR" || db.Country(addrOf(japan)).String() != "JP" || db.Country(addrOf(usa)).String() != "US" {
		t.Errorf("the file built in: %v, %v", db, err)
	}
	file := filepath.Join(t.TempDir(), "mine.mmdb")
	if err := os.WriteFile(file, demoCountries, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := openCountries(file); err != nil || db.Len() == 0 {
		t.Errorf("%v, %v", db, err)
	}
	for _, wrong := range []string{"main.go", ".", filepath.Join(t.TempDir(), "none")} {
		if err := run(t.Context(), options{addr: "localhost:0", geo: wrong}, io.Discard); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// The log tells what a login was told; and no secret, also not one that was typed as a name.
func TestLog(t *testing.T) {
	timed(t, func(t *testing.T) {
		var b bytes.Buffer
		s := newSite(t)
		*s.log = *slog.New(slog.NewTextHandler(&b, nil))
		stop := s.background()
		s.login(home, "works", "kim", "demo-kim")
		s.login(home, "works", "demo-oops", "x")
		s.post(home, "/t/works/login", "member", "kim", "password", "demo-kim", "client", "fax")
		r := s.login(home, "standard", "kim", "demo-kim")
		in := s.verify(home, r.Attempt, s.code())
		stop()
		text := b.String()
		for _, want := range []string{"member=kim", "address=127.0.0.1", "reason=address-not-designated", "reason=unknown-client", "reason=overseas-login", "reason=identity-verified"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
		for _, secret := range []string{"demo-", r.Attempt, in.Session, s.code(), "ERROR"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in\n%s", secret, text)
			}
		}
	})
}

// A server that cannot go on says so and stops.
func TestServeFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := serve(t.Context(), http.NotFoundHandler(), []net.Listener{l}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
