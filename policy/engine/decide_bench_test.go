package engine_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// decideBench is 65,536 requests in random order, so that neither branch prediction nor
// caches see more than a server's do, with the reason that is right for each.
type decideBench struct {
	engine   *engine.Engine
	host     *decideHost
	record   policy.Record
	policy   *policy.Policy
	requests []engine.Request
	attempts []policy.Attempt
	want     []policy.Reason
}

func newDecideBench(b testing.TB, entries int, o *engine.Options) *decideBench {
	rng := rand.New(rand.NewPCG(uint64(entries), 65536))
	x := &decideBench{host: newDecideHost()}
	s := policy.Settings{Access: policy.DesignatedAddresses}
	addr := func(block, offset uint32) netip.Addr {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], block<<8|offset)
		return netip.AddrFrom4(a)
	}
	in, have := []uint32{}, map[uint32]bool{}
	for len(in) < entries {
		block := 0x010000 + rng.Uint32N(0xdf0000)
		r := ipset.RangeOf(netip.PrefixFrom(addr(block, 0), 24))
		if have[block] || ipset.SpecialPurpose(r) != "" {
			continue
		}
		have[block] = true
		in = append(in, block)
		s.Designated = append(s.Designated, policy.Entry{Range: r})
	}
	x.record = x.host.put(b, policy.Record{Tenant: "acme", Settings: s})
	people := make([]member.Member, 256)
	for i := range people {
		people[i] = decideMember("acme", member.ID(fmt.Sprint("member-", i)))
		x.host.set(people[i])
	}
	x.engine = decideEngine(b, x.host, o)
	var err error
	if x.policy, err = policy.Compile(s, policy.Standard(), nil); err != nil {
		b.Fatal(err)
	}
	clients := []session.Client{session.Web, session.Desktop, session.Mobile, session.IMAP}
	for i := range 1 << 16 {
		block, want := in[rng.IntN(len(in))], policy.ReasonAddressDesignated
		if i&1 == 0 {
			for want = policy.ReasonAddressNotDesignated; have[block]; {
				block = 0x010000 + rng.Uint32N(0xdf0000)
			}
		}
		m := &people[rng.IntN(len(people))]
		a := policy.Attempt{Addr: addr(block, rng.Uint32N(256)), Client: clients[rng.IntN(len(clients))], Member: m, Request: true}
		x.attempts = append(x.attempts, a)
		x.requests = append(x.requests, engine.Request{Tenant: "acme", Member: m.ID, Addr: a.Addr,
			Stamp: session.Stamp{Policy: x.record.Version, Member: m.Version, Client: a.Client}})
		x.want = append(x.want, want)
	}
	rng.Shuffle(len(x.want), func(i, j int) {
		x.attempts[i], x.attempts[j] = x.attempts[j], x.attempts[i]
		x.requests[i], x.requests[j] = x.requests[j], x.requests[i]
		x.want[i], x.want[j] = x.want[j], x.want[i]
	})
	return x
}

func (x *decideBench) check(b testing.TB, i int) {
	i &= 1<<16 - 1
	if d, err := x.engine.Check(context.Background(), x.requests[i]); d.Reason != x.want[i] {
		b.Fatalf("%+v: %v, %v", x.requests[i], d, err)
	}
}

func (x *decideBench) evaluate(b testing.TB, i int) {
	i &= 1<<16 - 1
	if d := x.policy.Evaluate(x.attempts[i]); d.Reason != x.want[i] {
		b.Fatalf("%+v: %v", x.attempts[i], d)
	}
}

// saving saves the same settings each 100 ms, by an engine of its own kind, until the
// function that it returns is called.
func (x *decideBench) saving(b testing.TB) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
			r := x.host.put(b, x.record)
			x.record.Version = session.Version{}
			if _, _, err := x.engine.Admit(context.Background(), engine.Login{Tenant: r.Tenant, Member: "member-1"}); err != nil {
				b.Error(err)
			}
		}
	}()
	x.record.Version = session.Version{}
	return func() { close(end); <-done }
}

// BenchmarkCheck is Check with its cache hit, and Evaluate on the same inputs in the same
// run: the ratio of the two is what counts.
func BenchmarkCheck(b *testing.B) {
	for _, entries := range []int{20, 1000} {
		x := newDecideBench(b, entries, nil)
		for _, m := range decidePeopleOf(x) {
			decideWarm(b, x, m)
		}
		run := func(name string, f func(testing.TB, int)) {
			b.Run(fmt.Sprintf("%s/%d", name, entries), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					f(b, i)
					i++
				}
			})
			b.Run(fmt.Sprintf("%s/%d/parallel", name, entries), func(b *testing.B) {
				b.ReportAllocs()
				var from atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					i := int(from.Add(1 << 12))
					for pb.Next() {
						f(b, i)
						i++
					}
				})
			})
		}
		run("evaluate", x.evaluate)
		run("check", x.check)
		stop := x.saving(b)
		run("saving", x.check)
		stop()
	}
}

func decidePeopleOf(x *decideBench) (all []engine.Request) {
	seen := map[member.ID]bool{}
	for _, r := range x.requests {
		if !seen[r.Member] {
			seen[r.Member] = true
			all = append(all, r)
		}
	}
	return all
}

func decideWarm(b testing.TB, x *decideBench, r engine.Request) {
	if _, err := x.engine.Check(context.Background(), r); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCheckTenants has each request be of another tenant, so that no cache of the
// processor holds what it needs.
func BenchmarkCheckTenants(b *testing.B) {
	h := newDecideHost()
	e := decideEngine(b, h, nil)
	const tenants = 10_000
	requests := make([]engine.Request, tenants)
	for i, j := range rand.Perm(tenants) {
		id := session.TenantID(fmt.Sprint("tenant-", i))
		s := decideSettings(policy.DesignatedAddresses, policy.Deny, false)
		h.put(b, policy.Record{Tenant: id, Settings: s})
		h.set(decideMember(id, "lee"))
		l := decideLee
		l.Tenant = id
		requests[j] = decideAdmit(b, e, l)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if d, err := e.Check(context.Background(), requests[i%tenants]); d.Reason != policy.ReasonAddressDesignated {
			b.Fatal(d, err)
		}
		i++
	}
}

// BenchmarkAdmit is a login with a store in memory.
func BenchmarkAdmit(b *testing.B) {
	h := decideSmall(b)
	e := decideEngine(b, h, nil)
	b.ReportAllocs()
	for b.Loop() {
		decideAdmit(b, e, decideLee)
	}
}

// Check allocates nothing where it has copies: for what is let in, refused and cut, with
// exceptions, ends, member cuts, a draft and a return.
func TestNoAllocs(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	h := newDecideHost()
	e := decideEngine(t, h, nil)
	plain := decideSettings(policy.DesignatedAddresses, policy.Verify, false)
	ends := decideSettings(policy.DesignatedAddresses, policy.Deny, false)
	ends.Exceptions = []policy.Exception{{Member: "lee", Until: time.Now().Add(time.Hour)}}
	for why, r := range map[string]policy.Record{
		"designated": {Settings: plain},
		"overseas":   {Settings: decideSettings(policy.AllAddresses, policy.Deny, true)},
		"ends":       {Settings: ends},
		"draft":      {Settings: plain, Draft: &policy.Draft{Number: 1, Settings: ends}},
		"return":     {Settings: ends, Return: &policy.Return{At: time.Now().Add(time.Hour), Settings: plain}},
	} {
		r.Tenant = session.TenantID(why)
		r.Version = session.Version{Line: 1, Number: 5}
		r.MemberCuts = map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(session.AllClients, 3)}
		if r.Return != nil {
			r.Return.MemberCuts = r.MemberCuts
		}
		r = h.put(t, r)
		h.set(decideMember(r.Tenant, "lee"))
		h.set(decideMember(r.Tenant, "kim"))
		for _, id := range []member.ID{"lee", "kim"} {
			for _, addr := range []netip.Addr{decideOffice, decideAbroad, {}} {
				for number := uint64(1); number <= 5; number += 2 {
					req := engine.Request{Tenant: r.Tenant, Member: id, Addr: addr,
						Stamp: session.Stamp{Client: session.Web, Verified: true, Country: decideUS, Policy: session.Version{Line: 1, Number: number}}}
					if n := testing.AllocsPerRun(1000, func() { _, _ = e.Check(t.Context(), req) }); n != 0 {
						d, err := e.Check(t.Context(), req)
						t.Errorf("%s: %v allocations on the way to %v, %v", why, n, d, err)
					}
				}
			}
		}
	}
}
