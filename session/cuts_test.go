package session_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

var (
	web    = session.ClientsOf(session.Web)
	mobile = session.ClientsOf(session.Mobile)
)

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		steps     []step
		want, why string
	}{
		{nil, `[]`, "the zero Cuts cuts nothing"},
		{[]step{{web, 3}}, `[{"clients":["web"],"version":3}]`, "one client"},
		{[]step{{web, 3}, {mobile, 5}}, `[{"clients":["web"],"version":3},{"clients":["mobile"],"version":5}]`, "lowest first"},
		{[]step{{web, 5}, {mobile, 3}}, `[{"clients":["mobile"],"version":3},{"clients":["web"],"version":5}]`, "lowest first, however it came"},
		{[]step{{web, 3}, {mobile, 3}}, `[{"clients":["web","mobile"],"version":3}]`, "one entry for a number"},
		{[]step{{web | mobile, 3}, {web, 5}}, `[{"clients":["mobile"],"version":3},{"clients":["web"],"version":5}]`, "a client is in one entry"},
		{[]step{{web, 3}, {web, 5}}, `[{"clients":["web"],"version":5}]`, "an entry without clients is gone"},
		{[]step{{web, 5}, {web, 3}}, `[{"clients":["web"],"version":5}]`, "never back"},
		{[]step{{web, 5}, {web | mobile, 3}}, `[{"clients":["mobile"],"version":3},{"clients":["web"],"version":5}]`, "never back for one, on for the other"},
		{[]step{{web, 5}, {mobile, 3}, {web | mobile, 5}}, `[{"clients":["web","mobile"],"version":5}]`, "joined to the entry that is there"},
		{[]step{{web, 0}}, `[]`, "no session is below 0"},
		{[]step{{0, 3}}, `[]`, "nobody"},
		{[]step{{1 | 1<<10 | 1<<31 | 1<<63, 3}}, `[]`, "nobody that is known"},
		{[]step{{web | 1<<63, 3}}, `[{"clients":["web"],"version":3}]`, "unknown ones are left out"},
		{[]step{{web, session.MaxNumber}}, `[{"clients":["web"],"version":9223372036854775807}]`, "the last number is a number"},
		{[]step{{web, session.MaxNumber + 1}}, `[{"clients":["web"],"version":9223372036854775807}]`, "a mistake ends all and can still be stored and seen"},
		{[]step{{web, math.MaxUint64}, {web, 3}}, `[{"clients":["web"],"version":9223372036854775807}]`, "a mistake does not wrap"},
	} {
		c := cutsOf(tt.steps)
		if c.String() != tt.want {
			t.Errorf("%v: %v; want %s: %s", tt.steps, c, tt.want, tt.why)
		}
		modelOf(tt.steps).agree(t, c)
	}
}

// Values made of one another must not share what one of them writes to.
func TestCutsNeverChange(t *testing.T) {
	base := cutsOf([]step{{web, 3}, {mobile, 5}, {session.Mail, 7}})
	before := base.String()
	made := []session.Cuts{
		base.Cut(web, 9), base.Cut(mobile, 9), base.Cut(session.Apps, 4), base.Cut(session.AllClients, 5),
		base.Cut(web, 1), base.Max(session.Cuts{}.Cut(session.AllClients, 6)), base.Cut(session.ClientsOf(session.API), 8),
	}
	want := make([]string, len(made))
	for i, c := range made {
		want[i] = c.String()
	}
	for _, c := range made {
		for n := range uint64(12) {
			c.Cut(session.AllClients, n).Max(base).Cut(session.Apps, n+1)
		}
	}
	for i, c := range made {
		if c.String() != want[i] {
			t.Errorf("%v became %v", want[i], c)
		}
	}
	if base.String() != before {
		t.Errorf("%v became %v", before, base)
	}
}

func TestGuarantee12UnknownClientIsDead(t *testing.T) {
	for _, c := range []session.Cuts{{}, session.Cuts{}.Cut(session.AllClients, 1), session.Cuts{}.Cut(web, session.MaxNumber)} {
		for n := range 256 {
			client := session.Client(n)
			if _, known := clientNames[client]; known {
				continue
			}
			for _, number := range []uint64{0, 1, 2, session.MaxNumber, math.MaxUint64} {
				if c.Live(client, number) {
					t.Errorf("%v: %v is live at %d", c, client, number)
				}
			}
		}
	}
}

// A number that no record can have comes from a column that was negative. It is above
// every cut, so that no cut would ever end the session.
func TestGuarantee12NumberOfTheFutureIsDead(t *testing.T) {
	for _, c := range []session.Cuts{{}, session.Cuts{}.Cut(session.AllClients, 5)} {
		for _, number := range []uint64{session.MaxNumber + 1, math.MaxUint64} {
			if c.Live(session.Web, number) {
				t.Errorf("%v: a session of number %d is live", c, number)
			}
		}
		if !c.Live(session.Web, session.MaxNumber) {
			t.Errorf("%v: a session of the last number is dead", c)
		}
	}
}

// A save cuts at its own number; whoever logs in after it carries that number.
func TestGuarantee15CutSparesItsOwnNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		before := cutsOf(randomSteps(r))
		v := session.Version{Number: before.Highest()}
		next, err := v.Next()
		if err != nil {
			continue
		}
		signedOut := session.Clients(r.Uint64())
		after := before.Cut(signedOut, next.Number)
		for c := range clientNames {
			if !after.Live(c, next.Number) {
				t.Fatalf("%v: a login of %v with the number of the cut, %d, is dead", after, c, next.Number)
			}
			if !signedOut.Has(c) && before.Live(c, v.Number) != after.Live(c, v.Number) {
				t.Fatalf("%v: %v was not signed out", after, c)
			}
			if signedOut.Has(c) && after.Live(c, v.Number) {
				t.Fatalf("%v: %v was signed out at %d and is live at %d", after, c, next.Number, v.Number)
			}
		}
	}
}

func TestGuarantee15FirstCutEndsSessionsFromBefore(t *testing.T) {
	for c := range clientNames {
		s := session.Stamp{Client: c}
		var cuts session.Cuts
		if !cuts.Live(s.Client, s.Policy.Number) || !cuts.Live(s.Client, s.Member.Number) {
			t.Errorf("%v: dead before the first cut", c)
		}
		others := cuts.Cut(session.AllClients&^session.ClientsOf(c), 1)
		if !others.Live(s.Client, s.Policy.Number) {
			t.Errorf("%v: ended by a cut of others", c)
		}
		if cuts.Cut(session.ClientsOf(c), 1).Live(s.Client, s.Policy.Number) {
			t.Errorf("%v: lives after the first cut", c)
		}
	}
}

// The cuts of several scopes, in numbers of one record, are one Cuts: what any of them
// ends is ended, what none of them ends is not.
func TestGuarantee16HighestCutCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		tenant, member, single := cutsOf(randomSteps(r)), cutsOf(randomSteps(r)), cutsOf(randomSteps(r))
		all := tenant.Max(member).Max(single)
		for c := range clientNames {
			for _, n := range []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 20, session.MaxNumber} {
				want := tenant.Live(c, n) && member.Live(c, n) && single.Live(c, n)
				if all.Live(c, n) != want {
					t.Fatalf("%v, %v, %v: %v is live at %d: %v; want %v", tenant, member, single, c, n, !want, want)
				}
			}
		}
	}
}

// Whatever is repeated, late or out of order, the result is the same, and on the way
// there nobody comes back to life.
func TestGuarantee17CutsNeverMoveBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		steps := randomSteps(r)
		want := cutsOf(steps)
		replay := append(append([]step{}, steps...), steps...)
		r.Shuffle(len(replay), func(i, j int) { replay[i], replay[j] = replay[j], replay[i] })

		var now session.Cuts
		for _, s := range replay {
			next := now.Cut(s.clients, s.number)
			if !next.Max(now).Equal(next) {
				t.Fatalf("%v cut by %v is %v, which gave something back", now, s, next)
			}
			for c := range clientNames {
				for _, n := range []uint64{0, 3, 7, s.number} {
					if next.Live(c, n) && !now.Live(c, n) {
						t.Fatalf("%v cut by %v: %v at %d came back to life", now, s, c, n)
					}
				}
			}
			now = next
		}
		if !now.Equal(want) || now.String() != want.String() {
			t.Fatalf("%v in another order is %v; want %v", steps, now, want)
		}
	}
}
