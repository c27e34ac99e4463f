package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// History returns the saves of a tenant that are kept; see [Historian].
func (m *MemStore) History(ctx context.Context, t session.TenantID, before session.Version, n int) ([]Past, error) {
	var list []Past
	begun := before == session.Version{}
	err := m.walk(ctx, t, func(p *memPast) bool {
		if begun && p.record != nil && len(list) < n {
			list = append(list, p.told())
		}
		begun = begun || p.version == before
		return len(list) < n && p.record != nil
	})
	return list, err
}

// Earlier returns the save that made a version; see [Historian].
func (m *MemStore) Earlier(ctx context.Context, t session.TenantID, v session.Version) (Past, error) {
	var found *Past
	err := m.walk(ctx, t, func(p *memPast) bool {
		if p.version == v && p.record != nil {
			past := p.told()
			found = &past
		}
		return found == nil
	})
	if err != nil {
		return Past{}, err
	}
	if found == nil {
		return Past{}, fmt.Errorf("policy: version %v of tenant %s is not kept: %w", v, quote(string(t)), session.ErrNotFound)
	}
	return *found, nil
}

// Events returns events of a tenant; see [session.Log].
func (m *MemStore) Events(ctx context.Context, t session.TenantID, q session.EventQuery) ([]session.Event, error) {
	most, skip := q.Max, q.Skip
	if most <= 0 || most > session.MaxPage {
		most = session.MaxPage
	}
	var list []session.Event
	oldest := time.Now().Add(-memLog)
	err := m.walk(ctx, t, func(p *memPast) bool {
		e := p.event
		switch {
		case p.at.Before(oldest),
			q.Actor != "" && e.Actor != q.Actor,
			q.Member != "" && e.Member != q.Member,
			q.Kind != "" && e.Kind != q.Kind,
			!q.From.IsZero() && e.At.Before(q.From),
			!q.To.IsZero() && !e.At.Before(q.To):
		case skip > 0:
			skip--
		default:
			e.Summary = slices.Clone(e.Summary)
			list = append(list, e)
		}
		return len(list) < most
	})
	return list, err
}

// walk calls each for the saves of a tenant, newest first, while it returns true.
func (m *MemStore) walk(ctx context.Context, t session.TenantID, each func(*memPast) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kept := m.find(t)
	if kept == nil {
		return nil
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	for _, p := range slices.Backward(kept.past) {
		if !each(p) {
			break
		}
	}
	return nil
}

// told returns a copy of a save whose record is kept.
func (p *memPast) told() Past {
	past := Past{p.record.Clone(), p.event}
	past.Event.Summary = slices.Clone(past.Event.Summary)
	return past
}

// memWatcher holds, for one Watch, what was saved since it last looked.
type memWatcher struct {
	mu    sync.Mutex
	saved map[session.TenantID]session.Version
	wake  chan struct{} // holds one signal
}

// Watch tells of saves; see [Watcher].
func (m *MemStore) Watch(ctx context.Context, changed func(session.TenantID, session.Version)) error {
	w := &memWatcher{wake: make(chan struct{}, 1)}
	m.watching.Lock()
	if m.watchers == nil {
		m.watchers = make(map[*memWatcher]bool)
	}
	m.watchers[w] = true
	m.watching.Unlock()
	defer func() {
		m.watching.Lock()
		defer m.watching.Unlock()
		delete(m.watchers, w)
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
		}
		w.mu.Lock()
		saved := w.saved
		w.saved = nil
		w.mu.Unlock()
		for t, v := range saved {
			if ctx.Err() != nil {
				break
			}
			changed(t, v)
		}
	}
}

// tell notes a save for every Watch. It waits for none: a tenant that is saved again
// before its Watch has looked is told once. The tenant's mu is held, so that the last
// version is the one told.
func (m *MemStore) tell(t session.TenantID, v session.Version) {
	m.watching.RLock()
	defer m.watching.RUnlock()
	for w := range m.watchers {
		w.mu.Lock()
		if w.saved == nil {
			w.saved = make(map[session.TenantID]session.Version)
		}
		w.saved[t] = v
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
