package policy_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// What a host can hand over by mistake, and what a database can hold, never
// panics: not when compiled, decided, explained, compared, copied, printed or
// written.
func TestGuarantee13NothingPanicsOnOddSettings(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	profiles := []*policy.Profile{nil, {}, {Clients: 1<<64 - 1, SignOut: policy.SignOut{Designate: 1<<64 - 1}, MaxEntries: math.MinInt, Plans: map[policy.Plan]policy.Features{"": 255}},
		policy.Standard(), policy.NaverWorks(), policy.LineWorks(), policy.Kintone()}
	instants := []time.Time{{}, docNow, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Now()}
	addrs := []netip.Addr{{}, netip.MustParseAddr("::"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("::ffff:1.2.3.4%\x1b"), netip.MustParseAddr("fe80::1%eth0"), netip.IPv6LinkLocalAllNodes()}
	for range 3000 {
		s, other, p := docGarbage(rng), docGarbage(rng), profiles[rng.IntN(len(profiles))]
		a := policy.Attempt{
			Addr:     addrs[rng.IntN(len(addrs))],
			Client:   session.Client(rng.UintN(256)),
			Plan:     policy.Plan(strings.Repeat("x", rng.IntN(100))),
			Verified: rng.IntN(2) == 0,
			Request:  rng.IntN(2) == 0,
			At:       instants[rng.IntN(len(instants))],
		}
		if rng.IntN(4) > 0 {
			a.Member = &member.Member{ID: "kim", Status: member.Status(rng.UintN(9)), Super: rng.IntN(4) == 0, Blocked: session.Clients(rng.Uint64() & rng.Uint64() & rng.Uint64())}
		}

		compiled, err := policy.Compile(s, p, docLocator{})
		if (compiled == nil) != (err != nil) {
			t.Fatalf("%v beside %v", compiled, err)
		}
		stored, storedErr := policy.CompileStored(s, p, docLocator{})
		if (stored == nil) != (storedErr != nil) || err == nil && storedErr != nil {
			t.Fatalf("Compile: %v, CompileStored: %v, %v", err, stored, storedErr)
		}
		d := stored.Evaluate(a)
		if d.Allowed() && (a.Member == nil || !a.Addr.IsValid() || stored == nil) {
			t.Fatalf("nobody is allowed: %v", d)
		}
		if e, err := policy.Explain(s, p, docLocator{}, a); (err == nil) != (storedErr == nil) {
			t.Fatalf("Explain: %v, CompileStored: %v", err, storedErr)
		} else if err == nil {
			_ = e.String()
		}
		policy.Diff(s, other, p, a.At)
		if clone := s.Clone(); !clone.Equal(s) {
			t.Fatalf("%+v is not its clone", s)
		}
		_ = fmt.Sprintf("%v %+v %s", s, s, err)
		if b, err := json.Marshal(s); err == nil {
			var read policy.Settings
			if err := json.Unmarshal(b, &read); err != nil || !read.Equal(s) {
				t.Fatalf("%+v\nis written as %s\nand read as %+v, %v", s, b, read, err)
			}
		}
	}
}

func TestGuarantee13OddNumbersHaveNoText(t *testing.T) {
	for n := range 256 {
		for _, v := range []interface {
			fmt.Stringer
			encoding.TextMarshaler
		}{policy.Access(n), policy.Effect(n), policy.Reason(n)} {
			text, err := v.MarshalText()
			if printed := v.String(); err == nil && printed != string(text) || err != nil && !strings.HasSuffix(printed, fmt.Sprintf("(%d)", n)) {
				t.Errorf("%T %d prints as %s and is written as %s, %v", v, n, printed, text, err)
			}
			if known := map[string]int{"policy.Access": 2, "policy.Effect": 4}[fmt.Sprintf("%T", v)]; known > 0 && (err == nil) != (n < known) {
				t.Errorf("%T %d: %v", v, n, err)
			}
		}
		_ = policy.Reason(n).Meaning()
	}
	var nothing policy.Policy
	var none *policy.Policy
	if d := nothing.Evaluate(policy.Attempt{}); d != none.Evaluate(policy.Attempt{}) || d != (policy.Decision{}) {
		t.Errorf("the zero Policy decides %v", d)
	}
}

// docHostile is text that would, printed raw, colour or clear a terminal, begin
// a line of its own in a log, or turn and hide what stands beside it.
var docHostile = []struct{ text, why string }{
	{"\x1b[2J\x1b]0;title\x07", "escape sequences"},
	{"\u009b31m", "an escape sequence of one character"},
	{"x\n2026-01-01 INFO login allowed", "a line of its own"},
	{"x\r\nSet-Cookie: a=b", "a header"},
	{"\x00\b\b\b\x7f", "NUL, backspace and delete"},
	{"\u202egnp.exe\u202c", "right to left"},
	{"\u2066\u2069\u200e\u200f\u061c", "isolates and marks"},
	{"\u200b\u2060\ufeff\u00ad", "what is not seen"},
	{"a\u2028b\u2029c\u0085d\vf\f", "lines and paragraphs by other names"},
	{"\u00a0\u3000\u2003", "blanks that are none"},
	{"\U000e0041\U000e0042", "tags"},
	{"%s%d%!v(MISSING)%n", "verbs"},
	{"\xff\xfe\xc0\x80", "bytes that are no text"},
	{"\"; drop \"\\\"", "quotes"},
	{strings.Repeat("A", 1_000_000), "a million letters"},
	{strings.Repeat("\u202e", 100_000), "a hundred thousand turns"},
}

// docHostilePlaces are all errors and texts of this package in which something
// from outside is printed.
var docHostilePlaces = []struct {
	place string
	print func(text string) error
}{
	{"a key", docDecodeHostile(`{"access": "all", %s: 1}`)},
	{"a key twice", docDecodeHostile(`{"access": "all", %s: 1, %[1]s: 2}`)},
	{"a key of an entry", docDecodeHostile(`{"access": "all", "designated": [{"range": "8.8.8.8", %s: {}}]}`)},
	{"a key of overseas", docDecodeHostile(`{"access": "all", "overseas": {%s: []}}`)},
	{"the access", docDecodeHostile(`{"access": %s}`)},
	{"outside", docDecodeHostile(`{"access": "all", "outside": %s}`)},
	{"a string for a number", docDecodeHostile(`{"access": "all", "format": %s}`)},
	{"a string for a list", docDecodeHostile(`{"access": "all", "designated": %s}`)},
	{"a range", docDecodeHostile(`{"access": "all", "designated": [{"range": %s}]}`)},
	{"an end", docDecodeHostile(`{"access": "all", "designated": [{"range": "8.8.8.8", "until": %s}]}`)},
	{"an exception's range", docDecodeHostile(`{"access": "all", "exceptions": [{"member": "kim", "ranges": [%s]}]}`)},
	{"a country", docDecodeHostile(`{"access": "all", "overseas": {"exempt": [%s]}}`)},
	{"what follows", docDecodeHostile(`{"access": "all"} %s`)},
	{"what is no JSON", docDecodeHostile(`{"access": "all", %s}`)},
	{"raw in the place of a value", func(text string) error {
		return docDecodeError(`{"access": ` + text + `}`)
	}},
	{"raw in a string", func(text string) error {
		return docDecodeError(`{"access": "` + text + `"}`)
	}},
	{"raw after the document", func(text string) error {
		return docDecodeError(`{"access": "all"}` + text + "!")
	}},
	{"a label", func(text string) error {
		_, err := policy.Compile(policy.Settings{Designated: []policy.Entry{{Label: text}}}, policy.Standard(), nil)
		return err
	}},
	{"a note and a member twice", func(text string) error {
		x := policy.Exception{Member: member.ID(text), Note: text, Ranges: []ipset.Range{}}
		_, err := policy.Compile(policy.Settings{Access: 9, Exceptions: []policy.Exception{x, x}}, policy.Standard(), nil)
		return err
	}},
	{"stored settings", func(text string) error {
		_, err := policy.CompileStored(policy.Settings{Outside: 7, Exceptions: []policy.Exception{{Member: member.ID(text)}}}, policy.Standard(), nil)
		return err
	}},
	{"settings that cannot be written", func(text string) error {
		_, err := json.Marshal(policy.Settings{Exceptions: []policy.Exception{{Member: member.ID(text + "\xff"), Note: text}}})
		return err
	}},
	{"the text of an access", func(text string) error { return new(policy.Access).UnmarshalText([]byte(text)) }},
	{"the text of an effect", func(text string) error { return new(policy.Effect).UnmarshalText([]byte(text)) }},
	{"the text of a reason", func(text string) error { return new(policy.Reason).UnmarshalText([]byte(text)) }},
	{"an explanation's plan and zone", func(text string) error {
		e, err := policy.Explain(docDesignated("8.8.8.8"), policy.NaverWorks(), nil, policy.Attempt{
			Addr: netip.MustParseAddr("fe80::1").WithZone(text), Client: session.Web, Plan: policy.Plan(text), Member: docMember(member.ID(text)),
		})
		if err != nil {
			return err
		}
		return docSteps(e)
	}},
	{"an explanation's member", func(text string) error {
		s := docDesignated("8.8.8.8")
		s.Exceptions = []policy.Exception{{Member: member.ID(text), Until: docPast}}
		e, err := policy.Explain(s, policy.Standard(), nil, policy.Attempt{Addr: netip.MustParseAddr("9.9.9.9"), Client: session.Web, Member: docMember(member.ID(text))})
		if err != nil {
			return err
		}
		return docSteps(e)
	}},
}

// docDecodeHostile returns a function that decodes a document with a text in
// the place of %s, quoted as JSON has it.
func docDecodeHostile(doc string) func(text string) error {
	return func(text string) error {
		quoted, err := json.Marshal(text)
		if err != nil {
			return err
		}
		return docDecodeError(fmt.Sprintf(doc, quoted))
	}
}

func docDecodeError(doc string) error {
	_, _, err := policy.Decode([]byte(doc), policy.Standard(), nil)
	return err
}

// docSteps returns the steps of an explanation as an error of one line each.
func docSteps(e policy.Explanation) error {
	var b strings.Builder
	for _, s := range e.Steps {
		b.WriteString("\n\t" + s.Because)
	}
	return fmt.Errorf("steps:%s", &b)
}

func TestGuarantee28ErrorsQuoteAndCut(t *testing.T) {
	for _, tt := range docHostilePlaces {
		for _, h := range docHostile {
			err := tt.print(h.text)
			if err == nil {
				t.Errorf("%s: %s: taken", tt.place, h.why)
				continue
			}
			if strings.Contains(err.Error(), "%!") && !strings.Contains(h.text, "%!") {
				t.Errorf("%s: %s: printed as a format: %.300q", tt.place, h.why, err.Error())
			}
			docCheckPrinted(t, tt.place+": "+h.why, err.Error())
		}
	}
}

// What is not an error may be long, but is as safe: a summary for a history,
// and an explanation with labels.
func TestGuarantee28SummariesAndExplanationsQuote(t *testing.T) {
	for _, h := range docHostile {
		s := docDesignated("8.8.8.8")
		s.Designated[0].Label = h.text
		s.Exceptions = []policy.Exception{{Member: member.ID(h.text), Note: h.text}}
		lines := policy.Diff(policy.Settings{}, s, nil, docNow).Summary
		e, err := policy.Explain(s, policy.Standard(), nil, policy.Attempt{Addr: netip.MustParseAddr("8.8.8.8"), Client: session.Web, Member: docMember(member.ID(h.text))})
		if err != nil || len(e.Matches) != 2 || len(lines) < 3 {
			t.Fatalf("%s: %v, %v", h.why, e, err)
		}
		explained := strings.Split(strings.TrimSuffix(e.String(), "\n"), "\n")
		if len(explained) != len(e.Steps)+len(e.Matches)+1 {
			t.Errorf("%s: %d lines for %d steps and %d matches", h.why, len(explained), len(e.Steps), len(e.Matches))
		}
		for _, line := range append(lines, explained...) {
			docCheckPrinted(t, h.why, line[:min(len(line), 500)])
			if strings.Contains(line, "\n") {
				t.Errorf("%s: two lines: %.200q", h.why, line)
			}
		}
	}
}
