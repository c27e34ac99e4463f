package engine

import (
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Collide keeps a member in the place that the hash of another one names, as if the two
// hashes were one, beside the tenant of the other.
func (e *Engine) Collide(m *member.Member, t session.TenantID, id member.ID) {
	hash := e.nameHash(name{t, id})
	p := e.people.getOrPut(hash, name{m.Tenant, m.ID}, func(p *person) *use {
		p.name, p.due, p.key = name{m.Tenant, m.ID}, time.Hour, hash
		return &p.use
	})
	p.tenant.Store(e.tenant(t))
	p.copy.Store(newSomeone(m, e.clock.look()))
}

// Moment is a moment whose fields tests set.
type Moment struct{ Mono, Wall int64 }

func (m Moment) moment() moment { return moment{m.Mono, m.Wall} }

func (m Moment) Age(now Moment) time.Duration { return m.moment().age(now.moment()) }

// Clock is a clock that tests set.
type Clock struct{ clock clock }

func (c *Clock) Begin(t time.Time) { c.clock.begin(t) }

// Told notices a moment and returns the instant that it stands for.
func (c *Clock) Told(m Moment) time.Time {
	c.clock.notice(m.moment())
	return c.clock.told(m.moment())
}

// Cache is a cache, of keys whose hash tests choose.
type Cache[K comparable, V any] struct {
	cache *cache[K, CacheValue[V]]
	hash  func(K) uint64
}

// CacheValue is what a Cache keeps.
type CacheValue[V any] struct {
	use   use
	Value V
}

func NewCache[K comparable, V any](most int, hash func(K) uint64, evicted func(V)) *Cache[K, V] {
	return &Cache[K, V]{newCache[K](most, func(v *CacheValue[V]) { evicted(v.Value) }), hash}
}

func (c *Cache[K, V]) Get(k K) *CacheValue[V] { return c.cache.get(c.hash(k), k) }

// Put returns what is kept of k, which is v if nothing was.
func (c *Cache[K, V]) Put(k K, v V) *CacheValue[V] {
	return c.cache.getOrPut(c.hash(k), k, func(kept *CacheValue[V]) *use { kept.Value = v; return &kept.use })
}

func (c *Cache[K, V]) Remove(k K, v *CacheValue[V]) { c.cache.remove(c.hash(k), k, v) }

// Slots returns how many slots there are, and how many are not empty.
func (c *Cache[K, V]) Slots() (all, full int) {
	slots := *c.cache.slots.Load()
	for i := range slots {
		if slots[i].Load() != nil {
			full++
		}
	}
	return len(slots), full
}

// Seen is what was seen of records, by keys that tests choose.
type Seen struct{ seen *seen }

func NewSeen(most int) Seen { return Seen{newSeen(most)} }

func (s Seen) Note(key uint64, v session.Version) bool { return s.seen.note(key, v) }
func (s Seen) Len() int                                { return len(s.seen.now) + len(s.seen.old) }
