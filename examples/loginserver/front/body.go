package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
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

// Fields reads the body of a request, a form or a JSON object of strings, and refuses what
// has other fields than names. Fields of the URL do not count: URLs are logged, and passwords
// are not for logs. The error is a *BodyError.
func Fields(w http.ResponseWriter, r *http.Request, names ...string) (map[string]string, error) {
	found, err := readFields(w, r)
	for name := range found {
		if err == nil && !slices.Contains(names, name) {
			err = fmt.Errorf("there is no field %.40q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if err == nil {
		return found, nil
	}
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		status, err = http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", MaxFields)
	case errors.Is(err, errMediaType):
		status = http.StatusUnsupportedMediaType
	}
	return nil, &BodyError{status, err}
}

var errMediaType = errors.New("send application/json or application/x-www-form-urlencoded")

func readFields(w http.ResponseWriter, r *http.Request) (found map[string]string, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxFields)
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
