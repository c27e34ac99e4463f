package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// MaxFields is the size in bytes of the largest body that Fields reads.
const MaxFields = 4 << 10

// BodyError says what is wrong with a body, and by which status to answer it.
type BodyError struct {
	Status int
	Err    error
}

func (e *BodyError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *BodyError) Unwrap() error { return e.Err }

// Unread returns what keeps a body from being read to its end: its size, or whoever sends it.
// What the network says of it has addresses of this side, and stays here.
func Unread(err error) *BodyError {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &BodyError{http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", large.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &BodyError{http.StatusRequestTimeout, errors.New("the body took too long to come")}
	}
	return &BodyError{http.StatusBadRequest, errors.New("the body cannot be read to its end")}
}

// Fields reads the body of a request, a form or a JSON object of strings, and refuses what
// has other fields than names. Fields of the URL do not count: URLs are logged, and passwords
// are not for logs. The error is a *BodyError.
func Fields(w http.ResponseWriter, r *http.Request, names ...string) (map[string]string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parse, ok := parsers[kind]
	if err != nil || !ok {
		return nil, &BodyError{http.StatusUnsupportedMediaType, errors.New("send application/json or application/x-www-form-urlencoded")}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxFields))
	if err != nil {
		return nil, Unread(err)
	}
	found, err := parse(body)
	for name := range found {
		if err == nil && !slices.Contains(names, name) {
			err = fmt.Errorf("there is no field %.40q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if err != nil {
		return nil, &BodyError{http.StatusBadRequest, err}
	}
	return found, nil
}

var parsers = map[string]func([]byte) (map[string]string, error){
	"application/json":                  parseObject,
	"application/x-www-form-urlencoded": parseForm,
}

func parseObject(body []byte) (found map[string]string, err error) {
	if json.Unmarshal(body, &found) != nil || found == nil {
		return nil, errors.New("the body is not a JSON object of strings")
	}
	return found, nil
}

func parseForm(body []byte) (map[string]string, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(form))
	for name, values := range form {
		if found[name] = values[0]; len(values) > 1 {
			return nil, fmt.Errorf("the field %.40q is there twice", name)
		}
	}
	return found, nil
}
