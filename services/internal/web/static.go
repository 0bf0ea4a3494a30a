package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// page is a file of a site.
type page struct {
	body    []byte
	open    func() (io.ReadSeekCloser, error) // instead of body, for large files
	size    int64
	ctype   string // "" when the product knows none
	modTime time.Time

	modified string
	length   string
	sizeTag  string        // entity tag of httpd: size and time
	deflate  func() []byte // as mod_deflate sends it
	gzip     func() []byte // as nginx sends it
}

func newPage(body []byte, ctype string, modTime time.Time) *page {
	p := filePage(int64(len(body)), ctype, modTime, nil)
	p.body = body
	p.deflate = sync.OnceValue(func() []byte { return compress(body, gzip.DefaultCompression) })
	p.gzip = sync.OnceValue(func() []byte { return compress(body, gzip.BestSpeed) })
	return p
}

func filePage(size int64, ctype string, modTime time.Time, open func() (io.ReadSeekCloser, error)) *page {
	return &page{
		open: open, size: size, ctype: ctype, modTime: modTime,
		modified: modTime.UTC().Format(httpDate),
		length:   strconv.FormatInt(size, 10),
		sizeTag:  `"` + strconv.FormatInt(size, 16) + "-" + strconv.FormatInt(modTime.UnixMicro(), 16) + `"`,
	}
}

func compress(body []byte, level int) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, level)
	w.OS = 3 // Unix
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// acceptsGzip reports whether the client takes gzip.
func acceptsGzip(r *request) bool {
	v, ok := r.value("Accept-Encoding")
	if !ok {
		return false
	}
	for item := range strings.SplitSeq(v, ",") {
		name, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.Trim(name, " \t"), "gzip") {
			q, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
			return !found || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// precondition evaluates the conditional fields of RFC 9110 section 13 for p, whose entity
// tag is etag: it returns 200, 304 or 412.
func precondition(r *request, p *page, etag string) int {
	if v, ok := r.value("If-Match"); ok {
		if !matchesETag(v, etag) {
			return 412
		}
	} else if v, ok := r.value("If-Unmodified-Since"); ok {
		if t, err := time.Parse(httpDate, v); err == nil && p.modTime.Truncate(time.Second).After(t) {
			return 412
		}
	}
	if v, ok := r.value("If-None-Match"); ok {
		if matchesETag(v, etag) {
			return 304
		}
	} else if v, ok := r.value("If-Modified-Since"); ok {
		if t, err := time.Parse(httpDate, v); err == nil && !p.modTime.Truncate(time.Second).After(t) {
			return 304
		}
	}
	return 200
}

func matchesETag(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.Trim(item, " \t")
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}

// byteRange is a part of a page.
type byteRange struct{ start, length int64 }

// maxRanges bounds the parts of one answer.
const maxRanges = 20

// ranges parses a Range value (RFC 9110 section 14.2) for content of size bytes. ok is
// false when the value is malformed. Ranges outside the content are left out; strict
// leaves out one that begins after its end, which otherwise makes the value malformed.
func ranges(v string, size int64, strict bool) (parts []byteRange, ok bool) {
	spec, found := strings.CutPrefix(v, "bytes=")
	if !found {
		return nil, false
	}
	for item := range strings.SplitSeq(spec, ",") {
		item = strings.Trim(item, " \t")
		first, last, dash := strings.Cut(item, "-")
		if !dash || len(parts) > maxRanges {
			return nil, false
		}
		if first == "" {
			n, isNumber := digits(last)
			if !isNumber {
				return nil, false
			}
			n = min(n, size)
			if n > 0 {
				parts = append(parts, byteRange{size - n, n})
			}
			continue
		}
		start, isNumber := digits(first)
		if !isNumber {
			return nil, false
		}
		end := size - 1
		if last != "" {
			if end, isNumber = digits(last); !isNumber {
				return nil, false
			}
			if end < start {
				if strict {
					continue
				}
				return nil, false
			}
			end = min(end, size-1)
		}
		if start < size {
			parts = append(parts, byteRange{start, end - start + 1})
		}
	}
	return parts, true
}

// part returns the content of p in b, as bytes or as a stream.
func (p *page) part(b byteRange) (body []byte, stream io.ReadCloser, err error) {
	if p.open == nil {
		return p.body[b.start : b.start+b.length], nil, nil
	}
	f, err := p.open()
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.Seek(b.start, io.SeekStart); err != nil {
		f.Close()
		return nil, nil, err
	}
	return nil, struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, b.length), f}, nil
}

// whole is the range that covers p.
func (p *page) whole() byteRange { return byteRange{0, p.size} }

// multipart joins parts of p as multipart/byteranges, with the field names spelled as the
// product does: names are those of Content-Type and Content-Range.
func (p *page) multipart(parts []byteRange, boundary string, names [2]string) []byte {
	var out bytes.Buffer
	for _, b := range parts {
		out.WriteString("\r\n--" + boundary + "\r\n")
		if p.ctype != "" {
			out.WriteString(names[0] + ": " + p.ctype + "\r\n")
		}
		out.WriteString(names[1] + ": " + contentRange(b, p.size) + "\r\n\r\n")
		out.Write(p.body[b.start : b.start+b.length])
	}
	out.WriteString("\r\n--" + boundary + "--\r\n")
	return out.Bytes()
}

func contentRange(b byteRange, size int64) string {
	return "bytes " + strconv.FormatInt(b.start, 10) + "-" + strconv.FormatInt(b.start+b.length-1, 10) + "/" + strconv.FormatInt(size, 10)
}
