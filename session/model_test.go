package session_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

// model is Cuts as one would write it down first: for each client the least number.
type model map[session.Client]uint64

func (m model) cut(clients session.Clients, number uint64) {
	for c := range clientNames {
		if clients.Has(c) {
			m[c] = max(m[c], min(number, session.MaxNumber))
		}
	}
}

func (m model) live(c session.Client, number uint64) bool {
	return clientNames[c] != "" && number <= session.MaxNumber && number >= m[c]
}

func (m model) highest() uint64 {
	var n uint64
	for _, number := range m {
		n = max(n, number)
	}
	return n
}

// agree checks that c answers as m does: for every client and beyond, at each number
// that is in m, one below and one above.
func (m model) agree(t *testing.T, c session.Cuts) {
	t.Helper()
	numbers := []uint64{0, 1, session.MaxNumber, session.MaxNumber + 1, 1<<64 - 1}
	for _, n := range m {
		numbers = append(numbers, n-1, n, n+1)
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		for client := range session.Client(70) {
			if got, want := c.Live(client, n), m.live(client, n); got != want {
				t.Fatalf("%v: %v is live at %d: %v; want %v", c, client, n, got, want)
			}
		}
	}
	if got, want := c.Highest(), m.highest(); got != want {
		t.Fatalf("%v: highest is %d; want %d", c, got, want)
	}
	if got, want := c.IsZero(), m.highest() == 0; got != want {
		t.Fatalf("%v: is zero: %v; want %v", c, got, want)
	}
}

// step is one call of Cut.
type step struct {
	clients session.Clients
	number  uint64
}

func cutsOf(steps []step) session.Cuts {
	var c session.Cuts
	for _, s := range steps {
		c = c.Cut(s.clients, s.number)
	}
	return c
}

func modelOf(steps []step) model {
	m := model{}
	for _, s := range steps {
		m.cut(s.clients, s.number)
	}
	return m
}

// randomSteps returns calls as they come in life (a few kinds of signing out, numbers
// near each other) and calls that are as odd as they can be.
func randomSteps(r *rand.Rand) []step {
	steps := make([]step, r.IntN(12))
	for i := range steps {
		if r.IntN(2) == 0 {
			kinds := []session.Clients{session.Apps, session.Mail, session.AllClients, session.AllClients &^ session.ClientsOf(session.Mobile), session.ClientsOf(session.API)}
			steps[i] = step{kinds[r.IntN(len(kinds))], r.Uint64N(8)}
		} else {
			edges := []uint64{0, 1, session.MaxNumber - 1, session.MaxNumber, session.MaxNumber + 1, 1<<64 - 1, r.Uint64N(40)}
			steps[i] = step{session.Clients(r.Uint64() & r.Uint64()), edges[r.IntN(len(edges))]}
		}
	}
	return steps
}

func TestCutsAgreeWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range few(3000) {
		a, b := randomSteps(r), randomSteps(r)
		ca, cb := cutsOf(a), cutsOf(b)
		ma, mb := modelOf(a), modelOf(b)
		ma.agree(t, ca)
		both := modelOf(append(slices.Clone(a), b...))
		both.agree(t, ca.Max(cb))
		both.agree(t, cb.Max(ca))
		if !ca.Max(cb).Equal(cb.Max(ca)) || !ca.Max(ca).Equal(ca) || !ca.Max(session.Cuts{}).Equal(ca) {
			t.Fatalf("%v and %v: Max depends on the order", ca, cb)
		}
		same := true
		for c := range clientNames {
			same = same && ma[c] == mb[c]
		}
		if ca.Equal(cb) != same {
			t.Fatalf("%v and %v: equal: %v; want %v", ca, cb, ca.Equal(cb), same)
		}
		// Neither Max nor Cut may have written to what others hold.
		ma.agree(t, ca)
		mb.agree(t, cb)
	}
}

// Each sequence of three cuts of three clients at four numbers.
func TestCutsAgreeWithModelExhaustively(t *testing.T) {
	clients := []session.Client{session.Web, session.API, session.FirstCustom + 30}
	var steps []step
	for set := range 8 {
		var s session.Clients
		for i, c := range clients {
			if set>>i&1 != 0 {
				s |= session.ClientsOf(c)
			}
		}
		for number := range uint64(4) {
			steps = append(steps, step{s, number})
		}
	}
	check := func(seq ...step) {
		c, m := cutsOf(seq), modelOf(seq)
		for _, client := range clients {
			for number := range uint64(5) {
				if got, want := c.Live(client, number), m.live(client, number); got != want {
					t.Fatalf("after %v: %v is live at %d: %v; want %v", seq, client, number, got, want)
				}
			}
		}
		// One text for what is equal, made here from the model.
		var again session.Cuts
		for _, client := range clients {
			again = again.Cut(session.ClientsOf(client), m[client])
		}
		if !c.Equal(again) || c.String() != again.String() {
			t.Fatalf("after %v: %v; want %v", seq, c, again)
		}
		if joined := cutsOf(seq[:1]).Max(cutsOf(seq[1:])); !joined.Equal(c) {
			t.Fatalf("after %v: Max is %v; want %v", seq, joined, c)
		}
	}
	for _, a := range steps {
		for _, b := range steps {
			for _, c := range steps {
				check(a, b, c)
			}
		}
	}
}
