package directory

import (
	"errors"
	"fmt"
	"strings"
)

// The roles that every tenant has. Any other name is a custom role's.
const (
	SuperAdmin = "super-admin"
	Deputy     = "deputy"
	ITAdmin    = "it-admin"
	HRAdmin    = "hr-admin"
)

// given is the matrix of permissions.
//
//	            super  deputy  IT   HR
//	basics      yes    yes     yes  yes
//	members     yes    yes          yes
//	services    yes    yes     yes
//	security    yes    yes     yes
//	audit       yes    yes
//	help        yes    yes
//	developers  yes    yes
//	critical    yes
var given = map[string]Permissions{
	SuperAdmin: AllPermissions,
	Deputy:     AllPermissions &^ Critical,
	ITAdmin:    Basics | Services | Security,
	HRAdmin:    Basics | Members,
}

// Role is a name and what it permits. The zero Role permits nothing and cannot be given.
//
// The four given roles permit what the matrix says, whatever Permissions says. A custom
// role is given with its permissions, which the account keeps: to change a custom role,
// give it again to those who have it. No custom role makes a super admin, not even one
// with every permission.
type Role struct {
	Name        string      `json:"name"`
	Permissions Permissions `json:"permissions,omitempty"` // of a custom role
}

// Given reports whether r is one of the four roles that every tenant has.
func (r Role) Given() bool { _, ok := given[r.Name]; return ok }

// Permits returns what r permits.
func (r Role) Permits() Permissions {
	if p, ok := given[r.Name]; ok {
		return p
	}
	if r.Name == "" {
		return 0
	}
	return r.Permissions & AllPermissions
}

// Limits of what an account holds, so that one costs no more than a few kilobytes.
const (
	maxText  = 256 // bytes of a name, an id, an address
	maxRoles = 32
	maxItems = 64 // external logins, contacts, phones
)

// Err returns why r cannot be given, or nil.
func (r Role) Err() error {
	switch {
	case r.Name == "":
		return errors.New("directory: role without a name")
	case len(r.Name) > maxText || strings.ToValidUTF8(r.Name, "") != r.Name:
		return fmt.Errorf("directory: the name of role %s is not text of at most %d bytes", quote(r.Name), maxText)
	case !r.Given() && r.Permissions == 0:
		return fmt.Errorf("directory: role %s permits nothing; a given role is %s, %s, %s or %s", quote(r.Name), SuperAdmin, Deputy, ITAdmin, HRAdmin)
	case r.Permissions.check() != nil:
		return fmt.Errorf("directory: role %s: %w", quote(r.Name), r.Permissions.check())
	}
	return nil
}
