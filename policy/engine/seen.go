package engine

import (
	"slices"
	"sync"

	"github.com/sallyport-go/sallyport/session"
)

// seen remembers the highest version of each record that this process has read. It
// outlives the copies, so that a store that goes back is found out after they were evicted
// too. It keeps two generations of at most half its bound each; what is asked for lives on.
type seen struct {
	mu       sync.Mutex
	now, old map[uint64]sighting
	most     int
}

// sighting is a version, and the last lines that the record was on before, the latest
// first.
type sighting struct {
	version session.Version
	former  [4]uint32
}

func newSeen(most int) *seen {
	return &seen{now: make(map[uint64]sighting), most: max(2, most)}
}

// note notes a version that a store has told, and reports whether it may be: it does not
// lie behind what was seen before on its line, nor on a line that this one replaced.
// The zero version, of members that nobody versions, is never noted.
func (s *seen) note(key uint64, v session.Version) bool {
	if v == (session.Version{}) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.now[key]
	if !ok {
		was = s.old[key]
	}
	switch {
	case was.behind(v):
		return false
	case v.Line == was.version.Line:
		was.version = v
	default:
		next := sighting{version: v}
		next.former[0] = was.version.Line
		copy(next.former[1:], was.former[:])
		was = next
	}
	if len(s.now) >= s.most/2 && !ok {
		s.now, s.old = make(map[uint64]sighting), s.now
	}
	s.now[key] = was
	return true
}

// former reports whether line is one that a record was on before its line of now.
func (s *seen) former(key uint64, line uint32) bool { return s.last(key).left(line) }

// last returns what was last seen of a record.
func (s *seen) last(key uint64) sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.now[key]; ok {
		return was
	}
	return s.old[key]
}

// behind reports whether v lies behind what was seen.
func (s sighting) behind(v session.Version) bool {
	return v.Line == s.version.Line && v.Number < s.version.Number || s.left(v.Line)
}

// left reports whether line is one that the record was on before.
func (s sighting) left(line uint32) bool { return line != 0 && slices.Contains(s.former[:], line) }
