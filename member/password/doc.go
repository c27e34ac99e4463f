// Package password is the login policy of a tenant: what a new password must be, how old
// it may become, how many failed logins lock a member, and which logins beside it there
// are. It hashes nothing, stores nothing and decides no login; the host does, and asks
// here.
//
//	err := policy.Check(ctx, password.Candidate{
//		New:       typed,
//		Words:     []string{tenant.Name, string(m.ID), mail},
//		Blocklist: common,
//		Used:      host.usedBefore,
//	})
//	var refused *password.RefusedError
//	switch {
//	case err == nil: // hash it and store it
//	case errors.As(err, &refused): // show refused.Flaws
//	default: // it could not be checked: refuse it, and log err
//	}
//
// Start with [Policy], of which [NIST] and [NaverWorks] return two, [Policy.Check], and
// [Decode], which reads what an administrator has edited.
//
// # The advice that is followed
//
// The zero [Policy] follows section 3.1.1.2 of NIST SP 800-63B-4 (2025,
// https://pages.nist.gov/800-63-4/sp800-63b.html): a password that stands alone has at
// least 15 characters, each code point of Unicode counts as one, at least 64 are taken,
// all of it is compared with a blocklist of what is common, expected or known to others,
// and there are no rules of composition and no periodic change. Where every login needs
// a second factor too, 8 characters may do.
//
// # What the host must do
//
// Take a password whole: what a hash cuts off (bcrypt reads 72 bytes) is no part of it.
// If you normalise passwords, as NIST advises (NFKC, with golang.org/x/text), do so
// before the check and at each login. This package does not: it counts and compares what
// it is given.
//
// No password is in any error or text of this package, and what a host's callback says
// is not printed either, for it may repeat what it was asked.
package password
