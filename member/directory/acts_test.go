package directory_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// actRow is a row of the table of acts as the tests tell it, apart from the code.
type actRow struct {
	why    string
	act    directory.Act
	from   []step
	facts  directory.Facts
	status member.Status                // afterwards
	also   func(directory.Account) bool // what else is so afterwards; nil: nothing
	cut    session.Clients              // whose sessions are dead afterwards, for everybody
	narrow session.Order                // the one order that ends less than that, its named fields
	kind   string
	need   string
	wipes  session.OrderKind
}

func actRows() []actRow {
	all, apps := session.AllClients, session.Apps
	external := []step{{directory.Link, directory.Facts{External: "google:1"}}, {directory.Link, directory.Facts{External: "apple:2"}}}
	id := session.IDOf("token")
	secure, either := "security", "members,security"
	return []actRow{
		{why: "no login; data kept", act: directory.Suspend, from: toActive, status: member.Suspended, cut: all, kind: "member-suspended", need: either,
			also: func(a directory.Account) bool { return a.Profile.Name != "" && a.LoginID != "" }},
		{why: "a leave is ended", act: directory.Suspend, from: toLeave, status: member.Suspended, cut: all, kind: "member-suspended", need: either,
			also: func(a directory.Account) bool { return !a.Leave }},
		{why: "one who is pending too", act: directory.Suspend, from: toPending, status: member.Suspended, cut: all, kind: "member-suspended", need: either},
		{why: "lifted", act: directory.Lift, from: toSuspended, status: member.Active, kind: "suspension-lifted", need: either},
		{why: "the leave stays ended", act: directory.Lift, from: join(toLeave, []step{{act: directory.Suspend}}), status: member.Active, kind: "suspension-lifted", need: either},
		{why: "who had no password has none yet", act: directory.Lift, from: []step{{act: directory.Suspend}}, status: member.Pending, kind: "suspension-lifted", need: either},
		{why: "mobile, desktop, drive refused; the browser works", act: directory.BlockApps, from: toActive, status: member.Active, cut: apps, kind: "apps-blocked", need: secure,
			also: func(a directory.Account) bool { return a.Blocked == apps && !a.Blocked.Has(session.Web) }},
		{why: "opened again", act: directory.UnblockApps, from: join(toActive, []step{{act: directory.BlockApps}}), status: member.Active, kind: "apps-unblocked", need: secure,
			also: func(a directory.Account) bool { return a.Blocked == 0 }},
		{why: "what was not allowed stays closed", act: directory.UnblockApps, status: member.Active, kind: "apps-unblocked", need: secure,
			from: join(toActive, []step{{act: directory.BlockApps}, {directory.AllowClients, directory.Facts{Clients: all &^ session.ClientsOf(session.Mobile)}}}),
			also: func(a directory.Account) bool { return a.Blocked == session.ClientsOf(session.Mobile) }},
		{why: "the old one is dead", act: directory.SetPassword, from: toActive, status: member.Active, cut: all, kind: "password-set", need: secure,
			also: func(a directory.Account) bool { return a.PasswordChanged.Equal(noon) }},
		{why: "the first one", act: directory.SetPassword, from: toPending, status: member.Active, cut: all, kind: "password-set", need: secure},
		{why: "must change at next login; none at once", act: directory.RequestPasswordChange, from: toActive, status: member.Active, kind: "password-change-requested", need: either,
			also: func(a directory.Account) bool { return a.MustChangePassword && a.ChangeRequested.Equal(noon) }},
		{why: "a password set by force does not meet the request", act: directory.SetPassword, from: join(toActive, []step{{act: directory.RequestPasswordChange}}), status: member.Active, cut: all,
			kind: "password-set", need: secure, also: func(a directory.Account) bool { return a.MustChangePassword }},
		{why: "after the change all end", act: directory.ChangePassword, from: join(toActive, []step{{act: directory.RequestPasswordChange}}), status: member.Active, cut: all,
			kind: "password-changed", also: func(a directory.Account) bool { return !a.MustChangePassword && a.ChangeRequested.IsZero() }},
		{why: "only an ID that was generated", act: directory.ChangeLoginID, from: toActive, facts: directory.Facts{LoginID: "new"}, status: member.Active, cut: all,
			kind: "login-id-changed", need: secure, also: func(a directory.Account) bool { return a.LoginID == "new" && !a.Generated }},
		{why: "that identity cannot log in; those that came in by it", act: directory.Unlink, from: join(toActive, external), facts: directory.Facts{External: "google:1"}, status: member.Active,
			narrow: session.Order{Via: "google:1"}, kind: "external-login-unlinked", need: secure,
			also: func(a directory.Account) bool { return len(a.External) == 1 && a.External[0].ID == "apple:2" }},
		{why: "that one", act: directory.EndSession, from: toActive, facts: directory.Facts{Session: id}, status: member.Active, narrow: session.Order{Session: id}, kind: "session-ended", need: secure},
		{why: "those on the device; the host's device service is told", act: directory.WipeApp, from: toActive, facts: directory.Facts{Device: "phone"}, status: member.Active,
			narrow: session.Order{Device: "phone"}, wipes: session.WipeApp, kind: "app-wiped", need: secure},
		{why: "those on the device; the host's device service is told", act: directory.ResetDevice, from: toActive, facts: directory.Facts{Device: "phone"}, status: member.Active,
			narrow: session.Order{Device: "phone"}, wipes: session.WipeAll, kind: "device-reset", need: secure},
		{why: "the device of somebody who left", act: directory.WipeApp, from: toDeleted, facts: directory.Facts{Device: "phone"}, status: member.Deleted,
			narrow: session.Order{Device: "phone"}, wipes: session.WipeApp, kind: "app-wiped", need: secure},
		{why: "no login", act: directory.Delete, from: toActive, status: member.Deleted, cut: all, kind: "member-deleted", need: "members"},
		{why: "as before", act: directory.Restore, from: toDeleted, status: member.Active, kind: "member-restored", need: "members"},
		{why: "as before: on leave", act: directory.Restore, from: join(toLeave, []step{{act: directory.Delete}}), status: member.OnLeave, kind: "member-restored", need: "members"},
		{why: "as before: pending", act: directory.Restore, from: []step{{act: directory.Delete}}, status: member.Pending, kind: "member-restored", need: "members"},
		{why: "suspended stays suspended", act: directory.Restore, from: join(toSuspended, []step{{act: directory.Delete}}), status: member.Suspended, kind: "member-restored", need: "members"},
		{why: "a lock is opened beside the account", act: directory.Unlock, from: toActive, status: member.Active, kind: "member-unlocked", need: secure},
		{why: "others refused; those", act: directory.AllowClients, from: toActive, facts: directory.Facts{Clients: session.ClientsOf(session.Web, session.IMAP)}, status: member.Active,
			cut: all &^ session.ClientsOf(session.Web, session.IMAP), kind: "clients-allowed", need: "services",
			also: func(a directory.Account) bool {
				return a.Blocked.Has(session.API) && !a.Blocked.Has(session.Web) && a.Blocked.Has(session.FirstCustom)
			}},
		{why: "all open again", act: directory.AllowClients, from: join(toActive, []step{{directory.AllowClients, directory.Facts{Clients: session.Mail}}}), facts: directory.Facts{Clients: all},
			status: member.Active, kind: "clients-allowed", need: "services", also: func(a directory.Account) bool { return a.Blocked == 0 }},
		{why: "nothing was taken", act: directory.GiveRole, from: toActive, facts: role(directory.ITAdmin), status: member.Active, kind: "role-given", need: "critical",
			also: func(a directory.Account) bool { return a.Permits().Has(directory.Security) && !a.Super }},
		{why: "a super admin", act: directory.GiveRole, from: toActive, facts: role(directory.SuperAdmin), status: member.Active, kind: "role-given", need: "critical",
			also: func(a directory.Account) bool { return a.Super }},
		{why: "a custom role that permits more: nothing was taken", act: directory.GiveRole, status: member.Active, kind: "role-given", need: "critical",
			from:  join(toActive, []step{{directory.GiveRole, directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help}}}}),
			facts: directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help | directory.Audit}}},
		{why: "a custom role that permits less: something was taken", act: directory.GiveRole, status: member.Active, cut: all, kind: "role-given", need: "critical",
			from:  join(toActive, []step{{directory.GiveRole, directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help | directory.Audit}}}}),
			facts: directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help | directory.Basics}}},
		{why: "something was taken", act: directory.TakeRole, from: join(toActive, []step{{directory.GiveRole, role(directory.SuperAdmin)}}), facts: role(directory.SuperAdmin),
			status: member.Active, cut: all, kind: "role-taken", need: "critical", also: func(a directory.Account) bool { return !a.Super && a.Permits() == 0 }},

		// Not in the table of rules.md, but needed to come to its states.
		{why: "away", act: directory.BeginLeave, from: toActive, status: member.OnLeave, kind: "leave-begun", need: "members"},
		{why: "back", act: directory.EndLeave, from: toLeave, status: member.Active, kind: "leave-ended", need: "members"},
		{why: "made", act: directory.Create, facts: directory.Facts{LoginID: "kim"}, status: member.Pending, kind: "member-created", need: "members"},
		{why: "made again, of nothing", act: directory.MakeAgain, from: toPurged, facts: directory.Facts{LoginID: "again"}, status: member.Pending, cut: all, kind: "member-made-again", need: "members",
			also: func(a directory.Account) bool {
				return a.LoginID == "again" && a.DeletedAt.IsZero() && !a.Purged && a.Profile.Name == ""
			}},
		{why: "described", act: directory.EditProfile, from: toActive, facts: directory.Facts{Profile: directory.Profile{Name: "Kim", Phones: []string{"1"}}}, status: member.Active,
			kind: "profile-edited", need: "members", also: func(a directory.Account) bool { return a.Profile.Phones[0] == "1" }},
		{why: "linked, in order", act: directory.Link, from: join(toActive, external), facts: directory.Facts{External: "b:1"}, status: member.Active, kind: "external-login-linked",
			also: func(a directory.Account) bool { return a.External[1].ID == "b:1" && a.External[1].Linked.Equal(noon) }},
		{why: "recorded", act: directory.RecordContacts, from: toActive, facts: directory.Facts{Contacts: []directory.Contact{{Address: "k@example.com"}}}, status: member.Active,
			kind: "contacts-recorded", also: func(a directory.Account) bool { return a.Contacts[0].Recorded.Equal(noon) }},
		{why: "one stays, and one is said to be old", act: directory.RecordContacts,
			from:   append(toActive, step{directory.RecordContacts, directory.Facts{At: noon.Add(-time.Hour), Contacts: []directory.Contact{{Address: "k@example.com"}}}}),
			facts:  directory.Facts{Contacts: []directory.Contact{{Address: "new@example.com", Recorded: noon.Add(-24 * time.Hour)}, {Address: "k@example.com"}}},
			status: member.Active, kind: "contacts-recorded", also: func(a directory.Account) bool {
				return len(a.Contacts) == 2 && a.Contacts[0].Recorded.Equal(noon) && a.Contacts[1].Recorded.Equal(noon.Add(-time.Hour))
			}},
		{why: "nothing but the id is left", act: directory.Purge, from: []step{{directory.Delete, directory.Facts{At: noon.Add(-7 * 24 * time.Hour)}}}, status: member.Deleted, cut: all, kind: "member-purged",
			also: func(a directory.Account) bool {
				return a.Purged && a.LoginID == "" && a.Profile.Name == "" && a.ID == "kim"
			}},
		{why: "restored from a backup", act: directory.DrawLine, from: toActive, status: member.Active, cut: all, kind: "line-drawn"},
	}
}

func TestTheTableOfActs(t *testing.T) {
	seen := map[directory.Act]bool{}
	for _, row := range actRows() {
		seen[row.act] = true
		name := fmt.Sprintf("%s (%s)", row.act, row.why)
		was := directory.Account{Member: member.Member{Tenant: "acme", ID: "kim"}}
		if row.act != directory.Create {
			was = made(t, "kim", row.from...)
		}
		before := text(t, was)
		f := row.facts
		f.At, f.Actor, f.Why, f.Line = noon, "boss", "because", session.NewLine()
		c, err := row.act.Do(was, f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text(t, was) != before {
			t.Errorf("%s altered the account that it was given", name)
		}
		is := c.Account
		if is.Status != row.status || row.also != nil && !row.also(is) {
			t.Errorf("%s makes %v of it, status %v; want status %v", name, text(t, is), is.Status, row.status)
		}
		if row.act.Kind() != row.kind || c.Event.Kind != row.kind {
			t.Errorf("%s is an event of kind %q; want %q", name, c.Event.Kind, row.kind)
		}
		if row.act.Need().String() != row.need {
			t.Errorf("%s needs one of %q; want %q", name, row.act.Need(), row.need)
		}
		if e := c.Event; e.Actor != "boss" || e.Why != "because" || e.Member != "kim" || e.Tenant != "acme" || !e.At.Equal(noon) || e.Refused != "" || e.Membership != is.Version {
			t.Errorf("%s tells %+v", name, e)
		}
		if row.act != directory.Unlock && c.Expected != was.Version {
			t.Errorf("%s expects %v; the account was at %v", name, c.Expected, was.Version)
		}
		if row.act == directory.Create {
			continue
		}
		if got := dead(was, is); got != row.cut {
			t.Errorf("%s cuts %v; want %v", name, got, row.cut)
		}
		if got := dead(is, is); got != 0 {
			t.Errorf("%s: a login after it is dead on %v", name, got)
		}
		checkOrders(t, name, row, c)
	}
	for x := range directory.Acts() {
		reads := []directory.Act{directory.Look, directory.List, directory.ReadEvents, directory.ReadBlocked, directory.Lock, directory.Adopt}
		if !seen[x] && !slices.Contains(reads, x) {
			t.Errorf("no row shows %s", x)
		}
	}
}

// checkOrders sees that the orders end on each client what the row says, and no session
// that begins after the act.
func checkOrders(t *testing.T, name string, row actRow, c directory.Change) {
	t.Helper()
	var signOut, wipe []session.Order
	before := c.Account.Version
	if before.Line != c.Expected.Line { // all of the former line is meant
		before = session.Version{Line: c.Expected.Line, Number: session.MaxNumber}
	}
	for _, o := range c.Orders {
		if o.Membership != before || o.Member != "kim" || o.Tenant != "acme" || o.Actor != "boss" || !o.At.Equal(noon) {
			t.Errorf("%s gives an order of %+v", name, o)
		}
		if o.Kind == session.SignOut {
			signOut = append(signOut, o)
		} else {
			wipe = append(wipe, o)
		}
	}
	narrow := row.narrow
	narrow.Clients = row.cut
	if row.narrow != (session.Order{}) {
		narrow.Clients = session.AllClients
	}
	if narrow.Clients == 0 {
		if len(signOut) != 0 {
			t.Errorf("%s ends sessions: %+v", name, signOut)
		}
		return
	}
	if len(signOut) != 1 {
		t.Errorf("%s gives %d orders to sign out; want 1", name, len(signOut))
		return
	}
	o := signOut[0]
	if o.Reason() != c.Event.Kind || o.Reason() == "" {
		t.Errorf("%s ends sessions for the reason %q; want the kind of its event, %q", name, o.Reason(), c.Event.Kind)
	}
	if o.Clients != narrow.Clients || o.Session != narrow.Session || o.Device != narrow.Device || o.Via != narrow.Via {
		t.Errorf("%s orders %+v; want clients %v, session %v, device %q, via %q", name, o, narrow.Clients, narrow.Session, narrow.Device, narrow.Via)
	}
	if row.wipes != "" && (len(wipe) != 1 || wipe[0].Kind != row.wipes || wipe[0].Device != "phone") || row.wipes == "" && len(wipe) != 0 {
		t.Errorf("%s orders to wipe %+v; want %q", name, wipe, row.wipes)
	}
	for client := range session.AllClients.All() {
		s := session.Session{
			ID: narrow.Session, Tenant: "acme", Member: "kim", Device: narrow.Device, Via: narrow.Via,
			Stamp: session.Stamp{Client: client, Member: c.Expected},
		}
		if o.Ends(s) != narrow.Clients.Has(client) {
			t.Errorf("%s: the order ends a session of %v: %v", name, client, o.Ends(s))
		}
		s.Stamp.Member = c.Account.Version
		if o.Ends(s) {
			t.Errorf("%s: the order ends a session of %v that began after the act", name, client)
		}
	}
}

func text(t testing.TB, a directory.Account) string {
	t.Helper()
	if a.Version == (session.Version{}) {
		return ""
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var again directory.Account
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatalf("%s cannot be read again: %v", b, err)
	}
	if !reflect.DeepEqual(again.Member, a.Member) {
		t.Fatalf("%s is read as %+v; was %+v", b, again.Member, a.Member)
	}
	return string(b)
}

func TestActsThatAreRefused(t *testing.T) {
	contact := directory.Facts{Contacts: []directory.Contact{{Address: "k@example.com"}}}
	linked := join(toActive, []step{{directory.Link, directory.Facts{External: "google:1"}}})
	custom := directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help}}
	long := directory.Facts{Profile: directory.Profile{Name: strings.Repeat("x", 257)}}
	for _, row := range []struct {
		why   string
		act   directory.Act
		from  []step
		facts directory.Facts
		want  directory.Reason
	}{
		{"no such act", "dance", toActive, directory.Facts{}, directory.UnknownAct},
		{"the zero act", "", toActive, directory.Facts{}, directory.UnknownAct},
		{"suspended already", directory.Suspend, toSuspended, directory.Facts{}, directory.WrongState},
		{"deleted", directory.Suspend, toDeleted, directory.Facts{}, directory.WrongState},
		{"not suspended", directory.Lift, toActive, directory.Facts{}, directory.WrongState},
		{"suspended under the deletion: restore first", directory.Lift, join(toSuspended, []step{{act: directory.Delete}}), directory.Facts{}, directory.WrongState},
		{"blocked already", directory.BlockApps, join(toActive, []step{{act: directory.BlockApps}}), directory.Facts{}, directory.NothingToChange},
		{"not blocked", directory.UnblockApps, toActive, directory.Facts{}, directory.NothingToChange},
		{"deleted", directory.SetPassword, toDeleted, directory.Facts{}, directory.WrongState},
		{"has none to change", directory.RequestPasswordChange, toPending, directory.Facts{}, directory.WrongState},
		{"has none to change, suspended", directory.RequestPasswordChange, []step{{act: directory.Suspend}}, directory.Facts{}, directory.NothingToChange},
		{"requested already", directory.RequestPasswordChange, join(toActive, []step{{act: directory.RequestPasswordChange}}), directory.Facts{}, directory.NothingToChange},
		{"once only", directory.ChangeLoginID, join(toActive, []step{{directory.ChangeLoginID, directory.Facts{LoginID: "a"}}}), directory.Facts{LoginID: "b"}, directory.LoginIDFixed},
		{"the same", directory.ChangeLoginID, toActive, directory.Facts{LoginID: "kim"}, directory.NothingToChange},
		{"to nothing", directory.ChangeLoginID, toActive, directory.Facts{}, directory.InvalidArgument},
		{"not linked", directory.Unlink, linked, directory.Facts{External: "google:2"}, directory.UnknownExternal},
		{"none named", directory.Unlink, linked, directory.Facts{}, directory.UnknownExternal},
		{"linked already", directory.Link, linked, directory.Facts{External: "google:1"}, directory.NothingToChange},
		{"none named", directory.Link, linked, directory.Facts{}, directory.InvalidArgument},
		{"no session named", directory.EndSession, toActive, directory.Facts{}, directory.InvalidArgument},
		{"all are dead", directory.EndSession, toDeleted, directory.Facts{Session: session.IDOf("x")}, directory.WrongState},
		{"no device named", directory.WipeApp, toActive, directory.Facts{}, directory.InvalidArgument},
		{"no device named", directory.ResetDevice, toActive, directory.Facts{}, directory.InvalidArgument},
		{"deleted already", directory.Delete, toDeleted, directory.Facts{}, directory.WrongState},
		{"not deleted", directory.Restore, toActive, directory.Facts{}, directory.WrongState},
		{"the last instant of 7 days is past", directory.Restore, toDeleted, directory.Facts{At: noon.Add(7 * 24 * time.Hour)}, directory.DeletedTooLongAgo},
		{"purged", directory.Restore, toPurged, directory.Facts{}, directory.WrongState},
		{"can be restored", directory.Purge, toDeleted, directory.Facts{At: noon.Add(7*24*time.Hour - 1)}, directory.DeletedTooShortAgo},
		{"not deleted", directory.Purge, toActive, directory.Facts{}, directory.WrongState},
		{"none would be open", directory.AllowClients, toActive, directory.Facts{}, directory.InvalidArgument},
		{"no such client", directory.AllowClients, toActive, directory.Facts{Clients: session.AllClients | 1<<20}, directory.InvalidArgument},
		{"all are open", directory.AllowClients, toActive, directory.Facts{Clients: session.AllClients}, directory.NothingToChange},
		{"has it", directory.GiveRole, join(toActive, []step{{directory.GiveRole, custom}}), custom, directory.NothingToChange},
		{"has it, whatever permissions come with its name", directory.GiveRole, join(toActive, []step{{directory.GiveRole, role(directory.ITAdmin)}}),
			directory.Facts{Role: directory.Role{Name: directory.ITAdmin, Permissions: directory.AllPermissions}}, directory.NothingToChange},
		{"no name", directory.GiveRole, toActive, directory.Facts{Role: directory.Role{Permissions: directory.Help}}, directory.InvalidArgument},
		{"permits nothing", directory.GiveRole, toActive, role("x"), directory.InvalidArgument},
		{"permits what there is not", directory.GiveRole, toActive, directory.Facts{Role: directory.Role{Name: "x", Permissions: 1 << 12}}, directory.InvalidArgument},
		{"has it not", directory.TakeRole, toActive, role(directory.ITAdmin), directory.UnknownRole},
		{"away already", directory.BeginLeave, toLeave, directory.Facts{}, directory.WrongState},
		{"suspended", directory.BeginLeave, toSuspended, directory.Facts{}, directory.WrongState},
		{"not away", directory.EndLeave, toActive, directory.Facts{}, directory.WrongState},
		{"is there", directory.Create, toActive, directory.Facts{}, directory.MemberExists},
		{"was there", directory.Create, toDeleted, directory.Facts{}, directory.MemberExists},
		{"was there, long ago", directory.Create, toPurged, directory.Facts{}, directory.MemberExists},
		{"can be restored", directory.MakeAgain, toDeleted, directory.Facts{}, directory.DeletedTooShortAgo},
		{"is there", directory.MakeAgain, toActive, directory.Facts{}, directory.WrongState},
		{"too long a name", directory.EditProfile, toActive, long, directory.InvalidArgument},
		{"the same", directory.EditProfile, toActive, directory.Facts{Profile: directory.Profile{Name: "Name of kim"}}, directory.NothingToChange},
		{"a suspended member changes nothing", directory.ChangePassword, toSuspended, directory.Facts{}, directory.WrongState},
		{"the contacts that there are", directory.RecordContacts, join(toActive, []step{{directory.RecordContacts, contact}}), contact, directory.NothingToChange},
		{"no contacts, where there are none", directory.RecordContacts, toActive, directory.Facts{}, directory.NothingToChange},
		{"a contact without an address", directory.RecordContacts, toActive, directory.Facts{Contacts: []directory.Contact{{}}}, directory.InvalidArgument},
		{"a generated login id that is empty", directory.MakeAgain, toPurged, directory.Facts{Generated: true}, directory.InvalidArgument},
	} {
		a := made(t, "kim", row.from...)
		if row.facts.At.IsZero() {
			row.facts.At = noon
		}
		row.facts.Line = session.NewLine()
		c, err := row.act.Do(a, row.facts)
		if reason(err) != row.want {
			t.Errorf("%s (%s): %v; want [%s]", row.act, row.why, err, row.want)
		}
		if !reflect.DeepEqual(c, directory.Change{}) {
			t.Errorf("%s (%s) is refused and makes a change", row.act, row.why)
		}
	}

	for x := range directory.Acts() {
		if _, err := x.Do(made(t, "kim", toActive...), directory.Facts{}); reason(err) == "" {
			t.Errorf("%s at no instant: %v", x, err)
		}
		if _, err := x.Do(directory.Account{}, directory.Facts{At: noon, Line: session.NewLine()}); reason(err) != directory.UnknownMember {
			t.Errorf("%s to nobody: %v", x, err)
		}
		nobody := directory.Account{Member: member.Member{Tenant: "acme", ID: "nobody"}}
		if _, err := x.Do(nobody, directory.Facts{At: noon, Line: session.NewLine()}); x != directory.Create && reason(err) == "" {
			t.Errorf("%s to a member who was never made: %v", x, err)
		}
		corrupt := made(t, "kim", toActive...)
		corrupt.Super = true
		if _, err := x.Do(corrupt, directory.Facts{At: noon, Line: session.NewLine(), Device: "d", LoginID: "x"}); err == nil {
			t.Errorf("%s to a corrupt account is done", x)
		}
	}
}

func TestARestoreWithinSevenDays(t *testing.T) {
	a := made(t, "kim", toDeleted...)
	for _, after := range []time.Duration{0, -time.Hour, 7*24*time.Hour - 1} {
		if _, err := directory.Restore.Do(a, directory.Facts{At: noon.Add(after)}); err != nil {
			t.Errorf("restored %v after the deletion: %v", after, err)
		}
	}
}

func TestNumbersNeverWrap(t *testing.T) {
	a := made(t, "kim", toActive...)
	a.Version.Number = session.MaxNumber
	if c, err := directory.Suspend.Do(a, directory.Facts{At: noon}); err == nil {
		t.Errorf("the act after the last number makes version %v", c.Account.Version)
	}
}

func TestEventsTellBeforeAndAfter(t *testing.T) {
	for _, row := range []struct {
		act           directory.Act
		from          []step
		facts         directory.Facts
		before, after string
	}{
		{directory.Suspend, toLeave, directory.Facts{}, `{"status":"on-leave"}`, `{"status":"suspended"}`},
		{directory.BlockApps, toActive, directory.Facts{}, ``, `{"blocked":"desktop,mobile,drive"}`},
		{directory.AllowClients, toActive, directory.Facts{Clients: session.ClientsOf(session.Web, session.API)}, ``,
			`{"blocked":"` + (session.AllClients &^ session.ClientsOf(session.Web, session.API)).String() + `"}`},
		{directory.ChangeLoginID, toActive, directory.Facts{LoginID: "new"}, `{"login_id":"kim"}`, `{"login_id":"new"}`},
		{directory.GiveRole, toActive, directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help | directory.Audit}}, ``, `{"roles":"x (audit,help)"}`},
		{directory.EndLeave, toLeave, directory.Facts{}, `{"status":"on-leave"}`, `{"status":"active"}`},
		{directory.Link, toActive, directory.Facts{External: "g:1"}, ``, `{"external":"g:1"}`},
		{directory.RecordContacts, toActive, directory.Facts{Contacts: []directory.Contact{{Address: "k@x.example"}}}, ``, `{"contacts":"k@x.example"}`},
		{directory.EditProfile, toActive, directory.Facts{Profile: directory.Profile{Name: "K", Phones: []string{"1", "2"}}}, `{"name":"Name of kim"}`, `{"name":"K","phones":"1, 2"}`},
		{directory.RequestPasswordChange, toActive, directory.Facts{}, ``, `{"must_change_password":"yes"}`},
		{directory.Purge, []step{{directory.Delete, directory.Facts{At: noon.Add(-8 * 24 * time.Hour)}}}, directory.Facts{}, ``, ``},
	} {
		row.facts.At = noon
		c, err := row.act.Do(made(t, "kim", row.from...), row.facts)
		if err != nil {
			t.Errorf("%s: %v", row.act, err)
			continue
		}
		if c.Event.Before != row.before || c.Event.After != row.after {
			t.Errorf("%s tells %s, before %s; want %s, before %s", row.act, c.Event.After, c.Event.Before, row.after, row.before)
		}
		if row.after != "" && len(c.Event.Summary) == 0 {
			t.Errorf("%s has no summary", row.act)
		}
	}

	// A summary is short, whatever clients of its own the host has.
	f := directory.Facts{At: noon, Clients: session.ClientsOf(session.Web, session.API)}
	c, err := directory.AllowClients.Do(made(t, "kim", toActive...), f)
	want := []string{"blocked: all but web and api, was none", "sessions ended: all but web and api"}
	if err != nil || !slices.Equal(c.Event.Summary, want) {
		t.Errorf("the summary is %q, %v; want %q", c.Event.Summary, err, want)
	}
}
