package directory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// What a host's user table says is taken, or the account is refused; nothing of it is lost.
func TestAdoptLosesNothing(t *testing.T) {
	super := []directory.Role{{Name: directory.SuperAdmin}}
	for _, tt := range []struct {
		why   string
		alter func(*directory.Account)
		taken bool
	}{
		{"nothing is said", func(*directory.Account) {}, true},
		{"active, and is", func(a *directory.Account) { a.Status = member.Active }, true},
		{"suspended, and is", func(a *directory.Account) { a.Status, a.Suspended = member.Suspended, true }, true},
		{"suspended, but only in the status", func(a *directory.Account) { a.Status = member.Suspended }, false},
		{"deleted, but only in the status", func(a *directory.Account) { a.Status = member.Deleted }, false},
		{"pending, but only in the status", func(a *directory.Account) { a.Status = member.Pending }, false},
		{"active, but is suspended", func(a *directory.Account) { a.Status, a.Suspended = member.Active, true }, false},
		{"locked, which is counted elsewhere", func(a *directory.Account) { a.Status = member.Locked }, false},
		{"a super admin with the role", func(a *directory.Account) { a.Super, a.Roles = true, super }, true},
		{"a super admin without", func(a *directory.Account) { a.Super = true }, false},
		{"the role says it alone", func(a *directory.Account) { a.Roles = super }, true},
		{"apps blocked", func(a *directory.Account) { a.Blocked, a.AppsBlocked = session.Apps, true }, true},
		{"apps blocked, but only in the member", func(a *directory.Account) { a.Blocked = session.Apps }, false},
		{"deleted", func(a *directory.Account) { a.Status, a.DeletedAt = member.Deleted, time.Now() }, true},
	} {
		store := directory.NewMemStore()
		dir, err := directory.New(store, store, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := directory.Account{Member: member.Member{Tenant: "acme", ID: "kim"}}
		tt.alter(&a)
		err = dir.Adopt(t.Context(), a, "from the user table")
		if (err == nil) != tt.taken || err != nil && !errors.Is(err, directory.ErrRefused) {
			t.Errorf("%s: %v", tt.why, err)
		}
		m, found := dir.Member(t.Context(), "acme", "kim")
		if (found == nil) != tt.taken {
			t.Errorf("%s: then %v, %v", tt.why, m, found)
		}
		if found == nil && a.Status != member.UnknownStatus && m.Status != a.Status || found == nil && a.Super && !m.Super {
			t.Errorf("%s: became %v", tt.why, m)
		}
	}
}
