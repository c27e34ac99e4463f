package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// TestCheckAgreesWithTheOracle asks the list again, for sessions that live.
func TestCheckAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		records := decideTenants(t, h)
		asked, bad := 0, 0
		for _, product := range decideProducts {
			e, err := engine.New(decideLinks(product.profile), h, h, &engine.Options{Locator: decideWhere{}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				for _, m := range decidePeople(r.Tenant) {
					for _, client := range decideClients[1:] {
						for _, addr := range decideAddrs {
							for _, country := range []geo.Country{{}, decideKR, decideUS} {
								for _, verified := range []bool{false, true} {
									if asked++; underRace && asked%11 != 0 {
										continue
									}
									a := decideAttempt{settings: r.Settings, profile: product.profile, plan: product.plan, client: client, addr: addr, member: &m, request: true}
									want := a.list()
									// "7d: the session counts as verified in the country in which it was verified."
									if want.Effect == policy.Verify && verified && want.Country == country {
										a.verified = true
										want = a.list()
									}
									stamp := session.Stamp{Policy: r.Version, Member: m.Version, Client: client, Verified: verified, Country: country}
									d, err := e.Check(t.Context(), engine.Request{Tenant: r.Tenant, Member: m.ID, Plan: product.plan, Stamp: stamp, Addr: addr})
									if d != want || err != nil {
										if bad++; bad < 5 {
											t.Errorf("%s: %+v of %+v from %v by %v: got %v (%v); want %v", product.profile.Name, stamp, m, addr, r.Settings, d, err, want)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	})
}

func TestGuarantee18TheClientIsTheStamps(t *testing.T) {
	h := newDecideHost()
	h.put(t, policy.Record{Tenant: "acme", Settings: decideSettings(policy.DesignatedAddresses, policy.Deny, false)})
	m := decideMember("acme", "lee")
	m.Blocked = session.ClientsOf(session.Desktop)
	h.set(m)
	e, err := engine.New(policy.NaverWorks(), h, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := decideLee
	l.Plan = "standard"
	r := decideAdmit(t, e, l)
	if r.Stamp.Client != session.Web {
		t.Errorf("the stamp of a login by web is of %v", r.Stamp.Client)
	}
	r.Addr = decideAbroad
	for client, want := range map[session.Client]string{
		session.Web: "deny [address-not-designated]", session.Mobile: "allow [client-exempt]", session.Desktop: "deny [client-blocked]",
	} {
		r.Stamp.Client = client
		decideWant(t, e, r, want, "a session that was issued to "+client.String())
	}
	h.cut(t, "acme", session.ClientsOf(session.Mobile))
	r.Stamp.Client, r.Addr = session.Web, decideOffice
	decideWantSoon(t, h, e, r, "allow [address-designated]", "a cut of mobile ends no session of web")
	r.Stamp.Client = session.Mobile
	decideWant(t, e, r, "deny [session-cut]", "a cut of mobile")
}

// decideWantSoon has an engine read the store anew before it checks a request.
func decideWantSoon(t testing.TB, h *decideHost, e *engine.Engine, r engine.Request, want, why string) {
	t.Helper()
	_, _, _ = e.Admit(context.Background(), engine.Login{Tenant: r.Tenant, Member: r.Member})
	decideWant(t, e, r, want, why)
}

func TestALockByGuessesThrowsNobodyOut(t *testing.T) {
	h := decideSmall(t)
	e := decideEngine(t, h, nil)
	r := decideAdmit(t, e, decideLee)
	h.change("acme", "lee", func(m *member.Member) { m.Status = member.Locked })
	decideWantLogin(t, e, decideLee, "deny [member-locked]", "nobody logs in")
	decideWant(t, e, r, "allow [all-addresses]", "the session goes on")
}

// A stamp says where somebody was verified only if it mattered there.
func TestAVerificationCountsInItsCountry(t *testing.T) {
	h := newDecideHost()
	h.put(t, policy.Record{Tenant: "acme", Settings: decideSettings(policy.AllAddresses, policy.Deny, true)})
	h.set(decideMember("acme", "lee"))
	e := decideEngine(t, h, nil)
	l := decideLee
	l.Verified = true
	if r := decideAdmit(t, e, l); r.Stamp.Verified || r.Stamp.Country != (geo.Country{}) {
		t.Errorf("verified at home, where nobody has to be: %+v", r.Stamp)
	}
	l.Addr = decideAbroad
	r := decideAdmit(t, e, l)
	if !r.Stamp.Verified || r.Stamp.Country != decideUS {
		t.Errorf("verified in the United States: %+v", r.Stamp)
	}
	decideWant(t, e, r, "allow [identity-verified] US", "in the country where the member was verified")
	r.Addr = decideSea
	decideWant(t, e, r, "verify [overseas-login]", "in no country")
	r.Addr = decideHome
	decideWant(t, e, r, "allow [country-exempt] KR", "at home")
}

// Ends of entries and exceptions, and of a provisional save, pass while copies are in use.
func TestEndsPassBetweenReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		end := time.Now().Add(10 * time.Second)
		s := decideSettings(policy.DesignatedAddresses, policy.Deny, false)
		s.Exceptions = []policy.Exception{{Member: "lee", Until: end}}
		r := h.put(t, policy.Record{Tenant: "acme", Settings: s})
		h.set(decideMember("acme", "lee"))
		e := decideEngine(t, h, nil)
		l := decideLee
		l.Addr = decideAbroad
		req := decideAdmit(t, e, l)
		_, loads, _ := h.calls()
		time.Sleep(10*time.Second - 1)
		decideWant(t, e, req, "allow [member-excepted]", "just before the end")
		time.Sleep(time.Nanosecond)
		decideWant(t, e, req, "deny [address-not-designated]", "at the end")

		// Provisional: at the instant the return holds, written or not.
		r.Settings.Exceptions, r.Version.Number = nil, r.Version.Number+1
		r.Settings.Designated = slices.Clone(r.Settings.Designated)
		wide := r.Settings
		r.Settings.Access = policy.AllAddresses
		r.Return = &policy.Return{At: time.Now().Add(10 * time.Second), Settings: wide, Cuts: session.Cuts{}.Cut(session.AllClients, r.Version.Number+1)}
		h.put(t, r)
		req = decideAdmit(t, e, l)
		h.down()
		time.Sleep(10*time.Second - 1)
		decideWant(t, e, req, "allow [all-addresses]", "just before the return")
		time.Sleep(time.Nanosecond)
		decideWant(t, e, req, "deny [session-cut]", "the return ends sessions of before")
		l.Addr = decideOffice
		back := decideAdmit(t, e, l)
		if want := (session.Version{Line: r.Version.Line, Number: r.Version.Number + 1}); back.Stamp.Policy != want {
			t.Errorf("admitted by the return with the stamp %v; want %v", back.Stamp.Policy, want)
		}
		decideWant(t, e, back, "allow [address-designated]", "by the return")
		if _, n, _ := h.calls(); n > loads+8 {
			t.Errorf("%d loads", n-loads)
		}
	})
}

// On another machine, whose clock is behind, a session that was admitted by the return
// shows that the instant has passed.
func TestAReturnIsSeenByItsStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		listed := decideSettings(policy.DesignatedAddresses, policy.Deny, false)
		r := h.put(t, policy.Record{Tenant: "acme", Settings: policy.Settings{},
			Return: &policy.Return{At: time.Now().Add(time.Minute), Settings: listed, Cuts: session.Cuts{}.Cut(session.AllClients, 2)}, Version: session.Version{Line: 3, Number: 1}})
		h.set(decideMember("acme", "lee"))
		e := decideEngine(t, h, nil)
		req := decideAdmit(t, e, decideLee)
		byReturn := req
		byReturn.Stamp.Policy.Number = r.Version.Number + 1
		decideWant(t, e, byReturn, "allow [address-designated]", "stamped by the return")
		byReturn.Addr = decideAbroad
		decideWant(t, e, byReturn, "deny [address-not-designated]", "stamped by the return")
		req.Addr = decideAbroad
		decideWant(t, e, req, "allow [all-addresses]", "stamped by the provisional save, which holds")
		if v, _, _ := h.calls(); v > 2 {
			t.Errorf("%d calls for a version that was there", v)
		}
	})
}
