package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// relay is the mail server that takes this server's letters. Letters have codes and links that
// let people in: they go over TLS, or to this machine, or not at all. It is safe for
// concurrent use.
type relay struct {
	addr           string // host:port; port 465 is TLS from the start, any other STARTTLS
	from           mail.Address
	user, password string // "": it asks for none
	timeout        time.Duration
	roots          *x509.CertPool // nil: those of this machine
	dial           func(ctx context.Context, network, addr string) (net.Conn, error)
}

// smtpTimeout is how long a letter may take: somebody waits for the answer to a login.
const smtpTimeout = 10 * time.Second

// newRelay reads -smtp and -mail-from.
func newRelay(addr, from, user, password string) (*relay, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("-smtp %q: write HOST:PORT, as in smtp.example.com:587", addr)
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("-mail-from %q: %w; write the address that letters come from", from, err)
	}
	if user == "" && password != "" || user != "" && password == "" {
		return nil, errors.New("-smtp: set both SMTP_USER and SMTP_PASSWORD, or neither")
	}
	return &relay{addr: addr, from: *sender, user: user, password: password, timeout: smtpTimeout, dial: new(net.Dialer).DialContext}, nil
}

// send is the Send of site.Options. A letter that failed may have been sent nevertheless, if
// the server's last answer was lost. The error is a site.ErrMailbox if the server refuses the
// address for good.
func (r *relay) send(ctx context.Context, address string, m site.Mail) error {
	to, err := mail.ParseAddress(address)
	if err != nil {
		return fmt.Errorf("mail: %w: %w", site.ErrMailbox, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err = r.deliver(ctx, *to, r.letter(*to, m))
	if ended := ctx.Err(); err != nil && ended != nil {
		return fmt.Errorf("mail: %s does not answer in time: %w", r.addr, ended)
	}
	if err != nil {
		return fmt.Errorf("mail: %s: %w", r.addr, err)
	}
	return nil
}

func (r *relay) deliver(ctx context.Context, to mail.Address, letter []byte) error {
	host, port, _ := net.SplitHostPort(r.addr)
	conn, err := r.dial(ctx, "tcp", r.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, closer(conn))()
	secure := &tls.Config{ServerName: host, RootCAs: r.roots, MinVersion: tls.VersionTLS12}
	overTLS := port == "465"
	if overTLS {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if offered, _ := c.Extension("STARTTLS"); offered && !overTLS {
		if err := c.StartTLS(secure); err != nil {
			return err
		}
		overTLS = true
	}
	if !overTLS && !thisMachine(host) {
		return errors.New("it offers no STARTTLS, and letters with codes do not go in clear text")
	}
	if r.user != "" {
		if err := c.Auth(smtp.PlainAuth("", r.user, r.password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(r.from.Address); err != nil {
		return err
	}
	if err := c.Rcpt(to.Address); err != nil {
		return refusedForGood(err)
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(letter); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the letter is the server's by now
	return nil
}

func closer(c net.Conn) func() { return func() { c.Close() } }

// refusedForGood tells from an answer to RCPT that no other try would do: RFC 5321, 4.2.1 and
// 4.2.3, of which 550, 551 and 553 are about the mailbox, and others about the sender.
func refusedForGood(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && (answer.Code == 550 || answer.Code == 551 || answer.Code == 553) {
		return fmt.Errorf("%w: %w", site.ErrMailbox, err)
	}
	return err
}

func thisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

var subjects = map[string]string{
	site.MailVerification: "Your code for logging in",
	site.MailResetLink:    "The address restriction was saved",
	site.MailNotice:       "The address restriction was lifted",
}

// letter writes a letter as RFC 5322 has it. One that is sent again has the same Message-ID, so
// that mailboxes show it once.
func (r *relay) letter(to mail.Address, m site.Mail) []byte {
	id := sha256.Sum256(fmt.Appendf(nil, "%q", []string{m.Kind, string(m.Tenant), string(m.To), m.Code, m.Link, m.At.String()}))
	_, domain, _ := strings.Cut(r.from.Address, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", r.from.String()},
		{"To", to.String()},
		{"Date", m.At.Format(time.RFC1123Z)},
		{"Message-ID", "<" + hex.EncodeToString(id[:16]) + "@" + domain + ">"},
		{"Subject", mime.QEncoding.Encode("utf-8", subjects[m.Kind])},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	fmt.Fprintf(w, "%s\r\n", m.Text)
	w.Close()
	return b.Bytes()
}
