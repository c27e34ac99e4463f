package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

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
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newDecideHost()
		now := session.Version{Line: 7, Number: 4}
		e := decideEngine(t, h, &engine.Options{Sessions: decideSessions{h}})
		asked, bad := 0, 0
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
										if asked++; underRace && asked%11 != 0 {
											continue
										}
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
