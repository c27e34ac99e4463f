package directory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// TestRefusalsSayWhatAndHowToMendIt: what the member is, what the act is for, and which act
// helps first, where another one does.
func TestRefusalsSayWhatAndHowToMendIt(t *testing.T) {
	late := noon.Add(8 * 24 * time.Hour)
	deletedSuspended := join(toSuspended, []step{{act: directory.Delete}})
	deletedAway := join(toLeave, []step{{act: directory.Delete}})
	for _, row := range []struct {
		act   directory.Act
		from  []step
		facts directory.Facts
		want  string
	}{
		{directory.Suspend, toSuspended, directory.Facts{}, "the member is suspended, and suspend is for one who is pending, active or on leave"},
		{directory.Suspend, toDeleted, directory.Facts{}, "the member is deleted, and suspend is for one who is pending, active or on leave; restore it first, before 2026-03-08T12:00:00Z"},
		{directory.Suspend, toDeleted, directory.Facts{At: late}, "or on leave; it can only be made again"},
		{directory.Suspend, toPurged, directory.Facts{}, "the member is deleted for good, and suspend is for one who is pending, active or on leave; it can only be made again"},
		{directory.Lift, toActive, directory.Facts{}, "the member is active, and lift is for one who is suspended"},
		{directory.Lift, toDeleted, directory.Facts{}, "the member is deleted, and lift is for one who is suspended"},
		{directory.Lift, deletedSuspended, directory.Facts{}, "the member is deleted, and lift is for one who is suspended; restore it first, before 2026-03-08T12:00:00Z"},
		{directory.EndLeave, deletedAway, directory.Facts{}, "the member is deleted, and end-leave is for one who is on leave; restore it first, before 2026-03-08T12:00:00Z"},
		{directory.BeginLeave, toSuspended, directory.Facts{}, "the member is suspended, and begin-leave is for one who is active; lift the suspension first"},
		{directory.BeginLeave, toLeave, directory.Facts{}, "the member is on leave, and begin-leave is for one who is active"},
		{directory.RequestPasswordChange, toPending, directory.Facts{}, "the member is pending, and request-password-change is for one who is active, on leave or suspended; a password must be set first"},
		{directory.Delete, toDeleted, directory.Facts{}, "the member is deleted, and delete is for one who is pending, active, on leave or suspended"},
		{directory.Restore, toActive, directory.Facts{}, "the member is active, and restore is for one who is deleted"},
		{directory.Restore, toPurged, directory.Facts{}, "the member is deleted for good, and restore is for one who is deleted; it can only be made again"},
		{directory.Restore, toDeleted, directory.Facts{At: late}, "the member was deleted on 2026-03-01T12:00:00Z and could be restored for 7 days; it can only be made again"},
		{directory.MakeAgain, toActive, directory.Facts{}, "the member is active, and make-again is for one who is deleted or deleted for good"},
		{directory.MakeAgain, toDeleted, directory.Facts{}, "the member was deleted less than 7 days ago; until 2026-03-08T12:00:00Z it can be restored"},

		{directory.Create, toLeave, directory.Facts{}, "the id is in use: the member is on leave; choose another id"},
		{directory.Create, toDeleted, directory.Facts{}, "the id is that of a member who was deleted and can be restored before 2026-03-08T12:00:00Z; restore it, or choose another id"},
		{directory.Create, toDeleted, directory.Facts{At: late}, "the id was used before, by a member who was deleted on 2026-03-01T12:00:00Z, and is nobody else's ever; choose another, or make the same person again by make-again"},
		{directory.Create, toPurged, directory.Facts{}, "the id was used before, by a member who was deleted on 2026-02-19T12:00:00Z, and is nobody else's ever; choose another, or make the same person again by make-again"},

		{directory.BlockApps, join(toActive, []step{{act: directory.BlockApps}}), directory.Facts{}, "the apps of the member are blocked already"},
		{directory.RequestPasswordChange, []step{{act: directory.Suspend}}, directory.Facts{}, "the member has no password yet, and chooses one to begin with"},
		{directory.ChangeLoginID, toActive, directory.Facts{LoginID: "kim"}, `the login id is "kim" already`},
		{directory.ChangeLoginID, join(toActive, []step{{directory.ChangeLoginID, directory.Facts{LoginID: "a"}}}), directory.Facts{LoginID: "b"},
			`the login id "a" was not generated, or was changed before; only one that was generated can be changed, and only once`},
		{directory.Unlink, join(toActive, []step{{directory.Link, directory.Facts{External: "google:1"}}}), directory.Facts{External: "google:2"},
			`the member has no external login "google:2"; linked are "google:1"`},
		{directory.TakeRole, toActive, role(directory.ITAdmin), `the member has no role "it-admin"; it has none`},
		{directory.GiveRole, join(toActive, []step{{directory.GiveRole, role(directory.ITAdmin)}}), role(directory.ITAdmin), `the member has the role "it-admin" already`},
	} {
		if row.facts.At.IsZero() {
			row.facts.At = noon
		}
		row.facts.Line = session.NewLine()
		_, err := row.act.Do(made(t, "kim", row.from...), row.facts)
		if err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant …%s", row.act, err, row.want)
		}
	}
}

// TestRefusalsSayWhoMay: which permission is missing, and of whom the member has more. Whoever
// is shown no roles is told none.
func TestRefusalsSayWhoMay(t *testing.T) {
	with := func(id member.ID, p directory.Permissions) directory.Account {
		return made(t, id, join(toActive, []step{{directory.GiveRole, directory.Facts{Role: directory.Role{Name: "x", Permissions: p}}}})...)
	}
	kim, super := made(t, "kim", toActive...), made(t, "root", join(toActive, []step{{directory.GiveRole, role(directory.SuperAdmin)}})...)
	closed := made(t, "shut", join(toActive, []step{{directory.AllowClients, directory.Facts{Clients: session.Mail}}})...)
	for _, row := range []struct {
		act           directory.Act
		actor, target directory.Account
		want          string
	}{
		{directory.Suspend, with("hd", directory.Help), kim, "this needs the permission members or security, which no role of the actor has"},
		{directory.GiveRole, with("all", directory.AllPermissions), kim, "only a super admin may do this"},
		{directory.Link, super, kim, "only the member itself may do this"},
		{directory.Purge, super, kim, "this is the service's own work, for which nobody has a permission"},
		{directory.Suspend, made(t, "away", toSuspended...), kim, "the actor is suspended; only one who is active or on leave acts"},
		{directory.Suspend, closed, kim, "web, desktop, mobile and drive are closed to the actor; one of them must be open"},
		{directory.Suspend, with("hr", directory.Basics|directory.Members), with("au", directory.Audit|directory.Help|directory.Basics),
			"the member has permissions that the actor has not: audit,help; ask somebody who has them"},
		{directory.Suspend, with("all", directory.AllPermissions), super, "the member is a super admin; ask one to do this"},
		{directory.Suspend, with("blind", directory.Members), super, "the member may what the actor may not; ask somebody with every permission of the member"},
	} {
		err := row.act.Permit(row.actor, row.target)
		if err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s of %s to %s:\n got %v\nwant …%s", row.act, row.actor.ID, row.target.ID, err, row.want)
		}
	}
}

// TestWhichIDExists: whoever makes a member, or adopts one, learns whether it is the id or the
// login id that stands in the way, and who makes it at the same instant too.
func TestWhichIDExists(t *testing.T) {
	ctx := t.Context()
	w, d := wrap(t, nil)
	create := func(id member.ID, login string) error {
		return d.Create(ctx, "boss", "acme", id, directory.Facts{LoginID: login})
	}
	adopt := func(id member.ID, login string) error {
		return d.Adopt(ctx, directory.Account{Member: member.Member{Tenant: "acme", ID: id}, LoginID: login}, "")
	}
	if err := create("pat", "k"); err != nil {
		t.Fatal(err)
	}
	const id, login = "the id is in use: the member is pending", `the login id "k" is that of another member`
	for why, row := range map[string]struct {
		err  error
		want string
	}{
		"created under the id":       {create("pat", "x"), id},
		"created under the login id": {create("lee", "k"), login},
		"under both":                 {create("pat", "k"), id},
		"adopted under the id":       {adopt("pat", "x"), id},
		"adopted under the login id": {adopt("lee", "k"), login},
	} {
		if !errors.Is(row.err, session.ErrExists) || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("%s: %v; want …%s…", why, row.err, row.want)
		}
	}
	link := func(id member.ID) error {
		return d.Do(ctx, directory.Link, "acme", id, directory.Facts{Actor: id, External: "google:1"})
	}
	if err := link("kim"); err != nil {
		t.Fatal(err)
	}
	if err := link("second"); reason(err) != directory.MemberExists || !strings.HasSuffix(err.Error(), `the external login "google:1" is linked to another member; it must be unlinked there first`) {
		t.Errorf("linked to two: %v", err)
	}
	w.save = func(ctx context.Context, c directory.Change) error {
		w.save = nil
		if err := create("pak", ""); err != nil {
			t.Error(err)
		}
		return w.Save(ctx, c)
	}
	if err := create("pak", ""); !errors.Is(err, session.ErrExists) || !strings.Contains(err.Error(), id) {
		t.Errorf("made by somebody at this moment: %v", err)
	}
}
