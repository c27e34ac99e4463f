package directory

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Entry is a member in a list.
type Entry struct {
	ID      member.ID
	Status  member.Status // Locked while failed logins lock it
	LoginID string
	Roles   []Role
	Profile Profile
}

// List returns a page of the members of a tenant that q chooses, in the order of their
// ids, for an administrator with the permission basics. By the status Locked it finds those
// whom failed logins lock; by active or on leave too, as what they are besides.
func (d *Directory) List(ctx context.Context, actor member.ID, t session.TenantID, q Query) (page []Entry, err error) {
	defer recovered(&err)
	if err := d.may(ctx, List, actor, t); err != nil {
		return nil, err
	}
	if q.Status == member.Locked {
		return d.locked(ctx, t, q)
	}
	accounts, err := d.page(ctx, t, q)
	if err != nil {
		return nil, err
	}
	return d.entries(ctx, t, q.After, accounts)
}

// entries returns accounts of a page, which begins behind after, as lists have them.
func (d *Directory) entries(ctx context.Context, t session.TenantID, after member.ID, accounts []Account) ([]Entry, error) {
	since := make(map[member.ID]time.Time)
	at := now()
	var list []Entry
	if len(accounts) > 0 {
		last := accounts[len(accounts)-1].ID
		for l, err := range d.locks(ctx, t, after, len(accounts)) {
			if err != nil {
				return nil, err
			}
			if l.ID > last {
				break
			}
			since[l.ID] = l.Since
		}
	}
	for _, a := range accounts {
		list = append(list, a.entry(since[a.ID], at))
	}
	return list, nil
}

// entry returns a as lists have it, for whom failures have been locked since an instant; zero:
// they are not.
func (a Account) entry(since, at time.Time) Entry {
	e := Entry{a.ID, a.Status, a.LoginID, a.Roles, a.Profile}
	if open(a) && (Failures{Locked: since}).Lock(at, opens(a)) {
		e.Status = member.Locked
	}
	return e
}

// locked is a page of those whom failed logins lock. Where q asks for more than that, the first
// accounts that it chooses are read with the first lock, or each lock of another member would be
// looked up to find that it is not asked for; locks behind those are looked up one by one.
func (d *Directory) locked(ctx context.Context, t session.TenantID, q Query) (list []Entry, err error) {
	at := now()
	q.Status = 0
	all := q == Query{After: q.After, Max: q.Max}
	var chosen map[member.ID]Account // nil: none were read
	some, read := true, q.After      // whether there are accounts that are not in chosen, and behind which id
	for l, err := range d.locks(ctx, t, q.After, q.Limit()) {
		if err != nil {
			return nil, err
		}
		if chosen == nil && !all {
			first := q
			first.Max = session.MaxPage
			accounts, err := d.page(ctx, t, first)
			if err != nil {
				return nil, err
			}
			chosen = make(map[member.ID]Account, len(accounts))
			for _, a := range accounts {
				chosen[a.ID], read = a, a.ID
			}
			some = len(accounts) == session.MaxPage
		}
		a, ok := chosen[l.ID]
		if !ok && some && l.ID > read {
			a, err = d.load(ctx, t, l.ID)
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				return nil, err
			}
			ok = err == nil
		}
		if ok && q.Chooses(a) {
			if e := a.entry(l.Since, at); e.Status == member.Locked {
				list = append(list, e)
			}
		}
		if len(list) == q.Limit() || !some && l.ID >= read { // nobody whom q chooses is behind it
			break
		}
	}
	return list, nil
}

// locks yields whose failures have reached the limit, behind an id: n are read at first, and
// then as many as a page has, or who is looking for one member would read as many pages as
// there are locks before it.
func (d *Directory) locks(ctx context.Context, t session.TenantID, after member.ID, n int) iter.Seq2[LockedMember, error] {
	return func(yield func(LockedMember, error) bool) {
		for {
			page, err := d.counter.Locked(ctx, t, after, n)
			if err != nil {
				yield(LockedMember{}, err)
				return
			}
			for _, l := range page {
				if l.ID <= after {
					yield(LockedMember{}, errors.New("directory: the counter lists who is locked out of order; prove it with package directorytest"))
					return
				}
				if after = l.ID; !yield(l, nil) {
					return
				}
			}
			if len(page) < n {
				return
			}
			n = session.MaxPage
		}
	}
}

func (d *Directory) page(ctx context.Context, t session.TenantID, q Query) ([]Account, error) {
	accounts, err := d.store.List(ctx, t, q)
	for _, a := range accounts {
		if a.Tenant != t {
			return nil, errors.New("directory: the store listed members of another tenant")
		}
	}
	return accounts, err
}

// Blocked returns the members whose apps are blocked, all of them, in the order of their
// ids, for an administrator with the permission security.
func (d *Directory) Blocked(ctx context.Context, actor member.ID, t session.TenantID) (list []Entry, err error) {
	defer recovered(&err)
	if err := d.may(ctx, ReadBlocked, actor, t); err != nil {
		return nil, err
	}
	q := Query{AppsBlocked: true, Max: session.MaxPage}
	for {
		page, err := d.page(ctx, t, q)
		if err != nil {
			return nil, err
		}
		entries, err := d.entries(ctx, t, q.After, page)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Status != member.Deleted {
				list = append(list, e)
			}
		}
		if len(page) < q.Max {
			return list, nil
		}
		q.After = page[len(page)-1].ID
	}
}
