package session_test

import (
	"encoding/csv"
	"errors"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/session"
)

// cellRows are texts and the cells that they become.
var cellRows = []struct{ text, cell, why string }{
	{"", "", "nothing"},
	{"kim", "kim", "most text is as it is"},
	{"김 서연", "김 서연", "in any language"},
	{"a=b+c-d@e", "a=b+c-d@e", "within a cell they mean nothing"},
	{"=1+1", "'=1+1", "a formula"},
	{"=cmd|'/C calc'!A0", "'=cmd|''/C calc'!A0", "a formula that runs a program"},
	{"+82 2 1234", "'+82 2 1234", "a formula to some, a phone number to people"},
	{"-1", "'-1", "a formula"},
	{"@SUM(A1)", "'@SUM(A1)", "a formula of older programs"},
	{"  =1", "'  =1", "some drop spaces"},
	{"\u00a0\u3000=1", "'\u00a0\u3000=1", "of any kind"},
	{"\t=1", "'␉=1", "a tab, which is made visible"},
	{"\r=1", "'␍=1", "a return"},
	{"\n=1", "'␊=1", "a line end"},
	{"\x00=1", "'␀=1", "what is dropped"},
	{"\"=1\"", "'\"=1\"", "quotes that some drop"},
	{"\u200d=1", "'\u200d=1", "invisible, and kept"},
	{"\ufeff=1", "'<U+FEFF>=1", "invisible, and made visible"},
	{"＝1+1", "'＝1+1", "full width"},
	{"＋1", "'＋1", "full width"},
	{"－1", "'－1", "full width"},
	{"＠A", "'＠A", "full width"},
	{"−1", "'−1", "the minus of mathematics"},
	{"﹦1", "'﹦1", "the small form"},
	{"'=1", "''=1", "an apostrophe is told from ours"},
	{"⁼1", "'⁼1", "raised"},
	{"₊1", "'₊1", "lowered"},
	{"\u200b+1", "'<U+200B>+1", "invisible, and made visible"},
	{"\u00ad-1", "'<U+00AD>-1", "a hyphen that is not seen"},
	{"a\t=1", "a␉=1", "a tab would start a cell, but is none any more"},
	{"a\r\n=1\n@x", "a␍␊=1␊@x", "line ends would, but are none any more"},
	{`a","=1`, `a",'"=1`, "quotes and a comma that would end the cell and start one"},
	{"it's", "it's", "not within"},
	{"a,=1", "a,'=1", "it starts a cell where quotes are ignored"},
	{"a;=1", "a;'=1", "it starts a cell where ; separates"},
	{"a; =1; 'b;'c", "a;' =1; 'b;''c", "each of them"},
	{"a|@x", "a|'@x", "and where | does"},
	{"a; b, c", "a; b, c", "what starts no formula is left"},
	{"a\r\nb", "a␍␊b", "a row has one line"},
	{"\x1b[31m", "␛[31m", "no colours for a terminal"},
	{"\x7f\u0085", "␡<U+0085>", "control characters beyond ASCII"},
	{"abc\u202egpj.exe", "abc<U+202E>gpj.exe", "what turns the direction"},
	{"a\u2028b", "a<U+2028>b", "a line end of some"},
	{"a\xffb", "a\ufffdb", "not UTF-8"},
	{"می\u200cخواهم", "می\u200cخواهم", "a non-joiner belongs to the word"},
	{`say "hi"`, `say "hi"`, "quotes"},
}

// readCSV reads a file as RFC 4180 has it and returns its rows, and whether it began with a mark.
func readCSV(t *testing.T, text string) (rows [][]string, mark bool) {
	t.Helper()
	text, mark = strings.CutPrefix(text, "\ufeff")
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") || strings.Count(text, "\r") != strings.Count(text, "\r\n") {
		t.Errorf("%q has line ends that are not CRLF", text)
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return rows, mark
}

func writeCell(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	c := session.NewCSV(&b, session.CSVOptions{Download: true})
	if err := errors.Join(c.Write(text, "end"), c.Flush()); err != nil {
		t.Fatal(err)
	}
	rows, mark := readCSV(t, b.String())
	if len(rows) != 1 || len(rows[0]) != 2 || rows[0][1] != "end" || mark {
		t.Fatalf("%q is written as %q", text, b.String())
	}
	if !strings.HasPrefix(b.String(), `"`) {
		t.Errorf("%q is written as %q, without quotes", text, b.String())
	}
	return rows[0][0]
}

func TestGuarantee28CSVCellsDoNotStartAFormula(t *testing.T) {
	for _, row := range cellRows {
		if got := writeCell(t, row.text); got != row.cell {
			t.Errorf("%q becomes %q; want %q: %s", row.text, got, row.cell, row.why)
		}
	}
	long := writeCell(t, strings.Repeat("😀;=", 1<<16))
	if n := len(utf16(long)); n > 32767 || n < 30000 || !strings.HasSuffix(long, "…") || !utf8.ValidString(long) {
		t.Errorf("a long text becomes a cell of %d units; Excel starts another cell behind 32767", n)
	}
	if b := writeCell(t, strings.Repeat(";\t \"", 1<<20)); len(b) > 1<<18 { // and in a time that is linear
		t.Errorf("%d bytes", len(b))
	}
	if exact := strings.Repeat("x", 31000); writeCell(t, exact) != exact {
		t.Error("a text that fits is cut")
	}
}

func utf16(s string) (units []struct{}) {
	for _, r := range s {
		units = append(units, struct{}{})
		if r > 0xffff {
			units = append(units, struct{}{})
		}
	}
	return units
}

// starts returns what programs may take for cells of their own: the cell, and what lies
// behind each separator in it.
func starts(cell string) []string {
	return strings.FieldsFunc(","+cell, func(r rune) bool { return strings.ContainsRune(",;|\t", r) })
}

// plainCell undoes what is put in front of cells.
func plainCell(cell string) string {
	var b strings.Builder
	start := true
	for _, r := range cell {
		if !start || r != '\'' {
			b.WriteRune(r)
		}
		start = strings.ContainsRune(",;|", r)
	}
	return b.String()
}

func FuzzCSVCell(f *testing.F) {
	for _, row := range cellRows {
		f.Add(row.text)
	}
	f.Add(strings.Repeat(";'", 30))
	f.Fuzz(func(t *testing.T, text string) {
		cell := writeCell(t, text)
		for _, start := range starts(cell) {
			trimmed := strings.TrimLeftFunc(start, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\u200c' || r == '\u200d' })
			if r, _ := utf8.DecodeRuneInString(trimmed); strings.ContainsRune("=+-@＝＋－＠", r) && trimmed != "" {
				t.Fatalf("%q becomes %q, in which %q may be a formula", text, cell, start)
			}
		}
		for _, r := range cell {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("%q becomes %q, with %U", text, cell, r)
			}
		}
		if !utf8.ValidString(cell) || len(utf16(cell)) > 32767 {
			t.Fatalf("%q becomes %q", text, cell)
		}
		shown := !utf8.ValidString(text) || len(text) > 8000 || strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == '␉'
		})
		if !shown && plainCell(cell) != text {
			t.Fatalf("%q becomes %q, which is read as %q", text, cell, plainCell(cell))
		}
	})
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	c := session.NewCSV(&b, session.CSVOptions{Download: true, BOM: true})
	err := errors.Join(c.Write("name", "note"), c.Write("kim", `a "b", c`), c.Write(""), c.Flush(), c.Flush())
	if want := "\ufeff\"name\",\"note\"\r\n\"kim\",\"a \"\"b\"\", c\"\r\n\"\"\r\n"; err != nil || b.String() != want {
		t.Errorf("%q, %v; want %q", b.String(), err, want)
	}
}

// A forgotten option must not give away what the plan does not have.
func TestNoDownload(t *testing.T) {
	var b strings.Builder
	fail := func(yield func(session.Access, error) bool) { t.Error("visits are read for nobody") }
	events := func(yield func(session.Event, error) bool) { t.Error("events are read for nobody") }
	c := session.NewCSV(&b, session.CSVOptions{BOM: true})
	for what, err := range map[string]error{
		"Write": c.Write("x"), "Flush": c.Flush(), "the zero CSV": new(session.CSV).Write("x"), "its Flush": new(session.CSV).Flush(),
		"WriteVisits": session.WriteVisits(&b, fail, session.CSVOptions{}), "WriteEvents": session.WriteEvents(&b, events, session.CSVOptions{BOM: true}),
	} {
		if !errors.Is(err, session.ErrNoDownload) {
			t.Errorf("%s: %v; want ErrNoDownload", what, err)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%q was written", b.String())
	}
}

func TestCSVTellsThatTheDiskIsFull(t *testing.T) {
	broken := errors.New("disk full")
	c := session.NewCSV(failingWriter{broken}, session.CSVOptions{Download: true})
	var err error
	for range 10000 {
		if err = c.Write("0123456789"); err != nil {
			break
		}
	}
	if !errors.Is(err, broken) || !errors.Is(c.Write("x"), broken) || !errors.Is(c.Flush(), broken) {
		t.Errorf("Write: %v, Flush: %v", err, c.Flush())
	}
	small := session.WriteEvents(failingWriter{broken}, seq[session.Event](nil), session.CSVOptions{Download: true})
	if !errors.Is(small, broken) {
		t.Errorf("WriteEvents: %v", small)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// seq yields values and then an error, if there is one.
func seq[T any](err error, values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

func TestWriteVisits(t *testing.T) {
	live := session.Access{Live: true, Visit: session.Visit{
		Tenant: "acme", Member: "=kim", Client: session.Mobile, Addr: netip.MustParseAddr("2001:200::1"), Country: japan,
		Device: "phone", System: "iOS 19", Verified: true, At: noon.In(time.FixedZone("KST", 9*3600)),
	}}
	ended := session.Access{Visit: session.Visit{Member: "lee", Client: session.Web, At: noon}, Ended: noon.Add(time.Hour), Why: "signed\nout"}
	var b strings.Builder
	if err := session.WriteVisits(&b, seq(nil, live, ended), session.CSVOptions{Download: true, BOM: true}); err != nil {
		t.Fatal(err)
	}
	want := "\ufeff" + strings.ReplaceAll(`"time","member","client","system","device","address","country","verified","state","ended","why"
"2026-03-01T12:00:00Z","'=kim","mobile","iOS 19","phone","2001:200::1","JP","yes","live","",""
"2026-03-01T12:00:00Z","lee","web","","","","","no","ended","2026-03-01T13:00:00Z","signed␊out"
`, "\n", "\r\n")
	if b.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", b.String(), want)
	}
	down := errors.New("store is down")
	b.Reset()
	if err := session.WriteVisits(&b, seq(down, live), session.CSVOptions{Download: true}); !errors.Is(err, down) || strings.Count(b.String(), "\n") != 2 {
		t.Errorf("wrote %q, %v; want what there was, and the error", b.String(), err)
	}
}

func TestWriteEvents(t *testing.T) {
	e := session.Event{
		ID: "save-1", Tenant: "acme", At: noon, Actor: "boss", Kind: "settings-saved", Member: "kim", Why: "@home", Refused: "no-one left",
		Before: `{"access":"all"}`, After: `{"access":"designated"}`, Summary: []string{"access: all, now designated", "+1 address"},
		Policy: session.Version{Line: 35, Number: 36},
	}
	var b strings.Builder
	if err := session.WriteEvents(&b, seq(nil, e, session.Event{}), session.CSVOptions{Download: true}); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`"time","id","actor","kind","member","why","refused","summary","before","after","settings version","member version"
"2026-03-01T12:00:00Z","save-1","boss","settings-saved","kim","'@home","no-one left","access: all, now designated;' +1 address","{""access"":""all""}","{""access"":""designated""}","z.10",""
"","","","","","","","","","","",""
`, "\n", "\r\n")
	if b.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", b.String(), want)
	}
	down := errors.New("store is down")
	if err := session.WriteEvents(&b, seq(down, e), session.CSVOptions{Download: true}); !errors.Is(err, down) {
		t.Errorf("%v; want the error of the events", err)
	}
}
