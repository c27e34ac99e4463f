package policy_test

import (
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func TestGuarantee13ZeroValuesDoNotPanic(t *testing.T) {
	a := policy.Attempt{Addr: netip.MustParseAddr("8.8.8.8"), Client: session.Web, Member: &member.Member{ID: "kim", Status: member.Active}}
	for _, x := range []*policy.Explainer{nil, {}} {
		if e := x.Explain(a); e.Decision.Reason != policy.ReasonNoPolicy || len(e.Steps) != 1 || !e.Steps[0].Answered {
			t.Errorf("an explainer without settings says %v", e)
		}
	}
	invalid := &policy.InvalidError{Problems: []policy.Problem{{}, {Path: "access", Code: "missing"}}}
	if !strings.Contains(invalid.Error(), "access: missing") {
		t.Errorf("prints %q", invalid)
	}
	if errors.Unwrap(policy.Problem{}) != nil {
		t.Error("a problem of nothing wraps something")
	}
}

func TestExplainNobody(t *testing.T) {
	s := policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: ""}}}
	e, err := policy.Explain(s, policy.Standard(), nil, policy.Attempt{
		Addr: netip.MustParseAddr("8.8.8.8"), Client: session.Web, Member: &member.Member{Status: member.Active},
	})
	if err != nil || len(e.Matches) > 0 || !strings.Contains(e.String(), `"" is no exception`) {
		t.Errorf("%v, %v", e, err)
	}
}

// A preview compares settings before they are checked, and nobody waits for it.
func TestDiffOfOneMemberManyTimes(t *testing.T) {
	s := policy.Settings{Access: policy.DesignatedAddresses}
	for range 10_000 {
		s.Exceptions = append(s.Exceptions, policy.Exception{Member: "lee", Ranges: []ipset.Range{ipset.MustParseRange("8.8.8.8")}})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	policy.Diff(s, s, policy.Standard(), time.Unix(1, 0))
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(len(s.Exceptions)); each > 10_000 {
		t.Errorf("%d bytes for each exception, so that the work is not linear", each)
	}
}
