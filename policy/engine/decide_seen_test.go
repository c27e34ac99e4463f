package engine_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// seenStore answers as it is told, or as the store does.
type seenStore struct {
	policy.Store
	version atomic.Pointer[session.Version]
	record  atomic.Pointer[policy.Record]
	fails   atomic.Int64 // the load that fails; 0: none
	loads   atomic.Int64
}

func (s *seenStore) Version(ctx context.Context, t session.TenantID) (session.Version, error) {
	if v := s.version.Load(); v != nil {
		return *v, nil
	}
	return s.Store.Version(ctx, t)
}

func (s *seenStore) Load(ctx context.Context, t session.TenantID) (policy.Record, error) {
	if n := s.loads.Add(1); n == s.fails.Load() {
		return policy.Record{}, errors.New("down")
	}
	if r := s.record.Load(); r != nil {
		return *r, nil
	}
	return s.Store.Load(ctx, t)
}

type seenMembers struct{}

func (seenMembers) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 7, Number: 1}}, nil
}

func seenWorld(t *testing.T) (*seenStore, *engine.Engine, session.Version, session.Stamp) {
	t.Helper()
	s := &seenStore{Store: policy.NewMemStore()}
	e, err := engine.New(policy.Standard(), s, seenMembers{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := e.Enroll(t.Context(), engine.Enrollment{Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	d, stamp, err := e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: seenAddr, Authenticated: true})
	if !d.Allowed() {
		t.Fatal(d, err)
	}
	return s, e, saved.Version, stamp
}

var seenAddr = netip.MustParseAddr("8.8.8.8")

// A save that was acknowledged here holds here, though its own reading failed and the store
// answers then with the version of before.
func TestGuarantee14AnAcknowledgedSaveIsNotRenewedAway(t *testing.T) {
	s, e, v, stamp := seenWorld(t)
	before, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	s.fails.Store(s.loads.Load() + 2) // the one after the write
	if _, err := e.Save(t.Context(), engine.Save{Act: engine.Act{Tenant: "acme", From: v}, Settings: policy.Settings{
		Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: ipset.MustParseRange("9.9.9.0/24")}},
	}}); err != nil {
		t.Fatal(err)
	}
	s.version.Store(&v)
	s.record.Store(&before)
	d, _ := e.Check(t.Context(), engine.Request{Tenant: "acme", Member: "kim", Stamp: stamp, Addr: seenAddr})
	if d.Reason != policy.ReasonVersionRegression {
		t.Errorf("a request: %v", d)
	}
	d, _, _ = e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: seenAddr, Authenticated: true})
	if d.Reason != policy.ReasonVersionRegression {
		t.Errorf("a login: %v", d)
	}
}

// A line that was left is never come back to, also not the one before the last.
func TestGuarantee17ALineIsLeftForGood(t *testing.T) {
	s, e, v, stamp := seenWorld(t)
	first, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := e.NewLine(t.Context(), engine.Act{Tenant: "acme"}); err != nil {
			t.Fatal(err)
		}
	}
	s.version.Store(&v)
	s.record.Store(&first)
	d, _, _ := e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: seenAddr, Authenticated: true})
	if d.Reason != policy.ReasonVersionRegression {
		t.Errorf("a login by a line that was left: %v", d)
	}
	s.version.Store(nil)
	s.record.Store(nil)
	d, fresh, err := e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: seenAddr, Authenticated: true})
	if !d.Allowed() {
		t.Fatalf("with the store well again: %v, %v", d, err)
	}
	for _, tt := range []struct {
		stamp session.Stamp
		want  policy.Effect
	}{{fresh, policy.Allow}, {stamp, policy.Deny}} {
		if d, _ := e.Check(t.Context(), engine.Request{Tenant: "acme", Member: "kim", Stamp: tt.stamp, Addr: seenAddr}); d.Effect != tt.want {
			t.Errorf("%v: %v", tt.stamp, d)
		}
	}
}

// What one could guess by is counted, and not answered where nobody counts.
func TestEveryAnswerToAPasswordIsCounted(t *testing.T) {
	for _, tt := range []struct {
		why   string
		alter func(*member.Member)
	}{
		{"let in", func(*member.Member) {}},
		{"the client is blocked", func(m *member.Member) { m.Blocked = session.ClientsOf(session.IMAP) }},
		{"the password must be changed, which IMAP cannot ask for", func(m *member.Member) { m.MustChangePassword = true }},
	} {
		m := &member.Member{Tenant: "acme", ID: "kim", Status: member.Active, Version: session.Version{Line: 7, Number: 1}}
		tt.alter(m)
		f := &seenFailures{}
		e, err := engine.New(policy.Standard(), policy.NewMemStore(), seenOne{m}, &engine.Options{Failures: f})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Enroll(t.Context(), engine.Enrollment{Tenant: "acme"}); err != nil {
			t.Fatal(err)
		}
		ask := func(right bool) policy.Decision {
			d, _, _ := e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.IMAP, Addr: seenAddr, Authenticated: right})
			return d
		}
		if d := ask(false); d.Reason != policy.ReasonBadCredentials || f.calls != 1 {
			t.Errorf("%s: %v, and %d were counted", tt.why, d, f.calls)
		}
		f.err = errors.New("down")
		if right, wrong := ask(true), ask(false); right != wrong || right.Reason != policy.ReasonMemberStale {
			t.Errorf("%s: where nobody counts, %v for the right one and %v for a wrong one", tt.why, right, wrong)
		}
	}
}

type seenOne struct{ m *member.Member }

func (o seenOne) Member(context.Context, session.TenantID, member.ID) (*member.Member, error) {
	return o.m, nil
}

type seenFailures struct {
	calls int
	err   error
}

func (f *seenFailures) Count(context.Context, session.TenantID, member.ID, bool) (bool, error) {
	f.calls++
	return false, f.err
}

// A member that was changed is read anew at the next request, and not within MaxStale.
func TestMemberChanged(t *testing.T) {
	m := &member.Member{Tenant: "acme", ID: "kim", Status: member.Active, Version: session.Version{Line: 7, Number: 1}}
	o := &seenOne{m}
	e, err := engine.New(policy.Standard(), policy.NewMemStore(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Enroll(t.Context(), engine.Enrollment{Tenant: "acme"}); err != nil {
		t.Fatal(err)
	}
	e.MemberChanged("acme", "nobody")
	_, stamp, _ := e.Admit(t.Context(), engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: seenAddr, Authenticated: true})
	ask := func() policy.Reason {
		d, _ := e.Check(t.Context(), engine.Request{Tenant: "acme", Member: "kim", Stamp: stamp, Addr: seenAddr})
		return d.Reason
	}
	suspended := *m
	suspended.Status, suspended.Version.Number = member.Suspended, 2
	o.m = &suspended
	if got := ask(); got != policy.ReasonAllAddresses {
		t.Errorf("by its copy: %v", got)
	}
	e.MemberChanged("acme", "kim")
	if got := ask(); got != policy.ReasonMemberSuspended {
		t.Errorf("told: %v", got)
	}
}
