package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Account is a member and what the acts of administrators need to know of it. It holds no
// password and no hash of one: these stay with the host.
//
// Status, Super and Blocked of the Member follow from the other fields and are set by the
// acts; Err tells if they do not. Status is never Locked: failed logins are counted beside
// the account, see [Counter].
//
// The zero Account is nobody's. An Account is a value whose reader must not alter it; Clone
// makes one that may be altered.
type Account struct {
	member.Member

	Pending   bool      // has never set a password
	Leave     bool      // is away for a time; a suspension ends it
	Suspended bool      // by an administrator; stays so under a deletion
	DeletedAt time.Time // zero: not deleted

	// Purged marks what is left of a member that was deleted for good: the id, which is
	// never used again, the version and the cuts.
	Purged bool

	AppsBlocked bool            // mobile, desktop and drive are refused
	Closed      session.Clients // those that were not allowed to the member

	Roles []Role // by name, each once

	LoginID   string // unique within the tenant; "": the host has none
	Generated bool   // LoginID was generated, and may be changed once

	External []External // the external logins that are linked, by ID, each once and to nobody else in the tenant
	Contacts []Contact  // for identity verification
	Profile  Profile

	Created         time.Time
	PasswordChanged time.Time // zero: never, or before the account was adopted
	ChangeRequested time.Time // when an administrator asked for a change that is still to come; zero: none did
}

// External is a login with another service that is linked to a member.
type External struct {
	ID     string    `json:"id"` // as Session.Via has it: "google:1234"
	Linked time.Time `json:"linked,omitzero"`
}

// Profile is what people know a member by.
type Profile struct {
	Name         string   `json:"name,omitempty"`
	Mail         string   `json:"mail,omitempty"`
	Rank         string   `json:"rank,omitempty"`
	Phones       []string `json:"phones,omitempty"`
	Workplace    string   `json:"workplace,omitempty"`
	Organisation string   `json:"organisation,omitempty"`
	Title        string   `json:"title,omitempty"`
}

func (p Profile) equal(q Profile) bool {
	return p.Name == q.Name && p.Mail == q.Mail && p.Rank == q.Rank && slices.Equal(p.Phones, q.Phones) &&
		p.Workplace == q.Workplace && p.Organisation == q.Organisation && p.Title == q.Title
}

// Permits returns the permissions of all roles together.
func (a Account) Permits() Permissions {
	var p Permissions
	for _, r := range a.Roles {
		p |= r.Permits()
	}
	return p
}

// Holds reports whether a has the role of that name.
func (a Account) Holds(role string) bool { return a.role(role) >= 0 }

func (a Account) role(name string) int {
	return slices.IndexFunc(a.Roles, func(r Role) bool { return r.Name == name })
}

// CanLogIn reports whether a is active or on leave, and a client in which an
// administrator can work is open to it. A lock by failed logins does not count.
func (a Account) CanLogIn() bool {
	return open(a) && a.Blocked&session.Interactive != session.Interactive
}

// Counts reports whether a is one of the super admins of whom the last cannot be taken
// away: it is one, and can log in.
func (a Account) Counts() bool { return a.Super && a.CanLogIn() }

// derived returns a with what follows from its fields.
func (a Account) derived() Account {
	switch {
	case a.Purged || !a.DeletedAt.IsZero():
		a.Status = member.Deleted
	case a.Suspended:
		a.Status = member.Suspended
	case a.Pending:
		a.Status = member.Pending
	case a.Leave:
		a.Status = member.OnLeave
	default:
		a.Status = member.Active
	}
	a.Super = a.Holds(SuperAdmin)
	a.Blocked = a.Closed
	if a.AppsBlocked {
		a.Blocked |= session.Apps
	}
	return a
}

// Clone returns a copy of a that shares nothing with it.
func (a Account) Clone() Account {
	a.Roles = slices.Clone(a.Roles)
	a.External = slices.Clone(a.External)
	a.Contacts = slices.Clone(a.Contacts)
	a.Profile.Phones = slices.Clone(a.Profile.Phones)
	return a
}

// Err returns what makes a corrupt, or nil. Nobody is admitted by a corrupt account, and
// no act is done to one or by one.
func (a Account) Err() error {
	var problem string
	is := a.derived()
	switch {
	case a.Tenant == "" || a.ID == "":
		return errors.New("directory: account without a tenant or an id")
	case a.Version.Line == 0 || a.Version.Number == 0 || a.Version.Number > session.MaxNumber:
		problem = fmt.Sprintf("has the version %v; a line is not 0 and a number from 1 to %d", a.Version, session.MaxNumber)
	case a.Cuts.Highest() > a.Version.Number:
		problem = "has a cut above its version"
	case a.Status != is.Status || a.Super != is.Super || a.Blocked != is.Blocked:
		problem = fmt.Sprintf("says status %v, super %v, blocked: %s, and its fields say %v, %v, %s",
			a.Status, a.Super, a.Blocked.Words(), is.Status, is.Super, is.Blocked.Words())
	case a.Closed&^session.AllClients != 0:
		problem = "closes clients that there are not"
	case a.Suspended && a.Leave:
		problem = "is suspended and on leave; a suspension ends a leave"
	case a.Purged && a.DeletedAt.IsZero():
		problem = "is purged and was never deleted"
	case len(a.Roles) > maxRoles || !ascending(a.Roles, func(r Role) string { return r.Name }):
		problem = fmt.Sprintf("has more than %d roles, or roles that are not in the order of their names, each once", maxRoles)
	case len(a.External) > maxItems || !ascending(a.External, func(e External) string { return e.ID }):
		problem = fmt.Sprintf("has more than %d external logins, or some that are not in the order of their ids, each once", maxItems)
	case len(a.Contacts) > maxItems || len(a.Profile.Phones) > maxItems:
		problem = fmt.Sprintf("has more than %d contacts or phones", maxItems)
	case a.Generated && a.LoginID == "":
		problem = "has a generated login id that is empty"
	default:
		for _, r := range a.Roles {
			if err := r.Err(); err != nil {
				return fmt.Errorf("directory: account of %s: %w", quote(string(a.ID)), err)
			}
		}
		if text, ok := a.strange(); ok {
			problem = fmt.Sprintf("has the text %s; want UTF-8 of at most %d bytes", quote(text), maxText)
		}
	}
	if problem != "" {
		return fmt.Errorf("directory: account of %s %s", quote(string(a.ID)), problem)
	}
	return nil
}

// strange returns a text of a that a database may not keep as it is.
func (a Account) strange() (string, bool) {
	p := a.Profile
	texts := []string{string(a.Tenant), string(a.ID), a.LoginID, p.Name, p.Mail, p.Rank, p.Workplace, p.Organisation, p.Title}
	texts = append(texts, p.Phones...)
	for _, e := range a.External {
		texts = append(texts, e.ID)
	}
	for _, c := range a.Contacts {
		texts = append(texts, c.Address)
	}
	i := slices.IndexFunc(texts, func(s string) bool {
		return len(s) > maxText || !utf8.ValidString(s) || strings.ContainsRune(s, 0)
	})
	if i < 0 {
		return "", false
	}
	return texts[i], true
}

// ascending reports whether the keys of s ascend, none of them empty or there twice.
func ascending[T any](s []T, key func(T) string) bool {
	last := ""
	for _, v := range s {
		if key(v) <= last {
			return false
		}
		last = key(v)
	}
	return true
}
