package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// editor is the page on which settings are edited. What is not saved yet travels with the
// form, as a document in a hidden field: nothing is kept here, and two windows do not
// disturb each other.
type editor struct {
	Doc     string // the settings being edited
	From    string // the version that they began from
	Changed bool   // they are not those that are saved

	Designated, Verify, Block                    bool
	Choice, HasExceptions, HasOverseas, IPv4Only bool // what the product has
	NoPlan                                       bool
	Unavailable                                  string
	Count                                        int
	Entries                                      []row
	Exceptions                                   []exceptionRow
	Members                                      []member.ID
	Countries                                    []choice
	Chosen                                       string
	Here                                         here
	Add                                          addForm
	Paste                                        pasteForm
	Except                                       exceptForm
	Problems                                     []link // what is wrong, with where it is
	Trial                                        *trial
	settings                                     policy.Settings
	invalid                                      []policy.Problem
}

// maxRows of a list are shown; who has more edits it as a file.
const maxRows = 200

type row struct {
	Index        int
	Range, Label string
	Until        string
	Ended        bool
	Wrong        string
}

type exceptionRow struct {
	Index  int
	Member member.ID
	Ranges string
	Note   string
	Until  string
	Ended  bool
	Wrong  string
}

type choice struct {
	Code, Name string
	Exempt     bool
}

type here struct {
	Address netip.Addr
	Country geo.Country
	On      bool
	Ignored string
	Wrong   string
}

type addForm struct {
	Index                              string // of the entry that is edited; "": a new one
	Range, Label, Until                string
	RangeWrong, LabelWrong, UntilWrong string
	Focus                              bool
}

type pasteForm struct {
	Open      bool
	Text      string
	Bad       []badLine
	FileWrong string
	FileBad   []badLine
}

type exceptForm struct {
	Open                                 bool
	Member                               member.ID
	Ranges, Until, Note                  string
	MemberWrong, RangesWrong, UntilWrong string
}

// trial is a save that is taken back unless it is confirmed.
type trial struct {
	Tenant  session.TenantID
	Version string
	Until   time.Time
	Left    string
	Refused string
	Force   string

	ShutsOut  []string // whom taking it back would shut out
	BackForce string
}

// maxDocForm is a document as large as there may be, as a form encodes it, and a file.
const maxDocForm = 4*policy.MaxDocument + ipset.MaxListBytes + maxForm

func (p *Pages) getNetwork(w http.ResponseWriter, r *http.Request, v *visitor) {
	now, err := v.Network(r.Context())
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	e := &editor{settings: now.Settings, From: now.Version.String()}
	p.showEditor(w, r, v, http.StatusOK, now, e, v.l.done(r.URL.Query().Get("done")))
}

// showEditor fills in what the page shows of e.settings.
func (p *Pages) showEditor(w http.ResponseWriter, r *http.Request, v *visitor, status int, now site.Network, e *editor, notice string) {
	doc, err := json.Marshal(e.settings)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	profile, at, s := v.tenant.Profile, time.Now(), e.settings
	e.Doc, e.Changed = string(doc), !s.Equal(now.Settings)
	e.Designated, e.Verify, e.Block = s.Access == policy.DesignatedAddresses, s.Outside == policy.Verify, s.Overseas.Block
	e.HasExceptions, e.HasOverseas, e.IPv4Only, e.Choice = profile.Exceptions, profile.Overseas, profile.IPv4Only, true
	if profile.Plans != nil {
		features := profile.Plans[v.tenant.Plan]
		e.NoPlan = features&policy.NetworkSecurity == 0
		e.HasOverseas = e.HasOverseas && features&policy.OverseasBlocking != 0
	}
	var off []string
	for _, feature := range now.Unavailable {
		off = append(off, v.l.say("network.feature."+feature))
	}
	e.Unavailable = strings.Join(off, ", ")
	e.Count = len(s.Designated)
	wrong := v.problems(e)
	e.Here = here{Address: v.Seen.Addr, Country: p.Front.Site.Countries.Country(v.Seen.Addr), Ignored: v.Seen.Ignored, Wrong: e.Here.Wrong}
	for i, d := range s.Designated {
		e.Here.On = e.Here.On || d.Range.Contains(v.Seen.Addr) && inForce(d.Until, at)
		if i < maxRows || wrong[rowID("entry", i)] != "" {
			e.Entries = append(e.Entries, row{i, d.Range.String(), d.Label, lastDay(d.Until), !inForce(d.Until, at), wrong[rowID("entry", i)]})
		}
	}
	for i, x := range s.Exceptions {
		e.Exceptions = append(e.Exceptions, exceptionRow{i, x.Member, ranges(x.Ranges), x.Note, lastDay(x.Until), !inForce(x.Until, at), wrong[rowID("exception", i)]})
	}
	e.Members = v.memberIDs(r)
	if e.HasOverseas {
		for c := range geo.AllCountries().All() {
			e.Countries = append(e.Countries, choice{c.String(), v.l.country(c), s.Overseas.Exempt.Has(c)})
		}
		sortNames(v.l, e.Countries)
		e.Chosen = countryNames(v.l, s.Overseas.Exempt)
	}
	if !now.Returns.IsZero() {
		if e.Trial == nil {
			e.Trial = &trial{}
		}
		left := int(max(0, time.Until(now.Returns)).Seconds())
		e.Trial.Tenant, e.Trial.Version, e.Trial.Until = v.tenant.ID, now.Version.String(), now.Returns
		e.Trial.Left = fmt.Sprintf("%d:%02d", left/60, left%60)
	}
	out := v.page("network", v.l.say("network.title"), e)
	out.Notice = notice
	p.show(w, r, status, "network", out)
}

// problems tells what is wrong with the settings, or with what was to be done with them, by
// the row that it is about, and lists all in e.Problems, with where it is.
func (v *visitor) problems(e *editor) map[string]string {
	wrong := make(map[string]string)
	for _, problem := range e.invalid[:min(len(e.invalid), 100)] {
		text := v.l.problem(problem)
		l := link{Text: text}
		for kind, prefix := range map[string]string{"entry": "designated[", "exception": "exceptions["} {
			if rest, ok := strings.CutPrefix(problem.Path, prefix); ok {
				if i, err := strconv.Atoi(rest[:max(0, strings.IndexByte(rest, ']'))]); err == nil {
					wrong[rowID(kind, i)] = text
					l.Href = "#" + rowID(kind, i)
				}
			}
		}
		e.Problems = append(e.Problems, l)
	}
	return wrong
}

func mustJSON(s policy.Settings) []byte {
	b, _ := json.Marshal(s) // what cannot be written is no document, and is refused as such
	return b
}

func rowID(kind string, i int) string { return kind + "-" + strconv.Itoa(i) }

func inForce(until, at time.Time) bool { return until.IsZero() || at.Before(until) }

// lastDay is the last day (UTC) on which something that ends is in force all day.
func lastDay(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return day(until.Add(-time.Nanosecond))
}

func ranges(rs []ipset.Range) string {
	var texts []string
	for _, r := range rs {
		texts = append(texts, r.String())
	}
	return strings.Join(texts, " ")
}

func countryNames(l lang, c geo.Countries) string {
	var names []choice
	for x := range c.All() {
		names = append(names, choice{Name: l.country(x)})
	}
	sortNames(l, names)
	var texts []string
	for _, n := range names {
		texts = append(texts, n.Name)
	}
	return strings.Join(texts, ", ")
}

// edited reads a form with settings that are being edited, and those that are in force. If
// that cannot be, it has answered.
func (p *Pages) edited(w http.ResponseWriter, r *http.Request, v *visitor) (now site.Network, e *editor, ok bool) {
	err := form(w, r, maxDocForm)
	if err == nil {
		now, err = v.Network(r.Context())
	}
	if err == nil {
		e, err = read(r)
	}
	if err != nil {
		p.failed(w, r, v, err)
	}
	return now, e, err == nil
}

// postNetwork does one thing to the settings that are being edited, or checks them.
func (p *Pages) postNetwork(w http.ResponseWriter, r *http.Request, v *visitor) {
	now, e, ok := p.edited(w, r, v)
	if !ok {
		return
	}
	do, index, _ := strings.Cut(r.PostForm.Get("do"), ":")
	i, err := strconv.Atoi(index)
	if index != "" && (err != nil || i < 0) {
		p.failed(w, r, v, errForm)
		return
	}
	d := &e.settings.Designated
	notice := ""
	switch do {
	case "edit": // without an index: back from the check of the changes
		if index != "" && i < len(*d) {
			e.Add = addForm{Index: index, Range: (*d)[i].Range.String(), Label: (*d)[i].Label, Until: lastDay((*d)[i].Until), Focus: true}
		}
	case "remove":
		if i < len(*d) {
			*d = slices.Delete(*d, i, i+1)
		}
		e.Add.Index = ""
	case "unexcept":
		if x := &e.settings.Exceptions; i < len(*x) {
			*x = slices.Delete(*x, i, i+1)
		}
	case "mine":
		e.addMine(v, r.PostForm.Get("mine-forced") != "")
	case "import":
		notice = e.importFile(v, r)
	case "add", "paste", "except", "enter", "review":
		// What was typed and not added yet is meant too, whichever button was pressed.
		pending := e.Add.Range != "" || e.Paste.Text != "" || e.Except.Member != ""
		if e.Add.Range != "" || do == "add" {
			ok = e.add(v) && ok
		}
		if e.Paste.Text != "" || do == "paste" {
			var n int
			if n, ok = e.paste(v, ok); n > 0 {
				notice = v.l.say("paste.added", n)
			}
		}
		if e.Except.Member != "" || do == "except" {
			ok = e.except(v) && ok
		}
		if ok && (do == "review" || do == "enter" && !pending) {
			p.review(w, r, v, now, e)
			return
		}
	default:
		p.failed(w, r, v, errForm)
		return
	}
	status := http.StatusOK
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	p.showEditor(w, r, v, status, now, e, notice)
}

// read takes the settings of a form, as they are edited.
func read(r *http.Request) (*editor, error) {
	f := r.PostForm
	e := &editor{From: f.Get("from")}
	if err := e.settings.UnmarshalJSON([]byte(f.Get("doc"))); err != nil {
		return nil, errors.Join(errForm, err)
	}
	if _, err := site.ParseVersion(e.From); err != nil {
		return nil, err
	}
	e.Add = addForm{Index: f.Get("edit"), Range: strings.TrimSpace(f.Get("range")), Label: strings.TrimSpace(f.Get("label")), Until: f.Get("until")}
	e.Paste.Text = strings.TrimSpace(f.Get("paste"))
	e.Except = exceptForm{Member: member.ID(f.Get("x-member")), Ranges: strings.TrimSpace(f.Get("x-ranges")), Until: f.Get("x-until"), Note: strings.TrimSpace(f.Get("x-note"))}
	if !f.Has("access") { // a form without the settings' own fields
		return e, nil
	}
	s := &e.settings
	if s.Access.UnmarshalText([]byte(f.Get("access"))) != nil {
		return nil, errForm
	}
	if f.Has("outside") && s.Outside.UnmarshalText([]byte(f.Get("outside"))) != nil {
		return nil, errForm
	}
	if f.Has("overseas") {
		s.Overseas = policy.Overseas{Block: f.Get("block") != ""}
		for _, code := range f["exempt"] {
			c, err := geo.ParseCountry(code)
			if err != nil {
				return nil, errForm
			}
			s.Overseas.Exempt = s.Overseas.Exempt.With(c)
		}
	}
	return e, nil
}
