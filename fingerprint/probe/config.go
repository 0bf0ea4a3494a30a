package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/decnet/decnet"
)

// Config holds what a probe may be told. The zero value is usable.
type Config struct {
	// Timeout is the longest time that one connection may take, from the first packet to
	// the end of the answer; 0: 20 s.
	Timeout time.Duration
	// Parallel is how many of the ten connections of a JARM scan are open at once; 0: 5.
	Parallel int
	// Ident is the identification line that HASSHServer sends; "": SSH-2.0-OpenSSH_9.6.
	Ident string
	// Rand gives the random bytes of what is sent. It must be safe for concurrent use;
	// nil: crypto/rand.
	Rand io.Reader
	// Dial makes the connections of JARM and HASSHServer; nil: those of a net.Dialer.
	// It must be safe for concurrent use and honour its context.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) complete() Config {
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Parallel <= 0 {
		c.Parallel = 5
	}
	if c.Ident == "" {
		c.Ident = "SSH-2.0-OpenSSH_9.6"
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	return c
}

// hostOf returns the host of a target. Without a port the network package would connect to
// port 0, and without a host to this machine.
func hostOf(ctx context.Context, target string) (string, error) {
	host, port, err := net.SplitHostPort(target)
	if err == nil && host != "" {
		if n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err == nil && n > 0 {
			return host, nil
		}
	}
	return "", fmt.Errorf("target %q is not HOST:PORT: %w", target, decnet.ErrInvalid)
}

// exchange connects to target, sends request, and reads until enough says of the bytes so
// far that they are, until there are limit of them, or until an error, which it returns
// with what was read. A connection closed by the peer gives io.EOF.
func (c *Config) exchange(ctx context.Context, target string, request []byte, limit int, enough func([]byte) bool) ([]byte, error) {
	answer, err := c.converse(ctx, target, request, limit, enough)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return answer, err
}

func (c *Config) converse(ctx context.Context, target string, request []byte, limit int, enough func([]byte) bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.Dial(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// A server may close its side before it has read all, having answered all the same.
	_, sendErr := conn.Write(request)
	answer := make([]byte, 0, min(2048, limit))
	for {
		n, err := conn.Read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+n]
		switch {
		case len(answer) == limit || n > 0 && enough(answer):
			return answer, nil
		case err != nil && len(answer) == 0 && sendErr != nil:
			return nil, sendErr
		case err != nil:
			return answer, err
		case len(answer) == cap(answer):
			answer = append(make([]byte, 0, min(2*cap(answer), limit)), answer...)
		}
	}
}

// timedOut reports whether err says that the peer took too long.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
