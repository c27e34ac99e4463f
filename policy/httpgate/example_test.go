package httpgate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

func ExampleResolver() {
	resolver, err := httpgate.NewResolver(httpgate.Options{
		Proxies: ipset.MustParse("10.0.0.0/24"), // the load balancers, nobody else
		Header:  httpgate.XForwardedFor,         // what they append to
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, from := range []struct{ peer, header string }{
		{"10.0.0.7:443", "8.8.8.8"},
		{"10.0.0.7:443", "1.1.1.1, 8.8.8.8, 10.0.0.9"}, // the client wrote the first
		{"203.0.113.9:443", "8.8.8.8"},                 // the client is no proxy
		{"10.0.0.7:443", "8.8.8.8, unknown"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from.peer
		r.Header.Set("X-Forwarded-For", from.header)
		seen, err := resolver.Resolve(r)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%v told by %s, ignored %q\n", seen.Addr, seen.Told, seen.Ignored)
	}
	// Output:
	// 8.8.8.8 told by X-Forwarded-For, ignored ""
	// 8.8.8.8 told by X-Forwarded-For, ignored "X-Forwarded-For"
	// 203.0.113.9 told by connection, ignored "X-Forwarded-For"
	// httpgate: X-Forwarded-For: hop 1 from the right: "unknown" hides the address
}

// office is an engine, for the examples, that allows one address, and this machine.
type office struct{}

func (office) Check(_ context.Context, r engine.Request) (policy.Decision, error) {
	if r.Addr.String() == "8.8.8.8" || r.Addr.IsLoopback() {
		return policy.Decision{Effect: policy.Allow, Reason: policy.ReasonAddressDesignated}, nil
	}
	return policy.Decision{Reason: policy.ReasonAddressNotDesignated}, nil
}

func ExampleGuard() {
	guard := &httpgate.Guard{
		Engine: office{}, // an *engine.Engine
		Session: func(r *http.Request) (engine.Request, error) {
			if r.Header.Get("Authorization") != "Bearer kims-token" { // look it up
				return engine.Request{}, session.ErrNotFound
			}
			return engine.Request{Tenant: "acme", Member: "kim", Stamp: session.Stamp{Client: session.API}}, nil
		},
		Help: func(_ *http.Request, t session.TenantID, _ policy.Decision) httpgate.Help {
			return httpgate.Help{Contact: "it@" + string(t) + ".example"}
		},
	}
	app := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := httpgate.FromContext(r.Context())
		fmt.Fprintf(w, "hello %s, %v\n", who.Request.Member, who.Decision)
	}))
	for _, peer := range []string{"8.8.8.8:443", "203.0.113.9:443"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("Authorization", "Bearer kims-token")
		r.Header.Set("Accept", "text/plain")
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 hello kim, allow [address-designated]
	// 403 No access from this address
	// Your organisation allows access from certain addresses only. If you need access from here, tell your administrator the address below.
	//
	// Your address: 203.0.113.9
	// Contact: it@acme.example
	// Code: address-not-designated
}

// A stream of events that ends when its session does.
func ExampleGuard_Stream() {
	cut := make(chan bool, 1)
	guard := &httpgate.Guard{
		Session: func(*http.Request) (engine.Request, error) {
			if len(cut) > 0 {
				return engine.Request{}, session.ErrEnded // somebody has signed the member out
			}
			return engine.Request{Tenant: "acme", Member: "kim"}, nil
		},
		Engine: office{},
	}
	events := make(chan string, 1)
	events <- "mail"
	app := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cut <- true
		err := guard.Stream(w, r, func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case e := <-events:
					if _, err := fmt.Fprintf(w, "data: %s\n\n", e); err != nil {
						return err
					}
				}
			}
		})
		fmt.Println(err)
	}))
	r := httptest.NewRequest("GET", "/events", nil)
	r.RemoteAddr = "8.8.8.8:443"
	app.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// httpgate: refused, deny [session-ended]
}

// A connection that was taken over, as that of a WebSocket is, ends with its session too. A
// library that takes it over has a connection of its own to close in the same place.
func ExampleGuard_Stream_hijacked() {
	var asked atomic.Bool
	said := make(chan bool)
	guard := &httpgate.Guard{
		Session: func(*http.Request) (engine.Request, error) {
			if asked.Swap(true) {
				<-said
				return engine.Request{}, session.ErrEnded // somebody has signed the member out
			}
			return engine.Request{Tenant: "acme", Member: "kim"}, nil
		},
		Engine: office{},
	}
	ended := make(chan error)
	server := httptest.NewServer(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ended <- guard.Stream(w, r, func(ctx context.Context) error {
			conn, from, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_, err = io.Copy(conn, from) // whatever is said
			return err
		})
	})))
	defer server.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if fmt.Println(lines.Text()); lines.Text() == "hello" {
			close(said)
		}
	}
	fmt.Println(<-ended)
	// Output:
	// HTTP/1.1 101 Switching Protocols
	// Connection: Upgrade
	// Upgrade: echo
	//
	// hello
	// httpgate: refused, deny [session-ended]
}

func ExampleMailCodesOf() {
	for _, reason := range []policy.Reason{policy.ReasonMemberSuspended, policy.ReasonAddressNotDesignated, policy.ReasonPolicyStale} {
		c := httpgate.MailCodesOf(policy.Decision{Reason: reason})
		fmt.Printf("a1 NO [%s] %s\n", c.IMAP, c.Text)
		fmt.Printf("-ERR [%s] %s\n", c.POP3, c.Text)
		fmt.Printf("%d %s %s\n", c.SMTP, c.Enhanced, c.Text)
	}
	// Output:
	// a1 NO [AUTHENTICATIONFAILED] Authentication failed
	// -ERR [AUTH] Authentication failed
	// 535 5.7.8 Authentication failed
	// a1 NO [CONTACTADMIN] Access from this address is not allowed; sign in with a browser or ask your administrator
	// -ERR [AUTH] Access from this address is not allowed; sign in with a browser or ask your administrator
	// 550 5.7.1 Access from this address is not allowed; sign in with a browser or ask your administrator
	// a1 NO [UNAVAILABLE] Temporary failure; try again later
	// -ERR [SYS/TEMP] Temporary failure; try again later
	// 454 4.7.0 Temporary failure; try again later
}
