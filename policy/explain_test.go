package policy_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
)

// evalSteps returns the lines that a walk reaches that is answered by one.
func evalSteps(answered string, eight bool) []string {
	lines := []string{"0", "1", "2", "3", "4", "5"}
	switch answered[0] {
	case '6':
		lines = append(lines, "6a", "6b", "6c", "6d")
	case '7':
		lines = append(lines, "6", "7a", "7b", "7c", "7d", "7e")
	}
	lines = lines[:slices.Index(lines, answered)+1]
	if eight {
		lines = append(lines, "8")
	}
	return lines
}

// evalMatches finds what Explanation.Matches should be by looking at each
// entry.
func evalMatches(s *policy.Settings, p *policy.Profile, a *policy.Attempt) (found []policy.Match) {
	addr, usable := oracleAddress(a.Addr)
	if !usable {
		return nil
	}
	inForce := s.Access == policy.DesignatedAddresses && (p.Plans == nil || p.Plans[a.Plan]&policy.NetworkSecurity != 0)
	for i, e := range s.Designated {
		if oracleHolds(e.Range, addr) {
			found = append(found, policy.Match{Path: fmt.Sprintf("designated[%d]", i), Range: e.Range, Label: e.Label, Until: e.Until,
				InForce: inForce && oracleInForce(e.Until, a.At)})
		}
	}
	for i, x := range s.Exceptions {
		if a.Member == nil || x.Member != a.Member.ID || x.Member == "" {
			continue
		}
		m := policy.Match{Path: fmt.Sprintf("exceptions[%d]", i), Label: x.Note, Until: x.Until, InForce: inForce && oracleInForce(x.Until, a.At)}
		if x.Ranges == nil {
			found = append(found, m)
		}
		for j, r := range x.Ranges {
			if oracleHolds(r, addr) {
				in := m
				in.Path, in.Range = fmt.Sprintf("%s.ranges[%d]", m.Path, j), r
				found = append(found, in)
			}
		}
	}
	return found
}

// evalExplain explains an attempt and holds it against Evaluate, the oracle and
// a search through the entries.
func evalExplain(t *testing.T, s *policy.Settings, p *policy.Profile, loc geo.Locator, a policy.Attempt) policy.Explanation {
	t.Helper()
	e, err := policy.Explain(*s, p, loc, a)
	if err != nil {
		t.Fatal(err)
	}
	compiled, want := evalStored(t, *s, p, loc), oracle(s, p, loc, &a)
	if d := compiled.Evaluate(a); e.Decision != d || d != want.Decision {
		t.Fatalf("explained as %v, decided as %v; want %v", e.Decision, d, want.Decision)
	}
	var lines, answered []string
	for _, step := range e.Steps {
		lines = append(lines, step.Line)
		if step.Answered {
			answered = append(answered, step.Line)
		}
		if step.Because == "" || strings.ContainsAny(step.Because, "\n%") {
			t.Fatalf("line %s because %q", step.Line, step.Because)
		}
	}
	if !slices.Equal(answered, []string{want.Line}) {
		t.Fatalf("answered by lines %v; want %s\n%v", answered, want.Line, e)
	}
	if steps := evalSteps(want.Line, want.Eight); !slices.Equal(lines, steps) {
		t.Fatalf("steps %v; want %v\n%v", lines, steps, e)
	}
	if matches := evalMatches(s, p, &a); !slices.Equal(e.Matches, matches) {
		t.Fatalf("matches %v; want %v", e.Matches, matches)
	}
	addr, usable := oracleAddress(a.Addr)
	if !usable {
		addr = netip.Addr{}
	}
	if e.Addr != addr {
		t.Fatalf("judged as %v; want %v", e.Addr, addr)
	}
	if !slices.EqualFunc(e.Problems, compiled.Problems(), func(x, y policy.Problem) bool { return x.Error() == y.Error() }) {
		t.Fatalf("problems %v; want %v", e.Problems, compiled.Problems())
	}
	return e
}

// Explain walks as Evaluate does, over a sample of all combinations.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	stride := 7993 // which no dimension divides
	if evalRace {
		stride = 20011
	}
	for _, profile := range evalProfiles {
		w := newEvalWorld(t, profile())
		t.Run(w.profile.Name, func(t *testing.T) {
			t.Parallel()
			explained := 0
			for n := range w.walk() {
				if evalRace && n > 1_000_000 {
					break
				}
				if n%stride == 0 {
					evalExplain(t, w.settings, w.profile, evalWorldMap, w.attempt)
					explained++
				}
			}
			t.Logf("%d explained", explained)
		})
	}
}

func TestExplainAgreesOnRandomSettings(t *testing.T) {
	r := newEvalRandom(5)
	for range 1000 {
		p, s := evalPick(r, evalProfiles...)(), r.settings()
		for range 3 {
			evalExplain(t, &s, p, evalWorldMap, r.attempt(p))
		}
	}
}

func TestExplainEveryRow(t *testing.T) {
	for i, c := range evalCases {
		for family := range c.from {
			if e := evalExplain(t, &c.settings, c.profile(), evalWorldMap, evalAttempt(i, family)); e.Decision.String() != c.want {
				t.Errorf("row %d: explained as %v; want %s: %s", i, e.Decision, c.want, c.why)
			}
		}
	}
}
