package policy

import (
	"log/slog"

	"github.com/sallyport-go/sallyport/geo"
)

// Decision is the answer to an Attempt. The zero Decision refuses. Decisions
// can be compared with ==, logged, and written as JSON.
type Decision struct {
	Effect Effect `json:"effect"`
	Reason Reason `json:"reason"`

	// Country is the country of the address, where the decision asked for it
	// and it is known.
	Country geo.Country `json:"country,omitzero"`
}

// Allowed reports whether the attempt may come in as it is. Everything else,
// also what verification or a new password would mend, is false.
func (d Decision) Allowed() bool { return d.Effect == Allow }

// String returns the decision as a person reads it: deny [no-policy].
func (d Decision) String() string {
	s := d.Effect.String() + " [" + d.Reason.String() + "]"
	if c := d.Country.String(); c != "" {
		s += " " + c
	}
	return s
}

// LogValue returns effect, reason and, where it is known, country as a group.
func (d Decision) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("effect", d.Effect.String()), slog.String("reason", d.Reason.String())}
	if c := d.Country.String(); c != "" {
		attrs = append(attrs, slog.String("country", c))
	}
	return slog.GroupValue(attrs...)
}
