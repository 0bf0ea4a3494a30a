package services

import (
	"net"
	"syscall"
	"unsafe"
)

// Options of tcp(7) that package syscall does not name.
const (
	tcpSaveSYN  = 27
	tcpSavedSYN = 28
)

// saveSYN asks the kernel to keep the first packet of each connection that l accepts.
// Where it cannot, connections have none.
func saveSYN(l net.Listener) {
	if sc, ok := l.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpSaveSYN, 1)
			})
		}
	}
}

// savedSYN returns the IP packet that opened c, nil when the kernel has not kept it. The
// kernel gives it out once.
func savedSYN(c net.Conn) []byte {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	var packet [256]byte // the longest headers of IPv4 and TCP have 120 bytes
	size := uint32(len(packet))
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpSavedSYN,
			uintptr(unsafe.Pointer(&packet[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 {
		return nil
	}
	return packet[:size]
}

// peek copies what c has received and nobody has read yet, without reading or waiting, and
// returns how much there is. A connection that is closed has none.
func peek(c net.Conn, p []byte) (n int) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return max(n, 0)
}
