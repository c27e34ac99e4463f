package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docSignOuts is the table "Signing out on save" of the products.
var docSignOuts = []struct {
	profile                                *policy.Profile
	designate, narrow, overseas, exception session.Clients
}{
	{policy.NaverWorks(), docAllBut(session.Mobile), docAllBut(session.Mobile, session.API), docAllBut(), docAllBut(session.Mobile, session.API)},
	{policy.LineWorks(), docAllBut(session.Mobile, session.API), docAllBut(session.Mobile, session.API), 0, 0},
	{policy.Kintone(), 0, 0, 0, 0},
	{policy.Standard(), docAllBut(), docAllBut(), docAllBut(), docAllBut()},
	{nil, docAllBut(), docAllBut(), docAllBut(), docAllBut()}, // no profile: whoever could be signed out is
}

func docAllBut(c ...session.Client) session.Clients {
	return session.AllClients &^ session.ClientsOf(c...)
}

// docEnding returns settings that designate 8.8.8.8 and, until an instant,
// another range.
func docEnding(text string, until time.Time) policy.Settings {
	s := docDesignated("8.8.8.8", text)
	s.Designated[1].Until = until
	return s
}

func docExcept(xs ...policy.Exception) policy.Settings {
	s := docDesignated("8.8.8.8")
	s.Exceptions = xs
	return s
}

// docBlocking returns settings that block overseas logins but from some
// countries.
func docBlocking(exempt ...geo.Country) policy.Settings {
	return policy.Settings{Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(exempt...)}}
}

// docWith returns s, altered.
func docWith(s policy.Settings, alter func(s *policy.Settings)) policy.Settings {
	s = s.Clone()
	alter(&s)
	return s
}

var (
	docPast   = docNow.Add(-time.Hour)
	docFuture = docNow.Add(time.Hour)

	docToAll        = func(s *policy.Settings) { s.Access = policy.AllAddresses }
	docToDesignated = func(s *policy.Settings) { s.Access = policy.DesignatedAddresses }
	docToBlocking   = func(s *policy.Settings) { s.Overseas.Block = true }
	docToVerify     = func(s *policy.Settings) { s.Outside = policy.Verify }
)

// docDiffs are saves at docNow, and whom they sign out: "designate", "narrow",
// "overseas" of all members, and single members behind "exception".
var docDiffs = []struct {
	old, new policy.Settings
	want     string
	why      string
}{
	// the list comes into force, or goes
	{policy.Settings{}, docDesignated("8.8.8.8"), "designate", "all to designated"},
	{docWith(docDesignated("8.8.8.8"), docToAll), docDesignated("8.8.8.8"), "designate", "a list that was kept comes into force"},
	{policy.Settings{}, docDesignated(), "designate", "an empty list comes into force"},
	{docBlocking(docKR), docDesignated("8.8.8.8"), "designate", "overseas blocking goes, the list comes"},
	{docDesignated("8.8.8.8"), policy.Settings{}, "", "designated to all"},
	{docDesignated("8.8.8.8"), docWith(docDesignated("8.8.8.8"), docToVerify), "", "verification instead of refusal"},
	{docWith(docDesignated("8.8.8.8"), docToVerify), docDesignated("8.8.8.8"), "", "refusal instead of verification: the request check does it"},
	{docDesignated("8.8.8.8"), docDesignated("8.8.8.8"), "", "nothing"},
	{docWith(docDesignated("8.8.8.0/24"), docToAll), docWith(docDesignated("8.8.8.8"), docToAll), "", "a list that is not in force shrinks"},

	// the addresses in force shrink, or do not
	{docDesignated("8.8.8.8", "9.9.9.9"), docDesignated("8.8.8.8"), "narrow", "an entry is taken off"},
	{docDesignated("8.8.8.8"), docDesignated(), "narrow", "the last entry is taken off"},
	{docDesignated("8.8.8.0/24"), docDesignated("8.8.8.0/25"), "narrow", "an entry is made smaller"},
	{docDesignated("8.8.8.0-8.8.8.9"), docDesignated("8.8.8.1-8.8.8.9"), "narrow", "by its first address"},
	{docDesignated("2606:4700::/32"), docDesignated("2606:4700::-2606:4700:ffff:ffff:ffff:ffff:ffff:fffe"), "narrow", "by its last address"},
	{docDesignated("8.8.8.8"), docDesignated("9.9.9.9"), "narrow", "one is exchanged for another"},
	{docDesignated("8.8.8.8"), docDesignated("8.8.8.8", "9.9.9.9"), "", "an entry is added"},
	{docDesignated("8.8.8.0/25", "8.8.8.128/25"), docDesignated("8.8.8.0/24"), "", "two entries are merged"},
	{docDesignated("8.8.8.0/24"), docDesignated("8.8.8.0/25", "8.8.8.128/25"), "", "one is split"},
	{docDesignated("8.8.8.0/24", "8.8.8.8"), docDesignated("8.8.8.0/24"), "", "what another entry holds is taken off"},
	{docDesignated("8.8.8.8", "9.9.9.9"), docDesignated("9.9.9.9", "8.8.8.8"), "", "another order"},
	{docDesignated("8.8.8.8"), docWith(docDesignated("8.8.8.8"), func(s *policy.Settings) { s.Designated[0].Label = "x" }), "", "a label"},

	// ends
	{docEnding("9.9.9.9", docPast), docDesignated("8.8.8.8"), "", "what has ended is taken off"},
	{docEnding("9.9.9.9", docNow), docDesignated("8.8.8.8"), "", "what ends at this instant is absent"},
	{docEnding("9.9.9.9", docNow.Add(1)), docDesignated("8.8.8.8"), "narrow", "what ends a nanosecond later is there"},
	{docEnding("9.9.9.9", docFuture), docEnding("9.9.9.9", docPast), "narrow", "an end is moved to the past"},
	{docEnding("9.9.9.9", docFuture), docEnding("9.9.9.9", docNow), "narrow", "an end is moved to this instant"},
	{docDesignated("8.8.8.8", "9.9.9.9"), docEnding("9.9.9.9", docPast), "narrow", "an end in the past is given"},
	{docDesignated("8.8.8.8", "9.9.9.9"), docEnding("9.9.9.9", docFuture), "", "an end that passes later is given"},
	{docEnding("9.9.9.9", docFuture.Add(time.Hour)), docEnding("9.9.9.9", docFuture), "", "an end comes nearer"},
	{docEnding("9.9.9.9", docPast), docEnding("9.9.9.9", docFuture), "", "what has ended is revived"},
	{docEnding("9.9.9.9", docPast), docDesignated("8.8.8.8", "9.9.9.9"), "", "and has no end any more"},
	{docEnding("8.8.8.0/24", docFuture), docDesignated("8.8.8.8"), "narrow", "an entry with an end is taken off but for one address"},

	// exceptions
	{docExcept(policy.Exception{Member: "kim"}, policy.Exception{Member: "lee"}), docExcept(policy.Exception{Member: "lee"}), "exception kim", "an exception is removed"},
	{docExcept(policy.Exception{Member: "lee"}, policy.Exception{Member: "kim"}), docExcept(), "exception kim lee", "two are removed; members come in order"},
	{docExcept(policy.Exception{Member: "kim"}), docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9")}), "exception kim", "anywhere becomes some ranges"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.0/24")}), docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9")}), "exception kim", "a range is made smaller"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9")}), docExcept(policy.Exception{Member: "kim", Ranges: []ipset.Range{}}), "exception kim", "no range is left"},
	{docExcept(policy.Exception{Member: "kim"}), docExcept(policy.Exception{Member: "Kim"}), "exception kim", "another member"},
	{docExcept(policy.Exception{Member: "kim", Until: docFuture}), docExcept(policy.Exception{Member: "kim", Until: docPast}), "exception kim", "its end is moved to the past"},
	{docExcept(policy.Exception{Member: "kim", Until: docFuture}), docExcept(), "exception kim", "removed before its end"},
	{docExcept(policy.Exception{Member: "kim", Until: docPast}), docExcept(), "", "removed after its end"},
	{docExcept(policy.Exception{Member: "kim"}), docExcept(policy.Exception{Member: "kim", Until: docFuture}), "", "an end that passes later"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9")}), docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.0/24")}), "", "widened"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9")}), docExcept(policy.Exception{Member: "kim"}), "", "some ranges become anywhere"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.9", "1.1.1.1")}), docExcept(policy.Exception{Member: "kim", Ranges: docRanges("1.1.1.1", "9.9.9.9")}), "", "ranges in another order"},
	{docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.0/31")}), docExcept(policy.Exception{Member: "kim", Ranges: docRanges("9.9.9.0", "9.9.9.1")}), "", "ranges split"},
	{docExcept(), docExcept(policy.Exception{Member: "kim"}), "", "an exception is added"},
	{docExcept(policy.Exception{Member: "kim"}), docExcept(policy.Exception{Member: "kim", Note: "x"}), "", "a note"},
	{docExcept(policy.Exception{Member: "kim"}), docWith(docExcept(), docToAll), "", "removed with the list switched off"},
	{docWith(docExcept(policy.Exception{Member: "kim"}), docToAll), docExcept(), "designate", "removed with the list switched on: it was not in force"},
	{docWith(docExcept(policy.Exception{Member: "kim"}), docToAll), docWith(docExcept(), docToAll), "", "removed while all addresses are allowed"},
	{docExcept(policy.Exception{Member: "kim"}), docDesignated("9.9.9.9"), "narrow exception kim", "removed, and the addresses shrink"},

	// overseas blocking
	{policy.Settings{}, docBlocking(), "overseas", "switched on"},
	{policy.Settings{}, docBlocking(docKR), "overseas", "switched on, with a country exempt"},
	{docBlocking(), policy.Settings{}, "", "switched off"},
	{docBlocking(docKR, docJP), docBlocking(docKR), "overseas", "an exempt country is taken off"},
	{docBlocking(docKR), docBlocking(docJP), "overseas", "one is exchanged for another"},
	{docBlocking(docKR), docBlocking(docKR, docJP), "", "an exempt country is added"},
	{policy.Settings{Overseas: policy.Overseas{Exempt: geo.CountriesOf(docKR)}}, policy.Settings{}, "", "one is taken off while blocking is off"},
	{docBlocking(docKR), policy.Settings{Overseas: policy.Overseas{Block: false}}, "", "one is taken off as blocking is switched off"},
	{docDesignated("8.8.8.8"), docWith(docDesignated("8.8.8.8"), docToBlocking), "", "switched on while addresses are designated, where it is not in force"},
	{docWith(docBlocking(docKR, docJP), docToDesignated), docWith(docBlocking(docKR), docToDesignated), "", "one is taken off while addresses are designated"},
	{docWith(docBlocking(docKR), docToDesignated), docBlocking(docKR), "overseas", "designated to all: blocking comes into force"},
	{docDesignated("8.8.8.8"), docBlocking(docKR), "overseas", "designated to all, and blocking switched on"},
	{docDesignated("8.8.8.8"), docWith(docDesignated("8.8.8.8"), docToAll), "", "designated to all without blocking"},
}

func TestDiffSignsOut(t *testing.T) {
	for _, row := range docSignOuts {
		name := "no profile"
		if row.profile != nil {
			name = row.profile.Name
		}
		for _, tt := range docDiffs {
			var want session.Clients
			var members []member.ID
			words, ids, _ := strings.Cut(tt.want, "exception")
			for _, word := range strings.Fields(words) {
				want |= map[string]session.Clients{"designate": row.designate, "narrow": row.narrow, "overseas": row.overseas}[word]
			}
			if row.exception != 0 {
				for _, id := range strings.Fields(ids) {
					members = append(members, member.ID(id))
				}
			}
			old, new := tt.old.Clone(), tt.new.Clone()
			c := policy.Diff(tt.old, tt.new, row.profile, docNow)
			if c.SignOut != want || !slices.Equal(c.SignOutMembers, members) {
				t.Errorf("%s: %s: signs out %v of all and members %q; want %v and %q", name, tt.why, c.SignOut, c.SignOutMembers, want, members)
			}
			if !tt.old.Equal(old) || !tt.new.Equal(new) {
				t.Errorf("%s: Diff has changed what it compares", tt.why)
			}
		}
		if p := row.profile; p != nil && p.SignOut != (policy.SignOut{Designate: row.designate, Narrow: row.narrow, Overseas: row.overseas, Exception: row.exception}) {
			t.Errorf("%s: the profile says %+v", name, p.SignOut)
		}
	}
}

func TestDiffAddedRemoved(t *testing.T) {
	for _, tt := range []struct {
		old, new       policy.Settings
		added, removed []string
		why            string
	}{
		{docDesignated("8.8.8.0/24"), docDesignated("8.8.8.0/25", "9.9.9.9"), []string{"9.9.9.9"}, []string{"8.8.8.128/25"}, "both"},
		{docDesignated("8.8.8.0/24", "2606:4700::/32"), docDesignated("8.8.8.64/26"), nil, []string{"8.8.8.0/26", "8.8.8.128/25", "2606:4700::/32"}, "a hole on both sides, and a family; IPv4 first"},
		{docDesignated("8.8.8.1", "8.8.8.2"), docDesignated("8.8.8.2", "8.8.8.3", "8.8.8.4"), []string{"8.8.8.3-8.8.8.4"}, []string{"8.8.8.1"}, "neighbours are one range"},
		{docDesignated("8.8.8.0/24"), docDesignated("8.8.8.0/25", "8.8.8.128/25"), nil, nil, "the same addresses"},
		{docEnding("9.9.9.9", docPast), docEnding("9.9.9.9", docFuture), []string{"9.9.9.9"}, nil, "revived"},
		{docEnding("9.9.9.9", docFuture), docEnding("9.9.9.9", docPast), nil, []string{"9.9.9.9"}, "ended"},
		{docWith(docDesignated("8.8.8.8"), docToAll), docDesignated("9.9.9.9"), nil, nil, "the list was not in force before"},
		{docDesignated("9.9.9.9"), docWith(docDesignated("8.8.8.8"), docToAll), nil, nil, "the list is not in force after"},
	} {
		c := policy.Diff(tt.old, tt.new, policy.Kintone(), docNow)
		if !slices.Equal(c.Added, docRanges(tt.added...)) || !slices.Equal(c.Removed, docRanges(tt.removed...)) {
			t.Errorf("%s: added %v, removed %v; want %v, %v", tt.why, c.Added, c.Removed, tt.added, tt.removed)
		}
	}
}

func TestDiffNow(t *testing.T) {
	entry := policy.Entry{Range: ipset.MustParseRange("8.8.8.0/24")}
	ended := entry
	ended.Until = time.Now().Add(-time.Hour)
	old := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{entry}}
	new := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{ended}}
	if c := policy.Diff(old, new, policy.Standard(), time.Time{}); c.SignOut != session.AllClients {
		t.Errorf("an end that has passed by now signs out %v", c.SignOut)
	}
}
