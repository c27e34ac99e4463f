package policy_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

// A document that was cut off is refused at every length for this alone:
// nobody is told that something is missing that may have stood there.
func TestDecodeCutOff(t *testing.T) {
	for _, doc := range []string{
		docExample,
		`{"exceptions": [{"note": "x", "ranges": ["8.8.8.8"], "member": "kim"}], "overseas": {"exempt": ["KR"]}, "designated": [{"label": "x", "range": "8.8.8.8"}], "access": "designated"}`,
	} {
		if _, _, err := policy.Decode([]byte(doc), policy.Standard(), docLocator{}); err != nil {
			t.Fatal(err)
		}
		for n := range len(doc) {
			s, p, err := policy.Decode([]byte(doc[:n]), policy.Standard(), docLocator{})
			docRefused(t, doc[:n], s, p, err, "document syntax")
			var read policy.Settings
			if err := read.UnmarshalJSON([]byte(doc[:n])); err == nil {
				t.Errorf("UnmarshalJSON takes %s", doc[:n])
			}
		}
	}
}

// What a byte of a document can become never panics, and what is taken is what
// is written again.
func TestDecodeWithOneByteChanged(t *testing.T) {
	doc := []byte(docExample)
	for i, was := range doc {
		for _, is := range []byte("\x00\"\\{}[]:,9-/ \xff") {
			doc[i] = is
			docCheckDecode(t, doc)
		}
		doc[i] = was
	}
}

// docCheckDecode checks what is true of Decode whatever the document.
func docCheckDecode(t testing.TB, doc []byte) {
	t.Helper()
	s, p, err := policy.Decode(doc, policy.Standard(), docLocator{})
	if err != nil {
		if p != nil || !s.Equal(policy.Settings{}) {
			t.Fatalf("%s: returned %+v and %v beside an error", docShort(string(doc)), s, p)
		}
		docProblems(t, err)
		docCheckPrinted(t, docShort(string(doc)), err.Error())
		return
	}
	written, err := json.Marshal(s)
	if err != nil || !json.Valid(written) {
		t.Fatalf("%s: taken, but not written: %v", docShort(string(doc)), err)
	}
	again, q, err := policy.Decode(written, policy.Standard(), docLocator{})
	if len(written) <= policy.MaxDocument && (err != nil || !again.Equal(s) || q == nil) {
		t.Fatalf("%s: written as %s, which reads as %+v, %v", docShort(string(doc)), written, again, err)
	}
	var read policy.Settings
	if err := json.Unmarshal(doc, &read); err != nil || !read.Equal(s) {
		t.Fatalf("%s: UnmarshalJSON reads %+v, %v", docShort(string(doc)), read, err)
	}
	if d := p.Evaluate(policy.Attempt{}); d.Effect != policy.Deny || d.Reason != policy.ReasonUnknownMember {
		t.Fatalf("%s: no policy: %v", docShort(string(doc)), d)
	}
}

func TestDecodeDeepNesting(t *testing.T) {
	for _, tt := range []struct {
		doc  string
		want []string
		why  string
	}{
		{`{"access": "all", "x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `, "y": 1}`, []string{"x unknown-key", "y unknown-key"}, "deep, and passed over"},
		{`{"access": "all", "x": ` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, []string{"document syntax", "x unknown-key"}, "deeper than encoding/json goes"},
		{`{"access": "all", "designated": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `, "y": 1}`, []string{"designated[0] wrong-type", "y unknown-key"}, "lists for entries"},
		{strings.Repeat("[", policy.MaxDocument), []string{"document syntax", "document wrong-type"}, "nothing but brackets"},
		{strings.Repeat(`{"access":`, policy.MaxDocument/10), []string{"document syntax", "access wrong-type"}, "nothing but objects"},
	} {
		s, p, err := policy.Decode([]byte(tt.doc), policy.Standard(), nil)
		docRefused(t, tt.why, s, p, err, tt.want...)
	}
}

func TestGuarantee05DocumentsAreBounded(t *testing.T) {
	doc := []byte(`{"access": "all"}`)
	full := append(doc, bytes.Repeat([]byte(" "), policy.MaxDocument-len(doc))...)
	if s, p, err := policy.Decode(full, policy.Standard(), nil); err != nil || p == nil {
		t.Errorf("%d bytes: %+v, %v", len(full), s, err)
	}
	s, p, err := policy.Decode(append(full, ' '), policy.Standard(), nil)
	docRefused(t, "one byte more", s, p, err, "document too-large")
	s, p, err = policy.Decode(append(full, "{{{\xff"...), policy.Standard(), nil)
	docRefused(t, "what is too large is not read", s, p, err, "document too-large")
}

// A document of nothing but faults costs no more than a good one: problems are
// told up to a bound, and then reading ends.
func TestGuarantee05FaultyDocumentsAreBounded(t *testing.T) {
	if evalRace {
		t.Skip("the race detector has nothing to find where one goroutine decodes, and takes half a minute")
	}
	fill := func(before, each, after string) string {
		return before + strings.Repeat(each+",", (policy.MaxDocument-len(before)-len(each)-len(after))/(len(each)+1)) + each + after
	}
	for _, tt := range []struct {
		doc, first string
		most       uint64 // MiB that may be allocated, in all
		why        string
	}{
		{fill(`{"access":"all","designated":[`, `1`, `]}`), "designated[0] wrong-type", 64, "two million numbers for entries, each of which would be held as an entry"},
		{fill(`{"access":"all","designated":[`, `{}`, `]}`), "designated[0].range missing", 64, "a million empty entries"},
		{fill(`{"access":"all","designated":[`, `{"range":""}`, `]}`), "designated[0].range bad-range", 64, "empty ranges"},
		{fill(`{"access":"all","designated":[`, `{"range":"10.0.0.1"}`, `]}`), "designated too-many", 600, "good text that means nothing good, all of which is read"},
		{fill(`{"access":"all","exceptions":[`, `null`, `]}`), "exceptions[0] null", 64, "a million nulls"},
		{fill(`{"access":"all","exceptions":[{"member":"a","ranges":[`, `0`, `]}]}`), "exceptions[0].ranges[0] wrong-type", 64, "numbers for ranges"},
		{fill(`{"access":"all","overseas":{"exempt":[`, `""`, `]}}`), "overseas.exempt[0] unknown-country", 64, "a million countries that are none"},
		{fill(`{"access":"all",`, `"a":0`, `}`), "a unknown-key", 64, "one key, again and again"},
		{fill(`{"access":"all",`, `"Access":0`, `}`), "Access wrong-case", 64, "one key in the wrong case"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, p, err := policy.Decode([]byte(tt.doc), policy.Standard(), nil)
		runtime.ReadMemStats(&after)
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > tt.most {
			t.Errorf("%s: a document of %d bytes made Decode allocate %d MiB", tt.why, len(tt.doc), allocated)
		}
		if err == nil || p != nil || len(s.Designated) > 0 {
			t.Fatalf("%s: accepted", tt.why)
		}
		problems := docProblems(t, err)
		if len(problems) != policy.MaxProblems || docCodes(problems)[0] != tt.first {
			t.Errorf("%s: %d problems, the first is %v, want %s", tt.why, len(problems), problems[0], tt.first)
		}
		if last := problems[len(problems)-1]; last.Path != "document" || last.Code != "too-many-problems" {
			t.Errorf("%s: the last problem is %v, want it to say that there are more", tt.why, last)
		}
		if printed := len(err.Error()); printed > policy.MaxProblems*300 {
			t.Errorf("%s: the error prints as %d bytes", tt.why, printed)
		}
	}
}
