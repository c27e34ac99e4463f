package session_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/session"
)

func TestCutsJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range few(2000) {
		c := cutsOf(randomSteps(r))
		b, err := json.Marshal(c)
		if err != nil || string(b) != c.String() {
			t.Fatalf("%v: %s, %v", c, b, err)
		}
		back := session.Cuts{}.Cut(session.AllClients, 99) // decoding replaces, it does not add
		if err := json.Unmarshal(b, &back); err != nil || !back.Equal(c) {
			t.Fatalf("%s reads as %v, %v", b, back, err)
		}
	}
}

func TestCutsJSONLongest(t *testing.T) {
	var c session.Cuts
	for client := range clientNames {
		c = c.Cut(session.ClientsOf(client), session.MaxNumber-uint64(client))
	}
	b, err := json.MarshalIndent(c, "\t\t\t\t", "    ")
	if err != nil {
		t.Fatal(err)
	}
	var back session.Cuts
	if err := json.Unmarshal(b, &back); err != nil || !back.Equal(c) {
		t.Errorf("%d bytes read as %v, %v; a cut for each client, indented, must not be too long", len(b), back, err)
	}
}

func TestCutsJSONOmitZero(t *testing.T) {
	type record struct {
		Cuts session.Cuts `json:"cuts,omitzero"`
	}
	b, err := json.Marshal([]record{{}, {session.Cuts{}.Cut(web, 3)}})
	if want := `[{},{"cuts":[{"clients":["web"],"version":3}]}]`; err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
}

// encoding/json leaves most types alone at a null. A null here is a cut that was lost.
func TestNullIsRefusedInsideDocuments(t *testing.T) {
	var record struct {
		Cuts    session.Cuts
		Blocked session.Clients
	}
	for _, doc := range []string{`{"Cuts":null}`, `{"Blocked":null}`} {
		if err := json.Unmarshal([]byte(doc), &record); err == nil {
			t.Errorf("%s is accepted", doc)
		}
	}
}

func TestCutsJSONReads(t *testing.T) {
	for _, tt := range []struct{ input, want, why string }{
		{` [ ] `, `[]`, "nothing"},
		{" [ {\n\"version\" : 3 ,\t\"clients\" : [ \"web\" ] } ] ", `[{"clients":["web"],"version":3}]`, "blanks and order of keys say nothing"},
		{`[{"\u0063lients":["\u0077eb"],"version":3}]`, `[{"clients":["web"],"version":3}]`, "an escape is the character"},
		{`[{"clients":["web"],"version":5},{"clients":["mobile"],"version":3}]`, `[{"clients":["mobile"],"version":3},{"clients":["web"],"version":5}]`, "order says nothing"},
		{`[{"clients":["web"],"version":5},{"clients":["web","mobile"],"version":3}]`, `[{"clients":["mobile"],"version":3},{"clients":["web"],"version":5}]`, "a client counts with its highest number"},
		{`[{"clients":["web"],"version":3},{"clients":["mobile"],"version":3}]`, `[{"clients":["web","mobile"],"version":3}]`, "entries of one number are joined"},
		{`[{"clients":["web"],"version":9223372036854775807}]`, `[{"clients":["web"],"version":9223372036854775807}]`, "the last number, digit for digit"},
	} {
		var c session.Cuts
		if err := json.Unmarshal([]byte(tt.input), &c); err != nil || c.String() != tt.want {
			t.Errorf("%s reads as %v, %v; want %s: %s", tt.input, c, err, tt.want, tt.why)
		}
	}
}

func TestCutsJSONRefuses(t *testing.T) {
	good := `{"clients":["web"],"version":3}`
	for _, tt := range []struct {
		input    string
		problems []string // how each begins, in order
		why      string
	}{
		{``, []string{"cuts: "}, "not JSON"},
		{`null`, []string{"cuts: "}, "missing is not empty"},
		{`{}`, []string{"cuts: "}, "not a list"},
		{good, []string{"cuts: "}, "not a list"},
		{`[` + good, []string{"cuts: "}, "cut off"},
		{`[` + good + `]]`, []string{"cuts: "}, "something follows"},
		{`[` + good + `] []`, []string{"cuts: "}, "something follows"},
		{`[` + good + `,null,[],3,"web",true]`, []string{"cuts[1]: ", "cuts[2]: ", "cuts[3]: ", "cuts[4]: ", "cuts[5]: "}, "not objects"},
		{`[{}]`, []string{"cuts[0].clients: missing", "cuts[0].version: missing"}, "a cut of whom, and where"},
		{`[{"clients":["web"]}]`, []string{"cuts[0].version: missing"}, "a cut where"},
		{`[{"version":3}]`, []string{"cuts[0].clients: missing"}, "a cut of whom"},
		{`[{"clients":[],"version":3}]`, []string{"cuts[0].clients: no clients"}, "a cut of nobody"},
		{`[{"clients":null,"version":3}]`, []string{"cuts[0].clients: "}, "a cut of nobody"},
		{`[{"clients":"web","version":3}]`, []string{"cuts[0].clients: "}, "not a list"},
		{`[{"clients":["web","Web","web",null],"version":3}]`, []string{"cuts[0].clients[1]: ", "cuts[0].clients[2]: ", "cuts[0].clients[3]: "}, "as strict as a set alone"},
		{`[{"clients":["unknown"],"version":3}]`, []string{"cuts[0].clients[0]: "}, "one problem, told once"},
		{`[{"Clients":["web"],"version":3}]`, []string{`cuts[0]: key "Clients"`, "cuts[0].clients: missing"}, "case"},
		{`[{"clients":["web"],"VERSION":3,"version":4}]`, []string{`cuts[0]: key "VERSION"`}, "case"},
		{`[{"clients":["web"],"version":3,"until":5}]`, []string{`cuts[0]: key "until"`}, "what is not understood may matter"},
		{`[{"clients":["web"],"version":5,"version":3}]`, []string{`cuts[0]: key "version" is there already`}, "which one"},
		{`[{"clients":["web"],"clients":["api"],"version":3}]`, []string{`cuts[0]: key "clients" is there already`}, "which one"},
		{`[{"clients":["web"],"version":0}]`, []string{`cuts[0].version: "0"`}, "a cut of nothing"},
		{`[{"clients":["web"],"version":-1}]`, []string{`cuts[0].version: "-1"`}, "negative"},
		{`[{"clients":["web"],"version":1.0}]`, []string{`cuts[0].version: "1.0"`}, "a number has one spelling"},
		{`[{"clients":["web"],"version":1e3}]`, []string{`cuts[0].version: "1e3"`}, "a number has one spelling"},
		{`[{"clients":["web"],"version":"3"}]`, []string{`cuts[0].version: "\"3\""`}, "not a number"},
		{`[{"clients":["web"],"version":null}]`, []string{`cuts[0].version: "null"`}, "not a number"},
		{`[{"clients":["web"],"version":9223372036854775808}]`, []string{`cuts[0].version: "9223372036854775808"`}, "above MaxNumber"},
		{`[{"clients":["web"],"version":18446744073709551619}]`, []string{`cuts[0].version: "18446744073709551619"`}, "must not wrap to 3"},
		{`[{"clients":["x"],"version":0},` + good + `,{"clients":["y"]}]`, []string{"cuts[0].clients[0]: ", "cuts[0].version: ", "cuts[2].clients[0]: ", "cuts[2].version: missing"}, "every problem at once"},
		{`[` + strings.Repeat(good+",", 40) + good + `]`, []string{"cuts: 41 entries"}, "there are 40 clients"},
		{`[` + strings.Repeat(" ", 16<<10) + `]`, []string{"cuts: 16386 bytes"}, "bounded"},
	} {
		kept := session.Cuts{}.Cut(session.Mail, 7)
		err := kept.UnmarshalJSON([]byte(tt.input))
		if !kept.Equal(session.Cuts{}.Cut(session.Mail, 7)) {
			t.Errorf("%.80s: left %v; a failure must leave it as it was", tt.input, kept)
		}
		wantProblems(t, tt.input, err, tt.problems, tt.why)
	}
}

// Refusals end in logs. What came from outside is quoted there and does not flood them.
func TestGuarantee28ErrorsQuoteAndCut(t *testing.T) {
	hostile := "x\n\x1b[31m\u202e%d%s" + strings.Repeat("A", 400)
	quoted, _ := json.Marshal(hostile)
	var (
		client  session.Client
		clients session.Clients
		stamp   session.Stamp
		cuts    session.Cuts
	)
	for name, err := range map[string]error{
		"client":       client.UnmarshalText([]byte(hostile)),
		"clients":      clients.UnmarshalText([]byte("web," + hostile)),
		"clients JSON": clients.UnmarshalJSON([]byte(`[` + string(quoted) + `]`)),
		"clients word": clients.UnmarshalJSON([]byte(hostile)),
		"stamp":        stamp.UnmarshalText([]byte("1.0.0.0.0." + hostile[:100])),
		"stamp format": stamp.UnmarshalText([]byte(hostile[:100])),
		"stamp number": stamp.UnmarshalText([]byte("1.0." + hostile[:100] + ".0.0.web")),
		"stamp land":   stamp.UnmarshalText([]byte("1.0.0.0.0.web.v" + hostile[:100])),
		"stamp length": stamp.UnmarshalText([]byte(hostile)),
		"cuts":         cuts.UnmarshalJSON([]byte(hostile)),
		"cuts entry":   cuts.UnmarshalJSON([]byte(`[` + string(quoted) + `]`)),
		"cuts key":     cuts.UnmarshalJSON([]byte(`[{` + string(quoted) + `:1,"clients":["web"],"version":1}]`)),
		"cuts version": cuts.UnmarshalJSON([]byte(`[{"clients":["web"],"version":` + string(quoted) + `}]`)),
		"cuts clients": cuts.UnmarshalJSON([]byte(`[{"clients":[` + string(quoted) + `],"version":1}]`)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		message := err.Error()
		if strings.ContainsAny(message, "\n\x1b\u202e") || strings.Contains(message, "MISSING") || len(message) > 500 {
			t.Errorf("%s: %d bytes, %q", name, len(message), message)
		}
	}
}
