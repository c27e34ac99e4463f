package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// stride is how many sessions a script looks at, about a millisecond.
const stride = 200

var (
	endAllScript = script("endall")
	listScript   = script("list")
	purgeScript  = script("purge")
	cutScript    = script("cut")
)

// prefix returns how the entries begin that lead to the sessions of a member, or else of a
// device, or else all, in the list of a tenant.
func prefix(member session.MemberID, device string) string {
	switch {
	case member != "":
		return fmt.Sprintf("M%04x%s", len(member), member)
	case device != "":
		return fmt.Sprintf("D%04x%s", len(device), device)
	}
	return "T"
}

// EndAll ends the sessions that an order means; see [session.Store]. Each step looks at
// 200, so that nobody waits long for it, in the order in which they were created, which a
// renewal does not change. What was ended stays so if it fails on the way; the number may
// be too low if the client had to repeat a step.
func (s *Sessions) EndAll(ctx context.Context, o session.Order, at time.Time) (int, error) {
	if o.Kind != session.SignOut {
		return 0, ctx.Err()
	}
	one := ""
	if !o.Session.IsZero() {
		one = string(o.Session[:])
	}
	clients := strings.Join(names(o.Clients), ",")
	if clients != "all" {
		clients = "," + clients + ","
	}
	policy, membership := version(o.Policy), version(o.Membership)
	ended, last := 0, ""
	for {
		reply, err := s.db.run(ctx, endAllScript, string(o.Tenant), prefix(o.Member, o.Device), last, stride, microseconds(at), o.Reason(),
			string(o.Member), o.Device, o.Via, clients, policy[0], policy[1], membership[0], membership[1], one)
		if err != nil {
			return ended, err
		}
		if len(reply) != 2 {
			return ended, errAnswer
		}
		ended += atoi(text(reply[0]))
		if last = text(reply[1]); last == "" {
			return ended, nil
		}
	}
}

// names returns the names of clients, or "all".
func names(c session.Clients) []string {
	if c&session.AllClients == session.AllClients {
		return []string{"all"}
	}
	var names []string
	for one := range c.All() {
		names = append(names, one.String())
	}
	return names
}

// version returns line and number, or nothing of the zero version.
func version(v session.Version) [2]string {
	if v == (session.Version{}) {
		return [2]string{}
	}
	return [2]string{strconv.FormatUint(uint64(v.Line), 10), strconv.FormatUint(v.Number, 10)}
}

// Revoke ends the sessions that a sign-out means, as EndAll does, and those that are not
// yet stored too if it names a version and neither session, device nor external identity:
// a cut does it at once, in one write, and the rest is bookkeeping, which goes on where it
// was if the order comes again. Other orders do nothing.
func (s *Sessions) Revoke(ctx context.Context, o session.Order) error {
	now := time.Now()
	if err := s.cut(ctx, o, now); err != nil {
		return err
	}
	_, err := s.EndAll(ctx, o, now)
	return err
}

// cut keeps a sign-out beside the sessions, if a cut can say it.
func (s *Sessions) cut(ctx context.Context, o session.Order, now time.Time) error {
	if o.Kind != session.SignOut || !o.Session.IsZero() || o.Device != "" || o.Via != "" {
		return ctx.Err()
	}
	kind, v := "", o.Policy
	switch zero := (session.Version{}); {
	case o.Policy == zero && o.Membership != zero && o.Member != "":
		kind, v = "m", o.Membership
	case o.Policy != zero && o.Membership == zero && o.Member != "":
		kind = "p"
	case o.Policy != zero && o.Membership == zero:
		kind = "P"
	default:
		return ctx.Err()
	}
	if !o.At.IsZero() {
		now = o.At
	}
	args := []any{kind, version(v)[0], version(v)[1], string(o.Tenant), string(o.Member), microseconds(now)}
	for _, name := range names(o.Clients) {
		args = append(args, name)
	}
	_, err := s.db.run(ctx, cutScript, args...)
	return err
}

// List returns sessions of a tenant; see [session.Store].
func (s *Sessions) List(ctx context.Context, t session.TenantID, q session.Query) ([]session.Session, error) {
	if q.Max <= 0 || q.Max > session.MaxPage {
		q.Max = session.MaxPage
	}
	before := "g" // above all places
	if q.After != (session.Cursor{}) {
		before = place(q.After.Created) + string(q.After.First[:])
	}
	one := ""
	if !q.First.IsZero() {
		one = string(q.First[:])
	}
	var page []session.Session
	for {
		reply, err := s.db.run(ctx, listScript, string(t), prefix(q.Member, q.Device), before, min(stride, q.Max), one)
		if err != nil {
			return nil, err
		}
		if len(reply) != 2 {
			return nil, errAnswer
		}
		sessions, _ := reply[1].([]any)
		for _, v := range sessions {
			found, err := decode(v)
			if err != nil {
				return nil, err
			}
			if chosen(found, t, q) {
				page = append(page, found)
			}
			if len(page) >= q.Max || found.Created.UnixMicro() < q.Since.UnixMicro() {
				return page, nil
			}
		}
		if before = text(reply[0]); before == "" {
			return page, nil
		}
	}
}

// chosen reports whether q names a session of a tenant.
func chosen(s session.Session, t session.TenantID, q session.Query) bool {
	return s.Tenant == t &&
		(q.First.IsZero() || s.First == q.First) &&
		(q.Member == "" || s.Member == q.Member) &&
		(q.Device == "" || s.Device == q.Device) &&
		(q.Clients == 0 || q.Clients.Has(s.Stamp.Client)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, s.Kind)) &&
		(q.LiveAt.IsZero() || s.Live(q.LiveAt)) &&
		s.Created.UnixMicro() >= q.Since.UnixMicro() &&
		(q.After == session.Cursor{} || comesAfter(s.Cursor(), q.After))
}

// comesAfter reports whether a place in a list lies behind another: newest first.
func comesAfter(c, d session.Cursor) bool {
	order := cmp.Or(cmp.Compare(d.Created.UnixMicro(), c.Created.UnixMicro()), bytes.Compare(d.First[:], c.First[:]))
	return order > 0
}

// Purge removes sessions that were dead before an instant; see [session.Store].
func (s *Sessions) Purge(ctx context.Context, before time.Time, n int) (int, error) {
	if n <= 0 {
		return 0, ctx.Err()
	}
	for purged := 0; ; {
		reply, err := s.db.run(ctx, purgeScript, instant(before), min(stride, n-purged))
		if err != nil {
			return purged, err
		}
		if len(reply) != 2 {
			return purged, errAnswer
		}
		purged += atoi(text(reply[0]))
		if looked := atoi(text(reply[1])); looked == 0 || purged >= n {
			return purged, nil
		}
	}
}
