package directory_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// plain is a member as a person would note it on paper, without versions or cuts: a list
// of sessions, from which the ended ones are struck out.
type plain struct {
	exists, hasPassword, away, barred, deleted, forgotten bool
	deletedAt                                             time.Time
	mustChange, appsBlocked, generated                    bool
	login                                                 string
	allowed                                               map[session.Client]bool // nil: all
	external                                              map[string]bool
	roles                                                 map[string]directory.Permissions
	sessions                                              []*plainSession
}

type plainSession struct {
	session.Session
	struck bool
	ended  bool // by an order, on the side of the code
}

func (p *plain) status() member.Status {
	switch {
	case p.deleted || p.forgotten:
		return member.Deleted
	case p.barred:
		return member.Suspended
	case !p.hasPassword:
		return member.Pending
	case p.away:
		return member.OnLeave
	}
	return member.Active
}

func (p *plain) open(c session.Client) bool {
	app := c == session.Mobile || c == session.Desktop || c == session.Drive
	return !(app && p.appsBlocked) && (p.allowed == nil || p.allowed[c])
}

func (p *plain) strike(which func(session.Session) bool) {
	for _, s := range p.sessions {
		s.struck = s.struck || which(s.Session)
	}
}

func everySession(session.Session) bool { return true }

// do does an act on paper and reports whether it can be done.
func (p *plain) do(x directory.Act, f directory.Facts) bool {
	if (x == directory.Create) != !p.exists && !(x == directory.MakeAgain && p.exists) {
		return false
	}
	late := !f.At.Before(p.deletedAt.Add(7 * 24 * time.Hour))
	there := !p.deleted && !p.forgotten
	switch x {
	case directory.Create:
		*p = plain{exists: true, login: f.LoginID, generated: f.Generated, external: map[string]bool{}, roles: map[string]directory.Permissions{}, sessions: p.sessions}
		return true
	case directory.MakeAgain:
		if there || !p.forgotten && !late {
			return false
		}
		p.strike(everySession)
		*p = plain{exists: true, login: f.LoginID, generated: f.Generated, external: map[string]bool{}, roles: map[string]directory.Permissions{}, sessions: p.sessions}
		return true
	case directory.Restore:
		if there || p.forgotten || late {
			return false
		}
		p.deleted = false
		return true
	case directory.Purge:
		if there || p.forgotten || !late {
			return false
		}
		*p = plain{exists: true, forgotten: true, deleted: true, deletedAt: p.deletedAt, sessions: p.sessions}
		p.strike(everySession)
		return true
	case directory.DrawLine:
		p.strike(everySession)
		return true
	case directory.WipeApp, directory.ResetDevice:
		if p.forgotten || f.Device == "" {
			return false
		}
		p.strike(func(s session.Session) bool { return s.Device == f.Device })
		return true
	}
	if !there {
		return false
	}
	switch x {
	case directory.Suspend:
		if p.barred {
			return false
		}
		p.barred, p.away = true, false
		p.strike(everySession)
	case directory.Lift:
		if !p.barred {
			return false
		}
		p.barred = false
	case directory.BlockApps, directory.UnblockApps:
		block := x == directory.BlockApps
		if p.appsBlocked == block {
			return false
		}
		p.appsBlocked = block
		if block {
			p.strike(func(s session.Session) bool { return session.Apps.Has(s.Stamp.Client) })
		}
	case directory.SetPassword:
		p.hasPassword = true
		p.strike(everySession)
	case directory.ChangePassword:
		if p.barred {
			return false
		}
		p.hasPassword, p.mustChange = true, false
		p.strike(everySession)
	case directory.RequestPasswordChange:
		if !p.hasPassword || p.mustChange {
			return false
		}
		p.mustChange = true
	case directory.ChangeLoginID:
		if !p.generated || f.LoginID == "" || f.LoginID == p.login {
			return false
		}
		p.generated, p.login = false, f.LoginID
		p.strike(everySession)
	case directory.Link:
		if f.External == "" || p.external[f.External] {
			return false
		}
		p.external[f.External] = true
	case directory.Unlink:
		if !p.external[f.External] {
			return false
		}
		delete(p.external, f.External)
		p.strike(func(s session.Session) bool { return s.Via == f.External })
	case directory.EndSession:
		if f.Session.IsZero() {
			return false
		}
		p.strike(func(s session.Session) bool { return s.ID == f.Session })
	case directory.Delete:
		p.deleted, p.deletedAt = true, f.At
		p.strike(everySession)
	case directory.AllowClients:
		allowed := map[session.Client]bool{}
		for c := range f.Clients.All() {
			allowed[c] = true
		}
		same := true
		for c := range session.AllClients.All() {
			same = same && allowed[c] == (p.allowed == nil || p.allowed[c])
		}
		if same || len(allowed) == 0 {
			return false
		}
		p.allowed = allowed
		p.strike(func(s session.Session) bool { return !allowed[s.Stamp.Client] })
	case directory.GiveRole:
		had, ok := p.roles[f.Role.Name]
		if ok && had == f.Role.Permits() {
			return false
		}
		p.roles[f.Role.Name] = f.Role.Permits()
		if had&^f.Role.Permits() != 0 {
			p.strike(everySession)
		}
	case directory.TakeRole:
		if _, ok := p.roles[f.Role.Name]; !ok {
			return false
		}
		delete(p.roles, f.Role.Name)
		p.strike(everySession)
	case directory.BeginLeave, directory.EndLeave:
		begin := x == directory.BeginLeave
		if p.barred || !p.hasPassword || p.away == begin {
			return false
		}
		p.away = begin
	case directory.Unlock:
		return !p.barred && p.hasPassword
	default:
		return false
	}
	return true
}

var walked = []directory.Act{
	directory.Suspend, directory.Lift, directory.BlockApps, directory.UnblockApps, directory.SetPassword, directory.RequestPasswordChange,
	directory.ChangeLoginID, directory.Unlink, directory.EndSession, directory.WipeApp, directory.ResetDevice, directory.Delete, directory.Restore,
	directory.Unlock, directory.AllowClients, directory.GiveRole, directory.TakeRole, directory.BeginLeave, directory.EndLeave, directory.Create,
	directory.MakeAgain, directory.ChangePassword, directory.Link, directory.Purge, directory.DrawLine,
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// draw draws the facts of an act.
func draw(r *rand.Rand, at time.Time, p *plain) directory.Facts {
	f := directory.Facts{
		At: at, Actor: "boss", LoginID: pick(r, "", "a", "b", "c"), External: pick(r, "", "google:1", "apple:2", "g:3"),
		Device: pick(r, "", "phone", "tablet"), Line: session.NewLine(),
		Clients: pick(r, 0, session.AllClients, session.Apps, session.Mail, session.ClientsOf(session.Web), session.AllClients&^session.Mail),
		Role: pick(r, directory.Role{Name: directory.SuperAdmin}, directory.Role{Name: directory.HRAdmin}, directory.Role{Name: "x", Permissions: directory.Help},
			directory.Role{Name: "x", Permissions: directory.Help | directory.Audit}),
	}
	f.Generated = f.LoginID != "" && r.IntN(2) == 0
	if len(p.sessions) > 0 && r.IntN(3) > 0 {
		f.Session = pick(r, p.sessions...).ID
	}
	return f
}

// TestAMillionRandomActs walks the state machine beside the plain member, with logins
// between the acts, and compares state and sessions after each act.
func TestAMillionRandomActs(t *testing.T) {
	acts := 1_000_000
	if testing.Short() {
		acts = 20_000
	}
	r := rand.New(rand.NewPCG(1, 2))
	done := map[directory.Act]int{}
	var a directory.Account
	var p plain
	at := noon
	for n := range acts {
		if n%500 == 0 { // another member, so that short lives are walked as well
			a = directory.Account{Member: member.Member{Tenant: "acme", ID: "kim"}}
			p = plain{}
		}
		at = at.Add(time.Duration(r.IntN(48)) * time.Hour)
		logIn(r, a, &p, n)
		x := pick(r, walked...)
		if x == directory.DrawLine && r.IntN(20) > 0 {
			x = directory.SetPassword
		}
		f := draw(r, at, &p)
		c, err := x.Do(a, f)
		if could := p.do(x, f); could != (err == nil) {
			t.Fatalf("act %d, %s by %+v: %v; on paper it can be done: %v\n%s", n, x, f, err, could, text(t, a))
		}
		if err != nil {
			if reason(err) == "" {
				t.Fatalf("act %d, %s: %v, which is no refusal", n, x, err)
			}
			continue
		}
		done[x]++
		if x == directory.Unlock {
			continue
		}
		if err := stamped(c).Follows(a); a.Version != (session.Version{}) && err != nil {
			t.Fatalf("act %d, %s: %v", n, x, err)
		}
		a = c.Account
		for _, s := range p.sessions {
			for _, o := range c.Orders {
				s.ended = s.ended || o.Ends(s.Session)
			}
		}
		compare(t, n, x, a, &p)
	}
	for _, x := range walked {
		if done[x] < acts/2000 {
			t.Errorf("%s was done %d times of %d", x, done[x], acts)
		}
	}
}

func stamped(c directory.Change) directory.Change {
	c.Event.ID = "e"
	for i := range c.Orders {
		c.Orders[i].ID = "o"
	}
	return c
}

// logIn begins a session if the member can log in, and forgets the oldest of many.
func logIn(r *rand.Rand, a directory.Account, p *plain, n int) {
	if !p.exists || p.status() != member.Active && p.status() != member.OnLeave || r.IntN(2) == 0 {
		return
	}
	c := pick(r, session.Web, session.Desktop, session.Mobile, session.Drive, session.IMAP, session.API, session.FirstCustom)
	if !p.open(c) {
		return
	}
	var id session.ID
	id[0], id[1], id[2], id[3] = 1, byte(n), byte(n>>8), byte(n>>16)
	p.sessions = append(p.sessions, &plainSession{Session: session.Session{
		ID: id, Tenant: "acme", Member: "kim", Device: pick(r, "", "phone", "tablet"), Via: pick(r, "", "google:1", "apple:2"),
		Stamp: session.Stamp{Client: c, Member: a.Version},
	}})
	if len(p.sessions) > 12 {
		p.sessions = slices.Delete(p.sessions, 0, 1)
	}
}

func compare(t *testing.T, n int, x directory.Act, a directory.Account, p *plain) {
	t.Helper()
	if a.Status != p.status() || a.MustChangePassword != p.mustChange || a.LoginID != p.login || a.Super != (p.roles[directory.SuperAdmin] != 0) ||
		len(a.External) != len(p.external) || len(a.Roles) != len(p.roles) {
		t.Fatalf("after act %d, %s: %+v\non paper %+v", n, x, a, p)
	}
	for c := range session.AllClients.All() {
		if a.Blocked.Has(c) == p.open(c) {
			t.Fatalf("after act %d, %s: %v is blocked: %v", n, x, c, a.Blocked.Has(c))
		}
	}
	for _, s := range p.sessions {
		live := !s.ended && a.Cuts.Alive(s.Stamp.Client, s.Stamp.Member, a.Version)
		if live == s.struck {
			t.Fatalf("after act %d, %s: a session of %v at %v (device %q, via %q) lives: %v; the member is at %v with cuts %v",
				n, x, s.Stamp.Client, s.Stamp.Member, s.Device, s.Via, live, a.Version, a.Cuts)
		}
	}
}
