package httpgate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// overHTTP2 serves h to one client, from 10.0.0.1 and over one connection of HTTP/2. It is
// for tests of package synctest.
func overHTTP2(t *testing.T, h http.Handler) (client *http.Client, connections *int, stop func()) {
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	l := make(pipes, 1)
	server := &http.Server{Handler: h, Protocols: &only}
	go func() { _ = server.Serve(l) }()
	connections = new(int)
	transport := &http.Transport{Protocols: &only, DialContext: func(context.Context, string, string) (net.Conn, error) {
		*connections++
		theirs, ours := net.Pipe()
		l <- &socket{ours, tcp("10.0.0.1:443")}
		return theirs, nil
	}}
	return &http.Client{Transport: transport}, connections, func() {
		transport.CloseIdleConnections()
		close(l)
		server.Close()
	}
}

// The address of a request over HTTP/2 is that of its header, which may come in pieces, and
// never that of a trailer.
func TestHeadersOverHTTP2(t *testing.T) {
	r := resolver(t, httpgate.XForwardedFor)
	synctest.Test(t, func(t *testing.T) {
		client, _, stop := overHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body) // then the trailer is there
			fmt.Fprint(w, req.Proto, " ", seen(r.Resolve(req)), " ", req.Trailer.Get("X-Forwarded-For"))
		}))
		defer stop()
		for _, tt := range []struct {
			header  []string
			trailer string
			want    string
			why     string
		}{
			{[]string{"8.8.8.8"}, "1.1.1.1", "HTTP/2.0 8.8.8.8 1.1.1.1", "a trailer beside a header"},
			{nil, "1.1.1.1", "HTTP/2.0 error 1.1.1.1", "a trailer for a header"},
			{[]string{"1.1.1.1", "8.8.8.8"}, "", "HTTP/2.0 8.8.8.8 ", "two lines in their order"},
			{[]string{"8.8.8.8", "10.0.0.9"}, "", "HTTP/2.0 8.8.8.8 ", "two lines, the last of a proxy"},
		} {
			req, err := http.NewRequest("POST", "http://a/", io.MultiReader(strings.NewReader("x"))) // of no known length
			if err != nil {
				t.Fatal(err)
			}
			req.Header["X-Forwarded-For"] = tt.header
			if tt.trailer != "" {
				req.Trailer = http.Header{"X-Forwarded-For": {tt.trailer}}
			}
			response, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if string(body) != tt.want {
				t.Errorf("%s: %s; want %s", tt.why, body, tt.want)
			}
		}
	})
}

// Of a hundred streams on one connection those of one member end when that member is
// suspended, though one of them hangs in Write. The others go on, and so does the connection.
func TestGuarantee22SuspendedAmongStreamsOfHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people := &members{m: map[member.ID]member.Member{}}
		first := session.Version{Line: 1, Number: 1}
		for i := range 100 {
			id := member.ID(fmt.Sprint("m", i))
			people.m[id] = member.Member{Tenant: "works", ID: id, Status: member.Active, Version: first}
		}
		eng, err := engine.New(policy.Standard(), policy.NewMemStore(), people, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := eng.Enroll(t.Context(), engine.Enrollment{Tenant: "works"}); err != nil {
			t.Fatal(err)
		}
		g := &httpgate.Guard{Engine: eng, Session: func(r *http.Request) (engine.Request, error) {
			return engine.Request{Tenant: "works", Member: member.ID(r.Header.Get("Authorization")), Stamp: session.Stamp{Client: session.Web, Member: first}}, nil
		}}
		ended := make(chan error, 101)
		client, connections, stop := overHTTP2(t, g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ended <- g.Stream(w, r, func(ctx context.Context) error {
				for ctx.Err() == nil {
					text := "now\n"
					if r.URL.Path == "/hangs" {
						text = strings.Repeat("x", 1<<20)
					}
					if _, err := io.WriteString(w, text); err != nil {
						return err
					}
					if err := http.NewResponseController(w).Flush(); err != nil {
						return err
					}
					if r.URL.Path != "/hangs" {
						select {
						case <-ctx.Done():
						case <-time.After(time.Minute):
						}
					}
				}
				return nil
			})
		})))
		defer stop()
		open := func(id member.ID, path string) io.ReadCloser {
			req, err := http.NewRequest("GET", "http://a"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", string(id))
			response, err := client.Do(req)
			if err != nil || response.StatusCode != 200 {
				t.Fatalf("%s: %v, %v", id, response, err)
			}
			return response.Body
		}
		bodies := map[member.ID]io.ReadCloser{}
		for id := range people.m {
			bodies[id] = open(id, "/reads")
		}
		open("m7", "/hangs")
		time.Sleep(10 * time.Minute)
		if n := len(ended); n != 0 {
			t.Fatalf("%d streams ended while all was well: %v", n, <-ended)
		}
		now := people.m["m7"]
		now.Status = member.Suspended
		now.Version.Number++
		now.Cuts = now.Cuts.Cut(session.AllClients, now.Version.Number)
		people.mu.Lock()
		people.m["m7"] = now
		people.mu.Unlock()
		over := time.After(time.Minute + 15*time.Second + 2*time.Second) // the engine's bound, ours, the farewell
		for range 2 {
			var refused *httpgate.RefusedError
			select {
			case err := <-ended:
				if !errors.As(err, &refused) || refused.Decision.Reason != policy.ReasonSessionCut {
					t.Errorf("%v", err)
				}
			case <-over:
				t.Fatal("a stream of the suspended member goes on")
			}
		}
		time.Sleep(10 * time.Minute)
		if n := len(ended); n != 0 {
			t.Errorf("%d streams of others ended: %v", n, <-ended)
		}
		for id, body := range bodies {
			lines := bufio.NewScanner(body)
			n := 0
			for n < 21 && lines.Scan() {
				n++
			}
			if ended := n < 21; ended != (id == "m7") {
				t.Errorf("%s had %d lines", id, n)
			}
		}
		if *connections != 1 {
			t.Errorf("%d connections", *connections)
		}
	})
}
