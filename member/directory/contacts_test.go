package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
)

// TestContacts: what Verifier.Begin takes comes from one call, and only of who can log in.
func TestContacts(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	long := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: "kim"}, Contacts: []directory.Contact{
		{Address: "kim@acme.example", Recorded: long}, {Address: "010-1234-5678", Recorded: long}, {Address: "+821012345678", Recorded: long},
	}}
	if err := f.Adopt(ctx, a, ""); err != nil {
		t.Fatal(err)
	}
	to, err := f.Contacts(ctx, "acme", "kim")
	want := []verify.Contact{
		{Kind: verify.Email, Address: "kim@acme.example", Recorded: long}, {Kind: verify.Phone, Address: "010-1234-5678", Recorded: long},
		{Kind: verify.Phone, Address: "+821012345678", Recorded: long},
	}
	if err != nil || len(to) != 3 || to[0] != want[0] || to[1] != want[1] || to[2] != want[2] {
		t.Fatalf("%#v, %v; want %#v", to, err, want)
	}
	v, err := verify.New(verify.NewMemStore(), verify.Domains{"acme.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := v.Choose(ctx, "acme", to); err != nil || c != want[2] {
		t.Errorf("a code goes to %#v, %v; want the phone number", c, err)
	}
	for _, act := range []directory.Act{directory.Suspend, directory.Delete} {
		if err := f.Do(ctx, act, "acme", "kim", directory.Facts{Actor: "boss"}); err != nil {
			t.Fatal(err)
		}
		if to, err := f.Contacts(ctx, "acme", "kim"); len(to) != 0 || err != nil {
			t.Errorf("after %s: %v, %v", act, to, err)
		}
	}
	if to, err := f.Contacts(ctx, "acme", "nobody"); len(to) != 0 || err != nil {
		t.Errorf("of nobody: %v, %v", to, err)
	}
	if to, err := f.Contacts(ctx, "globex", "kim"); len(to) != 0 || err != nil {
		t.Errorf("in another tenant: %v, %v", to, err)
	}
	w, d := wrap(t, nil)
	lost := errors.New("no answer")
	w.load = func(directory.Account, error) (directory.Account, error) { return directory.Account{}, lost }
	if to, err := d.Contacts(context.Background(), "acme", "kim"); !errors.Is(err, lost) || len(to) != 0 {
		t.Errorf("of a store that does not answer: %v, %v", to, err)
	}
}

// TestAContactThatGetsNoCodeIsNotRecorded: who records one would be shut out by it later.
func TestAContactThatGetsNoCodeIsNotRecorded(t *testing.T) {
	for address, fits := range map[string]bool{
		"kim@example.com": true, "+821012345678": true,
		"": false, "kim": false, "010-1234-5678": false, "kim@localhost": false, "Kim <kim@example.com>": false, "kim@example.com\r\nBcc: x@example.com": false,
	} {
		f := directory.Facts{At: noon, Contacts: []directory.Contact{{Address: address}}}
		if _, err := directory.RecordContacts.Do(made(t, "kim", toActive...), f); fits != (err == nil) || !fits && reason(err) != directory.InvalidArgument {
			t.Errorf("%q: %v; want that it fits: %v", address, err, fits)
		}
	}
}
