package password

import (
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Policy is the login policy of a tenant. An administrator edits it, and a database keeps
// it as JSON, see [Decode]. Changing it signs nobody out: the rules for passwords bind
// the next one that is set, the others the next login.
//
// The zero Policy is the advice of NIST, see [NIST]. A zero field means what its comment
// says; Effective writes it out. What is out of bounds is found by Err; until it is
// mended Check takes no password, and everything else goes as if it were left out.
//
// Policies are values and can be compared with ==.
type Policy struct {
	// MinLength is the least number of characters of a password, 8 to 64. Zero: 15, for a
	// password that stands alone.
	MinLength int

	// Require are kinds of characters of which a password must have one each. Zero: none.
	Require Kinds

	// MaxAgeDays is how long a password may be used; when that has passed, the member must
	// change it. At most 3,650. Zero: for ever.
	MaxAgeDays int

	// Reuse is how many of the member's last passwords, the current one among them, are
	// not taken again, at most 24. Zero: 1, the current one, as a change to the same is none.
	Reuse int

	// MaxFailures is how many failed logins in a row lock a member, 3 to 100. Zero: 10.
	MaxFailures int

	// ExternalLogins lets members in by identities of other services. Zero: by password only.
	ExternalLogins bool

	// MobileIdleDays ends mobile sessions that were not used for so long, 1 to 365.
	// Zero: 30.
	MobileIdleDays int
}

// MaxLength is the most characters that a password can have, whatever the policy.
const MaxLength = 256

const day = 24 * time.Hour

// NIST returns the advice of NIST SP 800-63B-4: at least 15 characters and a blocklist, no
// composition, no periodic change, and at most 100 failures in a row, of which it takes
// 10. It is the zero Policy written out.
func NIST() Policy { return Policy{}.Effective() }

// NaverWorks returns what the help pages of NAVER WORKS document for a tenant
// (https://help.worksmobile.com/en/admin-guides/security/account-security/, as of 2025):
// letters and digits, a length that begins at 8, a change after 365 days, and an end of
// mobile sessions after 30 days without use. For what has no documented default it chooses:
// no reuse of the last 5 passwords, and a lock after 10 failures, since a stranger can
// cause them. Logins by other services are left to be switched on.
//
// Composition and periodic change are against the advice of NIST. Use it where the
// product's behaviour is wanted.
func NaverWorks() Policy {
	return Policy{
		MinLength:      8,
		Require:        Letter | Digit,
		MaxAgeDays:     365,
		Reuse:          5,
		MaxFailures:    10,
		MobileIdleDays: 30,
	}
}

// A number is a field of a Policy that counts something: its bounds and what zero means.
type number struct {
	path, code  string
	least, most int
	zero        int // what 0 means; 0: nothing of the kind
	unit        string
	in          func(*Policy) *int
}

var numbers = [...]number{
	{"min_length", "bad-min-length", 8, 64, 15, "characters", func(p *Policy) *int { return &p.MinLength }},
	{"max_age_days", "bad-max-age", 1, 3650, 0, "days", func(p *Policy) *int { return &p.MaxAgeDays }},
	{"reuse", "bad-reuse", 1, 24, 1, "passwords", func(p *Policy) *int { return &p.Reuse }},
	{"max_failures", "bad-max-failures", 3, 100, 10, "failures", func(p *Policy) *int { return &p.MaxFailures }},
	{"mobile_idle_days", "bad-mobile-idle", 1, 365, 30, "days", func(p *Policy) *int { return &p.MobileIdleDays }},
}

// takes reports whether v is in bounds, or 0.
func (n number) takes(v int) bool { return v == 0 || n.least <= v && v <= n.most }

// Effective returns p with its zero fields written out, and with what is out of bounds as
// if it were left out.
func (p Policy) Effective() Policy {
	for _, n := range numbers {
		if v := n.in(&p); *v == 0 || !n.takes(*v) {
			*v = n.zero
		}
	}
	p.Require &= AllKinds
	return p
}

// Expired reports whether a password that was set at an instant must be changed. If it
// is not known when it was set (changed is zero, which is long ago), or that lies more
// than a day ahead, which a clock that went wrong leaves behind, it must, if passwords
// expire at all.
func (p Policy) Expired(changed, now time.Time) bool {
	age := time.Duration(p.Effective().MaxAgeDays) * day
	return age > 0 && (changed.After(now.Add(day)) || !now.Before(changed.Add(age)))
}

// Locks reports whether so many failed logins in a row lock the member. Count those only
// where the right password would have been let in; elsewhere strangers could lock members.
// A negative number is corrupt, and locks.
func (p Policy) Locks(failures int) bool {
	return failures < 0 || failures >= p.Effective().MaxFailures
}

// Idle returns for how long a session of a client may go unused: what session.Session.Idle
// is set to when it is issued. A session keeps the value that it was issued with. Only
// mobile sessions have a limit here; zero means none.
func (p Policy) Idle(c session.Client) time.Duration {
	if c != session.Mobile {
		return 0
	}
	return time.Duration(p.Effective().MobileIdleDays) * day
}

// Err returns an *InvalidError with everything that is out of bounds in p, or nil.
func (p Policy) Err() error { return p.problems().err() }

func (p Policy) problems() (ps problems) {
	for _, n := range numbers {
		if v := *n.in(&p); !n.takes(v) {
			ps.bounds(n, v)
		}
	}
	if p.Require&^AllKinds != 0 {
		ps.add("require", "unknown-kind", "", "a set of kinds with bits that are none")
	}
	return ps
}
