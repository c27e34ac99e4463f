package directory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Change is what an act makes of an account, to be stored in one write by [Store.Save].
type Change struct {
	Expected session.Version // at which the account must be; zero: there must be none
	Account  Account
	Event    session.Event
	Orders   []session.Order

	// Guarded is set if the act takes or closes something to a super admin who counts, see
	// Account.Counts. It is then saved only if the tenant's roster is at version Roster.
	Guarded bool
	Roster  uint64
}

// guarded reports whether to go from old to a is for the roster to permit.
func guarded(old, a Account) bool {
	return old.Counts() && (!a.Counts() || a.Blocked&^old.Blocked != 0)
}

// Follows returns why the change must not replace old, or nil; where there is none, old is
// the zero Account. Within a line the number grows and no cut moves back; another line
// begins with a cut of every client. What belongs to other tenants is refused. Stores
// ask it in Save, so that nothing that writes to them can revive a session.
func (c Change) Follows(old Account) error {
	a := c.Account
	if err := a.Err(); err != nil {
		return err
	}
	if c.Event.ID == "" || c.Event.Tenant != a.Tenant || c.Event.Member != a.ID {
		return fmt.Errorf("directory: the event of a change of %s is not of that member", quote(string(a.ID)))
	}
	for _, o := range c.Orders {
		if o.ID == "" || o.Tenant != a.Tenant {
			return fmt.Errorf("directory: an order of a change of %s has no id or is of another tenant", quote(string(a.ID)))
		}
	}
	if old.ID == "" {
		return nil
	}
	switch {
	case a.Tenant != old.Tenant || a.ID != old.ID:
		return fmt.Errorf("directory: account of %s cannot replace that of %s", quote(string(a.ID)), quote(string(old.ID)))
	case guarded(old, a) && !c.Guarded:
		return errors.New("directory: an act that takes from a super admin is saved with the version of the roster")
	case a.Version.Line != old.Version.Line:
		if !a.Cuts.Equal(a.Cuts.Cut(session.AllClients, a.Version.Number)) {
			return errors.New("directory: a new line begins with a cut of every client at its number")
		}
	case a.Version.Number <= old.Version.Number:
		return fmt.Errorf("directory: number %d does not follow %d", a.Version.Number, old.Version.Number)
	case !a.Cuts.Max(old.Cuts).Equal(a.Cuts):
		return fmt.Errorf("directory: a cut of %s moves back", quote(string(a.ID)))
	}
	return nil
}

// told is a field as events tell it: whole in Before and After, and in a line of Summary,
// which has shorter words where there are some.
type told struct{ name, before, after, was, is string }

// differences tells what of an account changed, in the order of the list below. What is
// deleted for good is not told.
func differences(old, a Account) []told {
	var d []told
	add := func(name, before, after string) {
		if before != after {
			d = append(d, told{name: name, before: before, after: after})
		}
	}
	status := func(a Account) string {
		if a.ID == "" || !a.Status.Known() {
			return ""
		}
		return a.Status.String()
	}
	add("status", status(old), status(a))
	if a.Purged {
		return d
	}
	if old.Blocked != a.Blocked {
		d = append(d, told{"blocked", old.Blocked.String(), a.Blocked.String(), old.Blocked.Words(), a.Blocked.Words()})
	}
	add("roles", roleText(old.Roles), roleText(a.Roles))
	add("login_id", old.LoginID, a.LoginID)
	if !slices.Equal(old.External, a.External) {
		add("external", externalText(old.External), externalText(a.External))
	}
	if !slices.Equal(old.Contacts, a.Contacts) {
		add("contacts", contactText(old.Contacts), contactText(a.Contacts))
	}
	add("must_change_password", yes(old.MustChangePassword), yes(a.MustChangePassword))
	add("password_changed", instant(old.PasswordChanged), instant(a.PasswordChanged))
	if p, q := old.Profile, a.Profile; !p.equal(q) {
		add("name", p.Name, q.Name)
		add("mail", p.Mail, q.Mail)
		add("rank", p.Rank, q.Rank)
		add("phones", strings.Join(p.Phones, ", "), strings.Join(q.Phones, ", "))
		add("workplace", p.Workplace, q.Workplace)
		add("organisation", p.Organisation, q.Organisation)
		add("title", p.Title, q.Title)
	}
	return d
}

func roleText(roles []Role) string {
	var b strings.Builder
	for i, r := range roles {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.Name)
		if !r.Given() {
			fmt.Fprintf(&b, " (%v)", r.Permissions)
		}
	}
	return b.String()
}

func externalText(s []External) string {
	ids := make([]string, len(s))
	for i, e := range s {
		ids[i] = e.ID
	}
	return strings.Join(ids, ", ")
}

func contactText(s []Contact) string {
	ids := make([]string, len(s))
	for i, c := range s {
		ids[i] = c.Address
	}
	return strings.Join(ids, ", ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// tell fills Before, After and Summary of an event.
func tell(e *session.Event, d []told) {
	before, after := make(map[string]string), make(map[string]string)
	for _, f := range d {
		if f.before != "" {
			before[f.name] = f.before
		}
		if f.after != "" {
			after[f.name] = f.after
		}
		e.Summary = append(e.Summary, fmt.Sprintf("%s: %s, was %s", f.name, cmp.Or(f.is, orNone(f.after)), cmp.Or(f.was, orNone(f.before))))
	}
	e.Before, e.After = object(before), object(after)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return quote(s)
}

func object(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, _ := json.Marshal(m) // strings always can be
	return string(b)
}
