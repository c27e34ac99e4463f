package pages

import (
	"net/http"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// saveRow is a save of the past.
type saveRow struct {
	At      time.Time
	By      member.ID
	Kind    string
	Why     string
	Version string // to restore; "": nothing is
	Changes []string
	Trial   string // what became of it, if it was saved on trial
	Current bool
	First   bool
}

const maxSaves = 50

func (p *Pages) getHistory(w http.ResponseWriter, r *http.Request, v *visitor) {
	past, err := v.History(r.Context(), session.Version{}, maxSaves+1) // the last is to compare with
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	now := session.Version{}
	var saves []saveRow
	for i, s := range past {
		if i == 0 {
			now = s.Record.Version
		}
		row := saveRow{At: s.Record.At, By: s.Record.By, Kind: v.l.kind(s.Event.Kind), Why: s.Event.Why, Current: i == 0, First: i == len(past)-1 && len(past) <= maxSaves}
		if s.Event.Kind == "save-returned" {
			row.At, row.By = s.Event.At, s.Event.Actor
		}
		if row.Trial = v.l.trial(past, i); row.Trial != "" {
			row.Kind = v.l.say("history.trial")
		}
		if i+1 < len(past) {
			row.Changes = v.l.changes(past[i+1].Record.Settings, s.Record.Settings)
		}
		if !s.Record.Settings.Equal(past[0].Record.Settings) && v.may(directory.Security) {
			row.Version = s.Record.Version.String()
		}
		if i < maxSaves {
			saves = append(saves, row)
		}
	}
	p.show(w, r, http.StatusOK, "history", v.page("history", v.l.say("history.title"), struct {
		Saves []saveRow
		From  string
	}{saves, now.String()}))
}

// trial tells until when the save past[i] was on trial, and what became of it; "": it was not.
// The records between it and its end are on trial too.
func (l lang) trial(past []policy.Past, i int) string {
	back := past[i].Record.Return
	if back == nil || i+1 < len(past) && past[i+1].Record.Return != nil {
		return ""
	}
	ended := "open"
	if !time.Now().Before(back.At) {
		ended = "save-returned"
	}
	for _, later := range slices.Backward(past[:i]) {
		if later.Record.Return == nil {
			ended = later.Event.Kind
			break
		}
	}
	until := l.say("history.trial.until", when(back.At))
	if key := "history.trial." + ended; has(key) {
		return l.sentences(until, l.say(key))
	}
	return until
}

func (p *Pages) toHistory(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	redirect(w, r, "/t/"+string(t.ID)+"/admin/history")
}

// postHistory takes the settings of an earlier version to the check before a save: they are
// put in force from there, like any others.
func (p *Pages) postHistory(w http.ResponseWriter, r *http.Request, v *visitor) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, v, err)
		return
	}
	version, err := site.ParseVersion(r.PostForm.Get("version"))
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	now, err := v.Network(r.Context())
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	past, err := v.History(r.Context(), session.Version{}, maxSaves+1)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	i := slices.IndexFunc(past, func(s policy.Past) bool { return s.Record.Version == version })
	if i < 0 {
		p.fail(w, r, v, http.StatusNotFound, "error.not-found")
		return
	}
	p.review(w, r, v, now, &editor{settings: past[i].Record.Settings, From: now.Version.String()})
}
