package web

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// apache answers as Apache httpd 2.4 with the event MPM and Debian's default modules.
type apache struct {
	host
	doctype string
	allow   string // methods, in an order that a process draws when it starts
}

func newApache(h host, start int) *apache {
	doctype := `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">`
	if patch, ok := strings.CutPrefix(h.server, "Apache/2.4."); ok {
		patch, _, _ = strings.Cut(patch, " ")
		// 2.4.66 changed the document type of the pages that httpd makes itself.
		if n, err := strconv.Atoi(patch); err == nil && n >= 66 {
			doctype = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">`
		}
	}
	allow := []string{"GET", "POST", "OPTIONS", "HEAD"}
	start %= len(allow)
	return &apache{h, doctype, strings.Join(append(allow[start:len(allow):len(allow)], allow[:start]...), ",")}
}

// apacheLine is the longest line: LimitRequestLine and LimitRequestFieldSize are 8190.
const apacheLine = 8191

func (a *apache) bounds() bounds {
	return bounds{
		blank: 10, fields: 100, total: maxHead, crlf: true,
		first: 50 * time.Second, keepAlive: 5 * time.Second,
		head: 20 * time.Second, body: 10 * time.Second,
		linger: 2 * time.Second, requests: 100,
	}
}

func (a *apache) unfinished(line []byte, first bool) *fault {
	if len(line) > apacheLine+1 {
		return a.tooLarge(first)
	}
	return nil
}

func (a *apache) tooLarge(first bool) *fault {
	if first {
		return &fault{status: 414}
	}
	return &fault{status: 400, detail: "Size of a request header field exceeds server limit."}
}

func (a *apache) tooMany() *fault {
	return &fault{status: 400, detail: "The number of request header fields exceeds this server's limit."}
}

func (a *apache) parseRequestLine(line []byte) (requestLine, *fault) {
	var l requestLine
	if len(line) > apacheLine+1 {
		return l, a.tooLarge(true)
	}
	body, crlf := bytes.CutSuffix(line, []byte{'\r'})
	one := bytes.IndexByte(body, ' ')
	if one < 0 {
		l.method = span{0, len(body)}
		return l, &fault{status: 400}
	}
	l.method = span{0, one}
	rest := body[one+1:]
	two := bytes.IndexByte(rest, ' ')
	if two < 0 {
		l.target = span{one + 1, len(body)}
		l.version = http09
		if !crlf || string(body[:one]) != "GET" || len(rest) == 0 || !visible(rest) {
			l.version = http10
			return l, &fault{status: 400}
		}
		return l, nil
	}
	l.target = span{one + 1, one + 1 + two}
	l.proto = span{one + 2 + two, len(body)}
	proto := body[l.proto.a:]
	switch {
	case !crlf, !isToken(body[:one]), two == 0, !visible(rest[:two]),
		len(proto) != 8, string(proto[:5]) != "HTTP/", proto[6] != '.',
		proto[5] < '1' || proto[5] > '9', proto[7] < '0' || proto[7] > '9':
		l.version = http10
		return l, &fault{status: 400}
	}
	l.version = http11
	if string(proto) == "HTTP/1.0" {
		l.version = http10
	}
	return l, nil
}

// visible reports whether s has neither control characters nor spaces.
func visible(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

func (a *apache) parseField(line []byte, before int) (headField, *fault) {
	if len(line) > apacheLine+1 {
		return headField{}, a.tooLarge(false)
	}
	body, crlf := bytes.CutSuffix(line, []byte{'\r'})
	if !crlf {
		return headField{}, &fault{status: 400}
	}
	for _, c := range body {
		if c < ' ' && c != '\t' || c == 0x7f {
			return headField{}, &fault{status: 400}
		}
	}
	if body[0] == ' ' || body[0] == '\t' {
		if before == 0 {
			return headField{}, &fault{status: 400}
		}
		return headField{value: trimmed(body, 0), continuation: true}, nil
	}
	colon := bytes.IndexByte(body, ':')
	if colon < 0 || !isToken(body[:colon]) {
		return headField{}, &fault{status: 400}
	}
	return headField{name: span{0, colon}, value: trimmed(body, colon+1)}, nil
}

// trimmed returns what line holds from the offset on, without the white space around it.
func trimmed(line []byte, from int) span {
	s := span{from, len(line)}
	for s.a < s.b && (line[s.a] == ' ' || line[s.a] == '\t') {
		s.a++
	}
	for s.b > s.a && (line[s.b-1] == ' ' || line[s.b-1] == '\t') {
		s.b--
	}
	return s
}

func (a *apache) accept(r *request) *fault {
	r.host = a.name
	connection, _ := r.all("Connection")
	r.asked = hasToken(connection, "keep-alive") && !hasToken(connection, "close")
	r.keepAlive = r.asked || r.version == http11 && !hasToken(connection, "close")
	if len(r.raw) > apacheLine {
		for i := range r.fields { // those of one name count together
			if joined, n := r.all(r.fields[i].name); n > 1 && len(joined) > apacheLine {
				return a.tooLarge(false)
			}
		}
	}

	target := r.target
	absolute := false
	if r.method == "CONNECT" {
		if strings.HasPrefix(target, "/") {
			return &fault{status: 400}
		}
		target = "/"
	} else if rest, ok := cutScheme(target, r.scheme()); ok {
		absolute = true
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		authority := rest[:end]
		target = rest[end:]
		user := strings.LastIndexByte(authority, '@')
		if !a.setHost(r, authority[user+1:]) || user >= 0 {
			return &fault{status: 400}
		}
	} else if rest, ok := cutScheme(target, "https"); ok {
		_, path, _ := strings.Cut(rest, "/")
		target = "/" + path
	} else if rest, ok := cutScheme(target, "http"); ok {
		_, path, _ := strings.Cut(rest, "/")
		target = "/" + path
	}

	named, n := r.all("Host")
	switch {
	case n > 0:
		name, port := r.host, r.port
		if !a.setHost(r, named) {
			r.host, r.port = a.name, ""
			return &fault{status: 400}
		}
		if absolute {
			r.host, r.port = name, port
		}
	case r.version == http11:
		return &fault{status: 400}
	}

	if te, n := r.all("Transfer-Encoding"); n > 0 {
		codings := strings.Split(te, ",")
		if !strings.EqualFold(strings.Trim(codings[len(codings)-1], " \t"), "chunked") {
			return &fault{status: 400}
		}
		r.chunked = true
		if _, n := r.all("Content-Length"); n > 0 {
			r.keepAlive, r.asked = false, false
		}
	} else if cl, n := r.all("Content-Length"); n > 0 {
		length, ok := digits(cl)
		if !ok {
			return &fault{status: 400}
		}
		r.length = length
	}

	if r.method == "OPTIONS" && target == "*" {
		r.path = "*"
		return a.expect(r)
	}
	path, query, _ := strings.Cut(target, "?")
	r.query = query
	if path == "" && target != "" || path == "" && absolute {
		path = "/"
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(target, "#") {
		return &fault{status: 400}
	}
	decoded, ok, nul, slash := unescape(path)
	if !ok {
		return &fault{status: 400}
	}
	clean, ok := normalize(decoded)
	if !ok {
		return &fault{status: 400}
	}
	r.path = clean
	if r.length > 1<<30 {
		return &fault{status: 413, bare: true}
	}
	if f := a.expect(r); f != nil {
		return f
	}
	if nul || slash {
		r.path = "/\x00" // nothing is there, by design
	}
	return nil
}

func (a *apache) expect(r *request) *fault {
	v, ok := r.value("Expect")
	if !ok || r.version != http11 {
		return nil
	}
	if !strings.EqualFold(v, "100-continue") {
		return &fault{status: 417, detail: "The client sent<pre>\n    Expect: " + html.EscapeString(v) +
			"\n</pre>\n</p><p>Only the 100-continue expectation is supported.</p>\n"}
	}
	r.expecting = true
	return nil
}

// cutScheme removes "scheme://" in whatever case from target.
func cutScheme(target, scheme string) (string, bool) {
	n := len(scheme) + 3
	if len(target) < n || !strings.EqualFold(target[:len(scheme)], scheme) || target[len(scheme):n] != "://" {
		return target, false
	}
	return target[n:], true
}

// setHost takes name and port of the virtual host from a Host value or an authority.
func (a *apache) setHost(r *request, v string) bool {
	name, port := v, ""
	if strings.HasPrefix(v, "[") {
		end := strings.IndexByte(v, ']')
		if end < 0 {
			return false
		}
		if _, err := netip.ParseAddr(v[1:end]); err != nil {
			return false
		}
		name, port = v[1:end], v[end+1:]
		if port != "" && port[0] != ':' {
			return false
		}
		port = strings.TrimPrefix(port, ":")
	} else {
		if colon := strings.LastIndexByte(v, ':'); colon >= 0 {
			name, port = v[:colon], v[colon+1:]
			if port == "" {
				port = "?"
			}
		}
		name = strings.TrimSuffix(name, ".")
		if name == "" || strings.Contains(name, "..") || name[0] == '.' {
			return false
		}
		for i := range len(name) {
			c := name[i]
			if c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	if port != "" {
		if n, ok := digits(port); !ok || n < 1 || n > 65535 {
			return false
		}
	}
	r.host, r.port = strings.ToLower(name), port
	return true
}

func (a *apache) interrupted(started, timeout bool) *fault {
	switch {
	case !started:
		return nil
	case timeout:
		return &fault{status: 408}
	}
	return &fault{status: 400}
}

func (a *apache) badBody(r *request, err error) *fault {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{status: 408}
	case errors.Is(err, errTooLarge):
		return &fault{status: 413, bare: true}
	case errors.Is(err, errBadChunk):
		return &fault{status: 400, bare: true}
	}
	return &fault{status: 400}
}

// apacheMethods are the methods that httpd knows. For others it does not know what to do
// with any resource, for these it allows GET, POST, OPTIONS and HEAD.
const apacheMethods = " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK " +
	"VERSION-CONTROL CHECKOUT UNCHECKOUT CHECKIN UPDATE LABEL REPORT MKWORKSPACE MKACTIVITY BASELINE-CONTROL MERGE BREW WHEN "

// hidden reports whether Debian's configuration denies path to everybody, or the path
// cannot be a file name.
func (a *apache) hidden(path string) bool {
	if len(path) > 4096 || path == "/server-status" || path == "/icons/" {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) > 255 || strings.HasPrefix(segment, ".ht") {
			return true
		}
	}
	return false
}

func (a *apache) readsFirst(r *request, res *resource) bool {
	return !r.expecting || res == nil || res.realm == "" && res.status == 0 && !a.hidden(r.path)
}

func (a *apache) respond(x *exchange, res *resource) *response {
	r := x.request
	switch {
	case r.method == "OPTIONS" && r.path == "*":
		return &response{status: 200, fields: []field{{"Content-Length", "0"}}}
	case r.method == "TRACE":
		return a.refuse(r, &fault{status: 405, fields: []field{{"Allow", ""}}, open: true})
	case a.hidden(r.path), res != nil && res.status == 403:
		return a.refuse(r, &fault{status: 403, open: true})
	case res != nil && res.realm != "":
		return a.challenge(x, res)
	case res != nil && res.script != nil:
		return res.script(x)
	case !strings.Contains(apacheMethods, " "+r.method+" "):
		return a.refuse(r, &fault{status: 501, fields: []field{{"Allow", a.allow}}})
	case r.method == "OPTIONS":
		p := &response{status: 200, fields: []field{{"Allow", a.allow}, {"Content-Length", "0"}}}
		if res != nil && res.page != nil {
			p.ctype = res.page.ctype
		}
		return p
	case r.method != "GET" && r.method != "HEAD" && r.method != "POST":
		return a.refuse(r, &fault{status: 405, fields: []field{{"Allow", a.allow}}, open: true})
	case res == nil:
		return a.refuse(r, &fault{status: 404, open: true})
	case res.dir:
		return a.redirect(r, 301, r.scheme()+"://"+r.authority()+escapePath(r.path)+"/"+withQuery(r.query))
	}
	return a.static(x, res.page)
}

func withQuery(q string) string {
	if q == "" {
		return ""
	}
	return "?" + q
}

// escapePath escapes what may not stand in the path of a Location.
func escapePath(path string) string {
	const safe = "$-_.+!*'(),:@&=/~;"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func (a *apache) redirect(r *request, status int, location string) *response {
	return a.refuse(r, &fault{
		status: status,
		detail: `<p>The document has moved <a href="` + html.EscapeString(location) + `">here</a>.</p>` + "\n",
		fields: []field{{"Location", location}}, open: true,
	})
}

func (a *apache) challenge(x *exchange, res *resource) *response {
	value := `Basic realm="` + res.realm + `"`
	if res.digest {
		value = `Digest realm="` + res.realm + `", nonce="` + a.nonce() + `", algorithm=MD5, qop="auth"`
	}
	return a.refuse(x.request, &fault{status: 401, fields: []field{{"WWW-Authenticate", value}}, open: true})
}

// compressed lists the types that Debian's deflate.conf compresses.
const compressed = " text/html text/plain text/xml text/css text/javascript application/x-javascript application/javascript " +
	"application/ecmascript application/rss+xml application/wasm application/xml "

// deflateFloor is the smallest content that mod_deflate takes in hand.
const deflateFloor = 69

func (a *apache) static(x *exchange, p *page) *response {
	r := x.request
	etag := p.sizeTag
	out := &response{status: precondition(r, p, etag), ctype: p.ctype, fields: make([]field, 0, 8)}
	vary := p.size >= deflateFloor && strings.Contains(compressed, " "+bareType(p.ctype)+" ")
	zip := vary && p.deflate != nil && out.status == 200 && acceptsGzip(r)
	shown := etag
	if zip {
		shown = etag[:len(etag)-1] + `-gzip"`
	}
	out.fields = append(out.fields, field{"Last-Modified", p.modified}, field{"ETag", shown}, field{"Accept-Ranges", "bytes"})
	switch out.status {
	case 304:
		out.ctype = ""
		return out
	case 412:
		length := "0"
		if r.method == "HEAD" {
			length = p.length
		}
		out.fields = append(out.fields, field{"Content-Length", length})
		return out
	}
	content := p
	if zip {
		body := p.deflate()
		content = &page{body: body, size: int64(len(body)), ctype: p.ctype, length: strconv.Itoa(len(body))}
		out.fields = append(out.fields, field{"Vary", "Accept-Encoding"}, field{"Content-Encoding", "gzip"})
	}
	parts := []byteRange{content.whole()}
	if v, ok := r.value("Range"); ok && fresh(r, shown, p) {
		if wanted, ok := ranges(v, content.size, false); ok {
			switch len(wanted) {
			case 0:
				x.conn.kept++ // httpd counts the refusal as a request of its own
				return a.refuse(r, &fault{status: 416, open: true})
			case 1:
				out.status, parts = 206, wanted
			default:
				if content.body != nil {
					return a.byteranges(x, out, content, wanted, vary && !zip)
				}
			}
		}
	}
	body, stream, err := content.part(parts[0])
	if err != nil {
		return a.refuse(r, &fault{status: 403, open: true})
	}
	out.body, out.stream, out.size = body, stream, parts[0].length
	length := field{"Content-Length", content.length}
	if out.status == 206 {
		length.value = strconv.FormatInt(parts[0].length, 10)
	}
	if !zip {
		out.fields = append(out.fields, length)
		if vary {
			out.fields = append(out.fields, field{"Vary", "Accept-Encoding"})
		}
	}
	if out.status == 206 {
		out.fields = append(out.fields, field{"Content-Range", contentRange(parts[0], content.size)})
	}
	if zip {
		out.fields = append(out.fields, length)
	}
	return out
}

func (a *apache) byteranges(x *exchange, out *response, content *page, parts []byteRange, vary bool) *response {
	boundary := strings.TrimLeft(a.nonce()[:16], "0") // printed with %lx
	out.status = 206
	out.ctype = "multipart/byteranges; boundary=" + boundary
	out.body = content.multipart(parts, boundary, [2]string{"Content-type", "Content-range"})
	out.fields = append(out.fields, field{"Content-Length", strconv.Itoa(len(out.body))})
	if vary {
		out.fields = append(out.fields, field{"Vary", "Accept-Encoding"})
	}
	return out
}

// fresh evaluates If-Range.
func fresh(r *request, etag string, p *page) bool {
	v, ok := r.value("If-Range")
	return !ok || v == etag || v == p.modified
}

// bareType returns a media type without its parameters.
func bareType(ctype string) string {
	bare, _, _ := strings.Cut(ctype, ";")
	return strings.TrimSpace(bare)
}

func (a *apache) refuse(r *request, f *fault) *response {
	p := &response{status: f.status, ctype: "text/html; charset=iso-8859-1", fields: f.fields, bare: f.bare}
	if f.silent {
		return p
	}
	p.body = a.errorPage(r, f)
	switch f.status {
	case 416:
		p.bare, p.chunked = true, true
	case 417:
		p.hangup = true
	default:
		p.close = !f.open
	}
	if !p.bare && r.method != "HEAD" {
		p.fields = append(p.fields[:len(p.fields):len(p.fields)], field{"Content-Length", strconv.Itoa(len(p.body))})
	}
	return p
}

// reasons are the reason phrases of httpd.
var reasons = map[int]string{
	200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
	301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
	411: "Length Required", 412: "Precondition Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
	415: "Unsupported Media Type", 416: "Requested Range Not Satisfiable", 417: "Expectation Failed", 418: "I'm A Teapot",
	421: "Misdirected Request", 422: "Unprocessable Entity", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
}

func reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Unknown"
}

// errorPage is the page that httpd makes for a status, with ServerSignature On.
func (a *apache) errorPage(r *request, f *fault) []byte {
	port := r.port
	if port == "" {
		port = "80"
		if r.secure {
			port = "443"
		}
	}
	title := strconv.Itoa(f.status) + " " + reason(f.status)
	var b bytes.Buffer
	b.WriteString(a.doctype + "\n<html><head>\n<title>" + title + "</title>\n</head><body>\n<h1>" + reason(f.status) + "</h1>\n")
	b.WriteString(a.explain(r, f))
	b.WriteString("<hr>\n<address>" + html.EscapeString(a.server) + " Server at " + r.host + " Port " + port + "</address>\n</body></html>\n")
	return b.Bytes()
}

func (a *apache) explain(r *request, f *fault) string {
	method := html.EscapeString(r.method)
	switch f.status {
	case 301, 302, 303, 307, 308:
		return f.detail
	case 400:
		return "<p>Your browser sent a request that this server could not understand.<br />\n" + f.detail + "</p>\n"
	case 401:
		return "<p>This server could not verify that you\nare authorized to access the document\nrequested.  Either you supplied the wrong\n" +
			"credentials (e.g., bad password), or your\nbrowser doesn't understand how to supply\nthe credentials required.</p>\n"
	case 403:
		return "<p>You don't have permission to access this resource.</p>\n"
	case 404:
		return "<p>The requested URL was not found on this server.</p>\n"
	case 405:
		return "<p>The requested method " + method + " is not allowed for this URL.</p>\n"
	case 408:
		return "<p>Server timeout waiting for the HTTP request from the client.</p>\n"
	case 413:
		return "The requested resource does not allow request data with " + method +
			" requests, or the amount of data provided in\nthe request exceeds the capacity limit.\n"
	case 414:
		return "<p>The requested URL's length exceeds the capacity\nlimit for this server.<br />\n</p>\n"
	case 416:
		return "<p>None of the range-specifier values in the Range\nrequest-header field overlap the current extent\nof the selected resource.</p>\n"
	case 417:
		return "<p>The expectation given in the Expect request-header\nfield could not be met by this server.\n" + f.detail
	case 501:
		return "<p>" + method + " not supported for current URL.<br />\n</p>\n"
	case 503:
		return "<p>The server is temporarily unable to service your\nrequest due to maintenance downtime or capacity\nproblems. Please try again later.</p>\n"
	}
	return "<p>The server encountered an internal error or\nmisconfiguration and was unable to complete\nyour request.</p>\n" +
		"<p>Please contact the server administrator at \n webmaster@localhost to inform them of the time this error occurred,\n" +
		" and the actions you performed just before this error.</p>\n<p>More information about this error may be available\nin the server error log.</p>\n"
}

func (a *apache) appendHead(dst []byte, c *conn, r *request, p *response, now time.Time) []byte {
	bodiless := p.status == 304 || p.status == 204
	if p.script && !bodiless {
		a.frameScript(r, p)
	}
	left := a.bounds().requests - c.kept
	if r.version == http09 {
		p.hangup = true
		return dst
	}
	if !p.hangup && (r.expecting || !r.keepAlive || left <= 0) {
		p.close = true
	}
	if p.chunked && (p.close || r.version != http11) {
		p.chunked, p.close = false, true
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(append(append(dst, ' '), reason(p.status)...), "\r\n"...)
	dst = appendDate(dst, now)
	dst = appendField(dst, "Server", a.server)
	for _, f := range a.extra {
		dst = appendField(dst, f.name, f.value)
	}
	for _, f := range p.fields {
		dst = appendField(dst, f.name, f.value)
	}
	switch {
	case p.close:
		dst = append(dst, "Connection: close\r\n"...)
	case p.hangup:
	case r.asked:
		dst = append(dst, "Keep-Alive: timeout=5, max="...)
		dst = strconv.AppendInt(dst, int64(left), 10)
		dst = append(dst, "\r\nConnection: Keep-Alive\r\n"...)
	}
	if p.chunked && r.method != "HEAD" {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if p.ctype != "" {
		dst = appendField(dst, "Content-Type", p.ctype)
	}
	return append(dst, "\r\n"...)
}

// frameScript gives the output of a program its framing: PHP hands over what fits its
// output buffer at once, with a length, and more in pieces without one.
func (a *apache) frameScript(r *request, p *response) {
	const outputBuffer = 4096
	fields := p.fields[:len(p.fields):len(p.fields)]
	if p.stream != nil {
		p.fields = append(fields, field{"Content-Length", strconv.FormatInt(p.size, 10)})
		return
	}
	if len(p.body) >= deflateFloor && strings.Contains(compressed, " "+bareType(p.ctype)+" ") {
		fields = append(fields, field{"Vary", "Accept-Encoding"})
		if acceptsGzip(r) {
			p.body = compress(p.body, -1)
			fields = append(fields, field{"Content-Encoding", "gzip"})
		}
	}
	switch {
	case len(p.body) > outputBuffer:
		p.chunked = true
	case r.method != "HEAD":
		fields = append(fields, field{"Content-Length", strconv.Itoa(len(p.body))})
	}
	p.fields = fields
}

func (a *apache) plainOnTLS(c *conn) (*response, error) {
	for c.w-c.r < 5 {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	r := &c.request
	*r = request{version: http10, host: a.name, raw: string(c.buf[c.r:c.w])}
	start := c.buf[c.r : c.r+5]
	for _, method := range [...]string{"GET ", "POST ", "HEAD ", "PUT "} {
		if bytes.HasPrefix(start, []byte(method)) {
			return a.refuse(r, &fault{status: 400, detail: "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n" +
				" Instead use the HTTPS scheme to access this URL, please.<br />\n"}), nil
		}
	}
	return nil, io.EOF
}
