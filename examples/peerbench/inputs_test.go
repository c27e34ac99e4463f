package main

import (
	"bytes"
	"compress/gzip"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGeneratedInputs(t *testing.T) {
	in, err := loadInputs(filepath.Join(t.TempDir(), "absent"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(in.String(), "GENERATED") {
		t.Errorf("nobody is told that the inputs are made up:\n%v", in)
	}
	for _, family := range families {
		if n := len(in.routes[family]); n <= slices.Max(in.sizes) {
			t.Errorf("%d routes of IPv%d are too few", n, family)
		}
	}
	in.remove()
	if _, err := os.Stat(in.countryAt); !os.IsNotExist(err) {
		t.Errorf("the country file is left behind: %v", err)
	}
}

func TestReadInputs(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("1.0.0.0/24\n2c0f:ffd0::/32\n1.0.4.0/22\n"))
	z.Close()
	write("routes/prefixes.txt.gz", packed.Bytes())
	write("cloud/both/ipv4.txt", []byte("8.8.8.8\n8.8.4.0/24\n"))
	write("cloud/both/ipv4_merged.txt", []byte("9.9.9.9\n"))
	write("cloud/both/ipv6_merged.txt", []byte("2001:4860::/32\n"))
	write("cloud/README.md", []byte("not a list"))
	write("country-cc0.mmdb", []byte("file"))
	in, err := loadInputs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.routes[4]) != 2 || len(in.routes[6]) != 1 || string(in.country) != "file" {
		t.Errorf("routes %v, country %q", in.routes, in.country)
	}
	want := []namedList{
		{"both", 4, []netip.Prefix{netip.MustParsePrefix("8.8.8.8/32"), netip.MustParsePrefix("8.8.4.0/24")}},
		{"both", 6, []netip.Prefix{netip.MustParsePrefix("2001:4860::/32")}},
	}
	if !slices.EqualFunc(in.clouds, want, func(a, b namedList) bool {
		return a.name == b.name && a.family == b.family && slices.Equal(a.prefixes, b.prefixes)
	}) {
		t.Errorf("clouds %v, want %v", in.clouds, want)
	}
	write("cloud/both/ipv6.txt", []byte("nonsense\n"))
	if _, err := loadInputs(dir); err == nil {
		t.Error("a bad list is no error")
	}
}
