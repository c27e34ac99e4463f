package directorytest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// saying makes a clause whose check is given the acts.
func saying(name, says string, check func(*acting) error) clause[directory.Store] {
	return clause[directory.Store]{name, says, func(ctx context.Context, s directory.Store) error {
		return check(&acting{Store: s, ctx: ctx})
	}}
}

func storeClauses() []clause[directory.Store] {
	return append([]clause[directory.Store]{
		saying("missing", "There is none: session.ErrNotFound.", func(w *acting) error {
			if _, err := w.Load(w.ctx, "acme", "kim"); !errors.Is(err, session.ErrNotFound) {
				return fmt.Errorf("loading nobody: %v", err)
			}
			return nil
		}),
		saying("kept", "Load returns an account … what Load and Roster return is the last acknowledged change of any process.", func(w *acting) error {
			a, err := w.all("acme", "kim", step{directory.Create, rich}, step{directory.SetPassword, directory.Facts{}},
				step{directory.Link, directory.Facts{External: "google:1234"}},
				step{directory.RecordContacts, directory.Facts{Contacts: []directory.Contact{{Address: "kim@home.example"}}}},
				step{directory.GiveRole, directory.Facts{Role: directory.Role{Name: "printers", Permissions: directory.Basics | directory.Help}}},
				step{directory.GiveRole, directory.Facts{Role: directory.Role{Name: directory.HRAdmin}}},
				step{directory.AllowClients, directory.Facts{Clients: session.ClientsOf(session.Web, session.IMAP)}},
				step{directory.BlockApps, directory.Facts{}}, step{directory.RequestPasswordChange, directory.Facts{}},
				step{directory.Suspend, directory.Facts{}}, step{directory.Delete, directory.Facts{}})
			if err != nil {
				return err
			}
			return same(w, a)
		}),
		saying("copies", "Load returns an account, which the caller may keep and alter.", func(w *acting) error {
			a, err := w.do(directory.Create, "acme", "kim", rich)
			if err != nil {
				return err
			}
			a = a.Clone()
			got, err := w.Load(w.ctx, "acme", "kim")
			if err != nil {
				return err
			}
			got.Profile.Phones[0], got.Profile.Name = "altered", "altered"
			return same(w, a)
		}),
		saying("tenants", "Accounts of one tenant are never found under another.", tenants),
		saying("conflict", "The account must be at version c.Expected … Otherwise the error is session.ErrConflict … and nothing was written.", conflict),
		saying("exists", "if that is zero, the id must never have been used … session.ErrExists for an id that was used.", exists),
		saying("purged", "the id must never have been used", func(w *acting) error {
			if _, err := w.all("acme", "kim", step{directory.Create, rich}, step{directory.Delete, directory.Facts{}}); err != nil {
				return err
			}
			w.n += 8 * 24 * 60
			a, err := w.do(directory.Purge, "acme", "kim", directory.Facts{})
			if err != nil {
				return err
			}
			if err := same(w, a); err != nil {
				return err
			}
			if _, err := w.do(directory.Create, "acme", "kim", directory.Facts{}); !errors.Is(err, session.ErrExists) {
				return fmt.Errorf("making a member under the id of one that was purged: %v", err)
			}
			if _, err := w.do(directory.Create, "acme", "lee", rich); err != nil {
				return fmt.Errorf("making a member with the login id of one that was purged: %w", err)
			}
			return same(w, a)
		}),
		saying("login ids", "If another account of the tenant has the LoginID …, that is session.ErrExists too; \"\" is no login id.", loginIDs),
		saying("external logins", "If another account of the tenant has … one of the External, that is session.ErrExists too … accounts that are purged have neither.", externalLogins),
		saying("external logins, at once", "If another account of the tenant has … one of the External, that is session.ErrExists too.", externalAtOnce),
		saying("follows", "If c does not follow what is there, see Change.Follows, that is the error and nothing was written.", follows),
		saying("repeated", "But if c.Event.ID was saved in the tenant before, this is a repetition … it writes nothing and there is no error.", repeated),
		saying("one winner", "The account must be at version c.Expected. It is safe for concurrent use by many processes.", oneWinner),
		saying("roster", "Roster returns who of a tenant's super admins count … it grows with each Save that is Guarded.", rosterTold),
		saying("roster guards", "If c.Guarded is set, the roster must be at version c.Roster.", rosterGuards),
		saying("roster, at once", "If c.Guarded is set, the roster must be at version c.Roster.", rosterAtOnce),
		saying("cancelled", "A context that is cancelled or past its deadline is returned as its error, promptly; a Save has then written all or nothing.", cancelled),
	}, append(listClauses(), besideClauses()...)...)
}

// same returns an error if the store has another account than a.
func same(w *acting, a directory.Account) error {
	got, err := w.Load(w.ctx, a.Tenant, a.ID)
	if err != nil {
		return fmt.Errorf("loading %s: %w", a.ID, err)
	}
	if text(got) != text(a) {
		return fmt.Errorf("Load(%s) = %s\nsaved was  %s", a.ID, text(got), text(a))
	}
	if got.Status != a.Status || got.Super != a.Super || got.Blocked != a.Blocked {
		return fmt.Errorf("Load(%s) has status %v, super %v, blocked %v; saved were %v, %v, %v",
			a.ID, got.Status, got.Super, got.Blocked, a.Status, a.Super, a.Blocked)
	}
	return nil
}

func tenants(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", rich)
	if err != nil {
		return err
	}
	if _, err := w.Load(w.ctx, "globex", "kim"); !errors.Is(err, session.ErrNotFound) {
		return fmt.Errorf("the member of acme is looked for in globex: %v", err)
	}
	b, err := w.all("globex", "kim", step{directory.Create, rich}, step{directory.SetPassword, directory.Facts{}}, step{directory.Suspend, directory.Facts{}})
	if err != nil {
		return fmt.Errorf("the same id and login id in two tenants: %w", err)
	}
	if _, err := w.super("globex", "boss"); err != nil {
		return err
	}
	if r, err := w.Roster(w.ctx, "acme"); err != nil || len(r.Members) != 0 {
		return fmt.Errorf("the roster of acme has %v of globex, %v", r.Members, err)
	}
	if list, err := w.List(w.ctx, "acme", directory.Query{}); err != nil || len(list) != 1 {
		return fmt.Errorf("acme has 1 account and lists %d, %v", len(list), err)
	}
	if events, err := w.Events(w.ctx, "acme", session.EventQuery{}); err != nil || len(events) != 1 {
		return fmt.Errorf("acme has 1 event and tells %d, %v", len(events), err)
	}
	if orders, err := w.Waiting(w.ctx, "acme", 10); err != nil || len(orders) != 0 {
		return fmt.Errorf("acme has no orders and shows %d, %v", len(orders), err)
	}
	return errors.Join(same(w, a), same(w, b))
}

func conflict(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", directory.Facts{})
	if err != nil {
		return err
	}
	first, err1 := w.change(directory.SetPassword, a, directory.Facts{})
	second, err2 := w.change(directory.Suspend, a, directory.Facts{})
	if err := errors.Join(err1, err2, w.Save(w.ctx, first)); err != nil {
		return err
	}
	if err := w.Save(w.ctx, second); !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("a save on an old version: %v", err)
	}
	nobody, err := w.change(directory.Suspend, a, directory.Facts{})
	if err != nil {
		return err
	}
	nobody.Account.ID, nobody.Event.Member = "nobody", "nobody"
	for i := range nobody.Orders {
		nobody.Orders[i].Member = "nobody"
	}
	if err := w.Save(w.ctx, nobody); !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("a save of an account that is not there, on a version: %v", err)
	}
	return errors.Join(same(w, first.Account), wrote(w, 2, 1))
}

// wrote returns an error if acme has not so many events and orders.
func wrote(w *acting, events, orders int) error {
	es, err := w.Events(w.ctx, "acme", session.EventQuery{})
	if err != nil || len(es) != events {
		return fmt.Errorf("%d events were written and %d are told, %v", events, len(es), err)
	}
	os, err := w.Waiting(w.ctx, "acme", 100)
	if err != nil || len(os) != orders {
		return fmt.Errorf("%d orders were given and %d wait, %v", orders, len(os), err)
	}
	return nil
}

func exists(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", rich)
	if err != nil {
		return err
	}
	if _, err := w.do(directory.Create, "acme", "kim", directory.Facts{}); !errors.Is(err, session.ErrExists) {
		return fmt.Errorf("making a member who is there: %v", err)
	}
	return errors.Join(same(w, a), wrote(w, 1, 0))
}

func follows(w *acting) error {
	a, err := w.all("acme", "kim", step{directory.Create, directory.Facts{}}, step{directory.SetPassword, directory.Facts{}})
	if err != nil {
		return err
	}
	lost := a.Clone()
	lost.Cuts = session.Cuts{}
	back := a.Clone()
	back.Version.Number--
	back.Cuts = session.Cuts{}
	line := a.Clone()
	line.Version = session.NewLine()
	line.Cuts = session.Cuts{}
	for _, row := range []struct {
		why  string
		from directory.Account
	}{
		{"cuts that move back", lost}, {"a number that moves back", back}, {"a number that stays", a},
		{"a new line without a cut of every client", line},
	} {
		c, err := w.change(directory.BeginLeave, row.from, directory.Facts{})
		if err != nil {
			return err
		}
		c.Expected = a.Version
		switch row.why {
		case "a number that stays":
			c.Account.Version = a.Version
		case "a new line without a cut of every client":
			c.Account.Version.Line = line.Version.Line
		}
		if err := w.Save(w.ctx, c); err == nil || errors.Is(err, session.ErrConflict) {
			return fmt.Errorf("%s: %v", row.why, err)
		}
	}
	other, err := w.change(directory.BeginLeave, a, directory.Facts{})
	if err != nil {
		return err
	}
	other.Event.Tenant = "globex"
	if err := w.Save(w.ctx, other); err == nil {
		return errors.New("an event of another tenant was saved")
	}
	return errors.Join(same(w, a), wrote(w, 2, 1))
}

func repeated(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", directory.Facts{})
	if err != nil {
		return err
	}
	c, err := w.change(directory.SetPassword, a, directory.Facts{})
	if err != nil {
		return err
	}
	if err := w.Save(w.ctx, c); err != nil {
		return err
	}
	if err := w.Save(w.ctx, c); err != nil {
		return fmt.Errorf("the same save again: %w", err)
	}
	later, err := w.do(directory.Suspend, "acme", "kim", directory.Facts{})
	if err != nil {
		return err
	}
	if err := w.Save(w.ctx, c); err != nil {
		return fmt.Errorf("the same save again, after another: %w", err)
	}
	return errors.Join(same(w, later), wrote(w, 3, 2))
}

func oneWinner(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", directory.Facts{})
	if err != nil {
		return err
	}
	const writers = 20
	errs := make([]error, writers)
	changes := make([]directory.Change, writers)
	for i := range changes {
		if changes[i], err = w.change(directory.SetPassword, a, directory.Facts{}); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() { errs[i] = w.Save(w.ctx, c) })
	}
	all.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			return errors.New("two of the saves on one version succeeded")
		case err == nil:
			won = i
		case !errors.Is(err, session.ErrConflict):
			return err
		}
	}
	if won < 0 {
		return errors.New("none of the saves on one version succeeded")
	}
	return errors.Join(same(w, changes[won].Account), wrote(w, 2, 1))
}

func cancelled(w *acting) error {
	a, err := w.do(directory.Create, "acme", "kim", directory.Facts{})
	if err != nil {
		return err
	}
	c, err := w.change(directory.SetPassword, a, directory.Facts{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	_, load := w.Load(ctx, "acme", "kim")
	_, list := w.List(ctx, "acme", directory.Query{})
	_, roster := w.Roster(ctx, "acme")
	_, events := w.Events(ctx, "acme", session.EventQuery{})
	_, forget := w.Forget(ctx, "acme", began, 1)
	_, take := w.Take(ctx, 1, 0)
	for name, err := range map[string]error{
		"Load": load, "List": list, "Roster": roster, "Events": events, "Forget": forget, "Take": take,
		"Save": w.Save(ctx, c), "Note": w.Note(ctx, c.Event),
	} {
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	got, err := w.Load(w.ctx, "acme", "kim")
	if err != nil {
		return err
	}
	if got.Version == c.Account.Version {
		return errors.Join(same(w, c.Account), wrote(w, 2, 1))
	}
	return errors.Join(same(w, a), wrote(w, 1, 0))
}
