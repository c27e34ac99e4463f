package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// MemStore answers each call of a long random sequence as the slow store does.
func TestMemStoreAgreesWithSlow(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		agree(t, rand.New(rand.NewPCG(seed, 1)), 2500)
	}
}

func FuzzMemStore(f *testing.F) {
	f.Add(uint64(1), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		agree(t, rand.New(rand.NewPCG(seed, 2)), int(steps%2000))
	})
}

func agree(t *testing.T, r *rand.Rand, steps int) {
	t.Helper()
	fast, slow, c := session.NewMemStore(), newSlow(""), context.Background()
	begin := time.Now().UTC().Truncate(time.Second)
	at := begin
	var ids []sid
	id := func() sid { // mostly one that was used
		if len(ids) == 0 || r.IntN(20) == 0 {
			return session.IDOf(fmt.Sprint(r.Uint64()))
		}
		return ids[len(ids)-1-r.IntN(min(len(ids), 1+r.IntN(200)))]
	}
	tenants, members, devices := []ten{"acme", "acme", "acme", "globex"}, []mem{"kim", "lee", "ki"}, []string{"", "laptop", "phone"}
	clients := []session.Client{session.Web, session.Mobile, session.API}
	pick := func(n int) int { return r.IntN(n) }
	for step := range steps {
		at = at.Add(time.Duration(pick(3)) * time.Second)
		now := at.Add(time.Duration(pick(21)-10) * time.Second) // clocks differ
		of := tenants[pick(4)]
		var what string
		var a, b any
		switch pick(12) {
		case 0, 1, 2, 3:
			s := session.Session{
				ID: session.IDOf(fmt.Sprint(r.Uint64())), Tenant: of, Member: members[pick(3)], Device: devices[pick(3)], Kind: session.Kind(pick(6)),
				Stamp:   session.Stamp{Client: clients[pick(3)], Policy: session.Version{Line: uint32(1 + pick(2)), Number: uint64(pick(5))}},
				Created: now, Seen: now,
				Idle: []time.Duration{0, 20 * time.Second}[pick(2)], Life: []time.Duration{0, time.Minute}[pick(2)],
			}
			if pick(10) == 0 {
				s.ID = id()
			}
			ids = append(ids, s.ID)
			what = fmt.Sprintf("Create %+v", s)
			a, b = kind(fast.Create(c, s)), kind(slow.Create(c, s))
		case 4:
			x := id()
			what = "Touch"
			addr := []netip.Addr{{}, netip.AddrFrom4([4]byte{1, 2, 3, byte(step)})}[pick(2)]
			before, _ := slow.Find(c, of, x)
			if now.Before(before.Seen) {
				addr = netip.Addr{} // what becomes of it then is left open
			}
			a, b = kind(fast.Touch(c, of, x, now, addr, geo.Country{})), kind(slow.Touch(c, of, x, now, addr, geo.Country{}))
		case 5:
			x, next := id(), session.IDOf(fmt.Sprint(r.Uint64()))
			if pick(5) == 0 {
				next = id()
			}
			ids = append(ids, next)
			what = "Renew"
			a, b = kind(fast.Renew(c, of, x, next, now)), kind(slow.Renew(c, of, x, next, now))
		case 6:
			x := id()
			what = "End"
			a, b = kind(fast.End(c, of, x, now, "x")), kind(slow.End(c, of, x, now, "x"))
		case 7:
			o := session.Order{Kind: session.SignOut, Tenant: of, Clients: session.ClientsOf(clients[pick(3)]), Policy: session.Version{Line: 1, Number: uint64(pick(5))}}
			if pick(2) == 0 {
				o.Member = members[pick(3)]
			}
			if pick(2) == 0 {
				o.Device = devices[pick(3)]
			}
			if pick(3) == 0 {
				o.Session = id()
			}
			what = fmt.Sprintf("EndAll %+v", o)
			x, errA := fast.EndAll(c, o, now)
			y, errB := slow.EndAll(c, o, now)
			a, b = [...]any{x, kind(errA)}, [...]any{y, kind(errB)}
		case 8:
			if pick(20) > 0 {
				continue
			}
			what = "Purge"
			for _, n := range []int{0, 1 << 20} { // which are taken first is left open
				x, errA := fast.Purge(c, now.Add(-10*time.Second), n)
				y, errB := slow.Purge(c, now.Add(-10*time.Second), n)
				a, b = [...]any{x, kind(errA)}, [...]any{y, kind(errB)}
			}
		case 9:
			x := id()
			what = "Find"
			s, errA := fast.Find(c, of, x)
			n, errB := slow.Find(c, of, x)
			a, b = [...]any{s, kind(errA)}, [...]any{n, kind(errB)}
		case 10:
			q := session.Query{Member: append(members, "")[pick(4)], Device: devices[pick(3)], Max: pick(30)}
			if pick(3) == 0 {
				q.LiveAt = now
			}
			if pick(3) == 0 {
				q.Since = begin.Add(time.Duration(pick(1+int(at.Sub(begin)/time.Second))) * time.Second)
			}
			if n, err := slow.Find(c, of, id()); err == nil {
				q.After = n.Cursor()
			}
			what = "List"
			x, errA := fast.List(c, of, q)
			y, errB := slow.List(c, of, q)
			a, b = kind(errA), kind(errB)
			if !slices.Equal(x, y) { // text is slow, and is for what differs
				a, b = fmt.Sprint(x, errA), fmt.Sprint(y, errB)
			}
		case 11:
			what = "Visits"
			m, since := append(members, "")[pick(4)], begin.Add(time.Duration(pick(100)-10)*time.Second)
			count := make(map[session.Visit]int) // in whatever order those of one instant come
			for i, s := range []session.Visitor{fast, slow} {
				for v, err := range s.Visits(c, of, m, since) {
					if err != nil {
						t.Fatal(err)
					}
					count[v] += 1 - 2*i
				}
			}
			maps.DeleteFunc(count, func(_ session.Visit, n int) bool { return n == 0 })
			a, b = fmt.Sprint(count), "map[]"
		}
		if a != b {
			t.Fatalf("step %d: %s: MemStore answers\n\t%+v\nand the slow store\n\t%+v", step, what, a, b)
		}
	}
}

// kind is the error that a caller tells from others.
func kind(err error) error {
	for _, known := range []error{session.ErrNotFound, session.ErrEnded, session.ErrExists} {
		if errors.Is(err, known) {
			return known
		}
	}
	if err != nil {
		return errDown
	}
	return nil
}
