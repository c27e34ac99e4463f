package nodetest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/session"
)

// Live returns a live session of a member.
func Live(t session.TenantID, m session.MemberID, stamp session.Stamp) session.Session {
	_, id := session.NewToken()
	at := time.Now().UTC().Truncate(time.Microsecond)
	return session.Session{ID: id, Tenant: t, Member: m, Stamp: stamp, Device: "laptop", Created: at, Seen: at}
}

// Act does an act to an account, as the directory does.
func Act(ctx context.Context, s *sqlstore.DB, x directory.Act, t session.TenantID, id member.ID, f directory.Facts) (directory.Account, error) {
	a := directory.Account{Member: member.Member{Tenant: t, ID: id}}
	if x != directory.Create {
		var err error
		if a, err = s.Members().Load(ctx, t, id); err != nil {
			return a, err
		}
	}
	f.At, f.Line = time.Now().UTC().Truncate(time.Microsecond), session.NewLine()
	c, err := x.Do(a, f)
	if err != nil {
		return a, err
	}
	c.Event.ID = rand.Text()
	for i := range c.Orders {
		c.Orders[i].ID = rand.Text()
	}
	if c.Guarded {
		r, err := s.Members().Roster(ctx, t)
		if err != nil {
			return a, err
		}
		c.Roster = r.Version
	}
	return c.Account, s.Members().Save(ctx, c)
}

// Populate makes a tenant, with the super admin boss and some members.
func Populate(t testing.TB, s *sqlstore.DB, of session.TenantID, members ...member.ID) {
	t.Helper()
	eng, err := engine.New(policy.Standard(), s.Policies(), nobody{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eng.Enroll(t.Context(), engine.Enrollment{Tenant: of, Settings: policy.Settings{
		Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: home}, {Range: ipset.MustParseRange("8.255.255.0/24")}},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(members, "boss") {
		for _, x := range []directory.Act{directory.Create, directory.SetPassword} {
			if _, err := Act(t.Context(), s, x, of, id, directory.Facts{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Act(t.Context(), s, directory.GiveRole, of, "boss", directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}); err != nil {
		t.Fatal(err)
	}
}

// nobody is a user table that nobody is in.
type nobody struct{}

func (nobody) Member(context.Context, session.TenantID, member.ID) (*member.Member, error) {
	return nil, session.ErrNotFound
}
