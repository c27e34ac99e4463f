package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalRandom draws settings and attempts from a world so small that they meet.
type evalRandom struct{ *rand.Rand }

func newEvalRandom(seed uint64) evalRandom { return evalRandom{rand.New(rand.NewPCG(seed, 27))} }

func evalPick[T any](r evalRandom, from ...T) T { return from[r.IntN(len(from))] }

// evalEdges are addresses at which ranges begin and end: around others, at the
// ends of the families and of ::ffff:0:0/96, where IPv4 lies in IPv6.
var evalEdges = func() (edges []netip.Addr) {
	for _, s := range []string{
		"0.0.0.0", "0.0.0.1", "1.208.0.0", "1.208.0.9", "1.208.0.255", "1.208.1.0", "8.8.8.8", "10.0.0.0", "10.255.255.255",
		"133.1.2.3", "127.255.255.255", "128.0.0.0", "255.255.255.254", "255.255.255.255",
		"::", "::1", "::1.208.0.9", "::fffe:ffff:ffff", "::ffff:ffff:ffff:ffff", "::1:0:0:0", "64:ff9b::1.208.0.9",
		"2001:220::", "2001:220::9", "2001:220:0:0:ffff:ffff:ffff:ffff", "2001:240::3", "2002:1d0:9::",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		edges = append(edges, netip.MustParseAddr(s))
	}
	// As IPv6, not as the IPv4 that they spell.
	for _, s := range []string{"::ffff:0.0.0.0", "::ffff:1.208.0.9", "::ffff:128.0.0.0", "::ffff:255.255.255.255"} {
		edges = append(edges, netip.MustParseAddr(s))
	}
	return edges
}()

// addr returns an edge or one of its neighbours.
func (r evalRandom) addr() netip.Addr {
	a := evalPick(r, evalEdges...)
	switch r.IntN(3) {
	case 0:
		if p := a.Prev(); p.IsValid() {
			return p
		}
	case 1:
		if n := a.Next(); n.IsValid() {
			return n
		}
	}
	return a
}

// span returns a range from one edge, or a neighbour of it, to another.
func (r evalRandom) span() ipset.Range {
	for {
		if found, err := ipset.RangeFrom(r.addr(), r.addr()); err == nil {
			return found
		}
	}
}

func (r evalRandom) until() time.Time {
	return evalPick(r, time.Time{}, time.Time{}, evalAt.Add(-time.Hour), evalAt.Add(-1), evalAt, evalAt.Add(1), evalAt.Add(time.Hour))
}

func (r evalRandom) entry() policy.Entry { return policy.Entry{Range: r.span(), Until: r.until()} }

func (r evalRandom) member() member.ID { return evalPick[member.ID](r, "kim", "lee", "park") }

func (r evalRandom) exception() policy.Exception {
	x := policy.Exception{Member: r.member(), Until: r.until()}
	switch r.IntN(4) {
	case 0: // anywhere
	case 1:
		x.Ranges = []ipset.Range{} // nowhere: refused by Compile, not by CompileStored
	default:
		for range 1 + r.IntN(3) {
			x.Ranges = append(x.Ranges, r.span())
		}
	}
	return x
}

func (r evalRandom) country() geo.Country {
	return evalPick(r, evalKR, evalJP, geo.MustParseCountry("US"))
}

func (r evalRandom) settings() policy.Settings {
	s := policy.Settings{
		Access:   evalPick(r, policy.AllAddresses, policy.DesignatedAddresses, policy.DesignatedAddresses),
		Outside:  evalPick(r, policy.Deny, policy.Verify),
		Overseas: policy.Overseas{Block: r.IntN(3) > 0},
	}
	for range r.IntN(5) {
		s.Designated = append(s.Designated, r.entry())
	}
	for range r.IntN(4) {
		s.Exceptions = append(s.Exceptions, r.exception())
	}
	for range r.IntN(3) {
		s.Overseas.Exempt = s.Overseas.Exempt.With(r.country())
	}
	return s
}

func (r evalRandom) bool() bool { return r.IntN(2) == 0 }

// attempt returns an attempt of a member whose status does not decide.
func (r evalRandom) attempt(p *policy.Profile) policy.Attempt {
	return policy.Attempt{
		Addr: r.addr(),
		Client: evalPick(r, session.Web, session.Mobile, session.IMAP, session.API,
			session.Desktop, session.FirstCustom, session.FirstCustom+30),
		Plan: evalPick(r, evalPlans(p)...),
		Member: &member.Member{
			ID:                 r.member(),
			Status:             evalPick(r, member.Active, member.OnLeave),
			Super:              r.IntN(8) == 0,
			MustChangePassword: r.IntN(3) == 0,
		},
		Verified: r.IntN(3) == 0,
		Request:  r.IntN(3) == 0,
		At:       evalAt,
	}
}
