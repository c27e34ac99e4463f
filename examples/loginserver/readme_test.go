package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// pasted runs lines of the README, from those that begin with a text to the next empty one,
// and returns what they print. addresses are of the servers in the place of the README's.
func pasted(t *testing.T, begin string, addresses ...string) string {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "\n    "+begin)
	lines, _, ended := strings.Cut("    "+begin+rest, "\n\n")
	if !found || !ended {
		t.Fatalf("the README has no lines that begin with %s", begin)
	}
	for _, program := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s", program)
		}
	}
	script := "set -eo pipefail\ncurl() { command curl --noproxy '*' --fail-with-body -sS \"$@\"; }\n" +
		strings.NewReplacer(addresses...).Replace(lines)
	out, err := exec.CommandContext(t.Context(), "bash", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// Two servers on one database and one Redis, as the README has them.
func TestReadmeTwoServers(t *testing.T) {
	r, database := newRedis(t), databases[0].make(t)
	var at []string
	for _, node := range servers(t, 2, func() *site.Stores { return onRedis(t, database, r.addr) }) {
		srv := httptest.NewServer(node.http)
		t.Cleanup(srv.Close)
		at = append(at, srv.Listener.Addr().String())
	}
	out := pasted(t, "A='http://127.0.0.1:8081", "127.0.0.1:8081", at[0], "127.0.0.1:8082", at[1])
	for _, want := range []string{`"reason":"identity-verified"`, `"reason":"session-ended"`} {
		if strings.Count(out, want) != 1 {
			t.Errorf("not once %s in\n%s", want, out)
		}
	}
}

// The lines of the README work when they are pasted.
func TestReadme(t *testing.T) {
	s, _ := start(t, "127.0.0.1:0")
	out := pasted(t, "AT=", "127.0.0.1:8080", fmt.Sprint(s.places[0]))
	for _, want := range []string{`"access":"all"`, `"signed_out":{"visits":1`, `"reason":"all-addresses"`, `"action":"block"`, `"action":"signout","ended":1`, `"action":"suspend"`, `"client":"mobile"`, `"live":false`,
		"apps-blocked", "session-ended", `"live":true`, "member-suspended", `"provisional_until"`, `"settings-saved"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}
