package sessiontest_test

import (
	"bytes"
	"context"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

type (
	ctx = context.Context
	ten = session.TenantID
	mem = session.MemberID
	sid = session.ID
)

// slow is a store as one would write it down first: it keeps sessions in a map and walks
// all of them. It is right if it has no fault; broken lists the faults that it can have.
type slow struct {
	mu       sync.Mutex
	sessions map[sid]session.Session
	visits   []session.Visit
	stale    map[sid]session.Session // as they were before the last write
	ranging  int
	calls    atomic.Int64
	fault    string
}

func newSlow(fault string) *slow {
	return &slow{sessions: make(map[sid]session.Session), stale: make(map[sid]session.Session), fault: fault}
}

func (s *slow) has(fault string) bool { return s.fault == fault }

// begin locks s, if the context lets it.
func (s *slow) begin(c ctx) error {
	if err := c.Err(); err != nil && !s.has("answers after cancel") {
		return err
	}
	s.mu.Lock()
	s.calls.Add(1)
	if s.ranging > 0 && s.has("busy while ranging") {
		s.mu.Unlock()
		return errDown
	}
	return nil
}

// yields lets another call come between where the fault is to lock too little. It waits a
// while for one.
func (s *slow) yields(fault string) {
	if !s.has(fault) {
		return
	}
	s.mu.Unlock()
	for before, i := s.calls.Load(), 0; i < 1000 && s.calls.Load() < before+3; i++ {
		runtime.Gosched()
	}
	s.mu.Lock()
}

func (s *slow) write(n session.Session) {
	s.stale[n.ID] = s.sessions[n.ID]
	s.sessions[n.ID] = n
}

func (s *slow) get(t ten, id sid) (session.Session, error) {
	n, ok := s.sessions[id]
	if !ok || n.Tenant != t && !s.has("leaks tenants") {
		return session.Session{}, session.ErrNotFound
	}
	return n, nil
}

// began returns the session that began with that ID.
func (s *slow) began(id sid) (session.Session, bool) {
	for _, n := range s.sessions {
		if n.First == id {
			return n, true
		}
	}
	return session.Session{}, false
}

// named returns the session of a tenant that has that ID or began with it.
func (s *slow) named(t ten, id sid) (session.Session, error) {
	n, err := s.get(t, id)
	if err == nil || s.has("ends by the id of now alone") {
		return n, err
	}
	if n, ok := s.began(id); ok && (n.Tenant == t || s.has("ends a first of any tenant")) {
		return n, nil
	}
	return n, err
}

func (s *slow) live(n session.Session, at time.Time) bool {
	switch s.fault {
	case "its own clock":
		at = time.Now()
	case "an end waits for its instant":
		end := n.EndsAt()
		return end.IsZero() || at.Before(end)
	case "forgets idleness":
		n.Idle = 0
	case "forgets life":
		n.Life = 0
	case "a limit is a moment late":
		at = at.Add(-time.Microsecond)
	}
	return n.Live(at)
}

func (s *slow) Create(c ctx, n session.Session) error {
	if err := s.begin(c); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := n.Err(); err != nil && !s.has("creates anything") {
		return err
	}
	if !s.has("keeps no first") {
		n.First = n.ID
	}
	if s.has("loses one of many") {
		kept := make(map[sid]session.Session, len(s.sessions))
		for id, n := range s.sessions {
			kept[id] = n
		}
		s.yields(s.fault)
		s.sessions = kept
	}
	old, exists := s.sessions[n.ID]
	if first, began := s.began(n.ID); began && !exists && !s.has("creates with a first") {
		old, exists = first, true
	}
	s.yields("looks, then creates")
	switch {
	case s.has("creates over an ended one") && !old.Ended.IsZero(), s.has("creates in another tenant") && old.Tenant != n.Tenant:
	case exists:
		if s.has("a visit of a refused login") {
			s.visit(n)
		}
		return session.ErrExists
	}
	switch s.fault {
	case "rounds up":
		up := func(t time.Time) time.Time { return t.Add(999 * time.Nanosecond).Truncate(time.Microsecond) }
		n.Created, n.Seen = up(n.Created), up(n.Seen)
	case "keeps seconds":
		n.Created = n.Created.Truncate(time.Second)
	case "keeps no label":
		n.Label = ""
	case "keeps a monotonic reading":
		n.Seen = time.Now().Add(time.Until(n.Seen))
	case "an address where there is none":
		if !n.Addr.IsValid() {
			n.Addr = netip.IPv4Unspecified()
		}
	case "knows nine clients":
		if n.Stamp.Client > session.API {
			n.Stamp.Client = session.Web
		}
	}
	s.write(n)
	s.visit(n)
	return nil
}

func (s *slow) visit(n session.Session) {
	if s.has("keeps no visits") {
		return
	}
	v := session.Visit{
		Tenant: n.Tenant, Member: n.Member, Session: n.First, Client: n.Stamp.Client, Addr: n.Addr, Country: n.Country,
		Device: n.Device, System: n.System, Verified: n.Stamp.Verified, At: n.Created,
	}
	s.visits = append(s.visits, v)
	if s.has("visits of 30 days") {
		s.visits = slices.DeleteFunc(s.visits, func(o session.Visit) bool { return o.At.Before(v.At.Add(-30 * 24 * time.Hour)) })
	}
}

func (s *slow) Find(c ctx, t ten, id sid) (session.Session, error) {
	if err := s.begin(c); err != nil {
		return session.Session{}, err
	}
	defer s.mu.Unlock()
	if old := s.stale[id]; s.has("lags") && !old.ID.IsZero() {
		delete(s.stale, id)
		return old, nil
	}
	n, err := s.get(t, id)
	if err == nil && !n.Ended.IsZero() && s.has("forgets ended ones") {
		return session.Session{}, session.ErrNotFound
	}
	return n, err
}

func (s *slow) Touch(c ctx, t ten, id sid, at time.Time, a netip.Addr, where geo.Country) error {
	if err := s.begin(c); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, err := s.get(t, id)
	s.yields("touches what it read before")
	switch {
	case err != nil && s.has("touch makes a session"):
		s.write(session.Session{ID: id, Tenant: t, Member: "kim", Created: at, Seen: at})
		return err
	case err != nil:
		return err
	case !s.live(n, at) && s.has("revives by touch"):
		n.Ended, n.Why = time.Time{}, ""
	case !s.live(n, at):
		return session.ErrEnded
	}
	if !at.Before(n.Seen) || s.has("seen moves back") {
		n.Seen = at
		if a.IsValid() || s.has("touch clears the address") {
			n.Addr, n.Country = a, where
		}
	}
	if s.has("touch counts from the start") {
		n.Seen = n.Created
	}
	s.write(n)
	return nil
}

func (s *slow) Renew(c ctx, t ten, id, next sid, at time.Time) error {
	if err := s.begin(c); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, err := s.get(t, id)
	_, used := s.sessions[next]
	if _, began := s.began(next); began && !s.has("renews to a first") {
		used = true
	}
	s.yields("renews what it read before")
	switch {
	case next.IsZero() && !s.has("renews to nothing"):
		return errDown
	case err != nil:
		return err
	case !s.live(n, at) && s.has("revives by renew"):
		n.Ended, n.Why = time.Time{}, ""
	case !s.live(n, at):
		return session.ErrEnded
	case used && !s.has("renews over another"):
		return session.ErrExists
	}
	if !s.has("both ids") {
		delete(s.sessions, id)
	}
	s.yields("renews in two steps")
	if s.has("shows both ids") {
		s.sessions[id] = n
		m := n
		m.ID = next
		s.sessions[next] = m
		s.yields(s.fault)
		delete(s.sessions, id)
	}
	n.ID = next
	if at.After(n.Seen) {
		n.Seen = at
	}
	switch s.fault {
	case "renew changes the stamp":
		n.Stamp.Policy.Number++
	case "renew lengthens life":
		n.Created = at
	case "renew forgets the limits":
		n.Idle, n.Life = 0, 0
	case "renew is no use":
		n.Seen = n.Created
	case "renew forgets the first":
		n.First = next
	case "visits follow the id":
		for i := range s.visits {
			if s.visits[i].Session == id {
				s.visits[i].Session = next
			}
		}
	}
	s.write(n)
	return nil
}

func (s *slow) End(c ctx, t ten, id sid, at time.Time, why string) error {
	if err := s.begin(c); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, err := s.named(t, id)
	s.yields("ends what it read before")
	switch {
	case err != nil:
		return err
	case s.has("forgets the end"), s.has("ends only the live") && !n.Live(at):
		return nil
	case n.Ended.IsZero(), s.has("keeps the second reason"):
		n.Ended, n.Why = at, why
	}
	if s.has("forgets the reason") {
		n.Why = ""
	}
	s.write(n)
	return nil
}

func (s *slow) EndAll(c ctx, o session.Order, at time.Time) (int, error) {
	if err := s.begin(c); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	switch s.fault {
	case "ends whatever the version":
		o.Policy, o.Membership = session.Version{}, session.Version{}
	case "ends every client":
		o.Clients = session.AllClients
	case "ends every device":
		o.Device = ""
	}
	var meant []session.Session
	for _, n := range s.sessions {
		if s.has("ends every tenant") {
			o.Tenant = n.Tenant
		}
		if s.has("orders by the id of now alone") && !o.Session.IsZero() && o.Session != n.ID {
			continue
		}
		if o.Ends(n) && (n.Ended.IsZero() || s.has("counts the ended")) {
			meant = append(meant, n)
		}
	}
	s.yields("ends all that it read before")
	if s.has("ends a page") {
		meant = meant[:min(len(meant), 500)]
	}
	for _, n := range meant {
		if s.yields("ends by the id that it read"); s.has("ends by the id that it read") && s.sessions[n.ID].ID.IsZero() {
			continue
		}
		if n.Ended.IsZero() {
			n.Ended, n.Why = at, o.Reason()
		}
		s.write(n)
	}
	return len(meant), nil
}

func (s *slow) List(c ctx, t ten, q session.Query) ([]session.Session, error) {
	if err := s.begin(c); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	order := func(a, b session.Cursor) int {
		c := b.Created.Compare(a.Created)
		if s.has("oldest first") {
			c = -c
		}
		if c == 0 {
			c = bytes.Compare(b.First[:], a.First[:])
			if s.has("the lesser id first") {
				c = -c
			}
		}
		return c
	}
	switch s.fault {
	case "ignores the cursor":
		q.After = session.Cursor{}
	case "ignores the first":
		q.First = sid{}
	case "ignores the kinds":
		q.Kinds = nil
	case "ignores the clients":
		q.Clients = 0
	case "ignores what is live":
		q.LiveAt = time.Time{}
	case "since means after":
		if !q.Since.IsZero() {
			q.Since = q.Since.Add(time.Microsecond)
		}
	}
	var page []session.Session
	for _, n := range s.sessions {
		switch {
		case n.Tenant != t && (!s.has("lists other tenants") || n.Member != q.Member),
			q.Member != "" && q.Member != n.Member && (!s.has("a member's name is a prefix") || !bytes.HasPrefix([]byte(n.Member), []byte(q.Member))),
			!q.First.IsZero() && q.First != n.First && (!s.has("a first is any id") || q.First != n.ID),
			q.Device != "" && q.Device != n.Device,
			q.Clients != 0 && !q.Clients.Has(n.Stamp.Client),
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, n.Kind),
			!q.LiveAt.IsZero() && !s.live(n, q.LiveAt),
			n.Created.Before(q.Since),
			q.After != session.Cursor{} && order(n.Cursor(), q.After) <= 0,
			q.After != session.Cursor{} && s.has("a cursor by time alone") && !n.Created.Before(q.After.Created):
			continue
		}
		page = append(page, n)
	}
	slices.SortFunc(page, func(a, b session.Session) int { return order(a.Cursor(), b.Cursor()) })
	if q.Max <= 0 || q.Max > session.MaxPage && !s.has("pages without end") {
		q.Max = session.MaxPage
	}
	return page[:min(len(page), q.Max)], nil
}

func (s *slow) Purge(c ctx, before time.Time, n int) (int, error) {
	if err := s.begin(c); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	var dead []session.Session
	for _, x := range s.sessions {
		end := x.EndsAt()
		switch {
		case len(dead) >= n && !s.has("purges more than n"):
		case s.has("purges the live") && end.IsZero(),
			!end.IsZero() && end.Before(before),
			!end.IsZero() && end.Equal(before) && s.has("purges from the instant itself"):
			if !s.has("purges the ended alone") || !x.Ended.IsZero() {
				dead = append(dead, x)
			}
		}
	}
	s.yields("purges what it read before")
	for _, x := range dead {
		delete(s.sessions, x.ID)
		for i := range s.visits {
			if s.visits[i].Session == x.First {
				s.visits[i].Session = sid{}
			}
		}
	}
	if s.has("purges visits") {
		s.visits = slices.DeleteFunc(s.visits, func(v session.Visit) bool { return v.Session.IsZero() })
	}
	if s.has("does not count what it purges") {
		return min(1, len(dead)), nil
	}
	return len(dead), nil
}

func (s *slow) Visits(c ctx, t ten, m mem, since time.Time) iter.Seq2[session.Visit, error] {
	return func(yield func(session.Visit, error) bool) {
		if err := s.begin(c); err != nil {
			if yield(session.Visit{}, err) && s.has("goes on after an error") {
				yield(session.Visit{}, err)
			}
			return
		}
		var page []session.Visit
		for _, v := range s.visits {
			at := v.At
			if s.has("since means after") {
				at = at.Add(-time.Microsecond)
			}
			if (v.Tenant == t || s.has("visits of other tenants")) && (m == "" || m == v.Member || s.has("visits of every member")) && !at.Before(since) {
				page = append(page, v)
			}
		}
		s.ranging++
		s.mu.Unlock()
		defer func() { s.mu.Lock(); s.ranging--; s.mu.Unlock() }()
		slices.SortStableFunc(page, func(a, b session.Visit) int {
			if s.has("visits oldest first") {
				a, b = b, a
			}
			return b.At.Compare(a.At)
		})
		for _, v := range page {
			if err := c.Err(); err != nil {
				if !s.has("breaks off without a word") && yield(session.Visit{}, err) && s.has("goes on after an error") {
					continue
				}
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
