package site

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Stores are what a Site keeps: Sallyport's own, and Values for the rest. Processes that
// share them, all of them, are one service.
type Stores struct {
	Policies policy.Store
	Members  interface {
		directory.Store
		directory.Counter
	}
	Sessions      session.Store // and a session.Visitor
	Verifications verify.Store
	Values        Values

	// Revoker is told of sign-outs beside Sessions, and cuts there what is not stored yet.
	// Nil: nobody is.
	Revoker session.Revoker

	// Kept is how long sessions that have ended stay, for who looks at the accesses to see
	// when and why. 0: as long as the accesses, session.History.
	Kept time.Duration

	// Forgets says that all of them forget everything at the end of the process.
	Forgets bool
}

// InMemory returns stores that forget everything at the end of the process.
func InMemory() *Stores {
	return &Stores{Policies: policy.NewMemStore(), Members: directory.NewMemStore(), Sessions: session.NewMemStore(),
		Verifications: verify.NewMemStore(), Values: NewMemValues(), Forgets: true}
}

// Value is one thing of those that a login server keeps besides: a password, a login that
// waits for a code, a letter.
type Value struct {
	Kind, Name string // unique together
	Owner      string // by which lists find it
	Body       []byte // not altered any more
	Until      time.Time

	// Revision is drawn by each Put. In a Value that is put it names what is replaced; "":
	// there is nothing of that kind and name.
	Revision string
}

// Values keeps things. What is past its Until is not there; a zero Until is never past. It
// is safe for concurrent use by many processes.
type Values interface {
	// Get returns a value; session.ErrNotFound if there is none.
	Get(ctx context.Context, kind, name string) (Value, error)
	// Put stores a value in the place of v.Revision; session.ErrConflict if that is not what
	// is there.
	Put(ctx context.Context, v Value) error
	// Take removes a value and reports whether it was there: of many at once, one takes it.
	Take(ctx context.Context, kind, name string) (bool, error)
	// List returns the values of an owner, or of all for "", newest first, at most MaxList.
	List(ctx context.Context, kind, owner string) ([]Value, error)
	// Purge removes what was past its Until at an instant, at most n, and returns how many.
	Purge(ctx context.Context, at time.Time, n int) (int, error)
}

// MaxList is the most that Values.List returns.
const MaxList = 200

// MemValues is a Values in memory. Make one with NewMemValues.
type MemValues struct {
	mu   sync.Mutex
	kept map[[2]string]memValue
	last uint64
}

type memValue struct {
	Value
	number uint64 // in the order of the first Put
}

// NewMemValues returns an empty one.
func NewMemValues() *MemValues { return &MemValues{kept: make(map[[2]string]memValue)} }

// Get implements Values.
func (m *MemValues) Get(ctx context.Context, kind, name string) (Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.find(kind, name)
	if !ok {
		return Value{}, errors.Join(session.ErrNotFound, ctx.Err())
	}
	return v.Value, ctx.Err()
}

func (m *MemValues) find(kind, name string) (memValue, bool) {
	v, ok := m.kept[[2]string{kind, name}]
	return v, ok && (v.Until.IsZero() || time.Now().Before(v.Until))
}

// Put implements Values.
func (m *MemValues) Put(ctx context.Context, v Value) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.find(v.Kind, v.Name)
	if err := ctx.Err(); err != nil {
		return err
	}
	if ok != (v.Revision != "") || ok && old.Revision != v.Revision {
		return session.ErrConflict
	}
	if !ok {
		m.last++
		old.number = m.last
	}
	v.Revision = rand.Text()
	m.kept[[2]string{v.Kind, v.Name}] = memValue{v, old.number}
	return nil
}

// Take implements Values.
func (m *MemValues) Take(ctx context.Context, kind, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	_, ok := m.find(kind, name)
	delete(m.kept, [2]string{kind, name})
	return ok, nil
}

// List implements Values.
func (m *MemValues) List(ctx context.Context, kind, owner string) ([]Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []memValue
	for _, v := range m.kept {
		if v.Kind == kind && (owner == "" || v.Owner == owner) && (v.Until.IsZero() || time.Now().Before(v.Until)) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b memValue) int { return int(int64(b.number) - int64(a.number)) })
	var list []Value
	for _, v := range found[:min(len(found), MaxList)] {
		list = append(list, v.Value)
	}
	return list, ctx.Err()
}

// Purge implements Values.
func (m *MemValues) Purge(ctx context.Context, at time.Time, n int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := 0
	for key, v := range m.kept {
		if gone == n {
			break
		}
		if !v.Until.IsZero() && !at.Before(v.Until) {
			delete(m.kept, key)
			gone++
		}
	}
	return gone, ctx.Err()
}
