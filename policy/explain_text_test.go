package policy_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func TestExplainText(t *testing.T) {
	listed := evalWith(evalListed, func(s *policy.Settings) {
		s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange("133.1.0.0-133.1.2.3")})
		s.Designated[len(s.Designated)-1].Until = evalAt.Add(-1)
	})
	must := evalMember("park")
	must.MustChangePassword = true
	locked := evalMember("lee")
	locked.Status = member.Locked
	for _, tt := range []struct {
		why      string
		profile  *policy.Profile
		settings policy.Settings
		attempt  policy.Attempt
		want     string
	}{
		{"a refusal of somebody who was let in before", policy.Standard(), listed,
			policy.Attempt{Addr: evalAbroad[2], Client: session.Web, Member: evalMember("old"), At: evalAt}, `
  0  there are settings and a member
  1  133.1.2.3 can be judged, and web is a client of Standard
  2  the member is active
  3  web is not blocked for the member
  4  the member is no super admin
  5  Standard is not sold by plan
  6a web is not free of the list
  6b 133.1.2.3 is in no designated entry in force
  6c "old" was an exception until 2027-01-31T15:00:00Z
> 6d addresses off the list are refused
  designated[3] (not in force): 133.1.2.0/24 "Fair" until 2027-01-31T15:00:00Z
  designated[5] (not in force): 133.1.0.0-133.1.2.3 until 2027-01-31T14:59:59.999999999Z
  exceptions[1] (not in force): any address "was on the road" until 2027-01-31T15:00:00Z
= deny [address-not-designated]
`},
		{"line 8 comes last and is not what answered", policy.NaverWorks(), evalListed,
			policy.Attempt{Addr: evalHome[1], Client: session.IMAP, Plan: "lite", Member: must, At: evalAt}, `
  0  there are settings and a member
  1  2001:290::4 can be judged, and imap is a client of NAVER WORKS
  2  the member is active
  3  imap is not blocked for the member
  4  the member is no super admin
  5  the plan "lite" has network security or overseas blocking
  6a imap is not free of the list
  6b 2001:290::4 is in no designated entry in force
> 6c "park" is an exception here
  8  the member must change the password, which imap cannot ask for
  exceptions[0].ranges[1] (in force): 2001:290::/48
= deny [password-change-required]
`},
		{"a request of a locked member from abroad; the list is kept and not in force", policy.Standard(), evalOverseas,
			policy.Attempt{Addr: evalAbroad[0], Client: session.Mobile, Member: locked, Request: true, At: evalAt.Add(-1)}, `
  0  there are settings and a member
  1  133.1.2.3 can be judged, and mobile is a client of Standard
  2  the member is locked, which does not count for a session
  3  mobile is not blocked for the member
  4  the member is no super admin
  5  Standard is not sold by plan
  6  all addresses are allowed
  7a overseas blocking is on
  7b mobile is not free of the overseas check
  7c JP is not exempt
  7d the identity is not verified
> 7e an overseas login needs identity verification
  designated[3] (not in force): 133.1.2.0/24 "Fair" until 2027-01-31T15:00:00Z
= verify [overseas-login] JP
`},
		{"nothing is known", policy.Kintone(), evalOpen, policy.Attempt{}, `
> 0  the attempt has no member
= deny [unknown-member]
`},
		{"what came from outside is quoted", policy.NaverWorks(), evalOpen,
			policy.Attempt{Addr: evalOffice[0], Client: session.Web, Plan: "x\n\x1b[31m", Member: evalMember("lee")}, `
  0  there are settings and a member
  1  1.208.0.9 can be judged, and web is a client of NAVER WORKS
  2  the member is active
  3  web is not blocked for the member
  4  the member is no super admin
> 5  NAVER WORKS has no plan "x\n\x1b[31m"
= deny [unknown-plan]
`},
	} {
		e, err := policy.Explain(tt.settings, tt.profile, evalWorldMap, tt.attempt)
		if got := e.String(); err != nil || got != tt.want[1:] {
			t.Errorf("%s: got\n%swant%s%v", tt.why, got, tt.want, err)
		}
	}
}

// As JSON an explanation is for a support tool: a reader in another language
// finds the same names in each release.
func TestExplainJSON(t *testing.T) {
	e, err := policy.Explain(evalListed, policy.Standard(), nil,
		policy.Attempt{Addr: evalHome[2], Client: session.Web, Member: evalMember("park"), At: evalAt})
	if err != nil {
		t.Fatal(err)
	}
	e.Steps = e.Steps[len(e.Steps)-2:]
	const want = `{"decision":{"effect":"allow","reason":"member-excepted"},"address":"1.212.3.4",` +
		`"steps":[{"line":"6b","because":"1.212.3.4 is in no designated entry in force"},` +
		`{"line":"6c","answered":true,"because":"\"park\" is an exception here"}],` +
		`"matches":[{"path":"exceptions[0].ranges[0]","range":"1.212.3.0/24","in_force":true}]}`
	if b, err := json.Marshal(e); err != nil || string(b) != want {
		t.Errorf("got %s, %v; want %s", b, err, want)
	}
	for _, a := range evalStrange() {
		e, err := policy.Explain(evalListed, policy.Standard(), nil, a)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := json.Marshal(e); err != nil || !json.Valid(b) {
			t.Errorf("%+v: %s, %v", a, b, err)
		}
	}
}

// Explain refuses settings that cannot be understood, as CompileStored does,
// and never panics, whatever the attempt.
func TestExplainRefuses(t *testing.T) {
	noClients := policy.Standard()
	noClients.Clients = 1 << 63
	for _, tt := range []struct {
		settings policy.Settings
		profile  *policy.Profile
		why      string
	}{
		{policy.Settings{Access: 2}, policy.Standard(), "an access of a later release"},
		{policy.Settings{Outside: policy.Allow}, policy.Standard(), "outside must not let in"},
		{policy.Settings{Outside: policy.ChangePassword}, policy.Standard(), "outside is deny or verify"},
		{policy.Settings{}, nil, "no profile"},
		{policy.Settings{}, noClients, "a profile without a client"},
		{policy.Settings{}, &policy.Profile{}, "the zero profile"},
	} {
		for _, a := range evalStrange() {
			e, err := policy.Explain(tt.settings, tt.profile, evalWorldMap, a)
			var invalid *policy.InvalidError
			if !errors.As(err, &invalid) || e.Steps != nil || e.Decision != (policy.Decision{}) {
				t.Errorf("got %v, %v: %s", e, err, tt.why)
			}
		}
	}
}

// evalStrange returns attempts that lack something or have too much.
func evalStrange() (attempts []policy.Attempt) {
	for _, m := range []*member.Member{nil, {}, evalMember("lee"), evalMember("kim"), {Status: 200, Super: true, Blocked: ^session.Clients(0)}} {
		for _, addr := range []netip.Addr{{}, evalOffice[2], evalPrivate[0], netip.MustParseAddr("::"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%z")} {
			for _, client := range []session.Client{0, session.Web, session.IMAP, 31, 63, 64, 255} {
				attempts = append(attempts, policy.Attempt{Addr: addr, Client: client, Member: m, Plan: "standard"},
					policy.Attempt{Addr: addr, Client: client, Member: m, Request: true, Verified: true, At: evalAt})
			}
		}
	}
	return attempts
}

func TestExplainStrangeAttempts(t *testing.T) {
	strange := evalWith(evalListed, func(s *policy.Settings) {
		s.Designated = append(s.Designated, policy.Entry{}, policy.Entry{Label: "none", Until: evalAt})
		s.Exceptions = append(s.Exceptions, policy.Exception{}, policy.Exception{Member: "kim", Ranges: []ipset.Range{{}}}, policy.Exception{Member: "lee", Ranges: []ipset.Range{}})
	})
	for _, profile := range evalProfiles {
		for _, s := range []policy.Settings{evalOpen, evalListedVerify, evalOverseas, strange} {
			for _, a := range evalStrange() {
				if e := evalExplain(t, &s, profile(), evalWorldMap, a); e.String() == "" {
					t.Error("no text")
				}
			}
		}
	}
}

func TestExplainerIsExplain(t *testing.T) {
	s := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "office"}}}
	p := policy.Standard()
	x, err := policy.NewExplainer(s, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := policy.Attempt{
		Addr: netip.MustParseAddr("8.8.8.8"), Client: session.Web, At: time.Unix(1, 0),
		Member: &member.Member{ID: "kim", Status: member.Active},
	}
	want, err := policy.Explain(s, p, nil, a)
	if err != nil {
		t.Fatal(err)
	}
	s.Designated[0], p.Name = policy.Entry{}, "another" // which it has copied
	if diff := cmp.Diff(want, x.Explain(a), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
