package policy_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

// evalReasons are the codes in brackets of the design's rules, and the names
// that this package gives them. Hosts translate and count by the codes: none
// is ever taken away or spelled otherwise.
var evalReasons = map[string]policy.Reason{
	"no-policy":                     policy.ReasonNoPolicy,
	"unknown-member":                policy.ReasonUnknownMember,
	"no-client-address":             policy.ReasonNoClientAddress,
	"unknown-client":                policy.ReasonUnknownClient,
	"member-unknown-status":         policy.ReasonMemberUnknownStatus,
	"member-pending":                policy.ReasonMemberPending,
	"member-suspended":              policy.ReasonMemberSuspended,
	"member-locked":                 policy.ReasonMemberLocked,
	"member-deleted":                policy.ReasonMemberDeleted,
	"client-blocked":                policy.ReasonClientBlocked,
	"super-admin":                   policy.ReasonSuperAdmin,
	"unknown-plan":                  policy.ReasonUnknownPlan,
	"plan-without-network-security": policy.ReasonPlanWithoutNetworkSecurity,
	"client-exempt":                 policy.ReasonClientExempt,
	"address-designated":            policy.ReasonAddressDesignated,
	"member-excepted":               policy.ReasonMemberExcepted,
	"address-not-designated":        policy.ReasonAddressNotDesignated,
	"all-addresses":                 policy.ReasonAllAddresses,
	"country-exempt":                policy.ReasonCountryExempt,
	"identity-verified":             policy.ReasonIdentityVerified,
	"overseas-login":                policy.ReasonOverseasLogin,
	"password-change-required":      policy.ReasonPasswordChangeRequired,
	"bad-credentials":               policy.ReasonBadCredentials,
	"no-verification-contact":       policy.ReasonNoVerificationContact,
	"wrong-tenant":                  policy.ReasonWrongTenant,
	"session-unknown":               policy.ReasonSessionUnknown,
	"session-ended":                 policy.ReasonSessionEnded,
	"session-cut":                   policy.ReasonSessionCut,
	"policy-stale":                  policy.ReasonPolicyStale,
	"member-stale":                  policy.ReasonMemberStale,
	"version-regression":            policy.ReasonVersionRegression,
}

func TestReasons(t *testing.T) {
	all := slices.Collect(policy.Reasons())
	if len(all) != len(evalReasons) {
		t.Errorf("%d reasons; the rules have %d", len(all), len(evalReasons))
	}
	seen, meanings := map[string]bool{}, map[string]bool{}
	for _, r := range all {
		code := r.String()
		if want, ok := evalReasons[code]; !ok || want != r || seen[code] {
			t.Errorf("reason %d is %q, which the rules do not have, or twice", r, code)
		}
		seen[code] = true
		text, err := r.MarshalText()
		back := policy.Reason(255)
		if err != nil || string(text) != code || back.UnmarshalText(text) != nil || back != r {
			t.Errorf("%s: written as %q, read as %v, %v", code, text, back, err)
		}
		m := r.Meaning()
		if m == "" || meanings[m] || strings.HasSuffix(m, ".") || m[:1] != strings.ToLower(m[:1]) {
			t.Errorf("%s means %q", code, m)
		}
		meanings[m] = true
	}
	for range policy.Reasons() {
		break // an early end is taken
	}
}

func TestReasonsThatAreNone(t *testing.T) {
	for n := len(evalReasons); n < 256; n++ {
		r := policy.Reason(n)
		if b, err := r.MarshalText(); err == nil || b != nil || r.String() != fmt.Sprintf("reason(%d)", n) || r.Meaning() != "" {
			t.Errorf("reason %d: %q, %v, %q", n, b, err, r.Meaning())
		}
	}
	for _, text := range []string{"", "No-Policy", "no-policy ", "no_policy", "reason(0)", "0", "no-policy\x00", strings.Repeat("x\n", 1<<16)} {
		kept := policy.ReasonOverseasLogin
		err := kept.UnmarshalText([]byte(text))
		if err == nil || kept != policy.ReasonOverseasLogin {
			t.Errorf("%.20q is read as %v", text, kept)
		} else if m := err.Error(); strings.Contains(m, "\n") || len(m) > 300 {
			t.Errorf("%.20q: the error is %.400q", text, m)
		}
	}
}

func TestEffects(t *testing.T) {
	for n, want := range []string{policy.Deny: "deny", policy.Verify: "verify", policy.ChangePassword: "change-password", policy.Allow: "allow"} {
		e := policy.Effect(n)
		text, err := e.MarshalText()
		back := policy.Effect(255)
		if e.String() != want || err != nil || string(text) != want || back.UnmarshalText(text) != nil || back != e {
			t.Errorf("effect %d: %v, written as %q, read as %v, %v; want %s", n, e, text, back, err, want)
		}
		if d := (policy.Decision{Effect: e}); d.Allowed() != (want == "allow") {
			t.Errorf("%v: allowed %v", d, d.Allowed())
		}
	}
	for n := 4; n < 256; n++ {
		e := policy.Effect(n)
		if b, err := e.MarshalText(); err == nil || b != nil || e.String() != fmt.Sprintf("effect(%d)", n) {
			t.Errorf("effect %d: %q, %v", n, b, err)
		}
		if (policy.Decision{Effect: e}).Allowed() {
			t.Errorf("%v is allowed", e)
		}
	}
	for _, text := range []string{"", "Allow", "allow ", "permit", "3", strings.Repeat("x\n", 1<<16)} {
		kept := policy.Verify
		err := kept.UnmarshalText([]byte(text))
		if err == nil || kept != policy.Verify {
			t.Errorf("%.20q is read as %v", text, kept)
		} else if m := err.Error(); strings.Contains(m, "\n") || len(m) > 300 {
			t.Errorf("%.20q: the error is %.400q", text, m)
		}
	}
}

// A Decision is a value: compared with ==, used as a key, written as JSON and
// into logs.
func TestDecision(t *testing.T) {
	for _, tt := range []struct {
		decision        policy.Decision
		text, json, log string
	}{
		{policy.Decision{},
			"deny [no-policy]",
			`{"effect":"deny","reason":"no-policy"}`,
			"d.effect=deny d.reason=no-policy\n"},
		{policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin, Country: evalJP},
			"verify [overseas-login] JP",
			`{"effect":"verify","reason":"overseas-login","country":"JP"}`,
			"d.effect=verify d.reason=overseas-login d.country=JP\n"},
		{policy.Decision{Effect: policy.Allow, Reason: policy.ReasonSuperAdmin},
			"allow [super-admin]",
			`{"effect":"allow","reason":"super-admin"}`,
			"d.effect=allow d.reason=super-admin\n"},
	} {
		if got := tt.decision.String(); got != tt.text {
			t.Errorf("text %q; want %q", got, tt.text)
		}
		b, err := json.Marshal(tt.decision)
		var back policy.Decision
		if err != nil || string(b) != tt.json || json.Unmarshal(b, &back) != nil || back != tt.decision {
			t.Errorf("JSON %s, back %v, %v; want %s", b, back, err, tt.json)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: evalNoTime})).Info("", "d", tt.decision)
		if got := log.String(); got != tt.log {
			t.Errorf("logged %q; want %q", got, tt.log)
		}
		if map[policy.Decision]bool{tt.decision: true}[back] != true {
			t.Errorf("%v is not equal to itself", back)
		}
	}
	if b, err := json.Marshal(policy.Decision{Effect: 9}); err == nil {
		t.Errorf("an effect that is none is written as %s", b)
	}
}

// evalNoTime leaves out of a log what changes with each run.
func evalNoTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}
