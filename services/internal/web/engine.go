package web

import (
	"io"
	"strconv"
	"time"
)

// engine is a web server product: how it reads requests, refuses them and words answers.
// It is constant after its making and safe for concurrent use.
type engine interface {
	bounds() bounds

	// unfinished checks a line whose end has not come; first tells the request line from a field.
	unfinished(line []byte, first bool) *fault
	// parseRequestLine and parseField get a line without its LF. Spans count from its start.
	parseRequestLine(line []byte) (requestLine, *fault)
	// parseField returns a field without a name for one that is passed over.
	parseField(line []byte, before int) (headField, *fault)
	// tooLarge refuses a head, of which the request line alone may have come, for its size.
	tooLarge(first bool) *fault
	// tooMany refuses a head for the number of its fields.
	tooMany() *fault
	// accept understands the whole head: target, host, framing, connection.
	accept(r *request) *fault
	// interrupted says what a client is told whose head did not come; nil: nothing.
	interrupted(started, timeout bool) *fault
	// badBody says what a client is told whose body could not be read, for the reason err.
	badBody(r *request, err error) *fault

	// readsFirst reports whether the body is read before the answer to res is sent.
	readsFirst(r *request, res *resource) bool
	// respond answers a request for res, which is nil when there is nothing at the path.
	respond(x *exchange, res *resource) *response
	// refuse words a fault.
	refuse(r *request, f *fault) *response
	// appendHead appends the status line and the fields of an answer to dst, and decides
	// whether the connection stays open.
	appendHead(dst []byte, c *conn, r *request, p *response, now time.Time) []byte
	// plainOnTLS answers a client that does not speak TLS on the TLS port.
	plainOnTLS(c *conn) (*response, error)
	// tlsProfile tells how the product is set up for TLS.
	tlsProfile() tlsProfile
}

// bounds are the sizes and times of an engine.
type bounds struct {
	blank  int  // empty lines before a request
	fields int  // fields of a request
	total  int  // bytes of a head
	crlf   bool // lines must end with CR LF

	first, keepAlive time.Duration // for the first byte of the first and of a later request
	head, body       time.Duration // for the rest
	linger           time.Duration // for what the client still sends after the last answer
	holdsOpen        bool          // the sending side stays open meanwhile, if a refused body is to come
	requests         int           // answers after which the connection stays open
}

// fault is a reason to refuse a request.
type fault struct {
	status int
	detail string  // what the error page adds, in the product's markup
	fields []field // fields of the answer besides the usual ones
	bare   bool    // Apache: without Content-Length
	silent bool    // close without an answer
	open   bool    // the connection may stay open
}

// response is an answer before the engine words it.
type response struct {
	status int
	ctype  string  // Content-Type; "" for none
	fields []field // other fields, in the order of the product
	body   []byte
	stream io.ReadCloser // instead of body, for large files
	size   int64         // of stream

	script   bool // made by a program: no length is known in advance
	bare     bool // no Content-Length
	chunked  bool // even though the length is known
	close    bool // the connection is closed, and the answer says so
	hangup   bool // the connection is closed, and the answer does not say so
	product  string
	location string // nginx puts the Location of its own redirects before Connection
}

// drops reports whether the connection ends with this answer.
func (p *response) drops() bool { return p.close || p.hangup }

// resource is what a site has under a path.
type resource struct {
	page   *page                       // a file
	script func(x *exchange) *response // a program
	realm  string                      // needs credentials that nobody has
	digest bool                        // by Digest instead of Basic authentication
	dir    bool                        // a directory that was named without its slash
	status int                         // refused or redirected: 403
}

// host is what every engine knows about the machine it runs on.
type host struct {
	server string  // Server header
	name   string  // the machine's own name
	extra  []field // fields of every answer
	nonce  func() string
}

const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

func appendDate(dst []byte, now time.Time) []byte {
	dst = append(dst, "Date: "...)
	dst = now.UTC().AppendFormat(dst, httpDate)
	return append(dst, "\r\n"...)
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, "\r\n"...)
}

// length returns the size of the content.
func (p *response) length() int64 {
	if p.stream != nil {
		return p.size
	}
	return int64(len(p.body))
}
