package httpgate

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// format is how a body is written.
type format int

const (
	asHTML format = iota
	asJSON
	asText
)

// Bounds of what is read of a header of wishes: so many, with names of so many bytes.
const (
	maxWishes = 32
	maxWish   = 64
)

// offers are the names by which a request asks for a format. Of two that it likes alike, the
// more exact one counts, and then the earlier.
var offers = [...]struct {
	name  string
	as    format
	exact int
}{
	{"text/html", asHTML, 2},
	{"application/xhtml+xml", asHTML, 2},
	{"application/problem+json", asJSON, 2},
	{"application/json", asJSON, 2},
	{"text/plain", asText, 2},
	{"text/*", asHTML, 1},
	{"application/*", asJSON, 1},
	{"*/*", asJSON, 0},
}

// formatOf returns the format that a request likes best. Who takes anything is a program,
// and who wants something else altogether gets plain text.
func formatOf(r *http.Request) format {
	accept := r.Header["Accept"]
	if len(accept) == 0 {
		return asJSON
	}
	best, bestQ := len(offers), 0.0
	for name, q := range wishes(accept) {
		for i, o := range offers {
			if o.name != name || q == 0 {
				continue
			}
			if q > bestQ || q == bestQ && (o.exact > offers[best].exact || o.exact == offers[best].exact && i < best) {
				best, bestQ = i, q
			}
		}
	}
	if best == len(offers) {
		return asText
	}
	return offers[best].as
}

// languageOf returns the language that a request likes best, English if it names none.
func languageOf(r *http.Request) language {
	best, bestQ := english, 0.0
	for name, q := range wishes(r.Header["Accept-Language"]) {
		primary, _, _ := strings.Cut(name, "-")
		for lang, l := range pageLabels {
			if q > bestQ && l.Tag == primary {
				best, bestQ = language(lang), q
			}
		}
	}
	return best
}

// wishes yields what a header of wishes names, in lower case, with its weight (RFC 9110,
// section 12.4.2). What cannot be read weighs nothing.
func wishes(lines []string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		n := 0
		for _, line := range lines {
			for line != "" {
				if n++; n > maxWishes {
					return
				}
				var wish string
				wish, line, _ = strings.Cut(line, ",")
				name, params, _ := strings.Cut(wish, ";")
				q := 1.0
				for params != "" {
					var param string
					param, params, _ = strings.Cut(params, ";")
					key, value, _ := strings.Cut(param, "=")
					if strings.EqualFold(strings.TrimSpace(key), "q") {
						q = weight(strings.TrimSpace(value))
					}
				}
				if name = strings.TrimSpace(name); len(name) <= maxWish && !yield(strings.ToLower(name), q) {
					return
				}
			}
		}
	}
}

func weight(s string) float64 {
	if len(s) > len("0.000") {
		return 0
	}
	q, err := strconv.ParseFloat(s, 64)
	if err != nil || !(0 <= q && q <= 1) {
		return 0
	}
	return q
}
