package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// table is the host's table of users.
type table struct {
	mu      sync.Mutex
	members map[member.ID]member.Member
}

func (h *table) Member(_ context.Context, _ session.TenantID, id member.ID) (*member.Member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.members[id]
	if !ok {
		return nil, session.ErrNotFound
	}
	return &m, nil
}

// cut ends the sessions of a member, as a host with a table of its own does, and returns
// the order that says so.
func (h *table) cut(t testing.TB, id member.ID) session.Order {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	m.Version = must[session.Version](t)(m.Version.Next())
	m.Cuts = m.Cuts.Cut(session.AllClients, m.Version.Number)
	h.members[id] = m
	return session.Order{ID: "order", Kind: session.SignOut, Tenant: acme, Member: id, Clients: session.AllClients, Membership: m.Version, At: time.Now()}
}

// Two nodes have clients and engines of their own, and the records of tenants and members
// in what stands for their database. What node A ends B finds dead in Redis at once, and
// B's engine, which looks at nothing but its copies, is told, for MaxStale is far away.
func TestGuarantee14WhatOneNodeEndsAnotherRefuses(t *testing.T) {
	addr := shared(t)
	p := prefix(t, client(t, addr))
	var untold atomic.Bool // Redis had no time, as on a machine that has too much to do
	a := must[*redisstore.DB](t)(redisstore.New(t.Context(), client(t, addr), &redisstore.Options{Prefix: p, Failed: func(error) { untold.Store(true) }}))
	if err := a.NewLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := open(t, client(t, addr), p)
	records, users := policy.NewMemStore(), &table{members: map[member.ID]member.Member{}}
	for _, id := range []member.ID{"kim", "lee"} {
		users.members[id] = member.Member{Tenant: acme, ID: id, Status: member.Active, Version: session.NewLine()}
	}
	node := func(db *redisstore.DB) *engine.Engine {
		o := engine.Options{Revoker: db.Sessions(), MaxStale: 5 * time.Minute}
		eng := must[*engine.Engine](t)(engine.New(policy.Standard(), db.Told(records), users, &o))
		if f := eng.Found(); !f.Watches || !f.Remembers || !f.Logs {
			t.Errorf("the engine finds %+v in the store", f)
		}
		return eng
	}
	engA, engB := node(a), node(b)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { engB.Run(ctx) })
	running.Go(func() { b.FollowMembers(ctx, engB.MemberChanged) })
	defer running.Wait()
	defer cancel()
	saved := must[engine.Saved](t)(engA.Enroll(ctx, engine.Enrollment{Tenant: acme}))
	enter := func(id member.ID) session.Session {
		d, stamp, err := engA.Admit(ctx, engine.Login{Tenant: acme, Member: id, Client: session.Web, Addr: seoulOffice, Authenticated: true})
		if err != nil || !d.Allowed() {
			t.Fatal(d, err)
		}
		n := login(id)
		n.Stamp = stamp
		if err := a.Sessions().Create(ctx, n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	check := func(n session.Session) policy.Decision {
		d, _ := engB.Check(ctx, engine.Request{Tenant: acme, Member: n.Member, Stamp: n.Stamp, Addr: seoulOffice})
		return d
	}
	for _, row := range []struct {
		what string
		who  member.ID
		end  func(n int)
	}{
		{"a member's end", "lee", func(int) {
			order := users.cut(t, "lee") // in the record of the member, and then
			if err := a.Sessions().Revoke(ctx, order); err != nil {
				t.Fatal(err)
			}
			if err := a.TellMember(ctx, acme, "lee", order.Membership); err != nil {
				t.Fatal(err)
			}
		}},
		{"a tenant's cut", "kim", func(n int) {
			settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{
				{Range: ipset.RangeOf(netip.PrefixFrom(seoulOffice, 24).Masked())}, {Range: ipset.RangeOf(netip.MustParsePrefix(fmt.Sprintf("8.9.%d.0/24", n)))},
			}}
			saved = must[engine.Saved](t)(engA.Save(ctx, engine.Save{Act: engine.Act{Tenant: acme, From: saved.Version}, Settings: settings}))
		}},
	} {
		for n := 0; ; n++ {
			one := enter(row.who)
			if d := check(one); !d.Allowed() {
				t.Fatalf("before %s: %v", row.what, d)
			}
			untold.Store(false)
			row.end(n)
			if untold.Load() {
				continue
			}
			acknowledged := time.Now()
			if found, err := b.Sessions().Find(ctx, acme, one.ID); err != nil || found.Live(time.Now()) || found.Why != string(session.SignOut) {
				t.Errorf("after %s node B finds the session in Redis, live %v, %q, %v", row.what, found.Live(time.Now()), found.Why, err)
			}
			for d := check(one); d.Reason != policy.ReasonSessionCut; d = check(one) {
				if !d.Allowed() || time.Since(acknowledged) > time.Minute {
					t.Fatalf("%v after %s the engine of node B says %v", time.Since(acknowledged), row.what, d)
				}
				time.Sleep(time.Millisecond)
			}
			t.Logf("%s: the engine of node B refuses after %v", row.what, time.Since(acknowledged).Round(time.Millisecond))
			break
		}
	}
	if live, err := alive(b.Sessions(), enter("kim")); !live {
		t.Errorf("a login after the cut does not live: %v", err)
	}
}

// A message that never comes, because Redis failed at that moment, does not fail the save.
func TestSaveIsNotHeldUp(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	pre := prefix(t, direct)
	drawn(t, direct, pre)
	var told error
	db, err := redisstore.New(t.Context(), impatient(t, p.addr), &redisstore.Options{Prefix: pre, Failed: func(err error) { told = err }})
	if err != nil {
		t.Fatal(err)
	}
	store := db.Told(policy.NewMemStore())
	r := policy.Record{Tenant: acme, Version: session.NewLine()}
	p.set(silent)
	v, err := store.Save(t.Context(), session.Version{}, r, session.Event{ID: "e", Tenant: acme, At: time.Now(), Policy: r.Version}, nil)
	if v != r.Version || err != nil {
		t.Errorf("Save while Redis does not answer: %v, %v", v, err)
	}
	if told == nil || errors.Is(told, redisstore.ErrLost) {
		t.Errorf("Options.Failed was told %v", told)
	}
}

// A save that the host may yet take back is not told: what its orders mean would be ended
// for nothing, now and at the next save, which has the same number.
func TestUncommittedIsNotTold(t *testing.T) {
	c := client(t, shared(t))
	db := drawn(t, c, prefix(t, c))
	r := policy.Record{Tenant: acme, Version: session.Version{Line: 7, Number: 6}} // one after that of a login
	o := session.Order{ID: "o", Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, Policy: r.Version}
	e := session.Event{ID: "e", Tenant: acme, At: time.Now(), Policy: r.Version}
	type whole struct { // as the store of sqlstore is
		uncommitted
		policy.Historian
		session.Log
	}
	type remembers struct {
		uncommitted
		policy.Historian
	}
	type logs struct {
		uncommitted
		session.Log
	}
	mem := policy.NewMemStore
	for _, row := range []struct {
		why    string
		store  policy.Store
		joined bool
	}{
		{"in a transaction of the host", uncommitted{mem(), true}, true},
		{"with history and log", whole{uncommitted{mem(), true}, mem(), mem()}, true},
		{"with history", remembers{uncommitted{mem(), true}, mem()}, true},
		{"with a log", logs{uncommitted{mem(), true}, mem()}, true},
		{"told twice", db.Told(whole{uncommitted{mem(), true}, mem(), mem()}), true},
		{"of a store that has joined no transaction", whole{uncommitted{mem(), false}, mem(), mem()}, false},
		{"of a store that can join none", mem(), false},
	} {
		n := begun(t, db.Sessions(), "kim")
		told := db.Told(row.store)
		if u, ok := told.(session.Uncommitted); !ok || u.Uncommitted() != row.joined {
			t.Errorf("%s: the store that tells is a session.Uncommitted: %v, and what it says is not %v", row.why, ok, row.joined)
		}
		if _, err := told.Save(t.Context(), session.Version{}, r, e, []session.Order{o}); err != nil {
			t.Fatal(err)
		}
		if live, err := alive(db.Sessions(), n); live != row.joined || err != nil {
			t.Errorf("after a save %s the session is live: %v, %v; want %v", row.why, live, err, row.joined)
		}
	}
}

type uncommitted struct {
	policy.Store
	joined bool
}

func (u uncommitted) Uncommitted() bool { return u.joined }

// A Watch goes on where it was when messages are lost, and tells what was told while it was
// not there.
func TestNothingToldIsMissed(t *testing.T) {
	direct := client(t, shared(t))
	p := newProxy(t, direct.Options().Addr)
	pre := prefix(t, direct)
	teller := drawn(t, direct, pre)
	hearer := open(t, impatient(t, p.addr), pre)
	heard := make(chan session.MemberID, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- hearer.FollowMembers(ctx, func(_ session.TenantID, id session.MemberID) { heard <- id })
	}()
	for i, f := range []fault{none, cut, silent, none} {
		id := session.MemberID(fmt.Sprint("member", i))
		p.set(f)
		if err := teller.TellMember(t.Context(), acme, id, session.Version{Line: 1, Number: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		p.set(none)
		for timeout := time.After(time.Minute); ; {
			select {
			case got := <-heard:
				if got != id {
					continue // told again
				}
			case <-timeout:
				t.Fatalf("a change that was told during fault %d was not heard", f)
			}
			break
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("FollowMembers returns %v", err)
	}
}

// What fails for hours is told once, and then each minute, and not at each of the looks that
// find it so.
func TestFollowMembersIsQuiet(t *testing.T) {
	t.Parallel()
	c := client(t, shared(t))
	looks := make(looked)
	c.AddHook(looks)
	var told atomic.Int32
	db, err := redisstore.New(t.Context(), c, &redisstore.Options{Prefix: rand.Text(), Failed: func(error) { told.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	began := time.Now()
	go func() { done <- db.FollowMembers(ctx, func(session.TenantID, session.MemberID) {}) }() // of a store that was never set up
	for range 4 {                                                                              // what the first three found is told, or not, before the fourth
		<-looks
	}
	cancel()
	n, minutes := int(told.Load()), int(time.Since(began)/time.Minute)
	for running := true; running; {
		select {
		case <-looks:
		case <-done:
			running = false
		}
	}
	if n < 1 || n > 1+minutes {
		t.Errorf("Options.Failed was told %d times in three looks; want once, and once more for each of %d minutes", n, minutes)
	}
}

// looked is a hook of a client that hands out when a script is sent.
type looked chan struct{}

func (looked) DialHook(next redis.DialHook) redis.DialHook { return next }

func (l looked) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" {
			l <- struct{}{}
		}
		return next(ctx, cmd)
	}
}

func (looked) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
