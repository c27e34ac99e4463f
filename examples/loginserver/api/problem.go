package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/password"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// problem says what is wrong, so that a person can mend it and a program can tell.
type problem struct {
	Error    string           `json:"error"`
	Reason   string           `json:"reason,omitempty"`   // stable
	Problems []policy.Problem `json:"problems,omitempty"` // of settings, all of them
	Version  string           `json:"version,omitempty"`  // that the settings have, where it has moved or was not named

	Flaws []password.Flaw `json:"flaws,omitempty"` // of a new password, all of them

	// Of what would shut administrators out: who, and what opens the refusal.
	Findings []finding     `json:"findings,omitempty"`
	Mend     *policy.Entry `json:"mend,omitempty"`      // added to the designated addresses, makes the change a good one
	StillOut []finding     `json:"still_out,omitempty"` // whom that does not help
	Force    string        `json:"force,omitempty"`
	Retry    string        `json:"retry,omitempty"` // the same request with ?force=…
}

// finding is an administrator who could not come in any more.
type finding struct {
	Member  string         `json:"member"`
	Client  session.Client `json:"client"`
	Address netip.Addr     `json:"address"`
	Reason  policy.Reason  `json:"reason"`
	From    time.Time      `json:"from,omitzero"`    // when an end in the settings passes; zero: at once
	Acting  bool           `json:"acting,omitempty"` // it is the one who saves
}

func findings(list []engine.Finding) (all []finding) {
	for _, f := range list {
		all = append(all, finding{string(f.Member), f.Client, f.Addr, f.Decision.Reason, f.From, f.Acting})
	}
	return all
}

// statuses of refused acts; any other reason is 409.
var statuses = map[directory.Reason]int{
	directory.UnknownAct:           http.StatusNotFound,
	directory.UnknownMember:        http.StatusNotFound,
	directory.UnknownSession:       http.StatusNotFound,
	directory.UnknownRole:          http.StatusNotFound,
	directory.UnknownActor:         http.StatusForbidden,
	directory.ActorCannotAct:       http.StatusForbidden,
	directory.MissingPermission:    http.StatusForbidden,
	directory.TargetOutranks:       http.StatusForbidden,
	directory.PlanWithoutDownloads: http.StatusForbidden,
	directory.InvalidArgument:      http.StatusBadRequest,
}

// errInput is what is wrong with a request, in words for whoever wrote it.
type errInput string

func (e errInput) Error() string { return string(e) }

// writeProblem answers an error. What is nobody's fault but this server's is told to the log
// alone.
func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	var (
		invalid   *policy.InvalidError
		lockout   *engine.LockoutError
		outside   *engine.NotAdmittedError
		proxy     *site.UndeclaredProxyError
		conflict  *policy.ConflictError
		unmatched *unmatchedError
		refused   *directory.RefusedError
		body      *front.BodyError
		passwd    *site.PasswordError
		input     errInput
		wait      *verify.WaitError
	)
	p := problem{Error: plain(err)}
	status := http.StatusServiceUnavailable
	switch {
	case errors.As(err, &invalid) && len(invalid.Problems) == 1 && invalid.Problems[0].Code == "bad-act-id":
		status, p.Error, p.Reason = http.StatusBadRequest, "the Idempotency-Key cannot be used; draw another", "bad-act-id"
	case errors.As(err, &invalid):
		status, p.Error, p.Reason, p.Problems = http.StatusUnprocessableEntity, "the settings are not valid", "invalid-settings", invalid.Problems
	case errors.As(err, &lockout):
		status, p.Reason, p.Force = http.StatusConflict, "lockout", lockout.Force
		if lockout.Mend != (policy.Entry{}) {
			p.Mend = &lockout.Mend
		}
		p.Findings, p.StillOut = findings(lockout.Findings), findings(lockout.StillOut)
	case errors.As(err, &outside):
		status, p.Reason, p.Force = http.StatusConflict, "not-admitted", outside.Force
	case errors.As(err, &proxy):
		status, p.Reason, p.Force = http.StatusConflict, "undeclared-proxy", proxy.Force
	case errors.As(err, &conflict):
		status, p.Error, p.Reason, p.Version = http.StatusPreconditionFailed, moved(conflict), "version-moved", conflict.Found.String()
		w.Header().Set("ETag", etag(conflict.Found))
	case errors.As(err, &unmatched):
		status, p.Reason, p.Version = http.StatusPreconditionRequired, "if-match-missing", unmatched.now.String()
		w.Header().Set("ETag", etag(unmatched.now))
	case errors.Is(err, engine.ErrProvisional):
		status, p.Reason = http.StatusConflict, "provisional-open"
	case errors.Is(err, engine.ErrNotProvisional):
		status, p.Reason = http.StatusConflict, "not-provisional"
	case errors.Is(err, engine.ErrLink):
		status, p.Reason = http.StatusGone, "link-invalid"
	case errors.Is(err, engine.ErrNoHistory):
		status, p.Reason = http.StatusNotFound, "no-such-version"
	case errors.As(err, &refused):
		status, p.Error, p.Reason = http.StatusConflict, refusal(refused), string(refused.Reason)
		if s, ok := statuses[refused.Reason]; ok {
			status = s
		}
	case errors.As(err, &wait):
		status, p.Error, p.Reason = http.StatusTooManyRequests, waits(wait), "too-many-codes"
		if errors.Is(err, verify.ErrTooManyTries) {
			p.Reason = "too-many-tries"
		}
		front.RetryAfter(w, wait.Until)
	case errors.As(err, &body):
		status = body.Status
	case errors.As(err, &passwd):
		status, p.Reason, p.Flaws = http.StatusBadRequest, "password-refused", passwd.Flaws
	case errors.As(err, &input), errors.Is(err, site.ErrVersion):
		status = http.StatusBadRequest
	case errors.Is(err, site.ErrNotSent):
		p.Error, p.Reason = site.ErrNotSent.Error(), "code-not-sent"
	case errors.Is(err, site.ErrBusy):
		p.Error = site.ErrBusy.Error()
	default:
		p.Error = "there is no answer now; try again"
	}
	if status == http.StatusServiceUnavailable {
		if a.Front.Log != nil && !errors.Is(err, context.Canceled) {
			a.Front.Log.Warn("no answer", "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
		}
		w.Header().Set("Retry-After", "5")
	}
	if p.Force != "" {
		q := r.URL.Query()
		q.Set("force", p.Force)
		p.Retry = (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()
	}
	writeJSON(w, status, p)
}
