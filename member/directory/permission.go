package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Permissions is a set of what an administrator may do. The zero Permissions permits
// nothing. Combine sets with the operators of Go. Bits without a name below permit
// nothing, and a set that has them cannot be written.
type Permissions uint16

// The permissions, in the order of the matrix of roles. Store the names.
const (
	Basics     Permissions = 1 << iota // see the members of the tenant
	Members                            // make, change, suspend and delete members
	Services                           // say which clients a member may use
	Security                           // passwords, sessions, devices, locks; the network settings too
	Audit                              // read and download what administrators did
	Help                               // the help desk's
	Developers                         // the programs that use the API
	Critical                           // what only a super admin does, such as roles

	// AllPermissions is every permission.
	AllPermissions = 1<<iota - 1
)

var permissionNames = [...]string{"basics", "members", "services", "security", "audit", "help", "developers", "critical"}

const permissionHint = "want basics, members, services, security, audit, help, developers or critical"

// Has reports whether p has every permission of q. Every p has the empty set.
func (p Permissions) Has(q Permissions) bool { return q&^p == 0 }

// String returns the names in the order above, as in "basics,help", and "" for none. Bits
// without a name follow, as in "basics,permission(9)".
func (p Permissions) String() string { return strings.Join(p.names(), ",") }

func (p Permissions) names() []string {
	names := make([]string, 0, bits.OnesCount16(uint16(p)))
	for rest := p; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros16(uint16(rest))
		if i < len(permissionNames) {
			names = append(names, permissionNames[i])
		} else {
			names = append(names, "permission("+strconv.Itoa(i)+")")
		}
	}
	return names
}

func (p Permissions) check() error {
	if p&^AllPermissions != 0 {
		return fmt.Errorf("permissions %v cannot be written; %s", p, permissionHint)
	}
	return nil
}

// MarshalText returns what String returns. If p has bits without a name, it returns an
// error: what is stored must be readable again.
func (p Permissions) MarshalText() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads names in any order, separated by commas alone; "" is none. It
// refuses a name that is unknown or repeated. On an error p stays as it was.
func (p *Permissions) UnmarshalText(b []byte) error {
	if len(b) > 256 { // all names are 64
		return fmt.Errorf("permissions: %d bytes are too long; at most 256", len(b))
	}
	if len(b) == 0 {
		*p = 0
		return nil
	}
	return p.parse(strings.Split(string(b), ","))
}

// MarshalJSON returns the names as a list; [] for none.
func (p Permissions) MarshalJSON() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return json.Marshal(p.names())
}

// UnmarshalJSON reads a list of names in any order. It refuses null and a name that is
// unknown or repeated. On an error p stays as it was.
func (p *Permissions) UnmarshalJSON(b []byte) error {
	if len(b) > 1024 {
		return fmt.Errorf("permissions: %d bytes are too long; at most 1024", len(b))
	}
	var names []string
	if err := json.Unmarshal(b, &names); err != nil || names == nil {
		return fmt.Errorf("permissions: %s is not a list of names; write [] for none", quote(string(b)))
	}
	return p.parse(names)
}

func (p *Permissions) parse(names []string) error {
	var read Permissions
	var problems []error
	for i, name := range names {
		one := permissionOf(name)
		switch {
		case one == 0:
			problems = append(problems, fmt.Errorf("permissions[%d]: %s is not a permission; %s", i, quote(name), permissionHint))
		case read.Has(one):
			problems = append(problems, fmt.Errorf("permissions[%d]: %v is there already; remove one", i, one))
		}
		read |= one
	}
	if problems != nil {
		return errors.Join(problems...)
	}
	*p = read
	return nil
}

func permissionOf(name string) Permissions {
	for i, n := range permissionNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// quote makes text from outside safe to print: quoted, and cut to 64 bytes.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "…"
	}
	return strconv.Quote(s)
}
