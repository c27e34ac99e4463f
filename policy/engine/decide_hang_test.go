package engine_test

import (
	"context"
	"fmt"
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
	free chan struct{}

	mu          sync.Mutex
	under, most int
	calls       int
}

func (s *hangStore) hang(t session.TenantID) {
	if !strings.HasPrefix(string(t), "stuck") {
		return
	}
	s.mu.Lock()
	s.calls++
	s.under++
	s.most = max(s.most, s.under)
	s.mu.Unlock()
	<-s.free
	s.mu.Lock()
	s.under--
	s.mu.Unlock()
}

func (s *hangStore) called() (calls, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.most
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
		if calls, _ := s.called(); calls > minutes+10 || calls < minutes/2 {
			t.Errorf("%d calls in %d minutes; want about one a minute", calls, minutes)
		}
		close(s.free)
		synctest.Wait()
		decideWant(t, e, decideAdmit(t, e, stuck), "allow [all-addresses]", "when the store has returned")
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
		close(s.free)
		synctest.Wait()
		decideAdmit(t, e, decideLee)
		ask(0, places)
		decideAdmit(t, e, decideLee)
		stop()
	})
}
