package directory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// wrapped is a store whose methods can be replaced; what is nil is the store's own.
type wrapped struct {
	*directory.MemStore
	mu   sync.Mutex
	load func(a directory.Account, err error) (directory.Account, error)
	save func(context.Context, directory.Change) error
	call func(name string) error // before each call
}

func (w *wrapped) before(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call == nil {
		return nil
	}
	return w.call(name)
}

func (w *wrapped) Load(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
	if err := w.before("Load"); err != nil {
		return directory.Account{}, err
	}
	a, err := w.MemStore.Load(ctx, t, id)
	if w.load != nil {
		return w.load(a, err)
	}
	return a, err
}

func (w *wrapped) Save(ctx context.Context, c directory.Change) error {
	if err := w.before("Save"); err != nil {
		return err
	}
	if w.save != nil {
		return w.save(ctx, c)
	}
	return w.MemStore.Save(ctx, c)
}

func (w *wrapped) Roster(ctx context.Context, t session.TenantID) (directory.Roster, error) {
	if err := w.before("Roster"); err != nil {
		return directory.Roster{}, err
	}
	return w.MemStore.Roster(ctx, t)
}

func (w *wrapped) Note(ctx context.Context, e session.Event) error {
	if err := w.before("Note"); err != nil {
		return err
	}
	return w.MemStore.Note(ctx, e)
}

func (w *wrapped) Failures(ctx context.Context, t session.TenantID, id member.ID) (directory.Failures, error) {
	if err := w.before("Failures"); err != nil {
		return directory.Failures{}, err
	}
	return w.MemStore.Failures(ctx, t, id)
}

func (w *wrapped) Count(ctx context.Context, t session.TenantID, id member.ID, g directory.Guess) (directory.Failures, error) {
	if err := w.before("Count"); err != nil {
		return directory.Failures{}, err
	}
	return w.MemStore.Count(ctx, t, id, g)
}

func (w *wrapped) Clear(ctx context.Context, t session.TenantID, id member.ID) error {
	if err := w.before("Clear"); err != nil {
		return err
	}
	return w.MemStore.Clear(ctx, t, id)
}

// wrap returns a directory over a wrapped store with "boss", another super admin and "kim".
func wrap(t *testing.T, o *directory.Options) (*wrapped, *directory.Directory) {
	f := newFixture(t, o)
	f.adopt(t, "second", directory.SuperAdmin)
	f.adopt(t, "kim")
	w := &wrapped{MemStore: f.mem}
	d, err := directory.New(w, w, o)
	if err != nil {
		t.Fatal(err)
	}
	return w, d
}

func TestAStormOfConflictsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := wrap(t, nil)
		tries := 0
		w.save = func(context.Context, directory.Change) error { tries++; return session.ErrConflict }
		if err := d.Suspend(t.Context(), "boss", "acme", "kim", ""); !errors.Is(err, session.ErrConflict) {
			t.Errorf("always a conflict: %v", err)
		}
		if tries < 10 || tries > 100 {
			t.Errorf("tried %d times", tries)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := d.Suspend(ctx, "boss", "acme", "kim", "")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, session.ErrConflict) || time.Since(began) > 20*time.Millisecond {
			t.Errorf("with a deadline, after %v: %v", time.Since(began), err)
		}
	})
}

func TestAStoreThatFailsAtAnyCall(t *testing.T) {
	down := errors.New("store down")
	type call = func(ctx context.Context, d *directory.Directory) error
	for name, do := range map[string]call{
		"suspend": func(ctx context.Context, d *directory.Directory) error {
			return d.Suspend(ctx, "boss", "acme", "kim", "")
		},
		"suspend super": func(ctx context.Context, d *directory.Directory) error {
			return d.Suspend(ctx, "boss", "acme", "second", "")
		},
		"refused": func(ctx context.Context, d *directory.Directory) error {
			return d.Suspend(ctx, "kim", "acme", "boss", "")
		},
		"unlock": func(ctx context.Context, d *directory.Directory) error {
			return d.Unlock(ctx, "boss", "acme", "kim", "")
		},
		"member": func(ctx context.Context, d *directory.Directory) error {
			m, err := d.Member(ctx, "acme", "kim")
			if err != nil && m != nil {
				return errors.New("a member beside an error")
			}
			return err
		},
		"count": func(ctx context.Context, d *directory.Directory) error {
			locked, err := d.Count(ctx, "acme", "kim", true)
			if err != nil && !locked {
				return errors.New("not locked, beside an error")
			}
			return err
		},
	} {
		for _, panics := range []bool{false, true} {
			for nth := 1; ; nth++ {
				w, d := wrap(t, nil)
				if name == "unlock" {
					for range 10 {
						d.Count(t.Context(), "acme", "kim", false)
					}
				}
				calls, failed, where := 0, false, ""
				w.call = func(method string) error {
					if calls++; calls < nth || where == "Save" && method != "Save" {
						return nil
					}
					failed, where = true, method
					if panics {
						panic("no connection")
					}
					return down
				}
				err := do(t.Context(), d)
				if !failed {
					if name != "refused" && err != nil {
						t.Errorf("%s with a store that holds: %v", name, err)
					}
					break
				}
				if err == nil || !panics && !errors.Is(err, down) || panics && !strings.Contains(err.Error(), "panicked") {
					t.Errorf("%s with call %d, %s, failing (panic: %v): %v", name, nth, where, panics, err)
				}
				w.call = nil
				for _, id := range []member.ID{"kim", "second", "boss"} {
					if a, err := w.Load(t.Context(), "acme", id); err != nil || a.Version.Number != 1 {
						t.Errorf("%s with call %d failing: %s is at %v, %v", name, nth, id, a.Version, err)
					}
				}
			}
		}
	}
}

func TestAnAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	w, d := wrap(t, nil)
	lost := 1
	w.save = func(ctx context.Context, c directory.Change) error {
		err := w.MemStore.Save(ctx, c)
		if lost > 0 {
			lost--
			return errors.New("connection reset")
		}
		return err
	}
	if err := d.Suspend(t.Context(), "boss", "acme", "kim", ""); err != nil {
		t.Fatal(err)
	}
	if a, _ := w.Load(t.Context(), "acme", "kim"); a.Version.Number != 2 || a.Status != member.Suspended {
		t.Errorf("kim is %v at %v", a.Status, a.Version)
	}
	if events, _ := w.Events(t.Context(), "acme", session.EventQuery{Kind: "member-suspended"}); len(events) != 1 {
		t.Errorf("%d events tell of one act", len(events))
	}
}

func TestAStoreThatAnswersForAnother(t *testing.T) {
	for why, change := range map[string]func(*directory.Account){
		"another tenant":  func(a *directory.Account) { a.Tenant = "globex" },
		"another member":  func(a *directory.Account) { a.ID = "lee" },
		"corrupt: super":  func(a *directory.Account) { a.Super = !a.Super },
		"corrupt: cut":    func(a *directory.Account) { a.Cuts = a.Cuts.Cut(session.AllClients, a.Version.Number+1) },
		"corrupt: status": func(a *directory.Account) { a.Suspended = true },
		"no version":      func(a *directory.Account) { a.Version = session.Version{} },
	} {
		w, d := wrap(t, nil)
		w.load = func(a directory.Account, err error) (directory.Account, error) {
			if a.ID == "kim" {
				change(&a)
			}
			return a, err
		}
		if m, err := d.Member(t.Context(), "acme", "kim"); err == nil || m != nil {
			t.Errorf("%s: Member answers with %+v, %v", why, m, err)
		}
		if locked, err := d.Count(t.Context(), "acme", "kim", true); err == nil || !locked {
			t.Errorf("%s: Count answers with %v, %v", why, locked, err)
		}
		if err := d.Suspend(t.Context(), "boss", "acme", "kim", ""); err == nil {
			t.Errorf("%s: the act is done", why)
		}
		if _, err := d.Overview(t.Context(), "boss", "acme", "kim", 0); err == nil {
			t.Errorf("%s: it is shown", why)
		}
	}
}
