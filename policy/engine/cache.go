package engine

import (
	"sync"
	"sync/atomic"
)

// cache is a bounded map from keys to values that readers share without a lock: open
// addressing over a slice of pointers, which writers replace when it fills.
//
// What is new is young until it is asked for again, and the young are evicted first if
// they are more than a tenth. So a crowd that comes once drives out its like, and neither
// those who are at work nor those who are about to be. Of the old, those go that were not
// asked for since the queue came round to them last.
//
// A reader may miss a value that is just being put; it then asks getOrPut, which looks
// again under the lock.
type cache[K comparable, V any] struct {
	slots   atomic.Pointer[[]atomic.Pointer[cell[K, V]]] // a power of two of them
	evicted func(*V)                                     // told under the lock

	mu         sync.Mutex
	young, old queue[K, V]
	full       int        // slots that are taken, by removed cells too
	removed    cell[K, V] // stands in the slots of removed cells, so that what was placed behind them is found
	most       int
}

type cell[K comparable, V any] struct {
	hash       uint64
	value      V // beside the hash, where a glimpse looks next
	key        K
	use        *use // in value
	in         *queue[K, V]
	prev, next *cell[K, V]
}

// use is what the cache and the holders of a value tell each other. The zero use is that
// of a value that nobody has asked for again.
type use struct{ is atomic.Int32 }

const (
	idle int32 = iota
	used
	gone // evicted or removed: nothing is kept there any more
)

// touch says that the value was asked for.
func (u *use) touch() {
	if u.is.Load() == idle { // a write would take the line from other processors
		u.is.CompareAndSwap(idle, used)
	}
}

func newCache[K comparable, V any](most int, evicted func(*V)) *cache[K, V] {
	c := &cache[K, V]{most: max(1, most), evicted: evicted}
	slots := make([]atomic.Pointer[cell[K, V]], 64)
	c.slots.Store(&slots)
	return c
}

// get returns the value of a key, or nil. It does not allocate.
func (c *cache[K, V]) get(hash uint64, key K) *V {
	if one := c.find(hash, key); one != nil {
		one.use.touch()
		return &one.value
	}
	return nil
}

func (c *cache[K, V]) find(hash uint64, key K) *cell[K, V] {
	slots := *c.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		one := slots[i].Load()
		if one == nil || one.hash == hash && one.key == key && one != &c.removed {
			return one
		}
	}
}

// glimpse returns a value of a hash, most likely that of the key, or nil. It is a faster
// get: the caller compares the key and touches the value.
func (c *cache[K, V]) glimpse(hash uint64) *V {
	slots := *c.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch one := slots[i].Load(); {
		case one == nil:
			return nil
		case one.hash == hash:
			return &one.value
		}
	}
}

// getOrPut returns the value of a key, made by fresh, which tells its use, if there is
// none. Where the cache is full, another value makes room.
func (c *cache[K, V]) getOrPut(hash uint64, key K, fresh func(*V) *use) *V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.get(hash, key); v != nil {
		return v
	}
	if c.young.n+c.old.n >= c.most {
		c.evict()
	}
	if slots := *c.slots.Load(); 2*(c.full+1) > len(slots) {
		c.rebuild()
	}
	one := &cell[K, V]{hash: hash, key: key}
	one.use = fresh(&one.value)
	c.young.push(one)
	c.place(*c.slots.Load(), one)
	c.full++
	return &one.value
}

// evict removes one value.
func (c *cache[K, V]) evict() {
	for tries := c.young.n + 2*c.old.n; ; tries-- {
		q := &c.old
		if c.young.n > c.most/10 || c.old.n == 0 {
			q = &c.young
		}
		one := q.first
		if tries > 0 && one.use.is.CompareAndSwap(used, idle) {
			q.remove(one)
			c.old.push(one)
			continue
		}
		c.drop(one)
		return
	}
}

// remove removes the value of a key, if it is v.
func (c *cache[K, V]) remove(hash uint64, key K, v *V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.find(hash, key); one != nil && &one.value == v {
		c.drop(one)
	}
}

func (c *cache[K, V]) drop(one *cell[K, V]) {
	one.in.remove(one)
	slots := *c.slots.Load()
	for i := one.hash & uint64(len(slots)-1); ; i = (i + 1) & uint64(len(slots)-1) {
		if slots[i].CompareAndSwap(one, &c.removed) {
			break
		}
	}
	one.use.is.Store(gone)
	c.evicted(&one.value)
}

// rebuild moves all cells to slots of which a quarter at most is taken.
func (c *cache[K, V]) rebuild() {
	n := 64
	for n < 4*(c.young.n+c.old.n) {
		n *= 2
	}
	slots := make([]atomic.Pointer[cell[K, V]], n)
	for _, q := range []*queue[K, V]{&c.young, &c.old} {
		for one := q.first; one != nil; one = one.next {
			c.place(slots, one)
		}
	}
	c.full = c.young.n + c.old.n
	c.slots.Store(&slots)
}

func (c *cache[K, V]) place(slots []atomic.Pointer[cell[K, V]], one *cell[K, V]) {
	mask := uint64(len(slots) - 1)
	i := one.hash & mask
	for slots[i].Load() != nil {
		i = (i + 1) & mask
	}
	slots[i].Store(one)
}

// queue is cells in the order in which they came.
type queue[K comparable, V any] struct {
	first, last *cell[K, V]
	n           int
}

func (q *queue[K, V]) push(one *cell[K, V]) {
	one.in, one.prev, one.next = q, q.last, nil
	if q.last == nil {
		q.first = one
	} else {
		q.last.next = one
	}
	q.last = one
	q.n++
}

func (q *queue[K, V]) remove(one *cell[K, V]) {
	if one.prev == nil {
		q.first = one.next
	} else {
		one.prev.next = one.next
	}
	if one.next == nil {
		q.last = one.prev
	} else {
		one.next.prev = one.prev
	}
	one.in, one.prev, one.next = nil, nil, nil
	q.n--
}
