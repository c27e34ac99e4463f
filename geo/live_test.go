package geo_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
)

var google = netip.MustParseAddr("8.8.8.8") // US in country.mmdb, CA in later.mmdb and flat.mmdb

// put renames a file with b into place.
func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func openLive(t testing.TB, b []byte) (*geo.Live, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "country.mmdb")
	put(t, path, b)
	live, err := geo.OpenLive(path)
	if err != nil {
		t.Fatal(err)
	}
	return live, path
}

func TestGuarantee27Reload(t *testing.T) {
	country, later := read(t, "testdata/country.mmdb"), read(t, "testdata/later.mmdb")
	for _, row := range []struct {
		from, to []byte
		changed  bool
		err      string
		want     string // where google is afterwards
		why      string
	}{
		{country, country, false, "", "US", "the same contents"},
		{country, later, true, "", "CA", "a newer file"},
		{country, read(t, "testdata/flat.mmdb"), true, "", "CA", "a newer file of another type and schema"},
		{country, read(t, "testdata/country-32.mmdb"), true, "", "US", "other contents, built in the same second"},
		{country, read(t, "testdata/ipv4.mmdb"), true, "", "", "another type, built in the same second"},
		{later, country, false, "to go back on purpose, use OpenLive anew", "CA", "an older file"},
		{country, nil, false, "empty", "US", "an empty file"},
		{country, later[:len(later)/2], false, "not a sound MMDB file", "US", "half a file"},
		{country, later[:len(later)-1], false, "not a sound MMDB file", "US", "a file cut by a byte"},
		{country, read(t, "testdata/asn.mmdb"), false, "no country", "US", "another kind of file"},
		{country, read(t, "testdata/reserved-codes.mmdb"), false, "no country", "US", "a file without a usable code"},
	} {
		live, path := openLive(t, row.from)
		before := live.DB()
		was := before.Country(google)
		put(t, path, row.to)
		for i := range 2 { // the second time, a good file is the one in use
			changed, err := live.Reload()
			if want := row.changed && i == 0; changed != want || (err == nil) != (row.err == "") {
				t.Errorf("%s: %v, %v", row.why, changed, err)
			}
			if err != nil && (!strings.Contains(err.Error(), row.err) || !strings.Contains(err.Error(), filepath.Base(path))) {
				t.Errorf("%s: %v", row.why, err)
			}
			if errors.Is(err, geo.ErrOlder) != (row.why == "an older file") {
				t.Errorf("%s: %v", row.why, err)
			}
			if got := live.Country(google).String(); got != row.want || (live.DB() != before) != row.changed {
				t.Errorf("%s: %q, want %q; in use is %v", row.why, got, row.want, live.DB())
			}
		}
		if before.Country(google) != was {
			t.Errorf("%s: the DB that was in use is another one now", row.why)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if changed, err := live.Reload(); changed || !errors.Is(err, os.ErrNotExist) || live.Country(google).String() != row.want {
			t.Errorf("%s, then deleted: %v, %v", row.why, changed, err)
		}
	}
}

// A file that was refused is taken once it is whole, and after a detour the
// contents count, not what was read last.
func TestReloadRecovers(t *testing.T) {
	country, later := read(t, "testdata/country.mmdb"), read(t, "testdata/later.mmdb")
	live, path := openLive(t, country)
	for _, step := range []struct {
		b       []byte
		changed bool
		fails   bool
		want    string
	}{
		{later[:1000], false, true, "US"},
		{country, false, false, "US"},
		{later[:1000], false, true, "US"},
		{later, true, false, "CA"},
		{country, false, true, "CA"},
		{later, false, false, "CA"},
	} {
		put(t, path, step.b)
		changed, err := live.Reload()
		if got := live.Country(google).String(); changed != step.changed || (err != nil) != step.fails || got != step.want {
			t.Errorf("%d bytes: %v, %v, %q, want %+v", len(step.b), changed, err, got, step.want)
		}
	}
}

// Readers get an answer of one whole file or of the other whatever happens on
// disk and whoever reloads: files renamed into place, written over in place,
// cut, deleted.
func TestGuarantee27ReplacedWhileRead(t *testing.T) {
	country, later := read(t, "testdata/country.mmdb"), read(t, "testdata/later.mmdb")
	live, path := openLive(t, country)
	ca := geo.MustParseCountry("CA")
	var readers, reloaders sync.WaitGroup
	var done atomic.Bool
	for range 3 {
		readers.Go(func() {
			after := us
			for !done.Load() {
				c := live.Country(google)
				if c != us && c != ca || after == ca && c == us {
					t.Errorf("%q after %q", c, after)
					return
				}
				after = c
				if db := live.DB(); db.Len() == 0 || db.Country(netip.MustParseAddr("1.208.0.0")) != kr {
					t.Errorf("in use is %v", db)
					return
				}
			}
		})
	}
	for range 2 {
		reloaders.Go(func() {
			for !done.Load() {
				live.Reload()
			}
		})
	}
	for i := range 60 {
		b := country
		if i >= 30 {
			b = later
		}
		put(t, path, b)
		for _, n := range []int64{int64(len(b)) - 1, int64(len(b)) / 2, 0} {
			if err := os.Truncate(path, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	put(t, path, later)
	done.Store(true)
	reloaders.Wait()
	readers.Wait()
	if _, err := live.Reload(); err != nil || live.Country(google) != ca {
		t.Errorf("in the end: %v, %v", live.DB(), err)
	}
}
