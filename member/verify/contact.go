package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/session"
)

// Kind is how a contact is reached. The zero Kind is [UnknownKind], and no code is sent
// by it.
type Kind uint8

const (
	UnknownKind Kind = iota
	Email
	Phone
)

// String returns "email", "phone" or "unknown".
func (k Kind) String() string {
	switch k {
	case Email:
		return "email"
	case Phone:
		return "phone"
	}
	return "unknown"
}

// Contact is an address of a member, as the host has recorded it before. The zero Contact
// is refused. Printed or logged, it shows what Masked returns.
type Contact struct {
	Kind Kind

	// Address is a mail address with a domain in ASCII (an international one as xn--…), or
	// a phone number as in E.164: +821012345678.
	Address string

	// Recorded is when the member or an administrator gave it. No code is sent to one that
	// was recorded when the code was asked for, or after.
	Recorded time.Time
}

// Err returns why no code can be sent to c, or nil. Ask it when a contact is recorded. It
// does not see whose mailbox it is.
func (c Contact) Err() error {
	switch c.Kind {
	case Email:
		local, domain, ok := splitMail(c.Address)
		switch {
		case len(c.Address) > 254 || len(local) > 64:
			return errors.New("verify: a mail address of more than 254 bytes, or 64 before the @")
		case !ok || !utf8.ValidString(local) || strings.ContainsFunc(local, notInLocal) || strings.HasPrefix(local, ".") || strings.HasSuffix(local, "."):
			return errors.New("verify: this is no mail address of the form name@example.com")
		case !isDomain(domain):
			return errors.New("verify: the domain of the mail address is none; write an international one as xn--…")
		}
		return nil
	case Phone:
		digits, ok := strings.CutPrefix(c.Address, "+")
		if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
			return errors.New("verify: this is no phone number of the form +821012345678")
		}
		return nil
	}
	return errors.New("verify: a contact is an email or a phone")
}

// notInLocal reports whether r cannot stand before the @. What is quoted, and what would
// make several addresses or a header of one, is refused.
func notInLocal(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Cf) || strings.ContainsRune(`"(),:;<>@[\]%!`, r)
}

// splitMail splits at the last @.
func splitMail(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i <= 0 {
		return "", "", false
	}
	return address[:i], address[i+1:], true
}

// isDomain reports whether s is a domain of labels in ASCII, at least two of them.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' ||
			strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return len(labels) >= 2 && len(s) <= 253
}

// Masked returns c as it can be shown to one who has proved the password: k***@example.com,
// ***78. It tells neither the length nor, of a name of one character, the name. Of an
// address that is none it returns ***.
func (c Contact) Masked() string {
	if c.Err() != nil {
		return "***"
	}
	if c.Kind == Phone {
		return "***" + c.Address[len(c.Address)-2:]
	}
	local, domain, _ := splitMail(c.Address)
	_, size := utf8.DecodeRuneInString(local)
	if size == len(local) {
		size = 0
	}
	return local[:size] + "***@" + domain
}

// String returns what Masked returns.
func (c Contact) String() string { return c.Masked() }

// GoString returns what Masked returns.
func (c Contact) GoString() string { return c.Masked() }

// LogValue returns kind and Masked.
func (c Contact) LogValue() slog.Value {
	return slog.StringValue(c.Kind.String() + " " + c.Masked())
}

// Mailboxes knows the mailboxes of this service: a code that is sent to one would be read
// by whoever has the password. [Domains] is one.
type Mailboxes interface {
	// Own reports whether address is a mailbox of this service, of any tenant. If it
	// cannot tell, it returns an error, and no code is sent. It is safe for concurrent use.
	Own(ctx context.Context, t session.TenantID, address string) (bool, error)
}

// Domains are Mailboxes: those of the domains and of what is below them. Without any
// there are none, for a service that has no mail. Domains of tenants belong to the list
// too; where they come and go, write a Mailboxes that looks them up. The host must not
// alter it while it is used.
type Domains []string

// Own reports whether the domain of address is one of d, or below it. If d has something
// that is no domain, it cannot tell.
func (d Domains) Own(_ context.Context, _ session.TenantID, address string) (bool, error) {
	_, domain, _ := splitMail(strings.ToLower(address))
	for _, own := range d {
		own = strings.ToLower(own)
		if !isDomain(own) {
			return false, fmt.Errorf("verify: %.64q is no domain; write it as example.com", own)
		}
		if domain == own || strings.HasSuffix(domain, "."+own) {
			return true, nil
		}
	}
	return false, nil
}

// Choose returns the contact that Begin would send a code to at this moment, the first of
// contacts that can be used, else ErrNoContact or why that is not known. A member who has none
// is shut out where verification is asked for: tell it before that, and the guard of package
// policy/engine, see its Place.
func (v *Verifier) Choose(ctx context.Context, t session.TenantID, contacts []Contact) (Contact, error) {
	if err := v.made(); err != nil {
		return Contact{}, err
	}
	now := v.now()
	if len(contacts) > MaxContacts {
		return Contact{}, fmt.Errorf("verify: %d contacts; at most %d", len(contacts), MaxContacts)
	}
	var bad, late, own int
	for _, c := range contacts {
		switch {
		case c.Err() != nil:
			bad++
			continue
		case c.Recorded.IsZero() || !c.Recorded.Before(now):
			late++
			continue
		}
		if c.Kind == Email {
			is, err := protect("the mailboxes", func() (bool, error) { return v.own.Own(ctx, t, c.Address) })
			if err != nil {
				return Contact{}, err
			}
			if is {
				own++
				continue
			}
		}
		return c, nil
	}
	return Contact{}, fmt.Errorf("%w: of %d given, %d cannot be read, %d were not recorded before, %d are mailboxes of this service",
		ErrNoContact, len(contacts), bad, late, own)
}
