package main

import (
	"math"
	"testing"
)

func TestParseGoal(t *testing.T) {
	for _, tt := range []struct {
		words   string
		mean    bool
		met     float64
		missed  float64
		invalid bool
		why     string
	}{
		{words: "at most 1.5", met: 1.5, missed: 1.51, why: "the bound itself is allowed"},
		{words: "under 2.5", met: 2.49, missed: 2.5, why: "the bound itself is too much"},
		{words: "geometric mean at most 0.6", mean: true, met: 0.6, missed: 0.61, why: "of all inputs together"},
		{words: "at least 10,000 times faster", met: 1.0 / 10_000, missed: 1.0 / 9_999, why: "a ratio is ours to the peer's"},
		{words: "at least 1.8 times the throughput", met: 1.8, missed: 1.79, why: "more is better"},
		{words: "at most 1,000 bytes", met: 1000, missed: 1001, why: "a unit is for people"},
		{words: "0 allocations", met: 0, missed: 1, why: "a bound without words before it"},
		{words: "at most 1", met: 1, missed: math.NaN(), why: "what was not measured is not met"},
		{words: "at least 10", invalid: true, why: "at least makes sense of a speed only"},
		{words: "at least 0 times faster", invalid: true, why: "no ratio is so large"},
		{words: "at most -1", invalid: true, why: "no cost is below nothing"},
		{words: "at most NaN", invalid: true, why: "nothing can be held against it"},
		{words: "fast", invalid: true, why: "no number"},
		{words: "", invalid: true, why: "nothing"},
	} {
		g, err := parseGoal(tt.words)
		if (err != nil) != tt.invalid {
			t.Errorf("parseGoal(%q): %v (%s)", tt.words, err, tt.why)
			continue
		}
		if !tt.invalid && (g.mean != tt.mean || !g.met(tt.met) || g.met(tt.missed)) {
			t.Errorf("parseGoal(%q) = %+v: mean is %v, %v must be met and %v missed (%s)", tt.words, g, tt.mean, tt.met, tt.missed, tt.why)
		}
	}
}

func TestStats(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-12 }
	if m := median([]float64{9, 1, 2}); m != 2 {
		t.Errorf("median of an odd number: %v", m)
	}
	if m := median([]float64{100, 1, 2, 4}); m != 3 {
		t.Errorf("median of an even number: %v", m)
	}
	if g := geomean([]float64{0.5, 2, 8}); !near(g, 2) {
		t.Errorf("geomean: %v", g)
	}
	if !math.IsNaN(median(nil)) || !math.IsNaN(geomean(nil)) {
		t.Error("of nothing there is a median or a mean")
	}
	// The machine slows down to half in the second round: no ratio changes.
	if r := pairedRatio([]float64{10, 20, 10}, []float64{20, 40, 20}); !near(r, 0.5) {
		t.Errorf("pairedRatio: %v", r)
	}
}

func TestJudge(t *testing.T) {
	r := &result{unit: "ns", names: []string{"ours", "peer", "(beside)"}}
	r.addOnce("small", 1, 2, 1)
	r.addOnce("large", 3, 2, 1)
	r.add("without peer", []string{"ours"}, [][]float64{{100}})
	for _, tt := range []struct {
		claim  claim
		figure float64
		where  string
		met    bool
	}{
		{claim{against: "peer", goal: mustGoal("at most 1.5")}, 1.5, "large", true},
		{claim{against: "peer", goal: mustGoal("at most 1")}, 1.5, "large", false},
		{claim{against: "peer", goal: mustGoal("geometric mean at most 0.9")}, math.Sqrt(0.75), "mean of 2", true},
		{claim{against: "peer", goal: mustGoal("at most 1"), inputs: func(s string) bool { return s == "small" }}, 0.5, "small", true},
		{claim{against: "-", goal: mustGoal("at most 99"), column: true}, 100, "without peer", false},
		{claim{against: "peer", goal: mustGoal("at least 0.5 times the throughput")}, 0.5, "small", true},
	} {
		if v := r.judge(tt.claim); math.Abs(v.figure-tt.figure) > 1e-12 || v.where != tt.where || v.met != tt.met {
			t.Errorf("%+v: %v of %s, met %v; want %v of %s, %v", tt.claim.goal, v.figure, v.where, v.met, tt.figure, tt.where, tt.met)
		}
	}
	if v := r.judge(claim{against: "(beside)", goal: mustGoal("at most 1")}); v.inputs != 0 || v.met || v.word() != "not measured" {
		t.Errorf("what has no ratio is judged: %+v", v)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.50", 0.001: "1/1,000", 1: "1.00", 1234567: "1,234,567"} {
		if got := ratio(v); got != want {
			t.Errorf("ratio(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{-123: "-123", -1234: "-1,234", 12: "12", 1000: "1,000"} {
		if got := thousands(v); got != want {
			t.Errorf("thousands(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{7.25: "7.2 ns", 7250: "7.2 µs", 7.25e6: "7.2 ms", 7.25e9: "7.25 s", math.NaN(): "-"} {
		if got := cost(v, "ns"); got != want {
			t.Errorf("cost(%v) = %q, want %q", v, got, want)
		}
	}
	for highest, want := range map[float64]float64{0: 1, 9: 1, 45: 5, 180: 20, 1001: 200} {
		if got := step(highest); got != want {
			t.Errorf("step(%v) = %v, want %v", highest, got, want)
		}
	}
}
