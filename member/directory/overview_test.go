package directory_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func paid(context.Context, session.TenantID) (directory.Terms, error) {
	return directory.Terms{Download: true}, nil
}

func free(context.Context, session.TenantID) (directory.Terms, error) {
	return directory.Terms{Keep: directory.FreeEventsKept}, nil
}

func TestOverview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var sessions session.MemStore
		f := newFixture(t, &directory.Options{Sessions: &sessions})
		f.adopt(t, "audit", directory.Deputy)
		if err := f.Create(ctx, "boss", "acme", "kim", directory.Facts{LoginID: "kim1", Profile: directory.Profile{Name: "Kim"}}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []step{
			{directory.ChangePassword, directory.Facts{}}, {directory.Link, directory.Facts{External: "google:1"}},
			{directory.RecordContacts, directory.Facts{Contacts: []directory.Contact{{Address: "kim@home.example"}}}},
		} {
			s.facts.Actor = "kim"
			if err := f.Do(ctx, s.act, "acme", "kim", s.facts); err != nil {
				t.Fatal(err)
			}
		}
		changed := time.Now().UTC()
		begin(t, f, &sessions, session.Session{Device: "old phone", System: "Android 9", Stamp: session.Stamp{Client: session.Mobile}})
		time.Sleep(91 * 24 * time.Hour)
		begin(t, f, &sessions, session.Session{Device: "phone", System: "iOS", Stamp: session.Stamp{Client: session.Mobile}})
		time.Sleep(time.Hour)
		web := begin(t, f, &sessions, session.Session{Device: "laptop", System: "Linux"})
		time.Sleep(time.Hour)
		begin(t, f, &sessions, session.Session{Stamp: session.Stamp{Client: session.IMAP}})
		if err := f.BlockApps(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		if err := f.RequestPasswordChange(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}

		o, err := f.Overview(ctx, "audit", "acme", "kim", 0)
		if err != nil {
			t.Fatal(err)
		}
		if o.Status != member.Active || !o.PasswordChanged.Equal(changed) || o.ChangeRequested.IsZero() || o.Profile.Name != "Kim" || o.LoginID != "kim1" ||
			len(o.External) != 1 || len(o.Contacts) != 1 || !o.AppsBlocked || o.Blocked != session.Apps {
			t.Errorf("overview: %+v", o)
		}
		if o.Last.Client != session.IMAP || o.Last.Addr.String() != "203.0.113.7" || !o.Last.Live {
			t.Errorf("last access: %+v", o.Last)
		}
		var visits []string
		for _, v := range o.Visits {
			visits = append(visits, fmt.Sprint(v.Client, " ", v.Live))
		}
		if want := []string{"imap true", "web true", "mobile false"}; !slices.Equal(visits, want) {
			t.Errorf("visits %q; want %q: newest first, of 90 days, the apps ended", visits, want)
		}
		var devices []string
		for _, d := range o.Devices {
			devices = append(devices, d.ID+" "+d.System)
		}
		if want := []string{"laptop Linux", "phone iOS"}; !slices.Equal(devices[:2], want) {
			t.Errorf("devices %q; want %q first", devices, want)
		}

		o, err = f.Overview(ctx, "boss", "acme", "kim", session.ClientsOf(session.Web))
		if err != nil || len(o.Visits) != 1 || o.Visits[0].Session != web || o.Last.Client != session.IMAP {
			t.Errorf("of the web alone: %+v, %v", o.Visits, err)
		}

		f.lock(t, "kim")
		if o, err = f.Overview(ctx, "boss", "acme", "kim", 0); err != nil || o.Status != member.Locked || o.Locked.IsZero() || !o.Visits[0].Live {
			t.Errorf("locked: %v since %v, %v; a lock ends no session: %v", o.Status, o.Locked, err, o.Visits[0].Live)
		}
		if err := f.Delete(ctx, "boss", "acme", "kim", ""); err != nil {
			t.Fatal(err)
		}
		o, err = f.Overview(ctx, "boss", "acme", "kim", 0)
		if err != nil || o.Status != member.Deleted || !o.RestoreUntil.Equal(o.DeletedAt.Add(7*24*time.Hour)) {
			t.Errorf("deleted: %+v, %v", o, err)
		}
		for _, v := range o.Visits {
			if v.Live {
				t.Errorf("the session of a deleted member is shown as live: %+v", v)
			}
		}
	})
}

func TestWhoSeesAMember(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	for id, r := range map[member.ID]string{"deputy": directory.Deputy, "it": directory.ITAdmin, "hr": directory.HRAdmin} {
		f.adopt(t, id, r)
	}
	f.adopt(t, "kim")
	for _, row := range []struct {
		actor, id member.ID
		want      directory.Reason
	}{
		{"boss", "boss", ""}, {"boss", "kim", ""}, {"deputy", "hr", ""}, {"it", "kim", ""}, {"hr", "kim", ""},
		{"it", "hr", directory.TargetOutranks}, {"deputy", "boss", directory.TargetOutranks},
		{"kim", "kim", directory.MissingPermission}, {"kim", "nobody", directory.MissingPermission}, {"hr", "nobody", directory.UnknownMember},
	} {
		o, err := f.Overview(ctx, row.actor, "acme", row.id, 0)
		if reason(err) != row.want || (err == nil) != (o.ID != "") {
			t.Errorf("%s looks at %s: %v; want [%s]", row.actor, row.id, err, row.want)
		}
		if e := f.last(t); row.want != "" && (e.Kind != "member-looked-at" || e.Refused != string(row.want) || e.Actor != row.actor || e.Member != row.id) {
			t.Errorf("%s looks at %s: recorded is %+v", row.actor, row.id, e)
		}
		for _, err := range f.Visits(ctx, row.actor, "acme", row.id, 0) {
			if reason(err) != row.want {
				t.Errorf("%s looks at the visits of %s: %v; want [%s]", row.actor, row.id, err, row.want)
			}
		}
	}
}

// leaky is a store of sessions that answers with another member's visits.
type leaky struct{ *session.MemStore }

func (leaky) Visits(context.Context, session.TenantID, session.MemberID, time.Time) iter.Seq2[session.Visit, error] {
	return func(yield func(session.Visit, error) bool) {
		yield(session.Visit{Tenant: "globex", Member: "kim", Client: session.Web}, nil)
	}
}

// asked is a store of sessions that notes since when visits are asked for.
type asked struct {
	*session.MemStore
	since time.Time
}

func (a *asked) Visits(ctx context.Context, t session.TenantID, id session.MemberID, since time.Time) iter.Seq2[session.Visit, error] {
	a.since = since
	return a.MemStore.Visits(ctx, t, id, since)
}

func TestVisitsAreLiveAsTheMemberSays(t *testing.T) {
	ctx := t.Context()
	sessions := &asked{MemStore: session.NewMemStore()}
	alive := true
	f := newFixture(t, &directory.Options{Sessions: sessions, Prompt: -1, Alive: func(session.Session) bool { return alive }})
	f.adopt(t, "kim")
	live := func() string {
		t.Helper()
		text := ""
		for v, err := range f.Visits(ctx, "boss", "acme", "kim", session.AllClients) {
			if err != nil {
				t.Fatal(err)
			}
			if v.Live {
				text += v.Client.String() + " "
			}
		}
		if sessions.since.Before(time.Now().Add(-91*24*time.Hour)) || sessions.since.After(time.Now().Add(-89*24*time.Hour)) {
			t.Errorf("visits are asked for since %v", sessions.since)
		}
		return text
	}
	begin(t, f, sessions.MemStore, session.Session{Stamp: session.Stamp{Client: session.Mobile}})
	begin(t, f, sessions.MemStore, session.Session{})
	for _, row := range []struct {
		why  string
		do   func() error
		want string
	}{
		{"two logins", func() error { return nil }, "web mobile "},
		{"the tenant's record ends all", func() error { alive = false; return nil }, ""},
		{"it does not", func() error { alive = true; return nil }, "web mobile "},
		{"cut, and the store is not told yet", func() error { return f.BlockApps(ctx, "boss", "acme", "kim", "") }, "web "},
		{"opened again", func() error { return f.UnblockApps(ctx, "boss", "acme", "kim", "") }, "web "},
		{"suspended", func() error { return f.Suspend(ctx, "boss", "acme", "kim", "") }, ""},
		{"lifted", func() error { return f.Lift(ctx, "boss", "acme", "kim", "") }, ""},
	} {
		if err := row.do(); err != nil {
			t.Fatal(err)
		}
		if got := live(); got != row.want {
			t.Errorf("%s: live are %q; want %q", row.why, got, row.want)
		}
	}
}

func TestVisitsOfAnotherAreNotShown(t *testing.T) {
	f := newFixture(t, &directory.Options{Sessions: leaky{session.NewMemStore()}})
	f.adopt(t, "kim")
	if o, err := f.Overview(t.Context(), "boss", "acme", "kim", 0); err == nil {
		t.Errorf("shown: %+v", o)
	}
}

// TestAnOverviewIsBounded: who has very many visits is shown a page of them, and told so.
func TestAnOverviewIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions session.MemStore
		f := newFixture(t, &directory.Options{Sessions: &sessions})
		f.adopt(t, "kim")
		for i := range session.MaxPage + 2 {
			if n := i; n == session.MaxPage || n == session.MaxPage+1 {
				o, err := f.Overview(t.Context(), "boss", "acme", "kim", session.ClientsOf(session.Web))
				if want := min(n, session.MaxPage); err != nil || len(o.Visits) != want || o.More != (n > want) || o.Last.Client != session.Web {
					t.Errorf("of %d visits %d are shown, more: %v, the last by %v, %v", n, len(o.Visits), o.More, o.Last.Client, err)
				}
			}
			time.Sleep(time.Millisecond)
			begin(t, f, &sessions, session.Session{})
		}
	})
}
