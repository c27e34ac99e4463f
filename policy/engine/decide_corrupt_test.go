package engine_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

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
