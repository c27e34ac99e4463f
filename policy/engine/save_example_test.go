package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// exampleMembers is the host's user table.
type exampleMembers map[member.ID]bool // super admins

func (m exampleMembers) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	super, ok := m[id]
	if !ok {
		return nil, session.ErrNotFound
	}
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Super: super}, nil
}

func exampleEngine() (*engine.Engine, session.Version) {
	eng, err := engine.New(policy.NaverWorks(), policy.NewMemStore(), exampleMembers{"kim": false, "lee": true}, nil)
	if err != nil {
		panic(err)
	}
	saved, err := eng.Enroll(context.Background(), engine.Enrollment{Tenant: "acme", Plan: "standard"})
	if err != nil {
		panic(err)
	}
	return eng, saved.Version
}

// An administrator designates addresses, and forgets the one they come from.
func ExampleEngine_Save() {
	ctx := context.Background()
	eng, version := exampleEngine()
	office := ipset.MustParseRange("8.8.8.0/24")
	save := engine.Save{
		Act: engine.Act{
			Tenant: "acme",
			From:   version,
			By:     engine.Place{Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("9.9.9.9")},
		},
		Plan:     "standard",
		Settings: policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: office, Label: "Head office"}}},
	}
	_, err := eng.Save(ctx, save)
	fmt.Println(err)

	var refusal *engine.LockoutError
	if errors.As(err, &refusal) { // ask, and do as the administrator says: mend it, or set save.Force to refusal.Force
		save.Settings.Designated = append(save.Settings.Designated, refusal.Mend)
	}
	saved, err := eng.Save(ctx, save)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range saved.Change.Summary {
		fmt.Println(line)
	}
	fmt.Println("mobile is signed out:", saved.Change.SignOut.Has(session.Mobile))
	fmt.Println("web is signed out:", saved.Change.SignOut.Has(session.Web))
	// Output:
	// engine: nothing was saved, because this change would shut administrators out
	// 	"kim" (acting) with web at 9.9.9.9: deny [address-not-designated]
	// add 9.9.9.9 to the designated addresses; or, if it is meant so, repeat it with this error's Force
	// access: designated addresses, was all
	// added designated: 8.8.8.0/24 "Head office"
	// added designated: 9.9.9.9
	// mobile is signed out: false
	// web is signed out: true
}

// One call decides a login, and one each request of the session that it began.
func ExampleEngine_Admit() {
	ctx := context.Background()
	eng, version := exampleEngine()
	addr := netip.MustParseAddr("8.8.8.8")
	login := engine.Login{Tenant: "acme", Member: "kim", Plan: "standard", Client: session.Web, Addr: addr, Authenticated: true}
	d, stamp, err := eng.Admit(ctx, login)
	fmt.Println(d, err)

	request := engine.Request{Tenant: "acme", Member: "kim", Plan: "standard", Stamp: stamp, Addr: addr}
	d, err = eng.Check(ctx, request)
	fmt.Println(d, err)

	settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24")}}}
	if _, err := eng.Save(ctx, engine.Save{Act: engine.Act{Tenant: "acme", From: version}, Plan: "standard", Settings: settings}); err != nil {
		fmt.Println(err)
		return
	}
	d, err = eng.Check(ctx, request) // of before
	fmt.Println(d, err)

	d, stamp, err = eng.Admit(ctx, login) // the same instant will do
	fmt.Println(d, err)
	request.Stamp = stamp
	request.Addr = netip.MustParseAddr("9.9.9.9") // on the road
	d, err = eng.Check(ctx, request)
	fmt.Println(d, err)
	// Output:
	// allow [all-addresses] <nil>
	// allow [all-addresses] <nil>
	// deny [session-cut] <nil>
	// allow [address-designated] <nil>
	// deny [address-not-designated] <nil>
}

// A provisional save is taken back unless somebody confirms it from inside.
func ExampleEngine_Confirm() {
	ctx := context.Background()
	eng, version := exampleEngine()
	act := engine.Act{
		Tenant: "acme",
		From:   version,
		By:     engine.Place{Member: "lee", Client: session.Web, Addr: netip.MustParseAddr("9.9.9.9")},
	}
	settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24")}}}
	saved, err := eng.Save(ctx, engine.Save{Act: act, Plan: "standard", Settings: settings, Provisional: 10 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range saved.OnlyBypass {
		fmt.Println(f)
	}

	act.From = saved.Version
	_, err = eng.Confirm(ctx, act)
	fmt.Println(err)

	act.By.Addr = netip.MustParseAddr("8.8.8.8") // in the office
	_, err = eng.Confirm(ctx, act)
	fmt.Println(err)
	// Output:
	// "lee" (acting) with web at 9.9.9.9: allow [super-admin]
	// engine: the provisional save was not confirmed, because it admits no ordinary member here, and so this does not show that it works:
	// 	"lee" (acting) with web at 9.9.9.9: deny [address-not-designated]
	// confirm it from a place that it admits; or, if it is meant so, repeat this with the error's Force
	// <nil>
}
