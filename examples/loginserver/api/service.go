package api

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// getReset shows what a link that was mailed would do, and does nothing: programs that look
// at mails open links.
func (a *API) getReset(w http.ResponseWriter, r *http.Request) {
	o, err := a.Front.Site.Offered(r.Context(), r.PathValue("token"))
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Tenant  session.TenantID `json:"tenant"`
		Version string           `json:"version"`
		Expires time.Time        `json:"expires"`
		Change  policy.Change    `json:"change"`
	}{o.Tenant, o.Version.String(), o.Expires.UTC(), o.Change})
}

func (a *API) postReset(w http.ResponseWriter, r *http.Request) {
	t, saved, err := a.Front.Site.Redeem(r.Context(), r.PathValue("token"))
	a.saved(w, r, t, saved, err)
}

// getHealth answers 200 while the stores do.
func (a *API) getHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.Front.Site.Ready(ctx); err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// getMail lists what would have been mailed to a member, or to all, newest first. It is for
// show, and only in a demo.
func (a *API) getMail(w http.ResponseWriter, r *http.Request) {
	found, err := a.Front.Site.Mails(r.Context(), member.ID(r.URL.Query().Get("to")))
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, found)
}
