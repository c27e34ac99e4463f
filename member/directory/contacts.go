package directory

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// Contact is where a member gets codes for identity verification.
type Contact struct {
	Address  string    `json:"address"` // a mail address, or a phone number as in E.164: +821012345678
	Recorded time.Time `json:"recorded,omitzero"`
}

// verify returns c as package verify has it: with an @ it is a mail address, else a phone.
func (c Contact) verify() verify.Contact {
	kind := verify.Phone
	if strings.Contains(c.Address, "@") {
		kind = verify.Email
	}
	return verify.Contact{Kind: kind, Address: c.Address, Recorded: c.Recorded}
}

// VerifyContacts returns the contacts of a for Verifier.Begin and Verifier.Choose of package
// verify, in their order.
func (a Account) VerifyContacts() []verify.Contact {
	to := make([]verify.Contact, len(a.Contacts))
	for i, c := range a.Contacts {
		to[i] = c.verify()
	}
	return to
}

// Contacts returns where codes that verify a member may go, as recorded before, for
// Verifier.Begin of package verify, which passes over the mailboxes of the service:
//
//	contacts, err := dir.Contacts(ctx, tenant, id)
//	…
//	token, msg, err := verifier.Begin(ctx, binding, contacts)
//
// It asks no permission. Who is no member, or cannot log in, has none and there is no error;
// an error means that the store does not answer.
func (d *Directory) Contacts(ctx context.Context, t session.TenantID, id member.ID) (to []verify.Contact, err error) {
	defer recovered(&err)
	a, err := d.load(ctx, t, id)
	if errors.Is(err, session.ErrNotFound) || err == nil && !open(a) {
		return nil, nil
	}
	return a.VerifyContacts(), err
}
