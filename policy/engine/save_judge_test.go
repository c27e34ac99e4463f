package engine_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// A small world in which everything that settings can say happens often.
var (
	judgeRanges = saveRanges("8.8.8.0-8.8.8.1", "8.8.8.0", "8.8.8.1", "8.8.8.0-8.8.8.3", "8.8.8.2-8.8.8.3", "8.8.8.1-8.8.8.2", "9.9.9.9", "2001:4860::/32", "2001:4860::/33")
	judgeAddrs  = []netip.Addr{
		netip.MustParseAddr("8.8.8.0"), netip.MustParseAddr("8.8.8.1"), netip.MustParseAddr("8.8.8.2"), netip.MustParseAddr("8.8.8.3"),
		saveHome, saveLost, netip.MustParseAddr("2001:4860::1"), netip.MustParseAddr("2001:4860:8000::1"),
	}
	judgeAt      = saveEpoch
	judgeEnds    = []time.Time{{}, {}, {}, judgeAt.Add(-time.Hour), judgeAt, judgeAt.Add(time.Hour), judgeAt.Add(2 * time.Hour)}
	judgeMembers = []*member.Member{
		{ID: "kim", Status: member.Active}, {ID: "lee", Status: member.Active}, {ID: "park", Status: member.OnLeave},
		{ID: "boss", Status: member.Active, Super: true},
	}
	judgeClients   = []session.Client{session.Web, session.Mobile, session.IMAP, session.API}
	judgeCountries = []geo.Country{geo.MustParseCountry("KR"), geo.MustParseCountry("US"), geo.MustParseCountry("JP")}
	judgePlans     = []policy.Plan{"none", "list", "block", "both"}
)

func judgeProfile() *policy.Profile {
	p := policy.NaverWorks()
	p.Plans = map[policy.Plan]policy.Features{"none": 0, "list": policy.NetworkSecurity, "block": policy.OverseasBlocking, "both": policy.NetworkSecurity | policy.OverseasBlocking}
	return p
}

func judgePick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func judgeSettings(r *rand.Rand) policy.Settings {
	var s policy.Settings
	if r.IntN(4) > 0 {
		s.Access = policy.DesignatedAddresses
	}
	if r.IntN(4) == 0 {
		s.Outside = policy.Verify
	}
	for range r.IntN(4) {
		s.Designated = append(s.Designated, policy.Entry{Range: judgePick(r, judgeRanges), Until: judgePick(r, judgeEnds)})
	}
	for _, m := range judgeMembers {
		if r.IntN(3) == 0 {
			x := policy.Exception{Member: m.ID, Until: judgePick(r, judgeEnds)}
			for range r.IntN(3) {
				x.Ranges = append(x.Ranges, judgePick(r, judgeRanges))
			}
			s.Exceptions = append(s.Exceptions, x)
		}
	}
	s.Overseas.Block = r.IntN(2) == 0
	for _, c := range judgeCountries {
		if r.IntN(2) == 0 {
			s.Overseas.Exempt = s.Overseas.Exempt.With(c)
		}
	}
	return s
}

// judgeEdit returns settings near others, as an administrator makes them.
func judgeEdit(r *rand.Rand, s policy.Settings) policy.Settings {
	s = s.Clone()
	other := judgeSettings(r)
	for range 1 + r.IntN(2) {
		switch r.IntN(9) {
		case 0:
			s.Access = other.Access
		case 1:
			s.Outside = other.Outside
		case 2:
			s.Designated = append(s.Designated, policy.Entry{Range: judgePick(r, judgeRanges), Until: judgePick(r, judgeEnds)})
		case 3:
			if n := len(s.Designated); n > 0 {
				i := r.IntN(n)
				s.Designated = slices.Delete(s.Designated, i, i+1)
			}
		case 4:
			if n := len(s.Designated); n > 0 {
				s.Designated[r.IntN(n)].Until = judgePick(r, judgeEnds)
			}
		case 5:
			if n := len(s.Designated); n > 0 {
				s.Designated[r.IntN(n)].Range = judgePick(r, judgeRanges)
			}
		case 6:
			s.Exceptions = other.Exceptions
		case 7:
			if n := len(s.Exceptions); n > 0 {
				x := &s.Exceptions[r.IntN(n)]
				x.Until = judgePick(r, judgeEnds)
				if r.IntN(2) == 0 {
					x.Ranges = nil
				}
			}
		case 8:
			s.Overseas = other.Overseas
		}
	}
	return s
}

// judgeAttempts yields every attempt of the small world at an instant.
func judgeAttempts(at time.Time, yield func(policy.Attempt) bool) bool {
	for _, addr := range judgeAddrs {
		for _, m := range judgeMembers {
			for _, c := range judgeClients {
				for _, verified := range []bool{false, true} {
					if !yield(policy.Attempt{Addr: addr, Member: m, Client: c, At: at, Verified: verified}) {
						return false
					}
				}
			}
		}
	}
	return true
}

func judgeInstants() []time.Time {
	instants := []time.Time{judgeAt, judgeAt.Add(time.Nanosecond)}
	for _, t := range judgeEnds[5:] {
		instants = append(instants, t.Add(-time.Nanosecond), t, t.Add(time.Nanosecond))
	}
	return instants
}

func judgeCompile(t *testing.T, s engine.Stand) *policy.Policy {
	t.Helper()
	p, err := policy.CompileStored(s.Settings, s.Profile, saveGeo{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// worse returns an attempt that new answers worse than old does, from at on.
func judgeWorse(t *testing.T, old, new engine.Stand, instants []time.Time) (found string) {
	p, q := judgeCompile(t, old), judgeCompile(t, new)
	for _, at := range instants {
		judgeAttempts(at, func(a policy.Attempt) bool {
			b := a
			a.Plan, b.Plan = old.Plan, new.Plan
			if was, is := p.Evaluate(a), q.Evaluate(b); is.Effect < was.Effect {
				found = fmt.Sprintf("%s with %v at %v, %v: %v, was %v", a.Member.ID, a.Client, a.Addr, at, is, was)
			}
			return found == ""
		})
	}
	return found
}

// What is said to widen is answered worse nowhere and never; the guard looks at the rest.
func TestWidensAgainstModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	profile := judgeProfile()
	wide, missed, narrow := 0, 0, 0
	for i := range 1500 {
		old := engine.Stand{Settings: judgeSettings(r), Profile: profile, Plan: "both"}
		new := engine.Stand{Settings: judgeEdit(r, old.Settings), Profile: profile, Plan: "both"}
		if i%4 == 0 {
			old.Plan, new.Plan = judgePick(r, append(judgePlans, "gold")), judgePick(r, append(judgePlans, "gold"))
		}
		worse := judgeWorse(t, old, new, judgeInstants())
		switch got := engine.Widens(old, new, judgeAt); {
		case got && worse != "":
			t.Fatalf("said to widen\n%+v\n%+v\n%s", old, new, worse)
		case got:
			wide++
		case worse == "":
			missed++
		default:
			narrow++
		}
	}
	t.Logf("%d widen, %d of which it is not seen, %d narrow", wide+missed, missed, narrow)
	if wide < 500 || narrow < 250 || missed > wide/5 {
		t.Errorf("%d widen, %d of which it is not seen, %d narrow", wide+missed, missed, narrow)
	}
}

func TestWidens(t *testing.T) {
	profile := judgeProfile()
	hour := judgeAt.Add(time.Hour)
	for _, row := range []struct {
		why      string
		old, new policy.Settings
		want     bool
	}{
		{"nothing", saveList("8.8.8.0/24"), saveList("8.8.8.0/24"), true},
		{"one more", saveList("8.8.8.0/24"), saveList("8.8.8.0/24", "9.9.9.9"), true},
		{"another order", saveList("8.8.8.0/24", "9.9.9.9"), saveList("9.9.9.9", "8.8.8.0/24"), true},
		{"two as one", saveList("8.8.8.0/25", "8.8.8.128/25"), saveList("8.8.8.0/24"), true},
		{"one as two", saveList("8.8.8.0/24"), saveList("8.8.8.0/25", "8.8.8.128/25"), true},
		{"one as two, of which one ends", saveList("8.8.8.0/24"), saveUntil(saveList("8.8.8.0/25"), "8.8.8.128/25", hour), false},
		{"ending, as two that end then", saveUntil(saveList(), "8.8.8.0/24", hour), saveUntil(saveList("8.8.8.0/25"), "8.8.8.128/25", hour), true},
		{"ending, as two of which one ends before", saveUntil(saveList(), "8.8.8.0/24", hour), saveUntil(saveList("8.8.8.0/25"), "8.8.8.128/25", hour.Add(-1)), false},
		{"an end later", saveUntil(saveList(), "8.8.8.8", hour), saveUntil(saveList(), "8.8.8.8", hour.Add(1)), true},
		{"an end taken away", saveUntil(saveList(), "8.8.8.8", hour), saveList("8.8.8.8"), true},
		{"an end earlier", saveUntil(saveList(), "8.8.8.8", hour), saveUntil(saveList(), "8.8.8.8", hour.Add(-1)), false},
		{"what has ended goes", saveUntil(saveList("8.8.8.8"), "9.9.9.9", judgeAt), saveList("8.8.8.8"), true},
		{"what ends at once goes", saveUntil(saveList("8.8.8.8"), "9.9.9.9", judgeAt.Add(1)), saveList("8.8.8.8"), false},
		{"the same twice, one of which goes", saveList("8.8.8.8", "8.8.8.8"), saveList("8.8.8.8"), true},
		{"an exception of nowhere", saveExcept(saveList("8.8.8.8"), policy.Exception{Member: "kim"}), saveExcept(saveList("8.8.8.8"), policy.Exception{Member: "kim", Ranges: []ipset.Range{}}), false},
		{"to all", saveList("8.8.8.8"), saveAll(), true},
		{"to all, with blocking", saveList("8.8.8.8"), saveBlock(saveAll()), false},
		{"to the list", saveAll(), saveList("8.8.8.8"), false},
		{"the same, as instants of another zone", saveUntil(saveList(), "8.8.8.8", hour), saveUntil(saveList(), "8.8.8.8", hour.In(time.FixedZone("", 3600))), true},
	} {
		old, new := engine.Stand{Settings: row.old, Profile: profile, Plan: "both"}, engine.Stand{Settings: row.new, Profile: profile, Plan: "both"}
		if got := engine.Widens(old, new, judgeAt); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
		if worse := judgeWorse(t, old, new, judgeInstants()); row.want && worse != "" {
			t.Errorf("%s: the row is wrong: %s", row.why, worse)
		}
	}
	other := judgeProfile()
	s := saveList("8.8.8.8")
	if engine.Widens(engine.Stand{Settings: s, Profile: profile, Plan: "both"}, engine.Stand{Settings: s, Profile: other, Plan: "both"}, judgeAt) {
		t.Error("of another profile it knows nothing")
	}
}

// Thousands of entries that end one after the other are compared, and quickly.
func TestWidensIsBounded(t *testing.T) {
	var old, new policy.Settings
	old.Access, new.Access = policy.DesignatedAddresses, policy.DesignatedAddresses
	for i := range 5000 {
		r := ipset.MustParseRange(fmt.Sprintf("8.%d.%d.0/24", i/256, i%256))
		old.Designated = append(old.Designated, policy.Entry{Range: r, Until: judgeAt.Add(time.Duration(i+1) * time.Hour)})
		r = ipset.MustParseRange(fmt.Sprintf("8.%d.%d.0/25", i/256, i%256))
		new.Designated = append(new.Designated, policy.Entry{Range: r}, policy.Entry{Range: ipset.MustParseRange(fmt.Sprintf("8.%d.%d.128/25", i/256, i%256))})
	}
	profile := judgeProfile()
	if engine.Widens(engine.Stand{Settings: old, Profile: profile, Plan: "both"}, engine.Stand{Settings: new, Profile: profile, Plan: "both"}, judgeAt) {
		t.Log("seen, though it need not be")
	}
}

// judgeModel says from rules.md whom a save signs out, by asking each address, country
// and member.
func judgeModel(t *testing.T, old, new engine.Stand) (all session.Clients, members []member.ID) {
	out := new.Profile.SignOut
	// What is in force, as the doors show it: who is refused or asked without having been.
	listed := func(s engine.Stand) bool {
		return s.Settings.Access == policy.DesignatedAddresses && s.Profile.Plans[s.Plan]&policy.NetworkSecurity != 0
	}
	blocked := func(s engine.Stand) bool {
		return s.Settings.Overseas.Block && s.Settings.Access != policy.DesignatedAddresses && s.Profile.Plans[s.Plan]&policy.OverseasBlocking != 0
	}
	designated := func(s engine.Stand, a netip.Addr) bool {
		return slices.ContainsFunc(s.Settings.Designated, func(e policy.Entry) bool {
			return e.Range.Contains(a) && (e.Until.IsZero() || judgeAt.Before(e.Until))
		})
	}
	excepted := func(s engine.Stand, id member.ID, a netip.Addr) bool {
		return slices.ContainsFunc(s.Settings.Exceptions, func(x policy.Exception) bool {
			return x.Member == id && (x.Until.IsZero() || judgeAt.Before(x.Until)) &&
				(x.Ranges == nil || slices.ContainsFunc(x.Ranges, func(r ipset.Range) bool { return r.Contains(a) }))
		})
	}
	if listed(new) && !listed(old) {
		all |= out.Designate
	}
	if blocked(new) {
		for _, c := range judgeCountries {
			if !blocked(old) || old.Settings.Overseas.Exempt.Has(c) && !new.Settings.Overseas.Exempt.Has(c) {
				all |= out.Overseas
			}
		}
	}
	if listed(new) && listed(old) {
		everywhere := append(judgeAddrs, netip.MustParseAddr("2001:4860:4000::1"))
		for _, a := range everywhere {
			if designated(old, a) && !designated(new, a) {
				all |= out.Narrow
			}
		}
		for _, m := range judgeMembers {
			for _, a := range everywhere {
				if excepted(old, m.ID, a) && !excepted(new, m.ID, a) {
					members = append(members, m.ID)
					break
				}
			}
		}
		slices.Sort(members)
	}
	return all, members
}

func TestJudgeAgainstModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	profile := judgeProfile()
	cuts := 0
	for i := range 5000 {
		old := engine.Stand{Settings: judgeSettings(r), Profile: profile, Plan: "both"}
		new := engine.Stand{Settings: judgeEdit(r, old.Settings), Profile: profile, Plan: "both"}
		if i%3 == 0 {
			old.Plan, new.Plan = judgePick(r, append(judgePlans, "gold")), judgePick(r, append(judgePlans, "gold"))
		}
		if i%5 == 0 {
			new.Settings = judgeSettings(r)
		}
		all, members := judgeModel(t, old, new)
		c := engine.Judge(old, new, judgeAt)
		if c.SignOut != all || !slices.Equal(c.SignOutMembers, members) {
			t.Fatalf("%+v\n%+v\nsigns out %v and %v; want %v and %v", old, new, c.SignOut, c.SignOutMembers, all, members)
		}
		if all != 0 || members != nil {
			cuts++
		}
	}
	if cuts < 750 || cuts > 4250 {
		t.Errorf("%d of 5000 sign out", cuts)
	}
}

// Under a profile that signs everybody out, who is not signed out is let in as before,
// unless what is off the list is refused now and was asked, which signs nobody out.
func TestJudgeLeavesNobodyInside(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	profile := judgeProfile()
	profile.SignOut = policy.Standard().SignOut
	checked := 0
	for i := range 2000 {
		old := engine.Stand{Settings: judgeSettings(r), Profile: profile, Plan: "both"}
		new := engine.Stand{Settings: judgeEdit(r, old.Settings), Profile: profile, Plan: "both"}
		new.Settings.Outside = old.Settings.Outside
		if i%3 == 0 {
			old.Plan, new.Plan = judgePick(r, judgePlans), judgePick(r, judgePlans)
		}
		c := engine.Judge(old, new, judgeAt)
		if c.SignOut != 0 {
			continue
		}
		checked++
		p, q := judgeCompile(t, old), judgeCompile(t, new)
		judgeAttempts(judgeAt, func(a policy.Attempt) bool {
			b := a
			a.Plan, b.Plan = old.Plan, new.Plan
			was, is := p.Evaluate(a), q.Evaluate(b)
			if was.Allowed() && !is.Allowed() && !slices.Contains(c.SignOutMembers, a.Member.ID) {
				t.Fatalf("%+v\n%+v\nsigns out only %v, but %s with %v at %v is %v, was %v", old, new, c.SignOutMembers, a.Member.ID, a.Client, a.Addr, is, was)
			}
			return true
		})
	}
	if checked < 500 {
		t.Errorf("%d checked", checked)
	}
}
