package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// TestGuarantee22CopiesDecideUpToTheBound takes away the store, Members, or both, for as long
// as the bound and for an instant longer.
func TestGuarantee22CopiesDecideUpToTheBound(t *testing.T) {
	for _, bound := range []time.Duration{time.Second, time.Minute, 5 * time.Minute} {
		for _, tt := range []struct {
			why   string
			down  []string // calls that fail; none: all
			check string   // past the bound
			admit string
		}{
			{"the store is down", []string{"Version", "Load"}, "deny [policy-stale]", "deny [policy-stale]"},
			{"Members is down", []string{"Member"}, "deny [member-stale]", "deny [member-stale]"},
			{"both are down", nil, "deny [policy-stale]", "deny [policy-stale]"},
		} {
			runBubble(t, bound.String()+" "+tt.why, func(t *testing.T) {
				h := decideSmall(t)
				e := decideEngine(t, h, &engine.Options{MaxStale: bound})
				r := decideAdmit(t, e, decideLee)
				h.down(tt.down...)
				for _, step := range []struct {
					wait         time.Duration
					check, admit string
				}{
					{bound, "allow [all-addresses]", "allow [all-addresses]"},
					{1, tt.check, tt.admit},
					{time.Hour, tt.check, tt.admit},
				} {
					time.Sleep(step.wait)
					decideWant(t, e, r, step.check, "a request")
					decideWantLogin(t, e, decideLee, step.admit, "a login")
				}
				h.up()
				decideWant(t, e, r, "allow [all-addresses]", "a request after the first good reading")
				decideWantLogin(t, e, decideLee, "allow [all-addresses]", "a login after the first good reading")
			})
		}
	}
}

// A change of another process is decided by within the bound, with no more than requests.
func TestGuarantee22ChangesAreSeenWithinTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		e := decideEngine(t, h, nil)
		r := decideAdmit(t, e, decideLee)
		for range 20 {
			h.cut(t, "acme", session.AllClients)
			time.Sleep(time.Minute + 1)
			decideWant(t, e, r, "deny [session-cut]", "a cut by another process")
			r = decideAdmit(t, e, decideLee)
			h.change("acme", "lee", func(m *member.Member) { m.Status = member.Suspended })
			time.Sleep(time.Minute + 1)
			decideWant(t, e, r, "deny [member-suspended]", "a suspension by another process")
			h.change("acme", "lee", func(m *member.Member) { m.Status = member.Active })
			time.Sleep(time.Minute + 1)
			decideWant(t, e, r, "allow [all-addresses]", "lifted by another process")
		}
	})
}

// An answer counts from when it was asked for: one that took longer than the bound is
// too old when it comes.
func TestGuarantee22AnAnswerIsAsOldAsItsQuestion(t *testing.T) {
	for _, slow := range []string{"Load", "Member"} { // the settings grow old while Members is waited for
		runBubble(t, slow, func(t *testing.T) {
			h := decideSmall(t)
			e := decideEngine(t, h, &engine.Options{MaxStale: time.Second, LoadTimeout: time.Minute})
			stamp := decideAdmit(t, decideEngine(t, h, nil), decideLee)
			h.faulty(func(_ context.Context, call string, _ int) error {
				if call == slow {
					time.Sleep(time.Second + 1)
				}
				return nil
			})
			decideWant(t, e, stamp, "deny [policy-stale]", "a request")
			decideWantLogin(t, decideEngine(t, h, &engine.Options{MaxStale: time.Second, LoadTimeout: time.Minute}), decideLee, "deny [policy-stale]", "a login")
		})
	}
}

// decideTardy are Sessions that answer after a while.
type decideTardy time.Duration

func (d decideTardy) Ended(context.Context, session.TenantID, session.ID, time.Time) (bool, error) {
	time.Sleep(time.Duration(d))
	return false, nil
}

// A copy that grows too old while Sessions is waited for decides nothing.
func TestGuarantee22CopiesGrowOldMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		down []string
		want string
	}{
		{[]string{"Member"}, "deny [member-stale]"},
		{[]string{"Version", "Load"}, "deny [policy-stale]"},
	} {
		runBubble(t, tt.want, func(t *testing.T) {
			h := decideSmall(t)
			e := decideEngine(t, h, &engine.Options{Sessions: decideTardy(time.Second)})
			r := decideAdmit(t, e, decideLee)
			h.down(tt.down...)
			time.Sleep(40 * time.Second)
			decideWantLogin(t, e, decideLee, "allow [all-addresses]", "reads what still answers")
			time.Sleep(19*time.Second + time.Second/2)
			decideWant(t, e, r, tt.want, "a request that takes a second")
		})
	}
}

// TestGuarantee22WhatWasSeenOutlivesEviction has a store go back after the copy of what it
// had was evicted.
func TestGuarantee22WhatWasSeenOutlivesEviction(t *testing.T) {
	for _, what := range []string{"record", "member"} {
		runBubble(t, what, func(t *testing.T) {
			h := decideSmall(t)
			e := decideEngine(t, h, &engine.Options{MaxTenants: 1, MaxMembers: 1})
			before := decideAdmit(t, e, decideLee)
			old, err := h.MemStore.Load(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			was := decideMember("acme", "lee")
			h.cut(t, "acme", session.ClientsOf(session.Mobile))
			h.change("acme", "lee", func(*member.Member) {})
			after := decideAdmit(t, e, decideLee)

			for _, id := range []session.TenantID{"b", "c", "d"} { // drive out what is kept of acme
				h.put(t, policy.Record{Tenant: id})
				h.set(decideMember(id, "lee"))
				l := decideLee
				l.Tenant = id
				decideAdmit(t, e, l)
			}
			loads, asked := h.loads.Load(), h.asked.Load()
			decideWant(t, e, after, "allow [all-addresses]", "read anew")
			if h.loads.Load() == loads || h.asked.Load() == asked {
				t.Fatal("nothing was evicted")
			}
			l := decideLee
			l.Tenant = "b"
			decideAdmit(t, e, l)

			if what == "record" {
				h.load = func(r policy.Record) (policy.Record, error) {
					if r.Tenant == "acme" {
						return old, nil
					}
					return r, nil
				}
				h.version = func(session.Version) session.Version { return old.Version }
			} else {
				h.member = func(*member.Member) (*member.Member, error) { return &was, nil }
			}
			for _, r := range []engine.Request{before, after} {
				decideWant(t, e, r, "deny [version-regression]", "a request by what the store has gone back to")
			}
			decideWantLogin(t, e, decideLee, "deny [version-regression]", "a login by it")
			h.load, h.version, h.member = nil, nil, nil
			decideWant(t, e, after, "allow [all-addresses]", "the store is well again")
			decideWantLogin(t, e, decideLee, "allow [all-addresses]", "the store is well again")
		})
	}
}

// What nobody versions is not noted: a member who lost the version for a while has gone
// back to no line that was left.
func TestSeenNotesNoZeroVersion(t *testing.T) {
	seen := engine.NewSeen(10)
	v := session.Version{Line: 5, Number: 1}
	for i, v := range []session.Version{v, {}, v, {}, {Line: 5, Number: 2}} {
		if !seen.Note(1, v) {
			t.Errorf("%d: %v lies behind what was seen", i, v)
		}
	}
	if seen.Note(2, session.Version{}); seen.Len() != 1 {
		t.Errorf("%d are noted; want 1", seen.Len())
	}
}

// What was seen is bounded in number; what is asked for lives on, and what was seen last.
func TestGuarantee22SeenIsBounded(t *testing.T) {
	const most = 8
	s := engine.NewSeen(most)
	at := func(n uint64) session.Version { return session.Version{Line: 3, Number: n} }
	other := uint64(100)
	for n := uint64(5); n < 200; n++ {
		if !s.Note(1, at(n)) {
			t.Fatalf("%v was refused", at(n))
		}
		for range most / 2 { // so that a generation passes
			s.Note(other, at(1))
			other++
		}
		if s.Note(1, at(n-1)) {
			t.Fatalf("%v was taken after %v", at(n-1), at(n))
		}
		if got := s.Len(); got > most {
			t.Fatalf("%d are kept; at most %d", got, most)
		}
	}
}

// What has gone back while the copies are there is not renewed either.
func TestGuarantee22AVersionOnceSeenNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := decideSmall(t)
		alarms := &decideAlarms{}
		e := decideEngine(t, h, &engine.Options{Observer: alarms})
		stop := runUntil(t, e)
		defer stop()
		old, err := h.MemStore.Load(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		h.cut(t, "acme", session.ClientsOf(session.Mobile))
		r := decideAdmit(t, e, decideLee)
		h.load = func(policy.Record) (policy.Record, error) { return old, nil }
		h.version = func(session.Version) session.Version { return old.Version }
		decideWantLogin(t, e, decideLee, "deny [version-regression]", "a login")
		decideWant(t, e, r, "allow [all-addresses]", "a request by the copy")
		time.Sleep(time.Minute + 1)
		decideWant(t, e, r, "deny [version-regression]", "a request when the copy is too old")
		synctest.Wait()
		if alarms.count() == 0 {
			t.Error("nobody was alarmed")
		}
		h.load, h.version = nil, nil
		decideWant(t, e, r, "allow [all-addresses]", "the store is well again")
	})
}

// TestGuarantee22Bounds holds the bound itself within its bounds.
func TestGuarantee22Bounds(t *testing.T) {
	h := decideSmall(t)
	for bound, good := range map[time.Duration]bool{0: true, time.Second: true, 5 * time.Minute: true, 5*time.Minute + 1: false, time.Second - 1: false, -time.Minute: false} {
		_, err := engine.New(policy.Standard(), h, h, &engine.Options{MaxStale: bound})
		if (err == nil) != good {
			t.Errorf("MaxStale %v: %v", bound, err)
		}
	}
}

// TestGuarantee22Clocks has the machine's clocks part, as they do when it is suspended or
// when its clock is set.
func TestGuarantee22Clocks(t *testing.T) {
	const s, m = int64(time.Second), int64(time.Minute)
	const day = 1_700_000_000 * s
	for _, tt := range []struct {
		why        string
		read, now  engine.Moment
		least, top time.Duration
	}{
		{"both go on", engine.Moment{Mono: s, Wall: day}, engine.Moment{Mono: 31 * s, Wall: day + 30*s}, 30 * time.Second, 30 * time.Second},
		{"suspended: the monotonic clock stood still", engine.Moment{Mono: s, Wall: day}, engine.Moment{Mono: 2 * s, Wall: day + 600*s}, 10 * time.Minute, 10 * time.Minute},
		{"set back a little: the monotonic clock says", engine.Moment{Mono: s, Wall: day}, engine.Moment{Mono: 3 * s, Wall: day - s/2}, 2 * time.Second, 2 * time.Second},
		{"set back behind the reading: nothing is known", engine.Moment{Mono: s, Wall: day}, engine.Moment{Mono: 3 * s, Wall: day - 2*s}, time.Hour, 1<<63 - 1},
		{"never read", engine.Moment{}, engine.Moment{Mono: 3 * s, Wall: day}, time.Hour, 1<<63 - 1},
	} {
		if got := tt.read.Age(tt.now); got < tt.least || got > tt.top {
			t.Errorf("%s: %v old; want %v to %v", tt.why, got, tt.least, tt.top)
		}
	}

	var c engine.Clock
	c.Begin(time.Unix(0, day))
	told := func(why string, mono, wall int64, want int64) {
		t.Helper()
		if got := c.Told(engine.Moment{Mono: mono, Wall: day + wall}).UnixNano() - day; got != want {
			t.Errorf("%s: %v; want %v", why, time.Duration(got), time.Duration(want))
		}
	}
	told("both go on", m, m, m)
	told("far ahead: who knows", m, 60*m, 60*m)
	told("set right: what has ended stays so", 2*m, 2*m, 61*m)
	told("and goes on", 6*m, 6*m, 65*m)
	told("and is believed after five minutes", 7*m, 7*m, 7*m)
	told("back by a second: as if nothing were", 8*m, 8*m-s, 8*m)
}

// A store that answers with what is none, or dies answering, is one that does not answer.
func TestGuarantee22AnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		why   string
		alter func(*decideHost)
		check string
	}{
		{"Load panics", func(h *decideHost) { h.load = func(policy.Record) (policy.Record, error) { panic("store") } }, "deny [policy-stale]"},
		{"a zero record", func(h *decideHost) {
			h.load = func(policy.Record) (policy.Record, error) { return policy.Record{}, nil }
		}, "deny [wrong-tenant]"},
		{"another tenant's record", func(h *decideHost) {
			h.load = func(r policy.Record) (policy.Record, error) { r.Tenant = "zeta"; return r, nil }
		}, "deny [wrong-tenant]"},
		{"a record without a version", func(h *decideHost) {
			h.load = func(r policy.Record) (policy.Record, error) { r.Version = session.Version{}; return r, nil }
		}, "deny [policy-stale]"},
		{"Members panics", func(h *decideHost) {
			h.member = func(*member.Member) (*member.Member, error) { panic(errors.New("members")) }
		}, "deny [member-stale]"},
		{"a nil member", func(h *decideHost) { h.member = func(*member.Member) (*member.Member, error) { return nil, nil } }, "deny [unknown-member]"},
		{"a zero member", func(h *decideHost) {
			h.member = func(*member.Member) (*member.Member, error) { return &member.Member{}, nil }
		}, "deny [wrong-tenant]"},
	} {
		runBubble(t, tt.why, func(t *testing.T) {
			h := decideSmall(t)
			r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
			tt.alter(h)
			e := decideEngine(t, h, nil)
			decideWant(t, e, r, tt.check, "a request")
			if d, stamp, _ := e.Admit(t.Context(), decideLee); d.Effect != policy.Deny || stamp != (session.Stamp{}) {
				t.Errorf("a login: %v with the stamp %v", d, stamp)
			}
		})
	}
}
