package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestNoAllocs(t *testing.T) {
	cuts := manyCuts(3)
	clients := session.Interactive
	for name, f := range map[string]func(){
		"Cuts.Live":       func() { _ = cuts.Live(session.Web, 2) || cuts.Live(session.API, 9) || cuts.Live(77, 1) },
		"Cuts.Cut, again": func() { _ = cuts.Cut(session.AllClients, 1) },
		"Cuts.Equal":      func() { _ = cuts.Equal(cuts) },
		"Cuts.Highest":    func() { _ = cuts.Highest() },
		"Clients.Has":     func() { _ = clients.Has(session.Web) || clients.Has(77) },
		"Clients.All": func() {
			for range clients.All() {
			}
		},
		"ClientsOf":     func() { _ = session.ClientsOf(session.Web, session.API) },
		"ParseClient":   func() { _, _ = session.ParseClient("custom30") },
		"Client.String": func() { _ = session.FirstCustom.String() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// manyCuts returns Cuts of that many different numbers, 1 and up; every client has one.
func manyCuts(groups int) session.Cuts {
	var c session.Cuts
	i := 0
	for client := range session.AllClients.All() {
		c = c.Cut(session.ClientsOf(client), uint64(1+i%groups))
		i++
	}
	return c
}

type access struct {
	client session.Client
	number uint64
}

// accesses returns sessions in random order and how many are alive. The share stale of
// them carries a number from before the last cut or at it, as after a sign-out.
func accesses(cuts session.Cuts, stale float64) (list [1 << 16]access, live int) {
	r := rand.New(rand.NewPCG(11, 12))
	clients := slices.Collect(session.AllClients.All())
	last := cuts.Highest()
	for i := range list {
		list[i] = access{clients[r.IntN(len(clients))], last + r.Uint64N(3)}
		if r.Float64() < stale {
			list[i].number = r.Uint64N(last + 1)
		}
		if cuts.Live(list[i].client, list[i].number) {
			live++
		}
	}
	return list, live
}

// BenchmarkLive compares Cuts with the map of least numbers that one would write else.
func BenchmarkLive(b *testing.B) {
	for _, groups := range []int{1, 3, 40} {
		for _, stale := range []float64{0.1, 1} {
			cuts := manyCuts(groups)
			list, live := accesses(cuts, stale)
			least := map[session.Client]uint64{}
			for client := range session.AllClients.All() {
				for !cuts.Live(client, least[client]) {
					least[client]++
				}
			}
			run := func(name string, f func(access) bool) {
				b.Run(fmt.Sprintf("%s/numbers=%d/stale=%v", name, groups, stale), func(b *testing.B) {
					b.ReportAllocs()
					i, n := 0, 0
					for b.Loop() {
						if f(list[i&(1<<16-1)]) {
							n++
						}
						i++
					}
					if whole := i >> 16; n < whole*live || n > (whole+1)*live {
						b.Errorf("%d of %d are live; want %d of %d", n, i, live, len(list))
					}
				})
			}
			run("cuts", func(a access) bool { return cuts.Live(a.client, a.number) })
			run("map", func(a access) bool { return a.number >= least[a.client] })
		}
	}
}

func BenchmarkCut(b *testing.B) {
	c := manyCuts(3)
	b.ReportAllocs()
	for b.Loop() {
		if c.Cut(session.Apps, 9).Highest() != 9 {
			b.Fatal("no cut")
		}
	}
}

func BenchmarkStampMarshalText(b *testing.B) {
	s := stampTexts[0].stamp
	b.ReportAllocs()
	for b.Loop() {
		if text, err := s.MarshalText(); err != nil || len(text) != len(stampTexts[0].text) {
			b.Fatal(string(text), err)
		}
	}
}

func BenchmarkStampUnmarshalText(b *testing.B) {
	text := []byte(stampTexts[0].text)
	var s session.Stamp
	b.ReportAllocs()
	for b.Loop() {
		if err := s.UnmarshalText(text); err != nil {
			b.Fatal(err)
		}
	}
	if s != stampTexts[0].stamp {
		b.Error(s)
	}
}

func BenchmarkCutsJSON(b *testing.B) {
	c := manyCuts(3)
	text, _ := c.MarshalJSON()
	b.Run("Marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out, err := c.MarshalJSON(); err != nil || len(out) != len(text) {
				b.Fatal(string(out), err)
			}
		}
	})
	b.Run("Unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var back session.Cuts
			if err := back.UnmarshalJSON(text); err != nil || !back.Equal(c) {
				b.Fatal(back, err)
			}
		}
	})
}
