package httpgate_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/httpgate"
)

const (
	browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	program = "application/json"
)

func respond(f httpgate.Refusal, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	httpgate.Respond(w, from("8.8.8.8:1", header...), f)
	return w
}

var outside = httpgate.Refusal{
	Tenant:   "works",
	Decision: policy.Decision{Reason: policy.ReasonAddressNotDesignated},
	Addr:     netip.MustParseAddr("203.0.113.9"),
	Help:     httpgate.Help{Contact: "it@example.com", Next: "/t/works/login"},
	ID:       "ABC",
}

func TestFormatAndLanguage(t *testing.T) {
	const html, text, problem = "text/html", "text/plain", "application/problem+json"
	for _, tt := range []struct{ accept, language, kind, lang, why string }{
		{browser, "ko-KR,ko;q=0.9,en;q=0.8", html, "ko", "a browser in Korea"},
		{browser, "ja", html, "ja", "in Japan"},
		{browser, "de, fr", html, "en", "in languages that there are not"},
		{browser, "de, ja;q=0.1, en;q=0.05", html, "ja", "the best of what there is"},
		{browser, "en;q=0.5, KO-kr", html, "ko", "no case"},
		{browser, "ko;q=0, ja;q=x, en;q=0.001", html, "en", "weights of nothing"},
		{browser, "kok", html, "en", "Konkani is not Korean"},
		{program, "", problem, "en", "a program"},
		{"application/problem+json", "ja", problem, "ja", "a program that knows"},
		{"application/json, text/plain, */*", "", problem, "en", "axios"},
		{"*/*", "", problem, "en", "curl and fetch"},
		{"", "", problem, "en", "nothing at all"},
		{"application/*", "", problem, "en", "a program"},
		{"text/*", "", html, "en", "text of any kind"},
		{"text/plain", "", text, "en", "plain text"},
		{"text/plain;q=0.9, application/json;q=0.5", "", text, "en", "plain text is better"},
		{"text/html;q=0.1, application/json;q=0.5", "", problem, "en", "JSON is better"},
		{"application/json;q=0, text/html;q=0.2", "", html, "en", "anything but JSON"},
		{"text/*, text/plain", "", text, "en", "the exact name says more"},
		{"*/*, text/html", "", html, "en", "the exact name says more"},
		{"text/html, application/json", "", html, "en", "both alike: a person can read one"},
		{"image/avif, image/webp", "", text, "en", "an image"},
		{"text/event-stream", "", text, "en", "events"},
		{"TEXT/HTML ; q=1.0", "", html, "en", "case and blanks"},
		{"text/html;q=2", "", text, "en", "a weight that is none"},
		{"text/html;q=NaN", "", text, "en", "a weight that is none"},
		{"text/html;q=0.1234", "", text, "en", "a weight that is none"},
		{",,;;,=,q", "", text, "en", "garbage"},
		{strings.Repeat("a/b,", 100) + "text/html", "", text, "en", "too many wishes"},
		{strings.Repeat("x", 1<<20) + ",text/html", strings.Repeat("y", 1<<20) + ",ko", html, "ko", "a very long wish"},
	} {
		header := []string{"Accept-Language", tt.language}
		if tt.accept != "" {
			header = append(header, "Accept", tt.accept)
		}
		w := respond(outside, header...)
		kind, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
		if err != nil || kind != tt.kind || w.Header().Get("Content-Language") != tt.lang {
			t.Errorf("%.80q, %.80q: %s in %s; want %s in %s: %s", tt.accept, tt.language, kind, w.Header().Get("Content-Language"), tt.kind, tt.lang, tt.why)
		}
	}
}

func TestProblemDetails(t *testing.T) {
	w := respond(outside, "Accept", program)
	const want = `{"type":"https://github.com/sallyport-go/sallyport#address-not-designated","title":"No access from this address","status":403,` +
		`"detail":"Your organisation allows access from certain addresses only. If you need access from here, tell your administrator the address below.",` +
		`"effect":"deny","reason":"address-not-designated","address":"203.0.113.9","contact":"it@example.com","next":"/t/works/login"}` + "\n"
	if w.Body.String() != want || w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Vary": "Accept, Accept-Language", "X-Request-Id": "ABC",
		"X-Content-Type-Options": "nosniff", "Www-Authenticate": "", "Retry-After": "",
	} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q; want %q", name, got, value)
		}
	}
	w = respond(httpgate.Refusal{}, "Accept", program)
	if body := w.Body.String(); w.Code != 403 || !strings.Contains(body, `"reason":"no-policy"`) || strings.Contains(body, "address") || strings.Contains(body, "contact") || strings.Contains(body, "next") {
		t.Errorf("the zero Refusal is %d %s", w.Code, body)
	}
}

func TestPlainText(t *testing.T) {
	w := respond(outside, "Accept", "text/plain")
	const want = "No access from this address\nYour organisation allows access from certain addresses only. If you need access from here, tell your administrator the address below.\n\n" +
		"Your address: 203.0.113.9\nContact: it@example.com\nCode: address-not-designated\nContinue: /t/works/login\n"
	if w.Body.String() != want {
		t.Errorf("%s", w.Body)
	}
}

// Every page in every language is well-formed and has what a reader, or a program that reads
// to one, needs.
func TestPages(t *testing.T) {
	pages := map[string]bool{}
	for reason := range policy.Reasons() {
		for _, effect := range []policy.Effect{policy.Deny, policy.Verify} {
			for _, lang := range []string{"en", "ko", "ja"} {
				f := outside
				f.Decision = policy.Decision{Effect: effect, Reason: reason}
				body := respond(f, "Accept", browser, "Accept-Language", lang).Body.String()
				for _, part := range []string{
					`<html lang="` + lang + `">`, "<title>", "<main>", "<h1>", `name="viewport"`, `<meta charset="utf-8">`,
					"203.0.113.9", "it@example.com", `href="/t/works/login"`, "<code>" + reason.String() + "</code>",
				} {
					if !strings.Contains(body, part) {
						t.Errorf("%v in %s lacks %s", f.Decision, lang, part)
					}
				}
				for _, part := range []string{"<script", "style=", "onclick", "ABC", "%!", "works</", "user-scalable"} {
					if strings.Contains(body, part) {
						t.Errorf("%v in %s has %s", f.Decision, lang, part)
					}
				}
				d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "<!DOCTYPE html>\n")))
				d.AutoClose = xml.HTMLAutoClose
				d.Strict = false
				for {
					if _, err := d.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%v in %s: %v", f.Decision, lang, err)
					}
				}
				title := body[strings.Index(body, "<title>"):strings.Index(body, "</title>")]
				pages[lang+title] = true
			}
		}
	}
	if len(pages) != 3*11 {
		t.Errorf("%d titles in three languages; want 33: %v", len(pages), slices.Sorted(maps.Keys(pages)))
	}
}

func TestWhatAHostAddsIsEscaped(t *testing.T) {
	f := outside
	f.Help = httpgate.Help{Contact: "<script>alert(1)</script>\r\nX: y\u202e\x00" + strings.Repeat("é", 1000), Next: `javascript:alert("1")`}
	f.ID = "a\r\nSet-Cookie: x=y"
	for _, accept := range []string{browser, program, "text/plain"} {
		w := httptest.NewRecorder()
		httpgate.Respond(w, from("8.8.8.8:1", "Accept", accept), f)
		body := w.Body.String()
		if accept != "text/plain" && (strings.Contains(body, "<script") || accept == browser && strings.Contains(body, "javascript:")) {
			t.Errorf("%s: %s", accept, body)
		}
		if strings.ContainsAny(body, "\r\x00\u202e") || strings.Contains(body, "\nX: y") || !utf8.ValidString(body) || strings.Count(body, "é") > 300 {
			t.Errorf("%s: %d bytes, %q", accept, len(body), body)
		}
		if accept == program && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s is not JSON", body)
		}
	}
}

func TestChallenges(t *testing.T) {
	verify := policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}
	for _, tt := range []struct {
		d             policy.Decision
		acr           string
		authorization string
		status        int
		challenge     string
		retry         bool
		why           string
	}{
		{policy.Decision{Reason: policy.ReasonSessionUnknown}, "", "", 401, "Bearer", false, "nothing was shown: RFC 6750 wants no error then"},
		{policy.Decision{Reason: policy.ReasonSessionUnknown}, "", "Bearer x", 401, `Bearer error="invalid_token"`, false, "a token that nobody knows"},
		{policy.Decision{Reason: policy.ReasonSessionEnded}, "", "Bearer x", 401, `Bearer error="invalid_token"`, false, "a token that has ended"},
		{policy.Decision{Reason: policy.ReasonSessionCut}, "", "Bearer x", 401, `Bearer error="invalid_token"`, false, "a token that was cut"},
		{verify, "", "Bearer x", 401, `Bearer error="insufficient_user_authentication", error_description="an identity verification is needed", acr_values="identity-verified"`, false, "RFC 9470"},
		{verify, "phr phrh", "", 401, `Bearer error="insufficient_user_authentication", error_description="an identity verification is needed", acr_values="phr phrh"`, false, "the host's own classes"},
		{verify, "a\", x=\"y", "", 401, `Bearer error="insufficient_user_authentication", error_description="an identity verification is needed", acr_values="identity-verified"`, false, "a quote"},
		{verify, "a\r\nX: y", "", 401, `Bearer error="insufficient_user_authentication", error_description="an identity verification is needed", acr_values="identity-verified"`, false, "a line end"},
		{policy.Decision{Reason: policy.ReasonAddressNotDesignated}, "", "Bearer x", 403, "", false, "more authentication would not help"},
		{policy.Decision{Reason: policy.ReasonPolicyStale}, "", "Bearer x", 503, "", true, "try again"},
		{policy.Decision{Reason: policy.ReasonVersionRegression}, "", "", 503, "", true, "try again"},
		{policy.Decision{Effect: policy.Allow, Reason: policy.ReasonAllAddresses}, "", "", 403, "", false, "what refuses does not let in"},
		{policy.Decision{Effect: 9, Reason: 200}, "", "", 403, "", false, "what means nothing refuses"},
	} {
		f := httpgate.Refusal{Decision: tt.d, Help: httpgate.Help{ACR: tt.acr}}
		for _, accept := range []string{browser, program} {
			w := httptest.NewRecorder()
			w.Header().Set("WWW-Authenticate", "Basic") // of a handler before
			w.Header().Set("Retry-After", "9")
			w.Header().Set("Etag", "x")
			w.Header().Set("Content-Length", "9")
			r := from("8.8.8.8:1", "Accept", accept)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			httpgate.Respond(w, r, f)
			h := w.Header()
			if w.Code != tt.status || h.Get("Www-Authenticate") != tt.challenge || (h.Get("Retry-After") == "5") != tt.retry || h.Get("Etag") != "" || h.Get("Content-Length") != "" {
				t.Errorf("%v: %d %v; want %d %s: %s", tt.d, w.Code, h, tt.status, tt.challenge, tt.why)
			}
			if accept == program && !json.Valid(w.Body.Bytes()) || w.Body.Len() == 0 || strings.Contains(w.Body.String(), `"effect":"allow"`) {
				t.Errorf("%v: %s", tt.d, w.Body)
			}
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	httpgate.Respond(w, r, outside)
	if w.Code != 403 || w.Body.Len() != 0 || w.Header().Get("Content-Type") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
