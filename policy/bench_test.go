package policy_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalBlocks draws blocks of public addresses that do not overlap, of /24 or of
// /48, and as many attempts from inside them as from outside.
type evalBlocks struct {
	rng  *rand.Rand
	v6   bool
	have map[uint64]bool // the bits of each block
	in   []uint64
}

func newEvalBlocks(n int, v6 bool) *evalBlocks {
	b := &evalBlocks{rand.New(rand.NewPCG(uint64(n), 48)), v6, map[uint64]bool{}, nil}
	for len(b.in) < n {
		if block := b.block(); !b.have[block] && len(b.settingsOf(block)) == 1 {
			b.have[block] = true
			b.in = append(b.in, block)
		}
	}
	return b
}

func (b *evalBlocks) block() uint64 {
	if b.v6 {
		return 0x2400<<32 | uint64(b.rng.Uint32N(1<<28)) // within 2400::/20
	}
	return uint64(0x010000 + b.rng.Uint32N(0xdf0000))
}

// addr returns the first or some address in a block.
func (b *evalBlocks) addr(block, offset uint64) netip.Addr {
	var a [16]byte
	if b.v6 {
		binary.BigEndian.PutUint64(a[:], block<<16|offset>>48)
		binary.BigEndian.PutUint64(a[8:], offset)
		return netip.AddrFrom16(a)
	}
	binary.BigEndian.PutUint32(a[:], uint32(block<<8|offset&0xff))
	return netip.AddrFrom4([4]byte(a[:]))
}

// settingsOf returns entries for blocks, leaving out what is not public.
func (b *evalBlocks) settingsOf(blocks ...uint64) (entries []policy.Entry) {
	for _, block := range blocks {
		bits := 24
		if b.v6 {
			bits = 48
		}
		r := ipset.RangeOf(netip.PrefixFrom(b.addr(block, 0), bits))
		if ipset.SpecialPurpose(r) == "" {
			entries = append(entries, policy.Entry{Range: r})
		}
	}
	return entries
}

// evalBenched is an attempt and the decision that is right.
type evalBenched struct {
	attempt policy.Attempt
	want    policy.Reason
}

// attempts returns 65,536 attempts in random order, so that neither branch
// prediction nor caches see more than a server's do.
func (b *evalBlocks) attempts(hit, miss policy.Reason) []evalBenched {
	clients := []session.Client{session.Web, session.Desktop, session.Mobile, session.IMAP}
	members := make([]*member.Member, 256)
	for i := range members {
		members[i] = evalMember(member.ID(fmt.Sprintf("member-%d", i)))
	}
	attempts := make([]evalBenched, 1<<16)
	for i := range attempts {
		x := &attempts[i]
		block := b.in[b.rng.IntN(len(b.in))]
		if x.want = hit; b.rng.IntN(2) == 0 {
			for x.want = miss; b.have[block]; {
				block = b.block()
			}
		}
		x.attempt = policy.Attempt{
			Addr:    b.addr(block, b.rng.Uint64()),
			Client:  clients[b.rng.IntN(len(clients))],
			Member:  members[b.rng.IntN(len(members))],
			Request: b.rng.IntN(4) > 0,
			At:      evalAt,
		}
	}
	return attempts
}

func evalBench(b *testing.B, p *policy.Policy, attempts []evalBenched) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		x := &attempts[i&(1<<16-1)]
		if d := p.Evaluate(x.attempt); d.Reason != x.want {
			b.Fatalf("from %v: got %v; want %v", x.attempt.Addr, d, x.want)
		}
		i++
	}
}

// BenchmarkEvaluate decides by lists of blocks, by lists with exceptions and
// ends, and by country.
func BenchmarkEvaluate(b *testing.B) {
	for _, family := range []string{"IPv4", "IPv6"} {
		for _, n := range []int{20, 1000, 10_000} {
			blocks := newEvalBlocks(n, family == "IPv6")
			s := policy.Settings{Access: policy.DesignatedAddresses, Designated: blocks.settingsOf(blocks.in...)}
			attempts := blocks.attempts(policy.ReasonAddressDesignated, policy.ReasonAddressNotDesignated)
			b.Run(fmt.Sprintf("designated/%s/%d", family, n), func(b *testing.B) {
				evalBench(b, evalCompiled(b, s), attempts)
			})
			if n != 1000 {
				continue
			}
			ends := evalWith(s, func(s *policy.Settings) {
				for i := range s.Designated {
					s.Designated[i].Until = evalAt.Add(1)
				}
				for i := range 20 {
					s.Exceptions = append(s.Exceptions, policy.Exception{Member: member.ID(fmt.Sprintf("excepted-%d", i))})
				}
			})
			b.Run(fmt.Sprintf("ending/%s/%d", family, n), func(b *testing.B) {
				evalBench(b, evalCompiled(b, ends), attempts)
			})
		}
		attempts := newEvalBlocks(1000, family == "IPv6").overseas()
		b.Run("overseas/"+family, func(b *testing.B) {
			evalBench(b, evalCompiled(b, evalOverseas), attempts)
		})
	}
}

// overseas returns attempts of which half come from the exempt country.
func (b *evalBlocks) overseas() []evalBenched {
	attempts := b.attempts(policy.ReasonCountryExempt, policy.ReasonOverseasLogin)
	home := evalHomeMap[0].prefix
	if b.v6 {
		home = evalHomeMap[1].prefix
	}
	for i := range attempts {
		x := &attempts[i]
		switch {
		case x.attempt.Client == session.IMAP:
			x.want = policy.ReasonClientExempt
		case x.want == policy.ReasonCountryExempt: // with the last bits of the block
			to, from := home.Addr().AsSlice(), x.attempt.Addr.AsSlice()
			copy(to[len(to)-2:], from[len(from)-2:])
			x.attempt.Addr, _ = netip.AddrFromSlice(to)
		case home.Contains(x.attempt.Addr):
			x.want = policy.ReasonCountryExempt
		}
	}
	return attempts
}

// evalHomeMap knows one country in each family, in few steps: the time of a
// real database is told by its own benchmark.
var evalHomeMap = evalWorldMap[:2]

// evalCompiled compiles settings as Compile does, without a problem.
func evalCompiled(tb testing.TB, s policy.Settings) *policy.Policy {
	tb.Helper()
	p, err := policy.Compile(s, policy.Standard(), evalHomeMap)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkPolicyMemory tells what a policy at rest costs, in bytes.
func BenchmarkPolicyMemory(b *testing.B) {
	for _, n := range []int{20, 1000, 10_000} {
		blocks := newEvalBlocks(n, false)
		s := policy.Settings{Access: policy.DesignatedAddresses, Designated: blocks.settingsOf(blocks.in...)}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var before, after runtime.MemStats
			kept := make([]*policy.Policy, 0, 20_000/n)
			for b.Loop() {
				kept = kept[:0:cap(kept)]
				clear(kept[:cap(kept)])
				runtime.GC()
				runtime.ReadMemStats(&before)
				for range cap(kept) {
					kept = append(kept, evalCompiled(b, s))
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
			}
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/float64(len(kept)), "B/policy")
			runtime.KeepAlive(kept)
		})
	}
}
