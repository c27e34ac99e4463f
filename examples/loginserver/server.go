package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// server answers for all tenants.
type server struct {
	log       *slog.Logger
	now       func() time.Time
	passwords *passwords
	countries *geo.DB
	tenants   []*tenant
	places    []place
	names     []string // of this server, in lower case

	mu       sync.Mutex // for what is below, and the tenants' accounts
	sessions tokens[session.Stamp]
	steps    tokens[step]
	mails    []mail
}

func newServer(countries *geo.DB, log *slog.Logger, iterations int) (*server, error) {
	ctx := context.Background()
	s := &server{
		log:       log,
		now:       time.Now,
		countries: countries,
		names:     []string{"localhost"},
		sessions:  newTokens[session.Stamp](sessionLife, maxSessions),
		steps:     newTokens[step](stepLife, maxSteps),
	}
	var err error
	if s.passwords, err = newPasswords(ctx, iterations); err != nil {
		return nil, err
	}
	if s.tenants, err = demoTenants(countries, s.now()); err != nil {
		return nil, err
	}
	for _, t := range s.tenants {
		if err := demoMembers(ctx, t, s.passwords); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getIndex)
	mux.HandleFunc("GET /style.css", s.getStyle)
	mux.HandleFunc("GET /t/{tenant}/login", s.of(s.getLogin))
	mux.HandleFunc("POST /t/{tenant}/login", s.of(s.postLogin))
	mux.HandleFunc("POST /t/{tenant}/verify", s.of(s.postVerify))
	mux.HandleFunc("POST /t/{tenant}/password", s.of(s.postPassword))
	mux.HandleFunc("GET /t/{tenant}/me", s.of(s.getMe))
	mux.HandleFunc("POST /t/{tenant}/logout", s.of(s.postLogout))
	mux.HandleFunc("GET /t/{tenant}/whatif", s.of(s.getWhatif))
	mux.HandleFunc("GET /demo/mail", s.getMail)
	return guarded(s.named(http.NewCrossOriginProtection().Handler(mux)))
}

// named refuses requests for another name. A page of any site can have its own
// name resolve to this machine (DNS rebinding); to the browser of somebody who
// is inside, this server then is that site, and its answers are for that page
// to read. An address resolves to nothing else.
func (s *server) named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := (&url.URL{Host: r.Host}).Hostname()
		if _, err := netip.ParseAddr(name); err != nil && !slices.Contains(s.names, strings.ToLower(name)) {
			http.Error(w, "this server has another name", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// of finds the tenant of the path.
func (s *server) of(h func(http.ResponseWriter, *http.Request, *tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := s.tenant(session.TenantID(r.PathValue("tenant")))
		if t == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r, t)
	}
}

// tenant returns the tenant of that id, or nil.
func (s *server) tenant(id session.TenantID) *tenant {
	for _, t := range s.tenants {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// guarded sets what every answer has, refusals of the wrapped handlers too.
// The pages have no script and load nothing but their style. Referrers stay
// within the site, because without any a browser would send the Origin "null"
// with the forms.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		header.Set("Vary", "Accept")
		h.ServeHTTP(w, r)
	})
}

// mail is a letter that a real server would send. This one shows it.
type mail struct {
	Tenant session.TenantID `json:"tenant"`
	To     member.ID        `json:"to"`
	Text   string           `json:"text"`
	At     time.Time        `json:"at"`
}

const maxMails = 50

// mail writes a letter. The address is the member's own, as it was recorded
// before, and never one that came with the login.
func (s *server) mail(t session.TenantID, to member.ID, text string, now time.Time) {
	s.mails = append(s.mails[max(0, len(s.mails)+1-maxMails):], mail{t, to, text, now.UTC().Truncate(time.Second)})
}
