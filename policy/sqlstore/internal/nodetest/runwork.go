package nodetest

import (
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// What a Run asks of its processes while it lasts, and what it makes of the answers.

func (r *Run) login() {
	a := Ask{Do: "admit", Tenant: pick(runTenants), Member: pick(runMembers), Wait: 3 * time.Second}
	got := r.ask(a)
	if got.Err != "" || got.Decision != "allow" {
		r.Count("logins refused or failed")
		return
	}
	r.Count("logins")
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := (login{got.Session, got.Began, got.Ended}); len(r.sessions) < runKept {
		r.sessions = append(r.sessions, s)
	} else {
		r.sessions[mrand.IntN(runKept)] = s
	}
	for _, cut := range r.cuts[a.Tenant] {
		if got.Session.Stamp.Policy.Number < cut.version.Number && got.Began.Sub(cut.at) > RunBound {
			r.t.Errorf("a login %v after a cut at %v was stamped %v", got.Began.Sub(cut.at), cut.version, got.Session.Stamp.Policy)
		}
	}
}

// dead returns what has ended a session longer than the bound before an instant, and when.
func (r *Run) dead(s login, at time.Time) (by string, since time.Time, is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := at.Add(-RunBound)
	for _, cut := range r.cuts[s.Tenant] {
		if s.Stamp.Policy.Number < cut.version.Number && old.After(cut.at) {
			return fmt.Sprint("a cut at ", cut.version), cut.at, true
		}
	}
	for _, act := range r.acts[watchedMember{s.Tenant, s.Member}] {
		if s.Stamp.Member.Number < act.version.Number && old.After(act.at) {
			return fmt.Sprint("an act at ", act.version), act.at, true
		}
	}
	if end, ok := r.ends[s.ID]; ok && old.After(end) {
		return "its own end", end, true
	}
	for _, l := range r.lost {
		if s.at.Before(l.began) && old.After(l.at) {
			return "the operator", l.at, true
		}
	}
	return "", time.Time{}, false
}

// some returns a session, half of the time a young one.
func (r *Run) some() (s login, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) == 0 {
		return s, false
	}
	return pick(r.sessions[max(0, len(r.sessions)-[]int{100, runKept}[mrand.IntN(2)]):]), true
}

func (r *Run) check() {
	if s, ok := r.some(); ok {
		r.checked(mrand.IntN(3), s)
	}
}

func (r *Run) checked(i int, s login) {
	got := r.nodes[i].Load().Ask(Ask{Do: "check", Tenant: s.Tenant, Member: s.Member, Session: s.Session, Wait: 3 * time.Second})
	by, since, dead := r.dead(s, got.Began)
	r.mu.Lock()
	lost := r.losing > 0 || s.asked.Before(r.whole)
	r.mu.Unlock()
	switch {
	case got.Decision == "allow" && dead:
		r.t.Errorf("process %d let a session in %v after it was ended by %s: stamped %v and %v", i, got.Began.Sub(since), by, s.Stamp.Policy, s.Stamp.Member)
		r.Count("DEAD SESSIONS LET IN")
	case got.Decision == "allow":
		r.Count("checks that allowed")
	case got.Reason == "session-unknown" && !lost:
		r.t.Errorf("process %d does not know a session that was acknowledged %v before", i, got.Began.Sub(s.at))
	case dead && (got.Reason == "session-cut" || got.Reason == "session-ended" || got.Reason == "session-unknown"):
		r.Count("checks of dead sessions, refused")
	case got.Reason == "session-cut" || got.Reason == "session-ended":
		r.Count("checks of sessions just ended, refused") // or by an act whose outcome nobody was told
	case got.Decision == "deny":
		r.Count("checks refused: " + got.Reason)
	default:
		r.Count("checks that failed")
	}
}

// save cuts a tenant, by the same act again and again until its outcome is known.
func (r *Run) save(of session.TenantID, n int) {
	a := Ask{Do: "save", Tenant: of, ID: rand.Text(), Number: n, Wait: 3 * time.Second}
	for a.From == (session.Version{}) {
		a.From = r.ask(Ask{Do: "version", Tenant: of, Wait: time.Second}).Version
	}
	for try := 0; ; try++ {
		got := r.ask(a)
		if got.Conflict {
			r.t.Errorf("save %d of %s, which nobody competes with, after %d tries: %s", n, of, try, got.Err)
			return
		}
		if got.Err != "" {
			r.Count("saves that failed and were repeated")
			continue
		}
		r.Count("saves")
		r.mu.Lock()
		r.cuts[of] = append(r.cuts[of], ending{a.ID, got.Version, got.Ended})
		r.mu.Unlock()
		return
	}
}

func (r *Run) act(of session.TenantID) {
	who := pick(runMembers)
	for _, do := range []string{"suspend", "lift"} {
		for range 50 {
			got := r.ask(Ask{Do: do, Tenant: of, Member: who, Wait: 3 * time.Second})
			if got.Refused {
				r.Count("acts that were done before, by a try whose outcome was not known")
				break
			}
			if got.Err != "" {
				r.Count("acts that failed and were repeated")
				time.Sleep(10 * time.Millisecond)
				continue
			}
			r.Count("acts")
			if do == "suspend" {
				r.mu.Lock()
				k := watchedMember{of, who}
				r.acts[k] = append(r.acts[k], ending{"", got.Version, got.Ended})
				r.mu.Unlock()
			}
			break
		}
	}
}

// end ends one session.
func (r *Run) end() {
	s, ok := r.some()
	if !ok {
		return
	}
	got := r.ask(Ask{Do: "end", Tenant: s.Tenant, Session: s.Session, Wait: 3 * time.Second})
	if got.Err != "" {
		r.Count("ends of single sessions that failed")
		return
	}
	r.Count("ends of single sessions")
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.ends[s.ID]; !ok {
		r.ends[s.ID] = got.Ended
	}
}
