package directory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// What an engine asks of a directory, as its package declares it.
var (
	_ interface {
		Member(context.Context, session.TenantID, member.ID) (*member.Member, error)
	} = (*directory.Directory)(nil)
	_ interface {
		Count(context.Context, session.TenantID, member.ID, bool) (bool, error)
		CountUnknown(context.Context, session.TenantID, member.ID) error
	} = (*directory.Directory)(nil)
)

func status(t *testing.T, f fixture, id member.ID) member.Status {
	t.Helper()
	m, err := f.Member(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	return m.Status
}

func TestAThousandParallelGuesses(t *testing.T) {
	for _, right := range []int{0, 1, 100} {
		limit := 7
		f := newFixture(t, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
			return directory.Terms{Failures: limit}, nil
		}})
		f.adopt(t, "kim")
		before := f.account(t, "kim")
		guess := func(calls int, right bool) (told int64) {
			var open atomic.Int64
			var all sync.WaitGroup
			for range calls {
				all.Go(func() {
					if locked, err := f.Count(t.Context(), "acme", "kim", right); err != nil && !errors.Is(err, member.ErrGuessed) {
						t.Error(err)
					} else if !locked {
						open.Add(1)
					}
				})
			}
			all.Wait()
			return open.Load()
		}
		if right == 1 {
			// A few wrong ones, then a right one, which forgets them.
			guess(limit-1, false)
			if guess(1, true) != 1 {
				t.Error("the right password before the limit does not let in")
			}
		}
		if open := guess(1000, false); open != int64(limit-1) {
			t.Errorf("of 1,000 wrong passwords at once %d were not told that the member is locked; want %d", open, limit-1)
		}
		if open := guess(right+1, true); open != 0 {
			t.Errorf("%d right passwords let a locked member in", open)
		}
		if status(t, f, "kim") != member.Locked {
			t.Error("not locked")
		}
		after := f.account(t, "kim")
		if after.Version != before.Version || !after.Cuts.Equal(before.Cuts) || after.Status != member.Active {
			t.Errorf("failures changed the account: %+v", after)
		}
		if !after.Cuts.Alive(session.Web, before.Version, after.Version) {
			t.Error("failures ended a live session")
		}
		locks, err := f.mem.Events(t.Context(), "acme", session.EventQuery{Kind: "member-locked"})
		if err != nil || len(locks) != 1 || locks[0].Actor != "" || locks[0].Member != "kim" {
			t.Errorf("locks that are recorded: %+v, %v", locks, err)
		}
	}
}

func TestALockOpensByAnAdministrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		f.adopt(t, "kim")
		f.adopt(t, "it", directory.ITAdmin)
		f.adopt(t, "hr", directory.HRAdmin)
		for range directory.DefaultFailures {
			f.Count(ctx, "acme", "kim", false)
		}
		time.Sleep(1000 * time.Hour)
		if status(t, f, "kim") != member.Locked {
			t.Error("an ordinary member's lock opens by itself")
		}
		if err := f.Unlock(ctx, "hr", "acme", "kim", ""); reason(err) != directory.MissingPermission {
			t.Errorf("unlocked without the permission security: %v", err)
		}
		before := f.account(t, "kim").Version
		if err := f.Unlock(ctx, "it", "acme", "kim", "called me"); err != nil {
			t.Fatal(err)
		}
		e := f.last(t)
		if e.Kind != "member-unlocked" || e.Actor != "it" || e.Member != "kim" || e.Why != "called me" || e.Refused != "" || e.ID == "" {
			t.Errorf("recorded: %+v", e)
		}
		if status(t, f, "kim") != member.Active || f.account(t, "kim").Version != before {
			t.Error("not unlocked, or the account has changed")
		}
		if locked, err := f.Count(ctx, "acme", "kim", true); err != nil || locked {
			t.Errorf("the right password after unlocking: %v, %v", locked, err)
		}
		if err := f.Unlock(ctx, "it", "acme", "kim", ""); reason(err) != directory.NothingToChange {
			t.Errorf("unlocked twice: %v", err)
		}
		if err := f.Unlock(ctx, "it", "acme", "nobody", ""); reason(err) != directory.UnknownMember {
			t.Errorf("unlocked is nobody: %v", err)
		}
	})
}

func TestASuperAdminsLockOpensAfter15Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		f.adopt(t, "it", directory.ITAdmin)
		lock := func() {
			for range directory.DefaultFailures {
				f.Count(ctx, "acme", "boss", false)
			}
		}
		lock()
		time.Sleep(15*time.Minute - time.Microsecond)
		if status(t, f, "boss") != member.Locked {
			t.Error("open before 15 minutes have passed")
		}
		f.Count(ctx, "acme", "boss", false) // does not make it longer
		if locked, _ := f.Count(ctx, "acme", "boss", true); !locked {
			t.Error("the right password opens a lock")
		}
		time.Sleep(time.Microsecond)
		if status(t, f, "boss") != member.Active {
			t.Error("still locked after 15 minutes")
		}
		for n := range directory.DefaultFailures - 1 {
			if locked, _ := f.Count(ctx, "acme", "boss", false); locked {
				t.Errorf("locked by failure %d after the lock had opened", n+1)
			}
		}
		if locked, _ := f.Count(ctx, "acme", "boss", true); locked {
			t.Error("the right password does not let in")
		}
		lock()
		if err := f.Unlock(ctx, "it", "acme", "boss", ""); reason(err) != directory.TargetOutranks {
			t.Errorf("an IT admin unlocks a super admin: %v", err)
		}
	})
}

// TestGuarantee32GuessingEndsForEveryMember: whatever a member's state, the right password
// is told from wrong ones only before twice the limit of them were tried.
func TestGuarantee32GuessingEndsForEveryMember(t *testing.T) {
	const limit = directory.DefaultFailures
	do := func(acts ...func(f fixture) error) func(fixture) error {
		return func(f fixture) error {
			for _, act := range acts {
				if err := act(f); err != nil {
					return err
				}
			}
			return nil
		}
	}
	suspend := func(f fixture) error { return f.Suspend(t.Context(), "boss", "acme", "kim", "") }
	remove := func(f fixture) error { return f.Delete(t.Context(), "boss", "acme", "kim", "") }
	for why, act := range map[string]func(fixture) error{
		"active":                 do(),
		"suspended":              do(suspend),
		"deleted":                do(remove),
		"suspended, and deleted": do(suspend, remove),
		"apps blocked":           do(func(f fixture) error { return f.BlockApps(t.Context(), "boss", "acme", "kim", "") }),
	} {
		for tried := range 3 * limit {
			f := newFixture(t, nil)
			f.adopt(t, "kim")
			if err := act(f); err != nil {
				t.Fatal(err)
			}
			before := f.account(t, "kim")
			for range tried {
				f.Count(t.Context(), "acme", "kim", false)
			}
			for range 2 { // being told does not use up what is left
				locked, err := f.Count(t.Context(), "acme", "kim", true)
				if locked != (tried >= limit) || errors.Is(err, member.ErrGuessed) != (tried >= 2*limit) || err != nil && !errors.Is(err, member.ErrGuessed) {
					t.Errorf("%s: the right password after %d wrong ones: locked %v, %v", why, tried, locked, err)
				}
			}
			if after := f.account(t, "kim"); after.Version != before.Version {
				t.Errorf("%s: failures changed the account", why)
			}
		}
		f := newFixture(t, nil)
		f.adopt(t, "kim")
		if err := act(f); err != nil {
			t.Fatal(err)
		}
		var told atomic.Int64
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if _, err := f.Count(t.Context(), "acme", "kim", false); err == nil {
					told.Add(1)
				} else if !errors.Is(err, member.ErrGuessed) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if told.Load() != 2*limit-1 {
			t.Errorf("%s: of 200 wrong passwords at once %d were tried before guessing ended; want %d", why, told.Load(), 2*limit-1)
		}
	}
	f := newFixture(t, nil)
	if locked, err := f.Count(t.Context(), "acme", "nobody", true); !locked || !errors.Is(err, session.ErrNotFound) {
		t.Errorf("nobody: %v, %v", locked, err)
	}
}

// Suspending and lifting take another permission than unlocking.
func TestLiftingOpensNoLock(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	f.adopt(t, "hr", directory.HRAdmin)
	for range 2 * directory.DefaultFailures {
		f.Count(ctx, "acme", "kim", false)
	}
	for _, act := range []func(context.Context, member.ID, session.TenantID, member.ID, string) error{f.Suspend, f.Lift, f.Delete, f.Restore} {
		if err := act(ctx, "hr", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
	}
	if locked, err := f.Count(ctx, "acme", "kim", true); !locked || !errors.Is(err, member.ErrGuessed) || status(t, f, "kim") != member.Locked {
		t.Errorf("after lifting and restoring: %v, %v", locked, err)
	}
	if err := f.Unlock(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if locked, err := f.Count(ctx, "acme", "kim", true); locked || err != nil || status(t, f, "kim") != member.Active {
		t.Errorf("after unlocking: %v, %v", locked, err)
	}
}

// TestALockIsRecordedOnce: whatever is typed while it is shut.
func TestALockIsRecordedOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	for i := range 5 * directory.DefaultFailures {
		f.Count(t.Context(), "acme", "kim", i >= directory.DefaultFailures && i%2 == 1)
	}
	events, err := f.mem.Events(t.Context(), "acme", session.EventQuery{Kind: directory.Lock.Kind()})
	if err != nil || len(events) != 1 || events[0].Member != "kim" {
		t.Errorf("%+v, %v; want one", events, err)
	}
}

// TestALockHidesNoStatus: a member who could not log in anyway is not shown as locked.
func TestALockHidesNoStatus(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	for range directory.DefaultFailures {
		f.Count(ctx, "acme", "kim", false)
	}
	for _, row := range []struct {
		act  directory.Act
		want member.Status
	}{{directory.Suspend, member.Suspended}, {directory.Delete, member.Deleted}, {directory.Restore, member.Suspended}, {directory.Lift, member.Locked}} {
		if err := f.Do(ctx, row.act, "acme", "kim", directory.Facts{Actor: "boss"}); err != nil {
			t.Fatal(err)
		}
		o, err := f.Overview(ctx, "boss", "acme", "kim", 0)
		if got := status(t, f, "kim"); got != row.want || err != nil || o.Status != row.want || o.Locked.IsZero() == (row.want == member.Locked) {
			t.Errorf("after %s: %v, shown as %v since %v, %v; want %v", row.act, got, o.Status, o.Locked, err, row.want)
		}
	}
}

// TestOnlyASuperAdminsLockOpensByItself: not that of a role which permits everything.
func TestOnlyASuperAdminsLockOpensByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		f.adopt(t, "all")
		if err := f.GiveRole(ctx, "boss", "acme", "all", directory.Role{Name: "all", Permissions: directory.AllPermissions}, ""); err != nil {
			t.Fatal(err)
		}
		for _, id := range []member.ID{"boss", "all"} {
			for range directory.DefaultFailures {
				f.Count(ctx, "acme", id, false)
			}
		}
		time.Sleep(directory.SuperLock)
		if b, a := status(t, f, "boss"), status(t, f, "all"); b != member.Active || a != member.Locked {
			t.Errorf("after %v the super admin is %v, and who may everything %v", directory.SuperLock, b, a)
		}
		if err := f.Unlock(ctx, "boss", "acme", "boss", ""); reason(err) != directory.NothingToChange {
			t.Errorf("a lock that has opened by itself is opened: %v", err)
		}
		if err := f.Unlock(ctx, "boss", "acme", "all", ""); err != nil {
			t.Error(err)
		}
	})
}

// TestGuarantee32MembersAreFoundByTheSameCalls: so that its time does not tell who there is.
func TestGuarantee32MembersAreFoundByTheSameCalls(t *testing.T) {
	var calls []string
	w, d := wrap(t, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
		calls = append(calls, "Terms")
		return directory.Terms{PasswordAge: time.Nanosecond}, nil
	}})
	for id, act := range map[member.ID]directory.Act{"kim": directory.Suspend, "second": directory.Delete} {
		if err := d.Do(t.Context(), act, "acme", id, directory.Facts{Actor: "boss"}); err != nil {
			t.Fatal(err)
		}
	}
	w.call = func(name string) error { calls = append(calls, name); return nil }
	want := []string{"Load", "Failures", "Terms"}
	for _, id := range []member.ID{"boss", "kim", "second", "nobody", ""} {
		calls = nil
		m, err := d.Member(t.Context(), "acme", id)
		if known := id != "nobody" && id != ""; known != (err == nil) || !known && (m != nil || !errors.Is(err, session.ErrNotFound)) {
			t.Errorf("%q: %+v, %v", id, m, err)
		}
		if !slices.Equal(calls, want) {
			t.Errorf("%q is found by %v; want %v", id, calls, want)
		}
	}
}

// TestGuarantee32NobodysFailuresTakeAsLong: what is written for the wrong password of a member
// is written for one who is not there too, and strangers fill no store by it.
func TestGuarantee32NobodysFailuresTakeAsLong(t *testing.T) {
	var calls []string
	w, d := wrap(t, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
		calls = append(calls, "Terms")
		return directory.Terms{}, nil
	}})
	w.call = func(name string) error {
		calls = append(calls, name)
		return nil
	}
	ctx := t.Context()
	if _, err := d.Count(ctx, "acme", "kim", false); err != nil {
		t.Fatal(err)
	}
	want := calls
	for range 3 * directory.DefaultFailures { // it is never locked, and nothing is recorded
		calls = nil
		if err := d.CountUnknown(ctx, "acme", "nobody"); err != nil || !slices.Equal(calls, want) {
			t.Fatalf("nobody's takes %v, %v; a member's %v", calls, err, want)
		}
	}
	w.call = nil
	if events, err := w.Events(ctx, "acme", session.EventQuery{Kind: directory.Lock.Kind()}); len(events) != 0 || err != nil {
		t.Errorf("nobody is locked: %v, %v", events, err)
	}

	kept := make(map[member.ID]int)
	counts := &countsFor{Counter: directory.NewMemStore(), kept: kept}
	d, err := directory.New(w, counts, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		id := member.ID(fmt.Sprint("stranger", i))
		if i%100 == 0 {
			id += member.ID(strings.Repeat("\x00\xff", 1<<15))
		}
		for range 2 - i%2 {
			if err := d.CountUnknown(ctx, "acme", id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(kept) > 1024 || len(kept) < 1000 {
		t.Errorf("20,000 strangers left %d counts; want 1,024 at most, and few who share one", len(kept))
	}
	for id := range kept {
		a := directory.Account{Member: member.Member{Tenant: "acme", ID: id}}
		if err := d.Adopt(ctx, a, ""); reason(err) != directory.InvalidArgument {
			t.Fatalf("a member can have the id %q, for which strangers are counted: %v", id, err)
		}
		if !utf8.ValidString(string(id)) || len(id) > 300 {
			t.Fatalf("a counter need not take %q", id)
		}
	}

	// What does not answer for a member does not for nobody.
	lost := errors.New("lost")
	counts.fails = lost
	if err := d.CountUnknown(ctx, "acme", "nobody"); !errors.Is(err, lost) {
		t.Errorf("the counter does not answer: %v", err)
	}
	counts.fails = nil
	w.call = func(string) error { return lost }
	if err := d.CountUnknown(ctx, "acme", "nobody"); !errors.Is(err, lost) {
		t.Errorf("the store does not answer: %v", err)
	}
	w.call = nil
	if d, err = directory.New(w, counts, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
		return directory.Terms{}, lost
	}}); err != nil {
		t.Fatal(err)
	}
	if err := d.CountUnknown(ctx, "acme", "nobody"); !errors.Is(err, lost) {
		t.Errorf("the terms are not known: %v", err)
	}
}

// countsFor notes for whom it counted.
type countsFor struct {
	directory.Counter
	kept  map[member.ID]int
	fails error
}

func (c *countsFor) Count(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
	c.kept[id]++
	if c.fails != nil {
		return directory.Failures{}, c.fails
	}
	return c.Counter.Count(ctx, t, id, g)
}

func TestPasswordsThatAreTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := 365 * 24 * time.Hour
		f := newFixture(t, &directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
			return directory.Terms{PasswordAge: year}, nil
		}})
		f.adopt(t, "kim")
		must := func() bool {
			t.Helper()
			m, err := f.Member(t.Context(), "acme", "kim")
			if err != nil {
				t.Fatal(err)
			}
			return m.MustChangePassword
		}
		time.Sleep(year - time.Microsecond)
		if must() {
			t.Error("must change the password before a year has passed")
		}
		time.Sleep(time.Microsecond)
		if !must() {
			t.Error("need not change the password after a year")
		}
		if err := f.ChangedPassword(t.Context(), "acme", "kim", session.Version{}, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if must() {
			t.Error("must change a password that is new")
		}
	})
}

// TestFailuresBesideAPlainCount compares with a reading of the rule in whole words: a list
// of wrong passwords, and until when the lock is shut.
func TestFailuresBesideAPlainCount(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		limit, opens := 1+r.IntN(5), time.Duration(r.IntN(2))*15*time.Minute
		var f directory.Failures
		var wrong []time.Time
		var shut bool
		var since time.Time
		at := noon
		for range 40 {
			at = at.Add(time.Duration(r.IntN(8)) * time.Minute)
			g := directory.Guess{Right: r.IntN(4) == 0, At: at, Limit: limit, Opens: opens}
			f = f.After(g)
			if shut && opens > 0 && !at.Before(since.Add(opens)) {
				shut, wrong = false, nil
			}
			if !shut {
				if wrong = append(wrong, at); g.Right {
					wrong = nil
				}
				if len(wrong) == limit {
					shut, since = true, at
				}
			}
			if f.Lock(at, opens) != shut || !shut && f.Number != len(wrong) {
				t.Fatalf("%+v after %+v; plain: %d wrong, shut %v since %v", f, g, len(wrong), shut, since)
			}
		}
	}
	f := directory.Failures{}.After(directory.Guess{At: noon, Limit: -3})
	if !f.Lock(noon, 0) {
		t.Error("a limit below 1 locks nobody")
	}
	// A clock that was an hour ahead when it locked, and was set right.
	ahead := directory.Failures{Number: 5, Locked: noon.Add(time.Hour)}
	if ahead.Lock(noon, directory.SuperLock) {
		t.Error("a lock from the future keeps a super admin out")
	}
}
