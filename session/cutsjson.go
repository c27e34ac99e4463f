package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// String returns the JSON of c.
func (c Cuts) String() string {
	b, _ := c.MarshalJSON() // groups hold known clients only, so that it cannot fail
	return string(b)
}

// MarshalJSON returns a list with the clients of each number, lowest number first; []
// if c cuts nothing. Equal Cuts have the same text.
//
//	[{"clients":["web","mobile"],"version":3},{"clients":["imap"],"version":8}]
func (c Cuts) MarshalJSON() ([]byte, error) {
	if c.IsZero() {
		return []byte("[]"), nil
	}
	return json.Marshal(c.groups)
}

// UnmarshalJSON reads what [Cuts.MarshalJSON] writes, and the same in other order; a
// client that stands in several entries counts with its highest number. It refuses null,
// keys that are missing, unknown, repeated or in another case, an empty list of clients,
// and a version that is not an integer from 1 to [MaxNumber]. It reports every problem
// with its place, as in cuts[2].version.
func (c *Cuts) UnmarshalJSON(b []byte) error {
	entries, err := decodeList("cuts", b, maxClients)
	if err != nil {
		return err
	}
	var parsed Cuts
	var problems []error
	for i, e := range entries {
		g, p := decodeGroup(fmt.Sprintf("cuts[%d]", i), e)
		parsed = parsed.Cut(g.Clients, g.Number)
		problems = append(problems, p...)
	}
	if problems != nil {
		return errors.Join(problems...)
	}
	*c = parsed
	return nil
}

// decodeGroup reads an object by its tokens, for encoding/json takes keys in any case and
// lets the last of repeated keys win. b is known to be valid JSON.
func decodeGroup(path string, b []byte) (g group, problems []error) {
	report := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(path+format, args...))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if open, _ := d.Token(); open != json.Delim('{') {
		report(`: %s is not an object; want {"clients":["web"],"version":1}`, quote(string(b)))
		return g, problems
	}
	seen := make(map[string]bool)
	for d.More() {
		token, _ := d.Token()
		key, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			report(": %w", err)
			return g, problems
		}
		switch {
		case seen[key]:
			report(": key %s is there already; remove one", quote(key))
		case key == "clients":
			var p []error
			g.Clients, p = decodeClients(path+".clients", value)
			problems = append(problems, p...)
			if g.Clients == 0 && p == nil {
				report(".clients: no clients; name at least one or remove the entry")
			}
		case key == "version":
			var err error
			g.Number, err = strconv.ParseUint(string(value), 10, 63)
			if err != nil || g.Number == 0 {
				report(".version: %s is not an integer from 1 to %d", quote(string(value)), MaxNumber)
			}
		default:
			report(": key %s is not known; want clients and version", quote(key))
		}
		seen[key] = true
	}
	for _, key := range []string{"clients", "version"} {
		if !seen[key] {
			report(".%s: missing", key)
		}
	}
	return g, problems
}
