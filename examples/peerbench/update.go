package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// What stands between these two lines in a README is written by -update, and so
// are all figures of this program that are published.
const (
	blockBegin = "<!-- written by: go run ./examples/peerbench -update -->\n"
	blockEnd   = "<!-- end -->\n"
)

// count tells how many goals are met.
func (b *bench) count() string {
	met, missed, kept, over := 0, 0, 0, 0
	for _, f := range b.figures {
		switch {
		case f.inputs == 0:
		case f.manner == dependent && f.met:
			kept++
		case f.manner == dependent:
			over++
		case f.met:
			met++
		default:
			missed++
		}
	}
	s := fmt.Sprintf("%d goals met, %d missed", met, missed)
	if kept+over > 0 {
		s += fmt.Sprintf("; dependent look-ups keep to %d of the same bounds of %d", kept, kept+over)
	}
	return s
}

// decisions keeps what a decision costs in the section that measures it.
func (b *bench) decisions(section string, r *result) {
	if len(r.names) == 0 || r.names[0] != ourEvaluate || r.names[1] != bartFast {
		return
	}
	b.decision = [2]float64{math.Inf(1), 0}
	for _, l := range r.lines {
		b.decision[0], b.decision[1] = min(b.decision[0], l.cost[0]), max(b.decision[1], l.cost[0])
	}
}

// update writes the figures into both READMEs, and the chart.
func (b *bench) update(root, where string) error {
	here := filepath.Join(root, "examples", "peerbench")
	if err := b.chart.write(filepath.Join(here, "contains.svg")); err != nil {
		return err
	}
	if err := replaceBlock(filepath.Join(here, "README.md"), b.table(where)); err != nil {
		return err
	}
	return replaceBlock(filepath.Join(root, "README.md"), b.summary(where))
}

// table is the table of all goals.
func (b *bench) table(where string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s. %s.\n\n", where, b.count())
	s.WriteString("| what | against | look-ups | goal | figure | of | |\n|---|---|---|---|---|---|---|\n")
	for _, f := range b.figures {
		fmt.Fprintf(&s, "| %s | %s | %s | %s | %s | %s | %s |\n", f.what, f.against, f.manner, f.goal.words, f.ratio(), f.where, f.word())
	}
	return s.String()
}

// summary is what the first page says.
func (b *bench) summary(where string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s.\n\n| what | against | goal | figure | of |\n|---|---|---|---|---|\n", where, b.count())
	if b.decision[1] > 0 {
		fmt.Fprintf(&s, "| a decision, 20 to 10,000 entries, IPv4 and IPv6 | | | %s to %s | |\n", cost(b.decision[0], "ns"), cost(b.decision[1], "ns"))
	}
	for _, f := range b.figures {
		if f.manner != dependent && f.inputs > 0 {
			fmt.Fprintf(&s, "| %s | %s | %s | %s | %s, %s |\n", f.what, f.against, f.goal.words, f.ratio(), f.where, f.word())
		}
	}
	return s.String()
}

// replaceBlock replaces what stands between the two lines in a file.
func replaceBlock(path, text string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(file), blockBegin)
	_, after, ended := strings.Cut(rest, blockEnd)
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q", path, strings.TrimSpace(blockBegin), strings.TrimSpace(blockEnd))
	}
	return os.WriteFile(path, []byte(before+blockBegin+"\n"+text+"\n"+blockEnd+after), 0o644)
}

// level is the GOAMD64 that this program was built for; "" on other processors.
func level() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "GOAMD64" {
			return s.Value
		}
	}
	return ""
}
