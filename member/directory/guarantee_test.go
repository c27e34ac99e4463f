package directory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// check is what a host asks at each request of a session, as far as the member and the
// session tell.
func check(t *testing.T, f fixture, s *session.MemStore, id session.ID) bool {
	t.Helper()
	found, err := s.Find(t.Context(), "acme", id)
	if err != nil {
		return false
	}
	m, err := f.Member(t.Context(), found.Tenant, found.Member)
	if err != nil {
		return false
	}
	status := m.Status == member.Active || m.Status == member.OnLeave || m.Status == member.Locked
	return status && found.Live(time.Now()) && !m.Blocked.Has(found.Stamp.Client) && m.Cuts.Alive(found.Stamp.Client, found.Stamp.Member, m.Version)
}

// deaf is a host that refuses to be told anything.
func deaf() *directory.Options {
	return &directory.Options{Revoker: &hostCalls{reply: func(context.Context, session.Order) error { return errors.New("no") }}}
}

func TestGuarantee14NoSessionOutlivesAnAct(t *testing.T) {
	ctx := t.Context()
	for name, act := range map[string]func(f fixture) error{
		"suspended": func(f fixture) error { return f.Suspend(ctx, "boss", "acme", "kim", "") },
		"deleted":   func(f fixture) error { return f.Delete(ctx, "boss", "acme", "kim", "") },
		"password set": func(f fixture) error {
			return f.SetPassword(ctx, "boss", "acme", "kim", "", func(context.Context) error { return nil })
		},
		"password changed": func(f fixture) error {
			return f.ChangedPassword(ctx, "acme", "kim", session.Version{}, func(context.Context) error { return nil })
		},
		"role taken":   func(f fixture) error { return f.TakeRole(ctx, "boss", "acme", "kim", directory.HRAdmin, "") },
		"apps blocked": func(f fixture) error { return f.BlockApps(ctx, "boss", "acme", "kim", "") },
	} {
		f := newFixture(t, deaf()) // nothing ends in the store of sessions, and nobody is told
		var sessions session.MemStore
		f.adopt(t, "kim", directory.HRAdmin)
		before := begin(t, f, &sessions, session.Session{Stamp: session.Stamp{Client: session.Mobile}})
		stamp := f.account(t, "kim").Version
		if !check(t, f, &sessions, before) {
			t.Fatalf("%s: dead before the act", name)
		}
		if err := act(f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if check(t, f, &sessions, before) {
			t.Errorf("%s: a session from before lives", name)
		}
		// A login that read the member before the act, and was stored after it.
		late := begin(t, f, &sessions, session.Session{Stamp: session.Stamp{Client: session.Mobile}})
		found, _ := sessions.Find(ctx, "acme", late)
		found.ID, found.First, found.Stamp.Member = session.IDOf("late"), session.ID{}, stamp
		if err := sessions.Create(ctx, found); err != nil {
			t.Fatal(err)
		}
		if check(t, f, &sessions, found.ID) {
			t.Errorf("%s: a session that was issued late lives", name)
		}
	}
}

func TestGuarantee15ALoginAfterAnActLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var sessions session.MemStore
		f := newFixture(t, &directory.Options{Sessions: &sessions})
		f.adopt(t, "kim")
		for range 100 { // all in one instant
			if err := errors.Join(f.Suspend(ctx, "boss", "acme", "kim", ""), f.Lift(ctx, "boss", "acme", "kim", "")); err != nil {
				t.Fatal(err)
			}
			if id := begin(t, f, &sessions, session.Session{}); !check(t, f, &sessions, id) {
				t.Fatal("a login after the suspension was lifted is dead")
			}
		}
		id := begin(t, f, &sessions, session.Session{})
		for name, err := range map[string]error{
			"request": f.RequestPasswordChange(ctx, "boss", "acme", "kim", ""),
			"leave":   f.Do(ctx, directory.BeginLeave, "acme", "kim", directory.Facts{Actor: "boss"}),
			"role":    f.GiveRole(ctx, "boss", "acme", "kim", directory.Role{Name: directory.ITAdmin}, ""),
			"apps":    f.BlockApps(ctx, "boss", "acme", "kim", ""),
			"other":   f.EndSession(ctx, "boss", "acme", "kim", begin(t, f, &sessions, session.Session{}), ""),
		} {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for range 20 {
			f.Count(ctx, "acme", "kim", false)
		}
		if !check(t, f, &sessions, id) {
			t.Error("a session is ended by what ends none")
		}
		unstamped := session.Stamp{Client: session.Web}
		a := f.account(t, "kim")
		if a.Cuts.Alive(unstamped.Client, unstamped.Member, a.Version) {
			t.Error("the first cut does not end a session from before stamps")
		}
	})
}

func TestGuarantee16TheHighestCutCounts(t *testing.T) {
	ctx := t.Context()
	var sessions session.MemStore
	f := newFixture(t, &directory.Options{Sessions: &sessions})
	f.adopt(t, "kim")
	both := func() (mobile, web session.ID) {
		return begin(t, f, &sessions, session.Session{Stamp: session.Stamp{Client: session.Mobile}}), begin(t, f, &sessions, session.Session{})
	}
	mobile, web := both()
	if err := f.EndSession(ctx, "boss", "acme", "kim", web, ""); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, web) || !check(t, f, &sessions, mobile) {
		t.Error("ending one session ended the other, or not that one")
	}
	mobile, web = both()
	if err := f.BlockApps(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, mobile) || !check(t, f, &sessions, web) {
		t.Error("blocking the apps ended the browser, or not the app")
	}
	if err := f.UnblockApps(ctx, "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, mobile) {
		t.Error("opening the apps again revived a session")
	}
	mobile, web = both()
	if err := f.ChangedPassword(ctx, "acme", "kim", session.Version{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, mobile) || check(t, f, &sessions, web) {
		t.Error("a cut of all clients ended some only")
	}
}

func TestGuarantee17CutsNeverMoveBack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		// A walk of acts, of which every change is kept.
		a := made(t, "kim", toActive...)
		changes := []directory.Change{}
		first := a
		for range 12 {
			f := draw(r, noon.Add(time.Hour), &plain{})
			c, err := pick(r, walked...).Do(a, f)
			if err != nil || c.Account.Version == a.Version {
				continue
			}
			changes = append(changes, c)
			if a = c.Account; a.Purged {
				break
			}
		}
		// Replayed in any order, by anybody who claims to know the version.
		mem := directory.NewMemStore()
		f := fixture{mem: mem}
		d, _ := directory.New(mem, mem, nil)
		if err := d.Adopt(t.Context(), first, ""); err != nil {
			t.Fatal(err)
		}
		r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		for n, c := range changes {
			was := f.account(t, "kim")
			c = stamped(c)
			c.Event.ID = string(rune('a' + n))
			c.Expected = was.Version
			mem.Save(t.Context(), c)
			is := f.account(t, "kim")
			for client := range session.AllClients.All() {
				dead := !was.Cuts.Alive(client, first.Version, was.Version)
				if dead && is.Cuts.Alive(client, first.Version, is.Version) {
					t.Fatalf("a session of %v at %v was dead by %v and lives by %v", client, first.Version, was, is)
				}
			}
		}
	}

	ctx := t.Context()
	var sessions session.MemStore
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	id := begin(t, f, &sessions, session.Session{})
	if err := errors.Join(f.Delete(ctx, "boss", "acme", "kim", ""), f.Restore(ctx, "boss", "acme", "kim", "")); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, id) {
		t.Error("restoring a member revived a session")
	}
	id = begin(t, f, &sessions, session.Session{})
	if err := f.DrawLine(ctx, "acme", "kim", "restored from the backup of Monday"); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, id) {
		t.Error("a session of the lost time lives on the new line")
	}
}

func TestGuarantee18TheClientIsTheStamps(t *testing.T) {
	var sessions session.MemStore
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	id := begin(t, f, &sessions, session.Session{Stamp: session.Stamp{Client: session.Mobile}})
	_, next := session.NewToken()
	if err := sessions.Renew(t.Context(), "acme", id, next, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := f.BlockApps(t.Context(), "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if check(t, f, &sessions, next) {
		t.Error("a renewed session of an app lives after the apps were blocked")
	}
}

func TestGuarantee19AnActIsOneWrite(t *testing.T) {
	w, d := wrap(t, nil)
	var saved []directory.Change
	w.save = func(ctx context.Context, c directory.Change) error {
		saved = append(saved, c)
		return w.MemStore.Save(ctx, c)
	}
	if err := d.Suspend(t.Context(), "boss", "acme", "second", "why"); err != nil {
		t.Fatal(err)
	}
	if len(saved) != 1 {
		t.Fatalf("%d writes", len(saved))
	}
	c := saved[0]
	if !c.Guarded || c.Event.Kind != "member-suspended" || len(c.Orders) != 1 || c.Account.Status != member.Suspended {
		t.Errorf("the write has not all of it: %+v", c)
	}
}

func TestGuarantee21OneOfTwoActsOnOneVersionWins(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	var done, refused atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			switch err := f.Suspend(ctx, "boss", "acme", "kim", ""); {
			case err == nil:
				done.Add(1)
			case reason(err) == directory.WrongState:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || refused.Load() != 199 {
		t.Errorf("%d of 200 suspensions at once were done, %d refused", done.Load(), refused.Load())
	}
}

func TestGuarantee29NothingOfOneTenantAnswersForAnother(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, &directory.Options{Terms: paid})
	f.adopt(t, "kim")
	globex := directory.Account{Member: member.Member{Tenant: "globex", ID: "chief"}, Roles: []directory.Role{{Name: directory.SuperAdmin}}}
	if err := f.Adopt(ctx, globex, ""); err != nil {
		t.Fatal(err)
	}
	globex.ID, globex.Roles = "kim", nil
	if err := f.Adopt(ctx, globex, ""); err != nil {
		t.Fatal(err)
	}
	for _, t1 := range []struct {
		why    string
		tenant session.TenantID
		actor  member.ID
	}{{"the super admin of globex, in acme", "acme", "chief"}, {"the super admin of acme, in globex", "globex", "boss"}, {"in no tenant", "", "boss"}} {
		if err := f.Suspend(ctx, t1.actor, t1.tenant, "kim", ""); reason(err) != directory.UnknownActor {
			t.Errorf("%s: suspends: %v", t1.why, err)
		}
		if _, err := f.Overview(ctx, t1.actor, t1.tenant, "kim", 0); reason(err) != directory.UnknownActor {
			t.Errorf("%s: looks: %v", t1.why, err)
		}
		if _, err := f.Events(ctx, t1.actor, t1.tenant, session.EventQuery{}); reason(err) != directory.UnknownActor {
			t.Errorf("%s: reads events: %v", t1.why, err)
		}
		if _, err := f.List(ctx, t1.actor, t1.tenant, directory.Query{}); reason(err) != directory.UnknownActor {
			t.Errorf("%s: lists: %v", t1.why, err)
		}
	}
	if err := f.Suspend(ctx, "chief", "globex", "kim", ""); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		f.Count(ctx, "globex", "chief", false)
	}
	if status(t, f, "kim") != member.Active || status(t, f, "boss") != member.Active {
		t.Error("an act in globex has changed a member of acme")
	}
	events, err := f.Events(ctx, "boss", "acme", session.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Tenant != "acme" {
			t.Errorf("shown in acme: %+v", e)
		}
	}
	if o := waiting(t, f); len(o) != 0 {
		t.Errorf("waiting in acme: %+v", o)
	}
	// The last super admin of acme is the last, however many globex has.
	if err := f.Delete(ctx, "boss", "acme", "boss", ""); reason(err) != directory.LastSuperAdmin {
		t.Errorf("the last of acme is deleted: %v", err)
	}
}

func TestGuarantee30OnlyTheMemberRecordsWhereCodesGo(t *testing.T) {
	f := newFixture(t, nil)
	f.adopt(t, "kim")
	to := directory.Facts{Actor: "boss", Contacts: []directory.Contact{{Address: "boss@example.com"}}}
	if err := f.Do(t.Context(), directory.RecordContacts, "acme", "kim", to); reason(err) != directory.MissingPermission {
		t.Errorf("an administrator records a contact: %v", err)
	}
	to.Profile.Mail = "boss@example.com"
	if err := f.Do(t.Context(), directory.EditProfile, "acme", "kim", to); err != nil {
		t.Fatal(err)
	}
	if a := f.account(t, "kim"); a.Contacts != nil {
		t.Errorf("editing the profile recorded %v", a.Contacts)
	}
}

// TestGuarantee30AContactThatIsChangedMeanwhile: who has the password, and a session of the
// member, directs no code of a login that is under way to another contact, and ends the
// codes that went to the old one.
func TestGuarantee30AContactThatIsChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := newFixture(t, nil)
		f.adopt(t, "kim")
		v, err := verify.New(verify.NewMemStore(), verify.Domains(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		record := func(address string) {
			t.Helper()
			to := directory.Facts{Actor: "kim", Contacts: []directory.Contact{{Address: address, Recorded: time.Now().AddDate(-1, 0, 0)}}}
			if err := f.Do(ctx, directory.RecordContacts, "acme", "kim", to); err != nil {
				t.Fatal(err)
			}
		}
		// step is what a door does: it reads the member, and takes what is there.
		step := func() (b verify.Binding, to []verify.Contact) {
			a := f.account(t, "kim")
			to, err := f.Contacts(ctx, "acme", "kim")
			if err != nil {
				t.Fatal(err)
			}
			return verify.Binding{Tenant: a.Tenant, Member: a.ID, Client: session.Web, Policy: session.Version{Line: 7, Number: 1}, MemberVersion: a.Version}, to
		}
		record("old@example.com")
		time.Sleep(time.Hour)
		b, to := step()
		token, m, err := v.Begin(ctx, b, to)
		if err != nil || m.To.Address != "old@example.com" {
			t.Fatalf("%v, %v", m, err)
		}
		record("new@example.com")
		b, to = step()
		if _, m, err := v.Begin(ctx, b, to); !errors.Is(err, verify.ErrNoContact) {
			t.Errorf("a code goes to a contact of this instant, however old it is said to be: %v, %v", m, err)
		}
		if err := v.Complete(ctx, token, m.Code, b); !errors.Is(err, verify.ErrBinding) {
			t.Errorf("a code that went to the old contact: %v", err)
		}
		time.Sleep(time.Microsecond)
		b, to = step()
		if token, m, err = v.Begin(ctx, b, to); err != nil || m.To.Address != "new@example.com" {
			t.Fatalf("from then on: %v, %v", m, err)
		}
		if err := v.Complete(ctx, token, m.Code, b); err != nil {
			t.Error(err)
		}
	})
}

// A super admin of one tenant is nobody in another, nor is a member itself there whose ID
// is the same.
func TestGuarantee29NobodyActsInAnotherTenant(t *testing.T) {
	acting := made(t, "boss", append(toActive, step{directory.GiveRole, role(directory.SuperAdmin)})...)
	target := made(t, "kim", toActive...)
	itself := target
	itself.Tenant = "globex"
	for x := range directory.Acts() {
		for _, actor := range []directory.Account{acting, itself} {
			actor.Tenant = "globex"
			if err := x.Permit(actor, target); reason(err) != directory.UnknownActor {
				t.Errorf("%s of another tenant may %s: %v", actor.ID, x, err)
			}
		}
	}
}
