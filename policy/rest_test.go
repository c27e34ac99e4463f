package policy_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
)

// restHeap returns the bytes of all that is reachable.
func restHeap() uint64 {
	runtime.GC()
	runtime.GC() // what the first has left to finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A policy of 20 entries rests in at most 1,000 bytes, of either family and of
// both, under every profile. Everything that it holds is counted, as the heap
// has it; what it shares with others of its profile counts once for them all.
func TestPolicyAtRest(t *testing.T) {
	const policies, entries, most = 1000, 20, 1000
	v4, v6 := newEvalBlocks(entries, false), newEvalBlocks(entries, true)
	for _, profile := range []*policy.Profile{policy.Standard(), policy.NaverWorks(), policy.LineWorks(), policy.Kintone()} {
		for _, of := range []struct {
			name    string
			entries []policy.Entry
		}{
			{"IPv4", v4.settingsOf(v4.in...)},
			{"IPv6", v6.settingsOf(v6.in...)},
			{"both", append(v4.settingsOf(v4.in[:entries/2]...), v6.settingsOf(v6.in[:entries/2]...)...)},
		} {
			if profile.IPv4Only && of.name != "IPv4" {
				continue
			}
			t.Run(profile.Name+"/"+of.name, func(t *testing.T) {
				kept := make([]*policy.Policy, policies)
				before := restHeap()
				for i := range kept {
					s := policy.Settings{Access: policy.DesignatedAddresses, Designated: append([]policy.Entry(nil), of.entries...)}
					for j := range s.Designated {
						s.Designated[j].Label = fmt.Sprint("office ", i)
					}
					var err error
					if kept[i], err = policy.Compile(s, profile, nil); err != nil {
						t.Fatal(err)
					}
				}
				held := (int64(restHeap()) - int64(before)) / policies
				runtime.KeepAlive(kept)
				t.Logf("%d bytes", held)
				if held > most || held < 100 {
					t.Errorf("a policy of %d entries takes %d bytes; want at most %d", entries, held, most)
				}
			})
		}
	}
}
