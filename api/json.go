package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// maxBody bounds a request body.
const maxBody = 64 << 10

func respond(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

func detail(w http.ResponseWriter, status int, text string) {
	_ = respond(w, status, map[string]string{"detail": text})
}

// decode reads a JSON object with no other keys than those of v.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("request body: %s: %w", plain(err), decnet.ErrInvalid)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("request body: more than one JSON value: %w", decnet.ErrInvalid)
	}
	return nil
}

// plain words a decoding error without Go's names.
func plain(err error) string {
	var typ *json.UnmarshalTypeError
	var size *http.MaxBytesError
	switch {
	case errors.As(err, &typ):
		return fmt.Sprintf("%s must be a %s", typ.Field, typ.Type)
	case errors.As(err, &size):
		return fmt.Sprintf("larger than %d bytes", size.Limit)
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return "not a JSON object"
}

// isoTime is how the API writes times: RFC 3339 in UTC with microseconds.
type isoTime time.Time

// MarshalJSON writes null for the zero time.
func (t isoTime) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(t).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000000Z"`), nil
}

// page is the envelope of a list.
type page struct {
	Total  int `json:"total"`
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
	Data   any `json:"data"`
}

// optional is null in JSON when it is empty.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}
