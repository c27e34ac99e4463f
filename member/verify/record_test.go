package verify_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/member/verify/verifytest"
	"github.com/sallyport-go/sallyport/session"
)

func TestMemStore(t *testing.T) {
	verifytest.Run(t, func(*testing.T) verify.Store { return verify.NewMemStore() })
}

// same compares records as Equal compares their instants.
var same = cmp.Options{cmpopts.EquateComparable(geo.Country{}), cmpopts.EquateEmpty()}

func stored(t testing.TB) verify.Record {
	t.Helper()
	tt, ok := t.(*testing.T)
	if !ok {
		tt = &testing.T{}
	}
	d := newDoor(tt)
	r := verify.Record{Tenant: "acme", Member: "kim", Revision: "1", Until: d.now, Codes: nil}
	r.Attempts = []verify.Attempt{
		{Token: verify.Hash{1}, Code: verify.Hash{2}, Client: session.Web, Policy: session.Version{Line: 1, Number: 1}, Begun: d.now, Tries: 3},
		{Token: verify.Hash{3}, Client: session.Mobile, Country: geo.MustParseCountry("KR"), Policy: session.Version{Line: 1, Number: 1}, MemberVersion: session.Version{Line: 1, Number: 1}, Begun: d.now, Spent: true},
	}
	r.Codes = append(r.Codes, d.now, d.now)
	r.Tries = append(r.Tries, d.now)
	return r
}

func TestRecordText(t *testing.T) {
	r := stored(t)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read verify.Record
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, read, same); diff != "" {
		t.Error(diff)
	}
	for _, row := range []struct{ why, text string }{
		{"of a newer format", strings.Replace(string(b), `"format":1`, `"format":2`, 1)},
		{"of no format", strings.Replace(string(b), `"format":1,`, ``, 1)},
		{"with a key that nobody knows", strings.Replace(string(b), `"format":1`, `"format":1,"grace":true`, 1)},
		{"with a hash that is none", strings.Replace(string(b), `"token":"`, `"token":"A`, 1)},
		{"with a client that is none", strings.Replace(string(b), `"web"`, `"all"`, 1)},
		{"cut off", string(b[:len(b)/2])},
		{"null", "null"},
	} {
		kept := stored(t)
		if err := json.Unmarshal([]byte(row.text), &kept); err == nil {
			t.Errorf("%s: read", row.why)
		}
		if diff := cmp.Diff(stored(t), kept, same); diff != "" {
			t.Errorf("%s: changed\n%s", row.why, diff)
		}
	}
}

func TestRecordErr(t *testing.T) {
	for _, row := range []struct {
		why    string
		damage func(*verify.Record)
	}{
		{"no tenant", func(r *verify.Record) { r.Tenant = "" }},
		{"no member", func(r *verify.Record) { r.Member = "" }},
		{"no revision, which would be none expected", func(r *verify.Record) { r.Revision = "" }},
		{"no end", func(r *verify.Record) { r.Until = verify.Record{}.Until }},
		{"too many", func(r *verify.Record) {
			for range 10 {
				r.Attempts = append(r.Attempts, r.Attempts[0])
			}
		}},
		{"too many tries", func(r *verify.Record) {
			r.Tries = append(r.Tries, r.Tries[0], r.Tries[0], r.Tries[0], r.Tries[0], r.Tries[0])
		}},
		{"no token", func(r *verify.Record) { r.Attempts[0].Token = verify.Hash{} }},
		{"no code, and not spent", func(r *verify.Record) { r.Attempts[0].Code = verify.Hash{} }},
		{"no client", func(r *verify.Record) { r.Attempts[0].Client = 0 }},
		{"no version", func(r *verify.Record) { r.Attempts[0].Policy = session.Version{} }},
		{"no beginning", func(r *verify.Record) { r.Attempts[0].Begun = verify.Record{}.Until }},
		{"tries below none", func(r *verify.Record) { r.Attempts[0].Tries = -1 }},
		{"more tries than there are", func(r *verify.Record) { r.Attempts[0].Tries = 6 }},
	} {
		r := stored(t)
		row.damage(&r)
		if r.Err() == nil {
			t.Errorf("%s: taken", row.why)
		}
	}
}

func FuzzRecord(f *testing.F) {
	b, err := json.Marshal(stored(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r verify.Record
		if r.UnmarshalJSON(b) != nil {
			return
		}
		r.Err()
		again, err := json.Marshal(r)
		if err != nil {
			t.Skip() // an unknown client, or a year that no text can say
		}
		var read verify.Record
		if err := json.Unmarshal(again, &read); err != nil {
			t.Fatalf("%s is not read again: %v", again, err)
		}
		if diff := cmp.Diff(r, read, same); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzHash(f *testing.F) {
	f.Add([]byte(verify.Hash{1}.String()))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h verify.Hash
		if err := h.UnmarshalText(b); err != nil {
			if h != (verify.Hash{}) {
				t.Error("changed by what it refused")
			}
		} else if h.String() != string(b) {
			t.Errorf("%q is another spelling of %v", b, h)
		}
	})
}

func FuzzContact(f *testing.F) {
	f.Add("kim@example.com", uint8(1))
	f.Add("+821012345678", uint8(2))
	f.Fuzz(func(t *testing.T, address string, kind uint8) {
		c := verify.Contact{Kind: verify.Kind(kind), Address: address}
		masked := c.Masked()
		if c.Err() != nil && masked != "***" {
			t.Errorf("%q is shown as %q", address, masked)
		}
		if c.Err() == nil && strings.ContainsAny(address, "\r\n\x00 ,;<>") {
			t.Errorf("%q is taken", address)
		}
		verify.Domains{"own.example"}.Own(t.Context(), "acme", address)
	})
}
