package web

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// iis answers as IIS 10 behind HTTP.sys, which refuses what it cannot parse by itself
// and under a name of its own.
type iis struct{ host }

func (s *iis) bounds() bounds {
	return bounds{
		blank: 0, fields: 1 << 16, total: 16 << 10,
		first: 2 * time.Minute, keepAlive: 2 * time.Minute,
		head: 2 * time.Minute, body: 2 * time.Minute,
		linger: 2 * time.Second, requests: 1 << 30,
	}
}

const kernelServer = "Microsoft-HTTPAPI/2.0"

func badRequest(explanation string) *fault { return &fault{status: 400, detail: explanation} }

var (
	badForm = "Bad Request|HTTP Error 400. The request is badly formed."
	badVerb = "Bad Request - Invalid Verb|HTTP Error 400. The request verb is invalid."
	badURL  = "Bad Request - Invalid URL|HTTP Error 400. The request URL is invalid."
	badHost = "Bad Request - Invalid Hostname|HTTP Error 400. The request hostname is invalid."
	badName = "Bad Request - Invalid Header|HTTP Error 400. The request has an invalid header name."
	badSize = "Bad Request - Request Too Long|HTTP Error 400. The size of the request headers is too long."
)

func (s *iis) unfinished(line []byte, first bool) *fault {
	if len(line) > 16<<10 {
		return s.tooLarge(first)
	}
	return nil
}

func (s *iis) tooLarge(first bool) *fault {
	if first {
		return &fault{status: 414, detail: "Request-URI Too Long|HTTP Error 414. The request URL is too long."}
	}
	return badRequest(badSize)
}

func (s *iis) tooMany() *fault { return badRequest(badSize) }

func (s *iis) parseRequestLine(line []byte) (requestLine, *fault) {
	l := requestLine{version: http10}
	body := bytes.TrimSuffix(line, []byte{'\r'})
	one := bytes.IndexByte(body, ' ')
	if one < 0 {
		l.method = span{0, len(body)}
		return l, badRequest(badVerb)
	}
	l.method = span{0, one}
	last := bytes.LastIndexByte(body, ' ')
	if last == one {
		l.target = span{one + 1, len(body)}
		return l, badRequest(badForm)
	}
	l.target, l.proto = span{one + 1, last}, span{last + 1, len(body)}
	proto := string(body[last+1:])
	switch {
	case !isToken(body[:one]):
		return l, badRequest(badVerb)
	case !visible(body[one+1 : last]):
		return l, badRequest(badURL)
	case proto == "HTTP/1.1":
		l.version = http11
	case proto == "HTTP/1.0":
	case strings.HasPrefix(proto, "HTTP/"):
		return l, &fault{status: 505, detail: "HTTP Version Not Supported|HTTP Error 505. The HTTP version is not supported."}
	default:
		return l, badRequest(badForm)
	}
	return l, nil
}

func (s *iis) parseField(line []byte, before int) (headField, *fault) {
	body := bytes.TrimSuffix(line, []byte{'\r'})
	if (body[0] == ' ' || body[0] == '\t') && before > 0 {
		return headField{value: trimmed(body, 0), continuation: true}, nil
	}
	colon := bytes.IndexByte(body, ':')
	if colon < 0 || !isToken(body[:colon]) {
		return headField{}, badRequest(badName)
	}
	return headField{name: span{0, colon}, value: trimmed(body, colon+1)}, nil
}

func (s *iis) accept(r *request) *fault {
	connection, _ := r.all("Connection")
	r.asked = hasToken(connection, "keep-alive")
	r.keepAlive = r.asked || r.version == http11 && !hasToken(connection, "close")
	named, n := r.all("Host")
	if n > 1 || n == 0 && r.version == http11 || n == 1 && !validHost(named) {
		return badRequest(badHost)
	}
	r.host = strings.ToLower(named)
	target := r.target
	if rest, ok := cutScheme(target, r.scheme()); ok {
		host, path, _ := strings.Cut(rest, "/")
		r.host, target = host, "/"+path
	}
	if te, n := r.all("Transfer-Encoding"); n > 0 {
		if !strings.EqualFold(te, "chunked") {
			return &fault{status: 501, detail: "Not Implemented|HTTP Error 501. The request transfer-encoding type is not supported."}
		}
		r.chunked = true
	} else if cl, n := r.all("Content-Length"); n > 0 {
		length, ok := digits(cl)
		if !ok {
			return badRequest("Bad Request - Invalid Content Length|HTTP Error 400. There is an invalid content length or chunk length in the request.")
		}
		r.length = length
	} else if r.method == "POST" || r.method == "PUT" {
		return &fault{status: 411, detail: "Length Required|HTTP Error 411. The request must be chunked or have a content length."}
	}
	if r.method == "OPTIONS" && target == "*" {
		r.path = "*"
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	r.query = query
	decoded, ok, nul, _ := unescape(path)
	if !strings.HasPrefix(path, "/") || !ok || nul {
		return badRequest(badURL)
	}
	// A path that leads above the root ends at the root.
	clean, ok := normalize(strings.ReplaceAll(decoded, `\`, "/"))
	if !ok {
		clean = "/"
	}
	r.path = strings.ToLower(clean)
	r.expecting = strings.EqualFold(r.get("Expect"), "100-continue") && r.version == http11
	return nil
}

func (s *iis) interrupted(bool, bool) *fault { return nil }

func (s *iis) badBody(_ *request, err error) *fault {
	switch {
	case errors.Is(err, errBadChunk):
		return badRequest("Bad Request - Invalid Content Length|HTTP Error 400. There is an invalid content length or chunk length in the request.")
	case errors.Is(err, errTooLarge):
		return &fault{status: 413, detail: "Request Entity Too Large|HTTP Error 413. The request entity is too large."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{status: 408, silent: true}
	}
	return &fault{status: 400, silent: true}
}

func (s *iis) readsFirst(*request, *resource) bool { return true }

func (s *iis) respond(x *exchange, res *resource) *response {
	r := x.request
	const public = "OPTIONS, TRACE, GET, HEAD, POST"
	switch {
	case r.method == "OPTIONS":
		return &response{status: 200, fields: []field{{"Allow", "OPTIONS, TRACE, GET, HEAD, POST"}, {"Public", public}}}
	case r.method == "TRACE":
		return s.refuse(r, &fault{status: 501, open: true})
	case res == nil:
		return s.refuse(r, &fault{status: 404, open: true})
	case res.realm != "":
		return s.challenge(x, res)
	case res.status == 403:
		return s.refuse(r, &fault{status: 403, open: true})
	case res.script != nil:
		return res.script(x)
	case res.dir:
		p := s.refuse(r, &fault{status: 301, open: true})
		location := escapePath(r.path) + "/" + withQuery(r.query)
		p.body = []byte(`<head><title>Document Moved</title></head>` + "\n" + `<body><h1>Object Moved</h1>This document may be found <a HREF="` + location + `">here</a></body>`)
		p.ctype = "text/html; charset=UTF-8"
		p.fields = []field{{"Location", location}}
		return p
	case r.method != "GET" && r.method != "HEAD":
		return s.refuse(r, &fault{status: 405, fields: []field{{"Allow", "GET, HEAD, OPTIONS, TRACE"}}, open: true})
	}
	p := res.page
	etag := `"` + strconv.FormatInt(p.modTime.UnixNano()/100+116444736000000000, 16) + `:0"`
	validators := []field{{"Last-Modified", p.modified}, {"Accept-Ranges", "bytes"}, {"ETag", etag}}
	switch precondition(r, p, etag) {
	case 304:
		return &response{status: 304, fields: validators}
	case 412:
		return s.refuse(r, &fault{status: 412, open: true})
	}
	ctype := p.ctype
	if ctype == "" {
		return s.refuse(r, &fault{status: 404, open: true})
	}
	out := &response{status: 200, ctype: ctype, fields: validators}
	part := p.whole()
	if v, ok := r.value("Range"); ok && fresh(r, etag, p) {
		if wanted, ok := ranges(v, p.size, false); ok && len(wanted) == 1 {
			out.status, part = 206, wanted[0]
			out.fields = append(out.fields, field{"Content-Range", contentRange(part, p.size)})
		} else if ok && len(wanted) == 0 {
			refused := s.refuse(r, &fault{status: 416, open: true})
			refused.fields = []field{{"Content-Range", "bytes */" + p.length}}
			return refused
		}
	}
	body, stream, err := p.part(part)
	if err != nil {
		return s.refuse(r, &fault{status: 403, open: true})
	}
	out.body, out.stream, out.size = body, stream, part.length
	return out
}

// challenge asks for Windows authentication and goes through the NTLM handshake with
// whoever answers, which gives a response that can be cracked.
func (s *iis) challenge(x *exchange, res *resource) *response {
	p := s.refuse(x.request, &fault{status: 401, open: true})
	if challenge := x.ntlmChallenge(); challenge != "" {
		p.fields = []field{{"WWW-Authenticate", "NTLM " + challenge}}
		return p
	}
	p.fields = []field{
		{"WWW-Authenticate", "Negotiate"}, {"WWW-Authenticate", "NTLM"},
		{"WWW-Authenticate", `Basic realm="` + res.realm + `"`},
	}
	return p
}

// iisPages words the pages of IIS itself: heading and explanation.
var iisPages = map[int][2]string{
	401: {"401 - Unauthorized: Access is denied due to invalid credentials.", "You do not have permission to view this directory or page using the credentials that you supplied."},
	403: {"403 - Forbidden: Access is denied.", "You do not have permission to view this directory or page using the credentials that you supplied."},
	404: {"404 - File or directory not found.", "The resource you are looking for might have been removed, had its name changed, or is temporarily unavailable."},
	405: {"405 - HTTP verb used to access this page is not allowed.", "The page you are looking for cannot be displayed because an invalid method (HTTP verb) was used to attempt access."},
	412: {"412 - Precondition set by the client failed when evaluated on the Web server.", "The request was not completed due to preconditions that are set in the request header."},
	500: {"500 - Internal server error.", "There is a problem with the resource you are looking for, and it cannot be displayed."},
	501: {"501 - Header values specify a method that is not implemented.", "The page you are looking for cannot be displayed because a header value in the request does not match certain configuration settings on the Web server."},
}

func (s *iis) refuse(r *request, f *fault) *response {
	p := &response{status: f.status, fields: f.fields, close: !f.open}
	if f.silent {
		return p
	}
	if heading, text, ok := strings.Cut(f.detail, "|"); ok {
		title, _, _ := strings.Cut(heading, " - ")
		p.product = kernelServer
		p.ctype = "text/html; charset=us-ascii"
		p.body = []byte(`<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">` + "\r\n" +
			"<HTML><HEAD><TITLE>" + title + "</TITLE>\r\n" +
			`<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>` + "\r\n" +
			"<BODY><h2>" + heading + "</h2>\r\n<hr><p>" + text + "</p>\r\n</BODY></HTML>\r\n")
		return p
	}
	words, ok := iisPages[f.status]
	if !ok {
		words = [2]string{strconv.Itoa(f.status) + " - " + reason(f.status) + ".", "The request could not be completed."}
	}
	p.ctype = "text/html"
	p.body = []byte("<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n" +
		"<html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=iso-8859-1\"/>\r\n" +
		"<title>" + words[0] + "</title>\r\n</head>\r\n<body>\r\n<div id=\"header\"><h1>Server Error</h1></div>\r\n<div id=\"content\">\r\n" +
		" <div class=\"content-container\"><fieldset>\r\n  <h2>" + words[0] + "</h2>\r\n  <h3>" + words[1] + "</h3>\r\n" +
		" </fieldset></div>\r\n</div>\r\n</body>\r\n</html>\r\n")
	return p
}

// iisReasons are the phrases in which IIS differs.
var iisReasons = map[int]string{302: "Redirect", 408: "Request Timeout"}

func (s *iis) appendHead(dst []byte, _ *conn, r *request, p *response, now time.Time) []byte {
	why, ok := iisReasons[p.status]
	if !ok {
		why = reason(p.status)
	}
	if !r.keepAlive {
		p.close = true
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(append(append(dst, ' '), why...), "\r\n"...)
	if p.ctype != "" && p.status != 304 {
		dst = appendField(dst, "Content-Type", p.ctype)
	}
	for _, f := range p.fields {
		dst = appendField(dst, f.name, f.value)
	}
	if p.product != "" {
		dst = appendField(dst, "Server", p.product)
	} else {
		dst = appendField(dst, "Server", s.server)
		for _, f := range s.extra {
			dst = appendField(dst, f.name, f.value)
		}
	}
	dst = appendDate(dst, now)
	switch {
	case p.close:
		dst = append(dst, "Connection: close\r\n"...)
	case r.version == http10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	if p.status != 304 && p.status != 204 {
		dst = appendLength(dst, p.length())
	}
	return append(dst, "\r\n"...)
}

func (s *iis) plainOnTLS(*conn) (*response, error) { return nil, io.EOF }
