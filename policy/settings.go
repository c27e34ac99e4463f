package policy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
)

// Access is from where members may log in. The zero Access is AllAddresses.
type Access uint8

const (
	AllAddresses        Access = iota // from every address
	DesignatedAddresses               // from the addresses of Settings.Designated
)

var accesses = [...]string{AllAddresses: "all", DesignatedAddresses: "designated"}

// String returns the text of a: all or designated.
func (a Access) String() string {
	if int(a) < len(accesses) {
		return accesses[a]
	}
	return "access(" + strconv.Itoa(int(a)) + ")"
}

// MarshalText returns the text of a. An Access that is neither is an error.
func (a Access) MarshalText() ([]byte, error) {
	if int(a) >= len(accesses) {
		return nil, fmt.Errorf("policy: %v has no text", a)
	}
	return []byte(accesses[a]), nil
}

// UnmarshalText reads the text of an Access. If it fails, a is unchanged.
func (a *Access) UnmarshalText(b []byte) error {
	i := slices.Index(accesses[:], string(b))
	if i < 0 {
		return fmt.Errorf(`policy: %s is no access; write "all" or "designated"`, quote(string(b)))
	}
	*a = Access(i)
	return nil
}

// Settings is what an administrator chooses and a database stores. The zero
// Settings lets everyone in from everywhere. What is not in force under the
// chosen Access (exceptions while all addresses are allowed, overseas blocking
// while addresses are designated) is kept and ignored.
//
// As JSON it is the document that Decode reads; see the package comment.
type Settings struct {
	Access     Access
	Designated []Entry

	// Outside is what an interactive client gets that comes from an address
	// off the list: Deny, or Verify for the two-factor alternative.
	Outside Effect

	Exceptions []Exception
	Overseas   Overseas
}

// Entry is a range of designated addresses. It is in force before Until, and
// always if Until is zero. As JSON it is what stands in a document of Settings.
type Entry struct {
	Range ipset.Range `json:"range"`
	Label string      `json:"label,omitempty"`
	Until time.Time   `json:"until,omitzero"`
}

// Exception is a member to whom the list does not apply. If Ranges is nil, it
// holds at any address; an empty list that is not nil is refused. It is in
// force before Until, and always if Until is zero.
type Exception struct {
	Member member.ID     `json:"member"`
	Ranges []ipset.Range `json:"ranges,omitzero"`
	Until  time.Time     `json:"until,omitzero"`
	Note   string        `json:"note,omitempty"`
}

// Overseas is whether a login from a country that is not exempt, or from an
// unknown one, needs identity verification.
type Overseas struct {
	Block  bool          `json:"block,omitempty"`
	Exempt geo.Countries `json:"exempt,omitzero"`
}

// String returns e as a person reads it: 8.8.8.0/24 "Head office" until ….
func (e Entry) String() string { return e.Range.String() + remark(e.Label, e.Until) }

// String returns x as a person reads it: "kim" at 1.208.0.0/12 "on the road".
func (x Exception) String() string {
	s := strconv.Quote(string(x.Member))
	if x.Ranges != nil {
		s += fmt.Sprintf(" at %v", x.Ranges)
	}
	return s + remark(x.Note, x.Until)
}

func remark(text string, until time.Time) string {
	var s string
	if text != "" {
		s = " " + strconv.Quote(text)
	}
	if !until.IsZero() {
		s += " until " + until.UTC().Format(time.RFC3339Nano)
	}
	return s
}

// Equal reports whether s and t say the same in the same order. Instants are
// compared as such, whatever their time zones.
func (s Settings) Equal(t Settings) bool {
	return s.Access == t.Access && s.Outside == t.Outside && s.Overseas == t.Overseas &&
		slices.EqualFunc(s.Designated, t.Designated, func(a, b Entry) bool {
			return a.Range == b.Range && a.Label == b.Label && a.Until.Equal(b.Until)
		}) &&
		slices.EqualFunc(s.Exceptions, t.Exceptions, func(a, b Exception) bool {
			return a.Member == b.Member && a.Note == b.Note && a.Until.Equal(b.Until) &&
				(a.Ranges == nil) == (b.Ranges == nil) && slices.Equal(a.Ranges, b.Ranges)
		})
}

// Clone returns a copy of s that shares nothing with it.
func (s Settings) Clone() Settings {
	s.Designated = slices.Clone(s.Designated)
	s.Exceptions = slices.Clone(s.Exceptions)
	for i := range s.Exceptions {
		s.Exceptions[i].Ranges = slices.Clone(s.Exceptions[i].Ranges)
	}
	return s
}

// inForce reports whether what ends at until is in force at an instant. Without
// its monotonic reading, until is an instant and not a span of this process,
// which a suspended machine would stretch.
func inForce(until, at time.Time) bool { return until.IsZero() || at.Before(until.Round(0)) }
