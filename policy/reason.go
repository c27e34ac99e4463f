package policy

import (
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// Effect is what to do with an attempt. The zero Effect is Deny.
type Effect uint8

const (
	Deny           Effect = iota // refuse
	Verify                       // verify the identity by another way, then evaluate again with Attempt.Verified
	ChangePassword               // have the password changed, then evaluate again
	Allow                        // let in
)

var effects = [...]string{Deny: "deny", Verify: "verify", ChangePassword: "change-password", Allow: "allow"}

// String returns the text of e: deny, verify, change-password or allow.
func (e Effect) String() string {
	if int(e) < len(effects) {
		return effects[e]
	}
	return "effect(" + strconv.Itoa(int(e)) + ")"
}

// MarshalText returns the text of e. An Effect that is not one of the four is
// an error.
func (e Effect) MarshalText() ([]byte, error) {
	if int(e) >= len(effects) {
		return nil, fmt.Errorf("policy: %v has no text", e)
	}
	return []byte(effects[e]), nil
}

// UnmarshalText reads the text of an Effect. If it fails, e is unchanged.
func (e *Effect) UnmarshalText(b []byte) error {
	for i, text := range effects {
		if text == string(b) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("policy: %s is no effect; write deny, verify, change-password or allow", quote(string(b)))
}

// Reason tells which line of the specification answered. Its text is the code
// in brackets in the package comment. The numbers are never stored: they may
// change between releases, the codes do not. The zero Reason is
// ReasonNoPolicy, so that the zero Decision says why it refuses.
type Reason uint8

const (
	ReasonNoPolicy                   Reason = iota // no-policy
	ReasonUnknownMember                            // unknown-member
	ReasonNoClientAddress                          // no-client-address
	ReasonUnknownClient                            // unknown-client
	ReasonMemberUnknownStatus                      // member-unknown-status
	ReasonMemberPending                            // member-pending
	ReasonMemberSuspended                          // member-suspended
	ReasonMemberLocked                             // member-locked
	ReasonMemberDeleted                            // member-deleted
	ReasonClientBlocked                            // client-blocked
	ReasonSuperAdmin                               // super-admin
	ReasonUnknownPlan                              // unknown-plan
	ReasonPlanWithoutNetworkSecurity               // plan-without-network-security
	ReasonClientExempt                             // client-exempt
	ReasonAddressDesignated                        // address-designated
	ReasonMemberExcepted                           // member-excepted
	ReasonAddressNotDesignated                     // address-not-designated
	ReasonAllAddresses                             // all-addresses
	ReasonCountryExempt                            // country-exempt
	ReasonIdentityVerified                         // identity-verified
	ReasonOverseasLogin                            // overseas-login
	ReasonPasswordChangeRequired                   // password-change-required

	// Evaluate does not give the reasons below. They are for what knows
	// sessions, passwords and stores, so that all answers speak one language.

	ReasonBadCredentials        // bad-credentials
	ReasonNoVerificationContact // no-verification-contact
	ReasonWrongTenant           // wrong-tenant
	ReasonSessionUnknown        // session-unknown
	ReasonSessionEnded          // session-ended
	ReasonSessionCut            // session-cut
	ReasonPolicyStale           // policy-stale
	ReasonMemberStale           // member-stale
	ReasonVersionRegression     // version-regression
)

// reasons is the one table of what a decision can mean.
var reasons = [...]struct{ code, meaning string }{
	ReasonNoPolicy:                   {"no-policy", "there are no settings to decide by"},
	ReasonUnknownMember:              {"unknown-member", "the attempt names no member"},
	ReasonNoClientAddress:            {"no-client-address", "the address of the client is not known"},
	ReasonUnknownClient:              {"unknown-client", "the product has no such client"},
	ReasonMemberUnknownStatus:        {"member-unknown-status", "the member's status is not known"},
	ReasonMemberPending:              {"member-pending", "the member has not set a password yet"},
	ReasonMemberSuspended:            {"member-suspended", "an administrator has suspended the member"},
	ReasonMemberLocked:               {"member-locked", "the member is locked after too many failed logins"},
	ReasonMemberDeleted:              {"member-deleted", "the member is deleted"},
	ReasonClientBlocked:              {"client-blocked", "this client is blocked for the member"},
	ReasonSuperAdmin:                 {"super-admin", "the member is a super admin, whom the network rules do not shut out"},
	ReasonUnknownPlan:                {"unknown-plan", "the product has no such plan"},
	ReasonPlanWithoutNetworkSecurity: {"plan-without-network-security", "the plan has no network security"},
	ReasonClientExempt:               {"client-exempt", "this client is free of the restriction"},
	ReasonAddressDesignated:          {"address-designated", "the address is designated"},
	ReasonMemberExcepted:             {"member-excepted", "the address is not designated, but the member is an exception"},
	ReasonAddressNotDesignated:       {"address-not-designated", "the address is not designated"},
	ReasonAllAddresses:               {"all-addresses", "every address is allowed"},
	ReasonCountryExempt:              {"country-exempt", "the login comes from a country that is exempt"},
	ReasonIdentityVerified:           {"identity-verified", "the member has verified their identity"},
	ReasonOverseasLogin:              {"overseas-login", "the login comes from a country that is not exempt, or from an unknown one"},
	ReasonPasswordChangeRequired:     {"password-change-required", "the member must change the password first"},
	ReasonBadCredentials:             {"bad-credentials", "the member or the password is wrong"},
	ReasonNoVerificationContact:      {"no-verification-contact", "there is no recorded contact to verify the identity by"},
	ReasonWrongTenant:                {"wrong-tenant", "what was found belongs to another tenant"},
	ReasonSessionUnknown:             {"session-unknown", "there is no such session"},
	ReasonSessionEnded:               {"session-ended", "the session has ended"},
	ReasonSessionCut:                 {"session-cut", "a change of the settings or of the member has ended the session"},
	ReasonPolicyStale:                {"policy-stale", "the settings could not be read for too long; try again"},
	ReasonMemberStale:                {"member-stale", "the member could not be read for too long; try again"},
	ReasonVersionRegression:          {"version-regression", "the store has an older version than one that was seen before"},
}

// String returns the code of r, which is stable.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r].code
	}
	return "reason(" + strconv.Itoa(int(r)) + ")"
}

// Meaning returns a sentence for those who run the service and for their
// support, in English and without an end. It says more than an answer to the
// person at the door should.
func (r Reason) Meaning() string {
	if int(r) < len(reasons) {
		return reasons[r].meaning
	}
	return ""
}

// MarshalText returns the code of r. A Reason that is none is an error.
func (r Reason) MarshalText() ([]byte, error) {
	if int(r) >= len(reasons) {
		return nil, fmt.Errorf("policy: %v has no text", r)
	}
	return []byte(reasons[r].code), nil
}

// UnmarshalText reads the code of a Reason. If it fails, r is unchanged.
func (r *Reason) UnmarshalText(b []byte) error {
	for i := range reasons {
		if reasons[i].code == string(b) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("policy: %s is no reason; see policy.Reasons", quote(string(b)))
}

// Reasons yields every Reason there is.
func Reasons() iter.Seq[Reason] {
	return func(yield func(Reason) bool) {
		for i := range reasons {
			if !yield(Reason(i)) {
				return
			}
		}
	}
}

// quote quotes what came from outside and cuts what is too long to be read.
func quote(s string) string {
	if c := cut(s); c != s {
		return strconv.Quote(c) + "…"
	}
	return strconv.Quote(s)
}

func cut(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
