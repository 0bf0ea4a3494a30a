package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// maxBody bounds a request body, unless its route says otherwise.
const maxBody = 64 << 10

// compressFrom is the size of the smallest answer that is compressed.
const compressFrom = 1 << 10

// respond sends v. What is read can be kept by the client, who asks with If-None-Match
// whether it is still so.
func respond(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	send(w, r, status, "application/json", append(body, '\n'))
	return nil
}

// send is respond for a body that is made already.
func send(w http.ResponseWriter, r *http.Request, status int, typ string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", typ)
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		h.Add("Vary", "Accept-Encoding")
		if status == http.StatusOK {
			sum := sha256.Sum256(body)
			tag := `W/"` + hex.EncodeToString(sum[:12]) + `"`
			h.Set("ETag", tag)
			h.Set("Cache-Control", "private, no-cache")
			if matches(r.Header.Values("If-None-Match"), tag) {
				h.Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		if len(body) >= compressFrom && acceptsGzip(r) {
			body = packed(body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has gone
}

// packers are gzip writers, of which each has more than a megabyte.
var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels alone
	return z
}}

func packed(body []byte) []byte {
	var out bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	z.Reset(&out)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	z.Reset(nil)
	packers.Put(z)
	return out.Bytes()
}

// matches reports whether If-None-Match (RFC 9110 section 13.1.2) names tag.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	accepted := strings.ToLower(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	for part := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.TrimSpace(coding) == "gzip" {
			q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			return !found || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

type failure struct {
	Detail string `json:"detail" doc:"for people"`
}

type message struct {
	Message string `json:"message" doc:"for people"`
}

func detail(w http.ResponseWriter, r *http.Request, status int, text string) {
	_ = respond(w, r, status, failure{text})
}

// decode reads a JSON object with the keys of v, which points to a struct, and no others.
// All of them must be there, but for pointers and what has the option omitempty. The tags
// min, max and enum bound the lengths of texts, or numbers, and the choices. Lengths are in
// characters, unless the tag unit says bytes.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	return decodeUpTo(w, r, maxBody, v)
}

func decodeUpTo(w http.ResponseWriter, r *http.Request, size int64, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, size))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refuse(http.StatusBadRequest, "request body: larger than %d bytes", large.Limit)
	case err != nil:
		return refuse(http.StatusBadRequest, "request body: not received whole")
	}
	if !utf8.Valid(body) { // encoding/json would take any two texts for the same that differ in such bytes
		return refuse(http.StatusBadRequest, "request body: not UTF-8")
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err != nil || keys == nil {
		return refuse(http.StatusBadRequest, "request body: not a JSON object")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return refuse(http.StatusBadRequest, "request body: %s", plain(err))
	}
	val := reflect.ValueOf(v).Elem()
	for i := range val.NumField() {
		f := newField(val.Type().Field(i))
		given := keys[f.name]
		delete(keys, f.name)
		switch {
		case given == nil && f.optional:
			continue
		case given == nil:
			return refuse(http.StatusBadRequest, "request body: %s is missing", f.name)
		case string(given) == "null" && !f.nullable:
			return refuse(http.StatusBadRequest, "request body: %s must not be null", f.name)
		case string(given) == "null":
			continue
		}
		if accepted := f.refuses(reflect.Indirect(val.Field(i))); accepted != "" {
			return wrongValue(f.name, accepted)
		}
	}
	for name := range keys {
		return refuse(http.StatusBadRequest, "request body: unknown field %.64q", name)
	}
	return nil
}

// plain words a decoding error without Go's names.
func plain(err error) string {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		what := "text"
		if typ.Type.Kind() == reflect.Int {
			what = "a whole number"
		}
		return fmt.Sprintf("%s must be %s", typ.Field, what)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// field is what the tags of a struct say of a JSON key.
type field struct {
	name     string
	optional bool // may be absent
	nullable bool
	min, max int  // of a number, or of the length of a text; both 0: no bounds
	bytes    bool // the length is in bytes, not in characters
	enum     []string
	doc      string
}

func newField(f reflect.StructField) field {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	out := field{
		name: name, optional: strings.Contains(options, "omitempty"), nullable: f.Type.Kind() == reflect.Pointer,
		doc: f.Tag.Get("doc"), bytes: f.Tag.Get("unit") == "bytes",
	}
	out.min, _ = strconv.Atoi(f.Tag.Get("min"))
	out.max, _ = strconv.Atoi(f.Tag.Get("max"))
	if enum := f.Tag.Get("enum"); enum != "" {
		out.enum = strings.Split(enum, ",")
	}
	return out
}

// refuses returns what the field accepts, unless that is v.
func (f field) refuses(v reflect.Value) (accepted string) {
	switch {
	case f.enum != nil && !slices.Contains(f.enum, v.String()):
		return "one of " + strings.Join(f.enum, ", ")
	case f.max == 0:
		return ""
	case v.Kind() == reflect.Int && (v.Int() < int64(f.min) || v.Int() > int64(f.max)):
		return fmt.Sprintf("a whole number from %d to %d", f.min, f.max)
	case v.Kind() == reflect.String:
		length, unit := utf8.RuneCountInString(v.String()), "characters"
		if f.bytes {
			length, unit = v.Len(), "bytes"
		}
		if length < f.min || length > f.max || !utf8.ValidString(v.String()) {
			return fmt.Sprintf("%d to %d %s", f.min, f.max, unit)
		}
	}
	return ""
}

// isoTime is how the API writes times: RFC 3339 in UTC with microseconds.
type isoTime time.Time

// MarshalJSON implements json.Marshaler.
func (t isoTime) MarshalJSON() ([]byte, error) {
	const layout = `"2006-01-02T15:04:05.000000Z"`
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, len(layout)), layout), nil
}

// page is the envelope of a list.
type page[T any] struct {
	Total  int `json:"total" doc:"rows on all pages"`
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
	Data   []T `json:"data"`
}

// present is null in JSON when it is zero.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
