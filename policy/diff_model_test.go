package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docUniverse is all the addresses that there are in these tests, so few that
// they can be asked one by one. The last one is in no range: it stands for
// anywhere else.
var docUniverse = func() (all []netip.Addr) {
	for i := range 12 {
		all = append(all, netip.AddrFrom4([4]byte{8, 8, 8, byte(i)}))
	}
	for i := range 6 {
		all = append(all, netip.AddrFrom16([16]byte{0x26, 0x06, 0x47, 15: byte(i)}))
	}
	return append(all, netip.MustParseAddr("9.9.9.9"))
}()

// docSmall makes random settings in docUniverse, some of which do not compile.
func docSmall(rng *rand.Rand) policy.Settings {
	span := func() ipset.Range {
		from, n := rng.IntN(12), 12
		if rng.IntN(3) == 0 {
			from, n = 12+rng.IntN(6), 18
		}
		r, err := ipset.RangeFrom(docUniverse[from], docUniverse[from+rng.IntN(n-from)])
		if err != nil {
			panic(err)
		}
		return r
	}
	end := func() time.Time {
		return []time.Time{{}, {}, docPast, docNow, docNow.Add(1), docFuture}[rng.IntN(6)]
	}
	s := policy.Settings{Access: policy.Access(min(1, rng.IntN(4))), Overseas: policy.Overseas{Block: rng.IntN(2) == 0}}
	for range rng.IntN(5) {
		s.Designated = append(s.Designated, policy.Entry{Range: span(), Until: end()})
	}
	for range rng.IntN(4) {
		x := policy.Exception{Member: []member.ID{"kim", "lee", "park"}[rng.IntN(3)], Until: end()}
		for range rng.IntN(4) {
			x.Ranges = append(x.Ranges, span())
		}
		s.Exceptions = append(s.Exceptions, x)
	}
	for _, c := range []geo.Country{docKR, docJP, docUS} {
		if rng.IntN(2) == 0 {
			s.Overseas.Exempt = s.Overseas.Exempt.With(c)
		}
	}
	return s
}

// docListed returns the addresses of docUniverse that a list holds at docNow.
func docListed(entries []policy.Entry) map[netip.Addr]bool {
	listed := map[netip.Addr]bool{}
	for _, a := range docUniverse {
		for _, e := range entries {
			if (e.Until.IsZero() || docNow.Before(e.Until)) && e.Range.Contains(a) {
				listed[a] = true
			}
		}
	}
	return listed
}

// docExceptedAt returns the addresses at which a member is an exception at
// docNow.
func docExceptedAt(s policy.Settings, id member.ID) map[netip.Addr]bool {
	at := map[netip.Addr]bool{}
	for _, a := range docUniverse {
		for _, x := range s.Exceptions {
			here := x.Ranges == nil || slices.ContainsFunc(x.Ranges, func(r ipset.Range) bool { return r.Contains(a) })
			if x.Member == id && (x.Until.IsZero() || docNow.Before(x.Until)) && here {
				at[a] = true
			}
		}
	}
	return at
}

// docLost reports whether something is in before and not in after.
func docLost[K comparable](before, after map[K]bool) bool {
	for k := range before {
		if !after[k] {
			return true
		}
	}
	return false
}

func TestDiffAgreesWithNaiveModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	p := policy.Standard()
	p.SignOut = policy.SignOut{Designate: 1 << session.Web, Narrow: 1 << session.IMAP, Overseas: 1 << session.API, Exception: 1 << session.Drive}
	signedOut := map[session.Clients]int{}
	rounds := 20_000
	if evalRace {
		rounds = 2_000
	}
	for range rounds {
		old, new := docSmall(rng), docSmall(rng)
		if rng.IntN(2) == 0 { // a small change of the same
			new = docWith(old, func(s *policy.Settings) {
				other := docSmall(rng)
				switch rng.IntN(4) {
				case 0:
					s.Designated = append(s.Designated[:len(s.Designated)/2:len(s.Designated)/2], other.Designated...)
				case 1:
					s.Exceptions = append(s.Exceptions[:len(s.Exceptions)/2:len(s.Exceptions)/2], other.Exceptions...)
				case 2:
					s.Overseas = other.Overseas
				default:
					s.Access = other.Access
				}
			})
		}
		var want session.Clients
		var members []member.ID
		was, is := old.Access == policy.DesignatedAddresses, new.Access == policy.DesignatedAddresses
		before, after := docListed(old.Designated), docListed(new.Designated)
		if is && !was {
			want |= p.SignOut.Designate
		}
		if was && is {
			if docLost(before, after) {
				want |= p.SignOut.Narrow
			}
			for _, id := range []member.ID{"kim", "lee", "park"} {
				if docLost(docExceptedAt(old, id), docExceptedAt(new, id)) {
					members = append(members, id)
				}
			}
		}
		asked := func(s policy.Settings) map[string]bool { // the countries that are asked for verification
			m := map[string]bool{}
			if s.Overseas.Block && s.Access == policy.AllAddresses {
				for _, c := range []geo.Country{docKR, docJP, docUS, {}} {
					m[c.String()] = !s.Overseas.Exempt.Has(c)
				}
			}
			return m
		}
		for c, verify := range asked(new) {
			if verify && !asked(old)[c] {
				want |= p.SignOut.Overseas
			}
		}

		c := policy.Diff(old, new, p, docNow)
		if c.SignOut != want || !slices.Equal(c.SignOutMembers, members) {
			t.Fatalf("from %+v\nto   %+v\nsigns out %v and %q, want %v and %q", old, new, c.SignOut, c.SignOutMembers, want, members)
		}
		added, removed := ipset.Of(c.Added...), ipset.Of(c.Removed...)
		for _, a := range docUniverse {
			if was && is && (added.Contains(a) != (after[a] && !before[a]) || removed.Contains(a) != (before[a] && !after[a])) {
				t.Fatalf("from %+v\nto   %+v\nadded %v, removed %v; but %v was %v and is %v", old, new, c.Added, c.Removed, a, before[a], after[a])
			}
		}
		if (!was || !is) && (c.Added != nil || c.Removed != nil) {
			t.Fatalf("added %v, removed %v where the list is not in force on both sides", c.Added, c.Removed)
		}
		signedOut[c.SignOut|session.Clients(min(1, len(members)))<<session.Drive]++
	}
	if len(signedOut) != 6 {
		t.Errorf("the random saves are too much alike: %v", signedOut)
	}
}

// docSameButOrder reports whether two settings say the same, in whatever order
// their entries and exceptions stand.
func docSameButOrder(a, b policy.Settings) bool {
	b = b.Clone()
	for _, e := range a.Designated {
		i := slices.IndexFunc(b.Designated, func(f policy.Entry) bool {
			return policy.Settings{Designated: []policy.Entry{e}}.Equal(policy.Settings{Designated: []policy.Entry{f}})
		})
		if i < 0 {
			return false
		}
		b.Designated = slices.Delete(b.Designated, i, i+1)
	}
	for _, x := range a.Exceptions {
		i := slices.IndexFunc(b.Exceptions, func(y policy.Exception) bool {
			return policy.Settings{Exceptions: []policy.Exception{x}}.Equal(policy.Settings{Exceptions: []policy.Exception{y}})
		})
		if i < 0 {
			return false
		}
		b.Exceptions = slices.Delete(b.Exceptions, i, i+1)
	}
	a.Designated, a.Exceptions = nil, nil
	return a.Equal(b) // of which nothing may be left
}

func TestDiffSummaryIsEmptyForTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 5))
	same := 0
	for range 10_000 {
		old := docSmall(rng)
		new := old.Clone()
		rng.Shuffle(len(new.Designated), func(i, j int) { new.Designated[i], new.Designated[j] = new.Designated[j], new.Designated[i] })
		rng.Shuffle(len(new.Exceptions), func(i, j int) { new.Exceptions[i], new.Exceptions[j] = new.Exceptions[j], new.Exceptions[i] })
		other := docSmall(rng)
		switch n := len(new.Designated); {
		case rng.IntN(2) == 0:
		case rng.IntN(4) == 0 && n > 0:
			new.Designated[0] = new.Designated[n-1] // the one twice, the other not at all
		case rng.IntN(3) == 0 && n > 0:
			new.Designated = append(new.Designated, new.Designated[0])
		case rng.IntN(2) == 0:
			new.Exceptions = other.Exceptions
		default:
			new.Access, new.Outside, new.Overseas = other.Access, policy.Verify, other.Overseas
		}
		want := docSameButOrder(old, new)
		if want {
			same++
		}
		if c := policy.Diff(old, new, policy.Standard(), docNow); (len(c.Summary) == 0) != want {
			t.Fatalf("from %+v\nto   %+v\nthe same %v, but the summary is %q", old, new, want, c.Summary)
		}
	}
	if same < 3000 || same > 9000 {
		t.Errorf("%d of 10,000 are the same", same)
	}
}

func TestDiffSummary(t *testing.T) {
	until := time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)
	old := policy.Settings{
		Designated: []policy.Entry{{Range: docRange("8.8.8.0/24"), Label: "Head office"}, {Range: docRange("9.9.9.9")}, {Range: docRange("1.1.1.1")}, {Range: docRange("1.1.1.1")}},
		Exceptions: []policy.Exception{{Member: "kim", Note: "on the road"}, {Member: "lee", Ranges: docRanges("1.208.0.0/12", "9.9.9.9")}},
		Overseas:   policy.Overseas{Exempt: geo.CountriesOf(docKR, docUS)},
	}
	new := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: docRange("1.1.1.1")}, {Range: docRange("8.8.8.0/24"), Label: "Head \"office\"\x1b"}, {Range: docRange("9.9.9.9"), Until: until}},
		Outside:    policy.Verify,
		Exceptions: []policy.Exception{{Member: "lee", Ranges: docRanges("1.208.0.0/12")}, {Member: "p\u202ek", Until: until}},
		Overseas:   policy.Overseas{Block: true, Exempt: geo.CountriesOf(docKR, docJP)},
	}
	want := []string{
		`access: designated addresses, was all`,
		`addresses off the list: verify, was deny`,
		`added designated: 8.8.8.0/24 "Head \"office\"\x1b"`,
		`added designated: 9.9.9.9 until 2027-01-31T15:00:00Z`,
		`removed designated: 8.8.8.0/24 "Head office"`,
		`removed designated: 9.9.9.9`,
		`removed designated: 1.1.1.1`,
		`added exception: "lee" at [1.208.0.0/12]`,
		`added exception: "p\u202ek" until 2027-01-31T15:00:00Z`,
		`removed exception: "kim" "on the road"`,
		`removed exception: "lee" at [1.208.0.0/12 9.9.9.9]`,
		`overseas blocking: switched on`,
		`added exempt country: JP`,
		`removed exempt country: US`,
	}
	if c := policy.Diff(old, new, policy.Standard(), docNow); !slices.Equal(c.Summary, want) {
		t.Errorf("summary\n%s\nwant\n%s", strings.Join(c.Summary, "\n"), strings.Join(want, "\n"))
	}
	if c := policy.Diff(docBlocking(), policy.Settings{}, nil, docNow); !slices.Equal(c.Summary, []string{"overseas blocking: switched off"}) {
		t.Errorf("summary %q", c.Summary)
	}
}
