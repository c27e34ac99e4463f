package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// opens is after how long a lock of a opens by itself; 0: never.
func opens(a Account) time.Duration {
	if a.Super {
		return SuperLock
	}
	return 0
}

// open reports whether the account admits a login, by its state.
func open(a Account) bool { return a.Status == member.Active || a.Status == member.OnLeave }

// Member returns what a decision needs to know of a member, or session.ErrNotFound: it is
// an engine.Members. It asks the same of the stores whoever it is, and for a member who is
// not there too, so that its time does not tell. A member who could log in is Locked while
// failed logins lock it, and must change the password once that is older than the terms
// allow.
func (d *Directory) Member(ctx context.Context, t session.TenantID, id member.ID) (m *member.Member, err error) {
	defer func() {
		if err != nil {
			m = nil
		}
	}()
	defer recovered(&err)
	a, f, err := d.counted(ctx, t, id)
	missing := errors.Is(err, session.ErrNotFound)
	if err != nil && !missing {
		return nil, err
	}
	is := a.Member
	terms, err := d.terms(ctx, t)
	switch {
	case err != nil:
		return nil, err
	case missing:
		return nil, session.ErrNotFound
	case !open(a):
		return &is, nil
	}
	at := now()
	if f.Lock(at, opens(a)) {
		is.Status = member.Locked
	}
	since := a.PasswordChanged
	if since.IsZero() {
		since = a.Created
	}
	if terms.PasswordAge > 0 && at.Sub(since) >= terms.PasswordAge {
		is.MustChangePassword = true
	}
	return &is, nil
}

// Count notes the outcome of a password check, and reports whether the member is locked,
// since before or by this failure: it is an engine.Failures. A right password of a member
// who is not locked forgets the failures. Of any number of calls at the same time with
// wrong passwords, as many as the terms allow are told that the member is not locked, less
// one, which locks; a right one after that is told so. Sessions that are alive go on.
//
// Once as many wrong passwords again came after the lock, err is member.ErrGuessed until
// the lock opens, also for the right one: who guesses finds out no more. A member who could
// not log in anyway is counted the same way, and is locked still when that has passed:
// lifting a suspension opens no lock, which takes another permission. If err is not nil,
// locked is true.
func (d *Directory) Count(ctx context.Context, t session.TenantID, id member.ID, right bool) (locked bool, err error) {
	defer func() { locked = locked || err != nil }()
	defer recovered(&err)
	var a Account
	var f Failures
	atOnce := right && d.joined != nil
	if atOnce {
		a, f, err = d.counted(ctx, t, id)
	} else {
		a, err = d.load(ctx, t, id)
	}
	if err != nil {
		return true, err
	}
	terms, err := d.terms(ctx, t)
	if err != nil {
		return true, err
	}
	if atOnce && f == (Failures{}) { // as of most who log in: there is nothing to forget
		return false, nil
	}
	at := now()
	f, err = d.counter.Count(ctx, t, id, Guess{Right: right, At: at, Limit: terms.Failures, Opens: opens(a)})
	if err != nil {
		return true, err
	}
	if f.Locked.IsZero() {
		return false, nil
	}
	if !right && f.Behind == 0 { // by this one
		e := session.Event{ID: rand.Text(), Tenant: t, At: at, Kind: Lock.Kind(), Member: id, Membership: a.Version}
		e.Summary = []string{fmt.Sprintf("failed logins: %d", f.Number)}
		if err := d.store.Note(ctx, e); err != nil {
			return true, fmt.Errorf("directory: the lock could not be recorded: %w", err)
		}
	}
	if f.Behind >= terms.Failures {
		return true, member.ErrGuessed
	}
	return true, nil
}

// nobodies is for how many members who are not there a tenant's failures are counted.
const nobodies = 1024

// CountUnknown does for an id that no member has what Count does for a wrong password of a
// member, so that its time does not tell who is one: it is an engine.UnknownFailures. It
// counts for one of 1,024 ids of the tenant that no account can have, so that strangers fill
// no store. What it cannot hide is the wrong password that locks a member, which takes one
// write more than the others.
func (d *Directory) CountUnknown(ctx context.Context, t session.TenantID, id member.ID) (err error) {
	defer recovered(&err)
	if _, err := d.load(ctx, t, id); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	terms, err := d.terms(ctx, t)
	if err != nil {
		return err
	}
	_, err = d.counter.Count(ctx, t, d.nobody(id), Guess{At: now(), Limit: terms.Failures})
	return err
}

// nobody returns an id that is too long for an account, one of a bounded number. Which of them
// stands for id nobody outside can foresee, or he could tell by how long others wait for it.
func (d *Directory) nobody(id member.ID) member.ID {
	return member.ID(fmt.Sprintf("%s%04d", strings.Repeat("?", maxText), maphash.String(d.seed, string(id))%nobodies))
}

// Unlock opens the lock of a member whose failed logins reached the limit.
func (d *Directory) Unlock(ctx context.Context, actor member.ID, t session.TenantID, id member.ID, why string) error {
	return d.Do(ctx, Unlock, t, id, Facts{Actor: actor, Why: why})
}

// unlock changes no account: the failures are beside it. The event is written first, so
// that no lock opens without one.
func (d *Directory) unlock(ctx context.Context, t session.TenantID, id member.ID, f Facts) error {
	a, err := d.permitted(ctx, Unlock, t, id, f.Actor)
	if err != nil {
		return d.refuse(ctx, Unlock, t, id, f, err)
	}
	c, err := Unlock.Do(a, f)
	if err != nil {
		return d.refuse(ctx, Unlock, t, id, f, err)
	}
	failures, err := d.counter.Failures(ctx, t, id)
	if err != nil {
		return err
	}
	if !failures.Lock(f.At, opens(a)) {
		return d.refuse(ctx, Unlock, t, id, f, already("no failed logins lock the member"))
	}
	e := c.Event
	e.ID = rand.Text()
	e.Summary = append(e.Summary, "status: "+a.Status.String()+", was locked since "+instant(failures.Locked))
	if err := d.store.Note(ctx, e); err != nil {
		return errors.Join(errors.New("directory: the lock stays shut, because opening it could not be recorded"), err)
	}
	return d.counter.Clear(ctx, t, id)
}
