package httpgate

import (
	"context"
	"net"
	"net/netip"

	"github.com/sallyport-go/sallyport/ipset"
)

type connKey struct{}

// ConnContext is for [net/http.Server].ConnContext. It is needed where a listener speaks the
// PROXY protocol, or listens on a Unix socket. Such a listener (that of
// github.com/pires/go-proxyproto, say) tells as RemoteAddr what the protocol says; the
// Resolver then sees who says so, and believes only a declared proxy.
//
// The connection beneath is found by the methods Raw or NetConn, which connections of
// go-proxyproto and crypto/tls have. A wrapper without either, put around such a listener,
// hides it: then what the protocol says counts as the peer, as it does without ConnContext,
// and the listener alone must see to whom it listens.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// link is what a connection tells. Addresses are canonical.
type link struct {
	peer    netip.Addr // the other end; zero for a Unix socket
	unix    bool
	proxied bool       // the PROXY protocol says something else than the socket
	source  netip.Addr // what it says
}

// linkOf asks c late, when the request is there: a listener that speaks the PROXY protocol
// waits for the client in RemoteAddr, and would wait in the server's accept loop.
func linkOf(c net.Conn) link {
	bottom := c
	for range 8 {
		var below net.Conn
		switch wrapped := bottom.(type) {
		case interface{ Raw() net.Conn }:
			below = wrapped.Raw()
		case interface{ NetConn() net.Conn }:
			below = wrapped.NetConn()
		}
		if below == nil {
			break
		}
		bottom = below
	}
	var l link
	if _, l.unix = bottom.(*net.UnixConn); !l.unix {
		l.peer = addrOf(bottom.RemoteAddr())
	}
	if said := addrOf(c.RemoteAddr()); said != l.peer {
		l.source = said
		l.proxied = true
	}
	return l
}

func addrOf(a net.Addr) netip.Addr {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return ipset.Canonical(ap.Addr())
}
