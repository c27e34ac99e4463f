package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

const (
	ourCheck = "Engine.Check"
	oneCore  = "one goroutine"
	twoCores = "two goroutines"
)

// office is a tenant in an engine whose members make requests, and the policy
// that the engine decides them by.
type office struct {
	engine  *engine.Engine
	store   *policy.MemStore
	record  policy.Record
	policy  *policy.Policy
	members []*member.Member // by number
	byID    map[member.ID]*member.Member
	list    *list
}

// Member implements engine.Members.
func (o *office) Member(_ context.Context, _ session.TenantID, id member.ID) (*member.Member, error) {
	if m := o.byID[id]; m != nil {
		return m, nil
	}
	return nil, session.ErrNotFound
}

// officeOf makes a tenant with n designated routes and 256 members, all of whom
// the engine has asked for already.
func (b *bench) officeOf(family, n int) (*office, error) {
	l, p, err := b.designated(family, n)
	if err != nil {
		return nil, err
	}
	o := &office{
		store:  policy.NewMemStore(),
		record: policy.Record{Tenant: "acme", Version: session.NewLine(), Settings: settingsOf(l.prefixes)},
		policy: p,
		byID:   map[member.ID]*member.Member{},
		list:   l,
	}
	for i := range 256 {
		m := &member.Member{
			Tenant: "acme", ID: member.ID(fmt.Sprintf("member-%d", i)), Status: member.Active, Version: session.Version{Line: 1, Number: 1},
		}
		o.members, o.byID[m.ID] = append(o.members, m), m
	}
	if _, err := o.store.Save(context.Background(), session.Version{}, o.record, session.Event{Tenant: "acme"}, nil); err != nil {
		return nil, err
	}
	if o.engine, err = engine.New(policy.Standard(), o.store, o, nil); err != nil {
		return nil, err
	}
	if o.check(0, len(o.members)) != o.evaluate(0, len(o.members)) {
		return nil, fmt.Errorf("%s and %s differ", ourCheck, ourEvaluate)
	}
	return o, nil
}

// request is the request of question i.
func (o *office) request(i int) engine.Request {
	m := o.members[i%len(o.members)]
	return engine.Request{Tenant: "acme", Member: m.ID, Addr: o.list.questions[i], Stamp: session.Stamp{
		Client: session.Web, Policy: o.record.Version, Member: m.Version,
	}}
}

func (o *office) check(from, to int) (allowed int) {
	ctx := context.Background()
	for i := from; i < to; i++ {
		d, _ := o.engine.Check(ctx, o.request(i))
		allowed += one(d.Effect == policy.Allow)
	}
	return allowed
}

func (o *office) evaluate(from, to int) (allowed int) {
	for i := from; i < to; i++ {
		d := o.policy.Evaluate(policy.Attempt{
			Addr: o.list.questions[i], Client: session.Web, Member: o.members[i%len(o.members)], Request: true,
		})
		allowed += one(d.Effect == policy.Allow)
	}
	return allowed
}

// checkTwice is check by two goroutines, each with half of the questions.
func (o *office) checkTwice(from, to int) (allowed int) {
	var other int
	var wait sync.WaitGroup
	middle := (from + to) / 2
	wait.Go(func() { other = o.check(from, middle) })
	allowed = o.check(middle, to)
	wait.Wait()
	return allowed + other
}

// save saves the same settings anew each 100 ms, and has the engine read them,
// until the function that it returns is called.
func (o *office) save() (stop func() error) {
	end, done := make(chan struct{}), make(chan error)
	go func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		r, ctx := o.record, context.Background()
		for {
			select {
			case <-end:
				done <- nil
				return
			case <-every.C:
			}
			last := r.Version
			r.Version.Number++
			_, err := o.store.Save(ctx, last, r, session.Event{Tenant: r.Tenant}, nil)
			if err == nil {
				_, _, err = o.engine.Admit(ctx, engine.Login{Tenant: r.Tenant, Member: o.members[0].ID})
			}
			if err != nil {
				<-end
				done <- err
				return
			}
		}
	}()
	return func() error { close(end); return <-done }
}

// check measures the question of every request of a session, by an engine that
// has its copies, against the decision alone.
func (b *bench) check() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourCheck, ourEvaluate},
		claims: []claim{{against: ourEvaluate, goal: mustGoal("at most 3")}},
		notes: []string{
			"A request of one of 256 members of a tenant, whose settings and members the engine has copies of: it finds both by name,",
			"looks whether they are too old and whether the session is cut, and decides. Half of the requests are refused.",
		},
	}
	for _, family := range families {
		for _, n := range []int{20, 1000} {
			o, err := b.officeOf(family, n)
			if err != nil {
				return nil, err
			}
			contenders := []contender{
				{name: ourCheck, questions: cycle, run: o.check},
				{name: ourEvaluate, questions: cycle, run: o.evaluate},
			}
			if err := agree(o.list, contenders); err != nil {
				return nil, err
			}
			r.add(o.list.name, namesOf(contenders), measure(b.effort(4*time.Millisecond, 60), contenders))
		}
	}
	return r, nil
}

// cores measures what a second processor adds while settings are saved.
func (b *bench) cores() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{oneCore, twoCores},
		claims: []claim{{against: twoCores, goal: mustGoal("at least 1.8 times the throughput")}},
		notes:  []string{ourCheck + " of a tenant with 1,000 entries that are saved anew each 100 ms, on one processor and on two at once."},
	}
	if runtime.GOMAXPROCS(0) < 2 {
		r.notes = append(r.notes, "There is only one processor here, so nothing is measured.")
		return r, nil
	}
	o, err := b.officeOf(4, 1000)
	if err != nil {
		return nil, err
	}
	if got, want := o.checkTwice(0, cycle), o.check(0, cycle); got != want {
		return nil, fmt.Errorf("%s allow %d, and %s %d", twoCores, got, oneCore, want)
	}
	contenders := []contender{{name: oneCore, questions: cycle, run: o.check}, {name: twoCores, questions: cycle, run: o.checkTwice}}
	stop := o.save()
	costs := measure(b.effort(8*time.Millisecond, 60), contenders)
	if err := stop(); err != nil {
		return nil, err
	}
	r.add("IPv4 1,000, saved meanwhile", namesOf(contenders), costs)
	return r, nil
}
