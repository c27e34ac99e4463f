package session

import (
	"context"
	"log/slog"
	"time"
)

// Event is what an administrator did or tried, as the stores of settings and members keep
// it beside the change, in the same write. Events are kept 180 days, 14 on a free plan.
type Event struct {
	ID     string // of the save or act; unique within a tenant, so that a repeated one is known
	Tenant TenantID
	At     time.Time
	Actor  MemberID // "": the system
	Kind   string   // what was done: "settings-saved", "member-suspended"
	Member MemberID // to whom; "": to the tenant
	Why    string   // as the actor said

	// Refused is why the act was not done; "": it was.
	Refused string

	// Before and After are what the act changed, as text or JSON; "" where there is nothing.
	Before, After string

	// Summary says in English, a line for each thing, what changed.
	Summary []string

	Policy     Version // of the tenant's record since then; zero: another record changed
	Membership Version // of the member's record since then; likewise
}

// LogValue returns what a log should have of e: not the contents before and after.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("id", e.ID), slog.String("tenant", string(e.Tenant)), slog.String("kind", e.Kind)}
	for _, a := range []struct{ key, value string }{
		{"actor", string(e.Actor)}, {"member", string(e.Member)}, {"why", e.Why}, {"refused", e.Refused},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	return slog.GroupValue(attrs...)
}

// Log is a store whose events can be searched.
type Log interface {
	// Events returns the events of a tenant that q names, newest first, at most q.Max.
	Events(ctx context.Context, t TenantID, q EventQuery) ([]Event, error)
}

// EventQuery chooses events. Zero fields choose all.
type EventQuery struct {
	Actor  MemberID
	Member MemberID
	Kind   string
	From   time.Time // then or later
	To     time.Time // before it
	Max    int       // at most; 0 or less, or above MaxPage: MaxPage
	Skip   int       // pass over so many, for the next page
}
