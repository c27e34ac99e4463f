package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func etag(v session.Version) string { return `"` + v.String() + `"` }

func (a *API) getNetwork(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	n, err := who.Network(r.Context())
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	w.Header().Set("ETag", etag(n.Version))
	writeJSON(w, http.StatusOK, n.Settings)
}

// A provisional save waits so long to be confirmed, as engine.Engine.Save has it.
const (
	minTrial = 10 * time.Second
	maxTrial = 24 * time.Hour
)

// change reads what headers and query say of a change. Without If-Match, or with "*", it is
// made to the version of now. What the query says beside params is refused: a provisional
// that was passed over would make a change for good of one that was to be taken back.
func (a *API) change(r *http.Request, who *site.Actor, params ...string) (site.Change, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return site.Change{}, errInput("the query cannot be read")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(params, name):
			return site.Change{}, errInput(fmt.Sprintf("the query has %.40q; this takes %s", name, strings.Join(params, ", ")))
		case len(values) > 1:
			return site.Change{}, errInput(fmt.Sprintf("the query has %s twice", name))
		}
	}
	c := site.Change{ID: r.Header.Get("Idempotency-Key"), Why: q.Get("why"), Force: q.Get("force")}
	if text := q.Get("provisional"); text != "" {
		c.Provisional, err = time.ParseDuration(text)
		switch {
		case err != nil:
			return c, errInput(fmt.Sprintf("provisional=%.40q is no duration; write 5m", text))
		case c.Provisional < minTrial || c.Provisional > maxTrial:
			return c, errInput(fmt.Sprintf("provisional=%.40q is out of bounds; a save can be taken back after 10s to 24h", text))
		}
	}
	match := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	if match == "" || match == "*" {
		now, err := who.Network(r.Context())
		c.From = now.Version
		return c, err
	}
	if strings.Contains(match, ",") {
		return c, errInput("If-Match names several versions; name the one that you have read")
	}
	c.From, err = site.ParseVersion(strings.Trim(match, `"`))
	return c, err
}

// putNetwork saves. The query may have why, force, and provisional with a duration, after
// which the save is taken back unless it is confirmed.
func (a *API) putNetwork(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	c, err := a.change(r, who, "why", "force", "provisional")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	settings, err := readSettings(w, r, who)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	saved, err := who.Save(r.Context(), c, settings)
	a.saved(w, r, who.Tenant, saved, err)
}

func readSettings(w http.ResponseWriter, r *http.Request, who *site.Actor) (policy.Settings, error) {
	doc, err := io.ReadAll(http.MaxBytesReader(w, r.Body, policy.MaxDocument+1))
	if err != nil {
		return policy.Settings{}, front.Unread(err)
	}
	return who.Tenant.Decode(doc)
}

func (a *API) postConfirm(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	a.endTrial(w, r, who, who.Confirm)
}

func (a *API) postTakeBack(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	a.endTrial(w, r, who, who.TakeBack)
}

// endTrial confirms a provisional save or takes it back. It must be named, by If-Match: the
// body does not say what it is about, and since the administrator looked, the save may have
// been taken back and another one made, by somebody else.
func (a *API) endTrial(w http.ResponseWriter, r *http.Request, who *site.Actor, act func(context.Context, site.Change) (engine.Saved, error)) {
	c, err := a.change(r, who, "why", "force")
	if err == nil && r.Header.Get("If-Match") == "" {
		err = &unmatchedError{c.From}
	}
	var saved engine.Saved
	if err == nil {
		saved, err = act(r.Context(), c)
	}
	a.saved(w, r, who.Tenant, saved, err)
}

// unmatchedError says that a change must name the version that it is about; there is this one.
type unmatchedError struct{ now session.Version }

func (e *unmatchedError) Error() string {
	return "name the provisional save that you mean, by If-Match with the ETag that it was answered with; * is whichever there is"
}

func (a *API) postRestore(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	f, err := front.Fields(w, r, "version")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	earlier, err := site.ParseVersion(f["version"])
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	c, err := a.change(r, who, "why", "force")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	saved, err := who.Restore(r.Context(), c, earlier)
	a.saved(w, r, who.Tenant, saved, err)
}

// saved writes what a change did.
func (a *API) saved(w http.ResponseWriter, r *http.Request, t *site.Tenant, saved engine.Saved, err error) {
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	saved.Change.SignOut &= t.Profile.Clients // the others do not exist here
	w.Header().Set("ETag", etag(saved.Version))
	bypasses := []string{}
	for _, f := range saved.OnlyBypass {
		bypasses = append(bypasses, f.String())
	}
	writeJSON(w, http.StatusOK, struct {
		Version    string        `json:"version"`
		Change     policy.Change `json:"change"`
		OnlyBypass []string      `json:"only_by_bypass,omitempty"`
		ShutOut    []finding     `json:"shut_out,omitempty"`
		Until      time.Time     `json:"provisional_until,omitzero"`
		Repeated   bool          `json:"repeated,omitempty"`
	}{saved.Version.String(), saved.Change, bypasses, findings(saved.ShutOut), saved.Until, saved.Repeated})
}

// getHistory shows who has saved when, and what changed in words.
func (a *API) getHistory(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	var before session.Version
	var err error
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = site.ParseVersion(text); err != nil {
			a.writeProblem(w, r, err)
			return
		}
	}
	n, err := number(r, "max", 50, 200)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	past, err := who.History(r.Context(), before, n)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	type entry struct {
		Version  string          `json:"version"`
		At       time.Time       `json:"at"`
		By       member.ID       `json:"by,omitempty"`
		Kind     string          `json:"kind"`
		Why      string          `json:"why,omitempty"`
		Changed  []string        `json:"changed,omitempty"`
		Settings policy.Settings `json:"settings"`
	}
	list := []entry{}
	for _, p := range past {
		list = append(list, entry{p.Record.Version.String(), p.Record.At.UTC(), p.Record.By, p.Event.Kind, p.Event.Why, p.Event.Summary, p.Record.Settings})
	}
	writeJSON(w, http.StatusOK, list)
}

// number reads a number of the query from 1 to most; def if it is not there.
func number(r *http.Request, name string, def, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, errInput(fmt.Sprintf("%s=%.40q is no number from 1 to %d", name, text, most))
	}
	return n, nil
}

// tally counts visits of the past.
type tally struct {
	Visits    int                    `json:"visits"`
	ByMember  map[member.ID]int      `json:"by_member,omitempty"`
	ByClient  map[session.Client]int `json:"by_client,omitempty"`
	ByCountry map[string]int         `json:"by_country,omitempty"` // "": unknown
	ByReason  map[policy.Reason]int  `json:"by_reason,omitempty"`
}

func tallied(t engine.Tally) tally {
	countries := make(map[string]int, len(t.ByCountry))
	for c, n := range t.ByCountry {
		countries[c.String()] += n
	}
	return tally{t.Visits, t.ByMember, t.ByClient, countries, t.ByReason}
}

func (a *API) postPreview(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	settings, err := readSettings(w, r, who)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	p, err := who.Preview(r.Context(), settings)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	p.Change.SignOut &= who.Tenant.Profile.Clients // the others do not exist here
	writeJSON(w, http.StatusOK, struct {
		Change    policy.Change `json:"change"`
		Visits    int           `json:"visits"`  // of the last 90 days that were replayed
		Unknown   int           `json:"unknown"` // of members that there are no more
		Refused   tally         `json:"refused"` // let in or asked today, and refused then
		Asked     tally         `json:"asked"`   // let in today, and asked for verification then
		Freed     tally         `json:"freed"`   // refused or asked today, and let in then
		SignedOut tally         `json:"signed_out"`
	}{p.Change, p.Visits, p.Unknown, tallied(p.Refused), tallied(p.Asked), tallied(p.Freed), tallied(p.SignedOut)})
}

func (a *API) postWhatif(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	var q struct {
		Addr     string          `json:"addr"`
		Client   string          `json:"client"`
		Member   member.ID       `json:"member"`
		Settings json.RawMessage `json:"settings"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, policy.MaxDocument+front.MaxFields))
	if err != nil {
		a.writeProblem(w, r, front.Unread(err))
		return
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || d.More() {
		a.writeProblem(w, r, errInput("the body is not a JSON object with addr, client, member and, if you like, settings"))
		return
	}
	addr, err := netip.ParseAddr(q.Addr)
	if err != nil {
		a.writeProblem(w, r, errInput(fmt.Sprintf("addr: %.60q is no address, such as 8.8.8.8 or 2606:4700::1", q.Addr)))
		return
	}
	client := session.Web
	if q.Client != "" {
		if client, err = session.ParseClient(q.Client); err != nil {
			a.writeProblem(w, r, errInput(fmt.Sprintf("client: %.40q is none; there are %s", q.Client, who.Tenant.Profile.Clients.Words())))
			return
		}
	}
	var settings *policy.Settings
	if len(q.Settings) > 0 && string(q.Settings) != "null" {
		s, err := who.Tenant.Decode(q.Settings)
		if err != nil {
			a.writeProblem(w, r, err)
			return
		}
		settings = &s
	}
	e, err := who.WhatIf(r.Context(), addr, client, q.Member, settings)
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	type decision struct {
		Effect  policy.Effect `json:"effect"`
		Reason  policy.Reason `json:"reason"`
		Country geo.Country   `json:"country,omitzero"`
	}
	writeJSON(w, http.StatusOK, struct {
		Effect policy.Effect `json:"effect"`
		Reason policy.Reason `json:"reason"`
		policy.Explanation
		Decision decision `json:"decision"`
	}{e.Decision.Effect, e.Decision.Reason, e, decision{e.Decision.Effect, e.Decision.Reason, e.Decision.Country}})
}
