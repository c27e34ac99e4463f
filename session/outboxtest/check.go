package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// tenant is whose orders are put where it does not matter.
const tenant session.TenantID = "acme"

// long is a lease that does not end while a test runs, short one that does.
const (
	long  = 24 * time.Hour
	short = time.Millisecond
)

// order returns an order of a tenant that says little.
func order(t session.TenantID, id string) session.Order {
	return session.Order{
		ID: id, Kind: session.SignOut, Tenant: t, Clients: session.AllClients,
		Policy: session.Version{Line: 7, Number: 2}, At: time.Now().Truncate(time.Microsecond),
	}
}

// orders returns n of them, numbered from 0.
func orders(t session.TenantID, n int) []session.Order {
	list := make([]session.Order, n)
	for i := range list {
		list[i] = order(t, fmt.Sprintf("%s-%03d", t, i))
	}
	return list
}

// said is what an order says, without what the store keeps of its delivery, to compare
// with ==. A store may give an instant in another zone.
func said(o session.Order) session.Order {
	o.At = o.At.Round(0).UTC()
	o.Tries, o.Due, o.Parked, o.Err = 0, time.Time{}, false, ""
	return o
}

func ids(list []session.Order) []string {
	ids := []string{}
	for _, o := range list {
		ids = append(ids, o.ID)
	}
	return ids
}

func mustPut(t testing.TB, put Put, orders ...session.Order) {
	t.Helper()
	if err := put(orders...); err != nil {
		t.Fatalf("putting %v: %v", ids(orders), err)
	}
}

func mustTake(t testing.TB, box session.Outbox, n int, lease time.Duration) []session.Order {
	t.Helper()
	list, err := box.Take(t.Context(), n, lease)
	if err != nil {
		t.Fatalf("Take(%d, %v): %v", n, lease, err)
	}
	if len(list) > max(n, 0) {
		t.Fatalf("Take(%d, %v) returned %d orders", n, lease, len(list))
	}
	return list
}

// takeSoon takes until something is due. The clock is the store's, so there is no bound
// but that of the test.
func takeSoon(t testing.TB, box session.Outbox, n int) []session.Order {
	t.Helper()
	for range 10_000 {
		if list := mustTake(t, box, n, long); len(list) > 0 {
			return list
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("Take(%d) returned nothing after 10,000 tries", n)
	return nil
}

func mustWait(t testing.TB, box session.Outbox, of session.TenantID, n int) []session.Order {
	t.Helper()
	list, err := box.Waiting(t.Context(), of, n)
	if err != nil {
		t.Fatalf("Waiting(%q, %d): %v", of, n, err)
	}
	return list
}

func mustDo(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// want reports orders that are not those wanted, in any order.
func want(t testing.TB, what string, got []session.Order, wanted ...string) {
	t.Helper()
	is := ids(got)
	slices.Sort(is)
	slices.Sort(wanted)
	if !slices.Equal(is, wanted) {
		t.Errorf("%s are %q; want %q", what, is, wanted)
	}
}

func contents(t testing.TB, box session.Outbox, put Put) {
	at := time.Date(2026, 7, 8, 9, 10, 11, 123456000, time.FixedZone("", 9*3600))
	full := session.Order{
		ID: "contents-full", Kind: session.WipeApp, Tenant: tenant, Member: "kim", Clients: session.Apps,
		Session: session.IDOf("a token"), Device: "a device", Via: "google:1234",
		Policy:     session.Version{Line: 1<<32 - 1, Number: session.MaxNumber - 1},
		Membership: session.Version{Line: 1 << 31, Number: 1<<53 + 1},
		Why:        "member-suspended", Actor: "lee", At: at,
	}
	odd := order(tenant, "contents-odd")
	odd.Kind, odd.Clients = `a "kind" of the host's own`, session.ClientsOf(session.FirstCustom+30)
	odd.Member, odd.Device, odd.Via, odd.Actor, odd.Why = `o'neil "\" %s {}`, "名前\t\n🙂", "\u202e<b>", " ", `"why"\n`
	zero := session.Order{ID: "contents-zero", Tenant: tenant, Kind: session.Notice}
	put3 := []session.Order{full, odd, zero}
	mustPut(t, put, put3...)

	compare := func(how string, got []session.Order) {
		want(t, how, got, "contents-full", "contents-odd", "contents-zero")
		for _, o := range got {
			for _, p := range put3 {
				if o.ID == p.ID && said(o) != said(p) {
					t.Errorf("%s: %s says %+v; was put as %+v", how, o.ID, said(o), said(p))
				}
			}
			if o.Tries != 0 || o.Parked || o.Err != "" {
				t.Errorf("%s: %s was never tried, but has %d tries, parked %v, %q", how, o.ID, o.Tries, o.Parked, o.Err)
			}
		}
	}
	compare("orders that wait", mustWait(t, box, tenant, 10))
	compare("orders that were taken", mustTake(t, box, 10, long))
	compare("orders that wait, taken", mustWait(t, box, tenant, 10))
}

func cancelled(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 1)...)
	id := orders(tenant, 1)[0].ID
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	past, cancelPast := context.WithTimeout(t.Context(), -time.Second)
	defer cancelPast()
	for _, ctx := range []context.Context{gone, past} {
		list, err := box.Take(ctx, 10, long)
		for what, err := range map[string]error{
			"Take":   err,
			"Done":   box.Done(ctx, id),
			"Failed": box.Failed(ctx, id, long, true, "why"),
			"Waiting": func() error {
				_, err := box.Waiting(ctx, tenant, 10)
				return err
			}(),
		} {
			if !errors.Is(err, ctx.Err()) {
				t.Errorf("%s with a context that says %v returned the error %v", what, ctx.Err(), err)
			}
		}
		if len(list) > 0 {
			t.Errorf("Take with a context that says %v returned %v", ctx.Err(), ids(list))
		}
	}
	list := mustWait(t, box, tenant, 10)
	want(t, "orders that wait after calls that were cancelled before they began", list, id)
	for _, o := range list {
		if o.Tries != 0 || o.Parked {
			t.Errorf("a cancelled Failed left %d tries, parked %v", o.Tries, o.Parked)
		}
	}
	want(t, "orders taken after calls that were cancelled before they began", mustTake(t, box, 10, long), id)
}
