package password

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Blocklist holds passwords that nobody may use: the common ones, and those that were
// stolen elsewhere. A host has one in a file, see ReadList, or asks a service.
type Blocklist interface {
	// Contains reports whether the whole of password is on the list. If it cannot tell, it
	// returns an error, and the password is not taken. It is safe for concurrent use. It
	// must not log password, nor send it anywhere as it is.
	Contains(ctx context.Context, password string) (bool, error)
}

// List is a Blocklist in memory. Upper and lower case are the same to it. It never changes
// and is safe for concurrent use. The zero List is empty; a nil *List is a mistake and
// does not answer.
type List struct{ folded map[string]struct{} }

// MaxList is the size in bytes of the largest text that ReadList reads. A list need not be
// long: those who guess are stopped after Policy.MaxFailures.
const MaxList = 4 << 20

// ListOf returns a list of words. Without words it is empty, for a host that has no list.
func ListOf(words ...string) *List {
	l := &List{make(map[string]struct{}, len(words))}
	for _, w := range words {
		l.folded[strings.ToLower(w)] = struct{}{}
	}
	return l
}

// ReadList reads a list that has one password on each line. Nothing is a comment, and
// blanks count; lines end in a line feed or a carriage return and a line feed, and empty
// ones are passed over. A text of more than MaxList bytes is an error, and nothing of it
// is returned.
func ReadList(r io.Reader) (*List, error) {
	limited := &io.LimitedReader{R: r, N: MaxList + 1}
	s := bufio.NewScanner(limited)
	s.Buffer(nil, MaxList+1)
	var words []string
	for first := true; s.Scan(); first = false {
		line := s.Text()
		if first {
			line = strings.TrimPrefix(line, "\ufeff") // a byte order mark
		}
		if line != "" {
			words = append(words, line)
		}
	}
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("password: a list of more than %d bytes; keep the most common ones, or write a Blocklist", MaxList)
	case s.Err() != nil:
		return nil, fmt.Errorf("password: reading a list: %w", s.Err())
	}
	return ListOf(words...), nil
}

// Contains reports whether password is on the list. It looks at nothing but memory, and
// does not wait.
func (l *List) Contains(_ context.Context, password string) (bool, error) {
	if l == nil {
		return false, errors.New("password: the list is nil")
	}
	_, ok := l.folded[strings.ToLower(password)]
	return ok, nil
}

// Len returns the number of passwords on the list.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.folded)
}
