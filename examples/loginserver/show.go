package main

import (
	"context"
	_ "embed"
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

//go:embed style.css
var style []byte

func (s *server) getStyle(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, "text/css; charset=utf-8", style)
}

func (s *server) getIndex(w http.ResponseWriter, r *http.Request) {
	writePage(w, http.StatusOK, page{name: "index", Title: "A login server", Data: struct {
		Tenants []*tenant
		Places  []place
		Address netip.Addr
	}{s.tenants, s.places, clientAddr(r)}})
}

// getMail shows the letters of a member, or of all, newest first. It is for
// show: codes go to the member's own mailbox and nowhere else.
func (s *server) getMail(w http.ResponseWriter, r *http.Request) {
	to := member.ID(r.URL.Query().Get("to"))
	found := s.mails.to(to)
	if !wantsPage(r) {
		writeJSON(w, http.StatusOK, found)
		return
	}
	writePage(w, http.StatusOK, page{name: "mail", Title: "Mail", Data: found})
}

// whatif is the form of a question, and its answer.
type whatif struct {
	Address string
	Client  session.Client
	Clients session.Clients
	Member  member.ID
	Members []member.ID
	Answer  *policy.Explanation
}

// getWhatif tells how an address would be judged that somebody types in. It
// names entries and members, so a real server shows it to administrators only.
func (s *server) getWhatif(w http.ResponseWriter, r *http.Request, t *tenant) {
	q := whatif{Address: r.URL.Query().Get("address"), Client: session.Web, Clients: t.Profile.Clients,
		Member: member.ID(r.URL.Query().Get("member"))}
	q.Members = demoMembers
	if name := r.URL.Query().Get("client"); name != "" {
		q.Client, _ = session.ParseClient(name)
	}
	wrong := s.explain(r.Context(), t, &q)
	status := http.StatusOK
	if wrong != "" {
		status = http.StatusBadRequest
	}
	switch {
	case wantsPage(r):
		if q.Address == "" {
			status, wrong = http.StatusOK, "" // the form, before it is filled in
		}
		writePage(w, status, page{name: "whatif", Title: "What if", Tenant: t, Wrong: wrong, Data: q})
	case wrong != "":
		writeJSON(w, status, problem{wrong})
	default:
		writeJSON(w, status, q.Answer)
	}
}

// explain answers q, or says what is wrong with it.
func (s *server) explain(ctx context.Context, t *tenant, q *whatif) (wrong string) {
	addr, err := netip.ParseAddr(q.Address)
	if err != nil {
		return "Give an address, such as 8.8.8.8 or 2606:4700::1."
	}
	e, err := t.engine.WhatIf(ctx, engine.Login{Tenant: t.ID, Member: q.Member, Plan: t.Plan, Client: q.Client, Addr: addr}, nil)
	if err != nil {
		return "There is no answer now; try again."
	}
	q.Answer = &e
	return ""
}
