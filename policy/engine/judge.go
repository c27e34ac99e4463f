package engine

import (
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
)

// stand is settings with what decides how much of them is in force.
type stand struct {
	settings policy.Settings
	profile  *policy.Profile
	plan     policy.Plan
}

// features returns what a plan includes under the profile, and whether it names it.
func (s stand) features() (policy.Features, bool) {
	if s.profile.Plans == nil {
		return policy.NetworkSecurity | policy.OverseasBlocking, true
	}
	f, ok := s.profile.Plans[s.plan]
	return f, ok
}

// inForce returns the settings as if what the plan lacks were switched off. A plan that
// the profile does not name lets nobody in, which is no list and no block.
func (s stand) inForce() policy.Settings {
	features, known := s.features()
	t := s.settings
	if features&policy.OverseasBlocking == 0 {
		t.Overseas.Block = false
	}
	if features&policy.NetworkSecurity == 0 && t.Access == policy.DesignatedAddresses {
		t.Access, t.Overseas.Block = policy.AllAddresses, false // overseas blocking is not in force while designated
	}
	if !known {
		t.Access, t.Overseas.Block = policy.AllAddresses, false
	}
	return t
}

// judge says what changes between two stands, and whom it signs out: what the plan or the
// profile begins to put in force counts as switched on.
func judge(old, new stand, at time.Time) policy.Change {
	before, after := old.inForce(), new.inForce()
	c := policy.Diff(before, after, new.profile, at)
	c.Summary = policy.Diff(old.settings, new.settings, new.profile, at).Summary // in words, what was edited
	if old.profile != new.profile {
		if after.Access == policy.DesignatedAddresses &&
			(old.profile.ListExempt&^new.profile.ListExempt != 0 || old.profile.SuperAdminBypass && !new.profile.SuperAdminBypass) {
			c.SignOut |= new.profile.SignOut.Designate
		}
		if after.Access != policy.DesignatedAddresses && after.Overseas.Block &&
			(old.profile.OverseasExempt&^new.profile.OverseasExempt != 0 || old.profile.SuperAdminBypass && !new.profile.SuperAdminBypass) {
			c.SignOut |= new.profile.SignOut.Overseas
		}
	}
	return c
}

// lacks returns what settings switch on that the plan does not have, as the problems of a
// document. What was on already may stay, without effect.
func lacks(old, new stand) error {
	features, known := new.features()
	var problems []policy.Problem
	add := func(path, code string, err error) {
		problems = append(problems, policy.Problem{Path: path, Code: code, Input: string(new.plan), Err: err})
	}
	switch {
	case !known:
		add("plan", "unknown-plan", fmt.Errorf("%s has no such plan", new.profile.Name))
	default:
		if features&policy.NetworkSecurity == 0 && new.settings.Access == policy.DesignatedAddresses && old.settings.Access != policy.DesignatedAddresses {
			add("access", "not-in-plan", fmt.Errorf("the plan %q has no designated addresses", new.plan))
		}
		if features&policy.OverseasBlocking == 0 && new.settings.Overseas.Block && !old.settings.Overseas.Block {
			add("overseas.block", "not-in-plan", fmt.Errorf("the plan %q has no overseas blocking", new.plan))
		}
	}
	if problems == nil {
		return nil
	}
	return &policy.InvalidError{Problems: problems}
}

// widens reports whether new lets in, at every instant from at on, whoever old does: nothing
// was switched on, taken away, narrowed or ended earlier. It may say no where nothing
// narrows; then the guard looks.
func widens(old, new stand, at time.Time) bool {
	_, known := new.features()
	if _, was := old.features(); old.profile != new.profile || was && !known {
		return false
	}
	was, is := old.inForce(), new.inForce()
	switch {
	case is.Access != policy.DesignatedAddresses:
		return !is.Overseas.Block || was.Access != policy.DesignatedAddresses && was.Overseas.Block && was.Overseas.Exempt.Minus(is.Overseas.Exempt).Len() == 0
	case was.Access != policy.DesignatedAddresses, was.Outside == policy.Verify && is.Outside != policy.Verify:
		return false
	}
	return listWidens(was.Designated, is.Designated, at) && exceptionsWiden(was.Exceptions, is.Exceptions, at)
}

// Ends are compared as instants, without a monotonic reading.

// lasts reports whether what ends at after is in force whenever what ends at before is.
func lasts(before, after time.Time) bool {
	return after.IsZero() || !before.IsZero() && !after.Before(before.Round(0))
}

// over reports whether what ends at until has ended at an instant.
func over(until, at time.Time) bool { return !until.IsZero() && !at.Before(until.Round(0)) }

// maxEnds bounds the ends of entries that were replaced by others, for each of which
// listWidens makes a set.
const maxEnds = 10

// listWidens reports whether from at on is holds what was holds. What is in force at an
// instant shrinks as time passes, so an entry is there as long as it was if what lasts as
// long as it does covers it.
func listWidens(was, is []policy.Entry, at time.Time) bool {
	until := make(map[ipset.Range]time.Time, len(is)) // the latest end of each range
	for _, e := range is {
		if t, ok := until[e.Range]; !ok || lasts(t, e.Until) {
			until[e.Range] = e.Until
		}
	}
	lasting := make(map[time.Time]*ipset.Set) // what lasts until an end
	for _, e := range was {
		if t, ok := until[e.Range]; ok && lasts(e.Until, t) || over(e.Until, at) {
			continue // it is there as it was, or has ended
		}
		end := e.Until.UTC().Round(0)
		set, ok := lasting[end]
		if !ok {
			if len(lasting) == maxEnds {
				return false
			}
			var ranges []ipset.Range
			for _, e := range is {
				if lasts(end, e.Until) {
					ranges = append(ranges, e.Range)
				}
			}
			set = ipset.Of(ranges...)
			lasting[end] = set
		}
		if !set.Covers(e.Range) {
			return false
		}
	}
	return true
}

// exceptionsWiden reports whether from at on whoever was an exception is one, as long and
// wherever they were.
func exceptionsWiden(was, is []policy.Exception, at time.Time) bool {
	now := make(map[member.ID]policy.Exception, len(is))
	for _, x := range is {
		now[x.Member] = x
	}
	for _, x := range was {
		if over(x.Until, at) {
			continue
		}
		y, ok := now[x.Member]
		if !ok || !lasts(x.Until, y.Until) || y.Ranges != nil && (x.Ranges == nil || ipset.Of(x.Ranges...).Minus(ipset.Of(y.Ranges...)).Len() > 0) {
			return false
		}
	}
	return true
}
