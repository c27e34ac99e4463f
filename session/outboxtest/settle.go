package outboxtest

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/session"
)

func doneRemoves(t testing.TB, box session.Outbox, put Put) {
	list := orders(tenant, 4)
	mustPut(t, put, list...)
	took := mustTake(t, box, 3, short)
	if len(took) != 3 {
		t.Fatalf("Take(3) of four returned %d orders", len(took))
	}
	mustDo(t, "Failed", box.Failed(t.Context(), took[1].ID, long, false, "deferred"))
	mustDo(t, "Failed", box.Failed(t.Context(), took[2].ID, long, true, "parked"))
	var rest []string
	for _, id := range ids(list) {
		if !slices.Contains(ids(took), id) {
			rest = append(rest, id)
		}
	}
	for _, o := range took { // one is taken, one deferred, one parked
		mustDo(t, "Done", box.Done(t.Context(), o.ID))
	}
	want(t, "orders that wait where three of four are done", mustWait(t, box, tenant, 10), rest...)
	time.Sleep(5 * time.Millisecond)
	want(t, "orders taken where three of four are done", takeSoon(t, box, 10), rest...)
	mustDo(t, "Done", box.Done(t.Context(), rest[0]))
	want(t, "orders that wait where all are done", mustWait(t, box, tenant, 10))
}

func doneNone(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 2)...)
	first := orders(tenant, 2)[0].ID
	for _, id := range []string{"nobody's", "", first, first, strings.ToUpper(first), first[:len(first)-1] + "%"} {
		mustDo(t, "Done of "+id, box.Done(t.Context(), id))
	}
	want(t, "orders that wait where one of two is done", mustWait(t, box, tenant, 10), orders(tenant, 2)[1].ID)
}

func failedCounts(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 2)...)
	id := orders(tenant, 2)[0].ID
	for n := 1; n <= 3; n++ {
		mustDo(t, "Failed", box.Failed(t.Context(), id, 0, false, "no answer"))
		for _, o := range mustWait(t, box, tenant, 10) {
			if o.ID == id && o.Tries != n {
				t.Errorf("%s failed %d times and has %d tries", id, n, o.Tries)
			}
			if o.ID != id && o.Tries != 0 {
				t.Errorf("%s has %d tries; another failed", o.ID, o.Tries)
			}
		}
	}
	for _, o := range takeSoon(t, box, 10) {
		if o.ID == id && o.Tries != 3 {
			t.Errorf("%s failed 3 times and is taken with %d tries", id, o.Tries)
		}
	}
}

func failedDefers(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, order(tenant, "later"), order(tenant, "soon"))
	want(t, "orders taken", mustTake(t, box, 10, long), "later", "soon")
	mustDo(t, "Failed", box.Failed(t.Context(), "later", long, false, ""))
	mustDo(t, "Failed", box.Failed(t.Context(), "soon", short, false, ""))
	want(t, "orders taken where one is deferred for long, the other for short", takeSoon(t, box, 10), "soon")

	mustPut(t, put, order(tenant, "leased"))
	want(t, "orders taken", mustTake(t, box, 10, short), "leased")
	mustDo(t, "Failed", box.Failed(t.Context(), "leased", long, false, ""))
	time.Sleep(5 * time.Millisecond)
	want(t, "orders taken where a lease of short was followed by a wait of long", mustTake(t, box, 10, long))
}

func failedParks(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, order(tenant, "parked"), order(tenant, "other"))
	mustDo(t, "Failed", box.Failed(t.Context(), "parked", 0, true, "given up"))
	time.Sleep(5 * time.Millisecond)
	want(t, "orders taken where one of two is parked", mustTake(t, box, 10, long), "other")
	list := mustWait(t, box, tenant, 10)
	want(t, "orders that wait", list, "parked", "other")
	for _, o := range list {
		if parked := o.ID == "parked"; o.Parked != parked || parked && (o.Tries != 1 || o.Err != "given up") {
			t.Errorf("%s: parked %v, %d tries, %q", o.ID, o.Parked, o.Tries, o.Err)
		}
	}
}

func failedWhy(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, order(tenant, "failed"))
	for _, row := range []struct{ why, says, begins string }{
		{"plain", "dial tcp: connection refused", "dial tcp: connection refused"},
		{"none", "", ""},
		{"to be quoted", `it's "no" \ use; %s`, `it's "no" \ use; %s`},
		{"as long as it may be", strings.Repeat("x", 500), strings.Repeat("x", 500)},
		{"too long", strings.Repeat("x", 5000), strings.Repeat("x", 500)},
		{"too long, cut within a letter", "x" + strings.Repeat("字", 1000), "x" + strings.Repeat("字", 166)},
		{"not UTF-8", "no\xff", "no"},
		{"what databases refuse", "no\x00", "no"},
	} {
		mustDo(t, "Failed with a why that is "+row.why, box.Failed(t.Context(), "failed", 0, false, row.says))
		for _, o := range mustWait(t, box, tenant, 10) {
			if !strings.HasPrefix(o.Err, row.begins) || len(o.Err) > 500 || !utf8.ValidString(o.Err) || row.says == row.begins && o.Err != row.says {
				t.Errorf("a why that is %s, %.40q… of %d bytes, is kept as %.40q… of %d", row.why, row.says, len(row.says), o.Err, len(o.Err))
			}
		}
	}
}

func failedNone(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, order(tenant, "there"), order(tenant, "gone"))
	mustDo(t, "Done", box.Done(t.Context(), "gone"))
	for _, id := range []string{"nobody's", "", "THERE", "gone"} {
		mustDo(t, "Failed of "+id, box.Failed(t.Context(), id, 0, true, "why"))
	}
	list := mustWait(t, box, tenant, 10)
	want(t, "orders that wait", list, "there")
	for _, o := range list {
		if o.Tries != 0 || o.Parked || o.Err != "" {
			t.Errorf("%s did not fail, but has %d tries, parked %v, %q", o.ID, o.Tries, o.Parked, o.Err)
		}
	}
}

func waitingNotDone(t testing.TB, box session.Outbox, put Put) {
	want(t, "orders of a tenant that has none", mustWait(t, box, tenant, 10))
	list := orders(tenant, 3)
	mustPut(t, put, list...)
	want(t, "orders that wait", mustWait(t, box, tenant, 10), ids(list)...)
	mustDo(t, "Done", box.Done(t.Context(), list[1].ID))
	want(t, "orders that wait where one is done", mustWait(t, box, tenant, 10), list[0].ID, list[2].ID)
}

// waitingTenant asks for tenants that a careless comparison takes for another.
func waitingTenant(t testing.TB, box session.Outbox, put Put) {
	of := []session.TenantID{"a", "A", "a ", " a", "а", "á", "a\u0301", "ａ", "%", "a%", "_", "1", "01", "1.0"}
	var list []session.Order
	for i, one := range of {
		list = append(list, order(one, string(rune('A'+i))))
	}
	mustPut(t, put, list...)
	for i, one := range of {
		want(t, "orders that wait of "+string(one), mustWait(t, box, one, 100), list[i].ID)
	}
	for _, nobody := range []session.TenantID{"", "b", "aa"} {
		want(t, "orders that wait of a tenant that has none", mustWait(t, box, nobody, 100))
	}
}

func waitingOldestFirst(t testing.TB, box session.Outbox, put Put) {
	var wanted []string
	for _, id := range []string{"m", "z", "a", "k"} { // no order of the alphabet
		mustPut(t, put, order(tenant, id))
		wanted = append(wanted, id)
		time.Sleep(5 * time.Millisecond) // so that a clock of milliseconds tells them apart
	}
	mustDo(t, "Failed", box.Failed(t.Context(), "m", long, false, "")) // due last, and still the oldest
	for _, n := range []int{-1, 0, 1, 3, 4, 5, 1 << 20} {
		got := ids(mustWait(t, box, tenant, n))
		if most := min(max(n, 0), len(wanted)); !slices.Equal(got, wanted[:most]) {
			t.Errorf("Waiting, at most %d, returned %q; want %q", n, got, wanted[:most])
		}
	}
}

func waitingAll(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 4)...)
	all := ids(orders(tenant, 4))
	mustDo(t, "Failed", box.Failed(t.Context(), all[0], 0, true, "parked"))
	mustDo(t, "Failed", box.Failed(t.Context(), all[1], long, false, "deferred"))
	if took := mustTake(t, box, 1, long); len(took) != 1 {
		t.Fatalf("Take(1) returned %d orders", len(took))
	}
	want(t, "orders that wait: parked, deferred, taken, new", mustWait(t, box, tenant, 10), all...)
}
