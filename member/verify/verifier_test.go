package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

func TestBinding(t *testing.T) {
	for _, row := range []struct {
		why  string
		with func(*verify.Binding)
		ok   bool
	}{
		{"whole", func(*verify.Binding) {}, true},
		{"the unknown country is one", func(b *verify.Binding) { b.Country = geo.Country{} }, true},
		{"a host that versions no members", func(b *verify.Binding) { b.MemberVersion = session.Version{} }, true},
		{"a client of the host's own", func(b *verify.Binding) { b.Client = session.FirstCustom }, true},
		{"zero", func(b *verify.Binding) { *b = verify.Binding{} }, false},
		{"no tenant", func(b *verify.Binding) { b.Tenant = "" }, false},
		{"no member", func(b *verify.Binding) { b.Member = "" }, false},
		{"no client", func(b *verify.Binding) { b.Client = session.UnknownClient }, false},
		{"a client without a name", func(b *verify.Binding) { b.Client = 77 }, false},
		{"no version", func(b *verify.Binding) { b.Policy = session.Version{} }, false},
		{"no line", func(b *verify.Binding) { b.Policy.Line = 0 }, false},
		{"no number", func(b *verify.Binding) { b.Policy.Number = 0 }, false},
		{"a number that no record has", func(b *verify.Binding) { b.Policy.Number = session.MaxNumber + 1 }, false},
	} {
		b := kim()
		row.with(&b)
		d := newDoor(t)
		if err := d.beginErr(b); (err == nil) != row.ok {
			t.Errorf("%s: Begin: %v", row.why, err)
		}
		err := d.Complete(t.Context(), "x", "123456", b)
		if errors.Is(err, verify.ErrUnknown) != row.ok {
			t.Errorf("%s: Complete: %v", row.why, err)
		}
	}
}

func TestNewNeedsBoth(t *testing.T) {
	if _, err := verify.New(nil, verify.Domains(nil), nil); err == nil {
		t.Error("without a store")
	}
	if _, err := verify.New(verify.NewMemStore(), nil, nil); err == nil {
		t.Error("without mailboxes: a nil hook must not mean that there are none")
	}
}

func TestCodeAsTyped(t *testing.T) {
	for _, row := range []struct {
		why   string
		typed func(code string) string
		want  error
		tries int
	}{
		{"as it was sent", func(c string) string { return c }, nil, 0},
		{"in two groups", func(c string) string { return " " + c[:3] + " " + c[3:] + "\n" }, nil, 0},
		{"with a hyphen", func(c string) string { return c[:3] + "-" + c[3:] }, nil, 0},
		{"nothing is no try", func(string) string { return "" }, verify.ErrWrongCode, 0},
		{"five digits are none", func(c string) string { return c[:5] }, verify.ErrWrongCode, 0},
		{"seven neither", func(c string) string { return c + "0" }, verify.ErrWrongCode, 0},
		{"nor other digits", func(string) string { return "１２３４５６" }, verify.ErrWrongCode, 0},
		{"nor a megabyte", func(c string) string { return strings.Repeat(" ", 1<<20) + c }, verify.ErrWrongCode, 0},
		{"six others are one", not, verify.ErrWrongCode, 1},
	} {
		d := newDoor(t)
		token, code := d.begin(kim())
		if err := d.Complete(t.Context(), token, row.typed(code), kim()); !errors.Is(err, row.want) {
			t.Errorf("%s: %v; want %v", row.why, err, row.want)
		}
		r, err := d.store.Load(t.Context(), "acme", "kim")
		if err != nil || len(r.Tries) != row.tries {
			t.Errorf("%s: %d tries, %v; want %d", row.why, len(r.Tries), err, row.tries)
		}
	}
}

// A stranger without a token cannot use up the tries of a member.
func TestUnknownTokenIsNoTry(t *testing.T) {
	d := newDoor(t)
	token, code := d.begin(kim())
	for range 100 {
		d.complete("AAAAAAAAAAAAAAAAAAAAAAAAAA", "000000", kim(), verify.ErrUnknown)
	}
	d.complete(token, code, kim(), nil)
}

func TestCodesAnHour(t *testing.T) {
	d := newDoor(t)
	start := d.now
	for range 10 {
		d.begin(kim())
		d.now = d.now.Add(time.Second)
	}
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyCodes) {
		t.Errorf("the eleventh: %v", err)
	}
	var wait *verify.WaitError
	if err := d.beginErr(kim()); !errors.As(err, &wait) || !wait.Until.Equal(start.Add(time.Hour)) {
		t.Errorf("to wait until the first is an hour old: %v", wait)
	}
	other := kim()
	other.Tenant = "other"
	d.begin(other)
	d.now = start.Add(time.Hour - 1)
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyCodes) {
		t.Errorf("within the hour: %v", err)
	}
	d.now = start.Add(time.Hour)
	d.begin(kim())
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyCodes) {
		t.Errorf("the second is not yet an hour old: %v", err)
	}
	if err := d.beginErr(kim()); !errors.As(err, &wait) || !wait.Until.Equal(start.Add(time.Hour+time.Second)) {
		t.Errorf("to wait until the second is: %v", wait)
	}
}

// Codes that were spent count too: messages cost whoever types them.
func TestSpentCodesCount(t *testing.T) {
	d := newDoor(t)
	for range 10 {
		token, code := d.begin(kim())
		d.complete(token, code, kim(), nil)
	}
	if err := d.beginErr(kim()); !errors.Is(err, verify.ErrTooManyCodes) {
		t.Errorf("the eleventh: %v", err)
	}
}

// TestRefusalsWriteNothing: who tries again and again what is refused anyway costs no writes.
func TestRefusalsWriteNothing(t *testing.T) {
	h := &hooked{Store: verify.NewMemStore()}
	d := newDoorOn(t, h)
	spent, code := d.begin(kim())
	d.complete(spent, code, kim(), nil)
	old, oldCode := d.begin(kim())
	d.now = d.now.Add(verify.Life)
	token, right := d.begin(kim())
	writes := 0
	h.save = func(ctx context.Context, expected string, r verify.Record) error {
		writes++
		return h.Store.Save(ctx, expected, r)
	}
	elsewhere := kim()
	elsewhere.Client = session.Mobile
	refused := func(why string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || writes != 0 {
			t.Errorf("%s: %v, with %d writes; want %v", why, err, writes, want)
		}
		writes = 0
	}
	refused("spent", d.Complete(t.Context(), spent, code, kim()), verify.ErrUnknown) // and forgotten
	refused("expired", d.Complete(t.Context(), old, oldCode, kim()), verify.ErrUnknown)
	refused("never begun", d.Complete(t.Context(), "token", right, kim()), verify.ErrUnknown)
	refused("of another client", d.Complete(t.Context(), token, right, elsewhere), verify.ErrBinding)
	d.complete(token, right, kim(), nil)
	writes = 0
	refused("spent just now", d.Complete(t.Context(), token, right, kim()), verify.ErrSpent)
	token, right = d.begin(kim())
	d.now = d.now.Add(verify.Life)
	writes = 0
	refused("expired just now", d.Complete(t.Context(), token, right, kim()), verify.ErrExpired)
	for range 6 {
		d.begin(kim())
	}
	writes = 0
	refused("too many codes", d.beginErr(kim()), verify.ErrTooManyCodes)
	d.now = d.now.Add(time.Hour)
	token, right = d.begin(kim())
	for range 5 {
		d.complete(token, not(right), kim(), verify.ErrWrongCode)
	}
	writes = 0
	refused("too many tries", d.Complete(t.Context(), token, right, kim()), verify.ErrTooManyTries)
	refused("too many tries, and another code", d.beginErr(kim()), verify.ErrTooManyTries)
}

func TestFiveOpenAtOnce(t *testing.T) {
	d := newDoor(t)
	var tokens, codes []string
	for range 6 {
		token, code := d.begin(kim())
		tokens, codes = append(tokens, token), append(codes, code)
	}
	d.complete(tokens[0], codes[0], kim(), verify.ErrUnknown) // made room
	for i := 5; i >= 1; i-- {
		d.complete(tokens[i], codes[i], kim(), nil)
	}
}

// What has ended is deleted by the next write, and with the record by Purge.
func TestDeletes(t *testing.T) {
	d := newDoor(t)
	d.begin(kim())
	d.now = d.now.Add(10 * time.Minute)
	d.begin(kim())
	r, err := d.store.Load(t.Context(), "acme", "kim")
	if err != nil || len(r.Attempts) != 1 || len(r.Codes) != 2 {
		t.Errorf("%d verifications and %d codes are kept, %v", len(r.Attempts), len(r.Codes), err)
	}
	if want := d.now.Add(time.Hour); !r.Until.Equal(want) {
		t.Errorf("kept until %v, want %v", r.Until, want)
	}
	if n, err := d.store.Purge(t.Context(), d.now.Add(time.Hour-1), 9); n != 0 || err != nil {
		t.Errorf("purged %d, %v: the codes of the hour would not count", n, err)
	}
	if n, err := d.store.Purge(t.Context(), d.now.Add(time.Hour), 9); n != 1 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
}

func TestCodesAreDrawnEvenly(t *testing.T) {
	var first [10]int
	seen := map[string]bool{}
	for i := range 400 {
		d := newDoor(t)
		b := kim()
		b.Member = session.MemberID(fmt.Sprint(i))
		token, code := d.begin(b)
		if len(code) != 6 || strings.Trim(code, "0123456789") != "" || len(token) < 26 || seen[token] {
			t.Fatalf("token %q, code %q", token, code)
		}
		seen[token] = true
		first[code[0]-'0']++
	}
	for digit, n := range first {
		if n == 0 { // once in 10¹⁸ runs
			t.Errorf("none of 400 codes begins with %d", digit)
		}
	}
}

func TestStoreFails(t *testing.T) {
	down := errors.New("down")
	s := &hooked{Store: verify.NewMemStore()}
	d := newDoorOn(t, s)
	token, code := d.begin(kim())

	s.load = func(verify.Record, error) (verify.Record, error) { return verify.Record{}, down }
	d.complete(token, code, kim(), down)
	if err := d.beginErr(kim()); !errors.Is(err, down) {
		t.Errorf("Begin: %v", err)
	}
	s.load = func(verify.Record, error) (verify.Record, error) { panic("broken") }
	if err := d.Complete(t.Context(), token, code, kim()); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("a store that panics: %v", err)
	}
	s.load = func(r verify.Record, err error) (verify.Record, error) {
		r.Attempts[0].Tries = -1
		return r, err
	}
	s.save = func(context.Context, string, verify.Record) error { return nil }
	if err := d.Complete(t.Context(), token, code, kim()); err == nil || errors.Is(err, verify.ErrWrongCode) {
		t.Errorf("a corrupt record: %v", err)
	}
	s.load = nil

	s.save = func(context.Context, string, verify.Record) error { return down }
	d.complete(token, code, kim(), down)
	if err := d.Complete(t.Context(), token, not(code), kim()); !errors.Is(err, down) || errors.Is(err, verify.ErrWrongCode) {
		t.Errorf("a wrong code that cannot be counted: %v, which tells that it is wrong", err)
	}
	if err := d.beginErr(kim()); !errors.Is(err, down) {
		t.Errorf("Begin: %v", err)
	}
	s.save = func(context.Context, string, verify.Record) error { panic("broken") }
	if err := d.Complete(t.Context(), token, code, kim()); err == nil {
		t.Error("verified by a store that panics")
	}
	s.save = func(context.Context, string, verify.Record) error { return session.ErrConflict }
	d.complete(token, code, kim(), verify.ErrBusy)
	s.save = nil
	d.complete(token, code, kim(), nil)
}

// Whatever call fails, nobody is verified twice, and by a store that works again once.
func TestStoreFailsAtTheNthCall(t *testing.T) {
	down := errors.New("down")
	for n := 1; n <= 8; n++ {
		for _, written := range []bool{false, true} { // before the write, or after it
			calls := 0
			s := &hooked{Store: verify.NewMemStore()}
			s.load = func(r verify.Record, err error) (verify.Record, error) {
				if calls++; calls == n {
					return verify.Record{}, down
				}
				return r, err
			}
			s.save = func(ctx context.Context, expected string, r verify.Record) error {
				if calls++; calls == n {
					if written {
						s.Store.Save(ctx, expected, r)
					}
					return down
				}
				return s.Store.Save(ctx, expected, r)
			}
			d := newDoorOn(t, s)
			token, m, err := d.Begin(t.Context(), kim(), []verify.Contact{phone})
			if err != nil {
				token, m, err = d.Begin(t.Context(), kim(), []verify.Contact{phone})
			}
			if err != nil {
				t.Fatal(err)
			}
			verified := 0
			for range 4 {
				switch err := d.Complete(t.Context(), token, m.Code, kim()); {
				case err == nil:
					verified++
				case errors.Is(err, down), errors.Is(err, verify.ErrSpent):
				default:
					t.Errorf("call %d fails: %v", n, err)
				}
			}
			if verified > 1 || verified == 0 && !written {
				t.Errorf("call %d fails, written %v: verified %d times", n, written, verified)
			}
		}
	}
}

// A store that writes and then says that somebody else did is not written to twice.
func TestWriteReportedAsConflict(t *testing.T) {
	s := &hooked{Store: verify.NewMemStore()}
	once := true
	s.save = func(ctx context.Context, expected string, r verify.Record) error {
		if err := s.Store.Save(ctx, expected, r); err != nil || !once {
			return err
		}
		once = false
		return session.ErrConflict
	}
	d := newDoorOn(t, s)
	token, code := d.begin(kim())
	r, err := s.Store.Load(t.Context(), "acme", "kim")
	if err != nil || len(r.Attempts) != 1 || len(r.Codes) != 1 {
		t.Errorf("%d verifications, %d codes, %v", len(r.Attempts), len(r.Codes), err)
	}
	d.complete(token, code, kim(), nil)
}

func TestContextEnded(t *testing.T) {
	s := &hooked{Store: verify.NewMemStore()}
	d := newDoorOn(t, s)
	token, code := d.begin(kim())
	s.load = func(r verify.Record, _ error) (verify.Record, error) {
		t.Error("the store is asked")
		return r, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Complete(ctx, token, code, kim()); !errors.Is(err, context.Canceled) {
		t.Errorf("Complete: %v", err)
	}
	if _, _, err := d.Begin(ctx, kim(), []verify.Contact{phone}); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin: %v", err)
	}
	s.load = nil
	d.complete(token, code, kim(), nil)
}
