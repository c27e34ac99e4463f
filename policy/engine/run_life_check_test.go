package engine_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// check says which invariant does not hold, now that the store is well; nil: all do. If
// open, the step under way has failed, and may have been done or not.
func (l *runLife) check(open bool) error {
	time.Sleep(time.Second) // in which only so many stamps of forgotten lines have the store asked
	for _, invariant := range []struct {
		why string
		f   func(l *runLife, open bool) error
	}{
		{"what is written is whole", (*runLife).whole},
		{"what was acknowledged is there", (*runLife).acknowledged},
		{"each cut has its order", (*runLife).ordered},
		{"sessions live and die as the store says, on every process", (*runLife).sessionsAgree},
		{"whoever should get in does, on every process", (*runLife).getsIn},
	} {
		if err := invariant.f(l, open); err != nil {
			return fmt.Errorf("%s: %w", invariant.why, err)
		}
	}
	return nil
}

// processes are the one that lives on and one that begins now.
func (l *runLife) processes() map[string]*engine.Engine {
	return map[string]*engine.Engine{"the process": l.e, "another process": l.other()}
}

// record returns what the store has; the zero Record if there is nothing.
func (l *runLife) record() (policy.Record, error) {
	r, err := l.mem.Load(l.t.Context(), "t")
	if errors.Is(err, session.ErrNotFound) {
		err = nil
	}
	return r, err
}

// past returns all saves, newest first.
func (l *runLife) past() ([]policy.Past, error) {
	return l.mem.History(l.t.Context(), "t", session.Version{}, 1000)
}

func (l *runLife) whole(bool) error {
	past, err := l.past()
	if err != nil {
		return err
	}
	ids := make(map[string]bool)
	for i, p := range past {
		if err := p.Record.Err(); err != nil {
			return err
		}
		if p.Event.Policy != p.Record.Version || p.Event.ID != p.Record.Save || p.Event.ID == "" {
			return fmt.Errorf("the event %+v is not of the record %v", p.Event, p.Record.Version)
		}
		if ids[p.Event.ID] {
			return fmt.Errorf("%s was done twice", p.Event.ID)
		}
		ids[p.Event.ID] = true
		if i+1 < len(past) {
			if err := p.Record.Follows(past[i+1].Record); err != nil {
				return err
			}
		}
	}
	r, err := l.record()
	if err == nil && len(past) > 0 && r.Version != past[0].Record.Version {
		err = fmt.Errorf("the record is at %v, and its last save made %v", r.Version, past[0].Record.Version)
	}
	return err
}

func (l *runLife) acknowledged(open bool) error {
	past, err := l.past()
	if err != nil {
		return err
	}
	switch {
	case l.at == session.Version{} && !open:
		return errors.New("nothing was acknowledged")
	case len(past) > 0 && past[0].Record.Version == l.at, len(past) == 0 && open && l.at == session.Version{}:
		return nil
	case open && len(past) == 1 && l.at == session.Version{}, open && len(past) > 1 && past[1].Record.Version == l.at:
		return nil // the step under way was done
	}
	return fmt.Errorf("%d saves, and the one acknowledged last is %v", len(past), l.at)
}

func (l *runLife) ordered(bool) error {
	orders, err := l.mem.Waiting(l.t.Context(), "t", 1000)
	if err != nil {
		return err
	}
	orders = append(orders, l.revoker.came()...)
	past, err := l.past()
	if err != nil {
		return err
	}
	for i, p := range past {
		v := p.Record.Version
		if p.Record.Cuts.Highest() != v.Number || i+1 == len(past) {
			continue
		}
		before := session.Session{Tenant: "t", Member: "kim", Stamp: session.Stamp{Client: session.Web, Policy: past[i+1].Record.Version}}
		after := before
		after.Stamp.Policy = v
		given := 0
		for _, o := range orders {
			if o.Ends(before) && !o.Ends(after) && o.At.Equal(p.Record.At) {
				given++
			}
		}
		if given == 0 {
			return fmt.Errorf("version %v of %s cuts, and no order says so", v, p.Event.Kind)
		}
	}
	return nil
}

func (l *runLife) sessionsAgree(open bool) error {
	r, err := l.record()
	if err != nil {
		return err
	}
	for name, e := range l.processes() {
		for i, s := range l.sessions {
			lives := !r.Deleted && r.Cuts.Alive(s.stamp.Client, s.stamp.Policy, r.Version)
			if lives && s.dead {
				return fmt.Errorf("session %d was cut, and is alive again in the store", i)
			}
			d, err := e.Check(l.t.Context(), engine.Request{Tenant: "t", Member: s.member, Stamp: s.stamp, Addr: runOffice})
			if (d.Effect == policy.Allow) != lives {
				return fmt.Errorf("%s answers session %d %v, %v; that it lives is %v", name, i, d, err, lives)
			}
			if !lives && d.Reason != policy.ReasonSessionCut && d.Reason != policy.ReasonNoPolicy {
				return fmt.Errorf("%s answers session %d, which was cut, %v, %v", name, i, d, err)
			}
		}
	}
	return nil
}

func (l *runLife) getsIn(open bool) error {
	r, err := l.record()
	if err != nil {
		return err
	}
	in := r.Version != session.Version{} && !r.Deleted
	if !open && in == l.removed {
		return fmt.Errorf("removed: %v; the record says %v", l.removed, r.Deleted)
	}
	for name, e := range l.processes() {
		for _, id := range []session.MemberID{"kim", "boss"} {
			d, stamp, err := e.Admit(l.t.Context(), engine.Login{Tenant: "t", Member: id, Client: session.Web, Addr: runOffice, Authenticated: true})
			if (d.Effect == policy.Allow) != in || !in && d.Reason != policy.ReasonNoPolicy {
				return fmt.Errorf("%s answers a login of %s from the office %v, %v; the tenant is there: %v", name, id, d, err, in)
			}
			if !in {
				continue
			}
			if stamp.Policy != r.Version {
				return fmt.Errorf("%s stamps %v; the store is at %v", name, stamp.Policy, r.Version)
			}
			for other, e := range l.processes() {
				if d, err := e.Check(l.t.Context(), engine.Request{Tenant: "t", Member: id, Stamp: stamp, Addr: runOffice}); d.Effect != policy.Allow {
					return fmt.Errorf("%s answers a request of a session that %s has just begun %v, %v", other, name, d, err)
				}
			}
		}
		d, _, err := e.Admit(l.t.Context(), engine.Login{Tenant: "t", Member: "kim", Client: session.Web, Addr: runHome, Authenticated: true})
		if out := r.Settings.Access == policy.DesignatedAddresses || !in; (d.Effect == policy.Allow) == out {
			return fmt.Errorf("%s answers a login from elsewhere %v, %v; that it is to be refused is %v", name, d, err, out)
		}
	}
	return nil
}
