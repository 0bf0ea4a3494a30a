package web

import (
	"bytes"
	"io"
	"os"
	"time"

	"github.com/decnet/decnet/services"
)

const (
	firstBuffer = 1 << 10   // of a connection that has sent nothing yet
	maxHead     = 256 << 10 // of any request line with its fields
	keptBuffer  = 16 << 10  // a larger one is given back between requests
)

// conn reads requests from one connection and remembers what was read too far.
type conn struct {
	session *services.Session
	rw      io.ReadWriter // the session, or TLS over it
	secure  bool

	idle time.Duration // longest silence that the limits allow
	end  time.Time     // when the product gives up on what it waits for

	buf  []byte
	r, w int // unread bytes are buf[r:w]

	request  request
	exchange exchange
	head     []headField
	out      []byte
	kept     int    // answers after which the connection stayed open
	ntlm     []byte // challenge of an NTLM handshake under way
}

func newConn(s *services.Session, rw io.ReadWriter, secure bool) *conn {
	return &conn{session: s, rw: rw, secure: secure, idle: s.Idle()}
}

// within sets how long the product waits for the bytes that come next.
func (c *conn) within(d time.Duration) { c.end = time.Now().Add(d) }

// fill reads more behind the unread bytes.
func (c *conn) fill() error {
	left := time.Until(c.end)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	c.session.SetIdle(min(c.idle, left))
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.buf) {
		grown := make([]byte, max(firstBuffer, 2*len(c.buf)))
		copy(grown, c.buf)
		c.buf = grown
	}
	n, err := c.rw.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Read reads what comes next, the unread bytes first.
func (c *conn) Read(p []byte) (int, error) {
	if c.r == c.w {
		c.r, c.w = 0, 0
		if len(c.buf) < 4<<10 {
			c.buf = make([]byte, 4<<10)
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	return n, nil
}

// unread returns what was read too far; it is valid until the next read.
func (c *conn) unread() []byte { return c.buf[c.r:c.w] }

// Write sends p under the limits of the connection.
func (c *conn) Write(p []byte) (int, error) {
	c.session.SetIdle(c.idle)
	return c.rw.Write(p)
}

// linger ends the sending side and discards what the client still sends for a moment, so
// that the last answer is not lost to a reset. While a body that was too large is to come,
// some products do not end the sending side.
func (c *conn) linger(b bounds, tooLarge bool) {
	if !tooLarge || !b.holdsOpen {
		if rw, ok := c.rw.(interface{ CloseWrite() error }); ok {
			_ = rw.CloseWrite()
		}
		if half, ok := c.session.Conn.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	c.within(b.linger)
	for range 64 {
		c.r, c.w = 0, 0
		if c.fill() != nil {
			return
		}
	}
}

// span is part of the bytes of a head.
type span struct{ a, b int }

func (s span) in(raw string) string { return raw[s.a:s.b] }

func (s span) shift(by int) span { return span{s.a + by, s.b + by} }

// headField is a field found in a head. A continuation has no name and adds to the field
// before it.
type headField struct {
	name, value  span
	continuation bool
}

// requestLine is what an engine found in the first line.
type requestLine struct {
	method, target, proto span
	version               int
}

// readRequest reads the next head by the rules of e. A fault says how e refuses it; what
// was understood is in c.request even then. An error says that the connection ended or
// fell silent before; started then tells whether the request line had come.
func (c *conn) readRequest(e engine, keepAlive bool) (f *fault, started bool, err error) {
	lim := e.bounds()
	r := &c.request
	*r = request{fields: r.fields[:0], secure: c.secure}
	c.head = c.head[:0]
	if c.r == c.w && len(c.buf) > keptBuffer {
		c.buf, c.r, c.w = nil, 0, 0
	}
	c.within(lim.first)
	if keepAlive {
		c.within(lim.keepAlive)
	}
	var line requestLine
	begun := false
	blank, at := 0, 0 // empty lines before the request; where the next line starts, from c.r
	for {
		if !begun && c.w > c.r {
			begun = true
			c.within(lim.head)
		}
		n := bytes.IndexByte(c.buf[c.r+at:c.w], '\n')
		if n < 0 {
			part := c.buf[c.r+at : c.w]
			if f := e.unfinished(part, !started); f != nil {
				c.finishHead(line, started, c.w-c.r)
				return f, started, nil
			}
			if c.w-c.r > maxHead {
				c.finishHead(line, started, c.w-c.r)
				return e.tooLarge(!started), started, nil
			}
			if err := c.fill(); err != nil {
				c.finishHead(line, started, c.w-c.r)
				return nil, started, err
			}
			continue
		}
		text := c.buf[c.r+at : c.r+at+n]
		next := at + n + 1
		if !started {
			if len(text) == 0 || len(text) == 1 && text[0] == '\r' {
				if blank++; blank > lim.blank {
					c.finishHead(line, false, next)
					return &fault{status: 400}, false, nil
				}
				c.r += next
				continue
			}
			found, f := e.parseRequestLine(text)
			line = found
			started = true
			if f != nil {
				c.finishHead(line, true, next)
				return f, true, nil
			}
			if line.version == http09 {
				c.finishHead(line, true, next)
				return e.accept(r), true, nil
			}
			at = next
			continue
		}
		if len(text) == 0 || len(text) == 1 && text[0] == '\r' {
			if len(text) == 0 && lim.crlf {
				c.finishHead(line, true, next)
				return &fault{status: 400}, true, nil
			}
			c.finishHead(line, true, next)
			return e.accept(r), true, nil
		}
		hf, f := e.parseField(text, len(c.head))
		if f == nil && len(c.head) >= lim.fields {
			f = e.tooMany()
		}
		if f != nil {
			c.finishHead(line, true, next)
			return f, true, nil
		}
		if hf.name.b > hf.name.a || hf.continuation {
			hf.name, hf.value = hf.name.shift(at), hf.value.shift(at)
			c.head = append(c.head, hf)
		}
		at = next
		if at > lim.total {
			c.finishHead(line, true, next)
			return e.tooLarge(false), true, nil
		}
	}
}

// finishHead takes n bytes as the head and fills in the request from what was found in it.
func (c *conn) finishHead(line requestLine, started bool, n int) {
	r := &c.request
	r.raw = string(c.buf[c.r : c.r+n])
	c.r += n
	if !started {
		return
	}
	r.method, r.target, r.proto = line.method.in(r.raw), line.target.in(r.raw), line.proto.in(r.raw)
	r.version = line.version
	for _, hf := range c.head {
		if hf.continuation {
			if last := len(r.fields) - 1; last >= 0 {
				r.fields[last].value += " " + hf.value.in(r.raw)
			}
			continue
		}
		r.fields = append(r.fields, field{hf.name.in(r.raw), hf.value.in(r.raw)})
	}
}
