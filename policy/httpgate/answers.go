package httpgate

import (
	"net/http"

	"github.com/sallyport-go/sallyport/policy"
)

// answers is the one table of what is answered for each reason, wherever it is answered.
// A reason to let somebody in has the answer of [denied], for only the effect lets in.
var answers = [...]answer{
	policy.ReasonNoPolicy:             {http.StatusForbidden, saysNoAccess, mailClosed},
	policy.ReasonNoClientAddress:      {http.StatusForbidden, saysNoAddress, mailClosed},
	policy.ReasonUnknownClient:        {http.StatusForbidden, saysNoAccess, mailClosed},
	policy.ReasonUnknownPlan:          {http.StatusForbidden, saysNoAccess, mailClosed},
	policy.ReasonWrongTenant:          {http.StatusForbidden, saysNoAccess, mailClosed},
	policy.ReasonAddressNotDesignated: {http.StatusForbidden, saysAddress, mailAddress},
	policy.ReasonOverseasLogin:        {http.StatusForbidden, saysVerify, mailAddress},

	// Whether there is such a member, with such a password, in which status.
	policy.ReasonUnknownMember:       {http.StatusForbidden, saysNoAccess, mailFailed},
	policy.ReasonBadCredentials:      {http.StatusUnauthorized, saysCredentials, mailFailed},
	policy.ReasonMemberUnknownStatus: {http.StatusForbidden, saysMember, mailFailed},
	policy.ReasonMemberPending:       {http.StatusForbidden, saysMember, mailFailed},
	policy.ReasonMemberSuspended:     {http.StatusForbidden, saysMember, mailFailed},
	policy.ReasonMemberLocked:        {http.StatusForbidden, saysMember, mailFailed},
	policy.ReasonMemberDeleted:       {http.StatusForbidden, saysMember, mailFailed},

	// What only the right password learns.
	policy.ReasonClientBlocked:          {http.StatusForbidden, saysClient, mailNoPermission},
	policy.ReasonPasswordChangeRequired: {http.StatusForbidden, saysPassword, mailExpired},
	policy.ReasonNoVerificationContact:  {http.StatusForbidden, saysNoContact, mailNoPermission},

	policy.ReasonSessionUnknown: {http.StatusUnauthorized, saysSignIn, mailFailed},
	policy.ReasonSessionEnded:   {http.StatusUnauthorized, saysSignIn, mailFailed},
	policy.ReasonSessionCut:     {http.StatusUnauthorized, saysSignIn, mailFailed},

	policy.ReasonPolicyStale:       {http.StatusServiceUnavailable, saysAgain, mailAgain},
	policy.ReasonMemberStale:       {http.StatusServiceUnavailable, saysAgain, mailAgain},
	policy.ReasonVersionRegression: {http.StatusServiceUnavailable, saysAgain, mailAgain},

	policy.ReasonSuperAdmin:                 denied,
	policy.ReasonPlanWithoutNetworkSecurity: denied,
	policy.ReasonClientExempt:               denied,
	policy.ReasonAddressDesignated:          denied,
	policy.ReasonMemberExcepted:             denied,
	policy.ReasonAllAddresses:               denied,
	policy.ReasonCountryExempt:              denied,
	policy.ReasonIdentityVerified:           denied,
}

type answer struct {
	status int
	says   message
	mail   MailCodes
}

var denied = answer{http.StatusForbidden, saysNoAccess, mailFailed}

func answerOf(d policy.Decision) answer {
	a := denied
	if int(d.Reason) < len(answers) && answers[d.Reason].status != 0 {
		a = answers[d.Reason]
	}
	if d.Effect == policy.Verify {
		a.status, a.says = http.StatusUnauthorized, saysVerify
	}
	return a
}

// Status returns the status of HTTP that says a decision about a request of a session:
//
//	200  allow
//	401  verify, with a challenge of RFC 9470; deny where the session is unknown, ended or
//	     cut, and where the password is wrong
//	503  deny where there was nothing to decide by in time: try again
//	403  everything else
//
// A login that has an answer to verify and change-password, a form for the code or for a new
// password, gives that with a status of its own.
func Status(d policy.Decision) int {
	if d.Allowed() {
		return http.StatusOK
	}
	return answerOf(d).status
}

// MailCodes is what servers of mail answer to a login.
type MailCodes struct {
	IMAP     string // response code of a tagged NO, without brackets: RFC 5530; "": OK
	POP3     string // response code of -ERR, without brackets: RFC 3206; "": +OK
	SMTP     int    // reply to AUTH: RFC 4954, section 6, and RFC 5321, section 4.2
	Enhanced string // the enhanced status code that follows it: RFC 3463
	Text     string // for people, in ASCII
}

// Temporary reports whether the client should try again by itself.
func (c MailCodes) Temporary() bool { return c.SMTP/100 == 4 }

var (
	mailOK = MailCodes{SMTP: 235, Enhanced: "2.7.0", Text: "Authentication succeeded"} // RFC 4954, section 6

	// RFC 5530: "some reason on which the server is unwilling to elaborate". RFC 3206: a
	// problem with the credentials. RFC 4954: "invalid or insufficient authentication
	// credentials", upon which clients ask for others.
	mailFailed = MailCodes{"AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", "Authentication failed"}

	// RFC 5530: "the user should contact the system administrator or support desk". RFC 3206
	// counts attempts against policy, as from a wrong place, under AUTH. RFC 5321: 550 is a
	// command "rejected for policy reasons", RFC 3463: 5.7.1 is "per-host filtering"; no
	// client asks for another password then.
	mailAddress = MailCodes{"CONTACTADMIN", "AUTH", 550, "5.7.1", "Access from this address is not allowed; sign in with a browser or ask your administrator"}

	// The same for another policy than that of addresses. RFC 3463: 5.7.0 is any other.
	mailNoPermission = MailCodes{"CONTACTADMIN", "AUTH", 550, "5.7.0", "No permission to use this service; ask your administrator"}

	// RFC 3206: SYS/PERM does not go away without somebody's help. RFC 5321: 554, no service.
	mailClosed = MailCodes{"CONTACTADMIN", "SYS/PERM", 554, "5.7.0", "Access is not possible; ask your administrator"}

	// RFC 5530: "access is no longer permitted using that passphrase".
	mailExpired = MailCodes{"EXPIRED", "AUTH", 535, "5.7.8", "Change your password with a browser"}

	// RFC 5530: "temporary failure because a subsystem is down". RFC 4954: "temporary
	// authentication failure", upon which clients keep the password.
	mailAgain = MailCodes{"UNAVAILABLE", "SYS/TEMP", 454, "4.7.0", "Temporary failure; try again later"}
)

// MailCodesOf returns what servers of IMAP, POP3 and SMTP answer to a login:
//
//	                                               IMAP                  POP3      SMTP AUTH
//	allow                                          (OK)                  (+OK)     235 2.7.0
//	bad-credentials, unknown-member, member-…,
//	session-…                                      AUTHENTICATIONFAILED  AUTH      535 5.7.8
//	address-not-designated, overseas-login         CONTACTADMIN          AUTH      550 5.7.1
//	client-blocked, no-verification-contact        CONTACTADMIN          AUTH      550 5.7.0
//	password-change-required                       EXPIRED               AUTH      535 5.7.8
//	no-policy, no-client-address, unknown-client,
//	unknown-plan, wrong-tenant                     CONTACTADMIN          SYS/PERM  554 5.7.0
//	policy-stale, member-stale, version-regression UNAVAILABLE           SYS/TEMP  454 4.7.0
//
// Programs of mail guess in the background for years, so that a wrong password, a missing
// member and every status have one answer here, even where a person with the right password
// is told more. An open connection that is refused later is closed: with BYE in IMAP, with
// 421 4.7.0 in SMTP, without a word in POP3. A server that wants TLS first says so before
// any login: PRIVACYREQUIRED (RFC 5530) or 538 5.7.11 (RFC 4954).
func MailCodesOf(d policy.Decision) MailCodes {
	if d.Allowed() {
		return mailOK
	}
	return answerOf(d).mail
}
