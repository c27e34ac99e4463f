package policy_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

// FuzzDecode: no document panics; what is taken is written again as what reads
// the same; of what is refused nothing is returned, and every problem has a
// place, a code and a remedy, and prints safely.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(docExample))
	f.Add([]byte(docTwentyFaults))
	for _, tt := range docFaults {
		if len(tt.doc) < 1000 {
			f.Add([]byte(tt.doc))
		}
	}
	for _, tt := range docTexts {
		if len(tt.input) < 1000 {
			f.Add(docOneEntry(f, tt.input))
		}
	}
	for _, tt := range docTimes {
		f.Add(fmt.Appendf(nil, `{"access": "all", "exceptions": [{"member": "kim", "until": %q}]}`, tt.text))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { docCheckDecode(t, doc) })
}

// FuzzSettingsJSON: UnmarshalJSON takes what Decode takes and more, which it
// writes and reads again; if it fails, it changes nothing.
func FuzzSettingsJSON(f *testing.F) {
	f.Add([]byte(docExample))
	f.Add([]byte(`{"access": "all", "exceptions": [{"member": "", "ranges": []}, {"member": ""}], "designated": [{"range": "::-::ffff:1.2.3.4"}]}`))
	f.Add([]byte(`{"access": "all", "designated": [{"range": "0.0.0.0/0", "label": "\u0000\ud800", "until": "9999-12-31T23:59:59-23:59"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		kept := docDesignated("8.8.8.8")
		read := kept.Clone()
		err := read.UnmarshalJSON(doc)
		if err != nil {
			docProblems(t, err)
			if !read.Equal(kept) {
				t.Fatalf("%s is refused, but leaves %+v", docShort(string(doc)), read)
			}
			if s, _, err := policy.Decode(doc, policy.Standard(), docLocator{}); err == nil {
				t.Fatalf("%s is refused, but Decode reads %+v", docShort(string(doc)), s)
			}
			return
		}
		written, err := json.Marshal(read)
		if err != nil {
			t.Fatalf("%s is read as %+v, but not written: %v", docShort(string(doc)), read, err)
		}
		var again policy.Settings
		if err := json.Unmarshal(written, &again); err != nil || !again.Equal(read) {
			t.Fatalf("%s is written as %s and read as %+v, %v", docShort(string(doc)), written, again, err)
		}
	})
}

// FuzzTexts: the words for an access, an effect and a reason are read exactly
// as they are written; any other text changes nothing.
func FuzzTexts(f *testing.F) {
	for n := range 64 {
		for _, v := range []fmt.Stringer{policy.Access(n), policy.Effect(n), policy.Reason(n)} {
			f.Add(v.String())
		}
	}
	f.Add("")
	f.Add("Allow")
	f.Add("deny\n")
	f.Fuzz(func(t *testing.T, text string) {
		access, effect, reason := policy.DesignatedAddresses, policy.Verify, policy.ReasonOverseasLogin
		docCheckText(t, text, &access, &access)
		docCheckText(t, text, &effect, &effect)
		docCheckText(t, text, &reason, &reason)
	})
}

// docCheckText reads a text into v, which says something already, and writes
// it again.
func docCheckText(t *testing.T, text string, v encoding.TextUnmarshaler, now interface {
	fmt.Stringer
	encoding.TextMarshaler
}) {
	want := now.String()
	err := v.UnmarshalText([]byte(text))
	if err == nil {
		want = text
	} else {
		docCheckPrinted(t, docShort(text), err.Error())
	}
	if b, marshalErr := now.MarshalText(); marshalErr != nil || string(b) != want || now.String() != want {
		t.Fatalf("%s: %v; it is %v now and written as %q, %v", docShort(text), err, now, b, marshalErr)
	}
}
