package ipset_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// readList reads a list that must be good to the last line.
func readList(t testing.TB, r io.Reader) []ipset.Range {
	t.Helper()
	lines, err := ipset.ReadLines(r)
	if err != nil {
		t.Fatalf("%.400v", err)
	}
	list := make([]ipset.Range, len(lines))
	for i, l := range lines {
		list[i] = l.Range
	}
	return list
}

func readListFile(t testing.TB, path string) []ipset.Range {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readList(t, f)
}

// The lists of cloud providers come raw and merged by somebody else's program:
// both must hold the same addresses.
func TestCloudListsRawAndMerged(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(shared(t, "data/cloud"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, dir := range dirs {
		for _, family := range []string{"ipv4", "ipv6"} {
			raw, merged := filepath.Join(dir, family+".txt"), filepath.Join(dir, family+"_merged.txt")
			if _, err := os.Stat(raw); err != nil {
				continue // some come merged only, some in one family only
			}
			compared++
			t.Run(filepath.Base(dir)+"/"+family, func(t *testing.T) {
				rawList, mergedList := readListFile(t, raw), readListFile(t, merged)
				set, want := ipset.Of(rawList...), ipset.Of(mergedList...)
				if !set.Equal(want) || set.Len() == 0 {
					t.Errorf("%d raw entries and %d merged ones are not equal: without %v, beyond %v",
						len(rawList), len(mergedList), want.Minus(set), set.Minus(want))
				}
				if !want.Minus(set).Equal(ipset.Of()) || !set.Union(want).Equal(set) || !set.Intersect(want).Equal(set) {
					t.Error("the operations do not agree with Equal")
				}
				for _, r := range rawList {
					if !set.Covers(r) || !want.Contains(r.From()) || !want.Contains(r.To()) {
						t.Fatalf("%v is in the raw list, and not held", r)
					}
				}
				prefixes := slices.Collect(set.Prefixes())
				if len(prefixes) > len(mergedList) {
					t.Errorf("%d prefixes cover it, the merged list has %d", len(prefixes), len(mergedList))
				}
			})
		}
	}
	if compared < 30 {
		t.Errorf("only %d lists were compared", compared)
	}
}
