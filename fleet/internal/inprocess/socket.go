package inprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/decnet/decnet/services"
)

// socket holds an endpoint. Servers are lent it, and may close what they are lent, so a
// server can be replaced while the endpoint stays bound and connections wait.
type socket struct {
	stream *net.TCPListener
	packet *net.UDPConn

	mu   sync.Mutex
	lent *lentListener // of stream, to the server that has it now; nil: to none
}

// open returns s for a server. The one before has closed what it had.
func (s *socket) open(p services.Port) (services.Socket, error) {
	sock := services.Socket{Port: p}
	if s.stream == nil {
		file, err := s.packet.File()
		if err != nil {
			return sock, err
		}
		defer file.Close()
		sock.Packet, err = net.FilePacketConn(file)
		return sock, err
	}
	l := &lentListener{s.stream, s}
	sock.Stream = l
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = l
	return sock, s.stream.SetDeadline(time.Time{})
}

// lentListener is the listener of a socket until Close.
type lentListener struct {
	*net.TCPListener
	of *socket
}

// Accept waits for a connection. After Close it gives net.ErrClosed.
func (l *lentListener) Accept() (net.Conn, error) {
	if l.returned() {
		return nil, l.closed("accept")
	}
	c, err := l.TCPListener.Accept()
	if err != nil && l.returned() {
		return nil, l.closed("accept")
	}
	return c, err
}

func (l *lentListener) returned() bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return l.of.lent != l
}

func (l *lentListener) closed(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close gives the listener back, which stays bound, and ends every Accept.
func (l *lentListener) Close() error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.of.lent != l {
		return l.closed("close")
	}
	l.of.lent = nil
	return l.SetDeadline(time.Unix(1, 0))
}

func (s *socket) close() {
	if s.stream != nil {
		s.stream.Close()
	} else {
		s.packet.Close()
	}
}

func closeSocket(s services.Socket) {
	if s.Stream != nil {
		s.Stream.Close()
	}
	if s.Packet != nil {
		s.Packet.Close()
	}
}

// bind binds the endpoints of specs that are not bound yet: all or none.
func (r *Runtime) bind(ctx context.Context, specs []spec) (map[endpoint]*socket, error) {
	bound := make(map[endpoint]*socket)
	var failures []string
	var kinds []error
	for _, s := range specs {
		for i, e := range s.endpoints {
			if _, ok := r.sockets[e]; ok {
				continue
			}
			sock, err := listen(ctx, e)
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s: %s: cannot bind %s (port %s): %s", s.id.decky, s.id.service, e.addr, s.port(i), e.advice(err)))
				kinds = append(kinds, err)
				continue
			}
			bound[e] = sock
		}
	}
	if len(failures) == 0 {
		return bound, nil
	}
	closeAll(bound)
	return nil, &BindError{failures, kinds}
}

func closeAll(sockets map[endpoint]*socket) {
	for _, s := range sockets {
		s.close()
	}
}

// BindError says which endpoints could not be bound, why, and what can be done. It wraps
// the errors of the system.
type BindError struct {
	failures []string
	kinds    []error
}

// Error names the first endpoint and says how many more there are.
func (e *BindError) Error() string {
	text := e.failures[0]
	if more := len(e.failures) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Explain says the same as Error.
func (e *BindError) Explain() string { return e.Error() }

// Failures returns one line for each endpoint.
func (e *BindError) Failures() []string { return e.failures }

// Unwrap returns the errors of the system.
func (e *BindError) Unwrap() []error { return e.kinds }

func listen(ctx context.Context, e endpoint) (s *socket, err error) {
	err = e.place.Within(func() error {
		s, err = bind(ctx, e)
		return err
	})
	return s, err
}

func bind(ctx context.Context, e endpoint) (*socket, error) {
	s, err := Bind(ctx, services.Port{Network: e.network, Number: e.addr.Port()}, e.addr)
	stream, _ := s.Stream.(*net.TCPListener)
	packet, _ := s.Packet.(*net.UDPConn)
	return &socket{stream: stream, packet: packet}, err
}

// Bind binds the socket of a port at addr, where the calling thread lives.
func Bind(ctx context.Context, p services.Port, addr netip.AddrPort) (services.Socket, error) {
	s := services.Socket{Port: p}
	var err error
	if p.Network == "udp" {
		var lc net.ListenConfig
		network := "udp"
		if addr.Addr().Is6() {
			network = "udp6"
		}
		s.Packet, err = lc.ListenPacket(ctx, network, addr.String())
	} else {
		s.Stream, err = services.Listen(ctx, addr)
	}
	return s, err
}

// advice says why an endpoint could not be bound and what to do about it.
func (e endpoint) advice(err error) string {
	if text := e.place.Advice(err); text != "" {
		return text
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return "too many open files; raise the limit (ulimit -n)"
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		return sys.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}
