package session_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

// kindNames is every kind there is. No name may ever change: hosts have stored them.
var kindNames = map[session.Kind]string{
	session.Login: "login", session.AppPassword: "app-password", session.APIToken: "api-token",
	session.RefreshToken: "refresh-token", session.RememberedDevice: "remembered-device",
}

func TestKindNames(t *testing.T) {
	for n := range 256 {
		k := session.Kind(n)
		want, known := kindNames[k]
		if !known {
			want = fmt.Sprintf("kind(%d)", n)
		}
		if k.String() != want || k.Known() != known {
			t.Errorf("kind %d: %q, known %v; want %q, %v", n, k, k.Known(), want, known)
		}
		b, err := k.MarshalText()
		if (err == nil) != known || known && string(b) != want || !known && b != nil {
			t.Errorf("kind %d: marshals as %q, %v", n, b, err)
		}
		back := session.Kind(77)
		if err := back.UnmarshalText([]byte(want)); (err == nil) != known || known && back != k || !known && back != 77 {
			t.Errorf("kind %d: %q reads as %v, %v", n, want, back, err)
		}
	}
	var zero session.Kind
	if zero != session.Login || len(kindNames) != 5 {
		t.Error("the zero Kind is not Login, or there are not five")
	}
	if b, err := json.Marshal(map[session.Kind]session.Kind{session.APIToken: session.Login}); err != nil || string(b) != `{"api-token":"login"}` {
		t.Errorf("%s, %v", b, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "kind", session.Kind(77))
	if !strings.Contains(log.String(), "kind=kind(77)\n") {
		t.Errorf("logged %q", log.String())
	}
}

func TestParseKindRefuses(t *testing.T) {
	for _, row := range []struct{ input, why string }{
		{"", "no name is not a kind, though the zero Kind is Login"},
		{"Login", "another case is another name"},
		{" login", "blanks are not trimmed"},
		{"app password", "spelled app-password"},
		{"kind(0)", "the print of an unknown kind is no name"},
		{"0", "numbers are not names"},
	} {
		k, err := session.ParseKind(row.input)
		if err == nil || k.Known() || !strings.Contains(err.Error(), fmt.Sprintf("%q", row.input)) {
			t.Errorf("%q: %v, %v; must be refused with what was given: %s", row.input, k, err, row.why)
		}
	}
}

func FuzzKind(f *testing.F) {
	for _, name := range kindNames {
		f.Add(name)
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := session.ParseKind(s)
		if (err == nil) != k.Known() {
			t.Fatalf("%q: %v beside %v", s, k, err)
		}
		if err == nil && (k.String() != s || kindNames[k] != s) {
			t.Fatalf("%q reads as %v", s, k)
		}
	})
}
