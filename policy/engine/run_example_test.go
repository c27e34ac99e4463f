package engine_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func ExampleEngine_Preview() {
	ctx := context.Background()
	eng, err := engine.New(policy.Standard(), policy.NewMemStore(), runMembers{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"}); err != nil {
		fmt.Println(err)
		return
	}
	// Where members came from in the last weeks; a session.Visitor yields it.
	visits := runVisits([]session.Visit{
		{Tenant: "acme", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8")},
		{Tenant: "acme", Member: "kim", Client: session.Mobile, Addr: netip.MustParseAddr("1.1.1.1")},
		{Tenant: "acme", Member: "lee", Client: session.Web, Addr: netip.MustParseAddr("1.1.1.1")},
	}, nil)
	draft := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"}},
		Exceptions: []policy.Exception{{Member: "lee", Note: "on the road"}},
	}
	p, err := eng.Preview(ctx, "acme", "", draft, visits)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d visits would be refused\n", p.Refused.Visits, p.Visits)
	fmt.Println("by member:", p.Refused.ByMember)
	fmt.Println("by client:", p.Refused.ByClient)
	fmt.Println("by reason:", p.Refused.ByReason)
	for _, line := range p.Change.Summary {
		fmt.Println(line)
	}
	// Output:
	// 1 of 3 visits would be refused
	// by member: map[kim:1]
	// by client: map[mobile:1]
	// by reason: map[address-not-designated:1]
	// access: designated addresses, was all
	// added designated: 8.8.8.0/24 "Head office"
	// added exception: "lee" "on the road"
}

func ExampleEngine_WhatIf() {
	ctx := context.Background()
	eng, err := engine.New(policy.Standard(), policy.NewMemStore(), runMembers{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	settings := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"}},
	}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme", Settings: settings}); err != nil {
		fmt.Println(err)
		return
	}
	// Kim calls: "I cannot log in from 1.1.1.1."
	x, err := eng.WhatIf(ctx, engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("1.1.1.1")}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(x.Decision)
	for _, s := range x.Steps {
		if s.Answered {
			fmt.Println(s.Line, s.Because)
		}
	}
	// Output:
	// deny [address-not-designated]
	// 6d addresses off the list are refused
}
