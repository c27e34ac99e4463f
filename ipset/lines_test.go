package ipset_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/ipset"
)

type place struct {
	line, column int
	err          error
}

// readLists are lists as people keep them, with what is good and what is bad.
var readLists = []struct {
	text  string
	lines []ipset.Line
	bad   []place
	why   string
}{
	{"", nil, nil, "nothing"},
	{"\n\n \n\t\n", nil, nil, "empty lines"},
	{"# a comment\n   # another\n#", nil, nil, "comments alone"},
	{"8.8.8.8", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}}, nil, "no line end"},
	{"8.8.8.8\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}}, nil, "a line end"},
	{"8.8.8.8\r\n\r\n8.8.4.4\r", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}, {3, ipset.MustParseRange("8.8.4.4"), ""}}, nil, "CRLF, and a half of it at the end"},
	{"\ufeff8.8.8.8\n8.8.4.4\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}, {2, ipset.MustParseRange("8.8.4.4"), ""}}, nil, "a byte order mark at the start"},
	{"8.8.8.0/24#Seoul\n8.8.4.1 - 8.8.4.9 \t#  Busan # 2nd  \n", []ipset.Line{
		{1, ipset.MustParseRange("8.8.8.0/24"), "Seoul"}, {2, ipset.MustParseRange("8.8.4.1-8.8.4.9"), "Busan # 2nd"}}, nil, "labels end at the line; blanks around them are dropped"},
	{"8.8.8.8 # 서울 본사, 3층\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), "서울 본사, 3층"}}, nil, "a label in any language"},
	{"8.8.8.8 #\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}}, nil, "an empty label"},
	{"8.8.8.8" + strings.Repeat(" ", 400) + "# far to the right\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), "far to the right"}}, nil, "blanks of a column do not count against the entry"},
	{"8.8.8.8\n8.8.8.8\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}, {2, ipset.MustParseRange("8.8.8.8"), ""}}, nil, "repeats are kept: they have labels of their own"},

	{"8.8.8.08\n8.8.4.4\n", []ipset.Line{{2, ipset.MustParseRange("8.8.4.4"), ""}}, []place{{1, 1, ipset.ErrAddress}}, "the first is bad"},
	{"8.8.4.4\n\n # x\n  \t8.8.8.8/24 # y", []ipset.Line{{1, ipset.MustParseRange("8.8.4.4"), ""}}, []place{{4, 4, ipset.ErrHostBits}}, "the last is bad, behind blanks, without a line end"},
	{"x\n8.8.8.8\ny # z\n-\n", []ipset.Line{{2, ipset.MustParseRange("8.8.8.8"), ""}},
		[]place{{1, 1, ipset.ErrAddress}, {3, 1, ipset.ErrAddress}, {4, 1, ipset.ErrEmpty}}, "every bad line is reported"},
	{"8.8.8.8, 8.8.4.4\n", nil, []place{{1, 1, ipset.ErrAddress}}, "two on a line"},
	{"8.8.8.8 Seoul\n", nil, []place{{1, 1, ipset.ErrAddress}}, "a label without #"},
	{"8.8.8.8\r8.8.4.4\n", nil, []place{{1, 1, ipset.ErrAddress}}, "carriage returns alone end no line"},
	{"8.8.8.8\n\ufeff8.8.4.4\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), ""}}, []place{{2, 1, ipset.ErrAddress}}, "a byte order mark further down, where files were joined"},
	{"\ufeff\ufeff8.8.8.8\n", nil, []place{{1, 1, ipset.ErrAddress}}, "two byte order marks"},
	{"\xff\xfe8\x00.\x008\x00", nil, []place{{1, 1, ipset.ErrAddress}}, "UTF-16"},
	{"8.8.8.8 # \x1b[2J\n", nil, []place{{1, 9, ipset.ErrLabel}}, "a label that a terminal would obey"},
	{"8.8.8.8 # a\tb\n", nil, []place{{1, 9, ipset.ErrLabel}}, "a tab inside a label"},
	{" 8.8.8.8\t#\xff\n", nil, []place{{1, 10, ipset.ErrLabel}}, "a label that is not UTF-8"},
	{"8.8.8.8 # a\u0085b\n", nil, []place{{1, 9, ipset.ErrLabel}}, "a control character beyond ASCII"},
	{"8.8.8.8 # " + strings.Repeat("x", 1014) + "\n", []ipset.Line{{1, ipset.MustParseRange("8.8.8.8"), strings.Repeat("x", 1014)}}, nil, "a line of 1,024 bytes"},
	{"8.8.8.8 # " + strings.Repeat("x", 1015) + "\n8.8.4.4\n", []ipset.Line{{2, ipset.MustParseRange("8.8.4.4"), ""}}, []place{{1, 1, ipset.ErrLineTooLong}}, "a line of 1,025"},
}

func TestReadLines(t *testing.T) {
	for _, tt := range readLists {
		for name, r := range map[string]io.Reader{
			"whole":       strings.NewReader(tt.text),
			"by bytes":    iotest.OneByteReader(strings.NewReader(tt.text)),
			"end at once": iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			lines, err := ipset.ReadLines(r)
			if !slices.Equal(lines, tt.lines) {
				t.Errorf("%s, %s: lines %v, want %v", tt.why, name, lines, tt.lines)
			}
			checkBad(t, tt.why+", "+name, err, tt.bad)
		}
		lines, err := ipset.ReadLines(strings.NewReader(tt.text))
		checkLines(t, tt.text, lines, err)
	}
}

// checkBad compares the errors that err joins with want, in order.
func checkBad(t testing.TB, why string, err error, want []place) {
	t.Helper()
	bad := lineErrors(t, err)
	if len(bad) != len(want) {
		t.Errorf("%s: %v, want %v", why, err, want)
		return
	}
	for i, e := range bad {
		if e.Line != want[i].line || e.Column != want[i].column || !errors.Is(e, want[i].err) {
			t.Errorf("%s: %v, want %v", why, e, want[i])
		}
	}
}

func lineErrors(t testing.TB, err error) []*ipset.LineError {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not joined of others", err)
	}
	var list []*ipset.LineError
	for _, e := range joined.Unwrap() {
		bad, ok := e.(*ipset.LineError)
		if !ok {
			t.Fatalf("%T is no *LineError: %v", e, e)
		}
		list = append(list, bad)
	}
	return list
}

// checkLines reads text again in a plain way: each line that is more than a
// comment is either good or bad, as the slow parser says.
func checkLines(t testing.TB, text string, lines []ipset.Line, err error) {
	t.Helper()
	bad := lineErrors(t, err)
	if len(bad) > 0 && (errors.Is(bad[len(bad)-1], ipset.ErrNoList) || errors.Is(bad[len(bad)-1], ipset.ErrListTooLong)) {
		return // it was not read to the end
	}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		before, label, _ := strings.Cut(line, "#")
		label = trimBlanks(label)
		if len(line) <= ipset.MaxLineBytes && trimBlanks(before) == "" {
			continue
		}
		from, to, ok := slowParse(trimBlanks(before))
		ok = ok && len(line) <= ipset.MaxLineBytes && utf8.ValidString(label) && !strings.ContainsFunc(label, unicode.IsControl)
		switch {
		case ok && (len(lines) == 0 || lines[0].Number != i+1 || lines[0].Range.From() != from || lines[0].Range.To() != to || lines[0].Label != label):
			t.Fatalf("line %d of %q is good, and not there: %v, %v", i+1, text, lines, err)
		case ok:
			lines = lines[1:]
		case len(bad) == 0 || bad[0].Line != i+1 || bad[0].Column < 1 || bad[0].Column > len(line)+1 || len(bad[0].Error()) > 700:
			t.Fatalf("line %d of %q is bad, and not reported: %v, %v", i+1, text, lines, err)
		default:
			bad = bad[1:]
		}
	}
	if len(lines) > 0 || len(bad) > 0 {
		t.Fatalf("of %q there is more than was written: %v, %v", text, lines, bad)
	}
}

func TestGuarantee03ReadLinesReportsEveryBadLine(t *testing.T) {
	text := "8.8.8.8\n" + strings.Repeat("8.8.8.8\n8.8.8.8/24\n\n", 500) + "8.8.8.8"
	lines, err := ipset.ReadLines(strings.NewReader(text))
	if len(lines) != 502 {
		t.Errorf("%d good lines, want 502", len(lines))
	}
	bad := lineErrors(t, err)
	if len(bad) != 500 {
		t.Fatalf("%d bad lines, want 500", len(bad))
	}
	for i, e := range bad {
		var parse *ipset.ParseError
		if e.Line != 3+3*i || !errors.As(e, &parse) || parse.Input != "8.8.8.8/24" || !strings.HasPrefix(e.Error(), "line ") {
			t.Fatalf("%d: %v", i, e)
		}
	}
}

func TestLineErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  ipset.LineError
		want string
		why  string
	}{
		{ipset.LineError{}, "line 0, column 0: <nil>", "the zero value does not panic"},
		{ipset.LineError{Line: 3, Column: 9, Err: ipset.ErrLabel}, "line 3, column 9: " + ipset.ErrLabel.Error(), "the place comes first"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s, want %s: %s", got, tt.want, tt.why)
		}
	}
}

// What was cut off by a failing disk or network must not be read as an entry:
// of 8.8.8.8 it might be 8.8.8.80, of /24 only /2.
func TestReadLinesOfAFailingReader(t *testing.T) {
	failed := errors.New("the disk failed")
	for _, tt := range []struct {
		text string
		good int
		bad  place
		why  string
	}{
		{"", 0, place{1, 1, failed}, "at once"},
		{"8.8.8.8\n", 1, place{2, 1, failed}, "between two lines"},
		{"8.8.8.8\n8.8.4.4", 1, place{2, 1, failed}, "inside a line that reads well so far"},
		{"8.8.8.8\n# a comment", 1, place{2, 1, failed}, "inside a comment"},
		{"8.8.8.8\n" + strings.Repeat("x", 5000), 1, place{2, 1, failed}, "inside a line that is too long"},
	} {
		lines, err := ipset.ReadLines(io.MultiReader(strings.NewReader(tt.text), iotest.ErrReader(failed)))
		if len(lines) != tt.good {
			t.Errorf("%s: lines %v, want %d", tt.why, lines, tt.good)
		}
		checkBad(t, tt.why, err, []place{tt.bad})
	}
}
