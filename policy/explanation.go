package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
)

// Explanation is a decision told step by step, for administrators and support.
// It names entries and members: it is not for the person at the door.
type Explanation struct {
	Decision Decision    `json:"decision"`         // what Evaluate decides
	Addr     netip.Addr  `json:"address"`          // as it was judged: unmapped, without zone; zero if not usable
	Country  geo.Country `json:"country,omitzero"` // of the address, whether the decision asked for it or not
	Steps    []Step      `json:"steps"`

	// Matches are all entries and exceptions' ranges that hold the address,
	// also those that have ended or are not in force under the chosen access.
	Matches []Match `json:"matches,omitempty"`

	// Problems are what Compile would refuse in these settings.
	Problems []Problem `json:"-"`
}

// Step is a line of the specification in the package comment that was reached.
type Step struct {
	Line string `json:"line"` // its number: 6b

	// Answered marks the line that gave the answer. Line 8 comes after it,
	// where it changes the answer.
	Answered bool `json:"answered,omitempty"`

	// Because is the condition that made the line answer, or the first that
	// kept it from answering.
	Because string `json:"because"`
}

// Match is an entry or a range of an exception that holds the address.
type Match struct {
	Path    string      `json:"path"` // designated[3], exceptions[0].ranges[1]; exceptions[0] for one without ranges
	Range   ipset.Range `json:"range,omitzero"`
	Label   string      `json:"label,omitempty"` // of the entry, or the exception's note
	Until   time.Time   `json:"until,omitzero"`
	InForce bool        `json:"in_force"` // not ended, and its kind is in force under the chosen access
}

// String returns the explanation as text, a line for each step and match.
func (e Explanation) String() string {
	var b strings.Builder
	for _, s := range e.Steps {
		mark := " "
		if s.Answered {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s %-2s %s\n", mark, s.Line, s.Because)
	}
	for _, m := range e.Matches {
		force := "in force"
		if !m.InForce {
			force = "not in force"
		}
		where := "any address"
		if !m.Range.IsZero() {
			where = m.Range.String()
		}
		fmt.Fprintf(&b, "  %s (%s): %s%s\n", m.Path, force, where, remark(m.Label, m.Until))
	}
	fmt.Fprintf(&b, "= %v\n", e.Decision)
	return b.String()
}
