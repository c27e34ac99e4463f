package redisstore_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// staff is the host's table of users.
type staff struct{}

func (staff) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 1, Number: 1}}, nil
}

// Settings are kept in one store, sessions in Redis. What an administrator saves ends
// sessions there at once, for every process.
func Example() {
	ctx := context.Background()
	rdb := redis.NewClient(&redis.Options{Addr: cmp.Or(os.Getenv("SALLYPORT_REDIS"), "127.0.0.1:6379"), ContextTimeoutEnabled: true})
	defer rdb.Close()
	prefix := "example-" + rand.Text() // most hosts need none
	defer remove(rdb, prefix)
	db, err := redisstore.New(ctx, rdb, &redisstore.Options{Prefix: prefix})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := db.NewLine(ctx); err != nil { // once for a new store; not at each start
		fmt.Println(err)
		return
	}
	sessions := db.Sessions()
	policies := db.Told(policy.NewMemStore()) // or sqlstore's Policies
	eng, err := engine.New(policy.Standard(), policies, staff{}, &engine.Options{Revoker: sessions})
	if err != nil {
		fmt.Println(err)
		return
	}
	enrolled, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"})
	if err != nil {
		fmt.Println(err)
		return
	}

	// A login, and the session that it begins.
	home := netip.MustParseAddr("9.9.9.9")
	d, stamp, err := eng.Admit(ctx, engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: home, Authenticated: true})
	if err != nil || !d.Allowed() {
		fmt.Println(d, err)
		return
	}
	token, id := session.NewToken()
	now := time.Now()
	err = sessions.Create(ctx, session.Session{
		ID: id, Tenant: "acme", Member: "kim", Stamp: stamp, Addr: home, Created: now, Seen: now, Life: 12 * time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// A request: the session is found by the token, then checked.
	request := func() {
		s, err := sessions.Find(ctx, "acme", session.IDOf(token))
		if err != nil || !s.Live(time.Now()) {
			fmt.Println("ended:", s.Why, err)
			return
		}
		d, _ := eng.Check(ctx, engine.Request{Tenant: "acme", Member: s.Member, Session: s.First, Stamp: s.Stamp, Addr: home})
		fmt.Println(d)
	}
	request()

	_, err = eng.Save(ctx, engine.Save{
		Act: engine.Act{Tenant: "acme", From: enrolled.Version},
		Settings: policy.Settings{
			Access:     policy.DesignatedAddresses,
			Designated: []policy.Entry{{Range: ipset.RangeOf(netip.MustParsePrefix("8.8.8.0/24"))}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	request()

	// Output:
	// allow [all-addresses]
	// ended: sign-out <nil>
}
