package pages

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
)

// savedPage is shown after a save that shuts administrators out, though it was not refused:
// who, and what lets them in again.
type savedPage struct {
	Out        []outside
	Doc, From  string // the settings that are in force now
	Ended      bool   // the save has ended the session that made it
	Trial      bool   // the save is taken back unless it is confirmed
	Address    bool   // the list shuts somebody out
	Contact    bool   // somebody is asked for a code, and cannot be sent one
	Exceptions bool   // the product has them
}

// outside is an administrator who is shut out. Range is what to designate; zero: nothing.
type outside struct {
	Text, Label string
	Member      member.ID
	Range       netip.Addr
}

// saved goes on after a save: to the settings, or to the login if the save has ended the
// session that made it. Whom the save shuts out is told first.
func (p *Pages) saved(w http.ResponseWriter, r *http.Request, v *visitor, saved engine.Saved, done string) {
	base := "/t/" + string(v.tenant.ID)
	ended := p.ended(r, v)
	if ended {
		p.Front.DropCookie(w, r, v.tenant)
	}
	switch {
	case len(saved.ShutOut) > 0:
		p.showSaved(w, r, v, saved, done, ended)
	case ended:
		redirect(w, r, base+"/login?saved="+done)
	default:
		redirect(w, r, base+"/admin/network?done="+done)
	}
}

// done says what was done to the settings; "" if it is none of these.
func (l lang) done(done string) string {
	if slices.Contains([]string{"saved", "saved-trial", "confirmed", "taken-back", "restored"}, done) {
		return l.say("network." + done)
	}
	return ""
}

// doneAndEnded is done where it has ended the session of who did it.
func (l lang) doneAndEnded(done string) string {
	return strings.TrimSpace(l.done(done) + " " + l.say("login.saved"))
}

func (p *Pages) ended(r *http.Request, v *visitor) bool {
	d, err := p.Front.Site.Check(r.Context(), v.tenant.Request(v.session, v.Seen.Addr))
	return err == nil && d.Reason == policy.ReasonSessionCut
}

func (p *Pages) showSaved(w http.ResponseWriter, r *http.Request, v *visitor, saved engine.Saved, done string, ended bool) {
	now, err := v.Network(r.Context())
	if err != nil { // what was saved is told without it
		now.Version = saved.Version
	}
	d := &savedPage{From: now.Version.String(), Doc: string(mustJSON(now.Settings)), Ended: ended || err != nil, Trial: !saved.Until.IsZero(), Exceptions: v.tenant.Profile.Exceptions}
	for _, f := range saved.ShutOut {
		x := outside{Text: v.l.finding(f, "shut-out"), Member: f.Member}
		switch {
		case f.Decision.Effect == policy.Verify:
			d.Contact = true
		case f.Decision.Reason == policy.ReasonAddressNotDesignated:
			d.Address = true
			same := func(o outside) bool { return o.Range == f.Addr }
			entry, err := ipset.RangeFrom(f.Addr, f.Addr)
			if !d.Ended && !d.Trial && !slices.ContainsFunc(d.Out, same) && err == nil && len(judge(v, policy.Entry{Range: entry})) == 0 {
				x.Range, x.Label = f.Addr, v.l.say("here.label", string(f.Member)) // which can be saved now, and is offered once
			}
		}
		d.Out = append(d.Out, x)
	}
	out := v.page("network", v.l.say("shut-out.title"), d)
	out.Notice = v.l.done(done)
	if ended {
		out.Notice, out.Me, out.Admin, out.Links = v.l.doneAndEnded(done), "", false, nil
	}
	p.show(w, r, http.StatusOK, "saved", out)
}
