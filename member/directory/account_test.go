package directory_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// full is an account of which every field is set.
func full(t testing.TB) directory.Account {
	return made(t, "kim", []step{
		{act: directory.ChangePassword}, {directory.Link, directory.Facts{External: "google:1"}},
		{directory.RecordContacts, directory.Facts{Contacts: []directory.Contact{{Address: "k@x.example"}}}},
		{directory.EditProfile, directory.Facts{Profile: directory.Profile{Name: "김", Mail: "k@x.example", Rank: "r", Phones: []string{"1"}, Workplace: "w", Organisation: "o", Title: "t"}}},
		{directory.GiveRole, directory.Facts{Role: directory.Role{Name: "x", Permissions: directory.Help}}}, {directory.GiveRole, role(directory.SuperAdmin)},
		{directory.AllowClients, directory.Facts{Clients: session.Interactive}}, {act: directory.BlockApps}, {act: directory.RequestPasswordChange},
		{act: directory.Suspend}, {act: directory.Delete},
	}...)
}

// TestTheTextOfAnAccount is of the text that is in databases. It may grow and must not
// change.
func TestTheTextOfAnAccount(t *testing.T) {
	a := full(t)
	a.Version = session.Version{Line: 7, Number: 12}
	a.Cuts = session.Cuts{}.Cut(session.AllClients, 12)
	const want = `{"format":1,"tenant":"acme","id":"kim","version":{"line":7,"number":12},"cuts":CUTS,"must_change_password":true,` +
		`"suspended":true,"deleted_at":"2026-03-01T12:00:00Z","apps_blocked":true,"closed":CLOSED,` +
		`"roles":[{"name":"super-admin"},{"name":"x","permissions":["help"]}],"login_id":"kim","generated":true,` +
		`"external":[{"id":"google:1","linked":"2026-03-01T11:51:00Z"}],"contacts":[{"address":"k@x.example","recorded":"2026-03-01T11:52:00Z"}],` +
		`"profile":{"name":"김","mail":"k@x.example","rank":"r","phones":["1"],"workplace":"w","organisation":"o","title":"t"},` +
		`"created":"2026-03-01T11:49:00Z","password_changed":"2026-03-01T11:50:00Z","change_requested":"2026-03-01T11:58:00Z"}`
	cuts, _ := json.Marshal(a.Cuts)
	closed, _ := json.Marshal(a.Closed)
	expected := strings.NewReplacer("CUTS", string(cuts), "CLOSED", string(closed)).Replace(want)
	if got := text(t, a); got != expected {
		t.Errorf("got  %s\nwant %s", got, expected)
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	good := text(t, made(t, "kim", toActive...))
	for _, row := range []struct{ why, old, new string }{
		{"a newer format", `"format":1`, `"format":2`},
		{"no format", `"format":1,`, ``},
		{"a key of a newer program", `"format":1`, `"format":1,"frozen":true`},
		{"no tenant", `"acme"`, `""`},
		{"no id", `"id":"kim"`, `"id":""`},
		{"no line", `"line":`, `"line":0,"x":`},
		{"roles twice", `"login_id"`, `"roles":[{"name":"x","permissions":["help"]},{"name":"x","permissions":["help"]}],"login_id"`},
		{"roles out of order", `"login_id"`, `"roles":[{"name":"it-admin"},{"name":"hr-admin"}],"login_id"`},
		{"a role without a name", `"login_id"`, `"roles":[{"permissions":["help"]}],"login_id"`},
		{"a custom role that permits nothing", `"login_id"`, `"roles":[{"name":"x"}],"login_id"`},
		{"a permission that there is not", `"login_id"`, `"roles":[{"name":"x","permissions":["root"]}],"login_id"`},
		{"suspended and on leave", `"login_id"`, `"suspended":true,"leave":true,"login_id"`},
		{"purged and not deleted", `"login_id"`, `"purged":true,"login_id"`},
		{"a client that there is not", `"login_id"`, `"closed":["fax"],"login_id"`},
		{"a name that is too long", `"Name of kim"`, `"` + strings.Repeat("x", 257) + `"`},
		{"a zero in a name", `"Name of kim"`, `"Name\u0000"`},
		{"more text", good, good + `{}`},
		{"no text", good, ``},
		{"null", good, `null`},
	} {
		bad := strings.Replace(good, row.old, row.new, 1)
		if bad == good {
			t.Fatalf("%s: nothing was replaced in %s", row.why, good)
		}
		a := directory.Account{LoginID: "kept"}
		if err := a.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s is read: %s", row.why, bad)
		}
		if a.LoginID != "kept" || a.ID != "" {
			t.Errorf("%s altered what it was read into", row.why)
		}
	}
	for why, change := range map[string]func(*directory.Account){
		"zero":                           func(a *directory.Account) { *a = directory.Account{} },
		"locked, as stored":              func(a *directory.Account) { a.Status = member.Locked },
		"a number that is none":          func(a *directory.Account) { a.Version.Number = 0 },
		"too high a number":              func(a *directory.Account) { a.Version.Number = 1 << 63 },
		"a super admin without the role": func(a *directory.Account) { a.Super = true },
		"blocked without a reason":       func(a *directory.Account) { a.Blocked = session.Mail },
		"a cut above its version":        func(a *directory.Account) { a.Cuts = a.Cuts.Cut(session.Mail, 99) },
		"text that is no UTF-8":          func(a *directory.Account) { a.Profile.Mail = "\xff" },
		"too many phones":                func(a *directory.Account) { a.Profile.Phones = make([]string, 65) },
	} {
		a := made(t, "kim", toActive...)
		change(&a)
		if a.Err() == nil {
			t.Errorf("%s: no error", why)
		}
		if b, err := json.Marshal(a); err == nil {
			t.Errorf("%s is written: %s", why, b)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	a := full(t)
	b := a.Clone()
	b.Roles[0].Name, b.External[0].ID, b.Contacts[0].Address, b.Profile.Phones[0] = "x", "x", "x", "x"
	if a.Roles[0].Name == "x" || a.External[0].ID == "x" || a.Contacts[0].Address == "x" || a.Profile.Phones[0] == "x" {
		t.Error("a clone shares with what it was cloned from")
	}
}

func FuzzAccount(f *testing.F) {
	f.Add([]byte(text(f, full(f))))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a directory.Account
		if a.UnmarshalJSON(b) != nil {
			return
		}
		if err := a.Err(); err != nil {
			t.Fatalf("%s is read and is corrupt: %v", b, err)
		}
		first := text(t, a)
		var again directory.Account
		if err := again.UnmarshalJSON([]byte(first)); err != nil || text(t, again) != first {
			t.Fatalf("%s is written as %s and read as %s, %v", b, first, text(t, again), err)
		}
		facts := directory.Facts{At: noon, Device: "d", LoginID: "l", External: "e", Clients: session.Mail, Role: directory.Role{Name: directory.Deputy}, Line: session.Version{Line: 1, Number: 1}}
		for x := range directory.Acts() {
			if c, err := x.Do(a, facts); err == nil {
				if err := c.Account.Err(); err != nil {
					t.Fatalf("%s makes of %s what is corrupt: %v", x, b, err)
				}
			}
		}
	})
}

func FuzzPermissions(f *testing.F) {
	f.Add([]byte("basics,help"))
	f.Add([]byte(`["basics"]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p directory.Permissions
		if p.UnmarshalText(b) == nil {
			out, err := p.MarshalText()
			var again directory.Permissions
			if err != nil || again.UnmarshalText(out) != nil || again != p {
				t.Fatalf("%q is read as %v and written as %q, %v", b, p, out, err)
			}
		}
		if p.UnmarshalJSON(b) == nil {
			out, err := p.MarshalJSON()
			var again directory.Permissions
			if err != nil || again.UnmarshalJSON(out) != nil || again != p {
				t.Fatalf("%q is read as %v and written as %s, %v", b, p, out, err)
			}
		}
	})
}

func FuzzRole(f *testing.F) {
	f.Add([]byte(`{"name":"x","permissions":["help"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r directory.Role
		if json.Unmarshal(b, &r) != nil || r.Err() != nil {
			return
		}
		out, err := json.Marshal(r)
		var again directory.Role
		if err != nil || json.Unmarshal(out, &again) != nil || again != r {
			t.Fatalf("%s is read as %+v and written as %s, %v", b, r, out, err)
		}
	})
}
