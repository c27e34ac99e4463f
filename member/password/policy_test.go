package password_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member/password"
	"github.com/sallyport-go/sallyport/session"
)

func TestPresets(t *testing.T) {
	for _, row := range []struct {
		why  string
		got  password.Policy
		want password.Policy
	}{
		{"the zero policy is the advice of NIST", password.Policy{}.Effective(), password.NIST()},
		{"which is 15 characters and nothing else of them", password.NIST(), password.Policy{MinLength: 15, Reuse: 1, MaxFailures: 10, MobileIdleDays: 30}},
		{"as documented", password.NaverWorks(), password.Policy{MinLength: 8, Require: password.Letter | password.Digit, MaxAgeDays: 365, Reuse: 5, MaxFailures: 10, MobileIdleDays: 30}},
		{"and whole", password.NaverWorks().Effective(), password.NaverWorks()},
		{"what is out of bounds is as if left out", password.Policy{MinLength: 7, Require: 255, MaxAgeDays: -1, Reuse: 25, MaxFailures: 101, MobileIdleDays: 366}.Effective(),
			password.Policy{MinLength: 15, Require: password.AllKinds, Reuse: 1, MaxFailures: 10, MobileIdleDays: 30}},
	} {
		if row.got != row.want {
			t.Errorf("%s: %+v; want %+v", row.why, row.got, row.want)
		}
	}
	for _, p := range []password.Policy{{}, password.NIST(), password.NaverWorks()} {
		if err := p.Err(); err != nil {
			t.Error(err)
		}
		if p.ExternalLogins {
			t.Errorf("%+v lets others vouch for members, which is for the tenant to choose", p)
		}
	}
}

func TestExpired(t *testing.T) {
	now := time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	year := password.NaverWorks()
	for _, row := range []struct {
		why     string
		p       password.Policy
		changed time.Time
		want    bool
	}{
		{"NIST never asks for a change", password.NIST(), now.AddDate(-50, 0, 0), false},
		{"not even where nobody knows when", password.NIST(), time.Time{}, false},
		{"today's", year, now, false},
		{"just within the year", year, now.Add(-365*day + 1), false},
		{"when it has passed", year, now.Add(-365 * day), true},
		{"long ago", year, now.AddDate(-50, 0, 0), true},
		{"nobody knows when", year, time.Time{}, true},
		{"set by a clock that is a little ahead", year, now.Add(day), false},
		{"set by a clock that was far ahead: it would last too long", year, now.Add(day + 1), true},
		{"an age out of bounds is none", password.Policy{MaxAgeDays: -1}, now.AddDate(-50, 0, 0), false},
	} {
		if got := row.p.Expired(row.changed, now); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
	}
}

func TestLocks(t *testing.T) {
	for _, row := range []struct {
		why      string
		p        password.Policy
		failures int
		want     bool
	}{
		{"none", password.Policy{}, 0, false},
		{"nine", password.Policy{}, 9, false},
		{"ten, where nothing is said", password.Policy{}, 10, true},
		{"more", password.Policy{}, 1 << 30, true},
		{"a corrupt count", password.Policy{}, -1, true},
		{"the tenant's own", password.Policy{MaxFailures: 3}, 2, false},
		{"reached", password.Policy{MaxFailures: 3}, 3, true},
		{"a limit out of bounds is the default", password.Policy{MaxFailures: 1 << 20}, 10, true},
		{"and so is one below", password.Policy{MaxFailures: -1}, 0, false},
	} {
		if got := row.p.Locks(row.failures); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
	}
}

func TestIdle(t *testing.T) {
	for _, row := range []struct {
		why  string
		p    password.Policy
		c    session.Client
		want time.Duration
	}{
		{"30 days", password.Policy{}, session.Mobile, 30 * 24 * time.Hour},
		{"the tenant's own", password.Policy{MobileIdleDays: 7}, session.Mobile, 7 * 24 * time.Hour},
		{"out of bounds: the default, and not none", password.Policy{MobileIdleDays: 1 << 30}, session.Mobile, 30 * 24 * time.Hour},
		{"a browser has no such limit", password.Policy{MobileIdleDays: 7}, session.Web, 0},
	} {
		if got := row.p.Idle(row.c); got != row.want {
			t.Errorf("%s: %v; want %v", row.why, got, row.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, row := range []struct {
		why, doc string
		want     password.Policy
	}{
		{"nothing is the advice of NIST", `{}`, password.Policy{}},
		{"the format can stand there", `{"format": 1}`, password.Policy{}},
		{"blanks around it", " \r\n\t{ } \n", password.Policy{}},
		{"everything", `{"format":1,"min_length":8,"require":["digit","letter"],"max_age_days":365,"reuse":5,"max_failures":3,"external_logins":true,"mobile_idle_days":7}`,
			password.Policy{MinLength: 8, Require: password.Letter | password.Digit, MaxAgeDays: 365, Reuse: 5, MaxFailures: 3, ExternalLogins: true, MobileIdleDays: 7}},
		{"zero is what is left out", `{"min_length":0,"require":[],"external_logins":false}`, password.Policy{}},
	} {
		p, err := password.Decode([]byte(row.doc))
		if err != nil || p != row.want {
			t.Errorf("%s: %+v, %v", row.why, p, err)
		}
	}
	for _, p := range []password.Policy{{}, password.NIST(), password.NaverWorks(), {Require: password.AllKinds, ExternalLogins: true}} {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := password.Decode(b); err != nil || again != p {
			t.Errorf("%s is read as %+v, %v", b, again, err)
		}
	}
	if b, err := json.Marshal(password.Policy{Require: 32}); err == nil {
		t.Errorf("kinds that are none are written as %s", b)
	}
}

func TestDecodeProblems(t *testing.T) {
	for _, row := range []struct {
		why, doc string
		want     []string // path: code
	}{
		{"nothing at all", ``, []string{"document: syntax"}},
		{"cut off", `{"reuse": 5`, []string{"document: syntax"}},
		{"something after it", `{} {}`, []string{"document: syntax"}},
		{"null", `null`, []string{"document: null"}},
		{"a list", `[]`, []string{"document: wrong-type"}},
		{"a number", `8`, []string{"document: wrong-type"}},
		{"too much", `{"reuse": 5}` + strings.Repeat(" ", password.MaxDocument), []string{"document: too-large"}},
		{"not UTF-8", "{\"\xff\": 1}", []string{"document: not-utf8", "\"�\": unknown-key"}},
		{"a newer format", `{"format": 2}`, []string{"format: newer-format"}},
		{"no format", `{"format": 0}`, []string{"format: unknown-format"}},
		{"a format in words", `{"format": "1"}`, []string{"format: wrong-type"}},
		{"a key that nobody knows", `{"min_lenght": 8}`, []string{"min_lenght: unknown-key"}},
		{"a key in another case", `{"Min_Length": 8}`, []string{"Min_Length: wrong-case"}},
		{"a key twice", `{"reuse": 5, "reuse": 0}`, []string{"reuse: repeated-key"}},
		{"a fraction", `{"reuse": 1.5}`, []string{"reuse: wrong-type"}},
		{"an exponent", `{"reuse": 1e1}`, []string{"reuse: wrong-type"}},
		{"a number without end", `{"reuse": 99999999999999999999}`, []string{"reuse: wrong-type"}},
		{"a number in words", `{"reuse": "5"}`, []string{"reuse: wrong-type"}},
		{"null is not left out", `{"reuse": null, "require": null, "external_logins": null}`, []string{"reuse: null", "require: null", "external_logins: null"}},
		{"neither true nor false", `{"external_logins": 1}`, []string{"external_logins: wrong-type"}},
		{"a kind in another case", `{"require": ["Letter"]}`, []string{"require[0]: unknown-kind"}},
		{"a kind twice", `{"require": ["digit", "digit"]}`, []string{"require[1]: repeated-kind"}},
		{"a kind that is none", `{"require": ["digit", 7, null, {}]}`, []string{"require[1]: wrong-type", "require[2]: null", "require[3]: wrong-type"}},
		{"kinds as a text", `{"require": "digit"}`, []string{"require: wrong-type"}},
		{"all bounds at once, below", `{"min_length":7,"max_age_days":-1,"reuse":-1,"max_failures":2,"mobile_idle_days":-1}`,
			[]string{"min_length: bad-min-length", "max_age_days: bad-max-age", "reuse: bad-reuse", "max_failures: bad-max-failures", "mobile_idle_days: bad-mobile-idle"}},
		{"all bounds at once, above", `{"min_length":65,"max_age_days":3651,"reuse":25,"max_failures":101,"mobile_idle_days":366}`,
			[]string{"min_length: bad-min-length", "max_age_days: bad-max-age", "reuse: bad-reuse", "max_failures: bad-max-failures", "mobile_idle_days: bad-mobile-idle"}},
		{"text and meaning at once", `{"reuse": "5", "min_length": 3, "grace": true}`, []string{"reuse: wrong-type", "grace: unknown-key", "min_length: bad-min-length"}},
	} {
		p, err := password.Decode([]byte(row.doc))
		var invalid *password.InvalidError
		if !errors.As(err, &invalid) || p != (password.Policy{}) {
			t.Errorf("%s: %+v, %v", row.why, p, err)
			continue
		}
		var got []string
		for _, p := range invalid.Problems {
			got = append(got, p.Path+": "+p.Code)
			if p.Mend() == "" || !strings.Contains(p.Error(), "; "+p.Mend()) || !strings.Contains(err.Error(), p.Error()) {
				t.Errorf("%s: %v does not say how to mend it", row.why, p)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q; want %q", row.why, got, row.want)
		}
	}
}

// The edges of the bounds are in bounds.
func TestBounds(t *testing.T) {
	for _, doc := range []string{
		`{"min_length":8,"max_age_days":1,"reuse":1,"max_failures":3,"mobile_idle_days":1}`,
		`{"min_length":64,"max_age_days":3650,"reuse":24,"max_failures":100,"mobile_idle_days":365}`,
	} {
		p, err := password.Decode([]byte(doc))
		if err != nil || p.Effective() != p {
			t.Errorf("%s: %+v, %v", doc, p, err)
		}
	}
	if err := (password.Policy{Require: 32}).Err(); err == nil {
		t.Error("kinds that are none are taken")
	}
}

// What was stored under other bounds can be read, and told apart from what cannot.
func TestUnmarshalReadsTheTextOnly(t *testing.T) {
	var host struct{ Login password.Policy }
	if err := json.Unmarshal([]byte(`{"Login": {"min_length": 6}}`), &host); err != nil || host.Login.MinLength != 6 || host.Login.Err() == nil {
		t.Errorf("%+v, %v", host, err)
	}
	was := host
	if err := json.Unmarshal([]byte(`{"Login": {"min_length": 9, "reuse": "5"}}`), &host); err == nil || host != was {
		t.Errorf("%+v, %v", host, err)
	}
	if err := json.Unmarshal([]byte(`{"Login": null}`), &host); err == nil || host != was {
		t.Errorf("%+v, %v", host, err)
	}
	k := password.Digit
	if err := json.Unmarshal([]byte(`["letter", "any"]`), &k); err == nil || k != password.Digit {
		t.Errorf("%v, %v", k, err)
	}
	if err := json.Unmarshal([]byte(`["upper", "lower"]`), &k); err != nil || k.String() != "upper,lower" {
		t.Errorf("%v, %v", k, err)
	}
}

func TestTooManyProblems(t *testing.T) {
	doc := "{" + strings.Repeat(`"x":1,`, 5000) + `"x":1}`
	_, err := password.Decode([]byte(doc))
	var invalid *password.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 100 || invalid.Problems[99].Code != "too-many-problems" {
		t.Errorf("%d problems", len(invalid.Problems))
	}
}

// What comes from outside is quoted and cut.
func TestGuarantee28ProblemsQuote(t *testing.T) {
	_, err := password.Decode([]byte(`{"\u001b[31m` + strings.Repeat("x", 1000) + `": 1, "require": ["\n` + strings.Repeat("y", 1000) + `"]}`))
	if s := err.Error(); strings.ContainsAny(strings.ReplaceAll(s, "\n\t", ""), "\x1b\n") || len(s) > 1000 {
		t.Errorf("%q", s)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"min_length":8,"require":["digit","letter"],"max_age_days":365,"reuse":5,"max_failures":3,"external_logins":true,"mobile_idle_days":7}`))
	f.Add([]byte("{\"\xff\":1,\"reuse\":1.5,\"reuse\":null}"))
	f.Add([]byte(`{"require":["digit",{}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := password.Decode(doc)
		var read password.Policy
		readErr := read.UnmarshalJSON(doc)
		if err != nil {
			if _ = err.Error(); p != (password.Policy{}) {
				t.Errorf("%+v beside %v", p, err)
			}
			return
		}
		if readErr != nil || read != p || p.Err() != nil {
			t.Errorf("read as %+v, %v and %+v, %v", p, p.Err(), read, readErr)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := password.Decode(b); err != nil || again != p {
			t.Errorf("%s is read as %+v, %v", b, again, err)
		}
	})
}

func FuzzReadList(f *testing.F) {
	f.Add("a\r\n\nb")
	f.Add("\ufeff\xff\x00\r\r\n\ufeff")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := password.ReadList(strings.NewReader(text))
		if err != nil {
			return
		}
		n := 0
		for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
			line = strings.TrimSuffix(line, "\r")
			if line == "" {
				continue
			}
			n++
			if is, err := l.Contains(t.Context(), line); !is || err != nil {
				t.Errorf("%q is not on it, %v", line, err)
			}
		}
		if l.Len() > n {
			t.Errorf("%d of %d lines", l.Len(), n)
		}
	})
}
