package geo_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// within fails the test if f hangs. The time is for the slowest of machines.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Minute):
		t.Fatal("it hangs")
	}
}

// refused opens b, which must be an error that is fit for a log and has all of
// the words.
func refused(t *testing.T, b []byte, why string, words ...string) {
	t.Helper()
	within(t, func() {
		db, err := geo.OpenBytes(b)
		if err == nil || db != nil {
			t.Errorf("%s: it is taken: %v", why, db)
			return
		}
		if len(err.Error()) > 500 || !isPlain(err.Error()) {
			t.Errorf("%s: not fit for a log: %.600q", why, err)
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error does not say %q: %v", why, w, err)
			}
		}
	})
}

func TestGuarantee27Truncated(t *testing.T) {
	for _, name := range []string{"country.mmdb", "flat.mmdb", "ipv4.mmdb", "wide.mmdb"} {
		b := read(t, "testdata/"+name)
		for n := range len(b) {
			refused(t, b[:n], name+", cut off")
		}
		refused(t, b[1:], name+", without its first byte")
	}
}

func TestGuarantee27WrongKind(t *testing.T) {
	noLibrary := strings.Repeat("no country file\n", 1000)
	for _, row := range []struct {
		b     []byte
		words []string
		why   string
	}{
		{nil, []string{"empty"}, "empty"},
		{[]byte(noLibrary), []string{"not a sound MMDB file"}, "text"},
		{make([]byte, 10_000), []string{"not a sound MMDB file"}, "zeros"},
		{[]byte("\x1f\x8b\x08" + noLibrary), []string{"unpack"}, "as it is fetched, compressed"},
		{read(t, "testdata/asn.mmdb"), []string{`"Made-up-ASN"`, "country.iso_code", "country_code"}, "another kind"},
		{read(t, "testdata/reserved-codes.mmdb"), []string{`"Made-up-Codes"`, `"EU"`, "ISO 3166-1"}, "no code is a country's"},
		{raw{kind: strings.Repeat("\n", 5000)}.build(), []string{`type "\n\n`, "…"}, "a type that is not fit for a log"},
		{[]byte("\xab\xcd\xefMaxMind.com\x5d\xff" + strings.Repeat("\x86", 29+255)), []string{"not a sound MMDB file"}, "metadata that is not"},
		{raw{nodes: [][2]uint32{{1 + 16, 1}}, data: "\xe1\x4ccountry_code\x5d\x80" + strings.Repeat("\x86", 29+128), kind: strings.Repeat("\x86", 100)}.build(), []string{"none of ISO 3166-1"}, "a code and a type that are not"},
	} {
		refused(t, row.b, row.why, row.words...)
	}
}

func TestGuarantee27OtherDatabases(t *testing.T) {
	for name, kind := range map[string]string{
		"GeoLite2-ASN-Test.mmdb":               `"GeoLite2-ASN"`,
		"GeoIP2-Connection-Type-Test.mmdb":     `"GeoIP2-Connection-Type"`,
		"GeoIP2-Anonymous-IP-Test.mmdb":        `"GeoIP2-Anonymous-IP"`,
		"GeoIP-Anonymous-Plus-Test.mmdb":       `"GeoIP-Anonymous-Plus"`,
		"MaxMind-DB-string-value-entries.mmdb": `"MaxMind DB String Value Entries"`,
		"MaxMind-DB-no-ipv4-search-tree.mmdb":  `"MaxMind DB No IPv4 Search Tree"`,
		"MaxMind-DB-test-mixed-32.mmdb":        `"Test"`,
	} {
		b := read(t, shared(t, "maxmind/test-data/"+name))
		refused(t, b, name, "no country in a file of type "+kind, "use a country or city database")
	}
}

func TestGuarantee27BadData(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "maxmind"), "bad-data/*/*.mmdb"))
	if err != nil || len(files) < 21 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range []string{"broken-pointers-24", "broken-search-tree-24"} {
		files = append(files, shared(t, "maxmind/test-data/MaxMind-DB-test-"+name+".mmdb"))
	}
	files = append(files, shared(t, "maxmind/test-data/GeoIP2-City-Test-Invalid-Node-Count.mmdb"))
	for _, file := range files {
		refused(t, read(t, file), filepath.Base(file))
		if _, err := geo.Open(file); err == nil || !strings.Contains(err.Error(), filepath.Base(file)) {
			t.Errorf("%s: the error does not name the file: %v", file, err)
		}
	}
}

// agrees opens b and, if it is taken, compares some answers with those of the
// library.
func agrees(t *testing.T, b []byte, addrs []netip.Addr) (taken bool) {
	t.Helper()
	db, err := geo.OpenBytes(b)
	if err != nil {
		if len(err.Error()) > 500 || !isPlain(err.Error()) {
			t.Errorf("not fit for a log: %.600q", err)
		}
		return false
	}
	reader, err := maxminddb.OpenBytes(b)
	if err != nil {
		t.Errorf("the library refuses what is taken: %v", err)
		return true
	}
	for _, a := range addrs {
		if a = a.Unmap(); embedding.Contains(a) {
			continue
		}
		var want geo.Country
		var nested struct {
			Country struct {
				Code *string `maxminddb:"iso_code"`
			} `maxminddb:"country"`
		}
		var flat struct {
			Code *string `maxminddb:"country_code"`
		}
		if a.Is4() || reader.Metadata.IPVersion == 6 {
			for _, record := range []any{&nested, &flat} {
				err := reader.Lookup(a).Decode(record)
				// A field of another type is as good as none.
				if _, ok := errors.AsType[maxminddb.UnmarshalTypeError](err); err != nil && !ok {
					t.Errorf("the library has no answer for %v: %v", a, err)
					return true
				}
			}
		}
		if nested.Country.Code != nil {
			want, _ = geo.ParseCountry(*nested.Country.Code)
		} else if flat.Code != nil {
			want, _ = geo.ParseCountry(*flat.Code)
		}
		if got := db.Country(a); got != want {
			t.Errorf("%v: %q, the library says %q", a, got, want)
		}
	}
	return true
}

func TestGuarantee27BitFlips(t *testing.T) {
	for _, row := range []struct {
		name  string
		every int // bits
	}{{"wide.mmdb", 1}, {"ipv4.mmdb", 3}, {"country.mmdb", 17}, {"flat.mmdb", 17}} {
		whole := read(t, "testdata/"+row.name)
		var addrs []netip.Addr
		for r := range mustOpen(t, "testdata/"+row.name).All() {
			addrs = append(addrs, r.From(), r.To(), r.From().Prev(), r.To().Next())
		}
		addrs = append(addrs, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("ffff::"), netip.MustParseAddr("4000::"))
		addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return !a.IsValid() })
		taken, tried := 0, 0
		within(t, func() {
			for i := 0; i < len(whole)*8; i += row.every {
				b := bytes.Clone(whole)
				b[i/8] ^= 1 << (i % 8)
				if tried++; agrees(t, b, addrs) {
					taken++
				}
			}
			random := rand.New(rand.NewPCG(3, 4))
			for range 2000 {
				b := bytes.Clone(whole)
				for range 1 + random.IntN(8) {
					b[random.IntN(len(b))] = byte(random.Uint32())
				}
				if tried++; agrees(t, b, addrs) {
					taken++
				}
			}
		})
		if taken == 0 || taken == tried {
			t.Errorf("%s: %d of %d are taken", row.name, taken, tried)
		}
	}
}
