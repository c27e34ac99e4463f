package policy_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalCases has a row for each line of the specification and each way in which
// it answers, and for the order of the lines. Its answers are written by hand.
// Plans, where the profile has them, are "standard"; the client is web and the
// member "lee", who is no exception, where the row does not say otherwise.
var evalCases = []struct {
	line     string // that answers
	profile  func() *policy.Profile
	settings policy.Settings
	from     evalPlace
	client   session.Client
	member   member.ID
	change   func(a *policy.Attempt) // nil: none
	want     string
	why      string
}{
	{"0", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member = nil },
		"deny [unknown-member]", "nobody is let in, even where everybody is"},
	{"1", policy.Standard, evalOpen, evalPlace{}, session.Web, "lee", nil,
		"deny [no-client-address]", "an address that could not be read is none"},
	{"1", policy.NaverWorks, evalOpen, evalPlace{}, session.UnknownClient, "kim", func(a *policy.Attempt) { *a.Member = member.Member{Super: true} },
		"deny [no-client-address]", "the address comes before client and status, and super admins need one"},
	{"1", policy.Standard, evalOpen, evalOffice, session.UnknownClient, "lee", nil,
		"deny [unknown-client]", "a client that the host forgot to set"},
	{"1", policy.Standard, evalOpen, evalOffice, session.FirstCustom, "lee", func(a *policy.Attempt) { a.Member.Super, a.Member.Status = true, member.Deleted },
		"deny [unknown-client]", "a client that this product does not have; before status and super admin"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status = member.UnknownStatus },
		"deny [member-unknown-status]", "a status that the host forgot to set"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Member.Super = 77, true },
		"deny [member-unknown-status]", "a status of a later release"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status = member.Pending },
		"deny [member-pending]", "has not set a password"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Member.Super = member.Suspended, true },
		"deny [member-suspended]", "a super admin who is suspended is suspended"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Member.Blocked = member.Locked, session.AllClients },
		"deny [member-locked]", "a login while locked; status comes before blocked clients"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Request = member.Deleted, true },
		"deny [member-deleted]", "the session of a member that is gone"},
	{"3", policy.Standard, evalOpen, evalOffice, session.Mobile, "lee", func(a *policy.Attempt) { a.Member.Blocked, a.Member.Super = session.Apps, true },
		"deny [client-blocked]", "the app is blocked, for a super admin too"},
	{"4", policy.NaverWorks, evalListed, evalAbroad, session.IMAP, "lee", func(a *policy.Attempt) { a.Member.Super, a.Plan = true, "unheard-of" },
		"allow [super-admin]", "the network rules never shut out a super admin; before the plan"},
	{"6d", policy.Kintone, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Member.Super = true },
		"deny [address-not-designated]", "Kintone has no bypass"},
	{"5", policy.NaverWorks, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Plan = "" },
		"deny [unknown-plan]", "a forgotten plan must not lift the restriction"},
	{"5", policy.NaverWorks, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Plan = "free" },
		"allow [plan-without-network-security]", "what is not bought is not in force"},
	{"6a", policy.NaverWorks, evalListed, evalAbroad, session.Mobile, "kim", nil,
		"allow [client-exempt]", "mobile is free of the list, and that is told before the exception"},
	{"6a", policy.NaverWorks, evalListed, evalOffice, session.API, "lee", nil,
		"allow [client-exempt]", "nor does it matter whether the address is designated"},
	{"6b", policy.NaverWorks, evalListed, evalOffice, session.Web, "kim", nil,
		"allow [address-designated]", "the list comes before the exception, to show which exceptions are used"},
	{"6b", policy.Kintone, evalListed, evalOffice, session.API, "lee", nil,
		"allow [address-designated]", "the office"},
	{"6c", policy.Standard, evalListed, evalAbroad, session.IMAP, "kim", nil,
		"allow [member-excepted]", "excepted anywhere"},
	{"6c", policy.Standard, evalListed, evalHome, session.Web, "park", nil,
		"allow [member-excepted]", "excepted at home, and at home"},
	{"6c", policy.Standard, evalListed, evalNowhere, session.Web, "choi", nil,
		"allow [member-excepted]", "excepted for another nanosecond"},
	{"6d", policy.Standard, evalListed, evalAbroad, session.Web, "park", nil,
		"deny [address-not-designated]", "excepted at home, and not at home; the entry for the fair has ended"},
	{"6d", policy.Standard, evalListed, evalHome, session.Web, "old", nil,
		"deny [address-not-designated]", "at its end an exception is over"},
	{"6d", policy.Standard, evalListed, evalHome, session.Web, "lee", func(a *policy.Attempt) { a.Verified = true },
		"deny [address-not-designated]", "verification mends nothing unless the settings say so"},
	{"6d", policy.Standard, evalListedVerify, evalHome, session.Web, "lee", nil,
		"verify [address-not-designated] KR", "the two-factor alternative"},
	{"6d", policy.Standard, evalListedVerify, evalNowhere, session.Drive, "lee", nil,
		"verify [address-not-designated]", "an unknown country is left out"},
	{"6d", policy.Standard, evalListedVerify, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Verified = true },
		"allow [identity-verified] JP", "verified in place of the list; no country counts here"},
	{"6d", policy.Standard, evalListedVerify, evalAbroad, session.IMAP, "lee", func(a *policy.Attempt) { a.Verified = true },
		"deny [address-not-designated]", "mail programs cannot ask for a code"},
	{"7a", policy.Standard, evalOpen, evalPrivate, session.SMTP, "lee", nil,
		"allow [all-addresses]", "nothing is restricted"},
	{"7a", policy.LineWorks, evalOverseas, evalAbroad, session.Web, "lee", nil,
		"allow [all-addresses]", "the plan lacks overseas blocking"},
	{"7a", evalOdd, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Plan = "overseas" },
		"allow [all-addresses]", "the plan lacks the list, and blocking is not in force while addresses are designated"},
	{"7b", policy.NaverWorks, evalOverseas, evalAbroad, session.IMAP, "lee", nil,
		"allow [client-exempt]", "mail programs are free of the overseas check"},
	{"7c", policy.Standard, evalOverseas, evalHome, session.Mobile, "lee", nil,
		"allow [country-exempt] KR", "from home"},
	{"7c", policy.Standard, evalOverseas, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Verified = true },
		"allow [country-exempt] KR", "verified though it was not asked for: the country is the reason"},
	{"7d", policy.NaverWorks, evalOverseas, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Verified = true },
		"allow [identity-verified] JP", "verified"},
	{"7e", policy.NaverWorks, evalOverseas, evalAbroad, session.Mobile, "kim", nil,
		"verify [overseas-login] JP", "free of the list is not free of the check, and exceptions are not in force"},
	{"7e", policy.Standard, evalOverseas, evalNowhere, session.Web, "lee", nil,
		"verify [overseas-login]", "an unknown country is abroad"},
	{"7e", policy.Standard, evalOverseas, evalPrivate, session.Web, "lee", nil,
		"verify [overseas-login]", "what is not public has no country, whatever the database says"},
	{"7e", evalOdd, evalOverseas, evalAbroad, session.API, "lee", func(a *policy.Attempt) { a.Plan = "overseas" },
		"verify [overseas-login] JP", "a plan with overseas blocking alone"},

	{"4", policy.Standard, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Member.Super, a.Member.MustChangePassword = true, true },
		"change-password [password-change-required]", "line 8 binds super admins"},
	{"7a", policy.Standard, evalOpen, evalOffice, session.IMAP, "lee", func(a *policy.Attempt) { a.Member.MustChangePassword = true },
		"deny [password-change-required]", "mail programs cannot ask for a password"},
	{"7c", policy.Standard, evalOverseas, evalHome, session.Web, "lee", func(a *policy.Attempt) { a.Member.MustChangePassword = true },
		"change-password [password-change-required] KR", "the country stays"},
	{"6d", policy.Standard, evalListedVerify, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Verified, a.Member.MustChangePassword = true, true },
		"change-password [password-change-required] JP", "verified in place of the list, and then the password"},
	{"7e", policy.Standard, evalOverseas, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Member.MustChangePassword = true },
		"verify [overseas-login] JP", "verification comes first, or a stranger could set the password"},
	{"6d", policy.Standard, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Member.MustChangePassword = true },
		"deny [address-not-designated]", "a refusal stays one"},
	{"7a", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.MustChangePassword, a.Request = true, true },
		"allow [all-addresses]", "line 8 is not for requests"},

	{"6b", policy.Standard, evalListed, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Request = member.Locked, true },
		"allow [address-designated]", "a stranger's guesses do not throw out a member"},
	{"6d", policy.Standard, evalListed, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Request = true },
		"deny [address-not-designated]", "the list binds requests"},
	{"2", policy.Standard, evalOpen, evalOffice, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status, a.Request = member.Suspended, true },
		"deny [member-suspended]", "requests of a suspended member are refused"},
	{"7d", policy.Standard, evalOverseas, evalAbroad, session.Web, "lee", func(a *policy.Attempt) { a.Request, a.Verified = true, true },
		"allow [identity-verified] JP", "a session that was verified here"},
	{"7c", policy.Standard, evalOverseas, evalHome, session.Web, "lee", func(a *policy.Attempt) { a.Member.Status = member.OnLeave },
		"allow [country-exempt] KR", "on leave is no reason"},
}

// evalAttempt returns the attempt of a row, at the address of a family.
func evalAttempt(row int, family int) policy.Attempt {
	c := &evalCases[row]
	a := policy.Attempt{Addr: c.from[family], Client: c.client, Plan: "standard", Member: evalMember(c.member), At: evalAt}
	if c.change != nil {
		c.change(&a)
	}
	return a
}

func TestEvaluate(t *testing.T) {
	for i, c := range evalCases {
		p := evalStored(t, c.settings, c.profile(), evalWorldMap)
		for family := range c.from {
			a := evalAttempt(i, family)
			if got := p.Evaluate(a).String(); got != c.want {
				t.Errorf("row %d, from %v: got %s; want %s: %s", i, a.Addr, got, c.want, c.why)
			}
			// The oracle is held to the same rows, so that it is no twin of
			// Evaluate's mistakes.
			if got := oracle(&c.settings, c.profile(), evalWorldMap, &a); got.String() != c.want || got.Line != c.line {
				t.Errorf("row %d, from %v: the oracle says %v in line %s; want %s in line %s: %s", i, a.Addr, got, got.Line, c.want, c.line, c.why)
			}
		}
	}
}

// The reasons that the rows give are those that the specification names, which
// are those that Evaluate can give.
func TestEvaluateCasesReachEveryReason(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var specified []string
	for _, m := range regexp.MustCompile(`(?m)^//\t.*(?:deny|verify|allow|change-password) +\[([a-z-]+)\]$`).FindAllStringSubmatch(string(doc), -1) {
		specified = append(specified, m[1])
	}
	slices.Sort(specified)
	specified = slices.Compact(specified)

	reached := []string{policy.Decision{}.Reason.String()} // no-policy
	lines := []string{}
	for i := range evalCases {
		c := &evalCases[i]
		a := evalAttempt(i, 0)
		reached = append(reached, evalStored(t, c.settings, c.profile(), evalWorldMap).Evaluate(a).Reason.String())
		lines = append(lines, c.line)
	}
	slices.Sort(reached)
	if reached = slices.Compact(reached); !slices.Equal(reached, specified) {
		t.Errorf("rows give %v;\nthe specification has %v", reached, specified)
	}
	slices.Sort(lines)
	if want := []string{"0", "1", "2", "3", "4", "5", "6a", "6b", "6c", "6d", "7a", "7b", "7c", "7d", "7e"}; !slices.Equal(slices.Compact(lines), want) {
		t.Errorf("rows answer in lines %v; want %v", slices.Compact(lines), want)
	}
}
