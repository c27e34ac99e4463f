package policy

import "fmt"

// CheckPlan returns what new switches on, and old has not, that a plan does not include: an
// *InvalidError, or nil. What was on before a tenant bought less may stay on, without
// effect. A plan that the profile does not name includes nothing and is a problem itself.
func CheckPlan(old, new Settings, p *Profile, plan Plan) error {
	var found problems
	if p == nil || p.Plans == nil {
		return nil
	}
	features, known := p.Plans[plan]
	if !known {
		found.add("plan", "unknown-plan", string(plan), fmt.Errorf("%s has no plan %s", p.name(), quote(string(plan))))
		return found.err()
	}
	if features&NetworkSecurity == 0 && new.Access == DesignatedAddresses && old.Access != DesignatedAddresses {
		found.add("access", "not-in-plan", string(plan), fmt.Errorf("the plan %s has no designated addresses", quote(string(plan))))
	}
	if features&OverseasBlocking == 0 && new.Overseas.Block && !old.Overseas.Block {
		found.add("overseas.block", "not-in-plan", string(plan), fmt.Errorf("the plan %s has no overseas blocking", quote(string(plan))))
	}
	return found.err()
}
