package sessiontest

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// The proofs of how sessions come in and are found.

const instants = "Instants are given by the caller and kept to the microsecond at least, without monotonic reading."

var creating = []proof{
	{"create/keeps-it", false, []string{
		"Create stores a session that has not ended, with its ID as First.",
		"Find returns a session by its ID of now, ended ones too; ErrNotFound if there is none.",
		instants,
	}, func(t *trial) {
		s := t.full()
		s.First = session.ID{}
		t.create(s)
		s.First = s.ID
		t.kept(s, "after Create")
		if found := t.find(s); found.Created != found.Created.Round(0) || found.Seen != found.Seen.Round(0) || !found.Ended.IsZero() {
			t.Errorf("Find returns instants with a monotonic reading, or an end: %v, %v, %v", found.Created, found.Seen, found.Ended)
		}
		_, id := session.NewToken()
		t.missing(tenant, id, "of an ID that was never used")
	}},
	{"create/zero-values", false, []string{"Create stores a session that has not ended,"}, func(t *trial) {
		s := t.created(func(s *session.Session) {
			s.Stamp = session.Stamp{Client: session.Web}
			s.Addr, s.Country, s.Device, s.System = nobody, geo.Country{}, "", ""
		})
		t.kept(s, "after Create of a session with little in it")
	}},
	{"create/every-kind-and-client", false, []string{"Create stores a session that has not ended,"}, func(t *trial) {
		for c := range session.AllClients.All() {
			t.kept(t.created(func(s *session.Session) { s.Stamp.Client = c }), "after Create")
		}
		kinds := 0
		for k := session.Login; k.Known(); k++ {
			t.kept(t.created(func(s *session.Session) { s.Kind = k }), "after Create")
			kinds++
		}
		if kinds != 5 {
			t.Errorf("%d kinds", kinds)
		}
	}},
	{"create/instants-are-the-callers", false, []string{instants}, func(t *trial) {
		for _, d := range []time.Duration{-80 * 24 * time.Hour, 0, 3 * time.Hour} {
			s := t.created(func(s *session.Session) {
				s.Created, s.Seen = t.at(d+time.Microsecond).In(time.FixedZone("", 9*3600)), t.at(d+time.Minute)
				s.Idle, s.Life = time.Hour, 2*time.Hour
			})
			t.kept(s, "after Create")
			t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, t.at(d+time.Minute+time.Hour-time.Microsecond), nobody, geo.Country{}), "Touch before the limit, by the caller's instants")
		}
	}},
	{"create/no-limit-moves-on", false, []string{
		instants,
		"One that has ended, by anybody or by its limits, is ErrEnded; none is ErrNotFound; neither is made live.",
	}, func(t *trial) {
		// Whatever a store makes of less than a microsecond, a limit is not passed over.
		for _, ns := range []time.Duration{1, 499, 500, 501, 999} {
			for _, row := range []struct {
				idle, life time.Duration
				begun      time.Duration // from which the limit counts
				touch      bool
			}{
				{idle: time.Hour, begun: ns}, {life: time.Hour, begun: ns}, {idle: time.Hour, begun: 30*time.Minute + ns, touch: true},
			} {
				s := t.created(func(s *session.Session) {
					s.Created, s.Seen, s.Idle, s.Life = t.at(ns), t.at(ns), row.idle, row.life
				})
				if row.touch {
					t.ok(t.store.Touch(t.ctx, tenant, s.ID, t.at(row.begun), nobody, geo.Country{}), "Touch")
				}
				_, next := session.NewToken()
				limit := t.at(row.begun + time.Hour)
				if t.find(s).Live(limit) {
					t.Errorf("%v after a microsecond, idle %v, life %v: live at its limit", ns, row.idle, row.life)
				}
				t.is(t.store.Touch(t.ctx, tenant, s.ID, limit, nobody, geo.Country{}), session.ErrEnded, "Touch at the limit, to the nanosecond")
				t.is(t.store.Renew(t.ctx, tenant, s.ID, next, limit), session.ErrEnded, "Renew at the limit, to the nanosecond")
				t.listed(tenant, session.Query{LiveAt: limit}, nil, "live at the limit, to the nanosecond")
				t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, limit.Add(-2*time.Microsecond)), "Renew just before the limit")
				t.endAll(tenant)
			}
		}
	}},
	{"create/never-twice", false, []string{
		"If there is one that has that ID or began with it, live or ended, in any tenant, the error is ErrExists and nothing was changed.",
	}, func(t *trial) {
		for _, ended := range []bool{false, true} {
			s := t.created(nil)
			if ended {
				t.end(&s, t.at(time.Minute), "signed out")
			}
			for _, of := range []session.TenantID{tenant, stranger} {
				again := t.full()
				again.ID, again.First, again.Tenant = s.ID, s.ID, of
				t.is(t.store.Create(t.ctx, again), session.ErrExists, "Create of an ID that is there")
				t.kept(s, "after a second Create")
				t.missing(stranger, s.ID, "after a second Create in another tenant")
			}
			if v, ok := t.store.(session.Visitor); ok {
				n := 0
				for _, err := range v.Visits(t.ctx, stranger, "", time.Time{}) {
					n++
					t.ok(err, "Visits")
				}
				if n != 0 {
					t.Errorf("a refused Create left %d visits", n)
				}
			}
			if n := len(t.list(stranger, session.Query{})); n != 0 {
				t.Errorf("a refused Create left %d sessions in a list", n)
			}
		}
		if n := len(t.list(tenant, session.Query{})); n != 2 {
			t.Errorf("%d sessions are listed; two were created", n)
		}
		renewed := t.created(nil)
		_, renewed.ID = session.NewToken()
		t.ok(t.store.Renew(t.ctx, tenant, renewed.First, renewed.ID, t.at(0)), "Renew")
		for _, id := range []session.ID{renewed.First, renewed.ID} {
			again := t.full()
			again.ID, again.First, again.Tenant = id, id, stranger
			t.is(t.store.Create(t.ctx, again), session.ErrExists, "Create of an ID that a renewed session has or began with")
			t.kept(renewed, "after a second Create")
		}
	}},
	{"create/refuses", false, []string{"What Session.Err refuses is refused."}, func(t *trial) {
		for why, change := range map[string]func(*session.Session){
			"no ID":              func(s *session.Session) { s.ID = session.ID{} },
			"another First":      func(s *session.Session) { s.First[0]++ },
			"no tenant":          func(s *session.Session) { s.Tenant = "" },
			"no member":          func(s *session.Session) { s.Member = "" },
			"an unknown client":  func(s *session.Session) { s.Stamp.Client = session.UnknownClient },
			"no such kind":       func(s *session.Session) { s.Kind = 77 },
			"a negative limit":   func(s *session.Session) { s.Idle = -1 },
			"ended":              func(s *session.Session) { s.Ended = s.Seen },
			"created never":      func(s *session.Session) { s.Created = time.Time{} },
			"a number too high":  func(s *session.Session) { s.Stamp.Policy.Number = session.MaxNumber + 1 },
			"text without bound": func(s *session.Session) { s.System = strings.Repeat("x", 5000) },
		} {
			s := t.session()
			change(&s)
			if s.Err() == nil {
				t.Errorf("Session.Err takes a session with %s", why)
			}
			if t.store.Create(t.ctx, s) == nil {
				t.Errorf("Create takes a session with %s", why)
			}
			t.missing(s.Tenant, s.ID, "after a refused Create")
		}
	}},
}

var finding = []proof{
	{"find/last-write", false, []string{
		"It returns the last acknowledged write: a replica that lags would let ended sessions in.",
	}, func(t *trial) {
		for i := range 20 {
			s := t.created(nil)
			t.kept(s, "at once after Create")
			s.Seen = t.at(time.Duration(i+1) * time.Minute)
			t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, s.Seen, nobody, geo.Country{}), "Touch")
			t.kept(s, "at once after Touch")
			_, next := session.NewToken()
			t.ok(t.store.Renew(t.ctx, s.Tenant, s.ID, next, s.Seen), "Renew")
			t.missing(s.Tenant, s.ID, "at once after Renew")
			s.ID = next
			t.kept(s, "at once after Renew")
			t.end(&s, t.at(time.Hour), "signed out")
			t.kept(s, "at once after End")
		}
	}},
	{"tenants-are-apart", false, []string{
		"Every method names the tenant, and a session of another tenant is not found.",
	}, func(t *trial) {
		s := t.created(nil)
		theirs := t.created(func(s *session.Session) { s.Tenant = stranger }) // the same member and device
		later := t.at(time.Minute)
		_, next := session.NewToken()
		t.missing(stranger, s.ID, "in another tenant")
		t.is(t.store.Touch(t.ctx, stranger, s.ID, later, tokyo, japan), session.ErrNotFound, "Touch in another tenant")
		t.is(t.store.Renew(t.ctx, stranger, s.ID, next, later), session.ErrNotFound, "Renew in another tenant")
		t.is(t.store.End(t.ctx, stranger, s.ID, later, "x"), session.ErrNotFound, "End in another tenant")
		for _, of := range []session.TenantID{"", "acm", "ACME", "acme ", "globex:acme"} {
			t.missing(of, s.ID, "in another tenant")
			t.listed(of, session.Query{}, nil, "of another tenant")
		}
		t.kept(s, "after calls of another tenant")
		t.listed(tenant, session.Query{}, []session.Session{s}, "of the tenant")
		t.listed(stranger, session.Query{}, []session.Session{theirs}, "of the other tenant")
		t.listed(tenant, session.Query{Member: "kim", Device: "laptop"}, []session.Session{s}, "of a member that two tenants have")
		o := session.Order{Kind: session.SignOut, Tenant: tenant, Clients: session.AllClients, Member: "kim", Device: "laptop"}
		if n, err := t.store.EndAll(t.ctx, o, later); n != 1 || err != nil {
			t.Errorf("EndAll of one tenant ended %d sessions, %v; want 1", n, err)
		}
		t.kept(theirs, "after EndAll of another tenant")
	}},
}
