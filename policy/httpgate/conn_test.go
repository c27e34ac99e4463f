package httpgate_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// told is a connection as a listener that speaks the PROXY protocol returns it.
type told struct {
	net.Conn
	says func() net.Addr
}

func (c *told) RemoteAddr() net.Addr { return c.says() }
func (c *told) Raw() net.Conn        { return c.Conn }

// socket is a connection from an address.
type socket struct {
	net.Conn
	addr net.Addr
}

func (c socket) RemoteAddr() net.Addr { return c.addr }

func tcp(s string) net.Addr {
	host, _, _ := net.SplitHostPort(s)
	host, zone, _ := strings.Cut(host, "%")
	return &net.TCPAddr{IP: net.ParseIP(host), Port: 443, Zone: zone}
}

func says(c net.Conn, addr net.Addr) net.Conn {
	return &told{c, func() net.Addr { return addr }}
}

func TestGuarantee09PROXYProtocol(t *testing.T) {
	proxy, stranger, client := tcp("10.0.0.1:443"), tcp("9.9.9.9:443"), tcp("8.8.8.8:443")
	hops := resolver(t, "X-Forwarded-For")
	alone := resolver(t, "")
	for _, tt := range []struct {
		r                   *httpgate.Resolver
		conn                net.Conn
		xff                 string
		want, told, ignored string
		why                 string
	}{
		{alone, says(socket{addr: proxy}, client), "", "8.8.8.8", "PROXY protocol", "", "a declared proxy says so"},
		{alone, says(socket{addr: tcp("[::ffff:10.0.0.1]:443")}, tcp("[::ffff:8.8.8.8]:443")), "", "8.8.8.8", "PROXY protocol", "", "in mapped form"},
		{alone, says(socket{addr: tcp("[fd00::1%eth0]:443")}, tcp("[2606:4700::1]:443")), "", "2606:4700::1", "PROXY protocol", "", "in IPv6, with a zone"},
		{hops, says(socket{addr: proxy}, client), "1.1.1.1", "8.8.8.8", "PROXY protocol", "X-Forwarded-For", "the client's own header is ignored"},
		{hops, says(socket{addr: stranger}, client), "", "9.9.9.9", "connection", "PROXY protocol", "a stranger says so"},
		{hops, says(socket{addr: stranger}, proxy), "1.1.1.1", "9.9.9.9", "connection", "PROXY protocol", "a stranger who says to be a proxy"},
		{hops, says(socket{addr: stranger}, nil), "1.1.1.1", "9.9.9.9", "connection", "PROXY protocol", "a stranger who says nothing"},
		{hops, says(socket{addr: stranger}, &net.UnixAddr{Net: "unix", Name: "/x"}), "", "9.9.9.9", "connection", "PROXY protocol", "a stranger who says to be a socket of this machine"},
		{hops, says(socket{addr: proxy}, tcp("10.0.0.2:1")), "1.1.1.1, 8.8.8.8", "8.8.8.8", "X-Forwarded-For", "X-Forwarded-For", "behind the balancer is a proxy"},
		{alone, says(socket{addr: proxy}, tcp("10.0.0.2:1")), "1.1.1.1", "error", "", "", "which tells nothing that is believed"},
		{alone, says(socket{addr: proxy}, proxy), "", "error", "", "", "the balancer itself asks (LOCAL)"},
		{hops, says(socket{addr: proxy}, proxy), "8.8.8.8", "8.8.8.8", "X-Forwarded-For", "", "the balancer writes headers after all"},
		{hops, says(socket{addr: proxy}, nil), "8.8.8.8", "error", "", "", "the balancer tells no address (UNSPEC)"},
		{hops, says(socket{addr: proxy}, &net.UnixAddr{Net: "unix", Name: "@"}), "8.8.8.8", "error", "", "", "the balancer tells of a socket"},
		{hops, says(socket{addr: proxy}, tcp("0.0.0.0:1")), "8.8.8.8", "error", "", "", "the balancer tells the unspecified address"},
		{hops, says(socket{}, client), "8.8.8.8", "error", "", "", "the other end has no address"},
		{hops, says(says(socket{addr: proxy}, stranger), client), "", "8.8.8.8", "PROXY protocol", "", "the outermost is what the server sees, the innermost the socket"},
		{nil, says(socket{addr: proxy}, client), "", "10.0.0.1", "connection", "PROXY protocol", "nothing is declared"},
		{hops, socket{addr: proxy}, "8.8.8.8", "8.8.8.8", "X-Forwarded-For", "", "no PROXY protocol"},
		{hops, socket{addr: client}, "", "8.8.8.8", "connection", "", "a plain connection"},
		{hops, socket{addr: (*net.TCPAddr)(nil)}, "", "error", "", "", "a connection that is gone"},
	} {
		request := from("1.2.3.4:5") // which counts for nothing where the connection is known
		if tt.xff != "" {
			request.Header.Set("X-Forwarded-For", tt.xff)
		}
		got, err := tt.r.Resolve(request.WithContext(httpgate.ConnContext(context.Background(), tt.conn)))
		if seen(got, err) != tt.want || got.Told != tt.told || got.Ignored != tt.ignored {
			t.Errorf("%+v, %v; want %s by %q, ignored %q: %s", got, err, tt.want, tt.told, tt.ignored, tt.why)
		}
		if tt.xff == "" {
			if direct, err := tt.r.ResolveConn(tt.conn); seen(direct, err) != tt.want {
				t.Errorf("ResolveConn: %+v, %v; want %s: %s", direct, err, tt.want, tt.why)
			}
		}
	}
}

// listener wraps what it accepts.
type listener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c), nil
}

// serve starts a server that tells where a request comes from, over l.
func serve(t *testing.T, r *httpgate.Resolver, l net.Listener, secure bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, seen(r.Resolve(req)))
	}))
	s.Listener.Close()
	s.Listener = l
	s.Config.ConnContext = httpgate.ConnContext
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, c *http.Client, url string, header ...string) string {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", network, err)
	}
	return l
}

// The address comes through TLS and HTTP/2, and nothing waits for a client in the server's
// accept loop: a listener that speaks the PROXY protocol waits in RemoteAddr.
func TestConnContextOfServer(t *testing.T) {
	for _, secure := range []bool{false, true} {
		accepting := make(chan struct{})
		l := listener{listen(t, "tcp", "127.0.0.1:0"), func(c net.Conn) net.Conn {
			return &told{&socket{c, tcp("10.0.0.1:1")}, func() net.Addr {
				<-accepting
				return tcp("8.8.8.8:1")
			}}
		}}
		s := serve(t, resolver(t, ""), l, secure)
		go func() { // a second connection can be made before the first has told anything
			for range 2 {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
				} else {
					t.Cleanup(func() { c.Close() })
				}
			}
			close(accepting)
		}()
		if got := get(t, s.Client(), s.URL); got != "8.8.8.8" {
			t.Errorf("TLS %v: %s", secure, got)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	unix, err := httpgate.NewResolver(httpgate.Options{Proxies: proxies, Header: "X-Forwarded-For", Unix: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	for _, tt := range []struct {
		r    *httpgate.Resolver
		wrap func(net.Conn) net.Conn
		xff  string
		want string
		why  string
	}{
		{unix, nil, "1.1.1.1, 8.8.8.8, 10.0.0.9", "8.8.8.8", "declared"},
		{unix, nil, "", "error", "declared, and tells nothing"},
		{resolver(t, "X-Forwarded-For"), nil, "8.8.8.8", "error", "not declared"},
		{nil, nil, "8.8.8.8", "error", "nothing is declared"},
		{unix, func(c net.Conn) net.Conn { return says(c, tcp("8.8.4.4:1")) }, "1.1.1.1", "8.8.4.4", "declared, with the PROXY protocol"},
	} {
		l := listen(t, "unix", path)
		if tt.wrap != nil {
			l = listener{l, tt.wrap}
		}
		s := serve(t, tt.r, l, false)
		c := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
		var header []string
		if tt.xff != "" {
			header = []string{"X-Forwarded-For", tt.xff}
		}
		if got := get(t, c, "http://unix/", header...); got != tt.want {
			t.Errorf("%s; want %s: %s", got, tt.want, tt.why)
		}
		c.CloseIdleConnections()
		s.Close()
	}
	// What the other end merely says of itself does not make it a Unix socket.
	pretender := says(socket{addr: tcp("9.9.9.9:1")}, &net.UnixAddr{Net: "unix", Name: "@"})
	request := from("@", "X-Forwarded-For", "8.8.8.8")
	for _, request := range []*http.Request{request, request.WithContext(httpgate.ConnContext(context.Background(), pretender)),
		request.WithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, &net.UnixAddr{Net: "unix", Name: "/s"}))} {
		if got, err := unix.Resolve(request); err == nil && got.Addr.String() != "9.9.9.9" {
			t.Errorf("somebody is taken for a Unix socket: %+v", got)
		}
	}
}

// A tls.Conn over a plain one has the address of the plain one.
func TestResolveConnOfTLS(t *testing.T) {
	c := tls.Server(says(socket{addr: tcp("10.0.0.1:1")}, tcp("8.8.8.8:1")), &tls.Config{})
	if got, err := resolver(t, "").ResolveConn(c); err != nil || got.Addr.String() != "8.8.8.8" || got.Peer.String() != "10.0.0.1" {
		t.Errorf("%+v, %v", got, err)
	}
}
