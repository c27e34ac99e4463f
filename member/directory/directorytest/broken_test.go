package directorytest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/directory/directorytest"
	"github.com/sallyport-go/sallyport/session"
)

// broken is a store of which some methods are replaced.
type broken struct {
	*directory.MemStore
	load   func(context.Context, session.TenantID, member.ID) (directory.Account, error)
	save   func(context.Context, directory.Change) error
	roster func(context.Context, session.TenantID) (directory.Roster, error)
	list   func(context.Context, session.TenantID, directory.Query) ([]directory.Account, error)
	note   func(context.Context, session.Event) error
	forget func(context.Context, session.TenantID, time.Time, int) (int, error)
	events func(context.Context, session.TenantID, session.EventQuery) ([]session.Event, error)
}

func whole() *broken {
	m := directory.NewMemStore()
	return &broken{m, m.Load, m.Save, m.Roster, m.List, m.Note, m.Forget, m.Events}
}

func (b *broken) Load(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
	return b.load(ctx, t, id)
}
func (b *broken) Save(ctx context.Context, c directory.Change) error { return b.save(ctx, c) }
func (b *broken) Roster(ctx context.Context, t session.TenantID) (directory.Roster, error) {
	return b.roster(ctx, t)
}
func (b *broken) List(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
	return b.list(ctx, t, q)
}
func (b *broken) Note(ctx context.Context, e session.Event) error { return b.note(ctx, e) }
func (b *broken) Forget(ctx context.Context, t session.TenantID, at time.Time, n int) (int, error) {
	return b.forget(ctx, t, at, n)
}
func (b *broken) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	return b.events(ctx, t, q)
}

func TestAStoreThatHoldsBreaksNothing(t *testing.T) {
	if directorytest.StoreBreaks("", func() directory.Store { return whole() }) {
		t.Error("the store in memory, with nothing replaced, breaks a clause")
	}
}

func TestBrokenStoresFail(t *testing.T) {
	for _, row := range []struct {
		why    string
		breaks string // a clause that must fail
		with   func(*broken)
	}{
		{"forgets what was saved", "kept", func(b *broken) {
			b.save = func(context.Context, directory.Change) error { return nil }
		}},
		{"finds everybody, with nothing in them", "missing", func(b *broken) {
			b.load = func(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
				a, err := b.MemStore.Load(ctx, t, id)
				if errors.Is(err, session.ErrNotFound) {
					err = nil
				}
				return a, err
			}
		}},
		{"panics", "kept", func(b *broken) {
			b.save = func(context.Context, directory.Change) error { panic("no connection") }
		}},
		{"shares what it holds", "copies", func(b *broken) {
			held := map[member.ID]directory.Account{}
			b.load = func(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
				a, err := b.MemStore.Load(ctx, t, id)
				if was, ok := held[id]; ok && was.Version == a.Version {
					return was, err
				}
				held[id] = a
				return a, err
			}
			b.save = func(ctx context.Context, c directory.Change) error {
				err := b.MemStore.Save(ctx, c)
				if a, lost := b.MemStore.Load(ctx, c.Account.Tenant, c.Account.ID); lost == nil {
					held[a.ID] = a
				}
				return err
			}
		}},
		{"leaks members of another tenant", "tenants", func(b *broken) {
			b.load = func(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
				a, err := b.MemStore.Load(ctx, t, id)
				if errors.Is(err, session.ErrNotFound) {
					return b.MemStore.Load(ctx, "acme", id)
				}
				return a, err
			}
		}},
		{"has one roster for all tenants", "tenants", func(b *broken) {
			b.roster = func(ctx context.Context, t session.TenantID) (directory.Roster, error) {
				r, err := b.MemStore.Roster(ctx, t)
				s, _ := b.MemStore.Roster(ctx, "globex")
				r.Members = append(r.Members, s.Members...)
				return r, err
			}
		}},
		{"lists all tenants", "tenants", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				a, err := b.MemStore.List(ctx, t, q)
				more, _ := b.MemStore.List(ctx, "globex", q)
				return append(a, more...), err
			}
		}},
		{"ignores the expected version", "conflict", ignoresVersion},
		{"ignores the expected version, of those at once", "one winner", ignoresVersion},
		{"lets one save win after another, at once", "one winner", func(b *broken) {
			var mu sync.Mutex
			b.save = func(ctx context.Context, c directory.Change) error {
				mu.Lock()
				defer mu.Unlock()
				if err := b.MemStore.Save(ctx, c); !errors.Is(err, session.ErrConflict) {
					return err
				}
				return nil
			}
		}},
		{"makes a member under an id that is there", "exists", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				if err := b.MemStore.Save(ctx, c); !errors.Is(err, session.ErrExists) {
					return err
				}
				return nil
			}
		}},
		{"uses the ids of purged members again", "purged", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				old, err := b.MemStore.Load(ctx, c.Account.Tenant, c.Account.ID)
				if err == nil && old.Purged && c.Expected == (session.Version{}) {
					c.Expected = old.Version
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"takes a login id twice", "login ids", func(b *broken) {
			logins := map[member.ID]string{}
			b.save = func(ctx context.Context, c directory.Change) error {
				logins[c.Account.ID], c.Account.LoginID, c.Account.Generated = c.Account.LoginID, "", false
				return b.MemStore.Save(ctx, c)
			}
			b.load = func(ctx context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
				a, err := b.MemStore.Load(ctx, t, id)
				a.LoginID, a.Generated = logins[id], logins[id] == "u1048576"
				return a, err
			}
		}},
		{"links an external login to the last who asks", "external logins", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				for _, e := range c.Account.External {
					list, _ := b.MemStore.List(ctx, c.Account.Tenant, directory.Query{External: e.ID})
					if len(list) == 0 || list[0].ID == c.Account.ID {
						continue
					}
					a := list[0]
					unlink, _ := directory.Unlink.Do(a, directory.Facts{At: a.Created.Add(time.Hour), External: e.ID})
					unlink.Event.ID, unlink.Orders = "unlinked-"+e.ID, nil
					b.MemStore.Save(ctx, unlink)
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"looks for an external login, then writes", "external logins, at once", func(b *broken) {
			var mu sync.Mutex
			looked, second := 0, make(chan struct{})
			var lost directory.Account
			b.save = func(ctx context.Context, c directory.Change) error {
				mu.Lock()
				looked++
				turn := looked
				mu.Unlock()
				if c.Event.Kind != directory.Link.Kind() || turn > 10 {
					return b.MemStore.Save(ctx, c)
				}
				if turn == 9 { // after eight that made the members
					<-second
					lost = c.Account
					return nil
				}
				err := b.MemStore.Save(ctx, c)
				close(second)
				return err
			}
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				list, err := b.MemStore.List(ctx, t, q)
				return append(list, lost), err
			}
		}},
		{"finds nobody by an external login", "external logins", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				if q.External != "" {
					return nil, nil
				}
				return b.MemStore.List(ctx, t, q)
			}
		}},
		{"revives sessions: takes any number and any cut", "follows", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				old, err := b.MemStore.Load(ctx, c.Account.Tenant, c.Account.ID)
				if err == nil && c.Expected == old.Version && c.Follows(old) != nil {
					return nil
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"does not know a save again", "repeated", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				c.Event.ID += rand.Text()
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"has a roster that does not grow", "roster", func(b *broken) {
			b.roster = func(ctx context.Context, t session.TenantID) (directory.Roster, error) {
				r, err := b.MemStore.Roster(ctx, t)
				r.Version = 0
				return r, err
			}
			b.save = unguarded(b)
		}},
		{"counts super admins who cannot log in", "roster", func(b *broken) {
			b.roster = func(ctx context.Context, t session.TenantID) (directory.Roster, error) {
				r, err := b.MemStore.Roster(ctx, t)
				all, _ := b.MemStore.List(ctx, t, directory.Query{Role: directory.SuperAdmin})
				r.Members = nil
				for _, a := range all {
					r.Members = append(r.Members, a.ID)
				}
				return r, err
			}
		}},
		{"ignores the version of the roster", "roster guards", func(b *broken) { b.save = unguarded(b) }},
		{"ignores the version of the roster, of those at once", "roster, at once", func(b *broken) { b.save = unguarded(b) }},
		{"takes a super admin away without the roster", "roster guards", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				if !c.Guarded {
					c.Guarded = true
					r, _ := b.MemStore.Roster(ctx, c.Account.Tenant)
					c.Roster = r.Version
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"does not look at the context", "cancelled", func(b *broken) {
			b.load = func(_ context.Context, t session.TenantID, id member.ID) (directory.Account, error) {
				return b.MemStore.Load(context.Background(), t, id)
			}
		}},
		{"writes half of a save that is cancelled", "cancelled", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				if err := ctx.Err(); err != nil {
					c.Orders = nil
					b.MemStore.Save(context.Background(), c)
					return err
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"finds login ids in any case", "list", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				login := q.LoginID
				q.LoginID = ""
				a, err := b.MemStore.List(ctx, t, q)
				return slices.DeleteFunc(a, func(a directory.Account) bool { return login != "" && !strings.EqualFold(a.LoginID, login) }), err
			}
		}},
		{"has lists in no order", "list", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				a, err := b.MemStore.List(ctx, t, q)
				slices.Reverse(a)
				return a, err
			}
		}},
		{"lists by case-folded ids", "list", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				a, err := b.MemStore.List(ctx, t, q)
				slices.SortFunc(a, func(x, y directory.Account) int {
					return strings.Compare(strings.ToLower(string(x.ID)), strings.ToLower(string(y.ID)))
				})
				return a, err
			}
		}},
		{"searches with the database's wildcards", "list", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				if q.Text == "%" || q.Text == "_" {
					q.Text = ""
				}
				return b.MemStore.List(ctx, t, q)
			}
		}},
		{"searches case by case", "list", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				if q.Text == "KIM" {
					return nil, ctx.Err()
				}
				return b.MemStore.List(ctx, t, q)
			}
		}},
		{"ignores the end of a page", "pages", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				q.Max = 0
				return b.MemStore.List(ctx, t, q)
			}
		}},
		{"begins a page with the last of the one before", "pages", func(b *broken) {
			b.list = func(ctx context.Context, t session.TenantID, q directory.Query) ([]directory.Account, error) {
				if q.After != "" {
					q.After = q.After[:len(q.After)-1] + member.ID(q.After[len(q.After)-1]-1)
				}
				return b.MemStore.List(ctx, t, q)
			}
		}},
		{"loses events of changes", "event", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				c.Event.Why, c.Event.Summary = "", nil
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"loses orders", "orders", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				c.Orders = nil
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"loses what an order names", "orders", func(b *broken) {
			b.save = func(ctx context.Context, c directory.Change) error {
				c.Orders = slices.Clone(c.Orders)
				for i := range c.Orders {
					c.Orders[i].Membership = session.Version{}
				}
				return b.MemStore.Save(ctx, c)
			}
		}},
		{"loses refusals", "note", func(b *broken) {
			b.note = func(context.Context, session.Event) error { return nil }
		}},
		{"tells the oldest events first", "searched", func(b *broken) {
			b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
				e, err := b.MemStore.Events(ctx, t, q)
				slices.Reverse(e)
				return e, err
			}
		}},
		{"skips before it chooses", "searched", func(b *broken) {
			b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
				kind := q.Kind
				q.Kind = ""
				e, err := b.MemStore.Events(ctx, t, q)
				return slices.DeleteFunc(e, func(e session.Event) bool { return kind != "" && e.Kind != kind }), err
			}
		}},
		{"ends the time of a search an instant late", "searched", func(b *broken) {
			b.events = func(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
				if !q.To.IsZero() {
					q.To = q.To.Add(time.Nanosecond)
				}
				return b.MemStore.Events(ctx, t, q)
			}
		}},
		{"forgets more than it is asked to", "forgotten", func(b *broken) {
			b.forget = func(ctx context.Context, t session.TenantID, at time.Time, n int) (int, error) {
				return b.MemStore.Forget(ctx, t, at, n+1)
			}
		}},
		{"forgets events at the instant", "forgotten", func(b *broken) {
			b.forget = func(ctx context.Context, t session.TenantID, at time.Time, n int) (int, error) {
				return b.MemStore.Forget(ctx, t, at.Add(time.Nanosecond), n)
			}
		}},
		{"forgets those of all tenants", "forgotten", func(b *broken) {
			b.forget = func(ctx context.Context, t session.TenantID, at time.Time, n int) (int, error) {
				b.MemStore.Forget(ctx, "globex", at, n)
				return b.MemStore.Forget(ctx, t, at, n)
			}
		}},
	} {
		if !directorytest.StoreBreaks(row.breaks, func() directory.Store {
			b := whole()
			row.with(b)
			return b
		}) {
			t.Errorf("a store that %s: the clause %q does not see it", row.why, row.breaks)
		}
	}
}

// ignoresVersion makes the last writer win.
func ignoresVersion(b *broken) {
	var mu sync.Mutex
	b.save = func(ctx context.Context, c directory.Change) error {
		mu.Lock()
		defer mu.Unlock()
		old, err := b.MemStore.Load(ctx, c.Account.Tenant, c.Account.ID)
		if err == nil && c.Expected != (session.Version{}) && old.Version != c.Expected {
			c.Expected = old.Version
			c.Account.Version.Number = old.Version.Number + 1
			c.Account.Cuts = c.Account.Cuts.Max(old.Cuts)
		}
		return b.MemStore.Save(ctx, c)
	}
}

// unguarded saves on any version of the roster.
func unguarded(b *broken) func(context.Context, directory.Change) error {
	var mu sync.Mutex
	return func(ctx context.Context, c directory.Change) error {
		mu.Lock()
		defer mu.Unlock()
		r, _ := b.MemStore.Roster(ctx, c.Account.Tenant)
		c.Roster = r.Version
		return b.MemStore.Save(ctx, c)
	}
}
