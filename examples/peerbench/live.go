package main

import (
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

const (
	ourLive   = "Cuts.Live"
	clientMap = "map[Client]uint64"
	tokenMap  = "map[string]struct{}"
	stampLoop = "(the loop)"
)

// stamped is a session as a request brings it.
type stamped struct {
	token  string
	client session.Client
	number uint64
}

// live measures the question of every request, whether its session is still
// alive, against one look-up in a map that answers the same.
func (b *bench) live() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourLive, clientMap, tokenMap, stampLoop},
		claims: []claim{
			{against: clientMap, goal: mustGoal("under 1")},
			{against: tokenMap, goal: mustGoal("under 1")},
		},
		notes: []string{
			"Is the session alive? 65,536 of them on seven clients, half of them cut. The first map has the least number of each",
			"client, the smallest map that can answer; the second the tokens of all sessions that are ended.",
		},
	}
	clients := []session.Client{session.Web, session.Desktop, session.Mobile, session.Drive, session.IMAP, session.CalDAV, session.API}
	for _, different := range []int{1, 3, len(clients)} { // how many numbers there are in the Cuts
		var cuts session.Cuts
		least := map[session.Client]uint64{}
		for i, c := range clients {
			least[c] = uint64(500 + 10*(i%different))
			cuts = cuts.Cut(session.ClientsOf(c), least[c])
		}
		d := b.in.seed(different)
		sessions, ended := make([]stamped, cycle), map[string]struct{}{}
		for i := range sessions {
			s := stamped{fmt.Sprintf("%026x", d.Uint64()), clients[d.IntN(len(clients))], uint64(d.IntN(1000))}
			if sessions[i] = s; s.number < least[s.client] {
				ended[s.token] = struct{}{}
			}
		}
		contenders := []contender{
			{name: ourLive, run: func(from, to int) int { return askCuts(cuts, sessions[from:to]) }},
			{name: clientMap, run: func(from, to int) int { return askLeast(least, sessions[from:to]) }},
			{name: tokenMap, run: func(from, to int) int { return askEnded(ended, sessions[from:to]) }},
			{name: stampLoop, run: func(from, to int) int { return askStamps(sessions[from:to]) }},
		}
		for i := range contenders {
			contenders[i].questions = cycle
		}
		for i, s := range sessions {
			for _, c := range contenders[:3] {
				if got, want := c.run(i, i+1), contenders[0].run(i, i+1); got != want {
					return nil, fmt.Errorf("%v with number %d: %s answers %d and %s %d", s.client, s.number, ourLive, want, c.name, got)
				}
			}
		}
		r.add(fmt.Sprintf("different cuts: %d", different), namesOf(contenders), measure(b.effort(4*time.Millisecond, 40), contenders))
	}
	return r, nil
}

func askCuts(c session.Cuts, q []stamped) (alive int) {
	for i := range q {
		alive += one(c.Live(q[i].client, q[i].number))
	}
	return alive
}

func askLeast(m map[session.Client]uint64, q []stamped) (alive int) {
	for i := range q {
		alive += one(q[i].number >= m[q[i].client])
	}
	return alive
}

func askEnded(m map[string]struct{}, q []stamped) (alive int) {
	for i := range q {
		_, gone := m[q[i].token]
		alive += one(!gone)
	}
	return alive
}

func askStamps(q []stamped) (alive int) {
	for i := range q {
		alive += one(q[i].number >= 500)
	}
	return alive
}
