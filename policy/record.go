package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Record is what a [Store] keeps of a tenant, all of it in one write. A Record is a value
// that its reader must not alter; Clone makes one that may be. Package policy/engine makes
// and reads records; a host needs to know little more than that they go into a database as
// JSON, beside their version.
type Record struct {
	Tenant   session.TenantID `json:"tenant"`
	Version  session.Version  `json:"version"`
	Plan     Plan             `json:"plan,omitempty"` // by which the settings were last judged
	Settings Settings         `json:"settings"`

	// Cuts are the numbers of Version that sessions of every member must carry, MemberCuts
	// those of single members, at most MaxMemberCuts.
	Cuts       session.Cuts               `json:"cuts,omitzero"`
	MemberCuts map[member.ID]session.Cuts `json:"member_cuts,omitempty"`

	// Return is what a provisional save goes back to unless it is confirmed; nil: the
	// settings stay.
	Return *Return `json:"return,omitempty"`

	// Draft is settings on trial, which decide nothing; nil: there are none. Drafts is the
	// number of the last draft there was.
	Draft  *Draft `json:"draft,omitempty"`
	Drafts uint64 `json:"drafts,omitempty"`

	Save string    `json:"save,omitempty"` // the id of the save that wrote it
	By   member.ID `json:"by,omitempty"`   // who saved; "": the system
	At   time.Time `json:"at"`             // when

	// Deleted marks what is left of a tenant that was removed. It decides nothing and
	// keeps the version, so that a tenant made again begins a new line.
	Deleted bool `json:"deleted,omitempty"`
}

// MaxMemberCuts is the most members that a record keeps cuts of. Where there would be
// more, they become one cut of every member.
const MaxMemberCuts = 1000

// Return is the state that a provisional save goes back to. From At on, it holds, as the
// next number of the record's line, whether it was written yet or not.
type Return struct {
	At         time.Time                  `json:"at"`
	Settings   Settings                   `json:"settings"`
	Cuts       session.Cuts               `json:"cuts,omitzero"`
	MemberCuts map[member.ID]session.Cuts `json:"member_cuts,omitempty"`
}

// Draft is settings on trial beside those in force.
type Draft struct {
	Number   uint64    `json:"number"`
	Settings Settings  `json:"settings"`
	By       member.ID `json:"by,omitempty"`
	At       time.Time `json:"at"`
}

// Now returns the record that holds at an instant: r, or its return once that is due.
func (r Record) Now(at time.Time) Record {
	if r.Return == nil || at.Before(r.Return.At.Round(0)) { // an instant, not a span of this process
		return r
	}
	r.Version.Number++
	r.Settings, r.Cuts, r.MemberCuts = r.Return.Settings, r.Return.Cuts, r.Return.MemberCuts
	r.At, r.By, r.Save = r.Return.At, "", ""
	r.Return = nil
	return r
}

// Clone returns a copy of r that shares nothing with it.
func (r Record) Clone() Record {
	r.Settings = r.Settings.Clone()
	r.MemberCuts = maps.Clone(r.MemberCuts)
	if r.Return != nil {
		back := *r.Return
		back.Settings, back.MemberCuts = back.Settings.Clone(), maps.Clone(back.MemberCuts)
		r.Return = &back
	}
	if r.Draft != nil {
		draft := *r.Draft
		draft.Settings = draft.Settings.Clone()
		r.Draft = &draft
	}
	return r
}

// Err returns what makes r corrupt, or nil. Nobody is admitted by a corrupt record: it
// was written by something else than this package, or was damaged.
func (r Record) Err() error {
	highest := r.Cuts.Highest()
	for _, c := range r.MemberCuts {
		highest = max(highest, c.Highest())
	}
	switch {
	case r.Tenant == "":
		return errors.New("policy: record names no tenant")
	case r.Version.Line == 0 || r.Version.Number == 0 || r.Version.Number >= session.MaxNumber:
		return fmt.Errorf("policy: record of %s has the version %v; a line is not 0 and a number from 1 to %d",
			quote(string(r.Tenant)), r.Version, session.MaxNumber-1)
	case highest > r.Version.Number:
		return fmt.Errorf("policy: record of %s at number %d has a cut above it", quote(string(r.Tenant)), r.Version.Number)
	case len(r.MemberCuts) > MaxMemberCuts:
		return fmt.Errorf("policy: record of %s has cuts of %d members; at most %d", quote(string(r.Tenant)), len(r.MemberCuts), MaxMemberCuts)
	case r.Return != nil:
		// It will stand in r's place without another Save, so it must be fit to.
		if err := r.Now(r.Return.At).Follows(r); err != nil {
			return fmt.Errorf("policy: record of %s cannot return: %w", quote(string(r.Tenant)), err)
		}
	}
	return r.utf8()
}

// utf8 returns which text of r is not UTF-8, or nil. As JSON it would become another: the
// record of another tenant, the cut of another member.
func (r Record) utf8() (err error) {
	check := func(s string) {
		if !utf8.ValidString(s) {
			err = fmt.Errorf("policy: record of %s: %s is not UTF-8", quote(string(r.Tenant)), quote(s))
		}
	}
	check(string(r.Tenant))
	check(string(r.Plan))
	check(r.Save)
	check(string(r.By))
	for id := range r.MemberCuts {
		check(string(id))
	}
	if r.Return != nil {
		for id := range r.Return.MemberCuts {
			check(string(id))
		}
	}
	if r.Draft != nil {
		check(string(r.Draft.By))
	}
	return err
}

// Follows returns why r must not replace old, or nil. Within a line the number grows, no
// cut moves back, and what was deleted stays so; on another line everything begins anew.
// Stores ask it in Save, so that nothing that writes to them can revive a session.
func (r Record) Follows(old Record) error {
	if err := r.Err(); err != nil {
		return err
	}
	switch {
	case r.Tenant != old.Tenant:
		return fmt.Errorf("policy: record of %s cannot replace that of %s", quote(string(r.Tenant)), quote(string(old.Tenant)))
	case r.Version.Line != old.Version.Line:
		return nil
	case r.Version.Number <= old.Version.Number:
		return fmt.Errorf("policy: number %d does not follow %d", r.Version.Number, old.Version.Number)
	case old.Deleted && !r.Deleted:
		return fmt.Errorf("policy: tenant %s was deleted; made again, it begins a new line", quote(string(r.Tenant)))
	case !r.Cuts.Max(old.Cuts).Equal(r.Cuts):
		return errors.New("policy: a cut of the tenant moves back")
	}
	var back []member.ID
	for id, was := range old.MemberCuts {
		if is := r.Cuts.Max(r.MemberCuts[id]); !is.Max(was).Equal(is) {
			back = append(back, id)
		}
	}
	if back != nil {
		return fmt.Errorf("policy: the cut of %s moves back", quote(string(slices.Min(back))))
	}
	return nil
}

// recordFormat is the format of the text of a record. It grows when an older program
// would misread a record, which then refuses it.
const recordFormat = 1

// The text of a record is its fields, but that settings must be there: those left out
// would let everyone in.
type (
	plainRecord Record
	plainReturn Return
	plainDraft  Draft

	returnText struct {
		plainReturn
		Settings *Settings `json:"settings"`
	}
	draftText struct {
		plainDraft
		Settings *Settings `json:"settings"`
	}
	recordText struct {
		Format int `json:"format"`
		plainRecord
		Settings *Settings   `json:"settings"`
		Return   *returnText `json:"return,omitempty"`
		Draft    *draftText  `json:"draft,omitempty"`
	}
)

// MarshalJSON writes the whole record, instants in UTC. One with text that is not UTF-8,
// which would be read as another, is an error.
func (r Record) MarshalJSON() ([]byte, error) {
	if err := r.utf8(); err != nil {
		return nil, err
	}
	r.At = r.At.UTC()
	text := recordText{Format: recordFormat, plainRecord: plainRecord(r), Settings: &r.Settings}
	if r.Return != nil {
		text.Return = &returnText{plainReturn(*r.Return), &r.Return.Settings}
		text.Return.At = r.Return.At.UTC()
	}
	if r.Draft != nil {
		text.Draft = &draftText{plainDraft(*r.Draft), &r.Draft.Settings}
		text.Draft.At = r.Draft.At.UTC()
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON writes. It refuses a record of another format, one
// with keys that it does not know and one without settings, rather than to decide by a
// part of it. On an error r stays as it was.
func (r *Record) UnmarshalJSON(b []byte) error {
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &format); err != nil {
		return fmt.Errorf("policy: record: %w", err)
	}
	if format.Format != recordFormat {
		return fmt.Errorf("policy: record of format %d; this program reads format %d, so upgrade it", format.Format, recordFormat)
	}
	var read recordText
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil {
		return fmt.Errorf("policy: record: %w", err)
	}
	is := Record(read.plainRecord)
	complete := read.Settings != nil
	if complete {
		is.Settings = *read.Settings
	}
	if read.Return != nil {
		back := Return(read.Return.plainReturn)
		if complete = complete && read.Return.Settings != nil; complete {
			back.Settings = *read.Return.Settings
		}
		is.Return = &back
	}
	if read.Draft != nil {
		draft := Draft(read.Draft.plainDraft)
		if complete = complete && read.Draft.Settings != nil; complete {
			draft.Settings = *read.Draft.Settings
		}
		is.Draft = &draft
	}
	if !complete {
		return fmt.Errorf("policy: record of %s lacks settings", quote(string(is.Tenant)))
	}
	*r = is
	return nil
}
