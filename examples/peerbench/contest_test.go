package main

import (
	"slices"
	"testing"
	"time"
)

// All contenders get the same number of turns, each goes on where it stopped,
// and nobody is asked a question that there is not.
func TestMeasure(t *testing.T) {
	asked := make([][]int, 3)
	contenders := make([]contender, len(asked))
	for i := range contenders {
		contenders[i] = contender{name: "c", questions: 8 << i, run: func(from, to int) int {
			for q := from; q < to; q++ {
				asked[i] = append(asked[i], q)
			}
			return 0
		}}
	}
	const rounds = 8
	costs := measure(effort{rounds: rounds, turn: time.Hour, budget: time.Hour}, contenders)
	for i, c := range contenders {
		if len(costs[i]) != rounds {
			t.Errorf("contender %d has %d turns, want %d", i, len(costs[i]), rounds)
		}
		if got := slices.Max(asked[i]); got != c.questions-1 {
			t.Errorf("contender %d was asked up to %d, want %d", i, got, c.questions-1)
		}
		if tail := asked[i][len(asked[i])-rounds*c.questions:]; tail[0] != 0 || !slices.IsSorted(tail[:c.questions]) {
			t.Errorf("contender %d does not go through its questions in order", i)
		}
	}
}

// A budget that is used up leaves three rounds, of which a median can be taken.
func TestMeasureBudget(t *testing.T) {
	c := contender{name: "c", questions: 1, run: func(from, to int) int { return 0 }}
	if costs := measure(effort{rounds: 100}, []contender{c}); len(costs[0]) != 3 {
		t.Errorf("%d rounds, want 3", len(costs[0]))
	}
}

// Turns are long, and neither a contender that loads its data by the first
// question nor a pause of the machine makes them short.
func TestCalibrate(t *testing.T) {
	const each = 10 // ns a question
	for _, tt := range []struct {
		why   string
		turn  time.Duration
		pause map[int]float64 // by the number of the call, instead of what it would take
		want  int
	}{
		{"all questions together are shorter than a turn", time.Hour, nil, 1024},
		{"512 of them take 5,120 ns, which is most of a turn", 6 * time.Microsecond, nil, 512},
		{"the first question loads data", time.Hour, map[int]float64{0: 1e18}, 1024},
		{"the machine pauses twice", 20 * time.Microsecond, map[int]float64{3: 1e6, 7: 1e6}, 1024},
		{"the machine pauses at once, for longer than anything takes", 20 * time.Microsecond, map[int]float64{1: 1e6}, 1},
		{"one question a turn is wanted", 0, nil, 1},
	} {
		calls := -1
		got := calibrate(contender{questions: 1024}, tt.turn, func(_ contender, from, to int) float64 {
			calls++
			if took, paused := tt.pause[calls]; paused {
				return took
			}
			return float64(to-from) * each
		})
		if got != tt.want {
			t.Errorf("%s: turns of %d questions, want %d", tt.why, got, tt.want)
		}
	}
}
