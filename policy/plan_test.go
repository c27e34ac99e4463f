package policy_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

func TestCheckPlan(t *testing.T) {
	all := policy.Settings{}
	list := policy.Settings{Access: policy.DesignatedAddresses}
	block := policy.Settings{Overseas: policy.Overseas{Block: true}}
	both := policy.Settings{Access: policy.DesignatedAddresses, Overseas: policy.Overseas{Block: true}}
	works, line := policy.NaverWorks(), policy.LineWorks()
	for _, tt := range []struct {
		why      string
		old, new policy.Settings
		profile  *policy.Profile
		plan     policy.Plan
		want     []string
	}{
		{"the plan has both", all, both, works, "lite", nil},
		{"the plan has neither", all, both, works, "free", []string{"access not-in-plan", "overseas.block not-in-plan"}},
		{"nothing is switched on", all, all, works, "free", nil},
		{"what was on may stay", both, both, works, "free", nil},
		{"one was on", list, both, works, "free", []string{"overseas.block not-in-plan"}},
		{"the other was on", block, both, works, "free", []string{"access not-in-plan"}},
		{"only the list is sold", all, both, line, "basic", []string{"overseas.block not-in-plan"}},
		{"switching off needs nothing", both, all, works, "free", nil},
		{"a plan that there is not", all, all, works, "gold", []string{"plan unknown-plan"}},
		{"a forgotten plan", all, all, works, "", []string{"plan unknown-plan"}},
		{"not sold by plan", all, list, policy.Kintone(), "whatever", nil},
		{"no profile, which Compile refuses", all, list, nil, "", nil},
	} {
		var got []string
		var invalid *policy.InvalidError
		if err := policy.CheckPlan(tt.old, tt.new, tt.profile, tt.plan); errors.As(err, &invalid) {
			for _, p := range invalid.Problems {
				got = append(got, p.Path+" "+p.Code)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q; want %q", tt.why, got, tt.want)
		}
	}
}
