package policytest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

var web = session.ClientsOf(session.Web)

// grown returns a record at number 7 that has cuts.
func grown(of session.TenantID) policy.Record {
	r := record(of, at(7))
	r.Cuts = session.Cuts{}.Cut(session.AllClients, 2).Cut(web, 5)
	r.MemberCuts = map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(web, 7), "lee": session.Cuts{}.Cut(session.Mail, 3)}
	return r
}

// unfit are changes of what follows a grown record that make it follow no more.
var unfit = []struct {
	why   string
	spoil func(*policy.Record)
}{
	{"the same number", func(r *policy.Record) { r.Version.Number = 7 }},
	{"a lower number", func(r *policy.Record) {
		r.Version.Number, r.Cuts, r.MemberCuts = 6, session.Cuts{}.Cut(session.AllClients, 6), nil
	}},
	{"no cuts any more", func(r *policy.Record) { r.Cuts = session.Cuts{} }},
	{"a cut that moves back", func(r *policy.Record) { r.Cuts = session.Cuts{}.Cut(session.AllClients, 2).Cut(web, 4) }},
	{"a cut of one client less", func(r *policy.Record) { r.Cuts = session.Cuts{}.Cut(web, 5) }},
	{"a cut higher for some, back for others", func(r *policy.Record) { r.Cuts = session.Cuts{}.Cut(session.Mail, 8).Cut(web, 5) }},
	{"no cuts of members any more", func(r *policy.Record) { r.MemberCuts = nil }},
	{"no cut of one member any more", func(r *policy.Record) { delete(r.MemberCuts, "lee") }},
	{"a cut of a member that moves back", func(r *policy.Record) { r.MemberCuts["kim"] = session.Cuts{}.Cut(web, 6) }},
	{"a cut of a member under another name", func(r *policy.Record) {
		r.MemberCuts["KIM"] = r.MemberCuts["kim"]
		delete(r.MemberCuts, "kim")
	}},
	{"a return to cuts that move back", func(r *policy.Record) { r.Return = &policy.Return{At: time.Now().Add(hour)} }},
}

// corrupt are changes that make any record corrupt.
var corrupt = []struct {
	why   string
	spoil func(*policy.Record)
}{
	{"no version", func(r *policy.Record) { r.Version = session.Version{} }},
	{"no line", func(r *policy.Record) { r.Version.Line = 0 }},
	{"no number", func(r *policy.Record) { r.Version.Number = 0 }},
	{"the number that a signed column cannot follow", func(r *policy.Record) { r.Version.Number = session.MaxNumber }},
	{"a number that a signed column cannot hold", func(r *policy.Record) { r.Version.Number = session.MaxNumber + 1 }},
	{"the highest number", func(r *policy.Record) { r.Version.Number = 1<<64 - 1 }},
	{"a cut above its number", func(r *policy.Record) { r.Cuts = r.Cuts.Cut(web, r.Version.Number+1) }},
	{"a cut of a member above its number", func(r *policy.Record) {
		r.MemberCuts = map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(web, r.Version.Number+1), "lee": session.Cuts{}.Cut(session.Mail, 3)}
	}},
	{"a return with a cut above its number", func(r *policy.Record) {
		r.Return = &policy.Return{At: time.Now().Add(hour), Cuts: r.Cuts.Cut(web, r.Version.Number+2), MemberCuts: r.MemberCuts}
	}},
	{"cuts of too many members", func(r *policy.Record) {
		for i := range policy.MaxMemberCuts + 1 {
			r.MemberCuts[member.ID(fmt.Sprint(i))] = session.Cuts{}.Cut(web, 1)
		}
	}},
	{"text that is not UTF-8", func(r *policy.Record) { r.By = "kim\xff" }},
	{"a cut of a member whose id is not UTF-8", func(r *policy.Record) { r.MemberCuts["kim\xff"] = session.Cuts{}.Cut(web, 1) }},
}

// refused reports where a save is not refused because of r.
func refused(t testing.TB, s policy.Store, why string, expected session.Version, r policy.Record, want error) {
	t.Helper()
	_, err := s.Save(t.Context(), expected, r, event(r), []session.Order{order(r)})
	switch {
	case want == nil:
		t.Fatalf("%s: nothing is wrong with the record", why)
	case err == nil:
		t.Errorf("a record with %s was saved", why)
	case errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) || !strings.Contains(err.Error(), want.Error()):
		t.Errorf("a record with %s: the error is %v; want %v", why, err, want)
	}
}

func followRefused(t testing.TB, s policy.Store) {
	was := grown(acme)
	save(t, s, session.Version{}, was)
	for _, row := range unfit {
		r := next(was)
		row.spoil(&r)
		refused(t, s, row.why, was.Version, r, r.Follows(was))
		holds(t, s, "after a save of "+row.why, was, 0)
	}
	for _, row := range corrupt {
		r := next(was)
		row.spoil(&r)
		refused(t, s, row.why, was.Version, r, r.Follows(was))
		holds(t, s, "after a save of "+row.why, was, 0)
	}
	counts(t, s, "after saves that were refused", 1)

	// A save that was refused has not used up its id.
	r := next(was)
	r.Cuts = session.Cuts{}
	refused(t, s, "no cuts any more", was.Version, r, r.Follows(was))
	r.Cuts = was.Cuts
	save(t, s, was.Version, r)
	holds(t, s, "saved with the id of a save that was refused", r, 0)
}

func followTaken(t testing.TB, s policy.Store) {
	for i, row := range []struct {
		why  string
		grow func(*policy.Record)
	}{
		{"the next number", func(*policy.Record) {}},
		{"a number far ahead", func(r *policy.Record) { r.Version.Number = 1 << 60 }},
		{"higher cuts", func(r *policy.Record) {
			r.Cuts, r.MemberCuts["lee"] = r.Cuts.Cut(web, 8), r.MemberCuts["lee"].Cut(web, 8)
		}},
		{"cuts of members that became one of all", func(r *policy.Record) { r.Cuts, r.MemberCuts = r.Cuts.Cut(session.AllClients, 7), nil }},
		{"a new line without cuts", func(r *policy.Record) {
			r.Version, r.Cuts, r.MemberCuts = session.Version{Line: line + 1, Number: 1}, session.Cuts{}, nil
		}},
		{"a return to higher cuts", func(r *policy.Record) {
			r.Return = &policy.Return{At: time.Now().Add(hour), Cuts: r.Cuts.Cut(web, 9), MemberCuts: r.MemberCuts}
		}},
		{"a mark of deletion", func(r *policy.Record) { r.Deleted = true }},
	} {
		was := grown(session.TenantID(fmt.Sprintf("taken-%d", i)))
		save(t, s, session.Version{}, was)
		r := next(was)
		row.grow(&r)
		save(t, s, was.Version, r)
		holds(t, s, "saved with "+row.why, r, 0)
	}
}

func followCorrupt(t testing.TB, s policy.Store) {
	for _, row := range corrupt {
		r := grown(acme)
		row.spoil(&r)
		refused(t, s, row.why, session.Version{}, r, r.Err())
		missing(t, s, "after a first save of "+row.why, acme)
	}
	for _, nobody := range []session.TenantID{"", "acme\xff"} {
		r := grown(nobody)
		refused(t, s, fmt.Sprintf("the tenant %q", nobody), session.Version{}, r, r.Err())
	}
	if list := waiting(t, s, acme); len(list) != 0 {
		t.Errorf("saves that were refused left %d orders", len(list))
	}
	r := grown(acme)
	save(t, s, session.Version{}, r)
	holds(t, s, "saved after all", r, 0)
}
