package promobserver_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sallyport-go/sallyport/examples/hosts/promobserver"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

type members struct{}

func (members) Member(_ context.Context, t session.TenantID, id member.ID) (*member.Member, error) {
	if id != "kim" {
		return nil, session.ErrNotFound
	}
	return &member.Member{Tenant: t, ID: id, Status: member.Active, Version: session.Version{Line: 1, Number: 1}}, nil
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prometheus.NewPedanticRegistry()
		o, err := promobserver.New(r)
		if err != nil {
			t.Fatal(err)
		}
		eng, err := engine.New(policy.Standard(), policy.NewMemStore(), members{}, &engine.Options{Observer: o})
		if err != nil {
			t.Fatal(err)
		}
		if err := promobserver.Dropped(r, eng); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = eng.Run(ctx) }()
		if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, stamp, _ := eng.Admit(ctx, engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8"), Authenticated: true})
			_, _ = eng.Check(ctx, engine.Request{Tenant: "acme", Member: "kim", Stamp: stamp, Addr: netip.MustParseAddr("8.8.8.8")})
		}
		_, _, _ = eng.Admit(ctx, engine.Login{Tenant: "acme", Member: "lee", Client: session.Web, Addr: netip.MustParseAddr("8.8.8.8")})
		o.Observe(engine.Observation{Kind: engine.Tried, Draft: policy.Decision{Effect: policy.Allow}})
		o.Observe(engine.Observation{Kind: engine.Alarmed})
		o.Observe(engine.Observation{}) // of no kind
		synctest.Wait()
		stop()
		<-ended
		want := `
# HELP sallyport_alarms_total What a person must look at.
# TYPE sallyport_alarms_total counter
sallyport_alarms_total 1
# HELP sallyport_changes_total Changes of tenants' records.
# TYPE sallyport_changes_total counter
sallyport_changes_total{kind="tenant-enrolled"} 1
# HELP sallyport_decisions_total Decisions on logins and requests.
# TYPE sallyport_decisions_total counter
sallyport_decisions_total{effect="allow",kind="login",reason="all-addresses"} 3
sallyport_decisions_total{effect="allow",kind="request",reason="all-addresses"} 3
sallyport_decisions_total{effect="deny",kind="login",reason="bad-credentials"} 1
# HELP sallyport_dropped_total Observations that were dropped because too many waited.
# TYPE sallyport_dropped_total counter
sallyport_dropped_total 0
# HELP sallyport_trials_total Decisions that the draft on trial would have made otherwise.
# TYPE sallyport_trials_total counter
sallyport_trials_total{draft="allow",effect="deny"} 1
`
		if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if _, err := promobserver.New(r); err == nil {
			t.Error("registered twice")
		}
	})
}
