package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// permitted returns the member whom the actor may do x to, or a *RefusedError. Who may not
// do x to anybody learns nothing of the member, not even that there is none.
func (d *Directory) permitted(ctx context.Context, x Act, t session.TenantID, id member.ID, by member.ID) (Account, error) {
	r := rows[x]
	if r.by != host {
		actor, err := d.actor(ctx, t, by)
		if err != nil {
			return Account{}, err
		}
		anybody := Account{Member: member.Member{Tenant: t}}
		if r.by == itself {
			anybody.ID = id
		}
		if why := x.permit(actor, anybody); why != nil {
			return Account{}, why
		}
		target, err := d.target(ctx, r, t, id)
		if err != nil {
			return Account{}, err
		}
		if why := x.permit(actor, target); why != nil {
			return Account{}, why
		}
		return target, nil
	}
	return d.target(ctx, r, t, id)
}

func (d *Directory) target(ctx context.Context, r row, t session.TenantID, id member.ID) (Account, error) {
	if t == "" || id == "" {
		return Account{}, refused(UnknownMember)
	}
	a, err := d.load(ctx, t, id)
	switch {
	case !errors.Is(err, session.ErrNotFound):
		return a, err
	case r.from&absent == 0:
		return Account{}, refused(UnknownMember)
	}
	return Account{Member: member.Member{Tenant: t, ID: id}}, nil
}

// refuse records a refusal and returns it. Any other error it returns as it is.
func (d *Directory) refuse(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts, err error) error {
	var why *RefusedError
	if !errors.As(err, &why) {
		return err
	}
	why.Act, why.Member = x, id
	e := session.Event{
		ID: rand.Text(), Tenant: t, At: f.At, Actor: f.Actor, Kind: x.Kind(), Member: id,
		Why: cut(f.Why), Refused: string(why.Reason), Summary: []string{cut(why.Error())},
	}
	if t == "" {
		return why // there is no record to write it to
	}
	if lost := d.store.Note(ctx, e); lost != nil {
		return errors.Join(why, fmt.Errorf("directory: the refusal could not be recorded: %w", lost))
	}
	return why
}

// mostTries is how often an act is tried that others get in the way of.
const mostTries = 64

// change does an act, once nobody gets in the way, and returns the orders that it gave.
// first, if it is not nil, is called once, when the act was found to be permitted and
// before it is stored.
func (d *Directory) change(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts, first func(context.Context) error) ([]session.Order, error) {
	f.At = now()
	if rows[x].line {
		f.Line = session.NewLine()
	}
	var conflict error
	for try := range mostTries {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return nil, errors.Join(err, conflict)
			}
		}
		c, err := d.decide(ctx, x, t, id, f)
		if err != nil {
			return nil, d.refuse(ctx, x, t, id, f, err)
		}
		if first != nil {
			if err := first(ctx); err != nil {
				return nil, err
			}
			first = nil
		}
		err = d.save(ctx, &c)
		switch {
		case err == nil:
			if x == MakeAgain || x == Purge {
				d.counter.Clear(ctx, t, id) // what is left of the old one's locks is an administrator's to open
			}
			return c.Orders, d.endWithin(ctx, c.Orders)
		case errors.Is(err, session.ErrExists):
			return nil, d.refuse(ctx, x, t, id, f, d.exists(ctx, c, f.At))
		case !errors.Is(err, session.ErrConflict):
			return nil, err
		}
		conflict = err
	}
	return nil, conflict
}

// save draws the ids of a change and stores it. A store that fails without saying that it
// wrote nothing is asked once more, which it knows by the id of the event.
func (d *Directory) save(ctx context.Context, c *Change) error {
	c.Event.ID = rand.Text()
	for i := range c.Orders {
		c.Orders[i].ID = rand.Text()
	}
	err := d.store.Save(ctx, *c)
	if err == nil || ctx.Err() != nil || errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrExists) {
		return err
	}
	return d.store.Save(ctx, *c)
}

// exists says which id keeps c from being saved: the member's, which was made at this moment,
// the login id, or that of an external login.
func (d *Directory) exists(ctx context.Context, c Change, at time.Time) error {
	if c.Expected == (session.Version{}) {
		switch a, err := d.load(ctx, c.Account.Tenant, c.Account.ID); {
		case err == nil:
			return exists(a, at)
		case !errors.Is(err, session.ErrNotFound):
			return refused(MemberExists)
		}
	}
	anothers := func(q Query) bool {
		q.Max = 1
		list, err := d.page(ctx, c.Account.Tenant, q)
		return err == nil && len(list) > 0 && list[0].ID != c.Account.ID
	}
	for _, e := range c.Account.External {
		if anothers(Query{External: e.ID}) {
			return because(MemberExists, "the external login %s is linked to another member; it must be unlinked there first", quote(e.ID))
		}
	}
	if login := c.Account.LoginID; login != "" && anothers(Query{LoginID: login}) {
		return because(MemberExists, "the login id %s is that of another member, who may be deleted and can be restored; choose another login id", quote(login))
	}
	return refused(MemberExists)
}

// decide returns the change that x makes now, or a *RefusedError.
func (d *Directory) decide(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts) (Change, error) {
	target, err := d.permitted(ctx, x, t, id, f.Actor)
	if err != nil {
		return Change{}, err
	}
	if f.Since != (session.Version{}) && target.Version != f.Since {
		return Change{}, because(ChangedMeanwhile, "the member was changed meanwhile: it is at version %v and not at %v; look at it and begin again", target.Version, f.Since)
	}
	if _, err := x.Do(target, f); err != nil {
		return Change{}, err
	}
	if f.Session, err = d.possible(ctx, x, t, id, f); err != nil {
		return Change{}, err
	}
	c, err := x.Do(target, f)
	if err != nil {
		return Change{}, err
	}
	if c.Guarded {
		r, err := d.store.Roster(ctx, t)
		if err != nil {
			return Change{}, err
		}
		if c.last(r) {
			return Change{}, refused(LastSuperAdmin)
		}
		c.Roster = r.Version
	}
	return c, nil
}

// possible returns nil if what x orders can be carried out, and the First of the session
// that it ends, which no renewal changes before that.
func (d *Directory) possible(ctx context.Context, x Act, t session.TenantID, id member.ID, f Facts) (session.ID, error) {
	switch x {
	case WipeApp, ResetDevice:
		if d.o.Wiper == nil {
			return f.Session, refused(NoDeviceService)
		}
	case EndSession, Unlink:
	default:
		return f.Session, nil
	}
	if d.o.Sessions == nil && d.o.Revoker == nil {
		return f.Session, errors.New("directory: single sessions are ended by Options.Sessions or Options.Revoker, and there is neither")
	}
	if x == EndSession && d.o.Sessions != nil {
		s, err := d.called(ctx, t, f.Session)
		if errors.Is(err, session.ErrNotFound) || err == nil && (s.Tenant != t || s.Member != id) {
			err = because(UnknownSession, "the member has no session %v; name one by the session of its visit", f.Session)
		}
		return s.First, err
	}
	return f.Session, nil
}

// called returns the session that began with an ID, or has it.
func (d *Directory) called(ctx context.Context, t session.TenantID, id session.ID) (session.Session, error) {
	found, err := d.o.Sessions.List(ctx, t, session.Query{First: id, Max: 1})
	switch {
	case err != nil:
		return session.Session{}, err
	case len(found) > 0 && found[0].First == id:
		return found[0], nil
	}
	return d.o.Sessions.Find(ctx, t, id)
}

// pause waits a while that grows with the tries, and is different for each who waits.
func pause(ctx context.Context, try int) error {
	most := time.Millisecond << min(try, 6)
	return sleep(ctx, time.Duration(mathrand.Int64N(int64(most))))
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
