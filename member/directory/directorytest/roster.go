package directorytest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

func rosterTold(w *acting) error {
	at, err := w.Roster(w.ctx, "acme")
	if err != nil || at.Version != 0 || len(at.Members) != 0 {
		return fmt.Errorf("the roster of nobody: %+v, %v", at, err)
	}
	for _, id := range []member.ID{"lee", "kim", "choi"} {
		if _, err := w.super("acme", id); err != nil {
			return err
		}
	}
	want := []member.ID{"choi", "kim", "lee"}
	for _, row := range []struct {
		id    member.ID
		act   directory.Act
		facts directory.Facts
		left  []member.ID
		grows bool
	}{
		{"kim", directory.BeginLeave, directory.Facts{}, want, false},
		{"kim", directory.Suspend, directory.Facts{}, []member.ID{"choi", "lee"}, true},
		{"kim", directory.Lift, directory.Facts{}, want, false},
		{"kim", directory.Delete, directory.Facts{}, []member.ID{"choi", "lee"}, true},
		{"lee", directory.TakeRole, directory.Facts{Role: directory.Role{Name: directory.SuperAdmin}}, []member.ID{"choi"}, true},
		{"kim", directory.Restore, directory.Facts{}, []member.ID{"choi", "kim"}, false},
		{"kim", directory.BlockApps, directory.Facts{}, []member.ID{"choi", "kim"}, true},
		{"kim", directory.AllowClients, directory.Facts{Clients: session.ClientsOf(session.IMAP)}, []member.ID{"choi"}, true},
	} {
		before, err := w.Roster(w.ctx, "acme")
		if err != nil {
			return err
		}
		if _, err := w.do(row.act, "acme", row.id, row.facts); err != nil {
			return err
		}
		after, err := w.Roster(w.ctx, "acme")
		if err != nil || !slices.Equal(after.Members, row.left) {
			return fmt.Errorf("after %s of %s the roster has %v, %v; want %v", row.act, row.id, after.Members, err, row.left)
		}
		if row.grows && after.Version <= before.Version {
			return fmt.Errorf("the version of the roster did not grow with %s", row.act)
		}
	}
	return nil
}

func rosterGuards(w *acting) error {
	for _, id := range []member.ID{"kim", "lee"} {
		if _, err := w.super("acme", id); err != nil {
			return err
		}
	}
	kim, err1 := w.Load(w.ctx, "acme", "kim")
	lee, err2 := w.Load(w.ctx, "acme", "lee")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	first, err1 := w.change(directory.Suspend, kim, directory.Facts{})
	second, err2 := w.change(directory.Delete, lee, directory.Facts{})
	if err := errors.Join(err1, err2, w.Save(w.ctx, first)); err != nil {
		return err
	}
	if err := w.Save(w.ctx, second); !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("the second of two super admins was taken away on an old roster: %v", err)
	}
	plain := second
	plain.Guarded = false
	if err := w.Save(w.ctx, plain); err == nil {
		return errors.New("a super admin was taken away without a version of the roster")
	}
	return errors.Join(same(w, lee), wrote(w, 7, 3))
}

func rosterAtOnce(w *acting) error {
	const supers = 8
	var changes []directory.Change
	for i := range supers {
		if _, err := w.super("acme", member.ID(fmt.Sprint("super", i))); err != nil {
			return err
		}
	}
	for i := range supers {
		a, err := w.Load(w.ctx, "acme", member.ID(fmt.Sprint("super", i)))
		if err != nil {
			return err
		}
		c, err := w.change(directory.Suspend, a, directory.Facts{})
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	errs := make([]error, supers)
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() { errs[i] = w.Save(w.ctx, c) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, session.ErrConflict) {
			return err
		}
	}
	if won != 1 {
		return fmt.Errorf("%d of the saves on one version of the roster succeeded; want 1", won)
	}
	return nil
}
