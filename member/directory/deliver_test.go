package directory_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// hostCalls is a Revoker and a Wiper that note what they are told.
type hostCalls struct {
	mu    sync.Mutex
	told  []session.Order
	reply func(context.Context, session.Order) error
}

func (h *hostCalls) Revoke(ctx context.Context, o session.Order) error { return h.tell(ctx, o) }
func (h *hostCalls) Wipe(ctx context.Context, o session.Order) error   { return h.tell(ctx, o) }

func (h *hostCalls) tell(ctx context.Context, o session.Order) error {
	h.mu.Lock()
	h.told = append(h.told, o)
	reply := h.reply
	h.mu.Unlock()
	if reply != nil {
		return reply(ctx, o)
	}
	return nil
}

func (h *hostCalls) kinds() (kinds []session.OrderKind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.told {
		kinds = append(kinds, o.Kind)
	}
	return kinds
}

func waiting(t *testing.T, f fixture) []session.Order {
	t.Helper()
	orders, err := f.mem.Waiting(t.Context(), "acme", 100)
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

// begin stores a session of kim, stamped as the member is now.
func begin(t *testing.T, f fixture, s *session.MemStore, with session.Session) session.ID {
	t.Helper()
	_, with.ID = session.NewToken()
	with.Tenant, with.Member = "acme", "kim"
	with.Stamp.Member = f.account(t, "kim").Version
	if with.Stamp.Client == 0 {
		with.Stamp.Client = session.Web
	}
	with.Addr = netip.MustParseAddr("203.0.113.7")
	with.Created = time.Now().Round(0)
	with.Seen = with.Created
	if err := s.Create(t.Context(), with); err != nil {
		t.Fatal(err)
	}
	return with.ID
}

func ended(t *testing.T, s *session.MemStore, id session.ID) bool {
	t.Helper()
	found, err := s.Find(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	return !found.Ended.IsZero()
}

func TestOrdersAreDeliveredAtOnce(t *testing.T) {
	ctx := t.Context()
	var sessions session.MemStore
	var host hostCalls
	f := newFixture(t, &directory.Options{Sessions: &sessions, Revoker: &host, Wiper: &host})
	f.adopt(t, "kim")
	if err := f.Do(ctx, directory.Link, "acme", "kim", directory.Facts{Actor: "kim", External: "google:1"}); err != nil {
		t.Fatal(err)
	}
	one := begin(t, f, &sessions, session.Session{})
	onPhone := begin(t, f, &sessions, session.Session{Device: "phone", Stamp: session.Stamp{Client: session.Mobile}})
	byGoogle := begin(t, f, &sessions, session.Session{Via: "google:1"})
	plain := begin(t, f, &sessions, session.Session{})
	all := []session.ID{one, onPhone, byGoogle, plain}
	for _, row := range []struct {
		why  string
		do   func() error
		ends []session.ID
		told []session.OrderKind
	}{
		{"that one", func() error { return f.EndSession(ctx, "boss", "acme", "kim", one, "") }, []session.ID{one}, []session.OrderKind{session.SignOut}},
		{"those that came in by it", func() error { return f.Unlink(ctx, "boss", "acme", "kim", "google:1", "") }, []session.ID{byGoogle}, []session.OrderKind{session.SignOut}},
		{"those on the device", func() error { return f.WipeApp(ctx, "boss", "acme", "kim", "phone", "") }, []session.ID{onPhone}, []session.OrderKind{session.SignOut, session.WipeApp}},
		{"all", func() error { return f.Suspend(ctx, "boss", "acme", "kim", "") }, []session.ID{plain}, []session.OrderKind{session.SignOut}},
	} {
		host.told = nil
		if err := row.do(); err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		for _, id := range all {
			if want := slices.Contains(row.ends, id); ended(t, &sessions, id) != want {
				t.Errorf("%s: session %d has ended: %v; want %v", row.why, slices.Index(all, id), !want, want)
			}
		}
		if !slices.Equal(host.kinds(), row.told) {
			t.Errorf("%s: the host was told %v; want %v", row.why, host.kinds(), row.told)
		}
		if left := waiting(t, f); len(left) != 0 {
			t.Errorf("%s: orders wait: %+v", row.why, left)
		}
		all = slices.DeleteFunc(all, func(id session.ID) bool { return slices.Contains(row.ends, id) })
	}

	// A new line ends what the former one had, of the time that was lost too.
	if err := f.Lift(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	lost := begin(t, f, &sessions, session.Session{})
	old := f.account(t, "kim").Version
	old.Number += 5
	later := session.Session{ID: session.IDOf("later"), Tenant: "acme", Member: "kim", Stamp: session.Stamp{Client: session.Web, Member: old}, Created: time.Now(), Seen: time.Now()}
	if err := sessions.Create(ctx, later); err != nil {
		t.Fatal(err)
	}
	if err := f.DrawLine(ctx, "acme", "kim", "restored"); err != nil {
		t.Fatal(err)
	}
	if !ended(t, &sessions, lost) || !ended(t, &sessions, later.ID) {
		t.Error("a session of the former line is not ended when a new one is drawn")
	}
	if now := begin(t, f, &sessions, session.Session{}); ended(t, &sessions, now) {
		t.Error("a session of the new line is ended")
	}
}

func TestWhatCannotBeCarriedOutIsRefused(t *testing.T) {
	ctx := t.Context()
	var sessions session.MemStore
	f := newFixture(t, &directory.Options{Sessions: &sessions})
	f.adopt(t, "kim")
	f.adopt(t, "lee")
	kims := begin(t, f, &sessions, session.Session{})
	if err := f.EndSession(ctx, "boss", "acme", "lee", kims, ""); reason(err) != directory.UnknownSession {
		t.Errorf("a session of another member: %v", err)
	}
	if err := f.EndSession(ctx, "boss", "acme", "kim", session.IDOf("none"), ""); reason(err) != directory.UnknownSession {
		t.Errorf("no session: %v", err)
	}
	if err := f.WipeApp(ctx, "boss", "acme", "kim", "phone", ""); reason(err) != directory.NoDeviceService {
		t.Errorf("no device service: %v", err)
	}
	if e := f.last(t); e.Refused != string(directory.NoDeviceService) {
		t.Errorf("recorded: %+v", e)
	}
	none := newFixture(t, nil)
	none.adopt(t, "kim")
	if err := none.EndSession(ctx, "boss", "acme", "kim", kims, ""); err == nil || errors.Is(err, directory.ErrRefused) {
		t.Errorf("neither sessions nor a revoker: %v", err)
	}
	if v := none.account(t, "kim").Version.Number; v != 1 {
		t.Errorf("the act that cannot be carried out is stored as %d", v)
	}
}

func TestOrdersAreDeliveredAtLeastOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions session.MemStore
		var host hostCalls
		f := newFixture(t, &directory.Options{Sessions: &sessions, Revoker: &host})
		f.adopt(t, "kim")
		fail := 4
		host.reply = func(context.Context, session.Order) error {
			switch fail--; {
			case fail == 2:
				panic("a bug of the host")
			case fail >= 0:
				return errors.New("queue down")
			}
			return nil
		}
		id := begin(t, f, &sessions, session.Session{})
		if err := f.Suspend(t.Context(), "boss", "acme", "kim", ""); err != nil {
			t.Fatalf("an act whose order cannot be delivered: %v", err)
		}
		left := waiting(t, f)
		if len(left) != 1 || left[0].Tries != 1 || left[0].Err != "queue down" {
			t.Fatalf("waiting: %+v", left)
		}
		if !ended(t, &sessions, id) {
			t.Error("the session has not ended")
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- f.Run(ctx) }()
		time.Sleep(time.Minute)
		if left := waiting(t, f); len(left) != 0 || len(host.kinds()) != 5 {
			t.Errorf("after a minute %+v wait; the host was told %d times, want 5", left, len(host.kinds()))
		}
		cancel()
		if err := <-stopped; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returns %v", err)
		}
	})
}

func TestAPoisonedOrderIsParkedAndOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host hostCalls
		f := newFixture(t, &directory.Options{Revoker: &host, Prompt: -1})
		f.adopt(t, "kim")
		f.adopt(t, "lee")
		host.reply = func(_ context.Context, o session.Order) error {
			if o.Member == "kim" {
				return errors.New("always")
			}
			return nil
		}
		for _, id := range []session.MemberID{"kim", "lee"} {
			if err := f.Suspend(t.Context(), "boss", "acme", id, ""); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(host.kinds()); n != 0 {
			t.Errorf("told %d times with no time to be prompt", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.Run(ctx)
		time.Sleep(10 * time.Second)
		if left := waiting(t, f); len(left) != 1 || left[0].Member != "kim" {
			t.Errorf("waiting: %+v", left)
		}
		time.Sleep(24 * time.Hour)
		left := waiting(t, f)
		if len(left) != 1 || !left[0].Parked || left[0].Tries != 12 {
			t.Errorf("after a day: %+v", left)
		}
		cancel()
		synctest.Wait()
	})
}

// TestAnOrderThatFailsComesAfterLongerAndLonger: 1, 2, 4 seconds and so on, at most 10 minutes.
func TestAnOrderThatFailsComesAfterLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Time
		host := hostCalls{reply: func(context.Context, session.Order) error {
			told = append(told, time.Now())
			return errors.New("always")
		}}
		f := newFixture(t, &directory.Options{Revoker: &host, Prompt: -1})
		f.adopt(t, "kim")
		if err := f.Suspend(t.Context(), "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.Run(ctx)
		time.Sleep(24 * time.Hour)
		cancel()
		synctest.Wait()
		if len(told) != 12 {
			t.Fatalf("told %d times", len(told))
		}
		for i := 1; i < len(told); i++ {
			want := min(time.Second<<(i-1), 10*time.Minute)
			if wait := told[i].Sub(told[i-1]); wait < want || wait > want+time.Second {
				t.Errorf("told again after %v; want %v, or a second more", wait, want)
			}
		}
	})
}

func TestASlowHostHoldsNoActForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host hostCalls
		host.reply = func(ctx context.Context, _ session.Order) error { <-ctx.Done(); return ctx.Err() }
		f := newFixture(t, &directory.Options{Revoker: &host})
		f.adopt(t, "kim")
		began := time.Now()
		if err := f.Suspend(t.Context(), "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the act took %v", took)
		}
		if len(waiting(t, f)) != 1 {
			t.Error("the order is lost")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began = time.Now()
		if err := f.Lift(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		if err := f.Delete(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Errorf("an act that is stored before the deadline: %v", err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("the acts took %v", took)
		}
	})
}

// TestGuarantee20AHostThatHangsHoldsNothingUp: also one that does not look at its context.
func TestGuarantee20AHostThatHangsHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host hostCalls
		var under atomic.Int64
		let := make(chan struct{})
		host.reply = func(_ context.Context, o session.Order) error {
			if o.Member == "kim" {
				under.Add(1)
				<-let
				under.Add(-1)
			}
			return nil
		}
		f := newFixture(t, &directory.Options{Revoker: &host})
		f.adopt(t, "kim")
		f.adopt(t, "lee")
		most := int64(0)
		for range 40 { // two orders that hang each time
			for _, act := range []func(context.Context, session.MemberID, session.TenantID, session.MemberID, string) error{f.Suspend, f.Lift, f.Delete, f.Restore} {
				began := time.Now()
				if err := act(t.Context(), "boss", "acme", "kim", ""); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Fatalf("an act took %v", took)
				}
			}
			most = max(most, under.Load())
		}
		if most != 64 {
			t.Errorf("at most %d calls were under way at once; want 64", most)
		}
		close(let)
		synctest.Wait()
		if under.Load() != 0 {
			t.Errorf("%d calls are under way yet", under.Load())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var host hostCalls
		let := make(chan struct{})
		host.reply = func(_ context.Context, o session.Order) error {
			if o.Member == "kim" {
				<-let
			}
			return nil
		}
		f := newFixture(t, &directory.Options{Revoker: &host, Prompt: -1})
		for _, id := range []session.MemberID{"kim", "lee"} {
			f.adopt(t, id)
			if err := f.Suspend(t.Context(), "boss", "acme", id, ""); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- f.Run(ctx) }()
		time.Sleep(30 * time.Second)
		if left := waiting(t, f); len(left) != 1 || left[0].Member != "kim" {
			t.Errorf("while one call hangs, Run leaves %+v", left)
		}
		cancel()
		synctest.Wait()
		select {
		case err := <-stopped:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run returns %v", err)
			}
		default:
			t.Error("Run does not end with its context")
		}
		close(let)
	})
}

func TestAnOutboxThatFailsStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		w := &failingOutbox{MemStore: f.mem}
		d, err := directory.New(w, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.adopt(t, "kim")
		if err := f.Suspend(t.Context(), "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run returns %v", err)
		}
		if w.takes < 10 || w.takes > 100 {
			t.Errorf("an outbox that fails was asked %d times in a minute", w.takes)
		}
	})
}

type failingOutbox struct {
	*directory.MemStore
	takes int
}

func (w *failingOutbox) Take(context.Context, int, time.Duration) ([]session.Order, error) {
	if w.takes++; w.takes%2 == 0 {
		panic("no connection")
	}
	return nil, errors.New("no connection")
}
