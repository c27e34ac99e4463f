package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/session"
)

// Begin stores the session of a login that was let in, in Options.Sessions. Call it in the
// place of Store.Create, and give the client its token after it.
//
// Unlinking an external login and wiping or resetting a device end the sessions that are
// there, and cut nothing. A login that was under way at that moment would miss them: it was
// proved or admitted before, and its session is stored after the order was carried out. So
// Begin looks at the member once more when the session is stored. If the member was changed
// since the version since, a session with a Via or a Device is ended, and the error is a
// session.ErrEnded: have the login begin again. All other sessions are held by their cuts.
//
// since is the version that the member had before anything proved it, as Login.Since of
// package policy/engine: before the external login was looked up, the password checked. If
// it is zero, the stamp's is taken, and what was done before that was given is missed.
//
// Any error means that the session does not live, or that its token must not be given out.
func (d *Directory) Begin(ctx context.Context, since session.Version, s session.Session) (err error) {
	defer recovered(&err)
	if d.o.Sessions == nil {
		return errors.New("directory: Begin needs Options.Sessions; without it, store the session and ask Stands then")
	}
	if err := d.o.Sessions.Create(ctx, s); err != nil {
		return err
	}
	if err = d.Stands(ctx, since, s); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultPrompt)
	defer cancel()
	return errors.Join(err, d.o.Sessions.End(ctx, s.Tenant, s.ID, now(), "the member was changed during the login"))
}

// Stands returns nil if nothing was done since a version that a session with a Via or a
// Device could have missed, else a session.ErrEnded, or why that is not known. Begin says
// when it matters. Hosts that keep sessions themselves ask it when one is stored, before its
// token is given out, and end the session on any error.
func (d *Directory) Stands(ctx context.Context, since session.Version, s session.Session) (err error) {
	defer recovered(&err)
	if s.Via == "" && s.Device == "" {
		return nil
	}
	a, err := d.load(ctx, s.Tenant, s.Member)
	if err != nil {
		return fmt.Errorf("directory: whether a new session stands: %w", err)
	}
	if a.Version != s.Stamp.Member || since != (session.Version{}) && since != a.Version {
		return fmt.Errorf("directory: the member was changed during the login; begin again: %w", session.ErrEnded)
	}
	return nil
}
