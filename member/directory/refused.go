package directory

import (
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// ErrRefused is what every *RefusedError is: the rules do not permit the act, and nothing
// was changed.
var ErrRefused = errors.New("refused by the rules")

// Reason says why an act is refused. It is stable, for translation, and is what the event
// of a refused act has. The zero Reason is none.
type Reason string

const (
	UnknownAct           Reason = "unknown-act"
	UnknownActor         Reason = "unknown-actor"          // nobody is named, or there is no such member in the tenant
	ActorCannotAct       Reason = "actor-cannot-act"       // pending, suspended, deleted, or every client is closed
	MissingPermission    Reason = "missing-permission"     // none of the actor's roles permits the act
	TargetOutranks       Reason = "target-outranks"        // the target is a super admin, or may what the actor may not
	UnknownMember        Reason = "unknown-member"         // there is none; also session.ErrNotFound
	MemberExists         Reason = "member-exists"          // the id was used, ever, or the login id is; also session.ErrExists
	WrongState           Reason = "wrong-state"            // the act is not for a member in this state
	NothingToChange      Reason = "nothing-to-change"      // it is so already
	LoginIDFixed         Reason = "login-id-fixed"         // it was changed before, or was never generated
	DeletedTooLongAgo    Reason = "deleted-too-long-ago"   // 7 days have passed
	DeletedTooShortAgo   Reason = "deleted-too-short-ago"  // 7 days have not passed
	LastSuperAdmin       Reason = "last-super-admin"       // no other super admin could log in
	InvalidArgument      Reason = "invalid-argument"       // what is missing or wrong, the text says
	UnknownSession       Reason = "unknown-session"        // the member has no such session
	UnknownExternal      Reason = "unknown-external"       // the member has no such external login
	UnknownRole          Reason = "unknown-role"           // the member has no such role
	ChangedMeanwhile     Reason = "changed-meanwhile"      // the member is not at the version that was named
	NoDeviceService      Reason = "no-device-service"      // the host has no Wiper
	PlanWithoutDownloads Reason = "plan-without-downloads" // of the tenant; also session.ErrNoDownload
)

// texts say what stands in the way and how to mend it.
var texts = map[Reason]string{
	UnknownAct:           "there is no such act",
	UnknownActor:         "the actor is no member of the tenant; name the administrator who acts",
	ActorCannotAct:       "the actor cannot log in, so it cannot act",
	MissingPermission:    "no role of the actor permits it",
	TargetOutranks:       "the member may what the actor may not; ask somebody with every permission of the member, or a super admin if it is one",
	UnknownMember:        "there is no such member",
	MemberExists:         "the id is or was in use, or the login id is; ids are never used again",
	WrongState:           "the act is not for a member in this state",
	NothingToChange:      "it is so already",
	LoginIDFixed:         "only a login id that was generated can be changed, and only once",
	DeletedTooLongAgo:    "the member was deleted 7 days ago or longer",
	DeletedTooShortAgo:   "the member was deleted less than 7 days ago and can still be restored",
	LastSuperAdmin:       "no other super admin can log in; make another one first",
	InvalidArgument:      "something that the act needs is missing or wrong",
	UnknownSession:       "the member has no such session",
	UnknownExternal:      "the member has no such external login",
	UnknownRole:          "the member has no such role",
	ChangedMeanwhile:     "the member was changed meanwhile; begin again",
	NoDeviceService:      "the service manages no devices",
	PlanWithoutDownloads: "the plan of the tenant has no downloads",
}

// RefusedError says that an act is refused, and why. It is an ErrRefused.
type RefusedError struct {
	Act    Act
	Member member.ID // to whom; "": to the tenant
	Reason Reason
	Detail string // what exactly, for people; "": the reason says it all
}

func refused(r Reason) *RefusedError { return &RefusedError{Reason: r} }

func invalid(format string, args ...any) *RefusedError {
	return &RefusedError{Reason: InvalidArgument, Detail: fmt.Sprintf(format, args...)}
}

// Error says what stands in the way and how to mend it.
func (e *RefusedError) Error() string {
	whom, text := "", texts[e.Reason]
	if e.Member != "" {
		whom = " to " + quote(string(e.Member))
	}
	if e.Detail != "" {
		text = e.Detail
	}
	return fmt.Sprintf("directory: %s%s refused [%s]: %s", quote(string(e.Act)), whom, e.Reason, text)
}

// Is reports whether target is ErrRefused or what the reason says in package session.
func (e *RefusedError) Is(target error) bool {
	switch target {
	case ErrRefused:
		return true
	case session.ErrNotFound:
		return e.Reason == UnknownMember
	case session.ErrExists:
		return e.Reason == MemberExists
	case session.ErrNoDownload:
		return e.Reason == PlanWithoutDownloads
	}
	return false
}
