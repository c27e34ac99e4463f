package policy_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// The products of the help pages: a column each of the table in the design,
// with nothing left out. Clients are written as text.
func TestProfiles(t *testing.T) {
	const (
		everyone  = "web,desktop,mobile,drive,pop3,imap,smtp,caldav,api"
		andCustom = ",custom0,custom1,custom2,custom3,custom4,custom5,custom6,custom7,custom8,custom9,custom10," +
			"custom11,custom12,custom13,custom14,custom15,custom16,custom17,custom18,custom19,custom20," +
			"custom21,custom22,custom23,custom24,custom25,custom26,custom27,custom28,custom29,custom30"
		butMobile       = "web,desktop,drive,pop3,imap,smtp,caldav,api" + andCustom
		butMobileAndAPI = "web,desktop,drive,pop3,imap,smtp,caldav" + andCustom
		both            = policy.NetworkSecurity | policy.OverseasBlocking
	)
	type profile struct {
		name                                    string
		plans                                   map[policy.Plan]policy.Features
		clients, listExempt, overseasExempt     string
		bypass, exceptions, overseas            bool
		ipv4Only, noRanges, special             bool
		maxEntries                              int
		designate, narrow, outOverseas, outExcp string
		resetLink                               time.Duration
		unavailable                             []string
	}
	mail := []string{"external-mail-import"}
	for _, tt := range []struct {
		profile func() *policy.Profile
		want    profile
		why     string
	}{
		{policy.NaverWorks, profile{
			name:    "NAVER WORKS",
			plans:   map[policy.Plan]policy.Features{"free": 0, "lite": both, "standard": both, "advanced": both},
			clients: everyone, listExempt: "mobile,api", overseasExempt: "pop3,imap,smtp,caldav,api",
			bypass: true, exceptions: true, overseas: true,
			designate: butMobile, narrow: butMobileAndAPI, outOverseas: everyone + andCustom, outExcp: butMobileAndAPI,
			unavailable: mail,
		}, "free, lite, standard, advanced: all but free have it; API tokens expire when the list is switched on"},
		{policy.LineWorks, profile{
			name: "LINE WORKS",
			plans: map[policy.Plan]policy.Features{"free": 0, "lite": 0, "standard": policy.NetworkSecurity, "advanced": policy.NetworkSecurity,
				"basic": policy.NetworkSecurity, "premium": policy.NetworkSecurity},
			clients: everyone, listExempt: "mobile,api",
			bypass:    true,
			designate: butMobileAndAPI, narrow: butMobileAndAPI,
			unavailable: mail,
		}, "standard, advanced, basic, premium have it; no exceptions, no overseas blocking"},
		{policy.Kintone, profile{
			name: "Kintone", clients: everyone,
			ipv4Only: true, noRanges: true, maxEntries: 1000, resetLink: time.Hour,
		}, "IPv4 addresses and prefixes only, at most 1,000; nobody free, nobody signed out; a link for an hour"},
		{policy.Standard, profile{
			name: "Standard", clients: everyone, overseasExempt: "pop3,imap,smtp,caldav,api",
			bypass: true, exceptions: true, overseas: true,
			designate: everyone + andCustom, narrow: everyone + andCustom, outOverseas: everyone + andCustom, outExcp: everyone + andCustom,
		}, "nobody free of the list; what narrows access signs everyone out"},
	} {
		p := tt.profile()
		got := profile{
			p.Name, p.Plans, p.Clients.String(), p.ListExempt.String(), p.OverseasExempt.String(),
			p.SuperAdminBypass, p.Exceptions, p.Overseas, p.IPv4Only, p.NoRanges, p.SpecialPurpose, p.MaxEntries,
			p.SignOut.Designate.String(), p.SignOut.Narrow.String(), p.SignOut.Overseas.String(), p.SignOut.Exception.String(),
			p.ResetLink, p.Unavailable,
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got\n%+v; want\n%+v: %s", p.Name, got, tt.want, tt.why)
		}
	}
	// A field that is added to Profile is to be added above as well.
	if n, m := reflect.TypeFor[policy.Profile]().NumField(), reflect.TypeFor[policy.SignOut]().NumField(); n+m-1 != reflect.TypeFor[profile]().NumField() {
		t.Errorf("Profile and SignOut have %d and %d fields, which the table does not cover", n, m)
	}
	if policy.DefaultMaxEntries != 10_000 {
		t.Errorf("DefaultMaxEntries is %d", policy.DefaultMaxEntries)
	}
}

// A profile is a fresh copy each time: what a host does to one reaches no
// other.
func TestProfilesAreFreshCopies(t *testing.T) {
	for _, profile := range []func() *policy.Profile{policy.Standard, policy.NaverWorks, policy.LineWorks, policy.Kintone} {
		p, kept := profile(), profile()
		for plan := range p.Plans {
			p.Plans[plan] = 0
		}
		if p.Plans != nil {
			p.Plans["another"] = policy.NetworkSecurity
		}
		for i := range p.Unavailable {
			p.Unavailable[i] = "everything"
		}
		*p = policy.Profile{}
		if again := profile(); !reflect.DeepEqual(again, kept) || again == kept {
			t.Errorf("got %+v; want %+v", again, kept)
		}
	}
}

// Compile copies what it needs: a policy does not change when the profile or
// the settings that it was made of do.
func TestPolicyKeepsNothingOfWhatItWasMadeOf(t *testing.T) {
	p, s := policy.NaverWorks(), evalListed.Clone()
	compiled := evalStored(t, s, p, evalWorldMap)

	plans := maps.Clone(p.Plans)
	for plan := range plans {
		p.Plans[plan] = 0
	}
	p.Clients, p.ListExempt, p.SuperAdminBypass, p.Unavailable[0] = 0, session.AllClients, false, "everything"
	for i := range s.Designated {
		s.Designated[i] = policy.Entry{Range: evalHolding[0]}
	}
	for i := range s.Exceptions {
		for j := range s.Exceptions[i].Ranges {
			s.Exceptions[i].Ranges[j] = evalHolding[0]
		}
		s.Exceptions[i].Member = "lee"
	}
	s.Access = policy.AllAddresses

	for _, tt := range []struct {
		from   evalPlace
		member session.MemberID
		want   string
	}{
		{evalOffice, "lee", "allow [address-designated]"},
		{evalAbroad, "lee", "deny [address-not-designated]"},
		{evalAbroad, "kim", "allow [member-excepted]"},
		{evalHome, "park", "allow [member-excepted]"},
	} {
		d := compiled.Evaluate(policy.Attempt{Addr: tt.from[0], Client: session.Web, Plan: "lite", Member: evalMember(tt.member), At: evalAt})
		if d.String() != tt.want {
			t.Errorf("%s from %v: got %v; want %s", tt.member, tt.from[0], d, tt.want)
		}
	}
	off := compiled.Unavailable("lite")
	if want := []string{"external-mail-import"}; !slices.Equal(off, want) {
		t.Errorf("unavailable: %v; want %v", off, want)
	}
	off[0] = "changed by the caller"
	if again := compiled.Unavailable("lite"); again[0] == off[0] {
		t.Error("Unavailable hands out its own slice")
	}
}

func TestUnavailable(t *testing.T) {
	for _, tt := range []struct {
		profile  func() *policy.Profile
		settings policy.Settings
		plan     policy.Plan
		want     []string
		why      string
	}{
		{policy.NaverWorks, evalListed, "lite", []string{"external-mail-import"}, "while designated"},
		{policy.NaverWorks, evalOverseas, "lite", nil, "while all addresses are allowed"},
		{policy.NaverWorks, evalListed, "free", nil, "the plan has no list"},
		{policy.NaverWorks, evalListed, "unheard-of", []string{"external-mail-import"}, "a plan that is not known gives nothing back"},
		{policy.LineWorks, evalListed, "premium", []string{"external-mail-import"}, "as NAVER WORKS"},
		{policy.Kintone, evalListed, "", nil, "nothing is named"},
		{policy.Standard, evalListed, "", nil, "nothing is named"},
	} {
		p := evalStored(t, tt.settings, tt.profile(), evalWorldMap)
		if got := p.Unavailable(tt.plan); !slices.Equal(got, tt.want) {
			t.Errorf("plan %q: got %v; want %v: %s", tt.plan, got, tt.want, tt.why)
		}
	}
}
