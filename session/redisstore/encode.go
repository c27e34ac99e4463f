package redisstore

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// fields are what is kept of a session, in a hash, under names that the scripts use. Those
// that are empty are not stored. Instants are microseconds; limits are microseconds,
// rounded up, then ":" and nanoseconds.
var fields = []string{
	"id", "first", "tenant", "member", "kind", "client", "pl", "pn", "ml", "mn", "verified", "where",
	"addr", "country", "device", "system", "via", "label", "created", "seen", "idle", "life",
	"ended", "why", "place",
}

// encode returns fields and values of a new session.
func encode(s session.Session) ([]any, error) {
	for _, t := range []time.Time{s.Created, s.Seen} {
		if us := t.UnixMicro(); us > exact || us < -exact {
			return nil, errors.New("redisstore: a session is of a time before 1685 or after 2255")
		}
	}
	addr := ""
	if s.Addr.IsValid() {
		addr = s.Addr.String()
	}
	verified := ""
	if s.Stamp.Verified {
		verified = "yes"
	}
	values := []string{
		string(s.ID[:]), string(s.ID[:]), string(s.Tenant), string(s.Member), s.Kind.String(), s.Stamp.Client.String(),
		strconv.FormatUint(uint64(s.Stamp.Policy.Line), 10), strconv.FormatUint(s.Stamp.Policy.Number, 10),
		strconv.FormatUint(uint64(s.Stamp.Member.Line), 10), strconv.FormatUint(s.Stamp.Member.Number, 10),
		verified, s.Stamp.Country.String(),
		addr, s.Country.String(), s.Device, s.System, s.Via, s.Label,
		microseconds(s.Created), microseconds(s.Seen), limit(s.Idle), limit(s.Life),
		"", "", place(s.Created),
	}
	var all []any
	for i, v := range values {
		if v != "" {
			all = append(all, fields[i], v)
		}
	}
	return all, nil
}

// place returns how an instant is written in the lists: in order of bytes.
func place(t time.Time) string { return fmt.Sprintf("%016x", uint64(t.UnixMicro())+1<<63) }

func limit(d time.Duration) string {
	if d == 0 {
		return ""
	}
	us := d / time.Microsecond
	if d%time.Microsecond != 0 {
		us++
	}
	return fmt.Sprintf("%d:%d", us, d)
}

// decode reads a session as a script returns it.
func decode(v any) (session.Session, error) {
	values := texts(v)
	if len(values) != len(fields) {
		return session.Session{}, errAnswer
	}
	var s session.Session
	d := decoder{values: values}
	copy(s.ID[:], d.next())
	copy(s.First[:], d.next())
	s.Tenant, s.Member = session.TenantID(d.next()), session.MemberID(d.next())
	d.read(s.Kind.UnmarshalText)
	d.read(s.Stamp.Client.UnmarshalText)
	for _, v := range []*session.Version{&s.Stamp.Policy, &s.Stamp.Member} {
		v.Line, v.Number = uint32(d.number(32)), d.number(64)
	}
	s.Stamp.Verified = d.next() == "yes"
	d.read(s.Stamp.Country.UnmarshalText)
	if addr := d.next(); addr != "" {
		a, err := netip.ParseAddr(addr)
		d.fail(err)
		s.Addr = a
	}
	d.read(s.Country.UnmarshalText)
	s.Device, s.System, s.Via, s.Label = d.next(), d.next(), d.next(), d.next()
	s.Created, s.Seen = d.instant(), d.instant()
	s.Idle, s.Life = d.limit(), d.limit()
	s.Ended, s.Why = d.instant(), d.next()
	if s.ID.IsZero() || s.First.IsZero() || s.Tenant == "" || s.Member == "" || s.Created.IsZero() {
		d.fail(errors.New("it has no id, tenant, member or beginning"))
	}
	if d.err != nil {
		return session.Session{}, fmt.Errorf("redisstore: a session cannot be read: %w", d.err)
	}
	return s, nil
}

// decoder reads one value after the other, and keeps the first error.
type decoder struct {
	values []string
	err    error
}

func (d *decoder) next() string {
	v := d.values[0]
	d.values = d.values[1:]
	return v
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) read(unmarshal func([]byte) error) { d.fail(unmarshal([]byte(d.next()))) }

func (d *decoder) number(bits int) uint64 {
	n, err := strconv.ParseUint(d.next(), 10, bits)
	d.fail(err)
	return n
}

func (d *decoder) instant() time.Time {
	v := d.next()
	if v == "" {
		return time.Time{}
	}
	us, err := strconv.ParseInt(v, 10, 64)
	d.fail(err)
	return time.UnixMicro(us).UTC()
}

func (d *decoder) limit() time.Duration {
	v := d.next()
	if v == "" {
		return 0
	}
	var us, ns int64
	_, err := fmt.Sscanf(v, "%d:%d", &us, &ns)
	d.fail(err)
	return time.Duration(ns)
}
