package directory

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/session"
)

// What the acts do to an account, and end.
var (
	nothing   = ends{}
	everybody = ends{clients: session.AllClients}
)

func suspend(a *Account, f Facts) (ends, *RefusedError) {
	a.Suspended, a.Leave = true, false
	return everybody, nil
}

func lift(a *Account, f Facts) (ends, *RefusedError) {
	a.Suspended = false
	return nothing, nil
}

func blockApps(a *Account, f Facts) (ends, *RefusedError) {
	if a.AppsBlocked {
		return nothing, already("the apps of the member are blocked already")
	}
	a.AppsBlocked = true
	return ends{clients: session.Apps}, nil
}

func unblockApps(a *Account, f Facts) (ends, *RefusedError) {
	if !a.AppsBlocked {
		return nothing, already("the apps of the member are not blocked")
	}
	a.AppsBlocked = false
	return nothing, nil
}

func setPassword(a *Account, f Facts) (ends, *RefusedError) {
	a.Pending, a.PasswordChanged = false, f.At
	return everybody, nil
}

func requestChange(a *Account, f Facts) (ends, *RefusedError) {
	switch {
	case a.Pending:
		return nothing, already("the member has no password yet, and chooses one to begin with")
	case a.MustChangePassword:
		return nothing, already("the member must change the password at the next login already")
	}
	a.MustChangePassword, a.ChangeRequested = true, f.At
	return nothing, nil
}

func changePassword(a *Account, f Facts) (ends, *RefusedError) {
	a.Pending, a.PasswordChanged = false, f.At
	a.MustChangePassword, a.ChangeRequested = false, time.Time{}
	return everybody, nil
}

func changeLoginID(a *Account, f Facts) (ends, *RefusedError) {
	switch {
	case !a.Generated:
		return nothing, because(LoginIDFixed, "the login id %s was not generated, or was changed before; only one that was generated can be changed, and only once", quote(a.LoginID))
	case f.LoginID == "":
		return nothing, invalid("the new login id is empty")
	case f.LoginID == a.LoginID:
		return nothing, already("the login id is %s already", quote(a.LoginID))
	}
	a.LoginID, a.Generated = f.LoginID, false
	return everybody, nil
}

func unlink(a *Account, f Facts) (ends, *RefusedError) {
	i, ok := slices.BinarySearchFunc(a.External, f.External, func(e External, id string) int { return strings.Compare(e.ID, id) })
	if !ok {
		return nothing, because(UnknownExternal, "the member has no external login %s; linked are %s", quote(f.External), orNone(externalText(a.External)))
	}
	a.External = slices.Delete(a.External, i, i+1)
	return ends{clients: session.AllClients, via: f.External}, nil
}

func link(a *Account, f Facts) (ends, *RefusedError) {
	i, ok := slices.BinarySearchFunc(a.External, f.External, func(e External, id string) int { return strings.Compare(e.ID, id) })
	switch {
	case f.External == "":
		return nothing, invalid("no external login is named")
	case ok:
		return nothing, already("the external login %s is linked already", quote(f.External))
	}
	a.External = slices.Insert(a.External, i, External{ID: f.External, Linked: f.At})
	return nothing, nil
}

func endSession(a *Account, f Facts) (ends, *RefusedError) {
	if f.Session.IsZero() {
		return nothing, invalid("no session is named")
	}
	return ends{clients: session.AllClients, session: f.Session}, nil
}

func wipe(kind session.OrderKind) func(*Account, Facts) (ends, *RefusedError) {
	return func(a *Account, f Facts) (ends, *RefusedError) {
		if f.Device == "" {
			return nothing, invalid("no device is named")
		}
		return ends{clients: session.AllClients, device: f.Device, wipe: kind}, nil
	}
}

func remove(a *Account, f Facts) (ends, *RefusedError) {
	a.DeletedAt = f.At
	return everybody, nil
}

func restore(a *Account, f Facts) (ends, *RefusedError) {
	if !restorable(*a, f.At) {
		return nothing, because(DeletedTooLongAgo, "the member was deleted on %s and could be restored for 7 days; it can only be made again", instant(a.DeletedAt))
	}
	a.DeletedAt = time.Time{}
	return nothing, nil
}

func purge(a *Account, f Facts) (ends, *RefusedError) {
	if restorable(*a, f.At) {
		return nothing, tooShortAgo(*a)
	}
	left := Account{Member: a.Member, DeletedAt: a.DeletedAt, Purged: true}
	left.MustChangePassword = false
	*a = left
	return everybody, nil
}

func allowClients(a *Account, f Facts) (ends, *RefusedError) {
	if f.Clients == 0 || f.Clients&^session.AllClients != 0 {
		return nothing, invalid("the allowed clients are none, or some that there are not; to shut the member out, suspend it")
	}
	closed := session.AllClients &^ f.Clients
	if closed == a.Closed {
		return nothing, already("these clients alone are allowed to the member already")
	}
	a.Closed = closed
	return ends{clients: closed}, nil
}

func giveRole(a *Account, f Facts) (ends, *RefusedError) {
	role := f.Role
	if err := role.Err(); err != nil {
		return nothing, invalid("%v", err)
	}
	if role.Given() {
		role.Permissions = 0 // the matrix says what it permits
	}
	i := a.role(role.Name)
	if i < 0 {
		a.Roles = append(a.Roles, role)
		slices.SortFunc(a.Roles, func(r, s Role) int { return strings.Compare(r.Name, s.Name) })
		return nothing, nil
	}
	was := a.Roles[i]
	a.Roles[i] = role
	switch {
	case was == role:
		return nothing, already("the member has the role %s already", quote(role.Name))
	case role.Permits().Has(was.Permits()):
		return nothing, nil
	}
	return everybody, nil
}

func takeRole(a *Account, f Facts) (ends, *RefusedError) {
	i := a.role(f.Role.Name)
	if i < 0 {
		return nothing, because(UnknownRole, "the member has no role %s; it has %s", quote(f.Role.Name), orNone(roleText(a.Roles)))
	}
	a.Roles = slices.Delete(a.Roles, i, i+1)
	return everybody, nil
}

func leave(away bool) func(*Account, Facts) (ends, *RefusedError) {
	return func(a *Account, f Facts) (ends, *RefusedError) {
		a.Leave = away
		return nothing, nil
	}
}

func editProfile(a *Account, f Facts) (ends, *RefusedError) {
	if a.Profile.equal(f.Profile) {
		return nothing, already("the profile is so already")
	}
	a.Profile = f.Profile
	a.Profile.Phones = slices.Clone(f.Profile.Phones)
	return nothing, nil
}

func recordContacts(a *Account, f Facts) (ends, *RefusedError) {
	var contacts []Contact
	for _, c := range f.Contacts {
		if err := c.verify().Err(); err != nil {
			return nothing, invalid("the contact %s gets no code: %v", quote(c.Address), err)
		}
		c.Recorded = f.At // whatever is said: codes go to what was there before they are asked for
		if i := slices.IndexFunc(a.Contacts, func(was Contact) bool { return was.Address == c.Address }); i >= 0 {
			c.Recorded = a.Contacts[i].Recorded
		}
		contacts = append(contacts, c)
	}
	if slices.Equal(contacts, a.Contacts) {
		return nothing, already("these contacts are recorded already")
	}
	a.Contacts = contacts
	return nothing, nil
}

func tooShortAgo(a Account) *RefusedError {
	return because(DeletedTooShortAgo, "the member was deleted less than 7 days ago; until %s it can be restored", instant(a.DeletedAt.Add(RestoreWithin)))
}

func create(a *Account, f Facts) (ends, *RefusedError) {
	made := Account{Pending: true, LoginID: f.LoginID, Generated: f.Generated, Profile: f.Profile, Created: f.At}
	made.Tenant, made.ID = a.Tenant, a.ID
	made.Profile.Phones = slices.Clone(f.Profile.Phones)
	*a = made
	return nothing, nil
}

func makeAgain(a *Account, f Facts) (ends, *RefusedError) {
	if !a.Purged && restorable(*a, f.At) {
		return nothing, tooShortAgo(*a)
	}
	_, why := create(a, f)
	return everybody, why
}

func drawLine(a *Account, f Facts) (ends, *RefusedError) {
	return everybody, nil
}

// cut returns at most 1,000 bytes of a reason, as text that any database keeps.
func cut(s string) string {
	const most = 1000
	s = strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), most+utf8.UTFMax)], "\uFFFD"), "\x00", "")
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
