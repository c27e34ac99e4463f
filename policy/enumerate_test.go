package policy_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
)

// All combinations of everything that a decision depends on agree with the
// oracle, in effect, reason and country. Evaluate gives the same answer each
// time and in any order.
func TestGuarantee10AllCombinationsAgreeWithTheOracle(t *testing.T) {
	// For each plan and client: access, outside, excepted, designated, block,
	// address, status, super, blocked, login or request, verified, password.
	const others = 2 * 2 * 6 * 4 * 2 * 4 * 8 * 2 * 3 * 2 * 2 * 2
	for _, tt := range []struct {
		profile        func() *policy.Profile
		plans, clients int
		never          []policy.Reason
		why            string
	}{
		{policy.Standard, 2, 11,
			[]policy.Reason{policy.ReasonUnknownPlan, policy.ReasonPlanWithoutNetworkSecurity},
			"not sold by plan"},
		{policy.NaverWorks, 4 + 2, 11, nil, "has everything"},
		{policy.LineWorks, 6 + 2, 11,
			[]policy.Reason{policy.ReasonCountryExempt, policy.ReasonOverseasLogin},
			"no plan has overseas blocking"},
		{policy.Kintone, 2, 11,
			[]policy.Reason{policy.ReasonSuperAdmin, policy.ReasonUnknownPlan, policy.ReasonPlanWithoutNetworkSecurity, policy.ReasonClientExempt},
			"no bypass, no plans, no client that is free of anything"},
		{evalOdd, 4 + 2, 13, []policy.Reason{policy.ReasonSuperAdmin}, "no bypass"},
	} {
		w := newEvalWorld(t, tt.profile())
		t.Run(w.profile.Name, func(t *testing.T) {
			t.Parallel()
			stride := 1
			if evalRace || testing.Short() {
				stride = 61
			}
			var seen [256]int
			var kept []evalKept
			walked, judged, wrong := 0, 0, 0
			for n := range w.walk() {
				if walked++; n%stride != 0 {
					continue
				}
				judged++
				got, again, want := w.policy.Evaluate(w.attempt), w.policy.Evaluate(w.attempt), w.oracle()
				if got != want.Decision || again != got {
					t.Errorf("%v: got %v, then %v; want %v (line %s)", w, got, again, want.Decision, want.Line)
					if wrong++; wrong == 10 {
						t.Fatal("and so on")
					}
				}
				seen[got.Reason]++
				if n%(499*stride) == 0 {
					kept = append(kept, evalKept{w.policy, w.attempt, w.member, got})
				}
			}
			if want := others * tt.plans * tt.clients; walked != want {
				t.Errorf("walked %d combinations of %d", walked, want)
			}
			if stride == 1 {
				t.Logf("all %d combinations, %d settings", judged, len(w.all))
			} else {
				t.Logf("under the race detector, or in short, one in %d of all %d combinations: %d", stride, walked, judged)
			}
			tt.never = append(tt.never, policy.ReasonNoPolicy, policy.ReasonUnknownMember, policy.ReasonNoClientAddress) // tests of their own
			for r := policy.ReasonNoPolicy; r <= policy.ReasonPasswordChangeRequired; r++ {
				if never := slices.Contains(tt.never, r); never != (seen[r] == 0) {
					t.Errorf("%v was given %d times: %s", r, seen[r], tt.why)
				}
			}
			evalShuffled(t, kept)
		})
	}
}

// evalKept is a combination with the decision that it got in its turn.
type evalKept struct {
	policy  *policy.Policy
	attempt policy.Attempt
	member  member.Member
	want    policy.Decision
}

// evalShuffled decides kept combinations once more in random order.
func evalShuffled(t *testing.T, kept []evalKept) {
	rng := rand.New(rand.NewPCG(10, 1))
	rng.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	for i := range kept {
		k := &kept[i]
		before := k.member
		k.attempt.Member = &k.member
		if got := k.policy.Evaluate(k.attempt); got != k.want {
			t.Fatalf("in another order %+v got %v; before, it got %v", k.attempt, got, k.want)
		}
		if !evalSameMember(before, k.member) {
			t.Fatalf("Evaluate changed the member: %+v, was %+v", k.member, before)
		}
	}
	t.Logf("%d of them in random order", len(kept))
}

func evalSameMember(a, b member.Member) bool {
	return a.Tenant == b.Tenant && a.ID == b.ID && a.Status == b.Status && a.Super == b.Super && a.Blocked == b.Blocked &&
		a.MustChangePassword == b.MustChangePassword && a.Version == b.Version && a.Cuts.Equal(b.Cuts)
}

// One policy decides for many goroutines at once as it does for one.
func TestGuarantee10ConcurrentDecisionsAreTheSame(t *testing.T) {
	w := newEvalWorld(t, policy.Standard())
	var kept []evalKept
	for n := range w.walk() {
		if n%15013 == 0 {
			kept = append(kept, evalKept{w.policy, w.attempt, w.member, w.policy.Evaluate(w.attempt)})
		}
	}
	for i := range kept {
		kept[i].attempt.Member = &kept[i].member
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range kept {
				k := &kept[(i+g*37)%len(kept)]
				if got := k.policy.Evaluate(k.attempt); got != k.want {
					t.Errorf("%+v: got %v beside others; alone %v", k.attempt, got, k.want)
				}
			}
		})
	}
	wg.Wait()
}
