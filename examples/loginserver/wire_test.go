package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipes is a listener of connections within the process, whose deadlines pass in no time
// where a test is timed.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

type socket struct{ net.Conn }

func (socket) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711} }

// dial opens a connection from home.
func (p pipes) dial() net.Conn {
	theirs, ours := net.Pipe()
	p.conns <- socket{ours}
	return theirs
}

// onPipes runs the server of a site until it is stopped.
func onPipes(s *world) (p pipes, stop func()) {
	p = pipes{make(chan net.Conn), make(chan struct{})}
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error)
	go func() { ended <- serve(ctx, s.http, []net.Listener{p}) }()
	return p, func() {
		cancel()
		if err := <-ended; err != nil {
			s.Error(err)
		}
	}
}

// drip writes a byte a second until nobody takes it any more.
func drip(c net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// Clients that send a byte a second, or nothing, or read nothing, are cut off, and whoever
// comes meanwhile waits for none of them.
func TestSlowClients(t *testing.T) {
	const head = "POST /t/works/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	const login = `{"member":"kim","password":"demo-kim"}`
	slowly := strings.Repeat(" ", 100) + login
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(slowly))
	for _, tt := range []struct {
		why    string
		send   func(c net.Conn)
		answer string // "": none
		after  time.Duration
	}{
		{"nothing", func(net.Conn) {}, "", 5 * time.Second},
		{"a header, a byte a second", func(c net.Conn) { drip(c, head) }, "400", 5 * time.Second},
		{"a body, a byte a second", func(c net.Conn) { io.WriteString(c, head+length); drip(c, slowly) }, "408", 10 * time.Second},
		{"a body in chunks of a byte", func(c net.Conn) {
			io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n")
			drip(c, strings.Repeat("1\r\n \r\n", 100))
		}, "408", 10 * time.Second},
		{"a body after being asked for it", func(c net.Conn) { io.WriteString(c, head+"Expect: 100-continue\r\n"+length) }, "100", 10 * time.Second},
		{"a form of a page", func(c net.Conn) {
			io.WriteString(c, strings.Replace(head, "application/json", "application/x-www-form-urlencoded\r\nAccept: text/html", 1)+length)
			drip(c, slowly)
		}, "408", 10 * time.Second},
		{"a form in parts", func(c net.Conn) {
			io.WriteString(c, strings.Replace(head, "application/json", "multipart/form-data; boundary=x\r\nAccept: text/html", 1)+length)
			drip(c, slowly)
		}, "408", 10 * time.Second},
		{"a body for what wants none", func(c net.Conn) {
			io.WriteString(c, "GET /t/works/login HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n"+length)
			drip(c, slowly)
		}, "200", 10 * time.Second},
		{"a request, and no other", func(c net.Conn) {
			io.WriteString(c, head+strings.Replace(length, fmt.Sprint(len(slowly)), fmt.Sprint(len(login)), 1)+login)
		}, "403", time.Minute},
	} {
		t.Run(tt.why, func(t *testing.T) {
			timed(t, func(t *testing.T) {
				s := newSite(t)
				l, stop := onPipes(s)
				defer stop()
				began := time.Now()
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						c := l.dial()
						defer c.Close()
						all.Go(func() { tt.send(c) })
						said, err := io.ReadAll(c)
						if after := time.Since(began); after != tt.after || err != nil {
							t.Errorf("cut off after %v, %v; want %v", after, err, tt.after)
						}
						status, _, _ := strings.Cut(strings.TrimPrefix(string(said), "HTTP/1.1 "), " ")
						if status != tt.answer || strings.Contains(string(said), "timeout") || strings.Contains(string(said), "pipe") {
							t.Errorf("%s", said)
						}
					})
				}
				for range 4 {
					time.Sleep(time.Second)
					before := time.Now()
					c := l.dial()
					fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", strings.Replace(head, "works", "line", 1), len(login), login)
					response, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil || response.StatusCode != 200 {
						t.Errorf("somebody else: %v, %v", response, err)
					}
					if waited := time.Since(before); waited != 0 {
						t.Errorf("somebody else waits for %v", waited)
					}
					c.Close()
				}
				all.Wait()
				if n := s.begun(); n != 4 {
					t.Errorf("%d sessions were begun", n)
				}
			})
		})
	}
}

// Who does not read an answer is not waited for without end.
func TestClientThatDoesNotRead(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newSite(t)
		l, stop := onPipes(s)
		defer stop()
		c := l.dial()
		defer c.Close()
		began := time.Now()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")
		time.Sleep(31 * time.Second)
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("after %v there are %d bytes", time.Since(began), n)
		}
	})
}

// raw sends bytes over TCP and returns the answer, its body, and what comes after it.
func raw(t *testing.T, p place, request string) (answer *http.Response, body, more string) {
	t.Helper()
	c, err := net.Dial("tcp", p.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.WriteString(c, request) // what is not read of it fails
	from := bufio.NewReader(c)
	answer, err = http.ReadResponse(from, nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	said, _ := io.ReadAll(answer.Body)
	_ = c.(*net.TCPConn).CloseWrite()
	rest, _ := io.ReadAll(from)
	return answer, string(said), string(rest)
}

// What can be done to a request as bytes: of framing, names, paths and versions. The server
// speaks HTTP/1.1 and no other; whatever stands before it for TLS speaks HTTP/2 to browsers.
func TestProbesOnTheWire(t *testing.T) {
	const login, json = "POST /t/line/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", `{"member":"kim","password":"demo-kim"}`
	long := strings.Repeat("x", 40<<10)
	s, _ := start(t, "127.0.0.1:0")
	for _, tt := range []struct {
		request, want string // status, and what follows to
		why           string
	}{
		{login + "Content-Length: 38\r\n\r\n" + json, "200", "as it should be"},
		{login + "Content-Length: 1000000000000\r\n\r\n" + strings.Repeat(" ", maxBody) + json, "413", "a body of a terabyte is refused by what was read of it"},
		{login + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("40\r\n"+strings.Repeat(" ", 64)+"\r\n", 100), "413", "so are chunks without end"},
		{login + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + json, "400", "the length of a chunk overflows"},
		{login + "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n", "401", "a trailer is no header"},
		{login + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", "another encoding"},
		{login + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", "400", "what unpacks to much more is not unpacked"},
		{login + "Content-Length: 4\r\nContent-Length: 38\r\n\r\n" + json, "400", "two lengths"},
		{login + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n26\r\n" + json + "\r\n0\r\n\r\n", "200", "of a length and chunks the chunks count"},
		{login + "Content-Length: -1\r\n\r\n" + json, "400", "a length below zero"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + long + "\r\n\r\n", "431", "a long header"},
		{"GET /" + long + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "431", "a long path"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: x\r\n", 9000) + "\r\n", "431", "many headers"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", "400", "a zero byte"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n", "400", "a blank before the colon"},
		{"GET / HTTP/1.1\r\n\r\n", "400", "no name"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "400", "two names"},
		{"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "421", "the name of the request line counts"},
		{"GET / HTTP/1.0\r\n\r\n", "421", "HTTP/1.0 without a name"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "421", "HTTP/2 without TLS"},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "200", "nor by an upgrade, which is passed over"},
		{"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: session=secret\r\n\r\n", "405", "nothing is sent back"},
		{"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "405", "nobody is connected to"},
		{"POST /t/works/me HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: GET\r\nX-Original-URL: /t/line/me\r\nContent-Length: 0\r\n\r\n", "405", "a header is no method and no path"},
		{"GET /t/works/../line/login HTTP/1.1\r\nHost: localhost\r\n\r\n", "307 /t/line/login", "the path is what the answer says it is"},
		{"GET /static/..%2fpages.go HTTP/1.1\r\nHost: localhost\r\n\r\n", "404", "no file but those that are meant"},
		{"GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "404", "nor by way of a folder above"},
		{"GET //evil.example/..?lang=ko HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "307 /?lang=ko", "nobody is sent to another site"},
		{"GET //evil.example?lang=ko HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "404", "nor with a choice of language"},
		{"GET /\\evil.example/%2e%2e?lang=ko HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "307 /?lang=ko", "nor by a backslash"},
		{"GET /reset/%0d%0aSet-Cookie:%20x=y?lang=ko HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "303 /reset/%0D%0ASet-Cookie:%20x=y", "a line in a path stays within it"},
		{"GET /t/works/login?lang=ko&x=%0d%0aSet-Cookie:%20x=y HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "303 /t/works/login?x=%0D%0ASet-Cookie%3A+x%3Dy", "nor does one in a query leave it"},
	} {
		response, body, more := raw(t, s.places[0], tt.request)
		got := strconv.Itoa(response.StatusCode)
		if to := response.Header.Get("Location"); to != "" {
			got += " " + to
		}
		if got != tt.want || more != "" || strings.Contains(body, "secret") {
			t.Errorf("%s: %s, want %s: %.300s %.100s", tt.why, got, tt.want, body, more)
		}
		for _, c := range response.Cookies() {
			if c.Name != "lang" {
				t.Errorf("%s: the cookie %v", tt.why, c)
			}
		}
	}
}

// Whatever changes something, in the pages and for programs, is refused to other sites, with
// the cookie of a super admin.
func TestOtherSitesChangeNothing(t *testing.T) {
	s, _ := start(t, "127.0.0.1:0")
	base := "http://" + s.places[0].String()
	in := postForm(t, s.places[0], "/t/works/login", "root")
	var patterns [][]string
	for _, file := range []string{"pages/pages.go", "api/api.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`"(POST|PUT|PATCH|DELETE) (/[^"]*)"`).FindAllStringSubmatch(string(source), -1)
		if len(found) < 9 {
			t.Errorf("%s has %d patterns", file, len(found))
		}
		patterns = append(patterns, found...)
	}
	fill := strings.NewReplacer("{tenant}", "works", "{member}", "kim", "{id}", "kim", "{act}", "suspend", "{action}", "suspend", "{link}", "works.x", "{token}", "works.x")
	for _, pattern := range patterns {
		for _, from := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
			for _, accept := range []string{"text/html", "application/json"} {
				r, err := http.NewRequest(pattern[1], base+fill.Replace(pattern[2]), strings.NewReader("reason=x&member=kim&password=demo-kim"))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = from.Clone()
				r.Header.Set("Accept", accept)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.AddCookie(&http.Cookie{Name: cookieName, Value: in.Session})
				response, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != http.StatusForbidden || len(response.Cookies()) != 0 {
					t.Errorf("%s for %s with %v: %d %v", pattern[0], accept, from, response.StatusCode, response.Cookies())
				}
			}
		}
	}
	if in := postForm(t, s.places[0], "/t/works/login", "kim"); in.Status != 200 {
		t.Errorf("kim afterwards: %s", in.text())
	}
}

// A session that was planted in a browser is not the one that a login begins, on the pages
// either, and opens nothing then.
func TestPlantedSession(t *testing.T) {
	s := newSite(t)
	planted := s.login(home, "line", "lee", "demo-lee") // must change the password: an attempt, no session
	own := s.login(home, "line", "kim", "demo-kim").Session
	for _, value := range []string{own, planted.Attempt, "chosen", ""} {
		w := s.browse(home, "/t/line/login", []*http.Cookie{{Name: cookieName, Value: value}}, "member", "root", "password", "demo-root")
		set := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(set) != 1 || set[0].Value == value || len(set[0].Value) < 26 {
			t.Fatalf("%q: %d %v", value, w.Code, set)
		}
		if r := s.me(home, "line", value); r.Member == "root" {
			t.Errorf("%q is root's now", value)
		}
		if r := s.me(home, "line", set[0].Value); r.Member != "root" {
			t.Errorf("the new one: %s", r.Body)
		}
	}
}
