package services_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
)

// TestPoolOfSeveralServices: a flood of one service takes the room of that service alone, and
// no more connections are open than the pool has.
func TestPoolOfSeveralServices(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	pool := &services.Pool{Conns: 6}
	serve := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() {
			_ = services.ServeStream(ctx, l, services.Limits{Conns: 4, Pool: pool}, func(_ context.Context, c *services.Conn) error {
				if _, err := c.Write([]byte("hello")); err != nil {
					return err
				}
				_, err := io.Copy(io.Discard, c)
				return err
			})
		})
		return l.Addr().String()
	}
	dial := func(addr string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	closed := func(c net.Conn) bool {
		t.Helper()
		_, err := c.Read(make([]byte, 1))
		return !errors.Is(err, os.ErrDeadlineExceeded)
	}
	quiet, flooded, other := serve(), serve(), serve()
	first := dial(quiet)
	var flood []net.Conn
	for range 20 {
		flood = append(flood, dial(flooded))
	}
	for _, c := range flood[:16] {
		if !closed(c) {
			t.Fatal("more are open than one service may have")
		}
	}
	// Five are open: the first of them makes room for the second of these.
	dial(other)
	dial(other)
	if !closed(flood[16]) {
		t.Error("more are open than the pool has")
	}
	dial(other)
	if !closed(flood[17]) {
		t.Error("more are open than the pool has")
	}
	if _, err := first.Write([]byte("x")); err != nil {
		t.Errorf("the service that nobody floods: %v", err)
	}
	if err := first.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if closed(first) {
		t.Error("the service that nobody floods has lost its connection")
	}
	// Those that leave make room too: now nobody has to.
	for _, c := range append(flood, first) {
		c.Close()
	}
	last := dial(quiet)
	for range 50 {
		c := dial(flooded)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if !closed(c) {
			t.Fatal("a connection that its client has ended is still open")
		}
	}
	if err := last.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if closed(last) {
		t.Error("a connection was closed for others that have left")
	}
}

// TestPoolOfBytes: those who send much at a time make room for what others send.
func TestPoolOfBytes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	const most = 1 << 20
	pool := &services.Pool{Bytes: most}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving.Go(func() {
		// Whoever has sent most of the room is answered.
		_ = services.ServeStream(ctx, l, services.Limits{SessionSize: 2 * most, Pool: pool}, func(_ context.Context, c *services.Conn) error {
			if _, err := io.CopyN(io.Discard, c, most/8); err != nil {
				return err
			}
			if _, err := c.Write([]byte("k")); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, c)
			return err
		})
	})
	send := func(n int) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if n >= most/8 {
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	small := send(1)
	for range 5 {
		large := []net.Conn{send(most / 4), send(most / 4), send(most / 4)}
		over, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { over.Close() })
		_, _ = over.Write(make([]byte, most)) // it may be closed meanwhile
		if err := over.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, over); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("who has sent too much is not closed")
		}
		for _, c := range large {
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("a connection that its client has ended is still open")
			}
		}
	}
	if err := small.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := small.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who has sent little has lost its connection: %v", err)
	}
}
