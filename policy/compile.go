package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Policy is settings compiled to what decides. A nil Policy and the zero
// Policy refuse everything. A Policy does not change and is safe for
// concurrent use; what it was compiled from may be changed afterwards.
type Policy struct {
	compiled bool

	// of the profile
	superAdminBypass                    bool
	byPlan                              bool
	clients, listExempt, overseasExempt session.Clients
	plans                               shared[planFeatures]
	unavailable                         shared[string]

	// of the settings
	access     Access
	outside    Effect
	block      bool
	ends       bool           // something in force under access ends: time matters
	exempt     *geo.Countries // nil: none
	designated addresses
	exceptions []exception // sorted by member

	loc      geo.Locator
	problems []Problem
}

type planFeatures struct {
	plan     Plan
	features Features
}

// exception is an Exception compiled: anywhere, or at some addresses.
type exception struct {
	member   member.ID
	anywhere bool
	at       *ipset.Set
	until    time.Time
}

// Compile checks s whole under p. If anything is wrong the error is an
// *InvalidError with every problem and there is no Policy. Use it on what an
// administrator is about to save. loc may be nil if s does not block overseas
// logins.
func Compile(s Settings, p *Profile, loc geo.Locator) (*Policy, error) {
	if err := check(s, p, loc).err(); err != nil {
		return nil, err
	}
	return compile(s, p, loc), nil
}

// CompileStored compiles settings that were accepted before. What Compile
// would refuse today decides as it was saved, so that no upgrade, no stricter
// rule of the profile for what may be saved and no lost country file shuts a
// tenant out or opens its doors; Policy.Problems tells what Compile would say.
// Without a country database no address has a country. What the profile says
// of plans, clients, exemptions and super admins holds from now on.
//
// It cannot tell settings that were never read from the zero Settings, which
// let everyone in: read them with Settings.UnmarshalJSON, which demands access,
// and look at its error. The error is an *InvalidError with what cannot be
// understood at all: an access or an effect that this program does not know, a
// nil profile or one without clients.
func CompileStored(s Settings, p *Profile, loc geo.Locator) (*Policy, error) {
	found := check(s, p, loc)
	var fatal problems
	for _, f := range found {
		switch f.Code {
		case "unknown-access", "unknown-outside", "no-profile", "no-clients":
			fatal = append(fatal, f)
		}
	}
	if err := fatal.err(); err != nil {
		return nil, err
	}
	policy := compile(s, p, loc)
	policy.problems = found
	return policy, nil
}

// compile compiles settings in which whatever check finds has been weighed. A
// zero range holds nothing.
func compile(s Settings, p *Profile, loc geo.Locator) *Policy {
	c := &Policy{
		compiled:         true,
		clients:          p.Clients & session.AllClients,
		listExempt:       p.ListExempt,
		overseasExempt:   p.OverseasExempt,
		superAdminBypass: p.SuperAdminBypass,
		byPlan:           p.Plans != nil,
		unavailable:      share(p.Unavailable),
		access:           s.Access,
		outside:          s.Outside,
		block:            s.Overseas.Block,
	}
	if !noLocator(loc) {
		c.loc = loc
	}
	plans := make([]planFeatures, 0, len(p.Plans))
	for plan, features := range p.Plans {
		plans = append(plans, planFeatures{plan, features & allFeatures})
	}
	slices.SortFunc(plans, func(a, b planFeatures) int { return strings.Compare(string(a.plan), string(b.plan)) })
	c.plans = share(plans)
	if exempt := s.Overseas.Exempt; c.block && !exempt.IsZero() {
		c.exempt = &exempt
	}
	if s.Access != DesignatedAddresses {
		return c // what is not in force is ignored
	}
	c.designated = addressesOf(s.Designated)
	c.ends = c.designated.end()
	for _, x := range s.Exceptions {
		if x.Member == "" {
			continue // it is nobody's
		}
		e := exception{member: x.Member, anywhere: x.Ranges == nil, until: x.Until}
		if !e.anywhere {
			e.at = ipset.Of(x.Ranges...)
		}
		c.exceptions = append(c.exceptions, e)
		c.ends = c.ends || !x.Until.IsZero()
	}
	slices.SortStableFunc(c.exceptions, func(a, b exception) int {
		return strings.Compare(string(a.member), string(b.member))
	})
	return c
}

// Problems returns what Compile would refuse in settings that CompileStored
// took, or nil.
func (p *Policy) Problems() []Problem {
	if p == nil {
		return nil
	}
	return slices.Clone(p.problems)
}

// Unavailable returns the features of the host that are off for a tenant of
// this plan, because addresses are designated; see Profile.Unavailable.
func (p *Policy) Unavailable(plan Plan) []string {
	if p == nil || p.access != DesignatedAddresses {
		return nil
	}
	if features, known := p.features(plan); known && features&NetworkSecurity == 0 {
		return nil
	}
	return slices.Collect(p.unavailable.all())
}
