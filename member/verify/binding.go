package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Binding is what a verification belongs to. Complete needs the one that Begin had, field
// by field, taken anew from the login of that moment. The zero Binding is refused.
type Binding struct {
	Tenant session.TenantID
	Member member.ID
	Client session.Client

	// Country is where the login comes from, as in the decision. Zero: unknown, which is a
	// country of its own here.
	Country geo.Country

	// Policy is the version of the tenant's record that decided. A host that versions none
	// gives any version but the zero one.
	Policy session.Version

	// MemberVersion is the version of the member, so that a password that was set by
	// force, or any other act, ends what was begun before it. Zero: the host versions none.
	MemberVersion session.Version
}

// Err returns why nothing can be bound to b, or nil.
func (b Binding) Err() error {
	switch {
	case b.Tenant == "":
		return errors.New("verify: the binding names no tenant")
	case b.Member == "":
		return errors.New("verify: the binding names no member")
	case !b.Client.Known():
		return fmt.Errorf("verify: the binding is to client %v; give the one that logs in", b.Client)
	case b.Policy.Line == 0 || b.Policy.Number == 0 || b.Policy.Number > session.MaxNumber:
		return fmt.Errorf("verify: the binding is to version %d.%d of the settings; give that of the record that decided", b.Policy.Line, b.Policy.Number)
	}
	return nil
}

// sign returns what is stored of a code: it cannot be tried without the token, and is of
// no use for another binding.
func (b Binding) sign(token, code string) Hash {
	h := hmac.New(sha256.New, []byte(token))
	for _, field := range []string{
		"sallyport verification 1", string(b.Tenant), string(b.Member), b.Client.String(), b.Country.String(),
		fmt.Sprintf("%d.%d", b.Policy.Line, b.Policy.Number),
		fmt.Sprintf("%d.%d", b.MemberVersion.Line, b.MemberVersion.Number),
		code,
	} {
		fmt.Fprintf(h, "%d:%s", len(field), field) // so that no two lists of fields are one text
	}
	return Hash(h.Sum(nil))
}
