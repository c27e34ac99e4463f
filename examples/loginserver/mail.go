package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// mail is a letter that a real server would send. This one shows it.
type mail struct {
	Tenant session.TenantID `json:"tenant"`
	To     member.ID        `json:"to"`
	Text   string           `json:"text"`
	At     time.Time        `json:"at"`
}

const maxMails = 50

// mails are the last letters.
type mails struct {
	mu   sync.Mutex
	kept []mail
}

// send writes a letter. It goes to the address that was recorded before, and never to one
// that came with the login.
func (ms *mails) send(t session.TenantID, to member.ID, text string) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.kept = append(ms.kept[max(0, len(ms.kept)+1-maxMails):], mail{t, to, text, time.Now().UTC().Truncate(time.Second)})
}

// to returns the letters of a member, or of all if to is "", newest first.
func (ms *mails) to(to member.ID) []mail {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	found := []mail{}
	for _, m := range slices.Backward(ms.kept) {
		if to == "" || m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// mailer tells the administrators of a tenant of what an engine has for them.
type mailer struct{ *server }

func (m mailer) Mail(ctx context.Context, l engine.Letter) error {
	text := "Somebody has used the link that lifts the address restriction. If it was none of you, change your passwords."
	if l.Kind == session.ResetLink {
		text = fmt.Sprintf("The address restriction was saved. If you cannot log in any more, this link lifts it, until %s: /t/%s/reset?token=%s",
			l.Expires.UTC().Format(time.TimeOnly), url.PathEscape(string(l.Tenant)), url.QueryEscape(l.Token))
	}
	for _, id := range administratorIDs {
		m.mails.send(l.Tenant, id, text)
	}
	return nil
}

// administratorIDs are the administrators of each demo tenant.
var administratorIDs = []member.ID{"root", "it"}

// administrators tells an engine from where they were last seen.
type administrators struct{ *server }

func (a administrators) Administrators(ctx context.Context, t session.TenantID) ([]engine.Place, error) {
	var seen []engine.Place
	for _, id := range administratorIDs {
		for v, err := range a.sessions.Visits(ctx, t, id, time.Now().Add(-session.History)) {
			if err != nil {
				return nil, err
			}
			seen = append(seen, engine.Place{Member: id, Client: v.Client, Addr: v.Addr, Contact: true}) // each has one
			break
		}
	}
	return seen, nil
}
