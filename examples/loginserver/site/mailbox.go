package site

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Mail is a letter. A demo keeps it for an hour and shows it to everybody.
type Mail struct {
	Kind   string           `json:"kind"`
	Tenant session.TenantID `json:"tenant"`
	To     member.ID        `json:"to"`
	Code   string           `json:"code,omitempty"` // of MailVerification
	Link   string           `json:"link,omitempty"` // of MailResetLink: a path on this server
	Text   string           `json:"text"`
	At     time.Time        `json:"at"`
	Until  time.Time        `json:"until,omitzero"` // when code or link is of no use any more
}

// The kinds of letters, which are stable.
const (
	MailVerification = "verification" // a code that verifies a login
	MailResetLink    = "reset-link"   // a link that lifts the address restriction
	MailNotice       = "notice"       // that somebody has used the link
)

const mailKept = time.Hour

// What becomes of a letter that was not sent; test with errors.Is.
var (
	// ErrMailbox says that an address takes no letter, now or later.
	ErrMailbox = errors.New("there is no such mailbox")
	// ErrNotSent says that a login waits for a code that was not sent.
	ErrNotSent = errors.New("the code could not be sent; try again")
)

// send mails a letter to an address that was recorded before, and never to one that came
// with the login. A demo keeps it instead.
func (s *Site) send(ctx context.Context, address string, m Mail) error {
	if !s.Demo {
		if s.mail == nil {
			return errors.New("nothing is mailed: this server was given no way to")
		}
		return s.mail(ctx, address, m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.stores.Values.Put(ctx, Value{Kind: "mail", Name: rand.Text(), Owner: string(m.To), Body: b, Until: m.At.Add(mailKept)})
}

// reaches reports whether a code gets to one of contacts: who is asked for one and gets none
// is shut out.
func (s *Site) reaches(ctx context.Context, t session.TenantID, contacts []verify.Contact) bool {
	if !s.Demo && s.mail == nil {
		return false
	}
	_, err := s.verifier.Choose(ctx, t, contacts)
	return err == nil
}

// Mails returns the letters of a member in every tenant, or of all for "", newest first. If
// this is no demo there are none: codes go to the member's own mailbox and nowhere else.
func (s *Site) Mails(ctx context.Context, to member.ID) ([]Mail, error) {
	found := []Mail{}
	if !s.Demo {
		return found, nil
	}
	list, err := s.stores.Values.List(ctx, "mail", string(to))
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		var m Mail
		if err := json.Unmarshal(v.Body, &m); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

func (t *Tenant) sendCode(ctx context.Context, to member.ID, m verify.Message) error {
	if err := t.site.send(ctx, m.To.Address, Mail{
		Kind: MailVerification, Tenant: t.ID, To: to, At: now(), Code: m.Code, Until: m.Ends.UTC(),
		Text: fmt.Sprintf("Your code is %s. It is good until %s (UTC). Type it nowhere but where you have just logged in.", m.Code, m.Ends.UTC().Format(time.TimeOnly)),
	}); err != nil {
		return errors.Join(ErrNotSent, err)
	}
	return nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// mailer tells the administrators of a tenant of what an engine has for them. The order for
// it comes again as long as there is an error, and then each of them may get a letter twice.
// So one is tried after the other, whatever becomes of the first; and a mailbox that will
// never take a letter is no reason to mail the others again, as long as there are others.
type mailer struct{ *Site }

func (m mailer) Mail(ctx context.Context, l engine.Letter) error {
	letter := Mail{Kind: MailNotice, Tenant: l.Tenant, At: l.At.UTC().Truncate(time.Second),
		Text: "Somebody has used the link that lifts the address restriction. If it was none of you, change your passwords."}
	if l.Kind == session.ResetLink {
		letter.Kind, letter.Link, letter.Until = MailResetLink, "/reset/"+string(l.Tenant)+"."+l.Token, l.Expires.UTC()
		letter.Text = fmt.Sprintf("The address restriction was saved. If you cannot log in any more, this link lifts it, until %s (UTC): %s%s",
			l.Expires.UTC().Format(time.TimeOnly), m.url, letter.Link)
	}
	admins, err := m.admins(ctx, l.Tenant)
	if err != nil {
		return err
	}
	var failed, refused error
	sent := 0
	for _, a := range admins {
		if len(a.Contacts) == 0 {
			continue
		}
		letter.To = a.ID
		switch err := m.send(ctx, a.Contacts[0].Address, letter); {
		case errors.Is(err, ErrMailbox):
			refused = errors.Join(refused, fmt.Errorf("to %s: %w", a.ID, err))
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("to %s: %w", a.ID, err))
		default:
			sent++
		}
	}
	if failed == nil && refused != nil && sent > 0 {
		m.log.Warn("a letter was refused", "tenant", l.Tenant, "kind", letter.Kind, "error", refused)
		return nil
	}
	return errors.Join(failed, refused)
}

// admins are the members of a tenant who may change its network settings.
func (s *Site) admins(ctx context.Context, t session.TenantID) ([]directory.Account, error) {
	var found []directory.Account
	seen := make(map[member.ID]bool)
	for _, role := range []string{directory.SuperAdmin, directory.Deputy, directory.ITAdmin} {
		page := directory.Query{Role: role}
		for {
			list, err := s.stores.Members.List(ctx, t, page)
			if err != nil {
				return nil, err
			}
			for _, a := range list {
				if !seen[a.ID] && a.CanLogIn() && a.Permits().Has(directory.Security) {
					seen[a.ID] = true
					found = append(found, a)
				}
			}
			if len(list) < page.Limit() {
				break
			}
			page.After = list[len(list)-1].ID
		}
	}
	return found, nil
}

// administrators tells an engine from where they were last seen.
type administrators struct{ *Site }

func (a administrators) Administrators(ctx context.Context, t session.TenantID) ([]engine.Place, error) {
	admins, err := a.admins(ctx, t)
	if err != nil {
		return nil, err
	}
	visitor, ok := a.stores.Sessions.(session.Visitor)
	if !ok {
		return nil, nil
	}
	var seen []engine.Place
	for _, admin := range admins {
		for v, err := range visitor.Visits(ctx, t, admin.ID, time.Now().Add(-session.History)) {
			if err != nil {
				return nil, err
			}
			seen = append(seen, engine.Place{Member: admin.ID, Client: v.Client, Addr: v.Addr, Contact: a.reaches(ctx, t, admin.VerifyContacts())})
			break
		}
	}
	return seen, nil
}
