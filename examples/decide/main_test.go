package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// The country database that package geo is tested with.
const countryFile = "../../geo/testdata/country.mmdb"

// decide runs the program on an input.
func decide(input string, args ...string) (status int, stdout, stderr string) {
	var out, complaints bytes.Buffer
	status = run(args, strings.NewReader(input), &out, &complaints)
	return status, out.String(), complaints.String()
}

// Each golden file is what somebody sees who runs the program, and how it ends.
func TestGolden(t *testing.T) {
	const attempts, few = "testdata/attempts.jsonl", "testdata/few.jsonl"
	for _, tt := range []struct{ name, args, why string }{
		{"designated", "testdata/settings.json " + attempts, "a list with exceptions"},
		{"designated-explained", "-explain testdata/settings.json " + few, "step by step"},
		{"overseas", "-geo " + countryFile + " testdata/overseas.json " + attempts, "countries"},
		{"overseas-explained", "-geo " + countryFile + " -explain testdata/overseas.json " + few, "step by step"},
		{"standard", "-profile standard testdata/office.json " + attempts, "the default, by name"},
		{"naver-works", "-profile naver-works testdata/office.json " + attempts, "sold by plan, mobile is free of the list"},
		{"line-works", "-profile line-works testdata/office.json " + attempts, "sold by plan"},
		{"kintone", "-profile kintone testdata/office.json " + attempts, "super admins do not pass"},
		{"mistaken", "-geo " + countryFile + " testdata/mistaken.json " + attempts, "every problem is told at once"},
		{"kintone-refuses", "-profile kintone testdata/settings.json " + attempts, "settings that another product takes"},
		{"no-geo", "testdata/overseas.json " + attempts, "the message must name -geo"},
		{"bad-lines", "testdata/office.json testdata/bad.jsonl", "each is told with its number; the rest is decided"},
		{"help", "-h", "what the program says of itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := decide("", strings.Fields(tt.args)...)
			got := fmt.Sprintf("$ decide %s\n%s--- standard error:\n%s--- exit status: %d\n", tt.args, stdout, stderr, status)
			path := filepath.Join("testdata", "golden", tt.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s (%s): it prints\n%s\nand should print\n%s", tt.name, tt.why, got, want)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	const settings = "testdata/office.json"
	for _, tt := range []struct {
		args   string
		status int
		says   string
		why    string
	}{
		{"-h", 0, "", "who asks for help has made no mistake"},
		{"--help", 0, "", "spelled as elsewhere"},
		{"", 2, "there is no SETTINGS.json", "nothing to decide by"},
		{"-wrong " + settings, 2, "-wrong", "an option that is none"},
		{"-profile", 2, "-profile", "an option without its value"},
		{"-profile google " + settings, 2, "standard, naver-works, line-works, kintone", "what there is helps on"},
		{"-profile NAVER-WORKS " + settings, 2, "standard, naver-works, line-works, kintone", "names are exact"},
		{"-profile= " + settings, 2, "standard, naver-works, line-works, kintone", "an empty one is none"},
		{settings + " -explain", 2, "options go before", "else it would be taken for a file"},
		{settings + " a b", 2, "3 files", "one too many"},
		{"testdata/none.json", 2, "testdata/none.json", "settings that are not there"},
		{"testdata", 2, "testdata", "a directory is no file"},
		{settings + " testdata/none.jsonl", 2, "testdata/none.jsonl", "attempts that are not there"},
		{settings + " testdata", 2, "testdata", "a directory can be opened, not read"},
		{"-geo testdata/none.mmdb " + settings, 2, "testdata/none.mmdb", "a country file that is not there"},
		{"-geo " + settings + " " + settings, 2, settings, "a country file that is none"},
		{settings, 0, "all", "standard input"},
		{settings + " -", 0, "all", "standard input by its sign"},
	} {
		status, stdout, stderr := decide("", strings.Fields(tt.args)...)
		if status != tt.status || !strings.Contains(stderr, tt.says) {
			t.Errorf("decide %s: status %d, says %q; want %d and %q: %s", tt.args, status, stderr, tt.status, tt.says, tt.why)
		}
		if status != 0 && stdout != "" {
			t.Errorf("decide %s: %q on standard output, where only decisions belong", tt.args, stdout)
		}
	}
}

// An empty name is that of a variable which was not set; to read standard input
// instead would be to decide something else.
func TestEmptyNames(t *testing.T) {
	const settings = "testdata/office.json"
	for _, args := range [][]string{{""}, {"", ""}, {settings, ""}} {
		if status, _, stderr := decide(good, args...); status != exitFailed || !strings.Contains(stderr, "no such file") {
			t.Errorf("%q: status %d, %q", args, status, stderr)
		}
	}
}

func TestHelpNamesEveryProfile(t *testing.T) {
	for _, p := range profiles {
		if !strings.Contains(help, p.name) {
			t.Errorf("help does not name %s", p.name)
		}
	}
}

// A document that is too large to be settings must not be read to its end.
func TestSettingsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.json")
	if err := os.WriteFile(path, bytes.Repeat([]byte(" "), 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := decide("", path)
	if status != 2 || !strings.Contains(stderr, "at most 4 MiB") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
