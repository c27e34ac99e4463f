package session

import (
	"cmp"
	"math/bits"
	"slices"
)

// Cuts says which numbers sessions must carry to be alive: for each client the least
// number, 0 if nothing was cut. The numbers are those of the [Version] of the record
// that the Cuts stand in; a stamp of another line is dead whatever they say.
//
// To end sessions, store with the record, in one write, its next version and a cut at
// the number of that version. Sessions admitted before it are dead then, wherever they
// are, and those admitted after it live.
//
// The zero Cuts cuts nothing. A Cuts is a value that never changes; [Cuts.Cut] and
// [Cuts.Max] return another. It is safe for concurrent use. Compare with [Cuts.Equal].
type Cuts struct {
	// The clients of the groups are disjoint, known and not empty; the numbers are
	// distinct, between 1 and MaxNumber, and ascend. So equal Cuts have equal groups.
	// Values share the array, therefore nothing ever writes to it.
	groups []group
}

// A group is the clients that were cut at one number. A record has as many as there are
// kinds of signing out, two or three, and never more than maxClients.
type group struct {
	Clients Clients `json:"clients"`
	Number  uint64  `json:"version"`
}

// Cut returns c with the sessions of clients ended whose number is below number: that
// of the version which the record has from this save on, see [Version.Next]. It
// never moves back: a client that was cut at a higher number keeps that one, so cuts may
// be repeated and come in any order. Clients that are not known are left out. If number
// is 0 or there are no clients, it returns c.
//
// A number above [MaxNumber] counts as MaxNumber. No record gets so far, so it is a
// mistake: it ends every session, and [Cuts.Highest] shows it.
func (c Cuts) Cut(clients Clients, number uint64) Cuts {
	clients &= AllClients
	number = min(number, MaxNumber)
	for _, g := range c.groups {
		if g.Number >= number {
			clients &^= g.Clients
		}
	}
	if clients == 0 || number == 0 {
		return c
	}
	groups := make([]group, 0, len(c.groups)+1)
	joined := group{clients, number}
	for _, g := range c.groups {
		if g.Number == number {
			joined.Clients |= g.Clients
		} else if g.Clients &^= clients; g.Clients != 0 {
			groups = append(groups, g)
		}
	}
	groups = append(groups, joined)
	slices.SortFunc(groups, func(a, b group) int { return cmp.Compare(a.Number, b.Number) })
	return Cuts{groups}
}

// Live reports whether a session of client that carries number is alive: no cut above
// number names the client. It is false for a client that is not known, and for a number
// above [MaxNumber], which no record has and which no cut could end. It does not
// allocate. It does not see whether the session's line is that of the record: ask Alive.
func (c Cuts) Live(client Client, number uint64) bool {
	bit := ClientsOf(client)
	if bit == 0 || number > MaxNumber {
		return false
	}
	// All groups are asked, without a branch on the answer: they are few, and a
	// processor that guesses wrong loses more time than that takes.
	var cut Clients
	for i := range c.groups {
		_, above := bits.Sub64(number, c.groups[i].Number, 0)
		cut |= c.groups[i].Clients & -Clients(above)
	}
	return cut&bit == 0
}

// Alive reports whether a record that is at version now and has the cuts c lets a
// session of client live that carries stamped: the whole check, of which Live is the
// last step. Ask it for the tenant's record with Stamp.Policy, and for the member's with
// Stamp.Member; a session lives only if both say so.
//
// A session of another line is dead, and so is one whose number is above now, which
// means that the record is older than one that was seen before. If c is higher than now,
// the record is corrupt, and no session is alive. A session with the zero Version, from
// before stamps, lives until the first cut of its client. Alive does not allocate.
func (c Cuts) Alive(client Client, stamped, now Version) bool {
	if c.Highest() > now.Number {
		return false
	}
	if stamped != (Version{}) && (stamped.Line != now.Line || stamped.Number > now.Number) {
		return false
	}
	return c.Live(client, stamped.Number)
}

// Max returns what ends the sessions that c ends and those that d ends: for each client
// the higher number. The two must be of one line.
func (c Cuts) Max(d Cuts) Cuts {
	for _, g := range d.groups {
		c = c.Cut(g.Clients, g.Number)
	}
	return c
}

// Equal reports whether c and d have the same number for each client.
func (c Cuts) Equal(d Cuts) bool {
	return slices.Equal(c.groups, d.groups)
}

// IsZero reports whether c cuts nothing. It makes the JSON option omitzero work.
func (c Cuts) IsZero() bool {
	return len(c.groups) == 0
}

// Highest returns the highest number in c, 0 if it cuts nothing. A record whose cuts are
// higher than its version is corrupt, and nobody should be admitted by it.
func (c Cuts) Highest() uint64 {
	if c.IsZero() {
		return 0
	}
	return c.groups[len(c.groups)-1].Number
}
