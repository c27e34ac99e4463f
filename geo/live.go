package geo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOlder is the error of Live.Reload where the file was built before the one
// in use.
var ErrOlder = errors.New("built before the country file in use")

// Live is a DB that is replaced while it is used. It is safe for concurrent
// use. A nil *Live and the zero Live know no country. A Live must not be copied
// after its first use.
//
// It starts no goroutine and watches no file: call Reload from a ticker or
// whatever tells that a new file is there. Put the new file in place by
// renaming it, so that there is never half a file at the path.
type Live struct {
	path string
	db   atomic.Pointer[DB]

	mu  sync.Mutex // held while reloading
	sum [sha256.Size]byte
}

// OpenLive opens the country file at path as Open does, for Reload to open it
// again. If that fails the Live is nil, which can be used: it knows no country.
func OpenLive(path string) (*Live, error) {
	l := &Live{path: path}
	if _, err := l.Reload(); err != nil {
		return nil, err
	}
	return l, nil
}

// Country returns the country of a by the file in use, as DB.Country does. It
// never waits for a Reload and does not allocate.
func (l *Live) Country(a netip.Addr) Country { return l.DB().Country(a) }

// DB returns the file in use, or nil. It stays as it is when Live goes on to
// another one.
func (l *Live) DB() *DB {
	if l == nil {
		return nil
	}
	return l.db.Load()
}

// Reload reads the file again and reports whether it now uses another one. A
// file with the same contents is no change and no error.
//
// Whatever Open refuses is refused, and so is a file that was built before the
// one in use, with an error that wraps ErrOlder: it is a copy that came late.
// A file of another provider or type is taken. If Reload fails, the file in use
// stays in use; one that is old still knows more than none.
func (l *Live) Reload() (changed bool, err error) {
	if l == nil || l.path == "" {
		return false, errors.New("country file: nothing to reload; use OpenLive")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := readFile(l.path)
	if err != nil {
		return false, err
	}
	used := l.DB()
	sum := sha256.Sum256(b)
	if used != nil && sum == l.sum {
		return false, nil
	}
	db, err := open(l.path, b)
	if err != nil {
		return false, err
	}
	if db.BuildTime().Before(used.BuildTime()) {
		return false, fmt.Errorf("country file %q: %w: %s is before %s; to go back on purpose, use OpenLive anew",
			l.path, ErrOlder, db.BuildTime().Format(time.RFC3339), used.BuildTime().Format(time.RFC3339))
	}
	l.db.Store(db)
	l.sum = sum
	return true, nil
}
