package main

import (
	"fmt"
	"time"
)

// Names of contenders, as the goals speak of them.
const (
	ourSet    = "ipset.Set"
	bartFast  = "bart.Fast"
	bartLite  = "bart.Lite"
	bartTable = "bart.Table"
	netipxSet = "netipx.IPSet"
	ranger    = "cidranger"
	emptyLoop = "(the loop)"
)

// rangerMost is the longest list that cidranger gets: a longer one takes it
// seconds to build, and all routes half a minute.
const rangerMost = 10_000

func containsClaims(manner string) []claim {
	return []claim{
		{against: bartFast, goal: mustGoal("at most 1"), manner: manner},
		{against: bartFast, goal: mustGoal("geometric mean at most 0.6"), manner: manner},
		{against: netipxSet, goal: mustGoal("at most 0.25"), manner: manner},
		{against: netipxSet, goal: mustGoal("geometric mean at most 0.25"), manner: manner},
	}
}

func (b *bench) contains() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourSet, bartFast, bartLite, bartTable, netipxSet, ranger, emptyLoop},
		claims: containsClaims(independent),
		notes: []string{
			"One question: is the address in the list? Half hits, half misses, 65,536 different ones.",
			"The loop is what all pay for fetching the addresses; it is in every figure.",
			"cidranger gets no list above 10,000 entries, which take it seconds to half a minute to build.",
		},
	}
	return r, b.lists(func(l *list) error {
		if err := l.ask(); err != nil {
			return err
		}
		set, fast, lite, table, q := setOf(l.prefixes), fastOf(l.prefixes), liteOf(l.prefixes), tableOf(l.prefixes), l.questions
		contenders := []contender{
			{name: ourSet, run: func(from, to int) int { return askSet(set, q[from:to]) }},
			{name: bartFast, run: func(from, to int) int { return askFast(fast, q[from:to]) }},
			{name: bartLite, run: func(from, to int) int { return askLite(lite, q[from:to]) }},
			{name: bartTable, run: func(from, to int) int { return askTable(table, q[from:to]) }},
			{name: netipxSet, run: func(from, to int) int { return askIPSet(l.peer, q[from:to]) }},
			{name: emptyLoop, run: func(from, to int) int { return askNothing(q[from:to]) }},
		}
		if len(l.prefixes) <= rangerMost {
			trie, asIP := rangerOf(l.prefixes), asIPs(q)
			contenders = append(contenders, contender{name: ranger, run: func(from, to int) int { return askRanger(trie, asIP[from:to]) }})
		}
		if err := b.lookUps(r, l, contenders, 30); err != nil {
			return err
		}
		b.chart.add(l, r.lines[len(r.lines)-1], r.names)
		return nil
	})
}

// containsDependent is contains by dependent look-ups.
func (b *bench) containsDependent() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourSet, bartFast, bartLite, netipxSet, emptyLoop},
		claims: containsClaims(dependent),
		notes:  []string{"The same questions, but each waits for the last answer, as it does where a look-up stands alone between other work."},
	}
	return r, b.lists(func(l *list) error {
		if err := l.ask(); err != nil {
			return err
		}
		set, fast, lite, q := setOf(l.prefixes), fastOf(l.prefixes), liteOf(l.prefixes), l.questions
		return b.lookUps(r, l, []contender{
			{name: ourSet, run: func(from, to int) int { return waitSet(set, q[from:to]) }},
			{name: bartFast, run: func(from, to int) int { return waitFast(fast, q[from:to]) }},
			{name: bartLite, run: func(from, to int) int { return waitLite(lite, q[from:to]) }},
			{name: netipxSet, run: func(from, to int) int { return waitIPSet(l.peer, q[from:to]) }},
			{name: emptyLoop, run: func(from, to int) int { return waitNothing(q[from:to]) }},
		}, 30)
	})
}

// lookUps compares the answers of contenders to all questions of a list, then
// measures them.
func (b *bench) lookUps(r *result, l *list, contenders []contender, rounds int) error {
	for i := range contenders {
		contenders[i].questions = len(l.questions)
	}
	if err := agree(l, contenders); err != nil {
		return err
	}
	r.add(l.name, namesOf(contenders), measure(b.effort(4*time.Millisecond, rounds), contenders))
	return nil
}

// agree compares the answers of all contenders to every question.
func agree(l *list, contenders []contender) error {
	for i, a := range l.questions {
		want := one(l.peer.Contains(a))
		for _, c := range contenders {
			if !isPeer(c.name) {
				continue
			}
			if got := c.run(i, i+1); got != want {
				return fmt.Errorf("%s: %v: %s answers %d and %s %d", l.name, a, c.name, got, netipxSet, want)
			}
		}
	}
	return nil
}
