// Package api is the login server for programs: JSON, as openapi.yaml documents it, which is
// served at /openapi.yaml and which the tests compare with the server.
package api

import (
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// API answers programs. Make one with its fields and call Room.
type API struct {
	Front   *front.Front
	Metrics http.Handler // answers /metrics; nil: there is none
}

// Room returns the routes.
func (a *API) Room() front.Room {
	mux := http.NewServeMux()
	for pattern, h := range a.routes() {
		mux.Handle(pattern, h)
	}
	return front.Room{ServeMux: mux, Refuse: refuse}
}

// refuse answers what no handler gets.
func refuse(w http.ResponseWriter, r *http.Request, status int) {
	p := problem{Error: "there is nothing here; see /openapi.yaml", Reason: "not-found"}
	switch status {
	case http.StatusMethodNotAllowed:
		p = problem{Error: "this takes " + w.Header().Get("Allow"), Reason: "method-not-allowed"}
	case http.StatusMisdirectedRequest:
		p = problem{Error: "this server has another name; whoever runs it says which, by -url", Reason: "wrong-host"}
	case http.StatusForbidden:
		p = problem{Error: "the browser says that another site asks for this", Reason: "cross-site"}
	}
	writeJSON(w, status, p)
}

func (a *API) routes() map[string]http.Handler {
	all := map[string]http.Handler{
		"GET /reset/{token}":  http.HandlerFunc(a.getReset),
		"POST /reset/{token}": http.HandlerFunc(a.postReset),
		"GET /healthz":        http.HandlerFunc(a.getHealth),
		"GET /openapi.yaml":   http.HandlerFunc(getOpenAPI),
	}
	if a.Metrics != nil {
		all["GET /metrics"] = a.Metrics
	}
	if a.Front.Site.Demo {
		all["GET /demo/mail"] = http.HandlerFunc(a.getMail)
	}
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, *site.Tenant){
		"POST /t/{tenant}/login":    a.postLogin,
		"POST /t/{tenant}/verify":   a.postVerify,
		"POST /t/{tenant}/password": a.postPassword,
		"GET /t/{tenant}/me":        a.getMe,
		"POST /t/{tenant}/logout":   a.postLogout,
	} {
		all[pattern] = a.of(h)
	}
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, *site.Actor){
		"GET /t/{tenant}/admin/network":                a.getNetwork,
		"PUT /t/{tenant}/admin/network":                a.putNetwork,
		"POST /t/{tenant}/admin/network/confirm":       a.postConfirm,
		"POST /t/{tenant}/admin/network/take-back":     a.postTakeBack,
		"GET /t/{tenant}/admin/network/history":        a.getHistory,
		"POST /t/{tenant}/admin/network/restore":       a.postRestore,
		"POST /t/{tenant}/admin/preview":               a.postPreview,
		"POST /t/{tenant}/admin/whatif":                a.postWhatif,
		"GET /t/{tenant}/admin/members":                a.getMembers,
		"GET /t/{tenant}/admin/members/{id}":           a.getMember,
		"POST /t/{tenant}/admin/members/{id}/{action}": a.postAction,
		"GET /t/{tenant}/admin/accesses":               a.getAccesses,
		"GET /t/{tenant}/admin/devices":                a.getDevices,
		"GET /t/{tenant}/admin/audit":                  a.getAudit,
	} {
		all[pattern] = a.Front.Admin(nil, noTenant, h)
	}
	return all
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
	if status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

//go:embed openapi.yaml
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(openAPI)
}
