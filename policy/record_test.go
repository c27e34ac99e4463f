package policy_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

var (
	recWeb  = session.ClientsOf(session.Web)
	recNoon = time.Date(2026, 7, 8, 12, 0, 0, 0, time.UTC)
)

func recCut(clients session.Clients, number uint64) session.Cuts {
	return session.Cuts{}.Cut(clients, number)
}

// recSettings are settings that say something in every field.
func recSettings(label string) policy.Settings {
	return policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("8.8.8.0/24"), Label: label, Until: recNoon.Add(1)},
			{Range: ipset.MustParseRange("2606:4700::/32")},
		},
		Outside: policy.Verify,
		Exceptions: []policy.Exception{
			{Member: "kim", Ranges: []ipset.Range{ipset.MustParseRange("1.208.0.0/12")}, Until: recNoon, Note: label},
			{Member: "lee", Ranges: []ipset.Range{}},
		},
		Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"))},
	}
}

// recFull is a record that says something in every field.
func recFull() policy.Record {
	r := policy.Record{
		Tenant: "acme", Version: session.Version{Line: 12026, Number: 7}, Plan: "standard", Settings: recSettings("office"),
		Cuts:       recCut(recWeb, 5).Cut(session.Mail, 2),
		MemberCuts: map[member.ID]session.Cuts{"kim": recCut(session.Apps, 7), "lee": recCut(recWeb, 6)},
		Draft:      &policy.Draft{Number: 3, Settings: recSettings("draft"), By: "lee", At: recNoon},
		Drafts:     3, Save: "save-7", By: "kim", At: recNoon.Add(-time.Hour), Deleted: true,
	}
	r.Return = &policy.Return{
		At: recNoon, Settings: recSettings("before"), Cuts: r.Cuts.Cut(session.AllClients, 8),
		MemberCuts: map[member.ID]session.Cuts{"kim": recCut(session.Apps, 7), "lee": recCut(recWeb, 8)},
	}
	return r
}

// recZeros returns the paths of what is zero in v.
func recZeros(path string, v reflect.Value) (zeros []string) {
	switch {
	case v.IsZero():
		return []string{path}
	case v.Kind() == reflect.Pointer:
		return recZeros(path, v.Elem())
	case v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[policy.Record]().PkgPath():
		for i := range v.NumField() {
			zeros = append(zeros, recZeros(path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
	}
	return zeros
}

func TestRecordFullIsFull(t *testing.T) {
	if zeros := recZeros("record", reflect.ValueOf(recFull())); zeros != nil {
		t.Errorf("%v are zero in recFull, so that no test would miss them", zeros)
	}
}

func TestRecordNow(t *testing.T) {
	r := recFull()
	returned := r
	returned.Version.Number, returned.Settings, returned.Cuts, returned.MemberCuts = 8, r.Return.Settings, r.Return.Cuts, r.Return.MemberCuts
	returned.Return, returned.Save, returned.By, returned.At = nil, "", "", r.Return.At
	confirmed := r
	confirmed.Return = nil
	zero := r.Clone()
	zero.Return.At = time.Time{}
	zeroReturned := returned
	zeroReturned.At = time.Time{}
	for _, row := range []struct {
		why  string
		r    policy.Record
		at   time.Time
		want policy.Record
	}{
		{"long before", r, recNoon.Add(-time.Hour), r},
		{"the instant before", r, recNoon.Add(-1), r},
		{"at that instant", r, recNoon, returned},
		{"at that instant, in another zone", r, recNoon.In(time.FixedZone("", 9*3600)), returned},
		{"long after", r, recNoon.Add(1000 * time.Hour), returned},
		{"nothing to return to", confirmed, recNoon.Add(1000 * time.Hour), confirmed},
		{"a return at no instant is due: it must not widen anything for ever", zero, recNoon, zeroReturned},
		{"the zero record", policy.Record{}, recNoon, policy.Record{}},
	} {
		before := row.r.Clone()
		if got := row.r.Now(row.at); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v; want %+v", row.why, got, row.want)
		}
		if !reflect.DeepEqual(before, row.r) {
			t.Errorf("%s: Now altered its record", row.why)
		}
	}
}

// recSpoil are changes that make a record at number 7 corrupt, with what Err says.
var recSpoil = []struct {
	why, says string
	spoil     func(*policy.Record)
}{
	{"nobody's", "names no tenant", func(r *policy.Record) { r.Tenant = "" }},
	{"no version", "has the version 0.0", func(r *policy.Record) { r.Version = session.Version{} }},
	{"no line: sessions of a former life would be alive", "a line is not 0", func(r *policy.Record) { r.Version.Line = 0 }},
	{"no number", "a number from 1 to", func(r *policy.Record) { r.Version.Number = 0 }},
	{"no number can follow", "a number from 1 to", func(r *policy.Record) { r.Version.Number = session.MaxNumber; r.Return = nil }},
	{"negative in a signed column", "a number from 1 to", func(r *policy.Record) { r.Version.Number = 1 << 63 }},
	{"the highest", "a number from 1 to", func(r *policy.Record) { r.Version.Number = math.MaxUint64 }},
	{"a cut above the number ends sessions of now", "at number 7 has a cut above it", func(r *policy.Record) { r.Cuts = r.Cuts.Cut(recWeb, 8); r.Return = nil }},
	{"a member's cut above the number", "at number 7 has a cut above it", func(r *policy.Record) { r.MemberCuts["lee"] = recCut(recWeb, 8) }},
	{"a return's cut above its number", "at number 8 has a cut above it", func(r *policy.Record) { r.Return.Cuts = r.Return.Cuts.Cut(recWeb, 9) }},
	{"a return's cut of a member above its number", "at number 8 has a cut above it", func(r *policy.Record) { r.Return.MemberCuts["lee"] = recCut(recWeb, 9) }},
	{"a return to cuts that move back revives sessions", "cannot return: policy: a cut of the tenant moves back", func(r *policy.Record) { r.Return.Cuts = session.Cuts{} }},
	{"a return to a member's cut that moves back", `cannot return: policy: the cut of "lee" moves back`, func(r *policy.Record) {
		r.Return.Cuts = r.Cuts
		delete(r.Return.MemberCuts, "lee")
	}},
	{"a return at a number that is none", "cannot return", func(r *policy.Record) { r.Version.Number = session.MaxNumber - 1 }},
	{"too many members", "has cuts of 1001 members", func(r *policy.Record) {
		for i := range policy.MaxMemberCuts - 1 {
			r.MemberCuts[member.ID(fmt.Sprint(i))] = recCut(recWeb, 1)
		}
		r.Return = nil
	}},
	{"too many members to return to", "has cuts of 1001 members", func(r *policy.Record) {
		for i := range policy.MaxMemberCuts - 1 {
			r.Return.MemberCuts[member.ID(fmt.Sprint(i))] = recCut(recWeb, 1)
		}
	}},
	{"a tenant that JSON would rename", `"acme\xff" is not UTF-8`, func(r *policy.Record) { r.Tenant = "acme\xff" }},
	{"a plan that JSON would rename", `"\xff" is not UTF-8`, func(r *policy.Record) { r.Plan = "\xff" }},
	{"a save that JSON would rename", `"\xff" is not UTF-8`, func(r *policy.Record) { r.Save = "\xff" }},
	{"a saver that JSON would rename", `"\xff" is not UTF-8`, func(r *policy.Record) { r.By = "\xff" }},
	{"a cut of a member that JSON would rename", `"\xff" is not UTF-8`, func(r *policy.Record) { r.MemberCuts["\xff"] = recCut(recWeb, 1); r.Return = nil }},
	{"the same of a return", `"\xff" is not UTF-8`, func(r *policy.Record) { r.Return.MemberCuts["\xff"] = recCut(recWeb, 1) }},
	{"an author of a draft that JSON would rename", `"\xff" is not UTF-8`, func(r *policy.Record) { r.Draft.By = "\xff" }},
}

func TestRecordErr(t *testing.T) {
	full := recFull()
	bare := policy.Record{Tenant: "acme", Version: session.Version{Line: 1, Number: 1}}
	last := policy.Record{Tenant: "acme", Version: session.Version{Line: math.MaxUint32, Number: session.MaxNumber - 1}, Cuts: recCut(recWeb, session.MaxNumber-1)}
	for _, r := range []policy.Record{full, bare, last} {
		if err := r.Err(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, row := range recSpoil {
		r := recFull()
		row.spoil(&r)
		err := r.Err()
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; want %q", row.why, err, row.says)
		}
		if followErr := r.Follows(full); followErr == nil || err != nil && followErr.Error() != err.Error() {
			t.Errorf("%s: Follows says %v; want what Err says, %v", row.why, followErr, err)
		}
	}
	if err := (policy.Record{}).Err(); err == nil {
		t.Error("the zero record is not corrupt")
	}
	long := policy.Record{Tenant: session.TenantID(strings.Repeat("\n", 10_000))}
	if s := long.Err().Error(); len(s) > 1000 || strings.Contains(s, "\n") {
		t.Errorf("an error prints the tenant as it is: %.100q", s)
	}
}

func TestRecordFollows(t *testing.T) {
	old := recFull()
	old.Deleted, old.Return = false, nil
	removed := old.Clone()
	removed.Deleted = true
	for _, row := range []struct {
		why, says string // "": it follows
		old       policy.Record
		change    func(*policy.Record)
	}{
		{"the next number", "", old, func(*policy.Record) {}},
		{"a number far ahead", "", old, func(r *policy.Record) { r.Version.Number = 1 << 60 }},
		{"the same number", "number 7 does not follow 7", old, func(r *policy.Record) { r.Version.Number = 7 }},
		{"a lower number: a replay", "number 6 does not follow 7", old, func(r *policy.Record) {
			r.Version.Number, r.MemberCuts = 6, nil
		}},
		{"higher cuts", "", old, func(r *policy.Record) { r.Cuts = r.Cuts.Cut(session.AllClients, 8) }},
		{"no cuts", "a cut of the tenant moves back", old, func(r *policy.Record) { r.Cuts = session.Cuts{} }},
		{"a lower cut", "a cut of the tenant moves back", old, func(r *policy.Record) { r.Cuts = recCut(recWeb, 4).Cut(session.Mail, 2) }},
		{"a cut of fewer clients", "a cut of the tenant moves back", old, func(r *policy.Record) { r.Cuts = recCut(recWeb, 5) }},
		{"higher for some, lower for others", "a cut of the tenant moves back", old, func(r *policy.Record) { r.Cuts = recCut(session.Mail, 8).Cut(recWeb, 4) }},
		{"no cuts of members", `the cut of "kim" moves back`, old, func(r *policy.Record) { r.MemberCuts = nil }},
		{"a member forgotten", `the cut of "lee" moves back`, old, func(r *policy.Record) { delete(r.MemberCuts, "lee") }},
		{"a lower cut of a member", `the cut of "lee" moves back`, old, func(r *policy.Record) { r.MemberCuts["lee"] = recCut(recWeb, 5) }},
		{"another client of a member", `the cut of "lee" moves back`, old, func(r *policy.Record) { r.MemberCuts["lee"] = recCut(session.Mail, 7) }},
		{"members in one cut of all", "", old, func(r *policy.Record) { r.Cuts, r.MemberCuts = recCut(session.AllClients, 7), nil }},
		{"members in one cut that is too low", `the cut of "kim" moves back`, old, func(r *policy.Record) { r.Cuts, r.MemberCuts = recCut(session.AllClients, 6), nil }},
		{"members in one cut of others", `the cut of "kim" moves back`, old, func(r *policy.Record) {
			r.Cuts, r.MemberCuts = recCut(session.AllClients, 5).Cut(recWeb, 7), nil
		}},
		{"another tenant", `record of "zen" cannot replace that of "acme"`, old, func(r *policy.Record) { r.Tenant = "zen" }},
		{"a new line begins anew", "", old, func(r *policy.Record) {
			r.Version, r.Cuts, r.MemberCuts = session.Version{Line: 1, Number: 1}, session.Cuts{}, nil
		}},
		{"a removal", "", old, func(r *policy.Record) { r.Deleted = true }},
		{"a removal without cuts", "moves back", old, func(r *policy.Record) { r.Deleted, r.Cuts = true, session.Cuts{} }},
		{"what was removed, on its line", `tenant "acme" was deleted; made again, it begins a new line`, removed, func(r *policy.Record) { r.Deleted = false }},
		{"what was removed, on a new line", "", removed, func(r *policy.Record) {
			r.Version, r.Cuts, r.MemberCuts, r.Deleted = session.Version{Line: 1, Number: 1}, session.Cuts{}, nil, false
		}},
		{"what was removed, removed", "", removed, func(r *policy.Record) { r.Deleted = true }},
	} {
		r := row.old.Clone()
		r.Version.Number++
		row.change(&r)
		err := r.Follows(row.old)
		if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; want %q", row.why, err, row.says)
		}
	}
}

// recShared returns the addresses of what could be altered behind v. Cuts share their
// groups, which nothing alters, and instants their zones.
func recShared(v reflect.Value, at map[uintptr]string, path string) {
	switch v.Type() {
	case reflect.TypeFor[session.Cuts](), reflect.TypeFor[time.Time](), reflect.TypeFor[ipset.Range]():
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			at[v.Pointer()] = path
			recShared(v.Elem(), at, path)
		}
	case reflect.Map:
		at[v.Pointer()] = path
		for _, k := range v.MapKeys() {
			recShared(v.MapIndex(k), at, path+"[…]")
		}
	case reflect.Slice:
		if v.Cap() > 0 {
			at[v.Pointer()] = path
		}
		for i := range v.Len() {
			recShared(v.Index(i), at, path+"[…]")
		}
	case reflect.Struct:
		for i := range v.NumField() {
			recShared(v.Field(i), at, path+"."+v.Type().Field(i).Name)
		}
	}
}

func TestRecordCloneSharesNothing(t *testing.T) {
	r := recFull()
	c := r.Clone()
	if !reflect.DeepEqual(r, c) {
		t.Fatalf("the clone of %+v is %+v", r, c)
	}
	is, of := make(map[uintptr]string), make(map[uintptr]string)
	recShared(reflect.ValueOf(r), of, "record")
	recShared(reflect.ValueOf(c), is, "record")
	if len(of) < 12 {
		t.Errorf("only %d places to share were found: %v", len(of), of)
	}
	for p, path := range is {
		if was, ok := of[p]; ok {
			t.Errorf("%s of the clone is %s of the record", path, was)
		}
	}
	if zero := (policy.Record{}).Clone(); !reflect.DeepEqual(zero, policy.Record{}) {
		t.Errorf("the clone of the zero record is %+v", zero)
	}
}
