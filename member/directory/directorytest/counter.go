package directorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func counterClauses() []clause[directory.Counter] {
	const after = "Count replaces the failures f of a member by f.After(g), where there are none by Failures{}.After(g), and returns them."
	wrong := func(minute int) directory.Guess {
		return directory.Guess{At: began.Add(time.Duration(minute) * time.Minute), Limit: 3, Opens: 15 * time.Minute}
	}
	right := func(minute int) directory.Guess {
		g := wrong(minute)
		g.Right = true
		return g
	}
	return []clause[directory.Counter]{
		{"none", "Where there are none, they are zero.", func(ctx context.Context, c directory.Counter) error {
			return counted(ctx, c, "acme", "kim", directory.Failures{})
		}},
		{"counted", after, func(ctx context.Context, c directory.Counter) error {
			var want directory.Failures
			for _, g := range []directory.Guess{
				wrong(0), wrong(1), right(2), wrong(3), wrong(4), wrong(5), wrong(6), right(7), wrong(19), wrong(20), right(21), right(22),
				wrong(23), wrong(24), wrong(25), right(60), wrong(61),
			} {
				want = want.After(g)
				got, err := c.Count(ctx, "acme", "kim", g)
				if err != nil || !equal(got, want) {
					return fmt.Errorf("Count(%+v) = %+v, %v; want %+v", g, got, err, want)
				}
				if err := counted(ctx, c, "acme", "kim", want); err != nil {
					return err
				}
			}
			return nil
		}},
		{"each its own", after, func(ctx context.Context, c directory.Counter) error {
			for _, g := range []directory.Guess{wrong(0), wrong(1), wrong(2)} {
				if _, err := c.Count(ctx, "acme", "kim", g); err != nil {
					return err
				}
			}
			return errors.Join(counted(ctx, c, "acme", "lee", directory.Failures{}), counted(ctx, c, "globex", "kim", directory.Failures{}))
		}},
		{"of nobody", "An id may have up to 300 bytes, more than one of an Account: see Directory.CountUnknown.", func(ctx context.Context, c directory.Counter) error {
			one, other := member.ID(strings.Repeat("?", 299)+"1"), member.ID(strings.Repeat("?", 299)+"2")
			for range 2 {
				if _, err := c.Count(ctx, "acme", one, wrong(0)); err != nil {
					return err
				}
			}
			if _, err := c.Count(ctx, "acme", other, wrong(0)); err != nil {
				return err
			}
			return errors.Join(counted(ctx, c, "acme", one, directory.Failures{Number: 2}), counted(ctx, c, "acme", other, directory.Failures{Number: 1}))
		}},
		{"cleared", "Clear forgets those of a member.", func(ctx context.Context, c directory.Counter) error {
			for _, t := range []session.TenantID{"acme", "globex"} {
				for _, id := range []member.ID{"kim", "lee"} {
					if _, err := c.Count(ctx, t, id, wrong(0)); err != nil {
						return err
					}
				}
			}
			if err := errors.Join(c.Clear(ctx, "acme", "kim"), c.Clear(ctx, "acme", "kim"), c.Clear(ctx, "acme", "nobody")); err != nil {
				return fmt.Errorf("clearing: %w", err)
			}
			one := directory.Failures{Number: 1}
			return errors.Join(counted(ctx, c, "acme", "kim", directory.Failures{}),
				counted(ctx, c, "acme", "lee", one), counted(ctx, c, "globex", "kim", one))
		}},
		{"at once", "It is atomic: of calls at the same time each sees what the one before it wrote.", func(ctx context.Context, c directory.Counter) error {
			const calls = 200
			g := wrong(0)
			g.Limit = 20
			var open, locks, errs atomic.Int64
			var all sync.WaitGroup
			for range calls {
				all.Go(func() {
					f, err := c.Count(ctx, "acme", "kim", g)
					switch {
					case err != nil:
						errs.Add(1)
					case f.Locked.IsZero():
						open.Add(1)
					case f.Behind == 0:
						locks.Add(1)
					}
				})
			}
			all.Wait()
			if open.Load() != 19 || locks.Load() != 1 || errs.Load() != 0 {
				return fmt.Errorf("of %d wrong passwords at once, with a limit of 20, %d were not locked, %d locked and %d failed; want 19, 1, 0",
					calls, open.Load(), locks.Load(), errs.Load())
			}
			f, err := c.Failures(ctx, "acme", "kim")
			if err != nil || f.Number != 20 || f.Behind != calls-20 {
				return fmt.Errorf("afterwards there are %+v, %v", f, err)
			}
			return nil
		}},
		{"locked", "Locked returns the members of a tenant whose failures have Locked, in the order of the bytes of their ids, at most n: those with an id above after, of up to 256 bytes as accounts have.", locked},
		{"cancelled", "A context that is cancelled is returned as its error.", func(ctx context.Context, c directory.Counter) error {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, count := c.Count(ended, "acme", "kim", wrong(0))
			_, failures := c.Failures(ended, "acme", "kim")
			_, locked := c.Locked(ended, "acme", "", 10)
			for name, err := range map[string]error{"Count": count, "Failures": failures, "Clear": c.Clear(ended, "acme", "kim"), "Locked": locked} {
				if !errors.Is(err, context.Canceled) {
					return fmt.Errorf("%s with a cancelled context: %v", name, err)
				}
			}
			return nil
		}},
	}
}

// locked locks members at instants of their own, some of whom are cleared or open again.
func locked(ctx context.Context, c directory.Counter) error {
	g := directory.Guess{At: began, Limit: 2, Opens: time.Hour}
	wrong := func(t session.TenantID, id member.ID, n int) error {
		g.At = g.At.Add(time.Second)
		for range n {
			if _, err := c.Count(ctx, t, id, g); err != nil {
				return err
			}
		}
		return nil
	}
	want := []directory.LockedMember{{ID: "Zoe"}, {ID: "a"}, {ID: "kim"}, {ID: "kim lee"}, {ID: "é"}}
	for _, i := range []int{4, 1, 3, 0, 2} {
		if err := wrong("acme", want[i].ID, 2+i); err != nil {
			return err
		}
		want[i].Since = g.At
	}
	if err := errors.Join(wrong("acme", "once", 1), wrong("acme", "cleared", 2), c.Clear(ctx, "acme", "cleared"), wrong("globex", "b", 2),
		wrong("acme", member.ID(strings.Repeat("k", 256)+"0001"), 3), wrong("acme", "open again", 2)); err != nil {
		return err
	}
	open := g
	open.Right, open.At = true, g.At.Add(2*time.Hour)
	if _, err := c.Count(ctx, "acme", "open again", open); err != nil {
		return err
	}
	for _, n := range []int{1, 2, 5, 6, 0, -1, session.MaxPage + 1} {
		var got []directory.LockedMember
		after, most := member.ID(""), directory.Query{Max: n}.Limit()
		for {
			page, err := c.Locked(ctx, "acme", after, n)
			if err != nil {
				return err
			}
			if len(page) > most {
				return fmt.Errorf("a page of at most %d has %d", most, len(page))
			}
			if got = append(got, page...); len(page) < most || len(got) > len(want) {
				break
			}
			after = page[len(page)-1].ID
		}
		if !slices.EqualFunc(got, want, func(a, b directory.LockedMember) bool { return a.ID == b.ID && a.Since.Equal(b.Since) }) {
			return fmt.Errorf("pages of %d list %v; want %v", n, got, want)
		}
	}
	if page, err := c.Locked(ctx, "initech", "", 5); err != nil || len(page) != 0 {
		return fmt.Errorf("of a tenant without any: %v, %v", page, err)
	}
	return nil
}

func equal(a, b directory.Failures) bool {
	return a.Number == b.Number && a.Behind == b.Behind && a.Locked.Equal(b.Locked)
}

func counted(ctx context.Context, c directory.Counter, t session.TenantID, id member.ID, want directory.Failures) error {
	got, err := c.Failures(ctx, t, id)
	if err != nil || !equal(got, want) {
		return fmt.Errorf("Failures(%s, %s) = %+v, %v; want %+v", t, id, got, err, want)
	}
	return nil
}
