package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// The places of the tests. Requests are given the address that a connection
// from there would have.
const (
	home   = "127.0.0.1"
	office = "::1"
	korea  = "211.33.0.1"
	japan  = "133.9.9.9"
	usa    = "8.8.8.8"
	other  = "9.9.9.9" // in no country of the file, and on no list
)

// site is a server of one test.
type site struct {
	*testing.T
	*server
	http http.Handler
}

// timed runs a test whose time passes only where it sleeps.
func timed(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func newSite(t *testing.T) *site {
	t.Helper()
	countries, err := openCountries("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(t.Context(), countries, slog.New(slog.DiscardHandler), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.names = append(s.names, "example.com") // the Host of httptest
	return &site{T: t, server: s, http: s.handler()}
}

func (s *site) do(from string, r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	return w
}

// result is what a program reads from an answer.
type result struct {
	Status                                            int `json:"-"`
	Effect, Reason, Address, Attempt, Session, Tenant string
	Member, Stamp, Error                              string
	Body                                              string `json:"-"`
}

func (s *site) read(w *httptest.ResponseRecorder) result {
	s.Helper()
	r := result{Status: w.Code, Body: w.Body.String()}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		s.Fatalf("%d %s: %s", w.Code, kind, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		s.Fatalf("%v: %s", err, w.Body)
	}
	return r
}

// post sends pairs of names and values as JSON.
func (s *site) post(from, path string, pairs ...string) result {
	s.Helper()
	body := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		body[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(string(b)))
	r.Header.Set("Content-Type", "application/json")
	return s.read(s.do(from, r))
}

func (s *site) login(from, tenant, member, password string) result {
	s.Helper()
	return s.post(from, "/t/"+tenant+"/login", "member", member, "password", password)
}

// browse sends pairs as a browser sends a form, and cookies with it.
func (s *site) browse(from, path string, cookies []*http.Cookie, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	if pairs == nil {
		r = httptest.NewRequest("GET", path, nil)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return s.do(from, r)
}

func (s *site) me(from, tenant, text string) result {
	s.Helper()
	r := httptest.NewRequest("GET", "/t/"+tenant+"/me", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	return s.read(s.do(from, r))
}

// code returns the code that was mailed last.
func (s *site) code() string {
	s.Helper()
	sent := s.mails.to("")
	if len(sent) == 0 {
		s.Fatal("there is no mail")
	}
	_, rest, _ := strings.Cut(sent[0].Text, "code is ")
	return rest[:6]
}

// kept returns the account of a member.
func (s *site) kept(tenant session.TenantID, id member.ID) directory.Account {
	s.Helper()
	a, err := s.accounts.Load(s.Context(), tenant, id)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// begun returns how many sessions were begun that are kept.
func (s *site) begun() int {
	s.Helper()
	n := 0
	for _, t := range s.tenants {
		list, err := s.sessions.List(s.Context(), t.ID, session.Query{})
		if err != nil {
			s.Fatal(err)
		}
		n += len(list)
	}
	return n
}

// settings returns the record of a tenant.
func (s *site) settings(tenant session.TenantID) policy.Record {
	s.Helper()
	r, err := s.tenant(tenant).engine.Settings(s.Context(), tenant)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// act does an act to a member, as root.
func (s *site) act(x directory.Act, tenant session.TenantID, id member.ID, f directory.Facts) {
	s.Helper()
	f.Actor = "root"
	if err := s.directory.Do(s.Context(), x, tenant, id, f); err != nil {
		s.Fatal(err)
	}
}

// save saves what change makes of a tenant's settings, whoever it shuts out.
func (s *site) save(tenant session.TenantID, change func(*policy.Settings)) engine.Saved {
	s.Helper()
	t := s.tenant(tenant)
	r := s.settings(tenant)
	change(&r.Settings)
	save := engine.Save{Act: engine.Act{Tenant: tenant, From: r.Version}, Plan: t.Plan, Settings: r.Settings}
	saved, err := t.engine.Save(s.Context(), save)
	var lockout *engine.LockoutError
	if errors.As(err, &lockout) {
		save.Force = lockout.Force
		saved, err = t.engine.Save(s.Context(), save)
	}
	if err != nil {
		s.Fatal(err)
	}
	return saved
}

// want compares an answer with "status effect [reason]".
func (s *site) want(why string, r result, want string) {
	s.Helper()
	if got := r.text(); got != want {
		s.Errorf("%s: %s; want %s", why, got, want)
	}
}

func (r result) text() string {
	return fmt.Sprintf("%d %s [%s]", r.Status, r.Effect, r.Reason)
}

func addrOf(s string) netip.Addr { return netip.MustParseAddr(s) }

// background runs what need not happen at once until it is stopped.
func (s *site) background() (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.run(ctx) }()
	return func() { cancel(); <-ended }
}
