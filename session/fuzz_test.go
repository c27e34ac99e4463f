package session_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func FuzzClient(f *testing.F) {
	for _, s := range []string{"", "unknown", "web", "Web", "custom0", "custom30", "custom31", "custom00", "client(10)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := session.ParseClient(s)
		if err != nil {
			if c != session.UnknownClient {
				t.Fatalf("%q: %v beside %v", s, c, err)
			}
			return
		}
		b, err := c.MarshalText()
		if err != nil || string(b) != s || c.String() != s || clientNames[c] != s || !c.Known() {
			t.Fatalf("%q reads as %d, which prints %q, %v", s, c, b, err)
		}
	})
}

func FuzzClients(f *testing.F) {
	for _, s := range []string{"", "web", "web,mobile", "mobile,web", "web,web", ",", session.AllClients.String(), `[]`, `null`, `["web","mobile"]`, `["web",1]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var fromText session.Clients
		if fromText.UnmarshalText([]byte(s)) == nil {
			b, err := fromText.MarshalText()
			if err != nil {
				t.Fatalf("%q reads as %v: %v", s, fromText, err)
			}
			sameNames(t, strings.Split(s, ","), strings.Split(string(b), ","))
		}
		var fromJSON session.Clients
		if fromJSON.UnmarshalJSON([]byte(s)) == nil {
			b, err := fromJSON.MarshalJSON()
			var in, out []string
			if err != nil || json.Unmarshal([]byte(s), &in) != nil || json.Unmarshal(b, &out) != nil {
				t.Fatalf("%q reads as %v: %v", s, fromJSON, err)
			}
			sameNames(t, in, out)
		}
	})
}

func sameNames(t *testing.T, in, out []string) {
	t.Helper()
	slices.Sort(in)
	slices.Sort(out)
	if !slices.Equal(in, out) {
		t.Fatalf("%q became %q", in, out)
	}
}

func FuzzStamp(f *testing.F) {
	for _, tt := range stampTexts {
		f.Add(tt.text)
	}
	for _, s := range []string{"", "1", "2.0.0.0.0.web", "1.0.00.0.0.web", "1.0.0.0.0.web.", "1.0.1y2p0ij32e8e8.0.0.web", "1.0.0.0.0.web.vkr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s session.Stamp
		if s.UnmarshalText([]byte(text)) != nil {
			if s != (session.Stamp{}) {
				t.Fatalf("%q is refused and leaves %+v", text, s)
			}
			return
		}
		b, err := s.MarshalText()
		if err != nil || string(b) != text {
			t.Fatalf("%q reads as %+v, which prints %q, %v", text, s, b, err)
		}
		if !s.Client.Known() || s.Policy.Number > session.MaxNumber || s.Member.Number > session.MaxNumber || len(text) > 58 {
			t.Fatalf("%q reads as %+v", text, s)
		}
	})
}

// FuzzStampFields goes the other way: every stamp that can be written is read the same.
func FuzzStampFields(f *testing.F) {
	f.Add(uint32(0), uint64(0), uint32(0), uint64(0), uint8(0), "", false)
	f.Add(uint32(math.MaxUint32), session.MaxNumber, uint32(1), session.MaxNumber+1, uint8(62), "KR", true)
	f.Fuzz(func(t *testing.T, line uint32, number uint64, memberLine uint32, memberNumber uint64, client uint8, country string, verified bool) {
		s := session.Stamp{
			Policy:   session.Version{Line: line, Number: number},
			Member:   session.Version{Line: memberLine, Number: memberNumber},
			Client:   session.Client(client),
			Verified: verified,
		}
		_ = s.Country.UnmarshalText([]byte(country)) // stays unknown if it is none
		can := s.Client.Known() && number <= session.MaxNumber && memberNumber <= session.MaxNumber
		b, err := s.MarshalText()
		if (err == nil) != can {
			t.Fatalf("%+v: %q, %v", s, b, err)
		}
		var back session.Stamp
		if can && (back.UnmarshalText(b) != nil || back != s) {
			t.Fatalf("%+v: %q reads as %+v", s, b, back)
		}
	})
}

// FuzzCuts reads the input both as a document and as a list of cuts, nine bytes each.
func FuzzCuts(f *testing.F) {
	for _, s := range []string{
		``, `null`, `[]`, `[{}]`, `[{"clients":["web","mobile"],"version":3},{"clients":["api"],"version":8}]`,
		`[{"clients":["web"],"version":3},{"version":5,"clients":["web","custom30"]}]`, `[{"clients":["web"],"version":1.0}]`,
		`[{"clients":["web"],"Version":3,"version":3}]`, `[{"clients":["web"],"version":9223372036854775807}] `,
		"\x02\x00\x00\x00\x00\x00\x00\x00\x03\x0a\x00\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff\xff\xff\xff\xff\x04",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c session.Cuts
		if err := c.UnmarshalJSON(b); err != nil {
			if !c.IsZero() {
				t.Fatalf("%q is refused and leaves %v", b, c)
			}
		} else {
			var entries []struct {
				Clients []string
				Version uint64
			}
			if err := json.Unmarshal(b, &entries); err != nil {
				t.Fatalf("%q reads as %v, but %v", b, c, err)
			}
			m := model{}
			for _, e := range entries {
				for client, name := range clientNames {
					if slices.Contains(e.Clients, name) {
						m[client] = max(m[client], e.Version)
					}
				}
			}
			checkCuts(t, c, m)
		}

		c, m := session.Cuts{}, model{}
		for b = b[:min(len(b), 9*100)]; len(b) >= 9; b = b[9:] {
			var clients session.Clients
			for _, x := range b[:8] {
				clients = clients<<8 | session.Clients(x)
			}
			number := uint64(b[8])
			if number > 250 {
				number <<= 56 // MaxNumber is passed, too
			}
			c = c.Cut(clients, number)
			m.cut(clients, number)
		}
		checkCuts(t, c, m)
	})
}

func checkCuts(t *testing.T, c session.Cuts, m model) {
	t.Helper()
	m.agree(t, c)
	b, err := c.MarshalJSON()
	var back session.Cuts
	if err != nil || back.UnmarshalJSON(b) != nil || !back.Equal(c) || back.String() != string(b) {
		t.Fatalf("%v: %s, %v, reads as %v", c, b, err, back)
	}
}
