package main

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

// tinyInputs are inputs that take no time.
func tinyInputs(t *testing.T) *inputs {
	t.Helper()
	in := &inputs{
		remove: func() {},
		sizes:  []int{10, 100},
		seed:   func(salt int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(salt))) },
	}
	in.routes = map[int][]netip.Prefix{4: generateRoutes(4, 2000, in.seed(4)), 6: generateRoutes(6, 2000, in.seed(6))}
	in.clouds = []namedList{{"cluster", 4, generateCluster(4, 50, in.seed(1))}, {"cluster", 6, generateCluster(6, 50, in.seed(1))}}
	in.country = generateCountries(in.seed(0))
	in.countryAt = filepath.Join(t.TempDir(), "country.mmdb")
	if err := os.WriteFile(in.countryAt, in.country, 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

func TestQuestions(t *testing.T) {
	b := &bench{in: tinyInputs(t)}
	for _, family := range families {
		l := b.listOf("list", family, b.in.routes[family][:100])
		if err := l.ask(); err != nil {
			t.Fatal(err)
		}
		hits, different := 0, map[netip.Addr]bool{}
		for _, a := range l.questions {
			if familyOf(a) != family {
				t.Fatalf("%v is not of IPv%d", a, family)
			}
			hits += one(l.peer.Contains(a))
			different[a] = true
		}
		if len(l.questions) != cycle || hits != cycle/2 || len(different) < cycle/2 {
			t.Errorf("IPv%d: %d questions, %d hits, %d different", family, len(l.questions), hits, len(different))
		}
	}
}

func TestWithin(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	for _, s := range []string{"8.8.8.8/32", "8.8.0.0/13", "0.0.0.0/0", "8.8.8.128/25", "2606:4700::/32", "2606:4700::1/128", "2606:4700:0:8000::/49"} {
		p := netip.MustParsePrefix(s)
		for range 1000 {
			if a := within(p, d); !p.Contains(a) {
				t.Fatalf("%v is not within %v", a, p)
			}
		}
	}
}

// A contender that answers one question wrongly is named, and so is the question.
func TestAgree(t *testing.T) {
	b := &bench{in: tinyInputs(t)}
	l := b.listOf("list", 4, b.in.routes[4][:100])
	if err := l.ask(); err != nil {
		t.Fatal(err)
	}
	l.questions = l.questions[:500]
	q, set := l.questions, setOf(l.prefixes)
	good := contender{name: "good", run: func(from, to int) int { return askSet(set, q[from:to]) }}
	if err := agree(l, []contender{good}); err != nil {
		t.Error(err)
	}
	bad := contender{name: "bad", run: func(from, to int) int {
		n := askSet(set, q[from:to])
		if from <= 321 && 321 < to {
			n = 1 - n
		}
		return n
	}}
	if err := agree(l, []contender{good, bad}); err == nil || !strings.Contains(err.Error(), q[321].String()) || !strings.Contains(err.Error(), "bad") {
		t.Errorf("disagreement is not named: %v", err)
	}
	loop := bad
	loop.name = emptyLoop
	if err := agree(l, []contender{good, loop}); err != nil {
		t.Errorf("the loop has no answers: %v", err)
	}
}

// The loops that wait answer as those that do not.
func TestWaitingLoops(t *testing.T) {
	b := &bench{in: tinyInputs(t)}
	for _, family := range families {
		l, p, err := b.designated(family, 100)
		if err != nil {
			t.Fatal(err)
		}
		q, set, fast, lite := l.questions, setOf(l.prefixes), fastOf(l.prefixes), liteOf(l.prefixes)
		for name, counts := range map[string][2]int{
			ourSet:      {askSet(set, q), waitSet(set, q)},
			bartFast:    {askFast(fast, q), waitFast(fast, q)},
			bartLite:    {askLite(lite, q), waitLite(lite, q)},
			netipxSet:   {askIPSet(l.peer, q), waitIPSet(l.peer, q)},
			ourEvaluate: {askPolicy(p, &clerk, q), waitPolicy(p, &clerk, q)},
		} {
			if counts != [2]int{cycle / 2, cycle / 2} {
				t.Errorf("IPv%d, %s: %v hits, want %d", family, name, counts, cycle/2)
			}
		}
	}
}

// The country file that is made up says what was put into it.
func TestCountryFile(t *testing.T) {
	w := newCountryFile()
	want := map[string]string{"1.2.0.0/16": "KR", "1.3.4.0/24": "JP", "9.9.9.9/32": "US", "2606:4700::/32": "DE", "2a00::/12": "KR"}
	for prefix, code := range want {
		w.put(netip.MustParsePrefix(prefix), code)
	}
	file := w.bytes()
	reader, err := maxminddb.OpenBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Verify(); err != nil {
		t.Error(err)
	}
	db, err := geo.OpenBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	for prefix, code := range want {
		var got string
		p := netip.MustParsePrefix(prefix)
		result := reader.Lookup(p.Addr())
		if err := result.DecodePath(&got, "country", "iso_code"); err != nil || got != code || result.Prefix() != p {
			t.Errorf("%s: %q in %v, %v; want %q", prefix, got, result.Prefix(), err, code)
		}
		if got := db.Country(p.Addr()).String(); got != code {
			t.Errorf("%s: geo says %q, want %q", prefix, got, code)
		}
	}
	if db.Len() != len(want) {
		t.Errorf("%d ranges, want %d", db.Len(), len(want))
	}
}
