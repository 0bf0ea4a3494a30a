package lan

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/egress"
	"github.com/decnet/decnet/fleet/internal/look"
)

// host is the network namespace of one decky. It is an inprocess.Place.
type host struct {
	blueprint
	home  *os.File // the namespace of the process
	ns    *os.File // keeps the namespace, which goes away with the last socket in it
	link  int      // index in the namespace
	watch *egress.Watch

	listed bool // linksUp had the link when it was made
}

// linkName is what every decky calls its interface.
const linkName = "eth0"

// build makes the namespace of h and all that is in it. The link stays down, so that nobody
// notices.
func (n *network) build(h *host) error {
	h.home = n.home
	err := elsewhere(n.home, newNamespace, func() error {
		var err error
		if h.ns, err = currentNamespace(); err != nil {
			return err
		}
		if err := h.setSysctls(); err != nil {
			return err
		}
		exits, err := fleet.ParseExits(strings.Fields(h.exits))
		if err != nil {
			return err
		}
		h.watch, err = n.reporter.Lock(egress.Options{Decky: h.decky, Exits: exits, IPv4Only: !h.addr6.IsValid()})
		if err != nil {
			return fmt.Errorf("egress lock: %w", privilege(err))
		}
		if err := look.Wear(h.family); err != nil {
			return fmt.Errorf("look of %s: %w", h.family, privilege(err))
		}
		if err := n.addLink(h.blueprint, h.ns, linkName); err != nil {
			return err
		}
		return h.configure()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", h.decky, err)
	}
	return nil
}

// leastMTU6 is that of links with IPv6 (RFC 8200 section 5). For one below, the kernel makes
// none of its state of IPv6, which is a tenth of all that a decky takes. Packets of IPv4 heed
// the MTU of their route.
const leastMTU6 = 1280

// addLink makes a MACVLAN interface of b in the namespace ns. The calling thread may be in
// any namespace.
func (n *network) addLink(b blueprint, ns *os.File, name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Alias = name, "decnet "+b.decky
	attrs.ParentIndex, attrs.HardwareAddr = b.parent, b.mac[:]
	attrs.Namespace = netlink.NsFd(ns.Fd())
	if !b.addr6.IsValid() {
		attrs.MTU = min(b.mtu, leastMTU6-1)
	}
	err := n.links.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE})
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("this kernel has no macvlan (CONFIG_MACVLAN, module macvlan): %w", errors.ErrUnsupported)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("the interface cannot carry macvlan links, because it is a port of a bridge, a bond or an ipvlan network: %w", decnet.ErrConflict)
	case err != nil:
		return fmt.Errorf("macvlan: %w", privilege(err))
	}
	return nil
}

// configure gives the link its addresses, in the namespace.
func (h *host) configure() error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	link, err := nl.LinkByName(linkName)
	if err != nil {
		return err
	}
	h.link = link.Attrs().Index
	addrs := []netip.Prefix{h.addr}
	if h.addr6.IsValid() {
		addrs = append(addrs, netip.PrefixFrom(h.link6, 64), h.addr6)
	}
	for _, p := range addrs {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p == h.addr {
			addr.Flags = unix.IFA_F_NOPREFIXROUTE // which up adds, with an MTU
		}
		if err := nl.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", p, err)
		}
	}
	return nil
}

// device returns the link of h. What the kernel tells of it is not kept, as there are many.
func (h *host) device() netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: h.link, Name: linkName, HardwareAddr: h.mac[:]}}
}

// orphanRetries is how often the kernel repeats the end of a connection to a peer that does
// not answer. The connection keeps the namespace, and with it the link, even when this
// process is gone.
const orphanRetries = "3"

// setSysctls makes the namespace resemble an OS family, keeps it from forwarding, which it
// may have inherited, and lets it announce its addresses.
func (h *host) setSysctls() error {
	values, err := fleet.Sysctls(h.family)
	if err != nil {
		return err
	}
	if h.addr6.IsValid() {
		if err := h.setSysctls6(values); err != nil {
			return err
		}
	}
	values["net.ipv4.tcp_rmem"] = look.ReceiveMemory(h.family)
	values["net.ipv4.ip_forward"] = "0"
	values["net.ipv4.tcp_orphan_retries"] = orphanRetries
	values["net.ipv4.conf.default.arp_notify"] = "1"
	for key, value := range values {
		if err := setSysctl(key, value); err != nil {
			return err
		}
	}
	// What a kernel without IPv6, or without its own conntrack settings, has no need of.
	optional := map[string]string{"net.netfilter.nf_conntrack_tcp_be_liberal": "1"}
	if !h.addr6.IsValid() {
		optional["net.ipv6.conf.all.disable_ipv6"] = "1"
		optional["net.ipv6.conf.default.disable_ipv6"] = "1"
	}
	for key, value := range optional {
		if err := setSysctl(key, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setSysctls6 adds those of IPv6 to values: the addresses are those of the plan and no
// others, they can be bound before the link is up, and they are announced when it is. That
// nobody else has them has been asked before.
func (h *host) setSysctls6(values map[string]string) error {
	six, err := fleet.Sysctls6(h.family)
	if err != nil {
		return err
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return fmt.Errorf("this kernel has no IPv6 (CONFIG_IPV6): %w", errors.ErrUnsupported)
	}
	maps.Copy(values, six)
	const noLinkLocal = "1"
	for key, value := range map[string]string{
		"disable_ipv6": "0", "forwarding": "0", "autoconf": "0", "accept_dad": "0", "ndisc_notify": "1",
	} {
		values["net.ipv6.conf.all."+key], values["net.ipv6.conf.default."+key] = value, value
	}
	values["net.ipv6.conf.default.addr_gen_mode"] = noLinkLocal
	values["net.ipv6.ip_nonlocal_bind"] = "1"
	return nil
}

func setSysctl(key, value string) error {
	f, err := os.OpenFile("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("sysctl %s: %w", key, err)
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("sysctl %s = %s: %w", key, value, err)
	}
	return nil
}

// dying bounds the wait for the namespaces of a process that was killed, which the kernel
// takes down after it.
const dying = 15 * time.Second

// up makes the decky answer.
func (h *host) up() error {
	err := h.Within(func() error {
		nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer nl.Close()
		if err := setUp(nl, h.device()); err != nil {
			return err
		}
		for _, r := range h.routes() {
			if err := nl.RouteAdd(&r); err != nil && r.Dst == nil {
				return fmt.Errorf("default route by %s: %w", r.Gw, err)
			} else if err != nil {
				return fmt.Errorf("route to %s: %w", r.Dst, err)
			}
		}
		if !h.addr6.IsValid() {
			return nil
		}
		return h.awaitIPv6(nl)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", h.decky, err)
	}
	return nil
}

// routes returns those that the kernel does not make by itself.
func (h *host) routes() []netlink.Route {
	subnet := h.addr.Masked()
	list := []netlink.Route{{
		LinkIndex: h.link, Scope: netlink.SCOPE_LINK, Src: h.addr.Addr().AsSlice(), MTU: h.mtu,
		Dst: &net.IPNet{IP: subnet.Addr().AsSlice(), Mask: net.CIDRMask(subnet.Bits(), 32)},
	}}
	if h.gateway.IsValid() {
		list = append(list, netlink.Route{LinkIndex: h.link, Gw: h.gateway.AsSlice(), MTU: h.mtu})
	}
	if h.addr6.IsValid() && h.gateway6.IsValid() {
		list = append(list, netlink.Route{LinkIndex: h.link, Gw: h.gateway6.AsSlice()})
	}
	return list
}

// awaitIPv6 waits until the addresses answer, which the kernel sees to in the background.
func (h *host) awaitIPv6(nl *netlink.Handle) error {
	for wait, until := time.Millisecond, time.Now().Add(dying); ; wait = min(2*wait, 50*time.Millisecond) {
		addrs, err := nl.AddrList(h.device(), unix.AF_INET6)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }) {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("address %s is still not in use after %s", h.addr6, dying)
		}
		time.Sleep(wait)
	}
}

// setUp waits for a MAC address that a dying namespace still has.
func setUp(nl *netlink.Handle, link netlink.Link) error {
	for wait, until := time.Millisecond, time.Now().Add(dying); ; wait = min(2*wait, 200*time.Millisecond) {
		err := nl.LinkSetUp(link)
		switch busy := errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EBUSY); {
		case err == nil:
			return nil
		case !busy:
			return fmt.Errorf("link up: %w", err)
		case time.Now().After(until):
			return fmt.Errorf("another link on the interface has the MAC address %s: %w", link.Attrs().HardwareAddr, decnet.ErrConflict)
		}
		time.Sleep(wait)
	}
}

// down makes the decky fall silent at once.
func (h *host) down() error {
	return h.Within(func() error {
		nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer nl.Close()
		return nl.LinkSetDown(h.device())
	})
}

var openTCP = regexp.MustCompile(`(?m)^TCP6?: inuse [1-9]`)

// lingers reports whether connections whose sockets are closed have not ended yet.
func (h *host) lingers() (yes bool) {
	err := h.Within(func() error {
		for _, file := range []string{"sockstat", "sockstat6"} {
			stat, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
				return err
			}
			yes = yes || openTCP.Match(stat)
		}
		return nil
	})
	return yes || err != nil
}

// close gives the namespace back to the kernel.
func (h *host) close() {
	if h.watch != nil {
		h.watch.Close()
	}
	if h.ns != nil {
		h.ns.Close()
	}
	h.watch, h.ns = nil, nil
}

// Within calls open on a thread in the namespace.
func (h *host) Within(open func() error) error {
	return elsewhere(h.home, func() error { return setNamespace(h.ns) }, open)
}

// Advice says what the kernel's reasons mean here.
func (h *host) Advice(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return "ports below 1024 need CAP_NET_BIND_SERVICE"
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return "another service of the decky has it"
	}
	return ""
}
