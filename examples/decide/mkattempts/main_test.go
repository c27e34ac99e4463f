package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// lists writes files for the program to read.
func lists(t *testing.T, texts ...string) (paths []string) {
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, string(rune('a'+i))+".txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func mkattempts(t *testing.T, args ...string) []string {
	t.Helper()
	var out, complaints bytes.Buffer
	if status := run(args, &out, &complaints); status != 0 {
		t.Fatalf("mkattempts %q: status %d, %s", args, status, complaints.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestAttempts(t *testing.T) {
	files := lists(t, "8.8.8.0/24\n9.9.9.9 # one\n1.1.1.3-1.1.1.9\n", "2606:4700::/33\n8.8.8.128/25\n")
	set := ipset.MustParse("8.8.8.0/24", "9.9.9.9", "1.1.1.3-1.1.1.9", "2606:4700::/33")
	lines := mkattempts(t, append([]string{"-n", "3000"}, files...)...)
	if len(lines) != 3000 {
		t.Fatalf("%d lines", len(lines))
	}
	known, families := 0, map[bool]int{}
	for i, line := range lines {
		var a attempt
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, line)
		}
		if !a.Address.IsValid() {
			continue
		}
		known++
		families[a.Address.Is4()]++
		if !set.Contains(a.Address) {
			t.Errorf("line %d: %v is in no list", i+1, a.Address)
		}
	}
	if known < 2900 || families[true] < 1000 || families[false] < 100 {
		t.Errorf("%d addresses, %v of IPv4", known, families)
	}
}

// Who repeats a measurement must get the same input.
func TestRepeatable(t *testing.T) {
	files := lists(t, "8.8.8.0/24\n", "2606:4700::/32\n")
	text := func(args ...string) string { return strings.Join(mkattempts(t, args...), "\n") }
	first := text("-n", "500", files[0], files[1])
	if text("-n", "500", files[1], files[0], files[0]) != first {
		t.Error("the order of the lists matters")
	}
	if text("-n", "500", "-seed", "2", files[0], files[1]) == first {
		t.Error("the seed does not matter")
	}
	spoilt := mkattempts(t, "-n", "500", "-bad", "10", files[0], files[1])
	for i, line := range strings.Split(first, "\n") {
		if (line == spoilt[i]) == (i%10 == 9) {
			t.Errorf("line %d: %.200s", i+1, spoilt[i])
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestMistakes(t *testing.T) {
	files := lists(t, "8.8.8.0/24\n", "8.8.8.8/24\n", "# nothing\n")
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"at least one list", nil},
		{"no such file", []string{files[0] + ".none"}},
		{"line 1, column 1", files[:2]},
		{"no address", files[2:]},
		{"invalid value", []string{"-n", "-1", files[0]}},
		{"not defined", []string{"-x"}},
	} {
		var out, complaints bytes.Buffer
		if status := run(tt.args, &out, &complaints); status != 2 || out.Len() > 0 || !strings.Contains(complaints.String(), tt.says) {
			t.Errorf("%q: status %d, %q, %q; want 2 and %q", tt.args, status, out.String(), complaints.String(), tt.says)
		}
	}
	var complaints bytes.Buffer
	if status := run(files[:1], fullDisk{}, &complaints); status != 2 || !strings.Contains(complaints.String(), "no space left") {
		t.Errorf("status %d, %q", status, complaints.String())
	}
}
