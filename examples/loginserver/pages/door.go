package pages

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// getIndex shows a demo around. Who comes to a real server with one tenant wants to log in
// there; one with many customers would not list them.
func (p *Pages) getIndex(w http.ResponseWriter, r *http.Request) {
	if all := p.Front.Site.Tenants(); !p.Front.Site.Demo && len(all) == 1 {
		p.toLogin(w, r, all[0])
		return
	}
	p.show(w, r, http.StatusOK, "index", page{Title: langOf(r).say("index.title"), Data: struct {
		Tenants []*site.Tenant
		Places  []Place
		Address netip.Addr
		Forgets bool
	}{p.Front.Site.Tenants(), p.Places, p.Front.Seen(r).Addr, p.Front.Site.Forgets()}})
}

// place names an address of this machine as the demo's own settings do.
func (l lang) place(a netip.Addr) string {
	switch {
	case a == netip.IPv6Loopback():
		return l.say("place.office")
	case a.IsLoopback():
		return l.say("place.home")
	}
	return l.say("place.other")
}

// about says what a tenant of the demo is for; "" of any other.
func (l lang) about(t session.TenantID) string {
	if key := "about." + string(t); has(key) {
		return l.say(key)
	}
	return ""
}

// entry is what the pages of a login show.
type entry struct {
	Address   netip.Addr
	Clients   session.Clients
	Attempt   string
	MinLength int
}

func (p *Pages) loginPage(r *http.Request, t *site.Tenant) page {
	return page{Title: langOf(r).say("login.title"), Tenant: t.ID, Data: entry{Address: p.Front.Seen(r).Addr, Clients: t.Profile.Clients}}
}

func (p *Pages) getTenant(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	redirect(w, r, "/t/"+string(t.ID)+"/me")
}

func (p *Pages) toLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	redirect(w, r, "/t/"+string(t.ID)+"/login")
}

func (p *Pages) getLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	v := p.loginPage(r, t)
	switch q := r.URL.Query(); {
	case q.Has("sent"):
		if p.Front.Visit(r, t).Decision.Allowed() { // the first of the two has let them in
			p.getTenant(w, r, t)
			return
		}
		v.Notice = langOf(r).say("login.sent")
	case q.Has("ended"):
		v.Notice = langOf(r).say("login.ended")
	case q.Has("saved"):
		v.Notice = langOf(r).doneAndEnded(q.Get("saved"))
	case q.Has("lifted"):
		v.Notice = langOf(r).say("reset.done")
	}
	p.show(w, r, http.StatusOK, "login", v)
}

func (p *Pages) postLogin(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, nil, err)
		return
	}
	id := r.PostForm.Get("member")
	client := t.Client(r.Context(), r.PostForm.Get("client"), "")
	ans, err := t.Login(r.Context(), p.Front.Seen(r).Addr, client, session.MemberID(id), r.PostForm.Get("password"))
	again := p.loginPage(r, t)
	again.Wrong = langOf(r).say("login.wrong")
	p.answer(w, r, t, ans, err, "login", again)
}

func (p *Pages) verifyPage(r *http.Request, t *site.Tenant, attempt string) page {
	return page{Title: langOf(r).say("verify.title"), Tenant: t.ID, Data: entry{Attempt: attempt}}
}

func (p *Pages) postVerify(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, nil, err)
		return
	}
	attempt := r.PostForm.Get("attempt")
	ans, err := t.Verify(r.Context(), p.Front.Seen(r).Addr, attempt, r.PostForm.Get("code"))
	again := p.verifyPage(r, t, attempt)
	again.Wrong = langOf(r).say("verify.wrong")
	p.answer(w, r, t, ans, err, "verify", again)
}

func (p *Pages) passwordPage(r *http.Request, t *site.Tenant, attempt string) page {
	return page{Title: langOf(r).say("password.title"), Tenant: t.ID, Data: entry{Attempt: attempt, MinLength: site.MinPassword}}
}

func (p *Pages) postPassword(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := form(w, r, maxForm); err != nil {
		p.failed(w, r, nil, err)
		return
	}
	l, attempt := langOf(r), r.PostForm.Get("attempt")
	again := p.passwordPage(r, t, attempt)
	ans, err := t.ChangePassword(r.Context(), p.Front.Seen(r).Addr, attempt, r.PostForm.Get("old"), r.PostForm.Get("new"))
	again.Wrong = l.say("password.wrong")
	if wrong := new(site.PasswordError); errors.As(err, &wrong) {
		again.Wrong = l.flaws(wrong)
	}
	p.answer(w, r, t, ans, err, "password", again)
}

// flaws says what is wrong with a new password.
func (l lang) flaws(e *site.PasswordError) string {
	var texts []string
	for _, f := range e.Flaws {
		var want []any
		if f.Want > 0 {
			want = append(want, f.Want)
		}
		texts = append(texts, l.say("flaw."+f.Code, want...))
	}
	return l.sentences(texts...)
}

// answer tells what a login came to. again is the page for another try.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request, t *site.Tenant, ans site.Answer, err error, name string, again page) {
	l := langOf(r)
	wrong, wait := new(site.PasswordError), new(verify.WaitError)
	switch {
	case errors.As(err, &wrong):
		p.show(w, r, http.StatusBadRequest, name, again)
	case errors.As(err, &wait):
		p.wait(w, r, t, wait)
	case err != nil:
		w.Header().Set("Retry-After", "5")
		again.Wrong = l.say("login.busy")
		if errors.Is(err, site.ErrNotSent) {
			again.Wrong = l.say("login.unsent")
		}
		p.show(w, r, http.StatusServiceUnavailable, name, again)
	case ans.Effect == policy.Allow:
		p.Front.SetCookie(w, r, t, ans.Session)
		redirect(w, r, "/t/"+string(t.ID)+"/me")
	case ans.Effect == policy.Verify:
		p.show(w, r, http.StatusAccepted, "verify", p.verifyPage(r, t, ans.Attempt))
	case ans.Effect == policy.ChangePassword:
		p.show(w, r, http.StatusAccepted, "password", p.passwordPage(r, t, ans.Attempt))
	case ans.Used:
		redirect(w, r, "/t/"+string(t.ID)+"/login?sent=1")
	case ans.Reason == policy.ReasonBadCredentials:
		p.show(w, r, http.StatusUnauthorized, name, again)
	default:
		p.refused(w, r, t, http.StatusForbidden, ans.Decision())
	}
}

func (p *Pages) refused(w http.ResponseWriter, r *http.Request, t *site.Tenant, status int, d policy.Decision) {
	p.show(w, r, status, "refused", page{Title: langOf(r).say("refused.title"), Tenant: t.ID, Data: struct {
		Address netip.Addr
		Reason  policy.Reason
		Network bool
		Contact string
	}{p.Front.Seen(r).Addr, d.Reason, d.Reason == policy.ReasonAddressNotDesignated, t.Contact}})
}

// wait tells somebody who has proved the password that no code is sent or taken for a while.
func (p *Pages) wait(w http.ResponseWriter, r *http.Request, t *site.Tenant, e *verify.WaitError) {
	l, key := langOf(r), "wait.codes"
	if errors.Is(e, verify.ErrTooManyTries) {
		key = "wait.tries"
	}
	front.RetryAfter(w, e.Until)
	out := page{Title: l.say("wait.title"), Tenant: t.ID, Wrong: l.say(key), Data: when(e.Until.Add(time.Minute))} // which are full minutes
	p.show(w, r, http.StatusTooManyRequests, "wait", out)
}

// visitor is who a page is for: a member whose session was checked, and where they are.
type visitor struct {
	*site.Actor
	tenant  *site.Tenant
	session session.Session
	visit   site.Visit
	rights  directory.Permissions
	l       lang
}

// in lets in who has a session that is let in here.
func (p *Pages) in(h func(http.ResponseWriter, *http.Request, *visitor)) http.HandlerFunc {
	return p.of(func(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
		visit := p.Front.Visit(r, t)
		switch reason := visit.Decision.Reason; {
		case visit.Decision.Allowed() && visit.Session.Stamp.Client != session.Web && !p.Front.Site.Demo:
			// What is free of the list for one client opens nothing for another. In a demo
			// a browser may be any of them.
			redirect(w, r, "/t/"+string(t.ID)+"/login")
			return
		case visit.Decision.Allowed():
		case reason == policy.ReasonSessionUnknown && front.Token(r) == "":
			redirect(w, r, "/t/"+string(t.ID)+"/login")
			return
		case reason == policy.ReasonSessionUnknown, reason == policy.ReasonSessionEnded, reason == policy.ReasonSessionCut, visit.Decision.Effect == policy.Verify:
			p.Front.DropCookie(w, r, t)
			redirect(w, r, "/t/"+string(t.ID)+"/login?ended=1")
			return
		default: // for here: from the next address the session may be used again
			p.refused(w, r, t, http.StatusForbidden, visit.Decision)
			return
		}
		v := &visitor{t.Actor(visit.Session.Member, visit.Session.Stamp.Client, visit.Seen), t, visit.Session, visit, 0, langOf(r)}
		var err error
		if v.rights, err = v.Permissions(r.Context()); err != nil {
			p.failed(w, r, v, err)
			return
		}
		h(w, r, v)
	})
}

func (p *Pages) getMe(w http.ResponseWriter, r *http.Request, v *visitor) {
	stamp, _ := v.session.Stamp.MarshalText()
	steps, err := v.tenant.Steps(r.Context(), v.session, v.Seen.Addr)
	if err != nil {
		p.failed(w, r, v, err)
		return
	}
	for i := range steps {
		if !steps[i].Answered {
			steps[i].Because = "" // for administrators, who ask what if
		}
	}
	p.show(w, r, http.StatusOK, "me", page{Title: v.l.say("me.page"), Tenant: v.tenant.ID, Me: v.ID, Admin: len(v.links("")) > 0, Data: struct {
		Address  netip.Addr
		Decision policy.Decision
		Session  session.Session
		Stamp    string
		Steps    []policy.Step
	}{v.Seen.Addr, v.visit.Decision, v.session, string(stamp), steps}})
}

func (p *Pages) postLogout(w http.ResponseWriter, r *http.Request, t *site.Tenant) {
	if err := t.Logout(r.Context(), front.Token(r)); err != nil {
		p.failed(w, r, nil, err)
		return
	}
	p.Front.DropCookie(w, r, t)
	redirect(w, r, "/t/"+string(t.ID)+"/login")
}

// getMail shows the letters of a member, or of all, newest first.
func (p *Pages) getMail(w http.ResponseWriter, r *http.Request) {
	mails, err := p.Front.Site.Mails(r.Context(), session.MemberID(r.URL.Query().Get("to")))
	if err != nil {
		p.failed(w, r, nil, err)
		return
	}
	l := langOf(r)
	for i, m := range mails {
		switch m.Kind {
		case site.MailVerification:
			mails[i].Text = l.say("mail.code", m.Code)
		case site.MailResetLink:
			mails[i].Text = l.say("mail.link")
		case site.MailNotice:
			mails[i].Text = l.say("mail.notice")
		}
	}
	p.show(w, r, http.StatusOK, "mail", page{Title: l.say("mail.title"), Data: mails})
}

// getReset shows what a link that was mailed would do, and does nothing: programs that look
// at mails open links.
func (p *Pages) getReset(w http.ResponseWriter, r *http.Request) {
	l := langOf(r)
	v := page{Title: l.say("reset.title")}
	offer, err := p.Front.Site.Offered(r.Context(), r.PathValue("link"))
	status := http.StatusOK
	switch {
	case errors.Is(err, engine.ErrLink):
		status, v.Wrong = http.StatusGone, l.say("reset.gone")
	case err != nil:
		p.failed(w, r, nil, err)
		return
	default:
		v.Data = struct {
			engine.Offer
			Action string
		}{offer, r.URL.EscapedPath()}
	}
	p.show(w, r, status, "reset", v)
}

func (p *Pages) postReset(w http.ResponseWriter, r *http.Request) {
	t, _, err := p.Front.Site.Redeem(r.Context(), r.PathValue("link"))
	if err != nil {
		l := langOf(r)
		if errors.Is(err, engine.ErrLink) {
			p.show(w, r, http.StatusGone, "reset", page{Title: l.say("reset.title"), Wrong: l.say("reset.gone")})
			return
		}
		p.failed(w, r, nil, err)
		return
	}
	redirect(w, r, "/t/"+string(t.ID)+"/login?lifted=1")
}
