package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// person is the place of a member in the cache.
type person struct {
	name
	tenant atomic.Pointer[tenant] // so that a request looks up one thing and not two; may be evicted
	place[someone]
}

// someone is a member as read. It does not change.
type someone struct {
	member *member.Member // the copy below
	read   moment
	copied member.Member // so that what the host alters in its own decides nothing
}

func newSomeone(m *member.Member, read moment) *someone {
	s := &someone{read: read, copied: *m}
	s.member = &s.copied
	return s
}

func (s someone) at() (session.Version, moment) { return s.member.Version, s.read }

func (e *Engine) person(n name) *person {
	hash := e.nameHash(n)
	if p := e.people.get(hash, n); p != nil {
		return p
	}
	return e.people.getOrPut(hash, n, func(p *person) *use {
		p.name, p.due, p.key = n, e.aging(hash), hash
		return &p.use
	})
}

// asker returns what reads p.
func (e *Engine) asker(p *person) reader[someone] {
	return func(ctx context.Context) (*someone, error) {
		s, err := e.find(ctx, p)
		if errors.Is(err, session.ErrNotFound) || err != nil && p.copy.Load() == nil {
			e.people.remove(p.key, p.name, p) // whoever asks for what is not there must not fill the cache
		}
		return s, err
	}
}

func (e *Engine) find(ctx context.Context, p *person) (*someone, error) {
	for again := false; ; again = true {
		began := e.clock.look()
		m, err := e.members.Member(ctx, p.name.tenant, p.member)
		if err != nil {
			return nil, err
		}
		if m == nil {
			return nil, session.ErrNotFound
		}
		s := newSomeone(m, began)
		switch {
		case s.member.Tenant != p.name.tenant || s.member.ID != p.member:
			err = errWrongTenant
		case s.member.Cuts.Highest() > s.member.Version.Number || s.member.Version.Number > session.MaxNumber:
			err = errCorrupt
		default:
			if s, err = e.meet(p, s); err == nil {
				return s, nil
			}
		}
		if again || !errors.Is(err, errRegression) {
			e.alarm(p.name.tenant, p.member, err)
			return nil, err
		}
	}
}

// ask reads p for a caller who waits for it.
func (e *Engine) ask(ctx context.Context, p *person) (*someone, error) {
	return call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (*someone, error) { return e.find(ctx, p) })
}

// meet makes a member that was read the copy of p.
func (e *Engine) meet(p *person, s *someone) (*someone, error) {
	for {
		kept, moved, err := p.keep(e.seen, s)
		if !moved {
			return kept, err
		}
		p = e.person(p.name)
	}
}

// known returns a copy of p that is not stale, or why there is none.
func (e *Engine) known(ctx context.Context, p *person, now time.Time) (*someone, error) {
	return p.fresh(ctx, e, e.clock.moment(now), e.asker(p))
}

// today returns the member as Members has it at this moment. Where there is no answer, a
// copy that is not stale will do.
func (e *Engine) today(ctx context.Context, p *person) (*someone, error) {
	return p.latest(ctx, e, e.asker(p))
}

// MemberChanged tells that a member was changed, by this process or another: the next
// request reads the member anew. It is a hint, and costs nothing where the member is not
// known here: without it a change is seen within MaxStale.
func (e *Engine) MemberChanged(t session.TenantID, id member.ID) {
	n := name{t, id}
	p := e.people.get(e.nameHash(n), n)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.copy.Load(); s != nil {
		p.copy.Store(newSomeone(s.member, moment{})) // too old to decide by
	}
}
