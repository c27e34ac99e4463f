package policy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func memRecord(t session.TenantID, number uint64, save string) policy.Record {
	return policy.Record{Tenant: t, Version: session.Version{Line: 12026, Number: number}, Save: save, At: recNoon}
}

// memSave saves r on the number before it.
func memSave(s policy.Store, r policy.Record, orders ...session.Order) error {
	expected := session.Version{}
	if r.Version.Number > 1 {
		expected = session.Version{Line: r.Version.Line, Number: r.Version.Number - 1}
	}
	e := session.Event{ID: r.Save, Tenant: r.Tenant, Kind: "settings-saved", At: r.At, Policy: r.Version}
	_, err := s.Save(context.Background(), expected, r, e, orders)
	return err
}

func TestMemStoreZero(t *testing.T) {
	var s policy.MemStore
	ctx := t.Context()
	if _, err := s.Load(ctx, "acme"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load: %v", err)
	}
	if list, err := s.History(ctx, "acme", session.Version{}, 10); len(list) != 0 || err != nil {
		t.Errorf("History: %v, %v", list, err)
	}
	if err := memSave(&s, memRecord("acme", 1, ""), session.Order{Tenant: "acme"}); err != nil {
		t.Errorf("Save: %v", err)
	}
	if took, err := s.Take(ctx, 10, time.Hour); len(took) != 1 || err != nil {
		t.Errorf("Take: %v, %v", took, err)
	}
}

func TestMemStoreVersionAllocatesNothing(t *testing.T) {
	s := policy.NewMemStore()
	r := memRecord("acme", 1, "")
	r.Settings = recSettings("office")
	if err := memSave(s, r); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if v, err := s.Version(ctx, "acme"); err != nil || v != r.Version {
			t.Error(v, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// It keeps what its comment says, and the ids of all saves.
func TestMemStoreKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := policy.NewMemStore()
		const saves = 1200
		for n := range uint64(saves) {
			if err := memSave(s, memRecord("acme", n+1, fmt.Sprint(n+1))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // 50 days in all
		}
		count := func() (records, events int) {
			past, err := s.History(ctx, "acme", session.Version{}, saves)
			if err != nil {
				t.Fatal(err)
			}
			for ; ; events += session.MaxPage {
				list, err := s.Events(ctx, "acme", session.EventQuery{Skip: events})
				if err != nil {
					t.Fatal(err)
				}
				if len(list) < session.MaxPage {
					return len(past), events + len(list)
				}
			}
		}
		if records, events := count(); records != 100 || events != 1000 {
			t.Errorf("keeps %d records and %d events; want 100 and 1,000", records, events)
		}
		at := func(n uint64) session.Version { return session.Version{Line: 12026, Number: n} }
		if p, err := s.Earlier(ctx, "acme", at(saves-99)); err != nil || p.Record.Version != at(saves-99) || p.Event.Policy != at(saves-99) {
			t.Errorf("the oldest record that is kept: %+v, %v", p, err)
		}
		if p, err := s.Earlier(ctx, "acme", at(saves-100)); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("a record that is not kept: %+v, %v", p, err)
		}
		if list, err := s.History(ctx, "acme", at(saves-98), 10); err != nil || len(list) != 1 || list[0].Record.Version != at(saves-99) {
			t.Errorf("before the last but one that is kept: %v, %v", list, err)
		}
		if list, err := s.History(ctx, "acme", at(saves-500), 10); err != nil || len(list) != 0 {
			t.Errorf("before one that is not kept: %v, %v", list, err)
		}
		for _, n := range []uint64{1, 2, 500, saves} {
			if err := memSave(s, memRecord("acme", n, fmt.Sprint(n))); err != nil {
				t.Errorf("save %d, repeated: %v", n, err)
			}
		}

		time.Sleep(179 * 24 * time.Hour) // those of the last 24 hours are not older than 180 days
		if records, events := count(); records != 100 || events != 24 {
			t.Errorf("179 days later, keeps %d records and tells %d events; want 100 and 24", records, events)
		}
		time.Sleep(24 * time.Hour)
		if records, events := count(); records != 100 || events != 0 {
			t.Errorf("180 days later, keeps %d records and tells %d events; want 100 and 0", records, events)
		}
	})
}

// A Watch is told once for many saves of a tenant, which wait for none, and nothing is
// left of one that has ended, however it ended.
func TestMemStoreWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := policy.NewMemStore()
		ctx, cancel := context.WithCancel(t.Context())
		told := make(map[session.TenantID][]uint64)
		var ended sync.WaitGroup
		ended.Go(func() {
			err := s.Watch(ctx, func(t session.TenantID, v session.Version) {
				told[t] = append(told[t], v.Number)
				time.Sleep(time.Second) // slow
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Watch: %v", err)
			}
		})
		ended.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic of changed is lost")
				}
			}()
			s.Watch(ctx, func(session.TenantID, session.Version) { panic("of the host") })
		})
		synctest.Wait()
		begin := time.Now()
		for n := range uint64(1000) {
			for _, of := range []session.TenantID{"acme", "zen"} {
				if err := memSave(s, memRecord(of, n+1, "")); err != nil {
					t.Fatal(err)
				}
			}
			if n == 0 {
				synctest.Wait()
			}
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("saves have waited %v for who watches", waited)
		}
		time.Sleep(time.Minute)
		if err := memSave(s, memRecord("new", 1, "")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cancel()
		ended.Wait()
		if n := s.Watching(); n != 0 {
			t.Errorf("%d watch after both have ended", n)
		}
		if list := told["new"]; len(list) != 1 {
			t.Errorf("of a tenant saved alone, %v were told", list)
		}
		for _, of := range []session.TenantID{"acme", "zen"} {
			if list := told[of]; len(list) < 1 || len(list) > 2 || list[len(list)-1] != 1000 {
				t.Errorf("of %s, %v were told; want the first, and the last of the rest", of, list)
			}
		}
		if err := memSave(s, memRecord("acme", 1001, "")); err != nil {
			t.Error(err)
		}
	})
}

// However records are written, a session that was dead stays dead: by an older record
// that is written again, by a writer that forgot cuts, in another order, by a return.
func TestGuarantee17CutsNeverMoveBackInAStore(t *testing.T) {
	ctx := t.Context()
	rng := rand.New(rand.NewPCG(17, 17))
	clients := []session.Client{session.Web, session.Mobile, session.IMAP}
	members := []member.ID{"kim", "lee"}
	lives := func(r policy.Record, c session.Client, m member.ID, n uint64) bool {
		stamped := session.Version{Line: r.Version.Line, Number: n}
		return r.Cuts.Alive(c, stamped, r.Version) && r.MemberCuts[m].Alive(c, stamped, r.Version)
	}
	taken, refused := 0, 0
	for range 300 {
		s := policy.NewMemStore()
		var all []policy.Record // ever made
		dead := make(map[string]bool)
		now := memRecord("acme", 1, "")
		if err := memSave(s, now); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			r := now.Clone()
			if len(all) > 0 && rng.IntN(3) == 0 {
				r = all[rng.IntN(len(all))].Clone() // a replay, or one built on an old record
			}
			if rng.IntN(4) > 0 {
				r.Version.Number = now.Version.Number + 1
			}
			if rng.IntN(2) == 0 {
				r.Cuts = r.Cuts.Cut(session.ClientsOf(clients[rng.IntN(3)]), r.Version.Number-rng.Uint64N(2))
			}
			if r.MemberCuts == nil || rng.IntN(8) == 0 {
				r.MemberCuts = make(map[member.ID]session.Cuts)
			}
			if id := members[rng.IntN(2)]; rng.IntN(2) == 0 {
				r.MemberCuts[id] = r.MemberCuts[id].Cut(session.AllClients, r.Version.Number-rng.Uint64N(2))
			}
			if r.Return = nil; rng.IntN(4) == 0 {
				back := r.Clone()
				r.Return = &policy.Return{At: recNoon, Cuts: back.Cuts, MemberCuts: back.MemberCuts}
				if rng.IntN(3) == 0 {
					r.Return.Cuts = now.Cuts
				}
			}
			r.Save = ""
			all = append(all, r)
			if _, err := s.Save(ctx, now.Version, r, session.Event{}, nil); err != nil {
				refused++
			} else {
				taken++
			}
			var err error
			if now, err = s.Load(ctx, "acme"); err != nil {
				t.Fatal(err)
			}
			for _, c := range clients {
				for _, m := range members {
					for n := uint64(1); n < now.Version.Number; n++ {
						session := fmt.Sprint(c, m, n)
						is := lives(now, c, m, n)
						if is && dead[session] {
							t.Fatalf("%v was dead and is alive in %+v", session, now)
						}
						dead[session] = dead[session] || !is
						if back := now.Now(recNoon); !is && lives(back, c, m, n) {
							t.Fatalf("%v is dead and will be alive when %+v returns", session, now)
						}
					}
				}
			}
		}
	}
	if taken < 1000 || refused < 1000 {
		t.Errorf("%d saves were taken, %d refused: the walk shows little", taken, refused)
	}
}

// Record, event and orders of a save are there together or not at all.
func TestGuarantee19ASaveIsOneWrite(t *testing.T) {
	s := policy.NewMemStore()
	ctx := t.Context()
	order := func(n uint64) session.Order {
		return session.Order{ID: fmt.Sprint(n), Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients, Policy: session.Version{Line: 12026, Number: n}}
	}
	state := func() [4]uint64 {
		r, err := s.Load(ctx, "acme")
		orders, errOrders := s.Waiting(ctx, "acme", 10_000)
		events, errEvents := s.Events(ctx, "acme", session.EventQuery{})
		past, errPast := s.History(ctx, "acme", session.Version{}, 100)
		if err := errors.Join(err, errOrders, errEvents, errPast); err != nil {
			t.Fatal(err)
		}
		return [4]uint64{r.Version.Number, uint64(len(orders)), uint64(len(events)), uint64(len(past))}
	}
	if err := memSave(s, memRecord("acme", 1, "1"), order(1)); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	spoilt := memRecord("acme", 2, "spoilt")
	spoilt.Cuts = recCut(recWeb, 3)
	for _, row := range []struct {
		why      string
		ctx      context.Context
		expected uint64
		r        policy.Record
	}{
		{"a conflict", ctx, 7, memRecord("acme", 8, "8")},
		{"an enrolment of what is there", ctx, 0, memRecord("acme", 2, "2")},
		{"a number that does not follow", ctx, 1, memRecord("acme", 1, "again")},
		{"a corrupt record", ctx, 1, spoilt},
		{"a cancelled context", gone, 1, memRecord("acme", 2, "cancelled")},
		{"a repetition", ctx, 0, memRecord("acme", 1, "1")},
	} {
		expected := session.Version{Line: 12026, Number: row.expected}
		if row.expected == 0 {
			expected = session.Version{}
		}
		s.Save(row.ctx, expected, row.r, session.Event{ID: "lost"}, []session.Order{order(99)})
		if got := state(); got != [4]uint64{1, 1, 1, 1} {
			t.Errorf("after %s: number %d, %d orders, %d events, %d saves; want one of each", row.why, got[0], got[1], got[2], got[3])
		}
	}

	const n = 500
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		defer close(done)
		for i := uint64(2); i <= n; i++ {
			if err := memSave(s, memRecord("acme", i, fmt.Sprint(i)), order(i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2 {
		all.Go(func() {
			for saving := true; saving; {
				select {
				case <-done:
					saving = false // look once more
				default:
				}
				v, err := s.Version(ctx, "acme")
				orders, errOrders := s.Waiting(ctx, "acme", 10_000)
				then, errThen := s.Version(ctx, "acme")
				events, errEvents := s.Events(ctx, "acme", session.EventQuery{})
				after, errAfter := s.Version(ctx, "acme")
				if err := errors.Join(err, errOrders, errThen, errEvents, errAfter); err != nil {
					t.Error(err)
					return
				}
				if n := uint64(len(orders)); n < v.Number || n > then.Number {
					t.Errorf("between number %d and %d, there are %d orders", v.Number, then.Number, n)
					return
				}
				if n := uint64(len(events)); n < then.Number || n > after.Number {
					t.Errorf("between number %d and %d, there are %d events", then.Number, after.Number, n)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestGuarantee21TwoSavesOnOneVersion(t *testing.T) {
	s := policy.NewMemStore()
	ctx := t.Context()
	if err := memSave(s, memRecord("acme", 1, "")); err != nil {
		t.Fatal(err)
	}
	for round := uint64(1); round <= 5; round++ {
		var all sync.WaitGroup
		var errs [1000]error
		for i := range errs {
			all.Go(func() {
				r := memRecord("acme", round+1, fmt.Sprint(round, " ", i))
				errs[i] = memSave(s, r, session.Order{ID: r.Save, Tenant: "acme"})
			})
		}
		all.Wait()
		won := -1
		for i, err := range errs {
			var conflict *policy.ConflictError
			switch {
			case err == nil && won >= 0:
				t.Fatalf("round %d: %d and %d have won", round, won, i)
			case err == nil:
				won = i
			case !errors.Is(err, session.ErrConflict) || !errors.As(err, &conflict) ||
				conflict.Found != session.Version{Line: 12026, Number: round + 1}:
				t.Fatalf("round %d: %v; want a conflict with the version that has won", round, err)
			}
		}
		if won < 0 {
			t.Fatalf("round %d: nobody has won: %v", round, errs[0])
		}
		r, err := s.Load(ctx, "acme")
		if err != nil || r.Save != fmt.Sprint(round, " ", won) || r.Version.Number != round+1 {
			t.Fatalf("round %d: %d has won, and %q is there at %v, %v", round, won, r.Save, r.Version, err)
		}
		if list, err := s.Waiting(ctx, "acme", 10_000); err != nil || uint64(len(list)) != round || list[round-1].ID != r.Save {
			t.Fatalf("round %d: %d orders wait, %v", round, len(list), err)
		}

		// A winner that was not told repeats its save, and so do many at once.
		for range 100 {
			all.Go(func() {
				if err := memSave(s, memRecord("acme", round+1, r.Save), session.Order{ID: "again", Tenant: "acme"}); err != nil {
					t.Errorf("round %d: a repeated save: %v", round, err)
				}
			})
		}
		all.Wait()
		if list, err := s.Waiting(ctx, "acme", 10_000); err != nil || uint64(len(list)) != round {
			t.Fatalf("round %d: %d orders wait after repetitions, %v", round, len(list), err)
		}
	}
}

func TestGuarantee23MissingIsNotEmpty(t *testing.T) {
	s := policy.NewMemStore()
	ctx := t.Context()
	missing := func(when string, of session.TenantID) {
		t.Helper()
		if r, err := s.Load(ctx, of); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: Load = %+v, %v", when, r, err)
		}
		if v, err := s.Version(ctx, of); !errors.Is(err, session.ErrNotFound) || v != (session.Version{}) {
			t.Errorf("%s: Version = %v, %v", when, v, err)
		}
	}
	missing("in an empty store", "acme")
	missing("nobody", "")
	if err := memSave(s, memRecord("acme", 2, "")); !errors.Is(err, session.ErrConflict) {
		t.Errorf("a save that expects a record where there is none: %v", err)
	}
	missing("after a save that expected it", "acme")
	spoilt := memRecord("acme", 1, "")
	spoilt.Version.Line = 0
	if err := memSave(s, spoilt); err == nil {
		t.Error("a corrupt record was saved")
	}
	missing("after a corrupt save", "acme")
	if err := memSave(s, memRecord("acme", 1, "")); err != nil {
		t.Fatal(err)
	}
	missing("beside another", "acm")

	removed := memRecord("acme", 2, "")
	removed.Deleted = true
	if err := memSave(s, removed); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(ctx, "acme"); err != nil || !r.Deleted || r.Version != removed.Version {
		t.Errorf("deleting leaves %+v, %v; want a tombstone", r, err)
	}
	if err := memSave(s, memRecord("acme", 1, "")); !errors.Is(err, session.ErrConflict) {
		t.Errorf("enrolling over a tombstone: %v", err)
	}
	if err := memSave(s, memRecord("acme", 3, "")); err == nil {
		t.Error("a tenant that was deleted lives on its old line, and its sessions with it")
	}
}

// Many readers of many tenants, beside some that save, do not stand in each other's way.
func BenchmarkMemStoreVersion(b *testing.B) {
	s := policy.NewMemStore()
	tenants := make([]session.TenantID, 100_000)
	for i := range tenants {
		tenants[i] = session.TenantID(fmt.Sprintf("tenant-%06d", i))
		if err := memSave(s, memRecord(tenants[i], 1, "")); err != nil {
			b.Fatal(err)
		}
	}
	for _, row := range []struct {
		name string
		some int
	}{{"tenants=100000", len(tenants)}, {"tenants=1", 1}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
				ctx := context.Background()
				for pb.Next() {
					if v, err := s.Version(ctx, tenants[rng.IntN(row.some)]); err != nil || v.Number != 1 {
						b.Error(v, err)
						return
					}
				}
			})
		})
	}
}
