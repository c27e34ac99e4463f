package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

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

// TestALockHidesNoStatus: a member who could not log in anyway is not shown as locked.
func TestALockHidesNoStatus(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	f.lock(t, "kim")
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

func TestGuarantee32FailuresTellNothing(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	if err := f.Suspend(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	// Once guessing has ended, right and wrong passwords are told the same.
	for range 2 * directory.DefaultFailures {
		f.Count(ctx, "acme", "kim", false)
	}
	for _, right := range []bool{false, true} {
		if locked, err := f.Count(ctx, "acme", "kim", right); !locked || !errors.Is(err, member.ErrGuessed) {
			t.Errorf("right %v: %v, %v", right, locked, err)
		}
	}
	// Where nobody counts, nobody is locked: only Count locks.
	for range 20 {
		if _, err := f.Member(ctx, "acme", "boss"); err != nil {
			t.Fatal(err)
		}
	}
	if status(t, f, "boss") != member.Active {
		t.Error("locked by being looked at")
	}
}
