package slogobserver_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/hosts/slogobserver"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func TestObserver(t *testing.T) {
	addr := netip.MustParseAddr("8.8.8.8")
	for _, tt := range []struct {
		why  string
		x    engine.Observation
		want []string
	}{
		{"a login that is refused", engine.Observation{Kind: engine.LoggedIn, Tenant: "acme", Member: "kim", Client: session.Web, Addr: addr,
			Decision: policy.Decision{Reason: policy.ReasonAddressNotDesignated}},
			[]string{"level=INFO", "msg=login", "access.tenant=acme", "access.member=kim", "access.address=8.8.8.8", "access.decision.reason=address-not-designated"}},
		{"a request that is let in", engine.Observation{Kind: engine.Requested, Decision: policy.Decision{Effect: policy.Allow, Reason: policy.ReasonAllAddresses}},
			[]string{"level=DEBUG", "msg=request"}},
		{"a super admin", engine.Observation{Kind: engine.Requested, Decision: policy.Decision{Effect: policy.Allow, Reason: policy.ReasonSuperAdmin}},
			[]string{"level=INFO"}},
		{"an alarm", engine.Observation{Kind: engine.Alarmed, Tenant: "acme", Err: errors.New("no\nline of its own")},
			[]string{"level=ERROR", "msg=alarm", "line of its own"}},
	} {
		var b bytes.Buffer
		slogobserver.Observer{Log: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}.Observe(tt.x)
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %s in %s", tt.why, want, b.String())
			}
		}
		if strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%s: %q", tt.why, b.String())
		}
	}
	slogobserver.Observer{}.Observe(engine.Observation{Kind: engine.Alarmed})
}
