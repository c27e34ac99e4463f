package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// getMembers lists the members of the tenant.
func (s *server) getMembers(w http.ResponseWriter, r *http.Request, a actor) {
	list, err := s.directory.List(r.Context(), a.id, a.tenant.ID, directory.Query{Text: r.URL.Query().Get("text"), After: member.ID(r.URL.Query().Get("after"))})
	if err != nil {
		writeProblem(w, err)
		return
	}
	type entry struct {
		ID     member.ID     `json:"id"`
		Status member.Status `json:"status"`
		Roles  []string      `json:"roles,omitempty"`
	}
	found := []entry{}
	for _, e := range list {
		roles := []string{}
		for _, r := range e.Roles {
			roles = append(roles, r.Name)
		}
		found = append(found, entry{e.ID, e.Status, roles})
	}
	writeJSON(w, http.StatusOK, found)
}

// seen is a visit as it is shown.
type seen struct {
	At      time.Time      `json:"at"`
	Client  session.Client `json:"client"`
	Address string         `json:"address"`
	Country string         `json:"country,omitempty"`
	Session string         `json:"session"` // to end it by; it opens nothing
	Live    bool           `json:"live"`
}

// getMember shows what an administrator sees of a member.
func (s *server) getMember(w http.ResponseWriter, r *http.Request, a actor) {
	var clients session.Clients
	if text := r.URL.Query().Get("client"); text != "" {
		if err := clients.UnmarshalText([]byte(text)); err != nil {
			writeProblem(w, err)
			return
		}
	}
	o, err := s.directory.Overview(r.Context(), a.id, a.tenant.ID, member.ID(r.PathValue("member")), clients)
	if err != nil {
		writeProblem(w, err)
		return
	}
	visits := []seen{}
	for _, v := range o.Visits {
		visits = append(visits, seen{v.At, v.Client, v.Addr.String(), v.Country.String(), v.Session.String(), v.Live})
	}
	writeJSON(w, http.StatusOK, struct {
		ID              member.ID        `json:"id"`
		Status          member.Status    `json:"status"`
		Roles           []directory.Role `json:"roles,omitempty"`
		Blocked         session.Clients  `json:"blocked,omitempty"`
		PasswordChanged time.Time        `json:"password_changed,omitzero"`
		ChangeRequested time.Time        `json:"change_requested,omitzero"`
		Visits          []seen           `json:"visits"`
	}{o.ID, o.Status, o.Roles, o.Blocked, o.PasswordChanged, o.ChangeRequested, visits})
}

// getVisits is the history of a member as a download that opens in a spreadsheet.
func (s *server) getVisits(w http.ResponseWriter, r *http.Request, a actor) {
	var b bytes.Buffer
	if err := s.directory.VisitsCSV(r.Context(), &b, a.id, a.tenant.ID, member.ID(r.PathValue("member")), 0, true); err != nil {
		writeProblem(w, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="visits.csv"`)
	write(w, http.StatusOK, "text/csv; charset=utf-8", b.Bytes())
}

// postAct does an act to a member: suspend, lift, block-apps, unblock-apps, end-session,
// request-password-change, unlock, delete, restore and all else that directory.Acts names.
func (s *server) postAct(w http.ResponseWriter, r *http.Request, a actor) {
	f, ok := fields(w, r, "why", "session", "device", "password", "role")
	if !ok {
		return
	}
	facts := directory.Facts{Actor: a.id, Why: f["why"], Device: f["device"], Role: directory.Role{Name: f["role"]}}
	if f["session"] != "" {
		if err := facts.Session.UnmarshalText([]byte(f["session"])); err != nil {
			writeProblem(w, err)
			return
		}
	}
	id, act := member.ID(r.PathValue("member")), directory.Act(r.PathValue("act"))
	var err error
	if act == directory.SetPassword {
		if n := len(f["password"]); n < minNewLength || n > maxPassLength {
			writeProblem(w, fmt.Errorf("a password has %d to %d bytes", minNewLength, maxPassLength))
			return
		}
		err = s.directory.SetPassword(r.Context(), a.id, a.tenant.ID, id, f["why"], func(ctx context.Context) error {
			return s.passwords.set(ctx, a.tenant.ID, id, f["password"])
		})
	} else {
		err = s.directory.Do(r.Context(), act, a.tenant.ID, id, facts)
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// getEvents shows what administrators did and tried.
func (s *server) getEvents(w http.ResponseWriter, r *http.Request, a actor) {
	q := r.URL.Query()
	events, err := s.directory.Events(r.Context(), a.id, a.tenant.ID, session.EventQuery{
		Actor: member.ID(q.Get("actor")), Member: member.ID(q.Get("member")), Kind: q.Get("kind"),
	})
	if err != nil {
		writeProblem(w, err)
		return
	}
	type entry struct {
		At      time.Time `json:"at"`
		Actor   member.ID `json:"actor,omitempty"`
		Kind    string    `json:"kind"`
		Member  member.ID `json:"member,omitempty"`
		Why     string    `json:"why,omitempty"`
		Refused string    `json:"refused,omitempty"`
	}
	list := []entry{}
	for _, e := range events {
		list = append(list, entry{e.At, e.Actor, e.Kind, e.Member, e.Why, e.Refused})
	}
	writeJSON(w, http.StatusOK, list)
}
