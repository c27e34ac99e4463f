package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

const (
	good    = `{"address":"8.8.8.8","client":"web","member":{"id":"kim","status":"active"}}`
	allowed = "allow\taddress-designated\t-\n"
)

func TestLines(t *testing.T) {
	padded := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	for _, tt := range []struct {
		name, input string
		decided     []int // the numbers of the lines
		bad         int
		why         string
	}{
		{"empty", "", nil, 0, "nothing to decide is no mistake"},
		{"one", good + "\n", []int{1}, 0, "as it should be"},
		{"no end", good + "\n" + good, []int{1, 2}, 0, "the last line need not end"},
		{"CRLF", good + "\r\n" + good + "\r\n", []int{1, 2}, 0, "as some systems write"},
		{"BOM", "\ufeff" + good + "\n" + good + "\n", []int{1, 2}, 0, "as some editors begin"},
		{"BOM later", good + "\n\ufeff" + good + "\n", []int{1}, 1, "it belongs at the start"},
		{"BOM alone", "\ufeff", nil, 0, "an empty file of such an editor"},
		{"BOM twice", "\ufeff\ufeff" + good, nil, 1, "once is enough"},
		{"blank lines", "\n \t\r\n" + good + "\n\n", []int{3}, 0, "they are passed over, and counted"},
		{"longest", padded(maxLine) + "\n" + good, []int{1, 2}, 0, "just short enough"},
		{"longest, BOM and CRLF", "\ufeff" + padded(maxLine) + "\r\n" + good, []int{1, 2}, 0, "what does not belong to the line does not count"},
		{"longest at the end", padded(maxLine), []int{1}, 0, "just short enough"},
		{"too long", padded(maxLine+1) + "\n" + good, []int{2}, 1, "one too many"},
		{"too long at the end", good + "\n" + padded(maxLine+1), []int{1}, 1, "one too many"},
		{"far too long", good + "\n" + padded(5*maxLine+7) + "\n" + good, []int{1, 3}, 1, "passed over whole"},
		{"far too long at the end", padded(5 * maxLine), nil, 1, "passed over whole"},
		{"far too long, with a good line at its end", strings.Repeat(" ", maxLine+5) + "\ufeff" + padded(maxLine) + "\r\n", nil, 1, "the memory of the line is overwritten with it"},
		{"one long line of nothing", strings.Repeat("\x00", 1<<20), nil, 1, "not text at all"},
		{"UTF-16", "\xff\xfe{\x00}\x00\n\x00", nil, 2, "not UTF-8"},
		{"bad between good", good + "\nx\n" + good, []int{1, 3}, 1, "the rest is decided"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, status := "", exitDecided
			for _, n := range tt.decided {
				want += fmt.Sprintf("%d\t%s", n, allowed)
			}
			if tt.bad > 0 {
				status = exitBadLines
			}
			for how, in := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.input),
				"by the byte":  iotest.OneByteReader(strings.NewReader(tt.input)),
				"with the end": iotest.DataErrReader(strings.NewReader(tt.input)),
			} {
				var out, complaints bytes.Buffer
				got := run([]string{"testdata/office.json"}, in, &out, &complaints)
				if got != status || out.String() != want || strings.Count(complaints.String(), "decide: line") != tt.bad {
					t.Errorf("%s: status %d, %q, %q; want status %d, %q and %d bad lines: %s",
						how, got, out.String(), complaints.String(), status, want, tt.bad, tt.why)
				}
			}
		})
	}
}

// On a terminal, complaints stand between the decisions where they belong.
func TestComplaintsInOrder(t *testing.T) {
	var both bytes.Buffer
	run([]string{"testdata/office.json"}, strings.NewReader(good+"\n{\n"+good), &both, &both)
	want := "1\t" + allowed + "decide: line 2: not JSON at byte 1: unexpected end of JSON input\n3\t" + allowed
	if !strings.HasPrefix(both.String(), want) {
		t.Errorf("%s", both.String())
	}
}

func TestManyBadLines(t *testing.T) {
	status, stdout, stderr := decide(strings.Repeat("x\n", 1000)+good+"\n", "testdata/office.json")
	if status != exitBadLines || stdout != "1001\t"+allowed {
		t.Errorf("status %d, %q", status, stdout)
	}
	if n := strings.Count(stderr, "decide: line"); n != maxComplaints || !strings.Contains(stderr, " 1000           bad lines") || strings.Count(stderr, "\n") > 30 {
		t.Errorf("%d complaints, want %d, and a count of 1000:\n%s", n, maxComplaints, stderr)
	}
}

// What was read before an input failed is decided, and the failure is told.
func TestInputFails(t *testing.T) {
	var out, complaints bytes.Buffer
	in := io.MultiReader(strings.NewReader(good+"\n"+good), iotest.ErrReader(errors.New("the disk is gone")))
	status := run([]string{"testdata/office.json"}, in, &out, &complaints)
	if status != exitFailed || out.String() != "1\t"+allowed || !strings.Contains(complaints.String(), "the disk is gone") {
		t.Errorf("status %d, %q, %q; half a line must not be decided", status, out.String(), complaints.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputFails(t *testing.T) {
	for _, n := range []int{1, 100_000} {
		in := &endless{lines: n}
		var complaints bytes.Buffer
		status := run([]string{"testdata/office.json"}, in, fullDisk{}, &complaints)
		if status != exitFailed || !strings.Contains(complaints.String(), syscall.ENOSPC.Error()) || strings.Contains(complaints.String(), "share") {
			t.Errorf("%d lines: status %d, %q", n, status, complaints.String())
		}
		if n > 1 && in.lines < n/2 {
			t.Errorf("read on for %d lines after the output had failed", n-in.lines)
		}
	}
}

// A reader that has seen enough is no mistake of anybody's.
func TestReaderGone(t *testing.T) {
	for _, tt := range []struct {
		first  string
		status int
		says   string
	}{
		{"", exitDecided, ""},
		{"{\n", exitBadLines, "decide: line 1: not JSON at byte 1: unexpected end of JSON input\n"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		in := &endless{lines: 100_000}
		var complaints bytes.Buffer
		status := run([]string{"testdata/office.json"}, io.MultiReader(strings.NewReader(tt.first), in), w, &complaints)
		w.Close()
		if status != tt.status || complaints.String() != tt.says {
			t.Errorf("status %d, %q; want %d, %q", status, complaints.String(), tt.status, tt.says)
		}
		if in.lines == 0 {
			t.Error("it read on to the end")
		}
	}
}

// endless is a stream of so many attempts.
type endless struct {
	lines int // that are left
	rest  []byte
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.lines == 0 {
			return 0, io.EOF
		}
		n := min(e.lines, 100)
		e.lines -= n
		e.rest = bytes.Repeat([]byte(good+"\n"), n)
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Whoever types an attempt sees the decision before typing the next one.
func TestAnswersBeforeItWaits(t *testing.T) {
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	late := time.AfterFunc(20*time.Second, func() { shown.CloseWithError(errors.New("no answer in 20 s")) })
	defer late.Stop()
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"testdata/office.json"}, in, out, io.Discard)
	}()
	answers := bufio.NewReader(shown)
	for n := range 3 {
		fmt.Fprintln(typed, good)
		if answer, err := answers.ReadString('\n'); err != nil || answer != fmt.Sprintf("%d\t%s", n+1, allowed) {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	typed.Close()
	if s := <-status; s != exitDecided {
		t.Errorf("status %d", s)
	}
}

// The heap must not grow with the input, good lines or bad ones.
func TestMemoryIsBounded(t *testing.T) {
	lines := 200_000
	if testing.Short() {
		lines = 30_000
	}
	const most = 16 << 20 // the buffers take 200 KB; the rest is for the collector
	in, w := io.Pipe()
	var before, highest uint64
	go func() {
		defer w.Close()
		out := bufio.NewWriter(w)
		defer out.Flush()
		before = heap()
		for i := range lines {
			switch {
			case i%1000 == 7:
				fmt.Fprintf(out, "{%d\n", i)
			case i%10_000 == 8:
				fmt.Fprintf(out, "%s%*d\n", good, 1<<20, i)
			default:
				fmt.Fprintf(out, `{"address":"8.8.%d.%d","client":"web","member":{"id":"m%d","status":"active","blocked":["mobile"]}}`+"\n", i>>8&0xff, i&0xff, i)
			}
			if i%20_000 == 0 {
				highest = max(highest, heap())
			}
		}
	}()
	if status := run([]string{"testdata/office.json"}, in, io.Discard, io.Discard); status != exitBadLines {
		t.Errorf("status %d", status)
	}
	if highest > before+most {
		t.Errorf("the heap grew from %d to %d bytes over %d lines", before, highest, lines)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	c := &console{w: &b, watched: true, started: time.Now().Add(-2 * time.Second)}
	c.tell(1024)
	if s := b.String(); !strings.HasPrefix(s, eraseLine+"1024 lines, 5") || strings.Contains(s, "\n") {
		t.Errorf("%q", s)
	}
	b.Reset()
	c.tell(2048)
	if b.Len() > 0 {
		t.Errorf("%q so soon after", b.String())
	}
	c.badLine(3000, errors.New("bad"))
	c.clear()
	if b.String() != eraseLine+"decide: line 3000: bad\n" {
		t.Errorf("%q; a complaint must take the place of the progress", b.String())
	}

	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if isTerminal(f) || isTerminal(&b) {
		t.Error("the null device and a buffer are no terminals")
	}
}
