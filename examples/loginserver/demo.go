package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// tenant is a customer of this server.
type tenant struct {
	ID        session.TenantID
	About     string // for people
	plan      policy.Plan
	Profile   *policy.Profile
	settings  policy.Settings
	policy    *policy.Policy
	explainer *policy.Explainer
	version   session.Version // of settings
	cuts      session.Cuts    // in numbers of version
	accounts  map[member.ID]*account
}

// demoTenants returns a tenant for each profile. The settings are chosen so
// that somebody with one machine sees something happen: its two loopback
// addresses are two places, and neither has a country.
func demoTenants(countries *geo.DB, now time.Time) ([]*tenant, error) {
	kr, jp := geo.MustParseCountry("KR"), geo.MustParseCountry("JP")
	tenants := []*tenant{
		{ID: "works", Profile: policy.NaverWorks(),
			About: "only from the office; lee is an exception, mobile is free",
			settings: policy.Settings{
				Access: policy.DesignatedAddresses,
				Designated: []policy.Entry{
					{Range: ipset.MustParseRange("::1"), Label: "The office: this machine, by IPv6"},
					{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
					{Range: ipset.MustParseRange("133.5.0.0-133.5.3.255"), Label: "The fair in Tokyo", Until: now.AddDate(0, 1, 0)},
				},
				Exceptions: []policy.Exception{
					{Member: "lee", Note: "on the road"},
					{Member: "it", Ranges: []ipset.Range{ipset.MustParseRange("211.32.0.0/11")}, Note: "on call at home"},
				},
			}},
		{ID: "line", Profile: policy.LineWorks(),
			About: "from everywhere; lee must change the password"},
		{ID: "kintone", Profile: policy.Kintone(),
			About: "only from home, since it takes IPv4 alone; root is not free either",
			settings: policy.Settings{
				Access: policy.DesignatedAddresses,
				Designated: []policy.Entry{
					{Range: ipset.MustParseRange("127.0.0.1"), Label: "Home: this machine, by IPv4"},
					{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
				},
			}},
		{ID: "standard", Profile: policy.Standard(),
			About: "from abroad, as from here, with a code, which /demo/mail shows",
			settings: policy.Settings{
				Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(kr, jp)},
			}},
	}
	for _, t := range tenants {
		t.plan = "advanced"
		t.Profile.SpecialPurpose = true // loopback is not public; a service on the Internet leaves this out
		t.version = session.NewLine()
		var err error
		if t.policy, err = policy.Compile(t.settings, t.Profile, countries); err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		if t.explainer, err = policy.NewExplainer(t.settings, t.Profile, countries); err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
	}
	return tenants, nil
}

// demoMembers gives a tenant its members. The password of each is demo- and
// the id.
func demoMembers(ctx context.Context, t *tenant, p *passwords) error {
	ids := []member.ID{"root", "it", "kim", "lee"}
	t.accounts = make(map[member.ID]*account, len(ids))
	hashed := make(chan error)
	for _, id := range ids {
		a := &account{member: member.Member{
			Tenant:             t.ID,
			ID:                 id,
			Status:             member.Active,
			Super:              id == "root",
			MustChangePassword: id == "lee" && t.ID == "line",
			Version:            session.NewLine(),
		}}
		t.accounts[id] = a
		go func() {
			var err error
			a.password, err = p.hash(ctx, "demo-"+string(id))
			hashed <- err
		}()
	}
	var err error
	for range ids {
		err = errors.Join(err, <-hashed)
	}
	return err
}
