package session_test

import (
	"encoding/json"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestClientsSets(t *testing.T) {
	all := slices.Sorted(maps.Keys(clientNames))
	for _, tt := range []struct {
		set  session.Clients
		want []session.Client
		why  string
	}{
		{0, nil, "the zero set is empty"},
		{session.ClientsOf(), nil, "of nothing"},
		{session.ClientsOf(session.Mobile, session.Web, session.Web), []session.Client{1, 3}, "in the order of numbers, once"},
		{session.ClientsOf(0, 10, 31, 63, 64, 65, 96, 255, session.API), []session.Client{9}, "what is unknown is left out, and numbers do not wrap"},
		{session.Apps, []session.Client{2, 3, 4}, "desktop, mobile, drive"},
		{session.Mail, []session.Client{5, 6, 7}, "pop3, imap, smtp"},
		{session.Interactive, []session.Client{1, 2, 3, 4}, "web, desktop, mobile, drive"},
		{session.AllClients, all, "every client"},
		{^session.Clients(0), all, "bits that are no client do not count"},
		{1<<0 | 1<<10 | 1<<31 | 1<<63, nil, "bits that are no client do not count"},
	} {
		if got := slices.Collect(tt.set.All()); !slices.Equal(got, tt.want) {
			t.Errorf("%v: has %v; want %v: %s", tt.set, got, tt.want, tt.why)
		}
		if tt.set.Len() != len(tt.want) {
			t.Errorf("%v: length %d; want %d: %s", tt.set, tt.set.Len(), len(tt.want), tt.why)
		}
		for n := range 256 {
			c := session.Client(n)
			if tt.set.Has(c) != slices.Contains(tt.want, c) {
				t.Errorf("%v: has %v is %v: %s", tt.set, c, tt.set.Has(c), tt.why)
			}
		}
	}
	if n := bits.OnesCount64(uint64(session.AllClients)); n != 40 {
		t.Errorf("AllClients has %d bits; want 9 and 31", n)
	}
}

func TestClientsAllStopsAndStartsAgain(t *testing.T) {
	seq := session.ClientsOf(session.Web, session.API).All()
	for range 2 {
		for c := range seq {
			if c != session.Web {
				t.Errorf("first is %v; want web each time", c)
			}
			break
		}
	}
}

func TestClientsText(t *testing.T) {
	for _, tt := range []struct {
		set             session.Clients
		text, json, why string
	}{
		{0, "", `[]`, "the empty set is written, not left out"},
		{session.ClientsOf(session.Web), "web", `["web"]`, "one"},
		{session.ClientsOf(session.Mobile, session.Web, session.FirstCustom), "web,mobile,custom0", `["web","mobile","custom0"]`, "in the order of numbers"},
	} {
		text, err := tt.set.MarshalText()
		if err != nil || string(text) != tt.text || tt.set.String() != tt.text {
			t.Errorf("%q: text %q, %v, prints %q: %s", tt.text, text, err, tt.set, tt.why)
		}
		js, err := json.Marshal(tt.set)
		if err != nil || string(js) != tt.json {
			t.Errorf("%q: JSON %s, %v; want %s: %s", tt.text, js, err, tt.json, tt.why)
		}
		fromText, fromJSON := session.AllClients, session.AllClients
		if err := fromText.UnmarshalText(text); err != nil || fromText != tt.set {
			t.Errorf("%q: reads as %v, %v: %s", tt.text, fromText, err, tt.why)
		}
		if err := json.Unmarshal(js, &fromJSON); err != nil || fromJSON != tt.set {
			t.Errorf("%s: reads as %v, %v: %s", tt.json, fromJSON, err, tt.why)
		}
	}
}

func TestClientsWords(t *testing.T) {
	const custom = session.AllClients &^ (1<<session.FirstCustom - 1)
	of, all := session.ClientsOf, session.AllClients
	for _, tt := range []struct {
		set  session.Clients
		want string
	}{
		{0, "none"},
		{all, "every client"},
		{all &^ of(session.Mobile), "all but mobile"},
		{all &^ of(session.Mobile, session.API), "all but mobile and api"},
		{all &^ session.Interactive, "all but web, desktop, mobile and drive"},
		{all &^ of(32), "all but custom0"},
		{all &^ of(32, 33, 34, 62), "all but 4 of custom0 to custom30"},
		{of(session.Web), "web"},
		{session.Apps, "desktop, mobile and drive"},
		{all &^ custom, "web, desktop, mobile, drive, pop3, imap, smtp, caldav and api"},
		{custom, "every custom client"},
		{custom | session.Apps, "desktop, mobile, drive and every custom client"},
		{of(session.Web, 32, 33, 34), "web, custom0, custom1 and custom2"},
		{of(session.Web, 32, 33, 34, 35), "web and 4 of custom0 to custom30"},
		{of(session.Web) | 1<<10, "web and client(10)"},
		{all | 1<<10, "web, desktop, mobile, drive, pop3, imap, smtp, caldav, api, client(10) and every custom client"},
	} {
		if got := tt.set.Words(); got != tt.want {
			t.Errorf("%v: %q; want %q", tt.set, got, tt.want)
		}
	}
}

func TestClientsReadsAnyOrder(t *testing.T) {
	want := session.ClientsOf(session.Web, session.Mobile)
	var s session.Clients
	if err := s.UnmarshalText([]byte("mobile,web")); err != nil || s != want {
		t.Errorf("text: %v, %v", s, err)
	}
	s = 0
	if err := json.Unmarshal([]byte(" [ \"mobile\" ,\n\t\"\\u0077eb\" ] "), &s); err != nil || s != want {
		t.Errorf("JSON: %v, %v", s, err)
	}
	s = 0
	if err := s.UnmarshalText([]byte(session.AllClients.String())); err != nil || s != session.AllClients {
		t.Errorf("the longest list: %v, %v", s, err)
	}
}

// Bits that are no client come from arithmetic, as in Clients(c) instead of ClientsOf(c).
func TestClientsWithStrayBitsAreNotWritten(t *testing.T) {
	for _, s := range []session.Clients{1, 1 << 10, 1 << 31, 1 << 63, ^session.Clients(0)} {
		if b, err := s.MarshalText(); err == nil || b != nil {
			t.Errorf("%#x: text %q, %v", uint64(s), b, err)
		}
		if b, err := json.Marshal(s); err == nil {
			t.Errorf("%#x: JSON %s", uint64(s), b)
		}
	}
	s := session.ClientsOf(session.Web) | 1<<10 | 1<<63
	if s.String() != "web,client(10),client(63)" {
		t.Errorf("prints %q; a log must show what is wrong", s)
	}
}

func TestClientsRefuses(t *testing.T) {
	for _, tt := range []struct {
		input    string
		problems []string // how each begins, in order
		why      string
	}{
		{`null`, []string{"clients: "}, "nothing is not the empty set"},
		{`{}`, []string{"clients: "}, "not a list"},
		{`"web"`, []string{"clients: "}, "not a list"},
		{`10`, []string{"clients: "}, "the number of the bits is not for documents"},
		{`["web"`, []string{"clients: "}, "cut off"},
		{`["web"]["api"]`, []string{"clients: "}, "something follows"},
		{``, []string{"clients: "}, "not JSON"},
		{`[null]`, []string{`clients[0]: "null"`}, "nothing is not a client"},
		{`[""]`, []string{`clients[0]: ""`}, "no name is not a client"},
		{`["web",1,true,{},["api"]]`, []string{`clients[1]: "1"`, `clients[2]: "true"`, `clients[3]: "{}"`, `clients[4]: "[\"api\"]"`}, "only names"},
		{`["web","Web","custom31"]`, []string{`clients[1]: "Web"`, `clients[2]: "custom31"`}, "every problem at once"},
		{`["web","api","web","web"]`, []string{"clients[2]: web", "clients[3]: web"}, "repeats show that something went wrong before"},
		{`["unknown","unknown"]`, []string{"clients[0]: ", "clients[1]: "}, "an unknown client is not a repeated one"},
		{`[` + strings.Repeat(`"web",`, 40) + `"web"]`, []string{"clients: 41 entries"}, "there are 40 clients"},
		{`[` + strings.Repeat(" ", 16<<10) + `]`, []string{"clients: 16386 bytes"}, "bounded"},
	} {
		s := session.Mail
		err := s.UnmarshalJSON([]byte(tt.input))
		if s != session.Mail {
			t.Errorf("%.80s: left %v; a failure must leave it as it was", tt.input, s)
		}
		wantProblems(t, tt.input, err, tt.problems, tt.why)
	}
	for _, tt := range []struct {
		input    string
		problems []string
		why      string
	}{
		{"web,", []string{`clients[1]: ""`}, "a comma separates two"},
		{",", []string{`clients[0]: ""`, `clients[1]: ""`}, "a comma separates two"},
		{"web, api", []string{`clients[1]: " api"`}, "commas alone"},
		{"web;api", []string{`clients[0]: "web;api"`}, "commas alone"},
		{"web,api,web", []string{"clients[2]: web"}, "repeats"},
		{"WEB,api,x", []string{`clients[0]: "WEB"`, `clients[2]: "x"`}, "every problem at once"},
		{strings.Repeat("a", 513), []string{"clients: 513 bytes"}, "bounded"},
	} {
		s := session.Mail
		err := s.UnmarshalText([]byte(tt.input))
		if s != session.Mail {
			t.Errorf("%.80s: left %v; a failure must leave it as it was", tt.input, s)
		}
		wantProblems(t, tt.input, err, tt.problems, tt.why)
	}
}

// wantProblems checks that err reports these problems, one each, in order.
func wantProblems(t *testing.T, input string, err error, begin []string, why string) {
	t.Helper()
	if err == nil {
		t.Errorf("%.80q is accepted; %s", input, why)
		return
	}
	problems := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems = joined.Unwrap()
	}
	ok := len(problems) == len(begin)
	for i := range min(len(problems), len(begin)) {
		ok = ok && strings.HasPrefix(problems[i].Error(), begin[i])
	}
	if !ok {
		t.Errorf("%.80q:\n%v\nwant %d problems that begin with %q: %s", input, err, len(begin), begin, why)
	}
}
