package engine_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/policy/engine"
)

// decideCache is a cache of numbers that keeps the negative of each. Many keys have one
// hash, which is what a cache must not mix up.
func decideCache(most int, hashes uint64) (c *engine.Cache[int, int], evicted map[int]int) {
	evicted = map[int]int{}
	return engine.NewCache(most, func(k int) uint64 { return uint64(k) % hashes * 0x9e3779b97f4a7c15 >> 20 }, func(v int) { evicted[-v]++ }), evicted
}

// TestCacheAgainstAModel does random acts and compares with a plain map: what is kept is
// what was put, what was evicted is gone and was told once, and there is never too much.
func TestCacheAgainstAModel(t *testing.T) {
	for _, tt := range []struct {
		most   int
		hashes uint64
		why    string
	}{
		{1, 1, "one value, one hash"},
		{10, 3, "all keys collide"},
		{50, 1 << 40, "none does"},
		{300, 64, "as many as slots that there are at first"},
	} {
		rng := rand.New(rand.NewPCG(uint64(tt.most), tt.hashes))
		c, evicted := decideCache(tt.most, tt.hashes)
		kept := map[int]bool{}
		for range 5_000 {
			k := rng.IntN(3 * tt.most)
			switch v := c.Get(k); {
			case (v != nil) != kept[k] || v != nil && v.Value != -k:
				t.Fatalf("%s: get %d: %v, and kept is %v", tt.why, k, v, kept[k])
			case v != nil && rng.IntN(4) == 0:
				c.Remove(k, new(engine.CacheValue[int])) // another one's
				if c.Get(k) != v {
					t.Fatalf("%s: %d was removed by who did not have it", tt.why, k)
				}
				c.Remove(k, v)
			default:
				if again := c.Put(k, -k); again.Value != -k || v != nil && again != v {
					t.Fatalf("%s: put %d: %v, was %v", tt.why, k, again, v)
				}
				kept[k] = true
			}
			for gone, n := range evicted {
				if n != 1 || !kept[gone] {
					t.Fatalf("%s: %d was evicted %d times, kept: %v", tt.why, gone, n, kept[gone])
				}
				delete(kept, gone)
				delete(evicted, gone)
			}
			if len(kept) > tt.most {
				t.Fatalf("%s: %d are kept", tt.why, len(kept))
			}
		}
		if slots, full := c.Slots(); slots > max(64, 8*tt.most) || 2*full > slots+2 {
			t.Errorf("%s: %d slots, %d of them full", tt.why, slots, full)
		}
	}
}

// TestCacheEvictsFairly has a crowd come, each once, while others are at work: those stay.
func TestCacheEvictsFairly(t *testing.T) {
	const most, workers = 1000, 700
	c, evicted := decideCache(most, 1<<40)
	work := func() {
		for k := range workers {
			if c.Get(k) == nil {
				c.Put(k, -k)
			}
		}
	}
	work()
	work()
	lost := func() (n int) {
		for k := range workers {
			n += evicted[k]
			delete(evicted, k)
		}
		return n
	}
	crowd := workers
	for range 10 {
		for range 2 * most {
			c.Put(crowd, -crowd)
			crowd++
		}
		if n := lost(); n != 0 {
			t.Fatalf("a crowd drove out %d of %d who are at work", n, workers)
		}
		work()
	}
	// Those who have left go in the end, where others are at work.
	others := func() (missing int) {
		for k := crowd; k < crowd+900; k++ {
			if c.Get(k) == nil {
				missing++
				c.Put(k, -k)
			}
			c.Get(k)
		}
		return missing
	}
	for range 5 {
		others()
	}
	if n := others(); n != 0 {
		t.Errorf("of 900 who are at work, %d are missing for others who have left", n)
	}
}

// Readers go on while others put, evict and rebuild, and never get another one's value.
func TestCacheIsSharedByReaders(t *testing.T) {
	c := engine.NewCache(64, func(k int) uint64 { return uint64(k % 7) }, func(int) {})
	var all sync.WaitGroup
	for seed := range 4 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(seed)))
			for range 5_000 {
				k := rng.IntN(100)
				v := c.Get(k)
				if v == nil {
					v = c.Put(k, -k)
				} else if rng.IntN(8) == 0 {
					c.Remove(k, v)
				}
				if v.Value != -k {
					t.Errorf("%d has %d", k, v.Value)
					return
				}
			}
		})
	}
	all.Wait()
}
