package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
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

// decode reads a JSON object with the keys of v, all of which must be there, and no others.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var size *http.MaxBytesError
	switch {
	case errors.As(err, &size):
		return fmt.Errorf("request body: larger than %d bytes: %w", size.Limit, decnet.ErrInvalid)
	case err != nil:
		return fmt.Errorf("request body: not received whole: %w", decnet.ErrInvalid)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err != nil || keys == nil {
		return fmt.Errorf("request body: not a JSON object: %w", decnet.ErrInvalid)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("request body: %s: %w", plain(err), decnet.ErrInvalid)
	}
	for t, i := reflect.TypeOf(v).Elem(), 0; i < t.NumField(); i++ {
		if name := t.Field(i).Tag.Get("json"); keys[name] == nil {
			return fmt.Errorf("request body: %s is missing: %w", name, decnet.ErrInvalid)
		}
	}
	return nil
}

// plain words a decoding error without Go's names.
func plain(err error) string {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fmt.Sprintf("%s must be a %s", typ.Field, typ.Type)
	}
	return strings.TrimPrefix(err.Error(), "json: ") // an unknown field
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
