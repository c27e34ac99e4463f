package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// believe is how long a clock must have been behind until it is believed to be right.
	believe = 5 * time.Minute
	// glance is how old a look at the wall clock may be, in time that the machine ran. So
	// a machine that was suspended, or whose clock was set, finds out within a millisecond
	// of work; looking each time would cost as much as a decision.
	glance = time.Millisecond
)

// clock tells how old copies are, and the instant by which entries and exceptions end. The
// latter does not step back with the machine's clock, or what has ended would be in force
// again; but a clock that was far ahead for a while and was set right is followed after
// five minutes. The zero clock is ready to use.
type clock struct {
	base   atomic.Pointer[time.Time] // the first reading, from which mono counts
	looked atomic.Int64              // mono, when the wall clock was looked at last
	ahead  atomic.Int64              // how far wall was ahead of mono then
	lead   atomic.Int64              // how far the instant that is told is ahead of mono

	mu     sync.Mutex
	behind int64 // mono, when the wall clock was first seen behind what is told; 0: it is not
}

// moment is a reading of both clocks, in nanoseconds: the monotonic one since the clock's
// first reading, the wall clock since 1970. The zero moment is before any other.
type moment struct{ mono, wall int64 }

// now reads the clocks.
func (c *clock) now() moment {
	base := c.base.Load()
	if base == nil {
		return c.look()
	}
	mono := int64(time.Since(*base))
	if mono-c.looked.Load() >= int64(glance) {
		return c.look()
	}
	return moment{mono, mono + c.ahead.Load()}
}

// look reads the clocks, the wall clock too.
func (c *clock) look() moment {
	m := c.moment(time.Now())
	c.notice(m)
	return m
}

// moment returns what t, a reading of the machine's clocks, is as a moment.
func (c *clock) moment(t time.Time) moment {
	base := c.base.Load()
	if base == nil {
		base = c.begin(t)
	}
	return moment{int64(t.Sub(*base)), t.UnixNano()}
}

func (c *clock) begin(t time.Time) *time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base.Load() == nil {
		c.lead.Store(t.UnixNano()) // before anybody can ask for it
		c.base.Store(&t)
	}
	return c.base.Load()
}

// notice compares the clocks at a moment with what is told.
func (c *clock) notice(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead := m.wall - m.mono
	c.ahead.Store(ahead)
	c.looked.Store(m.mono)
	switch lead := c.lead.Load(); {
	case ahead >= lead:
		c.lead.Store(ahead)
		c.behind = 0
	case lead-ahead <= int64(time.Second): // the two are never read at one instant
		c.behind = 0
	case c.behind == 0:
		c.behind = max(1, m.mono)
	case m.mono-c.behind >= int64(believe):
		c.lead.Store(ahead)
		c.behind = 0
	}
}

// told returns the instant that a moment stands for.
func (c *clock) told(m moment) time.Time { return time.Unix(0, m.mono+c.lead.Load()) }

// at returns the instant that now, a reading of the machine's clocks, stands for.
func (c *clock) at(now time.Time) time.Time {
	m := c.moment(now)
	c.notice(m)
	return c.told(m)
}

// age returns how long before now m was: by the clock that says longer, since the
// monotonic one stands still while a machine is suspended. A wall clock that has stepped
// back behind m knows nothing, and the age is without end.
func (m moment) age(now moment) time.Duration {
	wall := now.wall - m.wall
	if m.wall == 0 || wall < -int64(time.Second) {
		return 1<<63 - 1
	}
	return time.Duration(max(now.mono-m.mono, wall))
}
