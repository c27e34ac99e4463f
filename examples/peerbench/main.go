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
	"time"
)

// bench is one run of the program.
type bench struct {
	in    *inputs
	quick bool
	tiny  bool // for tests: no round more than needed to print something
	chart chart
}

// section measures one row of the design's table.
type section struct {
	name    string
	measure func(b *bench) (*result, error)
}

var sections = []section{
	{"ipset.Set.Contains", (*bench).contains},
	{"ipset.Set.Contains, waiting", (*bench).containsWaiting},
	{"memory of a Set", (*bench).memory},
	{"building a Set", (*bench).building},
	{"geo.DB.Country", (*bench).country},
	{"geo.Open", (*bench).open},
	{"memory of a DB", (*bench).openMemory},
	{"Policy.Evaluate against a look-up", (*bench).evaluate},
	{"Policy.Evaluate against cedar-go", (*bench).cedar},
	{"Policy.Evaluate against casbin", (*bench).casbin},
	{"Compile", (*bench).compile},
	{"a compiled policy at rest", (*bench).atRest},
	{"signing out a tenant", (*bench).signOut},
	{"Cuts.Live", (*bench).live},
	{"allocations", (*bench).allocations},
}

// later is what of the design's table is not measured here.
const later = `Not measured here, because package policy/engine is measured by itself: Engine.Check with its cache hit, 100,000 tenants
in the engine, and signing out by the stores (a cut alone, and a cut that is stored, are measured above).`

const manner = `A cost is the median of several rounds in which all contenders take short turns. A ratio is ours to the peer's, the median of the
ratios of each round, and so not always the quotient of the costs beside it. Below 1 ours is faster or smaller.`

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
	in, err := loadInputs(*data)
	if err != nil {
		return err
	}
	defer in.remove()
	b := &bench{in: in, quick: *quick}
	fmt.Fprintf(w, "%s %s/%s, %d processors%s\n%v\n%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), mode(*quick), in, manner)
	if err := b.all(w, wanted); err != nil {
		return err
	}
	if *svg == "" {
		return nil
	}
	if b.chart.empty() {
		return errors.New("-svg: ipset.Set.Contains was not measured, so there is nothing to draw")
	}
	return b.chart.write(*svg)
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
	begin := time.Now()
	type judged struct {
		name     string
		verdicts []verdict
	}
	var done []judged
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
		done = append(done, judged{s.name, printSection(w, s.name, r)})
	}
	if len(done) == 0 {
		return fmt.Errorf("-only %v matches no section", wanted)
	}
	met, missed := 0, 0
	fmt.Fprintf(w, "\n== all goals\n")
	t := newVerdictTable(w)
	for _, j := range done {
		for _, v := range j.verdicts {
			t.print(j.name, v)
			if met += one(v.met); !v.met && v.inputs > 0 {
				missed++
			}
		}
	}
	t.flush()
	fmt.Fprintf(w, "\n%d goals met, %d missed, in %v.\n%s\n", met, missed, time.Since(begin).Round(time.Second), later)
	return nil
}
