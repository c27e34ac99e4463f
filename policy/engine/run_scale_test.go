package engine_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

var runTenants = flag.Int("tenants", 100_000, "tenants in one engine, in the tests and benchmarks of many")

const runEntries = 20 // of each tenant

// runMany is a store that makes the record of tenant-i when it is asked for it, so that
// the memory that is measured is the engine's.
type runMany struct {
	session.MemOutbox
	loads, versions atomic.Int64
}

func runNumber(t session.TenantID) int {
	i, err := strconv.Atoi(strings.TrimPrefix(string(t), "tenant-"))
	if err != nil {
		return 0
	}
	return i
}

// runRange is entry j of tenant i: some network of 256 addresses.
func runRange(i, j int) netip.Prefix {
	h := uint32(i*runEntries+j) * 2654435761 // all different
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(h>>16)%100 + 20, byte(h >> 24), byte(h >> 8), 0}), 24)
}

func runVersionOf(i int) session.Version {
	return session.Version{Line: uint32(i + 1), Number: uint64(i%100 + 1)}
}

func (s *runMany) Load(_ context.Context, t session.TenantID) (policy.Record, error) {
	s.loads.Add(1)
	i := runNumber(t)
	r := policy.Record{Tenant: t, Version: runVersionOf(i), At: time.Unix(1, 0)}
	r.Settings.Access = policy.DesignatedAddresses
	for j := range runEntries {
		r.Settings.Designated = append(r.Settings.Designated, policy.Entry{Range: ipset.RangeOf(runRange(i, j)), Label: "Branch office"})
	}
	r.Cuts = r.Cuts.Cut(session.AllClients, r.Version.Number)
	return r, nil
}

func (s *runMany) Version(_ context.Context, t session.TenantID) (session.Version, error) {
	s.versions.Add(1)
	return runVersionOf(runNumber(t)), nil
}

func (s *runMany) Save(context.Context, session.Version, policy.Record, session.Event, []session.Order) (session.Version, error) {
	return session.Version{}, errors.ErrUnsupported
}

// runOne is the member of every tenant.
type runOne struct{}

func (runOne) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 1, Number: 1}}, nil
}

func runManyEngine(t testing.TB, n int) (*engine.Engine, *runMany) {
	store := new(runMany)
	e, err := engine.New(policy.Standard(), store, runOne{}, &engine.Options{MaxTenants: n, MaxMembers: n, MaxStale: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return e, store
}

// runAsk makes a request of a session of tenant i, from its entry j; from elsewhere if j
// is -1.
func runAsk(e *engine.Engine, id session.TenantID, i, j int) (policy.Decision, error) {
	addr := netip.AddrFrom4([4]byte{200, 1, 1, 1})
	if j >= 0 {
		addr = runRange(i, j).Addr().Next()
	}
	stamp := session.Stamp{Policy: runVersionOf(i), Member: session.Version{Line: 1, Number: 1}, Client: session.Web}
	return e.Check(context.Background(), engine.Request{Tenant: id, Member: "kim", Stamp: stamp, Addr: addr})
}

func runHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// All tenants are in one engine, and answer; each was read once.
func TestRunManyTenants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("many tenants take time and memory")
	}
	n := *runTenants
	if underRace {
		n = min(n, 10_000)
	}
	ids := make([]session.TenantID, n)
	for i := range ids {
		ids[i] = runTenant(i)
	}
	synctest.Test(t, func(t *testing.T) { // whose clock stands still meanwhile
		before := runHeap()
		e, store := runManyEngine(t, n)
		for round := range 2 {
			var wait sync.WaitGroup
			const askers = 8
			for asker := range askers {
				wait.Go(func() {
					for i := asker; i < n; i += askers {
						j := (i+round)%(runEntries+1) - 1
						if d, err := runAsk(e, ids[i], i, j); (d.Effect == policy.Allow) != (j >= 0) || err != nil {
							t.Errorf("tenant %d from its entry %d: %v, %v", i, j, d, err)
							return
						}
					}
				})
			}
			wait.Wait()
			if loads, versions := store.loads.Load(), store.versions.Load(); loads != int64(n) || versions != 0 {
				t.Errorf("after round %d: %d records and %d versions were read; want each record once", round+1, loads, versions)
			}
		}
		after := runHeap()
		each := float64(after-before) / float64(n)
		t.Logf("%d tenants of %d entries, with a member each: %.0f bytes each, %.0f MiB in all", n, runEntries, each, float64(after-before)/(1<<20))
		if each > 3000 && !underRace {
			t.Errorf("a tenant takes %.0f bytes with its member; want at most 3,000", each)
		}
		runtime.KeepAlive(e)
	})
}

var runManyOnce = sync.OnceValue(func() func(testing.TB) *engine.Engine {
	var e *engine.Engine
	return func(t testing.TB) *engine.Engine {
		if e == nil {
			e, _ = runManyEngine(t, *runTenants)
			for i := range *runTenants {
				if d, err := runAsk(e, runTenant(i), i, 0); d.Effect != policy.Allow {
					t.Fatal(d, err)
				}
			}
		}
		return e
	}
})

// The time to answer a request of any of many tenants, in random order.
func BenchmarkManyTenants(b *testing.B) {
	n := *runTenants
	e := runManyOnce()(b)
	type ask struct {
		id   session.TenantID
		i, j int
	}
	r := rand.New(rand.NewPCG(5, 6))
	asks := make([]ask, 1<<16)
	for k := range asks {
		i := r.IntN(n)
		asks[k] = ask{runTenant(i), i, r.IntN(runEntries+1) - 1}
	}
	run := func(b *testing.B, k int) {
		a := &asks[k%len(asks)]
		if d, err := runAsk(e, a.id, a.i, a.j); (d.Effect == policy.Allow) != (a.j >= 0) {
			b.Error(*a, d, err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for k := 0; b.Loop(); k++ {
			run(b, k)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for k := rand.IntN(len(asks)); pb.Next(); k++ {
				run(b, k)
			}
		})
	})
}
