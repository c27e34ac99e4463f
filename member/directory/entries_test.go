package directory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// TestListShowsWhoIsLocked: in every list, and alone where the status Locked is asked for,
// page by page, however many locks are no member's who could log in.
func TestListShowsWhoIsLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, &directory.Options{Terms: paid})
		f.adopt(t, "root", directory.SuperAdmin)
		for i := range 12 {
			f.adopt(t, member.ID(fmt.Sprintf("m%02d", i)), []string{directory.HRAdmin}[:i%2]...)
		}
		for _, id := range []member.ID{"m01", "m02", "m03", "m05", "m07", "m08", "m11", "root"} {
			f.lock(t, id)
		}
		for i := range 40 { // of nobody, whom no list has
			for range directory.DefaultFailures {
				if err := f.CountUnknown(ctx, "acme", member.ID(fmt.Sprint("nobody", i))); err != nil {
					t.Fatal(err)
				}
			}
		}
		for id, act := range map[member.ID]directory.Act{"m02": directory.Suspend, "m03": directory.Delete, "m05": directory.BeginLeave, "m08": directory.Unlock, "m04": directory.Suspend} {
			if err := f.Do(ctx, act, "acme", id, directory.Facts{Actor: "boss"}); err != nil {
				t.Fatal(err)
			}
		}
		list := func(q directory.Query) string {
			t.Helper()
			var all []string
			for {
				page, err := f.List(ctx, "boss", "acme", q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) > q.Limit() {
					t.Fatalf("a page of %d has %d", q.Limit(), len(page))
				}
				for _, e := range page {
					all = append(all, strings.TrimSuffix(fmt.Sprint(e.ID, " ", e.Status), " active"))
				}
				if len(page) < q.Limit() {
					return strings.Join(all, ", ")
				}
				q.After = page[len(page)-1].ID
			}
		}
		const whole = "boss, m00, m01 locked, m02 suspended, m03 deleted, m04 suspended, m05 locked, m06, m07 locked, m08, m09, m10, m11 locked, root locked"
		for n := range 16 {
			if got := list(directory.Query{Max: n}); got != whole {
				t.Errorf("pages of %d: %s\nwant %s", n, got, whole)
			}
			if got := list(directory.Query{Status: member.Locked, Max: n}); got != "m01 locked, m05 locked, m07 locked, m11 locked, root locked" {
				t.Errorf("who is locked, in pages of %d: %s", n, got)
			}
		}
		for _, row := range []struct {
			q    directory.Query
			want string
		}{
			{directory.Query{Status: member.Locked, Role: directory.HRAdmin}, "m01 locked, m05 locked, m07 locked, m11 locked"},
			{directory.Query{Status: member.Locked, Text: "M1"}, "m11 locked"},
			{directory.Query{Status: member.Locked, AppsBlocked: true}, ""},
			{directory.Query{Status: member.Locked, After: "m07"}, "m11 locked, root locked"},
			{directory.Query{Status: member.OnLeave}, "m05 locked"}, // what it is besides
			{directory.Query{Status: member.Suspended}, "m02 suspended, m04 suspended"},
		} {
			if got := list(row.q); got != row.want {
				t.Errorf("%+v: %s; want %s", row.q, got, row.want)
			}
		}
		if err := f.BlockApps(ctx, "boss", "acme", "m07", ""); err != nil {
			t.Fatal(err)
		}
		if b, err := f.Blocked(ctx, "boss", "acme"); err != nil || len(b) != 1 || b[0].Status != member.Locked {
			t.Errorf("whose apps are blocked: %+v, %v; want m07, locked", b, err)
		}
		time.Sleep(directory.SuperLock)
		if got := list(directory.Query{Status: member.Locked, After: "m07"}); got != "m11 locked" {
			t.Errorf("a super admin's lock has opened by itself, and locked are %s", got)
		}
		for id, is := range map[member.ID]bool{"root": false, "m11": true} { // as the engine has it
			if locked := status(t, f, id) == member.Locked; locked != is || strings.Contains(list(directory.Query{}), string(id)+" locked") != is {
				t.Errorf("%s is locked: %v", id, locked)
			}
		}
	})
}

// TestACounterThatListsOutOfOrder is told, and not asked for ever.
func TestACounterThatListsOutOfOrder(t *testing.T) {
	f := newFixture(t, nil)
	for _, status := range []member.Status{0, member.Locked} {
		d, err := directory.New(f.mem, unordered{f.mem}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := d.List(t.Context(), "boss", "acme", directory.Query{Status: status, Max: 1}); err == nil {
			t.Errorf("it lists %+v", list)
		}
	}
}

type unordered struct{ *directory.MemStore }

func (unordered) Locked(context.Context, session.TenantID, member.ID, int) ([]directory.LockedMember, error) {
	return []directory.LockedMember{{ID: "b"}, {ID: "a"}, {ID: "a"}}, nil
}

// TestManyLocksAreReadInFewPages: strangers can make many, and an administrator who looks for
// one member waits for none of them.
func TestManyLocksAreReadInFewPages(t *testing.T) {
	const members = 300
	f := newFixture(t, nil)
	for i := range members {
		id := member.ID(fmt.Sprintf("m%03d", i))
		f.adopt(t, id)
		if _, err := f.mem.Count(t.Context(), "acme", id, directory.Guess{At: time.Now(), Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	last := fmt.Sprintf("m%03d", members-1)
	for _, q := range []directory.Query{{Text: last}, {Text: last, Max: 1, Status: member.Locked}} {
		pages := &counted{MemStore: f.mem}
		d, err := directory.New(pages, pages, nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.List(t.Context(), "boss", "acme", q)
		if err != nil || len(list) != 1 || list[0].Status != member.Locked {
			t.Errorf("%+v: %+v, %v; want %s, locked", q, list, err, last)
		}
		if pages.n > 2 {
			t.Errorf("%+v: %d pages of locks were read; want 2", q, pages.n)
		}
		if pages.loads > 3 {
			t.Errorf("%+v: %d accounts were read one by one; want that of the administrator", q, pages.loads)
		}
	}
}

// TestNobodyIsLocked: no accounts are read to find that, whatever is asked for besides.
func TestNobodyIsLocked(t *testing.T) {
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	for _, q := range []directory.Query{{}, {Text: "kim"}, {Role: directory.HRAdmin, Max: 1}} {
		q.Status = member.Locked
		reads := &counted{MemStore: f.mem}
		d, err := directory.New(reads, reads, nil)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := d.List(t.Context(), "boss", "acme", q); err != nil || len(list) != 0 || reads.lists != 0 || reads.n != 1 {
			t.Errorf("%+v: %+v, %v; %d pages of accounts were read and %d of locks, want 0 and 1", q, list, err, reads.lists, reads.n)
		}
	}
}

// TestLockedAmongMoreThanAPage: those whom a query chooses are found before and behind what is
// read of them at once.
func TestLockedAmongMoreThanAPage(t *testing.T) {
	f := newFixture(t, nil)
	id := func(i int) member.ID { return member.ID(fmt.Sprintf("m%04d", i)) }
	asked := func(i int) bool { return i%10 != 7 }
	for i := range session.MaxPage + 200 {
		var roles []string
		if asked(i) {
			roles = []string{directory.HRAdmin}
		}
		f.adopt(t, id(i), roles...)
	}
	want := ""
	for _, i := range []int{0, 7, 8, 1109, 1110, 1111, 1117, 1118, 1198} { // a page of those with the role ends at 1110
		f.lock(t, id(i))
		if asked(i) {
			want += string(id(i)) + " "
		}
	}
	for _, n := range []int{0, 1, 2, 3} {
		got := ""
		q := directory.Query{Status: member.Locked, Role: directory.HRAdmin, Max: n}
		for {
			list, err := f.List(t.Context(), "boss", "acme", q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				got, q.After = got+string(e.ID)+" ", e.ID
			}
			if len(list) < q.Limit() {
				break
			}
		}
		if got != want {
			t.Errorf("in pages of %d: %s; want %s", n, got, want)
		}
	}
}

type counted struct {
	*directory.MemStore
	n, loads, lists int
}

func (c *counted) List(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
	c.lists++
	return c.MemStore.List(ctx, t, q)
}

func (c *counted) Load(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
	c.loads++
	return c.MemStore.Load(ctx, t, id)
}

func (c *counted) Locked(ctx context.Context, t session.TenantID, after member.ID, n int) ([]directory.LockedMember, error) {
	c.n++
	return c.MemStore.Locked(ctx, t, after, n)
}
