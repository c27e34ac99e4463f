package ipset_test

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

func TestGuarantee05BytesOfAnEntry(t *testing.T) {
	pad := func(n int) string { return strings.Repeat(" ", n-len("8.8.8.8")) + "8.8.8.8" }
	for _, tt := range []struct {
		in  string
		err error
		why string
	}{
		{pad(ipset.MaxText), nil, "as long as may be"},
		{pad(ipset.MaxText + 1), ipset.ErrTooLong, "one byte longer"},
		{pad(8 << 20), ipset.ErrTooLong, "8 MiB of blanks"},
		{strings.Repeat("0", 8<<20) + "8.8.8.8", ipset.ErrTooLong, "8 MiB of zeros"},
		{strings.Repeat("ffff:", 1<<20), ipset.ErrTooLong, "a million groups"},
		{"8.8.8.0/" + strings.Repeat("1", 1<<20), ipset.ErrTooLong, "a length of a million digits"},
		{"fe80::1%" + strings.Repeat("x", 1<<20), ipset.ErrTooLong, "a zone of a million bytes"},
		{strings.Repeat("-", ipset.MaxText), ipset.ErrEmpty, "dashes, as many as may be"},
		{strings.Repeat("/", ipset.MaxText), ipset.ErrAddress, "slashes, as many as may be"},
	} {
		_, err := ipset.ParseRange(tt.in)
		_, listErr := ipset.Parse(tt.in)
		var r ipset.Range
		textErr := r.UnmarshalText([]byte(tt.in))
		for name, err := range map[string]error{"ParseRange": err, "Parse": listErr, "UnmarshalText": textErr} {
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: %.100v, want %v: %s", name, err, tt.err, tt.why)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("%s: the error has %d bytes: %s", name, len(err.Error()), tt.why)
			}
		}
		var bad *ipset.ParseError
		if errors.As(textErr, &bad) && len(bad.Input) > ipset.MaxText+1 {
			t.Errorf("UnmarshalText copied %d bytes: %s", len(bad.Input), tt.why)
		}
	}
}

func TestGuarantee05BytesOfALine(t *testing.T) {
	line := func(n int) string { return "8.8.8.8 #" + strings.Repeat("x", n-len("8.8.8.8 #")) }
	const most = ipset.MaxLineBytes
	for _, tt := range []struct {
		text  string
		lines int
		bad   []place
		why   string
	}{
		{line(most), 1, nil, "as long as may be"},
		{line(most) + "\n8.8.4.4", 2, nil, "and a line after it"},
		{line(most) + "\r\n8.8.4.4", 2, nil, "CRLF does not count"},
		{"\ufeff" + line(most) + "\r\n8.8.4.4", 2, nil, "nor does a byte order mark"},
		{"8.8.4.4\n" + line(most), 2, nil, "the last line, without an end"},
		{line(most + 1), 0, []place{{1, 1, ipset.ErrLineTooLong}}, "one byte longer"},
		{line(most+1) + "\n8.8.4.4", 1, []place{{1, 1, ipset.ErrLineTooLong}}, "and a line after it"},
		{line(most+1) + "\r\n8.8.4.4", 1, []place{{1, 1, ipset.ErrLineTooLong}}, "with CRLF"},
		{"\ufeff" + line(most+1) + "\r\n8.8.4.4", 1, []place{{1, 1, ipset.ErrLineTooLong}}, "with a byte order mark"},
		{"\ufeff" + line(most) + "\rx\n8.8.4.4", 1, []place{{1, 1, ipset.ErrLineTooLong}}, "a carriage return where the buffer ends is not the end of the line"},
		{"8.8.4.4\n" + line(most+2), 1, []place{{2, 1, ipset.ErrLineTooLong}}, "the last line, two bytes longer"},
		{"8.8.4.4\n" + line(most+3) + "\n8.8.4.4", 2, []place{{2, 1, ipset.ErrLineTooLong}}, "three bytes longer"},
		{line(1<<20) + "\n" + line(1<<20) + "\n8.8.8.8", 1, []place{{1, 1, ipset.ErrLineTooLong}, {2, 1, ipset.ErrLineTooLong}}, "two lines of a megabyte: the third is line 3"},
		{"#" + strings.Repeat("x", most) + "\n8.8.8.8", 1, []place{{1, 1, ipset.ErrLineTooLong}}, "a comment is a line too"},
		{strings.Repeat(" ", 2*most) + "8.8.8.8\n", 0, []place{{1, 1, ipset.ErrLineTooLong}}, "what is cut off of a line is not read as another"},
	} {
		lines, err := ipset.ReadLines(strings.NewReader(tt.text))
		if len(lines) != tt.lines {
			t.Errorf("%s: %d lines, want %d", tt.why, len(lines), tt.lines)
		}
		checkBad(t, tt.why, err, tt.bad)
		for _, e := range lineErrors(t, err) {
			if len(e.Error()) > 200 {
				t.Errorf("%s: the error has %d bytes", tt.why, len(e.Error()))
			}
		}
	}
}

// endless yields its text again and again, and counts what was taken.
type endless struct {
	text  string
	taken int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.text[e.taken%len(e.text):])
	e.taken += n
	return n, nil
}

func TestGuarantee05BytesOfAList(t *testing.T) {
	good := "8.8.8.8 #" + strings.Repeat("x", 1014) + "\n" // 1,024 bytes, a divisor of the bound
	for _, tt := range []struct {
		r    io.Reader
		good int
		err  error
		why  string
	}{
		{io.LimitReader(&endless{text: good}, ipset.MaxListBytes), ipset.MaxListBytes / 1024, nil, "as long as may be"},
		{io.LimitReader(&endless{text: good}, ipset.MaxListBytes+1), -1, ipset.ErrListTooLong, "one byte longer"},
		{io.LimitReader(&endless{text: "8.8.8.8\n"}, 8*ipset.MaxLines), ipset.MaxLines, nil, "as many lines as may be"},
		{io.LimitReader(&endless{text: "8.8.8.8\n"}, 8*ipset.MaxLines+1), ipset.MaxLines, ipset.ErrListTooLong, "one more, of one byte"},
		{&endless{text: "8.8.8.8\n"}, ipset.MaxLines, ipset.ErrListTooLong, "short lines without end"},
		{&endless{text: good}, -1, ipset.ErrListTooLong, "a list without end"},
		{&endless{text: "#" + strings.Repeat("x", 1000) + "\n"}, 0, ipset.ErrListTooLong, "comments without end"},
		{&endless{text: "x"}, 0, ipset.ErrListTooLong, "a line without end"},
		{&endless{text: strings.Repeat("x", 5000) + "\n"}, 0, ipset.ErrListTooLong, "long lines without end"},
	} {
		lines, err := ipset.ReadLines(tt.r)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %.200v, want %v", tt.why, err, tt.err)
		}
		if tt.good >= 0 && len(lines) != tt.good {
			t.Errorf("%s: %d lines, want %d", tt.why, len(lines), tt.good)
		}
		if bad := lineErrors(t, err); len(bad) > 0 && bad[len(bad)-1].Line != len(lines)+len(bad) && tt.good < 0 {
			t.Errorf("%s: stopped at line %d after %d lines", tt.why, bad[len(bad)-1].Line, len(lines))
		}
		if e, ok := tt.r.(*endless); ok && e.taken > ipset.MaxListBytes+1 {
			t.Errorf("%s: %d bytes were read", tt.why, e.taken)
		}
	}
}

func TestGuarantee05BadLines(t *testing.T) {
	const most = ipset.MaxBadLines
	for _, tt := range []struct {
		r     io.Reader
		bad   int
		stops bool
		why   string
	}{
		{strings.NewReader(strings.Repeat("x\n", most-1) + "8.8.8.8"), most - 1, false, "one fewer than would end it"},
		{strings.NewReader(strings.Repeat("x\n", most) + "8.8.8.8"), most, true, "as many as end it"},
		{&endless{text: "x\n"}, most, true, "no list at all, without end"},
		{&endless{text: "8.8.8.8\nx\n"}, most, true, "every second line is bad, without end"},
	} {
		lines, err := ipset.ReadLines(tt.r)
		bad := lineErrors(t, err)
		if tt.stops {
			last := bad[len(bad)-1]
			if !errors.Is(last, ipset.ErrNoList) {
				t.Errorf("%s: it ends with %v", tt.why, last)
			}
			bad = bad[:len(bad)-1]
		}
		if len(bad) != tt.bad || slices.ContainsFunc(bad, func(e *ipset.LineError) bool { return errors.Is(e, ipset.ErrNoList) }) {
			t.Errorf("%s: %d bad lines, want %d", tt.why, len(bad), tt.bad)
		}
		if len(lines) > most {
			t.Errorf("%s: %d good lines", tt.why, len(lines))
		}
		if e, ok := tt.r.(*endless); ok && e.taken > most*16+4096 {
			t.Errorf("%s: %d bytes were read", tt.why, e.taken)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	list := append(newDraw(7).ranges(1000), ranges("8.8.8.0/24", "2606:4700::/32")...)
	set := ipset.Of(list...)
	values, err := ipset.MapOf(pairs(list, make([]int, len(list))))
	if err != nil {
		t.Fatal(err)
	}
	office, lab := ipset.MustParseRange("8.8.8.0/24"), ipset.MustParseRange("2606:4700::/32")
	var none *ipset.Set
	for _, tt := range []struct {
		a   netip.Addr
		why string
	}{
		{addr("8.8.8.8"), "IPv4, a hit"},
		{addr("8.9.8.8"), "IPv4, a miss"},
		{addr("2606:4700::1"), "IPv6, a hit"},
		{addr("2607:4700::1"), "IPv6, a miss"},
		{addr("::ffff:8.8.8.8"), "mapped, a hit"},
		{addr("::ffff:8.9.8.8"), "mapped, a miss"},
		{addr("2606:4700::1%eth0"), "zoned, a hit"},
		{addr("::ffff:8.8.8.8%eth0"), "mapped and zoned"},
		{addr("0.0.0.0"), "unspecified"},
		{addr("::"), "unspecified in IPv6"},
		{addr("255.255.255.255"), "the last of IPv4"},
		{addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "the last of all"},
		{netip.Addr{}, "zero"},
	} {
		for name, f := range map[string]func(){
			"Set.Contains":     func() { set.Contains(tt.a) },
			"Set.Find":         func() { set.Find(tt.a) },
			"Set.Covers":       func() { set.Covers(office) },
			"Set.Overlaps":     func() { set.Overlaps(lab) },
			"nil Set.Contains": func() { none.Contains(tt.a) },
			"Map.Lookup":       func() { values.Lookup(tt.a) },
			"Canonical":        func() { ipset.Canonical(tt.a) },
			"Public":           func() { ipset.Public(tt.a) },
			"Range.Contains":   func() { office.Contains(tt.a); lab.Contains(tt.a) },
		} {
			if n := testing.AllocsPerRun(50, f); n != 0 {
				t.Errorf("%s of %v allocates %v times: %s", name, tt.a, n, tt.why)
			}
		}
	}
}

// A look-up does not allocate, however large the set is.
func TestGuarantee05LookUpsDoNotAllocate(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 100, 100_000} {
		d := newDraw(uint64(n))
		list := make([]ipset.Range, n)
		for i := range list {
			a, _ := d.addr().Prefix(24)
			list[i] = ipset.RangeOf(a)
		}
		set := ipset.Of(list...)
		values, err := ipset.MapOf(pairs(list, make([]string, n)))
		if err != nil {
			t.Fatal(err)
		}
		asked := append(probes(d, list[:min(n, 50)]), netip.Addr{})
		if got := testing.AllocsPerRun(2, func() {
			for _, a := range asked {
				_, in := set.Find(a)
				_, ok := values.Lookup(a)
				if set.Contains(a) != in || in != ok {
					t.Errorf("%d entries: Contains, Find and Lookup of %v do not agree", n, a)
				}
			}
		}); got != 0 {
			t.Errorf("%d entries: %v allocations", n, got)
		}
	}
}
