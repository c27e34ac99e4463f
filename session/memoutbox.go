package session

import (
	"container/heap"
	"container/list"
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// MemOutbox is an [Outbox] in memory, for stores that live there: a store in memory holds
// one and puts the orders of each write into it. The zero MemOutbox is empty and ready to
// use. It is safe for concurrent use and must not be copied. Orders go in and out by value.
type MemOutbox struct {
	mu      sync.Mutex
	seq     uint64                  // of the last order put
	orders  map[string]*kept        // by Order.ID
	due     dueOrders               // those that are not parked
	tenants map[TenantID]*list.List // of *kept, oldest first; none is empty
}

// NewMemOutbox returns an empty one.
func NewMemOutbox() *MemOutbox { return new(MemOutbox) }

// Put stores orders. One that has no ID gets one, one without Due is due at once. If
// there is an order of that ID, it stays and the new one is not stored. What Put stores
// was never tried, whatever the order says.
func (b *MemOutbox) Put(orders ...Order) { b.PutWith(func() {}, orders...) }

// PutWith calls write and stores orders as Put does, in one step for everybody who uses b:
// whoever sees an order finds what write did, and whoever finds that sees the orders.
// write must not use b.
func (b *MemOutbox) PutWith(write func(), orders ...Order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	write()
	if b.orders == nil {
		b.orders, b.tenants = make(map[string]*kept), make(map[TenantID]*list.List)
	}
	now := time.Now()
	for _, o := range orders {
		if o.ID == "" {
			o.ID = rand.Text()
		}
		if b.orders[o.ID] != nil {
			continue
		}
		o.Tries, o.Parked, o.Err = 0, false, ""
		if o.Due.IsZero() { // the longest due of all, it would keep those that failed once from ever being taken
			o.Due = now
		}
		b.seq++
		k := &kept{Order: o, seq: b.seq}
		b.orders[o.ID] = k
		if b.tenants[o.Tenant] == nil {
			b.tenants[o.Tenant] = list.New()
		}
		k.place = b.tenants[o.Tenant].PushBack(k)
		heap.Push(&b.due, k)
	}
}

// Take returns orders that are due; see [Outbox].
func (b *MemOutbox) Take(ctx context.Context, n int, lease time.Duration) ([]Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now()
	var took []*kept // apart from the heap, so that with no lease none is taken twice
	for len(took) < n && len(b.due) > 0 && !b.due[0].Due.After(now) {
		took = append(took, heap.Pop(&b.due).(*kept))
	}
	var orders []Order
	for _, k := range took {
		k.Due = now.Add(max(lease, 0))
		heap.Push(&b.due, k)
		orders = append(orders, k.told())
	}
	return orders, nil
}

// Done removes an order; see [Outbox].
func (b *MemOutbox) Done(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	k := b.orders[id]
	if k == nil {
		return nil
	}
	delete(b.orders, id)
	b.tenants[k.Tenant].Remove(k.place)
	if b.tenants[k.Tenant].Len() == 0 {
		delete(b.tenants, k.Tenant)
	}
	if !k.Parked {
		heap.Remove(&b.due, k.index)
	}
	return nil
}

// Failed counts a failed delivery; see [Outbox].
func (b *MemOutbox) Failed(ctx context.Context, id string, wait time.Duration, park bool, why string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	k := b.orders[id]
	if k == nil {
		return nil
	}
	if !k.Parked {
		heap.Remove(&b.due, k.index)
	}
	k.Tries++
	k.Due, k.Parked, k.Err = time.Now().Add(max(wait, 0)), park, cutText(why, maxOrderErr)
	if !park {
		heap.Push(&b.due, k)
	}
	return nil
}

// Waiting returns the orders of a tenant; see [Outbox].
func (b *MemOutbox) Waiting(ctx context.Context, t TenantID, n int) ([]Order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var orders []Order
	if l := b.tenants[t]; l != nil {
		for e := l.Front(); e != nil && len(orders) < n; e = e.Next() {
			orders = append(orders, e.Value.(*kept).told())
		}
	}
	return orders, nil
}

// kept is an order as a MemOutbox keeps it.
type kept struct {
	Order
	seq   uint64
	index int           // in due, unless parked
	place *list.Element // in the tenant's list
}

// told is the order as others see it: its times are instants, not spans of this process.
func (k *kept) told() Order {
	o := k.Order
	o.At, o.Due = o.At.Round(0), o.Due.Round(0)
	return o
}

// dueOrders is a heap: first the order that has been due longest.
type dueOrders []*kept

func (d dueOrders) Len() int { return len(d) }

func (d dueOrders) Less(i, j int) bool {
	if c := d[i].Due.Compare(d[j].Due); c != 0 {
		return c < 0
	}
	return d[i].seq < d[j].seq
}

func (d dueOrders) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *dueOrders) Push(x any) {
	k := x.(*kept)
	k.index = len(*d)
	*d = append(*d, k)
}

func (d *dueOrders) Pop() any {
	last := len(*d) - 1
	k := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return k
}

const maxOrderErr = 500 // bytes of Order.Err

// cutText returns at most n bytes of s, as valid UTF-8.
func cutText(s string, n int) string {
	s = strings.ToValidUTF8(s[:min(len(s), n+utf8.UTFMax)], "\uFFFD")
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
