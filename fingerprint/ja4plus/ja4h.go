package ja4plus

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/decnet/decnet/fingerprint"
)

// Request is what JA4H takes from an HTTP request. The zero value is ready for Parse; for
// HTTP/2 and HTTP/3 the caller fills it in.
type Request struct {
	Method  string
	Version string   // "10", "11", "20" or "30"
	Headers []Header // in the order and spelling of the wire, without pseudo-headers
}

// Header is one header field.
type Header struct{ Name, Value string }

// Parse reads the head of an HTTP/1 request, or of one that looks like it, up to its empty
// line. The error is fingerprint.ErrTruncated when that is missing and
// fingerprint.ErrMalformed when the first line is no request.
func (r *Request) Parse(head []byte) error {
	*r = Request{}
	line, rest, ok := cutLine(head)
	method, after, _ := strings.Cut(line, " ")
	protocol := after[strings.LastIndexByte(after, ' ')+1:]
	version, isHTTP := strings.CutPrefix(protocol, "HTTP/")
	switch {
	case !ok:
		return fingerprint.ErrTruncated
	case method == "" || !isHTTP || len(version) != 3 || version[1] != '.':
		return fingerprint.ErrMalformed
	}
	r.Method, r.Version = method, version[:1]+version[2:]
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return fingerprint.ErrTruncated
		}
		if line == "" {
			return nil
		}
		// A line that begins with a space continues the value before it.
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			r.Headers = append(r.Headers, Header{Name: name, Value: strings.TrimSpace(value)})
		}
	}
}

func cutLine(b []byte) (line string, rest []byte, ok bool) {
	before, rest, ok := bytes.Cut(b, []byte("\n"))
	return string(bytes.TrimSuffix(before, []byte("\r"))), rest, ok
}

// JA4HForm selects one of the forms of JA4H.
type JA4HForm uint8

// The forms: hashed with sorted cookies, raw with sorted cookies, raw with the cookies in
// the order of the wire.
const (
	JA4HHash          JA4HForm = iota // JA4H
	JA4HRaw                           // JA4H_r
	JA4HOriginalInRaw                 // JA4H_ro
)

// JA4H returns the JA4H of a request: what kind it is, and hashes of the names of its
// headers, of its cookies, and of these with their values.
func JA4H(r *Request) string {
	var buf [1024]byte
	return string(AppendJA4H(buf[:0], r, JA4HHash))
}

// AppendJA4H appends one form of JA4H to dst.
func AppendJA4H(dst []byte, r *Request, form JA4HForm) []byte {
	finish := func(dst []byte, start int) []byte { return dst }
	if form == JA4HHash {
		finish = hashPart
	}
	var names, cookieNames, cookies []string
	cookie, referer, language := byte('n'), byte('n'), ""
	for _, h := range r.Headers {
		switch {
		case strings.EqualFold(h.Name, "Cookie"):
			cookie = 'c'
			cookies = appendCookies(cookies, h.Value)
			continue
		case strings.EqualFold(h.Name, "Referer"):
			referer = 'r'
			continue
		case strings.EqualFold(h.Name, "Accept-Language") && language == "":
			language = h.Value
		}
		names = append(names, h.Name)
	}
	if form != JA4HOriginalInRaw {
		slices.SortFunc(cookies, func(a, b string) int {
			return cmp.Or(strings.Compare(cookieName(a), cookieName(b)), strings.Compare(a, b))
		})
	}
	for _, pair := range cookies {
		cookieNames = append(cookieNames, cookieName(pair))
	}
	dst = appendLetters(dst, r.Method, 2)
	dst = append(append(dst, r.Version...), cookie, referer)
	dst = appendCount(dst, len(names))
	language, _, _ = strings.Cut(strings.ReplaceAll(language, ";", ","), ",")
	dst = append(appendLetters(dst, language, 4), '_')

	for i, list := range [...][]string{names, cookieNames, cookies} {
		if i > 0 {
			dst = append(dst, '_')
		}
		start := len(dst)
		for j, item := range list {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, item...)
		}
		dst = finish(dst, start)
	}
	return dst
}

// appendCookies appends the name=value pairs of a Cookie header.
func appendCookies(dst []string, value string) []string {
	for pair := range strings.SplitSeq(value, ";") {
		if pair = strings.TrimSpace(pair); pair != "" {
			dst = append(dst, pair)
		}
	}
	return dst
}

func cookieName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return name
}

// appendLetters appends the first n characters of s other than hyphens in lower case,
// zeros where it is shorter.
func appendLetters(dst []byte, s string, n int) []byte {
	for i := 0; i < len(s) && n > 0; i++ {
		if c := s[i]; c != '-' {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			n--
		}
	}
	return append(dst, "0000"[:n]...)
}
