package policy_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Evaluate allocates in no branch: by every row of evalCases, from IPv4, IPv6
// and IPv4 in its mapped spelling, with a clock to read and without. The rows
// reach every line and every reason; see
// TestEvaluateCasesReachEveryReason.
func TestNoAllocs(t *testing.T) {
	rows := 0
	for i, c := range evalCases {
		p := evalStored(t, c.settings, c.profile(), evalWorldMap)
		for family := range c.from {
			a := evalAttempt(i, family)
			evalNoAllocs(t, p, a, c.want)
			rows++
		}
	}
	if rows != 3*len(evalCases) {
		t.Errorf("%d rows and families of %d", rows, 3*len(evalCases))
	}
	a := evalAttempt(0, 0)
	evalNoAllocs(t, nil, a, "deny [no-policy]")
	evalNoAllocs(t, new(policy.Policy), a, "deny [no-policy]")

	// Now, where something ends.
	in := time.Now().Add(1000 * time.Hour)
	p := evalStored(t, evalEnding(in, in), policy.Standard(), nil)
	office := policy.Attempt{Addr: evalOffice[2], Client: session.Web, Member: evalMember("lee")}
	evalNoAllocs(t, p, office, "allow [address-designated]")
	abroad := policy.Attempt{Addr: evalAbroad[1], Client: session.Web, Member: evalMember("kim")}
	evalNoAllocs(t, p, abroad, "allow [member-excepted]")

	// A locator that panics costs what its panic costs, and no answer.
	if d := evalStored(t, evalOverseas, policy.Standard(), evalPanicking{}).Evaluate(abroad); d.String() != "verify [overseas-login]" {
		t.Errorf("got %v where the locator panics", d)
	}
}

func evalNoAllocs(t *testing.T, p *policy.Policy, a policy.Attempt, want string) {
	t.Helper()
	var d policy.Decision
	if n := testing.AllocsPerRun(100, func() { d = p.Evaluate(a) }); n != 0 {
		t.Errorf("from %v: %v allocations on the way to %v", a.Addr, n, d)
	}
	if d.String() != want {
		t.Errorf("from %v: got %v; want %s", a.Addr, d, want)
	}
}
