package inprocess

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/decnet/decnet/services"
)

// TestSocketOutlivesItsServers lends an endpoint to one server after the other.
func TestSocketOutlivesItsServers(t *testing.T) {
	port := services.Port{Network: "tcp"}
	s, err := bind(t.Context(), endpoint{network: "tcp", addr: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.stream.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, err := s.open(port)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := first.Stream.Accept(); ended <- err }()
	if err := first.Stream.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ends with %v", err)
	}

	waiting := dial()
	second, err := s.open(port)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stream.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close gives %v", err)
	}
	if _, err := first.Stream.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of what was given back gives %v", err)
	}
	for _, client := range []net.Conn{waiting, dial()} {
		c, err := second.Stream.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c.RemoteAddr().String() != client.LocalAddr().String() {
			t.Errorf("%s comes, want %s", c.RemoteAddr(), client.LocalAddr())
		}
		c.Close()
	}
}
