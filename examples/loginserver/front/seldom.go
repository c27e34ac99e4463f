package front

import (
	"sync"
	"time"
)

// seldom is for a line of the log that strangers could have written at every request: it is
// written once a minute, for the latest one, with how many there were since the one before.
// The zero seldom is ready, and safe for concurrent use.
type seldom struct {
	mu   sync.Mutex
	next time.Time
	n    int
}

// due counts one more, and reports whether the line is to be written now, and for how many.
func (s *seldom) due(now time.Time) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if now.Before(s.next) {
		return 0, false
	}
	n, s.n, s.next = s.n, 0, now.Add(time.Minute)
	return n, true
}
