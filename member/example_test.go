package member_test

import (
	"fmt"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// A host fills a Member from a row of its own table.
func ExampleMember() {
	row := struct{ tenant, id, status, closed string }{"acme", "kim", "active", "mobile,drive"}

	m := &member.Member{Tenant: session.TenantID(row.tenant), ID: member.ID(row.id)}
	if err := m.Status.UnmarshalText([]byte(row.status)); err != nil {
		fmt.Println(err) // refuse: nothing is known of the member
		return
	}
	if err := m.Blocked.UnmarshalText([]byte(row.closed)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.ID, m.Status, m.Blocked.Has(session.Mobile))
	// Output:
	// kim active true
}

// Suspending a member ends its sessions. Status, version and cut are one write.
func ExampleMember_suspend() {
	before := member.Member{
		Tenant: "acme", ID: "kim", Status: member.Active,
		Version: session.Version{Line: 12026, Number: 4},
	}
	stamp := session.Stamp{Client: session.Web, Member: before.Version}

	after := before
	next, err := before.Version.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	after.Status = member.Suspended
	after.Version = next
	after.Cuts = before.Cuts.Cut(session.AllClients, next.Number)

	fmt.Println(before.Cuts.Live(stamp.Client, stamp.Member.Number), after.Cuts.Live(stamp.Client, stamp.Member.Number))
	// Output:
	// true false
}

func ExampleParseStatus() {
	s, err := member.ParseStatus("on-leave")
	fmt.Println(s, err)
	s, err = member.ParseStatus("Active")
	fmt.Println(s, err)
	// Output:
	// on-leave <nil>
	// unknown "Active" is not a status; want pending, active, on-leave, suspended, locked or deleted
}
