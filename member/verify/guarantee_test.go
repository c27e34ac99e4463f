package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

func TestGuarantee30SpentOnce(t *testing.T) {
	d := newDoor(t)
	token, code := d.begin(kim())
	d.complete(token, not(code), kim(), verify.ErrWrongCode)
	d.complete(token, code, kim(), nil)
	d.complete(token, code, kim(), verify.ErrSpent)
	d.complete(token, not(code), kim(), verify.ErrSpent)
}

func TestGuarantee30OfAThousandOneSucceeds(t *testing.T) {
	d := newDoor(t)
	token, code := d.begin(kim())
	var right, spent, other atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 1000 {
		wg.Go(func() {
			<-start
			switch err := d.Complete(t.Context(), token, code, kim()); {
			case err == nil:
				right.Add(1)
			case errors.Is(err, verify.ErrSpent):
				spent.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if right.Load() != 1 || spent.Load() != 999 || other.Load() != 0 {
		t.Errorf("%d completed it, %d found it spent, %d neither", right.Load(), spent.Load(), other.Load())
	}
}

func TestGuarantee30OfAThousandWrongCodesFiveAreLookedAt(t *testing.T) {
	d := newDoor(t)
	token, code := d.begin(kim())
	second, secondCode := d.begin(kim())
	var looked, refused, other atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 1000 {
		wg.Go(func() {
			<-start
			tok, wrong := token, not(code)
			if i%2 == 0 {
				tok, wrong = second, not(secondCode)
			}
			switch err := d.Complete(t.Context(), tok, wrong, kim()); {
			case errors.Is(err, verify.ErrWrongCode):
				looked.Add(1)
			case errors.Is(err, verify.ErrTooManyTries):
				refused.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if looked.Load() != 5 || refused.Load() != 995 || other.Load() != 0 {
		t.Errorf("%d looked at, %d refused, %d neither", looked.Load(), refused.Load(), other.Load())
	}
	d.complete(token, code, kim(), verify.ErrTooManyTries)
	d.complete(second, secondCode, kim(), verify.ErrTooManyTries)
}

func TestGuarantee30OfItsOwnBinding(t *testing.T) {
	for _, row := range []struct {
		why  string
		with func(*verify.Binding)
		want error
	}{
		{"another tenant has no such verification", func(b *verify.Binding) { b.Tenant = "other" }, verify.ErrUnknown},
		{"nor has another member", func(b *verify.Binding) { b.Member = "lee" }, verify.ErrUnknown},
		{"tenant and member are not one text", func(b *verify.Binding) { b.Tenant, b.Member = "acmek", "im" }, verify.ErrUnknown},
		{"another client may be free of other rules", func(b *verify.Binding) { b.Client = session.Mobile }, verify.ErrBinding},
		{"the login has moved abroad", func(b *verify.Binding) { b.Country = geo.MustParseCountry("KR") }, verify.ErrBinding},
		{"the unknown country is a country of its own", func(b *verify.Binding) { b.Country = geo.Country{} }, verify.ErrBinding},
		{"the settings were saved meanwhile", func(b *verify.Binding) { b.Policy.Number++ }, verify.ErrBinding},
		{"the settings were restored meanwhile", func(b *verify.Binding) { b.Policy.Line++ }, verify.ErrBinding},
		{"the member was changed meanwhile, as by a password set by force", func(b *verify.Binding) { b.MemberVersion.Number++ }, verify.ErrBinding},
		{"the member was made again meanwhile", func(b *verify.Binding) { b.MemberVersion.Line++ }, verify.ErrBinding},
	} {
		d := newDoor(t)
		token, code := d.begin(kim())
		b := kim()
		row.with(&b)
		if err := d.Complete(t.Context(), token, code, b); !errors.Is(err, row.want) {
			t.Errorf("%s: %v; want %v", row.why, err, row.want)
		}
		d.begin(b) // and with a record of its own it is no other
		if err := d.Complete(t.Context(), token, code, b); !errors.Is(err, row.want) {
			t.Errorf("%s, with one of its own: %v; want %v", row.why, err, row.want)
		}
		d.complete(token, code, kim(), nil) // none of which was a try, or spent it
	}
}

// Even a store that was tampered with, so that everything that is compared is equal, does
// not make a code right under another binding.
func TestGuarantee30TheHashIsBoundToo(t *testing.T) {
	var moved *verify.Binding
	s := &hooked{Store: verify.NewMemStore()}
	s.load = func(r verify.Record, err error) (verify.Record, error) {
		if moved != nil { // wherever it is looked for
			if r, err = s.Store.Load(t.Context(), "acme", "kim"); err != nil {
				return r, err
			}
			a := &r.Attempts[0]
			r.Tenant, r.Member, a.Client, a.Country, a.Policy, a.MemberVersion = moved.Tenant, moved.Member, moved.Client, moved.Country, moved.Policy, moved.MemberVersion
		}
		return r, err
	}
	s.save = func(ctx context.Context, expected string, r verify.Record) error {
		if moved != nil {
			return nil
		}
		return s.Store.Save(ctx, expected, r)
	}
	for _, row := range []struct {
		why  string
		with func(*verify.Binding)
	}{
		{"tenant", func(b *verify.Binding) { b.Tenant = "other" }},
		{"member", func(b *verify.Binding) { b.Member = "lee" }},
		{"tenant and member are not one text", func(b *verify.Binding) { b.Tenant, b.Member = "acmek", "im" }},
		{"client", func(b *verify.Binding) { b.Client = session.Mobile }},
		{"country", func(b *verify.Binding) { b.Country = geo.Country{} }},
		{"number", func(b *verify.Binding) { b.Policy.Number++ }},
		{"line", func(b *verify.Binding) { b.Policy.Line++ }},
		{"member's number", func(b *verify.Binding) { b.MemberVersion.Number++ }},
	} {
		s.Store, moved = verify.NewMemStore(), nil
		d := newDoorOn(t, s)
		token, code := d.begin(kim())
		b := kim()
		row.with(&b)
		moved = &b
		if err := d.Complete(t.Context(), token, code, b); !errors.Is(err, verify.ErrWrongCode) {
			t.Errorf("%s: %v; want %v", row.why, err, verify.ErrWrongCode)
		}
	}
}

func TestGuarantee30WithinTenMinutes(t *testing.T) {
	for _, row := range []struct {
		why   string
		after time.Duration
		want  error
	}{
		{"at once", 0, nil},
		{"just before it ends", 10*time.Minute - 1, nil},
		{"at its end", 10 * time.Minute, verify.ErrExpired},
		{"after it", 11 * time.Minute, verify.ErrExpired},
		{"the clock stepped back by less than clocks differ", -time.Minute, nil},
		{"the clock stepped back further, and nobody knows when it ends", -time.Minute - 1, verify.ErrExpired},
		{"a clock that was years ahead was set right", -3 * 365 * 24 * time.Hour, verify.ErrExpired},
	} {
		d := newDoor(t)
		token, code := d.begin(kim())
		d.now = d.now.Add(row.after)
		if err := d.Complete(t.Context(), token, code, kim()); !errors.Is(err, row.want) {
			t.Errorf("%s: %v; want %v", row.why, err, row.want)
		}
	}
}

// With the clock of the machine, and nothing injected.
func TestGuarantee30TenMinutesOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := verify.New(verify.NewMemStore(), verify.Domains(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		contact := phone
		contact.Recorded = time.Now().Add(-1)
		begin := func() (string, verify.Message) {
			token, m, err := v.Begin(t.Context(), kim(), []verify.Contact{contact})
			if err != nil {
				t.Fatal(err)
			}
			if want := time.Now().Add(10 * time.Minute); !m.Ends.Equal(want) {
				t.Errorf("it ends %v, want %v", m.Ends, want)
			}
			return token, m
		}
		token, m := begin()
		time.Sleep(10*time.Minute - time.Nanosecond)
		if err := v.Complete(t.Context(), token, m.Code, kim()); err != nil {
			t.Error(err)
		}
		token, m = begin()
		time.Sleep(10 * time.Minute)
		if err := v.Complete(t.Context(), token, m.Code, kim()); !errors.Is(err, verify.ErrExpired) {
			t.Error(err)
		}
	})
}

func TestGuarantee30FiveTriesAnHour(t *testing.T) {
	d := newDoor(t)
	start := d.now
	for i := range 5 { // on five codes, ten minutes apart
		token, code := d.begin(kim())
		d.complete(token, not(code), kim(), verify.ErrWrongCode)
		if i < 4 {
			d.complete(token, code, kim(), nil)
		} else {
			d.complete(token, code, kim(), verify.ErrTooManyTries)
			var wait *verify.WaitError
			if err := d.Complete(t.Context(), token, code, kim()); !errors.As(err, &wait) || !wait.Until.Equal(start.Add(time.Hour)) {
				t.Errorf("to wait until the first is an hour old: %v", wait)
			}
		}
		d.now = d.now.Add(10 * time.Minute)
	}
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
		t.Errorf("a code that cannot be tried: %v", err)
	}
	d.now = start.Add(time.Hour - 1)
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
		t.Errorf("just before an hour: %v", err)
	}
	other := kim()
	other.Member = "lee"
	token, code := d.begin(other)
	d.complete(token, code, other, nil) // whose tries are their own

	d.now = start.Add(time.Hour)
	token, code = d.begin(kim())
	d.complete(token, not(code), kim(), verify.ErrWrongCode) // the first has lapsed, and this is the fifth
	d.complete(token, code, kim(), verify.ErrTooManyTries)
}

// A store that loses the tries of the member does not give those of a code back.
func TestGuarantee30FiveTriesACode(t *testing.T) {
	s := &hooked{Store: verify.NewMemStore()}
	s.load = func(r verify.Record, err error) (verify.Record, error) {
		r.Tries = nil
		return r, err
	}
	d := newDoorOn(t, s)
	token, code := d.begin(kim())
	for range 5 {
		d.complete(token, not(code), kim(), verify.ErrWrongCode)
	}
	d.complete(token, code, kim(), verify.ErrTooManyTries)
}

// A clock that was far ahead for a while leaves tries behind that lie ahead. They count,
// for an hour from when they are seen, and not until the clock gets there.
func TestGuarantee30ClockFarAheadThenFixed(t *testing.T) {
	d := newDoor(t)
	right := d.now
	d.now = right.AddDate(1, 0, 0)
	token, code := d.begin(kim())
	for range 5 {
		d.complete(token, not(code), kim(), verify.ErrWrongCode)
	}
	d.now = right
	d.complete(token, code, kim(), verify.ErrExpired) // it would live for a year
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
		t.Errorf("at once: %v", err)
	} else if wait := new(verify.WaitError); !errors.As(err, &wait) || !wait.Until.Equal(right.Add(time.Hour)) {
		t.Errorf("to wait an hour from now: %v", wait)
	}
	d.now = right.Add(time.Hour - 1)
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
		t.Errorf("within the hour: %v", err)
	}
	d.now = right.Add(time.Hour)
	token, code = d.begin(kim())
	d.complete(token, code, kim(), nil)
}

// A clock that steps back does not give the tries back.
func TestGuarantee30ClockStepsBack(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 59 * time.Second, time.Hour} {
		d := newDoor(t)
		token, code := d.begin(kim())
		for range 5 {
			d.complete(token, not(code), kim(), verify.ErrWrongCode)
		}
		d.now = d.now.Add(-step)
		if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
			t.Errorf("back by %v: %v", step, err)
		}
		d.now = d.now.Add(59 * time.Minute)
		if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyTries) {
			t.Errorf("59 minutes after a step by %v: %v", step, err)
		}
	}
}

func TestGuarantee29OfItsOwnTenant(t *testing.T) {
	d := newDoor(t)
	other := kim()
	other.Tenant = "other"
	token, code := d.begin(kim())
	theirs, theirCode := d.begin(other)
	d.complete(token, code, other, verify.ErrUnknown)
	d.complete(theirs, theirCode, kim(), verify.ErrUnknown)
	for range 5 {
		d.complete(theirs, not(theirCode), other, verify.ErrWrongCode)
	}
	d.complete(token, code, kim(), nil) // whatever was tried there
}

// A store that mixes up its rows verifies nobody.
func TestGuarantee29RecordOfAnotherMember(t *testing.T) {
	for _, row := range []struct {
		why string
		mix func(*verify.Record)
	}{
		{"another tenant's", func(r *verify.Record) { r.Tenant = "other" }},
		{"another member's", func(r *verify.Record) { r.Member = "lee" }},
	} {
		s := &hooked{Store: verify.NewMemStore()}
		d := newDoorOn(t, s)
		token, code := d.begin(kim())
		s.load = func(r verify.Record, err error) (verify.Record, error) {
			row.mix(&r)
			return r, err
		}
		s.save = func(context.Context, string, verify.Record) error { return nil } // whatever it is
		if err := d.Complete(t.Context(), token, code, kim()); err == nil || errors.Is(err, verify.ErrWrongCode) {
			t.Errorf("%s: %v", row.why, err)
		}
		if err := d.beginErr(kim()); err == nil {
			t.Errorf("%s: begun", row.why)
		}
	}
}

// No code and no token is in what is stored, printed, logged or returned as an error, and
// no address of a contact is printed.
func TestGuarantee28NothingSecretIsPrinted(t *testing.T) {
	d := newDoor(t)
	token, m, err := d.Begin(t.Context(), kim(), []verify.Contact{phone})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&said, nil), slog.NewJSONHandler(&said, nil)} {
		slog.New(h).Info("begun", "message", m, "to", m.To, "at", &m)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&said, verb+verb+"\n", m, &m)
		if verb != "%d" && verb != "%x" { // by which nobody prints a contact
			fmt.Fprintf(&said, verb+"\n", m.To)
		}
	}
	r, err := d.store.Load(t.Context(), "acme", "kim")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said, "%s\n%+v\n%#v\n", stored, r, r)
	for _, code := range []string{not(m.Code), m.Code, m.Code} {
		fmt.Fprintln(&said, d.Complete(t.Context(), token, code, kim()))
	}
	fmt.Fprintln(&said, d.Complete(t.Context(), token+"x", m.Code, kim()))
	bad := verify.Contact{Kind: verify.Email, Address: phone.Address, Recorded: phone.Recorded}
	fmt.Fprintln(&said, d.beginErr(kim(), bad), bad.Err(), bad)

	for what, secret := range map[string]string{"code": m.Code, "token": token, "address": phone.Address, "number": phone.Address[5:]} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("the %s %s is in\n%s", what, secret, &said)
		}
	}
	if !strings.Contains(said.String(), "code for ***78 until") {
		t.Errorf("a message prints as\n%s", &said)
	}
}

func TestGuarantee13NothingPanics(t *testing.T) {
	var none *verify.Verifier
	for _, v := range []*verify.Verifier{none, {}} {
		if _, _, err := v.Begin(t.Context(), kim(), []verify.Contact{phone}); err == nil {
			t.Error("begun by nobody")
		}
		if err := v.Complete(t.Context(), "x", "123456", kim()); err == nil {
			t.Error("verified by nobody")
		}
	}
	d := newDoor(t)
	if err := d.Complete(t.Context(), "", "", verify.Binding{}); err == nil {
		t.Error("nobody was verified")
	}
	d.begin(kim())
	for _, token := range []string{"", "x", strings.Repeat("x", 1<<20), "\xff\x00"} {
		d.complete(token, "000000", kim(), verify.ErrUnknown)
	}
}
