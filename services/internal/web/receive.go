package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

const (
	previewSize = 8 << 10   // of a body, kept in the event
	formSize    = 256 << 10 // of a body, searched for credentials
	valueSize   = 4 << 10   // of one form value
	maxFields   = 200       // of one form
	maxParts    = 100       // of one multipart body
)

// received is what was seen of a request body.
type received struct {
	preview []byte
	size    int64
	sum     string
	text    []byte  // the whole body when it is at most formSize and no upload
	form    []field // values of a form, of the query when there is no body
}

// value returns the form value called name.
func (d *received) value(name string) string {
	for _, f := range d.form {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// evidence notes what is read through it.
type evidence struct {
	io.Reader
	into *received
	hash hash.Hash
}

func (e *evidence) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.hash.Write(p[:n])
	e.into.size += int64(n)
	if room := previewSize - len(e.into.preview); room > 0 {
		e.into.preview = append(e.into.preview, p[:min(n, room)]...)
	}
	return n, err
}

// receive reads the body to its end, captures uploads and reports credentials in it. It
// returns what kept the body from being read, nil when it was read whole.
func (x *exchange) receive(b *body) error {
	d := &x.content
	e := &evidence{b, d, sha256.New()}
	mediaType, params, _ := mime.ParseMediaType(x.request.get("Content-Type"))
	if boundary := params["boundary"]; mediaType == "multipart/form-data" && boundary != "" && len(boundary) <= 200 {
		x.parts(multipart.NewReader(e, boundary))
		_, _ = io.Copy(io.Discard, e)
	} else {
		x.whole(e, mediaType)
	}
	d.sum = hex.EncodeToString(e.hash.Sum(nil))
	x.formCredentials(mediaType)
	if errors.Is(b.err, io.EOF) {
		return nil
	}
	return b.err
}

// whole reads a body that is one thing: a form, or else an upload when it is sent with
// PUT, is binary or too long for the event.
func (x *exchange) whole(e *evidence, mediaType string) {
	d := &x.content
	var text bytes.Buffer
	_, err := io.CopyN(&text, e, formSize)
	more := err == nil
	isForm := mediaType == "application/x-www-form-urlencoded" || strings.HasSuffix(mediaType, "json") || strings.HasSuffix(mediaType, "xml")
	if text.Len() > 0 && (more || !isForm && (x.request.method == "PUT" || text.Len() > previewSize || notText(text.Bytes()))) {
		var src io.Reader = &text
		if more {
			src = io.MultiReader(&text, e)
		}
		_, _ = x.conn.session.Capture(x.ctx, x.request.path, src, decnet.F("method", x.request.method))
		_, _ = io.Copy(io.Discard, e)
		return
	}
	d.text = text.Bytes()
	switch {
	case strings.HasSuffix(mediaType, "json"):
		d.form = jsonFields(d.text)
	case isForm && !strings.HasSuffix(mediaType, "xml"):
		d.form = urlFields(string(d.text))
	case mediaType == "" || mediaType == "text/plain":
		d.form = urlFields(strings.TrimSpace(string(d.text)))
	}
}

// notText reports whether b is anything but text.
func notText(b []byte) bool {
	if len(b) == formSize {
		b = b[:len(b)-utf8.UTFMax]
	}
	return !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0
}

// parts takes a multipart form apart: files become artifacts, the rest form values.
func (x *exchange) parts(m *multipart.Reader) {
	for range maxParts {
		part, err := m.NextRawPart()
		if err != nil {
			return
		}
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if name, isFile := params["filename"]; isFile {
			first := make([]byte, 1)
			if n, _ := io.ReadFull(part, first); n > 0 || name != "" {
				_, _ = x.conn.session.Capture(x.ctx, name, io.MultiReader(bytes.NewReader(first[:n]), part),
					decnet.F("field", params["name"]), decnet.F("path", x.request.target))
			}
			continue
		}
		value, _ := io.ReadAll(io.LimitReader(part, valueSize))
		if len(x.content.form) < maxFields {
			x.content.form = append(x.content.form, field{params["name"], string(value)})
		}
	}
}

// query takes the form values of the target, for a request without a body.
func (x *exchange) query() {
	if x.request.query == "" {
		return
	}
	x.content.form = urlFields(x.request.query)
	x.formCredentials("query")
}

// report emits the request event. Status 0 means that nothing was answered.
func (x *exchange) report(status int) {
	r, d := x.request, &x.content
	version := r.proto
	if r.version == http09 {
		version = "HTTP/0.9"
	}
	headers, leftOut := headersJSON(r.fields)
	fields := make([]decnet.Field, 0, 13)
	fields = append(fields,
		decnet.F("method", r.method), decnet.F("path", r.target), decnet.F("host", r.get("Host")),
		decnet.F("version", version), decnet.F("headers", headers), decnet.F("user_agent", r.get("User-Agent")))
	if leftOut > 0 {
		fields = append(fields, decnet.F("headers_left_out", strconv.Itoa(leftOut)))
	}
	if d.size > 0 {
		fields = append(fields, decnet.F("body", string(d.preview)),
			decnet.F("body_size", strconv.FormatInt(d.size, 10)), decnet.F("body_sha256", d.sum))
	} else {
		fields = append(fields, decnet.F("body", ""), decnet.F("body_size", "0"))
	}
	if status == 400 || status == 0 || status == 505 {
		fields = append(fields, decnet.F("raw", r.raw[:min(len(r.raw), 2<<10)]))
	}
	x.conn.session.Emit("request", append(fields, decnet.F("status", strconv.Itoa(status)))...)
}

// headersSize bounds the headers of an event, which must stay whole JSON where longer
// values are cut.
const headersSize = 15 << 10

// headersJSON returns fields as the text of a JSON object, in their order and spelling. A
// repeated name has its values joined by a comma and a space where it first stood; bytes
// that are not UTF-8 stand for the Latin-1 characters of the same numbers. Fields that do
// not fit into headersSize bytes are left out and counted.
func headersJSON(fields []field) (text string, leftOut int) {
	fields = joinRepeated(fields)
	var out strings.Builder
	size := 2
	for i := range fields {
		size += len(fields[i].name) + len(fields[i].value) + 6
	}
	out.Grow(min(size, headersSize))
	out.WriteByte('{')
	for i := range fields {
		f := &fields[i]
		if out.Len()+jsonSize(f.name)+jsonSize(f.value) > headersSize {
			leftOut++
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		writeJSON(&out, f.name)
		out.WriteByte(':')
		writeJSON(&out, f.value)
	}
	out.WriteByte('}')
	return out.String(), leftOut
}

// joinRepeated returns fields with the values of repeated names joined.
func joinRepeated(fields []field) []field {
	unique := true
	if len(fields) <= 24 {
		for i := 1; i < len(fields) && unique; i++ {
			for j := range i {
				if fields[i].name == fields[j].name {
					unique = false
				}
			}
		}
		if unique {
			return fields
		}
	}
	values := make(map[string][]string, len(fields))
	for _, f := range fields {
		values[f.name] = append(values[f.name], f.value)
	}
	joined := make([]field, 0, len(values))
	for _, f := range fields {
		if all, ok := values[f.name]; ok {
			joined = append(joined, field{f.name, strings.Join(all, ", ")})
			delete(values, f.name)
		}
	}
	return joined
}

// jsonSize bounds what writeJSON writes for s.
func jsonSize(s string) int {
	n := 4
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			n += 6
		} else if c == '"' || c == '\\' {
			n += 2
		} else {
			n++
		}
	}
	return n
}

// writeJSON writes s as a JSON string.
func writeJSON(out *strings.Builder, s string) {
	const digits = "0123456789abcdef"
	out.WriteByte('"')
	done := 0 // of s, written
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= ' ' && c < 0x7f && c != '"' && c != '\\':
			i++
			continue
		case c >= utf8.RuneSelf:
			if _, n := utf8.DecodeRuneInString(s[i:]); n > 1 {
				i += n
				continue
			}
		}
		out.WriteString(s[done:i])
		if c == '"' || c == '\\' {
			out.WriteByte('\\')
			out.WriteByte(c)
		} else {
			out.WriteString("\\u00")
			out.WriteByte(digits[c>>4])
			out.WriteByte(digits[c&15])
		}
		i++
		done = i
	}
	out.WriteString(s[done:])
	out.WriteByte('"')
}

func hexText(n int) string { return strconv.FormatInt(int64(n), 16) }
