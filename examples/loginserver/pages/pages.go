// Package pages is what people see of the login server: the door, where they log in, and the
// console, where administrators say from where. The pages are plain HTML that works without
// script, in three languages; a little script makes them handier.
//
// A form that changes something is posted and answered by a redirect; one with something to
// mend is answered by itself, with what is wrong beside the field. What may be done is
// decided by package site.
package pages

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// Place is where somebody on this machine can reach the server, and so where they come from.
type Place struct {
	URL  string
	Addr netip.Addr
}

// Pages answers browsers. Make one with its fields and call Room.
type Pages struct {
	Front  *front.Front
	Places []Place
}

// Room returns the pages by their paths.
func (p *Pages) Room() front.Room {
	mux := http.NewServeMux()
	page := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, p.chooser(h)) }
	page("GET /{$}", p.getIndex)
	mux.Handle("GET /static/{file}", p.static())
	page("GET /reset/{link}", p.getReset)
	page("POST /reset/{link}", p.postReset)
	if p.Front.Site.Demo {
		page("GET /demo/mail", p.getMail)
	}

	page("GET /t/{tenant}/{$}", p.of(p.getTenant))
	page("GET /t/{tenant}/login", p.of(p.getLogin))
	page("POST /t/{tenant}/login", p.of(p.postLogin))
	page("GET /t/{tenant}/verify", p.of(p.toLogin)) // the reload of a step's page, which has no life of its own
	page("POST /t/{tenant}/verify", p.of(p.postVerify))
	page("GET /t/{tenant}/password", p.of(p.toLogin))
	page("POST /t/{tenant}/password", p.of(p.postPassword))
	page("POST /t/{tenant}/logout", p.of(p.postLogout))
	page("GET /t/{tenant}/me", p.in(p.getMe))

	page("GET /t/{tenant}/admin/{$}", p.in(p.getConsole))
	page("GET /t/{tenant}/admin/network", p.in(p.getNetwork))
	page("POST /t/{tenant}/admin/network", p.in(p.postNetwork))
	page("GET /t/{tenant}/admin/network.csv", p.in(p.getList))
	page("GET /t/{tenant}/admin/network/save", p.in(p.getConsole))
	page("POST /t/{tenant}/admin/network/save", p.in(p.postSave))
	page("GET /t/{tenant}/admin/network/confirm", p.in(p.getConsole))
	page("POST /t/{tenant}/admin/network/confirm", p.in(p.postConfirm))
	page("GET /t/{tenant}/admin/network/take-back", p.in(p.getConsole))
	page("POST /t/{tenant}/admin/network/take-back", p.in(p.postTakeBack))
	page("GET /t/{tenant}/admin/history", p.in(p.getHistory))
	page("GET /t/{tenant}/admin/network/history", p.of(p.toHistory)) // where programs find it
	page("POST /t/{tenant}/admin/history", p.in(p.postHistory))
	page("GET /t/{tenant}/admin/whatif", p.in(p.getWhatIf))
	page("GET /t/{tenant}/admin/members", p.in(p.getMembers))
	page("GET /t/{tenant}/admin/members.csv", p.in(p.getMembersCSV))
	page("GET /t/{tenant}/admin/members/{member}", p.in(p.getMember))
	page("GET /t/{tenant}/admin/members/{member}/visits.csv", p.in(p.getVisits))
	page("POST /t/{tenant}/admin/members/{member}/{act}", p.in(p.postAct))
	page("GET /t/{tenant}/admin/accesses", p.in(p.getAccesses))
	page("GET /t/{tenant}/admin/accesses.csv", p.in(p.getAccessesCSV))
	page("GET /t/{tenant}/admin/devices", p.in(p.getDevices))
	page("GET /t/{tenant}/admin/audit", p.in(p.getAudit))
	page("GET /t/{tenant}/admin/audit.csv", p.in(p.getAuditCSV))
	return front.Room{ServeMux: mux, Refuse: func(w http.ResponseWriter, r *http.Request, status int) {
		p.fail(w, r, nil, status, refusals[status])
	}}
}

// refusals are the words for what no handler gets.
var refusals = map[int]string{
	http.StatusNotFound:         "error.not-found",
	http.StatusMethodNotAllowed: "error.method",
	http.StatusForbidden:        "error.cross-site",

	http.StatusMisdirectedRequest: "error.host",
}

// chooser takes ?lang= for a choice of the language, and goes on without it.
func (p *Pages) chooser(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		l, ok := langNamed(q.Get("lang"))
		if !ok || r.Method != http.MethodGet {
			h(w, r)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: l.String(), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: p.Front.Secure(r)})
		q.Del("lang")
		to := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
		redirect(w, r, to.RequestURI())
	}
}

// redirect goes on to a path of this server with GET.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") {
		path = "/"
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

//go:embed static/*
var staticFiles embed.FS

func (p *Pages) static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fs.Stat(staticFiles, "static/"+r.PathValue("file")); err != nil {
			p.fail(w, r, nil, http.StatusNotFound, "error.not-found")
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		files.ServeHTTP(w, r)
	})
}

//go:embed html/*.html
var htmlFiles embed.FS

// templates are the pages, once for each language.
var templates = parsed()

func parsed() []*template.Template {
	var all []*template.Template
	for i := range languages {
		l := lang(i)
		all = append(all, template.Must(template.New("").Funcs(template.FuncMap{
			"t":         l.say,
			"lang":      l.String,
			"languages": func() []lang { return []lang{0, 1, 2} },
			"when":      when,
			"country":   l.country,
			"client":    func(c session.Client) string { return l.say("client." + c.String()) },
			"clients":   l.clients,
			"reason":    func(r policy.Reason) string { return l.say("reason." + r.String()) },
			"effect":    func(e policy.Effect) string { return l.say("effect." + e.String()) },
			"status":    l.status,
			"role":      l.role,
			"step":      l.step,
			"because":   l.because,
			"place":     l.place,
			"about":     l.about,
			"ended":     l.ended,
		}).ParseFS(htmlFiles, "html/*.html")))
	}
	return all
}

// page is what every template is given.
type page struct {
	Title  string
	Path   string
	Tenant session.TenantID // "": of no tenant
	Me     session.MemberID // "": nobody has logged in here
	Admin  bool
	Demo   bool
	Links  []link // of the console
	Notice string // what was done
	Wrong  string // what is to be mended
	Data   any
}

type link struct {
	Href, Text string
	Current    bool
}

// show writes a page. It is written whole or not at all.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, name string, v page) {
	v.Path, v.Demo = r.URL.Path, p.Front.Site.Demo
	l := langOf(r)
	var b bytes.Buffer
	if err := templates[l].ExecuteTemplate(&b, name, v); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l.String())
	w.Header().Add("Vary", "Cookie")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func (p *Pages) fail(w http.ResponseWriter, r *http.Request, v *visitor, status int, key string) {
	l := langOf(r)
	out := page{Title: l.say("error.title"), Wrong: l.say(key)}
	if v != nil {
		out.Tenant, out.Me = v.tenant.ID, v.ID
	}
	p.show(w, r, status, "error", out)
}

// failed answers an error that no form can mend.
func (p *Pages) failed(w http.ResponseWriter, r *http.Request, v *visitor, err error) {
	var large *http.MaxBytesError
	var refused *directory.RefusedError
	switch {
	case errors.Is(err, session.ErrNotFound):
		p.fail(w, r, v, http.StatusNotFound, "error.not-found")
	case errors.As(err, &refused):
		p.fail(w, r, v, http.StatusForbidden, "refusal."+string(refused.Reason))
	case errors.As(err, &large):
		p.fail(w, r, v, http.StatusRequestEntityTooLarge, "error.large")
	case errors.Is(err, errForm) && errors.Is(err, os.ErrDeadlineExceeded):
		p.fail(w, r, v, http.StatusRequestTimeout, "error.form")
	case errors.Is(err, errForm), errors.Is(err, site.ErrVersion):
		p.fail(w, r, v, http.StatusBadRequest, "error.form")
	case errors.Is(err, engine.ErrLink):
		p.fail(w, r, v, http.StatusGone, "reset.gone")
	default:
		p.fail(w, r, v, http.StatusServiceUnavailable, "error.busy")
	}
}

var errForm = errors.New("the form cannot be read")

// maxForm is the most of a form that is read, but for that of the network settings.
const maxForm = 64 << 10

// form reads the fields of a posted form. Those of the URL do not count: URLs are logged,
// and passwords are not for logs.
func form(w http.ResponseWriter, r *http.Request, most int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(most)
	} else {
		err = r.ParseForm()
	}
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return errors.Join(errForm, err)
	}
	return err
}

// of finds the tenant of the path.
func (p *Pages) of(h func(http.ResponseWriter, *http.Request, *site.Tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := p.Front.Tenant(r)
		if t == nil {
			p.fail(w, r, nil, http.StatusNotFound, "error.not-found")
			return
		}
		h(w, r, t)
	}
}
