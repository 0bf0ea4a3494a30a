package web

import "strings"

// field is one header field as it was on the wire, without the white space around the value.
type field struct{ name, value string }

// The versions that change how a request is answered.
const (
	http09 = 9
	http10 = 10
	http11 = 11 // and everything that calls itself newer
)

// request is one request as the engine understood it.
type request struct {
	raw    string // the head as it was received
	method string
	target string
	proto  string // as sent, "" for HTTP/0.9
	fields []field

	version int    // http09, http10 or http11
	secure  bool   // over TLS
	path    string // decoded and without dot segments
	query   string // what follows the question mark, as sent
	host    string // name by which the server calls itself in pages
	port    string // port of the host when the client named one

	length    int64 // of the body; 0: none
	chunked   bool
	expecting bool // the client waits for 100 Continue
	keepAlive bool // the client allows another request
	asked     bool // the client asked for keep-alive by name
}

// value returns the first field called name in whatever case, and whether there is one.
func (r *request) value(name string) (string, bool) {
	for i := range r.fields {
		if sameName(r.fields[i].name, name) {
			return r.fields[i].value, true
		}
	}
	return "", false
}

// all returns the values of every field called name, joined by a comma and a space, and
// how many there are.
func (r *request) all(name string) (string, int) {
	first, n, size := "", 0, 0
	for i := range r.fields {
		if sameName(r.fields[i].name, name) {
			if n++; n == 1 {
				first = r.fields[i].value
			}
			size += len(r.fields[i].value) + 2
		}
	}
	if n < 2 {
		return first, n
	}
	var joined strings.Builder
	joined.Grow(size)
	for i := range r.fields {
		if sameName(r.fields[i].name, name) {
			if joined.Len() > 0 {
				joined.WriteString(", ")
			}
			joined.WriteString(r.fields[i].value)
		}
	}
	return joined.String(), n
}

// sameName reports whether two field names differ in case alone.
func sameName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// get returns the first field called name, "" when there is none.
func (r *request) get(name string) string {
	v, _ := r.value(name)
	return v
}

func (r *request) hasBody() bool { return r.chunked || r.length > 0 }

// hasToken reports whether list, a comma-separated field value, contains token.
func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

// scheme returns "http" or "https".
func (r *request) scheme() string {
	if r.secure {
		return "https"
	}
	return "http"
}

// authority returns the host and, when the client named another than the scheme's own,
// the port, as a product puts them into a Location.
func (r *request) authority() string {
	own := "80"
	if r.secure {
		own = "443"
	}
	if r.port == "" || r.port == own {
		return r.host
	}
	return r.host + ":" + r.port
}

// unescape decodes percent-escapes. ok is false for an escape that is not two hexadecimal
// digits; nul and slash report an escaped NUL or slash.
func unescape(s string) (decoded string, ok, nul, slash bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true, false, false
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false, nul, slash
			}
			c = hexValue(s[i+1])<<4 | hexValue(s[i+2])
			i += 2
			nul = nul || c == 0
			slash = slash || c == '/'
		}
		b = append(b, c)
	}
	return string(b), true, nul, slash
}

// normalize removes empty and dot segments from an absolute path. ok is false when it
// leads above the root.
func normalize(path string) (clean string, ok bool) {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path, true
	}
	var kept []string
	rest := path[1:]
	for {
		segment, after, more := strings.Cut(rest, "/")
		switch segment {
		case "..":
			if len(kept) == 0 {
				return "", false
			}
			kept = kept[:len(kept)-1]
		case "", ".":
		default:
			kept = append(kept, segment)
		}
		if !more {
			clean = "/" + strings.Join(kept, "/")
			if len(kept) > 0 && (segment == "" || segment == "." || segment == "..") {
				clean += "/"
			}
			return clean, true
		}
		rest = after
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s []byte) bool {
	for _, c := range s {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(s) > 0
}

// tokenBytes marks the characters of a token.
var tokenBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c > ' ' && c < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?={}`, byte(c)) < 0
	}
	return t
}()

// digits returns the number that s consists of; ok is false when it is anything else or
// exceeds 2^62.
func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}
