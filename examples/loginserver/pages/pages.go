// Package pages are the pages of the login server, for people.
package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

//go:embed pages.html style.css
var files embed.FS

var templates = template.Must(template.ParseFS(files, "pages.html"))

// Place is where somebody on this machine can reach the server, and so where they come from.
type Place struct {
	URL  string
	Name string
}

// Pages answers browsers. Make one with its fields and call Handler.
type Pages struct {
	Front  *front.Front
	Places []Place
}

// Handler returns the pages by their paths.
func (p *Pages) Handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.getIndex)
	mux.HandleFunc("GET /style.css", p.getStyle)
	mux.HandleFunc("GET /t/{tenant}/login", p.of(p.getLogin))
	mux.HandleFunc("POST /t/{tenant}/login", p.of(p.postLogin))
	mux.HandleFunc("POST /t/{tenant}/verify", p.of(p.postVerify))
	mux.HandleFunc("POST /t/{tenant}/password", p.of(p.postPassword))
	mux.HandleFunc("GET /t/{tenant}/me", p.of(p.getMe))
	mux.HandleFunc("POST /t/{tenant}/logout", p.of(p.postLogout))
	mux.HandleFunc("GET /reset/{token}", p.getReset)
	mux.HandleFunc("POST /reset/{token}", p.postReset)
	if p.Front.Site.Demo {
		mux.HandleFunc("GET /demo/mail", p.getMail)
	}
	return mux
}

// of finds the tenant of the path.
func (p *Pages) of(h func(http.ResponseWriter, *http.Request, *site.Tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if t := p.Front.Tenant(r); t != nil {
			h(w, r, t)
			return
		}
		http.NotFound(w, r)
	}
}

// page is a template of pages.html and what it is given.
type page struct {
	name   string
	Title  string
	Tenant *site.Tenant // nil: of no tenant
	Demo   bool
	Wrong  string // what the person at the door should mend or know
	Data   any
}

func (p *Pages) write(w http.ResponseWriter, status int, show page) {
	var b bytes.Buffer
	show.Demo = p.Front.Site.Demo
	if err := templates.ExecuteTemplate(&b, show.name, show); err != nil {
		http.Error(w, "no page", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func (p *Pages) getStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "style.css")
}

func (p *Pages) getIndex(w http.ResponseWriter, r *http.Request) {
	p.write(w, http.StatusOK, page{name: "index", Title: "A login server", Data: struct {
		Tenants []*site.Tenant
		Places  []Place
		Address netip.Addr
	}{p.Front.Site.Tenants(), p.Places, p.Front.Seen(r).Addr}})
}

// form is what the pages of a login show.
type form struct {
	Address   netip.Addr
	Clients   session.Clients
	Attempt   string
	MinLength int
}

func (p *Pages) loginPage(r *http.Request, t *site.Tenant) page {
	return page{name: "login", Title: "Log in", Tenant: t, Data: form{Address: p.Front.Seen(r).Addr, Clients: t.Profile.Clients}}
}

func codePage(t *site.Tenant, attempt string) page {
	return page{name: "verify", Title: "Enter the code", Tenant: t, Data: form{Attempt: attempt}}
}

func passwordPage(t *site.Tenant, attempt string) page {
	return page{name: "password", Title: "Change the password", Tenant: t, Data: form{Attempt: attempt, MinLength: site.MinPassword}}
}

func (p *Pages) getLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	p.write(w, http.StatusOK, p.loginPage(r, t))
}

func (p *Pages) postLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "member", "password", "client")
	if err != nil {
		p.wrong(w, err, p.loginPage(r, t))
		return
	}
	client := t.Client(r.Context(), f["client"], "")
	ans, err := t.Login(r.Context(), p.Front.Seen(r).Addr, client, member.ID(f["member"]), f["password"])
	again := p.loginPage(r, t)
	again.Wrong = "The member or the password is wrong."
	p.reply(w, r, t, ans, err, again)
}

func (p *Pages) postVerify(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "attempt", "code")
	if err != nil {
		p.wrong(w, err, p.loginPage(r, t))
		return
	}
	ans, err := t.Verify(r.Context(), p.Front.Seen(r).Addr, f["attempt"], f["code"])
	again := codePage(t, f["attempt"])
	again.Wrong = "The code is wrong, or is no longer good."
	p.reply(w, r, t, ans, err, again)
}

func (p *Pages) postPassword(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	f, err := front.Fields(w, r, "attempt", "old", "new")
	if err != nil {
		p.wrong(w, err, p.loginPage(r, t))
		return
	}
	ans, err := t.ChangePassword(r.Context(), p.Front.Seen(r).Addr, f["attempt"], f["old"], f["new"])
	again := passwordPage(t, f["attempt"])
	again.Wrong = "The old password is wrong, or the login took too long."
	p.reply(w, r, t, ans, err, again)
}

// wrong says what is wrong with what was sent.
func (p *Pages) wrong(w http.ResponseWriter, err error, again page) {
	status := http.StatusBadRequest
	var body *front.BodyError
	if errors.As(err, &body) {
		status = body.Status
	}
	again.Wrong = err.Error()
	p.write(w, status, again)
}

// reply writes the answer to a login. again is the page for another try.
func (p *Pages) reply(w http.ResponseWriter, r *http.Request, t *site.Tenant, ans site.Answer, err error, again page) {
	var password *site.PasswordError
	switch {
	case errors.As(err, &password):
		p.wrong(w, err, again)
	case err != nil: // there was no time to check the password, or something does not answer
		w.Header().Set("Retry-After", "5")
		again.Wrong = "Too many logins at once; try again."
		p.write(w, http.StatusServiceUnavailable, again)
	case ans.Effect == policy.Allow:
		p.Front.SetCookie(w, r, t, ans.Session)
		http.Redirect(w, r, "/t/"+string(t.ID)+"/me", http.StatusSeeOther)
	case ans.Effect == policy.Verify:
		p.write(w, http.StatusAccepted, codePage(t, ans.Attempt))
	case ans.Effect == policy.ChangePassword:
		p.write(w, http.StatusAccepted, passwordPage(t, ans.Attempt))
	case ans.Reason == policy.ReasonBadCredentials:
		p.write(w, http.StatusUnauthorized, again)
	default:
		p.write(w, http.StatusForbidden, page{name: "refused", Title: "You cannot log in", Tenant: t, Data: ans})
	}
}

func (p *Pages) getMe(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	v := p.Front.Visit(r, t)
	status := http.StatusOK
	if !v.Decision.Allowed() {
		status = http.StatusUnauthorized
	}
	p.write(w, status, page{name: "me", Title: "Your session", Tenant: t, Data: v})
}

func (p *Pages) postLogout(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := t.Logout(r.Context(), front.Token(r)); err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	p.Front.DropCookie(w, r, t)
	http.Redirect(w, r, "/t/"+string(t.ID)+"/login", http.StatusSeeOther)
}

// getMail shows the letters of a member, or of all, newest first.
func (p *Pages) getMail(w http.ResponseWriter, r *http.Request) {
	found, err := p.Front.Site.Mails(r.Context(), member.ID(r.URL.Query().Get("to")))
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	p.write(w, http.StatusOK, page{name: "mail", Title: "Mail", Data: found})
}

// getReset shows what a link that was mailed would do, and does nothing.
func (p *Pages) getReset(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	offer, err := p.Front.Site.Offered(r.Context(), token)
	if err != nil {
		p.gone(w, err)
		return
	}
	p.write(w, http.StatusOK, page{name: "reset", Title: "Lift the restriction", Data: struct {
		engine.Offer
		Token string
	}{offer, token}})
}

func (p *Pages) postReset(w http.ResponseWriter, r *http.Request) {
	t, _, err := p.Front.Site.Redeem(r.Context(), r.PathValue("token"))
	if err != nil {
		p.gone(w, err)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/t/%s/login", t.ID), http.StatusSeeOther)
}

func (p *Pages) gone(w http.ResponseWriter, err error) {
	show := page{name: "reset", Title: "Lift the restriction", Wrong: "This link is not valid any more."}
	status := http.StatusGone
	if !errors.Is(err, engine.ErrLink) {
		status, show.Wrong = http.StatusServiceUnavailable, "There is no answer now; try again."
	}
	p.write(w, status, show)
}
