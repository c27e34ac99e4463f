package policy

import (
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Plan is the name of what a tenant has bought.
type Plan string

// Features are what a plan includes.
type Features uint8

const (
	NetworkSecurity  Features = 1 << iota // designated addresses and exceptions
	OverseasBlocking                      // identity verification for logins from abroad
)

const allFeatures = NetworkSecurity | OverseasBlocking

// DefaultMaxEntries is the meaning of Profile.MaxEntries where it is zero.
const DefaultMaxEntries = 10_000

// Profile is the rules of a product: what the host has fixed, within which the
// administrators of a tenant choose their Settings. Start from Standard,
// NaverWorks, LineWorks or Kintone and alter the copy, or write one. The zero
// Profile knows no client and is refused by Compile; a Profile without SignOut
// ends no session at a save, so that each is judged anew at its next request
// and nothing more. Compile copies what it
// needs, so a Profile may be changed afterwards; while Compile, Explain or
// Diff runs it must not be.
type Profile struct {
	Name  string            // for people
	Plans map[Plan]Features // nil: the product is not sold by plan and has everything

	Clients        session.Clients // that the product has; any other is unknown, the host's custom ones too unless they are added
	ListExempt     session.Clients // free of the designated list; zero: none
	OverseasExempt session.Clients // free of the overseas check; zero: none

	SuperAdminBypass bool // super admins come in from everywhere
	Exceptions       bool // settings may name exceptions
	Overseas         bool // settings may block logins from abroad

	IPv4Only       bool // entries of IPv6 are refused
	NoRanges       bool // entries that are neither an address nor a prefix are refused
	SpecialPurpose bool // entries that are not public are taken: an intranet, a test
	MaxEntries     int  // designated entries, and ranges of exceptions (one without ranges counts once); 0: DefaultMaxEntries

	SignOut   SignOut
	ResetLink time.Duration // how long a link that lifts the restriction is to be valid after a save, where the host mails one; 0: there is none

	// Unavailable names features of the host that are off while addresses are
	// designated.
	Unavailable []string
}

// SignOut says which clients' sessions a save ends. Zero: none.
type SignOut struct {
	Designate session.Clients // the list comes into force
	Narrow    session.Clients // the addresses in force shrink
	Overseas  session.Clients // overseas blocking comes into force, or an exempt country is taken off
	Exception session.Clients // of one member, whose exception is taken away or narrowed
}

// products are the clients that the products' help pages name.
const products = session.Apps | session.Mail | session.Clients(1<<session.Web|1<<session.CalDAV|1<<session.API)

// Standard returns a fresh copy of the profile that Sallyport recommends: no
// client is free of the list, only protocols that cannot ask are free of the
// overseas check, super admins come in from everywhere, and a list that comes
// into force or shrinks, an overseas block that does and an exception that is
// taken away or narrowed end every session concerned.
func Standard() *Profile {
	return &Profile{
		Name:             "Standard",
		Clients:          products,
		OverseasExempt:   session.Mail | session.ClientsOf(session.CalDAV, session.API),
		SuperAdminBypass: true,
		Exceptions:       true,
		Overseas:         true,
		SignOut: SignOut{
			Designate: session.AllClients,
			Narrow:    session.AllClients,
			Overseas:  session.AllClients,
			Exception: session.AllClients,
		},
	}
}

// NaverWorks returns a fresh copy of the profile of NAVER WORKS as its help
// pages describe network security: mobile is free of the list, members can be
// exceptions, and overseas logins can be blocked while every address is
// allowed. The pages do not name API clients; they are free here too. The plans
// are "free", which has none of it, "lite", "standard" and "advanced".
func NaverWorks() *Profile {
	const free = session.Clients(1<<session.Mobile | 1<<session.API)
	return &Profile{
		Name: "NAVER WORKS",
		Plans: map[Plan]Features{
			"free":     0,
			"lite":     NetworkSecurity | OverseasBlocking,
			"standard": NetworkSecurity | OverseasBlocking,
			"advanced": NetworkSecurity | OverseasBlocking,
		},
		Clients:          products,
		ListExempt:       free,
		OverseasExempt:   session.Mail | session.ClientsOf(session.CalDAV, session.API),
		SuperAdminBypass: true,
		Exceptions:       true,
		Overseas:         true,
		SignOut: SignOut{
			Designate: session.AllClients &^ session.ClientsOf(session.Mobile),
			Narrow:    session.AllClients &^ free,
			Overseas:  session.AllClients,
			Exception: session.AllClients &^ free,
		},
		Unavailable: []string{"external-mail-import"},
	}
}

// LineWorks returns a fresh copy of the profile of LINE WORKS as its earlier
// help pages describe it: as NaverWorks, without exceptions and without
// overseas blocking, and with the plans "free" and "lite", which have none of
// it, "basic", "standard", "advanced" and "premium".
func LineWorks() *Profile {
	const free = session.Clients(1<<session.Mobile | 1<<session.API)
	return &Profile{
		Name: "LINE WORKS",
		Plans: map[Plan]Features{
			"free":     0,
			"lite":     0,
			"basic":    NetworkSecurity,
			"standard": NetworkSecurity,
			"advanced": NetworkSecurity,
			"premium":  NetworkSecurity,
		},
		Clients:          products,
		ListExempt:       free,
		SuperAdminBypass: true,
		SignOut: SignOut{
			Designate: session.AllClients &^ free,
			Narrow:    session.AllClients &^ free,
		},
		Unavailable: []string{"external-mail-import"},
	}
}

// Kintone returns a fresh copy of the profile of Kintone as its help pages
// describe IP address restriction: at most 1,000 public IPv4 addresses and
// prefixes, nobody and nothing free of the list, no session ended by a save.
// The product mails its administrators a link that lifts the restriction within
// an hour; ResetLink says so to a host that does the same.
func Kintone() *Profile {
	return &Profile{
		Name:       "Kintone",
		Clients:    products,
		IPv4Only:   true,
		NoRanges:   true,
		MaxEntries: 1000,
		ResetLink:  time.Hour,
	}
}
