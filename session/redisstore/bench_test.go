package redisstore_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

var many = flag.Int("sessions", 20_000, "sessions that are there in benchmarks of many; 1000000 takes some minutes")

// crowd returns a store in which a tenant has n sessions, ten of each member.
func crowd(b *testing.B, n int) (*redis.Client, *redisstore.DB) {
	b.Helper()
	o := options(serve(b).addr)
	o.PoolSize, o.ReadTimeout = 64, time.Minute
	c := redis.NewClient(o)
	b.Cleanup(func() { c.Close() })
	db := drawn(b, c, "sallyport")
	s := db.Sessions()
	var next atomic.Int64
	var work sync.WaitGroup
	for range 64 {
		work.Go(func() {
			for i := next.Add(1); i <= int64(n) && !b.Failed(); i = next.Add(1) {
				if err := s.Create(context.Background(), login(session.MemberID(fmt.Sprint("member", i/10)))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return c, db
}

// One session among many, each call one round trip.
func BenchmarkSession(b *testing.B) {
	_, db := crowd(b, *many)
	s := db.Sessions()
	ctx := context.Background()
	var all []session.Session
	for range 1000 {
		all = append(all, begun(b, s, "bench"))
	}
	one := func(i int) session.Session { return all[i%len(all)] }
	for _, bench := range []struct {
		name string
		do   func(i int) error
	}{
		{"begin", func(int) error { return s.Create(ctx, login("kim")) }},
		{"find", func(i int) error { _, err := s.Find(ctx, acme, one(i).ID); return err }},
		{"touch", func(i int) error { return s.Touch(ctx, acme, one(i).ID, time.Now(), seoul, one(i).Country) }},
		{"end", func(i int) error { return s.End(ctx, acme, one(i).ID, time.Now(), "signed out") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := bench.do(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// timed counts commands, and how long the server takes for them if they come one at a time.
type timed struct {
	n     atomic.Int64
	spent atomic.Int64
}

func (h *timed) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *timed) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		h.n.Add(1)
		h.spent.Add(int64(time.Since(began)))
		return err
	}
}

func (h *timed) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// together is how many callers there are at once.
const together = 16

// BenchmarkAdmit is a login with its session, and BenchmarkCheck a request that finds it,
// by an engine whose settings are in memory: alone, with the share of its time that Redis
// takes, and by 16 callers at once.
func BenchmarkAdmit(b *testing.B) {
	decided(b, func(_ *testing.B, enter func() (session.Session, error), _ *engine.Engine) func() error {
		return func() error { _, err := enter(); return err }
	})
}

func BenchmarkCheck(b *testing.B) {
	decided(b, func(b *testing.B, enter func() (session.Session, error), eng *engine.Engine) func() error {
		n, err := enter()
		if err != nil {
			b.Fatal(err)
		}
		return func() error {
			d, err := eng.Check(b.Context(), engine.Request{Tenant: acme, Member: n.Member, Session: n.ID, Stamp: n.Stamp, Addr: seoulOffice})
			if err == nil && !d.Allowed() {
				err = fmt.Errorf("%v", d)
			}
			return err
		}
	})
}

func decided(b *testing.B, prepare func(b *testing.B, enter func() (session.Session, error), eng *engine.Engine) func() error) {
	sent := &timed{}
	o := options(serve(b).addr)
	o.PoolSize = 2 * together
	c := redis.NewClient(o)
	b.Cleanup(func() { c.Close() })
	c.AddHook(sent)
	db := drawn(b, c, "sallyport")
	eng, err := engine.New(policy.Standard(), db.Told(policy.NewMemStore()), staff{}, &engine.Options{Sessions: engine.SessionsOf(db.Sessions())})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := eng.Enroll(b.Context(), engine.Enrollment{Tenant: acme}); err != nil {
		b.Fatal(err)
	}
	caller := func(i int) func() error {
		who := session.MemberID(fmt.Sprint("member-", i))
		return prepare(b, func() (session.Session, error) {
			d, stamp, err := eng.Admit(b.Context(), engine.Login{Tenant: acme, Member: who, Client: session.Web, Addr: seoulOffice, Authenticated: true})
			if err == nil && !d.Allowed() {
				err = fmt.Errorf("%v", d)
			}
			n := login(who)
			n.Stamp = stamp
			return n, errors.Join(err, db.Sessions().Create(b.Context(), n))
		}, eng)
	}
	b.Run("alone", func(b *testing.B) {
		do := caller(0)
		if err := do(); err != nil { // the server knows the script, and what is cached is there
			b.Fatal(err)
		}
		commands, spent, calls := sent.n.Load(), sent.spent.Load(), 0
		b.ReportAllocs()
		began := time.Now()
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
			calls++
		}
		took := time.Since(began)
		b.ReportMetric(float64(sent.n.Load()-commands)/float64(calls), "commands/op")
		b.ReportMetric(100*float64(sent.spent.Load()-spent)/float64(took), "%store")
	})
	b.Run(fmt.Sprintf("%d-at-once", together), func(b *testing.B) {
		all := make(chan func() error, together)
		for i := range together {
			all <- caller(i)
		}
		b.SetParallelism(together / runtime.GOMAXPROCS(0))
		b.ResetTimer()
		b.RunParallel(func(more *testing.PB) {
			do := <-all
			for more.Next() {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	})
}

// The sessions of one member, ten among many, are ended.
func BenchmarkEndMember(b *testing.B) {
	_, db := crowd(b, *many)
	s := db.Sessions()
	i := 0
	for b.Loop() {
		i++
		o := session.Order{Kind: session.SignOut, Tenant: acme, Member: session.MemberID(fmt.Sprint("member", 1+i%(*many/10-1))), Clients: session.AllClients}
		if n, err := s.EndAll(context.Background(), o, time.Now()); err != nil || i < *many/10-1 && n != 10 {
			b.Fatalf("ended %d sessions, %v; want 10", n, err)
		}
	}
}

// Everybody of a tenant is signed out: by the cut of a save, which is one command, and
// another to tell of it; by EndAll, which writes it at each session; and one by one, which
// takes so long that 20,000 must do.
func BenchmarkSignOut(b *testing.B) {
	ctx := context.Background()
	for _, bench := range []struct {
		name string
		n    int
		do   func(*redisstore.DB, session.Order) error
	}{
		{"cut", *many, func(db *redisstore.DB, o session.Order) error {
			r := policy.Record{Tenant: acme, Version: o.Policy}
			_, err := db.Told(policy.NewMemStore()).Save(ctx, session.Version{}, r, session.Event{ID: "e", Tenant: acme, At: o.At, Policy: o.Policy}, []session.Order{o})
			return err
		}},
		{"end-all", *many, func(db *redisstore.DB, o session.Order) error {
			_, err := db.Sessions().EndAll(ctx, o, time.Now())
			return err
		}},
		{"one-by-one", min(*many, 20_000), func(db *redisstore.DB, o session.Order) error {
			s, q := db.Sessions(), session.Query{}
			for {
				page, err := s.List(ctx, acme, q)
				if err != nil || len(page) == 0 {
					return err
				}
				for _, n := range page {
					if err := s.End(ctx, acme, n.ID, time.Now(), "signed out"); err != nil {
						return err
					}
				}
				q.After = page[len(page)-1].Cursor()
			}
		}},
	} {
		b.Run(fmt.Sprintf("%s/%d", bench.name, bench.n), func(b *testing.B) {
			c, db := crowd(b, bench.n)
			o := session.Order{Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, Policy: session.Version{Line: 7, Number: 6}, At: time.Now()}
			before := calls(b, c)
			begin := time.Now()
			if err := bench.do(db, o); err != nil {
				b.Fatal(err)
			}
			took := time.Since(begin)
			b.ReportMetric(float64(calls(b, c)-before), "commands")
			b.ReportMetric(float64(took.Microseconds())/1000, "ms")
			b.ReportMetric(0, "ns/op")
			memory := infoOf(b, c, "memory", "used_memory:")
			b.ReportMetric(float64(memory/bench.n), "B/session")
			if left, err := db.Sessions().List(ctx, acme, session.Query{Max: 1, LiveAt: time.Now()}); len(left) != 0 || err != nil {
				b.Fatalf("sessions are left live, %v", err)
			}
		})
	}
}

// calls returns how many commands the server was given by clients.
func calls(b *testing.B, c *redis.Client) int {
	return infoOf(b, c, "commandstats", "cmdstat_evalsha:calls=")
}

func infoOf(b *testing.B, c *redis.Client, section, field string) int {
	b.Helper()
	text, err := c.Info(context.Background(), section).Result()
	if err != nil {
		b.Fatal(err)
	}
	var n int
	if _, after, ok := strings.Cut(text, field); ok {
		fmt.Sscan(strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > '9' })[0], &n)
	}
	return n
}
