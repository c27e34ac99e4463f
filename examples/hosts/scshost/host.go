// Package scshost guards a service whose sessions alexedwards/scs keeps. Copy it whole. The
// host must see to three things: the password is checked always, against a member whose
// version was read before; the engine's Options.Failures counts wrong ones, or they can be
// guessed without end; and the session manager's Cookie.Secure is set where TLS is. The
// stamp stands in the session's data, which scs keeps on the server, and the client is what
// this door is for, whatever a request says.
package scshost

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/alexedwards/scs/v2"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Host is a service for one tenant.
type Host struct {
	Tenant   session.TenantID
	Engine   *engine.Engine
	Sessions *scs.SessionManager
	Resolver *httpgate.Resolver

	// Password reports whether it is right, and the member's version from before it was
	// checked. For a member who is not there it compares with the hash of a password that
	// nobody has, so as to take as long: site/passwords.go of the login server does so.
	Password func(ctx context.Context, id member.ID, password string) (since session.Version, ok bool)
}

// Handler mounts the doors beside the Guard and app behind it. Other sites' pages post to
// none of them.
func (h *Host) Handler(app http.Handler) http.Handler {
	guard := &httpgate.Guard{Engine: h.Engine, Session: h.SessionOf, Resolver: h.Resolver}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { h.login(w, r, guard) })
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := h.Sessions.Destroy(r.Context()); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	})
	mux.Handle("/", guard.Handler(app))
	return http.NewCrossOriginProtection().Handler(h.Sessions.LoadAndSave(mux))
}

func (h *Host) login(w http.ResponseWriter, r *http.Request, guard *httpgate.Guard) {
	seen, _ := h.Resolver.Resolve(r) // without an address the engine refuses
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id := member.ID(r.PostFormValue("member"))
	since, ok := h.Password(r.Context(), id, r.PostFormValue("password"))
	d, stamp, err := h.Engine.Admit(r.Context(), engine.Login{
		Tenant: h.Tenant, Member: id, Client: session.Web, Addr: seen.Addr, Authenticated: ok, Since: since,
	})
	if err != nil || !d.Allowed() { // a host with codes and new passwords answers those here
		guard.Refuse(w, r, h.Tenant, d, seen)
		return
	}
	text, err := stamp.MarshalText()
	if err == nil {
		err = h.Sessions.RenewToken(r.Context()) // or a token planted before the login would be in
	}
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	h.Sessions.Put(r.Context(), "member", string(id))
	h.Sessions.Put(r.Context(), "stamp", string(text))
}

// SessionOf is the Session of a Guard.
func (h *Host) SessionOf(r *http.Request) (engine.Request, error) {
	id := h.Sessions.GetString(r.Context(), "member")
	if id == "" {
		return engine.Request{}, session.ErrNotFound
	}
	request := engine.Request{Tenant: h.Tenant, Member: member.ID(id)}
	if err := request.Stamp.UnmarshalText([]byte(h.Sessions.GetString(r.Context(), "stamp"))); err != nil {
		return engine.Request{}, errors.Join(session.ErrNotFound, fmt.Errorf("stamp: %w", err))
	}
	return request, nil
}
