package egress

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// Reporter makes events of the packets that locks drop, those of any number of network
// namespaces with one goroutine. Make one with NewReporter; its methods are safe for
// concurrent use.
type Reporter struct {
	sink    decnet.Sink
	now     func() time.Time
	ready   *os.File // an epoll instance with the sockets of the watches
	running sync.WaitGroup

	mu      sync.Mutex // held while an event is emitted, too
	watches map[int32]*Watch
}

// NewReporter makes a Reporter whose events go to sink, with times of now.
func NewReporter(sink decnet.Sink, now func() time.Time) (*Reporter, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that waiting for it takes no thread
		unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	r := &Reporter{sink: sink, now: now, ready: os.NewFile(uintptr(fd), "epoll"), watches: make(map[int32]*Watch)}
	raw, err := r.ready.SyscallConn()
	if err != nil {
		r.ready.Close()
		return nil, err
	}
	r.running.Go(func() { _ = raw.Read(r.report) }) // the error is that of a closed file
	return r, nil
}

// Close ends the events of all locks. The locks stay.
func (r *Reporter) Close() {
	r.ready.Close()
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for fd := range r.watches {
		unix.Close(int(fd))
	}
	clear(r.watches)
}

// report makes events until none is due.
func (r *Reporter) report(epoll uintptr) (done bool) {
	var events [16]unix.EpollEvent
	var buf [1024]byte
	for {
		n, err := unix.EpollWait(int(epoll), events[:], 0)
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return false
		}
		for _, e := range events[:max(n, 0)] {
			r.reportOne(e.Fd, buf[:])
		}
	}
}

// reportOne reads one message from the socket fd, unless its watch was closed meanwhile.
func (r *Reporter) reportOne(fd int32, buf []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, ok := r.watches[fd]
	if !ok {
		return
	}
	n, _, err := unix.Recvfrom(int(fd), buf, 0)
	if err != nil { // too many packets at a time, of which some are lost
		return
	}
	for payload := range loggedPackets(buf[:n]) {
		if b, ok := parseBlocked(payload); ok {
			r.sink.Emit(decnet.Event{
				Time: r.now(), Decky: w.decky, Service: "egress", Type: "egress_blocked",
				Severity: decnet.SeverityWarning, Fields: b.fields(),
			})
		}
	}
}

// Watch is the part of a Reporter that has to do with one decky. Make one with
// Reporter.Lock.
type Watch struct {
	r     *Reporter
	decky string
	fd    int32 // a socket of nfnetlink_log
}

// watch listens in the namespace of the calling thread.
func (r *Reporter) watch(decky string) (*Watch, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("netfilter socket: %w", err)
	}
	if err := bindLog(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	w := &Watch{r: r, decky: decky, fd: int32(fd)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.await(unix.EPOLL_CTL_ADD, w.fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	r.watches[w.fd] = w
	return w, nil
}

// await adds the socket fd to those that are waited for, or takes it away.
func (r *Reporter) await(operation int, fd int32) error {
	raw, err := r.ready.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(epoll uintptr) {
		failure = unix.EpollCtl(int(epoll), operation, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd})
	})
	return cmp.Or(err, failure)
}

// Close ends the events. The lock stays.
func (w *Watch) Close() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if w.r.watches[w.fd] != w {
		return
	}
	delete(w.r.watches, w.fd)
	_ = w.r.await(unix.EPOLL_CTL_DEL, w.fd) // a child that is being started may have a copy
	unix.Close(int(w.fd))
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
