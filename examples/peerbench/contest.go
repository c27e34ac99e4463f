package main

import (
	"runtime"
	"time"
)

// contender answers questions in a loop of its own.
type contender struct {
	name string

	// run answers the questions from one number up to another, and returns a
	// count that depends on all answers, so that none can be left out.
	run func(from, to int) int

	// questions is how many different ones there are. A peer that takes long
	// for each has fewer than the others. It must be a power of two.
	questions int

	// collect asks for a garbage collection before each turn: for those who
	// allocate much, so that none pays for what another has left.
	collect bool
}

// effort is how long to measure: rounds of turns, one turn for each contender.
type effort struct {
	rounds int
	turn   time.Duration // about, of one contender; 0: one question
	budget time.Duration // no further round begins after it, but for the first three
}

// effort is as many rounds as are asked for, and fewer of them in a quick run.
func (b *bench) effort(turn time.Duration, rounds int) effort {
	switch {
	case b.tiny:
		return effort{rounds: 1, turn: 10 * time.Microsecond}
	case b.quick:
		return effort{rounds: max(rounds/4, 3), turn: turn / 2, budget: 250 * time.Millisecond}
	}
	return effort{rounds: rounds, turn: turn, budget: 3 * time.Second}
}

// measure lets all contenders answer in turn, round after round, and returns for
// each the nanoseconds a question took in each round. The turns are short (some
// milliseconds for look-ups), so that whatever else the machine does hits all
// alike, and long enough that a contender works mostly in caches that it has
// filled itself. Who begins changes with each round.
func measure(e effort, contenders []contender) [][]float64 {
	questions := make([]int, len(contenders)) // of a turn
	next := make([]int, len(contenders))
	for i, c := range contenders {
		questions[i] = calibrate(c, e.turn, timed)
	}
	costs := make([][]float64, len(contenders))
	begin := time.Now()
	for round := range e.rounds {
		if round >= 3 && time.Since(begin) > e.budget {
			break
		}
		for k := range contenders {
			i := (k + round) % len(contenders)
			c, n := contenders[i], questions[i]
			costs[i] = append(costs[i], timed(c, next[i], next[i]+n)/float64(n))
			next[i] = (next[i] + n) % c.questions
		}
	}
	return costs
}

// calibrate returns how many questions fill a turn: a power of two, so that
// turns divide the cycle evenly. A first question is not counted, because some
// load their data by it. A time is believed to be long only when it was so three
// times: if the machine paused in one, a turn would be of a few questions, which
// are all asked with cold caches.
func calibrate(c contender, turn time.Duration, timed func(contender, int, int) float64) int {
	timed(c, 0, 1)
	if turn == 0 {
		return 1
	}
	n, late := 1, 0
	for n < c.questions && late < 3 {
		switch took := timed(c, 0, n); {
		case took < float64(turn)*0.7:
			n, late = 2*n, 0
		case n == 1 && took > float64(10*turn):
			return 1 // no pause is so long
		default:
			late++
		}
	}
	return n
}

// timed returns the nanoseconds that the questions took.
func timed(c contender, from, to int) float64 {
	if c.collect {
		runtime.GC()
	}
	begin := time.Now()
	count := c.run(from, to)
	took := time.Since(begin)
	runtime.KeepAlive(count)
	return float64(took)
}

func namesOf(contenders []contender) []string {
	names := make([]string, len(contenders))
	for i, c := range contenders {
		names[i] = c.name
	}
	return names
}
