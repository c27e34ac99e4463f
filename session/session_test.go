package session_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/session"
)

// noon is an instant of the tests; nothing in them depends on the clock.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newSession returns a live session as many are.
func newSession(t session.TenantID, m session.MemberID) session.Session {
	_, id := session.NewToken()
	return session.Session{
		ID: id, First: id, Tenant: t, Member: m, Device: "laptop", System: "Linux",
		Stamp: session.Stamp{
			Policy: session.Version{Line: 7, Number: 5}, Member: session.Version{Line: 9, Number: 3}, Client: session.Web,
		},
		Created: noon, Seen: noon,
	}
}

func TestTokens(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		token, id := session.NewToken()
		if len(token) < 26 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || seen[token] || seen[id.String()] {
			t.Fatalf("token %q, id %v", token, id)
		}
		seen[token], seen[id.String()] = true, true
		if id.IsZero() || session.IDOf(token) != id || session.IDOf(token+"x") == id || session.IDOf(id.String()) == id {
			t.Fatalf("token %q has another id than %v, or what is stored opens the session", token, id)
		}
	}
	if session.IDOf("").IsZero() {
		t.Error("no token is the zero ID")
	}
	if got := session.IDOf("abc").String(); got != "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" { // FIPS 180-2: ba7816bf…
		t.Errorf("the id of abc is %s; hosts have stored another", got)
	}
}

func TestIDText(t *testing.T) {
	_, id := session.NewToken()
	text := id.String()
	for _, row := range []struct{ text, why string }{
		{"", "nothing"},
		{text[1:], "too short"},
		{text + "A", "too long"},
		{text + "=", "padding"},
		{text[:42] + "\n", "the decoder passes over line ends"},
		{"\r" + text[:41] + "\n", "and over these"},
		{text[:42] + "B", "bits that no ID has are set"},
		{text[:10] + "+" + text[11:], "the alphabet of other base64"},
		{text[:10] + " " + text[11:], "blanks"},
		{strings.Repeat("é", 43)[:43], "not ASCII"},
	} {
		kept := id
		if err := kept.UnmarshalText([]byte(row.text)); err == nil || kept != id {
			t.Errorf("%q reads as %v, %v; must be refused and change nothing: %s", row.text, kept, err, row.why)
		}
	}
	var back session.ID
	if err := back.UnmarshalText([]byte(text)); err != nil || back != id {
		t.Errorf("%s reads as %v, %v", text, back, err)
	}
}

func FuzzID(f *testing.F) {
	f.Add([]byte(session.ID{}.String()))
	f.Add([]byte(session.IDOf("abc").String()))
	f.Add([]byte(strings.Repeat("A", 42) + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var id session.ID
		if err := id.UnmarshalText(text); err != nil {
			if !id.IsZero() {
				t.Fatalf("%q is refused and leaves %v", text, id)
			}
			return
		}
		if b, err := id.MarshalText(); err != nil || string(b) != string(text) || id.String() != string(text) {
			t.Fatalf("%q reads as what prints %q, %v", text, b, err)
		}
	})
}

func TestLive(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*session.Session)
		ends   time.Duration // from noon; 0: never
		live   []time.Duration
		dead   []time.Duration
	}{
		{"without a limit", func(*session.Session) {}, 0, []time.Duration{-time.Hour, 0, 1e6 * time.Hour}, nil},
		{"idle", func(s *session.Session) { s.Idle = time.Hour }, time.Hour, []time.Duration{0, time.Hour - 1}, []time.Duration{time.Hour, time.Hour + 1}},
		{"used since", func(s *session.Session) { s.Idle = time.Hour; s.Seen = noon.Add(time.Minute) }, 61 * time.Minute, []time.Duration{time.Hour}, []time.Duration{61 * time.Minute}},
		{"life", func(s *session.Session) { s.Life = time.Hour }, time.Hour, []time.Duration{time.Hour - 1}, []time.Duration{time.Hour}},
		{"use does not lengthen life", func(s *session.Session) {
			s.Idle, s.Life = time.Hour, 2*time.Hour
			s.Seen = noon.Add(119 * time.Minute)
		}, 2 * time.Hour, []time.Duration{2*time.Hour - 1}, []time.Duration{2 * time.Hour}},
		{"ended, by a clock that is ahead", func(s *session.Session) { s.Ended = noon.Add(time.Hour) }, time.Hour, nil, []time.Duration{-time.Hour, 0, time.Hour - 1, time.Hour}},
		{"ended, but was idle before", func(s *session.Session) { s.Ended, s.Idle = noon.Add(time.Hour), time.Minute }, time.Minute, nil, []time.Duration{0, time.Hour}},
		{"a limit below zero is none that was passed over", func(s *session.Session) { s.Idle = -1 }, -1, nil, []time.Duration{0, time.Hour}},
		{"a life below zero", func(s *session.Session) { s.Life = -time.Hour }, -time.Hour, nil, []time.Duration{0, time.Hour}},
		{"no ID", func(s *session.Session) { s.ID = session.ID{} }, 0, nil, []time.Duration{0, time.Hour}},
	} {
		s := newSession("acme", "kim")
		row.change(&s)
		if want := noon.Add(row.ends); row.ends == 0 != s.EndsAt().IsZero() || row.ends != 0 && !s.EndsAt().Equal(want) {
			t.Errorf("%s: ends at %v; want %v after noon", row.why, s.EndsAt(), row.ends)
		}
		for _, d := range row.live {
			if !s.Live(noon.Add(d)) {
				t.Errorf("%s: dead %v after noon", row.why, d)
			}
		}
		for _, d := range row.dead {
			if s.Live(noon.Add(d)) {
				t.Errorf("%s: live %v after noon", row.why, d)
			}
		}
	}
	if (session.Session{}).Live(noon) {
		t.Error("the zero Session is live")
	}
}

func TestSessionErr(t *testing.T) {
	long := strings.Repeat("x", 1001)
	for _, row := range []struct {
		says, why string
		change    func(*session.Session)
	}{
		{"id", "the zero ID names none", func(s *session.Session) { s.ID = session.ID{} }},
		{"no tenant", "it would be found by nobody", func(s *session.Session) { s.Tenant = "" }},
		{"no member", "nobody could end it", func(s *session.Session) { s.Member = "" }},
		{"kind(77)", "a number that means nothing", func(s *session.Session) { s.Kind = 77 }},
		{"client unknown", "dead everywhere", func(s *session.Session) { s.Stamp = session.Stamp{} }},
		{"client(10)", "dead everywhere", func(s *session.Session) { s.Stamp.Client = 10 }},
		{"number", "no cut could end it", func(s *session.Session) { s.Stamp.Policy.Number = session.MaxNumber + 1 }},
		{"number", "no cut could end it", func(s *session.Session) { s.Stamp.Member.Number = math.MaxUint64 }},
		{"set Created", "it would be dead or for ever", func(s *session.Session) { s.Created = time.Time{} }},
		{"set Seen", "it would be idle at once", func(s *session.Session) { s.Seen = time.Time{} }},
		{"set Seen", "a forgotten clock", func(s *session.Session) { s.Seen = noon.Add(-1) }},
		{"negative", "no limit is 0", func(s *session.Session) { s.Idle = -1 }},
		{"negative", "no limit is 0", func(s *session.Session) { s.Life = math.MinInt64 }},
		{"ended", "it never begins", func(s *session.Session) { s.Ended = noon.Add(time.Hour) }},
		{"ended", "it never begins", func(s *session.Session) { s.Why = "x" }},
		{"tenant of 1001 bytes", "bounded", func(s *session.Session) { s.Tenant = session.TenantID(long) }},
		{"member of 1001 bytes", "bounded", func(s *session.Session) { s.Member = session.MemberID(long) }},
		{"device of 1001 bytes", "bounded", func(s *session.Session) { s.Device = long }},
		{"system of 1001 bytes", "bounded", func(s *session.Session) { s.System = long }},
		{"identity of 1001 bytes", "bounded", func(s *session.Session) { s.Via = long }},
		{"label of 1001 bytes", "bounded", func(s *session.Session) { s.Label = long }},
	} {
		s := newSession("acme", "kim")
		if err := s.Err(); err != nil {
			t.Fatalf("a good session: %v", err)
		}
		row.change(&s)
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), row.says) || len(err.Error()) > 200 {
			t.Errorf("%v; must be refused with %q: %s", err, row.says, row.why)
		}
	}
	if errors.Is(session.ErrNotFound, session.ErrExists) {
		t.Error("the sentinels are one")
	}
	var zero session.Session
	if zero.Err() == nil || fmt.Sprint(zero.Err()) == "" {
		t.Error("the zero Session can be stored")
	}
}
