package member_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member"
)

// statusNames is every status there is. No name may ever change: hosts have stored them.
var statusNames = map[member.Status]string{
	member.Pending: "pending", member.Active: "active", member.OnLeave: "on-leave",
	member.Suspended: "suspended", member.Locked: "locked", member.Deleted: "deleted",
}

func TestStatusNames(t *testing.T) {
	for n := range 256 {
		s := member.Status(n)
		want, known := statusNames[s]
		if !known {
			want = fmt.Sprintf("status(%d)", n)
		}
		if n == 0 {
			want = "unknown"
		}
		if s.String() != want || s.Known() != known {
			t.Errorf("status %d: %q, known %v; want %q, %v", n, s, s.Known(), want, known)
		}
		b, err := s.MarshalText()
		if (err == nil) != known || known && string(b) != want || !known && b != nil {
			t.Errorf("status %d: marshals as %q, %v", n, b, err)
		}
		var back member.Status
		if err := back.UnmarshalText([]byte(want)); (err == nil) != known || back != s && known {
			t.Errorf("status %d: %q reads as %v, %v", n, want, back, err)
		}
	}
	if len(statusNames) != 6 || member.Pending != 1 || member.Deleted != 6 {
		t.Error("statuses are not six in a row from 1")
	}
}

func TestStatusJSON(t *testing.T) {
	b, err := json.Marshal(map[member.Status]member.Status{member.Active: member.OnLeave})
	if err != nil || string(b) != `{"active":"on-leave"}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(member.UnknownStatus); err == nil {
		t.Errorf("an unknown status is written as %s", b)
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for _, tt := range []struct{ input, why string }{
		{"", "no name is not a status"},
		{"unknown", "it says that nothing is known; nobody stores it on purpose"},
		{"Active", "another case is another name"},
		{" active", "blanks are not trimmed"},
		{"active\n", "nor line ends"},
		{"active\x00", "nor what C would take for the end"},
		{"onleave", "spelled on-leave"},
		{"on leave", "spelled on-leave"},
		{"on_leave", "spelled on-leave"},
		{"status(2)", "the print of an unknown status is no name"},
		{"2", "numbers are not names"},
		{"enabled", "there is no such status"},
	} {
		s, err := member.ParseStatus(tt.input)
		if err == nil || s != member.UnknownStatus {
			t.Errorf("%q: %v, %v; must be refused: %s", tt.input, s, err, tt.why)
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.input)) || !strings.Contains(err.Error(), "on-leave") {
			t.Errorf("%q: %v; must say what was given and what is possible", tt.input, err)
		}
		kept := member.Suspended
		if err := kept.UnmarshalText([]byte(tt.input)); err == nil || kept != member.Suspended {
			t.Errorf("%q: UnmarshalText left %v, %v", tt.input, kept, err)
		}
	}
}

// The zero Member must not pass for anybody, whatever a host forgets to fill.
func TestGuarantee12ZeroMemberIsUnknown(t *testing.T) {
	var m member.Member
	if m.Status != member.UnknownStatus || m.Status.Known() || m.ID != "" || m.Tenant != "" || m.Super {
		t.Errorf("the zero Member is %+v", m)
	}
}

// Refusals end in logs. What came from outside is quoted there and does not flood them.
func TestGuarantee28ErrorsQuoteAndCut(t *testing.T) {
	_, err := member.ParseStatus("x\n\x1b[31m\u202e%d%s" + strings.Repeat("A", 1<<20))
	if message := err.Error(); strings.ContainsAny(message, "\n\x1b\u202e") || strings.Contains(message, "MISSING") || len(message) > 300 {
		t.Errorf("%d bytes, %.300q", len(message), message)
	}
}

func FuzzStatus(f *testing.F) {
	for _, s := range []string{"", "unknown", "pending", "active", "on-leave", "suspended", "locked", "deleted", "Active", "status(7)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		status, err := member.ParseStatus(s)
		if err != nil {
			if status != member.UnknownStatus {
				t.Fatalf("%q: %v beside %v", s, status, err)
			}
			return
		}
		b, err := status.MarshalText()
		if err != nil || string(b) != s || status.String() != s || statusNames[status] != s {
			t.Fatalf("%q reads as %d, which prints %q, %v", s, status, b, err)
		}
	})
}

func TestUnknownStatusCanBeLogged(t *testing.T) {
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("refused", "status", member.UnknownStatus)
	if !strings.Contains(b.String(), "status=unknown\n") {
		t.Errorf("logged %q", b.String())
	}
}
