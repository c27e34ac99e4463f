package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// server answers for all tenants.
type server struct {
	log       *slog.Logger
	countries *geo.DB
	tenants   []*tenant
	places    []place
	names     []string // of this server, in lower case

	passwords     *passwords
	accounts      *directory.MemStore
	directory     *directory.Directory
	sessions      *session.MemStore
	verifications *verify.MemStore
	verifier      *verify.Verifier
	steps         *steps
	guesses       *guesses
	mails         mails
}

// failures lock a member, and make a source wait that guesses where they do not count.
const failures = 10

func newServer(ctx context.Context, countries *geo.DB, log *slog.Logger, iterations int) (*server, error) {
	s := &server{
		log:           log,
		countries:     countries,
		names:         []string{"localhost"},
		accounts:      directory.NewMemStore(),
		sessions:      session.NewMemStore(),
		verifications: verify.NewMemStore(),
		steps:         newSteps(),
		guesses:       newGuesses(),
	}
	var err error
	if s.passwords, err = newPasswords(ctx, iterations); err != nil {
		return nil, err
	}
	if s.verifier, err = verify.New(s.verifications, verify.Domains{"works.example", "line.example", "kintone.example", "standard.example"}, nil); err != nil {
		return nil, err
	}
	if s.directory, err = directory.New(s.accounts, s.accounts, &directory.Options{
		Sessions: s.sessions,
		Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
			return directory.Terms{Download: true, Failures: failures}, nil
		},
	}); err != nil {
		return nil, err
	}
	resetKey := make([]byte, 32) // a real server keeps it, and shares it with its like
	rand.Read(resetKey)
	for _, d := range demos(time.Now()) {
		if err := s.begin(ctx, d, resetKey); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// run does what need not happen at once, until ctx ends.
func (s *server) run(ctx context.Context) {
	var wait sync.WaitGroup
	for _, t := range s.tenants {
		wait.Go(func() { _ = t.engine.Run(ctx) })
	}
	wait.Go(func() { _ = s.directory.Run(ctx) })
	wait.Go(func() {
		for t := time.Tick(time.Hour); ; {
			select {
			case <-t:
				s.tidy(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	wait.Wait()
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
	mux.HandleFunc("GET /t/{tenant}/reset", s.of(s.getReset))
	mux.HandleFunc("POST /t/{tenant}/reset", s.of(s.postReset))
	mux.HandleFunc("GET /demo/mail", s.getMail)

	mux.HandleFunc("GET /t/{tenant}/admin/settings", s.admin(s.getSettings))
	mux.HandleFunc("PUT /t/{tenant}/admin/settings", s.admin(s.putSettings))
	mux.HandleFunc("POST /t/{tenant}/admin/settings/confirm", s.admin(s.postConfirm))
	mux.HandleFunc("GET /t/{tenant}/admin/settings/history", s.admin(s.getHistory))
	mux.HandleFunc("GET /t/{tenant}/admin/members", s.admin(s.getMembers))
	mux.HandleFunc("GET /t/{tenant}/admin/members/{member}", s.admin(s.getMember))
	mux.HandleFunc("GET /t/{tenant}/admin/members/{member}/visits.csv", s.admin(s.getVisits))
	mux.HandleFunc("POST /t/{tenant}/admin/members/{member}/{act}", s.admin(s.postAct))
	mux.HandleFunc("GET /t/{tenant}/admin/events", s.admin(s.getEvents))
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
