package imaphost_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/sallyport-go/sallyport/examples/hosts/imaphost"
	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// mailbox is the host's own session, with the Door in it.
type mailbox struct {
	*imapmemserver.UserSession
	*imaphost.Door
}

func (m mailbox) Login(username, password string) error { return m.Door.Login(username, password) }
func (m mailbox) Close() error                          { m.Door.Close(); return m.UserSession.Close() }

// from is a listener, or a connection, that comes from elsewhere.
type from struct {
	net.Listener
	addr string
}

type fromConn struct {
	net.Conn
	addr netip.AddrPort
}

func (f from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	return fromConn{c, netip.MustParseAddrPort(f.addr + ":1024")}, err
}
func (c fromConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.addr) }

func TestDoor(t *testing.T) {
	w := world.New(t)
	store := session.NewMemStore()
	host := &imaphost.Host{Tenant: world.Tenant, Engine: w.Engine, Sessions: store, Every: time.Second}
	server := imapserver.New(&imapserver.Options{InsecureAuth: true, NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		return mailbox{imapmemserver.NewUserSession(imapmemserver.NewUser("", "")), host.Open(c)}, nil, nil
	}})
	defer server.Close()
	dial := func(addr string) *imapclient.Client {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(from{l, addr}) }()
		c, err := imapclient.DialInsecure(l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	issue := func(kind session.Kind, client session.Client) (string, session.ID) {
		_, stamp, err := w.Engine.Admit(context.Background(), engine.Login{Tenant: world.Tenant, Member: "kim", Client: client, Addr: netip.MustParseAddr(world.Office), Authenticated: true})
		if err != nil {
			t.Fatal(err)
		}
		token, id := session.NewToken()
		now := time.Now()
		if err := store.Create(context.Background(), session.Session{ID: id, Tenant: world.Tenant, Member: "kim", Kind: kind, Stamp: stamp, Created: now, Seen: now}); err != nil {
			t.Fatal(err)
		}
		return token, id
	}
	good, _ := issue(session.AppPassword, session.IMAP)
	alone, aloneID := issue(session.AppPassword, session.IMAP)
	login, _ := issue(session.Login, session.IMAP)
	pop, _ := issue(session.AppPassword, session.POP3)
	try := func(addr, username, password string) imap.ResponseCode {
		var refused *imap.Error
		if err := dial(addr).Login(username, password).Wait(); errors.As(err, &refused) {
			return refused.Code
		} else if err != nil {
			t.Fatal(err)
		}
		return ""
	}
	for _, tt := range []struct {
		addr, username, password string
		want                     imap.ResponseCode
		why                      string
	}{
		{world.Office, "kim", good, "", "let in"},
		{world.Office, "kim", "guess", imap.ResponseCodeAuthenticationFailed, "a wrong password"},
		{world.Office, "lee", good, imap.ResponseCodeAuthenticationFailed, "somebody else's"},
		{world.Office, "kim", login, imap.ResponseCodeAuthenticationFailed, "the session of a login"},
		{world.Office, "kim", pop, imap.ResponseCodeAuthenticationFailed, "an app password for something else"},
		{world.Street, "kim", good, imap.ResponseCodeContactAdmin, "not from there"},
		{world.Street, "kim", "guess", imap.ResponseCodeContactAdmin, "nor is a guess told that it is one"},
	} {
		if got := try(tt.addr, tt.username, tt.password); got != tt.want {
			t.Errorf("%s: %q", tt.why, got)
		}
	}
	if n := w.Wrong("kim"); n != 0 {
		t.Errorf("%d old app passwords count as guesses", n)
	}
	open := func(password string) *imapclient.Client {
		c := dial(world.Office)
		if err := c.Login("kim", password).Wait(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ended, lasting := open(alone), open(good)
	if err := store.End(context.Background(), world.Tenant, aloneID, time.Now(), "revoked"); err != nil {
		t.Fatal(err)
	}
	<-ended.Closed()
	if err := lasting.Noop().Wait(); err != nil {
		t.Errorf("another app password has ended, and this one: %v", err)
	}
	w.SignOut(t, "kim", true)
	<-lasting.Closed()
	for _, password := range []string{good, alone} {
		if got := try(world.Office, "kim", password); got != imap.ResponseCodeAuthenticationFailed {
			t.Errorf("after a suspension: %q", got)
		}
	}
}
