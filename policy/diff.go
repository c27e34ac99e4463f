package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Change is what a save changes, and whom it signs out. To sign them out, the
// save draws the next version of the tenant's record, cuts SignOut at its
// number, and writes settings, version and cuts at once; likewise it cuts in
// the record of each of SignOutMembers, or, where those are too many to write
// at once, the same clients in the tenant's.
type Change struct {
	// SignOut are the clients of which every member's sessions end, those of
	// super admins and exceptions too.
	SignOut session.Clients `json:"sign_out"`

	// SignOutMembers are the members whose sessions end on the clients of
	// Profile.SignOut.Exception, in order.
	SignOutMembers []member.ID `json:"sign_out_members,omitempty"`

	// Added and Removed are the addresses that the list gained and lost, if
	// it was in force before and is in force after.
	Added   []ipset.Range `json:"added,omitempty"`
	Removed []ipset.Range `json:"removed,omitempty"`

	// Summary says in English, a line for each thing, what changed: for a
	// person who is about to save and for a history. It is empty if nothing
	// did.
	Summary []string `json:"summary,omitempty"`
}

// Diff returns what a save at an instant changes that replaces old by new
// under p. What has ended by its own Until counts as absent on both sides, so
// an end moved into the past is a removal, and an end that passes later signs
// nobody out. If at is zero, now is meant. If p is nil, whatever would sign
// somebody out under some profile signs everybody out. Diff never panics, also
// not on settings that do not compile.
func Diff(old, new Settings, p *Profile, at time.Time) Change {
	if at.IsZero() {
		at = time.Now()
	}
	var c Change
	out := SignOut{session.AllClients, session.AllClients, session.AllClients, session.AllClients}
	if p != nil {
		out = p.SignOut
	}
	was, is := old.Access == DesignatedAddresses, new.Access == DesignatedAddresses
	if is && !was {
		c.SignOut |= out.Designate
	}
	if is && was {
		before, after := designatedAt(old, at), designatedAt(new, at)
		c.Added = slices.Collect(after.Minus(before).All())
		c.Removed = slices.Collect(before.Minus(after).All())
		if len(c.Removed) > 0 {
			c.SignOut |= out.Narrow
		}
		if out.Exception != 0 {
			c.SignOutMembers = narrowed(old, new, at)
		}
	}
	blocked, blocks := old.Overseas.Block && !was, new.Overseas.Block && !is
	if blocks && (!blocked || old.Overseas.Exempt.Minus(new.Overseas.Exempt).Len() > 0) {
		c.SignOut |= out.Overseas
	}
	c.Summary = summary(old, new)
	return c
}

// designatedAt returns the designated addresses in force at an instant.
func designatedAt(s Settings, at time.Time) *ipset.Set {
	var ranges []ipset.Range
	for _, e := range s.Designated {
		if inForce(e.Until, at) {
			ranges = append(ranges, e.Range)
		}
	}
	return ipset.Of(ranges...)
}

// place is where an exception holds: anywhere, or at some addresses.
type place struct {
	anywhere bool
	ranges   []ipset.Range
}

// exceptedAt returns where each member is an exception in force at an instant.
func exceptedAt(s Settings, at time.Time) map[member.ID]place {
	m := make(map[member.ID]place, len(s.Exceptions))
	for _, x := range s.Exceptions {
		if inForce(x.Until, at) {
			e := m[x.Member] // not zero only where settings that do not compile name a member twice
			m[x.Member] = place{e.anywhere || x.Ranges == nil, append(e.ranges, x.Ranges...)}
		}
	}
	return m
}

// narrowed returns the members whose exception is taken away or narrowed.
func narrowed(old, new Settings, at time.Time) []member.ID {
	var ids []member.ID
	after := exceptedAt(new, at)
	for id, was := range exceptedAt(old, at) {
		is, ok := after[id]
		switch {
		case !ok, was.anywhere && !is.anywhere:
			ids = append(ids, id)
		case !is.anywhere && ipset.Of(was.ranges...).Minus(ipset.Of(is.ranges...)).Len() > 0:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// summary tells what differs in the documents, in force or not.
func summary(old, new Settings) []string {
	var lines []string
	say := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	if old.Access != new.Access {
		say("access: %v addresses, was %v", new.Access, old.Access)
	}
	if old.Outside != new.Outside {
		say("addresses off the list: %v, was %v", new.Outside, old.Outside)
	}
	differences(say, "designated", old.Designated, new.Designated)
	differences(say, "exception", old.Exceptions, new.Exceptions)
	if old.Overseas.Block != new.Overseas.Block {
		say("overseas blocking: %s", map[bool]string{true: "switched on", false: "switched off"}[new.Overseas.Block])
	}
	countries := func(sign string, s geo.Countries) {
		for c := range s.All() {
			say("%s exempt country: %v", sign, c)
		}
	}
	countries("added", new.Overseas.Exempt.Minus(old.Overseas.Exempt))
	countries("removed", old.Overseas.Exempt.Minus(new.Overseas.Exempt))
	return lines
}

// differences tells what was added and what was removed, in whatever order the
// rest stands. What stands there twice counts twice.
func differences[T fmt.Stringer](say func(string, ...any), what string, old, new []T) {
	texts := func(items []T) map[string]int {
		m := make(map[string]int, len(items))
		for _, t := range items {
			m[t.String()]++
		}
		return m
	}
	only := func(sign string, items []T, other map[string]int) {
		for _, t := range items {
			text := t.String()
			if other[text]--; other[text] < 0 {
				say("%s %s: %s", sign, what, text)
			}
		}
	}
	only("added", new, texts(old))
	only("removed", old, texts(new))
}
