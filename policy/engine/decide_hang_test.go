package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// hangStore does not return from calls for tenants whose id begins with "stuck" until it is
// freed, whatever their context says.
type hangStore struct {
	*decideHost

	mu          sync.Mutex
	free        chan struct{}
	under, most int
	began       []time.Time // of each call
}

func (s *hangStore) hang(t session.TenantID) {
	if !strings.HasPrefix(string(t), "stuck") {
		return
	}
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	s.under++
	s.most = max(s.most, s.under)
	free := s.free
	s.mu.Unlock()
	<-free
	s.mu.Lock()
	s.under--
	s.mu.Unlock()
}

// called returns when calls that hung began, and the most that did at once.
func (s *hangStore) called() (began []time.Time, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.began), s.most
}

// release has what hangs return, and hold has what comes later hang again.
func (s *hangStore) release() {
	s.mu.Lock()
	close(s.free)
	s.mu.Unlock()
	synctest.Wait()
}

func (s *hangStore) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = make(chan struct{})
}

func (s *hangStore) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	s.hang(t)
	return s.decideHost.Version(ctx, t)
}

func (s *hangStore) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	s.hang(t)
	return s.decideHost.Load(ctx, t)
}

func hangWorld(t *testing.T, o *engine.Options) (*hangStore, *engine.Engine) {
	h := decideSmall(t)
	h.put(t, policy.Record{Tenant: "stuck"})
	h.set(decideMember("stuck", "lee"))
	s := &hangStore{decideHost: h, free: make(chan struct{})}
	o.Locator = decideWhere{}
	e, err := engine.New(policy.Standard(), s, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

// One record on which the store hangs, and hears no context, costs a call a minute, and
// nobody else waits. When it returns, its tenant is decided for at once.
func TestGuarantee24OneRecordThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hangWorld(t, &engine.Options{})
		stuck := decideLee
		stuck.Tenant = "stuck"
		request := engine.Request{Tenant: "stuck", Member: "lee", Stamp: session.Stamp{Client: session.Web}, Addr: decideOffice}
		const minutes = 60
		for range minutes {
			for range 20 {
				decideWantLogin(t, e, stuck, "deny [policy-stale]", "of the tenant on which the store hangs")
				decideWant(t, e, request, "deny [policy-stale]", "of the tenant on which the store hangs")
				time.Sleep(3 * time.Second)
			}
			began := time.Now()
			decideAdmit(t, e, decideLee)
			if took := time.Since(began); took != 0 {
				t.Fatalf("another tenant's login took %v", took)
			}
		}
		if calls, _ := s.called(); len(calls) > minutes+10 || len(calls) < minutes/2 {
			t.Errorf("%d calls in %d minutes; want about one a minute", len(calls), minutes)
		}
		s.release()
		decideWant(t, e, decideAdmit(t, e, stuck), "allow [all-addresses]", "when the store has returned")
	})
}

// The next call for a record on which the store hangs waits for twice as long each time, at
// most MaxStale. Once those have returned it is as if nothing had been.
func TestGuarantee24TheNextCallWaitsTwiceAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hangWorld(t, &engine.Options{})
		request := engine.Request{Tenant: "stuck", Member: "lee", Stamp: session.Stamp{Client: session.Web}, Addr: decideOffice}
		s.release()
		decideWant(t, e, request, "allow [all-addresses]", "before")
		s.hold()
		time.Sleep(2 * time.Minute) // there is a copy, and it is too old
		for range 300 {
			decideWant(t, e, request, "deny [policy-stale]", "of the tenant on which the store hangs")
			time.Sleep(time.Second)
		}
		began, _ := s.called()
		began = began[1:]                                // of those that were not answered
		want := [...]time.Duration{3, 8, 16, 32, 60, 60} // the first two follow each other: LoadTimeout, and a second until somebody asks
		for i, d := range want {
			if i+1 >= len(began) || began[i+1].Sub(began[i]) != d*time.Second {
				t.Errorf("calls began at %v; want %v seconds between them", began, want)
				break
			}
		}
		s.release()
		decideWant(t, e, request, "allow [all-addresses]", "when the store has returned")
		s.hold()
		time.Sleep(2 * time.Minute)
		before, _ := s.called()
		for range 2 {
			decideWant(t, e, request, "deny [policy-stale]", "when it hangs again")
		}
		if calls, _ := s.called(); len(calls) != len(before)+2 {
			t.Errorf("%d calls when it hangs again; want 2", len(calls)-len(before))
		}
		s.release()
	})
}

// Calls that the host does not return from give up their places to others, a person is told
// of them, and there is an end to them.
func TestGuarantee24CallsThatNeverReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alarms := &decideAlarms{}
		s, e := hangWorld(t, &engine.Options{Observer: alarms})
		stop := runUntil(t, e)
		const most, places = 4096, 256
		ask := func(from, to int) {
			var all sync.WaitGroup
			for i := from; i < to; i++ {
				all.Go(func() {
					_, _ = e.Check(t.Context(), engine.Request{Tenant: session.TenantID(fmt.Sprint("stuck-", i)), Member: "lee"})
				})
			}
			all.Wait()
			time.Sleep(3 * time.Second)
		}
		for i := range most / places {
			ask(i*places, (i+1)*places)
			if i%5 == 0 {
				decideAdmit(t, e, decideLee)
			}
		}
		decideAdmit(t, e, decideLee)
		if n := alarms.count(); n != 9 { // at 16, 32, … 4096
			t.Errorf("%d alarms; want one for each doubling: %v", n, alarms.errs)
		}
		for i := range 5 {
			ask(most+i*places, most+(i+1)*places)
		}
		if _, n := s.called(); n != most+places {
			t.Errorf("%d calls have not returned; want %d at most, and all of them used", n, most+places)
		}
		s.release()
		decideAdmit(t, e, decideLee)
		s.hold()
		ask(0, places) // those that have returned count no more
		if n := alarms.count(); n != 9+5 {
			t.Errorf("%d alarms when %d more do not return; want one for each doubling again: %v", n-9, places, alarms.errs[9:])
		}
		decideAdmit(t, e, decideLee)
		s.release()
		stop()
	})
}
