// Mkattempts makes up login attempts for decide, to see how it does with many:
//
//	mkattempts [-n NUMBER] [-seed NUMBER] [-bad NUMBER] LIST.txt... > attempts.jsonl
//
// Each LIST.txt is a list of addresses, prefixes or ranges, as ipset.ReadLines
// takes it: those of cloud providers, for instance, which they publish. The
// attempts come from random addresses in it; a large prefix is as likely as a
// small one. The same arguments give the same attempts, and -bad changes none
// but the lines that it spoils.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"

	"github.com/sallyport-go/sallyport/ipset"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mkattempts", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: mkattempts [-n NUMBER] [-seed NUMBER] [-bad NUMBER] LIST.txt... > attempts.jsonl")
		flags.PrintDefaults()
	}
	n := flags.Uint("n", 1000, "how many attempts to make")
	seed := flags.Uint64("seed", 1, "another seed makes other attempts")
	bad := flags.Uint("bad", 0, "make every so many-th line a bad one; 0: none")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	prefixes, err := readLists(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "mkattempts:", err)
		return 2
	}
	out := bufio.NewWriterSize(stdout, 64<<10)
	if err := write(out, newMaker(*seed, prefixes), *n, *bad); err != nil {
		fmt.Fprintln(stderr, "mkattempts:", err)
		return 2
	}
	return 0
}

// readLists returns the prefixes that cover the lists at paths, in order, so
// that the order and the overlaps of the lists do not matter.
func readLists(paths []string) ([]netip.Prefix, error) {
	if len(paths) == 0 {
		return nil, errors.New("name at least one list of addresses")
	}
	var ranges []ipset.Range
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines, err := ipset.ReadLines(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, l := range lines {
			ranges = append(ranges, l.Range)
		}
	}
	prefixes := slices.Collect(ipset.Of(ranges...).Prefixes())
	if len(prefixes) == 0 {
		return nil, errors.New("there is no address in the lists")
	}
	return prefixes, nil
}

func write(out *bufio.Writer, m *maker, n, bad uint) error {
	for i := range n {
		line, err := json.Marshal(m.attempt(i))
		if err != nil {
			return err
		}
		if bad > 0 && (i+1)%bad == 0 {
			line = m.spoil(line)
		}
		out.Write(line) // its error stays until Flush
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return out.Flush()
}

// within returns a random address in p.
func within(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		free := min(8, max(0, 8*(i+1)-p.Bits())) // bits of this byte
		b[i] |= byte(r.Uint32()) & (1<<free - 1)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
