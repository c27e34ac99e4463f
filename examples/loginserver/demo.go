package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// tenant is a customer of this server. A service has one product, and so one profile and
// one engine for all its tenants; this one shows four products.
type tenant struct {
	ID      session.TenantID
	About   string // for people
	Plan    policy.Plan
	Profile *policy.Profile
	engine  *engine.Engine
}

// demoMembers are in each tenant.
var demoMembers = []member.ID{"it", "kim", "lee", "root"}

// demo is a tenant to begin with.
type demo struct {
	id       session.TenantID
	profile  *policy.Profile
	about    string
	settings policy.Settings
}

// demos are a tenant for each profile. The settings are chosen so that somebody with one
// machine sees something happen: its two loopback addresses are two places, and neither
// has a country.
func demos(now time.Time) []demo {
	return []demo{
		{"works", policy.NaverWorks(), "only from the office; lee is an exception, mobile is free",
			policy.Settings{
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
		{"line", policy.LineWorks(), "from everywhere; lee must change the password", policy.Settings{}},
		{"kintone", policy.Kintone(), "only from home, since it takes IPv4 alone; root is not free either",
			policy.Settings{
				Access: policy.DesignatedAddresses,
				Designated: []policy.Entry{
					{Range: ipset.MustParseRange("127.0.0.1"), Label: "Home: this machine, by IPv4"},
					{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
				},
			}},
		{"standard", policy.Standard(), "from abroad, as from here, with a code, which /demo/mail shows",
			policy.Settings{
				Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"), geo.MustParseCountry("JP"))},
			}},
	}
}

// begin makes a tenant with its members. The password of each is demo- and the id.
func (s *server) begin(ctx context.Context, d demo, resetKey []byte) error {
	t := &tenant{ID: d.id, About: d.about, Plan: "advanced", Profile: d.profile}
	t.Profile.SpecialPurpose = true // loopback is not public; a service on the Internet leaves this out
	var err error
	t.engine, err = engine.New(t.Profile, policy.NewMemStore(), s.directory, &engine.Options{
		Locator:        s.countries,
		Failures:       s.directory,
		Administrators: administrators{s},
		Observer:       watcher{s.log},
		Mailer:         mailer{s},
		ResetKeys:      [][]byte{resetKey},
	})
	if err != nil {
		return fmt.Errorf("tenant %s: %w", d.id, err)
	}
	s.tenants = append(s.tenants, t)
	if _, err := t.engine.Enroll(ctx, engine.Enrollment{Tenant: t.ID, Plan: t.Plan, Settings: d.settings}); err != nil {
		return fmt.Errorf("tenant %s: %w", d.id, err)
	}
	for _, id := range demoMembers {
		a := directory.Account{
			Member:   member.Member{Tenant: t.ID, ID: id},
			Contacts: []directory.Contact{{Address: string(id) + "@example.net", Recorded: time.Now().Add(-time.Minute)}},
			Profile:  directory.Profile{Name: string(id), Mail: string(id) + "@" + string(t.ID) + ".example"},
		}
		switch id {
		case "root":
			a.Roles = []directory.Role{{Name: directory.SuperAdmin}}
		case "it":
			a.Roles = []directory.Role{{Name: directory.ITAdmin}}
		}
		a.MustChangePassword = id == "lee" && t.ID == "line"
		if err := s.directory.Adopt(ctx, a, "a demo"); err != nil {
			return fmt.Errorf("member %s of %s: %w", id, t.ID, err)
		}
		if err := s.passwords.set(ctx, t.ID, id, "demo-"+string(id)); err != nil {
			return err
		}
	}
	return nil
}
