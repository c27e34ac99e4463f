package sessiontest_test

import (
	"errors"
	"iter"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// broken are the faults that slow can have, and the proofs that must find each.
var broken = []struct {
	fault string
	fails []string
}{
	{"keeps seconds", []string{"create/keeps-it"}},
	{"rounds up", []string{"create/no-limit-moves-on"}},
	{"keeps no label", []string{"create/keeps-it"}},
	{"keeps a monotonic reading", []string{"create/keeps-it"}},
	{"an address where there is none", []string{"create/zero-values"}},
	{"knows nine clients", []string{"create/every-kind-and-client"}},
	{"its own clock", []string{"create/instants-are-the-callers"}},
	{"creates over an ended one", []string{"create/never-twice", "end/stays-ended"}},
	{"creates in another tenant", []string{"create/never-twice", "race/create-twice"}},
	{"creates anything", []string{"create/refuses"}},
	{"keeps no first", []string{"create/keeps-it"}},
	{"creates with a first", []string{"create/never-twice"}},
	{"looks, then creates", []string{"race/create-twice"}},
	{"loses one of many", []string{"race/many-at-once"}},

	{"lags", []string{"find/last-write"}},
	{"forgets ended ones", []string{"find/last-write", "end/stays-ended"}},
	{"leaks tenants", []string{"tenants-are-apart"}},
	{"lists other tenants", []string{"tenants-are-apart"}},
	{"ends every tenant", []string{"tenants-are-apart", "end-all/what-is-meant"}},

	{"touch clears the address", []string{"touch/sets"}},
	{"seen moves back", []string{"touch/never-back"}},
	{"revives by touch", []string{"touch/ended", "end/stays-ended"}},
	{"touch makes a session", []string{"touch/ended"}},
	{"an end waits for its instant", []string{"touch/ended", "renew/errors"}},
	{"forgets idleness", []string{"touch/ended", "renew/errors"}},
	{"forgets life", []string{"touch/ended", "renew/errors"}},
	{"a limit is a moment late", []string{"touch/ended", "renew/errors"}},
	{"touch counts from the start", []string{"touch/idle-begins-anew", "touch/sets"}},
	{"touches what it read before", []string{"race/touch-and-end", "race/touch-and-renew", "race/end-all-and-the-rest", "race/purge-and-touch"}},

	{"both ids", []string{"renew/another-id", "find/last-write", "race/renew-twice"}},
	{"renew changes the stamp", []string{"renew/another-id"}},
	{"renew lengthens life", []string{"renew/another-id"}},
	{"renew forgets the limits", []string{"renew/another-id"}},
	{"renew is no use", []string{"renew/another-id"}},
	{"renew forgets the first", []string{"renew/another-id", "race/renew-and-order"}},
	{"renews to nothing", []string{"renew/errors"}},
	{"renews to a first", []string{"renew/errors"}},
	{"renews over another", []string{"renew/errors"}},
	{"revives by renew", []string{"renew/errors", "end/stays-ended"}},
	{"renews what it read before", []string{"race/renew-and-end", "race/renew-twice"}},
	{"renews in two steps", []string{"race/renew-in-one-step"}},
	{"shows both ids", []string{"race/renew-in-one-step"}},

	{"forgets the end", []string{"end/stays-ended", "race/renew-and-end"}},
	{"forgets the reason", []string{"end/stays-ended"}},
	{"keeps the second reason", []string{"end/stays-ended", "race/end-twice"}},
	{"ends only the live", []string{"end/past-its-limits"}},
	{"ends what it read before", []string{"race/end-twice"}},
	{"ends by the id of now alone", []string{"end/stays-ended", "race/renew-and-end"}},
	{"ends a first of any tenant", []string{"end/stays-ended"}},

	{"counts the ended", []string{"end-all/what-is-meant", "end/stays-ended"}},
	{"ends whatever the version", []string{"end-all/late-order", "end-all/what-is-meant"}},
	{"ends every client", []string{"end-all/what-is-meant"}},
	{"ends every device", []string{"end-all/what-is-meant"}},
	{"orders by the id of now alone", []string{"end-all/what-is-meant", "race/renew-and-order"}},
	{"ends a page", []string{"end-all/more-than-a-page"}},
	{"ends all that it read before", []string{"race/end-all-and-the-rest"}},
	{"ends by the id that it read", []string{"race/end-all-and-the-rest"}},

	{"oldest first", []string{"list/what-is-asked", "list/pages"}},
	{"the lesser id first", []string{"list/pages"}},
	{"ignores the cursor", []string{"list/pages", "list/pages-while-sessions-come"}},
	{"a cursor by time alone", []string{"list/pages", "list/pages-while-sessions-come"}},
	{"ignores the kinds", []string{"list/what-is-asked"}},
	{"ignores the first", []string{"list/what-is-asked"}},
	{"a first is any id", []string{"list/what-is-asked"}},
	{"ignores the clients", []string{"list/what-is-asked"}},
	{"ignores what is live", []string{"list/what-is-asked", "touch/ended"}},
	{"a member's name is a prefix", []string{"list/what-is-asked"}},
	{"pages without end", []string{"end-all/more-than-a-page"}},
	{"since means after", []string{"list/what-is-asked", "visits/created"}},

	{"purges the live", []string{"purge/the-dead", "purge/at-most-n"}},
	{"purges from the instant itself", []string{"purge/the-dead", "end/stays-ended"}},
	{"purges the ended alone", []string{"purge/the-dead"}},
	{"purges more than n", []string{"purge/at-most-n"}},
	{"does not count what it purges", []string{"purge/at-most-n"}},
	{"purges what it read before", []string{"race/purge-and-touch", "race/purge-twice"}},

	{"keeps no visits", []string{"visits/created"}},
	{"a visit of a refused login", []string{"visits/none-of-a-refused-login"}},
	{"visits of other tenants", []string{"visits/created"}},
	{"visits of every member", []string{"visits/created"}},
	{"visits oldest first", []string{"visits/created"}},
	{"visits follow the id", []string{"visits/stay"}},
	{"purges visits", []string{"visits/stay", "visits/ninety-days"}},
	{"visits of 30 days", []string{"visits/ninety-days"}},
	{"busy while ranging", []string{"visits/while-ranging"}},
	{"goes on after an error", []string{"visits/cancelled-contexts"}},
	{"breaks off without a word", []string{"visits/cancelled-contexts"}},
	{"answers after cancel", []string{"cancelled-contexts"}},
}

var errDown = errors.New("down")

// silent takes everything and does nothing.
type silent struct{}

func (silent) Create(ctx, session.Session) error                             { return nil }
func (silent) Find(ctx, ten, sid) (session.Session, error)                   { return session.Session{}, nil }
func (silent) Touch(ctx, ten, sid, time.Time, netip.Addr, geo.Country) error { return nil }
func (silent) Renew(ctx, ten, sid, sid, time.Time) error                     { return nil }
func (silent) End(ctx, ten, sid, time.Time, string) error                    { return nil }
func (silent) EndAll(ctx, session.Order, time.Time) (int, error)             { return 0, nil }
func (silent) List(ctx, ten, session.Query) ([]session.Session, error)       { return nil, nil }
func (silent) Purge(ctx, time.Time, int) (int, error)                        { return 0, nil }
func (silent) Visits(ctx, ten, mem, time.Time) iter.Seq2[session.Visit, error] {
	return func(func(session.Visit, error) bool) {}
}

// failing returns an error from every call: this one, or that of the context.
type failing struct{}

func down(c ctx) error {
	if err := c.Err(); err != nil {
		return err
	}
	return errDown
}

func (failing) Create(c ctx, _ session.Session) error             { return down(c) }
func (failing) Find(c ctx, _ ten, _ sid) (session.Session, error) { return session.Session{}, down(c) }
func (failing) Touch(c ctx, _ ten, _ sid, _ time.Time, _ netip.Addr, _ geo.Country) error {
	return down(c)
}
func (failing) Renew(c ctx, _ ten, _, _ sid, _ time.Time) error               { return down(c) }
func (failing) End(c ctx, _ ten, _ sid, _ time.Time, _ string) error          { return down(c) }
func (failing) EndAll(c ctx, _ session.Order, _ time.Time) (int, error)       { return 0, down(c) }
func (failing) List(c ctx, _ ten, _ session.Query) ([]session.Session, error) { return nil, down(c) }
func (failing) Purge(c ctx, _ time.Time, _ int) (int, error)                  { return 0, down(c) }
func (failing) Visits(c ctx, _ ten, _ mem, _ time.Time) iter.Seq2[session.Visit, error] {
	return func(yield func(session.Visit, error) bool) { yield(session.Visit{}, down(c)) }
}

// forgetful is right for a store in which there never was a session.
type forgetful struct{ silent }

func (forgetful) Find(ctx, ten, sid) (session.Session, error) {
	return session.Session{}, session.ErrNotFound
}
func (forgetful) Touch(ctx, ten, sid, time.Time, netip.Addr, geo.Country) error {
	return session.ErrNotFound
}
func (forgetful) Renew(ctx, ten, sid, sid, time.Time) error  { return session.ErrNotFound }
func (forgetful) End(ctx, ten, sid, time.Time, string) error { return session.ErrNotFound }
