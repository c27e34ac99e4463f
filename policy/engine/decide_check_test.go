package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// decideCuts are what can have ended a session of each client, at numbers of a record that
// is at 4.
var decideCuts = []session.Cuts{
	{},
	session.Cuts{}.Cut(session.ClientsOf(session.Web), 3),
	session.Cuts{}.Cut(session.AllClients, 4),
	session.Cuts{}.Cut(session.ClientsOf(session.Mobile), 4).Cut(session.ClientsOf(session.Web), 2),
}

// decideStamps are versions that a session can carry, where the record is at 7.4.
var decideStamps = []session.Version{
	{}, {Line: 7, Number: 1}, {Line: 7, Number: 2}, {Line: 7, Number: 3}, {Line: 7, Number: 4}, {Line: 7, Number: 5},
	{Line: 8, Number: 4}, {Line: 8, Number: 9}, {Number: 4}, {Line: 7}, {Line: 7, Number: 1 << 63},
}

// decideDead is whether a session of a client is dead, by the cuts of a record that is at
// 7.4: 1 it is above the record, 2 it is cut, 0 it lives. It is written from the words of
// the guarantees 14 to 17.
func decideDead(c session.Cuts, client session.Client, stamped session.Version) int {
	if stamped == (session.Version{}) { // from before stamps: the first cut ends it
		if !c.Live(client, 0) {
			return 2
		}
		return 0
	}
	if stamped.Line != 7 {
		return 2
	}
	if stamped.Number > 4 {
		return 1
	}
	least := uint64(0) // the cut of this client
	for n := uint64(1); n <= 4; n++ {
		if !c.Live(client, n-1) {
			least = n
		}
	}
	if stamped.Number < least {
		return 2
	}
	return 0
}

// decideSessions answers by the first byte of an ID: 1 ended, 2 unknown, 3 no answer.
type decideSessions struct{ host *decideHost }

func (s decideSessions) Ended(_ context.Context, _ session.TenantID, id session.ID, _ time.Time) (bool, error) {
	switch id[0] {
	case 2:
		return false, fmt.Errorf("sessions: %w", session.ErrNotFound)
	case 3:
		return false, errDecideDown
	case 4:
		panic("sessions")
	}
	return id[0] == 1, nil
}

// TestGuarantee16TheHighestCutCounts goes through what can end a session, in each scope,
// and through what decides about those that live.
func TestGuarantee16TheHighestCutCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		now := session.Version{Line: 7, Number: 4}
		e := decideEngine(t, h, &engine.Options{Sessions: decideSessions{h}})
		bad := 0
		for i, tenantCuts := range decideCuts {
			for j, memberCuts := range decideCuts {
				id := session.TenantID(fmt.Sprint("x", i, j))
				rec := policy.Record{Tenant: id, Version: now, Settings: decideSettings(policy.DesignatedAddresses, policy.Deny, false)}
				rec.Cuts = tenantCuts
				rec.MemberCuts = map[member.ID]session.Cuts{"somebody": session.Cuts{}.Cut(session.AllClients, 4)}
				for k := range decideCuts {
					rec.MemberCuts[member.ID(fmt.Sprint(k))] = memberCuts
				}
				if _, err := h.Save(t.Context(), session.Version{}, rec, session.Event{Tenant: id}, nil); err != nil {
					t.Fatal(err)
				}
				for k, ownCuts := range decideCuts {
					m := decideMember(id, member.ID(fmt.Sprint(k)))
					m.Version, m.Cuts = now, ownCuts
					h.set(m)
					for _, stampedPolicy := range decideStamps {
						for _, stampedMember := range decideStamps {
							for _, client := range []session.Client{session.Web, session.Mobile, session.API} {
								for ending := range 5 {
									for _, addr := range []netip.Addr{decideOffice, decideAbroad} {
										req := engine.Request{Tenant: id, Member: m.ID, Session: session.ID{byte(ending)}, Addr: addr,
											Stamp: session.Stamp{Policy: stampedPolicy, Member: stampedMember, Client: client}}
										want := policy.ReasonAddressDesignated
										byTenant := decideDead(tenantCuts, client, stampedPolicy)
										bySettings := decideDead(memberCuts, client, stampedPolicy)
										byMember := decideDead(ownCuts, client, stampedMember)
										switch {
										case byTenant == 1 || byMember == 1:
											want = policy.ReasonVersionRegression
										case max(byTenant, bySettings, byMember) == 2:
											want = policy.ReasonSessionCut
										case ending == 1:
											want = policy.ReasonSessionEnded
										case ending == 2:
											want = policy.ReasonSessionUnknown
										case ending >= 3:
											want = policy.ReasonMemberStale
										case addr == decideAbroad:
											want = policy.ReasonAddressNotDesignated
										}
										d, err := e.Check(t.Context(), req)
										refused := want == policy.ReasonVersionRegression || want == policy.ReasonMemberStale
										if d.Reason != want || d.Allowed() != (want == policy.ReasonAddressDesignated) || (err != nil) != refused {
											if bad++; bad < 5 {
												t.Errorf("%+v\ncuts %v, of the member %v, its own %v: got %v (%v); want %v", req, tenantCuts, memberCuts, ownCuts, d, err, want)
											}
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

// TestCheckAgreesWithTheOracle asks the list again, for sessions that live.
func TestCheckAgreesWithTheOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		records := decideTenants(t, h)
		bad := 0
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

func TestGuarantee29NothingOfAnotherTenantAnswers(t *testing.T) {
	h := decideSmall(t)
	h.put(t, policy.Record{Tenant: "emca"})
	h.set(decideMember("emca", "lee"))
	alarms := &decideAlarms{}
	e := decideEngine(t, h, &engine.Options{Observer: alarms})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- e.Run(ctx) }()
	stamp := session.Stamp{Client: session.Web}
	request := engine.Request{Tenant: "acme", Member: "lee", Stamp: stamp, Addr: decideOffice}

	h.load = func(policy.Record) (policy.Record, error) { return h.MemStore.Load(context.Background(), "emca") }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "the store hands out another's record")
	decideWant(t, e, request, "deny [wrong-tenant]", "the store hands out another's record")
	h.load = nil
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("emca", "lee"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out another tenant's member")
	decideWant(t, e, request, "deny [wrong-tenant]", "Members hands out another tenant's member")
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("acme", "kim"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out another member")
	decideWant(t, e, request, "deny [wrong-tenant]", "Members hands out another member")
	h.member = func(*member.Member) (*member.Member, error) { m := decideMember("", "lee"); return &m, nil }
	decideWantLogin(t, e, decideLee, "deny [wrong-tenant]", "Members hands out a member of no tenant")
	h.member = nil
	decideWantLogin(t, e, decideLee, "allow [all-addresses]", "nothing of it stays")
	decideWant(t, e, request, "allow [all-addresses]", "nothing of it stays")
	stop()
	<-ran
	if alarms.count() < 7 {
		t.Errorf("%d alarms of 7: %v", alarms.count(), alarms.errs)
	}

	// A session of one is none of the other, though their numbers are the same.
	a := decideAdmit(t, e, decideLee)
	l := decideLee
	l.Tenant = "emca"
	b := decideAdmit(t, e, l)
	a.Tenant, b.Tenant = b.Tenant, a.Tenant
	decideWant(t, e, a, "deny [session-cut]", "a stamp of acme in emca")
	decideWant(t, e, b, "deny [session-cut]", "a stamp of emca in acme")
}

// A member whose hash is that of another is not taken for them.
func TestGuarantee29HashesAreNotNames(t *testing.T) {
	for _, other := range []member.Member{decideMember("another", "lee"), decideMember("acme", "kim")} {
		h := decideSmall(t)
		r := decideAdmit(t, decideEngine(t, h, nil), decideLee)
		e := decideEngine(t, h, nil)
		_, _ = e.Check(t.Context(), engine.Request{Tenant: "acme", Member: "nobody"}) // reads the record
		other.Status = member.Suspended
		e.Collide(&other, "acme", "lee")
		for range 2 {
			decideWant(t, e, r, "allow [all-addresses]", fmt.Sprintf("lee of acme, and not %s of %s", other.ID, other.Tenant))
		}
	}
}

// Names that could be one key if they were joined, with other answers each.
func TestGuarantee29NamesAreNotMixedUp(t *testing.T) {
	parts := []string{"a", "ab", "b", "", "\x00", "a\x00", "\x00b", "/", "a/", "/b", "a/b", ":", "a:b", "é", "e\u0301", "A", " a", "a ", "\u200ba", strings.Repeat("a", 300)}
	h := newDecideHost()
	e := decideEngine(t, h, nil)
	for round := range 2 {
		i := 0
		for _, x := range parts {
			for _, y := range parts {
				i++
				tenant, id := session.TenantID(x), member.ID(y)
				if x == "" || y == "" {
					continue
				}
				stranger := (i+round)%3 == 0 // others than in the round before
				if round == 0 && y == parts[0] {
					h.put(t, policy.Record{Tenant: tenant})
				}
				m := decideMember(tenant, id)
				m.Version.Number += uint64(round)
				if stranger {
					m.Status = member.Suspended
				}
				h.set(m)
			}
		}
		i = 0
		for _, x := range parts {
			for _, y := range parts {
				i++
				want := "allow [all-addresses]"
				switch {
				case x == "":
					want = "deny [no-policy]"
				case y == "":
					want = "deny [bad-credentials]"
				case (i+round)%3 == 0:
					want = "deny [member-suspended]"
				}
				l := engine.Login{Tenant: session.TenantID(x), Member: member.ID(y), Client: session.Web, Addr: decideOffice, Authenticated: true}
				decideWantLogin(t, e, l, want, fmt.Sprintf("%q of %q", y, x))
				if want != "deny [bad-credentials]" {
					r := engine.Request{Tenant: l.Tenant, Member: l.Member, Stamp: session.Stamp{Client: session.Web}, Addr: decideOffice}
					decideWant(t, e, r, want, fmt.Sprintf("a request of %q of %q", y, x))
				}
			}
		}
	}
}

// decideBad are records that no engine may decide by. They are handed out past the store,
// which would not have taken them.
var decideBad = map[string]func(*policy.Record){
	"a cut above the version": func(r *policy.Record) { r.Cuts = r.Cuts.Cut(session.ClientsOf(session.API), r.Version.Number+1) },
	"a cut of a member above it": func(r *policy.Record) {
		r.MemberCuts = map[member.ID]session.Cuts{"kim": session.Cuts{}.Cut(session.ClientsOf(session.API), 99)}
	},
	"no version":                           func(r *policy.Record) { r.Version = session.Version{} },
	"no line":                              func(r *policy.Record) { r.Version.Line = 0 },
	"no number":                            func(r *policy.Record) { r.Version.Number = 0 },
	"the last number":                      func(r *policy.Record) { r.Version.Number = session.MaxNumber },
	"a number that does not fit":           func(r *policy.Record) { r.Version.Number = 1 << 63 },
	"an access of a later release":         func(r *policy.Record) { r.Settings.Access = 9 },
	"an effect outside of a later release": func(r *policy.Record) { r.Settings.Outside = 9 },
	"a return that moves a cut back": func(r *policy.Record) {
		r.Cuts = r.Cuts.Cut(session.AllClients, r.Version.Number)
		r.Return = &policy.Return{At: time.Now().Add(time.Hour)}
	},
	"a return that cannot be understood": func(r *policy.Record) {
		r.Return = &policy.Return{At: time.Now().Add(time.Hour), Settings: policy.Settings{Access: 9}}
	},
}

func TestGuarantee17ACorruptRecordDenies(t *testing.T) {
	for why, spoil := range decideBad {
		h := decideSmall(t)
		h.load = func(r policy.Record) (policy.Record, error) { spoil(&r); return r, nil }
		e := decideEngine(t, h, nil)
		for client := range session.AllClients.All() {
			r := engine.Request{Tenant: "acme", Member: "lee", Addr: decideOffice, Stamp: session.Stamp{Client: client}}
			decideWant(t, e, r, "deny [policy-stale]", why)
		}
		decideWantLogin(t, e, decideLee, "deny [policy-stale]", why)
		h.load = nil
		decideWantLogin(t, e, decideLee, "allow [all-addresses]", why+", mended")
	}
	for why, spoil := range map[string]func(*member.Member){
		"a cut above the version": func(m *member.Member) { m.Cuts = m.Cuts.Cut(session.ClientsOf(session.API), m.Version.Number+1) },
		"a cut without a version": func(m *member.Member) {
			m.Version, m.Cuts = session.Version{}, m.Cuts.Cut(session.ClientsOf(session.API), 1)
		},
		"a number that does not fit": func(m *member.Member) { m.Version.Number = 1 << 63 },
	} {
		h := decideSmall(t)
		h.member = func(m *member.Member) (*member.Member, error) { spoiled := *m; spoil(&spoiled); return &spoiled, nil }
		e := decideEngine(t, h, nil)
		decideWantLogin(t, e, decideLee, "deny [member-stale]", "a member with "+why)
		r := engine.Request{Tenant: "acme", Member: "lee", Addr: decideOffice, Stamp: session.Stamp{Client: session.Web}}
		decideWant(t, e, r, "deny [member-stale]", "a member with "+why)
	}
}

// A record that the profile, the country file or a stricter release would refuse today
// decides as it was saved.
func TestGuarantee31WhatWasAcceptedDecides(t *testing.T) {
	h := newDecideHost()
	s := decideSettings(policy.DesignatedAddresses, policy.Verify, true)
	s.Designated = append(s.Designated, policy.Entry{Range: ipset.MustParseRange("10.0.0.0/8")}) // not public
	s.Exceptions = []policy.Exception{{Member: "lee"}, {Member: "kim", Ranges: []ipset.Range{}}}
	h.put(t, policy.Record{Tenant: "acme", Settings: s})
	h.set(decideMember("acme", "lee"))
	for _, p := range []*policy.Profile{policy.Standard(), policy.LineWorks(), policy.Kintone()} {
		e, err := engine.New(decideLinks(p), h, h, nil) // and no country file
		if err != nil {
			t.Fatal(err)
		}
		l := decideLee
		l.Plan = "basic"
		decideWantLogin(t, e, l, "allow [address-designated]", p.Name)
	}
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
