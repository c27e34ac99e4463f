// Package api is the login server for programs: JSON.
package api

import (
	"encoding/json"
	"net/http"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// API answers programs. Make one with its fields and call Handler.
type API struct {
	Front *front.Front
}

// Handler returns the routes.
func (a *API) Handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /t/{tenant}/login", a.of(a.postLogin))
	mux.HandleFunc("POST /t/{tenant}/verify", a.of(a.postVerify))
	mux.HandleFunc("POST /t/{tenant}/password", a.of(a.postPassword))
	mux.HandleFunc("GET /t/{tenant}/me", a.of(a.getMe))
	mux.HandleFunc("POST /t/{tenant}/logout", a.of(a.postLogout))

	admin := func(pattern string, h func(http.ResponseWriter, *http.Request, *site.Actor)) {
		mux.Handle(pattern, a.Front.Admin(nil, noTenant, h))
	}
	admin("GET /t/{tenant}/admin/network", a.getNetwork)
	admin("PUT /t/{tenant}/admin/network", a.putNetwork)
	admin("POST /t/{tenant}/admin/network/confirm", a.postConfirm)
	admin("GET /t/{tenant}/admin/network/history", a.getHistory)
	admin("POST /t/{tenant}/admin/network/restore", a.postRestore)
	admin("POST /t/{tenant}/admin/preview", a.postPreview)
	admin("POST /t/{tenant}/admin/whatif", a.postWhatif)
	admin("GET /t/{tenant}/admin/members", a.getMembers)
	admin("GET /t/{tenant}/admin/members/{id}", a.getMember)
	admin("POST /t/{tenant}/admin/members/{id}/{action}", a.postAction)
	admin("GET /t/{tenant}/admin/accesses", a.getAccesses)
	admin("GET /t/{tenant}/admin/devices", a.getDevices)
	admin("GET /t/{tenant}/admin/audit", a.getAudit)

	mux.HandleFunc("GET /reset/{token}", a.getReset)
	mux.HandleFunc("POST /reset/{token}", a.postReset)
	mux.HandleFunc("GET /healthz", a.getHealth)
	if a.Front.Site.Demo {
		mux.HandleFunc("GET /demo/mail", a.getMail)
	}
	return mux
}

// of finds the tenant of the path.
func (a *API) of(h func(http.ResponseWriter, *http.Request, *site.Tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if t := a.Front.Tenant(r); t != nil {
			h(w, r, t)
			return
		}
		noTenant(w, r)
	}
}

func noTenant(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, problem{Error: "there is no such tenant"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}
