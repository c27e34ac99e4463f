package directory

import (
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// Acts of administrators.
const (
	Suspend               Act = "suspend"
	Lift                  Act = "lift"
	BlockApps             Act = "block-apps"
	UnblockApps           Act = "unblock-apps"
	SetPassword           Act = "set-password"
	RequestPasswordChange Act = "request-password-change"
	ChangeLoginID         Act = "change-login-id"
	Unlink                Act = "unlink"
	EndSession            Act = "end-session"
	WipeApp               Act = "wipe-app"
	ResetDevice           Act = "reset-device"
	Delete                Act = "delete"
	Restore               Act = "restore"
	Unlock                Act = "unlock"
	AllowClients          Act = "allow-clients"
	GiveRole              Act = "give-role"
	TakeRole              Act = "take-role"
	BeginLeave            Act = "begin-leave"
	EndLeave              Act = "end-leave"
	EditProfile           Act = "edit-profile"
	Create                Act = "create"
	MakeAgain             Act = "make-again"

	// What is looked at. These change nothing; their events tell of those that were refused.
	Look        Act = "look"         // at one member
	List        Act = "list"         // the members
	ReadEvents  Act = "read-events"  // of administrators
	ReadBlocked Act = "read-blocked" // the members whose apps are blocked
)

// Acts of the member itself.
const (
	ChangePassword Act = "change-password"
	Link           Act = "link"
	RecordContacts Act = "record-contacts"
)

// Acts of the host.
const (
	Adopt    Act = "adopt"
	Purge    Act = "purge"
	DrawLine Act = "draw-line" // after a backup was restored
	Lock     Act = "lock"      // when failed logins reach the limit
)

// RestoreWithin is how long a deleted member can be restored. At that instant and after it
// is too late.
const RestoreWithin = 7 * 24 * time.Hour

// rows is the table of acts.
var rows = map[Act]row{
	Suspend:               {kind: "member-suspended", need: Members | Security, from: pending | active | onLeave, do: suspend},
	Lift:                  {kind: "suspension-lifted", need: Members | Security, from: suspended, do: lift},
	BlockApps:             {kind: "apps-blocked", need: Security, from: present, do: blockApps},
	UnblockApps:           {kind: "apps-unblocked", need: Security, from: present, do: unblockApps},
	SetPassword:           {kind: "password-set", need: Security, from: present, do: setPassword},
	RequestPasswordChange: {kind: "password-change-requested", need: Members | Security, from: active | onLeave | suspended, do: requestChange},
	ChangeLoginID:         {kind: "login-id-changed", need: Security, from: present, do: changeLoginID},
	Unlink:                {kind: "external-login-unlinked", need: Security, from: present, do: unlink},
	EndSession:            {kind: "session-ended", need: Security, from: present, do: endSession},
	WipeApp:               {kind: "app-wiped", need: Security, from: kept, do: wipe(session.WipeApp)},
	ResetDevice:           {kind: "device-reset", need: Security, from: kept, do: wipe(session.WipeAll)},
	Delete:                {kind: "member-deleted", need: Members, from: present, do: remove},
	Restore:               {kind: "member-restored", need: Members, from: deleted, do: restore},
	Unlock:                {kind: "member-unlocked", need: Security, from: active | onLeave, still: true},
	AllowClients:          {kind: "clients-allowed", need: Services, from: present, do: allowClients},
	GiveRole:              {kind: "role-given", need: Critical, super: true, from: present, do: giveRole},
	TakeRole:              {kind: "role-taken", need: Critical, super: true, from: present, do: takeRole},
	BeginLeave:            {kind: "leave-begun", need: Members, from: active, do: leave(true)},
	EndLeave:              {kind: "leave-ended", need: Members, from: onLeave, do: leave(false)},
	EditProfile:           {kind: "profile-edited", need: Members, from: present, do: editProfile},
	Create:                {kind: "member-created", need: Members, from: absent, line: true, do: create},
	MakeAgain:             {kind: "member-made-again", need: Members, from: deleted | purged, line: true, do: makeAgain},

	Look:        {kind: "member-looked-at", need: Members | Security | Audit, from: kept | purged, still: true},
	List:        {kind: "members-listed", need: Basics, still: true},
	ReadEvents:  {kind: "events-read", need: Audit, still: true},
	ReadBlocked: {kind: "blocked-read", need: Security, still: true},

	ChangePassword: {kind: "password-changed", by: itself, from: pending | active | onLeave, do: changePassword},
	Link:           {kind: "external-login-linked", by: itself, from: present, do: link},
	RecordContacts: {kind: "contacts-recorded", by: itself, from: present, do: recordContacts},

	Adopt:    {kind: "member-adopted", by: host, from: absent, still: true},
	Purge:    {kind: "member-purged", by: host, from: deleted, do: purge},
	DrawLine: {kind: "line-drawn", by: host, from: kept | purged, line: true, do: drawLine},
	Lock:     {kind: "member-locked", by: host, from: active | onLeave, still: true},
}
