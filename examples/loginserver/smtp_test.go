package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// mailServer takes letters by SMTP, as one command after the other comes.
type mailServer struct {
	*testing.T
	tls      *tls.Config
	implicit bool                        // TLS from the start
	plain    bool                        // it offers no STARTTLS
	answer   func(command string) string // in the place of its own; "": its own; "hang": none

	mu      sync.Mutex
	addr    string
	letters []letter
}

// letter is what the server was given.
type letter struct {
	to     string
	auth   string
	secure bool
	*mail.Message
	text string
}

// newMailServer starts one, and returns what sends letters to it by the name smtp.example.com.
func newMailServer(t *testing.T, m *mailServer) *relay {
	t.Helper()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate is for example.com
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m.T, m.tls, m.addr = t, &tls.Config{Certificates: web.TLS.Certificates}, l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	port := map[bool]string{false: "587", true: "465"}[m.implicit]
	r, err := newRelay("smtp.example.com:"+port, "Sallyport <login@example.com>", "", "")
	if err != nil {
		t.Fatal(err)
	}
	r.roots = web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	r.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, m.addr)
	}
	return r
}

func (m *mailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	if m.implicit {
		conn = tls.Server(conn, m.tls)
	}
	lines := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 smtp.example.com ESMTP\r\n")
	got := letter{secure: m.implicit}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		if m.answer != nil {
			if said := m.answer(verb); said == "hang" {
				io.Copy(io.Discard, conn)
				return
			} else if said != "" {
				fmt.Fprint(conn, said+"\r\n")
				continue
			}
		}
		switch verb {
		case "EHLO":
			offers := "250-smtp.example.com\r\n"
			if !got.secure && !m.plain {
				offers += "250-STARTTLS\r\n"
			}
			fmt.Fprint(conn, offers+"250 AUTH PLAIN\r\n")
			continue
		case "STARTTLS":
			fmt.Fprint(conn, "220 go on\r\n")
			conn = tls.Server(conn, m.tls)
			lines, got.secure = bufio.NewReader(conn), true
			continue
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			got.auth = string(b)
			fmt.Fprint(conn, "235 yes\r\n")
			continue
		case "RCPT":
			got.to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var b strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			if got.Message, err = mail.ReadMessage(strings.NewReader(b.String())); err != nil {
				m.Errorf("this is no letter: %v\n%s", err, b.String())
				return
			}
			text, err := io.ReadAll(quotedprintable.NewReader(got.Body))
			if err != nil {
				m.Error(err)
			}
			got.text = string(text)
			m.mu.Lock()
			m.letters = append(m.letters, got)
			m.mu.Unlock()
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		}
		fmt.Fprint(conn, "250 yes\r\n")
	}
}

// got returns the letters so far.
func (m *mailServer) got() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]letter(nil), m.letters...)
}

var aCode = site.Mail{Kind: site.MailVerification, Tenant: "main", To: "kim", Code: "123456", Text: "Your code is 123456. Grüße.", At: time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)}

func TestRelay(t *testing.T) {
	for _, tt := range []struct {
		why      string
		server   *mailServer
		user     string
		insecure bool // it may go in clear text
	}{
		{"STARTTLS", &mailServer{}, "", false},
		{"STARTTLS, with a password", &mailServer{}, "login", false},
		{"TLS from the start", &mailServer{implicit: true}, "login", false},
		{"clear text to this machine", &mailServer{plain: true}, "", true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			m := tt.server
			r := newMailServer(t, m)
			if tt.user != "" {
				r.user, r.password = tt.user, "secret"
			}
			if tt.insecure {
				r.addr = m.addr
			}
			for range 2 {
				if err := r.send(t.Context(), "Kim <kim@example.net>", aCode); err != nil {
					t.Fatal(err)
				}
			}
			letters := m.got()
			if len(letters) != 2 {
				t.Fatalf("%d letters, want 2", len(letters))
			}
			l := letters[0]
			if l.to != "kim@example.net" || l.secure == tt.insecure || strings.TrimSpace(l.text) != aCode.Text {
				t.Errorf("to %s, by TLS %v: %q", l.to, l.secure, l.text)
			}
			if want := map[bool]string{true: "\x00login\x00secret"}[tt.user != ""]; l.auth != want {
				t.Errorf("authorized by %q, want %q", l.auth, want)
			}
			for name, want := range map[string]string{
				"From": `"Sallyport" <login@example.com>`, "To": `"Kim" <kim@example.net>`, "Subject": "Your code for logging in",
				"Date": "Sat, 31 Jan 2026 15:04:05 +0000", "Auto-Submitted": "auto-generated", "Content-Type": "text/plain; charset=utf-8",
			} {
				if got := l.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			id := l.Header.Get("Message-ID")
			if !strings.HasSuffix(id, "@example.com>") || id != letters[1].Header.Get("Message-ID") {
				t.Errorf("Message-IDs of one letter: %s, %s", id, letters[1].Header.Get("Message-ID"))
			}
			if strings.Contains(fmt.Sprint(l.Header), aCode.Code) {
				t.Errorf("the code is in the head: %v", l.Header)
			}
		})
	}
}

// Whatever fails is told, and nothing is sent in clear text to another machine.
func TestRelayFails(t *testing.T) {
	to := func(verb, said string) func(string) string {
		return func(command string) string {
			if command == verb {
				return said
			}
			return ""
		}
	}
	for _, tt := range []struct {
		why     string
		server  *mailServer
		change  func(*relay)
		address string
		mailbox bool // that it is the mailbox, for good
	}{
		{"no TLS", &mailServer{plain: true}, nil, "", false},
		{"STARTTLS is refused", &mailServer{answer: to("STARTTLS", "454 not now")}, nil, "", false},
		{"another certificate", &mailServer{}, func(r *relay) { r.addr = "smtp.example.net:587" }, "", false},
		{"another root", &mailServer{}, func(r *relay) { r.roots = nil }, "", false},
		{"a wrong password", &mailServer{answer: to("AUTH", "535 no")}, func(r *relay) { r.user, r.password = "a", "b" }, "", false},
		{"the sender is refused", &mailServer{answer: to("MAIL", "550 no")}, nil, "", false},
		{"no such mailbox", &mailServer{answer: to("RCPT", "550 5.1.1 no such user")}, nil, "", true},
		{"try later", &mailServer{answer: to("RCPT", "451 greylisted")}, nil, "", false},
		{"we may not relay", &mailServer{answer: to("RCPT", "554 5.7.1 relay access denied")}, nil, "", false},
		{"no letters today", &mailServer{answer: to("DATA", "452 full")}, nil, "", false},
		{"no address", &mailServer{}, nil, "kim", true},
		{"two lines", &mailServer{}, nil, "kim@example.net\r\nRCPT TO:<lee@example.net>", true},
		{"it hangs", &mailServer{answer: to("MAIL", "hang")}, func(r *relay) { r.timeout = 50 * time.Millisecond }, "", false},
		{"nobody is there", &mailServer{}, func(r *relay) {
			r.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
		}, "", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			m := tt.server
			r := newMailServer(t, m)
			if tt.change != nil {
				tt.change(r)
			}
			if tt.address == "" {
				tt.address = "kim@example.net"
			}
			err := r.send(t.Context(), tt.address, aCode)
			if err == nil || errors.Is(err, site.ErrMailbox) != tt.mailbox {
				t.Errorf("%v; want it to be the mailbox: %v", err, tt.mailbox)
			}
			if err != nil && (strings.Contains(err.Error(), aCode.Code) || r.password != "" && strings.Contains(err.Error(), "secret")) {
				t.Errorf("a secret is told: %v", err)
			}
			if len(m.got()) != 0 {
				t.Errorf("letters: %+v", m.got())
			}
		})
	}
	for _, tt := range [][4]string{
		{"", "a@example.com"}, {"smtp.example.com", "a@example.com"}, {":25", "a@example.com"}, {"smtp.example.com:25", ""},
		{"smtp.example.com:25", "nobody"}, {"smtp.example.com:25", "a@example.com", "user"}, {"smtp.example.com:25", "a@example.com", "", "password"},
	} {
		if r, err := newRelay(tt[0], tt[1], tt[2], tt[3]); err == nil {
			t.Errorf("%q: %+v", tt, r)
		}
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "localhost.example.com": false, "192.0.2.1": false, "": false} {
		if thisMachine(host) != want {
			t.Errorf("%q is this machine: %v", host, !want)
		}
	}
}

// real is a server without -demo whose tenant, of the product that mails links, has members
// with addresses.
func real(t *testing.T, send func(context.Context, string, site.Mail) error) *world {
	t.Helper()
	countries, err := openCountries("")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, stores: site.InMemory()}
	members := []site.Newcomer{
		{ID: "root", Password: "secret-root", Roles: []string{directory.SuperAdmin}, Contact: "root@example.net"},
		{ID: "it", Password: "secret-it", Roles: []string{directory.ITAdmin}, Contact: "it@example.net"},
		{ID: "kim", Password: "secret-kim", Contact: "kim@example.net"},
	}
	w.Site, err = site.New(t.Context(), site.Options{Countries: countries, Stores: w.stores, Iterations: 1, Send: send, URL: "https://login.example.com/", Setups: []site.Setup{
		{ID: "main", Profile: policy.Standard().Name, Members: members, Settings: policy.Settings{Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(geo.MustParseCountry("KR"))}}},
		{ID: "links", Profile: policy.Kintone().Name, Members: members},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.http = handler(&front.Front{Site: w.Site, Names: []string{"example.com"}}, nil, nil)
	return w
}

// A code that was mailed lets in; one that was not is told as such, and lets nobody in.
func TestCodeByMail(t *testing.T) {
	m := &mailServer{}
	r := newMailServer(t, m)
	s := real(t, r.send)
	began := s.login(usa, "main", "kim", "secret-kim")
	s.want("from abroad", began, "202 verify [overseas-login]")
	letters := m.got()
	if len(letters) != 1 || letters[0].to != "kim@example.net" {
		t.Fatalf("%+v", letters)
	}
	_, code, _ := strings.Cut(letters[0].text, "Your code is ")
	code = code[:6]
	s.want("the code", s.post(usa, "/t/main/verify", "attempt", began.Attempt, "code", code), verified)

	m.answer = func(command string) string { return map[string]string{"RCPT": "451 later"}[command] }
	s.mailless(t)
	s.want("at home", s.login(korea, "main", "kim", "secret-kim"), "200 allow [country-exempt]")
}

// Without -smtp, too, a login that needs a code is told that there is none.
func TestNoMail(t *testing.T) {
	s := real(t, nil)
	s.mailless(t)
	said := func(mails bool) string {
		var b strings.Builder
		if err := welcomeReal(t.Context(), &b, s.Site, nil, mails); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if without := said(false); !strings.Contains(without, "Nothing is mailed") || !strings.Contains(without, "-smtp") {
		t.Errorf("it says\n%s", without)
	}
	if with := said(true); strings.Contains(with, "Nothing is mailed") {
		t.Errorf("it says\n%s", with)
	}
}

// mailless checks what somebody is told whose code was not sent.
func (s *world) mailless(t *testing.T) {
	t.Helper()
	w := s.login(usa, "main", "kim", "secret-kim")
	if w.Status != 503 || w.Reason != "code-not-sent" || w.Attempt != "" || w.Session != "" {
		t.Errorf("a program is told %d %s", w.Status, w.Body)
	}
	page := s.browse(usa, "/t/main/login", nil, "member", "kim", "password", "secret-kim")
	if page.Code != 503 || !strings.Contains(page.Body.String(), "The code could not be sent") || len(page.Result().Cookies()) != 0 {
		t.Errorf("a browser is told %d\n%s", page.Code, page.Body)
	}
	s.want("a wrong password", s.login(usa, "main", "kim", "wrong"), wrong)
}

// The link goes to each administrator with an address. While the server is away the order
// waits; a mailbox that is refused for good has the others mailed again by nobody.
func TestLinkByMail(t *testing.T) {
	m := &mailServer{}
	r := newMailServer(t, m)
	tries := 0
	s := real(t, func(ctx context.Context, address string, l site.Mail) error {
		switch tries++; {
		case tries <= 2: // the first time, for both
			return errors.New("away")
		case strings.HasPrefix(address, "it@"):
			return fmt.Errorf("%w: no such user", site.ErrMailbox)
		}
		return r.send(ctx, address, l)
	})
	defer s.background()()
	network, err := s.actor("links", "root").Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next := network.Settings
	next.Access, next.Designated = policy.DesignatedAddresses, s.designated("8.8.8.0/24")
	c := site.Change{From: network.Version}
	_, err = s.actor("links", "root").Save(t.Context(), c, next)
	if lockout := new(engine.LockoutError); errors.As(err, &lockout) {
		c.Force = lockout.Force
		_, err = s.actor("links", "root").Save(t.Context(), c, next)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 1200 { // a minute, where the order takes some seconds
		if len(m.got()) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	letters := m.got()
	if len(letters) != 1 || letters[0].to != "root@example.net" {
		t.Fatalf("letters: %+v", letters)
	}
	const before = "https://login.example.com/reset/links."
	at := strings.Index(letters[0].text, before)
	if at < 0 {
		t.Fatalf("no link: %s", letters[0].text)
	}
	link := strings.Fields(letters[0].text[at:])[0]
	if w := s.do(other, newPost(strings.TrimPrefix(link, "https://login.example.com"))); w.Code != 200 {
		t.Errorf("the link: %d %s", w.Code, w.Body)
	}
	s.want("lifted", s.login(other, "links", "kim", "secret-kim"), "200 allow [all-addresses]")
	for range 100 {
		if waiting, err := s.stores.Policies.Waiting(t.Context(), session.TenantID("links"), 10); err == nil && len(waiting) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("an order waits, as if nobody had got its letter")
}

func (s *world) designated(texts ...string) (list []policy.Entry) {
	for _, text := range texts {
		list = append(list, policy.Entry{Range: ipset.MustParseRange(text)})
	}
	return list
}
