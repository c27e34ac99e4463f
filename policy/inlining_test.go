//go:build !race

package policy_test

import (
	"os/exec"
	"strings"
	"testing"
)

// An Attempt is copied by every call of Evaluate that is not inlined, which takes as long
// as the whole decision, and a call of features as long as several of its lines.
func TestInlining(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command, which tells what is inlined, is not there")
	}
	t.Parallel()
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, want := range []string{"(*Policy).Evaluate", "(*Policy).features", "(*Policy).listAlone", "admits", "allow", "one"} {
		if !strings.Contains(string(out), " can inline "+want+"\n") {
			t.Errorf("%s cannot be inlined any more: go build -gcflags=-m=2 ./policy says why", want)
		}
	}
}
