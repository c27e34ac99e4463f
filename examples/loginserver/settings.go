package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// actor is an administrator whose session was checked, and where they are.
type actor struct {
	tenant *tenant
	id     member.ID
	place  engine.Place
}

// admin lets in who has a session; what they may do is for the directory to say, act by
// act. It answers in JSON.
func (s *server) admin(h func(http.ResponseWriter, *http.Request, actor)) http.HandlerFunc {
	return s.of(func(w http.ResponseWriter, r *http.Request, t *tenant) {
		v := s.check(r.Context(), t, clientAddr(r), sessionText(r))
		if !v.Decision.Allowed() {
			writeJSON(w, http.StatusUnauthorized, v.Decision)
			return
		}
		id := v.Session.Member
		h(w, r, actor{t, id, engine.Place{Member: id, Client: v.Session.Stamp.Client, Addr: v.Address, Contact: len(s.contacts(r.Context(), t, id)) > 0}})
	})
}

// secures refuses an administrator without the permission for network settings. It is asked
// at each request, so that one who was suspended or demoted a moment ago does no more.
func (s *server) secures(ctx context.Context, a actor) error {
	account, err := s.accounts.Load(ctx, a.tenant.ID, a.id)
	if err != nil {
		return err
	}
	if !account.CanLogIn() || !account.Permits().Has(directory.Security) {
		return &directory.RefusedError{Act: "network-settings", Reason: directory.MissingPermission}
	}
	return nil
}

// act is what the headers and the query of a change say: If-Match is the version that the
// administrator had before them, without it the present one.
func (s *server) act(r *http.Request, a actor) (engine.Act, policy.Record, error) {
	if err := s.secures(r.Context(), a); err != nil {
		return engine.Act{}, policy.Record{}, err
	}
	now, err := a.tenant.engine.Settings(r.Context(), a.tenant.ID)
	if err != nil {
		return engine.Act{}, now, err
	}
	act := engine.Act{
		Tenant: a.tenant.ID, From: now.Version, By: a.place,
		ID: r.Header.Get("Idempotency-Key"), Why: r.URL.Query().Get("why"), Force: r.URL.Query().Get("force"),
	}
	if match := strings.Trim(r.Header.Get("If-Match"), `"`); match != "" && match != now.Version.String() {
		if act.From, err = readVersion(match); err != nil {
			return act, now, err
		}
	}
	return act, now, nil
}

var errVersion = errors.New("If-Match is no version; take the ETag of GET settings")

func readVersion(text string) (v session.Version, err error) {
	line, number, _ := strings.Cut(text, ".")
	l, errLine := strconv.ParseUint(line, 36, 32)
	v.Number, err = strconv.ParseUint(number, 36, 63)
	if v.Line = uint32(l); errLine != nil || err != nil || l == 0 {
		return session.Version{}, errVersion
	}
	return v, nil
}

func (s *server) getSettings(w http.ResponseWriter, r *http.Request, a actor) {
	_, now, err := s.act(r, a)
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.Header().Set("ETag", `"`+now.Version.String()+`"`)
	writeJSON(w, http.StatusOK, now.Settings)
}

// putSettings saves. The query may have why, force, and provisional with a duration, after
// which the save is taken back unless it is confirmed.
func (s *server) putSettings(w http.ResponseWriter, r *http.Request, a actor) {
	act, _, err := s.act(r, a)
	if err != nil {
		writeProblem(w, err)
		return
	}
	doc, err := io.ReadAll(http.MaxBytesReader(w, r.Body, policy.MaxDocument+1))
	if err != nil {
		writeProblem(w, err)
		return
	}
	settings, _, err := policy.Decode(doc, a.tenant.Profile, s.countries)
	if err != nil {
		writeProblem(w, err)
		return
	}
	save := engine.Save{Act: act, Plan: a.tenant.Plan, Settings: settings}
	if text := r.URL.Query().Get("provisional"); text != "" {
		if save.Provisional, err = time.ParseDuration(text); err != nil {
			writeProblem(w, fmt.Errorf("provisional: %w", err))
			return
		}
	}
	saved, err := a.tenant.engine.Save(r.Context(), save)
	writeSaved(w, saved, err)
}

func (s *server) postConfirm(w http.ResponseWriter, r *http.Request, a actor) {
	act, _, err := s.act(r, a)
	if err != nil {
		writeProblem(w, err)
		return
	}
	saved, err := a.tenant.engine.Confirm(r.Context(), act)
	writeSaved(w, saved, err)
}

// getHistory shows who has saved when, and what changed in words.
func (s *server) getHistory(w http.ResponseWriter, r *http.Request, a actor) {
	if err := s.secures(r.Context(), a); err != nil {
		writeProblem(w, err)
		return
	}
	past, err := a.tenant.engine.History(r.Context(), a.tenant.ID, session.Version{}, 50)
	if err != nil {
		writeProblem(w, err)
		return
	}
	type entry struct {
		Version string    `json:"version"`
		At      time.Time `json:"at"`
		By      member.ID `json:"by,omitempty"`
		Kind    string    `json:"kind"`
		Why     string    `json:"why,omitempty"`
		Changed []string  `json:"changed,omitempty"`
	}
	list := []entry{}
	for _, p := range past {
		list = append(list, entry{p.Record.Version.String(), p.Record.At, p.Record.By, p.Event.Kind, p.Event.Why, p.Event.Summary})
	}
	writeJSON(w, http.StatusOK, list)
}

func writeSaved(w http.ResponseWriter, saved engine.Saved, err error) {
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.Header().Set("ETag", `"`+saved.Version.String()+`"`)
	bypasses := []string{}
	for _, f := range saved.OnlyBypass {
		bypasses = append(bypasses, f.String())
	}
	writeJSON(w, http.StatusOK, struct {
		Version    string        `json:"version"`
		Change     policy.Change `json:"change"`
		OnlyBypass []string      `json:"only_by_bypass,omitempty"`
		Until      time.Time     `json:"provisional_until,omitzero"`
	}{saved.Version.String(), saved.Change, bypasses, saved.Until})
}

// writeProblem says what is wrong, so that a person can mend it and a program can tell.
func writeProblem(w http.ResponseWriter, err error) {
	var (
		invalid  *policy.InvalidError
		lockout  *engine.LockoutError
		outside  *engine.NotAdmittedError
		conflict *policy.ConflictError
		refused  *directory.RefusedError
		large    *http.MaxBytesError
	)
	p := struct {
		Error    string           `json:"error"`
		Reason   string           `json:"reason,omitempty"`
		Problems []policy.Problem `json:"problems,omitempty"`
		Force    string           `json:"force,omitempty"`
	}{Error: err.Error()}
	status := http.StatusBadRequest
	switch {
	case errors.As(err, &invalid):
		status, p.Error, p.Problems = http.StatusUnprocessableEntity, "the settings are not valid", invalid.Problems
	case errors.As(err, &lockout):
		status, p.Reason, p.Force = http.StatusConflict, "lockout", lockout.Force
	case errors.As(err, &outside):
		status, p.Reason, p.Force = http.StatusConflict, "not-admitted", outside.Force
	case errors.As(err, &conflict):
		status = http.StatusPreconditionFailed
	case errors.Is(err, engine.ErrProvisional), errors.Is(err, engine.ErrNotProvisional):
		status = http.StatusConflict
	case errors.As(err, &refused):
		status, p.Reason = http.StatusForbidden, string(refused.Reason)
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, session.ErrNotFound):
		status = http.StatusNotFound
	}
	writeJSON(w, status, p)
}

// getReset shows what a link that was mailed would do, and does nothing: programs that look
// at mails open links.
func (s *server) getReset(w http.ResponseWriter, r *http.Request, t *tenant) {
	token := r.URL.Query().Get("token")
	offer, err := t.engine.Offered(r.Context(), t.ID, token)
	if err != nil {
		writePage(w, http.StatusGone, page{name: "reset", Title: "Lift the restriction", Tenant: t, Wrong: "This link is not valid any more."})
		return
	}
	writePage(w, http.StatusOK, page{name: "reset", Title: "Lift the restriction", Tenant: t, Data: struct {
		engine.Offer
		Token string
	}{offer, token}})
}

func (s *server) postReset(w http.ResponseWriter, r *http.Request, t *tenant) {
	f, ok := fields(w, r, "token")
	if !ok {
		return
	}
	saved, err := t.engine.Redeem(r.Context(), t.ID, f["token"])
	switch {
	case !wantsPage(r) && err != nil:
		writeJSON(w, http.StatusGone, problem{err.Error()})
	case !wantsPage(r):
		writeSaved(w, saved, nil)
	case err != nil:
		writePage(w, http.StatusGone, page{name: "reset", Title: "Lift the restriction", Tenant: t, Wrong: "This link is not valid any more."})
	default:
		http.Redirect(w, r, "/t/"+string(t.ID)+"/login", http.StatusSeeOther)
	}
}
