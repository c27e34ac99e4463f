package session

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Device is a device from which a member has logged in, as its sessions and visits tell.
// A device that two members use is there for each. It is a value.
type Device struct {
	ID      string // the host's
	Member  MemberID
	System  string  // the operating system, when it was seen last
	Clients Clients // those that were used on it
	First   time.Time
	Last    time.Time
	Live    bool // a session on it is live
}

// Devices returns the devices of a member, or of every member if that is "", the last used
// first. What has no device is left out. A device is remembered as long as one of its
// sessions or visits: see Purge and History.
func (v View) Devices(ctx context.Context, t TenantID, member MemberID) ([]Device, error) {
	type key struct {
		member MemberID
		device string
	}
	found := make(map[key]*Device)
	seen := func(m MemberID, id, system string, c Client, first, last time.Time, live bool) {
		if id == "" {
			return
		}
		d := found[key{m, id}]
		if d == nil {
			d = &Device{ID: id, Member: m, First: first}
			found[key{m, id}] = d
		}
		if first.Before(d.First) {
			d.First = first
		}
		if last.After(d.Last) {
			d.Last = last
			d.System = cmp.Or(system, d.System)
		}
		d.System = cmp.Or(d.System, system)
		d.Clients |= ClientsOf(c)
		d.Live = d.Live || live
	}
	for s, err := range v.Sessions(ctx, t, Query{Member: member}) {
		if err != nil {
			return nil, err
		}
		seen(s.Member, s.Device, s.System, s.Stamp.Client, s.Created, s.Seen, v.Live(s))
	}
	if store, ok := v.Store.(Visitor); ok {
		for a, err := range store.Visits(ctx, t, member, time.Time{}) {
			if err != nil {
				return nil, err
			}
			seen(a.Member, a.Device, a.System, a.Client, a.At, a.At, false)
		}
	}
	devices := make([]Device, 0, len(found))
	for _, d := range found {
		devices = append(devices, *d)
	}
	slices.SortFunc(devices, func(a, b Device) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.ID, b.ID), cmp.Compare(a.Member, b.Member))
	})
	return devices, nil
}
