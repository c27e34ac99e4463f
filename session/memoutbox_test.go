package session_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

func TestMemOutboxZero(t *testing.T) {
	var box session.MemOutbox
	ctx := t.Context()
	if took, err := box.Take(ctx, 10, time.Hour); len(took) != 0 || err != nil {
		t.Errorf("took %v, %v of nothing", took, err)
	}
	if list, err := box.Waiting(ctx, "acme", 10); len(list) != 0 || err != nil {
		t.Errorf("%v, %v wait in nothing", list, err)
	}
	if err := box.Done(ctx, "1"); err != nil {
		t.Error(err)
	}
	if err := box.Failed(ctx, "1", 0, true, "why"); err != nil {
		t.Error(err)
	}
	box.Put(session.Order{ID: "1", Tenant: "acme"})
	if took, err := box.Take(ctx, 10, time.Hour); len(took) != 1 || err != nil {
		t.Errorf("took %v, %v", took, err)
	}
}

func TestMemOutboxPut(t *testing.T) {
	for _, row := range []struct {
		why  string
		put  []session.Order
		want []session.Order // without Due
	}{
		{"an ID is stored once: a write that is repeated gives no order twice",
			[]session.Order{{ID: "1", Tenant: "acme", Member: "kim"}, {ID: "1", Tenant: "acme", Member: "lee"}},
			[]session.Order{{ID: "1", Tenant: "acme", Member: "kim"}}},
		{"what the store keeps is the store's",
			[]session.Order{{ID: "1", Tenant: "acme", Tries: 7, Parked: true, Err: "no answer"}},
			[]session.Order{{ID: "1", Tenant: "acme"}}},
		{"nothing", nil, nil},
	} {
		box := session.NewMemOutbox()
		box.Put(row.put...)
		list, err := box.Take(t.Context(), 10, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			list[i].Due = time.Time{}
		}
		if !slices.Equal(list, row.want) {
			t.Errorf("%s: holds %+v; want %+v", row.why, list, row.want)
		}
	}

	box := session.NewMemOutbox()
	box.Put(session.Order{Tenant: "acme"}, session.Order{Tenant: "acme"})
	list, _ := box.Waiting(t.Context(), "acme", 10)
	if len(list) != 2 || list[0].ID == list[1].ID || list[0].ID == "" {
		t.Errorf("two orders without ID became %+v; none may be lost", list)
	}
}

// Whoever sees an order finds what was written with it, and the other way round.
func TestGuarantee19OrdersAndWriteAreOne(t *testing.T) {
	box := session.NewMemOutbox()
	var mu sync.Mutex
	written := make(map[string]bool)
	isWritten := func(id string) bool {
		mu.Lock()
		defer mu.Unlock()
		return written[id]
	}
	const n = 300
	var all sync.WaitGroup
	all.Go(func() {
		for i := range n {
			id := fmt.Sprint(i)
			box.PutWith(func() {
				mu.Lock()
				defer mu.Unlock()
				written[id] = true
			}, session.Order{ID: id, Tenant: "acme"})
		}
	})
	all.Go(func() {
		for i := range n {
			was := isWritten(fmt.Sprint(i))
			list, err := box.Waiting(context.Background(), "acme", n)
			if err != nil {
				t.Error(err)
				return
			}
			if was && len(list) <= i {
				t.Errorf("%d was written, and its order is not there", i)
			}
			for _, o := range list {
				if !isWritten(o.ID) {
					t.Errorf("the order %s is there, and was not written", o.ID)
				}
			}
		}
	})
	all.Wait()
}

// A slow outbox: a list that is searched from its beginning.
type slowOrder struct {
	session.Order
	seq int
}
type slowOutbox []slowOrder

func (b *slowOutbox) take(n int, lease time.Duration, now time.Time) (ids []string) {
	slices.SortFunc(*b, func(x, y slowOrder) int { return cmp.Or(x.Due.Compare(y.Due), cmp.Compare(x.seq, y.seq)) })
	for i := range *b {
		if o := &(*b)[i]; len(ids) < n && !o.Parked && !o.Due.After(now) {
			ids = append(ids, o.ID)
			o.Due = now.Add(lease)
		}
	}
	return ids
}

// MemOutbox takes and lists what a slow one does, whatever happens.
func TestMemOutboxAgreesWithASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		rng := rand.New(rand.NewPCG(20, 20))
		box := session.NewMemOutbox()
		var slow slowOutbox
		names := func(list []session.Order) (ids []string) {
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			return ids
		}
		for i := range 5_000 {
			id := fmt.Sprint(rng.IntN(i/20 + 1))
			wait := time.Duration(rng.IntN(200)) * time.Second
			switch rng.IntN(7) {
			case 0, 1:
				o := session.Order{ID: fmt.Sprint(i / 20), Tenant: session.TenantID("abc"[rng.IntN(3):][:1])}
				if rng.IntN(3) == 0 {
					o.Due = time.Now().Add(wait - 100*time.Second)
				}
				box.Put(o)
				if o.Due.IsZero() {
					o.Due = time.Now()
				}
				if !slices.ContainsFunc(slow, func(s slowOrder) bool { return s.ID == o.ID }) {
					slow = append(slow, slowOrder{o, i})
				}
			case 2:
				if err := box.Done(ctx, id); err != nil {
					t.Fatal(err)
				}
				slow = slices.DeleteFunc(slow, func(s slowOrder) bool { return s.ID == id })
			case 3:
				park := rng.IntN(3) == 0
				if err := box.Failed(ctx, id, wait, park, "why"); err != nil {
					t.Fatal(err)
				}
				for j := range slow {
					if s := &slow[j]; s.ID == id {
						s.Tries, s.Due, s.Parked = s.Tries+1, time.Now().Add(wait), park
					}
				}
			case 4, 5:
				n := rng.IntN(6) - 1
				took, err := box.Take(ctx, n, wait)
				if want := slow.take(n, wait, time.Now()); err != nil || !slices.Equal(names(took), want) {
					t.Fatalf("step %d: Take(%d, %v) = %v, %v; want %v", i, n, wait, names(took), err, want)
				}
			case 6:
				time.Sleep(wait)
			}
			of, n := session.TenantID("abc"[rng.IntN(3):][:1]), rng.IntN(30)
			list, err := box.Waiting(ctx, of, n)
			slices.SortFunc(slow, func(x, y slowOrder) int { return cmp.Compare(x.seq, y.seq) })
			var want []session.Order
			for _, s := range slow {
				if s.Tenant == of && len(want) < n {
					want = append(want, s.Order)
				}
			}
			if err != nil || !slices.EqualFunc(list, want, func(x, y session.Order) bool {
				return x.ID == y.ID && x.Tries == y.Tries && x.Parked == y.Parked && x.Due.Equal(y.Due)
			}) {
				t.Fatalf("step %d: Waiting(%s, %d) = %+v, %v; want %+v", i, of, n, list, err, want)
			}
		}
		if len(slow) < 10 {
			t.Fatalf("only %d orders were left at the end: the walk shows little", len(slow))
		}
	})
}

// Whatever a host's error says, it can be kept and shown.
func TestMemOutboxWhy(t *testing.T) {
	box := session.NewMemOutbox()
	box.Put(session.Order{ID: "1", Tenant: "acme"})
	for _, row := range []struct{ says, want, why string }{
		{"", "", "nothing"},
		{strings.Repeat("a", 501), strings.Repeat("a", 500), "cut"},
		{strings.Repeat("é", 300), strings.Repeat("é", 250), "cut behind a letter"},
		{"a" + strings.Repeat("é", 300), "a" + strings.Repeat("é", 249), "cut before a letter that does not fit"},
		{"a\xff\xfe", "a\uFFFD", "not UTF-8"},
		{strings.Repeat("\xff", 1000), "\uFFFD", "nothing but what is not UTF-8"},
		{strings.Repeat("a\xff", 400), strings.Repeat("a\uFFFD", 125), "longer as UTF-8 than it was"},
	} {
		if err := box.Failed(t.Context(), "1", 0, false, row.says); err != nil {
			t.Fatal(err)
		}
		list, _ := box.Waiting(t.Context(), "acme", 1)
		if len(list) != 1 || list[0].Err != row.want {
			t.Errorf("%s: keeps %q; want %q", row.why, list[0].Err, row.want)
		}
	}
}

func ExampleMemOutbox() {
	ctx := context.Background()
	box := session.NewMemOutbox()
	box.Put(session.Order{ID: "1", Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients})

	took, err := box.Take(ctx, 10, time.Minute) // nobody else takes it for a minute
	for _, o := range took {
		fmt.Println(o.Kind, o.Tenant, err)
		err = box.Done(ctx, o.ID)
	}
	rest, err := box.Waiting(ctx, "acme", 10)
	fmt.Println(len(rest), err)
	// Output:
	// sign-out acme <nil>
	// 0 <nil>
}
