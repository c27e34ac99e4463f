package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/policy"
)

const maxBody = 4 << 10 // bytes

// fields reads the body of a request, a form or a JSON object of strings, and
// refuses what has other fields than names. Fields of the URL do not count:
// URLs are logged, and passwords are not for logs. If it returns false, it has
// answered.
func fields(w http.ResponseWriter, r *http.Request, names ...string) (map[string]string, bool) {
	found, err := readBody(w, r)
	for name := range found {
		if err == nil && !slices.Contains(names, name) {
			err = fmt.Errorf("there is no field %.40q; there are %s", name, strings.Join(names, ", "))
		}
	}
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return found, true
	case errors.As(err, &large):
		status, err = http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", maxBody)
	case errors.Is(err, errMediaType):
		status = http.StatusUnsupportedMediaType
	}
	writeJSON(w, status, problem{err.Error()})
	return nil, false
}

type problem struct {
	Error string `json:"error"`
}

var errMediaType = errors.New("send application/json or application/x-www-form-urlencoded")

func readBody(w http.ResponseWriter, r *http.Request) (found map[string]string, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, errMediaType
	}
	switch kind {
	case "application/json":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(body, &found) != nil || found == nil {
			return nil, errors.New("the body is not a JSON object of strings")
		}
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		found = make(map[string]string, len(r.PostForm))
		for name, values := range r.PostForm {
			if found[name] = values[0]; len(values) > 1 {
				return nil, fmt.Errorf("the field %.40q is there twice", name)
			}
		}
	default:
		return nil, errMediaType
	}
	return found, nil
}

// wantsPage reports whether a browser asks, rather than a program. A program
// may send a form as well, and gets JSON back.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func statusOf(d policy.Decision) int {
	switch {
	case d.Allowed():
		return http.StatusOK
	case d.Effect != policy.Deny:
		return http.StatusAccepted
	case d.Reason == policy.ReasonBadCredentials:
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	write(w, status, "application/json", append(b, '\n'))
}

func write(w http.ResponseWriter, status int, kind string, body []byte) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(body)
}

//go:embed pages.html style.css
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages.html"))

// page is a template of pages.html and what it is given.
type page struct {
	name   string
	Title  string
	Tenant *tenant // nil: of no tenant
	Wrong  string  // what the person at the door should mend or know
	Data   any
}

func writePage(w http.ResponseWriter, status int, p page) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, p.name, p); err != nil {
		http.Error(w, "no page", http.StatusInternalServerError)
		return
	}
	write(w, status, "text/html; charset=utf-8", b.Bytes())
}
