package pages

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// review is the page before a save: what changes, who is signed out, who would be shut out.
type review struct {
	Doc, From, ID, Why    string
	Changes               []string
	SignOut, Stay, Single string
	Chart                 chart
	Freed                 int
	Places                []place
	PlacesRefused         []string
	Lockout               *lockout
	ForceWrong            string
	Trial                 bool // what was refused was a save on trial
}

// place is where the administrator is or was, and what the new settings say there.
type place struct {
	Addr     netip.Addr
	Country  geo.Country
	Client   session.Client
	At       time.Time
	Now      bool
	Decision policy.Decision
}

// lockout is a refusal that asks again.
type lockout struct {
	Title, Accept string
	Lines, Return []string
	StillOut      []string // whom what mends it does not help
	Mend          string   // an address that mends it
	MendCountry   geo.Country
	Force         string
}

// review shows what a save of e.settings would do, if there is nothing wrong with them.
func (p *Pages) review(w http.ResponseWriter, r *http.Request, v *visitor, now site.Network, e *editor) {
	p.showReview(w, r, v, http.StatusOK, now, e, &review{}, "")
}

func (p *Pages) showReview(w http.ResponseWriter, r *http.Request, v *visitor, status int, now site.Network, e *editor, d *review, wrong string) {
	doc := mustJSON(e.settings)
	_, err := v.tenant.Decode(doc)
	var preview *engine.Preview
	if err == nil {
		preview, err = v.Preview(r.Context(), e.settings)
	}
	if err != nil {
		p.unsavable(w, r, v, now, e, err)
		return
	}
	d.Doc, d.From, d.ID = string(doc), now.Version.String(), rand.Text()
	d.Changes = v.l.changes(now.Settings, e.settings)
	d.Chart, d.Freed = v.l.chart(preview), preview.Freed.Visits
	d.SignOut = v.l.clients(preview.Change.SignOut & v.tenant.Profile.Clients)
	d.Stay = v.l.clients(v.tenant.Profile.Clients &^ preview.Change.SignOut)
	var single []string
	for _, id := range preview.Change.SignOutMembers {
		single = append(single, string(id))
	}
	d.Single = strings.Join(single, ", ")
	if d.Places, err = p.places(r.Context(), v, &e.settings); err != nil {
		p.failed(w, r, v, err)
		return
	}
	for _, place := range d.Places {
		if place.Decision.Effect == policy.Deny {
			d.PlacesRefused = append(d.PlacesRefused, v.l.at(place))
		}
	}
	out := v.page("network", v.l.say("review.title"), d)
	out.Wrong = wrong
	p.show(w, r, status, "review", out)
}

func (l lang) at(p place) string {
	text := p.Addr.String()
	if name := l.country(p.Country); name != "" {
		text += ", " + name
	}
	if p.Now {
		return text + " – " + l.say("places.now")
	}
	return text + " – " + when(p.At)
}

// maxPlaces of the administrator are tried, from the visits that are read for them.
const (
	maxPlaces = 12
	maxVisits = 500
)

// places are where the visitor is now and was in the last 90 days, newest first, each with
// what the settings say to a login there.
func (p *Pages) places(ctx context.Context, v *visitor, s *policy.Settings) ([]place, error) {
	all := []place{{Addr: v.Seen.Addr, Country: p.Front.Site.Countries.Country(v.Seen.Addr), Client: v.Client, Now: true}}
	seen := map[netip.Addr]bool{v.Seen.Addr: true}
	n := 0
	for a, err := range v.Accesses(ctx, session.VisitQuery{Member: v.ID}) {
		if err != nil {
			return nil, err
		}
		if n++; n > maxVisits || len(all) == maxPlaces {
			break
		}
		if !seen[a.Addr] {
			seen[a.Addr] = true
			all = append(all, place{Addr: a.Addr, Country: a.Country, Client: a.Client, At: a.At})
		}
	}
	for i := range all {
		x, err := v.WhatIf(ctx, all[i].Addr, all[i].Client, v.ID, s)
		if err != nil {
			return nil, err
		}
		all[i].Decision = x.Decision
	}
	return all, nil
}

// unsavable answers settings that cannot be saved as they are.
func (p *Pages) unsavable(w http.ResponseWriter, r *http.Request, v *visitor, now site.Network, e *editor, err error) {
	var invalid *policy.InvalidError
	switch {
	case errors.As(err, &invalid):
		e.invalid = invalid.Problems
		p.showEditor(w, r, v, http.StatusUnprocessableEntity, now, e, "")
	case errors.Is(err, engine.ErrProvisional):
		e.Problems = []link{{Text: v.l.say("review.provisional")}}
		p.showEditor(w, r, v, http.StatusConflict, now, e, "")
	default:
		p.failed(w, r, v, err)
	}
}

// trialLasts is how long a save on trial waits to be confirmed.
const trialLasts = 10 * time.Minute

// postSave saves what the review showed, or shows why not and what would mend it.
func (p *Pages) postSave(w http.ResponseWriter, r *http.Request, v *visitor) {
	now, e, ok := p.edited(w, r, v)
	if !ok {
		return
	}
	f := r.PostForm
	from, _ := site.ParseVersion(e.From) // read has done so
	c := site.Change{From: from, ID: f.Get("id"), Why: f.Get("why")}
	d := &review{Why: c.Why, Trial: f.Get("do") == "trial" || f.Get("trial") != ""}
	if d.Trial {
		c.Provisional = trialLasts
	}
	asked := false
	switch f.Get("do") {
	case "mend":
		if r, err := ipset.ParseRange(f.Get("mend")); err == nil {
			e.settings.Designated = append(e.settings.Designated, policy.Entry{Range: r, Label: v.l.say("here.label", v.ID)})
		}
		c.ID = rand.Text()
	case "mend-country":
		if x, err := geo.ParseCountry(f.Get("mend-country")); err == nil {
			e.settings.Overseas.Exempt = e.settings.Overseas.Exempt.With(x)
		}
		c.ID = rand.Text()
	case "force":
		c.Force = f.Get("force")
		asked = c.Force == ""
	}
	saved, err := v.Save(r.Context(), c, e.settings)
	var conflict *policy.ConflictError
	switch {
	case err == nil:
		p.saved(w, r, v, saved, map[bool]string{true: "saved-trial", false: "saved"}[d.Trial])
	case errors.As(err, &conflict):
		by := string(now.By)
		if by == "" {
			by = v.l.say("history.system")
		}
		p.showReview(w, r, v, http.StatusConflict, now, e, d, v.l.say("review.conflict", by, when(now.At)))
	default:
		if d.Lockout = v.l.lockout(err); d.Lockout == nil {
			p.unsavable(w, r, v, now, e, err)
			return
		}
		if asked {
			d.ForceWrong = v.l.say("site.error")
		}
		p.showReview(w, r, v, http.StatusConflict, now, e, d, "")
	}
}

// lockout tells a refusal that a force opens; nil if err is none.
func (l lang) lockout(err error) *lockout {
	var shut *engine.LockoutError
	var proxy *site.UndeclaredProxyError
	switch {
	case errors.As(err, &proxy):
		return &lockout{
			Title:  l.say("proxy.title"),
			Accept: l.say("here.force", proxy.Addr.String()),
			Lines:  []string{l.say("here.proxy", proxy.Header, proxy.Addr.String())},
			Force:  proxy.Force,
		}
	case errors.As(err, &shut):
		out := &lockout{Title: l.say("lockout.title"), Accept: l.say("lockout.force"), Lines: l.shutOut(shut), MendCountry: shut.MendCountry, Force: shut.Force}
		if !shut.Mend.Range.IsZero() {
			out.Mend = shut.Mend.Range.String()
		}
		out.StillOut = l.findings(shut.StillOut)
		if shut.Return != nil {
			out.Return = l.shutOut(shut.Return)
		}
		return out
	}
	return nil
}

func (l lang) shutOut(e *engine.LockoutError) []string {
	var lines []string
	switch {
	case !e.NothingFrom.IsZero():
		lines = append(lines, l.say("lockout.nothing-from", when(e.NothingFrom)))
	case e.Nothing:
		lines = append(lines, l.say("lockout.nothing"))
	}
	return append(lines, l.findings(e.Findings)...)
}

func (l lang) findings(list []engine.Finding) (lines []string) {
	for _, f := range list {
		lines = append(lines, l.finding(f, "lockout"))
	}
	return lines
}

// finding tells of an administrator who could not come in (lockout) or cannot (shut-out).
func (l lang) finding(f engine.Finding, words string) string {
	client := l.say("client." + f.Client.String())
	line := l.say(words+".other", f.Addr.String(), client, string(f.Member))
	if f.Acting {
		line = l.say(words+".you", f.Addr.String(), client)
	}
	why := l.say("reason." + f.Decision.Reason.String())
	if f.From.IsZero() {
		return l.sentences(line, l.say("finding.why", why))
	}
	return l.sentences(line, l.say("finding.why-from", why, when(f.From)))
}

// postConfirm keeps a save on trial.
func (p *Pages) postConfirm(w http.ResponseWriter, r *http.Request, v *visitor) {
	p.endTrial(w, r, v, v.Confirm, "confirmed", func(err error) *trial {
		var outside *engine.NotAdmittedError
		if !errors.As(err, &outside) {
			return nil
		}
		return &trial{Refused: v.l.say("network.not-admitted"), Force: outside.Force}
	})
}

// postTakeBack takes a save on trial back before its time.
func (p *Pages) postTakeBack(w http.ResponseWriter, r *http.Request, v *visitor) {
	p.endTrial(w, r, v, v.TakeBack, "taken-back", func(err error) *trial {
		var lockout *engine.LockoutError
		if !errors.As(err, &lockout) {
			return nil
		}
		return &trial{ShutsOut: v.l.shutOut(lockout), BackForce: lockout.Force}
	})
}

// endTrial does what ends a trial. refused returns what the editor shows of an error that
// refuses it, or nil.
func (p *Pages) endTrial(w http.ResponseWriter, r *http.Request, v *visitor, act func(context.Context, site.Change) (engine.Saved, error), done string, refused func(error) *trial) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, v, err)
		return
	}
	from, err := site.ParseVersion(r.PostForm.Get("from"))
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	saved, err := act(r.Context(), site.Change{From: from, Force: r.PostForm.Get("force")})
	if err == nil {
		p.saved(w, r, v, saved, done)
		return
	}
	var conflict *policy.ConflictError
	if errors.As(err, &conflict) || errors.Is(err, engine.ErrNotProvisional) {
		redirect(w, r, "/t/"+string(v.tenant.ID)+"/admin/network")
		return
	}
	shown := refused(err)
	if shown == nil {
		p.failed(w, r, v, err)
		return
	}
	now, err := v.Network(r.Context())
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	e := &editor{settings: now.Settings, From: now.Version.String(), Trial: shown}
	p.showEditor(w, r, v, http.StatusConflict, now, e, "")
}
