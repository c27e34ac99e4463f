package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The lines of the README work when they are pasted.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "\n    AT=")
	lines, _, ended := strings.Cut("    AT="+rest, "\n\n")
	if !found || !ended {
		t.Fatal("the README has no lines that begin with AT=")
	}
	for _, program := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s", program)
		}
	}
	s, _ := start(t, "127.0.0.1:0")
	script := "set -eo pipefail\ncurl() { command curl --noproxy '*' --fail-with-body -sS \"$@\"; }\n" +
		strings.ReplaceAll(lines, "127.0.0.1:8080", fmt.Sprint(s.places[0]))
	out, err := exec.CommandContext(t.Context(), "bash", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"access":"all"`, `"signed_out":{"visits":1`, `"reason":"all-addresses"`, `"action":"suspend"`, `"live":true`, "member-suspended", `"provisional_until"`, `"settings-saved"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}
