package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// families are measured apart: a set of IPv4 does other work than one of IPv6.
var families = []int{4, 6}

// inputs is what all sections are measured on.
type inputs struct {
	dir       string                    // of the data; "" where it is generated
	routes    map[int][]netip.Prefix    // the whole routing table of each family, shuffled
	clouds    []namedList               // lists of providers, which crowd under a few top bits
	country   []byte                    // an MMDB file
	countryAt string                    // its path
	remove    func()                    // removes what was written for the program alone
	sizes     []int                     // of lists drawn from the routes, before the whole of them
	seed      func(salt int) *rand.Rand // the same numbers in every run
}

type namedList struct {
	name     string
	family   int
	prefixes []netip.Prefix
}

// loadInputs reads the public data, or makes up the like of it where dir is not there.
func loadInputs(dir string) (*inputs, error) {
	in := &inputs{
		dir:    dir,
		remove: func() {},
		sizes:  []int{10, 100, 1000, 10_000, 100_000},
		seed:   func(salt int) *rand.Rand { return rand.New(rand.NewPCG(20251009, uint64(salt))) },
	}
	if _, err := os.Stat(dir); err != nil {
		in.dir = ""
		return in, in.generate()
	}
	var err error
	if in.routes, err = readRoutes(filepath.Join(dir, "routes", "prefixes.txt.gz")); err != nil {
		return nil, err
	}
	in.shuffle()
	if in.clouds, err = readClouds(filepath.Join(dir, "cloud")); err != nil {
		return nil, err
	}
	in.countryAt = filepath.Join(dir, "country-cc0.mmdb")
	in.country, err = os.ReadFile(in.countryAt)
	return in, err
}

// shuffle makes the first n routes a fair sample, and the order of insertion
// nobody's favour.
func (in *inputs) shuffle() {
	for _, family := range families {
		list := in.routes[family]
		in.seed(family).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
}

func (in *inputs) String() string {
	from := in.dir
	if from == "" {
		from = "the program: there is no data folder, so routes, cloud lists and countries are GENERATED, and figures differ from those on real ones"
	}
	return fmt.Sprintf("inputs from %s\n%s IPv4 and %s IPv6 routes, %d cloud lists, a country file of %s bytes",
		from, thousands(float64(len(in.routes[4]))), thousands(float64(len(in.routes[6]))), len(in.clouds), thousands(float64(len(in.country))))
}

func readRoutes(path string) (map[int][]netip.Prefix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	prefixes, err := readPrefixes(unpacked)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	routes := map[int][]netip.Prefix{}
	for _, p := range prefixes {
		family := familyOf(p.Addr())
		routes[family] = append(routes[family], p)
	}
	return routes, nil
}

// readClouds reads the lists as the providers publish them, or where there is
// no such copy, merged. They come in the order of their names.
func readClouds(dir string) ([]namedList, error) {
	dirs, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var lists []namedList
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		for _, family := range families {
			var b []byte
			for _, suffix := range []string{".txt", "_merged.txt"} {
				if b, err = os.ReadFile(filepath.Join(dir, d.Name(), fmt.Sprintf("ipv%d%s", family, suffix))); err == nil {
					break
				}
			}
			if err != nil {
				continue // some have one family only
			}
			prefixes, err := readPrefixes(strings.NewReader(string(b)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name(), err)
			}
			if len(prefixes) > 0 {
				lists = append(lists, namedList{d.Name(), family, prefixes})
			}
		}
	}
	return lists, nil
}

// readPrefixes reads a prefix or an address on each line.
func readPrefixes(r io.Reader) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		if !strings.Contains(text, "/") {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, lines.Err()
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// root returns the folder of the main module above the working directory, so
// that the program finds the data from wherever it is run.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for at := dir; ; at = filepath.Dir(at) {
		if b, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil &&
			strings.HasPrefix(string(b), "module github.com/sallyport-go/sallyport\n") {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}
