package fingerprint

import (
	"errors"
	"net"
	"slices"
	"sync"
)

// Listener accepts connections that keep the bytes of the ClientHello with which they
// open. Make one with NewListener.
type Listener struct {
	net.Listener
	max int
}

// NewListener wraps l, typically below tls.NewListener: every accepted connection is a
// *Conn that keeps up to max bytes, 16 KiB if max is not positive. A server reads from it
// as if it were not there.
func NewListener(l net.Listener, max int) *Listener {
	if max <= 0 {
		max = 16 << 10
	}
	return &Listener{Listener: l, max: max}
}

// Accept returns the next connection, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, max: l.max}, nil
}

// Conn is a connection that keeps the bytes of its ClientHello. Its methods may be used
// by several goroutines like those of other connections.
type Conn struct {
	net.Conn
	max int

	mu        sync.Mutex
	kept      []byte // from the start of the connection, until the hello is decided
	given     int    // how many of kept Read has given
	taken     int    // how many of kept the handshake has taken
	handshake Handshake
	message   []byte
	err       error
	decided   bool // message or err is final
}

// NetConn returns the connection that c wraps.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Read reads from the connection.
func (c *Conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	if c.given < len(c.kept) {
		n := copy(b, c.kept[c.given:])
		c.given += n
		if c.decided && c.given == len(c.kept) {
			c.kept, c.given = nil, 0
		}
		c.mu.Unlock()
		return n, nil
	}
	if c.decided {
		c.mu.Unlock()
		return c.Conn.Read(b)
	}
	defer c.mu.Unlock()
	n, err := c.Conn.Read(b)
	c.keep(b[:n])
	c.given = len(c.kept)
	if c.decided {
		c.kept, c.given = nil, 0
	}
	return n, err
}

// ClientHello returns the hello with which the client opens the connection. It reads as
// much of the connection as is needed, within its read deadline, and Read gives those
// bytes afterwards; a server that has done its handshake gets the answer at once. Each
// call returns a value of its own.
//
// The error is ErrMalformed when the connection does not open with a ClientHello,
// ErrTruncated when the hello is longer than the listener keeps, and the error of the
// connection when that ends or its deadline passes before.
func (c *Conn) ClientHello() (*ClientHello, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.peek(); err != nil {
		return nil, err
	}
	if c.err != nil {
		return nil, c.err
	}
	h := new(ClientHello)
	return h, h.ParseMessage(c.message)
}

// peek reads until the hello is decided; what it reads is for Read to give.
func (c *Conn) peek() error {
	if c.decided {
		return nil
	}
	buf := make([]byte, 2048)
	for !c.decided {
		n, err := c.Conn.Read(buf[:min(len(buf), c.max-len(c.kept))])
		c.keep(buf[:n])
		if err != nil && !c.decided {
			return err
		}
	}
	return nil
}

// keep adds what was read to kept, up to max, and looks whether the hello is decided.
func (c *Conn) keep(b []byte) {
	c.kept = append(c.kept, b[:min(len(b), c.max-len(c.kept))]...)
	message, n, err := c.handshake.Next(c.kept[c.taken:])
	c.taken += n
	switch {
	case err == nil:
		c.message, err = slices.Clone(message), new(ClientHello).ParseMessage(message)
	case errors.Is(err, ErrTruncated) && len(c.kept) < c.max:
		return
	}
	c.err, c.decided = err, true
	c.handshake = Handshake{}
}
