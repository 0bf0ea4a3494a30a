package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// TCP sends a SYN to target (HOST:PORT) and returns the signature of the SYN-ACK that
// comes back, after which it resets the half-open connection. An unanswered SYN is sent
// again after one second, and then after twice the time.
//
// It needs a raw socket: without the privilege (CAP_NET_RAW on Linux) the error wraps
// decnet.ErrForbidden, on other systems errors.ErrUnsupported. A port that is closed gives
// syscall.ECONNREFUSED, silence os.ErrDeadlineExceeded, a target that is not HOST:PORT
// decnet.ErrInvalid.
func TCP(ctx context.Context, target string, cfg Config) (TCPResult, error) {
	cfg = cfg.complete()
	if _, err := hostOf(ctx, target); err != nil {
		return TCPResult{}, fmt.Errorf("probe: tcp: %w", err)
	}
	result, err := tcpProbe(ctx, target, cfg)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return TCPResult{}, fmt.Errorf("probe: tcp %s: %w", target, err)
	}
	return result, nil
}

func tcpProbe(ctx context.Context, target string, cfg Config) (r TCPResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	path, err := route(ctx, target)
	if err != nil {
		return r, err
	}
	reserved, err := path.reservePort()
	if err != nil {
		return r, err
	}
	defer unix.Close(reserved)
	out, err := path.rawSocket()
	if err != nil {
		return r, privilege(err)
	}
	defer unix.Close(out)
	in, err := path.capture()
	if err != nil {
		return r, privilege(err)
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { in.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	var seq [4]byte
	if _, err := io.ReadFull(cfg.Rand, seq[:]); err != nil {
		return r, err
	}
	first := binary.BigEndian.Uint32(seq[:])
	syn := appendSegment(nil, path.local, path.remote, first, fingerprint.FlagSYN, synWindow, synOptions[:])
	rst := appendSegment(nil, path.local, path.remote, first+1, fingerprint.FlagRST, 0, nil)
	for wait := time.Second; ; wait *= 2 {
		if err := path.send(out, syn); err != nil {
			return r, err
		}
		if err := in.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return r, err
		}
		if ctx.Err() != nil {
			return r, os.ErrDeadlineExceeded
		}
		r, err = await(in, first+1)
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			err = path.send(out, rst)
		}
		return r, err
	}
}

// await reads packets until one answers the SYN that ack belongs to.
func await(in io.Reader, ack uint32) (TCPResult, error) {
	packet := make([]byte, 2048)
	for {
		n, err := in.Read(packet)
		if err != nil {
			return TCPResult{}, err
		}
		if r, done, err := answerTo(ack, packet[:n]); done {
			return r, err
		}
	}
}

// CanTCP returns nil when this process may use TCP, otherwise the error that TCP gives.
func CanTCP() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("probe: tcp: %w", privilege(err))
	}
	return unix.Close(fd)
}

func privilege(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("raw socket needs CAP_NET_RAW: %w (%w)", decnet.ErrForbidden, err)
	}
	return err
}

// path is a way to a port of another host.
type path struct {
	local, remote netip.AddrPort
	zone          uint32 // interface of a link-local address
}

// route asks the kernel which of our addresses reaches target. Nothing is sent.
func route(ctx context.Context, target string) (*path, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	p := &path{
		local:  unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort()),
		remote: unmap(conn.RemoteAddr().(*net.UDPAddr).AddrPort()),
	}
	if zone := p.remote.Addr().Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		p.zone = uint32(i.Index)
	}
	return p, nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// reservePort takes a port for p.local, which no connection of this machine uses as long
// as the returned descriptor is open.
func (p *path) reservePort() (int, error) {
	fd, err := unix.Socket(p.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	p.local = netip.AddrPortFrom(p.local.Addr(), 0)
	if err = unix.Bind(fd, p.sockaddr(p.local)); err == nil {
		var bound unix.Sockaddr
		if bound, err = unix.Getsockname(fd); err == nil {
			p.local = netip.AddrPortFrom(p.local.Addr(), port(bound))
			return fd, nil
		}
	}
	unix.Close(fd)
	return 0, os.NewSyscallError("bind", err)
}

func port(a unix.Sockaddr) uint16 {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

// rawSocket opens a socket that sends TCP segments from p.local.
func (p *path) rawSocket() (int, error) {
	fd, err := unix.Socket(p.family(), unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	// What this socket receives is of no use: capture has the packets with their headers.
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	if err = attach(fd, nothing); err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, p.sockaddr(netip.AddrPortFrom(p.local.Addr(), 0))))
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// capture opens a socket that reads the IP packets from p.remote to p.local.
func (p *path) capture() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	protocol := uint16(unix.ETH_P_IP)
	if p.local.Addr().Is6() {
		protocol = unix.ETH_P_IPV6
	}
	var network [2]byte
	binary.BigEndian.PutUint16(network[:], protocol)
	// Bound after the filter is in place, the socket never holds a foreign packet.
	if err = attach(fd, p.filter()); err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(network[:])}))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packets"), nil
}

func attach(fd int, filter []unix.SockFilter) error {
	return os.NewSyscallError("attach filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}))
}

// filter accepts the TCP segments from p.remote to the port of p.local, and of fragments
// none but the first.
func (p *path) filter() []unix.SockFilter {
	const (
		loadByte = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		loadWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		portAtX  = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
	)
	var f []unix.SockFilter
	load := func(code uint16, at uint32) { f = append(f, unix.SockFilter{Code: code, K: at}) }
	// want ends the filter unless what was loaded is value; Jf is set when its length is known.
	want := func(value uint32) {
		f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value})
	}
	header, protocol, source := uint32(0), uint32(9), uint32(12)
	if p.remote.Addr().Is6() {
		header, protocol, source = 40, 6, 8
	}
	load(loadByte, protocol)
	want(unix.IPPROTO_TCP)
	for addr := p.remote.Addr().AsSlice(); len(addr) > 0; addr, source = addr[4:], source+4 {
		load(loadWord, source)
		want(binary.BigEndian.Uint32(addr))
	}
	if header > 0 {
		load(unix.BPF_LDX|unix.BPF_W|unix.BPF_IMM, header)
	} else {
		load(loadHalf, 6)
		load(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0x1fff)
		want(0)
		load(unix.BPF_LDX|unix.BPF_B|unix.BPF_MSH, 0)
	}
	load(portAtX, 0)
	want(uint32(p.remote.Port()))
	load(portAtX, 2)
	want(uint32(p.local.Port()))
	load(unix.BPF_RET|unix.BPF_K, 1<<16)
	load(unix.BPF_RET|unix.BPF_K, 0)
	for i := range f {
		if f[i].Code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K {
			f[i].Jf = uint8(len(f) - 1 - (i + 1))
		}
	}
	return f
}

func (p *path) send(fd int, packet []byte) error {
	return os.NewSyscallError("sendto", unix.Sendto(fd, packet, 0, p.sockaddr(netip.AddrPortFrom(p.remote.Addr(), 0))))
}

func (p *path) family() int {
	if p.remote.Addr().Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func (p *path) sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: p.zone}
}
