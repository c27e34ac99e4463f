package geo_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.mmdb")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, geo.MaxFileSize+1); err != nil {
		t.Skipf("no file of that size: %v", err)
	}
	for _, row := range []struct{ path, says string }{
		{filepath.Join(dir, "missing.mmdb"), "no such file"},
		{dir, "not a regular file"},
		{os.DevNull, "not a regular file"},
		{huge, "larger than 1073741824 bytes"},
		{"", "no such file"},
		{"bad\nname", `"bad\nname"`},
	} {
		db, err := geo.Open(row.path)
		if db != nil || err == nil || !strings.Contains(err.Error(), row.says) || !isPlain(err.Error()) {
			t.Errorf("%q: %v, %v", row.path, db, err)
		}
		if live, err := geo.OpenLive(row.path); live != nil || err == nil {
			t.Errorf("%q: OpenLive: %v, %v", row.path, live, err)
		}
	}
	info, err := os.Stat(huge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := geo.ReadUnchanged(&moving{nil, []fs.FileInfo{info}}); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file that is too large is read before it is refused: %v", err)
	}
	if _, err := geo.Open(filepath.Join(dir, "missing.mmdb")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is not fs.ErrNotExist: %v", err)
	}
}

// moving is a file to which somebody writes while it is read: what Stat says
// first and then, and what is read in between.
type moving struct {
	io.Reader
	stats []fs.FileInfo
}

func (m *moving) Stat() (fs.FileInfo, error) {
	now := m.stats[0]
	m.stats = m.stats[1:]
	return now, nil
}

func (m *moving) Close() error { return nil }

// A file that is written to while it is read is refused, whatever was read.
func TestGuarantee27Moving(t *testing.T) {
	stat := func(size int, at time.Time) fs.FileInfo {
		info, err := fstest.MapFS{"f": {Data: make([]byte, size), ModTime: at}}.Stat("f")
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		read  string
		after fs.FileInfo // before, it has 3 bytes
		ok    bool
		why   string
	}{
		{"abc", stat(3, now), true, "nobody writes"},
		{"abc", stat(3, now.Add(1)), false, "written over"},
		{"abc", stat(3, now.Add(-1)), false, "written over, and the clock went back"},
		{"abcd", stat(4, now), false, "grown"},
		{"ab", stat(2, now), false, "cut"},
		{"", stat(0, now), false, "emptied"},
		{"ab", stat(3, now), false, "cut and written again"},
	} {
		b, err := geo.ReadUnchanged(&moving{strings.NewReader(row.read), []fs.FileInfo{stat(3, now), row.after}})
		if (err == nil) != row.ok || row.ok && string(b) != row.read {
			t.Errorf("%s: %q, %v", row.why, b, err)
		}
	}
}
