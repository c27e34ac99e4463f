package sessiontest

import (
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// The proofs of what becomes of one session: it is used, renewed and ended.

var touching = []proof{
	{"touch/sets", false, []string{
		"Touch sets Seen, and Addr and Country if addr is valid, of a session that is live at the instant.",
	}, func(t *trial) {
		s := t.full()
		t.create(s)
		s.Seen, s.Addr, s.Country = t.at(10*time.Minute), seoul, korea
		t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, s.Seen, seoul, korea), "Touch")
		t.kept(s, "after Touch")
		s.Seen, s.Country = t.at(20*time.Minute), geo.Country{}
		t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, s.Seen, seoul, geo.Country{}), "Touch, country unknown")
		t.kept(s, "after Touch from an address of no country")
		s.Seen = t.at(30 * time.Minute)
		t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, s.Seen, nobody, japan), "Touch without an address")
		t.kept(s, "after Touch without an address")
	}},
	{"touch/never-back", false, []string{
		"Seen never moves back; a touch that comes late may leave Addr and Country too.",
	}, func(t *trial) {
		s := t.created(func(s *session.Session) { s.Idle = time.Hour })
		s.Seen = t.at(20 * time.Minute)
		t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, s.Seen, seoul, korea), "Touch")
		t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, t.at(10*time.Minute), seoul, korea), "a touch that comes late")
		t.kept(s, "after a touch that comes late")
	}},
	{"touch/ended", false, []string{
		"One that has ended, by anybody or by its limits, is ErrEnded; none is ErrNotFound; neither is made live.",
	}, func(t *trial) {
		touch := func(s session.Session, at time.Time) error {
			return t.store.Touch(t.ctx, s.Tenant, s.ID, at, tokyo, japan)
		}
		t.refusesTheEnded("Touch", touch)
		s := t.session()
		t.is(touch(s, t.at(0)), session.ErrNotFound, "Touch of no session")
		t.missing(s.Tenant, s.ID, "after Touch of no session")
		t.listed(tenant, session.Query{Device: s.Device, LiveAt: t.at(24 * time.Hour)}, nil, "live, after touches of ended ones")
	}},
	{"touch/idle-begins-anew", false, []string{
		"Touch sets Seen, and Addr and Country if addr is valid, of a session that is live at the instant.",
	}, func(t *trial) {
		s := t.created(func(s *session.Session) { s.Idle, s.Life = time.Hour, 150*time.Minute })
		for _, m := range []time.Duration{59, 118, 149} {
			t.ok(t.store.Touch(t.ctx, s.Tenant, s.ID, t.at(m*time.Minute), nobody, geo.Country{}), "Touch of a session that is in use")
		}
		t.is(t.store.Touch(t.ctx, s.Tenant, s.ID, t.at(150*time.Minute), nobody, geo.Country{}), session.ErrEnded, "Touch at the end of its life")
	}},
}

// refusesTheEnded checks that a method refuses sessions that are not live, and no others.
func (t *trial) refusesTheEnded(method string, call func(session.Session, time.Time) error) {
	t.Helper()
	limited := func(s *session.Session) { s.Idle, s.Life = time.Hour, 2*time.Hour }
	for _, row := range []struct {
		why    string
		change func(*session.Session)
		end    time.Duration // 0: nobody ends it
		at     time.Duration
		live   bool
	}{
		{"just before it was idle for too long", limited, 0, time.Hour - time.Microsecond, true},
		{"at the instant at which it was idle for too long", limited, 0, time.Hour, false},
		{"long after", limited, 0, 100 * time.Hour, false},
		{"just before its life ends", func(s *session.Session) { s.Life = time.Hour }, 0, time.Hour - time.Microsecond, true},
		{"at the end of its life", func(s *session.Session) { s.Life = time.Hour }, 0, time.Hour, false},
		{"at the end of its life, though it was just used", func(s *session.Session) {
			limited(s)
			s.Seen = t.at(2*time.Hour - time.Microsecond)
		}, 0, 2 * time.Hour, false},
		{"without a limit, after a year", nil, 0, 365 * 24 * time.Hour, true},
		{"at the instant of its end", nil, time.Minute, time.Minute, false},
		{"after its end", nil, time.Minute, time.Hour, false},
		{"just before its end, which somebody else has written already", nil, time.Minute, time.Minute - time.Microsecond, false},
		{"ended by a clock that is an hour ahead", nil, time.Hour, time.Minute, false},
	} {
		s := t.created(row.change)
		if row.end != 0 {
			t.end(&s, t.at(row.end), "signed out")
		}
		err := call(s, t.at(row.at))
		if row.live {
			t.ok(err, method+", "+row.why)
			continue
		}
		t.is(err, session.ErrEnded, method+", "+row.why)
		t.kept(s, "after "+method+", "+row.why)
		if t.find(s).Live(t.at(row.at)) {
			t.Errorf("%s, %s: the session lives", method, row.why)
		}
	}
	t.endAll(tenant)
}

// endAll ends what a proof has left live.
func (t *trial) endAll(of session.TenantID) {
	t.Helper()
	o := session.Order{Kind: session.SignOut, Tenant: of, Clients: session.AllClients}
	if _, err := t.store.EndAll(t.ctx, o, t.at(0)); err != nil {
		t.Fatalf("EndAll: %v", err)
	}
}

var renewing = []proof{
	{"renew/another-id", false, []string{
		"Renew gives a session that is live at the instant another ID, in one step: the old one is not found afterwards.",
		"Everything else stays, First, stamp and limits too, but for Seen, which becomes at unless that is before it.",
	}, func(t *trial) {
		s := t.full()
		t.create(s)
		for _, d := range []time.Duration{10 * time.Minute, 20 * time.Minute} {
			old := s.ID
			_, s.ID = session.NewToken()
			s.Seen = t.at(d)
			t.ok(t.store.Renew(t.ctx, tenant, old, s.ID, s.Seen), "Renew")
			t.missing(tenant, old, "after Renew, under the old ID")
			t.kept(s, "after Renew")
			for _, q := range []session.Query{{}, {Member: s.Member}, {Device: s.Device}, {Member: s.Member, Device: s.Device, Clients: session.ClientsOf(s.Stamp.Client)}} {
				t.listed(tenant, q, []session.Session{s}, "after Renew")
			}
			t.is(t.store.Touch(t.ctx, tenant, old, s.Seen, nobody, geo.Country{}), session.ErrNotFound, "Touch under the old ID")
			if old != s.First {
				t.is(t.store.End(t.ctx, tenant, old, s.Seen, "x"), session.ErrNotFound, "End under an old ID that is not the first")
			}
			_, next := session.NewToken()
			t.is(t.store.Renew(t.ctx, tenant, old, next, s.Seen), session.ErrNotFound, "Renew under the old ID")
			t.missing(tenant, next, "after Renew under the old ID")
		}
		old := s.ID
		_, s.ID = session.NewToken()
		t.ok(t.store.Renew(t.ctx, tenant, old, s.ID, t.at(15*time.Minute)), "Renew that comes late")
		t.kept(s, "after Renew that comes late")
		t.end(&s, t.at(time.Hour), "signed out")
		t.kept(s, "after End of a renewed session")
	}},
	{"renew/errors", false, []string{
		"Errors are those of Touch, and ErrExists if next is in use, as its own is, or a session began with it, as this one may have.",
		"The zero ID is refused.",
	}, func(t *trial) {
		var tried []session.ID
		t.refusesTheEnded("Renew", func(s session.Session, at time.Time) error {
			_, next := session.NewToken()
			err := t.store.Renew(t.ctx, s.Tenant, s.ID, next, at)
			if err != nil {
				tried = append(tried, next)
			}
			return err
		})
		for _, next := range tried {
			t.missing(tenant, next, "after a refused Renew")
		}
		_, next := session.NewToken()
		t.is(t.store.Renew(t.ctx, tenant, t.session().ID, next, t.at(0)), session.ErrNotFound, "Renew of no session")
		t.missing(tenant, next, "after Renew of no session")

		s := t.created(nil)
		ended := t.created(nil)
		t.end(&ended, t.at(time.Minute), "signed out")
		for why, other := range map[string]session.Session{
			"a live one has":          t.full(),
			"one of another tenant":   {},
			"an ended one has":        ended,
			"the session itself has ": s,
		} {
			switch {
			case other.ID.IsZero():
				other = t.created(func(s *session.Session) { s.Tenant = stranger })
			case other.ID != ended.ID && other.ID != s.ID:
				t.create(other)
			}
			t.is(t.store.Renew(t.ctx, tenant, s.ID, other.ID, t.at(time.Minute)), session.ErrExists, "Renew to an ID that "+why)
			t.kept(s, "after a refused Renew")
			t.kept(other, "after a refused Renew to its ID")
		}
		renewed := t.created(nil)
		_, renewed.ID = session.NewToken()
		t.ok(t.store.Renew(t.ctx, tenant, renewed.First, renewed.ID, t.at(0)), "Renew")
		for _, by := range []session.Session{s, renewed} {
			t.is(t.store.Renew(t.ctx, tenant, by.ID, renewed.First, t.at(0)), session.ErrExists, "Renew to an ID with which a session began")
			t.kept(by, "after a refused Renew")
			t.missing(tenant, renewed.First, "of an ID that was renewed away")
		}
		if err := t.store.Renew(t.ctx, tenant, s.ID, session.ID{}, t.at(time.Minute)); err == nil {
			t.Errorf("Renew takes the zero ID")
		}
		t.kept(s, "after Renew to the zero ID")
		t.missing(tenant, session.ID{}, "of the zero ID")
	}},
}

var ending = []proof{
	{"end/stays-ended", false, []string{
		"A session that was ended stays, with when and why, until it is purged; nothing revives it.",
		"End ends one session, which has that ID or began with it:",
		"One that somebody has ended keeps its first end and reason, and that is no error; none is ErrNotFound.",
	}, func(t *trial) {
		bystander := t.created(nil)
		s := t.created(func(s *session.Session) { s.Member = "lee" })
		t.end(&s, t.at(time.Minute), "suspended: \"x\"\n; --")
		t.kept(s, "after End")
		for _, d := range []time.Duration{0, time.Minute, time.Hour} { // earlier ones too
			t.ok(t.store.End(t.ctx, tenant, s.ID, t.at(d), "again"), "a second End")
			t.kept(s, "after a second End")
		}
		_, next := session.NewToken()
		t.is(t.store.Touch(t.ctx, tenant, s.ID, t.at(2*time.Minute), tokyo, japan), session.ErrEnded, "Touch after End")
		t.is(t.store.Renew(t.ctx, tenant, s.ID, next, t.at(2*time.Minute)), session.ErrEnded, "Renew after End")
		again := t.session()
		again.ID, again.First = s.ID, s.ID
		t.is(t.store.Create(t.ctx, again), session.ErrExists, "Create after End")
		o := session.Order{Kind: session.SignOut, Tenant: tenant, Member: "lee", Clients: session.AllClients}
		if n, err := t.store.EndAll(t.ctx, o, t.at(3*time.Minute)); n != 0 || err != nil {
			t.Errorf("EndAll of a session that has ended: %d, %v; want 0", n, err)
		}
		if _, err := t.store.Purge(t.ctx, t.at(time.Minute), 10); err != nil {
			t.Errorf("Purge: %v", err)
		}
		t.kept(s, "after Touch, Renew, Create, EndAll and an early Purge")
		t.listed(tenant, session.Query{Member: "lee"}, []session.Session{s}, "of a member whose session has ended")
		t.listed(tenant, session.Query{Member: "lee", LiveAt: t.at(24 * time.Hour)}, nil, "live, of a member whose session has ended")
		t.kept(bystander, "after the end of another")
		t.is(t.store.End(t.ctx, tenant, t.session().ID, t.at(0), "x"), session.ErrNotFound, "End of no session")
		for i, name := range []func(session.Session) session.ID{
			func(s session.Session) session.ID { return s.First }, func(s session.Session) session.ID { return s.ID },
		} {
			renewed := t.created(nil)
			for range 2 {
				id := renewed.ID
				_, renewed.ID = session.NewToken()
				t.ok(t.store.Renew(t.ctx, tenant, id, renewed.ID, t.at(0)), "Renew")
			}
			t.is(t.store.End(t.ctx, stranger, name(renewed), t.at(0), "x"), session.ErrNotFound, "End in another tenant")
			t.kept(renewed, "after End in another tenant")
			t.ok(t.store.End(t.ctx, tenant, name(renewed), t.at(time.Minute), "lost"), "End of a renewed session")
			renewed.Ended, renewed.Why = t.at(time.Minute), "lost"
			t.kept(renewed, []string{"after End by its First", "after End by its ID"}[i])
			t.missing(tenant, renewed.First, "under its first ID, after End")
		}
		without := t.created(nil)
		t.end(&without, t.at(time.Minute), "")
		t.kept(without, "after End without a reason")
	}},
	{"end/past-its-limits", false, []string{
		"One that is past its limits is ended too, since by another clock it may not be.",
	}, func(t *trial) {
		s := t.created(func(s *session.Session) { s.Idle = time.Minute })
		t.end(&s, t.at(time.Hour), "signed out")
		t.kept(s, "after End of a session that was idle for too long")
		t.is(t.store.Touch(t.ctx, tenant, s.ID, t.at(30*time.Second), nobody, geo.Country{}), session.ErrEnded, "Touch by a clock that is behind")
	}},
}
