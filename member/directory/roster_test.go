package directory_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func TestTwoSuperAdminsTakeEachOtherAway(t *testing.T) {
	ctx := t.Context()
	takes := []func(d *directory.Directory, actor, id member.ID) error{
		func(d *directory.Directory, actor, id member.ID) error { return d.Suspend(ctx, actor, "acme", id, "") },
		func(d *directory.Directory, actor, id member.ID) error { return d.Delete(ctx, actor, "acme", id, "") },
		func(d *directory.Directory, actor, id member.ID) error {
			return d.TakeRole(ctx, actor, "acme", id, directory.SuperAdmin, "")
		},
		func(d *directory.Directory, actor, id member.ID) error {
			return d.AllowClients(ctx, actor, "acme", id, session.Mail, "")
		},
		func(d *directory.Directory, actor, id member.ID) error {
			return d.BlockApps(ctx, actor, "acme", id, "")
		},
	}
	for n := range 1000 {
		f := newFixture(t, nil)
		f.adopt(t, "rival", directory.SuperAdmin)
		second, err := directory.New(f.mem, f.mem, nil) // another process, on the same store
		if err != nil {
			t.Fatal(err)
		}
		processes := [2]*directory.Directory{f.Directory, second}
		var errs [2]error
		var both sync.WaitGroup
		begin := make(chan struct{})
		for i, pair := range [][2]member.ID{{"boss", "rival"}, {"rival", "boss"}} {
			both.Go(func() {
				<-begin
				errs[i] = takes[(n+i*n/5)%len(takes)](processes[i], pair[0], pair[1])
			})
		}
		close(begin)
		both.Wait()
		left := 0
		for _, id := range []member.ID{"boss", "rival"} {
			if a := f.account(t, id); a.Counts() {
				left++
			}
		}
		if left == 0 {
			t.Fatalf("round %d: no super admin can log in; the acts ended with %v", n, errs)
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, directory.ErrRefused) {
				t.Fatalf("round %d: %v, which is no refusal", n, err)
			}
		}
	}
}

func TestTheLastSuperAdminStays(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	acts := map[string]func(id member.ID) error{
		"suspended": func(id member.ID) error { return f.Suspend(ctx, "boss", "acme", id, "") },
		"deleted":   func(id member.ID) error { return f.Delete(ctx, "boss", "acme", id, "") },
		"blocked":   func(id member.ID) error { return f.BlockApps(ctx, "boss", "acme", id, "") },
		"kept to web": func(id member.ID) error {
			return f.AllowClients(ctx, "boss", "acme", id, session.ClientsOf(session.Web), "")
		},
		"demoted": func(id member.ID) error { return f.TakeRole(ctx, "boss", "acme", id, directory.SuperAdmin, "") },
	}
	refuse := func(why string) {
		t.Helper()
		for name, act := range acts {
			before := f.account(t, "boss")
			if err := act("boss"); reason(err) != directory.LastSuperAdmin {
				t.Errorf("%s: the last super admin is %s: %v", why, name, err)
			}
			if after := f.account(t, "boss"); after.Version != before.Version {
				t.Errorf("%s: the last super admin has changed though it was refused", why)
			}
			if e := f.last(t); e.Refused != string(directory.LastSuperAdmin) || e.Actor != "boss" || e.Member != "boss" {
				t.Errorf("%s: recorded is %+v", why, e)
			}
		}
	}
	refuse("alone")
	f.adopt(t, "kim", directory.Deputy)
	refuse("beside a deputy")
	if err := f.Create(ctx, "boss", "acme", "new", directory.Facts{}); err != nil {
		t.Fatal(err)
	}
	if err := f.GiveRole(ctx, "boss", "acme", "new", directory.Role{Name: directory.SuperAdmin}, ""); err != nil {
		t.Fatal(err)
	}
	refuse("beside one who has never set a password")
	f.adopt(t, "lee", directory.SuperAdmin)
	if err := f.Suspend(ctx, "boss", "acme", "lee", ""); err != nil {
		t.Fatal(err)
	}
	refuse("beside one who is suspended")
	if err := f.Do(ctx, directory.BeginLeave, "acme", "boss", directory.Facts{Actor: "boss"}); err != nil {
		t.Fatal(err)
	}
	refuse("on leave")
	for range 10 {
		f.Count(ctx, "acme", "boss", false)
	}
	refuse("locked by failed logins, which do not count")
	if err := f.Lift(ctx, "boss", "acme", "lee", ""); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		f.Count(ctx, "acme", "lee", false)
	}
	if err := f.Suspend(ctx, "lee", "acme", "boss", ""); err != nil {
		t.Errorf("a super admin who is locked by failed logins counts as one who can log in: %v", err)
	}
}
