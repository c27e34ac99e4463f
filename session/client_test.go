package session_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

// clientNames is every client there is. Neither a number nor a name may ever change:
// hosts have stored both.
var clientNames = map[session.Client]string{
	1: "web", 2: "desktop", 3: "mobile", 4: "drive", 5: "pop3", 6: "imap", 7: "smtp", 8: "caldav", 9: "api",
	32: "custom0", 33: "custom1", 34: "custom2", 35: "custom3", 36: "custom4", 37: "custom5", 38: "custom6",
	39: "custom7", 40: "custom8", 41: "custom9", 42: "custom10", 43: "custom11", 44: "custom12", 45: "custom13",
	46: "custom14", 47: "custom15", 48: "custom16", 49: "custom17", 50: "custom18", 51: "custom19", 52: "custom20",
	53: "custom21", 54: "custom22", 55: "custom23", 56: "custom24", 57: "custom25", 58: "custom26", 59: "custom27",
	60: "custom28", 61: "custom29", 62: "custom30",
}

func TestClientNames(t *testing.T) {
	for n := range 256 {
		c := session.Client(n)
		want, known := clientNames[c]
		if !known {
			want = fmt.Sprintf("client(%d)", n)
		}
		if n == 0 {
			want = "unknown"
		}
		if c.String() != want || c.Known() != known {
			t.Errorf("client %d: %q, known %v; want %q, %v", n, c, c.Known(), want, known)
		}
		b, err := c.MarshalText()
		if (err == nil) != known || known && string(b) != want {
			t.Errorf("client %d: marshals as %q, %v", n, b, err)
		}
		var back session.Client
		if err := back.UnmarshalText([]byte(want)); (err == nil) != known || known && back != c {
			t.Errorf("client %d: %q reads as %d, %v", n, want, back, err)
		}
	}
}

func TestClientConstants(t *testing.T) {
	for c, name := range map[session.Client]string{
		session.Web: "web", session.Desktop: "desktop", session.Mobile: "mobile", session.Drive: "drive",
		session.POP3: "pop3", session.IMAP: "imap", session.SMTP: "smtp", session.CalDAV: "caldav",
		session.API: "api", session.FirstCustom: "custom0", session.FirstCustom + 30: "custom30",
	} {
		if clientNames[c] != name {
			t.Errorf("%s is client %d", name, c)
		}
	}
	var zero session.Client
	if zero != session.UnknownClient {
		t.Error("the zero Client is not UnknownClient")
	}
}

func TestParseClientRefuses(t *testing.T) {
	for _, tt := range []struct{ input, why string }{
		{"", "no name is not a client"},
		{"unknown", "it says that nothing is known; nobody stores it on purpose"},
		{"Web", "another case is another name"},
		{" web", "blanks are not trimmed"},
		{"web ", "blanks are not trimmed"},
		{"web\n", "nor line ends"},
		{"web\x00", "nor what C would take for the end"},
		{"ｗｅｂ", "what looks alike is not the same"},
		{"browser", "there is no such client"},
		{"client(10)", "the print of an unknown client is no name"},
		{"1", "numbers are not names"},
		{"custom", "which one"},
		{"custom00", "a number has one spelling"},
		{"custom07", "a number has one spelling"},
		{"custom+1", "a number has one spelling"},
		{"custom-1", "below the first"},
		{"custom31", "after the last"},
		{"custom256", "numbers do not wrap"},
		{"custom18446744073709551616", "numbers do not wrap"},
		{"web,mobile", "two clients are not one"},
	} {
		c, err := session.ParseClient(tt.input)
		if err == nil || c != session.UnknownClient {
			t.Errorf("%q: %v, %v; must be refused: %s", tt.input, c, err, tt.why)
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.input)) || !strings.Contains(err.Error(), "custom0 to custom30") {
			t.Errorf("%q: %v; must say what was given and what is possible", tt.input, err)
		}
		kept := session.IMAP
		if err := kept.UnmarshalText([]byte(tt.input)); err == nil || kept != session.IMAP {
			t.Errorf("%q: UnmarshalText left %v, %v", tt.input, kept, err)
		}
	}
}

func TestUnknownClientCanBeLogged(t *testing.T) {
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("refused", "client", session.UnknownClient)
	if !strings.Contains(b.String(), "client=unknown\n") {
		t.Errorf("logged %q", b.String())
	}
}
