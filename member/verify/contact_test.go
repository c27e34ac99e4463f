package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

func TestContact(t *testing.T) {
	for _, row := range []struct {
		why     string
		kind    verify.Kind
		address string
		masked  string // ***: refused
	}{
		{"a mail address", verify.Email, "kim@example.com", "k***@example.com"},
		{"its length is not told", verify.Email, "kim.minsu+x@example.com", "k***@example.com"},
		{"nor the whole of a short one", verify.Email, "k@example.com", "***@example.com"},
		{"a name in another script", verify.Email, "김민수@xn--9n2bp8q.kr", "김***@xn--9n2bp8q.kr"},
		{"a name of one character in it", verify.Email, "김@example.com", "***@example.com"},
		{"the longest name", verify.Email, strings.Repeat("k", 64) + "@example.com", "k***@example.com"},
		{"the longest label", verify.Email, "kim@" + strings.Repeat("x", 63) + ".com", "k***@" + strings.Repeat("x", 63) + ".com"},
		{"a label that is longer", verify.Email, "kim@" + strings.Repeat("x", 64) + ".com", "***"},
		{"the longest address", verify.Email, "k@" + strings.Repeat("x.", 124) + "com" + "x", "***@" + strings.Repeat("x.", 124) + "comx"},
		{"one that is longer", verify.Email, "k@" + strings.Repeat("x.", 124) + "comxx", "***"},
		{"a phone", verify.Phone, "+821012345678", "***78"},
		{"no kind", verify.UnknownKind, "kim@example.com", "***"},
		{"an unknown kind", 9, "kim@example.com", "***"},
		{"nothing", verify.Email, "", "***"},
		{"no name", verify.Email, "@example.com", "***"},
		{"no domain", verify.Email, "kim@", "***"},
		{"no @", verify.Email, "kim", "***"},
		{"a host", verify.Email, "kim@localhost", "***"},
		{"an address in brackets, which may be this very server", verify.Email, "kim@[192.0.2.1]", "***"},
		{"a dot at the end, which hides whose domain it is", verify.Email, "kim@own.example.", "***"},
		{"a full stop of another width, which some mailers read as a dot", verify.Email, "kim@own．example", "***"},
		{"a comment", verify.Email, "kim@example.com(own.example)", "***"},
		{"two addresses", verify.Email, "kim@example.com,lee@example.com", "***"},
		{"a name and an address", verify.Email, "Kim <kim@example.com>", "***"},
		{"a route", verify.Email, "kim%own.example@example.com", "***"},
		{"another route", verify.Email, "own.example!kim@example.com", "***"},
		{"two @", verify.Email, "kim@own.example@example.com", "***"},
		{"quotes", verify.Email, `"kim"@example.com`, "***"},
		{"a header", verify.Email, "kim@example.com\r\nBcc: lee@example.com", "***"},
		{"a header in the name", verify.Email, "kim\r\nBcc:x@example.com", "***"},
		{"a blank", verify.Email, "kim @example.com", "***"},
		{"turned around for the eye", verify.Email, "kim\u202e@example.com", "***"},
		{"not UTF-8", verify.Email, "k\xff@example.com", "***"},
		{"a dot first", verify.Email, ".kim@example.com", "***"},
		{"a hyphen first", verify.Email, "kim@-example.com", "***"},
		{"a long name", verify.Email, strings.Repeat("k", 65) + "@example.com", "***"},
		{"a long domain", verify.Email, "k@" + strings.Repeat("example.", 32) + "com", "***"},
		{"a phone without a country", verify.Phone, "01012345678", "***"},
		{"with blanks", verify.Phone, "+82 10 1234 5678", "***"},
		{"too short", verify.Phone, "+821012", "***"},
		{"too long", verify.Phone, "+8210123456789012", "***"},
		{"a zero", verify.Phone, "+0821012345678", "***"},
		{"an extension", verify.Phone, "+821012345678;ext=1", "***"},
		{"other digits", verify.Phone, "+８２１０１２３４５６７８", "***"},
		{"only a plus", verify.Phone, "+", "***"},
	} {
		c := verify.Contact{Kind: row.kind, Address: row.address, Recorded: phone.Recorded}
		if got := c.Masked(); got != row.masked {
			t.Errorf("%s: %q is masked as %s, want %s", row.why, row.address, got, row.masked)
		}
		d := newDoor(t)
		err := d.beginErr(kim(), c)
		if ok := row.masked != "***"; (err == nil) != ok || (c.Err() == nil) != ok {
			t.Errorf("%s: Begin: %v, Err: %v", row.why, err, c.Err())
		}
		if err != nil && !errors.Is(err, verify.ErrNoContact) {
			t.Errorf("%s: %v; want %v", row.why, err, verify.ErrNoContact)
		}
	}
}

func TestChosenContact(t *testing.T) {
	now := newDoor(t).now
	mail := func(address string) verify.Contact {
		return verify.Contact{Kind: verify.Email, Address: address, Recorded: phone.Recorded}
	}
	recorded := func(at time.Time) verify.Contact {
		c := phone
		c.Recorded = at
		return c
	}
	for _, row := range []struct {
		why      string
		contacts []verify.Contact
		want     string // "": none
	}{
		{"the first is preferred", []verify.Contact{mail("kim@example.com"), phone}, "kim@example.com"},
		{"none", []verify.Contact{}, ""},
		{"a mailbox of this service is passed over", []verify.Contact{mail("kim@own.example"), phone}, phone.Address},
		{"in any case", []verify.Contact{mail("kim@OWN.Example")}, ""},
		{"and below the domain", []verify.Contact{mail("kim@eu.own.example")}, ""},
		{"but not beside it", []verify.Contact{mail("kim@notown.example")}, "kim@notown.example"},
		{"nor above it", []verify.Contact{mail("kim@own.example.com")}, "kim@own.example.com"},
		{"just before", []verify.Contact{recorded(now.Add(-1))}, phone.Address},
		{"recorded as the code is asked for, by whom?", []verify.Contact{recorded(now)}, ""},
		{"after it", []verify.Contact{recorded(now.Add(time.Hour))}, ""},
		{"nobody knows when", []verify.Contact{recorded(time.Time{})}, ""},
		{"what cannot be read is passed over", []verify.Contact{{}, mail("kim"), phone}, phone.Address},
	} {
		d := newDoor(t)
		_, m, err := d.Begin(t.Context(), kim(), row.contacts)
		if row.want == "" && !errors.Is(err, verify.ErrNoContact) || row.want != "" && (err != nil || m.To.Address != row.want) {
			t.Errorf("%s: %q, %v; want %q", row.why, m.To.Address, err, row.want)
		}
		if _, err := d.store.Load(t.Context(), "acme", "kim"); row.want == "" && !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: something was stored", row.why)
		}
	}
	if err := newDoor(t).beginErr(kim(), make([]verify.Contact, 101)...); err == nil {
		t.Error("101 contacts")
	}
}

type mailboxes func() (bool, error)

func (f mailboxes) Own(context.Context, session.TenantID, string) (bool, error) { return f() }

func TestMailboxesThatFail(t *testing.T) {
	down := errors.New("down")
	mail := verify.Contact{Kind: verify.Email, Address: "kim@example.com", Recorded: phone.Recorded}
	for _, row := range []struct {
		why string
		own verify.Mailboxes
	}{
		{"does not answer", mailboxes(func() (bool, error) { return false, down })},
		{"panics", mailboxes(func() (bool, error) { panic("broken") })},
		{"a list with one that is no domain", verify.Domains{"@own.example"}},
		{"nor is an empty one", verify.Domains{"own.example", ""}},
	} {
		v, err := verify.New(verify.NewMemStore(), row.own, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, m, err := v.Begin(t.Context(), kim(), []verify.Contact{mail, phone}); err == nil || errors.Is(err, verify.ErrNoContact) {
			t.Errorf("%s: a code to %v, %v", row.why, m.To, err)
		}
		if _, _, err := v.Begin(t.Context(), kim(), []verify.Contact{phone}); err != nil {
			t.Errorf("%s: a phone is no mailbox: %v", row.why, err)
		}
	}
}
