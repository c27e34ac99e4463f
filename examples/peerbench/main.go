// Command peerbench measures Sallyport against the libraries that one would
// otherwise use, in one run and on the same inputs, and holds the ratios against
// the goals of the design. Run it from the root of the repository, on a machine
// that does nothing else:
//
//	go run ./examples/peerbench
//
// All contenders must give the same answers before any is timed; where one does
// not, the program names the input and fails. Absolute times are of this machine.
// A goal that is missed is printed as such and is no failure.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

// bench is one run of the program.
type bench struct {
	in    *inputs
	quick bool
	tiny  bool // for tests: no round more than needed to print something

	// what was measured
	chart    chart
	figures  []figure
	decision [2]float64 // the least and the greatest cost of a decision, ns
}

// figure is a row of the table of goals.
type figure struct {
	what string
	verdict
}

// section measures one row of the design's table.
type section struct {
	name    string
	measure func(b *bench) (*result, error)
}

var sections = []section{
	{"ipset.Set.Contains", (*bench).contains},
	{"ipset.Set.Contains, dependent", (*bench).containsDependent},
	{"memory of a Set", (*bench).memory},
	{"building a Set", (*bench).building},
	{"geo.DB.Country", (*bench).country},
	{"geo.Open", (*bench).open},
	{"memory of a DB", (*bench).openMemory},
	{"Policy.Evaluate against a look-up", (*bench).evaluate},
	{"Policy.Evaluate against cedar-go", (*bench).cedar},
	{"Policy.Evaluate against casbin", (*bench).casbin},
	{"Engine.Check", (*bench).check},
	{"Engine.Check on two processors", (*bench).cores},
	{"Compile", (*bench).compile},
	{"a compiled policy at rest", (*bench).atRest},
	{"signing out a tenant", (*bench).signOut},
	{"Cuts.Live", (*bench).live},
	{"allocations", (*bench).allocations},
}

// elsewhere is what of the design's table has no peer.
const elsewhere = `Not measured here: 100,000 tenants in one engine, or any number (go test -v -run ManyTenants -tenants 1000000 ./policy/engine).`

const method = `A cost is the median of several rounds in which all contenders take short turns. A ratio is ours to the peer's, the median of the
ratios of each round, and so not always the quotient of the costs beside it. Below 1 ours is faster or smaller.
Look-ups are measured twice. Independent ones are asked one behind the other, as go test -bench does; they judge whether a goal is met.
Of dependent ones each waits for the answer to the last; they are held against the same bound in a row of their own.`

func main() {
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peerbench:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("peerbench", flag.ContinueOnError)
	flags.SetOutput(w)
	quick := flags.Bool("quick", false, "measure roughly, in about twenty seconds instead of three minutes")
	only := flags.String("only", "", "measure only the sections whose names match this `regexp`")
	svg := flags.String("svg", "", "draw Set.Contains against its peers into this `file`")
	update := flags.Bool("update", false, "write the figures into README.md, here and at the root, and the chart beside it")
	profile := flags.String("cpuprofile", "", "write a CPU profile of the measurements into this `file`, for go tool pprof")
	data := flags.String("data", filepath.Join(root(), "..", "shared", "data"), "`folder` of the public data; generated where it is absent")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return fmt.Errorf("-cpuprofile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("-cpuprofile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	in, err := loadInputs(*data)
	if err != nil {
		return err
	}
	defer in.remove()
	b := &bench{in: in, quick: *quick}
	fmt.Fprintf(w, "%s %s/%s, %d processors%s\n%v\n%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), mode(*quick), in, method)
	if err := b.all(w, wanted); err != nil {
		return err
	}
	if (*svg != "" || *update) && b.chart.empty() {
		return errors.New("ipset.Set.Contains was not measured, so there is nothing to draw")
	}
	if *svg != "" {
		if err := b.chart.write(*svg); err != nil {
			return err
		}
	}
	if *update {
		return b.update(root(), fmt.Sprintf("%s %s/%s, GOAMD64=%s, %d processors%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, level(), runtime.NumCPU(), mode(*quick)))
	}
	return nil
}

func mode(quick bool) string {
	if quick {
		return ", -quick: rough figures, fewer inputs"
	}
	return ""
}

// all measures the wanted sections, prints each when it is done, and at the end
// all verdicts in one table.
func (b *bench) all(w io.Writer, wanted *regexp.Regexp) error {
	begin, done := time.Now(), 0
	b.figures = nil
	for _, s := range sections {
		if !wanted.MatchString(s.name) {
			continue
		}
		start := time.Now()
		debug.FreeOSMemory() // what the last section left is not this one's to collect
		r, err := s.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		fmt.Fprintf(w, "\n== %s (%v)\n", s.name, took)
		for _, v := range printSection(w, s.name, r) {
			b.figures = append(b.figures, figure{s.name, v})
		}
		b.decisions(s.name, r)
		done++
	}
	if done == 0 {
		return fmt.Errorf("-only %v matches no section", wanted)
	}
	fmt.Fprintf(w, "\n== all goals\n")
	t := newVerdictTable(w)
	for _, f := range b.figures {
		t.print(f.what, f.verdict)
	}
	t.flush()
	fmt.Fprintf(w, "\n%s, in %v.\n%s\n", b.count(), time.Since(begin).Round(time.Second), elsewhere)
	return nil
}
