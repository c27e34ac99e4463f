package session_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// million is the sessions that the benchmarks keep: those of a tenant of a hundred thousand
// members, who have ten each on two devices, and of ten small tenants.
const million = 1_000_000

func millionSession(i int, at time.Time) session.Session {
	_, id := session.NewToken()
	s := session.Session{
		ID: id, Tenant: "acme", Member: session.MemberID(fmt.Sprintf("member-%06d", i%100_000)),
		Stamp: session.Stamp{
			Policy: session.Version{Line: 7, Number: 5}, Member: session.Version{Line: 9, Number: 3},
			Client: []session.Client{session.Web, session.Mobile}[i/100_000%2],
		},
		Addr: netip.AddrFrom4([4]byte{1, 208, byte(i >> 8), byte(i)}), Country: korea,
		Device: fmt.Sprintf("device-%06d-%d", i%100_000, i/100_000%2), System: []string{"Windows 11", "iOS 19"}[i/100_000%2],
		Created: at, Seen: at, Idle: 30 * 24 * time.Hour,
	}
	if i%100 == 0 {
		s.Tenant = session.TenantID(fmt.Sprintf("small-%d", i/100%10))
	}
	return s
}

func millionStore(b *testing.B) (*session.MemStore, []session.ID) {
	if testing.Short() {
		b.Skip("keeps a million sessions")
	}
	s := session.NewMemStore()
	ids := make([]session.ID, million)
	for i := range million {
		n := millionSession(i, noon.Add(time.Duration(i)*time.Millisecond))
		ids[i] = n.ID
		create(b, s, n)
	}
	return s, ids
}

// BenchmarkMillionMemory tells what a session takes, its visit and its part of all indexes
// included; ns/op is what creating one takes.
func BenchmarkMillionMemory(b *testing.B) {
	for range b.N {
		b.StopTimer()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b.StartTimer()
		start := time.Now()
		s, ids := millionStore(b)
		created := time.Since(start)
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc-million*32)/million, "B/session")
		b.ReportMetric(float64(created.Nanoseconds())/million, "ns/create")
		runtime.KeepAlive(s)
		runtime.KeepAlive(ids)
	}
}

// BenchmarkMillionEnd tells what it takes to end sessions among a million: those of one
// member, one device, a small tenant of a thousand, and the large tenant of 990,000. Run
// it with -benchtime 1x: in further turns tenants have ended already and are only walked.
func BenchmarkMillionEnd(b *testing.B) {
	s, _ := millionStore(b)
	ctx, line := context.Background(), uint64(5)
	order := session.Order{Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients}
	// A session that has ended stays. So each turn creates what it ends, on the next version.
	again := func(b *testing.B, i int) {
		n := millionSession(i, noon.Add(time.Duration(line)*time.Hour))
		create(b, s, n)
	}
	end := func(b *testing.B, o session.Order, want int) {
		if n, err := s.EndAll(ctx, o, noon); n != want || err != nil {
			b.Fatalf("%d sessions were ended, %v; want %d", n, err, want)
		}
	}
	m, want, small := 1, 10, 0
	b.Run("member", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o := order
			o.Member = session.MemberID(fmt.Sprintf("member-%06d", m))
			end(b, o, want)
			if m++; m%100 == 0 {
				m++
			}
			if m > 99_000 { // all have ended: what is left is the walk
				m, want = 1, 0
			}
		}
	})
	b.Run("device", func(b *testing.B) {
		b.ReportAllocs()
		i := 50_001
		for b.Loop() {
			b.StopTimer()
			again(b, i)
			b.StartTimer()
			o := order
			o.Device = fmt.Sprintf("device-%06d-0", i%100_000)
			if n, err := s.EndAll(ctx, o, noon); n < 1 || n > 6 || err != nil {
				b.Fatal(n, err)
			}
			if i++; i%100 == 0 {
				i++
			}
			if i > 99_000 {
				i = 50_001
			}
		}
	})
	b.Run("tenant of 1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o := order
			o.Tenant = session.TenantID(fmt.Sprintf("small-%d", small%10))
			if n, err := s.EndAll(ctx, o, noon); small < 10 && n != 1000 || err != nil {
				b.Fatal(n, err)
			}
			small++
		}
	})
	b.Run("tenant of 990000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.EndAll(ctx, order, noon); err != nil {
				b.Fatal(err)
			}
		}
		if left, err := s.List(ctx, "acme", session.Query{LiveAt: noon, Max: 1}); len(left) != 0 || err != nil {
			b.Fatalf("%d sessions are left, %v", len(left), err)
		}
	})
}

// BenchmarkMillionFind finds and touches sessions among a million from all processors.
func BenchmarkMillionFind(b *testing.B) {
	s, ids := millionStore(b)
	ctx := context.Background()
	for _, touches := range []bool{false, true} {
		b.Run(fmt.Sprintf("touch=%v", touches), func(b *testing.B) {
			b.ReportAllocs()
			var start atomic.Int64
			b.RunParallel(func(p *testing.PB) {
				i := int(start.Add(333_333))
				for p.Next() {
					i = (i + 7919) % million
					of := session.TenantID("acme")
					if i%100 == 0 {
						continue
					}
					var err error
					if touches {
						err = s.Touch(ctx, of, ids[i], noon.Add(time.Hour), netip.Addr{}, geo.Country{})
					} else {
						_, err = s.Find(ctx, of, ids[i])
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
