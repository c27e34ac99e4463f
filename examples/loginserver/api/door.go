package api

import (
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// clientKey is the header by which a program proves which client it is.
const clientKey = "X-Client-Key"

func (a *API) postLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "member", "password", "client")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	client := t.Client(r.Context(), f["client"], r.Header.Get(clientKey))
	ans, err := t.Login(r.Context(), a.Front.Seen(r).Addr, client, member.ID(f["member"]), f["password"])
	a.answer(w, r, ans, err)
}

func (a *API) postVerify(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "attempt", "code")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	ans, err := t.Verify(r.Context(), a.Front.Seen(r).Addr, f["attempt"], f["code"])
	a.answer(w, r, ans, err)
}

func (a *API) postPassword(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "attempt", "old", "new")
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	ans, err := t.ChangePassword(r.Context(), a.Front.Seen(r).Addr, f["attempt"], f["old"], f["new"])
	a.answer(w, r, ans, err)
}

// answer writes what a login is told.
func (a *API) answer(w http.ResponseWriter, r *http.Request, ans site.Answer, err error) {
	if err != nil {
		a.writeProblem(w, r, err)
		return
	}
	writeJSON(w, Status(ans.Decision()), ans)
}

// Status returns the status of HTTP that tells a decision about a login.
func Status(d policy.Decision) int {
	switch {
	case d.Allowed():
		return http.StatusOK
	case d.Effect != policy.Deny:
		return http.StatusAccepted
	case d.Reason == policy.ReasonBadCredentials:
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}

// me is a request of a session, as it was decided.
type me struct {
	Effect   policy.Effect    `json:"effect"`
	Reason   policy.Reason    `json:"reason"`
	Address  netip.Addr       `json:"address,omitzero"`
	Country  geo.Country      `json:"country,omitzero"` // where the decision asked for it
	Tenant   session.TenantID `json:"tenant,omitempty"`
	Member   member.ID        `json:"member,omitempty"`
	Client   session.Client   `json:"client,omitzero"`
	Verified bool             `json:"verified,omitempty"`
	Stamp    *session.Stamp   `json:"stamp,omitempty"`
}

func (a *API) getMe(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	v := a.Front.Visit(r, t)
	ans := me{Effect: v.Decision.Effect, Reason: v.Decision.Reason, Address: v.Seen.Addr, Country: v.Decision.Country}
	if v.Decision.Effect == policy.Verify { // RFC 9470
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_user_authentication", acr_values="`+policy.ReasonIdentityVerified.String()+`"`)
	}
	if !v.Decision.Allowed() {
		writeJSON(w, httpgate.Status(v.Decision), ans) // 401 alone says that the session is over, or is to be begun anew
		return
	}
	s := v.Session
	ans.Tenant, ans.Member, ans.Client, ans.Verified, ans.Stamp = t.ID, s.Member, s.Stamp.Client, s.Stamp.Verified, &s.Stamp
	writeJSON(w, http.StatusOK, ans)
}

func (a *API) postLogout(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := t.Logout(r.Context(), front.Token(r)); err != nil {
		a.writeProblem(w, r, err)
		return
	}
	a.Front.DropCookie(w, r, t)
	w.WriteHeader(http.StatusNoContent)
}
