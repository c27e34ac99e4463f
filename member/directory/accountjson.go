package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// accountFormat grows when an older program would misread an account, which then refuses it.
const accountFormat = 1

// accountText is the text of an account. What follows from other fields is not in it, so
// that no text contradicts itself.
type accountText struct {
	Format int `json:"format"`

	Tenant             session.TenantID `json:"tenant"`
	ID                 member.ID        `json:"id"`
	Version            session.Version  `json:"version"`
	Cuts               session.Cuts     `json:"cuts,omitzero"`
	MustChangePassword bool             `json:"must_change_password,omitempty"`

	Pending     bool            `json:"pending,omitempty"`
	Leave       bool            `json:"leave,omitempty"`
	Suspended   bool            `json:"suspended,omitempty"`
	DeletedAt   time.Time       `json:"deleted_at,omitzero"`
	Purged      bool            `json:"purged,omitempty"`
	AppsBlocked bool            `json:"apps_blocked,omitempty"`
	Closed      session.Clients `json:"closed,omitzero"`

	Roles     []Role     `json:"roles,omitempty"`
	LoginID   string     `json:"login_id,omitempty"`
	Generated bool       `json:"generated,omitempty"`
	External  []External `json:"external,omitempty"`
	Contacts  []Contact  `json:"contacts,omitempty"`
	Profile   Profile    `json:"profile,omitzero"`

	Created         time.Time `json:"created,omitzero"`
	PasswordChanged time.Time `json:"password_changed,omitzero"`
	ChangeRequested time.Time `json:"change_requested,omitzero"`
}

// MarshalJSON writes the whole account. If a is corrupt, it returns an error.
func (a Account) MarshalJSON() ([]byte, error) {
	if err := a.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(accountText{
		Format: accountFormat, Tenant: a.Tenant, ID: a.ID, Version: a.Version, Cuts: a.Cuts,
		MustChangePassword: a.MustChangePassword, Pending: a.Pending, Leave: a.Leave,
		Suspended: a.Suspended, DeletedAt: a.DeletedAt, Purged: a.Purged, AppsBlocked: a.AppsBlocked,
		Closed: a.Closed, Roles: a.Roles, LoginID: a.LoginID, Generated: a.Generated,
		External: a.External, Contacts: a.Contacts, Profile: a.Profile, Created: a.Created,
		PasswordChanged: a.PasswordChanged, ChangeRequested: a.ChangeRequested,
	})
}

// UnmarshalJSON reads what MarshalJSON writes. It refuses an account of a newer format,
// one with keys that it does not know, and one that is corrupt, rather than to decide by
// a part of it. On an error a stays as it was.
func (a *Account) UnmarshalJSON(b []byte) error {
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &format); err != nil {
		return fmt.Errorf("directory: account: %w", err)
	}
	if format.Format != accountFormat {
		return fmt.Errorf("directory: account of format %d; this program reads format %d, so upgrade it", format.Format, accountFormat)
	}
	var t accountText
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return fmt.Errorf("directory: account: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("directory: account: text follows it")
	}
	read := Account{
		Member:  member.Member{Tenant: t.Tenant, ID: t.ID, Version: t.Version, Cuts: t.Cuts, MustChangePassword: t.MustChangePassword},
		Pending: t.Pending, Leave: t.Leave, Suspended: t.Suspended, DeletedAt: t.DeletedAt, Purged: t.Purged,
		AppsBlocked: t.AppsBlocked, Closed: t.Closed, Roles: t.Roles, LoginID: t.LoginID, Generated: t.Generated,
		External: t.External, Contacts: t.Contacts, Profile: t.Profile, Created: t.Created,
		PasswordChanged: t.PasswordChanged, ChangeRequested: t.ChangeRequested,
	}.derived()
	if err := read.Err(); err != nil {
		return err
	}
	*a = read
	return nil
}
