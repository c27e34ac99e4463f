package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

type draftObserver struct {
	mu   sync.Mutex
	told []engine.Observation
}

func (o *draftObserver) Observe(x engine.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x.Kind == engine.Tried {
		o.told = append(o.told, x)
	}
}

func (o *draftObserver) texts() (texts []string) {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.told {
		texts = append(texts, fmt.Sprintf("%s with %v at %v: %v, draft: %v", x.Member, x.Client, x.Addr, x.Decision, x.Draft))
	}
	o.told = nil
	return texts
}

// Both decide, and the observer is told where they differ; who comes in notices nothing.
func TestDraftDecidesBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		o := &draftObserver{}
		w.eng = w.another(func(options *engine.Options) { options.Observer = o })
		stop := w.run(w.eng)
		defer stop()
		kim := w.login(w.eng, "kim", session.Web, saveHome)
		number, saved, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.0/24"))
		if err != nil || number != 1 || saved.Change.SignOut != 0 || len(w.orders(session.SignOut)) != 0 {
			t.Fatal(number, saved, err)
		}
		if r := w.record(); !r.Settings.Equal(saveAll()) || r.Draft == nil || r.Draft.Number != 1 {
			t.Errorf("%+v", r)
		}
		w.login(w.eng, "kim", session.Web, saveOffice) // for another reason, but let in
		if d := w.check(w.eng, kim); d.Reason != policy.ReasonAllAddresses || !d.Allowed() {
			t.Errorf("%v", d)
		}
		w.login(w.eng, "lee", session.IMAP, saveHome)
		w.login(w.eng, "boss", session.Web, saveHome)
		want := []string{
			"kim with web at 9.9.9.9: allow [all-addresses], draft: deny [address-not-designated]",
			"lee with imap at 9.9.9.9: allow [all-addresses], draft: deny [address-not-designated]",
		}
		if got := o.texts(); !slices.Equal(got, want) {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
		if _, err := w.eng.Drop(w.ctx, w.act(), 1); err != nil {
			t.Fatal(err)
		}
		w.login(w.eng, "lee", session.IMAP, saveHome)
		if got := o.texts(); got != nil {
			t.Errorf("dropped: %v", got)
		}
	})
}

// A draft may be wider than what is in force.
func TestDraftThatWidens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveList("8.8.8.0/24"))
		o := &draftObserver{}
		w.eng = w.another(func(options *engine.Options) { options.Observer = o })
		stop := w.run(w.eng)
		defer stop()
		if _, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveAll()); err != nil {
			t.Fatal(err)
		}
		if d, s := w.tryLogin(w.eng, "kim", session.Web, saveHome); d.Allowed() || s.stamp != (session.Stamp{}) {
			t.Errorf("let in by a draft: %v", d)
		}
		if got := o.texts(); len(got) != 1 || !strings.Contains(got[0], "deny [address-not-designated], draft: allow [all-addresses]") {
			t.Errorf("%v", got)
		}
	})
}

func TestDraftsHaveNumbersOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.Standard(), saveAll())
		try := func(want uint64) {
			t.Helper()
			if n, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.0/24")); err != nil || n != want {
				t.Fatalf("draft %d, %v; want %d", n, err, want)
			}
		}
		promote := func(a engine.Act, n uint64) error { _, err := w.eng.Promote(w.ctx, a, w.plan, n); return err }
		drop := func(n uint64) error { _, err := w.eng.Drop(w.ctx, w.act(), n); return err }
		if err := promote(w.act(), 0); !errors.Is(err, engine.ErrNoDraft) {
			t.Errorf("none there: %v", err)
		}
		try(1)
		early := w.act()
		try(2) // replaces it
		if err := promote(w.act(), 1); !errors.Is(err, engine.ErrNoDraft) {
			t.Errorf("replaced: %v", err)
		}
		if err := drop(1); !errors.Is(err, engine.ErrNoDraft) {
			t.Errorf("replaced: %v", err)
		}
		saveConflict(t, promote(early, 2), w.at()) // both numbers count
		saveConflict(t, promote(engine.Act{Tenant: saveTenant}, 2), w.at())
		before := w.at()
		if err := promote(w.act(), 2); err != nil {
			t.Fatal(err)
		}
		if r := w.record(); r.Draft != nil || !r.Settings.Equal(saveList("8.8.8.0/24")) || r.Version.Number != before.Number+1 || r.Cuts.Highest() != r.Version.Number {
			t.Errorf("%+v", r)
		}
		if err := promote(w.act(), 2); !errors.Is(err, engine.ErrNoDraft) {
			t.Errorf("promoted: %v", err)
		}
		try(3)
		if err := drop(3); err != nil {
			t.Fatal(err)
		}
		if err := drop(3); !errors.Is(err, engine.ErrNoDraft) {
			t.Errorf("dropped: %v", err)
		}
		try(4)
		w.save(saveAll()) // beside which it goes on
		if w.record().Draft == nil {
			t.Error("a save has dropped the draft")
		}
		if _, err := w.eng.NewLine(w.ctx, w.act()); err != nil {
			t.Fatal(err)
		}
		try(5)
		if _, err := w.eng.Remove(w.ctx, w.act()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.eng.Enroll(w.ctx, engine.Enrollment{Tenant: saveTenant}); err != nil {
			t.Fatal(err)
		}
		try(6)
	})
}

func TestTryRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSaveWorld(t, policy.NaverWorks(), saveAll())
		for why, try := range map[string]func() error{
			"what does not compile": func() error { _, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("10.0.0.1")); return err },
			"what the plan lacks":   func() error { _, _, err := w.eng.Try(w.ctx, w.act(), "free", saveList("8.8.8.8")); return err },
		} {
			var invalid *policy.InvalidError
			if err := try(); !errors.As(err, &invalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
		// A plan that is smaller by the time of promoting lacks it then.
		n, _, err := w.eng.Try(w.ctx, w.act(), w.plan, saveList("8.8.8.8"))
		if err != nil {
			t.Fatal(err)
		}
		var invalid *policy.InvalidError
		if _, err := w.eng.Promote(w.ctx, w.act(), "free", n); !errors.As(err, &invalid) {
			t.Errorf("%v", err)
		}
	})
}
