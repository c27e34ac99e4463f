package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
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

// What the server says of itself, by short names.
const (
	failures      = site.Failures
	maxBody       = front.MaxFields
	cookieName    = front.CookieName
	minNewLength  = site.MinPassword
	maxPassLength = site.MaxPassword
	sessionLife   = site.SessionLife
	sessionIdle   = site.SessionIdle
	stepLife      = 10 * time.Minute
	maxSteps      = 5
	maxSessions   = 20
	guessPause    = 15 * time.Minute
)

// world is a server of one test.
type world struct {
	*testing.T
	*site.Site
	stores *site.Stores
	log    *slog.Logger
	http   http.Handler
}

// timed runs a test whose time passes only where it sleeps.
func timed(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// newSite is a demo whose three products have something to see. Its countries are those of
// the file that is built in.
func newSite(t *testing.T) *world {
	t.Helper()
	return newSiteOn(t, site.InMemory())
}

func newSiteOn(t *testing.T, stores *site.Stores) *world {
	t.Helper()
	countries, err := openCountries("")
	if err != nil {
		t.Fatal(err)
	}
	setups := site.Demo()
	for i := range setups {
		setups[i].Members = slices.Clone(setups[i].Members)
		lee := &setups[i].Members[3]
		lee.MustChange = false
		switch setups[i].ID {
		case "works":
			setups[i].Settings = setups[3].Settings
			setups[i].Settings.Designated = append(slices.Clone(setups[3].Settings.Designated),
				policy.Entry{Range: ipset.MustParseRange("133.5.0.0-133.5.3.255"), Label: "The fair in Tokyo", Until: time.Now().AddDate(0, 1, 0)})
		case "line":
			lee.MustChange = true
		case "kintone":
			setups[i].Settings = policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{
				{Range: ipset.MustParseRange("127.0.0.1"), Label: "Home: this machine, by IPv4"},
				{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"},
			}}
		case "standard":
			setups[i].Settings = policy.Settings{Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"), geo.MustParseCountry("JP"))}}
		}
	}
	w := &world{T: t, stores: stores, log: slog.New(slog.DiscardHandler)}
	w.Site, err = site.New(t.Context(), site.Options{Countries: countries, Log: w.log, Stores: w.stores, Setups: setups, Demo: true, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := &front.Front{Site: w.Site, Names: []string{"localhost", "example.com"}} // the Host of httptest
	w.http = handler(f, nil, nil)
	return w
}

func (s *world) do(from string, r *http.Request) *httptest.ResponseRecorder {
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

func (s *world) read(w *httptest.ResponseRecorder) result {
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
func (s *world) post(from, path string, pairs ...string) result {
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

func (s *world) login(from, tenant, member, password string) result {
	s.Helper()
	return s.post(from, "/t/"+tenant+"/login", "member", member, "password", password)
}

// browse sends pairs as a browser sends a form, and cookies with it.
func (s *world) browse(from, path string, cookies []*http.Cookie, pairs ...string) *httptest.ResponseRecorder {
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

func (s *world) me(from, tenant, text string) result {
	s.Helper()
	r := httptest.NewRequest("GET", "/t/"+tenant+"/me", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	return s.read(s.do(from, r))
}

// mails returns the letters to a member, or to all for "", newest first.
func (s *world) mails(to member.ID) []site.Mail {
	s.Helper()
	sent, err := s.Mails(s.Context(), to)
	if err != nil {
		s.Fatal(err)
	}
	return sent
}

// code returns the code that was mailed last. Other letters may have come since.
func (s *world) code() string {
	s.Helper()
	for _, m := range s.mails("") {
		if m.Kind == site.MailVerification {
			return m.Code
		}
	}
	s.Fatal("no code was mailed")
	return ""
}

// kept returns the account of a member.
func (s *world) kept(tenant session.TenantID, id member.ID) directory.Account {
	s.Helper()
	a, err := s.stores.Members.Load(s.Context(), tenant, id)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// begun returns how many sessions were begun that are kept.
func (s *world) begun() int {
	s.Helper()
	n := 0
	for _, t := range s.Tenants() {
		list, err := s.stores.Sessions.List(s.Context(), t.ID, session.Query{})
		if err != nil {
			s.Fatal(err)
		}
		n += len(list)
	}
	return n
}

// open returns what is kept of a kind.
func (s *world) open(kind string) []site.Value {
	s.Helper()
	list, err := s.stores.Values.List(s.Context(), kind, "")
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// join adds members to a tenant, as a start of the server with them would.
func (s *world) join(tenant session.TenantID, members ...site.Newcomer) {
	s.Helper()
	p := s.Tenant(tenant).Profile.Name
	if _, err := site.New(s.Context(), site.Options{Stores: s.stores, Demo: true, Iterations: 1, Setups: []site.Setup{{ID: tenant, Profile: p, Members: members}}}); err != nil {
		s.Fatal(err)
	}
}

// actor is an administrator at the office.
func (s *world) actor(tenant session.TenantID, id member.ID) *site.Actor {
	return s.Tenant(tenant).Actor(id, session.Web, httpgate.Seen{Addr: addrOf(office)})
}

// settings returns the record of a tenant.
func (s *world) settings(tenant session.TenantID) policy.Record {
	s.Helper()
	r, err := s.stores.Policies.Load(s.Context(), tenant)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// act does an act to a member, as root.
func (s *world) act(x directory.Act, tenant session.TenantID, id member.ID, f directory.Facts) {
	s.Helper()
	if err := s.actor(tenant, "root").Do(s.Context(), x, id, f); err != nil {
		s.Fatal(err)
	}
}

// save saves what change makes of a tenant's settings, whoever it shuts out.
func (s *world) save(tenant session.TenantID, change func(*policy.Settings)) engine.Saved {
	s.Helper()
	r := s.settings(tenant).Clone()
	change(&r.Settings)
	c := site.Change{From: r.Version}
	saved, err := s.actor(tenant, "root").Save(s.Context(), c, r.Settings)
	var lockout *engine.LockoutError
	if errors.As(err, &lockout) {
		c.Force = lockout.Force
		saved, err = s.actor(tenant, "root").Save(s.Context(), c, r.Settings)
	}
	if err != nil {
		s.Fatal(err)
	}
	return saved
}

// want compares an answer with "status effect [reason]".
func (s *world) want(why string, r result, want string) {
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
func (s *world) background() (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Site.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// newPost is a request of a program.
func newPost(path string) *http.Request {
	r := httptest.NewRequest("POST", path, nil)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func body(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
