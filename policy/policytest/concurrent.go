package policytest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// saveSeenAtOnce looks on while somebody saves.
func saveSeenAtOnce(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	stop := make(chan struct{})
	var looking sync.WaitGroup
	defer looking.Wait()
	defer close(stop)
	look := func(f func() error) {
		looking.Go(func() {
			for {
				if err := f(); err != nil {
					t.Errorf("while somebody saves: %v", err)
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
				}
			}
		})
	}
	look(func() error { // who finds an order finds the record
		list, err := s.Waiting(t.Context(), acme, 1<<20)
		if err != nil {
			return err
		}
		v, err := s.Version(t.Context(), acme)
		for _, o := range list {
			if err == nil && o.Policy.Number > v.Number {
				return fmt.Errorf("an order of number %d is there before its record; that is at %d", o.Policy.Number, v.Number)
			}
		}
		return err
	})
	look(func() error { // who finds the record finds the orders
		r, err := s.Load(t.Context(), acme)
		if err != nil {
			return err
		}
		list, err := s.Waiting(t.Context(), acme, 1<<20)
		if err == nil && uint64(len(list)) < r.Version.Number-1 {
			return fmt.Errorf("the record is at number %d, and only %d orders of the saves since number 1 wait", r.Version.Number, len(list))
		}
		return err
	})
	for range many(100) {
		r = advance(t, s, r)
		time.Sleep(100 * time.Microsecond)
	}
}

func saveManyTenants(t testing.TB, s policy.Store) {
	var all sync.WaitGroup
	for i := range 20 {
		of := session.TenantID(fmt.Sprintf("tenant-%d", i))
		all.Go(func() {
			r := record(of, at(1))
			r.By = member.ID(of)
			was := session.Version{}
			for n := range many(20) {
				if _, err := s.Save(t.Context(), was, r, event(r), []session.Order{order(r)}); err != nil {
					t.Errorf("saving %q at %v beside others: %v", of, was, err)
					return
				}
				if got, err := s.Load(t.Context(), of); err != nil || difference(got, r) != "" {
					t.Errorf("beside others, %q at %v has another %s, error %v", of, r.Version, difference(got, r), err)
					return
				}
				if list, err := s.Waiting(t.Context(), of, 1<<20); err != nil || len(list) != n+1 {
					t.Errorf("beside others, %d orders of %q wait, error %v; want %d", len(list), of, err, n+1)
					return
				}
				was, r = r.Version, next(r)
			}
		})
	}
	all.Wait()
}

// saveOneWins has very many save on one version.
func saveOneWins(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	wins(t, s, r.Version, func(i int) policy.Record {
		n := next(r)
		n.By = member.ID(fmt.Sprint(i))
		return n
	})
}

// saveOneEnrols has very many enrol one tenant, each on a line of its own.
func saveOneEnrols(t testing.TB, s policy.Store) {
	wins(t, s, session.Version{}, func(i int) policy.Record {
		return record(acme, session.Version{Line: uint32(i + 1), Number: 1})
	})
}

// wins reports where of many that save at once not exactly one wins.
func wins(t testing.TB, s policy.Store, expected session.Version, made func(i int) policy.Record) {
	n := many(1000)
	records, errs := make([]policy.Record, n), make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			records[i] = made(i)
			<-start
			_, errs[i] = s.Save(t.Context(), expected, records[i], event(records[i]), []session.Order{order(records[i])})
		})
	}
	close(start)
	all.Wait()
	var winner *policy.Record
	for i, err := range errs {
		if err != nil {
			continue
		}
		if winner != nil {
			t.Fatalf("two of %d that saved on %v at once have won, as %v and %v", n, expected, winner.Version, records[i].Version)
		}
		winner = &records[i]
	}
	if winner == nil {
		t.Fatalf("none of %d that saved on %v at once has won: %v", n, expected, errs[0])
	}
	holds(t, s, "which many saved at once", *winner, 1)
	for _, err := range errs {
		if err != nil {
			conflicts(t, "saving with many others", err, acme, expected, winner.Version)
		}
	}
}

// saveNoneLost has some save again and again until each has won some times. Each adds one
// to what is there.
func saveNoneLost(t testing.TB, s policy.Store) {
	r := enrol(t, s, acme)
	const writers = 10
	each := many(20)
	var all sync.WaitGroup
	var conflicts atomic.Int64
	for range writers {
		all.Go(func() {
			for won := 0; won < each; {
				was, err := s.Load(t.Context(), acme)
				if err != nil {
					t.Errorf("Load beside those who save: %v", err)
					return
				}
				n := next(was)
				n.Drafts++
				switch _, err := s.Save(t.Context(), was.Version, n, event(n), []session.Order{order(n)}); {
				case err == nil:
					won++
				case !errors.Is(err, session.ErrConflict):
					t.Errorf("Save beside others: %v; want none or a conflict", err)
					return
				default:
					if conflicts.Add(1) > int64(writers*writers*each) {
						t.Errorf("%d conflicts with %d saves to make: nobody can win", conflicts.Load(), writers*each)
						return
					}
				}
			}
		})
	}
	all.Wait()
	is := load(t, s, acme)
	if want := uint64(writers * each); is.Drafts != want || is.Version.Number != r.Version.Number+want {
		t.Errorf("%d saves were acknowledged, and the record counts %d at number %d", want, is.Drafts, is.Version.Number)
	}
	if list := waiting(t, s, acme); len(list) != writers*each {
		t.Errorf("%d saves were acknowledged, each with an order, and %d orders wait", writers*each, len(list))
	}
}
