package geo_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

// libraryCode is geo.RecordCode with the library, which decodes country whole.
func libraryCode(r maxminddb.Result) (code string, ok, isRecord bool, err error) {
	var record struct {
		Country any `maxminddb:"country"`
		Code    any `maxminddb:"country_code"`
	}
	err = r.Decode(&record)
	if _, ok := errors.AsType[maxminddb.UnmarshalTypeError](err); ok {
		return "", false, false, nil
	}
	if country, isMap := record.Country.(map[string]any); isMap {
		if code, ok = country["iso_code"].(string); ok {
			return code, true, true, err
		}
	}
	code, ok = record.Code.(string)
	return code, ok, true, err
}

// Every record of every sound file has the code that the library finds in it.
func TestRecordsOfFiles(t *testing.T) {
	for _, row := range []struct {
		glob           string
		files, records int
	}{
		{"testdata/*.mmdb", 10, 30},
		{"maxmind/test-data/*.mmdb", 15, 400},
		{"country-cc0.mmdb", 1, 200},
	} {
		t.Run(row.glob, func(t *testing.T) {
			recordsOf(t, row.glob, row.files, row.records)
		})
	}
}

func recordsOf(t *testing.T, glob string, least, leastRecords int) {
	dir, base := filepath.Split(glob)
	if !strings.HasPrefix(dir, "testdata") {
		dir = shared(t, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, base))
	if err != nil {
		t.Fatal(err)
	}
	opened, records := 0, 0
	for _, name := range files {
		if strings.Contains(name, "-broken-") || strings.Contains(name, "-Invalid-") {
			continue // TestGuarantee27BadData
		}
		file := read(t, name)
		reader, err := maxminddb.OpenBytes(file)
		if err != nil {
			t.Fatal(err)
		}
		opened++
		seen := map[uintptr]bool{}
		for result := range reader.Networks() {
			if result.Err() != nil {
				t.Fatal(name, result.Err())
			}
			if seen[result.Offset()] {
				continue
			}
			seen[result.Offset()] = true
			code, ok, isRecord, err := geo.RecordCode(file, result.Offset())
			code2, ok2, isRecord2, err2 := libraryCode(result)
			if code != code2 || ok != ok2 || isRecord != isRecord2 || err != nil || err2 != nil {
				t.Errorf("%s: %v: %q, %v, %v, %v; the library says %q, %v, %v, %v",
					name, result.Prefix(), code, ok, isRecord, err, code2, ok2, isRecord2, err2)
			}
		}
		records += len(seen)
	}
	if opened < least || records < leastRecords {
		t.Errorf("%s: only %d files with %d records", glob, opened, records)
	}
}

// sized is a string or bytes of n bytes, by the control byte without a size.
func sized(control byte, n int) string {
	var head []byte
	switch {
	case n < 29:
		head = []byte{control | byte(n)}
	case n < 285:
		head = []byte{control | 29, byte(n - 29)}
	case n < 65821:
		head = []byte{control | 30, byte((n - 285) >> 8), byte(n - 285)}
	default:
		n := n - 65821
		head = []byte{control | 31, byte(n >> 16), byte(n >> 8), byte(n)}
	}
	return string(head) + strings.Repeat("x", n)
}

func TestRecord(t *testing.T) {
	const korea = "\x4ccountry_code\x42KR"
	after := func(field string) string { return "\xe2\x41a" + field + korea }
	for _, row := range []struct {
		record, want string // want is what the error says where it has a space
		behind       string // the record, where it is at the end of what is before it
		why          string
	}{
		{record: "\xe1" + korea, want: "KR", why: "flat"},
		{record: "\xe1\x47country\xe1\x48iso_code\x42KR", want: "KR", why: "nested"},
		{record: "\xe2\x47country\xe1\x48iso_code\x42US" + korea, want: "US", why: "both"},
		{record: "\xe2" + korea + "\x47country\xe1\x48iso_code\xa0", want: "KR", why: "a nested code that is a number"},
		{record: "\xe2" + korea + "\x47country\x4bSouth Korea", want: "KR", why: "a country that is a name"},
		{record: "\xe2" + korea + "\x47country\xe0", want: "KR", why: "a country without fields"},
		{record: "\xe0", why: "no fields"},
		{record: after("\x40"), want: "KR", why: "behind an empty string"},
		{record: after(sized(0x40, 28)), want: "KR", why: "behind the longest with no byte for its size"},
		{record: after(sized(0x40, 29)), want: "KR", why: "behind the shortest with one"},
		{record: after(sized(0x40, 284)), want: "KR", why: "behind the longest with one"},
		{record: after(sized(0x80, 285)), want: "KR", why: "behind the shortest with two"},
		{record: after(sized(0x80, 65820)), want: "KR", why: "behind the longest with two"},
		{record: after(sized(0x40, 65821)), want: "KR", why: "behind the shortest with three"},
		{record: after(sized(0x40, 200_000)), want: "KR", why: "behind a longer one"},
		{record: after("\x20\x00"), want: "KR", why: "behind a pointer"},
		{record: after("\x28\x00\x00"), want: "KR", why: "behind one of two bytes"},
		{record: after("\x30\x00\x00\x00"), want: "KR", why: "behind one of three"},
		{record: after("\x3f\x00\x00\x00\x00"), want: "KR", why: "behind one of four, and bits that do not count"},
		{record: after("\x68\x01234567\x08"), want: "KR", why: "behind a double"},
		{record: after("\x04\x081234"), want: "KR", why: "behind a float"},
		{record: after("\xa212\xa0"), want: "field has a name", why: "behind a uint16 too many"},
		{record: after("\xa212"), want: "KR", why: "behind a uint16"},
		{record: after("\xc41234"), want: "KR", why: "behind a uint32"},
		{record: after("\x04\x011234"), want: "KR", why: "behind an int32"},
		{record: after("\x08\x0212345678"), want: "KR", why: "behind a uint64"},
		{record: after("\x10\x031234567812345678"), want: "KR", why: "behind a uint128"},
		{record: after("\x01\x07"), want: "KR", why: "behind a bool"},
		{record: after("\x02\x04\xe1\x41b\x01\x04\xa0\xe0"), want: "KR", why: "behind an array of maps of arrays"},
		{record: after("\x67\x01234567"), want: "kind 3 and size 7", why: "a short double"},
		{record: after("\x05\x0812345"), want: "kind 15 and size 5", why: "a long float"},
		{record: after("\xa3123"), want: "kind 5 and size 3", why: "a long uint16"},
		{record: after("\x02\x07"), want: "kind 14 and size 2", why: "a bool that is 2"},
		{record: after("\x00\x00"), want: "kind 0 and", why: "a map written as none is"},
		{record: after("\x00\x05"), want: "kind 12 and", why: "a container of a cache"},
		{record: after("\x00\x06"), want: "kind 13 and", why: "the marker of an end"},
		{record: after("\x00\x09"), want: "kind 0 and", why: "no kind of version 2"},
		{record: "\xe1\x41a\x44abc", want: "past the end", why: "a string that is cut off"},
		{record: "\xe1\x41a\x5f\xff\xff\xff", want: "past the end", why: "a string of 16 million bytes"},
		{record: "\xe1\x41a\x5e\xff", want: "past the end", why: "half a size"},
		{record: "\xe1\x41a\x38\x00\x00", want: "past the end", why: "half a pointer"},
		{record: "\xe1\x41a", want: "past the end", why: "no value"},
		{record: "\xe1\x41a\x00", want: "past the end", why: "no kind"},
		{record: "\xe1\x41a\x1f\x04\xff\xff\xff", want: "past the end", why: "an array of 16 million elements"},
		{record: "\xe1\x4ccountry_code\x3f\xff\xff\xff\xff", want: "past the end", why: "a pointer past the end"},
		{record: "\xe1\xa0\x42KR", want: "field has a name that is no text", why: "a name that is a number"},
		{record: "\xe2" + korea + korea, want: "two fields country_code", why: "a code twice"},
		{record: "\x42KR", want: "not a map", why: "a string"},
		{record: "\x20\x00", want: "pointer points to a pointer", why: "a pointer to itself"},
		{record: "\x42KR", behind: "\xe1\x4ccountry_code\x20\x00", want: "KR", why: "a pointer"},
		{record: "\xe1" + korea, behind: "\x20\x00", want: "KR", why: "a record that is one"},
		{record: "\x4ccountry_code", behind: "\xe1\x20\x00\x42KR", want: "KR", why: "a name that is one"},
		{record: sized(0x80, 2045) + "\x42KR", behind: "\xe1\x4ccountry_code\x28\x00\x00", want: "KR", why: "one of two bytes, to 2,048"},
		{record: sized(0x80, 526_332) + "\x42KR", behind: "\xe1\x4ccountry_code\x30\x00\x00\x00", want: "KR", why: "one of three, to 526,336"},
		{record: sized(0x80, 0x50000-4) + "\x42KR", behind: "\xe1\x4ccountry_code\x2c\xf8\x00", want: "KR", why: "one of two with high bits"},
		{record: sized(0x80, 0x50000-4) + "\x42KR", behind: "\xe1\x4ccountry_code\x38\x00\x05\x00\x00", want: "KR", why: "one of four"},
	} {
		at := 0
		if row.behind != "" {
			at = len(row.record)
		}
		file := raw{nodes: [][2]uint32{{1 + 16 + uint32(at), 1}}, data: row.record + row.behind}.build()
		code, ok, isRecord, err := geo.RecordCode(file, uintptr(at))
		if strings.Contains(row.want, " ") {
			refused(t, file, row.why, row.want)
			continue
		}
		if code != row.want || ok != (row.want != "") || !isRecord || err != nil {
			t.Errorf("%s: %q, %v, %v", row.why, code, ok, err)
		}
		reader, err := maxminddb.OpenBytes(file)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, _, err := libraryCode(reader.LookupOffset(uintptr(at))); code != row.want || err != nil {
			t.Errorf("%s: the library says %q, %v", row.why, code, err)
		}
	}
}

// leaves is a tree of IPv4 whose 2^depth leaves point to places in the data, the
// first one at first and the others every step bytes.
func leaves(depth, first, step int) (nodes [][2]uint32) {
	n := 1<<depth - 1
	child := func(i int) uint32 {
		if i < n {
			return uint32(i)
		}
		return uint32(n + 16 + first + step*(i-n))
	}
	for i := range n {
		nodes = append(nodes, [2]uint32{child(2*i + 1), child(2*i + 2)})
	}
	return nodes
}

// Small files that would make much work of reading them, were it not bounded.
func TestGuarantee27SharedWork(t *testing.T) {
	const depth = 13
	const pointing = "\xe1\x20\x00\x20\x08" // country, and what follows that word
	many := func(head, element string, n int) string {
		return "\x47country" + head + string([]byte{byte((n - 285) >> 8), byte(n - 285)}) + strings.Repeat(element, n)
	}
	array, fields := many("\x1e\x04", "\xe0", 30_000), many("\xfe", "\x40\xe0", 30_000)
	names := "\x47country\xe2\x48iso_code\x42KR\x45names\xfd\x01" + strings.Repeat("\x42en\x45Korea", 30)
	large := "\x47country\xe1\x48iso_code" + sized(0x40, 100_000)
	overlapping := strings.Repeat("\x41a\x43\xfe\x3d\x63", 20_000) // in the string a map of 16,000 fields begins
	for _, row := range []struct {
		data        string
		first, step int
		words       string // of the error, unless it is taken
		why         string
	}{
		{array, len(array), 5, "no record has", "one array in all records, which nobody asks for"},
		{large, len(large), 5, "none of ISO 3166-1", "one code of 100,000 bytes in all records"},
		{fields, len(fields), 5, "more than 8 values for each byte", "one country of 30,000 fields in all records"},
		{overlapping, 3, 6, "more than 8 values for each byte", "records that begin inside each other"},
		{names, len(names), 5, "", "one country with 30 names in all records"},
	} {
		data := row.data
		if row.step == len(pointing) {
			data += strings.Repeat(pointing, 1<<depth)
		}
		file := raw{nodes: leaves(depth, row.first, row.step), data: data, ip: 4}.build()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if row.words != "" {
			refused(t, file, row.why, row.words)
		} else if db, err := geo.OpenBytes(file); err != nil || db.Country(netip.MustParseAddr("8.8.8.8")) != kr {
			t.Errorf("%s: %v, %v", row.why, db, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 32*uint64(len(file)) {
			t.Errorf("%s: it allocates %d bytes for a file of %d", row.why, n, len(file))
		}
	}
}
