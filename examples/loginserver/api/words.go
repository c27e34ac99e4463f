package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// The library's errors are written for who writes the server. What follows says the same to
// who sends requests.

// plain returns the text of an error without the package that it comes from, and says where
// the force of a refusal goes.
func plain(err error) string {
	text := err.Error()
	for _, name := range []string{"engine: ", "policy: ", "directory: ", "session: "} {
		text = strings.TrimPrefix(text, name)
	}
	return forces.Replace(text)
}

// forces are how the engine's refusals name their Force.
var forces = strings.NewReplacer(
	"repeat it with this error's Force", "send the same request to retry",
	"repeat this with the error's Force", "send the same request to retry",
)

// moved says that settings are not at the version that a request named, whoever moved them.
func moved(e *policy.ConflictError) string {
	switch e.Found {
	case session.Version{}:
		return "the tenant has no settings yet"
	case e.Expected:
		return "the Idempotency-Key was used before, on another version; draw another"
	}
	return fmt.Sprintf("the settings are at version %v and not at %v, for they were saved since; read them and try again", e.Found, e.Expected)
}

// waits says why no code is sent or taken now, and until when.
func waits(e *verify.WaitError) string {
	what := "too many codes were asked for within an hour"
	if errors.Is(e, verify.ErrTooManyTries) {
		what = "too many wrong codes were typed within an hour"
	}
	return what + "; try again after " + e.Until.UTC().Format("15:04:05 (UTC)")
}

// refusal says why an act was refused.
func refusal(e *directory.RefusedError) string {
	if e.Detail != "" { // which is written for who acts
		return e.Detail
	}
	if text, ok := refusals[e.Reason]; ok {
		return text
	}
	return "this cannot be done: " + string(e.Reason)
}

// refusals are the words for reasons that come without any.
var refusals = map[directory.Reason]string{
	directory.UnknownAct:           "there is no such action; /openapi.yaml names them",
	directory.UnknownActor:         "you are no member of this tenant",
	directory.MissingPermission:    "none of your roles permits it",
	directory.TargetOutranks:       "the member may do what you may not; ask somebody who may, or a super admin",
	directory.UnknownMember:        "there is no such member",
	directory.LastSuperAdmin:       "no other super admin could log in then; make another one first",
	directory.NoDeviceService:      "this service manages no devices",
	directory.PlanWithoutDownloads: "the plan of the tenant has no downloads",
}
