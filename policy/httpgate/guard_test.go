package httpgate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// checker is a Checker.
type checker func(context.Context, engine.Request) (policy.Decision, error)

func (c checker) Check(ctx context.Context, r engine.Request) (policy.Decision, error) {
	return c(ctx, r)
}

func answers(d policy.Decision, err error) checker {
	return func(context.Context, engine.Request) (policy.Decision, error) { return d, err }
}

var (
	allow   = policy.Decision{Effect: policy.Allow, Reason: policy.ReasonAddressDesignated}
	kim     = engine.Request{Tenant: "works", Member: "kim", Session: session.IDOf("x"), Stamp: session.Stamp{Client: session.Web}}
	errDown = errors.New("the database is down")
)

func shows(r engine.Request, err error) func(*http.Request) (engine.Request, error) {
	return func(*http.Request) (engine.Request, error) { return r, err }
}

// pass serves a request through a guard and reports whether it came through.
func pass(g *httpgate.Guard, r *http.Request) (*httptest.ResponseRecorder, bool) {
	through := false
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { through = true })).ServeHTTP(w, r)
	return w, through
}

func TestGuard(t *testing.T) {
	for _, tt := range []struct {
		guard  httpgate.Guard
		status int
		reason string
		why    string
	}{
		{httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, nil)}, 200, "", "allowed"},
		{httpgate.Guard{}, 403, "no-policy", "the zero Guard"},
		{httpgate.Guard{Session: shows(kim, nil)}, 403, "no-policy", "no engine"},
		{httpgate.Guard{Engine: answers(allow, nil)}, 403, "no-policy", "no sessions"},
		{httpgate.Guard{Engine: answers(policy.Decision{}, nil), Session: shows(kim, nil)}, 403, "no-policy", "the zero Decision"},
		{httpgate.Guard{Engine: answers(allow, nil), Session: shows(engine.Request{}, session.ErrNotFound)}, 401, "session-unknown", "no session"},
		{httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, fmt.Errorf("row: %w", session.ErrNotFound))}, 401, "session-unknown", "no session, though something was returned"},
		{httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, session.ErrEnded)}, 401, "session-ended", "it has ended"},
		{httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, errDown)}, 503, "member-stale", "no answer is no session that has ended"},
		{httpgate.Guard{Engine: answers(allow, nil), Session: func(*http.Request) (engine.Request, error) { panic("x") }}, 503, "member-stale", "a panic"},
		{httpgate.Guard{Engine: answers(allow, errDown), Session: shows(kim, nil)}, 503, "member-stale", "an error beside allow"},
		{httpgate.Guard{Engine: answers(policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}, errDown), Session: shows(kim, nil)}, 503, "member-stale", "an error beside verify"},
		{httpgate.Guard{Engine: answers(policy.Decision{Reason: policy.ReasonPolicyStale}, errDown), Session: shows(kim, nil)}, 503, "policy-stale", "an error beside deny"},
		{httpgate.Guard{Engine: checker(func(context.Context, engine.Request) (policy.Decision, error) { panic("x") }), Session: shows(kim, nil)}, 503, "member-stale", "a panic"},
		{httpgate.Guard{Engine: answers(policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}, nil), Session: shows(kim, nil)}, 401, "overseas-login", "step up"},
		{httpgate.Guard{Engine: answers(policy.Decision{Effect: policy.ChangePassword, Reason: policy.ReasonPasswordChangeRequired}, nil), Session: shows(kim, nil)}, 403, "password-change-required", "not in yet"},
		{httpgate.Guard{Engine: answers(policy.Decision{Effect: 7, Reason: policy.ReasonAllAddresses}, nil), Session: shows(kim, nil)}, 403, "all-addresses", "an effect that there is not"},
		{httpgate.Guard{Engine: answers(policy.Decision{Reason: policy.ReasonSessionCut}, nil), Session: shows(kim, nil)}, 401, "session-cut", "cut"},
		{httpgate.Guard{Engine: answers(policy.Decision{Reason: policy.ReasonAddressNotDesignated}, nil), Session: shows(kim, nil), Help: func(*http.Request, session.TenantID, policy.Decision) httpgate.Help { panic("x") }}, 403, "address-not-designated", "a panic in Help"},
	} {
		w, through := pass(&tt.guard, from("8.8.8.8:443"))
		if through != (tt.status == 200) || w.Code != tt.status || !strings.Contains(w.Body.String(), `"reason":"`+tt.reason+`"`) && !through {
			t.Errorf("through %v, %d %s; want %d %s: %s", through, w.Code, w.Body, tt.status, tt.reason, tt.why)
		}
	}
}

func TestAdmitted(t *testing.T) {
	var asked engine.Request
	g := &httpgate.Guard{
		Engine: checker(func(_ context.Context, r engine.Request) (policy.Decision, error) {
			asked = r
			return allow, nil
		}),
		Session: func(*http.Request) (engine.Request, error) {
			r := kim
			r.Addr = netip.MustParseAddr("1.1.1.1") // the Guard knows better
			return r, nil
		},
		Resolver: resolver(t, "X-Forwarded-For"),
	}
	var got httpgate.Admitted
	var ok bool
	h := g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, ok = httpgate.FromContext(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), from("10.0.0.1:443", "X-Forwarded-For", "8.8.8.8"))
	want := kim
	want.Addr = netip.MustParseAddr("8.8.8.8")
	if !ok || got.Request != want || asked != want || got.Decision != allow || got.Seen.Told != "X-Forwarded-For" {
		t.Errorf("%+v, %v; asked %+v", got, ok, asked)
	}
	// Without an address the engine is asked with none, and is not believed if it allows that.
	ok = false
	w := httptest.NewRecorder()
	h.ServeHTTP(w, from("10.0.0.1:443", "X-Forwarded-For", "garbage"))
	if asked.Addr.IsValid() || ok || w.Code != 403 || !strings.Contains(w.Body.String(), "no-client-address") {
		t.Errorf("asked with %v, through %v, %d %s", asked.Addr, ok, w.Code, w.Body)
	}
	if _, ok := httpgate.FromContext(context.Background()); ok {
		t.Error("a context without Guard has an Admitted")
	}
}

// Equal refusals are equal to the byte, whatever the member, the session and the entries
// are; only the request's id differs, and it is in a header.
func TestGuarantee32EqualRefusals(t *testing.T) {
	for _, accept := range []string{browser, program, "text/plain"} {
		bodies, ids := map[string]bool{}, map[string]bool{}
		var first http.Header
		for _, who := range []member.ID{"kim", "lee", "nobody"} {
			for _, r := range []engine.Request{{Tenant: "works", Member: who}, {Tenant: "works", Member: who, Stamp: session.Stamp{Client: session.Mobile}, Plan: "lite"}} {
				g := &httpgate.Guard{Engine: answers(policy.Decision{Reason: policy.ReasonAddressNotDesignated}, errors.New("entry: Head office "+string(who))), Session: shows(r, nil),
					Help: func(_ *http.Request, t session.TenantID, _ policy.Decision) httpgate.Help {
						return httpgate.Help{Contact: "it@" + string(t)}
					}}
				w, _ := pass(g, from("203.0.113.9:443", "Accept", accept))
				bodies[w.Body.String()] = true
				ids[w.Header().Get("X-Request-Id")] = true
				if strings.Contains(w.Body.String(), "Head office") || strings.Contains(w.Body.String(), string(who)) || !strings.Contains(w.Body.String(), "it@works") {
					t.Errorf("%s", w.Body)
				}
				h := w.Header().Clone()
				h.Del("X-Request-Id")
				if first == nil {
					first = h
				}
				if !maps.EqualFunc(first, h, slices.Equal) {
					t.Errorf("headers %v and %v", first, h)
				}
			}
		}
		if len(bodies) != 1 || len(ids) != 6 || ids[""] {
			t.Errorf("%s: %d bodies, %d ids", accept, len(bodies), len(ids))
		}
	}
}

func TestRequestID(t *testing.T) {
	g := &httpgate.Guard{}
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "ours")
	g.Handler(nil).ServeHTTP(w, from("8.8.8.8:1", "X-Request-Id", "the client's"))
	if got := w.Header()["X-Request-Id"]; !slices.Equal(got, []string{"ours"}) {
		t.Errorf("%q", got)
	}
	w, _ = pass(g, from("8.8.8.8:1", "X-Request-Id", "the client's"))
	if got := w.Header().Get("X-Request-Id"); len(got) < 20 || got == "the client's" {
		t.Errorf("%q", got)
	}
}

func TestOverriddenResponse(t *testing.T) {
	var got httpgate.Refusal
	g := &httpgate.Guard{
		Engine: answers(policy.Decision{Reason: policy.ReasonSessionCut}, nil), Session: shows(kim, nil),
		Help: func(*http.Request, session.TenantID, policy.Decision) httpgate.Help {
			return httpgate.Help{Next: "/login"}
		},
		Respond: func(w http.ResponseWriter, r *http.Request, f httpgate.Refusal) {
			got = f
			http.Redirect(w, r, f.Help.Next, http.StatusSeeOther)
		},
	}
	w, through := pass(g, from("203.0.113.9:1"))
	if through || w.Code != 303 || got.Tenant != "works" || got.Decision.Reason != policy.ReasonSessionCut || got.Addr.String() != "203.0.113.9" || got.ID == "" || got.Help.Next != "/login" {
		t.Errorf("%v %d %+v", through, w.Code, got)
	}
	// What panics there has let nobody in.
	g.Respond = func(http.ResponseWriter, *http.Request, httpgate.Refusal) { panic(http.ErrAbortHandler) }
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic of an override is the server's to handle")
			}
		}()
		if _, through := pass(g, from("203.0.113.9:1")); through {
			t.Error("let through")
		}
	}()
}

func TestRefuse(t *testing.T) {
	g := &httpgate.Guard{Help: func(_ *http.Request, t session.TenantID, d policy.Decision) httpgate.Help {
		return httpgate.Help{Contact: string(t) + " " + d.Reason.String()}
	}}
	for _, tt := range []struct {
		d      policy.Decision
		status int
	}{
		{policy.Decision{Reason: policy.ReasonBadCredentials}, 401},
		{policy.Decision{Reason: policy.ReasonAddressNotDesignated}, 403},
		{allow, 403},
	} {
		w := httptest.NewRecorder()
		g.Refuse(w, from("8.8.8.8:1"), "works", tt.d, httpgate.Seen{Addr: netip.MustParseAddr("8.8.8.8")})
		if w.Code != tt.status || !strings.Contains(w.Body.String(), `"contact":"works `+tt.d.Reason.String()) || !strings.Contains(w.Body.String(), `"address":"8.8.8.8"`) {
			t.Errorf("%v: %d %s", tt.d, w.Code, w.Body)
		}
	}
}

func TestRefusalsAreLogged(t *testing.T) {
	var b strings.Builder
	g := &httpgate.Guard{
		Engine: answers(policy.Decision{Reason: policy.ReasonPolicyStale}, errors.New("down\n2026 forged")), Session: shows(kim, nil), Resolver: resolver(t, "X-Forwarded-For"),
		Help: func(*http.Request, session.TenantID, policy.Decision) httpgate.Help { panic("help\n2026 forged") },
		Log:  slog.New(slog.NewTextHandler(&b, nil)),
	}
	w, _ := pass(g, from("10.0.0.1:1", "X-Forwarded-For", "garbage"))
	for _, part := range []string{
		"level=WARN", "request_id=" + w.Header().Get("X-Request-Id"), "decision.reason=policy-stale", "seen.peer=10.0.0.1", "tenant=works", "member=kim",
		"X-Forwarded-For: hop 1 from the right", "down", "Help panicked",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%s lacks %s", b.String(), part)
		}
	}
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q", b.String())
	}
	b.Reset()
	g = &httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, nil), Log: slog.New(slog.NewTextHandler(&b, nil))}
	if pass(g, from("8.8.8.8:1")); b.Len() != 0 {
		t.Errorf("what is let through is logged: %s", b.String())
	}
}

// members are those of one tenant.
type members struct {
	mu sync.Mutex
	m  map[member.ID]member.Member
}

func (m *members) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.m[id]
	if !ok || found.Tenant != t {
		return nil, session.ErrNotFound
	}
	return &found, nil
}

// A Guard before an engine, with a proxy: the whole way of a request.
func TestGuardWithEngine(t *testing.T) {
	ctx := context.Background()
	people := &members{m: map[member.ID]member.Member{
		"kim": {Tenant: "works", ID: "kim", Status: member.Active, Version: session.Version{Line: 1, Number: 1}},
	}}
	eng, err := engine.New(policy.Standard(), policy.NewMemStore(), people, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24"), Label: "Head office"}}}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "works", Settings: settings}); err != nil {
		t.Fatal(err)
	}
	d, stamp, err := eng.Admit(ctx, engine.Login{Tenant: "works", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8"), Authenticated: true})
	if err != nil || !d.Allowed() {
		t.Fatal(d, err)
	}
	g := &httpgate.Guard{
		Engine:   eng,
		Resolver: resolver(t, "X-Forwarded-For"),
		Session: func(r *http.Request) (engine.Request, error) {
			if r.Header.Get("Authorization") != "Bearer good" {
				return engine.Request{}, session.ErrNotFound
			}
			return engine.Request{Tenant: "works", Member: "kim", Stamp: stamp}, nil
		},
	}
	for _, tt := range []struct {
		peer, xff, token string
		status           int
		why              string
	}{
		{"10.0.0.1:1", "8.8.8.8", "good", 200, "from the office"},
		{"10.0.0.1:1", "8.8.8.8", "bad", 401, "from the office, without a session"},
		{"10.0.0.1:1", "9.9.9.9", "good", 403, "from elsewhere"},
		{"10.0.0.1:1", "8.8.8.8, 9.9.9.9", "good", 403, "from elsewhere, saying to be in the office"},
		{"9.9.9.9:1", "8.8.8.8", "good", 403, "past the proxy"},
		{"8.8.8.8:1", "9.9.9.9", "good", 200, "from the office, past the proxy"},
		{"10.0.0.1:1", "10.0.0.2", "good", 403, "from nowhere"},
		{"10.0.0.1:1", "8.8.8.8, x", "good", 403, "a hop that cannot be read"},
	} {
		w, through := pass(g, from(tt.peer, "X-Forwarded-For", tt.xff, "Authorization", "Bearer "+tt.token))
		if through != (tt.status == 200) || w.Code != tt.status || strings.Contains(w.Body.String(), "Head office") {
			t.Errorf("%s, %s: %v, %d %s; want %d: %s", tt.peer, tt.xff, through, w.Code, w.Body, tt.status, tt.why)
		}
	}
}
