package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
)

// MaxDocument is the size in bytes of the largest document that Decode reads.
const MaxDocument = 4 << 20

// format is the version of the document. A document that means something else
// to an older program gets a new one.
const format = 1

// MarshalJSON writes s as a document that UnmarshalJSON reads, and Decode too,
// unless thousands of long labels make it larger than MaxDocument.
// Settings that no document can say (a zero Range, an unknown Access, a label
// that is not UTF-8) are an error.
func (s Settings) MarshalJSON() ([]byte, error) {
	doc := struct {
		Format     int         `json:"format"`
		Access     Access      `json:"access"`
		Designated []Entry     `json:"designated,omitempty"`
		Outside    Effect      `json:"outside,omitzero"`
		Exceptions []Exception `json:"exceptions,omitempty"`
		Overseas   Overseas    `json:"overseas,omitzero"`
	}{Format: format, Access: s.Access, Outside: s.Outside, Overseas: s.Overseas}
	for i, e := range s.Designated {
		if !utf8.ValidString(e.Label) { // encoding/json would write another text
			return nil, fmt.Errorf("policy: designated[%d].label: %s is not UTF-8", i, quote(e.Label))
		}
		e.Until = e.Until.UTC()
		doc.Designated = append(doc.Designated, e)
	}
	for i, x := range s.Exceptions {
		if id := string(x.Member); !utf8.ValidString(id) {
			return nil, fmt.Errorf("policy: exceptions[%d].member: %s is not UTF-8", i, quote(id))
		}
		if !utf8.ValidString(x.Note) {
			return nil, fmt.Errorf("policy: exceptions[%d].note: %s is not UTF-8", i, quote(x.Note))
		}
		x.Until = x.Until.UTC()
		doc.Exceptions = append(doc.Exceptions, x)
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads a document as strictly as Decode, but only its text:
// whether the settings make sense is for Compile and CompileStored. The error
// is an *InvalidError. If it fails, s is unchanged.
func (s *Settings) UnmarshalJSON(b []byte) error {
	read, r := readDocument(b)
	if err := r.ps.err(); err != nil {
		return err
	}
	*s = read
	return nil
}

// Decode reads a document strictly and compiles it under p. loc may be nil if
// the document does not block overseas logins. If anything is wrong, with the
// text or with its meaning, the error is an *InvalidError with every problem,
// and nothing else is returned. The largest document has MaxDocument bytes.
func Decode(doc []byte, p *Profile, loc geo.Locator) (Settings, *Policy, error) {
	if len(doc) > MaxDocument {
		var ps problems
		ps.add("document", "too-large", "", fmt.Errorf("%d bytes", len(doc)))
		return Settings{}, nil, ps.err()
	}
	s, r := readDocument(doc)
	ps, unread := r.ps, r.unread
	for _, p := range ps {
		unread = append(unread, p.Path)
	}
	for _, m := range check(s, p, loc) {
		if !within(m.Path, unread) { // what could not be read has no meaning to complain of
			ps.add(m.Path, m.Code, m.Input, m.Err)
		}
	}
	if err := ps.err(); err != nil {
		return Settings{}, nil, err
	}
	return s, compile(s, p, loc), nil
}

// within reports whether path is, or is part of, one of paths.
func within(path string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		rest, ok := strings.CutPrefix(path, p)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// readDocument reads all of a document that can be read, and tells everything
// that is wrong with its text.
func readDocument(doc []byte) (s Settings, r *reader) {
	doc, marked := bytes.CutPrefix(doc, []byte("\ufeff"))
	r = &reader{dec: json.NewDecoder(bytes.NewReader(doc))}
	r.dec.UseNumber()
	if marked {
		r.ps.add("document", "syntax", "", errors.New("it begins with a byte order mark"))
	}
	r.syntax(doc)

	r.object("document", "", map[string]func(path string){
		"format": r.format,
		"access": func(path string) { r.text(path, "unknown-access", &s.Access) },
		"designated": func(path string) {
			r.list(path, func(path string) { s.Designated = append(s.Designated, r.entry(path)) })
		},
		"outside": func(path string) { r.text(path, "unknown-outside", &s.Outside) },
		"exceptions": func(path string) {
			r.list(path, func(path string) { s.Exceptions = append(s.Exceptions, r.exception(path)) })
		},
		"overseas": func(path string) {
			r.object(path, path+".", map[string]func(path string){
				"block": func(path string) { s.Overseas.Block = r.bool(path) },
				"exempt": func(path string) {
					r.list(path, func(path string) { r.country(path, &s.Overseas.Exempt) })
				},
			})
		},
	}, "access")
	return s, r
}

func (r *reader) entry(path string) (e Entry) {
	r.object(path, path+".", map[string]func(path string){
		"range": func(path string) { e.Range = r.addresses(path) },
		"label": func(path string) { e.Label, _ = r.string(path) },
		"until": func(path string) { e.Until = r.time(path) },
	}, "range")
	return e
}

func (r *reader) exception(path string) (x Exception) {
	r.object(path, path+".", map[string]func(path string){
		"member": func(path string) {
			id, _ := r.string(path)
			x.Member = member.ID(id)
		},
		"ranges": func(path string) {
			x.Ranges = []ipset.Range{}
			r.list(path, func(path string) { x.Ranges = append(x.Ranges, r.addresses(path)) })
		},
		"until": func(path string) { x.Until = r.time(path) },
		"note":  func(path string) { x.Note, _ = r.string(path) },
	}, "member")
	return x
}

func (r *reader) format(path string) {
	n, ok := r.next(path, "a number").(json.Number)
	if !ok {
		return
	}
	switch v, err := strconv.Atoi(n.String()); {
	case err == nil && v > format:
		r.ps.add(path, "newer-format", n.String(), fmt.Errorf("format %d is newer than this program, which reads %d", v, format))
	case err != nil || v != format:
		r.ps.add(path, "unknown-format", n.String(), fmt.Errorf("there is no format %s", quote(n.String())))
	}
}

// text reads a string into what has a text form.
func (r *reader) text(path, code string, into interface{ UnmarshalText([]byte) error }) {
	if text, ok := r.string(path); ok {
		if err := into.UnmarshalText([]byte(text)); err != nil {
			r.ps.add(path, code, text, fmt.Errorf("%s is not known here", quote(text)))
		}
	}
}

func (r *reader) addresses(path string) (a ipset.Range) {
	if text, ok := r.string(path); ok {
		if err := a.UnmarshalText([]byte(text)); err != nil {
			r.ps.add(path, "bad-range", text, err)
		}
	}
	return a
}

func (r *reader) country(path string, into *geo.Countries) {
	text, ok := r.string(path)
	if !ok {
		return
	}
	switch c, err := geo.ParseCountry(text); {
	case err != nil:
		r.ps.add(path, "unknown-country", text, err)
	case into.Has(c):
		r.ps.add(path, "repeated-country", text, fmt.Errorf("%v stands in the list already", c))
	default:
		*into = into.With(c)
	}
}

func (r *reader) time(path string) time.Time {
	text, ok := r.string(path)
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(text)
	if !ok || t.IsZero() { // the zero Time would mean: no end
		r.ps.add(path, "bad-time", text, fmt.Errorf("%s is no time", quote(text)))
		return time.Time{}
	}
	t = t.UTC()
	if _, err := t.MarshalText(); err != nil { // an offset led out of the years that a document can say
		r.ps.add(path, "bad-end", text, fmt.Errorf("an end in the year %d", t.Year()))
		return time.Time{}
	}
	return t
}

// parseTime reads a time as in RFC 3339. Package time also takes what other
// readers do not: hours of one digit, a comma for the point, offsets of a day
// (https://go.dev/issue/54580).
func parseTime(text string) (t time.Time, ok bool) {
	if err := t.UnmarshalText([]byte(text)); err != nil || text[13] != ':' || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	offset := text[len(text)-5:]
	return t, strings.HasSuffix(text, "Z") || offset[:2] <= "23" && offset[3:] <= "59"
}

// syntax tells what keeps a document from being read to its end.
func (r *reader) syntax(doc []byte) {
	if !utf8.Valid(doc) {
		n := 0
		for rest := doc; ; {
			c, size := utf8.DecodeRune(rest)
			if c == utf8.RuneError && size <= 1 {
				break
			}
			n, rest = n+size, rest[size:]
		}
		r.ps.add("document", "not-utf8", "", fmt.Errorf("%s is not UTF-8", position(doc, n)))
	}
	first := json.NewDecoder(bytes.NewReader(doc))
	var value json.RawMessage
	var bad *json.SyntaxError
	switch err := first.Decode(&value); {
	case err == nil:
		end := int(first.InputOffset())
		if rest := bytes.TrimLeft(doc[end:], " \t\r\n"); len(rest) > 0 {
			r.ps.add("document", "trailing-data", string(rest[:min(len(rest), 64)]), fmt.Errorf("something follows it at %s", position(doc, len(doc)-len(rest))))
		}
	case errors.As(err, &bad):
		r.ps.add("document", "syntax", "", fmt.Errorf("not JSON at %s: %s", position(doc, int(bad.Offset)-1), bad))
	default: // io.EOF, io.ErrUnexpectedEOF
		r.ps.add("document", "syntax", "", errors.New("it ends before it is complete"))
	}
}

// position tells a byte of a document as an editor does.
func position(doc []byte, offset int) string {
	before := doc[:max(0, min(offset, len(doc)))]
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
}
