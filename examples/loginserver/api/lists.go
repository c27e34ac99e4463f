package api

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

func wantsCSV(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/csv")
}

// writeFile answers with what file writes, whole or not at all.
func (a *API) writeFile(w http.ResponseWriter, r *http.Request, name string, file func(io.Writer) error) {
	var b bytes.Buffer
	if err := file(&b); err != nil {
		a.writeProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Write(b.Bytes())
}

func timeOf(r *http.Request, name string) (at time.Time, err error) {
	if text := r.URL.Query().Get(name); text != "" {
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			return at, errInput(fmt.Sprintf("%s=%.40q is no time; write 2026-01-31T15:04:05Z", name, text))
		}
	}
	return at, nil
}

// getAccesses lists the accesses of the last 90 days, newest first, or downloads them.
func (a *API) getAccesses(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	q := session.VisitQuery{Member: member.ID(r.URL.Query().Get("member"))}
	var err error
	if q.Clients, err = clientsOf(r); err == nil {
		q.Since, err = timeOf(r, "since")
	}
	writeList(a, w, r, err, "accesses.csv",
		func(b io.Writer) error { return who.AccessesCSV(r.Context(), b, q) },
		func() iter.Seq2[session.Access, error] { return who.Accesses(r.Context(), q) }, accessOf)
}

// writeList answers with ?max= of what all yields, or with all of it as a file; or with err,
// which is what is wrong with the question.
func writeList[E, J any](a *API, w http.ResponseWriter, r *http.Request, err error, name string, file func(io.Writer) error, all func() iter.Seq2[E, error], of func(E) J) {
	n := 0
	if err == nil {
		n, err = number(r, "max", 100, session.MaxPage)
	}
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	if wantsCSV(r) {
		a.writeFile(w, r, name, file)
		return
	}
	list := []J{}
	for x, err := range all() {
		if err != nil {
			a.writeProblem(w, r, err)
			return
		}
		if list = append(list, of(x)); len(list) == n {
			break
		}
	}
	writeJSON(w, http.StatusOK, list)
}

func (a *API) getDevices(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	list, err := who.Devices(r.Context(), member.ID(r.URL.Query().Get("member")))
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, devicesOf(list))
}

// event is what an administrator did or tried.
type event struct {
	At      time.Time `json:"at"`
	Actor   member.ID `json:"actor,omitempty"` // "": the system
	Kind    string    `json:"kind"`
	Member  member.ID `json:"member,omitempty"` // "": the tenant
	Why     string    `json:"why,omitempty"`
	Refused string    `json:"refused,omitempty"` // why it was not done; "": it was
	Summary []string  `json:"summary,omitempty"`
}

// getAudit lists what administrators did and tried, newest first, or downloads it.
func (a *API) getAudit(w http.ResponseWriter, r *http.Request, who *site.Actor) {
	v := r.URL.Query()
	q := session.EventQuery{Actor: member.ID(v.Get("actor")), Member: member.ID(v.Get("member")), Kind: v.Get("kind")}
	var err error
	if q.From, err = timeOf(r, "from"); err == nil {
		q.To, err = timeOf(r, "to")
	}
	writeList(a, w, r, err, "audit.csv",
		func(b io.Writer) error { return who.AuditCSV(r.Context(), b, q) },
		func() iter.Seq2[session.Event, error] { return who.Audit(r.Context(), q) }, eventOf)
}

func eventOf(e session.Event) event {
	return event{e.At.UTC(), e.Actor, e.Kind, e.Member, e.Why, e.Refused, e.Summary}
}
