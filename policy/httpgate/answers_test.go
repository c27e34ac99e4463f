package httpgate_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// expected is what each reason is answered beside deny, written down a second time.
var expected = map[string]struct {
	status    int
	imap      string
	pop3      string
	smtp      int
	enhanced  string
	temporary bool
}{
	"no-policy":                     {403, "CONTACTADMIN", "SYS/PERM", 554, "5.7.0", false},
	"unknown-member":                {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"no-client-address":             {403, "CONTACTADMIN", "SYS/PERM", 554, "5.7.0", false},
	"unknown-client":                {403, "CONTACTADMIN", "SYS/PERM", 554, "5.7.0", false},
	"member-unknown-status":         {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"member-pending":                {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"member-suspended":              {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"member-locked":                 {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"member-deleted":                {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"client-blocked":                {403, "CONTACTADMIN", "AUTH", 550, "5.7.0", false},
	"super-admin":                   {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"unknown-plan":                  {403, "CONTACTADMIN", "SYS/PERM", 554, "5.7.0", false},
	"plan-without-network-security": {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"client-exempt":                 {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"address-designated":            {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"member-excepted":               {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"address-not-designated":        {403, "CONTACTADMIN", "AUTH", 550, "5.7.1", false},
	"all-addresses":                 {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"country-exempt":                {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"identity-verified":             {403, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"overseas-login":                {403, "CONTACTADMIN", "AUTH", 550, "5.7.1", false},
	"password-change-required":      {403, "EXPIRED", "AUTH", 535, "5.7.8", false},
	"bad-credentials":               {401, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"no-verification-contact":       {403, "CONTACTADMIN", "AUTH", 550, "5.7.0", false},
	"wrong-tenant":                  {403, "CONTACTADMIN", "SYS/PERM", 554, "5.7.0", false},
	"session-unknown":               {401, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"session-ended":                 {401, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"session-cut":                   {401, "AUTHENTICATIONFAILED", "AUTH", 535, "5.7.8", false},
	"policy-stale":                  {503, "UNAVAILABLE", "SYS/TEMP", 454, "4.7.0", true},
	"member-stale":                  {503, "UNAVAILABLE", "SYS/TEMP", 454, "4.7.0", true},
	"version-regression":            {503, "UNAVAILABLE", "SYS/TEMP", 454, "4.7.0", true},
}

func TestAnswersOfEveryReason(t *testing.T) {
	reasons := 0
	for reason := range policy.Reasons() {
		reasons++
		want, ok := expected[reason.String()]
		if !ok {
			t.Errorf("%v has no row", reason)
			continue
		}
		d := policy.Decision{Reason: reason}
		if got := httpgate.Status(d); got != want.status {
			t.Errorf("%v: status %d; want %d", d, got, want.status)
		}
		m := httpgate.MailCodesOf(d)
		if m.IMAP != want.imap || m.POP3 != want.pop3 || m.SMTP != want.smtp || m.Enhanced != want.enhanced || m.Temporary() != want.temporary {
			t.Errorf("%v: %+v; want %+v", d, m, want)
		}
		// The three protocols and HTTP say alike whether it is worth to try again.
		if temporary := want.status == 503; m.Temporary() != temporary || (m.POP3 == "SYS/TEMP") != temporary || (m.IMAP == "UNAVAILABLE") != temporary || (m.Enhanced[0] == '4') != temporary {
			t.Errorf("%v: %+v and %d do not agree", d, m, want.status)
		}
		if m.Enhanced[0] != byte('0'+m.SMTP/100) || m.Text == "" {
			t.Errorf("%v: %+v", d, m)
		}
		for _, c := range []byte(m.Text) {
			if c < ' ' || c > '~' {
				t.Errorf("%v: %q is not ASCII", d, m.Text)
			}
		}

		// Only the effect lets in, and what asks for more is no success.
		d.Effect = policy.Allow
		if httpgate.Status(d) != 200 || httpgate.MailCodesOf(d).SMTP != 235 || httpgate.MailCodesOf(d).IMAP != "" || httpgate.MailCodesOf(d).POP3 != "" {
			t.Errorf("%v: %d, %+v", d, httpgate.Status(d), httpgate.MailCodesOf(d))
		}
		d.Effect = policy.Verify
		if httpgate.Status(d) != 401 || httpgate.MailCodesOf(d).SMTP < 400 || httpgate.MailCodesOf(d).IMAP == "" {
			t.Errorf("%v: %d, %+v", d, httpgate.Status(d), httpgate.MailCodesOf(d))
		}
		for _, effect := range []policy.Effect{policy.ChangePassword, policy.Allow + 1, 255} {
			d.Effect = effect
			if httpgate.Status(d) != want.status || httpgate.MailCodesOf(d).SMTP != want.smtp {
				t.Errorf("%v: %d, %+v", d, httpgate.Status(d), httpgate.MailCodesOf(d))
			}
		}
	}
	if reasons != len(expected) {
		t.Errorf("%d reasons, %d rows", reasons, len(expected))
	}
	for _, reason := range []policy.Reason{policy.Reason(reasons), 100, 255} {
		d := policy.Decision{Reason: reason}
		if httpgate.Status(d) != 403 || httpgate.MailCodesOf(d).IMAP != "AUTHENTICATIONFAILED" {
			t.Errorf("%v: %d, %+v", d, httpgate.Status(d), httpgate.MailCodesOf(d))
		}
	}
}

// What tells of a member, the password or the status is one answer to a mail program,
// text and all.
func TestGuarantee32MailCodesTellNothingOfMembers(t *testing.T) {
	want := httpgate.MailCodesOf(policy.Decision{Reason: policy.ReasonBadCredentials})
	for _, reason := range []policy.Reason{
		policy.ReasonUnknownMember, policy.ReasonMemberUnknownStatus, policy.ReasonMemberPending,
		policy.ReasonMemberSuspended, policy.ReasonMemberLocked, policy.ReasonMemberDeleted,
	} {
		if got := httpgate.MailCodesOf(policy.Decision{Reason: reason}); got != want {
			t.Errorf("%v is told apart from bad-credentials: %+v", reason, got)
		}
	}
	// An address is refused before anything is said of a member.
	if got := httpgate.MailCodesOf(policy.Decision{Reason: policy.ReasonAddressNotDesignated}); got == want {
		t.Error("a refused address should not look like a wrong password, or people will type theirs again and again")
	}
}
