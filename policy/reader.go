package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reader reads JSON token by token, against what is expected. Unlike
// json.Unmarshal it goes on after a problem, knows the path of each value, and
// lets no key pass that is unknown, repeated or in another case.
type reader struct {
	dec    *json.Decoder
	ps     problems
	unread []string // paths, beside those of ps, of what could not be read whole
}

// next reads the first token of a value. If it is not of the wanted kind, it
// tells so, passes over the whole value and returns nil.
func (r *reader) next(path, want string) json.Token {
	tok, err := r.dec.Token()
	if err != nil {
		r.unread = append(r.unread, path)
		return nil // told by syntax
	}
	var got, input string
	switch t := tok.(type) {
	case json.Delim:
		if got = "a list"; t == '{' {
			got = "an object"
		}
		if got == want {
			return tok
		}
		r.skipRest()
	case string:
		got, input = "a string", t
	case json.Number:
		got, input = "a number", t.String()
	case bool:
		got, input = "true or false", strconv.FormatBool(t)
	case nil:
		r.ps.add(path, "null", "null", fmt.Errorf("null where %s belongs", want))
		return nil
	}
	if got == want {
		return tok
	}
	r.ps.add(path, "wrong-type", input, fmt.Errorf("%s where %s belongs", got, want))
	return nil
}

func (r *reader) string(path string) (string, bool) {
	s, ok := r.next(path, "a string").(string)
	return s, ok
}

func (r *reader) bool(path string) bool {
	b, _ := r.next(path, "true or false").(bool)
	return b
}

// list reads a list and calls each for each element with its path. Like object,
// it stops where no further problem would be told, so that a list of nothing
// but faults costs no more than a list of some.
func (r *reader) list(path string, each func(path string)) {
	if r.next(path, "a list") == nil {
		return
	}
	for i := 0; r.dec.More() && !r.ps.full(); i++ {
		before := r.dec.InputOffset()
		each(path + "[" + strconv.Itoa(i) + "]")
		if r.dec.InputOffset() == before {
			return // no more to be had
		}
	}
	r.dec.Token()
}

// object reads an object and calls fields by key with the path of the value,
// which is prefix and key. Keys that must be there are named in required.
func (r *reader) object(path, prefix string, fields map[string]func(path string), required ...string) {
	if r.next(path, "an object") == nil {
		return
	}
	seen, misspelt := map[string]bool{}, map[string]bool{}
	for r.dec.More() && !r.ps.full() {
		tok, err := r.dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			r.unread = append(r.unread, path)
			return
		}
		at := prefix + printable(key)
		field, known := fields[key]
		switch {
		case seen[key]:
			r.ps.add(at, "repeated-key", key, fmt.Errorf("the key %s stands there twice", quote(key)))
		case known:
			seen[key] = true
			field(at)
			continue
		default:
			seen[key] = true
			if meant := r.unknown(at, key, fields); meant != "" {
				misspelt[meant] = true
				r.unread = append(r.unread, prefix+meant)
			}
		}
		r.skip()
	}
	if _, err := r.dec.Token(); err != nil {
		r.unread = append(r.unread, path) // what is missing may only be cut off
		return
	}
	for _, key := range required {
		if !seen[key] && !misspelt[key] {
			r.ps.add(prefix+key, "missing", "", fmt.Errorf("there is no %s", key))
		}
	}
}

// unknown tells of a key that is none of fields, and returns the one that was
// meant if only the case is wrong.
func (r *reader) unknown(at, key string, fields map[string]func(path string)) (meant string) {
	known := slices.Sorted(maps.Keys(fields))
	for _, k := range known {
		if strings.EqualFold(k, key) {
			r.ps.add(at, "wrong-case", key, fmt.Errorf("the key is %s, not %s", k, quote(key)))
			return k
		}
	}
	r.ps.add(at, "unknown-key", key, fmt.Errorf("there is no key %s here, only %s", quote(key), strings.Join(known, ", ")))
	return ""
}

// skip passes over a value.
func (r *reader) skip() {
	if tok, err := r.dec.Token(); err == nil {
		if d, ok := tok.(json.Delim); ok && (d == '{' || d == '[') {
			r.skipRest()
		}
	}
}

// skipRest passes over the rest of an object or list that has begun.
func (r *reader) skipRest() {
	for depth := 1; depth > 0; {
		tok, err := r.dec.Token()
		if err != nil {
			return
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// printable returns key as it can stand in a path.
func printable(key string) string {
	if key != "" && len(key) <= 32 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return key
	}
	return quote(key)
}
