package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

func Example() {
	main()
	// Output:
	// kim 8.8.8.8 allow [address-designated]
	// kim ::ffff:8.8.8.8 allow [address-designated]
	// kim 9.9.9.9 deny [address-not-designated]
	// lee 8.8.8.8 allow [address-designated]
	// lee ::ffff:8.8.8.8 allow [address-designated]
	// lee 9.9.9.9 allow [member-excepted]
}

// The README shows this program and what it prints, to the letter.
func TestReadmeShowsTheProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	test, err := os.ReadFile("main_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, output, _ := strings.Cut(string(test), "// Output:\n")
	output, _, _ = strings.Cut(output, "}\n")
	output = strings.ReplaceAll(output, "\t// ", "")
	for name, want := range map[string]string{
		"program": "```go\n" + string(program) + "```\n",
		"output":  "```text\n" + output + "```\n",
	} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not show the %s as it is:\n%s", name, want)
		}
	}
}

// The README's table of reasons is the one of the package.
func TestReadmeHasEveryReason(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for r := range policy.Reasons() {
		if row := fmt.Sprintf("| `%v` | %s |\n", r, r.Meaning()); !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row %s", row)
		}
	}
}
