package lan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// probes is how often each address is asked for (PROBE_NUM of RFC 5227).
const probes = 3

// wish is an address that a decky is to have.
type wish struct {
	decky string
	addr  netip.Addr
	mac   [6]byte // of the decky
}

// probe asks the LAN who has the addresses in wishes, from a link of its own that nobody
// hears of again. Where somebody has one the error wraps decnet.ErrConflict.
func (n *network) probe(ctx context.Context, wishes []wish, link blueprint) error {
	return elsewhere(n.home, newNamespace, func() error {
		ns, err := currentNamespace()
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := setSysctl("net.ipv6.conf.default.disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := n.addLink(link, ns, linkName); err != nil {
			return err
		}
		nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer nl.Close()
		l, err := nl.LinkByName(linkName)
		if err != nil {
			return err
		}
		if err := setUp(nl, l); err != nil {
			return err
		}
		defer nl.LinkDel(l)
		socket, err := frameSocket(l.Attrs().Index)
		if err != nil {
			return err
		}
		defer socket.Close()
		for until := time.Now().Add(dying); ; {
			taken, err := ask(ctx, socket, wishes, link.mac, n.opt.Probe)
			if err != nil || len(taken) == 0 {
				return err
			}
			// What answers with the very MAC address that the decky is to have is its
			// predecessor in a process that was killed.
			dead := slices.IndexFunc(taken, func(o owned) bool { return o.owner != o.mac }) < 0
			if !dead || time.Now().After(until) {
				return conflict(taken)
			}
		}
	})
}

// frameSocket opens a packet socket (packet(7)) for what comes to a link, its groups and
// everybody.
func frameSocket(index int) (*os.File, error) {
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", privilege(err))
	}
	group := allNodes.As16()
	member := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: 6, Address: [8]byte{0x33, 0x33}}
	copy(member.Address[2:], group[12:])
	err = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all & 0xffff, Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "packet"), nil
}

// owned is an address that another machine has.
type owned struct {
	wish
	owner [6]byte
}

// takenError says that addresses of the fleet are in use on the LAN, and by whom. It wraps
// decnet.ErrConflict.
type takenError string

func (e takenError) Error() string { return string(e) + ": " + decnet.ErrConflict.Error() }

// Explain returns all of it, for it is of the LAN.
func (e takenError) Explain() string { return string(e) }

func (takenError) Unwrap() error { return decnet.ErrConflict }

func conflict(taken []owned) error {
	slices.SortFunc(taken, func(a, b owned) int {
		return cmp.Or(strings.Compare(a.decky, b.decky), a.addr.Compare(b.addr))
	})
	first := taken[0]
	text := fmt.Sprintf("%s: address %s is in use on the LAN by %s", first.decky, first.addr, net.HardwareAddr(first.owner[:]))
	if more := len(taken) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return takenError(text)
}

// question is the frame that asks who has addr.
func question(addr netip.Addr, sender [6]byte) []byte {
	if addr.Is4() {
		return probeFor(addr, sender).frame()
	}
	return solicitFor(addr, sender).frame()
}

// claimed says who has which address, or is about to take it, according to a frame.
func claimed(frame []byte) (addr netip.Addr, owner [6]byte) {
	if a, ok := parseARP(frame); ok {
		return a.claims(), a.sender
	}
	if n, ok := parseNDP(frame); ok {
		return n.claims(), n.sender
	}
	return addr, owner
}

// ask sends the probes in the course of window and returns who answered until its end.
func ask(ctx context.Context, socket *os.File, wishes []wish, sender [6]byte, window time.Duration) ([]owned, error) {
	wanted := make(map[netip.Addr]wish, len(wishes))
	for _, w := range wishes {
		wanted[w.addr] = w
	}
	taken := make(map[netip.Addr]owned)
	frame := make([]byte, 128)
	for round := range probes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, w := range wishes {
			if _, err := socket.Write(question(w.addr, sender)); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return nil, fmt.Errorf("address probe: %w", err)
			}
		}
		// The last round gets half of the time, as RFC 5227 waits longer after it.
		pause := window / 4
		if round == probes-1 {
			pause = window / 2
		}
		if err := socket.SetReadDeadline(time.Now().Add(pause)); err != nil {
			return nil, err
		}
		for {
			n, err := socket.Read(frame)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("address probe: %w", err)
			}
			addr, owner := claimed(frame[:n])
			if w, ok := wanted[addr]; ok && owner != sender {
				taken[addr] = owned{w, owner}
			}
		}
	}
	list := make([]owned, 0, len(taken))
	for _, o := range taken {
		list = append(list, o)
	}
	return list, nil
}
