package sniff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// Listen captures the packets of an interface until ctx ends, then ends all conversations
// as Flush does and returns nil. It needs CAP_NET_RAW, and Linux. The error wraps
// decnet.ErrForbidden without the privilege, decnet.ErrNotFound when there is no such
// interface, and is that of the kernel when the interface goes away.
//
// The kernel hands over only what may be of interest (TCP, the beginnings of QUIC and
// DTLS, tunnels, fragments) through a ring of memory shared with it; what it had no room
// for is counted in KernelDropped.
func (s *Sniffer) Listen(ctx context.Context, i Interface) error {
	r, err := openRing(i)
	if err != nil {
		return err
	}
	defer r.close()
	woken := make(chan struct{})
	sleep := context.AfterFunc(ctx, func() {
		r.wake()
		close(woken)
	})
	defer func() {
		if !sleep() { // r must not be closed under wake
			<-woken
		}
	}()
	defer s.Flush()
	for ctx.Err() == nil {
		if err := r.wait(); err != nil {
			return fmt.Errorf("sniff: %s: %w", i.Name, err)
		}
		for n := 0; n < r.blocks && r.ready(); n++ {
			r.each(s.packet)
			r.next()
			if ctx.Err() != nil {
				break
			}
		}
		s.tick(time.Now().UnixNano())
		s.counted.KernelDropped += r.dropped()
		s.publish()
	}
	return nil
}

// ring is a packet socket with memory shared with the kernel (packet(7), TPACKET_V3).
type ring struct {
	fd, event int
	memory    []byte
	blocks    int
	at        int // block that comes next
	link      LinkType
	loopback  bool
}

// waitFor is how long wait sleeps when nothing comes, so that idle flows end.
const waitFor = 1000 // milliseconds

// retireAfter is how long the kernel keeps back a block that is not full.
const retireAfter = 50 // milliseconds

func openRing(i Interface) (*ring, error) {
	iface, err := net.InterfaceByName(i.Name)
	if err != nil {
		return nil, fmt.Errorf("sniff: there is no interface %q: %w", i.Name, decnet.ErrNotFound)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return nil, fmt.Errorf("sniff: live capture needs CAP_NET_RAW (run as root, or setcap cap_net_raw+ep): %w", decnet.ErrForbidden)
		}
		return nil, fmt.Errorf("sniff: packet socket: %w", err)
	}
	r := &ring{fd: fd, event: -1, loopback: iface.Flags&net.FlagLoopback != 0}
	if err := r.setUp(i, iface); err != nil {
		r.close()
		return nil, fmt.Errorf("sniff: %s: %w", i.Name, err)
	}
	return r, nil
}

// setUp binds the socket last, so that nothing comes unfiltered.
func (r *ring) setUp(i Interface, iface *net.Interface) error {
	hardware, err := hardwareType(r.fd, i.Name)
	if err != nil {
		return err
	}
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		r.link = LinkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_RAWIP:
		r.link = LinkRaw
	default:
		return fmt.Errorf("hardware type %d: %w", hardware, decnet.ErrSemantic)
	}
	filter := kernelFilter(r.link)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	size := i.Ring
	if size <= 0 {
		size = defaultRing
	}
	r.blocks = max(2, size/ringBlock)
	const frame = 2048 // a formality: packets lie close together in a block
	request := unix.TpacketReq3{
		Block_size: ringBlock, Block_nr: uint32(r.blocks), Frame_size: frame,
		Frame_nr: uint32(r.blocks * ringBlock / frame), Retire_blk_tov: retireAfter,
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	if r.memory, err = unix.Mmap(r.fd, 0, r.blocks*ringBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	if r.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if i.Promiscuous {
		m := unix.PacketMreq{Ifindex: int32(iface.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fmt.Errorf("promiscuous: %w", err)
		}
	}
	all := uint16(unix.ETH_P_ALL)
	return unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: iface.Index})
}

// hardwareType returns what kind of link an interface is (netdevice(7)).
func hardwareType(fd int, name string) (uint16, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, request); err != nil {
		return 0, fmt.Errorf("hardware address: %w", err)
	}
	return request.Uint16(), nil
}

func (r *ring) close() {
	if r.memory != nil {
		_ = unix.Munmap(r.memory)
	}
	if r.event >= 0 {
		_ = unix.Close(r.event)
	}
	_ = unix.Close(r.fd)
}

// wake ends a wait. The event stays set.
func (r *ring) wake() {
	one := [8]byte{1, 1, 1, 1, 1, 1, 1, 1} // any number but zero, in any byte order
	_, _ = unix.Write(r.event, one[:])
}

// wait returns when a block is ready, after a second, or when woken.
func (r *ring) wait() error {
	if r.ready() {
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}, {Fd: int32(r.event), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, waitFor); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	if fds[0].Revents&unix.POLLERR != 0 {
		number, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && number != 0 {
			err = unix.Errno(number)
		}
		return err
	}
	return nil
}

// block returns the block that comes next and its header.
func (r *ring) block() ([]byte, *unix.TpacketHdrV1) {
	b := r.memory[r.at*ringBlock : (r.at+1)*ringBlock]
	// struct tpacket_block_desc: version and offset of the private area, then the header.
	return b, (*unix.TpacketHdrV1)(unsafe.Pointer(&b[8]))
}

// ready reports whether the kernel has handed over the next block.
func (r *ring) ready() bool {
	_, h := r.block()
	return atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER != 0
}

// next gives the block back to the kernel.
func (r *ring) next() {
	_, h := r.block()
	atomic.StoreUint32(&h.Block_status, unix.TP_STATUS_KERNEL)
	r.at = (r.at + 1) % r.blocks
}

// packetHeader is the size of struct tpacket3_hdr; a struct sockaddr_ll follows it.
const packetHeader = (unsafe.Sizeof(unix.Tpacket3Hdr{}) + 15) &^ 15

// each hands the packets of the block that is ready to f.
func (r *ring) each(f func(LinkType, int64, []byte)) {
	b, head := r.block()
	at := uint64(head.Offset_to_first_pkt)
	for range head.Num_pkts {
		if at+uint64(packetHeader+unix.SizeofSockaddrLinklayer) > uint64(len(b)) {
			return
		}
		p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[at]))
		from, to := at+uint64(p.Mac), at+uint64(p.Mac)+uint64(p.Snaplen)
		if to > uint64(len(b)) {
			return
		}
		kind := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[at+uint64(packetHeader)])).Pkttype
		// A loopback interface shows every packet twice, going out and coming in.
		if !r.loopback || kind != unix.PACKET_OUTGOING {
			f(r.link, int64(p.Sec)*1e9+int64(p.Nsec), b[from:to:to])
		}
		at += uint64(p.Next_offset)
	}
}

// dropped returns how many packets the kernel had no room for since the last call.
func (r *ring) dropped() uint64 {
	stats, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(stats.Drops)
}
