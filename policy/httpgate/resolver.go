package httpgate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/ipset"
)

// The headers that proxies append to. Any other header is taken as one that the edge
// overwrites.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Bounds of what is read of a chain of hops, from its right end.
const (
	MaxHops     = 32   // of a header
	MaxHopBytes = 1024 // of one hop, with its blanks
)

// Options say which proxies stand before the service and what they write.
type Options struct {
	// Proxies are the addresses from which the proxies connect, to each other and to this
	// service. Nil or empty: there are none, and headers are not read. A set that holds more
	// than a sixteenth of the public addresses of a family is refused, 0.0.0.0/0 and ::/0 in
	// whatever pieces too: then strangers would be proxies.
	Proxies *ipset.Set

	// Header is the one header that tells the address: XForwardedFor, Forwarded, or the name
	// of one that the edge always overwrites and that holds nothing but an address, such as
	// "CF-Connecting-IP". Every declared proxy must write it: one that passes it on as it
	// came lets clients choose their address. "": none; the PROXY protocol alone tells.
	Header string

	// Unix declares who connects over a Unix socket a proxy. It needs ConnContext. False: a
	// request from there has no address.
	Unix bool
}

// Resolver finds the address that a request comes from. A nil or zero Resolver knows no
// proxies and answers the other end of the connection. It is immutable and safe for
// concurrent use.
type Resolver struct {
	proxies *ipset.Set
	header  string // canonical
	unix    bool
}

// NewResolver makes a Resolver, or says what is wrong with o.
func NewResolver(o Options) (*Resolver, error) {
	public := ipset.PublicSpace()
	all4, all6 := sizes(public)
	n4, n6 := sizes(public.Intersect(o.Proxies))
	if n4 > all4/16 || n6 > all6/16 {
		return nil, errors.New("httpgate: the declared proxies hold more than a sixteenth of the public addresses of a family, so that strangers could claim any address; declare the addresses of your proxies alone")
	}
	for i := range len(o.Header) {
		if !tokenByte(o.Header[i]) {
			return nil, fmt.Errorf("httpgate: %s is not the name of a header", quote(o.Header))
		}
	}
	name := textproto.CanonicalMIMEHeaderKey(o.Header)
	if name == "Cloudfront-Viewer-Address" {
		return nil, fmt.Errorf("httpgate: %s holds an address and a port without brackets, which in IPv6 reads as another address; declare CloudFront's addresses and use %s", name, XForwardedFor)
	}
	return &Resolver{proxies: o.Proxies, header: name, unix: o.Unix}, nil
}

// sizes counts the addresses of s: those of IPv4, and the networks of 64 bits of IPv6.
func sizes(s *ipset.Set) (v4, v6 uint64) {
	for r := range s.All() {
		from, to := r.From().As16(), r.To().As16()
		if r.From().Is4() {
			v4 += 1 + uint64(binary.BigEndian.Uint32(to[12:])-binary.BigEndian.Uint32(from[12:]))
		} else {
			v6 += 1 + binary.BigEndian.Uint64(to[:8]) - binary.BigEndian.Uint64(from[:8])
		}
	}
	return v4, v6
}

// Seen is where a request comes from, and how that is known. It can be logged.
type Seen struct {
	Addr netip.Addr // of the client, canonical; zero: there is none that anybody vouches for
	Peer netip.Addr // the other end of the connection; zero: a Unix socket, or not readable

	// Via are the declared proxies on the way, the peer first. A proxy on a Unix socket has
	// no address and is left out.
	Via []netip.Addr

	// Told is what told Addr: "connection", "PROXY protocol", or the name of a header.
	Told string

	// Ignored is what tells of a client and was not believed, because the hop that sent it is
	// no declared proxy: "PROXY protocol" or the name of a header, the one that Told names too
	// if it goes on to the left of Addr. "": nothing was ignored. If it is set though people
	// come through a proxy of yours, that proxy is not declared and Addr is its address.
	// Anybody can send a header, so that it proves nothing; but a console offers nobody's "own
	// address" then, and switches on no list, until a proxy is declared or it is forced.
	Ignored string
}

// LogValue returns what is set as a group.
func (s Seen) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, a := range []struct {
		key  string
		addr netip.Addr
	}{{"addr", s.Addr}, {"peer", s.Peer}} {
		if a.addr.IsValid() {
			attrs = append(attrs, slog.String(a.key, a.addr.String()))
		}
	}
	if len(s.Via) > 0 {
		attrs = append(attrs, slog.Any("via", s.Via))
	}
	if s.Told != "" {
		attrs = append(attrs, slog.String("told", s.Told))
	}
	if s.Ignored != "" {
		attrs = append(attrs, slog.String("ignored", s.Ignored))
	}
	return slog.GroupValue(attrs...)
}

const (
	toldByConnection = "connection"
	toldByPROXY      = "PROXY protocol"
)

// ClientAddr returns the address that a request comes from, or the zero Addr, which every
// policy refuses, if nobody vouches for one. Resolve says why.
func (r *Resolver) ClientAddr(req *http.Request) netip.Addr {
	seen, _ := r.Resolve(req)
	return seen.Addr
}

// Resolve returns where a request comes from. Beside an error Addr is zero, and the rest
// says how far it came.
func (r *Resolver) Resolve(req *http.Request) (Seen, error) {
	if req == nil {
		return Seen{}, errors.New("httpgate: there is no request")
	}
	if c, ok := req.Context().Value(connKey{}).(net.Conn); ok {
		return r.resolve(linkOf(c), req.Header)
	}
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return Seen{}, fmt.Errorf("httpgate: the request's RemoteAddr %s is no address and port, as the server writes it; for a Unix socket set Server.ConnContext to httpgate.ConnContext, and let no middleware write to it", quote(req.RemoteAddr))
	}
	return r.resolve(link{peer: ipset.Canonical(peer.Addr())}, req.Header)
}

// ResolveConn is Resolve for what is not HTTP: an IMAP server behind a balancer that speaks
// the PROXY protocol. c is what the listener returned; see ConnContext.
func (r *Resolver) ResolveConn(c net.Conn) (Seen, error) {
	if c == nil {
		return Seen{}, errors.New("httpgate: there is no connection")
	}
	return r.resolve(linkOf(c), nil)
}

func (r *Resolver) resolve(l link, h http.Header) (Seen, error) {
	if r == nil {
		r = new(Resolver)
	}
	seen := Seen{Peer: l.peer}
	switch {
	case l.unix && !r.unix:
		return seen, errors.New("httpgate: the request comes over a Unix socket, and Options.Unix is not set")
	case !l.unix && !l.peer.IsValid():
		return seen, errors.New("httpgate: the other end of the connection has no address")
	case !l.unix && !r.proxies.Contains(l.peer):
		seen.Addr, seen.Told = l.peer, toldByConnection
		seen.Ignored = r.ignored(h)
		if l.proxied {
			seen.Ignored = toldByPROXY
		}
		return seen, nil
	case !l.unix:
		seen.Via = append(seen.Via, l.peer)
	}
	if l.proxied && !l.source.IsValid() {
		return seen, errors.New("httpgate: a declared proxy speaks the PROXY protocol and tells no address in it")
	}
	if l.source.IsValid() {
		if !r.proxies.Contains(l.source) {
			seen.Addr, seen.Told = l.source, toldByPROXY
			seen.Ignored = r.ignored(h)
			return seen, nil
		}
		seen.Via = append(seen.Via, l.source)
	}
	if r.header == "" {
		return seen, errors.New("httpgate: the request comes from a declared proxy that tells no client address; name the header that it writes in Options.Header")
	}
	addr, more, err := r.read(h[r.header], &seen.Via)
	if err != nil {
		return seen, fmt.Errorf("httpgate: %s: %w", r.header, err)
	}
	seen.Addr, seen.Told = addr, r.header
	if more {
		seen.Ignored = r.header
	}
	return seen, nil
}

// read walks the hops of a header from the right, up to the first that is no declared proxy,
// and reports whether there are hops to its left.
func (r *Resolver) read(lines []string, via *[]netip.Addr) (addr netip.Addr, left bool, err error) {
	if len(lines) == 0 {
		return netip.Addr{}, false, errors.New("a declared proxy sent a request without it")
	}
	cut, parse := cutHop, parseHop
	switch r.header {
	case XForwardedFor:
	case Forwarded:
		cut, parse = cutElement, parseElement
	default:
		if len(lines) > 1 {
			return netip.Addr{}, false, fmt.Errorf("%d of them; the edge must overwrite what clients send", len(lines))
		}
		cut = func(s string) (string, string, bool, error) { return s, "", false, nil }
	}
	hops := 0
	for i, line := range slices.Backward(lines) {
		for more := true; more; hops++ {
			if hops == MaxHops {
				return netip.Addr{}, false, fmt.Errorf("more than %d hops", MaxHops)
			}
			var hop string
			hop, line, more, err = cut(line)
			if err == nil && len(hop) > MaxHopBytes {
				err = errLongHop
			}
			if err == nil {
				addr, err = parse(strings.Trim(hop, " \t"))
			}
			if err != nil {
				return netip.Addr{}, false, fmt.Errorf("hop %d from the right: %w", hops+1, err)
			}
			if addr = ipset.Canonical(addr); !addr.IsValid() {
				return netip.Addr{}, false, fmt.Errorf("hop %d from the right is the unspecified address", hops+1)
			}
			if !r.proxies.Contains(addr) {
				return addr, more || i > 0, nil
			}
			*via = append(*via, addr)
		}
	}
	return netip.Addr{}, false, errors.New("every hop is a declared proxy, and none names a client")
}

// forwarding are the headers by which proxies tell of clients.
var forwarding = [...]string{XForwardedFor, Forwarded, "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"}

// ignored returns the header of h that tells of a client, though nobody is believed.
func (r *Resolver) ignored(h http.Header) string {
	if _, ok := h[r.header]; ok {
		return r.header
	}
	for _, name := range forwarding {
		if _, ok := h[name]; ok {
			return name
		}
	}
	return ""
}

// quote makes text from outside safe to print: quoted, and cut to 64 bytes.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.QuoteToASCII(s[:64]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
