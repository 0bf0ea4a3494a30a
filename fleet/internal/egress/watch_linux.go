package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// Watch makes events of the packets that the lock of one decky drops. Make one with Lock.
type Watch struct {
	socket  *os.File // of nfnetlink_log
	running sync.WaitGroup
}

// watch listens in the namespace of the calling thread.
func watch(opt Options) (*Watch, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("netfilter socket: %w", err)
	}
	w := &Watch{socket: os.NewFile(uintptr(fd), "nflog")}
	if err := bindLog(fd); err != nil {
		w.socket.Close()
		return nil, err
	}
	raw, err := w.socket.SyscallConn()
	if err != nil {
		w.socket.Close()
		return nil, err
	}
	w.running.Go(func() {
		buf := make([]byte, 0, 1024)
		for open := true; open; {
			n := 0
			err := raw.Read(func(fd uintptr) bool {
				var err error
				n, _, err = unix.Recvfrom(int(fd), buf[:cap(buf)], 0)
				return !errors.Is(err, unix.EAGAIN)
			})
			open = err == nil
			for payload := range loggedPackets(buf[:max(n, 0)]) {
				if b, ok := parseBlocked(payload); ok {
					opt.Sink.Emit(decnet.Event{
						Time: opt.Now(), Decky: opt.Decky, Service: "egress", Type: "egress_blocked",
						Severity: decnet.SeverityWarning, Fields: b.fields(),
					})
				}
			}
		}
	})
	return w, nil
}

// Close ends the events. The lock stays.
func (w *Watch) Close() {
	w.socket.Close()
	w.running.Wait()
}

// bindLog asks for the packets of logGroup, without delay.
func bindLog(fd int) error {
	for _, attr := range [][]byte{
		attribute(configCommand, []byte{commandBind}),
		attribute(configMode, append(binary.BigEndian.AppendUint32(nil, snapLen), modePacket, 0)),
		attribute(configThreshold, binary.BigEndian.AppendUint32(nil, 1)),
	} {
		message := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+nfgenHeader+len(attr)))
		message = binary.NativeEndian.AppendUint16(message, logConfig)
		message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
		message = append(message, make([]byte, 8)...) // sequence number and port
		message = append(message, unix.AF_UNSPEC, 0)
		message = binary.BigEndian.AppendUint16(message, logGroup)
		message = append(message, attr...)
		if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("nfnetlink_log: %w", err)
		}
		// The kernel has answered before send returns.
		var answer [256]byte
		n, _, err := unix.Recvfrom(fd, answer[:], unix.MSG_DONTWAIT)
		if err == nil && n >= unix.NLMSG_HDRLEN+4 {
			if code := int32(binary.NativeEndian.Uint32(answer[unix.NLMSG_HDRLEN:])); code != 0 {
				err = unix.Errno(-code)
			}
		}
		if err != nil {
			return fmt.Errorf("nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG): %w", err)
		}
	}
	return nil
}

// From linux/netfilter/nfnetlink_log.h: message types with their subsystem, the attributes
// of a configuration and their values, the attribute of a packet that holds its bytes.
const (
	logPacket = 4 << 8
	logConfig = 4<<8 | 1

	configCommand   = 1
	configMode      = 2
	configThreshold = 5
	commandBind     = 1
	modePacket      = 2

	packetPayload = 9
)

// nfgenHeader is the size of struct nfgenmsg.
const nfgenHeader = 4

// attribute makes a netlink attribute, padded to four bytes.
func attribute(kind uint16, data []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(data)))
	a = binary.NativeEndian.AppendUint16(a, kind)
	a = append(a, data...)
	return append(a, make([]byte, -len(a)&3)...)
}

// loggedPackets yields the packets in messages of nfnetlink_log.
func loggedPackets(messages []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(messages) >= unix.NLMSG_HDRLEN {
			size := int(binary.NativeEndian.Uint32(messages))
			if size < unix.NLMSG_HDRLEN || size > len(messages) {
				return
			}
			kind := binary.NativeEndian.Uint16(messages[4:])
			body := messages[unix.NLMSG_HDRLEN:size]
			if kind == logPacket && len(body) >= nfgenHeader {
				for kind, data := range attributes(body[nfgenHeader:]) {
					if kind == packetPayload && !yield(data) {
						return
					}
				}
			}
			messages = messages[min(len(messages), (size+3)&^3):]
		}
	}
}

// attributes yields the netlink attributes in b.
func attributes(b []byte) func(yield func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:]), b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}
