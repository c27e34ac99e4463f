package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

type attempt struct {
	Address  netip.Addr     `json:"address,omitzero"`
	Client   session.Client `json:"client"`
	Plan     policy.Plan    `json:"plan"`
	Member   *account       `json:"member,omitempty"`
	Verified bool           `json:"verified"`
	Request  bool           `json:"request"`
	Time     time.Time      `json:"time"`
}

type account struct {
	ID                 member.ID       `json:"id"`
	Status             member.Status   `json:"status"`
	Super              bool            `json:"super"`
	Blocked            session.Clients `json:"blocked"`
	MustChangePassword bool            `json:"must_change_password"`
}

// maker makes attempts by the members of one service.
type maker struct {
	*rand.Rand
	spoiler  *rand.Rand // apart, so that bad lines do not change the others
	prefixes []netip.Prefix
	members  []account
}

// choice is one of several things, and how often of a hundred it is chosen.
type choice[T any] struct {
	thing   T
	percent int
}

var (
	clients = []choice[session.Client]{
		{session.Web, 45}, {session.Mobile, 25}, {session.Desktop, 10}, {session.IMAP, 8},
		{session.API, 5}, {session.Drive, 3}, {session.SMTP, 2}, {session.CalDAV, 1}, {session.FirstCustom, 1},
	}
	statuses = []choice[member.Status]{
		{member.Active, 92}, {member.OnLeave, 3}, {member.Suspended, 2},
		{member.Locked, 1}, {member.Pending, 1}, {member.Deleted, 1},
	}
	plans = []choice[policy.Plan]{{"standard", 90}, {"lite", 5}, {"free", 5}}
)

const memberCount = 10_000

func newMaker(seed uint64, prefixes []netip.Prefix) *maker {
	m := &maker{rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1)), prefixes, make([]account, memberCount)}
	for i := range m.members {
		a := account{ID: member.ID(fmt.Sprintf("m%05d", i)), Status: choose(m, statuses), Super: m.once(1000), MustChangePassword: m.once(50)}
		if m.once(20) {
			a.Blocked = session.Apps
		}
		m.members[i] = a
	}
	return m
}

// attempt makes the i-th attempt. They are a tenth of a second apart.
func (m *maker) attempt(i uint) attempt {
	start := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	a := attempt{
		Client:   choose(m, clients),
		Plan:     choose(m, plans),
		Verified: m.once(10),
		Request:  m.once(3),
		Time:     start.Add(time.Duration(i) * 100 * time.Millisecond),
	}
	if !m.once(1000) {
		a.Address = within(m.Rand, m.prefixes[m.IntN(len(m.prefixes))])
	}
	if !m.once(200) {
		a.Member = &m.members[m.IntN(len(m.members))]
	}
	return a
}

// spoil makes a line into one that decide must refuse.
func (m *maker) spoil(line []byte) []byte {
	switch m.spoiler.IntN(5) {
	case 0: // cut off
		return line[:1+m.spoiler.IntN(len(line)-1)]
	case 1: // of two writers at once
		return append(line, line...)
	case 2: // misspelt
		return bytes.Replace(line, []byte("client"), []byte("Client"), 1)
	case 3: // no JSON at all
		return []byte("2026/01/01 00:00:00 login by m00001")
	default: // far too long
		return append(line, bytes.Repeat([]byte(" "), 100_000)...)
	}
}

// once reports true one time in n.
func (m *maker) once(n int) bool { return m.IntN(n) == 0 }

func choose[T any](m *maker, choices []choice[T]) T {
	n := m.IntN(100)
	for _, c := range choices {
		if n -= c.percent; n < 0 {
			return c.thing
		}
	}
	return choices[0].thing
}
