package site

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Actor is a member who acts as an administrator, from a place. Each method asks anew what
// the member may do, so that one who was suspended or demoted a moment ago does no more; the
// error is a *directory.RefusedError then.
type Actor struct {
	Tenant *Tenant
	ID     member.ID
	Client session.Client
	Seen   httpgate.Seen
}

// Actor returns the member of a session as an administrator. The request must have been
// checked: by Visit, or by an httpgate.Guard whose Checker is the Site.
func (t *Tenant) Actor(id member.ID, client session.Client, seen httpgate.Seen) *Actor {
	return &Actor{t, id, client, seen}
}

// may refuses an actor who has none of the permissions.
func (a *Actor) may(ctx context.Context, what directory.Act, oneOf directory.Permissions) error {
	account, err := a.Tenant.site.stores.Members.Load(ctx, a.Tenant.ID, a.ID)
	if err != nil {
		return err
	}
	if !account.CanLogIn() || account.Permits()&oneOf == 0 {
		return &directory.RefusedError{Act: what, Reason: directory.MissingPermission}
	}
	return nil
}

// Permissions returns what the actor may do now, for what pages show of menus. It decides
// nothing.
func (a *Actor) Permissions(ctx context.Context) (directory.Permissions, error) {
	account, err := a.Tenant.site.stores.Members.Load(ctx, a.Tenant.ID, a.ID)
	if err != nil || !account.CanLogIn() {
		return 0, err
	}
	return account.Permits(), nil
}

func (a *Actor) place(ctx context.Context) engine.Place {
	contacts, err := a.Tenant.site.directory.Contacts(ctx, a.Tenant.ID, a.ID)
	return engine.Place{Member: a.ID, Client: a.Client, Addr: a.Seen.Addr, Contact: err == nil && a.Tenant.site.reaches(ctx, a.Tenant.ID, contacts)}
}

// Network is a tenant's network settings as they decide now.
type Network struct {
	Settings policy.Settings
	Version  session.Version // to be named by the save that comes of it
	By       member.ID       // who saved them; "": the system
	At       time.Time

	// Returns is when a provisional save is taken back unless it is confirmed. Zero: it is
	// none.
	Returns time.Time

	// Unavailable are the features that are off under these settings.
	Unavailable []string
}

// Network returns the network settings. Permission: security.
func (a *Actor) Network(ctx context.Context) (Network, error) {
	if err := a.may(ctx, "read-network", directory.Security); err != nil {
		return Network{}, err
	}
	r, err := a.Tenant.engine.Settings(ctx, a.Tenant.ID)
	if err != nil {
		return Network{}, err
	}
	n := Network{Settings: r.Settings, Version: r.Version, By: r.By, At: r.At}
	if r.Return != nil {
		n.Returns = r.Return.At
	}
	if p, err := policy.CompileStored(r.Settings, a.Tenant.Profile, locator(a.Tenant.site.Countries)); err == nil {
		n.Unavailable = p.Unavailable(a.Tenant.Plan)
	}
	return n, nil
}

// Change is what a change of the network settings says of itself.
type Change struct {
	From  session.Version // that the administrator had before them
	ID    string          // draws no second change when it is repeated; "": it is not repeatable
	Why   string
	Force string // what refusals that were seen and accepted have given, joined by commas

	// Provisional takes a save back after so long unless it is confirmed. 0: it stays.
	Provisional time.Duration
}

// UndeclaredProxyError refuses to put addresses in force while requests come with a header
// that tells of a client and is not believed: the address seen is likely that of a proxy
// that nobody has declared, and would let in everybody who comes through it.
type UndeclaredProxyError struct {
	Header string
	Addr   netip.Addr
	Force  string
}

func (e *UndeclaredProxyError) Error() string {
	return fmt.Sprintf("your request came from %v with the header %s, which is not believed: if a proxy stands before this server, declare it with -trust-proxy first, for its address would let in everybody who comes through it", e.Addr, e.Header)
}

const forceUndeclared = "undeclared-proxy"

// Decode reads a document of settings strictly. The error is a *policy.InvalidError with
// every problem.
func (t *Tenant) Decode(doc []byte) (policy.Settings, error) {
	s, _, err := policy.Decode(doc, t.Profile, locator(t.site.Countries))
	return s, err
}

// Save saves network settings. Permission: security. Errors are those of engine.Engine.Save,
// and *UndeclaredProxyError.
func (a *Actor) Save(ctx context.Context, c Change, s policy.Settings) (engine.Saved, error) {
	act, err := a.act(ctx, "save-network", c)
	if err != nil {
		return engine.Saved{}, err
	}
	if err := a.declared(ctx, c, s); err != nil {
		return engine.Saved{}, err
	}
	saved, err := a.Tenant.engine.Save(ctx, engine.Save{Act: act, Plan: a.Tenant.Plan, Settings: s, Provisional: c.Provisional})
	return saved, a.told(c, err)
}

// declared refuses settings that rely on an address which is likely that of a proxy.
func (a *Actor) declared(ctx context.Context, c Change, s policy.Settings) error {
	if a.Seen.Ignored == "" || forced(c.Force, forceUndeclared) {
		return nil
	}
	now, err := a.Tenant.engine.Settings(ctx, a.Tenant.ID)
	if err != nil {
		return err
	}
	if a.relies(now.Settings, s) {
		return &UndeclaredProxyError{a.Seen.Ignored, a.Seen.Addr, joined(c.Force, forceUndeclared)}
	}
	return nil
}

// relies reports whether a save designates addresses where none were, or adds the one that
// the actor seems to come from.
func (a *Actor) relies(old, new policy.Settings) bool {
	if new.Access != policy.DesignatedAddresses {
		return false
	}
	return old.Access != policy.DesignatedAddresses || holds(new, a.Seen.Addr) && !holds(old, a.Seen.Addr)
}

func holds(s policy.Settings, addr netip.Addr) bool {
	var all []ipset.Range
	for _, e := range s.Designated {
		all = append(all, e.Range)
	}
	return ipset.Of(all...).Contains(addr)
}

// Confirm keeps a provisional save. Permission: security.
func (a *Actor) Confirm(ctx context.Context, c Change) (engine.Saved, error) {
	act, err := a.act(ctx, "confirm-network", c)
	if err != nil {
		return engine.Saved{}, err
	}
	saved, err := a.Tenant.engine.Confirm(ctx, act)
	return saved, a.told(c, err)
}

// TakeBack takes a provisional save back at once. Permission: security.
func (a *Actor) TakeBack(ctx context.Context, c Change) (engine.Saved, error) {
	act, err := a.act(ctx, "take-back-network", c)
	if err != nil {
		return engine.Saved{}, err
	}
	saved, err := a.Tenant.engine.TakeBack(ctx, act)
	return saved, a.told(c, err)
}

// Restore brings back the settings of an earlier version. Permission: security.
func (a *Actor) Restore(ctx context.Context, c Change, earlier session.Version) (engine.Saved, error) {
	act, err := a.act(ctx, "restore-network", c)
	if err != nil {
		return engine.Saved{}, err
	}
	if h, ok := a.Tenant.site.stores.Policies.(policy.Historian); ok {
		past, err := h.Earlier(ctx, a.Tenant.ID, earlier)
		if err == nil {
			err = a.declared(ctx, c, past.Record.Settings)
		}
		if err != nil && !errors.Is(err, session.ErrNotFound) { // which Restore tells better
			return engine.Saved{}, err
		}
	}
	saved, err := a.Tenant.engine.Restore(ctx, act, a.Tenant.Plan, earlier)
	return saved, a.told(c, err)
}

// History returns the saves before a version, newest first, at most n; of all for the zero
// Version. Permission: security or audit.
func (a *Actor) History(ctx context.Context, before session.Version, n int) ([]policy.Past, error) {
	if err := a.may(ctx, "read-history", directory.Security|directory.Audit); err != nil {
		return nil, err
	}
	return a.Tenant.engine.History(ctx, a.Tenant.ID, before, n)
}

// act is a change as the engine takes it.
func (a *Actor) act(ctx context.Context, what directory.Act, c Change) (engine.Act, error) {
	if err := a.may(ctx, what, directory.Security); err != nil {
		return engine.Act{}, err
	}
	act := engine.Act{Tenant: a.Tenant.ID, From: c.From, By: a.place(ctx), ID: c.ID, Why: c.Why}
	for part := range strings.SplitSeq(c.Force, ",") {
		if part != forceUndeclared {
			act.Force = part
		}
	}
	return act, nil
}

// told adds to the force of a refusal what was forced before it.
func (a *Actor) told(c Change, err error) error {
	if !forced(c.Force, forceUndeclared) {
		return err
	}
	var lockout *engine.LockoutError
	var outside *engine.NotAdmittedError
	switch {
	case errors.As(err, &lockout):
		lockout.Force = joined(forceUndeclared, lockout.Force)
	case errors.As(err, &outside):
		outside.Force = joined(forceUndeclared, outside.Force)
	}
	return err
}

func forced(force, what string) bool {
	for part := range strings.SplitSeq(force, ",") {
		if part == what {
			return true
		}
	}
	return false
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}

// Preview replays the visits of the last 90 days through settings that are not saved.
// Permission: security.
func (a *Actor) Preview(ctx context.Context, draft policy.Settings) (*engine.Preview, error) {
	if err := a.may(ctx, "preview", directory.Security); err != nil {
		return nil, err
	}
	var visits iter.Seq2[session.Visit, error]
	if v, ok := a.Tenant.site.stores.Sessions.(session.Visitor); ok {
		visits = v.Visits(ctx, a.Tenant.ID, "", time.Now().Add(-session.History))
	}
	return a.Tenant.engine.Preview(ctx, a.Tenant.ID, a.Tenant.Plan, draft, visits)
}

// WhatIf explains how a login of a member would be decided, by settings or, if that is nil,
// by those in force. The member "" is an ordinary one. Permission: security.
func (a *Actor) WhatIf(ctx context.Context, addr netip.Addr, client session.Client, id member.ID, settings *policy.Settings) (policy.Explanation, error) {
	if err := a.may(ctx, "what-if", directory.Security); err != nil {
		return policy.Explanation{}, err
	}
	return a.Tenant.engine.WhatIf(ctx, engine.Login{Tenant: a.Tenant.ID, Member: id, Plan: a.Tenant.Plan, Client: client, Addr: addr}, settings)
}

// ErrVersion says that a text is no version.
var ErrVersion = errors.New("this is no version of the settings; take the one that reading them told")

// ParseVersion reads the version of settings, as session.Version.String writes it.
func ParseVersion(text string) (session.Version, error) {
	v, err := session.ParseVersion(text)
	if err != nil || v.Line == 0 {
		return session.Version{}, ErrVersion
	}
	return v, nil
}

// Offered shows what a reset link would do, and does nothing: programs that look at mails
// open links. link is what follows /reset/. The error is engine.ErrLink if it would not work.
func (s *Site) Offered(ctx context.Context, link string) (engine.Offer, error) {
	t, token := s.linked(link)
	if t == nil {
		return engine.Offer{}, engine.ErrLink
	}
	return t.engine.Offered(ctx, t.ID, token)
}

// Redeem does what a reset link offers: every address is allowed. It works once, for whoever
// has the link. The error is engine.ErrLink if it does not work.
func (s *Site) Redeem(ctx context.Context, link string) (*Tenant, engine.Saved, error) {
	t, token := s.linked(link)
	if t == nil {
		return nil, engine.Saved{}, engine.ErrLink
	}
	saved, err := t.engine.Redeem(ctx, t.ID, token)
	return t, saved, err
}

func (s *Site) linked(link string) (*Tenant, string) {
	id, token, _ := strings.Cut(link, ".")
	return s.Tenant(session.TenantID(id)), token
}
