package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// A door is a verifier over a store in memory, with a clock that the test moves.
type door struct {
	*testing.T
	*verify.Verifier
	store verify.Store
	now   time.Time
}

func newDoor(t *testing.T) *door {
	return newDoorOn(t, verify.NewMemStore())
}

func newDoorOn(t *testing.T, s verify.Store) *door {
	t.Helper()
	d := &door{T: t, store: s, now: time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)}
	v, err := verify.New(s, verify.Domains{"own.example"}, &verify.Options{Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	d.Verifier = v
	return d
}

// kim is a binding with something in every field.
func kim() verify.Binding {
	return verify.Binding{
		Tenant: "acme", Member: "kim", Client: session.Web, Country: geo.MustParseCountry("US"),
		Policy: session.Version{Line: 7, Number: 3}, MemberVersion: session.Version{Line: 9, Number: 2},
	}
}

var phone = verify.Contact{Kind: verify.Phone, Address: "+821012345678", Recorded: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}

func (d *door) begin(b verify.Binding) (token, code string) {
	d.Helper()
	token, m, err := d.Begin(d.Context(), b, []verify.Contact{phone})
	if err != nil {
		d.Fatalf("Begin: %v", err)
	}
	return token, m.Code
}

// beginErr begins and returns only what is wrong with that.
func (d *door) beginErr(b verify.Binding, contacts ...verify.Contact) error {
	d.Helper()
	if contacts == nil {
		contacts = []verify.Contact{phone}
	}
	token, m, err := d.Begin(d.Context(), b, contacts)
	if err != nil && (token != "" || m != verify.Message{}) {
		d.Errorf("token or message beside %v", err)
	}
	return err
}

func (d *door) complete(token, code string, b verify.Binding, want error) {
	d.Helper()
	if err := d.Complete(d.Context(), token, code, b); !errors.Is(err, want) {
		d.Errorf("Complete: %v; want %v", err, want)
	}
}

// not returns a code that is not code.
func not(code string) string {
	last := "0"
	if strings.HasSuffix(code, "0") {
		last = "1"
	}
	return code[:5] + last
}

// A hooked store lets a test stand between the verifier and its store.
type hooked struct {
	verify.Store
	load func(verify.Record, error) (verify.Record, error)
	save func(ctx context.Context, expected string, r verify.Record) error
}

func (h *hooked) Load(ctx context.Context, t session.TenantID, m session.MemberID) (verify.Record, error) {
	r, err := h.Store.Load(ctx, t, m)
	if h.load != nil {
		return h.load(r, err)
	}
	return r, err
}

func (h *hooked) Save(ctx context.Context, expected string, r verify.Record) error {
	if h.save != nil {
		return h.save(ctx, expected, r)
	}
	return h.Store.Save(ctx, expected, r)
}
