package directory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
)

// The matrix and the permissions of the acts, as rules.md has them.
const matrix = `
basics      yes yes yes yes
members     yes yes     yes
services    yes yes yes
security    yes yes yes
audit       yes yes
help        yes yes
developers  yes yes
critical    yes
`

var needs = map[directory.Act]string{
	directory.Suspend: "members or security", directory.Lift: "members or security",
	directory.BlockApps: "security", directory.UnblockApps: "security", directory.SetPassword: "security",
	directory.RequestPasswordChange: "members or security", directory.ChangeLoginID: "security", directory.Unlink: "security",
	directory.EndSession: "security", directory.WipeApp: "security", directory.ResetDevice: "security",
	directory.Delete: "members", directory.Restore: "members", directory.Unlock: "security", directory.AllowClients: "services",
	directory.GiveRole: "critical", directory.TakeRole: "critical",
	// not in rules.md
	directory.BeginLeave: "members", directory.EndLeave: "members", directory.EditProfile: "members",
	directory.Create: "members", directory.MakeAgain: "members", directory.Look: "members or security or audit",
	directory.List: "basics", directory.ReadEvents: "audit", directory.ReadBlocked: "security",
	directory.ChangePassword: "itself", directory.Link: "itself", directory.RecordContacts: "itself",
	directory.Adopt: "host", directory.Purge: "host", directory.DrawLine: "host", directory.Lock: "host",
}

// permissions reads the matrix.
func permissions(name string) (list []string) {
	column := slices.Index([]string{"super-admin", "deputy", "it-admin", "hr-admin"}, name)
	for line := range strings.Lines(strings.TrimSpace(matrix)) {
		line = strings.TrimRight(line, "\n")
		if cell := 12 + 4*column; len(line) > cell && line[cell] == 'y' {
			list = append(list, strings.Fields(line)[0])
		}
	}
	return list
}

// admin is an administrator of the enumeration.
type admin struct {
	name  string
	may   []string
	roles []directory.Role
}

func admins(t *testing.T) []admin {
	all := []admin{{"nobody", nil, nil}}
	for _, name := range []string{"super-admin", "deputy", "it-admin", "hr-admin"} {
		all = append(all, admin{name, permissions(name), []directory.Role{{Name: name}}})
	}
	custom := func(name string, list ...string) directory.Role {
		r := directory.Role{Name: name}
		if err := r.Permissions.UnmarshalText([]byte(strings.Join(list, ","))); err != nil {
			t.Fatal(err)
		}
		return r
	}
	everything := permissions("super-admin")
	for _, p := range everything {
		all = append(all, admin{"custom " + p, []string{p}, []directory.Role{custom("only-"+p, p)}})
	}
	return append(all,
		admin{"custom with all", everything, []directory.Role{custom("all", everything...)}},
		admin{"IT and HR", append(permissions("it-admin"), "members"), []directory.Role{{Name: "hr-admin"}, {Name: "it-admin"}}},
		admin{"custom members and security", []string{"members", "security"}, []directory.Role{custom("two", "members", "security")}},
	)
}

// permitted is the plain reading of the rules: "" if the actor may, else why not.
func permitted(x directory.Act, actor, target admin, self bool) directory.Reason {
	super := func(a admin) bool { return a.name == "super-admin" }
	switch needs[x] {
	case "host":
		return directory.MissingPermission
	case "itself":
		if self {
			return ""
		}
		return directory.MissingPermission
	}
	some := false
	for _, p := range strings.Split(needs[x], " or ") {
		some = some || slices.Contains(actor.may, p)
	}
	if (x == directory.GiveRole || x == directory.TakeRole) && !super(actor) {
		some = false // roles are given by super admins only
	}
	if !some {
		return directory.MissingPermission
	}
	if super(target) && !super(actor) {
		return directory.TargetOutranks
	}
	for _, p := range target.may {
		if !slices.Contains(actor.may, p) {
			return directory.TargetOutranks
		}
	}
	return ""
}

func TestEveryRoleEveryRoleEveryAct(t *testing.T) {
	n := 0
	for _, actor := range admins(t) {
		for _, target := range admins(t) {
			for _, self := range []bool{false, true} {
				if self && actor.name != target.name {
					continue
				}
				a, b := adopted("actor", actor.roles), adopted("target", target.roles)
				if self {
					b = a
				}
				for x := range directory.Acts() {
					n++
					want := permitted(x, actor, target, self)
					if err := x.Permit(a, b); reason(err) != want || (err == nil) != (want == "") {
						t.Errorf("%s by %s to %s (self: %v): %v; want [%s]", x, actor.name, target.name, self, err, want)
					}
				}
			}
		}
	}
	if want := 16 * 17 * len(needs); n != want {
		t.Errorf("%d combinations; want %d", n, want)
	}
	t.Logf("%d combinations", n)
}

// adopted is an active account with roles.
func adopted(id member.ID, roles []directory.Role) directory.Account {
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: id, Status: member.Active}, Roles: roles}
	a.Super = a.Holds(directory.SuperAdmin)
	return a
}

func TestWhoCannotLogInActsNoMore(t *testing.T) {
	target := adopted("target", nil)
	super := []step{{directory.GiveRole, role(directory.SuperAdmin)}}
	for _, row := range []struct {
		why  string
		from []step
		want directory.Reason
	}{
		{"active", toActive, ""},
		{"on leave", toLeave, ""},
		{"apps are blocked: the browser works", join(toActive, []step{{act: directory.BlockApps}}), ""},
		{"pending", toPending, directory.ActorCannotAct},
		{"suspended", toSuspended, directory.ActorCannotAct},
		{"every client in which one can work is closed", join(toActive, []step{{act: directory.AllowClients, facts: directory.Facts{Clients: 1 << 5}}}), directory.ActorCannotAct},
	} {
		actor := made(t, "actor", join(row.from, nil)...)
		if actor.Status != member.Suspended {
			actor = made(t, "actor", join(row.from, super)...)
		} else {
			actor = made(t, "actor", join(super, row.from)...)
		}
		for _, x := range []directory.Act{directory.Suspend, directory.GiveRole, directory.Look} {
			if err := x.Permit(actor, target); reason(err) != row.want {
				t.Errorf("%s: %s: %v; want [%s]", row.why, x, err, row.want)
			}
		}
	}
	deleted := made(t, "actor", join(super, toDeleted)...)
	if err := directory.Suspend.Permit(deleted, target); reason(err) != directory.ActorCannotAct {
		t.Errorf("deleted: %v", err)
	}
	other := adopted("actor", []directory.Role{{Name: directory.SuperAdmin}})
	other.Tenant = "globex"
	for _, actor := range []directory.Account{{}, other} {
		if err := directory.Suspend.Permit(actor, target); reason(err) != directory.UnknownActor {
			t.Errorf("an actor of tenant %q: %v", actor.Tenant, err)
		}
	}
}

func TestPermissionsText(t *testing.T) {
	for p := directory.Permissions(0); p <= directory.AllPermissions; p++ {
		b, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again directory.Permissions
		if err := again.UnmarshalText(b); err != nil || again != p {
			t.Fatalf("%q is read as %v, %v", b, again, err)
		}
		if b, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &again); err != nil || again != p {
			t.Fatalf("%s is read as %v, %v", b, again, err)
		}
	}
	for _, row := range []struct{ why, text string }{
		{"unknown", "basics,root"}, {"twice", "basics,basics"}, {"space", "basics, help"}, {"case", "Basics"}, {"empty name", "basics,"}, {"a number", "1"},
	} {
		p := directory.Help
		if err := p.UnmarshalText([]byte(row.text)); err == nil || p != directory.Help {
			t.Errorf("%s: %q is read as %v, %v", row.why, row.text, p, err)
		}
		list, _ := json.Marshal(strings.Split(row.text, ","))
		if err := json.Unmarshal(list, &p); err == nil || p != directory.Help {
			t.Errorf("%s: %s is read as %v, %v", row.why, list, p, err)
		}
	}
	for _, text := range []string{`null`, `"basics"`, `[1]`, `{}`, `7`, `[null]`} {
		p := directory.Help
		if err := p.UnmarshalJSON([]byte(text)); err == nil || p != directory.Help {
			t.Errorf("%s is read as %v, %v", text, p, err)
		}
	}
	if b, err := directory.Permissions(1 << 9).MarshalText(); err == nil {
		t.Errorf("a permission that there is not is written as %q", b)
	}
	if got := fmt.Sprint(directory.Basics | 1<<9); got != "basics,permission(9)" {
		t.Errorf("printed: %q", got)
	}
}

func TestGivenRolesPermitWhatTheMatrixSays(t *testing.T) {
	for _, name := range []string{directory.SuperAdmin, directory.Deputy, directory.ITAdmin, directory.HRAdmin} {
		r := directory.Role{Name: name, Permissions: directory.Critical}
		if got := r.Permits().String(); got != strings.Join(permissions(name), ",") {
			t.Errorf("%s permits %s; want %v", name, got, permissions(name))
		}
	}
	if (directory.Role{Permissions: directory.AllPermissions}).Permits() != 0 {
		t.Error("a role without a name permits something")
	}
}
