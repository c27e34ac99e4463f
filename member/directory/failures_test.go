package directory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
		f.lock(t, "kim")
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
			f.lock(t, "boss")
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
			f.lock(t, id)
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
