package outboxtest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

func takeDue(t testing.TB, box session.Outbox, put Put) {
	want(t, "orders taken where there are none", mustTake(t, box, 10, long))
	list := orders(tenant, 5)
	mustPut(t, put, list...)
	for _, n := range []int{0, -1} {
		want(t, "orders taken, at most none", mustTake(t, box, n, long))
	}
	took := mustTake(t, box, 3, long)
	if len(took) != 3 {
		t.Fatalf("Take(3) of five returned %d orders", len(took))
	}
	took = append(took, mustTake(t, box, 1<<20, long)...)
	want(t, "orders taken in two turns", took, ids(list)...)
}

func takeStored(t testing.TB, box session.Outbox, put Put) {
	later, now := order(tenant, "later"), order(tenant, "now")
	later.Due = time.Now().Add(long)
	mustPut(t, put, later, now)
	want(t, "orders taken while another is not due", mustTake(t, box, 10, long), "now")
	want(t, "orders that wait", mustWait(t, box, tenant, 10), "later", "now")

	soon := order(tenant, "soon")
	soon.Due = time.Now().Add(short)
	mustPut(t, put, soon)
	want(t, "orders taken once one is due", takeSoon(t, box, 10), "soon")
}

func takeParked(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 2)...)
	took := mustTake(t, box, 1, long)
	if len(took) != 1 {
		t.Fatalf("Take(1) of two returned %d orders", len(took))
	}
	mustDo(t, "Failed", box.Failed(t.Context(), took[0].ID, 0, true, "given up"))
	rest := mustTake(t, box, 10, short)
	if len(rest) != 1 || rest[0].ID == took[0].ID {
		t.Fatalf("beside the parked %s, Take returned %v", took[0].ID, ids(rest))
	}
	for range 3 { // the other is due again and again
		want(t, "orders taken beside a parked one", takeSoonFor(t, box, short), rest[0].ID)
	}
}

// takeSoonFor is takeSoon with a lease.
func takeSoonFor(t testing.TB, box session.Outbox, lease time.Duration) []session.Order {
	t.Helper()
	for range 10_000 {
		if list := mustTake(t, box, 10, lease); len(list) > 0 {
			return list
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatal("Take returned nothing after 10,000 tries")
	return nil
}

func takeAnyTenant(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, order("acme", "1"), order("ACME", "2"), order("zen", "3"))
	want(t, "orders taken of three tenants", mustTake(t, box, 10, long), "1", "2", "3")
}

func takeLongestFirst(t testing.TB, box session.Outbox, put Put) {
	var wanted []string
	for _, id := range []string{"m", "z", "a", "k"} { // no order of the alphabet
		mustPut(t, put, order(session.TenantID("tenant-"+id), id))
		wanted = append(wanted, id)
		time.Sleep(5 * time.Millisecond) // so that a clock of milliseconds tells them apart
	}
	var got []string
	for range wanted {
		got = append(got, ids(mustTake(t, box, 1, long))...)
	}
	if !slices.Equal(got, wanted) {
		t.Fatalf("taken one by one: %q; they have been due longest in the order %q", got, wanted)
	}

	// An order that failed is due later than one that has waited all the time, and first
	// again when it has been due longest.
	mustDo(t, "Failed", box.Failed(t.Context(), "m", 0, false, "")) // due now
	time.Sleep(5 * time.Millisecond)
	mustPut(t, put, order(tenant, "new"))
	time.Sleep(5 * time.Millisecond)
	mustDo(t, "Failed", box.Failed(t.Context(), "z", 0, false, ""))
	got = nil
	for range 3 {
		got = append(got, ids(takeSoon(t, box, 1))...)
	}
	if wanted := []string{"m", "new", "z"}; !slices.Equal(got, wanted) {
		t.Errorf("taken one by one: %q; they have been due longest in the order %q", got, wanted)
	}
}

func takeDefers(t testing.TB, box session.Outbox, put Put) {
	list := orders(tenant, 3)
	mustPut(t, put, list...)
	want(t, "orders taken", mustTake(t, box, 10, long), ids(list)...)
	for range 3 {
		want(t, "orders taken again within their lease", mustTake(t, box, 10, long))
	}
	mustPut(t, put, order(tenant, "new"))
	want(t, "orders taken while others are leased", mustTake(t, box, 10, long), "new")
}

func takeConcurrently(t testing.TB, box session.Outbox, put Put) {
	list := orders(tenant, many(200))
	mustPut(t, put, list...)
	var mu sync.Mutex
	var took []session.Order
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for {
				some, err := box.Take(t.Context(), 1+worker, long)
				if err != nil {
					t.Errorf("Take beside others: %v", err)
					return
				}
				mu.Lock()
				took = append(took, some...)
				enough := len(took) >= len(list)
				mu.Unlock()
				if len(some) == 0 || enough {
					return
				}
			}
		})
	}
	all.Wait()
	for len(took) <= len(list) { // a store may pass over orders that another is just taking
		some := mustTake(t, box, 50, long)
		if took = append(took, some...); len(some) == 0 {
			break
		}
	}
	want(t, "orders that eight took at once", took, ids(list)...)
}

func takeWhilePutting(t testing.TB, box session.Outbox, put Put) {
	rounds := many(25)
	var putting, taking sync.WaitGroup
	var mu sync.Mutex
	var wanted, took []string
	stop := make(chan struct{})
	for worker := range 4 {
		putting.Go(func() {
			for _, o := range orders(session.TenantID([]string{"a", "b", "c", "d"}[worker]), rounds) {
				if err := put(o); err != nil {
					t.Errorf("putting beside others: %v", err)
					return
				}
				mu.Lock()
				wanted = append(wanted, o.ID)
				mu.Unlock()
				time.Sleep(100 * time.Microsecond) // so that they put in turns
			}
		})
	}
	for range 2 {
		taking.Go(func() {
			for {
				some, err := box.Take(t.Context(), 5, long)
				if err != nil {
					t.Errorf("Take beside those who put: %v", err)
					return
				}
				for _, o := range some {
					if err := box.Done(t.Context(), o.ID); err != nil {
						t.Errorf("Done beside those who put: %v", err)
						return
					}
				}
				mu.Lock()
				took = append(took, ids(some)...)
				mu.Unlock()
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	putting.Wait()
	close(stop)
	taking.Wait()
	for len(took) <= len(wanted) {
		some := mustTake(t, box, 50, long)
		if took = append(took, ids(some)...); len(some) == 0 {
			break
		}
	}
	slices.Sort(wanted)
	slices.Sort(took)
	if !slices.Equal(took, wanted) {
		t.Errorf("%d orders were put, %d taken: %q of %q", len(wanted), len(took), took, wanted)
	}
}

func takeAgain(t testing.TB, box session.Outbox, put Put) {
	mustPut(t, put, orders(tenant, 2)...)
	want(t, "orders taken", mustTake(t, box, 10, short), ids(orders(tenant, 2))...)
	seen := make(map[string]int)
	for len(seen) < 2 { // they need not be due in the same instant
		for _, o := range takeSoon(t, box, 10) {
			if seen[o.ID]++; o.Tries != 0 {
				t.Errorf("%s was taken and not settled, and has %d tries; only Failed counts", o.ID, o.Tries)
			}
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was taken %d times with a lease of %v", id, n, long)
		}
	}
}

// takeOwnTime puts orders that were given by clocks far off.
func takeOwnTime(t testing.TB, box session.Outbox, put Put) {
	ahead, behind := order(tenant, "ahead"), order(tenant, "behind")
	ahead.At, behind.At = time.Now().Add(1000*time.Hour), time.Now().Add(-1000*time.Hour)
	mustPut(t, put, ahead, behind)
	want(t, "orders taken that were given by clocks far off", mustTake(t, box, 10, long), "ahead", "behind")
}

// many is n, or fewer in a short test.
func many(n int) int {
	if testing.Short() {
		return max(n/5, 5)
	}
	return n
}
