package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Act is what every change of a tenant's record has in common.
type Act struct {
	Tenant session.TenantID

	// From is the version that the administrator had before them. If the record is at
	// another one, the error is a *policy.ConflictError with that. NewLine, Remove,
	// PlanChanged and ProfileChanged take the zero Version for whatever it is.
	From session.Version

	// ID makes the act repeatable: after an error that leaves its outcome open, as a lost
	// connection, repeat it with the same ID and From, and it is done once. Draw another
	// for each act, as with rand.Text. One that is not UTF-8 or begins with "return-" is a
	// *policy.InvalidError. "": one is drawn, and the act is not repeatable.
	ID string

	// By is the administrator and the place that they act from, which the act must not
	// shut out. A zero By.Member is the system or the host's support: nobody acts.
	By Place

	Why string // as the administrator says, for the history

	// Force is the LockoutError.Force of a refusal that the administrator has seen and
	// accepts. It opens that refusal and no other.
	Force string
}

// Saved says what an act did.
type Saved struct {
	Version session.Version `json:"version"` // of the record from now on
	Change  policy.Change   `json:"change"`  // and who was signed out

	// Repeated says that the act was done before, or by somebody else at the same time with
	// the same ID, and was not done again. Version is the one that it made then, and who did
	// it and what else it did is in the history.
	Repeated bool `json:"repeated,omitempty"`

	// OnlyBypass are the places of administrators that only a bypass admits from now on,
	// or from an end in the settings on: being a super admin, an exception, or a client
	// that is free of the list. It is empty if the act shuts out nobody anywhere.
	OnlyBypass []Finding `json:"only_bypass,omitempty"`

	// ShutOut are the places of administrators that the act shuts out, though it was not
	// refused: nobody comes in from there any more, at once or from an end in the settings
	// on, where they could have without the act. They are others than the one who acts,
	// unless Act.Force was used; tell them, or let them in again. The event says it too.
	ShutOut []Finding `json:"shut_out,omitempty"`

	// Until is when a provisional save is taken back if nobody confirms it; zero: never.
	Until time.Time `json:"until,omitzero"`
}

var (
	// ErrNotEnrolled says that a tenant has no record.
	ErrNotEnrolled = errors.New("engine: the tenant is not enrolled")
	// ErrEnrolled says that a tenant has a record already.
	ErrEnrolled = errors.New("engine: the tenant is enrolled already")
	// ErrProvisional says that a provisional save is neither confirmed nor taken back: see
	// Confirm and TakeBack.
	ErrProvisional = errors.New("engine: a provisional save is open; confirm it, take it back, or wait until it is taken back")
)

// change is what an act makes of a record.
type change struct {
	kind     string        // of the event
	next     policy.Record // its version, author and time are filled in
	diff     policy.Change
	notes    []string // in the event, before what diff says
	skip     uint64   // numbers to leave out before it
	orders   []session.Order
	bypasses []Finding
	out      []Finding // whom it shuts out
}

// leave is what an act may do that others may not.
type leave uint8

const (
	unversioned leave = 1 << iota // name no version
	whileOpen                     // change a record whose provisional save is open
	gonebehind                    // change a record that lies behind what was seen
)

// returned begins the id of the save that takes a provisional one back. It is the same
// for all who may write it.
const returned = "return-"

// invalid refuses an act for what the caller asks; nothing was saved.
func invalid(path, code, input, why string) error {
	return &policy.InvalidError{Problems: []policy.Problem{{Path: path, Code: code, Input: input[:min(len(input), maxName)], Err: errors.New(why)}}}
}

// act loads the record, has make decide what becomes of it, and writes that, once. One
// that names no version is made again after a conflict.
func (e *Engine) act(ctx context.Context, a Act, may leave, make func(policy.Record, time.Time) (*change, error)) (Saved, error) {
	if a.Tenant == "" {
		return Saved{}, ErrNotEnrolled
	}
	if strings.HasPrefix(a.ID, returned) || !utf8.ValidString(a.ID) {
		return Saved{}, invalid("id", "bad-act-id", a.ID, "no act can be called so")
	}
	var last session.Version
	for {
		saved, err := e.once(ctx, a, may, make)
		var c *policy.ConflictError
		switch {
		case a.From != session.Version{} || may&unversioned == 0 || !errors.As(err, &c):
			return saved, err
		case c.Found == c.Expected: // its id was used, on the version of then
			return Saved{Version: c.Found, Repeated: true}, nil
		case c.Expected == last || ctx.Err() != nil: // nobody has saved since
			return saved, err
		}
		last = c.Expected
	}
}

func (e *Engine) once(ctx context.Context, a Act, may leave, make func(policy.Record, time.Time) (*change, error)) (Saved, error) {
	t := e.tenant(a.Tenant)
	now := e.clock.at(time.Now())
	r, err := e.standing(ctx, t, now, may)
	switch {
	case errors.Is(err, ErrNotEnrolled) && r.Deleted && a.From != session.Version{}:
		if saved, err := e.repeated(ctx, a, r); err == nil {
			return saved, nil
		}
		return Saved{}, ErrNotEnrolled
	case errors.Is(err, ErrNotEnrolled) && r.Deleted && a.ID != "" && a.ID == r.Save:
		return Saved{Version: r.Version, Repeated: true}, nil
	case err != nil:
		return Saved{}, err
	case a.From != session.Version{} && a.From != r.Version:
		return e.repeated(ctx, a, r)
	case a.From == session.Version{} && may&unversioned == 0:
		return Saved{}, &policy.ConflictError{Tenant: a.Tenant, Found: r.Version}
	case r.Return != nil && may&whileOpen == 0:
		return Saved{}, ErrProvisional
	}
	c, err := make(r.Clone(), now)
	if err != nil {
		return Saved{}, err
	}
	if c.next.Version == r.Version {
		if c.next.Version.Number += c.skip + 1; c.next.Version.Number >= session.MaxNumber {
			return Saved{}, fmt.Errorf("engine: no number follows %v; draw a new line with NewLine", r.Version)
		}
	}
	if a.ID == "" {
		a.ID = rand.Text()
	}
	return e.commit(ctx, t, a, r.Version, c, now)
}

// commit ends the sessions that a change ends and writes all of it, once.
func (e *Engine) commit(ctx context.Context, t *tenant, a Act, former session.Version, c *change, now time.Time) (Saved, error) {
	c.next.Save, c.next.By, c.next.At = a.ID, a.By.Member, now.Round(0)
	e.cut(&c.next, c.diff)
	tell(c.next, &c.diff)
	orders := signOuts(c.next, former, c.kind)
	for _, o := range c.orders {
		o.Policy = c.next.Version
		orders = append(orders, o)
	}
	event := e.event(a, c, now)
	v, is, err := e.write(ctx, t, former, c.next, event, orders)
	if err != nil {
		return Saved{}, err
	}
	if v != c.next.Version || e.another(ctx, is, c.next) {
		return already(v, is), nil
	}
	saved := Saved{Version: v, Change: c.diff, OnlyBypass: c.bypasses, ShutOut: c.out}
	if c.next.Return != nil {
		saved.Until = c.next.Return.At
	}
	e.observe(Observation{Kind: Changed, At: now, Tenant: a.Tenant, Member: a.By.Member, Addr: a.By.Addr, Client: a.By.Client, Version: v, Event: &event})
	return saved, nil
}

// standing returns the record that an act is to change. The return of a provisional save
// that is due is written first.
func (e *Engine) standing(ctx context.Context, t *tenant, now time.Time, may leave) (policy.Record, error) {
	r, err := e.record(ctx, t)
	if errors.Is(err, errRegression) && may&gonebehind != 0 {
		err = notEnrolled(r)
	}
	if err != nil || r.Return == nil || now.Before(r.Return.At) {
		return r, err
	}
	if r, err = e.bringBack(ctx, t, r); err != nil {
		return r, err
	}
	return e.standing(ctx, t, now, may) // TakeBack may have been quicker, and have cut more
}

// record reads the record of a tenant. One that others replace meanwhile is no regression:
// what is saved on it will be a conflict.
func (e *Engine) record(ctx context.Context, t *tenant) (policy.Record, error) {
	known := e.seen.last(e.tenantHash(t.id))
	began := time.Now()
	r, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (policy.Record, error) { return e.store.Load(ctx, t.id) })
	if errors.Is(err, session.ErrNotFound) {
		e.tenants.remove(e.tenantHash(t.id), t.id, t)
		return policy.Record{}, ErrNotEnrolled
	}
	if err != nil {
		return r, fmt.Errorf("engine: the settings of the tenant cannot be read: %w", err)
	}
	if _, err = e.take(t, r, began); err != nil && !(errors.Is(err, errRegression) && !known.behind(r.Version)) {
		e.alarm(t.id, "", err)
		return r, err
	}
	return r, notEnrolled(r)
}

func notEnrolled(r policy.Record) error {
	if r.Deleted {
		return ErrNotEnrolled
	}
	return nil
}

// repeated answers an act whose From is not the record's version: it was done before, or
// somebody else has saved. The store knows. What it is given here can follow nothing that
// is at From, so it is never written.
func (e *Engine) repeated(ctx context.Context, a Act, r policy.Record) (Saved, error) {
	conflict := &policy.ConflictError{Tenant: a.Tenant, Expected: a.From, Found: r.Version}
	again := policy.Record{Tenant: a.Tenant, Version: a.From, Save: a.ID, Deleted: true}
	if a.ID == "" || again.Err() != nil || a.From.Line == r.Version.Line && a.From.Number > r.Version.Number {
		return Saved{}, conflict
	}
	v, err := call(ctx, e, 0, func(ctx context.Context) (session.Version, error) {
		return e.store.Save(ctx, a.From, again, session.Event{ID: a.ID, Tenant: a.Tenant}, nil)
	})
	if err != nil {
		return Saved{}, err
	}
	return already(v, r), nil
}

// already is what is told of an act that was done before and made version v; is is the record
// as it is now.
func already(v session.Version, is policy.Record) Saved {
	saved := Saved{Version: v, Repeated: true}
	if is.Version == v && is.Return != nil {
		saved.Until = is.Return.At
	}
	return saved
}

// another reports whether the store acknowledged the save of next without writing it, since
// another save with the same id had just made that version: as when two administrators take
// one provisional save back. is is the record as it was read since; if others have saved on
// it meanwhile, the history tells who made the version. If neither can be read, next counts
// as written.
func (e *Engine) another(ctx context.Context, is, next policy.Record) bool {
	if is.Version != next.Version {
		past, _ := e.earlier(ctx, next.Tenant, next.Version)
		is = past.Record
	}
	return is.Version == next.Version && (is.By != next.By || !is.At.Equal(next.At) || !is.Settings.Equal(next.Settings))
}

// write saves a record, and reads what the store has then, so that no request here is
// decided by what was before once the save is acknowledged. It returns that too, zero if it
// cannot be read. It may be another's: the save may be a repetition.
func (e *Engine) write(ctx context.Context, t *tenant, expected session.Version, next policy.Record, event session.Event, orders []session.Order) (v session.Version, is policy.Record, err error) {
	v, err = call(ctx, e, 0, func(ctx context.Context) (session.Version, error) {
		return e.store.Save(ctx, expected, next, event, orders)
	})
	if err != nil {
		t.doubt() // it may have been written all the same
		return v, is, err
	}
	e.seen.note(e.tenantHash(t.id), v) // nothing that is just being read takes its place
	began := time.Now()
	is, failed := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (policy.Record, error) {
		_, r, err := e.full(ctx, t, began)
		return r, err
	})
	if failed != nil {
		t.doubt()
		e.noteReturn(next)
	}
	e.knock(orders)
	return v, is, nil
}

// doubt makes a copy that the store may have replaced too old to decide by.
func (t *tenant) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.copy.Load(); s != nil {
		t.copy.Store(s.reread(moment{}))
	}
}

// What an event says of what changed; the records say the rest.
const (
	maxSummary = 200 // lines
	maxLine    = 500 // bytes of each
)

func (e *Engine) event(a Act, c *change, now time.Time) session.Event {
	lines := slices.Clone(c.notes)
	for i, f := range c.out {
		if i == maxFindings {
			lines = append(lines, fmt.Sprintf("shuts out %d more", len(c.out)-i))
			break
		}
		lines = append(lines, "shuts out "+f.String())
	}
	if out := c.diff.SignOut; out != 0 {
		lines = append(lines, "sessions ended: "+out.Words())
	}
	if n := len(c.diff.SignOutMembers); n > 0 {
		lines = append(lines, fmt.Sprintf("sessions ended of members, by their exceptions: %d", n))
	}
	lines = append(lines, c.diff.Summary...)
	if n := len(lines); n > maxSummary {
		lines = append(lines[:maxSummary:maxSummary], fmt.Sprintf("and %d more", n-maxSummary))
	}
	for i, line := range lines { // an exception can have thousands of ranges
		if len(line) > maxLine {
			lines[i] = strings.ToValidUTF8(line[:maxLine], "") + "…"
		}
	}
	return session.Event{ID: a.ID, Tenant: a.Tenant, At: now.Round(0), Actor: a.By.Member, Kind: c.kind, Why: a.Why, Summary: lines, Policy: c.next.Version}
}
