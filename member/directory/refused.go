package directory

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
	MemberExists         Reason = "member-exists"          // the id was used, ever, or the login id or external login is; also session.ErrExists
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
	UnknownAct:           "there is no such act, or it is none of an administrator or the member",
	UnknownActor:         "the actor is no member of the tenant; name the administrator who acts",
	ActorCannotAct:       "the actor cannot log in, so it cannot act",
	MissingPermission:    "no role of the actor permits it",
	TargetOutranks:       "the member may what the actor may not; ask somebody with every permission of the member",
	UnknownMember:        "the tenant has no such member",
	MemberExists:         "the id, the login id or an external login is or was in use by another member; choose another",
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
	NoDeviceService:      "the service manages no devices; end the sessions on the device instead",
	PlanWithoutDownloads: "the plan of the tenant has no downloads; what is shown is the same",
}

// RefusedError says that an act is refused, and why. It is an ErrRefused.
type RefusedError struct {
	Act    Act
	Member member.ID // to whom; "": to the tenant
	Reason Reason
	Detail string // what exactly and how to mend it, for who acts; "": the reason says it all
}

func refused(r Reason) *RefusedError { return &RefusedError{Reason: r} }

// because says exactly why: what is there, and how to mend it.
func because(r Reason, format string, args ...any) *RefusedError {
	return &RefusedError{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *RefusedError {
	return because(InvalidArgument, format, args...)
}

func already(format string, args ...any) *RefusedError {
	return because(NothingToChange, format, args...)
}

// either joins names as in "a, b or c".
func either(names []string) string {
	last := max(len(names)-1, 0)
	if last == 0 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// outOfState says in which state a member is that x is not for, and what would have to be
// done first, where that is another act.
func (x Act) outOfState(a Account, at time.Time) *RefusedError {
	is, want, first := stateOf(a), rows[x].from, ""
	under := a // as it would be if it were restored
	under.DeletedAt = time.Time{}
	switch fit := want&(active|stateOf(under.derived())) != 0; {
	case x == Delete, x == Suspend && is == suspended: // it is so already
	case is == purged && x == Restore, fit && (is == purged || is == deleted && !restorable(a, at)):
		first = "; it can only be made again"
	case !fit: // what x would undo was not done
	case is == deleted:
		first = "; restore it first, before " + instant(a.DeletedAt.Add(RestoreWithin))
	case is == suspended:
		first = "; lift the suspension first"
	case is == pending:
		first = "; a password must be set first"
	}
	return because(WrongState, "the member is %v, and %s is for one who is %v%s", is, x, want, first)
}

// exists says what the id of a new member is already. Whoever may make a member may look at
// one whose permissions it has, so nothing is told that could not be seen.
func exists(a Account, at time.Time) *RefusedError {
	switch is := stateOf(a); {
	case is&present != 0:
		return because(MemberExists, "the id is in use: the member is %v; choose another id", is)
	case is == deleted && restorable(a, at):
		return because(MemberExists, "the id is that of a member who was deleted and can be restored before %s; restore it, or choose another id",
			instant(a.DeletedAt.Add(RestoreWithin)))
	}
	return because(MemberExists, "the id was used before, by a member who was deleted on %s, and is nobody else's ever; choose another, or make the same person again by %s",
		instant(a.DeletedAt), MakeAgain)
}

// restorable reports whether a, which is deleted, can be restored.
func restorable(a Account, at time.Time) bool { return at.Before(a.DeletedAt.Add(RestoreWithin)) }

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
