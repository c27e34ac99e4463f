package policy_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// koreaAlone is a country database for examples. A service opens one of its
// own; see geo.Open.
type koreaAlone struct{}

func (koreaAlone) Country(a netip.Addr) geo.Country {
	if netip.MustParsePrefix("1.208.0.0/12").Contains(a) {
		return geo.MustParseCountry("KR")
	}
	return geo.Country{}
}

func ExamplePolicy_Evaluate() {
	settings := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"}},
		Exceptions: []policy.Exception{{Member: "kim", Note: "on the road"}},
	}
	p, err := policy.Compile(settings, policy.Standard(), nil)
	if err != nil {
		log.Fatal(err)
	}

	kim := &member.Member{ID: "kim", Status: member.Active}
	lee := &member.Member{ID: "lee", Status: member.Active}
	for _, a := range []policy.Attempt{
		{Member: lee, Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8")},
		{Member: lee, Client: session.Web, Addr: netip.MustParseAddr("1.212.3.4")},
		{Member: kim, Client: session.Web, Addr: netip.MustParseAddr("1.212.3.4")},
		{Member: kim, Client: session.Web},
	} {
		switch d := p.Evaluate(a); d.Effect {
		case policy.Allow:
			fmt.Printf("let in %s: %s\n", a.Member.ID, d.Reason.Meaning())
		case policy.Verify:
			fmt.Printf("mail %s a code\n", a.Member.ID)
		case policy.ChangePassword:
			fmt.Printf("have %s change the password\n", a.Member.ID)
		default:
			fmt.Printf("refuse %s: %v\n", a.Member.ID, d.Reason)
		}
	}
	// Output:
	// let in lee: the address is designated
	// refuse lee: address-not-designated
	// let in kim: the address is not designated, but the member is an exception
	// refuse kim: no-client-address
}

// A login from abroad is verified, and evaluated again when that is done.
func ExamplePolicy_Evaluate_overseas() {
	settings := policy.Settings{
		Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"))},
	}
	p, err := policy.Compile(settings, policy.Standard(), koreaAlone{})
	if err != nil {
		log.Fatal(err)
	}
	a := policy.Attempt{
		Member: &member.Member{ID: "lee", Status: member.Active},
		Client: session.Mobile,
		Addr:   netip.MustParseAddr("1.212.3.4"),
	}
	fmt.Println(p.Evaluate(a))
	a.Addr = netip.MustParseAddr("8.8.8.8")
	fmt.Println(p.Evaluate(a))
	a.Verified = true
	fmt.Println(p.Evaluate(a))
	// Output:
	// allow [country-exempt] KR
	// verify [overseas-login]
	// allow [identity-verified]
}

// Nobody has to be right about what is missing: it refuses.
func ExamplePolicy_Evaluate_zero() {
	var p *policy.Policy
	fmt.Println(p.Evaluate(policy.Attempt{}))
	// Output: deny [no-policy]
}

func ExampleCompile() {
	settings := policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("8.8.8.0/24")},
			{Range: ipset.MustParseRange("10.1.0.0/16")},
		},
		Exceptions: []policy.Exception{{Member: "kim"}},
	}
	_, err := policy.Compile(settings, policy.Kintone(), nil)
	fmt.Println(err)
	// Output:
	// policy: 2 problems
	// 	designated[1].range: 10.1.0.0/16 touches 10.0.0.0/8 (Private-Use); only public addresses can be designated
	// 	exceptions: Kintone has no exceptions; remove the exceptions
}

func ExampleExplain() {
	settings := policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
			{Range: ipset.MustParseRange("1.212.3.0/24"), Label: "Fair", Until: time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)},
		},
	}
	e, err := policy.Explain(settings, policy.Standard(), nil, policy.Attempt{
		Member: &member.Member{ID: "lee", Status: member.Active},
		Client: session.Web,
		Addr:   netip.MustParseAddr("::ffff:1.212.3.4"),
		At:     time.Date(2027, 2, 1, 9, 0, 0, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(e)
	// Output:
	//   0  there are settings and a member
	//   1  1.212.3.4 can be judged, and web is a client of Standard
	//   2  the member is active
	//   3  web is not blocked for the member
	//   4  the member is no super admin
	//   5  Standard is not sold by plan
	//   6a web is not free of the list
	//   6b 1.212.3.4 is in no designated entry in force
	//   6c "lee" is no exception
	// > 6d addresses off the list are refused
	//   designated[1] (not in force): 1.212.3.0/24 "Fair" until 2027-01-31T15:00:00Z
	// = deny [address-not-designated]
}

func ExampleDecision_LogValue() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // for the example, which is always the same
			}
			return a
		},
	}))
	d := policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin, Country: geo.MustParseCountry("JP")}
	logger.Info("login", "member", "lee", "decision", d)
	// Output: level=INFO msg=login member=lee decision.effect=verify decision.reason=overseas-login decision.country=JP
}

// A host starts from a profile and alters its copy.
func ExampleStandard() {
	p := policy.Standard()
	p.Name = "Intranet"
	p.SpecialPurpose = true
	p.ListExempt = session.ClientsOf(session.Mobile) // named where it is seen: mobile is let in from everywhere

	settings := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("10.1.0.0/16")}},
	}
	intranet, err := policy.Compile(settings, p, nil)
	if err != nil {
		log.Fatal(err)
	}
	lee := &member.Member{ID: "lee", Status: member.Active}
	fmt.Println(intranet.Evaluate(policy.Attempt{Member: lee, Client: session.Web, Addr: netip.MustParseAddr("10.1.2.3")}))
	fmt.Println(intranet.Evaluate(policy.Attempt{Member: lee, Client: session.Mobile, Addr: netip.MustParseAddr("8.8.8.8")}))
	// Output:
	// allow [address-designated]
	// allow [client-exempt]
}

func ExampleReason_Meaning() {
	fmt.Println(policy.ReasonMemberLocked, "means:", policy.ReasonMemberLocked.Meaning())
	// Output: member-locked means: the member is locked after too many failed logins
}
