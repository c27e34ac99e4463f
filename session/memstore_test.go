package session_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/sessiontest"
)

func TestMemStore(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return session.NewMemStore() })
}

func TestZeroMemStore(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return new(session.MemStore) })
}

func create(t testing.TB, s session.Store, sessions ...session.Session) {
	t.Helper()
	for _, n := range sessions {
		if err := s.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// few returns n, or a quarter of it where tests are to be short, as beside the race detector.
func few(n int) int {
	if testing.Short() {
		return n / 4
	}
	return n
}

func visits(t *testing.T, s session.Visitor, of session.TenantID, m session.MemberID) (all []session.Visit) {
	t.Helper()
	for v, err := range s.Visits(t.Context(), of, m, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestFindAllocatesNothing(t *testing.T) {
	s := session.NewMemStore()
	n := newSession("acme", "kim")
	create(t, s, n)
	ctx, at := t.Context(), noon
	if allocs := testing.AllocsPerRun(100, func() {
		at = at.Add(time.Second)
		if found, err := s.Find(ctx, "acme", n.ID); err != nil || found.Member != "kim" || !found.Live(noon) {
			t.Fatal(found, err)
		}
		if _, err := s.Find(ctx, "globex", n.ID); err == nil {
			t.Fatal("found in another tenant")
		}
		if err := s.Touch(ctx, "acme", n.ID, at, n.Addr, n.Country); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Instants that cannot be told to the microsecond are told earlier: no limit moves on.
func TestMemStoreRoundsDown(t *testing.T) {
	s := session.NewMemStore()
	n := newSession("acme", "kim")
	n.Created, n.Seen, n.Life = noon.Add(999), noon.Add(1999), time.Hour
	create(t, s, n)
	found, err := s.Find(t.Context(), "acme", n.ID)
	if err != nil || !found.Created.Equal(noon) || !found.Seen.Equal(noon.Add(1000)) || found.Live(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v", found, err)
	}
	for _, q := range []session.Query{{Since: n.Created}, {Since: noon}} {
		if page, err := s.List(t.Context(), "acme", q); len(page) != 1 || err != nil {
			t.Errorf("List since when it was created: %v, %v", page, err)
		}
	}
	if page, err := s.List(t.Context(), "acme", session.Query{After: n.Cursor()}); len(page) != 0 || err != nil {
		t.Errorf("List behind it, by the place that the host remembers: %v, %v", page, err)
	}
}

func TestEndWithoutAnInstantEnds(t *testing.T) {
	s := session.NewMemStore()
	one, other := newSession("acme", "kim"), newSession("acme", "kim")
	create(t, s, one, other)
	if err := s.End(t.Context(), "acme", one.ID, time.Time{}, "x"); err != nil {
		t.Error(err)
	}
	if n, err := s.EndAll(t.Context(), session.Order{Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients}, time.Time{}); n != 1 || err != nil {
		t.Errorf("EndAll: %d, %v", n, err)
	}
	for _, n := range []session.Session{one, other} {
		if found, err := s.Find(t.Context(), "acme", n.ID); err != nil || found.Ended.IsZero() || found.Live(noon) {
			t.Errorf("%+v, %v", found, err)
		}
	}
}

func TestVisitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session.NewMemStore()
		day := 24 * time.Hour
		login := func(tenant session.TenantID, m session.MemberID) {
			n := newSession(tenant, m)
			n.Created, n.Seen, n.Life = time.Now(), time.Now(), time.Hour
			create(t, s, n)
		}
		start := time.Now()
		login("globex", "lee")
		for range 200 {
			login("acme", "kim")
			time.Sleep(day)
		}
		all := visits(t, s, "acme", "")
		if len(all) != 91 || len(visits(t, s, "acme", "kim")) != 91 || !all[90].At.Equal(start.Add(109*day)) {
			t.Errorf("%d visits are kept of 200 days, the oldest of %v", len(all), all[len(all)-1].At)
		}
		if len(visits(t, s, "globex", "")) != 1 {
			t.Error("the visits of one tenant were dropped for those of another")
		}

		ahead := newSession("acme", "kim") // by a clock that is wrong
		ahead.Created = time.Now().Add(1000 * day)
		ahead.Seen = ahead.Created
		create(t, s, ahead)
		if n := len(visits(t, s, "acme", "")); n < 90 {
			t.Errorf("a clock that is ahead wiped the history: %d visits are left", n)
		}

		for n, err := 1, error(nil); n > 0; {
			if n, err = s.Purge(t.Context(), time.Now(), 1000); err != nil {
				t.Fatal(err)
			}
		}
		if n, m := len(visits(t, s, "acme", "lee")), len(visits(t, s, "globex", "")); n+m != 0 {
			t.Errorf("Purge left %d and %d visits of long ago", n, m)
		}
		if n := len(visits(t, s, "acme", "")); n < 89 || n > 91 {
			t.Errorf("Purge left %d visits of 90 days", n)
		}
	})
}

func TestNothingIsLeftOfATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session.NewMemStore()
		login := func(of session.TenantID) session.Session {
			n := newSession(of, "kim")
			n.Created, n.Seen = time.Now(), time.Now()
			return n
		}
		live, dead := login("acme"), login("globex")
		dead.Life = time.Hour
		create(t, s, live, dead)
		again := dead
		again.Tenant = "initech"
		if s.Create(t.Context(), session.Session{}) == nil || s.Create(t.Context(), again) == nil {
			t.Error("the zero Session was created, or an ID twice")
		}
		if n := s.TenantCount(); n != 2 {
			t.Errorf("%d tenants; want 2, for a refused session makes none", n)
		}
		time.Sleep(48 * time.Hour)
		if n, err := s.Purge(t.Context(), time.Now(), 10); n != 1 || err != nil || s.TenantCount() != 2 {
			t.Errorf("Purge: %d, %v; %d tenants, want 2, one for its visit", n, err, s.TenantCount())
		}
		time.Sleep(90 * 24 * time.Hour)
		if n, err := s.Purge(t.Context(), time.Now(), 10); n != 0 || err != nil || s.TenantCount() != 1 {
			t.Errorf("Purge: %d, %v; %d tenants, want 1", n, err, s.TenantCount())
		}
		create(t, s, login("globex"))
		if all, err := s.List(t.Context(), "globex", session.Query{}); len(all) != 1 || err != nil {
			t.Errorf("of a tenant that came back, List returns %v, %v", all, err)
		}
	})
}

// What is stored must not hold on to the large text that a piece was cut from.
func TestTextIsCopied(t *testing.T) {
	s := session.NewMemStore()
	var kept []session.Session
	for i := range 50 {
		header := fmt.Sprintf("%04d", i) + strings.Repeat("x", 1<<20)
		n := newSession(session.TenantID(header[:2]), session.MemberID(header[:4]))
		n.Device, n.System, n.Via, n.Label = header[:5], header[:6], header[:7], header[:8]
		create(t, s, n)
		kept = append(kept, session.Session{ID: n.ID})
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 40<<20 {
		t.Errorf("%d MiB are held by 50 short sessions", m.HeapAlloc>>20)
	}
	if found, err := s.Find(t.Context(), "00", kept[7].ID); err != nil || found.Label != "0007xxxx" || found.Member != "0007" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestPurgeGivesBackMemory(t *testing.T) {
	s := session.NewMemStore()
	all := few(20000)
	for i := range all {
		n := newSession("acme", session.MemberID(fmt.Sprint(i%100)))
		n.Created = noon.Add(time.Duration(i) * time.Second)
		n.Seen, n.Life = n.Created, time.Hour
		create(t, s, n)
	}
	total := 0
	for {
		n, err := s.Purge(t.Context(), noon.Add(time.Duration(all)*time.Second), 999)
		if err != nil || n > 999 {
			t.Fatal(n, err)
		}
		if total += n; n == 0 {
			break
		}
	}
	if left, err := s.List(t.Context(), "acme", session.Query{Max: 1000}); total != all-3600 || len(left) != 1000 || err != nil {
		t.Errorf("%d were purged, %d are listed, %v", total, len(left), err)
	}
	for m := range 100 {
		if left, err := s.List(t.Context(), "acme", session.Query{Member: session.MemberID(fmt.Sprint(m))}); len(left) != 36 || err != nil {
			t.Errorf("%d are left of member %d, %v", len(left), m, err)
		}
	}
}

// What was purged is not held on to, the room in the maps included.
func TestNothingIsLeftOfManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session.NewMemStore()
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		all, before := few(20000), heap()
		for range all {
			n := newSession("acme", "kim")
			n.Created, n.Seen, n.Life = time.Now(), time.Now(), time.Hour
			create(t, s, n)
		}
		time.Sleep(session.History + time.Hour)
		most := heap() - before
		if n, err := s.Purge(t.Context(), time.Now(), 60000); n != all || err != nil {
			t.Fatal(n, err)
		}
		if left := heap() - before; left > most/20 {
			t.Errorf("%d KiB of %d are left of nothing", left>>10, most>>10)
		}
		runtime.KeepAlive(s)
	})
}

// Purge looks for the dead, and then removes them: what was touched, or removed by another,
// meanwhile must be seen.
func TestPurgeBesideTouchAndPurge(t *testing.T) {
	s := session.NewMemStore()
	var all []session.Session
	for range few(20000) {
		n := newSession("acme", "kim")
		n.Idle = time.Minute
		create(t, s, n)
		all = append(all, n)
	}
	var purged atomic.Int64
	start := make(chan struct{})
	purge := func() {
		<-start
		n, err := s.Purge(context.Background(), noon.Add(61*time.Second), len(all))
		if err != nil {
			t.Error(err)
		}
		purged.Add(int64(n))
	}
	touched := make([]bool, len(all))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(purge)
	}
	wg.Go(func() {
		<-start
		for i, n := range all {
			touched[i] = s.Touch(context.Background(), "acme", n.ID, noon.Add(59*time.Second), netip.Addr{}, geo.Country{}) == nil
		}
	})
	close(start)
	wg.Wait()
	left := 0
	for i, n := range all {
		_, err := s.Find(t.Context(), "acme", n.ID)
		if (err == nil) != touched[i] {
			t.Fatalf("touched: %v, and then %v", touched[i], err)
		}
		if err == nil {
			left++
		}
	}
	if int(purged.Load())+left != len(all) {
		t.Errorf("%d were purged and %d are left of %d", purged.Load(), left, len(all))
	}
}

// A tenant of which nothing is left is dropped, while others come in to it.
func TestTenantsComeAndGo(t *testing.T) {
	s := session.NewMemStore()
	old := time.Now().Add(-session.History - 10*time.Hour) // its visit is dropped by Purge
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := s.Purge(context.Background(), time.Now(), 100); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	var creators sync.WaitGroup
	for g := range 2 {
		creators.Go(func() {
			for range few(3000) {
				dead, live := newSession("acme", "kim"), newSession("acme", session.MemberID(fmt.Sprint("live", g)))
				for _, n := range []*session.Session{&dead, &live} {
					n.Created, n.Seen = old, old
				}
				dead.Life, live.Life = time.Hour, 1000*24*time.Hour
				if err := s.Create(context.Background(), dead); err != nil {
					t.Error(err)
				}
				if err := s.Create(context.Background(), live); err != nil {
					t.Error(err)
				}
				list, err := s.List(context.Background(), "acme", session.Query{Member: live.Member, LiveAt: old})
				if len(list) != 1 || err != nil {
					t.Errorf("%d sessions are listed, %v; want the one that lives", len(list), err)
					return
				}
				if err := s.End(context.Background(), "acme", live.ID, old, "x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	creators.Wait()
	close(stop)
	wg.Wait()
}

// More than one stride of a walk, with sessions that are created at once across its end,
// while they are renewed.
func TestEndAllMissesNoneThatIsRenewed(t *testing.T) {
	s := session.NewMemStore()
	var all []session.Session
	for i := range 9000 {
		n := newSession("acme", session.MemberID(fmt.Sprint(i%3)))
		n.Created = noon.Add(time.Duration(i/3000) * time.Second)
		n.Seen = n.Created
		create(t, s, n)
		all = append(all, n)
	}
	var done sync.WaitGroup
	stop := make(chan struct{})
	for g := range 2 {
		done.Go(func() {
			for i := g; ; i = (i + 2) % len(all) {
				select {
				case <-stop:
					return
				default:
				}
				_, next := session.NewToken()
				if s.Renew(context.Background(), "acme", all[i].ID, next, noon.Add(time.Minute)) == nil {
					all[i].ID = next
				}
			}
		})
	}
	o := session.Order{Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients, Device: "laptop"}
	n, err := s.EndAll(t.Context(), o, noon.Add(time.Hour))
	close(stop)
	done.Wait()
	if n != len(all) || err != nil {
		t.Errorf("EndAll ended %d of %d, %v", n, len(all), err)
	}
	if left, err := s.List(t.Context(), "acme", session.Query{LiveAt: noon}); len(left) != 0 || err != nil {
		t.Errorf("%d are live, %v", len(left), err)
	}
}

func TestListsOfManyPages(t *testing.T) {
	s := session.NewMemStore()
	for i := range 10000 {
		n := newSession("acme", session.MemberID([]string{"kim", "lee"}[i%100/99]))
		n.Created = noon.Add(time.Duration(i*7919%5000) * time.Second)
		n.Seen = n.Created
		if i == 777 {
			n.Kind = session.APIToken
		}
		create(t, s, n)
	}
	walk := func(q session.Query) (all []session.Session) {
		for n, err := range (session.View{Store: s}).Sessions(t.Context(), "acme", q) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	whole := walk(session.Query{})
	sorted := slices.IsSortedFunc(whole, func(a, b session.Session) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(string(b.ID[:]), string(a.ID[:]))
	})
	if len(whole) != 10000 || !sorted {
		t.Errorf("%d sessions, sorted %v", len(whole), sorted)
	}
	if n := len(walk(session.Query{Member: "lee", Max: 7})); n != 100 {
		t.Errorf("%d sessions of lee", n)
	}
	if n := len(walk(session.Query{Kinds: []session.Kind{session.APIToken}, Max: 1})); n != 1 {
		t.Errorf("%d tokens: a rare one is behind a long walk", n)
	}
}

// Whatever it is given, the store neither panics nor lets anything in.
func TestGuarantee13MemStoreTakesAnything(t *testing.T) {
	s := session.NewMemStore()
	far := time.Unix(1<<60, 0)
	for _, at := range []time.Time{{}, far, time.Unix(-1<<60, 0), noon} {
		n := newSession("acme\x00\xff", "kim\xff")
		n.Created, n.Seen = at, at
		_ = s.Create(t.Context(), n)
		_ = s.Touch(t.Context(), n.Tenant, n.ID, at, netip.Addr{}, geo.Country{})
		_ = s.Renew(t.Context(), n.Tenant, n.ID, n.ID, at)
		_, _ = s.List(t.Context(), n.Tenant, session.Query{Since: at, LiveAt: at, After: session.Cursor{Created: at}})
		_, _ = s.EndAll(t.Context(), session.Order{}, at)
		_, _ = s.Purge(t.Context(), at, -1)
		_ = s.End(t.Context(), n.Tenant, n.ID, at, strings.Repeat("x", 1<<16))
		if found, err := s.Find(t.Context(), n.Tenant, n.ID); err == nil && found.Live(noon) {
			t.Errorf("created at %v, it lives after its end", at)
		}
	}
	for v := range s.Visits(t.Context(), "", "", far) {
		t.Errorf("visit %v of no tenant", v)
	}
}
