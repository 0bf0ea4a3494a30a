package services

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that reading from a Conn or Lines gives when a limit of Limits is reached. The
// handler normally returns them; they end the session and are reported in its
// disconnect event.
var (
	ErrSessionSize = errors.New("services: session received too many bytes")
	ErrLineTooLong = errors.New("services: line too long")
)

// openingSize bounds what Conn keeps of the first bytes received: a TLS ClientHello with
// post-quantum key shares or an SSH identification line with its KEXINIT fits.
const openingSize = 8 << 10

// Conn is a connection from an attacker under Limits: each Read waits at most Idle for a
// byte, each Write at most Idle for the peer to take the data, no operation goes on past
// Total, and reading stops with ErrSessionSize. One goroutine may read while another writes.
type Conn struct {
	net.Conn
	Attacker netip.AddrPort
	Local    netip.AddrPort

	idle  time.Duration
	end   time.Time
	limit int64

	received, sent atomic.Int64
	pool           *Pool        // nil: none counts what is received
	share          atomic.Int64 // bytes that pool has counted
	active         atomic.Int64 // Unix nanoseconds of the last byte received

	mu      sync.Mutex
	opening []byte
	taken   bool
	hello   func([]byte) // is given the TLS record that the connection opens with; nil: no more
	first   []byte       // what there is of that record
}

// NewConn puts c under lim. Zero fields of lim have their defaults.
func NewConn(c net.Conn, lim Limits) *Conn {
	lim = lim.Or(Limits{})
	now := time.Now()
	conn := &Conn{
		Conn:     c,
		Attacker: addrPort(c.RemoteAddr()),
		Local:    addrPort(c.LocalAddr()),
		idle:     lim.Idle,
		end:      now.Add(lim.Total),
		limit:    lim.SessionSize,
	}
	conn.active.Store(now.UnixNano())
	return conn
}

// addrPort returns a without the zone of a link-local address, which names an interface of
// this machine.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	if t, ok := a.(*net.TCPAddr); ok {
		ap = t.AddrPort()
	} else if a != nil {
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// Read reads from the attacker under the limits.
func (c *Conn) Read(p []byte) (int, error) {
	left := c.limit - c.received.Load()
	if left <= 0 {
		return 0, ErrSessionSize
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	if err := c.Conn.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.received.Add(int64(n))
		c.pool.take(c, int64(n))
		c.active.Store(time.Now().UnixNano())
		c.keepOpening(p[:n])
		c.lookForHello(p[:n])
	}
	return n, err
}

// Write sends p to the attacker under the limits.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(c.deadline()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (c *Conn) deadline() time.Time {
	d := time.Now().Add(c.Idle())
	if d.After(c.end) {
		return c.end
	}
	return d
}

// Idle returns the longest wait for one Read or Write.
func (c *Conn) Idle() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idle
}

// SetIdle changes the longest wait, for protocols that wait longer after a log-in. It
// takes effect with the next Read or Write.
func (c *Conn) SetIdle(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = d
}

// SetDeadline and its kin are accepted and ignored: the limits of the Conn hold, and
// libraries that manage deadlines of their own cannot lift them.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is ignored, except that a time in the past makes a pending Read return
// at once, which is how servers interrupt their background reads.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		return c.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is ignored.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Received returns the number of bytes received so far.
func (c *Conn) Received() int64 { return c.received.Load() }

// Sent returns the number of bytes sent so far.
func (c *Conn) Sent() int64 { return c.sent.Load() }

// Count adds bytes that went past Read and Write, because another process was handed the
// connection.
func (c *Conn) Count(received, sent int64) {
	c.received.Add(received)
	c.sent.Add(sent)
}

func (c *Conn) keepOpening(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := openingSize - len(c.opening); !c.taken && room > 0 {
		c.opening = append(c.opening, p[:min(room, len(p))]...)
	}
}

// lookForHello takes the bytes received first, until there is a TLS handshake record or
// there can be none.
func (c *Conn) lookForHello(p []byte) {
	const head = 5
	c.mu.Lock()
	see := c.hello
	if see == nil {
		c.mu.Unlock()
		return
	}
	c.first = append(c.first, p[:min(len(p), openingSize-len(c.first))]...)
	first, end := c.first, openingSize+1
	if len(first) >= head {
		end = head + int(binary.BigEndian.Uint16(first[3:]))
	}
	other := len(first) > 0 && first[0] != 22 || len(first) > 1 && first[1] != 3 || len(first) == openingSize && end > openingSize
	if other || len(first) >= end {
		c.hello, c.first = nil, nil
	}
	c.mu.Unlock()
	if !other && len(first) >= end {
		see(first[:end])
	}
}

// lookAhead looks for a hello also in what was received and never read: a server that
// speaks no TLS hangs up in the middle of one. It reads nothing, which the peer would see.
func (c *Conn) lookAhead() {
	c.mu.Lock()
	begun := c.hello != nil && len(c.first) > 0
	c.mu.Unlock()
	if begun {
		waiting := make([]byte, openingSize)
		c.lookForHello(waiting[:peek(c.Conn, waiting)])
	}
}

// Opening returns the first bytes received, at most 8 KiB, as they were on the wire, and
// stops keeping them. A second call returns nil.
func (c *Conn) Opening() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.opening
	c.opening, c.taken = nil, true
	return b
}

// ForgetOpening makes what is received from now on the opening. It is for protocols that
// start over, such as after STARTTLS.
func (c *Conn) ForgetOpening() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening, c.taken = nil, false
}

// reason says in a word why a session ended, for its disconnect event.
func reason(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, ErrSessionSize), errors.Is(err, ErrLineTooLong):
		return "limit"
	}
	return "error"
}

// Lines reads lines of bounded length. It is not safe for concurrent use.
type Lines struct {
	*bufio.Reader
	max int
}

// NewLines returns a Lines over r, whose lines have at most max bytes; 0: the default of
// [Limits].Line.
func NewLines(r io.Reader, max int) *Lines {
	if max <= 0 {
		max = Limits{}.Or(Limits{}).Line
	}
	return &Lines{bufio.NewReaderSize(r, min(max+2, 4<<10)), max}
}

// ReadLine returns the next line without its LF or CR LF; the slice is the caller's. A
// last line without an end is returned with io.ErrUnexpectedEOF, and a line longer than
// the limit as its beginning with ErrLineTooLong: no more is read from the attacker.
func (l *Lines) ReadLine() ([]byte, error) {
	var line []byte
	for {
		part, err := l.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			line = line[:len(line)-1]
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if len(line) > l.max {
				return line[:l.max], ErrLineTooLong
			}
			return line, nil
		case len(line) > l.max+1:
			return line[:l.max], ErrLineTooLong
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, io.ErrUnexpectedEOF
		default:
			return line, err
		}
	}
}
