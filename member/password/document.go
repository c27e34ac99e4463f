package password

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDocument is the size in bytes of the largest document that Decode reads.
const MaxDocument = 64 << 10

// format is the version of the document. A document that means something else to an older
// program gets a new one.
const format = 1

// Decode reads a policy from a document and checks it. If anything is wrong, with the text
// or with its meaning, the error is an *InvalidError with every problem, and the Policy is
// zero. A document is
//
//	{"format": 1,
//	 "min_length": 8,
//	 "require": ["letter", "digit"],
//	 "max_age_days": 365,
//	 "reuse": 5,
//	 "max_failures": 10,
//	 "external_logins": true,
//	 "mobile_idle_days": 30}
//
// What is left out is zero; format is 1 where it is left out. Keys are exact, in case
// too, and stand there once; null and what is unknown are refused.
func Decode(doc []byte) (Policy, error) {
	p, ps := read(doc)
	for _, m := range p.problems() {
		if !slices.ContainsFunc(ps, func(t Problem) bool { return t.Path == m.Path }) {
			ps = append(ps, m)
		}
	}
	if err := ps.err(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// MarshalJSON writes p as a document. A set of kinds that no document can say is an error.
func (p Policy) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Format         int   `json:"format"`
		MinLength      int   `json:"min_length,omitempty"`
		Require        Kinds `json:"require,omitzero"`
		MaxAgeDays     int   `json:"max_age_days,omitempty"`
		Reuse          int   `json:"reuse,omitempty"`
		MaxFailures    int   `json:"max_failures,omitempty"`
		ExternalLogins bool  `json:"external_logins,omitempty"`
		MobileIdleDays int   `json:"mobile_idle_days,omitempty"`
	}{format, p.MinLength, p.Require, p.MaxAgeDays, p.Reuse, p.MaxFailures, p.ExternalLogins, p.MobileIdleDays})
}

// UnmarshalJSON reads a document as strictly as Decode, but only its text, so that what
// was stored under other bounds can be read; Err tells what is out of bounds. The error
// is an *InvalidError. If it fails, p is unchanged.
func (p *Policy) UnmarshalJSON(b []byte) error {
	found, ps := read(b)
	if err := ps.err(); err != nil {
		return err
	}
	*p = found
	return nil
}

// keys returns what a document can have.
func keys() []string {
	k := []string{"format", "require", "external_logins"}
	for _, n := range numbers {
		k = append(k, n.path)
	}
	slices.Sort(k)
	return k
}

// read reads all of a document that can be read, and tells everything that is wrong with
// its text.
func read(doc []byte) (p Policy, ps problems) {
	if len(doc) > MaxDocument {
		ps.add("document", "too-large", "", fmt.Sprintf("%d bytes", len(doc)))
		return p, ps
	}
	if !utf8.Valid(doc) {
		ps.add("document", "not-utf8", "", "it is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(doc, &whole); err != nil {
		ps.add("document", "syntax", "", syntax(err))
		return p, ps
	}
	if whole = bytes.TrimLeft(whole, " \t\r\n"); whole[0] != '{' {
		ps.wrongType("document", whole, "an object")
		return p, ps
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.Token() // {
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		key, ok := tok.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			ps.add("document", "syntax", "", "it cannot be read to its end") // which Unmarshal could
			break
		}
		if seen[key] {
			ps.add(printable(key), "repeated-key", key, "the key "+quote(key)+" stands there twice")
			continue
		}
		seen[key] = true
		p.field(key, value, &ps)
	}
	return p, ps
}

// field reads the value of one key.
func (p *Policy) field(key string, value json.RawMessage, ps *problems) {
	if i := slices.IndexFunc(numbers[:], func(n number) bool { return n.path == key }); i >= 0 {
		if v, ok := readInt(key, value, ps); ok {
			*numbers[i].in(p) = v
		}
		return
	}
	switch key {
	case "format":
		switch v, ok := readInt(key, value, ps); {
		case ok && v > format:
			ps.add(key, "newer-format", string(value), fmt.Sprintf("format %d is newer than this program, which reads %d", v, format))
		case ok && v != format:
			ps.add(key, "unknown-format", string(value), fmt.Sprintf("there is no format %d", v))
		}
	case "require":
		p.Require = readKinds(key, value, ps)
	case "external_logins":
		switch string(value) {
		case "true", "false":
			p.ExternalLogins = string(value) == "true"
		default:
			ps.wrongType(key, value, "true or false")
		}
	default:
		for _, k := range keys() {
			if strings.EqualFold(k, key) {
				ps.add(printable(key), "wrong-case", key, "the key is "+k+", not "+quote(key))
				return
			}
		}
		ps.add(printable(key), "unknown-key", key, "there is no key "+quote(key)+", only "+strings.Join(keys(), ", "))
	}
}

// readInt reads a whole number. One that fits no int is told as out of bounds are.
func readInt(path string, value json.RawMessage, ps *problems) (int, bool) {
	v, err := strconv.Atoi(string(value))
	if err == nil {
		return v, true
	}
	if c := value[0]; c == '-' || '0' <= c && c <= '9' {
		ps.add(path, "wrong-type", string(value), quote(string(value))+" where a whole number belongs")
		return 0, false
	}
	ps.wrongType(path, value, "a whole number")
	return 0, false
}

// readKinds reads a list of names of kinds, each once.
func readKinds(path string, value json.RawMessage, ps *problems) (k Kinds) {
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil || list == nil {
		ps.wrongType(path, value, "a list")
		return 0
	}
	for i, raw := range list {
		at := path + "[" + strconv.Itoa(i) + "]"
		var name string
		if raw[0] != '"' || json.Unmarshal(raw, &name) != nil {
			ps.wrongType(at, raw, "a string")
			continue
		}
		kind := kindOf(name)
		switch {
		case kind == 0:
			ps.add(at, "unknown-kind", name, quote(name)+" is no kind of characters")
		case k&kind != 0:
			ps.add(at, "repeated-kind", name, name+" stands in the list already")
		}
		k |= kind
	}
	return k
}

// wrongType tells that value is not what belongs there.
func (ps *problems) wrongType(path string, value json.RawMessage, want string) {
	got := "a number"
	switch {
	case len(value) == 0:
		got = "nothing"
	case value[0] == 'n':
		ps.add(path, "null", "null", "null where "+want+" belongs")
		return
	case value[0] == '{':
		got = "an object"
	case value[0] == '[':
		got = "a list"
	case value[0] == '"':
		got = "a string"
	case value[0] == 't' || value[0] == 'f':
		got = "true or false"
	}
	ps.add(path, "wrong-type", string(value), got+" where "+want+" belongs")
}

// syntax says what keeps a document from being read.
func syntax(err error) string {
	var at *json.SyntaxError
	if errors.As(err, &at) && at.Offset > 0 {
		return fmt.Sprintf("not JSON at byte %d: %s", at.Offset, at)
	}
	return "not JSON: " + err.Error()
}

// printable returns key as it can stand in a path.
func printable(key string) string {
	if key != "" && len(key) <= 32 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return key
	}
	return quote(key)
}
