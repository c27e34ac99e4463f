package site

import (
	"crypto/rand"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
)

// DemoMembers are in each tenant of the demo; the password of each is demo- and the id.
var DemoMembers = []member.ID{"root", "it", "kim", "lee"}

// Demo returns the tenants of the demo. Three, one for each product, let everybody in from
// everywhere, so that scripts can rely on it. The fourth has something to see for somebody
// with one machine: its two loopback addresses are two places, and neither has a country.
func Demo() []Setup {
	members := func(mustChange member.ID) []Newcomer {
		var list []Newcomer
		for _, id := range DemoMembers {
			n := Newcomer{ID: id, Password: "demo-" + string(id), Contact: string(id) + "@example.net", MustChange: id == mustChange}
			switch id {
			case "root":
				n.Roles = []string{directory.SuperAdmin}
			case "it":
				n.Roles = []string{directory.ITAdmin}
			}
			list = append(list, n)
		}
		return list
	}
	return []Setup{
		{ID: "works", Profile: policy.NaverWorks().Name, Plan: "advanced", Contact: "it@works.example", About: "from everywhere, until you designate addresses", Members: members("")},
		{ID: "line", Profile: policy.LineWorks().Name, Plan: "advanced", Contact: "it@line.example", About: "likewise, with no exceptions and no overseas blocking", Members: members("")},
		{ID: "kintone", Profile: policy.Kintone().Name, Plan: "advanced", Contact: "it@kintone.example", About: "likewise, IPv4 only; root is not free either", Members: members("")},
		{ID: "standard", Profile: policy.Standard().Name, Plan: "advanced", Contact: "it@standard.example", About: "from the office; lee is an exception, and must change the password",
			Members: members("lee"),
			Settings: policy.Settings{
				Access: policy.DesignatedAddresses,
				Designated: []policy.Entry{
					{Range: ipset.MustParseRange("::1"), Label: "The office: this machine, by IPv6"},
					{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
				},
				Exceptions: []policy.Exception{
					{Member: "lee", Note: "on the road"},
					{Member: "it", Ranges: []ipset.Range{ipset.MustParseRange("211.32.0.0/11")}, Note: "on call at home"},
				},
				Overseas: policy.Overseas{Exempt: geo.CountriesOf(geo.MustParseCountry("KR"), geo.MustParseCountry("JP"))},
			}},
	}
}

// First returns a tenant with one super admin whose password is random, for a server that
// has none.
func First() Setup {
	return Setup{ID: "main", Profile: policy.Standard().Name, Plan: "", Members: []Newcomer{
		{ID: "root", Password: rand.Text(), Roles: []string{directory.SuperAdmin}},
	}}
}
