// Package imaphost lets programs of mail in by app passwords, with the server of
// emersion/go-imap. Copy it whole; call Open in NewSession, and the Door's Login and Close in
// those of your session. An app password is a session of client IMAP that lasts until it is
// ended: the host makes one where the member is signed in (token and ID by session.NewToken,
// stamp by Engine.Admit with that client), shows the token once and keeps the session.
//
// The host must see to TLS, and that its listener returns what the Resolver can read. A login
// does not Touch the session: the host does, if it shows when an app password was last used.
package imaphost

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Host is a mail server of one tenant.
type Host struct {
	Tenant   session.TenantID
	Engine   *engine.Engine
	Sessions session.Store
	Resolver *httpgate.Resolver
	Every    time.Duration // as that of httpgate.Watch
}

// Door is one connection.
type Door struct {
	host *Host
	conn *imapserver.Conn
	addr netip.Addr
	stop context.CancelFunc // nil: nobody is logged in
}

// Open takes the address before STARTTLS replaces the connection.
func (h *Host) Open(c *imapserver.Conn) *Door {
	seen, _ := h.Resolver.ResolveConn(c.NetConn()) // without an address the engine refuses
	return &Door{host: h, conn: c, addr: seen.Addr}
}

// Login answers LOGIN and AUTHENTICATE PLAIN. What it lets in is checked again until Close,
// and told BYE when it is refused.
func (d *Door) Login(username, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	check := func(ctx context.Context) (policy.Decision, error) { return d.check(ctx, username, password) }
	decision, err := check(ctx)
	if r := decision.Reason; err == nil && (r == policy.ReasonSessionUnknown || r == policy.ReasonSessionEnded) {
		// From where the network would refuse, a wrong password gets the answer of a right
		// one. It is asked for nobody: a token of 128 bits is not guessed, so that none counts
		// toward a lock, and a program that tries an old one for years locks nobody out.
		decision, _, err = d.host.Engine.Admit(ctx, engine.Login{Tenant: d.host.Tenant, Client: session.IMAP, Addr: d.addr})
	}
	if err != nil || !decision.Allowed() {
		if decision.Allowed() {
			decision = policy.Decision{Reason: policy.ReasonMemberStale}
		}
		codes := httpgate.MailCodesOf(decision)
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCode(codes.IMAP), Text: codes.Text}
	}
	watched, stop := httpgate.Watch(context.Background(), d.host.Every, check)
	d.stop = stop
	context.AfterFunc(watched, func() {
		var refused *httpgate.RefusedError
		if errors.As(context.Cause(watched), &refused) {
			// BYE waits for a client that does not read: the connection does not.
			time.AfterFunc(time.Second, func() { _ = d.conn.NetConn().Close() })
			_ = d.conn.Bye(httpgate.MailCodesOf(refused.Decision).Text)
		}
	})
	return nil
}

// Close ends the checks.
func (d *Door) Close() {
	if d.stop != nil {
		d.stop()
	}
}

// check finds the app password anew each time, for it may have been ended alone.
func (d *Door) check(ctx context.Context, username, password string) (policy.Decision, error) {
	h := d.host
	s, err := h.Sessions.Find(ctx, h.Tenant, session.IDOf(password))
	switch {
	case errors.Is(err, session.ErrNotFound):
		return policy.Decision{Reason: policy.ReasonSessionUnknown}, nil
	case err != nil:
		return policy.Decision{Reason: policy.ReasonMemberStale}, err
	case s.Kind != session.AppPassword || s.Stamp.Client != session.IMAP || string(s.Member) != username:
		return policy.Decision{Reason: policy.ReasonSessionUnknown}, nil
	case !s.Live(time.Now()):
		return policy.Decision{Reason: policy.ReasonSessionEnded}, nil
	}
	return h.Engine.Check(ctx, engine.Request{
		Tenant: h.Tenant, Member: s.Member, Session: s.ID, Stamp: s.Stamp, Addr: d.addr,
	})
}
