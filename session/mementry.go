package session

import (
	"bytes"
	"cmp"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/sallyport-go/sallyport/geo"
)

// instant is a time to the microsecond, rounded down, in a third of the room.
type instant int64

func instantOf(t time.Time) instant { return instant(t.UnixMicro()) }

func (i instant) time() time.Time { return time.UnixMicro(int64(i)).UTC() }

var never = instantOf(time.Time{})

// entry is a Session as a MemStore holds it, in two thirds of the room: text that many
// sessions share is there once.
type entry struct {
	id     ID  // written with the tenant and the shards of both and of the first locked; read with one of them
	first  *ID // nil: id, for it was never renewed; guarded likewise
	tenant *tenant
	visit  *visit // guarded by the tenant; nil: dropped

	// These never change.
	member  MemberID
	device  string
	system  unique.Handle[string]
	via     unique.Handle[string]
	label   unique.Handle[string]
	stamp   Stamp
	created instant
	idle    time.Duration
	life    time.Duration
	kind    Kind

	// These are guarded by the shard of id.
	country geo.Country
	addr    netip.Addr
	seen    instant
	ended   instant // never: nobody has
	why     unique.Handle[string]
}

// began returns the ID that e began with. It never changes, so it is read with the shard of
// e locked, or the tenant.
func (e *entry) began() ID {
	if e.first != nil {
		return *e.first
	}
	return e.id
}

func (e *entry) session() Session {
	return Session{
		ID: e.id, First: e.began(), Tenant: e.tenant.id, Member: e.member, Kind: e.kind, Stamp: e.stamp,
		Addr: e.addr, Country: e.country, Device: e.device, System: e.system.Value(), Via: e.via.Value(), Label: e.label.Value(),
		Created: e.created.time(), Seen: e.seen.time(), Idle: e.idle, Life: e.life,
		Ended: e.ended.time(), Why: e.why.Value(),
	}
}

// end ends e and reports whether nobody had before.
func (e *entry) end(at time.Time, why string) bool {
	if e.ended != never {
		return false
	}
	e.ended, e.why = instantOf(at), unique.Make(why)
	if e.ended == never { // the caller forgot the instant: that must not spare the session
		e.ended = e.created
	}
	return true
}

// visit is a Visit as a MemStore holds it.
type visit struct {
	session  *entry // nil: purged
	member   MemberID
	device   string
	system   unique.Handle[string]
	addr     netip.Addr
	at       instant
	number   uint64 // of the tenant's visits, so that no two are equal
	country  geo.Country
	client   Client
	verified bool
}

func (v *visit) visit(t TenantID) Visit {
	out := Visit{
		Tenant: t, Member: v.member, Client: v.client, Addr: v.addr, Country: v.country,
		Device: v.device, System: v.system.Value(), Verified: v.verified, At: v.at.time(),
	}
	if v.session != nil {
		out.Session = v.session.began()
	}
	return out
}

// tenant holds what a tenant has in the orders in which it is asked for.
type tenant struct {
	id TenantID

	mu       sync.RWMutex
	gone     bool           // nothing was left of it, and another may be in its place
	sessions sorted[*entry] // newest first
	members  sorted[*entry] // by member, then newest first
	devices  sorted[*entry] // by device, then newest first; none without one

	visits       sorted[*visit] // newest first
	memberVisits sorted[*visit] // by member, then newest first
	number       uint64         // of the last visit
}

func newest(a, b *entry) int {
	if a.created != b.created {
		return cmp.Compare(b.created, a.created)
	}
	x, y := b.began(), a.began()
	return bytes.Compare(x[:], y[:])
}

func memberNewest(a, b *entry) int {
	if c := strings.Compare(string(a.member), string(b.member)); c != 0 {
		return c
	}
	return newest(a, b)
}

func deviceNewest(a, b *entry) int {
	if c := strings.Compare(a.device, b.device); c != 0 {
		return c
	}
	return newest(a, b)
}

func newestVisit(a, b *visit) int {
	if a.at != b.at {
		return cmp.Compare(b.at, a.at)
	}
	return cmp.Compare(b.number, a.number)
}

func memberNewestVisit(a, b *visit) int {
	if c := strings.Compare(string(a.member), string(b.member)); c != 0 {
		return c
	}
	return newestVisit(a, b)
}

// entry makes an entry of s, which is in no index yet. Its text is that of the
// member's other sessions, or a copy: the caller's may be a piece of something large.
func (t *tenant) entry(s Session) *entry {
	e := &entry{
		id: s.ID, tenant: t,
		system: unique.Make(s.System), via: unique.Make(s.Via), label: unique.Make(s.Label),
		stamp: s.Stamp, created: instantOf(s.Created), idle: s.Idle, life: s.Life, kind: s.Kind,
		country: s.Country, addr: s.Addr, seen: instantOf(s.Seen), ended: never, why: unique.Make(""),
	}
	if x, ok := t.members.first(func(x *entry) bool { return x.member < s.Member }); ok && x.member == s.Member {
		e.member = x.member
	} else {
		e.member = MemberID(strings.Clone(string(s.Member)))
	}
	if x, ok := t.devices.first(func(x *entry) bool { return x.device < s.Device }); ok && x.device == s.Device {
		e.device = x.device
	} else {
		e.device = strings.Clone(s.Device)
	}
	return e
}

func (t *tenant) put(e *entry) {
	t.sessions.put(e, newest)
	t.members.put(e, memberNewest)
	if e.device != "" {
		t.devices.put(e, deviceNewest)
	}
}

func (t *tenant) remove(e *entry) {
	t.sessions.remove(e, newest)
	t.members.remove(e, memberNewest)
	if e.device != "" {
		t.devices.remove(e, deviceNewest)
	}
}

// visited keeps the visit with which e began.
func (t *tenant) visited(e *entry) {
	t.number++
	e.visit = &visit{
		session: e, member: e.member, device: e.device, system: e.system, addr: e.addr, at: e.created, number: t.number,
		country: e.country, client: e.stamp.Client, verified: e.stamp.Verified,
	}
	t.visits.put(e.visit, newestVisit)
	t.memberVisits.put(e.visit, memberNewestVisit)
}

// forget drops visits that were before an instant, the oldest first, at most n.
func (t *tenant) forget(before instant, n int) {
	for ; n > 0; n-- {
		v, ok := t.visits.last()
		if !ok || v.at >= before {
			return
		}
		t.visits.remove(v, newestVisit)
		t.memberVisits.remove(v, memberNewestVisit)
		if v.session != nil {
			v.session.visit = nil
		}
	}
}
