package lan

import (
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

// probe asks the LAN who has the addresses of hosts, from a link of its own that nobody
// hears of again, with the MAC address sender. Where somebody has one the error wraps
// decnet.ErrConflict.
func (n *network) probe(ctx context.Context, hosts []blueprint, sender [6]byte) error {
	link := hosts[0]
	link.mac = sender
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
		socket, err := arpSocket(l.Attrs().Index)
		if err != nil {
			return err
		}
		defer socket.Close()
		for until := time.Now().Add(dying); ; {
			taken, err := ask(ctx, socket, hosts, sender, n.opt.Probe)
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

// arpSocket opens a packet socket (packet(7)) for ARP.
func arpSocket(index int) (*os.File, error) {
	arp := uint16(unix.ETH_P_ARP)
	arp = arp<<8 | arp>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", privilege(err))
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: arp, Ifindex: index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "arp"), nil
}

// owned is an address that another machine has.
type owned struct {
	blueprint
	owner [6]byte
}

func conflict(taken []owned) error {
	slices.SortFunc(taken, func(a, b owned) int { return strings.Compare(a.decky, b.decky) })
	first := taken[0]
	text := fmt.Sprintf("%s: address %s is in use on the LAN by %s", first.decky, first.addr.Addr(), net.HardwareAddr(first.owner[:]))
	if more := len(taken) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return fmt.Errorf("%s: %w", text, decnet.ErrConflict)
}

// ask sends the probes in the course of window and returns who answered until its end.
func ask(ctx context.Context, socket *os.File, hosts []blueprint, sender [6]byte, window time.Duration) ([]owned, error) {
	wanted := make(map[netip.Addr]blueprint, len(hosts))
	for _, h := range hosts {
		wanted[h.addr.Addr()] = h
	}
	taken := make(map[netip.Addr]owned)
	frame := make([]byte, 128)
	for round := range probes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, h := range hosts {
			if _, err := socket.Write(probeFor(h.addr.Addr(), sender).frame()); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return nil, fmt.Errorf("ARP probe: %w", err)
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
				return nil, fmt.Errorf("ARP probe: %w", err)
			}
			a, ok := parseARP(frame[:n])
			if h, is := wanted[a.claims()]; ok && is && a.sender != sender {
				taken[h.addr.Addr()] = owned{h, a.sender}
			}
		}
	}
	list := make([]owned, 0, len(taken))
	for _, o := range taken {
		list = append(list, o)
	}
	return list, nil
}
