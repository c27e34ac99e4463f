package sessiontest

import (
	"errors"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// The proofs of session.Visitor.

// visitOf returns the visit with which a session begins.
func visitOf(s session.Session) session.Visit {
	return session.Visit{
		Tenant: s.Tenant, Member: s.Member, Session: s.First, Client: s.Stamp.Client, Addr: s.Addr, Country: s.Country,
		Device: s.Device, System: s.System, Verified: s.Stamp.Verified, At: s.Created,
	}
}

// visited checks which visits the store keeps.
func (t *trial) visited(of session.TenantID, m session.MemberID, since time.Time, want []session.Visit, what string) {
	t.Helper()
	var got []session.Visit
	for v, err := range t.store.(session.Visitor).Visits(t.ctx, of, m, since) {
		if err != nil {
			t.Fatalf("%s: Visits: %v", what, err)
		}
		if v.At != v.At.Round(0) {
			t.Errorf("%s: Visits yields an instant with a monotonic reading", what)
		}
		v.At = v.At.UTC().Truncate(time.Microsecond)
		got = append(got, v)
	}
	for i := 1; i < len(got); i++ {
		if got[i].At.After(got[i-1].At) {
			t.Errorf("%s: visit %d is newer than the one before it", what, i)
		}
	}
	byTime := func(a, b session.Visit) int { return newest(placed(a), placed(b)) }
	slices.SortFunc(got, byTime)
	want = slices.SortedFunc(slices.Values(want), byTime)
	if !slices.Equal(got, want) {
		t.Errorf("%s: Visits yields\n\t%+v\nwant\n\t%+v", what, got, want)
	}
}

func placed(v session.Visit) session.Session {
	return session.Session{Created: v.At, First: v.Session}
}

var visiting = []proof{
	{"visits/created", true, []string{
		"Create stores the visit of its session in the same write.",
		"Visit is one access of a member: a login that was let in.", "identity verification was completed for it",
		"Visits yields the visits of a tenant since an instant, newest first; of one member only, if member is not \"\".",
	}, func(t *trial) {
		t.visited(tenant, "", time.Time{}, nil, "at first")
		full := t.full()
		t.create(full)
		t.visited(tenant, "", time.Time{}, []session.Visit{visitOf(full)}, "after Create, at once")
		t.visited(tenant, full.Member, full.Created, []session.Visit{visitOf(full)}, "since that very instant")
		t.visited(tenant, full.Member, full.Created.Add(time.Microsecond), nil, "since after it")

		var all []session.Session
		all = append(all, full)
		for i := range 300 {
			all = append(all, t.created(func(s *session.Session) {
				s.Tenant = []session.TenantID{tenant, stranger}[i%7/6]
				s.Member = []session.MemberID{"kim", "ki", "lee"}[i%3]
				s.Created = t.at(time.Duration(i*37%100) * time.Millisecond)
				s.Seen = s.Created
				if i%4 == 0 {
					s.Addr, s.Country, s.Device, s.System = nobody, geo.Country{}, "", ""
				}
			}))
		}
		for _, of := range []session.TenantID{tenant, stranger, "nobody"} {
			for _, m := range []session.MemberID{"", "kim", "ki", "k"} {
				for _, since := range []time.Time{{}, t.at(0), t.at(50 * time.Millisecond), t.at(time.Hour)} {
					var want []session.Visit
					for _, s := range all {
						if s.Tenant == of && (m == "" || s.Member == m) && !s.Created.Before(since) {
							want = append(want, visitOf(s))
						}
					}
					t.visited(of, m, since, want, "of many")
				}
			}
		}
	}},
	{"visits/stay", true, []string{
		"It stays when the session is renewed or ended, for the history that administrators see and for previews.",
		"the First of the session which it began; zero: unknown, or purged",
	}, func(t *trial) {
		s := t.created(func(s *session.Session) { s.Device = "phone" })
		other := t.created(func(s *session.Session) { s.Created = t.at(time.Minute); s.Seen = s.Created })
		want := []session.Visit{visitOf(other), visitOf(s)}
		t.ok(t.store.Touch(t.ctx, tenant, s.ID, t.at(time.Second), tokyo, japan), "Touch")
		t.visited(tenant, "", time.Time{}, want, "after Touch")
		for range 2 {
			_, next := session.NewToken()
			t.ok(t.store.Renew(t.ctx, tenant, s.ID, next, t.at(time.Second)), "Renew")
			s.ID = next
			t.visited(tenant, "", time.Time{}, want, "after Renew")
		}
		t.end(&s, t.at(time.Minute), "signed out")
		t.visited(tenant, "", time.Time{}, want, "after End")
		t.endAll(tenant)
		t.visited(tenant, "kim", time.Time{}, want, "after EndAll")
		if n, err := t.store.Purge(t.ctx, t.at(time.Hour), 10); n != 2 || err != nil {
			t.Errorf("Purge: %d, %v; want 2", n, err)
		}
		n := 0
		for v, err := range t.store.(session.Visitor).Visits(t.ctx, tenant, "kim", time.Time{}) {
			if err != nil || n == len(want) {
				t.Fatalf("after Purge, Visits yields %+v, %v", v, err)
			}
			if !v.Session.IsZero() {
				t.listed(tenant, session.Query{First: v.Session}, nil, "of a visit, after Purge")
			}
			v.Session, v.At = want[n].Session, v.At.UTC().Truncate(time.Microsecond)
			if v != want[n] {
				t.Errorf("after Purge, Visits yields\n\t%+v\nwant\n\t%+v", v, want[n])
			}
			n++
		}
		if n != len(want) {
			t.Errorf("after Purge, %d visits are left of %d", n, len(want))
		}
	}},
	{"visits/ninety-days", true, []string{
		"Visitor is a Store that also keeps visits of the last 90 days.",
		"Create and Purge may drop those that are older.",
		"History is how long visits are kept: 90 days.",
	}, func(t *trial) {
		if session.History != 90*24*time.Hour {
			t.Errorf("History is %v", session.History)
		}
		now := t.at(0)
		since := now.Add(-session.History)
		var want []session.Visit
		for _, d := range []time.Duration{session.History - time.Hour, 45 * 24 * time.Hour, 0} {
			s := t.created(func(s *session.Session) { s.Created, s.Seen, s.Life = now.Add(-d), now.Add(-d), time.Minute })
			want = append(want, visitOf(s))
		}
		t.visited(tenant, "", since, want, "within 90 days")
		if _, err := t.store.Purge(t.ctx, now.Add(-time.Hour), 10); err != nil {
			t.Errorf("Purge: %v", err)
		}
		left := 0
		for _, err := range t.store.(session.Visitor).Visits(t.ctx, tenant, "", since) {
			t.ok(err, "Visits")
			left++
		}
		if left != len(want) {
			t.Errorf("after Purge, %d visits are left of %d", left, len(want))
		}
	}},
	{"visits/while-ranging", true, []string{
		"Who ranges over it may call the store meanwhile.",
	}, func(t *trial) {
		const n = 300
		for i := range n {
			t.created(func(s *session.Session) { s.Created = t.at(time.Duration(i/2) * time.Second); s.Seen = s.Created })
		}
		seen := make(map[session.ID]bool)
		for v, err := range t.store.(session.Visitor).Visits(t.ctx, tenant, "kim", time.Time{}) {
			if err != nil || seen[v.Session] || len(seen) == n {
				t.Fatalf("after %d visits, Visits yields %+v, %v", len(seen), v, err)
			}
			seen[v.Session] = true
			s, err := t.store.Find(t.ctx, tenant, v.Session)
			t.ok(err, "Find within the range")
			t.ok(t.store.End(t.ctx, tenant, v.Session, t.at(time.Hour), "x"), "End within the range")
			if len(seen)%50 == 1 {
				s, _ = t.store.Find(t.ctx, tenant, s.ID)
				if s.Ended.IsZero() {
					t.Errorf("End within the range is not found")
				}
				t.created(func(s *session.Session) { s.Created = t.at(24 * time.Hour); s.Seen = s.Created })
				for w, err := range t.store.(session.Visitor).Visits(t.ctx, tenant, "kim", time.Time{}) {
					if err != nil || !w.At.Equal(t.at(24*time.Hour)) {
						t.Errorf("Visits within the range yields %+v, %v", w, err)
					}
					break
				}
			}
		}
		if len(seen) != n {
			t.Errorf("Visits yields %d of %d visits", len(seen), n)
		}
	}},
	{"visits/none-of-a-refused-login", true, []string{
		"Create stores the visit of its session in the same write.",
	}, func(t *trial) {
		s := t.created(nil)
		again := t.full()
		again.ID, again.First = s.ID, s.ID
		if err := t.store.Create(t.ctx, again); !errors.Is(err, session.ErrExists) {
			t.Errorf("Create of an ID that is there: %v", err)
		}
		t.visited(tenant, "", time.Time{}, []session.Visit{visitOf(s)}, "after a Create that was refused")
	}},
}
