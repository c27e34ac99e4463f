package policytest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// watch starts a Watch, which ends with the test, and returns the last version that it
// told of a tenant.
func watch(t testing.TB, w policy.Watcher) (told func(session.TenantID) session.Version) {
	var mu sync.Mutex
	last := make(map[session.TenantID]session.Version)
	go w.Watch(t.Context(), func(of session.TenantID, v session.Version) {
		mu.Lock()
		defer mu.Unlock()
		last[of] = v
	})
	return func(of session.TenantID) session.Version {
		mu.Lock()
		defer mu.Unlock()
		return last[of]
	}
}

// soon reports whether something comes true while saves go on. A Watch tells of nothing
// before it has begun, which nobody can see, so it is given saves until it tells of one,
// more and more seldom, for it may need its time.
func soon(again func(), come func() bool) bool {
	next := 0
	for i := range 2000 {
		if i == next {
			again()
			next = 3*i + 1
		}
		if come() {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

func watchTells(t testing.TB, s policy.Store, w policy.Watcher) {
	one, two := watch(t, w), watch(t, w)
	for _, of := range []session.TenantID{acme, "ACME ", "名前 '\""} {
		r := enrol(t, s, of)
		if !soon(func() { r = advance(t, s, r) }, func() bool { return one(of) == r.Version && two(of) == r.Version }) {
			t.Fatalf("%q is at %v; two that watch were told %v and %v", of, r.Version, one(of), two(of))
		}
		for range 3 { // having begun, it tells of each
			r = advance(t, s, r)
			if !soon(func() {}, func() bool { return one(of) == r.Version && two(of) == r.Version }) {
				t.Fatalf("%q is at %v; two that watch were told %v and %v", of, r.Version, one(of), two(of))
			}
		}
	}
	if v := one("acme "); v != (session.Version{}) {
		t.Errorf("told of %v of a tenant that was never saved", v)
	}
}

func watchEnds(t testing.TB, s policy.Store, w policy.Watcher) {
	r := enrol(t, s, acme)
	for _, ctx := range ended(t) {
		if err := w.Watch(ctx, func(session.TenantID, session.Version) {}); !errors.Is(err, ctx.Err()) {
			t.Errorf("Watch with a context that says %v returned %v", ctx.Err(), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	calls := 0
	done := make(chan error, 1)
	go func() {
		done <- w.Watch(ctx, func(session.TenantID, session.Version) {
			mu.Lock()
			defer mu.Unlock()
			calls++
		})
	}()
	called := func() int {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
	if !soon(func() { r = advance(t, s, r) }, func() bool { return called() > 0 }) {
		cancel()
		t.Fatal("Watch told of nothing")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v when its context was cancelled", err)
	}
	before := called()
	advance(t, s, r)
	time.Sleep(20 * time.Millisecond)
	if after := called(); after != before {
		t.Errorf("changed was called %d times after Watch had returned", after-before)
	}
}

func watchClosely(t testing.TB, s policy.Store, w policy.Watcher) {
	told := watch(t, w)
	r := enrol(t, s, acme)
	if !soon(func() { r = advance(t, s, r) }, func() bool { return told(acme) == r.Version }) {
		t.Fatalf("%q is at %v; told was %v", acme, r.Version, told(acme))
	}
	for round := range 5 {
		for range 20 {
			r = advance(t, s, r)
		}
		if !soon(func() {}, func() bool { return told(acme) == r.Version }) {
			t.Fatalf("round %d of saves ended at %v; the last that was told is %v", round, r.Version, told(acme))
		}
	}
}

func watchBlocks(t testing.TB, s policy.Store, w policy.Watcher) {
	r := enrol(t, s, acme) // before anybody watches: a Store that waits for them would hold it up for ever
	release := make(chan struct{})
	var begun sync.Once
	blocked := make(chan struct{})
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		w.Watch(ctx, func(session.TenantID, session.Version) {
			begun.Do(func() { close(blocked) })
			<-release
		})
	}()
	defer func() {
		cancel()
		close(release)
		<-ended
	}()
	told := watch(t, w)
	advanced := func(n int) bool { // beside the test, so that a Save that is held up is told
		done, last := make(chan policy.Record, 1), r
		go func() {
			for range n {
				n := next(last)
				if _, err := s.Save(ctx, last.Version, n, event(n), nil); err != nil {
					break
				}
				last = n
			}
			done <- last
		}()
		return soon(func() {}, func() bool {
			select {
			case r = <-done:
				return true
			default:
				return false
			}
		})
	}
	for held := false; !held; { // until it blocks
		was := r.Version
		if !advanced(1) {
			t.Fatal("a Save does not return while a changed blocks")
		}
		select {
		case <-blocked:
			held = true
		case <-time.After(20 * time.Millisecond):
			if was.Number > 500 {
				t.Fatal("Watch told of nothing")
			}
		}
	}
	if !advanced(300) {
		t.Fatal("a Save does not return while a changed blocks")
	}
	if !soon(func() {}, func() bool { return told(acme) == r.Version }) {
		t.Errorf("one that watches beside one that blocks was told %v; want %v", told(acme), r.Version)
	}
}
