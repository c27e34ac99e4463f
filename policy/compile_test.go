package policy_test

import (
	"fmt"
	"maps"
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

// docExcepted returns settings with one exception.
func docExcepted(x policy.Exception) policy.Settings {
	return policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{x}}
}

// docMeanings are settings with the one thing that is wrong with them, under
// Standard unless it is altered.
var docMeanings = []struct {
	path, code, input string
	s                 policy.Settings
	alter             func(p *policy.Profile)
	message           string // after the path
	why               string
}{
	{"access", "unknown-access", "access(7)", policy.Settings{Access: 7}, nil,
		`there is no access(7); write "all" or "designated"`, "a number from the future"},
	{"outside", "unknown-outside", "allow", policy.Settings{Outside: policy.Allow}, nil,
		`allow is not for addresses off the list; write "deny" or "verify"`, "would void the list"},
	{"outside", "unknown-outside", "effect(9)", policy.Settings{Outside: 9}, nil,
		`effect(9) is not for addresses off the list; write "deny" or "verify"`, "a number from the future"},
	{"designated[0].range", "no-range", "", policy.Settings{Designated: make([]policy.Entry, 1)}, nil,
		`there is no range; give it an address, a prefix or a range`, "a forgotten field"},
	{"exceptions[0].ranges[1]", "no-range", "", docExcepted(policy.Exception{Member: "kim", Ranges: append(docRanges("8.8.8.8"), ipset.Range{})}), nil,
		`there is no range; give it an address, a prefix or a range`, "a forgotten field of an exception"},
	{"designated[1].range", "whole-family", "0.0.0.0/0", docDesignated("8.8.8.8", "0.0.0.0/0"), nil,
		`0.0.0.0/0 holds every IPv4 address; to let every address in, switch the restriction off (access: all)`, "a list that lists nothing"},
	{"designated[0].range", "special-purpose", "192.168.0.0/16", docDesignated("192.168.0.0/16"), nil,
		`192.168.0.0/16 touches 192.168.0.0/16 (Private-Use); only public addresses can be designated`, "half the world has it"},
	{"exceptions[0].ranges[0]", "special-purpose", "fe80::1", docExcepted(policy.Exception{Member: "kim", Ranges: docRanges("fe80::1")}), nil,
		`fe80::1 touches fe80::/10 (Link-Local Unicast); only public addresses can be designated`, "in an exception"},
	{"designated[0].range", "not-public", "4000::/16", docDesignated("4000::/16"), nil,
		`4000::/16 is not public; only public addresses can be designated; in IPv6 those lie in 2000::/3`, "not assigned to anybody"},
	{"designated[0].range", "ipv4-only", "2606:4700::/32", docDesignated("2606:4700::/32"), func(p *policy.Profile) { p.IPv4Only = true },
		`2606:4700::/32 is IPv6, which Standard does not take; write an IPv4 address or prefix`, "the product has IPv4 alone"},
	{"designated[0].range", "no-from-to", "8.8.8.1-8.8.8.3", docDesignated("8.8.8.1-8.8.8.3"), func(p *policy.Profile) { p.NoRanges, p.Name = true, "" },
		`8.8.8.1-8.8.8.3 is neither an address nor a prefix, and the product takes nothing else; write an address or prefixes`, "a range that is no prefix"},
	{"designated", "too-many", "", docDesignated("8.8.8.1", "8.8.8.3", "8.8.8.5"), func(p *policy.Profile) { p.MaxEntries = 2 },
		`3 designated entries and ranges of exceptions where Standard takes 2; merge neighbouring entries into prefixes, or remove some`, "one too many"},
	{"designated[0].label", "bad-label", "a\tb", policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: "a\tb"}}}, nil,
		`"a\tb" is too long or not plain text; write at most 500 bytes of plain text`, "a tab breaks a table"},
	{"designated[0].label", "bad-label", "x" + strings.Repeat("é", 31), policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: "x" + strings.Repeat("é", 250)}}}, nil,
		`"x` + strings.Repeat("é", 31) + `"… is too long or not plain text; write at most 500 bytes of plain text`, "long, and printed cut between characters"},
	{"exceptions[0].note", "bad-label", "\xff", docExcepted(policy.Exception{Member: "kim", Note: "\xff"}), nil,
		`"\xff" is too long or not plain text; write at most 500 bytes of plain text`, "a note that is not UTF-8"},
	{"designated[0].until", "bad-end", "", policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}}, nil,
		`an end in the year 10000; write a time in the years 1 to 9999`, "cannot be written"},
	{"designated[0].until", "bad-end", "", policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Until: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))}}}, nil,
		`an end in the year 10000; write a time in the years 1 to 9999`, "in the year 9999 only where it was typed"},
	{"exceptions[0].until", "bad-end", "", docExcepted(policy.Exception{Member: "kim", Until: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)}), nil,
		`an end in the year 0; write a time in the years 1 to 9999`, "before the zero Time"},
	{"exceptions[0].member", "bad-member", "", docExcepted(policy.Exception{}), nil,
		`"" is no member's id; write the member's id: at most 256 bytes of plain text`, "nobody"},
	{"exceptions[0].member", "bad-member", strings.Repeat("x", 64), docExcepted(policy.Exception{Member: member.ID(strings.Repeat("x", 257))}), nil,
		`"` + strings.Repeat("x", 64) + `"… is no member's id; write the member's id: at most 256 bytes of plain text`, "too long"},
	{"exceptions[0].member", "bad-member", "kim\n", docExcepted(policy.Exception{Member: "kim\n"}), nil,
		`"kim\n" is no member's id; write the member's id: at most 256 bytes of plain text`, "a line end"},
	{"exceptions[2].member", "repeated-member", "kim", policy.Settings{Exceptions: []policy.Exception{{Member: "kim"}, {Member: "lee"}, {Member: "kim", Until: docNow}}}, nil,
		`"kim" is an exception in exceptions[0] already; make one exception of the two`, "which of the two was meant to end it?"},
	{"exceptions[0].ranges", "empty-ranges", "", docExcepted(policy.Exception{Member: "kim", Ranges: []ipset.Range{}}), nil,
		`an exception that holds nowhere; leave out the ranges to except the member everywhere, or name some`, "a form that was not filled in"},
	{"exceptions[0].ranges[0]", "whole-family-excepted", "::/0", docExcepted(policy.Exception{Member: "kim", Ranges: docRanges("::/0")}), nil,
		`::/0 holds every IPv6 address; to except the member everywhere, leave out the ranges`, "anywhere in disguise"},
	{"exceptions", "no-exceptions", "", docExcepted(policy.Exception{Member: "kim"}), func(p *policy.Profile) { p.Exceptions = false },
		`Standard has no exceptions; remove the exceptions`, "the product does not have them"},
	{"overseas.block", "no-overseas-blocking", "", policy.Settings{Overseas: policy.Overseas{Block: true}}, func(p *policy.Profile) { p.Overseas = false },
		`Standard has no overseas blocking; switch overseas blocking off`, "the product does not have it"},
	{"profile.clients", "no-clients", "", policy.Settings{}, func(p *policy.Profile) { p.Clients = 0 },
		`the profile knows no client, so nobody could log in; set Profile.Clients to the clients that the product has`, "a profile that was not filled in"},
	{"profile.clients", "no-clients", "", policy.Settings{}, func(p *policy.Profile) { p.Clients = 1 | 1<<20 | 1<<63 },
		`the profile knows no client, so nobody could log in; set Profile.Clients to the clients that the product has`, "numbers that are no clients"},
	{"profile.list_exempt", "unknown-clients", "", policy.Settings{}, func(p *policy.Profile) { p.ListExempt = session.Clients(session.Mobile) },
		`the profile has a set with unknown; make sets of clients with session.ClientsOf, not by converting a Client`, "3 is the set of web and nothing, not mobile"},
	{"profile.clients", "unknown-clients", "", policy.Settings{}, func(p *policy.Profile) { p.Clients |= 1 << 20 },
		`the profile has a set with client(20); make sets of clients with session.ClientsOf, not by converting a Client`, "a number that means nothing"},
	{"profile.sign_out", "unknown-clients", "", policy.Settings{}, func(p *policy.Profile) { p.SignOut.Narrow = 1 << 63 },
		`the profile has a set with client(63); make sets of clients with session.ClientsOf, not by converting a Client`, "nobody would be signed out"},
	{"designated[0].label", "bad-label", "Head\u202eoffice", policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: "Head\u202eoffice"}}}, nil,
		`"Head\u202eoffice" is too long or not plain text; write at most 500 bytes of plain text`, "a page would show it backwards"},
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range docMeanings {
		p, err := policy.Compile(tt.s, docProfile(tt.alter), docLocator{})
		docRefused(t, tt.code+": "+tt.why, policy.Settings{}, p, err, tt.path+" "+tt.code)
		problem := docProblems(t, err)[0]
		if want := tt.path + ": " + tt.message; problem.Error() != want || err.Error() != "policy: "+want {
			t.Errorf("%s: prints\n%v\nwant\n%s", tt.why, err, want)
		}
		if problem.Input != tt.input {
			t.Errorf("%s: %s: the input is %q, want %q", tt.code, tt.why, problem.Input, tt.input)
		}
	}
	p, err := policy.Compile(policy.Settings{Access: 7}, nil, nil)
	docRefused(t, "no profile", policy.Settings{}, p, err, "profile no-profile")
	if want := "policy: profile: there is no profile; pass policy.Standard() or another profile"; err.Error() != want {
		t.Errorf("prints %v, want %s", err, want)
	}
}

// Every code is produced by what these tests compile and decode, and no other; but for those
// of an act, which only the engine knows.
func TestEveryProblemCodeIsProduced(t *testing.T) {
	var errs []error
	decode := func(doc string) {
		_, _, err := policy.Decode([]byte(doc), policy.Standard(), docLocator{})
		errs = append(errs, err)
	}
	for _, tt := range docFaults {
		decode(tt.doc)
	}
	decode(docTwentyFaults)
	decode(strings.Repeat(" ", policy.MaxDocument+1))
	decode(`{"access": "all", "designated": [` + strings.Repeat("0,", policy.MaxProblems) + `0]}`)
	for _, tt := range docMeanings {
		_, err := policy.Compile(tt.s, docProfile(tt.alter), docLocator{})
		errs = append(errs, err)
	}
	_, err := policy.Compile(policy.Settings{}, nil, nil)
	errs = append(errs, err)
	_, err = policy.Compile(policy.Settings{Overseas: policy.Overseas{Block: true}}, policy.Standard(), nil)
	errs = append(errs, err)
	errs = append(errs, policy.CheckPlan(policy.Settings{}, policy.Settings{Access: policy.DesignatedAddresses}, policy.NaverWorks(), "free"),
		policy.CheckPlan(policy.Settings{}, policy.Settings{}, policy.NaverWorks(), "gold"))

	produced := map[string]bool{}
	for _, err := range errs {
		for _, p := range docProblems(t, err) {
			produced[p.Code] = true
		}
	}
	codes := maps.Collect(policy.ProblemCodes())
	delete(codes, "bad-provisional")
	delete(codes, "bad-act-id")
	want := slices.Sorted(maps.Keys(codes))
	if got := slices.Sorted(maps.Keys(produced)); !slices.Equal(got, want) {
		t.Errorf("produced are\n%q\nand the codes are\n%q", got, want)
	}
}

func TestCompileLocator(t *testing.T) {
	var noDB *geo.DB
	var noLive *geo.Live
	block := policy.Settings{Overseas: policy.Overseas{Block: true}}
	kept := docDesignated("8.8.8.8")
	kept.Overseas.Block = true
	for _, tt := range []struct {
		s       policy.Settings
		loc     geo.Locator
		refused bool
		why     string
	}{
		{block, docLocator{}, false, "a locator"},
		{block, new(geo.DB), false, "an empty database is one"},
		{block, nil, true, "no locator"},
		{block, noDB, true, "a nil database in the interface"},
		{block, noLive, true, "a nil live database in the interface"},
		{block, new(geo.Live), true, "a live database that was never loaded"},
		{kept, nil, true, "not in force while addresses are designated, but a click would make it so"},
		{policy.Settings{}, nil, false, "nothing to ask a locator"},
		{policy.Settings{}, noDB, false, "nothing to ask a nil database"},
	} {
		p, err := policy.Compile(tt.s, policy.Standard(), tt.loc)
		if tt.refused {
			docRefused(t, tt.why, policy.Settings{}, p, err, "overseas.block no-locator")
			if want := "policy: overseas.block: there is no country database to tell where logins come from; open a country database and pass it on, or switch overseas blocking off"; err.Error() != want {
				t.Errorf("prints %v, want %s", err, want)
			}
		} else if err != nil || p == nil || p.Problems() != nil {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// All at once, as from a document.
func TestGuarantee03CompileReportsEveryProblem(t *testing.T) {
	s := policy.Settings{
		Access:  9,
		Outside: policy.ChangePassword,
		Designated: []policy.Entry{
			{Range: docRange("8.8.8.0/24")},
			{Range: docRange("127.0.0.1"), Label: "\x00", Until: time.Unix(1<<40, 0)},
			{},
		},
		Exceptions: []policy.Exception{
			{Member: "kim", Ranges: []ipset.Range{{}, docRange("2606:4700::/32"), docRange("::1")}},
			{Member: "kim", Ranges: []ipset.Range{}, Note: "\x7f"},
		},
		Overseas: policy.Overseas{Block: true},
	}
	p, err := policy.Compile(s, docProfile(func(p *policy.Profile) { p.Clients, p.MaxEntries, p.Exceptions, p.IPv4Only = 0, 1, false, true }), nil)
	docRefused(t, "everything is wrong", policy.Settings{}, p, err,
		"profile.clients no-clients", "access unknown-access", "outside unknown-outside", "designated too-many",
		"designated[1].range special-purpose", "designated[1].label bad-label", "designated[1].until bad-end", "designated[2].range no-range",
		"exceptions no-exceptions", "exceptions[0].ranges[0] no-range", "exceptions[0].ranges[1] ipv4-only", "exceptions[0].ranges[2] special-purpose",
		"exceptions[1].member repeated-member", "exceptions[1].ranges empty-ranges", "exceptions[1].note bad-label", "overseas.block no-locator")
}

// A list that holds a whole family restricts nothing, in whatever way it says
// so, and the answer tells what to do instead.
func TestCompileWholeFamilies(t *testing.T) {
	var public4, public6 []string
	for r := range ipset.PublicSpace().All() {
		if r.From().Is4() {
			public4 = append(public4, r.String())
		} else {
			public6 = append(public6, r.String())
		}
	}
	intranet := func(p *policy.Profile) { p.SpecialPurpose = true }
	for _, tt := range []struct {
		ranges []string
		family string // "" if the list is taken
		place  string // [i] of the entry that is whole alone, "" if all together are
		alter  func(p *policy.Profile)
		why    string
	}{
		{[]string{"0.0.0.0/0"}, "IPv4", "[0]", nil, "alone"},
		{[]string{"::/0"}, "IPv6", "[0]", nil, "alone"},
		{[]string{"8.8.8.8", "2000::/3"}, "IPv6", "[1]", nil, "all that is public in IPv6"},
		{[]string{"0.0.0.0/0"}, "IPv4", "[0]", intranet, "alone, where special-purpose addresses are taken"},
		{[]string{"0.0.0.0/1", "128.0.0.0/1"}, "IPv4", "", intranet, "in halves"},
		{[]string{"8000::/1", "::/1"}, "IPv6", "[1]", intranet, "in halves, of which one holds all that is public"},
		{[]string{"2000::/4", "3000::/4"}, "IPv6", "", intranet, "public halves"},
		{[]string{"128.0.0.0/2", "192.0.0.0/2", "64.0.0.0/2", "0.0.0.0/2"}, "IPv4", "", intranet, "in quarters, in disorder"},
		{[]string{"1.0.0.0-100.0.0.0", "100.0.0.1-223.255.255.255"}, "IPv4", "", intranet, "all but what no client has"},
		{[]string{"1.0.0.0-100.0.0.0", "100.0.0.2-223.255.255.255"}, "", "", intranet, "an address is left out"},
		{[]string{"0.0.0.0/1"}, "", "", intranet, "one half restricts"},
		{public4, "IPv4", "", nil, "all public space in pieces"},
		{public6, "IPv6", "", nil, "all public space in pieces"},
		{public4[1:], "", "", nil, "all but one piece"},
		{public6[:len(public6)-1], "", "", nil, "all but one piece"},
	} {
		s := docDesignated(tt.ranges...)
		x := docExcepted(policy.Exception{Member: "kim", Ranges: docRanges(tt.ranges...)})
		for _, c := range []struct {
			s                        policy.Settings
			path, place, code, mends string
		}{
			{s, "designated", tt.place + ".range", "whole-family", "switch the restriction off (access: all)"},
			{x, "exceptions[0].ranges", tt.place, "whole-family-excepted", "leave out the ranges"},
		} {
			p, err := policy.Compile(c.s, docProfile(tt.alter), nil)
			if tt.family == "" {
				if err != nil {
					t.Errorf("%.60s: %s: %v", tt.ranges, tt.why, err)
				}
				continue
			}
			if tt.place == "" {
				c.place = ""
			}
			docRefused(t, fmt.Sprintf("%.60s: %s", tt.ranges, tt.why), policy.Settings{}, p, err, c.path+c.place+" "+c.code)
			if text := err.Error(); !strings.Contains(text, "every "+tt.family+" address") || !strings.Contains(text, c.mends) {
				t.Errorf("%.60s: %v; want it to name %s and say: %s", tt.ranges, err, tt.family, c.mends)
			}
		}
	}
}
