package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func TestAnActorIsLookedUpAtEachAct(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "deputy", directory.Deputy)
	f.adopt(t, "kim")
	if err := f.Suspend(ctx, "deputy", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if err := f.Suspend(ctx, "boss", "acme", "deputy", "left"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why   string
		actor member.ID
		want  directory.Reason
	}{
		{"suspended a moment ago", "deputy", directory.ActorCannotAct},
		{"nobody", "", directory.UnknownActor},
		{"no member", "stranger", directory.UnknownActor},
		{"a member without a role, suspended", "kim", directory.ActorCannotAct},
	} {
		err := f.Lift(ctx, row.actor, "acme", "kim", "please")
		if reason(err) != row.want || !errors.Is(err, directory.ErrRefused) {
			t.Errorf("%s: %v; want [%s]", row.why, err, row.want)
		}
		e := f.last(t)
		if e.Refused != string(row.want) || e.Actor != row.actor || e.Member != "kim" || e.Kind != "suspension-lifted" || e.Why != "please" || e.ID == "" || e.At.IsZero() {
			t.Errorf("%s: recorded is %+v", row.why, e)
		}
	}
	if a := f.account(t, "kim"); a.Status != member.Suspended {
		t.Errorf("kim is %v", a.Status)
	}

	// A lock by failed logins throws nobody out, administrators neither.
	f.adopt(t, "it", directory.ITAdmin)
	for range 10 {
		f.Count(ctx, "acme", "it", false)
	}
	if err := f.Lift(ctx, "it", "acme", "kim", ""); err != nil {
		t.Errorf("an administrator whom a stranger has locked acts no more: %v", err)
	}
}

func TestWhoMayNotActLearnsNothing(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	f.adopt(t, "hr", directory.HRAdmin)
	for _, row := range []struct {
		actor member.ID
		act   directory.Act
	}{{"kim", directory.Suspend}, {"hr", directory.BlockApps}, {"hr", directory.Unlock}, {"kim", directory.Delete}} {
		there := f.Do(ctx, row.act, "acme", "boss", directory.Facts{Actor: row.actor})
		nowhere := f.Do(ctx, row.act, "acme", "nobody", directory.Facts{Actor: row.actor})
		if reason(there) != directory.MissingPermission || reason(nowhere) != directory.MissingPermission {
			t.Errorf("%s by %s: %v; of nobody: %v", row.act, row.actor, there, nowhere)
		}
	}
	err := f.Suspend(ctx, "hr", "acme", "nobody", "")
	if reason(err) != directory.UnknownMember || !errors.Is(err, session.ErrNotFound) {
		t.Errorf("of nobody, by one who may: %v", err)
	}
}

func TestOnlyTheHostDoesWhatIsTheHosts(t *testing.T) {
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	for _, x := range []directory.Act{directory.Purge, directory.DrawLine, directory.Adopt, directory.Lock, directory.Look, directory.List, directory.ReadEvents, "dance", ""} {
		for _, actor := range []member.ID{"boss", "kim", ""} {
			if err := f.Do(t.Context(), x, "acme", "kim", directory.Facts{Actor: actor}); reason(err) != directory.UnknownAct {
				t.Errorf("%q by %q: %v", x, actor, err)
			}
		}
	}
	if err := f.Do(t.Context(), directory.Link, "acme", "kim", directory.Facts{Actor: "boss", External: "g:1"}); reason(err) != directory.MissingPermission {
		t.Errorf("an administrator links an external login to a member: %v", err)
	}
	if err := f.Do(t.Context(), directory.Link, "acme", "kim", directory.Facts{Actor: "kim", External: "g:1"}); err != nil {
		t.Errorf("a member links an external login: %v", err)
	}
}

func TestConflictsAreTriedAgain(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	const writers = 24
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			errs[i] = f.GiveRole(ctx, "boss", "acme", "kim", directory.Role{Name: fmt.Sprintf("role-%02d", i), Permissions: directory.Help}, "")
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if a := f.account(t, "kim"); len(a.Roles) != writers || a.Version.Number != writers+1 {
		t.Errorf("%d acts at once gave %d roles and %v", writers, len(a.Roles), a.Version)
	}
}

func TestManyMembersEachWithAResult(t *testing.T) {
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	f.adopt(t, "lee")
	f.adopt(t, "rival", directory.SuperAdmin)
	f.adopt(t, "hr", directory.HRAdmin)
	facts := directory.Facts{Actor: "hr", Why: "passwords were seen"}
	results := f.Each(t.Context(), directory.RequestPasswordChange, "acme", []member.ID{"kim", "nobody", "rival", "lee", "kim", ""}, facts)
	var got []string
	for _, r := range results {
		got = append(got, string(r.Member)+": "+string(reason(r.Err)))
	}
	want := []string{"kim: ", "nobody: unknown-member", "rival: target-outranks", "lee: ", "kim: nothing-to-change", ": unknown-member"}
	if !slices.Equal(got, want) {
		t.Errorf("results %q; want %q", got, want)
	}
	for _, id := range []member.ID{"kim", "lee"} {
		if m, err := f.Member(t.Context(), "acme", id); err != nil || !m.MustChangePassword {
			t.Errorf("%s need not change the password: %+v, %v", id, m, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range f.Each(ctx, directory.Suspend, "acme", []member.ID{"kim", "lee"}, directory.Facts{Actor: "boss"}) {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", r.Member, r.Err)
		}
	}
	if a := f.account(t, "kim"); a.Status != member.Active {
		t.Errorf("a cancelled act is done")
	}
}

func TestSetPasswordByForce(t *testing.T) {
	ctx := t.Context()
	w, d := wrap(t, nil)
	calls := 0
	set := func(context.Context) error { calls++; return nil }
	if err := d.SetPassword(ctx, "kim", "acme", "boss", "", set); reason(err) != directory.MissingPermission || calls != 0 {
		t.Errorf("refused: %v, after %d calls", err, calls)
	}
	full := errors.New("disk full")
	if err := d.SetPassword(ctx, "boss", "acme", "kim", "", func(context.Context) error { return full }); !errors.Is(err, full) {
		t.Errorf("the password cannot be stored: %v", err)
	}
	if a, _ := w.Load(ctx, "acme", "kim"); a.Version.Number != 1 {
		t.Errorf("the password could not be stored and the account is at %v", a.Version)
	}
	conflicts := 2
	w.save = func(ctx context.Context, c directory.Change) error {
		if conflicts--; conflicts >= 0 {
			return session.ErrConflict
		}
		return w.MemStore.Save(ctx, c)
	}
	if err := d.SetPassword(ctx, "boss", "acme", "kim", "forgotten", set); err != nil || calls != 1 {
		t.Errorf("after two conflicts: %v, with %d calls; want 1", err, calls)
	}
	if a, _ := w.Load(ctx, "acme", "kim"); a.PasswordChanged.IsZero() || a.Cuts.Live(session.Web, 1) {
		t.Errorf("the old one is not dead: %+v", a)
	}
	if err := d.SetPassword(ctx, "boss", "acme", "kim", "", nil); err == nil {
		t.Error("no function stores the password, and it is set")
	}
}

func TestIDsAreNeverUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		if err := f.Create(ctx, "boss", "acme", "kim", directory.Facts{LoginID: "kim"}); err != nil {
			t.Fatal(err)
		}
		old := f.account(t, "kim")
		refuse := func(why string) {
			t.Helper()
			err := f.Create(ctx, "boss", "acme", "kim", directory.Facts{})
			if reason(err) != directory.MemberExists || !errors.Is(err, session.ErrExists) {
				t.Errorf("%s: %v", why, err)
			}
			adopted := directory.Account{Member: member.Member{Tenant: "acme", ID: "kim"}}
			if err := f.Adopt(ctx, adopted, ""); reason(err) != directory.MemberExists {
				t.Errorf("%s, adopted: %v", why, err)
			}
		}
		refuse("there is one")
		if err := f.Create(ctx, "boss", "acme", "lee", directory.Facts{LoginID: "kim"}); reason(err) != directory.MemberExists {
			t.Errorf("the login id of another: %v", err)
		}
		if err := f.Delete(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		refuse("deleted")
		if err := f.MakeAgain(ctx, "boss", "acme", "kim", directory.Facts{}); reason(err) != directory.DeletedTooShortAgo {
			t.Errorf("made again while it can be restored: %v", err)
		}
		for range 10 {
			f.mem.Count(ctx, "acme", "kim", directory.Guess{At: time.Now(), Limit: 5})
		}
		time.Sleep(directory.RestoreWithin + time.Second)
		if err := f.Tidy(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		if a := f.account(t, "kim"); !a.Purged || a.LoginID != "" {
			t.Errorf("8 days after the deletion: %+v", a)
		}
		if failures, _ := f.mem.Failures(ctx, "acme", "kim"); failures != (directory.Failures{}) {
			t.Errorf("purged, but not its failures: %+v", failures)
		}
		if o, err := f.Overview(ctx, "boss", "acme", "kim", 0); err != nil || !o.RestoreUntil.IsZero() {
			t.Errorf("can be restored until %v, %v; it is purged", o.RestoreUntil, err)
		}
		refuse("purged")
		if m, err := f.Member(ctx, "acme", "kim"); err != nil || m.Status != member.Deleted {
			t.Errorf("what is left is %+v, %v", m, err)
		}
		if err := f.MakeAgain(ctx, "boss", "acme", "kim", directory.Facts{LoginID: "kim"}); err != nil {
			t.Fatal(err)
		}
		a := f.account(t, "kim")
		if a.Version.Line == old.Version.Line || a.Version.Number != 1 {
			t.Errorf("made again at %v; it was at %v", a.Version, old.Version)
		}
		if failures, _ := f.mem.Failures(ctx, "acme", "kim"); failures != (directory.Failures{}) {
			t.Errorf("made again with the failures of the old one: %+v", failures)
		}
		for _, stamp := range []session.Version{old.Version, {}, {Line: old.Version.Line, Number: 5}} {
			if a.Cuts.Alive(session.Web, stamp, a.Version) {
				t.Errorf("a session of %v lives after the member was made again", stamp)
			}
		}
	})
}

// Made again before it was purged, too.
func TestWhoIsMadeAgainIsNotLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		f.adopt(t, "kim")
		f.lock(t, "kim")
		if err := f.Delete(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(directory.RestoreWithin)
		if err := f.MakeAgain(ctx, "boss", "acme", "kim", directory.Facts{}); err != nil {
			t.Fatal(err)
		}
		if failures, _ := f.mem.Failures(ctx, "acme", "kim"); failures != (directory.Failures{}) {
			t.Errorf("with the failures of the old one: %+v", failures)
		}
	})
}

// TestAPasswordThatIsSetMeanwhile: the member's own change rests on the account as it was when
// the old password was checked.
func TestAPasswordThatIsSetMeanwhile(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	since := f.account(t, "kim").Version
	calls := 0
	set := func(context.Context) error { calls++; return nil }
	if err := f.SetPassword(ctx, "boss", "acme", "kim", "", set); err != nil || calls != 1 {
		t.Fatal(err, calls)
	}
	now := f.account(t, "kim").Version
	for _, v := range []session.Version{since, {Line: now.Line, Number: now.Number + 1}, {Line: now.Line + 1, Number: now.Number}} {
		if err := f.ChangedPassword(ctx, "acme", "kim", v, set); reason(err) != directory.ChangedMeanwhile || calls != 1 {
			t.Errorf("since %v, and it is at %v: %v, set %d times", v, now, err, calls)
		}
	}
	if err := f.ChangedPassword(ctx, "acme", "kim", now, set); err != nil || calls != 2 {
		t.Errorf("since %v: %v, set %d times", now, err, calls)
	}
	if next, _ := now.Next(); f.account(t, "kim").Version != next {
		t.Errorf("it is at %v; want %v", f.account(t, "kim").Version, next)
	}
}

// TestQuery: each field alone, as a reader of its comment expects.
func TestQuery(t *testing.T) {
	a := made(t, "kim", append(toActive, step{directory.GiveRole, role(directory.HRAdmin)}, step{directory.EditProfile,
		directory.Facts{Profile: directory.Profile{Name: "Émile Kim", Mail: "E.Kim@Example.com"}}}, step{directory.Link, directory.Facts{External: "google:1"}})...)
	gone := made(t, "lee", toDeleted...)
	for _, row := range []struct {
		q    directory.Query
		want string
	}{
		{directory.Query{}, "kim lee"},
		{directory.Query{Status: member.Active}, "kim"}, {directory.Query{Status: member.Deleted}, "lee"}, {directory.Query{Status: member.Pending}, ""},
		{directory.Query{Role: directory.HRAdmin}, "kim"}, {directory.Query{Role: "hr"}, ""},
		{directory.Query{LoginID: "kim"}, "kim"}, {directory.Query{LoginID: "Kim"}, ""}, {directory.Query{LoginID: "ki"}, ""},
		{directory.Query{External: "google:1"}, "kim"}, {directory.Query{External: "google:"}, ""}, {directory.Query{External: "GOOGLE:1"}, ""},
		{directory.Query{AppsBlocked: true}, ""},
		{directory.Query{DeletedBefore: noon}, ""}, {directory.Query{DeletedBefore: noon.Add(1)}, "lee"},
		{directory.Query{After: "kim"}, "lee"}, {directory.Query{After: "kil"}, "kim lee"}, {directory.Query{After: "lee"}, ""},
		{directory.Query{Text: "KIM"}, "kim"}, {directory.Query{Text: "e.kim@example"}, "kim"}, {directory.Query{Text: "émile"}, ""}, {directory.Query{Text: "Émile k"}, "kim"},
		{directory.Query{Text: "%"}, ""}, {directory.Query{Text: "k_m"}, ""},
	} {
		var got []string
		for _, a := range []directory.Account{a, gone} {
			if row.q.Chooses(a) {
				got = append(got, string(a.ID))
			}
		}
		if s := strings.Join(got, " "); s != row.want {
			t.Errorf("%+v chooses %q; want %q", row.q, s, row.want)
		}
	}
}

// TestALineIsDrawnAnew: on the line that is there, a new one would end nothing.
func TestALineIsDrawnAnew(t *testing.T) {
	a := made(t, "kim", toActive...)
	for _, line := range []session.Version{{}, {Line: a.Version.Line, Number: 1}, {Line: a.Version.Line + 1, Number: 2}, {Number: 1}} {
		if _, err := directory.DrawLine.Do(a, directory.Facts{At: noon, Line: line}); reason(err) != directory.InvalidArgument {
			t.Errorf("%v: %v", line, err)
		}
	}
}

func TestAdopt(t *testing.T) {
	f := newFixture(t, nil)
	v := session.Version{Line: 7, Number: 9}
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: "old", Version: v}, Roles: []directory.Role{{Name: directory.ITAdmin}}, Leave: true}
	if err := f.Adopt(t.Context(), a, "import"); err != nil {
		t.Fatal(err)
	}
	got := f.account(t, "old")
	if got.Version != v || got.Status != member.OnLeave || got.Created.IsZero() {
		t.Errorf("adopted: %+v", got)
	}
	if e := f.last(t); e.Kind != "member-adopted" || e.Actor != "" || e.Why != "import" {
		t.Errorf("recorded: %+v", e)
	}
	bad := directory.Account{Member: member.Member{Tenant: "acme", ID: "bad"}, Suspended: true, Leave: true}
	if err := f.Adopt(t.Context(), bad, ""); reason(err) != directory.InvalidArgument {
		t.Errorf("one that contradicts itself: %v", err)
	}
	if err := f.Adopt(t.Context(), directory.Account{}, ""); reason(err) != directory.InvalidArgument {
		t.Errorf("nobody: %v", err)
	}
	if _, err := directory.New(nil, nil, nil); err == nil {
		t.Error("a directory over nothing")
	}
}

func TestEachMethodDoesItsAct(t *testing.T) {
	ctx := t.Context()
	var sessions session.MemStore
	var host hostCalls
	f := newFixture(t, &directory.Options{Sessions: &sessions, Wiper: &host})
	if err := f.Create(ctx, "boss", "acme", "kim", directory.Facts{LoginID: "u1", Generated: true}); err != nil {
		t.Fatal(err)
	}
	set := func(context.Context) error { return nil }
	one := begin(t, f, &sessions, session.Session{})
	for _, row := range []struct {
		kind string
		do   func(why string) error
	}{
		{"password-set", func(why string) error { return f.SetPassword(ctx, "boss", "acme", "kim", why, set) }},
		{"suspended", func(why string) error { return f.Suspend(ctx, "boss", "acme", "kim", why) }},
		{"suspension-lifted", func(why string) error { return f.Lift(ctx, "boss", "acme", "kim", why) }},
		{"apps-blocked", func(why string) error { return f.BlockApps(ctx, "boss", "acme", "kim", why) }},
		{"apps-unblocked", func(why string) error { return f.UnblockApps(ctx, "boss", "acme", "kim", why) }},
		{"password-change-requested", func(why string) error { return f.RequestPasswordChange(ctx, "boss", "acme", "kim", why) }},
		{"login-id-changed", func(why string) error { return f.ChangeLoginID(ctx, "boss", "acme", "kim", "kim", why) }},
		{"session-ended", func(why string) error { return f.EndSession(ctx, "boss", "acme", "kim", one, why) }},
		{"app-wiped", func(why string) error { return f.WipeApp(ctx, "boss", "acme", "kim", "phone", why) }},
		{"device-reset", func(why string) error { return f.ResetDevice(ctx, "boss", "acme", "kim", "phone", why) }},
		{"clients-allowed", func(why string) error { return f.AllowClients(ctx, "boss", "acme", "kim", session.Mail, why) }},
		{"role-given", func(why string) error {
			return f.GiveRole(ctx, "boss", "acme", "kim", directory.Role{Name: directory.HRAdmin}, why)
		}},
		{"role-taken", func(why string) error { return f.TakeRole(ctx, "boss", "acme", "kim", directory.HRAdmin, why) }},
		{"deleted", func(why string) error { return f.Delete(ctx, "boss", "acme", "kim", why) }},
		{"restored", func(why string) error { return f.Restore(ctx, "boss", "acme", "kim", why) }},
		{"line-drawn", func(why string) error { return f.DrawLine(ctx, "acme", "kim", why) }},
	} {
		why := "because of " + row.kind + strings.Repeat("é", 600) + "\x00\xff"
		if err := row.do(why); err != nil {
			t.Errorf("%s: %v", row.kind, err)
			continue
		}
		e := f.last(t)
		if !strings.HasSuffix(e.Kind, row.kind) || !strings.HasPrefix(e.Why, "because of "+row.kind) || len(e.Why) > 1000 || !utf8.ValidString(e.Why) {
			t.Errorf("%s: recorded is %+v", row.kind, e)
		}
		if a := f.account(t, "kim"); e.Membership != a.Version {
			t.Errorf("%s: the event is of version %v; the account is at %v", row.kind, e.Membership, a.Version)
		}
	}
	if kinds := host.kinds(); !slices.Equal(kinds, []session.OrderKind{session.WipeApp, session.WipeAll}) {
		t.Errorf("the device service was told %v", kinds)
	}
}
