package web

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// nginx answers as nginx with Debian's configuration: gzip on, server_tokens on, files
// tried before a 404.
type nginx struct{ host }

// The buffers of nginx: large_client_header_buffers 4 8k, client_max_body_size 1m.
const (
	nginxLine    = 8190 // bytes of a line with its end
	nginxHead    = 4 * 8192
	nginxMaxBody = 1 << 20
)

func (n *nginx) bounds() bounds {
	return bounds{
		blank: 1 << 16, fields: 1 << 16, total: nginxHead,
		first: time.Minute, keepAlive: 75 * time.Second,
		head: time.Minute, body: time.Minute,
		linger: 5 * time.Second, holdsOpen: true, requests: 999,
	}
}

func (n *nginx) tooLarge(first bool) *fault {
	if first {
		return &fault{status: 414}
	}
	return &fault{status: 400, detail: "Request Header Or Cookie Too Large"}
}

func (n *nginx) tooMany() *fault { return n.tooLarge(false) }

func (n *nginx) unfinished(line []byte, first bool) *fault {
	if len(line) > nginxLine {
		return n.tooLarge(first)
	}
	if !first {
		return nil
	}
	if _, _, f := scanRequestLine(line); f != nil {
		return f
	}
	return nil
}

func (n *nginx) parseRequestLine(line []byte) (requestLine, *fault) {
	if len(line) > nginxLine+1 {
		return requestLine{version: http10}, n.tooLarge(true)
	}
	l, complete, f := scanRequestLine(line)
	if f == nil && !complete {
		f = &fault{status: 400}
	}
	if f == nil && l.version == http09 && string(line[l.method.a:l.method.b]) != "GET" {
		f = &fault{status: 400}
	}
	return l, f
}

// scanRequestLine reads a request line, or its beginning, as far as it goes. complete
// says that it lacks nothing but its LF.
func scanRequestLine(line []byte) (l requestLine, complete bool, f *fault) {
	l.version = http10
	i := 0
	for i < len(line) && (line[i] >= 'A' && line[i] <= 'Z' || line[i] == '_' || line[i] == '-') {
		i++
	}
	l.method = span{0, i}
	if i == len(line) {
		return l, false, nil
	}
	if line[i] != ' ' || i == 0 {
		return l, false, &fault{status: 400}
	}
	for i < len(line) && line[i] == ' ' {
		i++
	}
	l.target = span{i, i}
	if i == len(line) {
		return l, false, nil
	}
	if line[i] != '/' {
		start := i
		for i < len(line) && (line[i]|0x20 >= 'a' && line[i]|0x20 <= 'z' || i > start && (line[i] >= '0' && line[i] <= '9' || line[i] == '+' || line[i] == '-' || line[i] == '.')) {
			i++
		}
		if i == start {
			return l, false, &fault{status: 400}
		}
		for _, c := range []byte("://") {
			if i == len(line) {
				return l, false, nil
			}
			if line[i] != c {
				return l, false, &fault{status: 400}
			}
			i++
		}
		host := i
		for i < len(line) && isHostByte(line[i]) {
			i++
		}
		if i == len(line) {
			return l, false, nil
		}
		if i == host || line[i] != '/' && line[i] != '?' && line[i] != ' ' {
			return l, false, &fault{status: 400}
		}
	}
	for i < len(line) && line[i] > ' ' && line[i] != 0x7f {
		i++
	}
	l.target.b = i
	switch {
	case i == len(line):
		l.version = http09
		return l, true, nil
	case line[i] == '\r':
		l.version = http09
		if i+1 == len(line) {
			return l, true, nil
		}
		return l, false, &fault{status: 400}
	case line[i] != ' ':
		return l, false, &fault{status: 400}
	}
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if i == len(line) || line[i] == '\r' && i+1 == len(line) {
		l.version = http09
		return l, true, nil
	}
	l.proto = span{i, i}
	for _, c := range []byte("HTTP/") {
		if i == len(line) {
			return l, false, nil
		}
		if line[i] != c {
			return l, false, &fault{status: 400}
		}
		i++
	}
	major, j := number(line, i)
	switch {
	case major > 1:
		return l, false, &fault{status: 505}
	case j == len(line) && (j == i || line[i] != '0'):
		return l, false, nil
	case j == i, line[i] == '0', line[j] != '.':
		return l, false, &fault{status: 400}
	}
	i = j + 1
	minor, j := number(line, i)
	if j == i && j < len(line) || j-i > 2 {
		return l, false, &fault{status: 400}
	}
	l.proto.b = j
	if minor > 0 {
		l.version = http11
	}
	for i = j; i < len(line) && line[i] == ' '; i++ {
	}
	if i < len(line) && line[i] == '\r' {
		i++
	}
	if i < len(line) {
		return l, false, &fault{status: 400}
	}
	return l, j > l.proto.a+7, nil
}

func number(b []byte, i int) (n, end int) {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		n = min(n*10+int(b[i]-'0'), 1000)
		i++
	}
	return n, i
}

func isHostByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(".-_~!$&'()*+,;=:[]%", c) >= 0
}

func (n *nginx) parseField(line []byte, _ int) (headField, *fault) {
	if len(line) > nginxLine+1 {
		return headField{}, n.tooLarge(false)
	}
	body := bytes.TrimSuffix(line, []byte{'\r'})
	if bytes.IndexByte(body, 0) >= 0 || bytes.IndexByte(body, '\r') >= 0 {
		return headField{}, &fault{status: 400}
	}
	valid := true
	for i, c := range body {
		switch {
		case c == ':':
			if i == 0 {
				return headField{}, &fault{status: 400}
			}
			if !valid {
				return headField{}, nil
			}
			return headField{name: span{0, i}, value: trimmed(body, i+1)}, nil
		case c <= ' ' || c == 0x7f:
			return headField{}, &fault{status: 400}
		case c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z'):
			valid = false
		}
	}
	return headField{}, nil
}

func (n *nginx) accept(r *request) *fault {
	connection, _ := r.all("Connection")
	connection = strings.ToLower(connection)
	r.keepAlive = r.version == http11
	r.expecting = r.version == http11 && strings.EqualFold(r.get("Expect"), "100-continue")
	switch {
	case strings.Contains(connection, "close"):
		r.keepAlive = false
	case strings.Contains(connection, "keep-alive"):
		r.keepAlive = true
	}
	target := r.target
	if !strings.HasPrefix(target, "/") {
		_, rest, _ := strings.Cut(target, "://")
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		r.host = rest[:end]
		target = rest[end:]
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	named, count := r.all("Host")
	switch {
	case count > 1, count == 1 && !validHost(named), count == 0 && r.version == http11:
		return &fault{status: 400}
	case r.host == "" && count == 1:
		r.host = named
	}
	if colon := strings.LastIndexByte(r.host, ':'); colon > strings.LastIndexByte(r.host, ']') {
		r.host = r.host[:colon]
	}
	r.host = strings.ToLower(strings.TrimSuffix(r.host, "."))

	te, tes := r.all("Transfer-Encoding")
	cl, cls := r.all("Content-Length")
	if cls > 0 {
		length, ok := digits(cl)
		if !ok || cls > 1 {
			return &fault{status: 400}
		}
		r.length = length
	}
	switch {
	case tes > 1, tes == 1 && r.version != http11:
		return &fault{status: 400}
	case tes == 1 && !strings.EqualFold(te, "chunked"):
		return &fault{status: 501}
	case tes == 1 && cls > 0:
		return &fault{status: 400}
	case tes == 1:
		r.chunked = true
	}

	path, _, _ := strings.Cut(target, "#")
	path, r.query, _ = strings.Cut(path, "?")
	decoded, ok, nul, _ := unescape(path)
	if !ok || nul {
		return &fault{status: 400}
	}
	if r.path, ok = normalize(decoded); !ok {
		return &fault{status: 400}
	}
	switch {
	case r.method == "TRACE", r.method == "CONNECT":
		return &fault{status: 405}
	case r.length > nginxMaxBody:
		return &fault{status: 413}
	}
	return nil
}

// validHost reports whether nginx takes v as a Host value.
func validHost(v string) bool {
	if v == "" || v[0] == ':' {
		return false
	}
	for i := range len(v) {
		switch c := v[i]; {
		case c <= ' ' || c == 0x7f || c == '/' || c == '\\':
			return false
		case c == '.' && i > 0 && v[i-1] == '.':
			return false
		}
	}
	return true
}

func (n *nginx) interrupted(bool, bool) *fault { return nil }

func (n *nginx) badBody(_ *request, err error) *fault {
	switch {
	case errors.Is(err, errBadChunk):
		return &fault{status: 400}
	case errors.Is(err, errTooLarge):
		return &fault{status: 413}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{status: 408, silent: true}
	}
	return &fault{status: 400, silent: true}
}

func (n *nginx) readsFirst(_ *request, res *resource) bool {
	return res != nil && res.script != nil && res.realm == ""
}

func (n *nginx) respond(x *exchange, res *resource) *response {
	r := x.request
	switch {
	case res == nil:
		return n.refuse(r, &fault{status: 404, open: true})
	case res.realm != "":
		return n.refuse(r, &fault{status: 401, fields: []field{{"WWW-Authenticate", `Basic realm="` + res.realm + `"`}}, open: true})
	case res.status == 403:
		return n.refuse(r, &fault{status: 403, open: true})
	case res.script != nil:
		return res.script(x)
	case res.dir:
		host := r.host
		if host == "" {
			host = x.conn.session.Local.Addr().String()
		}
		p := n.refuse(r, &fault{status: 301, open: true})
		p.location = r.scheme() + "://" + host + escapePath(r.path) + "/" + withQuery(r.query)
		return p
	case r.method != "GET" && r.method != "HEAD":
		return n.refuse(r, &fault{status: 405, open: true})
	case r.chunked && brokenChunks(x.conn.unread()):
		return n.refuse(r, &fault{status: 400})
	}
	return n.static(x, res.page)
}

func (n *nginx) static(x *exchange, p *page) *response {
	r := x.request
	etag := `"` + strconv.FormatInt(p.modTime.Unix(), 16) + "-" + strconv.FormatInt(p.size, 16) + `"`
	ctype := p.ctype
	if ctype == "" {
		ctype = "application/octet-stream"
	}
	modified := field{"Last-Modified", p.modified}
	switch precondition(r, p, etag) {
	case 304:
		return &response{status: 304, fields: []field{modified, {"ETag", etag}}}
	case 412:
		out := n.refuse(r, &fault{status: 412, open: true})
		out.hangup = true
		return out
	}
	if p.gzip != nil && p.size >= 20 && bareType(ctype) == "text/html" && r.version == http11 && acceptsGzip(r) {
		return &response{
			status: 200, ctype: ctype, body: p.gzip(), chunked: true,
			fields: []field{modified, {"ETag", "W/" + etag}, {"Content-Encoding", "gzip"}},
		}
	}
	out := &response{status: 200, ctype: ctype, fields: []field{modified, {"ETag", etag}, {"Accept-Ranges", "bytes"}}}
	part := p.whole()
	if v, ok := r.value("Range"); ok && fresh(r, etag, p) && strings.HasPrefix(v, "bytes=") {
		wanted, ok := ranges(v, p.size, true)
		switch {
		case !ok || len(wanted) == 0:
			refused := n.refuse(r, &fault{status: 416, open: true})
			refused.fields = []field{{"Content-Range", "bytes */" + p.length}}
			return refused
		case len(wanted) == 1:
			out.status, part = 206, wanted[0]
			out.fields[2] = field{"Content-Range", contentRange(part, p.size)}
		case p.body != nil:
			boundary, _ := strconv.ParseUint(n.nonce()[:8], 16, 64)
			mark := strconv.FormatUint(boundary, 10)
			mark = strings.Repeat("0", 20-len(mark)) + mark
			out.status = 206
			sized := *p
			sized.ctype = ctype
			out.ctype = "multipart/byteranges; boundary=" + mark
			out.body = sized.multipart(wanted, mark, [2]string{"Content-Type", "Content-Range"})
			out.fields = out.fields[:2]
			return out
		}
	}
	body, stream, err := p.part(part)
	if err != nil {
		return n.refuse(r, &fault{status: 403, open: true})
	}
	out.body, out.stream, out.size = body, stream, part.length
	return out
}

// nginxReasons are the phrases in which nginx differs.
var nginxReasons = map[int]string{
	302: "Moved Temporarily", 405: "Not Allowed", 408: "Request Time-out", 414: "Request-URI Too Large",
	503: "Service Temporarily Unavailable", 504: "Gateway Time-out",
}

func nginxReason(status int) string {
	if s, ok := nginxReasons[status]; ok {
		return s
	}
	return reason(status)
}

const nginxPadding = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n"

func (n *nginx) refuse(r *request, f *fault) *response {
	title := strconv.Itoa(f.status) + " " + nginxReason(f.status)
	heading := title
	if f.status == 401 {
		title, heading = "401 Authorization Required", "401 Authorization Required"
	}
	if f.detail != "" {
		title = "400 " + f.detail
	}
	var b strings.Builder
	b.WriteString("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + heading + "</h1></center>\r\n")
	if f.detail != "" {
		b.WriteString("<center>" + f.detail + "</center>\r\n")
	}
	b.WriteString("<hr><center>" + n.server + "</center>\r\n</body>\r\n</html>\r\n")
	if f.status >= 400 && r.version != http09 {
		if agent := r.get("User-Agent"); strings.Contains(agent, "Chrome/") || strings.Contains(agent, "MSIE ") {
			b.WriteString(strings.Repeat(nginxPadding, 6))
		}
	}
	p := &response{status: f.status, ctype: "text/html", fields: f.fields, body: []byte(b.String()), close: !f.open}
	if f.open && r.version == http11 && acceptsGzip(r) && f.status != 301 {
		// gzip_types holds for error pages of these statuses alone.
		switch f.status {
		case 403, 404:
			p.body, p.chunked = compress(p.body, 1), true
			p.fields = append(p.fields[:len(p.fields):len(p.fields)], field{"Content-Encoding", "gzip"})
		}
	}
	return p
}

func (n *nginx) appendHead(dst []byte, c *conn, r *request, p *response, now time.Time) []byte {
	if r.version == http09 {
		p.hangup = true
		return dst
	}
	if p.script && p.stream == nil && p.status != 304 && p.status != 204 {
		p.chunked = true
		if r.version == http11 && bareType(p.ctype) == "text/html" && acceptsGzip(r) {
			p.body = compress(p.body, 1)
			p.fields = append(p.fields[:len(p.fields):len(p.fields)], field{"Content-Encoding", "gzip"})
		}
	}
	if !r.keepAlive || c.kept >= n.bounds().requests || r.chunked && brokenChunks(c.unread()) {
		p.close = true
	}
	framed := !p.chunked
	if p.chunked && r.version != http11 {
		p.chunked, p.close = false, true
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(append(append(dst, ' '), nginxReason(p.status)...), "\r\n"...)
	dst = appendField(dst, "Server", n.server)
	dst = appendDate(dst, now)
	if p.ctype != "" {
		dst = appendField(dst, "Content-Type", p.ctype)
	}
	if framed && p.status != 304 && p.status != 204 {
		dst = appendLength(dst, p.length())
	}
	for _, f := range p.fields {
		if f.name == "Last-Modified" {
			dst = appendField(dst, f.name, f.value)
		}
	}
	if p.location != "" {
		dst = appendField(dst, "Location", p.location)
	}
	if p.chunked && r.method != "HEAD" {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if p.close {
		dst = append(dst, "Connection: close\r\n"...)
	} else {
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	for _, f := range p.fields {
		if f.name != "Last-Modified" {
			dst = appendField(dst, f.name, f.value)
		}
	}
	for _, f := range n.extra {
		dst = appendField(dst, f.name, f.value)
	}
	return append(dst, "\r\n"...)
}

func (n *nginx) plainOnTLS(c *conn) (*response, error) {
	r := &c.request
	f, _, err := c.readRequest(n, false)
	if err != nil {
		return nil, err
	}
	if f == nil || f.status == 405 || f.status == 413 {
		f = &fault{status: 400, detail: "The plain HTTP request was sent to HTTPS port"}
	}
	r.keepAlive = false
	return n.refuse(r, f), nil
}
