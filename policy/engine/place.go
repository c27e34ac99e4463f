package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// place is where the copy of one record is kept, of a tenant or of a member, and where it
// is read: once at a time, however many ask.
type place[T copied] struct {
	use     use
	due     time.Duration     // the age from which the copy is read anew before it is too old
	key     uint64            // in seen
	copy    atomic.Pointer[T] // nil: nothing was read yet, or it was evicted
	foreign atomic.Uint64     // the line of the copy and one that the store has no more

	mu     sync.Mutex
	begun  uint64      // readings so far
	hung   int         // of those, how many have ended with the host's call not returned
	since  moment      // when the last began
	under  *reading[T] // under way; nil: none
	last   *reading[T] // the last that ended, but for those whose caller gave up before; nil: none
	failed moment      // when one failed last
	paced  moment      // when a stamp last had one begin
}

// copied is what is kept: something that was at a version when it was read.
type copied interface {
	at() (session.Version, moment)
}

// reading is one reading of the store or of Members. It runs on a context and a goroutine
// of its own for at most LoadTimeout, so that one caller who gives up harms no other.
type reading[T any] struct {
	number uint64
	done   chan struct{}
	hung   bool // it ended, and the host's call has not returned
	value  *T
	err    error
}

// reader reads what a place is for, and keeps it there.
type reader[T any] func(context.Context) (*T, error)

var (
	errGaveUp = errors.New("engine: who was to begin this reading gave up")
	errHung   = errors.New("engine: the host has not returned from earlier calls, though their context has ended")
	errLate   = errors.New("engine: the answer came so late that it is too old to decide by")
)

// aging returns the age from which a copy is read anew: half of what it may have, a little
// more for some than for others, so that they do not come all at once.
func (e *Engine) aging(hash uint64) time.Duration {
	return e.o.MaxStale/2 + e.o.MaxStale/1024*time.Duration(hash%256)
}

// stale reports whether a copy is too old to decide by.
func (e *Engine) stale(read, now moment) bool { return read.age(now) > e.o.MaxStale }

// keep makes s the copy, unless there is one that is newer or was read later, and returns
// the one that is there then. It reports moved if the place is no longer where anybody
// looks: s belongs into the one that is. A version behind what was seen is an error.
func (p *place[T]) keep(seen *seen, s *T) (kept *T, moved bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, when := (*s).at()
	if !seen.note(p.key, v) { // under the lock, or what is noted first could be kept last
		return nil, false, errRegression
	}
	if p.use.is.Load() == gone {
		return s, true, nil
	}
	if was := p.copy.Load(); was != nil {
		w, wasWhen := (*was).at()
		if w.Line == v.Line && (w.Number > v.Number || w == v && wasWhen.mono > when.mono) {
			return was, false, nil
		}
	}
	p.copy.Store(s)
	return s, false, nil
}

// fresh returns a copy that is not stale, or why there is none.
func (p *place[T]) fresh(ctx context.Context, e *Engine, now moment, read reader[T]) (*T, error) {
	good := func(s *T) bool { _, when := (*s).at(); return !e.stale(when, now) }
	if s := p.copy.Load(); s != nil && good(s) {
		if _, when := (*s).at(); when.age(now) > p.due {
			p.ahead(e, now, read)
		}
		return s, nil
	}
	ended, _ := p.numbers()
	s, _, err := p.join(ctx, e, ended, good, 0, read)
	return s, err
}

// latest returns the copy by a reading that begins only now: what was saved while another
// was under way, and acknowledged, would cut the stamp that is given by it. Where there is
// no answer, a copy that is not stale will do.
func (p *place[T]) latest(ctx context.Context, e *Engine, read reader[T]) (*T, error) {
	_, begun := p.numbers()
	s, _, err := p.join(ctx, e, begun, nil, 0, read)
	if err == nil || answered(err) || ctx.Err() != nil {
		return s, err
	}
	if s := p.copy.Load(); s != nil {
		if _, when := (*s).at(); !e.stale(when, e.clock.look()) {
			return s, nil
		}
	}
	return nil, err
}

// again reads anew because a stamp is not of the copy. A reading that was under way may
// cover it; if not, one that begins only now says how it is. They begin a little apart, so
// that stamps make the store work no more than some fifty times a second.
func (p *place[T]) again(ctx context.Context, e *Engine, covers func(*T) bool, read reader[T]) (*T, error) {
	const gap = 20 * time.Millisecond
	ended, begun := p.numbers()
	s, number, err := p.join(ctx, e, ended, covers, gap, read)
	if err == nil && number <= begun && !covers(s) {
		s, _, err = p.join(ctx, e, begun, covers, gap, read)
	}
	return s, err
}

// numbers returns the number of the last reading that ended, and that of the last that
// began.
func (p *place[T]) numbers() (ended, begun uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		ended = p.last.number
	}
	return ended, p.begun
}

// join returns what a reading finds whose number is above after, and that number: one that
// has ended, is under way, or begins here, not sooner than gap after the last that began
// with a gap. Where none is under way, a copy that is enough will do.
func (p *place[T]) join(ctx context.Context, e *Engine, after uint64, enough func(*T) bool, gap time.Duration, read reader[T]) (*T, uint64, error) {
	for ctx.Err() == nil {
		p.mu.Lock()
		r, first, wait := p.under, false, time.Duration(0)
		switch s := p.copy.Load(); {
		case r != nil:
		case enough != nil && s != nil && enough(s):
			p.mu.Unlock()
			return s, 0, nil
		case p.last != nil && p.last.number > after:
			r = p.last
		case p.hangs(e):
			p.mu.Unlock()
			return nil, 0, errHung
		default:
			if wait = p.pace(e, gap); wait <= 0 {
				r, first = p.begin(e), true
			}
		}
		p.mu.Unlock()
		if r == nil {
			sleep(ctx, wait)
			continue
		}
		if first {
			p.board(ctx, e, r, read)
		}
		select {
		case <-r.done:
			if r.number > after && r.err != errGaveUp {
				return r.value, r.number, r.err
			}
		case <-ctx.Done():
		}
	}
	return nil, 0, ctx.Err()
}

// pace returns how long a reading with a gap has to wait before it may begin, and notes
// that it does where that is no time.
func (p *place[T]) pace(e *Engine, gap time.Duration) time.Duration {
	if gap == 0 {
		return 0
	}
	now := e.clock.look()
	wait := gap - p.paced.age(now)
	if wait <= 0 {
		p.paced = now
	}
	return wait
}

// ahead begins a reading that nobody waits for, unless one is under way or has just
// failed, or the store has enough to do.
func (p *place[T]) ahead(e *Engine, now moment, read reader[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under != nil || p.failed.age(now) < e.o.MaxStale/32 || p.hangs(e) {
		return
	}
	select {
	case e.calls <- struct{}{}:
		p.fly(e, p.begin(e), read)
	default:
	}
}

// hangs reports whether no reading may begin yet, because the host has not returned from
// two or more: the next has to wait for twice as long each time, at most MaxStale, so that
// one record on which the store hangs costs few calls.
func (p *place[T]) hangs(e *Engine) bool {
	return p.hung > 1 && p.since.age(e.clock.look()) < min(e.o.LoadTimeout<<min(p.hung, 10), e.o.MaxStale)
}

func (p *place[T]) begin(e *Engine) *reading[T] {
	p.begun++
	p.since = e.clock.look()
	p.under = &reading[T]{number: p.begun, done: make(chan struct{})}
	return p.under
}

// board begins a reading once there is room for its call. If its caller gives up before,
// another of those who have joined begins the next.
func (p *place[T]) board(ctx context.Context, e *Engine, r *reading[T], read reader[T]) {
	wait, cancel := context.WithTimeout(ctx, e.o.LoadTimeout)
	defer cancel()
	switch err := e.room(wait); {
	case err == nil:
		p.fly(e, r, read)
	case ctx.Err() != nil:
		p.land(e, r, nil, errGaveUp)
	default:
		p.land(e, r, nil, err)
	}
}

func (p *place[T]) fly(e *Engine, r *reading[T], read reader[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), e.o.LoadTimeout)
	u := new(underway)
	stop := context.AfterFunc(ctx, func() {
		p.hang(r, true)
		p.land(e, r, nil, ctx.Err())
		u.leave(e)
	})
	aside(e, u, func() (*T, error) { return read(ctx) }, func(s *T, err error) {
		stop()
		cancel()
		p.land(e, r, s, err)
		p.hang(r, false)
	})
}

// hang notes that the host has not returned from a reading that ends, or that it has.
func (p *place[T]) hang(r *reading[T], hung bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case hung && p.under == r:
		r.hung = true
		p.hung++
	case !hung && r.hung:
		r.hung = false
		p.hung--
	}
}

// land ends a reading, unless it has ended before.
func (p *place[T]) land(e *Engine, r *reading[T], s *T, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under != r {
		return
	}
	p.under = nil
	if err != errGaveUp {
		p.last = r
		if err != nil {
			p.failed = e.clock.look()
		}
	}
	r.value, r.err = s, err
	close(r.done)
}

// strange reports whether line is one that the store was seen not to have any more while
// it had that of the copy. A line is drawn once, so it never will again.
func (p *place[T]) strange(seen *seen, is session.Version, line uint32) bool {
	return is.Line != line && (p.foreign.Load() == uint64(is.Line)<<32|uint64(line) || seen.former(p.key, line))
}

func (p *place[T]) estrange(is session.Version, line uint32) {
	if is.Line != line {
		p.foreign.Store(uint64(is.Line)<<32 | uint64(line))
	}
}
