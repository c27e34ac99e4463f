// Package verifytest proves that a store of verifications keeps the contract of
// [verify.Store].
package verifytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// Run checks the stores that open returns. Each check is a subtest and opens its own,
// which is empty; open closes it with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) verify.Store) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.check(t.Context(), open(t)); err != nil {
				t.Errorf("%v\nthe contract: %s", err, c.clause)
			}
		})
	}
}

// checks are the clauses of the contract, each with what shows that it is broken.
var checks = []struct {
	name, clause string
	check        func(ctx context.Context, s verify.Store) error
}{
	{"nobody", "Load returns session.ErrNotFound if there is no record", func(ctx context.Context, s verify.Store) error {
		return want("Load", load(ctx, s, "acme", "kim"), session.ErrNotFound)
	}},
	{"kept", "Load returns the record as it was last saved, instants to the microsecond", func(ctx context.Context, s verify.Store) error {
		r := record("acme", "kim", "1")
		if err := s.Save(ctx, "", r); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		if err := holds(ctx, s, r); err != nil {
			return err
		}
		next := r.Clone()
		next.Revision, next.Attempts = "2", next.Attempts[1:]
		next.Attempts[0].Spent, next.Attempts[0].Code = true, verify.Hash{}
		if err := s.Save(ctx, "1", next); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		return holds(ctx, s, next)
	}},
	{"create once", `if expected is "", there must be no record, or the error is session.ErrConflict and nothing is written`, func(ctx context.Context, s verify.Store) error {
		r := record("acme", "kim", "1")
		return errors.Join(
			s.Save(ctx, "", r),
			want("Save of a second first record", s.Save(ctx, "", record("acme", "kim", "2")), session.ErrConflict),
			holds(ctx, s, r))
	}},
	{"replace what was expected", "Save replaces the record that is at the revision expected and no other; otherwise session.ErrConflict, and nothing is written", func(ctx context.Context, s verify.Store) error {
		r := record("acme", "kim", "2")
		return errors.Join(
			want("Save over a record that is not there", s.Save(ctx, "1", record("acme", "kim", "x")), session.ErrConflict),
			want("Load", load(ctx, s, "acme", "kim"), session.ErrNotFound),
			s.Save(ctx, "", record("acme", "kim", "1")),
			s.Save(ctx, "1", r),
			want("Save over an older revision", s.Save(ctx, "1", record("acme", "kim", "3")), session.ErrConflict),
			want("Save over nearly the same revision", s.Save(ctx, "2 ", record("acme", "kim", "3")), session.ErrConflict),
			holds(ctx, s, r))
	}},
	{"members apart", "tenant and member are compared byte by byte, each by itself", func(ctx context.Context, s verify.Store) error {
		var rs []verify.Record
		for i, who := range [][2]string{{"acme", "kim"}, {"acmek", "im"}, {"other", "kim"}, {"acme", "Kim"}, {"ACME", "kim"}, {"acme", "kim "}, {"acme", "김"}, {"acme:kim", "x"}, {"acme", "kim:x"}, {"acme", "%"}} {
			r := record(session.TenantID(who[0]), member.ID(who[1]), fmt.Sprint("r", i))
			if err := s.Save(ctx, "", r); err != nil {
				return fmt.Errorf("save of %q in %q: %w", who[1], who[0], err)
			}
			rs = append(rs, r)
		}
		for _, r := range rs {
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"copies", "what was passed or returned shares nothing with what is kept", func(ctx context.Context, s verify.Store) error {
		r := record("acme", "kim", "1")
		passed := r.Clone()
		if err := s.Save(ctx, "", passed); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		passed.Attempts[0].Spent, passed.Tries[0] = true, time.Time{}
		got, err := s.Load(ctx, "acme", "kim")
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		got.Attempts[0].Tries, got.Codes[0] = 3, time.Time{}
		return holds(ctx, s, r)
	}},
	{"one wins", "Save compares and replaces in one step", func(ctx context.Context, s verify.Store) error {
		if err := s.Save(ctx, "", record("acme", "kim", "first")); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		for _, expected := range []string{"first", ""} {
			who := member.ID("kim")
			if expected == "" {
				who = "lee" // of whom there is none
			}
			var wg sync.WaitGroup
			errs := make([]error, 50)
			start := make(chan struct{})
			for i := range errs {
				wg.Go(func() {
					<-start
					errs[i] = s.Save(ctx, expected, record("acme", who, fmt.Sprint("of", i)))
				})
			}
			close(start)
			wg.Wait()
			won := -1
			for i, err := range errs {
				switch {
				case err == nil && won >= 0:
					return fmt.Errorf("writers %d and %d both replaced %q", won, i, expected)
				case err == nil:
					won = i
				case !errors.Is(err, session.ErrConflict):
					return fmt.Errorf("save: %w", err)
				}
			}
			if won < 0 {
				return fmt.Errorf("nobody replaced %q", expected)
			}
			if err := holds(ctx, s, record("acme", who, fmt.Sprint("of", won))); err != nil {
				return err
			}
		}
		return nil
	}},
	{"spent once", "a code is spent once, whoever tries at the same time", func(ctx context.Context, s verify.Store) error {
		v, err := verify.New(s, verify.Domains(nil), nil)
		if err != nil {
			return err
		}
		b := verify.Binding{Tenant: "acme", Member: "kim", Client: session.Web, Policy: session.Version{Line: 1, Number: 1}}
		contact := verify.Contact{Kind: verify.Phone, Address: "+821012345678", Recorded: time.Now().Add(-time.Hour)}
		token, msg, err := v.Begin(ctx, b, []verify.Contact{contact})
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 30)
		for i := range errs {
			wg.Go(func() { errs[i] = v.Complete(ctx, token, msg.Code, b) })
		}
		wg.Wait()
		n := 0
		for _, err := range errs {
			switch {
			case err == nil:
				n++
			case !errors.Is(err, verify.ErrSpent) && !errors.Is(err, verify.ErrBusy):
				return fmt.Errorf("complete: %w", err)
			}
		}
		if n != 1 {
			return fmt.Errorf("%d of %d completed it", n, len(errs))
		}
		return nil
	}},
	{"context", "a context that has ended is returned as its error, and a Save has written all or nothing", func(ctx context.Context, s verify.Store) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		r := record("acme", "kim", "1")
		if err := s.Save(ctx, "", r); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		_, purgeErr := s.Purge(ended, r.Until.Add(time.Hour), 1)
		return errors.Join(
			want("Load", load(ended, s, "acme", "kim"), context.Canceled),
			want("Save", s.Save(ended, "1", record("acme", "kim", "2")), context.Canceled),
			want("Purge", purgeErr, context.Canceled),
			holds(ctx, s, r))
	}},
	{"purge", "Purge removes records whose Until is not after an instant, at most n, of every tenant", func(ctx context.Context, s verify.Store) error {
		at := record("", "", "").Until
		var keep []verify.Record
		for i := range 6 {
			r := record(session.TenantID(fmt.Sprint("t", i%2)), member.ID(fmt.Sprint("m", i)), "1")
			if r.Until = at.Add(time.Duration(i-4) * time.Microsecond); r.Until.After(at) {
				keep = append(keep, r)
			}
			if err := s.Save(ctx, "", r); err != nil {
				return fmt.Errorf("save: %w", err)
			}
		}
		for i, want := range []int{0, 3, 2, 0} {
			n, err := s.Purge(ctx, at, []int{0, 3, 3, 3}[i])
			if err != nil || n != want {
				return fmt.Errorf("purge no. %d removed %d, %v; want %d", i+1, n, err, want)
			}
		}
		for _, r := range keep {
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return errors.Join(
			want("Load of what was purged", load(ctx, s, "t0", "m0"), session.ErrNotFound),
			want("Save over what was purged", s.Save(ctx, "1", record("t0", "m0", "2")), session.ErrConflict),
			s.Save(ctx, "", record("t0", "m0", "3")))
	}},
}

// record returns a record with something in every field.
func record(t session.TenantID, m member.ID, revision string) verify.Record {
	at := time.Date(2027, 1, 31, 15, 0, 0, 123456000, time.UTC)
	return verify.Record{
		Tenant: t, Member: m, Revision: revision, Until: at.Add(time.Hour),
		Attempts: []verify.Attempt{
			{Token: verify.Hash{1}, Code: verify.Hash{2}, Client: session.Web, Policy: session.Version{Line: 1<<32 - 1, Number: session.MaxNumber}, Begun: at},
			{Token: verify.Hash{3}, Code: verify.Hash{4, 31: 255}, Client: session.FirstCustom, Country: geo.MustParseCountry("KR"),
				Policy: session.Version{Line: 1, Number: 2}, MemberVersion: session.Version{Line: 3, Number: 4}, Begun: at, Tries: 2},
		},
		Codes: []time.Time{at, at.Add(time.Microsecond)},
		Tries: []time.Time{at.Add(-time.Minute), at},
	}
}

func load(ctx context.Context, s verify.Store, t session.TenantID, m member.ID) error {
	_, err := s.Load(ctx, t, m)
	return err
}

func want(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: %v; want: %v", what, err, want)
	}
	return nil
}

// holds returns why s does not hold r, or nil.
func holds(ctx context.Context, s verify.Store, r verify.Record) error {
	got, err := s.Load(ctx, r.Tenant, r.Member)
	if err != nil {
		return fmt.Errorf("load of %q in %q: %w", r.Member, r.Tenant, err)
	}
	if a, b := text(got), text(r); a != b {
		return fmt.Errorf("it holds\n%s\nwant\n%s", a, b)
	}
	return nil
}

// text returns r as it must be kept: instants to the microsecond, in whatever zone.
func text(r verify.Record) string {
	r = r.Clone()
	r.Until = r.Until.UTC().Truncate(time.Microsecond)
	for i := range r.Attempts {
		r.Attempts[i].Begun = r.Attempts[i].Begun.UTC().Truncate(time.Microsecond)
	}
	for _, times := range [][]time.Time{r.Codes, r.Tries} {
		for i := range times {
			times[i] = times[i].UTC().Truncate(time.Microsecond)
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
