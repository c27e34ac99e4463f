package httpgate

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Refusal is what is answered to a request that is not let through.
type Refusal struct {
	Tenant   session.TenantID // "": not known, for there is no session
	Decision policy.Decision
	Addr     netip.Addr // that was seen; zero: none
	Help     Help

	// ID is in the header X-Request-Id, and nowhere else in the answer.
	ID string
}

// Help is what a host adds to a refusal, for the person who reads it. It should depend on
// the tenant and the decision alone.
type Help struct {
	Contact string // whom to ask, in the tenant's own words: one line, cut at 300 characters
	Next    string // URL at which to go on: the login page, or that of the verification
	ACR     string // acr_values of the challenge to verify (RFC 9470); "": identity-verified
}

// Bounds of what a host adds, in characters.
const (
	maxContact = 300
	maxNext    = 2000
)

// retryAfter is the seconds after which to try again what could not be decided.
const retryAfter = "5"

//go:embed refusal.html
var refusalHTML string

var refusalPage = template.Must(template.New("refusal").Parse(refusalHTML))

// problem is the body of a refusal: problem details of RFC 9457, and what pages and text
// are made of.
type problem struct {
	Type    string        `json:"type"`
	Title   string        `json:"title"`
	Status  int           `json:"status"`
	Detail  string        `json:"detail"`
	Effect  policy.Effect `json:"effect"`
	Reason  policy.Reason `json:"reason"`
	Address string        `json:"address,omitempty"`
	Contact string        `json:"contact,omitempty"`
	Next    string        `json:"next,omitempty"`

	Labels labels `json:"-"`
}

// Respond answers a refused request: see "What a refusal looks like" in the package comment.
// Its status is that of Status, and 403 for a decision that refuses nothing. Headers that
// were set before stay, but for those that describe a body; a challenge that was set before
// is replaced.
func Respond(w http.ResponseWriter, r *http.Request, f Refusal) {
	if f.Decision.Allowed() || f.Decision.Effect > policy.Allow {
		f.Decision.Effect = policy.Deny
	}
	if _, err := f.Decision.Reason.MarshalText(); err != nil {
		f.Decision.Reason = policy.ReasonNoPolicy
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	status := Status(f.Decision)
	lang := languageOf(r)
	body, kind := f.body(status, lang, formatOf(r))
	h.Set("Content-Type", kind)
	h.Set("Content-Language", pageLabels[lang].Tag)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept, Accept-Language")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	}
	if f.ID != "" {
		h.Set("X-Request-Id", f.ID)
	}
	h.Del("Www-Authenticate")
	h.Del("Retry-After")
	switch status {
	case http.StatusUnauthorized:
		h.Set("Www-Authenticate", challenge(r, f))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // nobody is left to be told
	}
}

// challenge asks for what is missing: RFC 9470 where that is more than there is, RFC 6750
// otherwise, which wants no error where nothing was shown.
func challenge(r *http.Request, f Refusal) string {
	switch {
	case f.Decision.Effect == policy.Verify:
		acr := f.Help.ACR
		if acr == "" || strings.ContainsFunc(acr, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			acr = policy.ReasonIdentityVerified.String()
		}
		return `Bearer error="insufficient_user_authentication", error_description="an identity verification is needed", acr_values="` + acr + `"`
	case r.Header.Get("Authorization") != "":
		return `Bearer error="invalid_token"`
	}
	return "Bearer"
}

func (f Refusal) body(status int, lang language, as format) (body []byte, kind string) {
	say := messages[answerOf(f.Decision).says][lang]
	p := problem{
		Type:    "https://github.com/sallyport-go/sallyport#" + f.Decision.Reason.String(),
		Title:   say.title,
		Status:  status,
		Detail:  say.detail,
		Effect:  f.Decision.Effect,
		Reason:  f.Decision.Reason,
		Contact: line(f.Help.Contact, maxContact),
		Next:    line(f.Help.Next, maxNext),
		Labels:  pageLabels[lang],
	}
	if f.Addr.IsValid() {
		p.Address = f.Addr.String()
	}
	var b bytes.Buffer
	switch as {
	case asHTML:
		if err := refusalPage.Execute(&b, p); err == nil {
			return b.Bytes(), "text/html; charset=utf-8"
		}
		b.Reset()
	case asJSON:
		if text, err := json.Marshal(p); err == nil {
			return append(text, '\n'), "application/problem+json"
		}
	}
	fmt.Fprintf(&b, "%s\n%s\n\n", p.Title, p.Detail)
	for _, row := range []struct{ label, text string }{
		{p.Labels.Address, p.Address}, {p.Labels.Contact, p.Contact}, {p.Labels.Reason, p.Reason.String()}, {p.Labels.Next, p.Next},
	} {
		if row.text != "" {
			fmt.Fprintf(&b, "%s: %s\n", row.label, row.text)
		}
	}
	return b.Bytes(), "text/plain; charset=utf-8"
}

// line makes one line of a text that administrators wrote, of at most so many characters.
func line(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, c := range s {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = ' '
		}
		b.WriteRune(c)
	}
	return strings.TrimSpace(b.String())
}
