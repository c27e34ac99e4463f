package policy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Everything that is wrong with a document is told at once, with its place and
// how to mend it.
func ExampleDecode() {
	doc := `{
		"access": "designated",
		"designated": [
			{"range": "8.8.8.0/24", "label": "Head office"},
			{"range": "9.9.9.9/24", "label": "Branch"},
			{"range": "10.0.0.0/8", "label": "Warehouse"}
		],
		"exception": [{"member": "kim"}]
	}`
	_, _, err := policy.Decode([]byte(doc), policy.Standard(), nil)
	fmt.Println(err)

	doc = strings.NewReplacer("9.9.9.9/24", "9.9.9.9", "10.0.0.0/8", "11.0.0.0/8", `"exception"`, `"exceptions"`).Replace(doc)
	settings, p, err := policy.Decode([]byte(doc), policy.Standard(), nil)
	fmt.Println(settings.Designated, err)
	kim := &member.Member{ID: "kim", Status: member.Active}
	fmt.Println(p.Evaluate(policy.Attempt{Addr: netip.MustParseAddr("1.1.1.1"), Client: session.Web, Member: kim}))

	// Output:
	// policy: 3 problems
	// 	designated[1].range: "9.9.9.9/24": bits are set beyond the prefix length; write 9.9.9.0/24 for the block or 9.9.9.9 for the one address
	// 	exception: there is no key "exception" here, only access, designated, exceptions, format, outside, overseas; remove it or correct its name
	// 	designated[2].range: 10.0.0.0/8 touches 10.0.0.0/8 (Private-Use); only public addresses can be designated
	// [8.8.8.0/24 "Head office" 9.9.9.9 "Branch" 11.0.0.0/8 "Warehouse"] <nil>
	// allow [member-excepted]
}

// Settings are stored as JSON, by themselves or within what the host stores.
func ExampleSettings() {
	settings := policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
			{Range: ipset.MustParseRange("2606:4700::/32"), Until: time.Date(2027, 2, 1, 0, 0, 0, 0, time.FixedZone("KST", 9*60*60))},
		},
		Exceptions: []policy.Exception{{Member: "kim", Note: "on the road"}},
	}
	doc, err := json.Marshal(settings)
	fmt.Printf("%s %v\n", doc, err)

	var read policy.Settings
	err = json.Unmarshal(doc, &read)
	fmt.Println(read.Equal(settings), err)

	err = json.Unmarshal([]byte(`{"Access": "all"}`), &read)
	fmt.Println(err)
	fmt.Println(read.Equal(settings))

	// Output:
	// {"format":1,"access":"designated","designated":[{"range":"8.8.8.0/24","label":"Head office"},{"range":"2606:4700::/32","until":"2027-01-31T15:00:00Z"}],"exceptions":[{"member":"kim","note":"on the road"}]} <nil>
	// true <nil>
	// policy: Access: the key is access, not "Access"; write the key in lower case
	// true
}

// What was accepted decides as it was saved, also after the product has become
// stricter. Problems tells what to mend at the next save.
func ExampleCompileStored() {
	saved := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.10-8.8.8.20")}, {Range: ipset.MustParseRange("2606:4700::/32")}},
	}
	profile := policy.Standard()
	profile.IPv4Only = true // from this release on

	_, err := policy.Compile(saved, profile, nil)
	fmt.Println(err)

	p, err := policy.CompileStored(saved, profile, nil)
	if err != nil {
		panic(err)
	}
	lee := &member.Member{ID: "lee", Status: member.Active}
	fmt.Println(p.Evaluate(policy.Attempt{Addr: netip.MustParseAddr("2606:4700::1"), Client: session.Web, Member: lee}))
	for _, problem := range p.Problems() {
		fmt.Println(problem.Path, problem.Code)
	}

	// Output:
	// policy: designated[1].range: 2606:4700::/32 is IPv6, which Standard does not take; write an IPv4 address or prefix
	// allow [address-designated]
	// designated[1].range ipv4-only
}

// Before an administrator saves, Diff tells what that changes and whom it signs
// out.
func ExampleDiff() {
	old := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"}},
		Exceptions: []policy.Exception{{Member: "kim"}},
	}
	new := old.Clone()
	new.Designated[0].Range = ipset.MustParseRange("8.8.8.0/25")
	new.Designated = append(new.Designated, policy.Entry{Range: ipset.MustParseRange("9.9.9.9")})
	new.Exceptions = nil

	change := policy.Diff(old, new, policy.NaverWorks(), time.Now())
	fmt.Println("gained:", change.Added)
	fmt.Println("lost:", change.Removed)
	fmt.Println("mobile is signed out:", change.SignOut.Has(session.Mobile))
	fmt.Println("web is signed out:", change.SignOut.Has(session.Web))
	fmt.Println("of members:", change.SignOutMembers)
	fmt.Println(strings.Join(change.Summary, "\n"))

	// Output:
	// gained: [9.9.9.9]
	// lost: [8.8.8.128/25]
	// mobile is signed out: false
	// web is signed out: true
	// of members: [kim]
	// added designated: 8.8.8.0/25 "Head office"
	// added designated: 9.9.9.9
	// removed designated: 8.8.8.0/24 "Head office"
	// removed exception: "kim"
}
