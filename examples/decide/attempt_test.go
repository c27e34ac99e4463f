package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func TestParseAttempt(t *testing.T) {
	a, err := parseAttempt([]byte(` { "address" : "2606:4700::1" , "client":"mobile", "plan":"lite",
		"member":{"id":"ki\u006d \"}\\","status":"on-leave","super":true,"blocked":["web","imap"],"must_change_password":true},
		"verified":true, "request":true, "time":"2026-11-21T18:00:00+09:00" } `))
	if err != nil {
		t.Fatal(err)
	}
	m := member.Member{ID: `kim "}\`, Status: member.OnLeave, Super: true, Blocked: session.ClientsOf(session.Web, session.IMAP), MustChangePassword: true}
	if !reflect.DeepEqual(a.Member, &m) {
		t.Errorf("member %+v, want %+v", a.Member, m)
	}
	if !a.At.Equal(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("at %v", a.At)
	}
	a.Member, a.At = nil, time.Time{}
	if want := (policy.Attempt{Addr: netip.MustParseAddr("2606:4700::1"), Client: session.Mobile, Plan: "lite", Verified: true, Request: true}); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}

	if a, err := parseAttempt([]byte("{}")); err != nil || a != (policy.Attempt{}) {
		t.Errorf("{}: %+v, %v; what is left out must be zero", a, err)
	}
}

func TestParseAttemptRefuses(t *testing.T) {
	long := strings.Repeat("8", 10_000)
	for _, tt := range []struct{ line, says, why string }{
		{`null`, "object", "json.Unmarshal takes it for nothing said"},
		{`[]`, "a list where an object belongs", "not an object"},
		{`7`, "a number where an object belongs", "not an object"},
		{`"web"`, "a string where an object belongs", "not an object"},
		{`{`, "not JSON", "cut off"},
		{`{"client":"web"`, "not JSON", "cut off"},
		{`{"client":"web"}}`, "not JSON at byte 17", "something behind it"},
		{`{"client":"web"} {}`, "not JSON at byte 18", "two attempts on a line"},
		{`{"client":"web",}`, "not JSON", "a comma too many"},
		{`{client:"web"}`, "not JSON", "keys are strings"},
		{"{\"client\":\"web\"}\x00", "not JSON", "a byte too many"},
		{"{\"plan\":\"\xff\"}", "UTF-8", "json.Unmarshal replaces it, and two ids become one"},
		{`{"adress":"8.8.8.8"}`, `no key "adress"`, "misspelt"},
		{`{"Client":"web"}`, `no key "Client"`, "json.Unmarshal takes any case"},
		{`{"\u0063lient":"web"}`, "no key", "a key in disguise"},
		{`{"id":"kim"}`, `no key "id"`, "a member's key outside the member"},
		{`{"member":{"id":"kim","client":"web"}}`, `no key "client"`, "an attempt's key inside the member"},
		{`{"member":{"id":"kim","status":"suspended","Status":"active"}}`, `no key "Status"`, "json.Unmarshal lets the last one win"},
		{`{"x":{"y":{"z":{}}}}`, `no key "x"`, "the outermost is told"},
		{`{"client":"web","client":"imap"}`, "client stands there twice", "json.Unmarshal lets the last one win"},
		{`{"member":{"id":"kim","status":"suspended","status":"active"}}`, "status stands there twice", "within the member, too"},
		{`{"member":{"id":"kim","status":"suspended"},"member":{"id":"kim"}}`, "member stands there twice", "json.Unmarshal merges the two"},
		{`{"member":null}`, "member: null", "not the same as a member who is not known"},
		{`{"member":{"id":"kim","super" : null}}`, "super: null", "neither true nor false"},
		{`{"member":{}}`, "member.id", "a member without an id is none"},
		{`{"member":{"id":""}}`, "member.id", "an empty id names nobody"},
		{`{"member":"kim"}`, "member: a string where an object belongs", "of another type"},
		{`{"member":{"id":7}}`, "member.id: a number where a string belongs", "of another type"},
		{`{"member":{"id":"kim","super":"false"}}`, "member.super: a string where true or false belongs", "a string is not false"},
		{`{"verified":1}`, "verified: a number where true or false belongs", "nor is a number"},
		{`{"client":7}`, "client: a number where a string belongs", "numbers are not names"},
		{`{"client":"unknown"}`, "not a client", "to say nothing, leave it out"},
		{`{"client":"Web"}`, "not a client", "names are exact"},
		{`{"client":""}`, "not a client", "an empty one is no name"},
		{`{"member":{"id":"kim","status":"enabled"}}`, "not a status", "there is no such status"},
		{`{"member":{"id":"kim","blocked":"web"}}`, "not a JSON list", "a list is one, also of one thing"},
		{`{"member":{"id":"kim","blocked":["web","web"]}}`, "there already", "repeated"},
		{`{"member":{"id":"kim","blocked":[null]}}`, "not a client", "null in a list"},
		{`{"member":{"id":"kim","blocked":[{"a":{"b":{}}}]}}`, "not a client", "an object in a list"},
		{`{"address":""}`, "no IP address", "netip takes it for none; whoever has none leaves it out"},
		{`{"address":"8.8.8.8:443"}`, "no IP address", "a port is no part of it"},
		{`{"address":"8.8.8.0/24"}`, "no IP address", "nor is a prefix length"},
		{`{"address":"` + long + `"}`, `8"…`, "what is long is cut"},
		{`{"address":{}}`, "address: an object where a string belongs", "of another type"},
		{`{"time":"yesterday"}`, "no time", "not a time"},
		{`{"time":""}`, "no time", "whoever means now leaves it out"},
		{`{"time":"0001-01-01T00:00:00Z"}`, "no time", "the zero time would mean now"},
		{`{"time":1795251600}`, "time: a number where a string belongs", "of another type"},
		{`{"plan":true}`, "plan: true or false where a string belongs", "of another type"},
	} {
		_, err := parseAttempt([]byte(tt.line))
		if err == nil {
			t.Errorf("%.100s: taken, but must be refused: %s", tt.line, tt.why)
			continue
		}
		if message := err.Error(); !strings.Contains(message, tt.says) || len(message) > 400 {
			t.Errorf("%.100s: %.500s; want %q: %s", tt.line, message, tt.says, tt.why)
		}
	}
}

// keysOf walks a line by its tokens: the slow version of checkKeys.
func keysOf(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("begins with %v, %v", open, err)
	}
	return objectKeys(d, 0)
}

func objectKeys(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		key, ok := token.(string)
		if err != nil || !ok || seen[key] || !slices.Contains(keys[depth], key) {
			return fmt.Errorf("key %v, %v", token, err)
		}
		seen[key] = true
		if key == "member" {
			if open, err := d.Token(); err != nil || open != json.Delim('{') {
				return fmt.Errorf("member begins with %v, %v", open, err)
			}
			if err := objectKeys(d, depth+1); err != nil {
				return err
			}
			continue
		}
		var value any
		if err := d.Decode(&value); err != nil || value == nil {
			return fmt.Errorf("%s is %v, %v", key, value, err)
		}
	}
	_, err := d.Token()
	return err
}

// FuzzLine gives the program any line. It must not panic, must take a line only
// if a slower reader does too, and must let nobody in who is not known.
func FuzzLine(f *testing.F) {
	for _, path := range []string{"testdata/attempts.jsonl", "testdata/bad.jsonl"} {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			f.Add(bytes.TrimSpace(line))
		}
	}
	db, err := geo.Open(countryFile)
	if err != nil {
		f.Fatal(err)
	}
	var policies []*policy.Policy
	for _, p := range profiles {
		for _, doc := range []string{`{"access":"all"}`, `{"access":"designated","designated":[{"range":"8.8.8.0/24"}],"outside":"verify"}`, `{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`} {
			if _, compiled, err := policy.Decode([]byte(doc), p.make(), db); err == nil {
				policies = append(policies, compiled)
			}
		}
	}
	if len(policies) < 10 {
		f.Fatalf("only %d policies", len(policies))
	}

	f.Fuzz(func(t *testing.T, line []byte) {
		j := judge{policy: policies[0], console: newConsole(io.Discard, io.Discard), tally: tally{}}
		j.out = bufio.NewWriter(io.Discard)
		if err := j.all(bytes.NewReader(line)); err != nil {
			t.Fatal(err)
		}
		a, err := parseAttempt(line)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b\r") {
				t.Fatalf("%q is not safe to print", err)
			}
			return
		}
		if err := keysOf(line); err != nil {
			t.Fatalf("%q is taken, but %v", line, err)
		}
		known := a.Member != nil && a.Member.ID != "" && a.Member.Status.Known() && a.Client.Known() && ipset.Canonical(a.Addr).IsValid()
		for _, p := range policies {
			if d := p.Evaluate(a); d.Allowed() && !known {
				t.Fatalf("%q: %v", line, d)
			}
		}
	})
}
