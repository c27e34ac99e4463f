package engine

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Finding is what a change would do to an administrator at a place.
type Finding struct {
	Member   member.ID       `json:"member"`
	Client   session.Client  `json:"client,omitzero"`
	Addr     netip.Addr      `json:"addr,omitzero"`
	From     time.Time       `json:"from,omitzero"`    // when an end in the settings passes; zero: at once
	Decision policy.Decision `json:"decision"`         // of a login
	Acting   bool            `json:"acting,omitempty"` // it is the one who makes the change
}

// String returns f as a person reads it.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(quote(string(f.Member)))
	if f.Acting {
		b.WriteString(" (acting)")
	}
	fmt.Fprintf(&b, " with %v at ", f.Client)
	if addr := ipset.Canonical(f.Addr); addr.IsValid() {
		b.WriteString(addr.String())
	} else {
		b.WriteString("no address")
	}
	if !f.From.IsZero() {
		b.WriteString(", from " + instant(f.From) + " on")
	}
	b.WriteString(": " + f.Decision.String())
	if f.Decision.Effect == policy.Verify {
		b.WriteString(", and there is no contact to verify by")
	}
	return b.String()
}

// LockoutError refuses a change that would shut administrators out. Nothing was saved.
type LockoutError struct {
	Tenant  session.TenantID `json:"tenant,omitempty"`
	Version session.Version  `json:"version,omitzero"` // of the settings that stay; zero: there are none yet

	// Nothing says that addresses would be designated with none in force, at once or,
	// where it is not zero, from NothingFrom on.
	Nothing     bool      `json:"nothing,omitempty"`
	NothingFrom time.Time `json:"nothing_from,omitzero"`

	// Findings are the places from which nobody could come in, at the first instant at
	// which the acting administrator, or everybody, could not.
	Findings []Finding `json:"findings,omitempty"`

	// Return is the same for what a provisional save goes back to; nil: that shuts out
	// nobody. From and NothingFrom are zero there if it is so as soon as it is taken back.
	Return *LockoutError `json:"return,omitempty"`

	// Mend, added to the designated addresses, makes the change one that is not refused,
	// but for Return; likewise MendCountry, added to the exempt countries. Zero: one alone
	// does not do.
	Mend        policy.Entry `json:"mend,omitzero"`
	MendCountry geo.Country  `json:"mend_country,omitzero"`

	// StillOut are the places that the change shuts out even with Mend or MendCountry, as
	// Saved.ShutOut would tell then: those of other administrators, whom that does not help.
	StillOut []Finding `json:"still_out,omitempty"`

	Force string `json:"force,omitempty"` // with this in Act.Force the change is made all the same
}

// maxFindings is how many of them a text names.
const maxFindings = 10

// Error says who would be shut out from where, and what to do.
func (e *LockoutError) Error() string {
	var b strings.Builder
	b.WriteString("engine: nothing was saved, because this change would shut administrators out")
	e.reasons(&b)
	if e.Return != nil {
		b.WriteString("\nand if it were taken back, that would")
		e.Return.reasons(&b)
	}
	var remedies []string
	if e.refuses() {
		remedies = append(remedies, e.remedy())
	}
	if e.Return != nil {
		remedies = append(remedies, "save it for good and not provisionally")
	}
	b.WriteString("\n" + strings.Join(remedies, ", and ") + "; or, if it is meant so, repeat it with this error's Force")
	if len(e.StillOut) > 0 {
		fmt.Fprintf(&b, "\neven with %s, this shuts out", e.mend())
		list(&b, e.StillOut)
	}
	return b.String()
}

// refuses reports whether the change itself is refused, and not what it goes back to alone.
func (e *LockoutError) refuses() bool { return e.Nothing || len(e.Findings) > 0 }

func (e *LockoutError) remedy() string {
	switch {
	case !e.Mend.Range.IsZero():
		return "add " + e.mend() + " to the designated addresses"
	case e.MendCountry != geo.Country{}:
		return "add " + e.mend() + " to the exempt countries"
	case e.Nothing || e.Findings[0].Decision.Reason == policy.ReasonAddressNotDesignated:
		return "designate addresses that administrators come from"
	case e.Findings[0].Decision.Effect == policy.Verify:
		return "record a contact to verify the identity by"
	}
	return "have the administrators come in some other way first"
}

// mend names Mend or MendCountry.
func (e *LockoutError) mend() string {
	if e.Mend.Range.IsZero() {
		return e.MendCountry.String()
	}
	return e.Mend.Range.String()
}

func (e *LockoutError) reasons(b *strings.Builder) {
	if e.Nothing {
		b.WriteString("\n\tno designated address would be in force")
		if !e.NothingFrom.IsZero() {
			b.WriteString(" from " + instant(e.NothingFrom) + " on")
		}
	}
	list(b, e.Findings)
}

// list writes findings, each on a line of its own.
func list(b *strings.Builder, findings []Finding) {
	for i, f := range findings {
		if i == maxFindings {
			fmt.Fprintf(b, "\n\tand %d more", len(findings)-i)
			break
		}
		b.WriteString("\n\t" + f.String())
	}
}

// digest returns a text for exactly this refusal of exactly these settings at this
// version: who has it has seen the refusal.
func (e *LockoutError) digest(s stand, provisional bool) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	err := enc.Encode([]any{e.Tenant, e.Version, s.profile.Name, s.plan, s.settings, provisional})
	for _, l := range []*LockoutError{e, e.Return} {
		if l == nil || err != nil {
			continue
		}
		lines := []any{l == e, l.Nothing, l.NothingFrom.UTC().String()}
		for _, f := range l.Findings {
			lines = append(lines, []any{f.Member, f.Client.String(), f.Addr.String(), f.From.UTC().String(), f.Decision.String(), f.Acting})
		}
		err = enc.Encode(lines)
	}
	if err != nil { // settings that have no text cannot be told from others
		return rand.Text()
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// quote makes text from outside safe to print.
func quote(s string) string {
	if text := shown(s, maxName); strings.HasPrefix(text, `"`) {
		return text
	}
	return strconv.Quote(s)
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
