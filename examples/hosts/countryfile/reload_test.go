package countryfile_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/hosts/countryfile"
	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/geo"
)

const century = 100 * 365 * 24 * time.Hour

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	put := func(from string, most int) {
		b, err := os.ReadFile(filepath.Join("../../../geo/testdata", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", b[:min(most, len(b))], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	put("country.mmdb", 1<<30)
	live, err := geo.OpenLive(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file   string
		most   int
		maxAge time.Duration
		want   string // the country of the office, after the tick
		log    string
		why    string
	}{
		{"country.mmdb", 1 << 30, century, "US", "", "the same file"},
		{"later.mmdb", 100, century, "US", "country file refused", "half a file"},
		{"later.mmdb", 1 << 30, century, "CA", "country file taken", "a newer file"},
		{"country.mmdb", 1 << 30, century, "CA", "country file refused", "an older file"},
		{"later.mmdb", 1 << 30, -century, "CA", "country file is old", "no new file for long"},
	} {
		put(tt.file, tt.most)
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 90*time.Minute)
			defer stop()
			var log bytes.Buffer
			countryfile.Reload(ctx, live, time.Hour, tt.maxAge, slog.New(slog.NewTextHandler(&log, nil)))
			if got := live.Country(netip.MustParseAddr(world.Office)).String(); got != tt.want {
				t.Errorf("%s: %s", tt.why, got)
			}
			if lines := strings.Count(log.String(), "\n"); lines != min(1, len(tt.log)) || !strings.Contains(log.String(), tt.log) {
				t.Errorf("%s: %s", tt.why, &log)
			}
		})
	}
}
