package nodetest

import (
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// What a Run looks for when it is over.

// kept looks for what was acknowledged: every save with its order, which the host was told
// or is to be told yet, every act, and every session, if the database has them.
func (r *Run) kept() {
	s, ctx := r.Stores, r.t.Context()
	for _, of := range runTenants {
		waiting := make(map[orderOf]bool)
		list, err := eventually(func() ([]session.Order, error) { return s.Policies().Waiting(ctx, of, 1<<20) })
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range list {
			waiting[orderOf{of, o.Policy}] = true
		}
		for _, cut := range r.cuts[of] {
			k := orderOf{of, cut.version}
			if past, err := s.Policies().Earlier(ctx, of, cut.version); err != nil || past.Record.Save != cut.id {
				r.t.Errorf("the save that made %v of %s is lost: %v", cut.version, of, err)
			}
			r.mu.Lock()
			told := r.told[k]
			r.mu.Unlock()
			switch {
			case told:
				r.Count("orders of saves that the host was told")
			case waiting[k]:
				r.Count("orders of saves that are still to be told")
			default:
				r.t.Errorf("the order of the save that made %v of %s is lost", cut.version, of)
			}
		}
	}
	for k, list := range r.acts {
		a, err := s.Members().Load(ctx, k.tenant, k.member)
		if last := list[len(list)-1].version; err != nil || a.Cuts.Highest() < last.Number {
			r.t.Errorf("the act that made %v of %s is lost: the highest cut is %d, %v", last, k.member, a.Cuts.Highest(), err)
		}
	}
	for _, one := range r.sessions {
		if r.Jobs[0].Redis != "" { // whose losses are told of
			break
		}
		if _, err := s.Sessions().Find(ctx, one.Tenant, one.ID); err != nil {
			r.t.Errorf("a session that was acknowledged is lost: %v", err)
		}
		r.Count("sessions that were acknowledged and are there")
	}
}

// recovered asks every process, when the bound has passed, about every session that should
// be dead, and whether members come in again.
func (r *Run) recovered() {
	for i := range r.nodes {
		p := r.nodes[i].Load()
		for _, of := range runTenants {
			for again := true; again; { // broken connections may be left
				got := p.Ask(Ask{Do: "admit", Tenant: of, Member: "boss"})
				if again = got.Err != "" || got.Decision != "allow"; again {
					if r.Operator != nil {
						r.Operator(r)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
	}
	time.Sleep(RunBound + 10*time.Millisecond)
	for i := range r.nodes {
		for _, s := range r.sessions[max(0, len(r.sessions)-2000):] {
			r.checked(i, s)
		}
	}
}

// eventually calls f until it succeeds, a few times.
func eventually[T any](f func() (v T, err error)) (T, error) {
	var errs []error
	for range 10 {
		v, err := f()
		if err == nil {
			return v, nil
		}
		errs = append(errs, err)
		time.Sleep(100 * time.Millisecond)
	}
	var zero T
	return zero, errors.Join(errs...)
}
