package httpgate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// raw sends bytes to a server and returns the answer to the first request in them.
func raw(t *testing.T, s *httptest.Server, request string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// What a client can do to the name of a header, as bytes on the wire. The proxy appends the
// last line; whatever else is there is the client's.
func TestHeadersOnTheWire(t *testing.T) {
	r, err := httpgate.NewResolver(httpgate.Options{Proxies: ipset.MustParse("127.0.0.1"), Header: httpgate.XForwardedFor})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, r, listen(t, "tcp", "127.0.0.1:0"), false)
	for _, tt := range []struct{ headers, want, why string }{
		{"x-fOrWaRdEd-fOr: 8.8.8.8\r\n", "8.8.8.8", "names have no case"},
		{"X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 8.8.8.8\r\n", "8.8.8.8", "lines in two cases are one list, and keep their order"},
		{"X_Forwarded_For: 1.1.1.1\r\nX-Forwarded-For: 8.8.8.8\r\n", "8.8.8.8", "an underscore is another header"},
		{"X-Forwarded-For: 8.8.8.8\r\nX_Forwarded_For: 1.1.1.1\r\n", "8.8.8.8", "after it too"},
		{"X_Forwarded_For: 1.1.1.1\r\n", "error", "and does not stand in for it"},
		{"X-Forwarded-For: 8.8.8.8\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n", "8.8.8.8", "one header is read and no other"},
		{"Forwarded: for=1.1.1.1\r\n", "error", "nor where the one is missing"},
		{"X-Forwarded-For: 8.8.8.8\r\nConnection: X-Forwarded-For\r\n", "8.8.8.8", "named as one for this hop alone"},
		{"Connection: X-Forwarded-For\r\n", "error", "which a proxy before took away for that"},
		{"X-Forwarded-For : 1.1.1.1\r\nX-Forwarded-For: 8.8.8.8\r\n", "400", "a blank before the colon is refused by net/http"},
		{"X-Forwarded-For: 8.8.8.8\r\n 1.1.1.1\r\n", "error", "a folded line is one value"},
		{"X-Forwarded-For: 8.8.8.8\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", "8.8.8.8", "of two lengths net/http drops one, and what follows is a trailer"},
	} {
		if strings.Contains(tt.headers, "Content-Length") {
			tt.headers += "\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n"
		}
		response, body := raw(t, s, "GET / HTTP/1.1\r\nHost: a\r\n"+tt.headers+"\r\n")
		if response.StatusCode != 200 {
			body = strconv.Itoa(response.StatusCode)
		}
		if body != tt.want {
			t.Errorf("%q: %s; want %s: %s", tt.headers, body, tt.want, tt.why)
		}
	}
	// A trailer comes after the decision and never becomes a header.
	_, body := raw(t, s, "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 8.8.8.8\r\nTrailer: X-Forwarded-For\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")
	if body != "8.8.8.8" {
		t.Errorf("with a trailer: %s", body)
	}
}

// Every method is refused alike, and what stands before the Guard answers a preflight and
// keeps its headers on refusals, so that scripts can read them.
func TestMethodsAndPreflight(t *testing.T) {
	g := &httpgate.Guard{Engine: answers(allow, nil), Session: shows(engine.Request{}, session.ErrNotFound)}
	guarded := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") }))
	cors := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
		w.Header().Set("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		guarded.ServeHTTP(w, r)
	})
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"} {
		r := from("8.8.8.8:1")
		r.Method = method
		w := httptest.NewRecorder()
		cors.ServeHTTP(w, r)
		if w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") == "" || len(w.Header()["Vary"]) != 2 {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	r := from("8.8.8.8:1", "Access-Control-Request-Method", "PUT")
	r.Method = "OPTIONS"
	w := httptest.NewRecorder()
	cors.ServeHTTP(w, r)
	if w.Code != 204 {
		t.Errorf("a preflight: %d", w.Code)
	}
}

// The writer that a handler gets is the server's own, with all that it can do, and a stream
// whose connection was taken over is ended too.
func TestWriterOfServer(t *testing.T) {
	changes := new(changing)
	changes.set(func(context.Context) (policy.Decision, error) { return allow, nil })
	g := &httpgate.Guard{
		Session: shows(kim, nil),
		Engine:  checker(func(ctx context.Context, _ engine.Request) (policy.Decision, error) { return changes.check(ctx) }),
		Every:   1, // the least there is
	}
	ended := make(chan error, 1)
	s := httptest.NewServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/powers" {
			_, flusher := w.(http.Flusher)
			_, hijacker := w.(http.Hijacker)
			_, readerFrom := w.(io.ReaderFrom)
			fmt.Fprint(w, flusher, hijacker, readerFrom)
			return
		}
		ended <- g.Stream(w, r, func(ctx context.Context) error {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer context.AfterFunc(ctx, func() { c.Close() })()
			changes.set(func(context.Context) (policy.Decision, error) {
				return policy.Decision{Reason: policy.ReasonSessionCut}, nil
			})
			_, err = c.Read(make([]byte, 1)) // nothing comes: the close ends it
			return err
		})
	})))
	defer s.Close()
	if got := get(t, s.Client(), s.URL+"/powers"); got != "true true true" {
		t.Errorf("Flusher, Hijacker, ReaderFrom: %s", got)
	}
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var refused *httpgate.RefusedError
	if err := <-ended; !errors.As(err, &refused) || refused.Decision.Reason != policy.ReasonSessionCut {
		t.Errorf("%v", err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a connection that was ended", n)
	}
}

// What a handler puts into the context, or alters in what it was given, admits nobody: each
// Guard decides anew, and a stream checks the session that the Guard has let in.
func TestContextIsNotBelieved(t *testing.T) {
	refuses := &httpgate.Guard{Engine: answers(policy.Decision{Reason: policy.ReasonSessionCut}, nil), Session: shows(kim, nil)}
	admits := &httpgate.Guard{Engine: answers(allow, nil), Session: shows(kim, nil)}
	inner := refuses.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") }))
	w := httptest.NewRecorder()
	admits.Handler(inner).ServeHTTP(w, from("8.8.8.8:1"))
	if w.Code != 401 {
		t.Errorf("a Guard within another: %d", w.Code)
	}
	type admittedKey struct{} // of the same name
	forged := httpgate.Admitted{Request: kim, Decision: allow}
	ctx := context.WithValue(context.Background(), admittedKey{}, &forged)
	if _, ok := httpgate.FromContext(ctx); ok {
		t.Error("a forged Admitted is taken")
	}
	admits.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a, _ := httpgate.FromContext(r.Context())
		a.Request.Member = "root"
		if b, _ := httpgate.FromContext(r.Context()); b.Request.Member != kim.Member {
			t.Errorf("altered to %v", b.Request.Member)
		}
	})).ServeHTTP(httptest.NewRecorder(), from("8.8.8.8:1"))
}

// The package imports the standard library and this module, and nothing else.
func TestStandardLibraryOnly(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			seen++
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(path, "github.com/sallyport-go/sallyport/") {
				t.Errorf("%s imports %s", file.Name(), path)
			}
		}
	}
	if seen == 0 {
		t.Error("no imports were read")
	}
}
