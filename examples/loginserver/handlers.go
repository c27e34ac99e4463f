package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// form is what the pages of a login show.
type form struct {
	Address   netip.Addr
	Clients   session.Clients
	Attempt   string
	MinLength int
}

func loginPage(r *http.Request, t *tenant) page {
	return page{name: "login", Title: "Log in", Tenant: t, Data: form{Address: clientAddr(r), Clients: t.Profile.Clients}}
}

func codePage(t *tenant, attempt string) page {
	return page{name: "verify", Title: "Enter the code", Tenant: t, Data: form{Attempt: attempt}}
}

func passwordPage(t *tenant, attempt string) page {
	return page{name: "password", Title: "Change the password", Tenant: t, Data: form{Attempt: attempt, MinLength: minNewLength}}
}

func (s *server) getLogin(w http.ResponseWriter, r *http.Request, t *tenant) {
	writePage(w, http.StatusOK, loginPage(r, t))
}

func (s *server) postLogin(w http.ResponseWriter, r *http.Request, t *tenant) {
	f, ok := fields(w, r, "member", "password", "client")
	if !ok || tooLong(w, f["password"]) {
		return
	}
	// This is for show. A real server knows the client (by a registered OAuth
	// client, by an endpoint of its own, by an attestation) and is never told:
	// here whoever writes "mobile" is free of the list.
	client := session.Web
	if name := f["client"]; name != "" {
		client, _ = session.ParseClient(name) // one without a name is unknown, and refused
	}
	ans, err := s.login(r.Context(), t, clientAddr(r), client, member.ID(f["member"]), f["password"])
	again := loginPage(r, t)
	again.Wrong = "The member or the password is wrong."
	reply(w, r, t, ans, err, again)
}

func (s *server) postVerify(w http.ResponseWriter, r *http.Request, t *tenant) {
	f, ok := fields(w, r, "attempt", "code")
	if !ok {
		return
	}
	ans, err := s.verify(r.Context(), t, clientAddr(r), f["attempt"], f["code"])
	again := codePage(t, f["attempt"])
	again.Wrong = "The code is wrong, or is no longer good."
	reply(w, r, t, ans, err, again)
}

func (s *server) postPassword(w http.ResponseWriter, r *http.Request, t *tenant) {
	f, ok := fields(w, r, "attempt", "old", "new")
	if !ok || tooLong(w, f["old"]) || tooLong(w, f["new"]) {
		return
	}
	again := passwordPage(t, f["attempt"])
	if utf8.RuneCountInString(f["new"]) < minNewLength || f["new"] == f["old"] {
		again.Wrong = fmt.Sprintf("The new password must be another one of at least %d characters.", minNewLength)
		if wantsPage(r) {
			writePage(w, http.StatusBadRequest, again)
		} else {
			writeJSON(w, http.StatusBadRequest, problem{again.Wrong})
		}
		return
	}
	ans, err := s.changePassword(r.Context(), t, clientAddr(r), f["attempt"], f["old"], f["new"])
	again.Wrong = "The old password is wrong, or the login took too long."
	reply(w, r, t, ans, err, again)
}

// tooLong answers a password that is none, before it takes the time of
// hashing. It says nothing of any member.
func tooLong(w http.ResponseWriter, password string) bool {
	if len(password) <= maxPassLength {
		return false
	}
	writeJSON(w, http.StatusBadRequest, problem{fmt.Sprintf("a password has at most %d bytes", maxPassLength)})
	return true
}

// reply writes the answer to a login. again is the page for another try.
func reply(w http.ResponseWriter, r *http.Request, t *tenant, ans answer, err error, again page) {
	status := statusOf(policy.Decision{Effect: ans.Effect, Reason: ans.Reason})
	switch {
	case err != nil: // there was no time to check the password, or something does not answer
		w.Header().Set("Retry-After", fmt.Sprint(maxWait.Seconds()))
		writeJSON(w, http.StatusServiceUnavailable, problem{"too many logins at once; try again"})
	case !wantsPage(r):
		writeJSON(w, status, ans)
	case ans.Effect == policy.Allow:
		setCookie(w, r, t, ans.Session, int(sessionLife.Seconds()))
		http.Redirect(w, r, "/t/"+string(t.ID)+"/me", http.StatusSeeOther)
	case ans.Effect == policy.Verify:
		writePage(w, status, codePage(t, ans.Attempt))
	case ans.Effect == policy.ChangePassword:
		writePage(w, status, passwordPage(t, ans.Attempt))
	case status == http.StatusUnauthorized:
		writePage(w, status, again)
	default:
		writePage(w, status, page{name: "refused", Title: "You cannot log in", Tenant: t, Data: ans})
	}
}

func (s *server) getMe(w http.ResponseWriter, r *http.Request, t *tenant) {
	v := s.check(r.Context(), t, clientAddr(r), sessionText(r))
	status := http.StatusOK
	if !v.Decision.Allowed() {
		status = http.StatusUnauthorized
	}
	if wantsPage(r) {
		writePage(w, status, page{name: "me", Title: "Your session", Tenant: t, Data: v})
		return
	}
	ans := struct {
		policy.Decision
		Tenant  session.TenantID `json:"tenant,omitempty"`
		Member  member.ID        `json:"member,omitempty"`
		Stamp   *session.Stamp   `json:"stamp,omitempty"`
		Address netip.Addr       `json:"address,omitzero"`
	}{Decision: v.Decision, Address: v.Address}
	if status == http.StatusOK {
		ans.Tenant, ans.Member, ans.Stamp = t.ID, v.Session.Member, &v.Session.Stamp
	}
	writeJSON(w, status, ans)
}

func (s *server) postLogout(w http.ResponseWriter, r *http.Request, t *tenant) {
	s.logout(r.Context(), t, sessionText(r))
	setCookie(w, r, t, "", -1)
	if wantsPage(r) {
		http.Redirect(w, r, "/t/"+string(t.ID)+"/login", http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const cookieName = "session"

// setCookie gives a browser its session. The cookie is sent to this tenant's
// pages only, never to scripts, and not with what other sites post.
func setCookie(w http.ResponseWriter, r *http.Request, t *tenant, text string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: text, Path: "/t/" + string(t.ID) + "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
}

// sessionText returns the session that a request shows, in the header of a
// program or in the cookie of a browser, or "".
func sessionText(r *http.Request) string {
	if h := r.Header.Get("Authorization"); h != "" {
		kind, text, _ := strings.Cut(h, " ")
		if strings.EqualFold(kind, "Bearer") {
			return text
		}
		return ""
	}
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}
