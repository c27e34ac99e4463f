package engine

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// cut ends in a record, at its number, the sessions that a change ends.
func (e *Engine) cut(r *policy.Record, d policy.Change) {
	r.Cuts, r.MemberCuts = cutAt(r.Version.Number, r.Cuts, r.MemberCuts, d, e.profile.SignOut.Exception)
}

// cutAt returns cuts with those of a change at a number. Where single members become too
// many, all are cut on the clients that any of them is cut on.
func cutAt(number uint64, cuts session.Cuts, members map[member.ID]session.Cuts, d policy.Change, clients session.Clients) (session.Cuts, map[member.ID]session.Cuts) {
	cuts = cuts.Cut(d.SignOut, number)
	members = maps.Clone(members)
	if members == nil {
		members = make(map[member.ID]session.Cuts)
	}
	for _, id := range d.SignOutMembers {
		members[id] = members[id].Cut(clients, number)
	}
	maps.DeleteFunc(members, func(_ member.ID, c session.Cuts) bool { return cuts.Max(c).Equal(cuts) }) // cut with all
	if len(members) > policy.MaxMemberCuts {
		for _, c := range members {
			cuts = cuts.Cut(cutFrom(c, 1), number)
		}
		members = nil
	}
	if len(members) == 0 {
		return cuts, nil
	}
	return cuts, members
}

// cutFrom returns the clients that are cut at number or above it.
func cutFrom(c session.Cuts, number uint64) (clients session.Clients) {
	for client := range session.AllClients.All() {
		if !c.Live(client, number-1) {
			clients |= session.ClientsOf(client)
		}
	}
	return clients
}

// cutNow returns what a record cuts at its own number: what its save has ended. Of a
// member those clients that are not cut for all.
func cutNow(r policy.Record) (clients session.Clients, members map[member.ID]session.Clients) {
	clients = cutFrom(r.Cuts, r.Version.Number)
	members = make(map[member.ID]session.Clients)
	for id, c := range r.MemberCuts {
		if left := cutFrom(c, r.Version.Number) &^ clients; left != 0 {
			members[id] = left
		}
	}
	return clients, members
}

// tell says in a change whom the save of a record has signed out.
func tell(r policy.Record, d *policy.Change) {
	clients, members := cutNow(r)
	if more := clients &^ d.SignOut; more != 0 {
		d.Summary = append(slices.Clip(d.Summary), fmt.Sprintf("more than %d members are signed out singly, and so all are: %s", policy.MaxMemberCuts, more.Words()))
	}
	d.SignOut, d.SignOutMembers = clients, slices.Sorted(maps.Keys(members))
}

// signOuts returns the orders to drop what the save of a record has ended. On a new line,
// what carries the former one is meant, whatever its number. why is the kind of its event.
func signOuts(r policy.Record, former session.Version, why string) []session.Order {
	v := r.Version
	if former.Line != v.Line {
		v = session.Version{Line: former.Line, Number: session.MaxNumber}
	}
	var orders []session.Order
	give := func(id member.ID, clients session.Clients) {
		orders = append(orders, session.Order{ID: rand.Text(), Kind: session.SignOut, Tenant: r.Tenant, Member: id, Clients: clients, Policy: v, Why: why, Actor: r.By, At: r.At})
	}
	clients, members := cutNow(r)
	if clients != 0 {
		give("", clients)
	}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		give(id, members[id])
	}
	return orders
}
